/*-------------------------------------------------------------------------
 *
 * fit_array_sql.c
 *		propensity_fit over float8[]: its state is the type propensity_sample.
 *
 * The state is edited in place in the aggregate's memory; when it is full the
 * transition function returns a larger copy.  Options are written into the
 * state as bytes that mean the same on every server.
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

PG_FUNCTION_INFO_V1(cj_fit_array_transition);
PG_FUNCTION_INFO_V1(cj_sample_combine);
PG_FUNCTION_INFO_V1(cj_fit_array_final);

/* The options of the last call, and their bytes in the state. */
typedef struct OptionsCache
{
	bool		valid;
	bytea	   *record;
	StringInfoData bytes;
	double	   *values;			/* room for one row */
	int			nvalues;
} OptionsCache;

static OptionsCache *
options_cache(FunctionCallInfo fcinfo, int argument)
{
	OptionsCache *cache = fcinfo->flinfo->fn_extra;
	bool		isnull = argument < 0 || PG_ARGISNULL(argument);
	Datum		record = isnull ? (Datum) 0 : PG_GETARG_DATUM(argument);
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	MemoryContext old;
	CjFitOptions options;

	if (cache == NULL)
		cache = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(context, sizeof(OptionsCache));
	if (cache->valid)
	{
		cj_options_check(cache->record, record, isnull, "propensity_fit");
		return cache;
	}
	old = MemoryContextSwitchTo(context);
	cj_fit_options_from(record, isnull, &options);
	initStringInfo(&cache->bytes);
	cj_fit_options_write(&cache->bytes, &options);
	cache->record = cj_options_keep(record, isnull, context);
	cache->valid = true;
	MemoryContextSwitchTo(old);
	return cache;
}

/* The weight of a row; false if the row does not count. */
bool
cj_row_weight(FunctionCallInfo fcinfo, int argument, double *weight)
{
	*weight = 1;
	if (argument < 0)
		return true;
	if (PG_ARGISNULL(argument))
		return false;
	*weight = PG_GETARG_FLOAT8(argument);
	if (!(*weight >= 0) || isinf(*weight))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("weight is out of range: %g", *weight),
				 errhint("A weight must be 0 or more, and finite.")));
	return *weight > 0;
}

static CjSample *
start_state(const OptionsCache *cache, int ncolumns, bool weighted)
{
	if (ncolumns > CJ_MAX_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the array of features has %d elements, more than %d",
						ncolumns, CJ_MAX_FEATURES)));
	return cj_sample_create(CJ_FOR_FIT, ncolumns, weighted, cache->bytes.data, cache->bytes.len);
}

/* Is the row to be left out for its missing values? */
bool
cj_skip_missing(CjMissing missing, const double *values, int n)
{
	if (missing != CJ_MISSING_SKIP && missing != CJ_MISSING_ERROR)
		return false;
	for (int i = 0; i < n; i++)
		if (isnan(values[i]))
		{
			if (missing == CJ_MISSING_SKIP)
				return true;
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("element %d of the features is NULL, and missing is 'error'", i + 1)));
		}
	return false;
}

/*
 * (propensity_sample, outcome boolean, features float8[] [, weight float8],
 * [, fit_options]) -> propensity_sample
 */
Datum
cj_fit_array_transition(PG_FUNCTION_ARGS)
{
	int			weight_argument = PG_NARGS() == 5 ? 3 : -1;
	int			options_argument = PG_NARGS() >= 4 ? PG_NARGS() - 1 : -1;
	CjSample   *sample = PG_ARGISNULL(0) ? NULL : (CjSample *) PG_GETARG_POINTER(0);
	OptionsCache *cache;
	ArrayType  *array;
	CjText		none = {"", 0};
	double		weight;
	int			n;

	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("transition function called outside an aggregate")));
	cache = options_cache(fcinfo, options_argument);
	if (PG_ARGISNULL(2))
	{
		/* Its length is not known: it counts as skipped where it can. */
		if (sample == NULL)
			PG_RETURN_NULL();
		sample->skipped++;
		PG_RETURN_POINTER(sample);
	}
	array = PG_GETARG_ARRAYTYPE_P(2);
	n = cj_array_length(array);
	if (sample == NULL)
		sample = start_state(cache, n, weight_argument >= 0);
	else if (sample->options_size != cache->bytes.len ||
			 memcmp(cj_sample_options(sample), cache->bytes.data, cache->bytes.len) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the options of propensity_fit must not change within one aggregation")));
	if (cache->nvalues < sample->ncolumns)
	{
		cache->values = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt,
										   sample->ncolumns * sizeof(double));
		cache->nvalues = sample->ncolumns;
	}
	cj_array_numbers(array, cache->values, sample->ncolumns, none);
	if (PG_ARGISNULL(1) || !cj_row_weight(fcinfo, weight_argument, &weight) ||
		cj_skip_missing(cj_fit_options_missing(cache->bytes.data, cache->bytes.len),
						cache->values, n))
	{
		sample->skipped++;
		PG_RETURN_POINTER(sample);
	}
	sample = cj_sample_reserve(sample, 1);
	cj_sample_add(sample, PG_GETARG_BOOL(1), weight, cache->values);
	PG_RETURN_POINTER(sample);
}

/*
 * (propensity_sample, propensity_sample) -> propensity_sample
 */
Datum
cj_sample_combine(PG_FUNCTION_ARGS)
{
	CjSample   *sample;
	CjSample   *other;

	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("combine function called outside an aggregate")));
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	other = (CjSample *) PG_GETARG_VARLENA_P(1);
	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(other);
	sample = (CjSample *) PG_GETARG_POINTER(0);
	cj_sample_check_alike(sample, other);
	sample = cj_sample_reserve(sample, other->nrows);
	cj_sample_append(sample, other);
	PG_RETURN_POINTER(sample);
}

/* The elements' names: those of the options, or x1, x2, ... */
static CjInput *
array_inputs(const CjSample *sample, const CjFitOptions *options)
{
	CjInput    *inputs = palloc0_array(CjInput, Max(sample->ncolumns, 1));
	int			elements = 0;	/* without the clusters */

	if (options->nnames > 0 && options->nnames != sample->ncolumns)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fit option \"names\" has %d names for %d elements",
						options->nnames, sample->ncolumns)));
	for (int i = 0; i < sample->ncolumns; i++)
	{
		inputs[i].kind = CJ_NUMBER;
		inputs[i].column.data = "";
		if (options->nnames > 0)
			inputs[i].name = options->names[i];
		else
		{
			inputs[i].name.data = psprintf("x%d", i + 1);
			inputs[i].name.len = strlen(inputs[i].name.data);
		}
		inputs[i].is_cluster = cj_is_cluster(options, inputs[i].name);
		if (!inputs[i].is_cluster)
			inputs[i].element = ++elements;
	}
	if (options->cluster.data != NULL && elements == sample->ncolumns)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("no element is named \"%s\", the cluster",
						pnstrdup(options->cluster.data, options->cluster.len)),
				 errhint("Name the elements with fit_options(names => ...), or call it x1, x2, ... by its place.")));
	cj_check_names(inputs, sample->ncolumns);
	return inputs;
}

/*
 * (propensity_sample) -> propensity_model
 */
Datum
cj_fit_array_final(PG_FUNCTION_ARGS)
{
	CjSample   *sample;
	CjFitOptions options;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	sample = (CjSample *) PG_GETARG_VARLENA_P(0);
	if (sample->nrows == 0)
		PG_RETURN_NULL();
	if (sample->purpose != CJ_FOR_FIT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the sample was not collected by propensity_fit")));
	cj_fit_options_read(cj_sample_options(sample), sample->options_size, &options);
	PG_RETURN_BYTEA_P(cj_finish_fit(sample, array_inputs(sample, &options), &options, true));
}
