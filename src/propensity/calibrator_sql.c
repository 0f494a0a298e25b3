/*-------------------------------------------------------------------------
 *
 * calibrator_sql.c
 *		The type propensity_calibrator, and isotonic regression.
 *
 * Bytes, in network order: version, kind, then slope and intercept, or the
 * number of points and all scores and all values.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "compat.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "propensity/evaluate.h"
#include "propensity/glue.h"
#include "propensity/json_read.h"

PG_FUNCTION_INFO_V1(cj_calibrator_in);
PG_FUNCTION_INFO_V1(cj_calibrator_out);
PG_FUNCTION_INFO_V1(cj_calibrator_recv);
PG_FUNCTION_INFO_V1(cj_calibrator_send);
PG_FUNCTION_INFO_V1(cj_platt_final);
PG_FUNCTION_INFO_V1(cj_isotonic_final);
PG_FUNCTION_INFO_V1(cj_calibrate_score);
PG_FUNCTION_INFO_V1(cj_isotonic_regression);

#define CALIBRATOR_VERSION	1

static void
write_calibrator(StringInfo to, const CjCalibrator *calibrator)
{
	pq_sendbyte(to, CALIBRATOR_VERSION);
	pq_sendbyte(to, calibrator->kind);
	if (calibrator->kind == CJ_PLATT)
	{
		pq_sendfloat8(to, calibrator->slope);
		pq_sendfloat8(to, calibrator->intercept);
		return;
	}
	pq_sendint32(to, calibrator->npoints);
	for (int i = 0; i < calibrator->npoints; i++)
		pq_sendfloat8(to, calibrator->scores[i]);
	for (int i = 0; i < calibrator->npoints; i++)
		pq_sendfloat8(to, calibrator->values[i]);
}

static bytea *
calibrator_datum(const CjCalibrator *calibrator)
{
	StringInfoData to;

	pq_begintypsend(&to);
	write_calibrator(&to, calibrator);
	return pq_endtypsend(&to);
}

static void
bad_calibrator(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid propensity_calibrator: %s", what)));
}

static CjCalibrator *
read_calibrator(StringInfo from)
{
	CjCalibrator *calibrator = palloc0_object(CjCalibrator);
	const char *fault;

	if (pq_getmsgbyte(from) != CALIBRATOR_VERSION)
		bad_calibrator("unknown version");
	calibrator->kind = pq_getmsgbyte(from);
	if (calibrator->kind == CJ_PLATT)
	{
		calibrator->slope = pq_getmsgfloat8(from);
		calibrator->intercept = pq_getmsgfloat8(from);
	}
	else
	{
		calibrator->npoints = pq_getmsgint(from, 4);
		if (calibrator->npoints < 0 ||
			calibrator->npoints != (from->len - from->cursor) / 16)
			bad_calibrator("its length does not match its points");
		calibrator->scores = palloc_array(double, Max(calibrator->npoints, 1));
		calibrator->values = palloc_array(double, Max(calibrator->npoints, 1));
		for (int i = 0; i < calibrator->npoints; i++)
			calibrator->scores[i] = pq_getmsgfloat8(from);
		for (int i = 0; i < calibrator->npoints; i++)
			calibrator->values[i] = pq_getmsgfloat8(from);
	}
	if (from->cursor != from->len)
		bad_calibrator("bytes follow its end");
	fault = cj_calibrator_fault(calibrator);
	if (fault != NULL)
		bad_calibrator(fault);
	return calibrator;
}

static CjCalibrator *
calibrator_of(bytea *bytes)
{
	StringInfoData from = {.data = VARDATA_ANY(bytes),.len = VARSIZE_ANY_EXHDR(bytes)};

	return read_calibrator(&from);
}

Datum
cj_calibrator_in(PG_FUNCTION_ARGS)
{
	CjJson		json = {"type propensity_calibrator", CJ_ESCONTEXT(fcinfo), false};
	CjCalibrator calibrator = {0};
	JsonbContainer *root = cj_json_parse(&json, PG_GETARG_CSTRING(0));
	CjText		kind = cj_json_text(&json, root, "kind");
	const char *fault;

	if (cj_json_is(kind, "platt"))
	{
		calibrator.kind = CJ_PLATT;
		calibrator.slope = cj_json_number_or(&json, root, "slope", NAN);
		calibrator.intercept = cj_json_number_or(&json, root, "intercept", NAN);
	}
	else if (cj_json_is(kind, "isotonic"))
	{
		int64		scores;
		int64		values;

		calibrator.kind = CJ_ISOTONIC;
		calibrator.scores = cj_json_numbers(&json, cj_json_array(&json, root, "scores", true), &scores);
		calibrator.values = cj_json_numbers(&json, cj_json_array(&json, root, "values", true), &values);
		calibrator.npoints = (int32) scores;
		if (scores != values)
			cj_json_fault(&json, "there are as many values as scores");
	}
	else
		cj_json_fault(&json, "its kind is neither platt nor isotonic");
	if (!json.failed && (fault = cj_calibrator_fault(&calibrator)) != NULL)
		cj_json_fault(&json, fault);
	if (json.failed)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(calibrator_datum(&calibrator));
}

static void
put_number(StringInfo to, double value)
{
	appendStringInfoString(to, DatumGetCString(DirectFunctionCall1(float8out,
																   Float8GetDatum(value))));
}

static void
put_numbers(StringInfo to, const double *values, int n)
{
	for (int i = 0; i < n; i++)
	{
		appendStringInfoChar(to, i == 0 ? '[' : ',');
		put_number(to, values[i]);
	}
	appendStringInfoChar(to, ']');
}

Datum
cj_calibrator_out(PG_FUNCTION_ARGS)
{
	CjCalibrator *calibrator = calibrator_of(PG_GETARG_BYTEA_PP(0));
	StringInfoData text;

	initStringInfo(&text);
	if (calibrator->kind == CJ_PLATT)
	{
		appendStringInfoString(&text, "{\"kind\":\"platt\",\"slope\":");
		put_number(&text, calibrator->slope);
		appendStringInfoString(&text, ",\"intercept\":");
		put_number(&text, calibrator->intercept);
	}
	else
	{
		appendStringInfoString(&text, "{\"kind\":\"isotonic\",\"scores\":");
		put_numbers(&text, calibrator->scores, calibrator->npoints);
		appendStringInfoString(&text, ",\"values\":");
		put_numbers(&text, calibrator->values, calibrator->npoints);
	}
	appendStringInfoChar(&text, '}');
	PG_RETURN_CSTRING(text.data);
}

Datum
cj_calibrator_recv(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(calibrator_datum(read_calibrator((StringInfo) PG_GETARG_POINTER(0))));
}

Datum
cj_calibrator_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(calibrator_datum(calibrator_of(PG_GETARG_BYTEA_PP(0))));
}

/*
 * platt_calibration
 */
Datum
cj_platt_final(PG_FUNCTION_ARGS)
{
	CjSample   *sample = cj_sample_argument(fcinfo, 0);
	CjRanking  *ranking;

	if (sample == NULL)
		PG_RETURN_NULL();
	ranking = cj_ranking(sample);
	if (!ranking->probabilities)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("Platt calibration needs scores from 0 to 1"),
				 errhint("Turn log-odds x into 1 / (1 + exp(-x)) first, or use isotonic_calibration.")));
	PG_RETURN_BYTEA_P(calibrator_datum(cj_platt(ranking)));
}

/*
 * isotonic_calibration
 */
Datum
cj_isotonic_final(PG_FUNCTION_ARGS)
{
	CjSample   *sample = cj_sample_argument(fcinfo, 0);

	if (sample == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(calibrator_datum(cj_isotonic(cj_ranking(sample))));
}

/* The calibrator of the last call. */
typedef struct CalibratorCache
{
	bytea	   *bytes;
	CjCalibrator *calibrator;
} CalibratorCache;

static CjCalibrator *
cached_calibrator(FunctionCallInfo fcinfo)
{
	CalibratorCache *cache = fcinfo->flinfo->fn_extra;
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	MemoryContext old;

	if (cache == NULL)
		cache = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CalibratorCache));
	if (cache->bytes != NULL &&
		VARSIZE_ANY_EXHDR(cache->bytes) == VARSIZE_ANY_EXHDR(bytes) &&
		memcmp(VARDATA_ANY(cache->bytes), VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)) == 0)
		return cache->calibrator;
	if (cache->bytes != NULL)
	{
		pfree(cache->bytes);
		if (cache->calibrator->scores != NULL)
		{
			pfree(cache->calibrator->scores);
			pfree(cache->calibrator->values);
		}
		pfree(cache->calibrator);
		cache->bytes = NULL;
	}
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	cache->calibrator = calibrator_of(bytes);
	cache->bytes = palloc(VARSIZE_ANY(bytes));
	memcpy(cache->bytes, bytes, VARSIZE_ANY(bytes));
	MemoryContextSwitchTo(old);
	return cache->calibrator;
}

/*
 * propensity_calibrate(propensity_calibrator, score) -> float8
 */
Datum
cj_calibrate_score(PG_FUNCTION_ARGS)
{
	double		score = PG_GETARG_FLOAT8(1);
	CjCalibrator *calibrator = cached_calibrator(fcinfo);

	if (isnan(score) || (calibrator->kind == CJ_PLATT && !(score >= 0 && score <= 1)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a score of %g cannot be calibrated", score)));
	PG_RETURN_FLOAT8(cj_calibrate(calibrator, score));
}

/*
 * isotonic_regression(y float8[], weights float8[]) -> float8[]
 */
Datum
cj_isotonic_regression(PG_FUNCTION_ARGS)
{
	ArrayType  *array;
	CjText		name = {"y", 1};
	double	   *y;
	double	   *weight;
	Datum	   *elements;
	int			n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	array = PG_GETARG_ARRAYTYPE_P(0);
	n = cj_array_length(array);
	y = palloc_array(double, Max(n, 1));
	weight = palloc_array(double, Max(n, 1));
	cj_array_numbers(array, y, n, name);
	for (int i = 0; i < n; i++)
		weight[i] = 1;
	if (!PG_ARGISNULL(1))
	{
		name.data = "weights";
		name.len = 7;
		cj_array_numbers(PG_GETARG_ARRAYTYPE_P(1), weight, n, name);
	}
	elements = palloc_array(Datum, Max(n, 1));
	for (int i = 0; i < n; i++)
		if (isnan(y[i]) || !(weight[i] > 0))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("element %d of isotonic_regression is NULL or weighs nothing", i + 1)));
	cj_pool_violators(y, weight, n);
	for (int i = 0; i < n; i++)
		elements[i] = Float8GetDatum(y[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, n, FLOAT8OID, sizeof(float8),
										  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
