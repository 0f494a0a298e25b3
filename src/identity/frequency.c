/*-------------------------------------------------------------------------
 *
 * frequency.c
 *		u: how often two different records agree by chance, counted.
 *
 * The share of pairs with equal values follows from the values' counts: the
 * sum of n (n - 1) over N (N - 1).  The other levels are counted over pairs of
 * different values, each weighing as many pairs of records as have the two
 * values; no pair of records is looked at.  Where there are more pairs of
 * values than the budget, a quarter as many pairs of records are drawn, always
 * the same ones: positions come from a fixed sequence and index the values in
 * byte order.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "identity/linkage.h"

/* A drawn pair costs several times one of an orderly run through all. */
#define DRAW_COST	4
#define RIGHTS_A_LEFT	16

static inline uint64
next_random(uint64 *state)
{
	uint64		z = (*state += UINT64CONST(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* All pairs of different values, weighted by how many pairs of records they are. */
static void
count_all(CjComparison *comparison, const CjValues *values, const int32 *sorted, int32 n)
{
	for (int32 i = 0; i < n - 1; i++)
	{
		int64		count = values->value[sorted[i]].count;

		CHECK_FOR_INTERRUPTS();
		for (int32 k = i + 1; k < n; k++)
		{
			int			level = cj_compare(comparison, values, sorted[i], sorted[k]);

			comparison->u_pairs[level] += (double) (count * values->value[sorted[k]].count);
		}
	}
}

/*
 * Draws pairs of records with different values; "pairs" is how many such pairs
 * there are, over which the shares found are spread.  A left record drawn is
 * compared with several right ones, which spares preparing it anew.
 */
static void
count_draws(CjComparison *comparison, const CjValues *values, const int32 *sorted,
			int32 n, int64 draws, double pairs)
{
	Size		size = sizeof(int32) * Max((Size) comparison->present, 1);
	int32	   *of_record = MemoryContextAllocHuge(CurrentMemoryContext, size);
	int64		found[CJ_MAX_LEVELS] = {0};
	int64		total = 0;
	int64		done = 0;
	uint64		state = 1;

	for (int32 i = 0; i < n; i++)
		for (int32 k = 0; k < values->value[sorted[i]].count; k++)
			of_record[total++] = sorted[i];
	while (done < draws)
	{
		int32		a = of_record[next_random(&state) % total];

		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < RIGHTS_A_LEFT; k++)
		{
			int32		b = of_record[next_random(&state) % total];

			if (a == b)
				continue;
			found[cj_compare(comparison, values, a, b)]++;
			done++;
		}
	}
	for (int level = 0; level < comparison->nlevels - 1; level++)
		comparison->u_pairs[level] = pairs * found[level] / done;
	pfree(of_record);
}

static void
estimate(CjLinkage *linkage, CjComparison *comparison)
{
	CjValues   *values = &linkage->field[comparison->field].values;
	int32	   *sorted = cj_values_sorted(values);
	int			top = comparison->nlevels - 1;
	double		total;
	int32		n = 0;

	comparison->present = 0;
	memset(comparison->u_pairs, 0, sizeof(comparison->u_pairs));
	for (int32 i = 0; i < values->nvalues; i++)
	{
		int64		count = values->value[sorted[i]].count;

		if (count == 0)
			continue;
		sorted[n++] = sorted[i];
		comparison->present += count;
		comparison->u_pairs[top] += (double) (count * (count - 1) / 2);
	}
	total = (double) comparison->present * (comparison->present - 1) / 2;
	comparison->u_exact = true;
	if (comparison->kind == CJ_COMPARE_EXACT)
		comparison->u_pairs[0] = total - comparison->u_pairs[top];
	else if ((double) n * (n - 1) / 2 <= linkage->u_budget)
		count_all(comparison, values, sorted, n);
	else
	{
		comparison->u_exact = false;
		count_draws(comparison, values, sorted, n, linkage->u_budget / DRAW_COST,
					total - comparison->u_pairs[top]);
	}
	pfree(sorted);
	if (comparison->u_given)
		return;
	/* a level that no pair has is given half a pair: its weight stays finite */
	for (int level = 0; level < comparison->nlevels; level++)
		comparison->u[level] = total > 0 ?
			Max(comparison->u_pairs[level], 0.5) / total : 1.0 / comparison->nlevels;
}

void
cj_estimate_u(CjLinkage *linkage)
{
	for (int c = 0; c < linkage->ncomparisons; c++)
		estimate(linkage, &linkage->comparison[c]);
}
