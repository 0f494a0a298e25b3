/*-------------------------------------------------------------------------
 *
 * counts.c
 *		What funnel_stats has counted, as a value (counts.h).
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "compat.h"
#include "funnel/counts.h"
#include "funnel/funnel.h"

#define HEADER		offsetof(CjFunnelCounts, words)
#define MOST_WORDS	((int64) ((MaxAllocSize - HEADER) / sizeof(int64)))

/* Times of hostile values must not overflow when they are subtracted. */
#define MOST_TIME	(PG_INT64_MAX / 4)

static int64
room(const CjFunnelCounts *counts)
{
	return (VARSIZE(counts) - HEADER) / sizeof(int64);
}

static CjFunnelCounts *
allocate(int64 words)
{
	CjFunnelCounts *counts = palloc0(HEADER + words * sizeof(int64));

	SET_VARSIZE(counts, HEADER + words * sizeof(int64));
	counts->version = CJ_COUNTS_VERSION;
	return counts;
}

CjFunnelCounts *
cj_counts_new(int nsteps)
{
	CjFunnelCounts *counts = allocate(nsteps * CJ_COUNTS_A_STEP + 64);

	counts->nsteps = nsteps;
	counts->used = nsteps * CJ_COUNTS_A_STEP;
	return counts;
}

/* Room for so many more words. */
static CjFunnelCounts *
reserve(CjFunnelCounts *counts, int64 words)
{
	CjFunnelCounts *larger;

	if (words <= room(counts) - counts->used)
		return counts;
	if (words > MOST_WORDS - counts->used)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("funnel_stats cannot hold the times of so many journeys"),
				 errhint("Aggregate fewer journeys at a time, by GROUP BY.")));
	larger = allocate(Min(MOST_WORDS, Max(2 * room(counts), counts->used + words)));
	larger->nsteps = counts->nsteps;
	larger->used = counts->used;
	memcpy(larger->words, counts->words, counts->used * sizeof(int64));
	return larger;
}

CjFunnelCounts *
cj_counts_add(CjFunnelCounts *counts, const int64 *record, int64 words)
{
	counts = reserve(counts, words);
	memcpy(counts->words + counts->used, record, words * sizeof(int64));
	counts->used += words;
	return counts;
}

CjFunnelCounts *
cj_counts_merge(CjFunnelCounts *counts, const CjFunnelCounts *more)
{
	int			first = more->nsteps * CJ_COUNTS_A_STEP;

	for (int i = 0; i < first; i++)
		if (pg_add_s64_overflow(counts->words[i], more->words[i], &counts->words[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("counts of a funnel are out of range")));
	return cj_counts_add(counts, more->words + first, more->used - first);
}

/* How many steps a record has the times of. */
static int
taken(const CjFunnelCounts *counts, const int64 *record)
{
	int			bits = 0;

	for (int m = 0; m < CJ_COUNTS_MASKS(counts); m++)
		bits += pg_popcount64((uint64) record[m]);
	return bits;
}

/* Counts the times of each step and, where there is room for them, gives them. */
static void
each_time(const CjFunnelCounts *counts, int64 *count, int64 **times)
{
	int			masks = CJ_COUNTS_MASKS(counts);
	int64		records = 0;

	for (int64 at = counts->nsteps * CJ_COUNTS_A_STEP; at < counts->used;)
	{
		const int64 *record = counts->words + at;
		const int64 *time = record + masks;

		for (int m = 0; m < masks; m++)
			for (uint64 left = (uint64) record[m]; left != 0; left &= left - 1)
			{
				int			step = m * 64 + pg_rightmost_one_pos64(left);

				if (times != NULL)
					times[step][count[step]] = *time;
				count[step]++;
				time++;
			}
		at += time - record;
		if ((++records & 1023) == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

int64	  **
cj_counts_times(const CjFunnelCounts *counts, int64 **count)
{
	int64	  **times = palloc_array(int64 *, Max(counts->nsteps, 1));

	*count = palloc0_array(int64, Max(counts->nsteps, 1));
	each_time(counts, *count, NULL);
	for (int s = 0; s < counts->nsteps; s++)
	{
		times[s] = palloc_extended(Max((*count)[s], 1) * sizeof(int64), MCXT_ALLOC_HUGE);
		(*count)[s] = 0;
	}
	each_time(counts, *count, times);
	return times;
}

const char *
cj_counts_fault(const CjFunnelCounts *counts, int64 words)
{
	int			masks = CJ_COUNTS_MASKS(counts);
	int64		records = 0;

	if (counts->version != CJ_COUNTS_VERSION || counts->zero != 0)
		return "It is of an unknown version.";
	if (counts->nsteps > CJ_FUNNEL_MAX_STEPS)
		return "It has too many steps.";
	if (counts->used > words || counts->used < counts->nsteps * CJ_COUNTS_A_STEP)
		return "It is cut off.";
	for (int i = 0; i < counts->nsteps * CJ_COUNTS_A_STEP; i++)
		if (counts->words[i] < 0)
			return "A count is negative.";
	for (int64 at = counts->nsteps * CJ_COUNTS_A_STEP; at < counts->used; records++)
	{
		const int64 *record = counts->words + at;
		int			times;

		if ((records & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (masks == 0 || counts->used - at < masks)
			return "A journey's steps are cut off.";
		if (counts->nsteps % 64 > 0 && (uint64) record[masks - 1] >> (counts->nsteps % 64) != 0)
			return "A journey has taken a step that there is not.";
		times = taken(counts, record);
		if (times == 0)
			return "A journey has taken no step.";
		if (counts->used - at - masks < times)
			return "A journey's times are cut off.";
		for (int t = 0; t < times; t++)
			if (record[masks + t] > MOST_TIME || record[masks + t] < -MOST_TIME)
				return "A time is out of range.";
		at += masks + times;
	}
	return NULL;
}
