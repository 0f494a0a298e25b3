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

/* Where the edges of a histogram lie: in which cells, and what is before those. */
typedef struct EdgeCells
{
	uint32	   *counts;			/* values of each cell */
	bool	   *needed;			/* does the cell hold an edge? */
	int			nedges;
	int		   *cell;			/* of each edge */
	int64	   *before;			/* values in cells before it */
	int64		kept;			/* values in all cells that hold edges */
	double		largest;
} EdgeCells;

static EdgeCells *
find_cells(const double *values, int64 n, int bins)
{
	EdgeCells  *cells = palloc0_object(EdgeCells);
	int64		before = 0;

	cells->counts = palloc0_array(uint32, NCELLS);
	cells->needed = palloc0_array(bool, NCELLS);
	cells->cell = palloc_array(int, bins);
	cells->before = palloc_array(int64, bins);
	cells->largest = -INFINITY;
	for (int64 i = 0; i < n; i++)
	{
		cells->counts[cell_of(values[i])]++;
		cells->largest = Max(cells->largest, values[i]);
	}
	for (int cell = 0; cell < NCELLS; cell++)
	{
		int64		after = before + cells->counts[cell];

		for (; cells->nedges < bins - 1 && after >= up_to_edge(n, cells->nedges, bins);
			 cells->nedges++)
		{
			if (!cells->needed[cell])
				cells->kept += cells->counts[cell];
			cells->needed[cell] = true;
			cells->cell[cells->nedges] = cell;
			cells->before[cells->nedges] = before;
		}
		before = after;
	}
	return cells;
}

/*
 * The values that end each 1/bins of the sorted values, and the histogram
 * between them, without sorting everything: values are counted by cells, and
 * only the cells that hold an edge are sorted.  Equal edges are kept once, and
 * the largest value is none, so that no bin is empty.  Returns the bins.
 */
static int
find_edges(const double *values, int64 n, int bins, double *edges, double *counts)
{
	EdgeCells  *cells = find_cells(values, n, bins);
	double	   *sorted = palloc(Max(cells->kept, 1) * sizeof(double));
	int64		kept = 0;
	int64		cell_start = 0;
	int64		counted = 0;
	int			nedges = 0;

	for (int64 i = 0; i < n; i++)
		if (cells->needed[cell_of(values[i])])
			sorted[kept++] = values[i];
	cj_sort_doubles(sorted, kept);
	for (int i = 0; i < cells->nedges; i++)
	{
		int64		at;
		double		edge;

		if (i > 0 && cells->cell[i] != cells->cell[i - 1])
			cell_start += cells->counts[cells->cell[i - 1]];
		at = cell_start + up_to_edge(n, i, bins) - 1 - cells->before[i];
		edge = sorted[at];
		if (edge >= cells->largest || (nedges > 0 && edges[nedges - 1] >= edge))
			continue;
		while (at + 1 < kept && sorted[at + 1] == edge)
			at++;
		edges[nedges] = edge;
		counts[nedges++] = at + 1 - cell_start + cells->before[i] - counted;
		counted = at + 1 - cell_start + cells->before[i];
	}
	counts[nedges] = n - counted;
	pfree(sorted);
	pfree(cells->counts);
	pfree(cells->needed);
	return nedges + 1;
}

/* Gives a number its histogram. */
void
cj_describe_number(CjFeature *feature, const CjSample *sample, int column, int bins)
{
	int64		n;
	double	   *values;

	if (bins == 0)
		return;
	values = gather(sample, column, &n);
	feature->edges = palloc0_array(double, bins);
	feature->counts = palloc0_array(double, bins + 1);
	if (feature->kind == CJ_BOOLEAN)
	{
		feature->nbins = 2;		/* up to 0, above 0 */
		for (int64 i = 0; i < n; i++)
			feature->counts[values[i] > 0]++;
	}
	else
		feature->nbins = n == 0 ? 1 :
			find_edges(values, n, bins, feature->edges, feature->counts);
	feature->counts[feature->nbins] = sample->nrows - n;
	pfree(values);
}
