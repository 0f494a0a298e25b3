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
#include "funnel/counts.h"
#include "funnel/funnel.h"

PG_FUNCTION_INFO_V1(cj_funnel_stats_transfn);
PG_FUNCTION_INFO_V1(cj_funnel_stats_combinefn);
PG_FUNCTION_INFO_V1(cj_funnel_stats_finalfn);
PG_FUNCTION_INFO_V1(cj_funnel_counts_in);
PG_FUNCTION_INFO_V1(cj_funnel_counts_out);
PG_FUNCTION_INFO_V1(cj_funnel_counts_recv);
PG_FUNCTION_INFO_V1(cj_funnel_counts_send);
PG_FUNCTION_INFO_V1(cj_two_sided_p);

static const char *const reasons[CJ_COUNTS_REASONS] = {"window", "exclusion", "violation", "same", "no step"};

#define REASONS			CJ_COUNTS_REASONS
#define WILSON_Z		1.959963984540054	/* 95 % */

/* ---- the state ---- */

static void
refuse(const char *fault)
{
	if (fault != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("funnel counts are damaged"),
				 errdetail("%s", fault)));
}

/* A value as it came, checked. */
static CjFunnelCounts *
given_counts(Datum datum)
{
	CjFunnelCounts *counts = (CjFunnelCounts *) PG_DETOAST_DATUM(datum);

	if (VARSIZE(counts) < offsetof(CjFunnelCounts, words))
		refuse("It is cut off.");
	refuse(cj_counts_fault(counts, (VARSIZE(counts) - offsetof(CjFunnelCounts, words)) / sizeof(int64)));
	return counts;
}

/*
 * The aggregate's own state, to be edited in place; NULL if there is none yet.
 * The server may have made it of a value that came, in its short form.
 */
static CjFunnelCounts *
own_state(FunctionCallInfo fcinfo)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function called outside of an aggregate")));
	if (PG_ARGISNULL(0))
		return NULL;
	return VARATT_IS_4B_U(DatumGetPointer(PG_GETARG_DATUM(0))) ?
		(CjFunnelCounts *) DatumGetPointer(PG_GETARG_DATUM(0)) : given_counts(PG_GETARG_DATUM(0));
}

/* From the first result on, all have as many steps. */
static CjFunnelCounts *
with_steps(CjFunnelCounts *counts, int nsteps)
{
	if (counts != NULL && counts->nsteps != nsteps)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("results of funnels with %d and with %d steps cannot be added up",
						counts->nsteps, nsteps)));
	if (nsteps > CJ_FUNNEL_MAX_STEPS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a funnel has at most %d steps, not %d", CJ_FUNNEL_MAX_STEPS, nsteps)));
	return counts != NULL ? counts : cj_counts_new(nsteps);
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

/* What a result says of its journey. */
typedef struct Journey
{
	int			nsteps;
	Datum	   *times;
	bool	   *nulls;
	int			last;			/* step taken; -1: none */
	TimestampTz entered;
	bool		completed;
	bool		open;
	int			reason;			/* -1: none */
} Journey;

/* False if the result has no steps at all. */
static bool
read_result(HeapTupleHeader result, Journey *journey)
{
	bool		isnull;
	Datum		datum = GetAttributeByName(result, "step_times", &isnull);

	if (isnull)
		return false;
	deconstruct_array(DatumGetArrayTypeP(datum), TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &journey->times, &journey->nulls, &journey->nsteps);
	journey->last = -1;
	for (int s = 0; s < journey->nsteps; s++)
		if (!journey->nulls[s])
			journey->last = s;
	datum = GetAttributeByName(result, "completed", &isnull);
	journey->completed = !isnull && DatumGetBool(datum);
	GetAttributeByName(result, "open_until", &isnull);
	journey->open = !journey->completed && !isnull;
	datum = GetAttributeByName(result, "drop_reason", &isnull);
	journey->reason = journey->completed || isnull ? -1 : reason_of(datum);
	datum = GetAttributeByName(result, "entered_at", &isnull);
	journey->entered = DatumGetTimestampTz(datum);
	if (isnull)
		journey->last = -1;
	return journey->nsteps > 0;
}

/* The times of the steps taken since entry, as a record of the state. */
static CjFunnelCounts *
add_times(CjFunnelCounts *counts, const Journey *journey)
{
	int			masks = CJ_COUNTS_MASKS(counts);
	int64		record[CJ_FUNNEL_MAX_STEPS / 64 + CJ_FUNNEL_MAX_STEPS] = {0};
	int64	   *time = record + masks;

	for (int s = 0; s < journey->nsteps; s++)
		if (!journey->nulls[s])
		{
			record[s / 64] |= (int64) (UINT64CONST(1) << (s % 64));
			*time++ = DatumGetTimestampTz(journey->times[s]) - journey->entered;
		}
	return cj_counts_add(counts, record, time - record);
}

/* funnel_stats_transfn(state, funnel_result) */
Datum
cj_funnel_stats_transfn(PG_FUNCTION_ARGS)
{
	CjFunnelCounts *counts = own_state(fcinfo);
	Journey		journey;

	if (PG_ARGISNULL(1) || !read_result(PG_GETARG_HEAPTUPLEHEADER(1), &journey))
	{
		if (counts == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(counts);
	}
	counts = with_steps(counts, journey.nsteps);
	if (journey.last < 0)
		PG_RETURN_POINTER(counts);
	if (journey.open)
	{
		*cj_counts_of(counts, journey.last, CJ_COUNTS_REASONS) += 1;
		PG_RETURN_POINTER(counts);
	}
	counts = add_times(counts, &journey);
	if (journey.reason >= 0)
		*cj_counts_of(counts, journey.last, journey.reason) += 1;
	pfree(journey.times);
	pfree(journey.nulls);
	PG_RETURN_POINTER(counts);
}

/* funnel_stats_combinefn(state, state) */
Datum
cj_funnel_stats_combinefn(PG_FUNCTION_ARGS)
{
	CjFunnelCounts *counts = own_state(fcinfo);
	CjFunnelCounts *more = given_counts(PG_GETARG_DATUM(1));

	counts = with_steps(counts, more->nsteps);
	PG_RETURN_POINTER(cj_counts_merge(counts, more));
}

/* ---- input and output ---- */

/* The bytes sent: version, zero, steps, then the words in use. */
static bytea *
packed(CjFunnelCounts *counts)
{
	StringInfoData bytes;

	pq_begintypsend(&bytes);
	pq_sendint8(&bytes, counts->version);
	pq_sendint8(&bytes, counts->zero);
	pq_sendint16(&bytes, counts->nsteps);
	for (int64 i = 0; i < counts->used; i++)
	{
		pq_sendint64(&bytes, counts->words[i]);
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
	}
	return pq_endtypsend(&bytes);
}

/* The value that such bytes are, or NULL and what is wrong with them. */
static CjFunnelCounts *
unpacked(const char *bytes, Size size, const char **fault)
{
	CjFunnelCounts *counts;
	int64		words = ((int64) size - 4) / 8;
	StringInfoData buffer;

	*fault = "It is cut off.";
	if (size < 4 || (size - 4) % 8 != 0)
		return NULL;
	initStringInfo(&buffer);
	appendBinaryStringInfo(&buffer, bytes, size);
	counts = palloc(offsetof(CjFunnelCounts, words) + words * sizeof(int64));
	SET_VARSIZE(counts, offsetof(CjFunnelCounts, words) + words * sizeof(int64));
	counts->version = pq_getmsgbyte(&buffer);
	counts->zero = pq_getmsgbyte(&buffer);
	counts->nsteps = pq_getmsgint(&buffer, 2);
	counts->used = words;
	for (int64 i = 0; i < words; i++)
		counts->words[i] = pq_getmsgint64(&buffer);
	pfree(buffer.data);
	*fault = cj_counts_fault(counts, words);
	return *fault == NULL ? counts : NULL;
}

/* "\\x" and the bytes sent in hexadecimal */
Datum
cj_funnel_counts_in(PG_FUNCTION_ARGS)
{
	const char *input = PG_GETARG_CSTRING(0);
	const char *fault;
	struct varlena *bytes = cj_hex_decode(input, &fault);

	if (bytes != NULL)
	{
		CjFunnelCounts *counts = unpacked(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ, &fault);

		if (counts != NULL)
			PG_RETURN_POINTER(counts);
	}
	ereturn(CJ_ESCONTEXT(fcinfo), (Datum) 0,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s", "funnel_counts"),
			 errdetail("%s", fault)));
}

Datum
cj_funnel_counts_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(cj_hex_encode(packed(given_counts(PG_GETARG_DATUM(0)))));
}

Datum
cj_funnel_counts_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buffer = (StringInfo) PG_GETARG_POINTER(0);
	Size		size = buffer->len - buffer->cursor;
	const char *fault;
	CjFunnelCounts *counts = unpacked(pq_getmsgbytes(buffer, size), size, &fault);

	if (counts == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type %s", "funnel_counts"),
				 errdetail("%s", fault)));
	PG_RETURN_POINTER(counts);
}

Datum
cj_funnel_counts_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(packed(given_counts(PG_GETARG_DATUM(0))));
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
step_row(TupleDesc desc, CjFunnelCounts *counts, int s, const int64 *count, int64 *times)
{
	double		entered = count[0];
	double		before = s == 0 ? entered : count[s - 1];
	double		z2 = WILSON_Z * WILSON_Z;
	double		share = entered > 0 ? count[s] / entered : 0;
	double		centre = entered > 0 ? (share + z2 / (2 * entered)) / (1 + z2 / entered) : 0;
	double		half = entered > 0 ? WILSON_Z / (1 + z2 / entered) *
		sqrt(share * (1 - share) / entered + z2 / (4 * entered * entered)) : 0;
	int64		dropped = 0;
	double		sum = 0;
	Datum		values[16];
	bool		nulls[16] = {false};

	/* sorted before they are added up: the sum does not depend on their order */
	qsort(times, count[s], sizeof(int64), compare_times);
	for (int64 i = 0; i < count[s]; i++)
		sum += times[i];
	for (int r = 0; r < REASONS; r++)
		dropped += *cj_counts_of(counts, s, r);
	values[0] = Int32GetDatum(s + 1);
	values[1] = Int64GetDatum(count[s]);
	values[2] = Float8GetDatum(share);
	values[3] = Float8GetDatum(Max(centre - half, 0));
	values[4] = Float8GetDatum(Min(centre + half, 1));
	nulls[2] = nulls[3] = nulls[4] = entered == 0;
	nulls[5] = before == 0;
	values[5] = Float8GetDatum(before == 0 ? 0 : count[s] / before);
	nulls[6] = nulls[7] = nulls[8] = count[s] == 0;
	if (count[s] > 0)
	{
		values[6] = IntervalPGetDatum(cj_usec_interval((int64) rint(sum / count[s])));
		values[7] = IntervalPGetDatum(quantile(times, count[s], 0.5));
		values[8] = IntervalPGetDatum(quantile(times, count[s], 0.9));
	}
	values[9] = Int64GetDatum(dropped);
	for (int r = 0; r < REASONS; r++)
		values[10 + r] = Int64GetDatum(*cj_counts_of(counts, s, r));
	values[10 + REASONS] = Int64GetDatum(*cj_counts_of(counts, s, REASONS));
	return heap_form_tuple(desc, values, nulls);
}

/* funnel_stats_finalfn(state): an array, one row a step */
Datum
cj_funnel_stats_finalfn(PG_FUNCTION_ARGS)
{
	TupleDesc	desc = cj_result_tupdesc(fcinfo);
	CjFunnelCounts *counts;
	HeapTuple	rows[CJ_FUNNEL_MAX_STEPS];
	int64	   *count;
	int64	  **times;

	if (PG_ARGISNULL(0))
		PG_RETURN_DATUM(cj_composite_array(desc, rows, 0));
	counts = given_counts(PG_GETARG_DATUM(0));
	times = cj_counts_times(counts, &count);
	for (int s = 0; s < counts->nsteps; s++)
	{
		rows[s] = step_row(desc, counts, s, count, times[s]);
		pfree(times[s]);
	}
	PG_RETURN_DATUM(cj_composite_array(desc, rows, counts->nsteps));
}

/* Probability of a normal deviate at least this far from 0 on either side. */
Datum
cj_two_sided_p(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(erfc(fabs(PG_GETARG_FLOAT8(0)) / sqrt(2.0)));
}
