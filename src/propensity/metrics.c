/*-------------------------------------------------------------------------
 *
 * metrics.c
 *		One number each for how good scores are.
 *
 * AUC is the share of pairs of a positive and a negative row that the scores
 * put in the right order, equal ones counting half.  Its standard error is
 * DeLong's: from the variance, over positive rows, of the share of negatives
 * below them, and the mirror image.
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

/* AUC, DeLong's standard error. */
static void
rank_upward(const CjRanking *ranking, CjMetrics *metrics)
{
	double		m = ranking->npositive;
	double		n = ranking->nnegative;
	double		pairs = 0;
	double		positive_squares = 0;
	double		negative_squares = 0;
	CjTie		tie = {0};

	while (cj_tie_up(ranking, &tie))
	{
		double		below = (tie.negatives_before + tie.negatives / 2.0) / n;
		double		above = (m - tie.positives_before - tie.positives / 2.0) / m;

		pairs += tie.positives * (tie.negatives_before + tie.negatives / 2.0);
		positive_squares += tie.positives * below * below;
		negative_squares += tie.negatives * above * above;
	}
	metrics->auc = pairs / m / n;
	metrics->gini = 2 * metrics->auc - 1;
	if (m > 1 && n > 1)
	{
		double		mean2 = metrics->auc * metrics->auc;
		double		v10 = (positive_squares - m * mean2) / (m - 1);
		double		v01 = (negative_squares - n * mean2) / (n - 1);

		metrics->auc_se = sqrt(Max(v10, 0) / m + Max(v01, 0) / n);
	}
}

/* KS and average precision. */
static void
rank_downward(const CjRanking *ranking, CjMetrics *metrics)
{
	double		m = ranking->npositive;
	double		n = ranking->nnegative;
	CjTie		tie = {0};

	metrics->ks = 0;
	metrics->pr_auc = 0;
	while (cj_tie_down(ranking, &tie))
	{
		double		tp = tie.positives_before + tie.positives;
		double		fp = tie.negatives_before + tie.negatives;
		double		distance = fabs(tp / m - fp / n);

		if (distance > metrics->ks)
		{
			metrics->ks = distance;
			metrics->ks_score = tie.score;
		}
		metrics->pr_auc += tie.positives / m * (tp / (tp + fp));
	}
}

int
cj_width_bin(double score, int bins)
{
	int			bin = (int) ceil(score * bins) - 1;

	/* The product may have been rounded across an edge. */
	bin = Max(Min(bin, bins - 1), 0);
	while (bin > 0 && score <= (double) bin / bins)
		bin--;
	while (bin < bins - 1 && score > (double) (bin + 1) / bins)
		bin++;
	return bin;
}

#define ECE_BINS	10

/* Bins of the calibration error hold their lower edge, as those of histograms do. */
static inline int
ece_bin(double score)
{
	int			bin = Min((int) (score * ECE_BINS), ECE_BINS - 1);

	while (bin > 0 && score < (double) bin / ECE_BINS)
		bin--;
	while (bin < ECE_BINS - 1 && score >= (double) (bin + 1) / ECE_BINS)
		bin++;
	return bin;
}

/* Errors of the probabilities: log-loss, Brier, expected calibration error. */
static void
measure_errors(const CjRanking *ranking, CjMetrics *metrics)
{
	double		rows = metrics->rows;
	double		base = ranking->npositive / rows;
	double		log_sum = 0;
	double		square_sum = 0;
	double		balance[ECE_BINS] = {0};

	for (int64 i = 0; i < ranking->npositive; i++)
	{
		double		p = ranking->positive[i];

		log_sum -= log(p);
		square_sum += (1 - p) * (1 - p);
		balance[ece_bin(p)] += 1 - p;
	}
	CHECK_FOR_INTERRUPTS();
	for (int64 i = 0; i < ranking->nnegative; i++)
	{
		double		p = ranking->negative[i];

		log_sum -= log1p(-p);
		square_sum += p * p;
		balance[ece_bin(p)] -= p;
	}
	metrics->log_loss = log_sum / rows;
	metrics->brier = square_sum / rows;
	if (base > 0 && base < 1)
		metrics->brier_skill = 1 - metrics->brier / (base * (1 - base));
	metrics->ece = 0;
	for (int bin = 0; bin < ECE_BINS; bin++)
		metrics->ece += fabs(balance[bin]) / rows;
}

/*
 * Quantiles at 1/groups, 2/groups, ... 1 (interpolated between the two nearest
 * rows), equal ones once.
 */
int
cj_quantile_breaks(const CjRanking *ranking, int groups, double *breaks)
{
	int64		last = ranking->npositive + ranking->nnegative - 1;
	double		previous = 0;
	int			next = 1;
	int			count = 0;
	CjTie		tie = {0};

	while (next <= groups && cj_tie_up(ranking, &tie))
	{
		int64		first = tie.positives_before + tie.negatives_before;
		int64		end = first + tie.positives + tie.negatives;

		for (; next <= groups; next++)
		{
			int64		rank = last * next / groups;
			double		part = (double) (last * next % groups) / groups;
			double		value;

			/*
			 * This value needs the row after its rank, unless it is right on
			 * it.
			 */
			if ((part > 0 ? rank + 1 : rank) >= end)
				break;
			value = rank >= first ? tie.score : previous + (tie.score - previous) * part;
			if (count == 0 || value > breaks[count - 1])
				breaks[count++] = value;
		}
		previous = tie.score;
	}
	return count;
}

#define HL_GROUPS	10

/* Hosmer and Lemeshow: expected against observed in groups of about equal size. */
static void
hosmer_lemeshow(const CjRanking *ranking, CjMetrics *metrics)
{
	double		breaks[HL_GROUPS];
	int			groups = cj_quantile_breaks(ranking, HL_GROUPS, breaks);
	double		expected[HL_GROUPS] = {0};
	int64		positives[HL_GROUPS] = {0};
	int64		rows[HL_GROUPS] = {0};
	double		chi2 = 0;
	int			group = 0;
	CjTie		tie = {0};

	while (cj_tie_up(ranking, &tie))
	{
		while (group < groups - 1 && tie.score > breaks[group])
			group++;
		rows[group] += tie.positives + tie.negatives;
		positives[group] += tie.positives;
		expected[group] += (tie.positives + tie.negatives) * tie.score;
	}
	if (groups < 3)
		return;
	for (int g = 0; g < groups; g++)
	{
		double		miss = positives[g] - expected[g];

		if (rows[g] > 0 && miss != 0)
			chi2 += miss * miss / expected[g] + miss * miss / (rows[g] - expected[g]);
	}
	metrics->hl_chi2 = chi2;
	metrics->hl_df = groups - 2;
	metrics->hl_p = cj_chi2_p(chi2, groups - 2);
}

void
cj_metrics(const CjRanking *ranking, CjMetrics *metrics)
{
	metrics->rows = ranking->npositive + ranking->nnegative;
	metrics->positives = ranking->npositive;
	metrics->auc = metrics->auc_se = metrics->gini = metrics->ks = metrics->ks_score = NAN;
	metrics->pr_auc = metrics->log_loss = metrics->brier = metrics->brier_skill = NAN;
	metrics->ece = metrics->slope = metrics->intercept = NAN;
	metrics->hl_chi2 = metrics->hl_p = NAN;
	metrics->hl_df = 0;
	if (ranking->npositive > 0 && ranking->nnegative > 0)
	{
		rank_upward(ranking, metrics);
		rank_downward(ranking, metrics);
	}
	if (metrics->rows == 0 || !ranking->probabilities)
		return;
	measure_errors(ranking, metrics);
	hosmer_lemeshow(ranking, metrics);
	if (!cj_fit_line(ranking, 1, 0, &metrics->slope, &metrics->intercept))
		metrics->slope = metrics->intercept = NAN;
}
