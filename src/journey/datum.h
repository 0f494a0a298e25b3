/*-------------------------------------------------------------------------
 *
 * datum.h
 *		Journeys as function arguments, for the SQL-callable files.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_JOURNEY_DATUM_H
#define CJ_JOURNEY_DATUM_H

#include "fmgr.h"

#include "compat.h"
#include "journey/journey.h"

/* The journey detoasted if need be, never copied when inline. */
#define DatumGetJourney(d)		((CjJourney *) PG_DETOAST_DATUM_PACKED(d))
#define PG_GETARG_JOURNEY(n)	DatumGetJourney(PG_GETARG_DATUM(n))
#define PG_RETURN_JOURNEY(j)	PG_RETURN_POINTER(j)

/*
 * Declares a view of argument n.  It is filled in where it lies: copying a view
 * costs more than making it.
 */
#define CJ_ARG_VIEW(view, n) \
	CjView		view; \
	const CjJourney *view##_journey pg_attribute_unused() = cj_view_into(&(view), PG_GETARG_JOURNEY(n))

/*
 * A page is filled from its end, so that the row a scan comes to next usually
 * lies just before this one: have it fetched while this one is worked on.  A
 * prefetch of what is not there does nothing.
 */
static inline void
cj_prefetch_next(const CjJourney *journey)
{
	for (uintptr_t distance = 64; distance <= 256; distance += 64)
		__builtin_prefetch((const void *) ((uintptr_t) journey - distance));
}

static inline const CjJourney *
cj_view_into(CjView *view, const CjJourney *journey)
{
	cj_prefetch_next(journey);
	cj_view_init(view, journey);
	return journey;
}

static inline CjView
cj_view_of(const CjJourney *journey)
{
	CjView		view;

	cj_view_init(&view, journey);
	return view;
}

/* Event i as (occurred_at, event, channel, value, item), five of each; in rows_sql.c */
extern void cj_event_values(const CjView *view, int32 i, Datum *values, bool *nulls);

static inline text *
cj_text_datum(CjText t)
{
	text	   *result = (text *) palloc(VARHDRSZ + t.len);

	SET_VARSIZE(result, VARHDRSZ + t.len);
	memcpy(VARDATA(result), t.data, t.len);
	return result;
}

static inline CjText
cj_text_arg(const text *t)
{
	CjText		result = {VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)};

	return result;
}

#endif							/* CJ_JOURNEY_DATUM_H */
