/*-------------------------------------------------------------------------
 *
 * robust.c
 *		Sums of products of scores, which robust standard errors are made of.
 *
 * A row's score is its residual times its terms.  Rows of one cluster may
 * depend on each other, so there the products are of the clusters' totals.
 * Clusters are numbers; sorted, a cluster's place among them is its slot.  Where
 * the totals of all would take too much memory, slots are worked off in
 * batches, each with a pass over the rows.
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

/* Floats that the totals of one batch may take. */
#define BATCH_FLOATS	(8 * 1024 * 1024)

/* Weight times outcome less probability, of each row of a block. */
static void
residuals(const CjDesign *design, const CjBlock *block, const double *beta, double *residual)
{
	cj_block_links(design, block, beta, residual);
	for (int i = 0; i < block->n; i++)
		residual[i] = block->weight[i] * (block->outcome[i] - cj_expit(residual[i]));
}

double *
cj_score_products(const CjDesign *design, const double *beta)
{
	int			p = design->nactive;
	CjBlock    *block = cj_block_create(design);
	double	   *sums = palloc0(Max(mul_size(mul_size(p, p), sizeof(double)), 8));
	double		residual[CJ_BLOCK_ROWS];

	for (int64 b = 0; b < cj_sample_nblocks(design->sample); b++)
	{
		CHECK_FOR_INTERRUPTS();
		cj_block_fill(design, b, block);
		residuals(design, block, beta, residual);
		for (int i = 0; i < block->n; i++)
			residual[i] *= residual[i];
		cj_add_crossproducts(block->column, p, residual, block->n, sums);
	}
	cj_mirror(sums, p);
	return sums;
}

/* The clusters that occur, ascending. */
static double *
distinct_clusters(const CjDesign *design, int64 *count)
{
	const CjSample *sample = design->sample;
	double	   *clusters = palloc(mul_size(sample->nrows, sizeof(double)));
	int64		n = 0;

	for (int64 b = 0; b < cj_sample_nblocks(sample); b++)
	{
		const double *from = cj_block_column(sample, cj_sample_block(sample, b), design->cluster);
		int			rows = cj_block_rows(sample, b);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < rows; i++)
		{
			if (isnan(from[i]))
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("the cluster of a row is NULL"),
						 errhint("Leave such rows out with FILTER, or give each a cluster of its own.")));
			clusters[n++] = from[i];
		}
	}
	cj_sort_doubles(clusters, n);
	*count = 0;
	for (int64 i = 0; i < n; i++)
		if (*count == 0 || clusters[*count - 1] != clusters[i])
			clusters[(*count)++] = clusters[i];
	return clusters;
}

static int64
slot_of(const double *clusters, int64 count, double cluster)
{
	int64		low = 0;
	int64		high = count - 1;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (clusters[middle] < cluster)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Adds the scores of the batch's rows to their clusters' totals, column by column. */
static void
add_totals(const CjDesign *design, const double *beta, const double *clusters, int64 count,
		   int64 first, int64 size, double *totals)
{
	const CjSample *sample = design->sample;
	CjBlock    *block = cj_block_create(design);
	double		residual[CJ_BLOCK_ROWS];
	int64		slot[CJ_BLOCK_ROWS];

	for (int64 b = 0; b < cj_sample_nblocks(sample); b++)
	{
		const double *from = cj_block_column(sample, cj_sample_block(sample, b), design->cluster);

		CHECK_FOR_INTERRUPTS();
		cj_block_fill(design, b, block);
		residuals(design, block, beta, residual);
		for (int i = 0; i < block->n; i++)
		{
			slot[i] = slot_of(clusters, count, from[i]) - first;
			if (slot[i] < 0 || slot[i] >= size)
			{
				slot[i] = 0;
				residual[i] = 0;
			}
		}
		for (int a = 0; a < design->nactive; a++)
			for (int i = 0; i < block->n; i++)
				totals[a * size + slot[i]] += residual[i] * block->column[a][i];
	}
	pfree(block->column);
	pfree(block->x);
	pfree(block);
}

/* NULL if there are less than two clusters: one says nothing about spread. */
double *
cj_cluster_products(const CjDesign *design, const double *beta, int64 *clusters)
{
	int			p = design->nactive;
	double	   *cluster = distinct_clusters(design, clusters);
	int64		size = Min(*clusters, BATCH_FLOATS / Max(p, 1));
	double	   *totals;
	double	   *sums;
	double	  **column;
	double		one[CJ_BLOCK_ROWS];

	if (*clusters < 2)
		return NULL;
	totals = palloc(mul_size(mul_size(size, Max(p, 1)), sizeof(double)));
	sums = palloc0(Max(mul_size(mul_size(p, p), sizeof(double)), 8));
	column = palloc_array(double *, Max(p, 1));
	for (int i = 0; i < CJ_BLOCK_ROWS; i++)
		one[i] = 1;
	for (int64 first = 0; first < *clusters; first += size)
	{
		memset(totals, 0, (Size) size * p * sizeof(double));
		add_totals(design, beta, cluster, *clusters, first, size, totals);
		for (int64 i = 0; i < size; i += CJ_BLOCK_ROWS)
		{
			CHECK_FOR_INTERRUPTS();
			for (int a = 0; a < p; a++)
				column[a] = totals + a * size + i;
			cj_add_crossproducts(column, p, one, (int) Min(size - i, CJ_BLOCK_ROWS), sums);
		}
	}
	cj_mirror(sums, p);
	pfree(totals);
	pfree(column);
	pfree(cluster);
	return sums;
}
