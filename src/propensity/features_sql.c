/*-------------------------------------------------------------------------
 *
 * features_sql.c
 *		journey_features and the names of what it gives.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "compat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "common/common.h"
#include "journey/datum.h"
#include "pattern/datum.h"
#include "propensity/propensity.h"

PG_FUNCTION_INFO_V1(cj_features_of_journey);
PG_FUNCTION_INFO_V1(cj_names_of_features);

#define MAX_PARTS	500			/* events or patterns asked for */

/* Matchers of the patterns of the last call, in their order. */
typedef struct FeatureCache
{
	int			nsites;
	void	  **sites;
} FeatureCache;

static void
check_count(const char *what, int count)
{
	if (count > MAX_PARTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%d %s are more than %d", count, what, MAX_PARTS)));
}

static CjText *
events_argument(FunctionCallInfo fcinfo, int argument, int *count)
{
	CjText	   *events;

	*count = 0;
	if (PG_ARGISNULL(argument))
		return NULL;
	events = cj_text_array(PG_GETARG_ARRAYTYPE_P(argument), "events", count);
	check_count("events", *count);
	return events;
}

static Datum *
patterns_argument(FunctionCallInfo fcinfo, int argument, int *count)
{
	ArrayType  *array;
	Datum	   *patterns;
	bool	   *nulls;
	int16		length;
	bool		by_value;
	char		align;

	*count = 0;
	if (PG_ARGISNULL(argument))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(argument);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align,
					  &patterns, &nulls, count);
	check_count("patterns", *count);
	for (int i = 0; i < *count; i++)
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("\"patterns\" must not contain NULL")));
	return patterns;
}

/* When the events that count begin. */
static TimestampTz
window_start(FunctionCallInfo fcinfo, int argument, TimestampTz as_of)
{
	TimestampTz from;

	if (PG_ARGISNULL(argument))
		return DT_NOBEGIN;
	if (pg_sub_s64_overflow(as_of, cj_interval_usec_positive(PG_GETARG_INTERVAL_P(argument),
															 "lookback"), &from))
		return DT_NOBEGIN;
	return from;
}

/* How often each pattern matches in the events [first, end). */
static void
count_matches(FunctionCallInfo fcinfo, const CjView *view, int32 first, int32 end,
			  const Datum *patterns, int count, double *values)
{
	FeatureCache *cache = fcinfo->flinfo->fn_extra;
	CjView		window;

	if (cache == NULL)
		cache = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(FeatureCache));
	if (cache->nsites < count)
	{
		void	  **sites = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
												   count * sizeof(void *));

		if (cache->nsites > 0)
			memcpy(sites, cache->sites, cache->nsites * sizeof(void *));
		cache->sites = sites;
		cache->nsites = count;
	}
	cj_view_init(&window, cj_slice(view, first, end));
	for (int i = 0; i < count; i++)
	{
		CjMatcher  *matcher = cj_cached_matcher(&cache->sites[i], fcinfo->flinfo->fn_mcxt,
												DatumGetPattern(patterns[i]));

		cj_matcher_bind(matcher, &window, DT_NOEND);
		values[i] = (double) cj_all_matches(matcher, false, NULL, NULL);
	}
}

/*
 * journey_features(journey, as_of, lookback interval, events text[],
 * patterns journey_pattern[]) -> float8[]
 */
Datum
cj_features_of_journey(PG_FUNCTION_ARGS)
{
	TimestampTz as_of;
	CjText	   *events;
	Datum	   *patterns;
	double	   *values;
	Datum	   *elements;
	bool	   *nulls;
	int			nevents;
	int			npatterns;
	int			n;
	int			dims[1];
	int			bounds[1] = {1};
	int32		first;
	int32		end;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	as_of = PG_GETARG_TIMESTAMPTZ(1);
	if (TIMESTAMP_NOT_FINITE(as_of))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("\"as_of\" must be finite")));
	events = events_argument(fcinfo, 3, &nevents);
	patterns = patterns_argument(fcinfo, 4, &npatterns);
	n = CJ_JOURNEY_FEATURES + nevents * CJ_EVENT_FEATURES + npatterns;
	values = palloc_array(double, n);
	elements = palloc_array(Datum, n);
	nulls = palloc_array(bool, n);
	{
		CJ_ARG_VIEW(view, 0);

		cj_journey_features(&view, window_start(fcinfo, 2, as_of), as_of, events, nevents,
							values, &first, &end);
		if (npatterns > 0)
			count_matches(fcinfo, &view, first, end, patterns, npatterns,
						  values + n - npatterns);
	}
	for (int i = 0; i < n; i++)
	{
		nulls[i] = isnan(values[i]);
		elements[i] = Float8GetDatum(values[i]);
	}
	dims[0] = n;
	PG_RETURN_ARRAYTYPE_P(construct_md_array(elements, nulls, 1, dims, bounds, FLOAT8OID,
											 sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/*
 * journey_feature_names(events text[], patterns journey_pattern[]) -> text[]
 */
Datum
cj_names_of_features(PG_FUNCTION_ARGS)
{
	int			nevents;
	int			npatterns;
	CjText	   *events = events_argument(fcinfo, 0, &nevents);
	Datum	   *patterns = patterns_argument(fcinfo, 1, &npatterns);
	int			count = CJ_JOURNEY_FEATURES + nevents * CJ_EVENT_FEATURES + npatterns;
	Datum	   *names = palloc_array(Datum, count);
	int			n = 0;

	for (int i = 0; i < CJ_JOURNEY_FEATURES; i++)
		names[n++] = CStringGetTextDatum(cj_journey_feature_name[i]);
	for (int e = 0; e < nevents; e++)
		for (int i = 0; i < CJ_EVENT_FEATURES; i++)
			names[n++] = CStringGetTextDatum(psprintf("%s(%.*s)", cj_event_feature_name[i],
													  events[e].len, events[e].data));
	for (int p = 0; p < npatterns; p++)
		names[n++] = CStringGetTextDatum(psprintf("matches(%s)",
												  cj_pattern_print(cj_pattern_load(DatumGetPattern(patterns[p])))));
	PG_RETURN_ARRAYTYPE_P(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}
