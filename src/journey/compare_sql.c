/*-------------------------------------------------------------------------
 *
 * compare_sql.c
 *		Equality, order and hashing of journeys; which events they have.
 *
 * Equal journeys have equal bytes, so all of these compare bytes.  The order is
 * total and stable but means nothing to people: it serves DISTINCT, GROUP BY
 * and merge joins.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "common/hashfn.h"

#include "common/common.h"
#include "journey/datum.h"

PG_FUNCTION_INFO_V1(cj_journey_eq);
PG_FUNCTION_INFO_V1(cj_journey_ne);
PG_FUNCTION_INFO_V1(cj_journey_lt);
PG_FUNCTION_INFO_V1(cj_journey_le);
PG_FUNCTION_INFO_V1(cj_journey_gt);
PG_FUNCTION_INFO_V1(cj_journey_ge);
PG_FUNCTION_INFO_V1(cj_journey_cmp);
PG_FUNCTION_INFO_V1(cj_journey_hash);
PG_FUNCTION_INFO_V1(cj_journey_hash_extended);
PG_FUNCTION_INFO_V1(cj_journey_contains);
PG_FUNCTION_INFO_V1(cj_journey_contained);
PG_FUNCTION_INFO_V1(cj_journey_overlaps);

static int
compare(FunctionCallInfo fcinfo)
{
	CjJourney  *a = PG_GETARG_JOURNEY(0);
	CjJourney  *b = PG_GETARG_JOURNEY(1);
	CjText		x = {VARDATA_ANY(a), VARSIZE_ANY_EXHDR(a)};
	CjText		y = {VARDATA_ANY(b), VARSIZE_ANY_EXHDR(b)};
	int			c = cj_text_compare(x, y);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return c;
}

/* Journeys of different sizes differ; only the size of toasted ones is read then. */
static bool
same_bytes(FunctionCallInfo fcinfo)
{
	if (toast_raw_datum_size(PG_GETARG_DATUM(0)) != toast_raw_datum_size(PG_GETARG_DATUM(1)))
		return false;
	return compare(fcinfo) == 0;
}

Datum
cj_journey_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same_bytes(fcinfo));
}

Datum
cj_journey_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same_bytes(fcinfo));
}

Datum
cj_journey_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) < 0);
}

Datum
cj_journey_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) <= 0);
}

Datum
cj_journey_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) > 0);
}

Datum
cj_journey_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) >= 0);
}

Datum
cj_journey_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(fcinfo));
}

Datum
cj_journey_hash(PG_FUNCTION_ARGS)
{
	CjJourney  *journey = PG_GETARG_JOURNEY(0);
	Datum		hash = hash_any((unsigned char *) VARDATA_ANY(journey),
								VARSIZE_ANY_EXHDR(journey));

	PG_FREE_IF_COPY(journey, 0);
	return hash;
}

Datum
cj_journey_hash_extended(PG_FUNCTION_ARGS)
{
	CjJourney  *journey = PG_GETARG_JOURNEY(0);
	Datum		hash = hash_any_extended((unsigned char *) VARDATA_ANY(journey),
										 VARSIZE_ANY_EXHDR(journey), PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(journey, 0);
	return hash;
}

/* Has the journey events of all (or any) of these names? */
static bool
has_events(Datum journey, Datum names, bool all)
{
	CjView		view;
	CjText	   *wanted;
	int			count;
	bool		result = all;

	cj_view_init(&view, DatumGetJourney(journey));
	wanted = cj_text_array(DatumGetArrayTypeP(names), "events", &count);
	for (int i = 0; i < count && result == all; i++)
	{
		bool		found = cj_find_name(&view.events, wanted[i].data, wanted[i].len) != CJ_ABSENT;

		result = found;
	}
	pfree(wanted);
	return result;
}

Datum
cj_journey_contains(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(has_events(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), true));
}

Datum
cj_journey_contained(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(has_events(PG_GETARG_DATUM(1), PG_GETARG_DATUM(0), true));
}

Datum
cj_journey_overlaps(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(has_events(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), false));
}
