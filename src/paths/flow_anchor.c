/*-------------------------------------------------------------------------
 *
 * flow_anchor.c
 *		Where the paths of a flow begin and end, and patterns that say so.
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
find_anchor(CjAnchor *anchor, MemoryContext context, bool use_first, const CjView *view)
{
	CjMatcher  *matcher = cj_cached_matcher(&anchor->matcher, context, anchor->pattern);

	anchor->context = context;
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
list_steps(CjFlowState *state, const CjView *view)
{
	const CjPacked *packed;
	int32		gap;
	const CjNames *names = cj_path_names(view, state->by, &packed, &gap);
	int32	   *codes = palloc_array(int32, names->count + 1);
	int32		last = -1;
	Steps		result;

	result.steps = palloc_extended((view->nevents + 1) * sizeof(CjFlowStep), MCXT_ALLOC_HUGE);
	result.index = palloc_extended((view->nevents + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	result.count = 0;
	for (int32 i = 0; i < names->count; i++)
		codes[i] = cj_flow_name(&state->flow, cj_name(names, i));
	for (int32 i = 0; i < view->nevents; i++)
	{
		int32		code = names->count == 0 ? -1 : (int32) cj_packed_get(packed, i) - gap;

		if (code >= 0 && !(state->collapse && code == last))
		{
			last = code;
			result.steps[result.count].code = codes[code];
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
add_path(CjFlowState *state, const Steps *steps, int32 from, int32 until)
{
	CjFlowStep	path[CJ_MAX_FLOW_STEPS + 1];
	int32		direction = state->backwards ? -1 : 1;
	int32		count = 0;
	bool		completed = false;

	for (int32 i = from; i >= 0 && i < steps->count && count <= state->flow.steps; i += direction)
	{
		TimestampTz begin = Min(steps->steps[from].time, steps->steps[i].time);
		TimestampTz end = Max(steps->steps[from].time, steps->steps[i].time);

		if (state->within >= 0 && cj_elapsed(begin, end) > (uint64) state->within)
			break;
		path[count++] = steps->steps[i];
		if (i == until)
		{
			completed = true;
			break;
		}
	}
	cj_flow_add(&state->flow, path, count, completed);
}

/* The first step of the second anchor after a step; -1 if there is none. */
static int32
end_after(const CjFlowState *state, const Steps *steps, int32 from)
{
	for (int32 i = 0; i < state->ends.count; i++)
		if (steps->index[state->ends.positions[i]] > from)
			return steps->index[state->ends.positions[i]];
	return -1;
}

void
cj_flow_journey(CjFlowState *state, const CjView *view)
{
	Steps		steps = list_steps(state, view);
	CjAnchor   *anchor = state->backwards ? &state->ends : &state->starts;
	bool		between = state->starts.pattern != NULL && state->ends.pattern != NULL;
	int32		before = -1;

	if (!state->anchored)
	{
		if (steps.count > 0)
			add_path(state, &steps, 0, -1);
		return;
	}
	find_anchor(anchor, state->context, state->backwards, view);
	if (between)
		find_anchor(&state->ends, state->context, true, view);
	for (int32 k = 0; k < anchor->count; k++)
	{
		/* the last occurrence is looked for from the end */
		int32		i = state->occurrence == CJ_OCCURRENCE_LAST ? anchor->count - 1 - k : k;
		int32		from = steps.index[anchor->positions[i]];
		int32		until = between ? end_after(state, &steps, from) : -1;

		if (from < 0 || from == before || (between && until < 0))
			continue;
		before = from;
		add_path(state, &steps, from, until);
		if (state->occurrence != CJ_OCCURRENCE_EVERY)
			break;
	}
	pfree(steps.steps);
	pfree(steps.index);
}

/* ---- patterns ---- */

/* The name of an anchor that is one plain name; false for any other. */
static bool
plain_anchor(const CjPattern *pattern, CjText *name)
{
	const CjNode *tree = cj_pattern_load(pattern);

	while ((tree->kind == CJ_NODE_SEQUENCE && tree->count == 1 && !tree->first && !tree->last))
		tree = tree->children[0];
	if (tree->kind != CJ_NODE_ELEMENT || !cj_element_plain(tree->element) ||
		tree->element->names.negated || tree->element->names.count != 1)
		return false;
	*name = tree->element->names.names[0];
	return true;
}

/* One step: a name, none of the step's top names, or the journey's end. */
static void
append_step(StringInfo to, const CjFlowState *state, int32 step, CjFlowKind kind, int32 code)
{
	const CjGraphRef *names = &state->flow.at[0];

	if (kind == CJ_FLOW_EVENT)
		cj_append_name(to, cj_graph_name(names, code));
	else
	{
		int32	   *codes = palloc_array(int32, names->graph->names + 1);
		int32		top = cj_flow_top(&state->flow, step, state->top, codes);

		appendStringInfoString(to, "[^");
		for (int32 i = 0; i < top; i++)
		{
			if (i > 0)
				appendStringInfoChar(to, '|');
			cj_append_name(to, cj_graph_name(names, codes[i]));
		}
		appendStringInfoChar(to, ']');
		pfree(codes);
	}
}

/*
 * From the start of the journey, or from the first event of the anchor's name:
 * ^ [^home]* home . product.  Backwards, to the first one: product . home after
 * the same.
 */
CjPattern *
cj_flow_pattern(const CjFlowState *state, const CjFlowRow *row)
{
	StringInfoData to;
	CjText		anchor = {NULL, 0};
	int32		from = state->anchored ? 1 : 0;
	const CjPattern *pattern = state->backwards ? state->ends.pattern : state->starts.pattern;

	if (state->by != CJ_BY_EVENT || state->within >= 0 || state->backwards ||
		(state->starts.pattern != NULL && state->ends.pattern != NULL) ||
		(state->anchored && (state->occurrence != CJ_OCCURRENCE_FIRST || !plain_anchor(pattern, &anchor))))
		return NULL;
	initStringInfo(&to);
	appendStringInfoChar(&to, '^');
	if (state->anchored)
	{
		appendStringInfoString(&to, " [^");
		cj_append_name(&to, anchor);
		appendStringInfoString(&to, "]* ");
		cj_append_name(&to, anchor);
	}
	for (int32 step = from; step <= row->step; step++)
	{
		appendStringInfoChar(&to, ' ');
		if (step == row->step && row->kind == CJ_FLOW_DROPPED)
			appendStringInfoChar(&to, '$');
		else if (step == row->step)
			append_step(&to, state, step, row->kind, row->code);
		else if (step == row->step - 1 && row->link)
			append_step(&to, state, step, row->source_kind, row->source);
		else
			appendStringInfoChar(&to, '.');
	}
	return cj_pattern_of_text(to.data, to.len, NULL);
}
