/*-------------------------------------------------------------------------
 *
 * fit.c
 *		From a sample to a model.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/progress.h"
#include "compat.h"
#include "miscadmin.h"
#include "storage/shmem.h"

#include "propensity/design.h"
#include "propensity/matrix.h"

static void
drop_aliased(CjDesign *design)
{
	design->nactive = 0;
	for (int t = 0; t < design->nterms; t++)
		if (!design->aliased[t])
			design->active[design->nactive++] = t;
}

/*
 * Finds the terms that others determine, and how near the rest come to that.
 * The cross products of terms at mean 0 and spread 1 are correlations.
 */
static double
check_collinearity(CjDesign *design)
{
	int			p = design->nactive;
	CjBlock    *block = cj_block_create(design);
	double	   *sums = palloc0(Max(mul_size(mul_size(p, p), sizeof(double)), 8));
	bool	   *aliased = palloc0_array(bool, Max(p, 1));
	double	   *kept;
	int			nkept = 0;
	double		condition;

	for (int64 b = 0; b < cj_sample_nblocks(design->sample); b++)
	{
		CHECK_FOR_INTERRUPTS();
		cj_block_fill(design, b, block);
		cj_add_crossproducts(block->column, p, block->weight, block->n, sums);
	}
	cj_mirror(sums, p);
	cj_find_aliased(sums, p, aliased);
	kept = palloc(Max(mul_size(mul_size(p, p), sizeof(double)), 8));
	for (int a = 0; a < p; a++)
	{
		design->aliased[design->active[a]] = aliased[a];
		nkept += !aliased[a];
	}
	for (int a = 0, i = 0; a < p; a++)
	{
		int			j = 0;

		if (aliased[a])
			continue;
		for (int b = 0; b < p; b++)
			if (!aliased[b])
				kept[(Size) i * nkept + j++] = sums[(Size) a * p + b] /
					sqrt(sums[(Size) a * p + a] * sums[(Size) b * p + b]);
		i++;
	}
	condition = cj_condition_number(kept, nkept);
	drop_aliased(design);
	pfree(kept);
	pfree(sums);
	pfree(aliased);
	pfree(block->column);
	pfree(block->x);
	pfree(block);
	return condition;
}

/* What robust variances are multiplied with; not finite where they say nothing. */
static double
small_sample_correction(const CjDesign *design, int64 clusters)
{
	double		n = design->sample->nrows;
	double		g = clusters;
	double		spare = n - design->nactive;

	switch (design->options->se_kind)
	{
		case CJ_SE_HC1:
			return spare > 0 ? n / spare : NAN;
		case CJ_SE_CR1:
			return spare > 0 ? g / (g - 1) * (n - 1) / spare : NAN;
		default:
			return 1;
	}
}

/*
 * Covariance of the active coefficients on their internal scale, or NULL where
 * there is none: with an l1 penalty, when the information is singular, or with
 * too few rows or clusters to tell.
 */
static double *
covariance(const CjDesign *design, const CjSolution *solution, int64 *clusters)
{
	const CjFitOptions *options = design->options;
	int			p = design->nactive;
	Size		size = Max((Size) p * p * sizeof(double), 8);
	double	   *bread = palloc(size);
	double	   *factor = palloc(size);
	double	   *l1 = palloc_array(double, Max(p, 1));
	double	   *l2 = palloc_array(double, Max(p, 1));
	double	   *result;
	double		correction;
	double	   *middle = solution->hessian;

	if (options->l1 > 0)
		return NULL;
	cj_penalty_factors(design, l1, l2);
	memcpy(factor, solution->hessian, (Size) p * p * sizeof(double));
	for (int a = 0; a < p; a++)
		factor[(Size) a * p + a] += l2[a];
	if (!cj_cholesky(factor, p))
		return NULL;
	cj_cholesky_inverse(factor, p, bread);
	if (options->se_kind == CJ_SE_MODEL && options->l2 == 0)
		return bread;
	if (options->se_kind == CJ_SE_CR0 || options->se_kind == CJ_SE_CR1)
		middle = cj_cluster_products(design, solution->beta, clusters);
	else if (options->se_kind != CJ_SE_MODEL)
		middle = cj_score_products(design, solution->beta);
	correction = small_sample_correction(design, *clusters);
	if (middle == NULL || !isfinite(correction))
		return NULL;
	result = factor;
	cj_sandwich(bread, middle, p, result);
	for (Size i = 0; i < (Size) p * p; i++)
		result[i] *= correction;
	return result;
}

/* Coefficients and covariance on the terms' own scale. */
static void
give_coefficients(CjModel *model, const CjDesign *design, const double *beta, const double *cov)
{
	int			p = design->nactive;
	double	   *part = palloc_array(double, Max(p, 1)); /* of each in the
														 * intercept */
	Size		size = (Size) model->nterms * (model->nterms + 1) / 2;

	for (int a = 0; a < p; a++)
	{
		int			t = design->active[a];

		model->coef[t] = beta[a] / design->scale[t];
		part[a] = design->intercept && t == 0 ? 1 : -design->center[t];
		if (design->intercept && t > 0)
			model->coef[0] -= model->coef[t] * design->center[t];
	}
	if (cov == NULL)
		return;
	model->covariance = palloc0_array(double, size);
	for (int a = 0; a < p; a++)
		for (int b = 0; b <= a; b++)
		{
			Size		i = design->active[a];
			Size		j = design->active[b];
			double		c = cov[(Size) a * p + b] / (design->scale[i] * design->scale[j]);

			if (!design->intercept || j > 0)
				model->covariance[i * (i + 1) / 2 + j] = c;
		}
	if (!design->intercept || p == 0)
		return;
	for (int b = 0; b < p; b++)
	{
		Size		j = design->active[b];
		double		with_intercept = 0;

		for (int a = 0; a < p; a++)
			with_intercept += part[a] * cov[(Size) a * p + b] /
				(design->scale[design->active[a]] * design->scale[j]);
		if (j > 0)
			model->covariance[j * (j + 1) / 2] = with_intercept;
		model->covariance[0] += part[b] * with_intercept;
	}
	pfree(part);
}

/* Takes the sampled rate out of the intercept and the true one in. */
static void
correct_prior(CjModel *model, const CjDesign *design)
{
	double		prior = design->options->prior;
	double		rate = design->positive_weight / design->total_weight;

	if (prior > 0)
		model->coef[0] += log(prior / (1 - prior)) - log(rate / (1 - rate));
}

/* A known rate of the outcome moves the intercept's interval as it moves the intercept. */
static void
give_profile(CjModel *model, const CjDesign *design, const CjSolution *solution, double shift)
{
	model->report.profile = design->options->profile;
	model->profile = cj_profile(design, solution, model->report.profile);
	if (model->intercept)
	{
		model->profile[0] += shift;
		model->profile[1] += shift;
	}
}

/* The training rows' links at 0, 1, ... 100 percent. */
static void
give_quantiles(CjModel *model, const CjDesign *design, const double *beta, double shift)
{
	const CjSample *sample = design->sample;
	double	   *links = palloc(Max(sample->nrows, 1) * sizeof(double));
	CjBlock    *block = cj_block_create(design);
	int64		n = 0;

	for (int64 b = 0; b < cj_sample_nblocks(sample); b++)
	{
		CHECK_FOR_INTERRUPTS();
		cj_block_fill(design, b, block);
		cj_block_links(design, block, beta, links + n);
		n += block->n;
	}
	cj_sort_doubles(links, n);
	model->quantiles = palloc_array(double, CJ_QUANTILES);
	for (int q = 0; q < CJ_QUANTILES; q++)
	{
		int64		rank = (n - 1) * q / (CJ_QUANTILES - 1);
		int64		part = (n - 1) * q % (CJ_QUANTILES - 1);
		double		low = links[rank];
		double		high = links[Min(rank + 1, n - 1)];

		model->quantiles[q] = low + (high - low) * part / (CJ_QUANTILES - 1) + shift;
	}
	pfree(links);
}

/* Outcomes all the same: the base rate is all there is to say, and it is smoothed. */
static void
fit_one_class(CjModel *model, const CjDesign *design)
{
	double		positive = design->positive_weight;
	double		negative = design->total_weight - positive;

	for (int t = 0; t < model->nterms; t++)
		model->aliased[t] = !(design->intercept && t == 0);
	if (design->intercept)
		model->coef[0] = log((positive + 0.5) / (negative + 0.5));
	model->report.one_class = true;
	model->report.rank = design->intercept ? 1 : 0;
	model->report.condition = 1;
	model->report.loglik = positive * -log1p(exp(-model->coef[0])) +
		negative * -log1p(exp(model->coef[0]));
	model->report.null_loglik = 0;
	model->report.penalized = model->report.loglik;
}

static double
null_loglik(const CjDesign *design)
{
	double		positive = design->positive_weight;
	double		negative = design->total_weight - positive;

	if (!design->intercept)
		return -design->total_weight * log(2);
	return positive * log(positive / design->total_weight) +
		negative * log(negative / design->total_weight);
}

static void
fit_both_classes(CjModel *model, CjDesign *design)
{
	const CjFitOptions *options = design->options;
	CjFitReport *report = &model->report;
	CjSolution *solution;
	double	   *cov;
	double		uncorrected;

	report->condition = check_collinearity(design);
	report->rank = design->nactive;
	memcpy(model->aliased, design->aliased, model->nterms * sizeof(bool));
	solution = options->firth ? cj_firth(design) : cj_newton(design, NULL);
	cov = covariance(design, solution, &report->clusters);
	give_coefficients(model, design, solution->beta, cov);
	uncorrected = model->intercept ? model->coef[0] : 0;
	correct_prior(model, design);
	give_quantiles(model, design, solution->beta,
				   model->intercept ? model->coef[0] - uncorrected : 0);
	if (options->profile > 0 && solution->converged)
		give_profile(model, design, solution,
					 model->intercept ? model->coef[0] - uncorrected : 0);
	report->has_errors = cov != NULL;
	report->loglik = solution->loglik;
	report->null_loglik = null_loglik(design);
	report->penalized = options->firth ? solution->objective :
		solution->loglik - cj_penalty(design, solution->beta);
	report->iterations = solution->iterations;
	report->converged = solution->converged;
	report->separation = solution->separation;
}

static CjModel *
start_model(const CjDesign *design, bool array_input)
{
	const CjFitOptions *options = design->options;
	CjModel    *model = palloc0_object(CjModel);
	int			n = Max(design->nterms, 1);

	model->kind = CJ_LOGISTIC;
	model->array_input = array_input;
	model->intercept = design->intercept;
	model->missing = options->missing;
	model->nfeatures = design->nfeatures;
	model->features = design->features;
	model->nterms = design->nterms;
	model->coef = palloc0_array(double, n);
	model->aliased = palloc0_array(bool, n);
	model->center = design->mean;
	model->spread = design->spread;
	model->report.rows = design->sample->nrows;
	model->report.positives = design->positives;
	model->report.skipped = design->sample->skipped;
	model->report.weight = design->case_weight;
	model->report.se_kind = options->se_kind;
	model->report.firth = options->firth;
	model->report.l1 = options->l1;
	model->report.l2 = options->l2;
	model->report.prior = options->prior;
	model->report.class_weight[0] = design->class_weight[0];
	model->report.class_weight[1] = design->class_weight[1];
	return model;
}

CjModel *
cj_fit(const CjSample *sample, const CjInput *inputs, const CjFitOptions *options,
	   bool array_input)
{
	CjDesign   *design;
	CjModel    *model;

	Assert(sample->nrows > 0);
	cj_progress_start("propensity_fit");
	design = cj_design_create(sample, inputs, options);
	if (design->nterms == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a model needs an intercept or at least one feature")));
	model = start_model(design, array_input);
	if (design->positives == 0 || design->positives == sample->nrows)
		fit_one_class(model, design);
	else
		fit_both_classes(model, design);
	cj_progress_end();
	return model;
}
