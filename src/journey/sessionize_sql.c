/*-------------------------------------------------------------------------
 *
 * sessionize_sql.c
 *		sessionize(occurred_at, gap) as a window function: a session number a row.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"
#include "windowapi.h"

#include "common/common.h"
#include "journey/journey.h"

PG_FUNCTION_INFO_V1(cj_sessionize);

/* Kept for a partition; all zero at its start. */
typedef struct Session
{
	int64		number;
	TimestampTz last;
	bool		started;
} Session;

/* The rule, shared with journey_sessions: strictly more than the gap. */
static bool
is_gap(TimestampTz last, TimestampTz time, uint64 gap)
{
	if (TIMESTAMP_NOT_FINITE(last) || TIMESTAMP_NOT_FINITE(time))
		return last != time;
	return cj_elapsed(last, time) > gap;
}

Datum
cj_sessionize(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	Session    *session = WinGetPartitionLocalMemory(window, sizeof(Session));
	bool		isnull;
	TimestampTz time;
	Datum		gap;

	time = DatumGetTimestampTz(WinGetFuncArgCurrent(window, 0, &isnull));
	if (isnull)
		PG_RETURN_NULL();
	gap = WinGetFuncArgCurrent(window, 1, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	if (session->started && time < session->last)
		ereport(ERROR,
				(errcode(ERRCODE_WINDOWING_ERROR),
				 errmsg("sessionize needs rows in time order"),
				 errhint("Write sessionize(occurred_at, gap) OVER (PARTITION BY customer_id ORDER BY occurred_at).")));
	if (!session->started ||
		is_gap(session->last, time, cj_interval_usec_positive(DatumGetIntervalP(gap), "gap")))
		session->number++;
	session->started = true;
	session->last = time;
	PG_RETURN_INT64(session->number);
}
