/*-------------------------------------------------------------------------
 *
 * evaluate.h
 *		How good scores are: ranking, calibration, tables.
 *
 * Everything works on scores sorted by class, and so does not depend on the
 * rows' order, not even in the last digit.  Rows with equal scores stand
 * together; where a table cuts through them, each part gets its share of their
 * positives.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_EVALUATE_H
#define CJ_EVALUATE_H

#include "propensity/propensity.h"

/* Scores in ascending order, by outcome. */
typedef struct CjRanking
{
	int64		npositive;
	int64		nnegative;
	double	   *positive;
	double	   *negative;
	bool		probabilities;	/* all from 0 to 1 */
} CjRanking;

extern CjRanking *cj_ranking(const CjSample *sample);

/* The rows of one score, walking up or down. */
typedef struct CjTie
{
	double		score;
	int64		positives;
	int64		negatives;
	int64		positives_before;
	int64		negatives_before;
} CjTie;

/* Start with a zeroed tie. */
extern bool cj_tie_up(const CjRanking *ranking, CjTie *tie);
extern bool cj_tie_down(const CjRanking *ranking, CjTie *tie);

/* ---- metrics.c ---- */

/* NaN stands for what is not defined. */
typedef struct CjMetrics
{
	int64		rows;
	int64		positives;
	double		auc;
	double		auc_se;
	double		gini;
	double		ks;
	double		ks_score;
	double		pr_auc;
	double		log_loss;
	double		brier;
	double		brier_skill;
	double		ece;
	double		slope;
	double		intercept;
	double		hl_chi2;
	int			hl_df;
	double		hl_p;
} CjMetrics;

extern void cj_metrics(const CjRanking *ranking, CjMetrics *metrics);

/* Which of n bins of equal width a probability is in; the upper edge belongs to the bin. */
extern int	cj_width_bin(double score, int bins);

/* Upper edges of groups of about equal size, ties together; returns how many differ. */
extern int	cj_quantile_breaks(const CjRanking *ranking, int groups, double *breaks);

/* ---- tables.c ---- */

typedef struct CjGain
{
	int64		rows;
	double		positives;
	double		low;
	double		high;
} CjGain;

/* Rows by falling score in so many bins; the first ones take what does not divide. */
extern CjGain *cj_gains(const CjRanking *ranking, int bins);

typedef struct CjReliability
{
	int			bin;
	double		low;			/* of the bin */
	double		high;
	int64		rows;
	int64		positives;
	double		score_sum;
} CjReliability;

extern CjReliability *cj_reliability(const CjRanking *ranking, int bins, bool quantile,
									 int *count);

/* Ties from the highest score down, thinned to about "most" of them. */
extern CjTie *cj_thresholds(const CjRanking *ranking, int most, int *count);

/* Rows at or above the threshold. */
extern void cj_above(const CjRanking *ranking, double threshold, int64 *positives,
					 int64 *negatives);

/* ---- calibrate.c ---- */

typedef enum CjCalibratorKind
{
	CJ_PLATT = 'p',
	CJ_ISOTONIC = 'i'
} CjCalibratorKind;

/* Platt: expit(intercept + slope * log-odds).  Isotonic: linear between points. */
typedef struct CjCalibrator
{
	uint8		kind;
	double		slope;
	double		intercept;
	int32		npoints;
	double	   *scores;			/* ascending */
	double	   *values;			/* not descending */
} CjCalibrator;

/*
 * Fits outcome ~ expit(intercept + slope * log-odds of the score) for given
 * targets of the two classes.  False if there is no finite best fit.
 */
extern bool cj_fit_line(const CjRanking *ranking, double positive_target,
						double negative_target, double *slope, double *intercept);
extern CjCalibrator *cj_platt(const CjRanking *ranking);
extern CjCalibrator *cj_isotonic(const CjRanking *ranking);
extern double cj_calibrate(const CjCalibrator *calibrator, double score);
extern const char *cj_calibrator_fault(const CjCalibrator *calibrator);

/* Pools adjacent violators in place: y becomes the best non-descending fit. */
extern void cj_pool_violators(double *y, double *weight, int64 n);

#endif							/* CJ_EVALUATE_H */
