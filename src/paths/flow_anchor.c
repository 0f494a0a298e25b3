/*-------------------------------------------------------------------------
 *
 * flow_anchor.c
 *		Where the paths of a flow begin and end.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "paths/flow_anchor.h"

/* ---- anchors in a journey ---- */

static void
note_match(CjMatcher *matcher, void *arg)
{
	CjAnchor   *anchor = arg;
	int32		first = matcher->positions[0];
	int32		last = matcher->positions[0];

	for (int32 i = 1; i < matcher->length; i++)
	{
		first = Min(first, matcher->positions[i]);
		last = Max(last, matcher->positions[i]);
	}
	if (anchor->count == anchor->room)
	{
		anchor->room = Max(anchor->room * 2, 16);
		anchor->positions = anchor->positions == NULL ?
			MemoryContextAlloc(anchor->context, anchor->room * sizeof(int32)) :
			repalloc_huge(anchor->positions, anchor->room * sizeof(int32));
	}
	anchor->positions[anchor->count++] = anchor->use_first ? first : last;
}

static int
compare_positions(const void *a, const void *b)
{
	return *(const int32 *) a - *(const int32 *) b;
}

static void
find_anchor(CjAnchor *anchor, bool use_first, const CjView *view)
{
	CjMatcher  *matcher = cj_cached_matcher(&anchor->matcher, anchor->context, anchor->pattern);

	anchor->use_first = use_first;
	anchor->count = 0;
	cj_matcher_bind(matcher, view, DT_NOEND);
	cj_all_matches(matcher, false, note_match, anchor);
	if (anchor->count > 1)
		qsort(anchor->positions, anchor->count, sizeof(int32), compare_positions);
}

/* ---- the journey's steps ---- */

/* The events that count, and for each position the last of them at or before it. */
typedef struct Steps
{
	CjFlowStep *steps;
	int32		count;
	int32	   *index;
} Steps;

static Steps
list_steps(CjTallyRef *tally, const CjFlowOptions *options, const CjView *view)
{
	const CjPacked *packed;
	int32		gap;
	const CjNames *names = cj_path_names(view, options->by, &packed, &gap);
	int32	   *codes = palloc_array(int32, names->count + 1);
	int32		last = -1;
	Steps		result;

	result.steps = palloc_extended((view->nevents + 1) * sizeof(CjFlowStep), MCXT_ALLOC_HUGE);
	result.index = palloc_extended((view->nevents + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	result.count = 0;
	for (int32 i = 0; i < names->count; i++)
		codes[i] = cj_tally_name(tally, cj_name(names, i));
	for (int32 i = 0; i < view->nevents; i++)
	{
		int32		code = names->count == 0 ? -1 : (int32) cj_packed_get(packed, i) - gap;

		if (code >= 0 && !(options->collapse && code == last))
		{
			last = code;
			result.steps[result.count].name = codes[code];
			result.steps[result.count++].time = cj_time(view, i);
		}
		result.index[i] = result.count - 1;
	}
	pfree(codes);
	return result;
}

/* ---- paths ---- */

/* From step "from" on, or back; until "until" (a step, or -1). */
static void
add_path(CjTallyRef *tally, const CjFlowOptions *options, const Steps *steps, int32 from, int32 until)
{
	CjFlowStep	path[CJ_MAX_FLOW_STEPS + 1];
	int32		direction = cj_flow_backwards(options) ? -1 : 1;
	int32		count = 0;
	bool		completed = false;

	for (int32 i = from; i >= 0 && i < steps->count && count <= options->steps; i += direction)
	{
		TimestampTz begin = Min(steps->steps[from].time, steps->steps[i].time);
		TimestampTz end = Max(steps->steps[from].time, steps->steps[i].time);

		if (options->within >= 0 && cj_elapsed(begin, end) > (uint64) options->within)
			break;
		path[count++] = steps->steps[i];
		if (i == until)
		{
			completed = true;
			break;
		}
	}
	cj_flow_add(tally, options->steps, path, count, completed);
}

/* The first step of the second anchor after a step; -1 if there is none. */
static int32
end_after(const CjAnchor *ends, const Steps *steps, int32 from)
{
	for (int32 i = 0; i < ends->count; i++)
		if (steps->index[ends->positions[i]] > from)
			return steps->index[ends->positions[i]];
	return -1;
}

static void
add_paths(CjTallyRef *tally, CjFlowCall *call, const Steps *steps, const CjView *view)
{
	const CjFlowOptions *options = &call->options;
	bool		backwards = cj_flow_backwards(options);
	CjAnchor   *anchor = backwards ? &call->ends : &call->starts;
	int32		before = -1;

	find_anchor(anchor, backwards, view);
	if (cj_flow_between(options))
		find_anchor(&call->ends, true, view);
	for (int32 k = 0; k < anchor->count; k++)
	{
		/* the last occurrence is looked for from the end */
		int32		i = options->occurrence == CJ_OCCURRENCE_LAST ? anchor->count - 1 - k : k;
		int32		from = steps->index[anchor->positions[i]];
		int32		until = cj_flow_between(options) ? end_after(&call->ends, steps, from) : -1;

		if (from < 0 || from == before || (cj_flow_between(options) && until < 0))
			continue;
		before = from;
		add_path(tally, options, steps, from, until);
		if (options->occurrence != CJ_OCCURRENCE_EVERY)
			break;
	}
}

void
cj_flow_journey(CjTallyRef *tally, CjFlowCall *call, const CjView *view)
{
	Steps		steps = list_steps(tally, &call->options, view);

	if (cj_flow_anchored(&call->options))
		add_paths(tally, call, &steps, view);
	else if (steps.count > 0)
		add_path(tally, &call->options, &steps, 0, -1);
	pfree(steps.steps);
	pfree(steps.index);
}
