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
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "propensity/glue.h"

PG_FUNCTION_INFO_V1(cj_drift_record_transition);
PG_FUNCTION_INFO_V1(cj_drift_array_transition);
PG_FUNCTION_INFO_V1(cj_drift_combine);
PG_FUNCTION_INFO_V1(cj_drift_serialize);
PG_FUNCTION_INFO_V1(cj_drift_deserialize);
PG_FUNCTION_INFO_V1(cj_drift_final);
PG_FUNCTION_INFO_V1(cj_psi_arrays);

#define SCORE_BINS	10

typedef struct DriftState
{
	char	   *model;			/* its bytes */
	int			size;
	uint64		serial;			/* of the scorer last seen to be this model */
	int			ncounts;
	int64	   *counts;			/* feature by feature, then of the link */
} DriftState;

static int
count_bins(const CjModel *model)
{
	int			n = SCORE_BINS;

	for (int f = 0; f < model->nfeatures; f++)
		n += model->features[f].nbins + 1;
	return n;
}

static DriftState *
start_state(MemoryContext context, const char *bytes, int size, int ncounts)
{
	DriftState *state = MemoryContextAllocZero(context, sizeof(DriftState));

	state->model = MemoryContextAlloc(context, Max(size, 1));
	memcpy(state->model, bytes, size);
	state->size = size;
	state->ncounts = ncounts;
	state->counts = MemoryContextAllocZero(context, ncounts * sizeof(int64));
	return state;
}

static void
check_model(const char *a, int a_size, const char *b, int b_size)
{
	if (a_size != b_size || memcmp(a, b, a_size) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the model must not change within one aggregation"),
				 errhint("GROUP BY the model, or by what it depends on.")));
}

/* Which tenth of the training rows a link belongs to. */
static int
score_bin(const CjModel *model, double link)
{
	int			bin = 0;

	while (bin < SCORE_BINS - 1 &&
		   link > model->quantiles[(bin + 1) * (CJ_QUANTILES - 1) / SCORE_BINS])
		bin++;
	return bin;
}

static Datum
transition(FunctionCallInfo fcinfo, bool is_array)
{
	DriftState *state = PG_ARGISNULL(0) ? NULL : (DriftState *) PG_GETARG_POINTER(0);
	MemoryContext context;
	CjScorer   *scorer;
	CjModel    *model;
	int64	   *counts;

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
	if (state == NULL)
		state = start_state(context, scorer->bytes, scorer->size, count_bins(model));
	else if (state->serial != scorer->serial)
		check_model(state->model, state->size, scorer->bytes, scorer->size);
	state->serial = scorer->serial;
	if (!cj_features_read(scorer, PG_GETARG_DATUM(2), PG_ARGISNULL(2), is_array))
		PG_RETURN_POINTER(state);
	counts = state->counts;
	for (int f = 0; f < model->nfeatures; f++)
	{
		counts[cj_feature_bin(&model->features[f], scorer->values[f])]++;
		counts += model->features[f].nbins + 1;
	}
	if (model->quantiles != NULL)
		counts[score_bin(model, cj_model_link(model, scorer->values))]++;
	PG_RETURN_POINTER(state);
}

/*
 * (internal, propensity_model, record | float8[]) -> internal
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

/*
 * (internal, internal) -> internal
 */
Datum
cj_drift_combine(PG_FUNCTION_ARGS)
{
	DriftState *state = PG_ARGISNULL(0) ? NULL : (DriftState *) PG_GETARG_POINTER(0);
	DriftState *other = PG_ARGISNULL(1) ? NULL : (DriftState *) PG_GETARG_POINTER(1);
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
		state = start_state(context, other->model, other->size, other->ncounts);
	check_model(state->model, state->size, other->model, other->size);
	for (int i = 0; i < state->ncounts; i++)
		state->counts[i] += other->counts[i];
	PG_RETURN_POINTER(state);
}

/*
 * (internal) -> bytea
 */
Datum
cj_drift_serialize(PG_FUNCTION_ARGS)
{
	DriftState *state = (DriftState *) PG_GETARG_POINTER(0);
	StringInfoData to;

	pq_begintypsend(&to);
	pq_sendint32(&to, state->size);
	pq_sendbytes(&to, state->model, state->size);
	pq_sendint32(&to, state->ncounts);
	for (int i = 0; i < state->ncounts; i++)
		pq_sendint64(&to, state->counts[i]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&to));
}

/*
 * (bytea, internal) -> internal
 */
Datum
cj_drift_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData from = {.data = VARDATA_ANY(bytes),.len = VARSIZE_ANY_EXHDR(bytes)};
	DriftState *state;
	const char *model;
	int			size;
	int			ncounts;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "aggregate function called in non-aggregate context");
	size = pq_getmsgint(&from, 4);
	model = pq_getmsgbytes(&from, size);
	ncounts = pq_getmsgint(&from, 4);
	state = start_state(CurrentMemoryContext, model, size, ncounts);
	for (int i = 0; i < ncounts; i++)
		state->counts[i] = pq_getmsgint64(&from);
	pq_getmsgend(&from);
	PG_RETURN_POINTER(state);
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
 * (internal) -> drift_row[]
 */
Datum
cj_drift_final(PG_FUNCTION_ARGS)
{
	DriftState *state;
	TupleDesc	desc;
	CjModel    *model;
	HeapTuple  *rows;
	int64	   *counts;
	double		tenths[SCORE_BINS];
	CjText		score = {"(score)", 7};
	int			n = 0;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (DriftState *) PG_GETARG_POINTER(0);
	model = cj_model_read(state->model, state->size, false);
	desc = cj_result_tupdesc(fcinfo);
	rows = palloc_array(HeapTuple, model->nfeatures + 1);
	counts = state->counts;
	for (int f = 0; f < model->nfeatures; f++)
	{
		CjFeature  *feature = &model->features[f];

		if (feature->nbins > 0)
			rows[n++] = drift_row(desc, feature->name, feature->counts, counts,
								  feature->nbins + 1, true);
		counts += feature->nbins + 1;
	}
	for (int i = 0; i < SCORE_BINS; i++)
		tenths[i] = 1.0 / SCORE_BINS;
	if (model->quantiles != NULL)
		rows[n++] = drift_row(desc, score, tenths, counts, SCORE_BINS, false);
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
