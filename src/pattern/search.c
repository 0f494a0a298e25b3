/*-------------------------------------------------------------------------
 *
 * search.c
 *		Finds the preferred match that starts at a given event.
 *
 * The search goes forward from state to state.  At every step it tries the
 * options in their order of preference and, among options of one tier, the
 * earliest event; the sweep tells which events can be completed, so that it
 * never has to take a step back but in two cases:
 *
 * - In a crowded instant the sweep does not know which events the match has
 *   used up.  The search does, and steps back when nothing is left.  The steps
 *   are counted, and beyond a bound it is an error, never a wrong answer.
 *   Where events that satisfy the same are interchangeable, only one of a run
 *   of them is tried.
 * - With WITHIN inside WITHIN the sweep follows only the inner one.  What was
 *   found to lead nowhere is remembered with its deadlines and not tried again,
 *   which keeps the search polynomial: at most one visit for each state, event
 *   and combination of events that the open WITHINs began at.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "utils/hsearch.h"

#include "pattern/pattern.h"

/* A matched event and how far its continuations have been tried. */
typedef struct CjFrame
{
	int			state;			/* -1 for the start */
	int32		event;
	int			tier;
	int			option;			/* tried last within the tier, -1 none */
	int32		candidate;		/* at this event */
	int			failed_option;	/* the last that led nowhere, and its event */
	int32		failed;
} CjFrame;

typedef struct FailureKey
{
	int32		state;
	int32		event;
	TimestampTz deadlines[CJ_PATTERN_MAX_SCOPES];
} FailureKey;

typedef struct Search
{
	CjMatcher  *matcher;
	const CjAutomaton *automaton;
	int32		start;
	int32		floor;
	bool		any;
	int32		depth;			/* frames in use */
} Search;

static void
options_of(const Search *search, const CjFrame *frame, const CjOption **options, int *count)
{
	if (frame->state < 0)
	{
		*options = search->automaton->start;
		*count = search->automaton->nstart;
	}
	else
	{
		*options = search->automaton->states[frame->state].options;
		*count = search->automaton->states[frame->state].noptions;
	}
}

/* ---- used events ---- */

static void
use_event(CjMatcher *matcher, int32 event)
{
	int32		first;

	if (!matcher->ties)
		return;
	matcher->used[event] = true;
	first = matcher->instants[event];
	if (matcher->unused[first] == event)
		matcher->unused[first]++;
}

static void
free_event(CjMatcher *matcher, int32 event)
{
	int32		first;

	if (!matcher->ties)
		return;
	matcher->used[event] = false;
	first = matcher->instants[event];
	matcher->unused[first] = Min(matcher->unused[first], event);
}

/* ---- deadlines ---- */

static TimestampTz *
deadlines_of(const Search *search, int32 depth)
{
	return search->matcher->deadlines + (int64) depth * search->automaton->clock_depth;
}

/* Deadlines of the option's target at the event, from those of the frame's; false if missed. */
static bool
set_deadlines(const Search *search, int32 depth, const CjOption *option, int32 event,
			  TimestampTz *deadlines)
{
	const CjMatcher *matcher = search->matcher;
	const CjAutomaton *automaton = search->automaton;
	const TimestampTz *before = deadlines_of(search, depth);
	int32		end = cj_end_at(matcher, option->target, event);

	for (int l = 0; l < automaton->clock_depth; l++)
		deadlines[l] = DT_NOEND;
	for (int s = automaton->states[option->target].clock; s >= 0;)
	{
		const CjScope *scope = &automaton->scopes[s];
		TimestampTz *deadline = &deadlines[scope->depth - 1];

		if (cj_scope_within(automaton, option->common, s))
			*deadline = before[scope->depth - 1];
		else if (__builtin_add_overflow(matcher->times[event], scope->within, deadline))
			*deadline = DT_NOEND;
		if (matcher->times[end] > *deadline)
			return false;
		s = scope->parent < 0 ? -1 : automaton->scopes[scope->parent].clock;
	}
	return true;
}

static void
failure_key(const Search *search, FailureKey *key, int state, int32 event,
			const TimestampTz *deadlines)
{
	memset(key, 0, sizeof(*key));
	key->state = state;
	key->event = event;
	memcpy(key->deadlines, deadlines, search->automaton->clock_depth * sizeof(TimestampTz));
}

static bool
known_failure(const Search *search, int state, int32 event, const TimestampTz *deadlines)
{
	FailureKey	key;

	if (search->matcher->failed == NULL)
		return false;
	failure_key(search, &key, state, event, deadlines);
	return hash_search(search->matcher->failed, &key, HASH_FIND, NULL) != NULL;
}

static void
remember_failure(const Search *search, const CjFrame *frame, int32 depth)
{
	CjMatcher  *matcher = search->matcher;
	FailureKey	key;

	if (matcher->ties || search->automaton->clock_depth < 2 || frame->state < 0)
		return;
	if (matcher->failed == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(FailureKey),.entrysize = sizeof(FailureKey),
		.hcxt = matcher->context};

		matcher->failed = hash_create("journey_pattern failures", 256, &ctl,
									  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	failure_key(search, &key, frame->state, frame->event, deadlines_of(search, depth));
	hash_search(matcher->failed, &key, HASH_ENTER, NULL);
}

/* ---- candidates ---- */

/* Is an event that the link forbids strictly between two events in time? */
static bool
forbidden_between(const CjMatcher *matcher, const CjLink *link, uint8 attributes,
				  int32 from, int32 to)
{
	for (int32 k = from + 1; link->nonly > 0 && k < to; k++)
		if (!cj_link_admits(matcher, link, k))
			return true;
	if (link->nforbidden == 0)
		return false;
	for (int32 k = from + 1; k < to; k++)
	{
		if (matcher->times[k] == matcher->times[from])
			continue;
		if (matcher->times[k] >= matcher->times[to])
			break;
		for (int f = 0; f < link->nforbidden; f++)
			if (cj_satisfies(matcher, k, link->forbidden[f]) &&
				(!link->forbidden_same[f] ||
				 cj_attributes_agree(matcher, attributes & CJ_SAME_ANY, from, k)))
				return true;
		if ((k & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
	}
	return false;
}

/* Where the link's window begins. */
static int32
window_start(const Search *search, const CjLink *link, int32 event)
{
	const CjMatcher *matcher = search->matcher;
	int32		low;
	int32		high;

	if (link->positional)
		return (int32) Min((int64) event + link->lo, matcher->n);
	if (link->min <= 0)
	{
		if (!matcher->ties)
			return event + 1;
		low = matcher->instants[event];
		return matcher->unused[low];
	}
	low = event + 1;
	high = matcher->n;
	while (low < high)
	{
		int32		middle = low + (high - low) / 2;

		if (cj_gap_between(matcher->times[middle], matcher->times[event]) >= link->min)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Would this event only repeat the failure of the one tried before it? */
static bool
repeats_failure(const Search *search, const CjFrame *frame, int option, int32 event)
{
	const CjMatcher *matcher = search->matcher;

	return search->automaton->alike && frame->failed_option == option &&
		matcher->times[event] == matcher->times[frame->failed] &&
		memcmp(matcher->masks + (int64) event * matcher->words,
			   matcher->masks + (int64) frame->failed * matcher->words,
			   matcher->words * sizeof(uint64)) == 0;
}

/* The least deadline of the WITHINs that the option stays in. */
static TimestampTz
latest_time(const Search *search, const CjOption *option)
{
	const CjAutomaton *automaton = search->automaton;
	const TimestampTz *deadlines = deadlines_of(search, search->depth - 1);
	TimestampTz latest = DT_NOEND;

	for (int s = option->common < 0 ? -1 : automaton->scopes[option->common].clock; s >= 0;)
	{
		const CjScope *scope = &automaton->scopes[s];

		latest = Min(latest, deadlines[scope->depth - 1]);
		s = scope->parent < 0 ? -1 : automaton->scopes[scope->parent].clock;
	}
	return latest;
}

/* The option's first event at or after "from", or CJ_NEVER. */
static int32
find_candidate(Search *search, const CjFrame *frame, int option_index, int32 from)
{
	CjMatcher  *matcher = search->matcher;
	const CjOption *options;
	const CjOption *option;
	const CjLink *link;
	const int32 *next;
	TimestampTz deadlines[CJ_PATTERN_MAX_SCOPES];
	TimestampTz latest;
	int			count;

	options_of(search, frame, &options, &count);
	option = &options[option_index];
	if (frame->state < 0)
		return from <= search->start && cj_can_start(matcher, option, search->start) &&
			set_deadlines(search, search->depth - 1, option, search->start, deadlines) ?
			search->start : CJ_NEVER;
	if (option->source_last && frame->event != matcher->n - 1)
		return CJ_NEVER;
	link = &search->automaton->links[option->link];
	next = matcher->next + (int64) option->target * matcher->n;
	latest = latest_time(search, option);
	from = Max(Max(from, search->floor), window_start(search, link, frame->event));
	for (int32 k = from; k < matcher->n; k++)
	{
		if ((k & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		k = next[k];
		if (k == CJ_NEVER || matcher->times[k] > latest ||
			(link->positional && k - frame->event > link->hi) ||
			(link->max != PG_INT64_MAX &&
			 cj_gap_between(matcher->times[k], matcher->times[frame->event]) > link->max))
			break;
		if (k == frame->event || (option->target_first && k != 0) ||
			(matcher->ties && matcher->used[k]) ||
			(link->min > 0 && cj_gap_between(matcher->times[k], matcher->times[frame->event]) < link->min) ||
			!cj_attributes_agree(matcher, option->attributes, frame->event, k))
			continue;
		if (matcher->ties)
		{
			cj_spend(matcher, 1);
			if (repeats_failure(search, frame, option_index, k))
				continue;
		}
		if (!set_deadlines(search, search->depth - 1, option, k, deadlines) ||
			known_failure(search, option->target, k, deadlines))
			continue;
		if (forbidden_between(matcher, link, option->attributes, frame->event, k))
			break;
		return k;
	}
	return CJ_NEVER;
}

/* ---- the end of a match ---- */

/* Does an unused event of the same instant break the absence? */
static bool
broken_in_instant(CjMatcher *matcher, const CjOption *option, int32 event)
{
	const CjLink *link = &matcher->automaton->links[option->absent_link];

	for (int32 k = matcher->instants[event];
		 k < matcher->n && matcher->times[k] == matcher->times[event]; k++)
	{
		cj_spend(matcher, 1);
		if (k != event && !matcher->used[k] &&
			cj_satisfies(matcher, k, option->absent_pred) &&
			(!link->positional || (k - event >= link->lo && k - event <= link->hi)) &&
			cj_attributes_agree(matcher, option->attributes, event, k))
			return true;
	}
	return false;
}

static bool
can_end(Search *search, const CjFrame *frame, const CjOption *option)
{
	CjMatcher  *matcher = search->matcher;
	uint8		absence;

	if (option->source_last && frame->event != matcher->n - 1)
		return false;
	if (option->absent_pred < 0)
		return true;
	absence = matcher->absences[(int64) option->absence * matcher->n + frame->event];
	return absence == CJ_ABSENCE_HOLDS ||
		(absence == CJ_ABSENCE_DEPENDS && !broken_in_instant(matcher, option, frame->event));
}

/* ---- the search ---- */

typedef enum Outcome
{
	STEP,						/* the frame's candidate and option are set */
	FINISHED,
	EXHAUSTED
} Outcome;

/* The next continuation of the top frame in the order of preference. */
static Outcome
next_step(Search *search, CjFrame *frame)
{
	const CjOption *options;
	int			count;
	int			ntiers;

	options_of(search, frame, &options, &count);
	ntiers = count > 0 ? options[count - 1].tier + 1 : 0;
	for (; frame->tier < ntiers; frame->tier++, frame->option = -1, frame->candidate = -1)
	{
		int			tier = search->any && frame->state >= 0 ? ntiers - 1 - frame->tier : frame->tier;
		int32		best = CJ_NEVER;
		int			best_option = -1;
		bool		end = false;

		for (int o = 0; o < count; o++)
		{
			int32		found;

			if (options[o].tier != tier)
				continue;
			if (options[o].target == CJ_END)
			{
				end = end || (frame->candidate != CJ_NEVER && can_end(search, frame, &options[o]));
				continue;
			}
			if (frame->candidate == CJ_NEVER)
				continue;
			found = find_candidate(search, frame, o,
								   o > frame->option ? Max(frame->candidate, 0) : frame->candidate + 1);
			if (found < best)
			{
				best = found;
				best_option = o;
			}
		}
		if (best != CJ_NEVER)
		{
			frame->candidate = best;
			frame->option = best_option;
			return STEP;
		}
		if (end)
			return FINISHED;
	}
	return EXHAUSTED;
}

/* For every state and event the first event from there on that can be completed. */
static void
prepare_next(CjMatcher *matcher)
{
	const CjAutomaton *automaton = matcher->automaton;
	int64		size = (int64) automaton->nstates * matcher->n;

	matcher->next = cj_matcher_reserve(matcher, matcher->next, &matcher->next_capacity,
									   size, sizeof(int32));
	for (int s = 0; s < automaton->nstates; s++)
	{
		const int32 *ends = matcher->ends + (int64) s * matcher->n;
		int32	   *next = matcher->next + (int64) s * matcher->n;
		int32		nearest = CJ_NEVER;

		CHECK_FOR_INTERRUPTS();
		for (int32 i = matcher->n - 1; i >= 0; i--)
		{
			if (ends[i] != CJ_NEVER)
				nearest = i;
			next[i] = nearest;
		}
	}
	matcher->next_ready = true;
}

static void
reserve(Search *search)
{
	CjMatcher  *matcher = search->matcher;
	int64		frames = (int64) matcher->n + 2;

	/* distinct events: no match is longer than the journey */
	matcher->frames = cj_matcher_reserve(matcher, matcher->frames, &matcher->frames_capacity,
										 frames, sizeof(CjFrame));
	matcher->deadlines = cj_matcher_reserve(matcher, matcher->deadlines,
											&matcher->deadlines_capacity,
											frames * search->automaton->clock_depth,
											sizeof(TimestampTz));
	if (!matcher->next_ready)
		prepare_next(matcher);
	if (!matcher->ties)
		return;
	if (matcher->used_for == matcher->n && matcher->used != NULL)
		return;
	matcher->used = cj_matcher_reserve(matcher, matcher->used, &matcher->used_capacity,
									   matcher->n, sizeof(bool));
	matcher->unused = cj_matcher_reserve(matcher, matcher->unused, &matcher->unused_capacity,
										 matcher->n, sizeof(int32));
	memset(matcher->used, false, matcher->n);
	for (int32 i = 0; i < matcher->n; i++)
		matcher->unused[i] = i;
	matcher->used_for = matcher->n;
}

static void
push(Search *search, int state, int32 event)
{
	CjFrame    *frame = &search->matcher->frames[search->depth++];

	frame->state = state;
	frame->event = event;
	frame->tier = 0;
	frame->option = -1;
	frame->candidate = -1;
	frame->failed_option = -1;
	frame->failed = -1;
}

/* Copies the frames into the match and forgets what they used. */
static void
take_match(Search *search)
{
	CjMatcher  *matcher = search->matcher;
	int64		capacity = matcher->match_capacity;

	matcher->positions = cj_matcher_reserve(matcher, matcher->positions, &capacity,
											search->depth, sizeof(int32));
	capacity = matcher->match_capacity;
	matcher->matched_states = cj_matcher_reserve(matcher, matcher->matched_states, &capacity,
												 search->depth, sizeof(int32));
	matcher->match_capacity = capacity;
	matcher->length = search->depth - 1;
	for (int32 i = 0; i < matcher->length; i++)
	{
		const CjFrame *frame = &matcher->frames[i + 1];

		matcher->positions[i] = frame->event;
		matcher->matched_states[i] = frame->state;
	}
	for (int32 i = 0; i < matcher->length; i++)
		free_event(matcher, matcher->positions[i]);
}

bool
cj_search(CjMatcher *matcher, int32 start, int32 floor, bool any)
{
	Search		search = {matcher, matcher->automaton, start, floor, any, 0};

	reserve(&search);
	push(&search, -1, -1);
	while (search.depth > 0)
	{
		CjFrame    *frame = &matcher->frames[search.depth - 1];
		const CjOption *options;
		int			count;

		CHECK_FOR_INTERRUPTS();
		switch (next_step(&search, frame))
		{
			case STEP:
				options_of(&search, frame, &options, &count);
				if (search.automaton->clock_depth > 0)
					set_deadlines(&search, search.depth - 1, &options[frame->option],
								  frame->candidate, deadlines_of(&search, search.depth));
				use_event(matcher, frame->candidate);
				push(&search, options[frame->option].target, frame->candidate);
				break;
			case FINISHED:
				take_match(&search);
				return true;
			case EXHAUSTED:
				remember_failure(&search, frame, search.depth - 1);
				search.depth--;
				if (search.depth > 0)
				{
					CjFrame    *below = &matcher->frames[search.depth - 1];

					free_event(matcher, frame->event);
					below->failed_option = below->option;
					below->failed = frame->event;
				}
				break;
		}
	}
	return false;
}
