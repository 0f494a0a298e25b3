/*-------------------------------------------------------------------------
 *
 * similarity.c
 *		How alike two sequences of names are.
 *
 * Two rows of the usual table; time is the product of the lengths.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "compat.h"
#include "paths/similarity.h"

/* Least cost of turning a into b. */
static double
edit_cost(const int32 *a, int32 na, const int32 *b, int32 nb, double indel, double substitution)
{
	double	   *row = palloc_extended((nb + 1) * sizeof(double), MCXT_ALLOC_HUGE);
	double		cost;

	for (int32 j = 0; j <= nb; j++)
		row[j] = j * indel;
	for (int32 i = 0; i < na; i++)
	{
		double		diagonal = row[0];

		CHECK_FOR_INTERRUPTS();
		row[0] = (i + 1) * indel;
		for (int32 j = 0; j < nb; j++)
		{
			double		change = diagonal + (a[i] == b[j] ? 0 : substitution);
			double		skip = Min(row[j], row[j + 1]) + indel;

			diagonal = row[j + 1];
			row[j + 1] = Min(change, skip);
		}
	}
	cost = row[nb];
	pfree(row);
	return cost;
}

double
cj_path_distance(const int32 *a, int32 na, const int32 *b, int32 nb, const CjMeasure *measure)
{
	switch (measure->method)
	{
		case CJ_LEVENSHTEIN:
			return edit_cost(a, na, b, nb, 1, 1);
		case CJ_LCS:
			/* what is left of both without their longest common subsequence */
			return edit_cost(a, na, b, nb, 1, 2);
		default:
			return edit_cost(a, na, b, nb, measure->indel, measure->substitution);
	}
}

/* The greatest distance that sequences of these lengths can have. */
static double
greatest(int32 na, int32 nb, const CjMeasure *measure)
{
	double		common = Min(na, nb);
	double		rest = Max(na, nb) - common;

	switch (measure->method)
	{
		case CJ_LEVENSHTEIN:
			return common + rest;
		case CJ_LCS:
			return 2 * common + rest;
		default:
			return rest * measure->indel +
				common * Min(measure->substitution, 2 * measure->indel);
	}
}

double
cj_path_similarity(const int32 *a, int32 na, const int32 *b, int32 nb, const CjMeasure *measure)
{
	double		most = greatest(na, nb, measure);

	return most == 0 ? 1 : 1 - cj_path_distance(a, na, b, nb, measure) / most;
}
