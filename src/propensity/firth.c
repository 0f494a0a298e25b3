/*-------------------------------------------------------------------------
 *
 * firth.c
 *		Firth's bias-reduced logistic regression.
 *
 * Maximises the log-likelihood plus half the log-determinant of the
 * information matrix (Jeffreys' prior).  The estimates are finite for any
 * data, separated or not.  The score of a row becomes w (y - p) + h (1/2 - p),
 * where h is the row's leverage; steps use the information matrix.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "miscadmin.h"

#include "propensity/design.h"
#include "propensity/matrix.h"

/* Leverages of a block's rows, given L of the information matrix. */
static void
leverages(const CjDesign *design, const CjBlock *block, const double *l,
		  const double *curvature, double *row, double *leverage)
{
	int			p = design->nactive;

	for (int i = 0; i < block->n; i++)
	{
		double		sum = 0;

		for (int a = 0; a < p; a++)
			row[a] = block->column[a][i];
		cj_cholesky_forward(l, p, row);
		for (int a = 0; a < p; a++)
			sum += row[a] * row[a];
		leverage[i] = sum * curvature[i];
	}
}

/* The modified score at beta. */
static void
firth_score(const CjDesign *design, const double *beta, const double *l, double *score)
{
	int			p = design->nactive;
	CjBlock    *block = cj_block_create(design);
	double	   *row = palloc_array(double, Max(p, 1));
	double		link[CJ_BLOCK_ROWS];
	double		curvature[CJ_BLOCK_ROWS];
	double		leverage[CJ_BLOCK_ROWS];

	memset(score, 0, p * sizeof(double));
	for (int64 b = 0; b < cj_sample_nblocks(design->sample); b++)
	{
		CHECK_FOR_INTERRUPTS();
		cj_block_fill(design, b, block);
		cj_block_links(design, block, beta, link);
		for (int i = 0; i < block->n; i++)
		{
			link[i] = cj_expit(link[i]);
			curvature[i] = block->weight[i] * link[i] * (1 - link[i]);
		}
		leverages(design, block, l, curvature, row, leverage);
		for (int i = 0; i < block->n; i++)
			leverage[i] = block->weight[i] * (block->outcome[i] - link[i]) +
				leverage[i] * (0.5 - link[i]);
		for (int a = 0; a < p; a++)
			for (int i = 0; i < block->n; i++)
				score[a] += block->column[a][i] * leverage[i];
	}
	pfree(row);
	pfree(block->column);
	pfree(block->x);
	pfree(block);
}

/* The penalised log-likelihood at beta; l becomes the factor of the information. */
static double
firth_objective(const CjDesign *design, const double *beta, CjPass *pass, double *l)
{
	int			p = design->nactive;
	double		half_log_determinant = 0;

	cj_pass(design, beta, pass);
	memcpy(l, pass->hessian, (Size) p * p * sizeof(double));
	if (!cj_cholesky(l, p))
		return -INFINITY;
	for (int a = 0; a < p; a++)
		half_log_determinant += log(l[(Size) a * p + a]);
	return pass->loglik + half_log_determinant;
}

CjSolution *
cj_firth(const CjDesign *design)
{
	int			p = design->nactive;
	CjPass	   *pass = cj_pass_create(design);
	CjSolution *solution = palloc0_object(CjSolution);
	double	   *l = palloc_array(double, Max((Size) p * p, 1));
	double	   *beta = palloc0_array(double, Max(p, 1));
	double	   *step = palloc0_array(double, Max(p, 1));
	double	   *trial = palloc0_array(double, Max(p, 1));

	solution->objective = firth_objective(design, beta, pass, l);
	while (!solution->converged && solution->iterations < design->options->max_iterations)
	{
		double		length = 0;
		double		reached = -INFINITY;
		double		part = 1;

		firth_score(design, beta, l, step);
		cj_cholesky_solve(l, p, step);
		for (int a = 0; a < p; a++)
			for (int b = 0; b < p; b++)
				length += step[a] * step[b] * pass->hessian[(Size) a * p + b];
		solution->iterations++;
		for (int halving = 0; halving < 40; halving++, part /= 2)
		{
			for (int a = 0; a < p; a++)
				trial[a] = beta[a] + part * step[a];
			reached = firth_objective(design, trial, pass, l);
			if (reached >= solution->objective - 1e-12 * (fabs(solution->objective) + 1))
				break;
		}
		memcpy(beta, trial, p * sizeof(double));
		solution->objective = reached;

		/* Convergence is linear here: the square of 1e-10 standard errors. */
		solution->converged = length <= design->options->tolerance * 1e-10;
	}
	solution->beta = beta;
	solution->loglik = pass->loglik;
	solution->hessian = pass->hessian;
	return solution;
}
