/*-------------------------------------------------------------------------
 *
 * penalty.c
 *		The step of a fit with an l1 penalty.
 *
 * Near a point, minus the log-likelihood is a quadratic form; coordinate
 * descent minimises it plus the penalties, one coefficient at a time, each by
 * the soft threshold.  The cross products are there already, so that a sweep
 * costs no look at the rows.
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

#define MAX_SWEEPS	100000

static inline double
soft_threshold(double value, double threshold)
{
	if (value > threshold)
		return value - threshold;
	if (value < -threshold)
		return value + threshold;
	return 0;
}

/*
 * "left" is the gradient of the log-likelihood's quadratic model at the
 * current trial: gradient - hessian * step.
 */
void
cj_lasso_step(const CjDesign *design, const CjPass *pass, const double *beta, double *step)
{
	int			p = design->nactive;
	double	   *left = palloc_array(double, Max(p, 1));
	double	   *l1 = palloc_array(double, Max(p, 1));
	double	   *l2 = palloc_array(double, Max(p, 1));

	cj_penalty_factors(design, l1, l2);
	memcpy(left, pass->gradient, p * sizeof(double));
	memset(step, 0, p * sizeof(double));
	for (int sweep = 0; sweep < MAX_SWEEPS; sweep++)
	{
		double		largest = 0;

		CHECK_FOR_INTERRUPTS();
		for (int a = 0; a < p; a++)
		{
			const double *row = pass->hessian + (Size) a * p;
			double		old = beta[a] + step[a];
			double		moved;

			if (row[a] + l2[a] <= 0)
				continue;
			moved = soft_threshold(left[a] + row[a] * old, l1[a]) / (row[a] + l2[a]) - old;
			if (moved == 0)
				continue;
			step[a] += moved;
			for (int b = 0; b < p; b++)
				left[b] -= row[b] * moved;
			largest = Max(largest, moved * moved * row[a]);
		}
		if (largest <= design->options->tolerance * 1e-6)
			break;
	}
	pfree(left);
	pfree(l1);
	pfree(l2);
}
