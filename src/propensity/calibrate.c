/*-------------------------------------------------------------------------
 *
 * calibrate.c
 *		From scores to probabilities that mean what they say.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "compat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "propensity/evaluate.h"

/* Log-odds of a probability; 0 and 1 count as the nearest that has any. */
static inline double
log_odds(double p)
{
	p = Max(Min(p, 1 - DBL_EPSILON), DBL_EPSILON);
	return log(p / (1 - p));
}

/* One class' part of the likelihood of a line, with its derivatives. */
typedef struct LineSums
{
	double		loglik;
	double		g0;
	double		g1;
	double		h00;
	double		h01;
	double		h11;
} LineSums;

static void
add_line(const double *x, int64 n, double target, double intercept, double slope,
		 LineSums *sums)
{
	for (int64 i = 0; i < n; i++)
	{
		double		link = intercept + slope * x[i];
		double		e = exp(-fabs(link));
		double		p = link >= 0 ? 1 / (1 + e) : e / (1 + e);
		double		w = e / ((1 + e) * (1 + e));

		sums->loglik += target * link - Max(link, 0) - log1p(e);
		sums->g0 += target - p;
		sums->g1 += (target - p) * x[i];
		sums->h00 += w;
		sums->h01 += w * x[i];
		sums->h11 += w * x[i] * x[i];
	}
}

static LineSums
line_sums(const CjRanking *ranking, const double *positive, const double *negative,
		  double positive_target, double negative_target, double intercept, double slope)
{
	LineSums	sums = {0};

	CHECK_FOR_INTERRUPTS();
	add_line(positive, ranking->npositive, positive_target, intercept, slope, &sums);
	add_line(negative, ranking->nnegative, negative_target, intercept, slope, &sums);
	return sums;
}

static double *
all_log_odds(const double *scores, int64 n)
{
	double	   *x = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(double));

	for (int64 i = 0; i < n; i++)
		x[i] = log_odds(scores[i]);
	return x;
}

bool
cj_fit_line(const CjRanking *ranking, double positive_target, double negative_target,
			double *slope, double *intercept)
{
	double	   *positive = all_log_odds(ranking->positive, ranking->npositive);
	double	   *negative = all_log_odds(ranking->negative, ranking->nnegative);
	LineSums	at;
	bool		converged = false;

	*slope = 1;
	*intercept = 0;
	at = line_sums(ranking, positive, negative, positive_target, negative_target,
				   *intercept, *slope);
	for (int round = 0; round < 100 && !converged; round++)
	{
		double		determinant = at.h00 * at.h11 - at.h01 * at.h01;
		double		d0 = (at.h11 * at.g0 - at.h01 * at.g1) / determinant;
		double		d1 = (at.h00 * at.g1 - at.h01 * at.g0) / determinant;
		double		decrement = d0 * at.g0 + d1 * at.g1;
		LineSums	next = at;

		/* Scores all the same, or classes that the scores split. */
		if (!(determinant > at.h00 * at.h11 * 1e-14) || !isfinite(decrement))
			break;
		for (int halving = 0; halving < 40; halving++, d0 /= 2, d1 /= 2)
		{
			next = line_sums(ranking, positive, negative, positive_target, negative_target,
							 *intercept + d0, *slope + d1);
			if (next.loglik >= at.loglik - 1e-12 * (fabs(at.loglik) + 1))
				break;
		}
		*intercept += d0;
		*slope += d1;
		at = next;
		converged = decrement < 1e-12;
	}
	pfree(positive);
	pfree(negative);
	return converged && fabs(*slope) < 1e6;
}

/* Platt's targets, a little inside 0 and 1, keep the line finite. */
CjCalibrator *
cj_platt(const CjRanking *ranking)
{
	CjCalibrator *calibrator = palloc0_object(CjCalibrator);
	double		m = ranking->npositive;
	double		n = ranking->nnegative;

	calibrator->kind = CJ_PLATT;
	if (!cj_fit_line(ranking, (m + 1) / (m + 2), 1 / (n + 2),
					 &calibrator->slope, &calibrator->intercept))
	{
		/* No line: the smoothed rate for every score. */
		double		rate = (m * (m + 1) / (m + 2) + n / (n + 2)) / (m + n);

		calibrator->slope = 0;
		calibrator->intercept = log(rate / (1 - rate));
	}
	return calibrator;
}

/*
 * Blocks of equal value, each by its sum of weights, its mean and where it
 * ends; a block below the one before is merged with it.
 */
void
cj_pool_violators(double *y, double *weight, int64 n)
{
	int64	   *end = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(int64));
	int64		blocks = 0;
	int64		start = 0;
	double	   *value;

	for (int64 i = 0; i < n; i++)
	{
		double		mean = y[i];
		double		sum = weight[i];

		while (blocks > 0 && y[blocks - 1] >= mean)
		{
			blocks--;
			mean = (mean * sum + y[blocks] * weight[blocks]) / (sum + weight[blocks]);
			sum += weight[blocks];
		}
		y[blocks] = mean;
		weight[blocks] = sum;
		end[blocks++] = i + 1;
	}
	value = MemoryContextAllocHuge(CurrentMemoryContext, Max(blocks, 1) * sizeof(double));
	memcpy(value, y, blocks * sizeof(double));
	for (int64 b = 0; b < blocks; b++)
		for (; start < end[b]; start++)
			y[start] = value[b];
	pfree(value);
	pfree(end);
}

CjCalibrator *
cj_isotonic(const CjRanking *ranking)
{
	CjCalibrator *calibrator = palloc0_object(CjCalibrator);
	Size		size = (ranking->npositive + ranking->nnegative) * sizeof(double);
	double	   *score = MemoryContextAllocHuge(CurrentMemoryContext, Max(size, 8));
	double	   *value = MemoryContextAllocHuge(CurrentMemoryContext, Max(size, 8));
	double	   *weight = MemoryContextAllocHuge(CurrentMemoryContext, Max(size, 8));
	int64		n = 0;
	int64		kept = 0;
	CjTie		tie = {0};

	while (cj_tie_up(ranking, &tie))
	{
		score[n] = tie.score;
		weight[n] = tie.positives + tie.negatives;
		value[n] = tie.positives / weight[n];
		n++;
	}
	cj_pool_violators(value, weight, n);
	/* Of every run of equal values, its ends are enough. */
	for (int64 i = 0; i < n; i++)
		if (i == 0 || i == n - 1 || value[i] != value[i - 1] || value[i] != value[i + 1])
		{
			score[kept] = score[i];
			value[kept++] = value[i];
		}
	calibrator->kind = CJ_ISOTONIC;
	calibrator->npoints = (int32) kept;
	calibrator->scores = score;
	calibrator->values = value;
	pfree(weight);
	return calibrator;
}

double
cj_calibrate(const CjCalibrator *calibrator, double score)
{
	int			low = 0;
	int			high = calibrator->npoints - 1;

	if (calibrator->kind == CJ_PLATT)
		return cj_expit(calibrator->intercept + calibrator->slope * log_odds(score));
	if (score <= calibrator->scores[0])
		return calibrator->values[0];
	if (score >= calibrator->scores[high])
		return calibrator->values[high];
	while (high - low > 1)
	{
		int			middle = (low + high) / 2;

		if (calibrator->scores[middle] <= score)
			low = middle;
		else
			high = middle;
	}
	return calibrator->values[low] + (calibrator->values[high] - calibrator->values[low]) *
		(score - calibrator->scores[low]) / (calibrator->scores[high] - calibrator->scores[low]);
}

const char *
cj_calibrator_fault(const CjCalibrator *calibrator)
{
	if (calibrator->kind == CJ_PLATT)
		return isfinite(calibrator->slope) && isfinite(calibrator->intercept) ? NULL :
			"its line is not finite";
	if (calibrator->kind != CJ_ISOTONIC)
		return "it is of an unknown kind";
	if (calibrator->npoints < 1)
		return "it has no points";
	for (int i = 0; i < calibrator->npoints; i++)
		if (!isfinite(calibrator->scores[i]) || !(calibrator->values[i] >= 0) ||
			calibrator->values[i] > 1)
			return "a point is out of range";
	for (int i = 1; i < calibrator->npoints; i++)
		if (calibrator->scores[i - 1] >= calibrator->scores[i] ||
			calibrator->values[i - 1] > calibrator->values[i])
			return "its points do not ascend";
	return NULL;
}
