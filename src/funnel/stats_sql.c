/*-------------------------------------------------------------------------
 *
 * stats_sql.c
 *		funnel_stats: many journeys' results in a funnel, step by step.
 *
 * Counts are exact, and so are the quantiles: the state keeps the time from
 * entry to each step taken, 8 bytes each.  Journeys whose window is still open
 * are counted apart and enter no rate.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "common/common.h"
#include "funnel/funnel.h"

PG_FUNCTION_INFO_V1(cj_funnel_stats_transfn);
PG_FUNCTION_INFO_V1(cj_funnel_stats_combinefn);
PG_FUNCTION_INFO_V1(cj_funnel_stats_serialfn);
PG_FUNCTION_INFO_V1(cj_funnel_stats_deserialfn);
PG_FUNCTION_INFO_V1(cj_funnel_stats_finalfn);
PG_FUNCTION_INFO_V1(cj_two_sided_p);

static const char *const reasons[] = {"window", "exclusion", "violation", "same", "no step"};

#define REASONS			((int) lengthof(reasons))
#define WILSON_Z		1.959963984540054	/* 95 % */

typedef struct StepStats
{
	int64		dropped[REASONS];	/* journeys for which this was the last
									 * step */
	int64		open;
	int64		count;			/* of times */
	int64		capacity;
	int64	   *times;			/* microseconds since entry */
} StepStats;

typedef struct Stats
{
	int32		nsteps;
	StepStats  *steps;			/* NULL until their number is known */
} Stats;

static void
add_time(StepStats *step, MemoryContext context, int64 time)
{
	if (step->count == step->capacity)
	{
		step->capacity = Max(step->capacity * 2, 16);
		step->times = step->times == NULL ?
			MemoryContextAlloc(context, step->capacity * sizeof(int64)) :
			repalloc_huge(step->times, step->capacity * sizeof(int64));
	}
	step->times[step->count++] = time;
}

static Stats *
stats_state(FunctionCallInfo fcinfo, MemoryContext *context)
{
	if (!AggCheckCallContext(fcinfo, context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function called outside of an aggregate")));
	return PG_ARGISNULL(0) ? MemoryContextAllocZero(*context, sizeof(Stats)) :
		(Stats *) PG_GETARG_POINTER(0);
}

/* From the first result on, all have as many steps. */
static void
set_nsteps(Stats *stats, MemoryContext context, int nsteps)
{
	if (stats->nsteps > 0 && stats->nsteps != nsteps)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("results of funnels with %d and with %d steps cannot be added up",
						stats->nsteps, nsteps)));
	if (nsteps > CJ_FUNNEL_MAX_STEPS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a funnel has at most %d steps, not %d", CJ_FUNNEL_MAX_STEPS, nsteps)));
	if (stats->steps == NULL && nsteps > 0)
		stats->steps = MemoryContextAllocZero(context, nsteps * sizeof(StepStats));
	stats->nsteps = nsteps;
}

static int
reason_of(Datum reason)
{
	char	   *word = TextDatumGetCString(reason);

	for (int r = 0; r < REASONS; r++)
		if (strcmp(word, reasons[r]) == 0)
			return r;
	return REASONS - 1;
}

/* funnel_stats_transfn(state, funnel_result) */
Datum
cj_funnel_stats_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Stats	   *stats = stats_state(fcinfo, &context);
	HeapTupleHeader result;
	bool		completed_null;
	bool		entered_null;
	bool		times_null;
	bool		reason_null;
	bool		open_null;
	bool		completed;
	TimestampTz entered;
	Datum		datum;
	Datum		reason;
	Datum	   *values;
	bool	   *nulls;
	int			nsteps;
	int			last = -1;

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(stats);
	result = PG_GETARG_HEAPTUPLEHEADER(1);
	datum = GetAttributeByName(result, "step_times", &times_null);
	if (times_null)
		PG_RETURN_POINTER(stats);
	deconstruct_array(DatumGetArrayTypeP(datum), TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &values, &nulls, &nsteps);
	set_nsteps(stats, context, nsteps);
	completed = DatumGetBool(GetAttributeByName(result, "completed", &completed_null)) && !completed_null;
	entered = DatumGetTimestampTz(GetAttributeByName(result, "entered_at", &entered_null));
	reason = GetAttributeByName(result, "drop_reason", &reason_null);
	GetAttributeByName(result, "open_until", &open_null);
	for (int s = 0; s < nsteps; s++)
		if (!nulls[s])
			last = s;
	if (last < 0 || entered_null)
		PG_RETURN_POINTER(stats);
	if (!completed && !open_null)
	{
		stats->steps[last].open++;
		PG_RETURN_POINTER(stats);
	}
	for (int s = 0; s < nsteps; s++)
		if (!nulls[s])
			add_time(&stats->steps[s], context, DatumGetTimestampTz(values[s]) - entered);
	if (!completed && !reason_null)
		stats->steps[last].dropped[reason_of(reason)]++;
	pfree(values);
	pfree(nulls);
	PG_RETURN_POINTER(stats);
}

Datum
cj_funnel_stats_combinefn(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Stats	   *stats = stats_state(fcinfo, &context);
	Stats	   *more = PG_ARGISNULL(1) ? NULL : (Stats *) PG_GETARG_POINTER(1);

	if (more == NULL || more->nsteps == 0)
		PG_RETURN_POINTER(stats);
	set_nsteps(stats, context, more->nsteps);
	for (int s = 0; s < stats->nsteps; s++)
	{
		for (int r = 0; r < REASONS; r++)
			stats->steps[s].dropped[r] += more->steps[s].dropped[r];
		stats->steps[s].open += more->steps[s].open;
		for (int64 i = 0; i < more->steps[s].count; i++)
		{
			add_time(&stats->steps[s], context, more->steps[s].times[i]);
			if ((i & 1023) == 1023)
				CHECK_FOR_INTERRUPTS();
		}
	}
	PG_RETURN_POINTER(stats);
}

Datum
cj_funnel_stats_serialfn(PG_FUNCTION_ARGS)
{
	Stats	   *stats = (Stats *) PG_GETARG_POINTER(0);
	StringInfoData bytes;

	pq_begintypsend(&bytes);
	pq_sendint32(&bytes, stats->nsteps);
	for (int s = 0; s < stats->nsteps; s++)
	{
		const StepStats *step = &stats->steps[s];

		for (int r = 0; r < REASONS; r++)
			pq_sendint64(&bytes, step->dropped[r]);
		pq_sendint64(&bytes, step->open);
		pq_sendint64(&bytes, step->count);
		for (int64 i = 0; i < step->count; i++)
			pq_sendint64(&bytes, step->times[i]);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&bytes));
}

Datum
cj_funnel_stats_deserialfn(PG_FUNCTION_ARGS)
{
	bytea	   *serial = PG_GETARG_BYTEA_PP(0);
	StringInfoData bytes;
	Stats	   *stats = palloc0_object(Stats);
	int			nsteps;

	initStringInfo(&bytes);
	appendBinaryStringInfo(&bytes, VARDATA_ANY(serial), VARSIZE_ANY_EXHDR(serial));
	nsteps = pq_getmsgint(&bytes, 4);
	if (nsteps < 0 || nsteps > CJ_FUNNEL_MAX_STEPS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid state of funnel_stats")));
	set_nsteps(stats, CurrentMemoryContext, nsteps);
	for (int s = 0; s < stats->nsteps; s++)
	{
		StepStats  *step = &stats->steps[s];
		int64		count;

		for (int r = 0; r < REASONS; r++)
			step->dropped[r] = pq_getmsgint64(&bytes);
		step->open = pq_getmsgint64(&bytes);
		count = pq_getmsgint64(&bytes);
		for (int64 i = 0; i < count; i++)
			add_time(step, CurrentMemoryContext, pq_getmsgint64(&bytes));
	}
	pq_getmsgend(&bytes);
	pfree(bytes.data);
	PG_RETURN_POINTER(stats);
}

/* ---- results ---- */

static int
compare_times(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/* Interpolated, as percentile_cont does. */
static Interval *
quantile(const int64 *times, int64 count, double share)
{
	double		at = share * (count - 1);
	int64		low = (int64) floor(at);
	int64		high = (int64) ceil(at);

	return cj_usec_interval(times[low] + (int64) rint((at - low) * (times[high] - times[low])));
}

static HeapTuple
step_row(TupleDesc desc, const Stats *stats, int s)
{
	const StepStats *step = &stats->steps[s];
	double		entered = stats->steps[0].count;
	double		before = s == 0 ? entered : stats->steps[s - 1].count;
	double		z2 = WILSON_Z * WILSON_Z;
	double		share = entered > 0 ? step->count / entered : 0;
	double		centre = entered > 0 ? (share + z2 / (2 * entered)) / (1 + z2 / entered) : 0;
	double		half = entered > 0 ? WILSON_Z / (1 + z2 / entered) *
		sqrt(share * (1 - share) / entered + z2 / (4 * entered * entered)) : 0;
	int64		dropped = 0;
	double		sum = 0;
	int64	   *times = palloc_array(int64, Max(step->count, 1));
	Datum		values[16];
	bool		nulls[16] = {false};

	for (int64 i = 0; i < step->count; i++)
		sum += times[i] = step->times[i];
	qsort(times, step->count, sizeof(int64), compare_times);
	for (int r = 0; r < REASONS; r++)
		dropped += step->dropped[r];
	values[0] = Int32GetDatum(s + 1);
	values[1] = Int64GetDatum(step->count);
	values[2] = Float8GetDatum(share);
	values[3] = Float8GetDatum(Max(centre - half, 0));
	values[4] = Float8GetDatum(Min(centre + half, 1));
	nulls[2] = nulls[3] = nulls[4] = entered == 0;
	nulls[5] = before == 0;
	values[5] = Float8GetDatum(before == 0 ? 0 : step->count / before);
	nulls[6] = nulls[7] = nulls[8] = step->count == 0;
	if (step->count > 0)
	{
		values[6] = IntervalPGetDatum(cj_usec_interval((int64) rint(sum / step->count)));
		values[7] = IntervalPGetDatum(quantile(times, step->count, 0.5));
		values[8] = IntervalPGetDatum(quantile(times, step->count, 0.9));
	}
	values[9] = Int64GetDatum(dropped);
	for (int r = 0; r < REASONS; r++)
		values[10 + r] = Int64GetDatum(step->dropped[r]);
	values[10 + REASONS] = Int64GetDatum(step->open);
	return heap_form_tuple(desc, values, nulls);
}

/* funnel_stats_finalfn(state): an array, one row a step */
Datum
cj_funnel_stats_finalfn(PG_FUNCTION_ARGS)
{
	Stats	   *stats = PG_ARGISNULL(0) ? NULL : (Stats *) PG_GETARG_POINTER(0);
	TupleDesc	desc = cj_result_tupdesc(fcinfo);
	HeapTuple	rows[CJ_FUNNEL_MAX_STEPS];
	int			nsteps = stats == NULL ? 0 : stats->nsteps;

	for (int s = 0; s < nsteps; s++)
		rows[s] = step_row(desc, stats, s);
	PG_RETURN_DATUM(cj_composite_array(desc, rows, nsteps));
}

/* Probability of a normal deviate at least this far from 0 on either side. */
Datum
cj_two_sided_p(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(erfc(fabs(PG_GETARG_FLOAT8(0)) / sqrt(2.0)));
}
