/*-------------------------------------------------------------------------
 *
 * next_sql.c
 *		journey_next: what comes next, how good such predictions are, and
 *		whether a target will be reached.
 *
 * The model is built from the graph once a call site, and again when the
 * graph's bytes change.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "journey/datum.h"
#include "paths/next.h"
#include "paths/paths.h"

PG_FUNCTION_INFO_V1(cj_journey_next);
PG_FUNCTION_INFO_V1(cj_journey_next_score);
PG_FUNCTION_INFO_V1(cj_journey_reach);

/* fn_extra */
typedef struct NextCache
{
	MemoryContext context;
	struct varlena *bytes;		/* of the graph, packed */
	CjGraphRef	graph;
	CjNextModel *model;
} NextCache;

static NextCache *
cached_graph(FunctionCallInfo fcinfo)
{
	NextCache  *cache = fcinfo->flinfo->fn_extra;
	struct varlena *bytes = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	MemoryContext old;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(NextCache));
		cache->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "journey graph", ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	else if (cache->bytes != NULL && VARSIZE_ANY_EXHDR(bytes) == VARSIZE_ANY_EXHDR(cache->bytes) &&
			 memcmp(VARDATA_ANY(bytes), VARDATA_ANY(cache->bytes), VARSIZE_ANY_EXHDR(bytes)) == 0)
		return cache;
	cache->bytes = NULL;
	MemoryContextReset(cache->context);
	old = MemoryContextSwitchTo(cache->context);
	cj_graph_read_sorted(&cache->graph, PointerGetDatum(bytes));
	cache->model = cj_next_build(&cache->graph);
	cache->bytes = (struct varlena *) PG_DETOAST_DATUM_COPY(PointerGetDatum(bytes));
	MemoryContextSwitchTo(old);
	return cache;
}

/* The journey's path as codes of the graph, -1 for names that it lacks. */
static int32 *
path_codes(const CjGraphRef *graph, const CjView *view, int32 *count)
{
	const CjPacked *packed;
	int32		gap;
	const CjNames *names = cj_path_names(view, (CjBy) graph->graph->by, &packed, &gap);
	int32	   *map = palloc_array(int32, names->count + 1);
	int32	   *codes = palloc_extended((view->nevents + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	int32		last = -1;

	for (int32 i = 0; i < names->count; i++)
		map[i] = cj_graph_find_name(graph, cj_name(names, i));
	*count = 0;
	for (int32 i = 0; i < view->nevents && names->count > 0; i++)
	{
		int32		code = (int32) cj_packed_get(packed, i) - gap;

		if (code < 0 || (graph->graph->collapse && code == last))
			continue;
		last = code;
		codes[(*count)++] = map[code];
	}
	pfree(map);
	return codes;
}

static double
prior_argument(double prior)
{
	if (!(prior > 0) || isinf(prior))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"prior\" must be positive and finite")));
	return prior;
}

/* More probable first, then by name. */
static int
compare_probability(const void *a, const void *b, void *arg)
{
	const CjNextModel *model = arg;
	int32		i = *(const int32 *) a;
	int32		j = *(const int32 *) b;

	if (model->probability[i] != model->probability[j])
		return model->probability[i] > model->probability[j] ? -1 : 1;
	return model->rank[i] - model->rank[j];
}

/* journey_next(graph, journey, top, prior) returns setof (event, probability, expected_wait) */
Datum
cj_journey_next(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = cj_materialize(fcinfo);
	NextCache  *cache = cached_graph(fcinfo);
	CjNextModel *model = cache->model;
	int32		names = model->contexts.graph->names;

	CJ_ARG_VIEW(view, 1);
	int32		top = PG_GETARG_INT32(2);
	double		prior = prior_argument(PG_GETARG_FLOAT8(3));
	CjNextContext context;
	int32		count;
	int32	   *codes = path_codes(&cache->graph, &view, &count);
	int32	   *order;

	if (top < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"top\" must be positive, not %d", top)));
	cj_next_context(model, codes, count, &context);
	cj_next_predict(model, &context, prior);
	order = palloc_array(int32, names + 1);
	memcpy(order, model->by_name, names * sizeof(int32));
	qsort_arg(order, names, sizeof(int32), compare_probability, model);
	for (int32 i = 0; i < Min(names, top); i++)
	{
		const CjGraphEdge *edge = cj_next_edge(model, &context, order[i]);
		Datum		values[3];
		bool		nulls[3] = {false};

		CHECK_FOR_INTERRUPTS();
		values[0] = PointerGetDatum(cj_text_datum(cj_graph_name(&model->contexts, order[i])));
		values[1] = Float8GetDatum(model->probability[order[i]]);
		nulls[2] = edge == NULL;
		if (edge != NULL)
			values[2] = cj_mean_interval(edge->sum, edge->count);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* How many names rank before the one that came? */
static int32
rank_of(const CjNextModel *model, int32 code)
{
	int32		before = 0;

	for (int32 i = 0; i < model->contexts.graph->names; i++)
		before += compare_probability(&i, &code, (void *) model) < 0;
	return before;
}

/* journey_next_score(graph, journey, prior) returns (predictions, hits_1, hits_3, hits_5, log_loss) */
Datum
cj_journey_next_score(PG_FUNCTION_ARGS)
{
	NextCache  *cache = cached_graph(fcinfo);
	CjNextModel *model = cache->model;

	CJ_ARG_VIEW(view, 1);
	double		prior = prior_argument(PG_GETARG_FLOAT8(2));
	int32		count;
	int32	   *codes = path_codes(&cache->graph, &view, &count);
	int64		hits[3] = {0, 0, 0};
	double		loss = 0;
	Datum		values[5];
	bool		nulls[5] = {false};
	TupleDesc	desc;

	for (int32 i = 1; i < count; i++)
	{
		CjNextContext context;
		double		probability;

		CHECK_FOR_INTERRUPTS();
		cj_next_context(model, codes, i, &context);
		cj_next_predict(model, &context, prior);

		/*
		 * a name that the model has never seen: as if it were one more
		 * equally probable name
		 */
		probability = codes[i] >= 0 ? model->probability[codes[i]] :
			1.0 / (model->contexts.graph->names + 1) * prior / (model->totals[0] + prior);
		loss -= log(probability);
		if (codes[i] >= 0)
		{
			int32		rank = rank_of(model, codes[i]);

			hits[0] += rank < 1;
			hits[1] += rank < 3;
			hits[2] += rank < 5;
		}
	}
	values[0] = Int64GetDatum(Max(count - 1, 0));
	for (int i = 0; i < 3; i++)
		values[i + 1] = Int64GetDatum(hits[i]);
	values[4] = Float8GetDatum(loss);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "journey_next_score must return a row type");
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* journey_reach(graph, journey, target, steps): NULL steps are "ever" */
Datum
cj_journey_reach(PG_FUNCTION_ARGS)
{
	NextCache  *cache;
	CjNextContext context;
	int32		node;
	int32		target;
	int32		steps = PG_ARGISNULL(3) ? -1 : PG_GETARG_INT32(3);
	int32		count;
	int32	   *codes;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	if (!PG_ARGISNULL(3) && steps < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"steps\" must not be negative")));
	cache = cached_graph(fcinfo);
	{
		CJ_ARG_VIEW(view, 1);

		codes = path_codes(&cache->graph, &view, &count);
	}
	cj_next_context(cache->model, codes, count, &context);
	node = cj_graph_find_node(&cache->graph, context.last);
	target = cj_graph_find_name(&cache->graph, cj_text_arg(PG_GETARG_TEXT_PP(2)));
	if (node < 0 || (count > 0 && codes[count - 1] < 0))
		PG_RETURN_NULL();
	if (target < 0)
		PG_RETURN_FLOAT8(0);
	PG_RETURN_FLOAT8(cj_graph_reach_from(&cache->graph, node, target, steps));
}
