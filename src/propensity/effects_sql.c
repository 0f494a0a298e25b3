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
#include "miscadmin.h"
#include "utils/builtins.h"

#include "propensity/glue.h"

PG_FUNCTION_INFO_V1(cj_effects_record_transition);
PG_FUNCTION_INFO_V1(cj_effects_array_transition);
PG_FUNCTION_INFO_V1(cj_effects_final);

static Datum
transition(FunctionCallInfo fcinfo, bool is_array)
{
	CjScorer   *scorer;
	CjSums	   *sums = cj_sums_transition(fcinfo, CJ_FOR_EFFECTS, is_array, &scorer);

	if (sums == NULL)
		PG_RETURN_NULL();
	if (scorer != NULL &&
		cj_features_datum(scorer, PG_GETARG_DATUM(2), PG_ARGISNULL(2), is_array))
	{
		CHECK_FOR_INTERRUPTS();
		cj_effects_add(scorer->model, scorer->values, scorer->terms, cj_sums_floats(sums));
		sums->rows++;
	}
	PG_RETURN_POINTER(sums);
}

/*
 * (internal, propensity_model, record) -> internal,
 * (propensity_sums, propensity_model, float8[]) -> propensity_sums
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

/* The columns of effect_row. */
enum
{
	TERM, FEATURE, LEVEL, EFFECT, STD_ERROR, Z, P, EFFECT_COLUMNS
};

static HeapTuple
effect_row(TupleDesc desc, const CjModel *model, const CjSums *sums, int term)
{
	Datum		values[EFFECT_COLUMNS];
	bool		nulls[EFFECT_COLUMNS] = {false};
	CjText		name = model->features[cj_term_feature(model, term)].name;
	CjText		level = cj_term_level(model, term);
	double		error;
	double		effect = cj_effect(model, cj_sums_floats(sums), sums->rows, term, &error);

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
 * (internal | propensity_sums) -> effect_row[]
 */
Datum
cj_effects_final(PG_FUNCTION_ARGS)
{
	CjSums	   *sums = cj_sums_argument(fcinfo, 0, CJ_FOR_EFFECTS);
	CjModel    *model;
	TupleDesc	desc;
	HeapTuple  *rows;
	int			n = 0;

	if (sums == NULL || sums->rows == 0)
		PG_RETURN_NULL();
	model = cj_model_read(cj_sums_model(sums), sums->model_size, false);
	desc = cj_result_tupdesc(fcinfo);
	rows = palloc_array(HeapTuple, Max(model->nterms, 1));
	for (int t = 0; t < model->nterms; t++)
	{
		CHECK_FOR_INTERRUPTS();
		if (cj_effect_kind(model, t) != CJ_EFFECT_NONE)
			rows[n++] = effect_row(desc, model, sums, t);
	}
	return cj_composite_array(desc, rows, n);
}
