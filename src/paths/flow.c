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

#include "common/int.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "compat.h"
#include "paths/flow.h"
#include "paths/varint.h"

/* ---- options ---- */

CjText
cj_flow_encode(const CjFlowOptions *options)
{
	StringInfoData to;
	CjText		bytes;

	initStringInfo(&to);
	cj_put_number(&to, options->by);
	cj_put_number(&to, (uint64) options->collapse | (uint64) options->links << 1 |
				  (uint64) options->starting << 2 | (uint64) options->ending << 3);
	cj_put_number(&to, options->top);
	cj_put_number(&to, options->steps);
	cj_put_number(&to, options->occurrence);
	cj_put_number(&to, options->within + 1);
	if (options->starting)
		cj_put_text(&to, options->starts);
	if (options->ending)
		cj_put_text(&to, options->ends);
	bytes.data = to.data;
	bytes.len = to.len;
	return bytes;
}

static bool
valid_text(CjText it)
{
	return it.data == NULL || pg_verify_mbstr(GetDatabaseEncoding(), it.data, it.len, true);
}

const char *
cj_flow_decode(CjText bytes, CjFlowOptions *options)
{
	CjReader	reader = {(const uint8 *) bytes.data, (const uint8 *) bytes.data + bytes.len, NULL};
	CjText		again;
	int64		flags;

	memset(options, 0, sizeof(*options));
	options->by = (CjBy) cj_get_limited(&reader, CJ_BY_ITEM);
	flags = cj_get_limited(&reader, 15);
	options->collapse = (flags & 1) != 0;
	options->links = (flags & 2) != 0;
	options->starting = (flags & 4) != 0;
	options->ending = (flags & 8) != 0;
	options->top = (int32) cj_get_limited(&reader, PG_INT32_MAX);
	options->steps = (int32) cj_get_limited(&reader, CJ_MAX_FLOW_STEPS);
	options->occurrence = (CjOccurrence) cj_get_limited(&reader, CJ_OCCURRENCE_EVERY);
	options->within = cj_get_limited(&reader, PG_INT64_MAX) - 1;
	if (options->starting)
		options->starts = cj_get_text(&reader, bytes.len);
	if (options->ending)
		options->ends = cj_get_text(&reader, bytes.len);
	if (reader.fault != NULL)
		return reader.fault;
	again = cj_flow_encode(options);
	if (options->top < 1 || again.len != bytes.len || memcmp(again.data, bytes.data, bytes.len) != 0 ||
		!valid_text(options->starts) || !valid_text(options->ends))
		return "Its options are out of range.";
	return NULL;
}

/* ---- counting ---- */

#define WIDTH	5

void
cj_flow_create(CjTallyRef *tally, CjText options)
{
	cj_tally_create(tally, CJ_TALLY_FLOW, WIDTH, options);
}

void
cj_flow_add(CjTallyRef *tally, int32 steps, const CjFlowStep *path, int32 count, bool completed)
{
	int32		key[WIDTH] = {0};

	for (int32 i = 0; i < count; i++)
	{
		key[0] = CJ_COUNT_LINK;
		key[1] = 0;
		key[2] = i;
		key[4] = path[i].name;
		cj_tally_add(tally, key, 1);
		key[0] = CJ_SUM_TIME;
		if (i > 0)
			cj_tally_add_integer(tally, key, path[i].time > path[i - 1].time ?
								 cj_elapsed(path[i - 1].time, path[i].time) :
								 cj_elapsed(path[i].time, path[i - 1].time));
		key[3] = path[i].name;
	}
	if (count <= steps)
	{
		key[0] = completed ? CJ_COUNT_COMPLETED : CJ_COUNT_DROPPED;
		key[1] = 0;
		key[2] = count;
		key[4] = 0;
		cj_tally_add(tally, key, 1);
	}
}

/* ---- loading ---- */

static bool
load_link(CjFlow *flow, const CjTallyRef *tally, const int32 *key, int32 i, int32 end)
{
	CjGraphRef *ref = &flow->at[key[2]];
	int32		source = 0;
	int32		context = key[3] & ~CJ_TALLY_NAME;
	int32		edge;

	if (!cj_tally_named(key[4]) || cj_tally_named(key[3]) != (key[2] > 0))
		return false;
	/* the node before is of another step's graph, this one may lack it */
	if (key[2] > 0)
		source = cj_graph_add_node(ref, &context);
	edge = cj_graph_add_edge(ref, source, key[4] & ~CJ_TALLY_NAME);
	if (key[0] == CJ_COUNT_LINK)
		ref->parts.edges[edge].count = tally->parts.counts[i];
	else
	{
		for (int32 digit = i; digit < end; digit++)
			if (tally->parts.counts[digit] < 0 || tally->parts.keys[(Size) digit * WIDTH + 1] < CJ_DIGIT_ONE ||
				tally->parts.keys[(Size) digit * WIDTH + 1] > CJ_DIGIT_ONE + 3)
				return false;
		ref->parts.edges[edge].sum = cj_tally_integer(tally, i, end);
	}
	/* times come after counts */
	return ref->parts.edges[edge].count > 0;
}

static bool
load_end(CjFlow *flow, const int32 *key, int64 count)
{
	CjGraphRef *ref = &flow->at[key[2]];
	int32		context = key[3] & ~CJ_TALLY_NAME;
	int32		node;

	if (!cj_tally_named(key[3]) || key[4] != 0 || key[2] == 0)
		return false;
	node = cj_graph_add_node(ref, &context);
	if (key[0] == CJ_COUNT_COMPLETED)
		ref->parts.nodes[node].tied = count;
	else
		ref->parts.nodes[node].exits = count;
	return true;
}

/* Do as many paths leave each name of a step as came to it? */
static bool
steps_agree(const CjFlow *flow, int32 step)
{
	const CjGraphRef *before = &flow->at[step - 1];
	const CjGraphRef *now = &flow->at[step];
	int64	   *more = palloc0_array(int64, now->graph->names + 1);
	bool		agree = true;

	for (int32 i = 0; i < before->graph->edges; i++)
	{
		const CjGraphEdge *edge = &before->parts.edges[i];

		agree &= !pg_add_s64_overflow(more[edge->code], edge->count, &more[edge->code]);
	}
	for (int32 i = 0; i < now->graph->edges; i++)
	{
		const CjGraphEdge *edge = &now->parts.edges[i];

		agree &= !pg_sub_s64_overflow(more[edge->source - 1], edge->count, &more[edge->source - 1]);
	}
	for (int32 i = 1; i < now->graph->nodes; i++)
	{
		const CjGraphNode *node = &now->parts.nodes[i];

		agree &= !pg_sub_s64_overflow(more[i - 1], node->exits, &more[i - 1]) &&
			!pg_sub_s64_overflow(more[i - 1], node->tied, &more[i - 1]);
	}
	for (int32 i = 0; i < now->graph->names; i++)
		agree &= more[i] == 0;
	pfree(more);
	return agree;
}

const char *
cj_flow_load(CjFlow *flow, const CjTallyRef *tally)
{
	const char *fault;
	int32		steps;

	if (tally->tally->kind != CJ_TALLY_FLOW || tally->tally->width != WIDTH)
		return "It is not of journey_flow.";
	fault = cj_flow_decode(cj_tally_options(tally), &flow->options);
	if (fault != NULL)
		return fault;
	steps = flow->options.steps;
	flow->paths = 0;
	flow->at = palloc_array(CjGraphRef, steps + 1);
	for (int32 step = 0; step <= steps; step++)
	{
		cj_graph_create(&flow->at[step], flow->options.by, 1, false);
		for (int32 i = 0; i < tally->tally->names; i++)
			cj_graph_add_name(&flow->at[step], cj_tally_text(tally, i | CJ_TALLY_NAME));
	}
	for (int32 i = 0, end; i < tally->tally->entries; i = end)
	{
		const int32 *key = tally->parts.keys + (Size) i * WIDTH;

		end = cj_tally_end(tally, i);
		if (key[2] > steps ||
			!(key[0] == CJ_COUNT_LINK || key[0] == CJ_SUM_TIME ? load_link(flow, tally, key, i, end) :
			  (key[0] == CJ_COUNT_DROPPED || key[0] == CJ_COUNT_COMPLETED) &&
			  load_end(flow, key, tally->parts.counts[i])))
			return "It counts what does not exist.";
	}
	for (int32 i = 0; i < flow->at[0].graph->edges; i++)
		if (pg_add_s64_overflow(flow->paths, flow->at[0].parts.edges[i].count, &flow->paths))
			return "Its counts do not add up.";
	for (int32 step = 1; step <= steps; step++)
		if (!steps_agree(flow, step))
			return "Its counts do not add up.";
	return NULL;
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
cj_flow_top(const CjFlow *flow, int32 step, int32 *codes)
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
	return Min(n, flow->options.top);
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
find_places(const CjFlow *flow, int32 step)
{
	int32		names = flow->at[step].graph->names;
	Places		places;

	places.codes = palloc_array(int32, names + 1);
	places.place = palloc_array(int32, names + 1);
	places.top = cj_flow_top(flow, step, places.codes);
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
cj_flow_rows(const CjFlow *flow, int32 *count)
{
	int64		room = 64;
	CjFlowRow  *rows = palloc_array(CjFlowRow, room);
	Places		before = {0, NULL, NULL};
	int64		alive = flow->paths;

	*count = 0;
	for (int32 step = 0; step <= flow->options.steps; step++)
	{
		Places		now = find_places(flow, step);
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
		for (int32 s = 0; s < sources && flow->options.links && step > 0; s++)
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
