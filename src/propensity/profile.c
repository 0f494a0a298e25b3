/*-------------------------------------------------------------------------
 *
 * profile.c
 *		Confidence intervals from the likelihood itself.
 *
 * A coefficient's interval is all the values it takes where the log-likelihood
 * is less than a chi-squared quantile's half below its maximum, whatever the
 * others are.  Its ends are the extremes of a linear function c'beta on a convex
 * set.  Each is found as a constrained Newton iteration: with the gradient g and
 * the Hessian H of minus the log-likelihood, the extreme of the quadratic model
 * is the step H^-1 (g + s c), with s such that the model is at the limit.  A step
 * that falls twice as deep as it should is halved.  The first step gives
 * the interval of the standard errors; a handful is enough in general.
 *
 * With both outcomes overlapping, which a finite maximum means, the set is
 * bounded and the ends exist.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "miscadmin.h"
#include "storage/shmem.h"

#include "propensity/design.h"
#include "propensity/matrix.h"

#define MAX_STEPS		50
#define MAX_HALVINGS	30

/* What the search for one end works with. */
typedef struct Search
{
	const CjDesign *design;
	const CjSolution *solution;
	double		limit;			/* the log-likelihood at the ends */
	CjPass	   *pass;
	double	   *contrast;		/* c */
	double	   *beta;
	double	   *trial;
	double	   *step;
	double	   *along;			/* H^-1 c */
	double	   *factor;
} Search;

static double
product(const double *a, const double *b, int n)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/*
 * The step from beta, and its length squared in standard errors; NaN if the
 * Hessian is singular there.
 */
static double
next_step(Search *search, double sign)
{
	int			p = search->design->nactive;
	const CjPass *pass = search->pass;
	double		room;
	double		s;
	double		length = 0;

	memcpy(search->factor, pass->hessian, (Size) p * p * sizeof(double));
	if (!cj_cholesky(search->factor, p))
		return NAN;
	memcpy(search->step, pass->gradient, p * sizeof(double));
	memcpy(search->along, search->contrast, p * sizeof(double));
	cj_cholesky_solve(search->factor, p, search->step);
	cj_cholesky_solve(search->factor, p, search->along);
	room = pass->loglik - search->limit + product(pass->gradient, search->step, p) / 2;
	s = room <= 0 ? 0 :
		sign * sqrt(2 * room / product(search->contrast, search->along, p));
	for (int a = 0; a < p; a++)
		search->step[a] += s * search->along[a];
	for (int a = 0; a < p; a++)
		length += search->step[a] * product(pass->hessian + (Size) a * p, search->step, p);
	return length;
}

/* The largest (sign 1) or smallest (-1) value of c'beta; NaN if it is not found. */
static double
find_end(Search *search, double sign)
{
	int			p = search->design->nactive;
	double		most = 2 * (search->solution->loglik - search->limit);

	memcpy(search->beta, search->solution->beta, p * sizeof(double));
	cj_pass(search->design, search->beta, search->pass);
	for (int i = 0; i < MAX_STEPS; i++)
	{
		double		length = next_step(search, sign);
		double		part = 1;
		int			halvings = 0;

		if (!isfinite(length))
			return NAN;
		for (;; part /= 2)
		{
			for (int a = 0; a < p; a++)
				search->trial[a] = search->beta[a] + part * search->step[a];
			if (part == 1 && length <= search->design->options->tolerance)
				return product(search->contrast, search->trial, p);
			cj_pass(search->design, search->trial, search->pass);
			if (search->solution->loglik - search->pass->loglik <= most)
				break;
			if (++halvings > MAX_HALVINGS)
				return NAN;
		}
		memcpy(search->beta, search->trial, p * sizeof(double));
	}
	return NAN;
}

/* A term's coefficient, on its own scale, as a function of those solved for. */
static void
set_contrast(Search *search, int a)
{
	const CjDesign *design = search->design;
	int			t = design->active[a];

	memset(search->contrast, 0, design->nactive * sizeof(double));
	search->contrast[a] = 1 / design->scale[t];
	if (!design->intercept || t > 0)
		return;
	for (int b = 0; b < design->nactive; b++)
		if (b != a)
			search->contrast[b] = -design->center[design->active[b]] /
				design->scale[design->active[b]];
}

/* Low and high end of each term; NaN where there is none. */
double *
cj_profile(const CjDesign *design, const CjSolution *solution, double level)
{
	int			p = Max(design->nactive, 1);
	double		quantile = cj_normal_quantile((1 + level) / 2);
	double	   *ends = palloc_array(double, 2 * Max(design->nterms, 1));
	Search		search = {.design = design,.solution = solution};

	search.limit = solution->loglik - quantile * quantile / 2;
	search.pass = cj_pass_create(design);
	search.contrast = palloc_array(double, p);
	search.beta = palloc_array(double, p);
	search.trial = palloc_array(double, p);
	search.step = palloc_array(double, p);
	search.along = palloc_array(double, p);
	search.factor = palloc(mul_size(mul_size(p, p), sizeof(double)));
	for (int i = 0; i < 2 * design->nterms; i++)
		ends[i] = NAN;
	for (int a = 0; a < design->nactive; a++)
	{
		int			t = design->active[a];

		set_contrast(&search, a);
		ends[2 * t] = find_end(&search, -1);
		ends[2 * t + 1] = find_end(&search, 1);
	}
	pfree(search.factor);
	return ends;
}
