/*-------------------------------------------------------------------------
 *
 * tests.c
 *		Statistics of two-by-two tables, alone and in strata.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "compat.h"
#include "paths/tests.h"

#define Z95		1.959963984540054
#define SMALL	5				/* expected count below which the exact test
								 * is used */

static double
log_choose(double n, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

/*
 * Fisher's exact test: the probability of all tables with these margins that
 * are no more probable than this one.
 */
static double
fisher(const CjTable2 * t)
{
	int64		with = t->with_a + t->with_b;
	int64		all = t->all_a + t->all_b;
	int64		least = Max(0, with - t->all_b);
	int64		most = Min(with, t->all_a);
	double		total = log_choose(all, with);
	double		observed = log_choose(t->all_a, t->with_a) + log_choose(t->all_b, t->with_b) - total;
	double		p = 0;

	for (int64 a = least; a <= most; a++)
	{
		double		one = log_choose(t->all_a, a) + log_choose(t->all_b, with - a) - total;

		if ((a & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (one <= observed + 1e-7)
			p += exp(one);
	}
	return Min(p, 1.0);
}

static void
odds(const CjTable2 * t, CjTest *test)
{
	double		a = t->with_a;
	double		b = t->all_a - t->with_a;
	double		c = t->with_b;
	double		d = t->all_b - t->with_b;
	double		shift = a == 0 || b == 0 || c == 0 || d == 0 ? 0.5 : 0;
	double		ratio;
	double		error;

	test->odds_ratio = b * c == 0 ? (a * d == 0 ? NAN : INFINITY) : a * d / (b * c);
	a += shift;
	b += shift;
	c += shift;
	d += shift;
	ratio = log(a * d / (b * c));
	error = Z95 * sqrt(1 / a + 1 / b + 1 / c + 1 / d);
	test->low = exp(ratio - error);
	test->high = exp(ratio + error);
}

CjTest
cj_test(const CjTable2 * t)
{
	CjTest		test;
	double		n = (double) (t->all_a + t->all_b);
	double		with = (double) (t->with_a + t->with_b);
	double		least = Min(with, n - with) * Min((double) t->all_a, (double) t->all_b) / n;
	double		difference = (double) t->with_a * (t->all_b - t->with_b) -
		(double) (t->all_a - t->with_a) * t->with_b;
	double		margins = with * (n - with) * t->all_a * t->all_b;

	odds(t, &test);
	test.statistic = margins == 0 ? 0 : n * difference * difference / margins;
	test.fisher = least < SMALL;
	test.p = test.fisher ? fisher(t) : erfc(sqrt(test.statistic / 2));
	return test;
}

/* ---- strata ---- */

/* Sums over strata for the ratio of Mantel and Haenszel and its variance. */
typedef struct Pooled
{
	double		r;				/* a d / n */
	double		s;				/* b c / n */
	double		pr;				/* (a + d) / n times r, and so on */
	double		ps_qr;
	double		qs;
} Pooled;

static Pooled
pool(const CjTable2 * tables, int count, double shift)
{
	Pooled		pooled = {0, 0, 0, 0, 0};

	for (int i = 0; i < count; i++)
	{
		double		a = (double) tables[i].with_a + shift;
		double		b = (double) (tables[i].all_a - tables[i].with_a) + shift;
		double		c = (double) tables[i].with_b + shift;
		double		d = (double) (tables[i].all_b - tables[i].with_b) + shift;
		double		n = a + b + c + d;

		if (tables[i].all_a == 0 || tables[i].all_b == 0)
			continue;
		pooled.r += a * d / n;
		pooled.s += b * c / n;
		pooled.pr += (a + d) / n * (a * d / n);
		pooled.ps_qr += (a + d) / n * (b * c / n) + (b + c) / n * (a * d / n);
		pooled.qs += (b + c) / n * (b * c / n);
	}
	return pooled;
}

CjTest
cj_test_strata(const CjTable2 * tables, int count)
{
	Pooled		pooled = pool(tables, count, 0);
	double		difference = 0;
	double		variance = 0;
	double		error;
	CjTest		test;

	for (int i = 0; i < count; i++)
	{
		const		CjTable2 *t = &tables[i];
		double		n = (double) (t->all_a + t->all_b);
		double		with = (double) (t->with_a + t->with_b);

		if (n < 2)
			continue;
		difference += (double) t->with_a - with * (double) t->all_a / n;
		variance += with / n * ((n - with) / n) * ((double) t->all_a * ((double) t->all_b / (n - 1)));
	}
	test.fisher = false;
	test.statistic = variance == 0 ? 0 : difference * difference / variance;
	test.p = erfc(sqrt(test.statistic / 2));
	test.odds_ratio = pooled.s == 0 ? (pooled.r == 0 ? NAN : INFINITY) : pooled.r / pooled.s;
	if (pooled.r == 0 || pooled.s == 0)
		pooled = pool(tables, count, 0.5);
	error = Z95 * sqrt(pooled.pr / (2 * pooled.r * pooled.r) + pooled.ps_qr / (2 * pooled.r * pooled.s) +
					   pooled.qs / (2 * pooled.s * pooled.s));
	test.low = exp(log(pooled.r / pooled.s) - error);
	test.high = exp(log(pooled.r / pooled.s) + error);
	return test;
}

/* ---- many tests ---- */

static int
compare_p(const void *a, const void *b, void *arg)
{
	const double *p = arg;
	double		x = p[*(const int64 *) a];
	double		y = p[*(const int64 *) b];

	return (x > y) - (x < y);
}

void
cj_adjust(double *p, int64 count)
{
	int64	   *order = palloc_extended((count + 1) * sizeof(int64), MCXT_ALLOC_HUGE);
	double		least = 1;

	for (int64 i = 0; i < count; i++)
		order[i] = i;
	qsort_arg(order, count, sizeof(int64), compare_p, p);
	for (int64 i = count - 1; i >= 0; i--)
	{
		/* the factor first: it is 1 or more, so that q is never below p */
		least = Min(least, p[order[i]] * ((double) count / (double) (i + 1)));
		p[order[i]] = least;
	}
	pfree(order);
}
