/*-------------------------------------------------------------------------
 *
 * match_sql.c
 *		Matching patterns against journeys, called from SQL.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/timestamp.h"

#include "common/common.h"
#include "journey/datum.h"
#include "pattern/datum.h"

PG_FUNCTION_INFO_V1(cj_journey_matches_pattern);
PG_FUNCTION_INFO_V1(cj_journey_not_matches_pattern);
PG_FUNCTION_INFO_V1(cj_journey_is_match);
PG_FUNCTION_INFO_V1(cj_journey_match);
PG_FUNCTION_INFO_V1(cj_journey_matches);
PG_FUNCTION_INFO_V1(cj_journey_match_count);
PG_FUNCTION_INFO_V1(cj_journey_before);
PG_FUNCTION_INFO_V1(cj_journey_after);

static bool
exists(CjMatcher *matcher, const CjView *view, TimestampTz as_of)
{
	if (matcher->automaton->chain.nsteps > 0 && TIMESTAMP_IS_NOEND(as_of))
	{
		int			answer = cj_chain_exists(matcher, view);

		if (answer >= 0)
			return answer;
	}
	return cj_matcher_bind_match(matcher, view, as_of) && cj_exists(matcher);
}

/* journey ~ journey_pattern */
Datum
cj_journey_matches_pattern(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);

	PG_RETURN_BOOL(exists(CJ_ARG_MATCHER(1), &view, DT_NOEND));
}

/* journey !~ journey_pattern */
Datum
cj_journey_not_matches_pattern(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);

	PG_RETURN_BOOL(!exists(CJ_ARG_MATCHER(1), &view, DT_NOEND));
}

/* journey_is_match(journey, journey_pattern, as_of timestamptz) */
Datum
cj_journey_is_match(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);

	PG_RETURN_BOOL(exists(CJ_ARG_MATCHER(1), &view, PG_GETARG_TIMESTAMPTZ(2)));
}

/* journey_match(journey, journey_pattern [, as_of timestamptz]) */
Datum
cj_journey_match(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	CjMatcher  *matcher = CJ_ARG_MATCHER(1);

	if (!cj_matcher_bind_match(matcher, &view, PG_NARGS() > 2 ? PG_GETARG_TIMESTAMPTZ(2) : DT_NOEND) ||
		!cj_first_match(matcher))
		PG_RETURN_NULL();
	PG_RETURN_JOURNEY(cj_match_journey(matcher));
}

static void
put_match(CjMatcher *matcher, void *arg)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) arg;
	CjJourney  *journey = cj_match_journey(matcher);
	Datum		value = PointerGetDatum(journey);
	bool		isnull = false;

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &isnull);
	pfree(journey);
}

/* journey_matches(journey, journey_pattern, overlapping boolean) */
Datum
cj_journey_matches(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	CjMatcher  *matcher;
	ReturnSetInfo *rsinfo;
	void	   *cache = NULL;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	/* fn_extra is the executor's in set-returning functions */
	matcher = cj_cached_matcher(&cache, CurrentMemoryContext, PG_GETARG_PATTERN(1));
	if (cj_matcher_bind_match(matcher, &view, DT_NOEND))
		cj_all_matches(matcher, PG_GETARG_BOOL(2), put_match, rsinfo);
	PG_RETURN_NULL();
}

/* journey_match_count(journey, journey_pattern, overlapping boolean) */
Datum
cj_journey_match_count(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	CjMatcher  *matcher = CJ_ARG_MATCHER(1);

	if (!cj_matcher_bind_match(matcher, &view, DT_NOEND))
		PG_RETURN_INT64(0);
	PG_RETURN_INT64(cj_all_matches(matcher, PG_GETARG_BOOL(2), NULL, NULL));
}

/* First and last position of the first match; false if there is none. */
static bool
find_span(CjMatcher *matcher, const CjView *view, int32 *first, int32 *last)
{
	if (!cj_matcher_bind_match(matcher, view, DT_NOEND) || !cj_first_match(matcher))
		return false;
	*first = *last = matcher->positions[0];
	for (int32 p = 1; p < matcher->length; p++)
	{
		*first = Min(*first, matcher->positions[p]);
		*last = Max(*last, matcher->positions[p]);
	}
	return true;
}

/* journey_before(journey, journey_pattern) */
Datum
cj_journey_before(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	int32		first;
	int32		last;

	if (!find_span(CJ_ARG_MATCHER(1), &view, &first, &last))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	PG_RETURN_JOURNEY(cj_slice(&view, 0, first));
}

/* journey_after(journey, journey_pattern) */
Datum
cj_journey_after(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	int32		first;
	int32		last;

	if (!find_span(CJ_ARG_MATCHER(1), &view, &first, &last))
		PG_RETURN_NULL();
	PG_RETURN_JOURNEY(cj_slice(&view, last + 1, view.nevents));
}
