/*-------------------------------------------------------------------------
 *
 * linkage_agg_sql.c
 *		Aggregates over records: fit, candidates, pairs, clusters.
 *
 * Transitions put records into an engine; the work is done at the end.  The
 * order of rows has no influence: records are sorted by their ids before
 * pairs are made, and a fit adds up integers.
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
#include "identity/model.h"

PG_FUNCTION_INFO_V1(cj_linkage_fit_transfn);
PG_FUNCTION_INFO_V1(cj_linkage_records_transfn);
PG_FUNCTION_INFO_V1(cj_linkage_train_transfn);
PG_FUNCTION_INFO_V1(cj_linkage_fit_finalfn);
PG_FUNCTION_INFO_V1(cj_linkage_train_finalfn);
PG_FUNCTION_INFO_V1(cj_linkage_candidates_finalfn);
PG_FUNCTION_INFO_V1(cj_linkage_pairs_finalfn);
PG_FUNCTION_INFO_V1(cj_linkage_resolve_finalfn);

typedef struct State
{
	MemoryContext context;
	bytea	   *kept;			/* the specification or model, to compare with */
	HeapTupleHeader given;		/* the same, aligned to be read */
	CjLinkage  *linkage;
	CjRowReader *reader;
	bool		has_minimum;
	double		minimum;
	int64		labelled[CJ_MAX_COMPARISONS][CJ_MAX_LEVELS];
} State;

static Datum
kept_datum(const State *state)
{
	return HeapTupleHeaderGetDatum(state->given);
}

/* The state, made on the first row from the specification or model in an argument. */
static State *
state_of(FunctionCallInfo fcinfo, int argument, const char *function)
{
	MemoryContext context;
	MemoryContext old;
	State	   *state;
	HeapTupleHeader header;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "%s called in non-aggregate context", function);
	if (!PG_ARGISNULL(0))
	{
		state = (State *) PG_GETARG_POINTER(0);
		cj_options_check(state->kept, PG_GETARG_DATUM(argument), PG_ARGISNULL(argument), function);
		return state;
	}
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s needs a specification or model", function)));
	state = MemoryContextAllocZero(context, sizeof(State));
	state->context = context;
	header = PG_GETARG_HEAPTUPLEHEADER(argument);
	state->kept = cj_options_keep(HeapTupleHeaderGetDatum(header), false, context);
	state->given = MemoryContextAllocHuge(context, HeapTupleHeaderGetDatumLength(header));
	memcpy(state->given, header, HeapTupleHeaderGetDatumLength(header));
	old = MemoryContextSwitchTo(context);
	state->linkage = cj_linkage_of(context, kept_datum(state));
	state->reader = cj_row_reader(context, state->linkage);
	MemoryContextSwitchTo(old);
	return state;
}

/*
 * linkage_fit, linkage_candidates: (state, row, spec)
 */
Datum
cj_linkage_fit_transfn(PG_FUNCTION_ARGS)
{
	State	   *state = state_of(fcinfo, 2, "linkage_fit");
	bool		is_jsonb = get_fn_expr_argtype(fcinfo->flinfo, 1) == JSONBOID;
	CjText		none = {NULL, 0};

	if (!PG_ARGISNULL(1))
		cj_linkage_add(state->linkage, none,
					   cj_read_row(state->reader, PG_GETARG_DATUM(1), is_jsonb));
	PG_RETURN_POINTER(state);
}

/*
 * linkage_pairs, linkage_resolve: (state, id, row, spec or model [, minimum])
 */
Datum
cj_linkage_records_transfn(PG_FUNCTION_ARGS)
{
	State	   *state = state_of(fcinfo, 3, "linkage");
	bool		is_jsonb = get_fn_expr_argtype(fcinfo->flinfo, 2) == JSONBOID;

	if (PG_NARGS() > 4 && !PG_ARGISNULL(4))
	{
		state->has_minimum = true;
		state->minimum = PG_GETARG_FLOAT8(4);
	}
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the id of a record must not be NULL")));
	if (!PG_ARGISNULL(2))
		cj_linkage_add(state->linkage, cj_utf8_arg(PG_GETARG_TEXT_PP(1)),
					   cj_read_row(state->reader, PG_GETARG_DATUM(2), is_jsonb));
	PG_RETURN_POINTER(state);
}

/* ---- fit ---- */

static Datum
fitted_model(State *state, FunctionCallInfo fcinfo)
{
	CjOptions  *given = cj_options_read(kept_datum(state), false);
	Datum		spec = kept_datum(state);

	/* a model's specification is its second attribute */
	if (given->desc->natts > 1 && strcmp(NameStr(TupleDescAttr(given->desc, 1)->attname), "spec") == 0)
		spec = given->values[1];
	return cj_linkage_model_datum(state->linkage, spec, cj_result_tupdesc(fcinfo));
}

Datum
cj_linkage_fit_finalfn(PG_FUNCTION_ARGS)
{
	State	   *state;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (State *) PG_GETARG_POINTER(0);
	cj_progress_start("linkage_fit");
	cj_linkage_fit(state->linkage);
	cj_progress_end();
	PG_RETURN_DATUM(fitted_model(state, fcinfo));
}

/*
 * linkage_train(a, b, is_match, model): m counted from pairs known to match
 */
Datum
cj_linkage_train_transfn(PG_FUNCTION_ARGS)
{
	State	   *state = state_of(fcinfo, 4, "linkage_train");
	CjLinkage  *linkage = state->linkage;
	int8		level[CJ_MAX_COMPARISONS];
	CjText		none = {NULL, 0};

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3) || !PG_GETARG_BOOL(3))
		PG_RETURN_POINTER(state);
	if (linkage->nrecords == 0)
		for (int c = 0; c < linkage->ncomparisons; c++)
			cj_compare_prepare(&linkage->comparison[c], state->context);
	cj_linkage_clear(linkage);
	for (int i = 1; i <= 2; i++)
	{
		bool		is_jsonb = get_fn_expr_argtype(fcinfo->flinfo, i) == JSONBOID;

		cj_linkage_add(linkage, none, cj_read_row(state->reader, PG_GETARG_DATUM(i), is_jsonb));
	}
	cj_pair_levels(linkage, 0, 1, level);
	for (int c = 0; c < linkage->ncomparisons; c++)
		if (level[c] >= 0)
			state->labelled[c][level[c]]++;
	PG_RETURN_POINTER(state);
}

/* Replaces m in the levels of the model by the labelled shares. */
static void
train_levels(State *state)
{
	CjLinkage  *linkage = state->linkage;

	for (int c = 0; c < linkage->ncomparisons; c++)
	{
		CjComparison *comparison = &linkage->comparison[c];
		int64		total = 0;

		for (int level = 0; level < comparison->nlevels; level++)
			total += state->labelled[c][level];
		for (int level = 0; level < comparison->nlevels && total > 0; level++)
			comparison->m[level] = (state->labelled[c][level] +
									linkage->em.prior / comparison->nlevels) /
				(total + linkage->em.prior);
	}
}

/* The model with other levels: every other attribute stays as it was. */
Datum
cj_linkage_train_finalfn(PG_FUNCTION_ARGS)
{
	State	   *state;
	CjOptions  *given;
	TupleDesc	desc = cj_result_tupdesc(fcinfo);
	Datum		values[15];
	bool		nulls[15];

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (State *) PG_GETARG_POINTER(0);
	train_levels(state);
	given = cj_options_read(kept_datum(state), false);
	if (!state->linkage->fitted || given->desc->natts != desc->natts)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("linkage_train needs a fitted model, not a specification")));
	memcpy(values, given->values, sizeof(values));
	memcpy(nulls, given->nulls, sizeof(nulls));
	values[12] = cj_linkage_model_levels(state->linkage, desc);
	nulls[12] = false;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* ---- candidates ---- */

Datum
cj_linkage_candidates_finalfn(PG_FUNCTION_ARGS)
{
	TupleDesc	desc = cj_result_tupdesc(fcinfo);
	HeapTuple	tuples[CJ_MAX_RULES];
	CjLinkage  *linkage;
	int64		pairs = 0;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	linkage = ((State *) PG_GETARG_POINTER(0))->linkage;
	cj_blocking_prepare(linkage, false);
	for (int r = 0; r < linkage->nrules; r++)
		pairs += linkage->rule[r].pairs;
	/* distinct pairs are enumerated, so only within the budget */
	if (linkage->max_pairs == 0 || pairs <= linkage->max_pairs)
		cj_blocking_run(linkage, NULL, NULL);
	else
		pairs = -1;
	for (int r = 0; r < linkage->nrules; r++)
	{
		CjRule	   *rule = &linkage->rule[r];
		bool		nulls[8] = {false};
		Datum		values[8];

		values[0] = PointerGetDatum(cj_utf8_text(rule->text, strlen(rule->text)));
		values[1] = Int64GetDatum(rule->pairs);
		values[2] = Int64GetDatum(rule->new_pairs);
		values[3] = Int64GetDatum(rule->blocks);
		values[4] = Int64GetDatum(rule->largest);
		values[5] = rule->largest_key == NULL ? (Datum) 0 :
			PointerGetDatum(cj_utf8_text(rule->largest_key, strlen(rule->largest_key)));
		values[6] = Int64GetDatum(rule->skipped_blocks);
		values[7] = Int64GetDatum(rule->skipped_pairs);
		nulls[2] = pairs < 0;
		nulls[5] = rule->largest_key == NULL;
		tuples[r] = heap_form_tuple(desc, values, nulls);
	}
	PG_RETURN_DATUM(cj_composite_array(desc, tuples, linkage->nrules));
}

/* ---- pairs and clusters ---- */

static double
minimum_of(const State *state)
{
	return state->has_minimum ? state->minimum : state->linkage->threshold;
}

/* Sorts, fits if only a specification was given, and scores. */
static CjPair *
score(State *state, bool all, int64 *npairs)
{
	CjLinkage  *linkage = state->linkage;

	cj_linkage_sort(linkage);
	linkage->collector = NULL;
	if (!linkage->fitted)
	{
		cj_linkage_fit(linkage);
		linkage->fitted = false;
	}
	return cj_linkage_score(linkage, all ? -get_float8_infinity() : minimum_of(state), npairs);
}

static Datum
id_datum(const CjLinkage *linkage, int32 record)
{
	const char *id = cj_record_id(linkage, record);

	return PointerGetDatum(cj_utf8_text(id, strlen(id)));
}

/* An array of many rows, each formed, copied and freed in turn. */
static Datum
row_array(TupleDesc desc, int64 n, void (*fill) (void *arg, int64 i, Datum *values),
		  void *arg)
{
	HeapTuple  *tuples = MemoryContextAllocHuge(CurrentMemoryContext,
												sizeof(HeapTuple) * Max((Size) n, 1));
	bool		nulls[8] = {false};
	Datum		values[8];

	if (n > PG_INT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many result rows (%lld)", (long long) n)));
	for (int64 i = 0; i < n; i++)
	{
		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		fill(arg, i, values);
		tuples[i] = heap_form_tuple(desc, values, nulls);
	}
	return cj_composite_array(desc, tuples, (int) n);
}

typedef struct PairRows
{
	CjLinkage  *linkage;
	CjPair	   *pair;
} PairRows;

static void
fill_pair(void *arg, int64 i, Datum *values)
{
	PairRows   *rows = arg;
	CjPair	   *pair = &rows->pair[i];

	values[0] = id_datum(rows->linkage, pair->a);
	values[1] = id_datum(rows->linkage, pair->b);
	values[2] = Float8GetDatum(pair->weight);
	values[3] = Float8GetDatum(cj_probability(pair->weight));
}

Datum
cj_linkage_pairs_finalfn(PG_FUNCTION_ARGS)
{
	State	   *state;
	PairRows	rows;
	int64		n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (State *) PG_GETARG_POINTER(0);
	rows.linkage = state->linkage;
	cj_progress_start("linkage_pairs");
	rows.pair = score(state, false, &n);
	cj_progress_end();
	PG_RETURN_DATUM(row_array(cj_result_tupdesc(fcinfo), n, fill_pair, &rows));
}

typedef struct MemberRows
{
	CjLinkage  *linkage;
	int32	   *label;
	int32	   *size;
} MemberRows;

static void
fill_member(void *arg, int64 i, Datum *values)
{
	MemberRows *rows = arg;
	int32		label = rows->label[i];

	values[0] = id_datum(rows->linkage, (int32) i);
	values[1] = id_datum(rows->linkage, label);
	values[2] = Int32GetDatum(rows->size[label]);
}

/* Pairs that match are edges; those that surely do not must not meet. */
static CjEdge *
edges_of(const CjLinkage *linkage, const CjPair *pair, int64 n, int64 *nedges)
{
	CjEdge	   *edge = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(CjEdge) * Max((Size) n, 1));

	*nedges = 0;
	for (int64 i = 0; i < n; i++)
	{
		CjEdge	   *e = &edge[*nedges];

		if (pair[i].weight < linkage->threshold && pair[i].weight >= linkage->conflict_weight)
			continue;
		e->a = pair[i].a;
		e->b = pair[i].b;
		e->weight = pair[i].weight >= linkage->threshold ? pair[i].weight :
			-get_float8_infinity();
		(*nedges)++;
	}
	return edge;
}

Datum
cj_linkage_resolve_finalfn(PG_FUNCTION_ARGS)
{
	State	   *state;
	CjLinkage  *linkage;
	CjPair	   *pair;
	CjEdge	   *edge;
	CjClusterSettings settings = {0, NULL};
	MemberRows	rows;
	int64		n;
	int64		nedges;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (State *) PG_GETARG_POINTER(0);
	linkage = state->linkage;
	cj_progress_start("linkage_resolve");
	pair = score(state, true, &n);
	edge = edges_of(linkage, pair, n, &nedges);
	settings.max_size = linkage->max_cluster;
	rows.linkage = linkage;
	rows.label = cj_cluster(linkage->nrecords, edge, nedges, &settings);
	cj_progress_end();
	rows.size = MemoryContextAllocExtended(CurrentMemoryContext, sizeof(int32) *
										   Max((Size) linkage->nrecords, 1),
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int32 i = 0; i < linkage->nrecords; i++)
		rows.size[rows.label[i]]++;
	PG_RETURN_DATUM(row_array(cj_result_tupdesc(fcinfo), linkage->nrecords, fill_member, &rows));
}
