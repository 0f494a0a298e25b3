/*-------------------------------------------------------------------------
 *
 * drift_sql.c
 *		Have the features changed since a model was fitted?
 *
 * The model holds a histogram of every feature and quantiles of its own
 * links; the aggregate counts new rows into the same bins and compares.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "utils/builtins.h"

#include "propensity/glue.h"

PG_FUNCTION_INFO_V1(cj_drift_record_transition);
PG_FUNCTION_INFO_V1(cj_drift_array_transition);
PG_FUNCTION_INFO_V1(cj_drift_final);
PG_FUNCTION_INFO_V1(cj_psi_arrays);

static Datum
transition(FunctionCallInfo fcinfo, bool is_array)
{
	CjScorer   *scorer;
	CjSums	   *sums = cj_sums_transition(fcinfo, CJ_FOR_DRIFT, is_array, &scorer);
	CjModel    *model;
	int64	   *counts;

	if (sums == NULL)
		PG_RETURN_NULL();
	if (scorer == NULL ||
		!cj_features_read(scorer, PG_GETARG_DATUM(2), PG_ARGISNULL(2), is_array))
		PG_RETURN_POINTER(sums);
	model = scorer->model;
	counts = cj_sums_counts(sums);
	for (int f = 0; f < model->nfeatures; f++)
	{
		counts[cj_feature_bin(&model->features[f], scorer->values[f])]++;
		counts += model->features[f].nbins + 1;
	}
	if (model->quantiles != NULL)
		counts[cj_score_bin(model, cj_model_link(model, scorer->values))]++;
	sums->rows++;
	PG_RETURN_POINTER(sums);
}

/*
 * (internal, propensity_model, record) -> internal,
 * (propensity_sums, propensity_model, float8[]) -> propensity_sums
 */
Datum
cj_drift_record_transition(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, false);
}

Datum
cj_drift_array_transition(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, true);
}

static const char *
status_of(double psi)
{
	return psi < 0.1 ? "stable" : psi < 0.25 ? "moderate" : "large";
}

/* A row of the result; counts of n bins, the last of which may be the missing. */
static HeapTuple
drift_row(TupleDesc desc, CjText name, const double *expected, const int64 *counts,
		  int nbins, bool has_missing)
{
	double	   *actual = palloc_array(double, nbins);
	Datum		values[6];
	bool		nulls[6] = {false};
	double		expected_rows = 0;
	int64		rows = 0;
	double		psi;

	for (int i = 0; i < nbins; i++)
	{
		actual[i] = counts[i];
		rows += counts[i];
		expected_rows += expected[i];
	}
	psi = cj_psi(expected, actual, nbins);
	values[0] = PointerGetDatum(cstring_to_text_with_len(name.data, name.len));
	nulls[1] = nulls[2] = isnan(psi);
	values[1] = Float8GetDatum(psi);
	values[2] = CStringGetTextDatum(status_of(psi));
	values[3] = Int64GetDatum(rows);
	nulls[4] = nulls[5] = !has_missing;
	values[4] = Float8GetDatum(rows > 0 ? actual[nbins - 1] / rows : 0);
	values[5] = Float8GetDatum(expected_rows > 0 ? expected[nbins - 1] / expected_rows : 0);
	nulls[4] = nulls[4] || rows == 0;
	nulls[5] = nulls[5] || expected_rows == 0;
	return heap_form_tuple(desc, values, nulls);
}

/*
 * (internal | propensity_sums) -> drift_row[]
 */
Datum
cj_drift_final(PG_FUNCTION_ARGS)
{
	CjSums	   *sums = cj_sums_argument(fcinfo, 0, CJ_FOR_DRIFT);
	TupleDesc	desc;
	CjModel    *model;
	HeapTuple  *rows;
	int64	   *counts;
	double		tenths[CJ_SCORE_BINS];
	CjText		score = {"(score)", 7};
	int			n = 0;

	if (sums == NULL)
		PG_RETURN_NULL();
	model = cj_model_read(cj_sums_model(sums), sums->model_size, false);
	desc = cj_result_tupdesc(fcinfo);
	rows = palloc_array(HeapTuple, model->nfeatures + 1);
	counts = cj_sums_counts(sums);
	for (int f = 0; f < model->nfeatures; f++)
	{
		CjFeature  *feature = &model->features[f];

		if (feature->nbins > 0)
			rows[n++] = drift_row(desc, feature->name, feature->counts, counts,
								  feature->nbins + 1, true);
		counts += feature->nbins + 1;
	}
	for (int i = 0; i < CJ_SCORE_BINS; i++)
		tenths[i] = 1.0 / CJ_SCORE_BINS;
	if (model->quantiles != NULL)
		rows[n++] = drift_row(desc, score, tenths, counts, CJ_SCORE_BINS, false);
	return cj_composite_array(desc, rows, n);
}

/*
 * propensity_psi(expected float8[], actual float8[]) -> float8
 */
Datum
cj_psi_arrays(PG_FUNCTION_ARGS)
{
	ArrayType  *expected = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType  *actual = PG_GETARG_ARRAYTYPE_P(1);
	CjText		expected_name = {"expected", 8};
	CjText		actual_name = {"actual", 6};
	int			n = cj_array_length(expected);
	double	   *e = palloc_array(double, Max(n, 1));
	double	   *a = palloc_array(double, Max(n, 1));
	double		psi;

	if (cj_array_length(actual) != n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("expected has %d bins and actual has %d", n, cj_array_length(actual))));
	cj_array_numbers(expected, e, n, expected_name);
	cj_array_numbers(actual, a, n, actual_name);
	for (int i = 0; i < n; i++)
		if (!(e[i] >= 0) || !(a[i] >= 0))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("bin %d is NULL or negative", i + 1)));
	psi = cj_psi(e, a, n);
	if (isnan(psi))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(psi);
}
