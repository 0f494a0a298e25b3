/*-------------------------------------------------------------------------
 *
 * gin_sql.c
 *		The GIN operator class of journeys: find them by the events they have.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "common/common.h"
#include "journey/datum.h"
#include "journey/gin.h"

PG_FUNCTION_INFO_V1(cj_journey_gin_extract_value);
PG_FUNCTION_INFO_V1(cj_journey_gin_extract_query);
PG_FUNCTION_INFO_V1(cj_journey_gin_consistent);
PG_FUNCTION_INFO_V1(cj_journey_gin_triconsistent);

Datum
cj_gin_event_key(CjText name)
{
	bool		whole = name.len <= CJ_GIN_KEY_NAME;
	Size		size = VARHDRSZ + 1 + (whole ? (Size) name.len : sizeof(uint64));
	bytea	   *key = palloc(size);
	uint64		hash;

	SET_VARSIZE(key, size);
	*VARDATA(key) = whole ? CJ_GIN_KIND_EVENT : CJ_GIN_KIND_LONG_EVENT;
	if (whole)
		memcpy(VARDATA(key) + 1, name.data, name.len);
	else
	{
		hash = hash_bytes_extended((const unsigned char *) name.data, name.len, 0);
		memcpy(VARDATA(key) + 1, &hash, sizeof(hash));
	}
	return PointerGetDatum(key);
}

Datum
cj_journey_gin_extract_value(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	int32	   *nkeys = (int32 *) PG_GETARG_POINTER(1);
	Datum	   *keys = palloc_array(Datum, Max(view.events.count, 1));

	for (int32 i = 0; i < view.events.count; i++)
		keys[i] = cj_gin_event_key(cj_name(&view.events, i));
	*nkeys = view.events.count;
	PG_RETURN_POINTER(keys);
}

/* ---- @> and && ---- */

static Datum *
extract_names(Datum query, int32 *nkeys, void **extra)
{
	CjText	   *names = cj_text_array(DatumGetArrayTypeP(query), "events", nkeys);
	Datum	   *keys = palloc_array(Datum, Max(*nkeys, 1));
	bool	   *inexact = palloc0_object(bool);

	for (int32 i = 0; i < *nkeys; i++)
	{
		keys[i] = cj_gin_event_key(names[i]);
		*inexact |= names[i].len > CJ_GIN_KEY_NAME;
	}
	*extra = inexact;
	return keys;
}

static Datum *
extract_contains(Datum query, int32 *nkeys, int32 *mode, void **extra)
{
	Datum	   *keys = extract_names(query, nkeys, extra);

	if (*nkeys == 0)
		*mode = GIN_SEARCH_MODE_ALL;	/* every journey has all of no events */
	return keys;
}

static GinTernaryValue
consistent_contains(Datum query, const GinTernaryValue *check, int32 nkeys,
					void *extra, bool *recheck)
{
	GinTernaryValue result = GIN_TRUE;

	*recheck = extra != NULL && *(bool *) extra;
	for (int32 i = 0; i < nkeys; i++)
	{
		if (check[i] == GIN_FALSE)
			return GIN_FALSE;
		if (check[i] == GIN_MAYBE)
			result = GIN_MAYBE;
	}
	return result;
}

static Datum *
extract_overlaps(Datum query, int32 *nkeys, int32 *mode, void **extra)
{
	return extract_names(query, nkeys, extra);
}

static GinTernaryValue
consistent_overlaps(Datum query, const GinTernaryValue *check, int32 nkeys,
					void *extra, bool *recheck)
{
	GinTernaryValue result = GIN_FALSE;

	*recheck = extra != NULL && *(bool *) extra;
	for (int32 i = 0; i < nkeys; i++)
	{
		if (check[i] == GIN_TRUE)
			return GIN_TRUE;
		if (check[i] == GIN_MAYBE)
			result = GIN_MAYBE;
	}
	return result;
}

/* ---- the operator class ---- */

static const CjGinSearch contains_search = {extract_contains, consistent_contains};
static const CjGinSearch overlaps_search = {extract_overlaps, consistent_overlaps};

static const CjGinSearch *searches[CJ_GIN_STRATEGIES + 1] = {
	NULL, &contains_search, &overlaps_search
};

void
cj_gin_register(StrategyNumber strategy, const CjGinSearch *search)
{
	Assert(strategy >= 1 && strategy <= CJ_GIN_STRATEGIES);
	searches[strategy] = search;
}

static const CjGinSearch *
search_of(StrategyNumber strategy)
{
	if (strategy < 1 || strategy > CJ_GIN_STRATEGIES || searches[strategy] == NULL)
		elog(ERROR, "unrecognized strategy number: %d", strategy);
	return searches[strategy];
}

/*
 * The core calls pass one "extra" pointer a key; ours is one for the query,
 * given with the first key.
 */
Datum
cj_journey_gin_extract_query(PG_FUNCTION_ARGS)
{
	int32	   *nkeys = (int32 *) PG_GETARG_POINTER(1);
	const CjGinSearch *search = search_of(PG_GETARG_UINT16(2));
	Pointer   **extras = (Pointer **) PG_GETARG_POINTER(4);
	int32	   *mode = (int32 *) PG_GETARG_POINTER(6);
	void	   *extra = NULL;
	Datum	   *keys;

	*nkeys = 0;
	keys = search->extract(PG_GETARG_DATUM(0), nkeys, mode, &extra);
	if (extra != NULL && *nkeys > 0)
	{
		*extras = palloc0_array(Pointer, *nkeys);
		(*extras)[0] = extra;
	}
	PG_RETURN_POINTER(keys);
}

static void *
query_extra(FunctionCallInfo fcinfo, int n)
{
	Pointer    *extras = (Pointer *) PG_GETARG_POINTER(n);

	return extras != NULL ? extras[0] : NULL;
}

Datum
cj_journey_gin_consistent(PG_FUNCTION_ARGS)
{
	const bool *check = (bool *) PG_GETARG_POINTER(0);
	const CjGinSearch *search = search_of(PG_GETARG_UINT16(1));
	int32		nkeys = PG_GETARG_INT32(3);
	bool	   *recheck = (bool *) PG_GETARG_POINTER(5);

	/* bool and GinTernaryValue agree on true and false */
	PG_RETURN_BOOL(search->consistent(PG_GETARG_DATUM(2), (const GinTernaryValue *) check,
									  nkeys, query_extra(fcinfo, 4), recheck) != GIN_FALSE);
}

Datum
cj_journey_gin_triconsistent(PG_FUNCTION_ARGS)
{
	const GinTernaryValue *check = (GinTernaryValue *) PG_GETARG_POINTER(0);
	const CjGinSearch *search = search_of(PG_GETARG_UINT16(1));
	int32		nkeys = PG_GETARG_INT32(3);
	bool		recheck = false;
	GinTernaryValue result;

	result = search->consistent(PG_GETARG_DATUM(2), check, nkeys,
								query_extra(fcinfo, 4), &recheck);
	PG_RETURN_GIN_TERNARY_VALUE(result == GIN_TRUE && recheck ? GIN_MAYBE : result);
}
