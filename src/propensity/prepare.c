/*-------------------------------------------------------------------------
 *
 * prepare.c
 *		What the data say of one feature before anything is fitted: levels of
 *		a category, mean, spread and histogram of a number.
 *
 * Everything here is independent of the rows' order, so that a fit in
 * parallel describes its data as a fit in one process does.
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

/* Rows of each code, and last of none. */
static int64 *
count_codes(const CjSample *sample, int column, int ncodes)
{
	int64	   *counts = palloc0_array(int64, ncodes + 1);

	for (int64 b = 0; b < cj_sample_nblocks(sample); b++)
	{
		const double *code = cj_block_column(sample, cj_sample_block(sample, b), column);
		int			n = cj_block_rows(sample, b);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < n; i++)
			counts[isnan(code[i]) ? ncodes : (int) code[i]]++;
	}
	return counts;
}

static int
compare_levels(const void *a, const void *b)
{
	return cj_text_compare(*(const CjText *) a, *(const CjText *) b);
}

/* The level that the options make the reference, else the first. */
static int
find_reference(const CjFeature *feature, const CjFitOptions *options)
{
	for (int i = 0; i < options->nreference; i++)
	{
		CjText		wanted = options->reference_levels[i];

		if (cj_text_compare(options->reference_columns[i], feature->name) != 0)
			continue;
		for (int level = 0; level < feature->nlevels; level++)
			if (cj_text_compare(feature->levels[level], wanted) == 0)
				return level;
		ereport(WARNING,
				(errmsg("reference level \"%.*s\" of \"%.*s\" does not occur",
						wanted.len, wanted.data, feature->name.len, feature->name.data),
				 errdetail("The first level takes its place.")));
	}
	return 0;
}

/*
 * Gives a category its levels and histogram, and each code its level: nlevels
 * for a level too rare to have a term.
 */
void
cj_prepare_levels(CjFeature *feature, const CjInput *input, const CjSample *sample,
				  int column, const CjFitOptions *options, int32 *level_of_code)
{
	int64	   *counts = count_codes(sample, column, input->ncodes);

	feature->levels = palloc_array(CjText, Max(input->ncodes, 1));
	for (int code = 0; code < input->ncodes; code++)
		if (counts[code] > 0 && counts[code] >= options->min_count)
			feature->levels[feature->nlevels++] = input->codes[code];
		else if (counts[code] > 0)
			feature->has_other = true;
	if (feature->nlevels > options->max_levels)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column \"%.*s\" has %d levels, more than %d",
						input->name.len, input->name.data, feature->nlevels,
						options->max_levels),
				 errhint("Leave it out with fit_options(exclude => ...), join rare levels with min_count, or raise max_levels.")));
	qsort(feature->levels, feature->nlevels, sizeof(CjText), compare_levels);
	feature->has_null = counts[input->ncodes] > 0;
	feature->reference = find_reference(feature, options);

	if (options->bins > 0)
	{
		feature->nbins = feature->nlevels + 1;
		feature->counts = palloc0_array(double, feature->nbins + 1);
		feature->counts[feature->nbins] = counts[input->ncodes];
	}
	for (int code = 0; code < input->ncodes; code++)
	{
		double		level = cj_level_code(feature, input->codes[code]);

		level_of_code[code] = level == CJ_UNSEEN ? feature->nlevels : (int32) level;
		if (options->bins > 0)
			feature->counts[level_of_code[code]] += counts[code];
	}
	pfree(counts);
}

/* The values that are there, in one array. */
static double *
gather(const CjSample *sample, int column, int64 *count)
{
	double	   *values = palloc(Max(sample->nrows, 1) * sizeof(double));
	int64		n = 0;

	for (int64 b = 0; b < cj_sample_nblocks(sample); b++)
	{
		const double *from = cj_block_column(sample, cj_sample_block(sample, b), column);
		int			rows = cj_block_rows(sample, b);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < rows; i++)
		{
			values[n] = from[i];
			n += !isnan(from[i]);
		}
	}
	*count = n;
	return values;
}

/* The first 16 bits of a float as an integer of the same order: a cell. */
static inline uint32
cell_of(double value)
{
	uint64		bits;

	value += 0.0;
	memcpy(&bits, &value, sizeof(bits));
	return (uint32) ((bits >> 63 ? ~bits : bits | UINT64CONST(0x8000000000000000)) >> 48);
}

#define NCELLS	65536

/* How many values are up to and including edge i: a fair share, rounded up. */
static inline int64
up_to_edge(int64 n, int i, int bins)
{
	return (n * (i + 1) + bins - 1) / bins;
}

/*
 * The values that end each 1/bins of the sorted values, without sorting
 * everything: values are counted by cells, and only the cells that hold an
 * edge are sorted.  Equal edges are kept once, and the largest value is none,
 * so that no bin is empty.
 */
static int
find_edges(const double *values, int64 n, int bins, double *edges)
{
	uint32	   *counts = palloc0_array(uint32, NCELLS);
	int64	   *wanted_start = palloc_array(int64, bins);
	int		   *wanted_cell = palloc_array(int, bins);
	bool	   *needed = palloc0_array(bool, NCELLS);
	double		largest = -INFINITY;
	int64		before = 0;
	int64		kept = 0;
	int64		kept_before;
	double	   *sorted;
	int			next = 0;
	int			nedges = 0;

	for (int64 i = 0; i < n; i++)
	{
		counts[cell_of(values[i])]++;
		largest = Max(largest, values[i]);
	}
	for (int cell = 0; cell < NCELLS; cell++)
	{
		for (; next < bins - 1 && before + counts[cell] >= up_to_edge(n, next, bins); next++)
		{
			if (!needed[cell])
				kept += counts[cell];
			needed[cell] = true;
			wanted_cell[next] = cell;
			wanted_start[next] = before;
		}
		before += counts[cell];
	}
	sorted = palloc(Max(kept, 1) * sizeof(double));
	kept = 0;
	for (int64 i = 0; i < n; i++)
		if (needed[cell_of(values[i])])
			sorted[kept++] = values[i];
	cj_sort_doubles(sorted, kept);
	kept_before = 0;
	for (int i = 0; i < next; i++)
	{
		double		edge;

		if (i > 0 && wanted_cell[i] != wanted_cell[i - 1])
			kept_before += counts[wanted_cell[i - 1]];
		edge = sorted[kept_before + up_to_edge(n, i, bins) - 1 - wanted_start[i]];
		if (edge < largest && (nedges == 0 || edges[nedges - 1] < edge))
			edges[nedges++] = edge;
	}
	pfree(sorted);
	pfree(counts);
	pfree(needed);
	pfree(wanted_start);
	pfree(wanted_cell);
	return nedges;
}

/* Which bin: the first whose upper edge is not below the value. */
static inline int
bin_of(const double *edges, int nedges, double value)
{
	int			bin = 0;

	while (bin < nedges && value > edges[bin])
		bin++;
	return bin;
}

void
cj_describe_number(CjFeature *feature, const CjSample *sample, int column, int bins)
{
	int64		n;
	double	   *values;

	if (bins == 0)
		return;
	values = gather(sample, column, &n);
	feature->edges = palloc0_array(double, bins);
	if (feature->kind == CJ_BOOLEAN)
		feature->nbins = 2;		/* up to 0, above 0 */
	else
		feature->nbins = 1 + (n > 0 ? find_edges(values, n, bins, feature->edges) : 0);
	feature->counts = palloc0_array(double, feature->nbins + 1);
	feature->counts[feature->nbins] = sample->nrows - n;
	for (int64 i = 0; i < n; i++)
		feature->counts[bin_of(feature->edges, feature->nbins - 1, values[i])]++;
	pfree(values);
}
