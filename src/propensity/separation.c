/*-------------------------------------------------------------------------
 *
 * separation.c
 *		Outcomes that the features split: then no finite coefficients are best.
 *
 * A direction d separates when sign * (x d) >= 0 for every row, and > 0 for
 * some: going along it for ever, the likelihood never falls.  Newton's steps
 * on such data turn into such a direction, each step moving the separated
 * rows by about 1 and the others by ever less; so the direction of a late step
 * is a proof up to rounding.  If the coefficients reached put every row on its
 * own side, the separation is complete, and that is exact.
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

/* What rounding and the overlapping rows may leave below zero, of the largest. */
#define TOLERANCE	1e-6

CjSeparation
cj_separation(const CjDesign *design, const double *beta, const double *direction)
{
	CjBlock    *block = cj_block_create(design);
	double		link[CJ_BLOCK_ROWS];
	double		along[CJ_BLOCK_ROWS];
	double		least = INFINITY;
	double		most = 0;
	bool		complete = true;

	for (int64 b = design->first_block; b < cj_sample_nblocks(design->sample); b += design->step)
	{
		CHECK_FOR_INTERRUPTS();
		cj_block_fill(design, b, block);
		cj_block_links(design, block, beta, link);
		cj_block_links(design, block, direction, along);
		for (int i = 0; i < block->n; i++)
		{
			double		sign = 2 * block->outcome[i] - 1;

			least = Min(least, sign * along[i]);
			most = Max(most, sign * along[i]);
			complete = complete && sign * link[i] > 0;
		}
	}
	pfree(block->column);
	pfree(block->x);
	pfree(block);
	if (complete)
		return CJ_SEPARATION_COMPLETE;
	/* A step that moves no row noticeably is a fit about to converge. */
	if (most > 0.1 && least >= -TOLERANCE * most)
		return CJ_SEPARATION_QUASI;
	return CJ_SEPARATION_NONE;
}
