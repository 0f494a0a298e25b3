/*-------------------------------------------------------------------------
 *
 * ranking.c
 *		Scores in order.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "propensity/evaluate.h"

CjRanking *
cj_ranking(const CjSample *sample)
{
	CjRanking  *ranking = palloc0_object(CjRanking);
	Size		size = Max(sample->nrows, 1) * sizeof(double);

	/* Room for all in each: one pass tells them apart and counts them. */
	ranking->positive = MemoryContextAllocHuge(CurrentMemoryContext, size);
	ranking->negative = MemoryContextAllocHuge(CurrentMemoryContext, size);
	ranking->probabilities = true;
	for (int64 b = 0; b < cj_sample_nblocks(sample); b++)
	{
		const uint8 *block = cj_sample_block(sample, b);
		const double *score = cj_block_column(sample, block, 0);
		int			n = cj_block_rows(sample, b);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < n; i++)
		{
			bool		outcome = cj_block_outcome(block, i);

			ranking->positive[ranking->npositive] = score[i];
			ranking->negative[ranking->nnegative] = score[i];
			ranking->npositive += outcome;
			ranking->nnegative += !outcome;
			ranking->probabilities = ranking->probabilities & (score[i] >= 0) & (score[i] <= 1);
		}
	}
	cj_sort_doubles(ranking->positive, ranking->npositive);
	cj_sort_doubles(ranking->negative, ranking->nnegative);
	return ranking;
}

bool
cj_tie_up(const CjRanking *ranking, CjTie *tie)
{
	int64		p = tie->positives_before + tie->positives;
	int64		n = tie->negatives_before + tie->negatives;

	if (p == ranking->npositive && n == ranking->nnegative)
		return false;
	tie->positives_before = p;
	tie->negatives_before = n;
	if (n == ranking->nnegative ||
		(p < ranking->npositive && ranking->positive[p] < ranking->negative[n]))
		tie->score = ranking->positive[p];
	else
		tie->score = ranking->negative[n];
	while (p < ranking->npositive && ranking->positive[p] == tie->score)
		p++;
	while (n < ranking->nnegative && ranking->negative[n] == tie->score)
		n++;
	tie->positives = p - tie->positives_before;
	tie->negatives = n - tie->negatives_before;
	return true;
}

bool
cj_tie_down(const CjRanking *ranking, CjTie *tie)
{
	int64		p = tie->positives_before + tie->positives;
	int64		n = tie->negatives_before + tie->negatives;
	const double *positive = ranking->positive + ranking->npositive - 1;
	const double *negative = ranking->negative + ranking->nnegative - 1;

	if (p == ranking->npositive && n == ranking->nnegative)
		return false;
	tie->positives_before = p;
	tie->negatives_before = n;
	if (n == ranking->nnegative || (p < ranking->npositive && positive[-p] > negative[-n]))
		tie->score = positive[-p];
	else
		tie->score = negative[-n];
	while (p < ranking->npositive && positive[-p] == tie->score)
		p++;
	while (n < ranking->nnegative && negative[-n] == tie->score)
		n++;
	tie->positives = p - tie->positives_before;
	tie->negatives = n - tie->negatives_before;
	return true;
}
