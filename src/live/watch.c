/*-------------------------------------------------------------------------
 *
 * watch.c
 *		The matches that a journey shows as it grows; see watch.h.
 *
 * Once visible, a match stays visible, since absences are closed when their
 * time is over and a watch's pattern has no $.  So the first moment at which
 * there is a match is found by doubling steps and then halving them, each a look
 * at the events from the end of the match before; a journey without a match, the
 * usual case, costs one look.  Where what came before counts (^, SAME around the
 * whole pattern) every look is at all events so far.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "compat.h"
#include "miscadmin.h"
#include "utils/hsearch.h"

#include "live/watch.h"

/* Where the next match of an item and channel may begin. */
typedef struct Floor
{
	int64		key;
	int32		floor;
} Floor;

typedef struct Scan
{
	CjWatch    *watch;
	const CjAutomaton *automaton;
	bool		by_time;
	bool		sliced;			/* what lies before the floor need not be
								 * looked at */
	int32		floor;
	HTAB	   *floors;			/* by item and channel, or NULL */
	int64		nmoments;
	TimestampTz *moments;		/* NULL: the times of the events */
	int64		moment;			/* of the last match */
	int32		base;			/* position of the matcher's first event */
	CjJourney  *slice;
	CjView		slice_view;
	bool	   *taken;			/* events seen that matches of this scan have
								 * used again */
	CjBuilder	used;
	int			capacity;		/* of the results */
} Scan;

/* ---- patterns ---- */

static bool
any_option(const CjAutomaton *automaton, bool (*test) (const CjAutomaton *, const CjOption *))
{
	for (int o = 0; o < automaton->nstart; o++)
		if (test(automaton, &automaton->start[o]))
			return true;
	for (int s = 0; s < automaton->nstates; s++)
		for (int o = 0; o < automaton->states[s].noptions; o++)
			if (test(automaton, &automaton->states[s].options[o]))
				return true;
	return false;
}

static bool
is_first(const CjAutomaton *automaton, const CjOption *option)
{
	return option->target_first;
}

static bool
is_last(const CjAutomaton *automaton, const CjOption *option)
{
	return option->source_last;
}

static bool
is_absence(const CjAutomaton *automaton, const CjOption *option)
{
	return option->target == CJ_END && option->absent_pred >= 0;
}

static bool
is_endless(const CjAutomaton *automaton, const CjOption *option)
{
	const CjLink *link;

	if (!is_absence(automaton, option))
		return false;
	link = &automaton->links[option->absent_link];
	return link->max == PG_INT64_MAX && link->nforbidden == 0 &&
		(!link->positional || link->hi == CJ_NEVER || link->hi == PG_INT32_MAX);
}

static bool
is_positional(const CjAutomaton *automaton, const CjOption *option)
{
	return (option->link >= 0 && automaton->links[option->link].positional) ||
		(is_absence(automaton, option) && automaton->links[option->absent_link].positional);
}

bool
cj_watch_by_time(const CjAutomaton *automaton)
{
	return any_option(automaton, is_absence);
}

const char *
cj_watch_fault(const CjAutomaton *automaton, const char **hint)
{
	if (any_option(automaton, is_last))
	{
		*hint = "Leave out the $: a watch looks at every event when it is the last.";
		return "a watch cannot wait for the end of a journey";
	}
	if (any_option(automaton, is_endless))
	{
		*hint = "Give the absence a time, as in !-[<= 7 days]->.";
		return "an absence without end never comes true";
	}
	return NULL;
}

static int
compare_names(const void *a, const void *b)
{
	return cj_text_compare(*(const CjText *) a, *(const CjText *) b);
}

bool
cj_watch_names(const CjAutomaton *automaton, CjText **names, int *count)
{
	int64		total = 0;

	/* positions count all events */
	if (any_option(automaton, is_positional) || any_option(automaton, is_first))
		return false;
	for (int p = 0; p < automaton->npreds; p++)
	{
		const CjNameSet *set = &automaton->preds[p]->names;

		if (set->count == 0 || set->negated)
			return false;
		total += set->count;
	}
	*names = palloc_array(CjText, total);
	*count = 0;
	for (int p = 0; p < automaton->npreds; p++)
		for (int i = 0; i < automaton->preds[p]->names.count; i++)
			(*names)[(*count)++] = automaton->preds[p]->names.names[i];
	qsort(*names, *count, sizeof(CjText), compare_names);
	total = 0;
	for (int i = 0; i < *count; i++)
		if (i == 0 || cj_text_compare((*names)[total - 1], (*names)[i]) != 0)
			(*names)[total++] = (*names)[i];
	*count = (int) total;
	return true;
}

/* ---- moments ---- */

static int
compare_times(const void *a, const void *b)
{
	TimestampTz x = *(const TimestampTz *) a;
	TimestampTz y = *(const TimestampTz *) b;

	return x < y ? -1 : x > y;
}

/* The ends of the absences, in microseconds after their events; distinct. */
static int
absence_ends(const CjAutomaton *automaton, int64 **ends)
{
	int			count = 0;

	*ends = palloc_array(int64, automaton->nlinks);
	for (int s = 0; s < automaton->nstates; s++)
		for (int o = 0; o < automaton->states[s].noptions; o++)
		{
			const CjOption *option = &automaton->states[s].options[o];
			int64		max;
			int			i = 0;

			if (!is_absence(automaton, option))
				continue;
			max = automaton->links[option->absent_link].max;
			while (i < count && (*ends)[i] != max)
				i++;
			if (i == count && max != PG_INT64_MAX && max > 0)
				(*ends)[count++] = max;
		}
	return count;
}

/* Times of events and ends of absences, in order. */
static void
collect_moments(Scan *scan)
{
	const CjView *view = scan->watch->view;
	int64	   *ends;
	int			nends = absence_ends(scan->automaton, &ends);
	int64		n = 0;

	scan->moments = MemoryContextAllocHuge(CurrentMemoryContext,
										   (Size) view->nevents * (nends + 1) * sizeof(TimestampTz));
	for (int32 i = 0; i < view->nevents; i++)
	{
		TimestampTz time = cj_time(view, i);

		scan->moments[n++] = time;
		for (int e = 0; e < nends; e++)
			if (!pg_add_s64_overflow(time, ends[e], &scan->moments[n]) &&
				scan->moments[n] < END_TIMESTAMP)
				n++;
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
	}
	qsort(scan->moments, n, sizeof(TimestampTz), compare_times);
	scan->nmoments = n;
}

static TimestampTz
moment_at(const Scan *scan, int64 moment)
{
	return scan->moments != NULL ? scan->moments[moment] :
		cj_time(scan->watch->view, (int32) moment);
}

/* ---- one look ---- */

static Floor *
find_floor(const Scan *scan, int32 event)
{
	const CjMatcher *matcher = scan->watch->matcher;
	uint8		whole = scan->automaton->whole;
	int64		key = 0;
	Floor	   *floor;
	bool		found;

	if (whole & CJ_SAME_ITEM)
		key = cj_item_code(matcher->view, event) + 1;
	if (whole & CJ_SAME_CHANNEL)
		key = (key << 31) + cj_channel_code(matcher->view, event) + 1;
	floor = hash_search(scan->floors, &key, HASH_ENTER, &found);
	if (!found)
		floor->floor = 0;
	return floor;
}

static bool
may_start(const Scan *scan, int32 event)
{
	for (int o = 0; o < scan->automaton->nstart; o++)
		if (cj_can_start(scan->watch->matcher, &scan->automaton->start[o], event))
			return true;
	return false;
}

/* Shows the matcher the events up to a moment. */
static void
show(Scan *scan, TimestampTz moment)
{
	CjWatch    *watch = scan->watch;

	scan->base = scan->sliced ? scan->floor : 0;
	if (scan->base == 0)
	{
		cj_matcher_bind(watch->matcher, watch->view, moment);
		return;
	}
	if (scan->slice != NULL)
		pfree(scan->slice);
	scan->slice = cj_slice(watch->view, scan->base,
						   Max(cj_upper_bound(watch->view, moment), scan->base));
	cj_view_init(&scan->slice_view, scan->slice);
	cj_matcher_bind(watch->matcher, &scan->slice_view, moment);
}

/*
 * Is a match visible at a moment?  With "wanted" the preferred one is left in
 * the matcher.
 */
static bool
look_at(Scan *scan, int64 moment, bool wanted)
{
	CjMatcher  *matcher = scan->watch->matcher;
	bool		decided;

	show(scan, moment_at(scan, moment));
	if (matcher->n == 0)
		return false;
	cj_sweep(matcher);
	decided = !wanted && !matcher->ties && scan->automaton->clock_depth < 2;
	for (int32 i = 0; i < matcher->n; i++)
	{
		int32		floor;

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (!may_start(scan, i))
			continue;
		floor = scan->floors != NULL ? find_floor(scan, i)->floor :
			scan->sliced ? 0 : scan->floor;
		if (i >= floor && (decided || cj_search(matcher, i, floor, !wanted)))
			return true;
	}
	return false;
}

/* The quick way to say that there is no match at all. */
static bool
surely_none(const Scan *scan)
{
	return scan->automaton->chain.nsteps > 0 && scan->floor == 0 &&
		cj_chain_exists(scan->watch->matcher, scan->watch->view) == 0;
}

/* Goes to the first moment at which the next match is visible. */
static bool
next_match(Scan *scan)
{
	int64		hidden = scan->moment - 1;	/* none at this moment */
	int64		visible = scan->nmoments - 1;
	int64		step = 1;

	if (scan->moment >= scan->nmoments || (scan->sliced && scan->floor >= scan->watch->view->nevents) ||
		!look_at(scan, visible, false))
		return false;
	while (hidden + step < visible)
	{
		if (look_at(scan, hidden + step, false))
			visible = hidden + step;
		else
		{
			hidden += step;
			step *= 2;
		}
	}
	while (visible - hidden > 1)
	{
		int64		middle = hidden + (visible - hidden) / 2;

		if (look_at(scan, middle, false))
			visible = middle;
		else
			hidden = middle;
	}
	scan->moment = visible;
	return look_at(scan, visible, true);
}

/* ---- what is new ---- */

static bool
same_name(const CjNames *a, int32 i, const CjNames *b, int32 j)
{
	if (i == CJ_ABSENT || j == CJ_ABSENT)
		return i == j;
	return cj_text_compare(cj_name(a, i), cj_name(b, j)) == 0;
}

static bool
same_event(const CjView *a, int32 i, const CjView *b, int32 j)
{
	double		x = 0;
	double		y = 0;

	return cj_time(a, i) == cj_time(b, j) &&
		same_name(&a->events, cj_event_code(a, i), &b->events, cj_event_code(b, j)) &&
		same_name(&a->channels, cj_channel_code(a, i), &b->channels, cj_channel_code(b, j)) &&
		same_name(&a->items, cj_item_code(a, i), &b->items, cj_item_code(b, j)) &&
		cj_value(a, i, &x) == cj_value(b, j, &y) && cj_value_key(x) == cj_value_key(y);
}

/* Takes an event from those seen before, or only looks; false if it is not among them. */
static bool
take_seen(Scan *scan, const CjView *view, int32 event, bool take)
{
	const CjView *seen = scan->watch->seen;
	TimestampTz time = cj_time(view, event);

	if (seen == NULL)
		return false;
	for (int32 i = cj_lower_bound(seen, time); i < seen->nevents && cj_time(seen, i) == time; i++)
		if (!scan->taken[i] && same_event(view, event, seen, i))
		{
			scan->taken[i] = take;
			return true;
		}
	return false;
}

static void
use_event(Scan *scan, const CjView *view, int32 i)
{
	CjText		none = {NULL, 0};
	int32		channel = cj_channel_code(view, i);
	int32		item = cj_item_code(view, i);
	double		value;
	bool		has_value = cj_value(view, i, &value);

	cj_builder_add(&scan->used, cj_time(view, i), cj_name(&view->events, cj_event_code(view, i)),
				   channel == CJ_ABSENT ? none : cj_name(&view->channels, channel),
				   has_value ? &value : NULL,
				   item == CJ_ABSENT ? none : cj_name(&view->items, item));
}

static void
add_result(Scan *scan)
{
	CjWatch    *watch = scan->watch;

	if (watch->count == scan->capacity)
	{
		scan->capacity = Max(scan->capacity * 2, 4);
		watch->matched = watch->count == 0 ? palloc_array(CjJourney *, scan->capacity) :
			repalloc_array(watch->matched, CjJourney *, scan->capacity);
		watch->true_at = watch->count == 0 ? palloc_array(TimestampTz, scan->capacity) :
			repalloc_array(watch->true_at, TimestampTz, scan->capacity);
	}
	watch->matched[watch->count] = cj_match_journey(watch->matcher);
	watch->true_at[watch->count++] = watch->last;
}

static bool
is_old(Scan *scan)
{
	const CjMatcher *matcher = scan->watch->matcher;

	for (int32 p = 0; p < matcher->length; p++)
		if (take_seen(scan, matcher->view, matcher->positions[p], false))
			return true;
	return false;
}

/* The matcher's match: its events are used, and the next begins after it. */
static void
take_match(Scan *scan)
{
	CjMatcher  *matcher = scan->watch->matcher;
	Floor	   *floor = scan->floors == NULL ? NULL : find_floor(scan, matcher->positions[0]);
	int32		base = scan->base;
	bool		old = false;

	for (int32 p = 0; p < matcher->length; p++)
	{
		int32		i = matcher->positions[p];

		old |= take_seen(scan, matcher->view, i, true);
		if (floor != NULL)
			floor->floor = Max(floor->floor, i + 1);
		scan->floor = Max(scan->floor, base + i + 1);
	}
	if (old)
		return;
	for (int32 p = 0; p < matcher->length; p++)
		use_event(scan, matcher->view, matcher->positions[p]);
	add_result(scan);
}

/* Begins after the last match known, where that is safe. */
static void
skip_known(Scan *scan)
{
	const CjView *view = scan->watch->view;
	TimestampTz to = scan->watch->seen_to;
	int32		end;

	if (!scan->sliced || scan->by_time || TIMESTAMP_IS_NOBEGIN(to))
		return;
	end = cj_upper_bound(view, to);
	/* of several events of that instant it is not known which ones were used */
	if (end - cj_lower_bound(view, to) != 1)
		return;
	scan->floor = end;
	scan->moment = end;
	scan->watch->last = to;
}

void
cj_watch_look(CjWatch *watch)
{
	Scan		scan = {.watch = watch,.automaton = watch->matcher->automaton};

	watch->count = 0;
	watch->used = NULL;
	watch->last = DT_NOBEGIN;
	watch->due_at = DT_NOEND;
	if (watch->view->nevents == 0)
		return;
	scan.by_time = cj_watch_by_time(scan.automaton);
	scan.sliced = scan.automaton->whole == 0 && !any_option(scan.automaton, is_first);
	scan.nmoments = watch->view->nevents;
	skip_known(&scan);
	if (surely_none(&scan))
		return;
	if (scan.by_time)
		collect_moments(&scan);
	if (scan.automaton->whole != 0)
	{
		HASHCTL		ctl = {.keysize = sizeof(int64),.entrysize = sizeof(Floor),
		.hcxt = CurrentMemoryContext};

		scan.floors = hash_create("watch floors", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	cj_builder_init(&scan.used);
	if (watch->seen != NULL && watch->seen->nevents > 0)
		scan.taken = palloc0_array(bool, watch->seen->nevents);
	while (next_match(&scan))
	{
		TimestampTz moment = moment_at(&scan, scan.moment);

		if (scan.by_time && moment > watch->as_of && !is_old(&scan))
		{
			watch->due_at = moment;
			break;
		}
		watch->last = moment;
		take_match(&scan);
		CHECK_FOR_INTERRUPTS();
	}
	if (scan.used.nevents > 0)
		watch->used = cj_builder_finish(&scan.used);
}
