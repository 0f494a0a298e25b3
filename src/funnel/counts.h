/*-------------------------------------------------------------------------
 *
 * counts.h
 *		What funnel_stats has counted, as a value.
 *
 * The state of the aggregate is the SQL type funnel_counts itself, one flat
 * varlena edited in place, so that engines which split aggregates between
 * servers can send it.  After the header come, for each step, the journeys
 * whose last step it was, by reason, and those still open; then a record for
 * each journey counted: a bit a step taken, in as many words as the steps
 * need, and for each such step the microseconds since entry.  What lies
 * beyond "used" is room to grow.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_FUNNEL_COUNTS_H
#define CJ_FUNNEL_COUNTS_H

#define CJ_COUNTS_VERSION	1
#define CJ_COUNTS_REASONS	5
#define CJ_COUNTS_A_STEP	(CJ_COUNTS_REASONS + 1)

typedef struct CjFunnelCounts
{
	int32		vl_len_;		/* varlena header */
	uint8		version;
	uint8		zero;
	uint16		nsteps;
	int64		used;			/* words */
	int64		words[FLEXIBLE_ARRAY_MEMBER];
} CjFunnelCounts;

/* Words of a journey's record that say which steps it took. */
#define CJ_COUNTS_MASKS(counts) (((counts)->nsteps + 63) / 64)

/* Journeys that ended at a step (from 0) for a reason; the last is "open". */
static inline int64 *
cj_counts_of(CjFunnelCounts *counts, int step, int reason)
{
	return &counts->words[step * CJ_COUNTS_A_STEP + reason];
}

extern CjFunnelCounts *cj_counts_new(int nsteps);

/*
 * Adds a journey's record, or another's counts and records.  The result is the
 * same value, or a larger one that holds what it held.
 */
extern CjFunnelCounts *cj_counts_add(CjFunnelCounts *counts, const int64 *record, int64 words);
extern CjFunnelCounts *cj_counts_merge(CjFunnelCounts *counts, const CjFunnelCounts *more);

/* The times of each step, palloc'd, and how many there are. */
extern int64 **cj_counts_times(const CjFunnelCounts *counts, int64 **count);

/* What is wrong with a value of so many words, or NULL. */
extern const char *cj_counts_fault(const CjFunnelCounts *counts, int64 words);

#endif							/* CJ_FUNNEL_COUNTS_H */
