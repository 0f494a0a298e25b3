/*-------------------------------------------------------------------------
 *
 * cluster_sql.c
 *		Clusters of any pairs: the aggregate linkage_clusters.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "common/common.h"
#include "common/progress.h"
#include "identity/datum.h"
#include "identity/linkage.h"

PG_FUNCTION_INFO_V1(cj_linkage_clusters_transfn);
PG_FUNCTION_INFO_V1(cj_linkage_clusters_finalfn);

typedef struct State
{
	MemoryContext context;
	bytea	   *kept;
	double		threshold;
	int32		max_size;
	char		separator;		/* between source and key; 0 is none */
	CjValues	nodes;
	CjEdge	   *edge;
	int64		nedges;
	int64		room;
} State;

static void
read_options(State *state, Datum record, bool isnull)
{
	CjOptions  *options = cj_options_read(record, isnull);
	Datum		value;

	state->threshold = cj_option(options, "threshold", FLOAT8OID, &value) ?
		DatumGetFloat8(value) : -get_float8_infinity();
	state->max_size = cj_option(options, "max_size", INT4OID, &value) ? DatumGetInt32(value) : 0;
	if (state->max_size < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"max_size\" must not be negative")));
	if (cj_option(options, "source_separator", TEXTOID, &value))
	{
		CjText		t = cj_utf8_arg(DatumGetTextPP(value));

		if (t.len != 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"source_separator\" must be one ASCII character")));
		state->separator = t.data[0];
	}
}

static State *
state_of(FunctionCallInfo fcinfo)
{
	MemoryContext context;
	State	   *state;
	bool		has_options = PG_NARGS() > 4;
	Datum		options = has_options ? PG_GETARG_DATUM(4) : (Datum) 0;
	bool		isnull = !has_options || PG_ARGISNULL(4);

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "linkage_clusters called in non-aggregate context");
	if (!PG_ARGISNULL(0))
	{
		state = (State *) PG_GETARG_POINTER(0);
		if (has_options)
			cj_options_check(state->kept, options, isnull, "linkage_clusters");
		return state;
	}
	state = MemoryContextAllocZero(context, sizeof(State));
	state->context = context;
	state->kept = cj_options_keep(options, isnull, context);
	read_options(state, options, isnull);
	cj_values_init(&state->nodes, context);
	state->nodes.bytes_only = true;
	return state;
}

static int32
node_of(State *state, FunctionCallInfo fcinfo, int argument)
{
	CjText		id = cj_utf8_arg(PG_GETARG_TEXT_PP(argument));

	return cj_values_code(&state->nodes, id.data, id.len);
}

/*
 * (state, a, b, weight [, options]); an id alone is a node without an edge
 */
Datum
cj_linkage_clusters_transfn(PG_FUNCTION_ARGS)
{
	State	   *state = state_of(fcinfo);
	int32		a;
	int32		b;
	double		weight;

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);
	a = node_of(state, fcinfo, 1);
	if (PG_ARGISNULL(2))
		PG_RETURN_POINTER(state);
	b = node_of(state, fcinfo, 2);
	weight = PG_ARGISNULL(3) ? 0 : PG_GETARG_FLOAT8(3);
	if (isnan(weight))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the weight of an edge must not be NaN")));
	if (a == b || (weight < state->threshold && !isinf(weight)))
		PG_RETURN_POINTER(state);
	if (state->nedges == state->room)
	{
		state->room = Max(64, state->room * 2);
		state->edge = state->edge == NULL ?
			MemoryContextAllocHuge(state->context, sizeof(CjEdge) * state->room) :
			repalloc_huge(state->edge, sizeof(CjEdge) * state->room);
	}
	state->edge[state->nedges].a = a;
	state->edge[state->nedges].b = b;
	state->edge[state->nedges++].weight = weight;
	PG_RETURN_POINTER(state);
}

/* Source of each node: a number for each text before the separator. */
static int32 *
node_sources(State *state, const int32 *sorted)
{
	CjValues	sources;
	int32	   *source;

	if (state->separator == 0)
		return NULL;
	cj_values_init(&sources, CurrentMemoryContext);
	source = MemoryContextAllocHuge(CurrentMemoryContext,
									sizeof(int32) * Max((Size) state->nodes.nvalues, 1));
	for (int32 i = 0; i < state->nodes.nvalues; i++)
	{
		CjText		id = cj_value_text(&state->nodes, sorted[i]);
		const char *stop = memchr(id.data, state->separator, id.len);

		source[i] = stop == NULL ? -1 :
			cj_values_code(&sources, id.data, (int32) (stop - id.data));
	}
	return source;
}

static HeapTuple
member_tuple(const State *state, const int32 *sorted, int32 node, int32 label, int32 size,
			 TupleDesc desc)
{
	CjText		id = cj_value_text(&state->nodes, sorted[node]);
	CjText		cluster = cj_value_text(&state->nodes, sorted[label]);
	bool		nulls[3] = {false};
	Datum		values[3];

	values[0] = PointerGetDatum(cj_utf8_text(id.data, id.len));
	values[1] = PointerGetDatum(cj_utf8_text(cluster.data, cluster.len));
	values[2] = Int32GetDatum(size);
	return heap_form_tuple(desc, values, nulls);
}

/* A copy of the edges with nodes numbered in byte order, smaller end first. */
static CjEdge *
ordered_edges(const State *state, const int32 *sorted)
{
	Size		n = Max((Size) state->nodes.nvalues, 1);
	int32	   *rank = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * n);
	CjEdge	   *edge = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(CjEdge) * Max((Size) state->nedges, 1));

	for (int32 i = 0; i < state->nodes.nvalues; i++)
		rank[sorted[i]] = i;
	for (int64 i = 0; i < state->nedges; i++)
	{
		int32		a = rank[state->edge[i].a];
		int32		b = rank[state->edge[i].b];

		edge[i].a = Min(a, b);
		edge[i].b = Max(a, b);
		edge[i].weight = state->edge[i].weight;
	}
	pfree(rank);
	return edge;
}

Datum
cj_linkage_clusters_finalfn(PG_FUNCTION_ARGS)
{
	TupleDesc	desc = cj_result_tupdesc(fcinfo);
	CjClusterSettings settings;
	State	   *state;
	int32	   *sorted;
	int32	   *label;
	int32	   *size;
	HeapTuple  *tuples;
	int32		n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (State *) PG_GETARG_POINTER(0);
	n = state->nodes.nvalues;
	sorted = cj_values_sorted(&state->nodes);
	settings.max_size = state->max_size;
	settings.source = node_sources(state, sorted);
	cj_progress_start("linkage_clusters");
	label = cj_cluster(n, ordered_edges(state, sorted), state->nedges, &settings);
	cj_progress_end();
	size = MemoryContextAllocExtended(CurrentMemoryContext, sizeof(int32) * Max((Size) n, 1),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int32 i = 0; i < n; i++)
		size[label[i]]++;
	tuples = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(HeapTuple) * Max((Size) n, 1));
	for (int32 i = 0; i < n; i++)
	{
		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		tuples[i] = member_tuple(state, sorted, i, label[i], size[label[i]], desc);
	}
	PG_RETURN_DATUM(cj_composite_array(desc, tuples, n));
}
