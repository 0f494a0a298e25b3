/*-------------------------------------------------------------------------
 *
 * matrix.c
 *		Cholesky and what a regression asks of it.
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
#include "storage/shmem.h"

#include "propensity/matrix.h"

bool
cj_cholesky(double *a, int n)
{
	for (int j = 0; j < n; j++)
	{
		double	   *row = a + (Size) j * n;
		double		diagonal = row[j];
		double		left = diagonal;

		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < j; k++)
			left -= row[k] * row[k];
		if (!(left > diagonal * DBL_EPSILON) || !(left > 0))
			return false;
		row[j] = sqrt(left);
		for (int i = j + 1; i < n; i++)
		{
			double	   *other = a + (Size) i * n;
			double		sum = other[j];

			for (int k = 0; k < j; k++)
				sum -= other[k] * row[k];
			other[j] = sum / row[j];
		}
	}
	return true;
}

void
cj_cholesky_forward(const double *l, int n, double *b)
{
	for (int i = 0; i < n; i++)
	{
		const double *row = l + (Size) i * n;
		double		sum = b[i];

		for (int k = 0; k < i; k++)
			sum -= row[k] * b[k];
		b[i] = sum / row[i];
	}
}

void
cj_cholesky_solve(const double *l, int n, double *b)
{
	cj_cholesky_forward(l, n, b);
	for (int i = n - 1; i >= 0; i--)
	{
		double		sum = b[i];

		for (int k = i + 1; k < n; k++)
			sum -= l[(Size) k * n + i] * b[k];
		b[i] = sum / l[(Size) i * n + i];
	}
}

void
cj_cholesky_inverse(const double *l, int n, double *inverse)
{
	for (int j = 0; j < n; j++)
	{
		double	   *column = inverse + (Size) j * n;

		CHECK_FOR_INTERRUPTS();
		memset(column, 0, n * sizeof(double));
		column[j] = 1;
		cj_cholesky_solve(l, n, column);
	}
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			inverse[(Size) i * n + j] = inverse[(Size) j * n + i] =
				(inverse[(Size) i * n + j] + inverse[(Size) j * n + i]) / 2;
}

/*
 * A column is aliased when earlier ones leave less than this part of its sum
 * of squares: far above what rounding leaves of an exact combination, and far
 * below any collinearity that still says something.
 */
#define ALIAS_TOLERANCE	1e-11

void
cj_find_aliased(const double *crossproduct, int n, bool *aliased)
{
	Size		size = mul_size(mul_size(n, n), sizeof(double));
	double	   *l = palloc(size);

	memcpy(l, crossproduct, size);
	for (int j = 0; j < n; j++)
	{
		double	   *row = l + (Size) j * n;
		double		diagonal = row[j];
		double		left = diagonal;

		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < j; k++)
			if (!aliased[k])
				left -= row[k] * row[k];
		aliased[j] = aliased[j] || !(left > diagonal * ALIAS_TOLERANCE) || !(left > 0);
		if (aliased[j])
			continue;
		row[j] = sqrt(left);
		for (int i = j + 1; i < n; i++)
		{
			double	   *other = l + (Size) i * n;
			double		sum = other[j];

			for (int k = 0; k < j; k++)
				if (!aliased[k])
					sum -= other[k] * row[k];
			other[j] = sum / row[j];
		}
	}
	pfree(l);
}

/* y = a x, and the norm of y. */
static double
multiply(const double *a, int n, const double *x, double *y)
{
	double		norm = 0;

	for (int i = 0; i < n; i++)
	{
		double		sum = 0;

		for (int j = 0; j < n; j++)
			sum += a[(Size) i * n + j] * x[j];
		y[i] = sum;
		norm += sum * sum;
	}
	return sqrt(norm);
}

/*
 * Largest eigenvalue by the power method, or, given a Cholesky factor, the
 * largest of the inverse.  The start has no symmetry that an eigenvector of a
 * real matrix would share.
 */
static double
extreme_eigenvalue(const double *a, const double *factor, int n)
{
	double	   *x = palloc_array(double, n);
	double	   *y = palloc_array(double, n);
	double		value = 0;

	for (int i = 0; i < n; i++)
		x[i] = sin(1.0 + i * 1.7);
	for (int round = 0; round < 1000; round++)
	{
		double		norm = 0;
		double		last = value;

		CHECK_FOR_INTERRUPTS();
		if (factor == NULL)
			norm = multiply(a, n, x, y);
		else
		{
			memcpy(y, x, n * sizeof(double));
			cj_cholesky_solve(factor, n, y);
			for (int i = 0; i < n; i++)
				norm += y[i] * y[i];
			norm = sqrt(norm);
		}
		if (!(norm > 0))
			break;
		for (int i = 0; i < n; i++)
			x[i] = y[i] / norm;
		value = norm;
		if (fabs(value - last) <= 1e-12 * value)
			break;
	}
	pfree(x);
	pfree(y);
	return value;
}

double
cj_condition_number(const double *a, int n)
{
	Size		size = mul_size(mul_size(n, n), sizeof(double));
	double	   *factor = palloc(size);
	double		result = INFINITY;

	memcpy(factor, a, size);
	if (n <= 1)
		result = 1;
	else if (cj_cholesky(factor, n))
		result = sqrt(extreme_eigenvalue(a, NULL, n) * extreme_eigenvalue(a, factor, n));
	pfree(factor);
	return result;
}

void
cj_sandwich(const double *a, const double *b, int n, double *c)
{
	double	   *ab = palloc0(mul_size(mul_size(n, n), sizeof(double)));

	for (int i = 0; i < n; i++)
		for (int k = 0; k < n; k++)
			for (int j = 0; j < n; j++)
				ab[(Size) i * n + j] += a[(Size) i * n + k] * b[(Size) k * n + j];
	memset(c, 0, (Size) n * n * sizeof(double));
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < n; k++)
			for (int j = 0; j < n; j++)
				c[(Size) i * n + j] += ab[(Size) i * n + k] * a[(Size) k * n + j];
	}
	pfree(ab);
}
