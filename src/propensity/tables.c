/*-------------------------------------------------------------------------
 *
 * tables.c
 *		Gains, reliability, thresholds.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "miscadmin.h"

#include "propensity/evaluate.h"

CjGain *
cj_gains(const CjRanking *ranking, int bins)
{
	CjGain	   *gains = palloc0_array(CjGain, bins);
	int64		rows = ranking->npositive + ranking->nnegative;
	int			bin = -1;
	int64		left = 0;		/* rows that the bin still takes */
	CjTie		tie = {0};

	while (cj_tie_down(ranking, &tie))
	{
		int64		here = tie.positives + tie.negatives;
		double		rate = (double) tie.positives / here;

		CHECK_FOR_INTERRUPTS();
		while (here > 0)
		{
			int64		taken;

			while (left == 0)
			{
				bin++;
				left = gains[bin].rows = rows / bins + (bin < rows % bins);
				gains[bin].high = tie.score;
			}
			taken = Min(left, here);

			/* Whole ties keep whole numbers. */
			gains[bin].positives += taken == tie.positives + tie.negatives ?
				tie.positives : taken * rate;
			gains[bin].low = tie.score;
			left -= taken;
			here -= taken;
		}
	}
	return gains;
}

/* Sums up one class' scores by bin. */
static void
add_scores(const double *scores, int64 n, bool positive, CjReliability *table, int bins,
		   const double *breaks)
{
	int			bin = 0;

	for (int64 i = 0; i < n; i++)
	{
		if (breaks == NULL)
			bin = cj_width_bin(scores[i], bins);
		else
			while (bin < bins - 1 && scores[i] > breaks[bin])
				bin++;
		table[bin].rows++;
		table[bin].positives += positive;
		table[bin].score_sum += scores[i];
	}
}

CjReliability *
cj_reliability(const CjRanking *ranking, int bins, bool quantile, int *count)
{
	CjReliability *table;
	double	   *breaks = NULL;

	if (quantile)
	{
		breaks = palloc_array(double, bins);
		bins = cj_quantile_breaks(ranking, bins, breaks);
	}
	table = palloc0_array(CjReliability, Max(bins, 1));
	add_scores(ranking->positive, ranking->npositive, true, table, bins, breaks);
	add_scores(ranking->negative, ranking->nnegative, false, table, bins, breaks);
	*count = 0;
	for (int bin = 0; bin < bins; bin++)
	{
		CjReliability row = table[bin];
		CjTie		first = {0};

		if (row.rows == 0)
			continue;
		row.bin = bin + 1;
		row.high = quantile ? breaks[bin] : (double) (bin + 1) / bins;
		if (bin > 0)
			row.low = quantile ? breaks[bin - 1] : (double) bin / bins;
		else if (quantile && cj_tie_up(ranking, &first))
			row.low = first.score;
		table[(*count)++] = row;
	}
	return table;
}

CjTie *
cj_thresholds(const CjRanking *ranking, int most, int *count)
{
	int64		rows = ranking->npositive + ranking->nnegative;
	CjTie	   *kept = palloc_array(CjTie, most + 2);
	CjTie		tie = {0};
	int64		distinct = 0;
	int64		next = 0;		/* rows that must be above for the next to be
								 * kept */

	while (cj_tie_down(ranking, &tie))
		distinct++;
	memset(&tie, 0, sizeof(tie));
	*count = 0;
	while (cj_tie_down(ranking, &tie))
	{
		int64		above = tie.positives_before + tie.negatives_before +
			tie.positives + tie.negatives;

		CHECK_FOR_INTERRUPTS();
		if (distinct > most && above < next && above < rows)
			continue;
		kept[(*count)++] = tie;
		next = (int64) ceil((double) rows * (*count + 1) / most);
	}
	return kept;
}

/* Number of sorted values that are at least the threshold. */
static int64
at_least(const double *values, int64 n, double threshold)
{
	int64		low = 0;
	int64		high = n;

	while (low < high)
	{
		int64		middle = (low + high) / 2;

		if (values[middle] < threshold)
			low = middle + 1;
		else
			high = middle;
	}
	return n - low;
}

void
cj_above(const CjRanking *ranking, double threshold, int64 *positives, int64 *negatives)
{
	*positives = at_least(ranking->positive, ranking->npositive, threshold);
	*negatives = at_least(ranking->negative, ranking->nnegative, threshold);
}
