/*-------------------------------------------------------------------------
 *
 * flow.c
 *		Step by step from or to an anchor: counting, and what to show.
 *
 * Every path is counted at every step, so that what is not among the most
 * frequent names is exactly "other", and what came to the step before and not
 * to this one is exactly the drop-off.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "paths/flow.h"

void
cj_flow_init(CjFlow *flow, MemoryContext context, CjBy by, int32 steps)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	flow->context = context;
	flow->steps = steps;
	flow->at = palloc_array(CjGraphRef, steps + 1);
	for (int32 i = 0; i <= steps; i++)
		cj_graph_create(&flow->at[i], by, 1, false);
	MemoryContextSwitchTo(old);
}

int32
cj_flow_name(CjFlow *flow, CjText name)
{
	int32		code = cj_graph_find_name(&flow->at[0], name);
	MemoryContext old;

	if (code >= 0)
		return code;
	old = MemoryContextSwitchTo(flow->context);
	for (int32 i = 0; i <= flow->steps; i++)
		code = cj_graph_add_name(&flow->at[i], name);
	MemoryContextSwitchTo(old);
	return code;
}

void
cj_flow_add(CjFlow *flow, const CjFlowStep *path, int32 count, bool completed)
{
	MemoryContext old = MemoryContextSwitchTo(flow->context);
	int32		node = 0;

	flow->paths++;
	for (int32 i = 0; i < count; i++)
	{
		int32		edge;
		CjGraphEdge *e;

		/* the node before is of another step's graph, this one may lack it */
		if (i > 0)
			cj_graph_add_node(&flow->at[i], &path[i - 1].code);
		edge = cj_graph_add_edge(&flow->at[i], node, path[i].code);
		e = &flow->at[i].parts.edges[edge];
		e->count++;
		if (i > 0)
		{
			CjSum		elapsed = {path[i].time > path[i - 1].time ?
				cj_elapsed(path[i - 1].time, path[i].time) :
			cj_elapsed(path[i].time, path[i - 1].time), 0};

			cj_sum_add(&e->sum, elapsed);
		}
		node = path[i].code + 1;
	}
	if (count <= flow->steps)
	{
		CjGraphRef *ref = &flow->at[count];
		int32		context = node - 1;
		CjGraphNode *last;

		if (node > 0)
			node = cj_graph_add_node(ref, &context);
		last = &ref->parts.nodes[node];
		if (completed)
			last->tied++;
		else
			last->exits++;
	}
	MemoryContextSwitchTo(old);
}

/* ---- what to show ---- */

typedef struct StepCount
{
	int64	   *counts;			/* by code */
	const CjGraphRef *names;
} StepCount;

/* More paths first, then by name. */
static int
compare_codes(const void *a, const void *b, void *arg)
{
	const StepCount *step = arg;
	int32		i = *(const int32 *) a;
	int32		j = *(const int32 *) b;

	if (step->counts[i] != step->counts[j])
		return step->counts[i] > step->counts[j] ? -1 : 1;
	return cj_text_compare(cj_graph_name(step->names, i), cj_graph_name(step->names, j));
}

int32
cj_flow_top(const CjFlow *flow, int32 step, int32 top, int32 *codes)
{
	const CjGraphRef *ref = &flow->at[step];
	StepCount	count = {palloc0_array(int64, ref->graph->names + 1), ref};
	int32		n = 0;

	for (int32 i = 0; i < ref->graph->edges; i++)
		count.counts[ref->parts.edges[i].code] += ref->parts.edges[i].count;
	for (int32 i = 0; i < ref->graph->names; i++)
		if (count.counts[i] > 0)
			codes[n++] = i;
	qsort_arg(codes, n, sizeof(int32), compare_codes, &count);
	pfree(count.counts);
	return Min(n, top);
}

/*
 * Places of a step's rows: the top names in order, then other, dropped,
 * completed.
 */
typedef struct Places
{
	int32		top;
	int32	   *codes;			/* of the top names */
	int32	   *place;			/* of each code: 0 .. top - 1, or top for
								 * others */
} Places;

#define PLACES(places)			((places)->top + 3)
#define DROPPED_PLACE(places)	((places)->top + 1)
#define COMPLETED_PLACE(places)	((places)->top + 2)

static Places
find_places(const CjFlow *flow, int32 step, int32 top)
{
	int32		names = flow->at[step].graph->names;
	Places		places;

	places.codes = palloc_array(int32, names + 1);
	places.place = palloc_array(int32, names + 1);
	places.top = cj_flow_top(flow, step, top, places.codes);
	for (int32 i = 0; i < names; i++)
		places.place[i] = places.top;
	for (int32 i = 0; i < places.top; i++)
		places.place[places.codes[i]] = i;
	return places;
}

static CjFlowKind
kind_at(const Places *places, int32 place)
{
	if (place < places->top)
		return CJ_FLOW_EVENT;
	return place == places->top ? CJ_FLOW_OTHER :
		place == DROPPED_PLACE(places) ? CJ_FLOW_DROPPED : CJ_FLOW_COMPLETED;
}

/* One step's cells: from each place of the step before to each of this. */
typedef struct Cell
{
	int64		paths;
	CjSum		time;
} Cell;

static void
add_cell(Cell *cell, int64 paths, CjSum time)
{
	cell->paths += paths;
	cj_sum_add(&cell->time, time);
}

static Cell *
fill_cells(const CjFlow *flow, int32 step, const Places *before, const Places *now)
{
	const CjGraphRef *ref = &flow->at[step];
	int32		sources = before == NULL ? 1 : before->top + 1;
	Cell	   *cells = palloc0_array(Cell, sources * PLACES(now));
	CjSum		none = {0, 0};

	for (int32 i = 0; i < ref->graph->edges; i++)
	{
		const CjGraphEdge *edge = &ref->parts.edges[i];
		int32		source = before == NULL ? 0 : before->place[edge->source - 1];

		add_cell(&cells[source * PLACES(now) + now->place[edge->code]], edge->count, edge->sum);
	}
	for (int32 i = 0; i < ref->graph->nodes; i++)
	{
		const CjGraphNode *node = &ref->parts.nodes[i];
		int32		source = before == NULL || i == 0 ? 0 : before->place[i - 1];

		add_cell(&cells[source * PLACES(now) + DROPPED_PLACE(now)], node->exits, none);
		add_cell(&cells[source * PLACES(now) + COMPLETED_PLACE(now)], node->tied, none);
	}
	return cells;
}

static void
put_row(CjFlowRow *row, int32 step, const Places *now, int32 place, const Cell *cell, int64 before)
{
	memset(row, 0, sizeof(*row));
	row->step = step;
	row->source = -1;
	row->kind = kind_at(now, place);
	row->code = row->kind == CJ_FLOW_EVENT ? now->codes[place] : -1;
	row->paths = cell->paths;
	row->time = cell->time;
	row->before = before;
}

CjFlowRow *
cj_flow_rows(const CjFlow *flow, int32 top, bool links, int32 *count)
{
	int64		room = 64;
	CjFlowRow  *rows = palloc_array(CjFlowRow, room);
	Places		before = {0, NULL, NULL};
	int64		alive = flow->paths;

	*count = 0;
	for (int32 step = 0; step <= flow->steps; step++)
	{
		Places		now = find_places(flow, step, top);
		int32		sources = step == 0 ? 1 : before.top + 1;
		Cell	   *cells = fill_cells(flow, step, step == 0 ? NULL : &before, &now);
		int64		going = 0;

		CHECK_FOR_INTERRUPTS();
		while (*count + (int64) (sources + 1) * PLACES(&now) > room)
			rows = repalloc_huge(rows, (room *= 2) * sizeof(CjFlowRow));
		for (int32 place = 0; place < PLACES(&now); place++)
		{
			Cell		total = {0, {0, 0}};

			for (int32 s = 0; s < sources; s++)
				add_cell(&total, cells[s * PLACES(&now) + place].paths, cells[s * PLACES(&now) + place].time);
			going += place <= now.top ? total.paths : 0;
			if (total.paths > 0)
				put_row(&rows[(*count)++], step, &now, place, &total, alive);
		}
		for (int32 s = 0; s < sources && links && step > 0; s++)
		{
			int64		from = 0;

			for (int32 place = 0; place < PLACES(&now); place++)
				from += cells[s * PLACES(&now) + place].paths;
			for (int32 place = 0; place < PLACES(&now); place++)
				if (cells[s * PLACES(&now) + place].paths > 0)
				{
					put_row(&rows[*count], step, &now, place, &cells[s * PLACES(&now) + place], from);
					rows[*count].link = true;
					rows[*count].source_kind = kind_at(&before, s);
					rows[(*count)++].source = s < before.top ? before.codes[s] : -1;
				}
		}
		alive = going;
		before = now;
		pfree(cells);
	}
	return rows;
}
