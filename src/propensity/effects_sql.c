/*-------------------------------------------------------------------------
 *
 * effects_sql.c
 *		propensity_effects: average marginal effects over rows.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "propensity/glue.h"

PG_FUNCTION_INFO_V1(cj_effects_record_transition);
PG_FUNCTION_INFO_V1(cj_effects_array_transition);
PG_FUNCTION_INFO_V1(cj_effects_combine);
PG_FUNCTION_INFO_V1(cj_effects_serialize);
PG_FUNCTION_INFO_V1(cj_effects_deserialize);
PG_FUNCTION_INFO_V1(cj_effects_final);

typedef struct EffectsState
{
	char	   *model;			/* its bytes */
	int			size;
	uint64		serial;			/* of the scorer last seen to be this model */
	int64		rows;
	int			nsums;
	double	   *sums;			/* see cj_effects_add */
	int			nterms;
	double	   *terms;			/* room for one row's */
} EffectsState;

static EffectsState *
start_state(MemoryContext context, const char *bytes, int size, int nsums, int nterms)
{
	EffectsState *state = MemoryContextAllocZero(context, sizeof(EffectsState));

	state->model = MemoryContextAlloc(context, Max(size, 1));
	memcpy(state->model, bytes, size);
	state->size = size;
	state->nsums = nsums;
	state->sums = MemoryContextAllocZero(context, Max(nsums, 1) * sizeof(double));
	state->nterms = nterms;
	state->terms = MemoryContextAllocZero(context, Max(nterms, 1) * sizeof(double));
	return state;
}

static void
check_model(const EffectsState *state, const char *bytes, int size)
{
	if (state->size != size || memcmp(state->model, bytes, size) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the model must not change within one aggregation"),
				 errhint("GROUP BY the model, or by what it depends on.")));
}

static Datum
transition(FunctionCallInfo fcinfo, bool is_array)
{
	EffectsState *state = PG_ARGISNULL(0) ? NULL : (EffectsState *) PG_GETARG_POINTER(0);
	MemoryContext context;
	CjScorer   *scorer;
	CjModel    *model;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (PG_ARGISNULL(1))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	scorer = cj_model_argument(fcinfo, 1);
	model = scorer->model;
	if (model->kind != CJ_LOGISTIC)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("trees have no marginal effects"),
				 errhint("propensity_explain says what features contribute.")));
	if (state == NULL)
		state = start_state(context, scorer->bytes, scorer->size, cj_effects_size(model),
							model->nterms);
	else if (state->serial != scorer->serial)
		check_model(state, scorer->bytes, scorer->size);
	state->serial = scorer->serial;
	if (cj_features_datum(scorer, PG_GETARG_DATUM(2), PG_ARGISNULL(2), is_array))
	{
		CHECK_FOR_INTERRUPTS();
		cj_effects_add(model, scorer->values, state->terms, state->sums);
		state->rows++;
	}
	PG_RETURN_POINTER(state);
}

/*
 * (internal, propensity_model, record | float8[]) -> internal
 */
Datum
cj_effects_record_transition(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, false);
}

Datum
cj_effects_array_transition(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, true);
}

/*
 * (internal, internal) -> internal
 */
Datum
cj_effects_combine(PG_FUNCTION_ARGS)
{
	EffectsState *state = PG_ARGISNULL(0) ? NULL : (EffectsState *) PG_GETARG_POINTER(0);
	EffectsState *other = PG_ARGISNULL(1) ? NULL : (EffectsState *) PG_GETARG_POINTER(1);
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
		state = start_state(context, other->model, other->size, other->nsums, other->nterms);
	check_model(state, other->model, other->size);
	state->rows += other->rows;
	for (int i = 0; i < state->nsums; i++)
		state->sums[i] += other->sums[i];
	PG_RETURN_POINTER(state);
}

/*
 * (internal) -> bytea
 */
Datum
cj_effects_serialize(PG_FUNCTION_ARGS)
{
	EffectsState *state = (EffectsState *) PG_GETARG_POINTER(0);
	StringInfoData to;

	pq_begintypsend(&to);
	pq_sendint32(&to, state->size);
	pq_sendbytes(&to, state->model, state->size);
	pq_sendint64(&to, state->rows);
	pq_sendint32(&to, state->nterms);
	pq_sendint32(&to, state->nsums);
	for (int i = 0; i < state->nsums; i++)
		pq_sendfloat8(&to, state->sums[i]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&to));
}

/*
 * (bytea, internal) -> internal
 */
Datum
cj_effects_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData from = {.data = VARDATA_ANY(bytes),.len = VARSIZE_ANY_EXHDR(bytes)};
	EffectsState *state;
	const char *model;
	int64		rows;
	int			size;
	int			nterms;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "aggregate function called in non-aggregate context");
	size = pq_getmsgint(&from, 4);
	model = pq_getmsgbytes(&from, size);
	rows = pq_getmsgint64(&from);
	nterms = pq_getmsgint(&from, 4);
	state = start_state(CurrentMemoryContext, model, size, pq_getmsgint(&from, 4), nterms);
	state->rows = rows;
	for (int i = 0; i < state->nsums; i++)
		state->sums[i] = pq_getmsgfloat8(&from);
	pq_getmsgend(&from);
	PG_RETURN_POINTER(state);
}

/* The columns of effect_row. */
enum
{
	TERM, FEATURE, LEVEL, EFFECT, STD_ERROR, Z, P, EFFECT_COLUMNS
};

static HeapTuple
effect_row(TupleDesc desc, const CjModel *model, const EffectsState *state, int term)
{
	Datum		values[EFFECT_COLUMNS];
	bool		nulls[EFFECT_COLUMNS] = {false};
	CjText		name = model->features[cj_term_feature(model, term)].name;
	CjText		level = cj_term_level(model, term);
	double		error;
	double		effect = cj_effect(model, state->sums, state->rows, term, &error);

	values[TERM] = CStringGetTextDatum(cj_term_name(model, term));
	values[FEATURE] = PointerGetDatum(cstring_to_text_with_len(name.data, name.len));
	nulls[LEVEL] = level.data == NULL;
	values[LEVEL] = level.data == NULL ? (Datum) 0 :
		PointerGetDatum(cstring_to_text_with_len(level.data, level.len));
	values[EFFECT] = Float8GetDatum(effect);
	values[STD_ERROR] = Float8GetDatum(error);
	values[Z] = Float8GetDatum(effect / error);
	values[P] = Float8GetDatum(cj_normal_p(effect / error));
	nulls[STD_ERROR] = isnan(error);
	nulls[Z] = nulls[P] = !(error > 0);
	return heap_form_tuple(desc, values, nulls);
}

/*
 * (internal) -> effect_row[]
 */
Datum
cj_effects_final(PG_FUNCTION_ARGS)
{
	EffectsState *state;
	CjModel    *model;
	TupleDesc	desc;
	HeapTuple  *rows;
	int			n = 0;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (EffectsState *) PG_GETARG_POINTER(0);
	if (state->rows == 0)
		PG_RETURN_NULL();
	model = cj_model_read(state->model, state->size, false);
	desc = cj_result_tupdesc(fcinfo);
	rows = palloc_array(HeapTuple, Max(model->nterms, 1));
	for (int t = 0; t < model->nterms; t++)
	{
		CHECK_FOR_INTERRUPTS();
		if (cj_effect_kind(model, t) != CJ_EFFECT_NONE)
			rows[n++] = effect_row(desc, model, state, t);
	}
	return cj_composite_array(desc, rows, n);
}
