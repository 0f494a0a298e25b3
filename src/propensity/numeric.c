/*-------------------------------------------------------------------------
 *
 * numeric.c
 *		Distribution functions and sorting.
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

#include "propensity/propensity.h"

double
cj_normal_p(double z)
{
	return erfc(fabs(z) * M_SQRT1_2);
}

/*
 * Quantile of the standard normal distribution: bisection brackets it, and
 * Halley steps on erfc bring it to the last digits.  Not fast, not needed to be.
 */
double
cj_normal_quantile(double p)
{
	double		low = -39;
	double		high = 39;
	double		x;

	for (int i = 0; i < 40; i++)
	{
		x = (low + high) / 2;
		if (0.5 * erfc(-x * M_SQRT1_2) < p)
			low = x;
		else
			high = x;
	}
	x = (low + high) / 2;
	for (int i = 0; i < 2; i++)
	{
		double		density = exp(-0.5 * x * x) / sqrt(2 * M_PI);
		double		miss;

		if (density < DBL_MIN)
			break;
		miss = (p < 0.5 ? 0.5 * erfc(-x * M_SQRT1_2) - p :
				(1 - p) - 0.5 * erfc(x * M_SQRT1_2)) / density;
		x -= miss / (1 + 0.5 * x * miss);
	}
	return x;
}

/* Regularised upper incomplete gamma function Q(a, x), by series or continued fraction. */
static double
gamma_q(double a, double x)
{
	double		scale = exp(a * log(x) - x - lgamma(a));

	if (x < a + 1)
	{
		double		term = 1 / a;
		double		sum = term;

		for (int n = 1; n < 10000 && term > sum * DBL_EPSILON; n++)
		{
			term *= x / (a + n);
			sum += term;
		}
		return 1 - sum * scale;
	}
	else
	{
		double		b = x + 1 - a;
		double		c = 1 / DBL_MIN;
		double		d = 1 / b;
		double		h = d;

		for (int n = 1; n < 10000; n++)
		{
			double		an = -n * (n - a);
			double		factor;

			b += 2;
			d = an * d + b;
			if (fabs(d) < DBL_MIN)
				d = DBL_MIN;
			c = b + an / c;
			if (fabs(c) < DBL_MIN)
				c = DBL_MIN;
			d = 1 / d;
			factor = d * c;
			h *= factor;
			if (fabs(factor - 1) < DBL_EPSILON)
				break;
		}
		return scale * h;
	}
}

double
cj_chi2_p(double x, double df)
{
	if (isnan(x) || df <= 0)
		return NAN;
	if (x <= 0)
		return 1;
	if (isinf(x))
		return 0;
	return gamma_q(df / 2, x / 2);
}

#define PSI_FLOOR	1e-4

double
cj_psi(const double *expected, const double *actual, int n)
{
	double		expected_sum = 0;
	double		actual_sum = 0;
	double		psi = 0;

	for (int i = 0; i < n; i++)
	{
		expected_sum += expected[i];
		actual_sum += actual[i];
	}
	if (!(expected_sum > 0) || !(actual_sum > 0))
		return NAN;
	for (int i = 0; i < n; i++)
	{
		double		e = expected[i] / expected_sum;
		double		a = actual[i] / actual_sum;

		if (e == 0 && a == 0)
			continue;
		e = Max(e, PSI_FLOOR);
		a = Max(a, PSI_FLOOR);
		psi += (a - e) * log(a / e);
	}
	return psi;
}

/* ---- sorting ---- */

/* Floats as integers of the same order, and back. */
static inline uint64
to_key(double value)
{
	uint64		bits;

	value += 0.0;				/* -0 becomes 0 */
	memcpy(&bits, &value, sizeof(bits));
	return bits >> 63 ? ~bits : bits | UINT64CONST(0x8000000000000000);
}

static inline double
from_key(uint64 key)
{
	uint64		bits = key >> 63 ? key & ~UINT64CONST(0x8000000000000000) : ~key;
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

#define RADIX_BITS	11
#define RADIX_SIZE	(1 << RADIX_BITS)
#define RADIX_PASSES	6		/* 6 * 11 bits cover 64 */

/*
 * Radix sort from the lowest digit; digits that all values share are skipped.
 * Few values are left to qsort.
 */
void
cj_sort_doubles(double *values, int64 n)
{
	uint32	   *counts;
	uint64	   *from = (uint64 *) values;
	uint64	   *to;
	uint64	   *spare;

	if (n < 2000 || n > PG_INT32_MAX)
	{
		for (int64 i = 0; i < n; i++)
			values[i] += 0.0;
		qsort(values, n, sizeof(double), compare_doubles);
		return;
	}
	counts = palloc0_array(uint32, RADIX_PASSES * RADIX_SIZE);
	spare = to = palloc(n * sizeof(uint64));
	for (int64 i = 0; i < n; i++)
	{
		uint64		key = to_key(values[i]);

		from[i] = key;
		for (int pass = 0; pass < RADIX_PASSES; pass++)
			counts[pass * RADIX_SIZE + (key >> pass * RADIX_BITS & (RADIX_SIZE - 1))]++;
	}
	for (int pass = 0; pass < RADIX_PASSES; pass++)
	{
		uint32	   *count = counts + pass * RADIX_SIZE;
		uint32		start = 0;
		uint64	   *swap;

		CHECK_FOR_INTERRUPTS();
		if (count[from[0] >> pass * RADIX_BITS & (RADIX_SIZE - 1)] == n)
			continue;
		for (int digit = 0; digit < RADIX_SIZE; digit++)
		{
			uint32		here = count[digit];

			count[digit] = start;
			start += here;
		}
		for (int64 i = 0; i < n; i++)
			to[count[from[i] >> pass * RADIX_BITS & (RADIX_SIZE - 1)]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	for (int64 i = 0; i < n; i++)
		values[i] = from_key(from[i]);
	pfree(spare);
	pfree(counts);
}
