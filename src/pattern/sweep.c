/*-------------------------------------------------------------------------
 *
 * sweep.c
 *		Decides, from the end of a journey to its start, which (state, event)
 *		pairs can be completed to a match.
 *
 * ends[state][event] is CJ_NEVER if the rest of the pattern cannot match when
 * the event is matched by the state.  Otherwise, if the state is inside a
 * WITHIN, it is the earliest event at which that WITHIN (the innermost) can
 * close, and 0 if there is none.  A WITHIN is an upper bound only, so that the
 * earliest close is all one needs to know: whatever began it, later closes
 * cannot succeed where this one fails.
 *
 * COST.  Every option of a state looks for its next event in a window of
 * positions.  As the event moves towards the start, both ends of the window
 * move towards the start too: the lower one by "directly next", "> d" and
 * ">= n events", the upper one by "<= d", "<= n events" and by the nearest
 * forbidden event.  So each option reads every event once (CjCursor): what it
 * needs is the nearest event of the window that can be completed, or, inside a
 * WITHIN, the one that closes earliest, which a monotone queue keeps.  The
 * sweep is linear in the events for every pattern without SAME and DIFFERENT,
 * and its memory is one integer for each state and event.  With these two, or
 * "!x SAME", the events of the window are read one after the other: quadratic
 * at worst.
 *
 * TIES.  Within one instant an arrow may lead either way, so the events of an
 * instant are solved together: first what leads to later instants, then what
 * instant.c finds within it.
 *
 * WITHIN inside WITHIN: only the innermost is followed.  Both make the answer
 * too generous at times, never too strict; search.c settles it.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"

#include "pattern/pattern.h"

/* ---- small questions ---- */

bool
cj_scope_within(const CjAutomaton *automaton, int inner, int outer)
{
	for (int s = inner; s >= 0; s = automaton->scopes[s].parent)
		if (s == outer)
			return true;
	return false;
}

bool
cj_attributes_agree(const CjMatcher *matcher, uint8 attributes, int32 a, int32 b)
{
	if (attributes & CJ_ABOUT_ITEM)
	{
		int32		x = cj_item_code(matcher->view, a);
		int32		y = cj_item_code(matcher->view, b);

		if (x == CJ_ABSENT || y == CJ_ABSENT ||
			(x == y) != ((attributes & CJ_SAME_ITEM) != 0))
			return false;
		if ((attributes & CJ_ABOUT_ITEM) == CJ_ABOUT_ITEM)
			return false;
	}
	if (attributes & CJ_ABOUT_CHANNEL)
	{
		int32		x = cj_channel_code(matcher->view, a);
		int32		y = cj_channel_code(matcher->view, b);

		if (x == CJ_ABSENT || y == CJ_ABSENT ||
			(x == y) != ((attributes & CJ_SAME_CHANNEL) != 0))
			return false;
		if ((attributes & CJ_ABOUT_CHANNEL) == CJ_ABOUT_CHANNEL)
			return false;
	}
	return true;
}

/* Can the target be completed from this event, entering by this option? */
static bool
reachable(const CjMatcher *matcher, const CjOption *option, int32 event)
{
	const CjState *target = &matcher->automaton->states[option->target];
	int32		end = cj_end_at(matcher, option->target, event);

	if (end == CJ_NEVER || (option->target_first && event != 0))
		return false;
	/* a WITHIN that begins here must be able to close in time */
	return target->clock < 0 ||
		cj_scope_within(matcher->automaton, option->common, target->clock) ||
		cj_gap_between(matcher->times[end], matcher->times[event]) <=
		matcher->automaton->scopes[target->clock].within;
}

bool
cj_can_start(const CjMatcher *matcher, const CjOption *option, int32 event)
{
	return reachable(matcher, option, event);
}

/* ---- upper ends of windows ---- */

/* The first event after the instant that the link forbids in a gap, or CJ_NEVER. */
static int32
next_forbidden(CjMatcher *matcher, const CjLink *link, int32 after)
{
	int32		first = CJ_NEVER;

	for (int f = 0; f < link->nforbidden; f++)
	{
		int			pred = link->forbidden[f];

		if (link->forbidden_same[f])
			continue;
		while (matcher->forbidden_seen[pred] > after)
			if (cj_satisfies(matcher, --matcher->forbidden_seen[pred], pred))
				matcher->forbidden_next[pred] = matcher->forbidden_seen[pred];
		first = Min(first, matcher->forbidden_next[pred]);
	}
	return first;
}

/* Is "to" not too far from "from"?  Forbidden is from next_forbidden. */
static inline bool
near_enough(const CjMatcher *matcher, const CjLink *link, int32 from, int32 to,
			int32 forbidden)
{
	if (link->positional && to - from > link->hi)
		return false;
	if (link->max != PG_INT64_MAX &&
		cj_gap_between(matcher->times[to], matcher->times[from]) > link->max)
		return false;
	return forbidden == CJ_NEVER || matcher->times[to] <= matcher->times[forbidden];
}

bool
cj_link_admits(const CjMatcher *matcher, const CjLink *link, int32 event)
{
	for (int i = 0; i < link->nonly; i++)
		if (cj_satisfies(matcher, event, link->only[i]))
			return true;
	return link->nonly == 0;
}

/* The first event after "event" that must not lie in between, or CJ_NEVER. */
static int32
gap_end(const CjMatcher *matcher, const CjLink *link, CjCursor *cursor, int32 event)
{
	if (link->nonly == 0)
		return CJ_NEVER;
	while (cursor->only_seen > event + 1)
		if (!cj_link_admits(matcher, link, --cursor->only_seen))
			cursor->only_end = cursor->only_seen;
	return cursor->only_end;
}

/* Does an event forbid the gap for this very start, by SAME? */
static bool
forbids_same(const CjMatcher *matcher, const CjLink *link, uint8 attributes,
			 int32 from, int32 event)
{
	for (int f = 0; f < link->nforbidden; f++)
		if (link->forbidden_same[f] && cj_satisfies(matcher, event, link->forbidden[f]) &&
			cj_attributes_agree(matcher, attributes & CJ_SAME_ANY, from, event))
			return true;
	return false;
}

/* ---- later instants ---- */

static bool
is_candidate(const CjMatcher *matcher, const CjOption *option, int32 event)
{
	return option->target == CJ_END ? cj_satisfies(matcher, event, option->absent_pred) :
		reachable(matcher, option, event);
}

/* Reads the window's new events into the cursor. */
static void
advance(CjMatcher *matcher, const CjOption *option, const CjLink *link,
		CjCursor *cursor, int32 event, int32 later)
{
	int64		lowest = link->positional ? Max((int64) event + link->lo, later) : later;
	TimestampTz time = matcher->times[event];

	while (cursor->seen > lowest &&
		   (link->min <= 0 ||
			cj_gap_between(matcher->times[cursor->seen - 1], time) >= link->min))
	{
		int32		k = --cursor->seen;

		if (!is_candidate(matcher, option, k))
			continue;
		cursor->nearest = k;
		if (cursor->queue == NULL)
			continue;
		/* a nearer event that closes no later makes farther ones useless */
		while (cursor->tail > cursor->head &&
			   cj_end_at(matcher, option->target, cursor->queue[cursor->tail - 1]) >=
			   cj_end_at(matcher, option->target, k))
			cursor->tail--;
		cursor->queue[cursor->tail++] = k;
	}
}

/*
 * The least end among the option's events after the instant, any event's
 * position if ends are not wanted, CJ_NEVER if there is none.  For options
 * whose window slides.
 */
static int32
slide(CjMatcher *matcher, const CjOption *option, const CjLink *link,
	  CjCursor *cursor, int32 event, int32 later)
{
	int32		forbidden = next_forbidden(matcher, link, later);
	int32		end = gap_end(matcher, link, cursor, event);

	advance(matcher, option, link, cursor, event, later);
	if (cursor->queue == NULL)
		return cursor->nearest != CJ_NEVER && cursor->nearest <= end &&
			near_enough(matcher, link, event, cursor->nearest, forbidden) ?
			cursor->nearest : CJ_NEVER;
	while (cursor->head < cursor->tail &&
		   (cursor->queue[cursor->head] > end ||
			!near_enough(matcher, link, event, cursor->queue[cursor->head], forbidden)))
		cursor->head++;
	return cursor->head < cursor->tail ?
		cj_end_at(matcher, option->target, cursor->queue[cursor->head]) : CJ_NEVER;
}

/* The same for options that compare attributes: one event after the other. */
static int32
scan(CjMatcher *matcher, const CjOption *option, const CjLink *link, uint8 attributes,
	 bool want_end, int32 event, int32 later)
{
	int32		forbidden = next_forbidden(matcher, link, later);
	int32		best = CJ_NEVER;
	int64		lowest = link->positional ? (int64) event + link->lo : later;

	for (int32 k = event + 1; k < later; k++)
		if (!cj_link_admits(matcher, link, k))
			return CJ_NEVER;
	for (int32 k = later; k < matcher->n; k++)
	{
		if (((k - later) & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (!near_enough(matcher, link, event, k, forbidden) ||
			(k > later && !cj_link_admits(matcher, link, k - 1)))
			break;
		if (k >= lowest &&
			cj_gap_between(matcher->times[k], matcher->times[event]) >= link->min &&
			is_candidate(matcher, option, k) &&
			cj_attributes_agree(matcher, attributes, event, k))
		{
			if (!want_end)
				return k;
			best = Min(best, cj_end_at(matcher, option->target, k));
		}
		if (link->any_same && (forbidden == CJ_NEVER || matcher->times[k] < matcher->times[forbidden]) &&
			forbids_same(matcher, link, attributes, event, k))
			forbidden = k;
	}
	return best;
}

/* ---- absence ---- */

/* Could an event not yet seen break the absence? */
static bool
absence_open(const CjMatcher *matcher, const CjOption *option, const CjLink *link,
			 int32 event)
{
	if (TIMESTAMP_IS_NOEND(matcher->as_of))
		return false;
	if (link->positional && (int64) event + link->hi < matcher->n)
		return false;
	if (link->max != PG_INT64_MAX &&
		cj_gap_between(matcher->as_of, matcher->times[event]) >= link->max)
		return false;
	for (int32 k = event + 1; link->nforbidden > 0 && k < matcher->n; k++)
	{
		if (matcher->times[k] == matcher->times[event])
			continue;
		if (forbids_same(matcher, link, option->attributes, event, k))
			return false;
		for (int f = 0; f < link->nforbidden; f++)
			if (!link->forbidden_same[f] && cj_satisfies(matcher, k, link->forbidden[f]))
				return false;
		if ((k & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
	}
	return true;
}

/* Can no state match this event, so that a match cannot have used it up? */
static bool
unusable(const CjMatcher *matcher, int32 event)
{
	for (int w = 0; w < matcher->words; w++)
		if (matcher->masks[(int64) event * matcher->words + w] & matcher->state_mask[w])
			return false;
	return true;
}

/* Does another event of the same instant break the absence? */
static uint8
absence_in_instant(CjMatcher *matcher, const CjOption *option, const CjLink *link,
				   CjCursor *cursor, int32 event, CjInstant instant)
{
	uint8		result = CJ_ABSENCE_HOLDS;
	bool		cached = option->attributes == 0 && !link->positional;

	if (instant.end - instant.start == 1 || link->min > 0 || link->max < 0)
		return CJ_ABSENCE_HOLDS;
	if (cached && cursor->instant == instant.start)
		return cursor->in_instant;
	if (!cached)
		cj_spend(matcher, instant.end - instant.start);
	for (int32 k = instant.start; k < instant.end && result != CJ_ABSENCE_BROKEN; k++)
	{
		if ((k & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (!cj_satisfies(matcher, k, option->absent_pred))
			continue;
		if (!cached && (k == event ||
						(link->positional && (k - event < link->lo || k - event > link->hi)) ||
						!cj_attributes_agree(matcher, option->attributes, event, k)))
			continue;
		result = unusable(matcher, k) ? CJ_ABSENCE_BROKEN : CJ_ABSENCE_DEPENDS;
	}
	cursor->instant = instant.start;
	cursor->in_instant = result;
	return result;
}

static bool
may_end(CjMatcher *matcher, const CjOption *option, CjCursor *cursor,
		int32 event, CjInstant instant)
{
	const CjLink *link;
	uint8		result;

	if (option->source_last && event != matcher->n - 1)
		return false;
	if (option->absent_pred < 0)
		return true;
	link = &matcher->automaton->links[option->absent_link];
	if (absence_open(matcher, option, link, event) ||
		(option->attributes != 0 || link->any_same ?
		 scan(matcher, option, link, option->attributes, false, event, instant.end) :
		 slide(matcher, option, link, cursor, event, instant.end)) != CJ_NEVER)
		result = CJ_ABSENCE_BROKEN;
	else
		result = absence_in_instant(matcher, option, link, cursor, event, instant);
	matcher->absences[(int64) option->absence * matcher->n + event] = result;
	return result != CJ_ABSENCE_BROKEN;
}

/* ---- one event ---- */

/* What the options that lead to the end or to later instants give. */
static int32
look_ahead(CjMatcher *matcher, const CjState *state, int32 event, CjInstant instant)
{
	const CjAutomaton *automaton = matcher->automaton;
	int32		closed = state->clock >= 0 ? event : 0;
	int32		best = CJ_NEVER;

	for (int o = 0; o < state->noptions; o++)
	{
		const CjOption *option = &state->options[o];
		CjCursor   *cursor = &matcher->cursors[state->first_cursor + o];
		const CjLink *link;
		bool		goes_on;
		int32		found;

		if (option->target == CJ_END)
		{
			if (may_end(matcher, option, cursor, event, instant))
				best = Min(best, closed);
			continue;
		}
		if (option->source_last && event != matcher->n - 1)
			continue;
		link = &automaton->links[option->link];
		goes_on = cj_clock_goes_on(automaton, state, option);
		if (option->attributes != 0 || link->any_same)
			found = scan(matcher, option, link, option->attributes, goes_on, event, instant.end);
		else
			found = slide(matcher, option, link, cursor, event, instant.end);
		if (found != CJ_NEVER)
			best = Min(best, goes_on ? found : closed);
	}
	return best;
}

/* ---- the sweep ---- */

static void
prepare(CjMatcher *matcher)
{
	const CjAutomaton *automaton = matcher->automaton;
	int64		n = matcher->n;
	int64		nqueues = 0;

	matcher->ends = cj_matcher_reserve(matcher, matcher->ends, &matcher->ends_capacity,
									   n * automaton->nstates, sizeof(int32));
	memset(matcher->ends, 0x7F, n * automaton->nstates * sizeof(int32));
	if (automaton->nabsences > 0)
	{
		matcher->absences = cj_matcher_reserve(matcher, matcher->absences,
											   &matcher->absences_capacity,
											   n * automaton->nabsences, 1);
		memset(matcher->absences, CJ_ABSENCE_BROKEN, n * automaton->nabsences);
	}
	for (int p = 0; p < automaton->npreds; p++)
	{
		matcher->forbidden_seen[p] = matcher->n;
		matcher->forbidden_next[p] = CJ_NEVER;
	}
	for (int pass = 0; pass < 2; pass++)
	{
		if (pass == 1 && nqueues > 0)
			matcher->queues = cj_matcher_reserve(matcher, matcher->queues,
												 &matcher->queues_capacity,
												 n * nqueues, sizeof(int32));
		nqueues = 0;
		for (int s = 0; s < automaton->nstates; s++)
			for (int o = 0; o < automaton->states[s].noptions; o++)
			{
				const CjOption *option = &automaton->states[s].options[o];
				CjCursor   *cursor = &matcher->cursors[automaton->states[s].first_cursor + o];
				bool		queue = option->target != CJ_END &&
					cj_clock_goes_on(automaton, &automaton->states[s], option);

				cursor->seen = matcher->n;
				cursor->nearest = CJ_NEVER;
				cursor->head = cursor->tail = 0;
				cursor->instant = -1;
				cursor->only_seen = matcher->n;
				cursor->only_end = CJ_NEVER;
				cursor->queue = queue && pass == 1 ? matcher->queues + n * nqueues : NULL;
				nqueues += queue;
			}
	}
}

void
cj_sweep(CjMatcher *matcher)
{
	const CjAutomaton *automaton = matcher->automaton;
	CjInstant	instant;

	prepare(matcher);
	for (instant.end = matcher->n; instant.end > 0; instant.end = instant.start)
	{
		instant.start = matcher->ties ? matcher->instants[instant.end - 1] : instant.end - 1;
		for (int32 i = instant.end - 1; i >= instant.start; i--)
		{
			if ((i & 1023) == 1023)
				CHECK_FOR_INTERRUPTS();
			if (matcher->words == 1 && (matcher->masks[i] & matcher->state_mask[0]) == 0)
				continue;
			for (int s = 0; s < automaton->nstates; s++)
				if (cj_state_satisfied(matcher, &automaton->states[s], i))
					matcher->ends[(int64) s * matcher->n + i] =
						look_ahead(matcher, &automaton->states[s], i, instant);
		}
		if (instant.end - instant.start > 1)
			while (cj_look_around(matcher, instant))
				;
	}
}
