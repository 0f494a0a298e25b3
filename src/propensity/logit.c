/*-------------------------------------------------------------------------
 *
 * logit.c
 *		Log-likelihood of a logistic regression, and Newton's method on it.
 *
 * One pass over the rows gives the log-likelihood, its gradient and its
 * Hessian.  A step solves the quadratic model they make, exactly (Cholesky)
 * or, with an l1 penalty, by coordinate descent on it; a step that does not
 * improve is halved.  When the next step would be below 1e-5 standard errors
 * (the "tolerance" is its square) it is taken, and the last pass gives the
 * Hessian at the very point that is reported: convergence is quadratic there.
 *
 * Large samples first solve for every n-th block and start from that.
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

CjPass *
cj_pass_create(const CjDesign *design)
{
	CjPass	   *pass = palloc0_object(CjPass);
	int			n = Max(design->nactive, 1);

	pass->gradient = palloc_array(double, n);
	pass->hessian = palloc(mul_size(mul_size(n, n), sizeof(double)));
	return pass;
}

static inline double
dot(const double *a, const double *b, int n)
{
	double		s0 = 0;
	double		s1 = 0;
	double		s2 = 0;
	double		s3 = 0;
	int			i = 0;

	for (; i + 4 <= n; i += 4)
	{
		s0 += a[i] * b[i];
		s1 += a[i + 1] * b[i + 1];
		s2 += a[i + 2] * b[i + 2];
		s3 += a[i + 3] * b[i + 3];
	}
	for (; i < n; i++)
		s0 += a[i] * b[i];
	return (s0 + s1) + (s2 + s3);
}

/* Four dot products at once: two columns with two others. */
static inline void
dot4(const double *a0, const double *a1, const double *b0, const double *b1, int n,
	 double *sum)
{
	double		s[8] = {0};
	int			i = 0;

	for (; i + 2 <= n; i += 2)
	{
		s[0] += a0[i] * b0[i];
		s[1] += a0[i + 1] * b0[i + 1];
		s[2] += a0[i] * b1[i];
		s[3] += a0[i + 1] * b1[i + 1];
		s[4] += a1[i] * b0[i];
		s[5] += a1[i + 1] * b0[i + 1];
		s[6] += a1[i] * b1[i];
		s[7] += a1[i + 1] * b1[i + 1];
	}
	if (i < n)
	{
		s[0] += a0[i] * b0[i];
		s[2] += a0[i] * b1[i];
		s[4] += a1[i] * b0[i];
		s[6] += a1[i] * b1[i];
	}
	sum[0] = s[0] + s[1];
	sum[1] = s[2] + s[3];
	sum[2] = s[4] + s[5];
	sum[3] = s[6] + s[7];
}

/* Adds a block's weighted cross products to the lower triangle of "sums". */
void
cj_add_crossproducts(double *const *column, int p, const double *weight, int n, double *sums)
{
	double		wx[2][CJ_BLOCK_ROWS];

	for (int j = 0; j < p; j += 2)
	{
		int			pair = j + 1 < p ? j + 1 : j;
		int			k = 0;
		double		sum[4];

		for (int i = 0; i < n; i++)
		{
			wx[0][i] = weight[i] * column[j][i];
			wx[1][i] = weight[i] * column[pair][i];
		}
		for (; k + 1 <= j; k += 2)
		{
			dot4(wx[0], wx[1], column[k], column[k + 1], n, sum);
			sums[(Size) j * p + k] += sum[0];
			sums[(Size) j * p + k + 1] += sum[1];
			if (pair > j)
			{
				sums[(Size) pair * p + k] += sum[2];
				sums[(Size) pair * p + k + 1] += sum[3];
			}
		}
		sums[(Size) j * p + j] += dot(wx[0], column[j], n);
		if (pair > j)
		{
			sums[(Size) pair * p + j] += dot(wx[1], column[j], n);
			sums[(Size) pair * p + pair] += dot(wx[1], column[pair], n);
		}
	}
}

/* Copies the lower triangle to the upper one. */
void
cj_mirror(double *a, int n)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			a[(Size) j * n + i] = a[(Size) i * n + j];
}

/*
 * Of each row the residual times its weight, and the curvature; the block's
 * log-likelihood is returned.  An outcome of probability q costs -log q =
 * log(1 + exp(-|link|)) - min(signed link, 0); without weights the factors
 * 1 + exp(-|link|), each between 1 and 2, are multiplied and one logarithm is
 * taken for all: their product is at most 2 ^ CJ_BLOCK_ROWS.
 */
static double
row_terms(const CjBlock *block, bool weighted, double *link, double *residual, double *curvature)
{
	double		linear = 0;
	double		logs = 0;
	double		product = 1;

	for (int i = 0; i < block->n; i++)
	{
		double		e = exp(-fabs(link[i]));
		double		d = 1 / (1 + e);
		double		sign = 2 * block->outcome[i] - 1;
		double		margin = sign * link[i];
		double		miss = (margin >= 0 ? e : 1) * d;	/* 1 - probability of
														 * the outcome */
		double		w = block->weight[i];

		residual[i] = sign * miss * w;
		curvature[i] = e * d * d * w;
		if (weighted)
		{
			linear += w * Min(margin, 0);
			logs += w * log1p(e);
		}
		else
		{
			linear += Min(margin, 0);
			product *= 1 + e;
		}
	}
	return linear - logs - log(product);
}

void
cj_pass(const CjDesign *design, const double *beta, CjPass *pass)
{
	int			p = design->nactive;
	CjBlock    *block = cj_block_create(design);
	double		link[CJ_BLOCK_ROWS];
	double		residual[CJ_BLOCK_ROWS];
	double		curvature[CJ_BLOCK_ROWS];

	pass->loglik = 0;
	memset(pass->gradient, 0, p * sizeof(double));
	memset(pass->hessian, 0, (Size) p * p * sizeof(double));
	for (int64 b = design->first_block; b < cj_sample_nblocks(design->sample); b += design->step)
	{
		CHECK_FOR_INTERRUPTS();
		cj_block_fill(design, b, block);
		cj_block_links(design, block, beta, link);
		pass->loglik += row_terms(block, design->weighted, link, residual, curvature);
		for (int a = 0; a < p; a++)
			pass->gradient[a] += dot(block->column[a], residual, block->n);
		cj_add_crossproducts(block->column, p, curvature, block->n, pass->hessian);
	}
	cj_mirror(pass->hessian, p);
	pfree(block->column);
	pfree(block->x);
	pfree(block);
}

/*
 * What each active term counts in the penalties: those are on the terms at
 * spread 1, or, with standardize off, on the terms as they come.
 */
void
cj_penalty_factors(const CjDesign *design, double *l1, double *l2)
{
	const CjFitOptions *options = design->options;

	for (int a = 0; a < design->nactive; a++)
	{
		int			t = design->active[a];
		double		unit = options->standardize ? 1 : design->scale[t];

		l1[a] = design->total_weight * options->l1 / unit;
		l2[a] = design->total_weight * options->l2 / (unit * unit);
		if (design->intercept && t == 0)
			l1[a] = l2[a] = 0;
	}
}

double
cj_penalty(const CjDesign *design, const double *beta)
{
	double	   *l1 = palloc_array(double, Max(design->nactive, 1));
	double	   *l2 = palloc_array(double, Max(design->nactive, 1));
	double		penalty = 0;

	cj_penalty_factors(design, l1, l2);
	for (int a = 0; a < design->nactive; a++)
		penalty += l1[a] * fabs(beta[a]) + l2[a] * beta[a] * beta[a] / 2;
	pfree(l1);
	pfree(l2);
	return penalty;
}

/*
 * The Newton step, and its length squared in standard errors.  A Hessian that
 * is not positive definite (all probabilities at 0 or 1) gets a little more
 * diagonal until it is.
 */
static double
newton_step(const CjDesign *design, const CjPass *pass, const double *beta, double *step)
{
	int			p = design->nactive;
	Size		size = mul_size(mul_size(p, p), sizeof(double));
	double	   *factor = palloc(Max(size, 8));
	double	   *l1 = palloc_array(double, Max(p, 1));
	double	   *l2 = palloc_array(double, Max(p, 1));
	double		decrement = 0;
	double		extra = 0;
	double		largest = 0;

	cj_penalty_factors(design, l1, l2);
	for (int a = 0; a < p; a++)
		largest = Max(largest, pass->hessian[(Size) a * p + a]);
	for (;;)
	{
		memcpy(factor, pass->hessian, size);
		for (int a = 0; a < p; a++)
		{
			factor[(Size) a * p + a] += l2[a] + extra;
			step[a] = pass->gradient[a] - l2[a] * beta[a];
		}
		if (cj_cholesky(factor, p))
			break;
		extra = extra == 0 ? Max(largest * 1e-10, 1e-300) : extra * 100;
		if (!isfinite(extra))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("numbers of the fit are out of range"),
					 errhint("Take smaller penalties and weights, or scale the features down.")));
	}
	if (design->options->l1 > 0)
		cj_lasso_step(design, pass, beta, step);
	else
		cj_cholesky_solve(factor, p, step);
	for (int a = 0; a < p; a++)
		for (int b = 0; b < p; b++)
			decrement += step[a] * step[b] *
				(pass->hessian[(Size) a * p + b] + (a == b ? l2[a] : 0));
	pfree(factor);
	pfree(l1);
	pfree(l2);
	return decrement;
}

/* Rows above which a part of them is solved first, and how many blocks that part has. */
#define LARGE_SAMPLE	65536
#define START_BLOCKS	64

static bool
start_from_part(CjDesign *design, double *beta)
{
	CjSolution *solution;
	double		whole = design->total_weight;
	bool		usable;

	if (design->step > 1 || design->sample->nrows <= LARGE_SAMPLE)
		return false;
	design->step = cj_sample_nblocks(design->sample) / START_BLOCKS;
	design->total_weight /= design->step;
	solution = cj_newton(design, NULL);
	design->step = 1;
	design->total_weight = whole;
	usable = solution->converged && solution->separation == CJ_SEPARATION_NONE;
	if (usable)
		memcpy(beta, solution->beta, design->nactive * sizeof(double));
	return usable;
}

/* Where nothing is known: all zero but the intercept, which is the base rate's. */
static void
start_from_base_rate(const CjDesign *design, double *beta)
{
	memset(beta, 0, design->nactive * sizeof(double));
	if (design->intercept && design->positive_weight > 0 &&
		design->positive_weight < design->total_weight)
		beta[0] = log(design->positive_weight / (design->total_weight - design->positive_weight));
}

/*
 * Adds the step to beta, halved until the objective does not fall.  Evaluates
 * at the new point; false if no step helps.
 */
static bool
take_step(const CjDesign *design, double *beta, const double *step, double *objective,
		  CjPass *pass, double *trial)
{
	double		part = 1;
	double		slack = 1e-12 * (fabs(*objective) + 1);

	for (int halving = 0; halving < 40; halving++, part /= 2)
	{
		double		reached;

		for (int a = 0; a < design->nactive; a++)
			trial[a] = beta[a] + part * step[a];
		cj_pass(design, trial, pass);
		reached = pass->loglik - cj_penalty(design, trial);
		if (reached >= *objective - slack)
		{
			memcpy(beta, trial, design->nactive * sizeof(double));
			*objective = reached;
			return true;
		}
	}
	return false;
}

/* From this iteration on, a fit that still moves is looked at for separation. */
#define SEPARATION_FROM		8

CjSolution *
cj_newton(CjDesign *design, const double *start)
{
	int			p = design->nactive;
	CjPass	   *pass = cj_pass_create(design);
	CjSolution *solution = palloc0_object(CjSolution);
	double	   *beta = palloc0_array(double, Max(p, 1));
	double	   *step = palloc0_array(double, Max(p, 1));
	double	   *trial = palloc0_array(double, Max(p, 1));
	bool		penalized = design->options->l1 > 0 || design->options->l2 > 0;

	if (start != NULL)
		memcpy(beta, start, p * sizeof(double));
	else if (!start_from_part(design, beta))
		start_from_base_rate(design, beta);
	cj_pass(design, beta, pass);
	solution->objective = pass->loglik - cj_penalty(design, beta);
	cj_progress_phase("iterating; at most so many steps", design->options->max_iterations);
	while (!solution->converged && solution->iterations < design->options->max_iterations)
	{
		double		decrement = newton_step(design, pass, beta, step);

		if (!penalized && solution->iterations >= SEPARATION_FROM &&
			decrement > design->options->tolerance)
		{
			solution->separation = cj_separation(design, beta, step);
			if (solution->separation != CJ_SEPARATION_NONE)
				break;
		}
		solution->iterations++;
		cj_progress_update(solution->iterations);
		if (!take_step(design, beta, step, &solution->objective, pass, trial))
		{
			cj_pass(design, beta, pass);
			break;
		}
		solution->converged = decrement <= design->options->tolerance;
	}
	solution->beta = beta;
	solution->loglik = pass->loglik;
	solution->hessian = pass->hessian;
	return solution;
}
