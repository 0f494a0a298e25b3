/*-------------------------------------------------------------------------
 *
 * graph_rows_sql.c
 *		What a graph says, as rows: totals, nodes, edges, bottlenecks, loops.
 *
 * Rows come in the graph's canonical order, unless they are ranked.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "journey/datum.h"
#include "paths/paths.h"

PG_FUNCTION_INFO_V1(cj_graph_totals);
PG_FUNCTION_INFO_V1(cj_graph_nodes);
PG_FUNCTION_INFO_V1(cj_graph_edges);
PG_FUNCTION_INFO_V1(cj_graph_bottlenecks);
PG_FUNCTION_INFO_V1(cj_graph_loops);

/* ---- labels and times ---- */

text *
cj_node_label(const CjGraphRef *ref, int32 node)
{
	int32		context[CJ_MAX_DEPTH];
	StringInfoData label;

	cj_graph_context(ref, node, context);
	if (ref->graph->depth == 1)
		return cj_text_datum(cj_graph_name(ref, context[0]));
	initStringInfo(&label);
	for (int i = 0; i < ref->graph->depth; i++)
		if (context[i] >= 0)
		{
			CjText		name = cj_graph_name(ref, context[i]);

			if (label.len > 0)
				appendStringInfoString(&label, " > ");
			appendBinaryStringInfo(&label, name.data, name.len);
		}
	return cstring_to_text_with_len(label.data, label.len);
}

/* The labels of all nodes but the start, which has none. */
static Datum *
node_labels(const CjGraphRef *ref)
{
	Datum	   *labels = palloc_array(Datum, ref->graph->nodes);

	for (int32 i = 1; i < ref->graph->nodes; i++)
		labels[i] = PointerGetDatum(cj_node_label(ref, i));
	return labels;
}

/* (2^64 * high + low) / count, to the microsecond, exactly */
Datum
cj_mean_interval(CjSum sum, int64 count)
{
	uint64		divisor = (uint64) count;
	uint64		rest = sum.high % divisor;
	uint64		mean = 0;

	if (likely(rest == 0))
	{
		mean = sum.low / divisor;
		rest = sum.low % divisor;
	}
	else
	{
		/* long division, bit by bit: counts are below 2^63, so rest * 2 fits */
		for (int bit = 63; bit >= 0; bit--)
		{
			rest = rest << 1 | ((sum.low >> bit) & 1);
			mean <<= 1;
			if (rest >= divisor)
			{
				rest -= divisor;
				mean |= 1;
			}
		}
	}
	if (rest >= divisor - rest)
		mean++;
	return IntervalPGetDatum(cj_usec_interval(mean));
}

/* mean, median and 90 % of times into three columns */
static void
time_values(CjSum sum, int64 total, uint64 median, uint64 p90, Datum *values)
{
	values[0] = cj_mean_interval(sum, total);
	values[1] = IntervalPGetDatum(cj_usec_interval(median));
	values[2] = IntervalPGetDatum(cj_usec_interval(p90));
}

static void
edge_times(const CjGraphRef *ref, const CjGraphEdge *edge, Datum *values)
{
	const CjEdgeTimes *times = &ref->times[edge - ref->parts.edges];

	time_values(edge->sum, edge->count, times->median, times->p90, values);
}

/* ---- totals of nodes ---- */

typedef struct NodeTotals
{
	int64	   *events;			/* visits: everything that comes in */
	int64	   *entries;
	int64		all;
	int64		transitions;
} NodeTotals;

static NodeTotals
node_totals(const CjGraphRef *ref)
{
	NodeTotals	totals;

	totals.events = palloc0_array(int64, ref->graph->nodes);
	totals.entries = palloc0_array(int64, ref->graph->nodes);
	totals.all = 0;
	totals.transitions = 0;
	for (int32 i = 0; i < ref->graph->edges; i++)
	{
		const CjGraphEdge *edge = &ref->parts.edges[i];

		totals.events[edge->target] += edge->count;
		totals.all += edge->count;
		if (edge->source == 0)
			totals.entries[edge->target] += edge->count;
		else
			totals.transitions += edge->count;
	}
	return totals;
}

Datum
cj_graph_totals(PG_FUNCTION_ARGS)
{
	CjGraphRef	ref;
	NodeTotals	totals;
	Datum		values[8];
	bool		nulls[8] = {false};
	int64		tied = 0;
	int32		starts = 0;

	cj_graph_read_summary(&ref, PG_GETARG_DATUM(0));
	totals = node_totals(&ref);
	for (int32 i = 1; i < ref.graph->nodes; i++)
		tied += ref.parts.nodes[i].tied;
	for (int32 i = 0; i < ref.graph->edges; i++)
		starts += ref.parts.edges[i].source == 0;
	values[0] = Int64GetDatum(ref.graph->journeys);
	values[1] = Int64GetDatum(ref.graph->empty);
	values[2] = Int64GetDatum(totals.all);
	values[3] = Int64GetDatum(totals.transitions);
	values[4] = Int64GetDatum(ref.graph->nodes - 1);
	values[5] = Int64GetDatum(ref.graph->edges - starts);
	values[6] = Int64GetDatum(tied);
	values[7] = Int64GetDatum(ref.graph->skipped);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(cj_result_tupdesc(fcinfo), values, nulls)));
}

/* Adds up the histograms of all edges that leave each node, in node order. */
typedef struct Stay
{
	CjSum		sum;
	int64		total;
	int64		counters[CJ_BUCKETS];
} Stay;

/* The edges of a canonical graph that leave a node follow each other. */
static void
stay_at(const CjGraphRef *ref, int32 node, int32 *edge, Stay *stay)
{
	memset(stay, 0, sizeof(*stay));
	while (*edge < ref->graph->edges && ref->parts.edges[*edge].source < node)
		(*edge)++;
	for (; *edge < ref->graph->edges && ref->parts.edges[*edge].source == node; (*edge)++)
	{
		const CjGraphEdge *from = &ref->parts.edges[*edge];
		int64		counters[CJ_BUCKETS];
		int32		count = cj_graph_histogram(ref, from, counters);

		cj_sum_add(&stay->sum, from->sum);
		stay->total += from->count;
		for (int32 i = 0; i < count; i++)
			stay->counters[from->octave * CJ_SUB_BUCKETS + i] += counters[i];
	}
}

Datum
cj_graph_nodes(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = cj_materialize(fcinfo);
	CjGraphRef	ref;
	NodeTotals	totals;
	Stay	   *stay = palloc_object(Stay);
	int32		edge = 0;

	cj_graph_read_sorted(&ref, PG_GETARG_DATUM(0));
	totals = node_totals(&ref);
	for (int32 i = 1; i < ref.graph->nodes; i++)
	{
		const CjGraphNode *node = &ref.parts.nodes[i];
		Datum		values[12];
		bool		nulls[12] = {false};

		CHECK_FOR_INTERRUPTS();
		stay_at(&ref, i, &edge, stay);
		values[0] = PointerGetDatum(cj_node_label(&ref, i));
		values[1] = Int64GetDatum(totals.events[i]);
		values[2] = Int64GetDatum(node->journeys);
		values[3] = Float8GetDatum((double) totals.events[i] / (double) totals.all);
		values[4] = Int64GetDatum(totals.entries[i]);
		values[5] = Int64GetDatum(node->exits);
		values[6] = Int64GetDatum(totals.events[i] - node->journeys);
		values[7] = Int64GetDatum(node->again);
		values[8] = Int64GetDatum(node->tied);
		if (stay->total > 0)
			time_values(stay->sum, stay->total,
						cj_quantile(stay->counters, 0, CJ_BUCKETS, stay->total, 0.5),
						cj_quantile(stay->counters, 0, CJ_BUCKETS, stay->total, 0.9), values + 9);
		else
			nulls[9] = nulls[10] = nulls[11] = true;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
cj_graph_edges(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = cj_materialize(fcinfo);
	CjGraphRef	ref;
	NodeTotals	totals;
	Datum	   *labels;

	cj_graph_read_summary(&ref, PG_GETARG_DATUM(0));
	totals = node_totals(&ref);
	labels = node_labels(&ref);
	for (int32 i = 0; i < ref.graph->edges; i++)
	{
		const CjGraphEdge *edge = &ref.parts.edges[i];
		double		count = (double) edge->count;
		Datum		values[10];
		bool		nulls[10] = {false};

		if (edge->source == 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		values[0] = labels[edge->source];
		values[1] = labels[edge->target];
		values[2] = Int64GetDatum(edge->count);
		values[3] = Int64GetDatum(edge->journeys);
		values[4] = Float8GetDatum(count / (double) totals.transitions);
		values[5] = Float8GetDatum(count / (double) totals.events[edge->source]);
		values[6] = Float8GetDatum(count / (double) totals.events[edge->target]);
		edge_times(&ref, edge, values + 7);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- bottlenecks ---- */

/* More time first; then in canonical order. */
static int
compare_time(const void *a, const void *b, void *arg)
{
	const CjGraphRef *ref = arg;
	int32		i = *(const int32 *) a;
	int32		j = *(const int32 *) b;
	CjSum		x = ref->parts.edges[i].sum;
	CjSum		y = ref->parts.edges[j].sum;

	if (x.high != y.high)
		return x.high > y.high ? -1 : 1;
	if (x.low != y.low)
		return x.low > y.low ? -1 : 1;
	return i - j;
}

Datum
cj_graph_bottlenecks(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = cj_materialize(fcinfo);
	CjGraphRef	ref;
	int32	   *order;
	int32		count = 0;
	CjSum		all = {0, 0};
	double		before = 0;
	Datum	   *labels;

	cj_graph_read_summary(&ref, PG_GETARG_DATUM(0));
	labels = node_labels(&ref);
	order = palloc_array(int32, ref.graph->edges + 1);
	for (int32 i = 0; i < ref.graph->edges; i++)
		if (ref.parts.edges[i].source != 0)
		{
			order[count++] = i;
			cj_sum_add(&all, ref.parts.edges[i].sum);
		}
	qsort_arg(order, count, sizeof(int32), compare_time, &ref);
	for (int32 i = 0; i < count; i++)
	{
		const CjGraphEdge *edge = &ref.parts.edges[order[i]];
		double		share = cj_sum_double(all) == 0 ? 0 : cj_sum_double(edge->sum) / cj_sum_double(all);
		Datum		values[9];
		bool		nulls[9] = {false};

		CHECK_FOR_INTERRUPTS();
		before += share;
		values[0] = labels[edge->source];
		values[1] = labels[edge->target];
		values[2] = Int64GetDatum(edge->count);
		values[3] = Float8GetDatum(cj_sum_double(edge->sum) / (double) USECS_PER_DAY);
		values[4] = Float8GetDatum(share);
		values[5] = Float8GetDatum(Min(before, 1.0));
		edge_times(&ref, edge, values + 6);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- loops ---- */

/* The ways back to a name within the graph's depth: the names from one visit to the next. */
typedef struct Loop
{
	int32		length;			/* steps */
	int32		names[CJ_MAX_DEPTH];
	int64		count;
} Loop;

static int
compare_loops(const void *a, const void *b)
{
	const Loop *x = a;
	const Loop *y = b;

	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	for (int i = 0; i < x->length; i++)
		if (x->names[i] != y->names[i])
			return x->names[i] < y->names[i] ? -1 : 1;
	return 0;
}

/* Does the edge close a loop? */
static bool
edge_loop(const CjGraphRef *ref, const CjGraphEdge *edge, Loop *loop)
{
	int			depth = ref->graph->depth;
	int32		context[CJ_MAX_DEPTH];

	cj_graph_context(ref, edge->source, context);
	for (int i = depth - 1; i >= 0; i--)
		if (context[i] == edge->code)
		{
			memset(loop, 0, sizeof(*loop));
			loop->length = depth - i;
			loop->count = edge->count;
			memcpy(loop->names, context + i, loop->length * sizeof(int32));
			return true;
		}
	return false;
}

static Datum
loop_path(const CjGraphRef *ref, const Loop *loop)
{
	StringInfoData path;

	initStringInfo(&path);
	for (int i = 0; i <= loop->length; i++)
	{
		CjText		name = cj_graph_name(ref, loop->names[i % loop->length]);

		if (i > 0)
			appendStringInfoString(&path, " > ");
		appendBinaryStringInfo(&path, name.data, name.len);
	}
	return PointerGetDatum(cstring_to_text_with_len(path.data, path.len));
}

Datum
cj_graph_loops(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = cj_materialize(fcinfo);
	CjGraphRef	ref;
	NodeTotals	totals;
	Loop	   *loops;
	int32		count = 0;

	cj_graph_read_summary(&ref, PG_GETARG_DATUM(0));
	totals = node_totals(&ref);
	loops = palloc_extended((ref.graph->edges + 1) * sizeof(Loop), MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < ref.graph->edges; i++)
		if (ref.parts.edges[i].source != 0 && edge_loop(&ref, &ref.parts.edges[i], &loops[count]))
			count++;
	qsort(loops, count, sizeof(Loop), compare_loops);
	for (int32 i = 0; i < count;)
	{
		int64		times = 0;
		const Loop *loop = &loops[i];
		Datum		values[4];
		bool		nulls[4] = {false};

		CHECK_FOR_INTERRUPTS();
		for (; i < count && compare_loops(loop, &loops[i]) == 0; i++)
			times += loops[i].count;
		values[0] = loop_path(&ref, loop);
		values[1] = Int32GetDatum(loop->length);
		values[2] = Int64GetDatum(times);
		values[3] = Float8GetDatum((double) times / (double) totals.transitions);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
