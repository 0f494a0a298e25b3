/*-------------------------------------------------------------------------
 *
 * design.c
 *		From the sample's columns to the terms of a regression.
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

/* Mean and spread, merged block by block. */
typedef struct Moments
{
	double		weight;
	double		mean;
	double		squares;		/* about the mean */
} Moments;

static void
merge_moments(Moments *a, double weight, double mean, double squares)
{
	double		total = a->weight + weight;
	double		delta = mean - a->mean;

	if (weight <= 0)
		return;
	a->mean += delta * weight / total;
	a->squares += squares + delta * delta * a->weight * weight / total;
	a->weight = total;
}

/* Moments of the values present in one column of a block. */
static void
block_moments(const double *x, const double *w, int n, Moments *moments)
{
	double		weight = 0;
	double		sum = 0;
	double		squares = 0;
	double		mean;

	for (int i = 0; i < n; i++)
		if (!isnan(x[i]))
		{
			weight += w == NULL ? 1 : w[i];
			sum += w == NULL ? x[i] : w[i] * x[i];
		}
	if (weight <= 0)
		return;
	mean = sum / weight;
	for (int i = 0; i < n; i++)
		if (!isnan(x[i]))
			squares += (w == NULL ? 1 : w[i]) * (x[i] - mean) * (x[i] - mean);
	merge_moments(moments, weight, mean, squares);
}

/* Mean and spread of the numbers present, and which numbers are missing somewhere. */
static void
measure_numbers(CjDesign *design)
{
	const CjSample *sample = design->sample;
	Moments    *moments = palloc0_array(Moments, design->nfeatures);
	double		case_weight = 0;

	for (int64 b = 0; b < cj_sample_nblocks(sample); b++)
	{
		const uint8 *block = cj_sample_block(sample, b);
		const double *w = sample->weighted ? cj_block_column(sample, block, -1) : NULL;
		int			n = cj_block_rows(sample, b);
		double		positive = 0;
		double		all = 0;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < n; i++)
		{
			double		weight = w == NULL ? 1 : w[i];

			all += weight;
			if (cj_block_outcome(block, i))
			{
				positive += weight;
				design->positives++;
			}
		}
		case_weight += all;
		design->positive_weight += positive;
		for (int f = 0; f < design->nfeatures; f++)
			if (design->features[f].kind != CJ_CATEGORY)
				block_moments(cj_block_column(sample, block, design->column[f]), w, n, &moments[f]);
	}
	design->case_weight = case_weight;
	for (int f = 0; f < design->nfeatures; f++)
	{
		CjFeature  *feature = &design->features[f];
		Moments    *m = &moments[f];

		if (feature->kind == CJ_CATEGORY)
			continue;
		feature->mean = m->weight > 0 ? m->mean : NAN;
		feature->sd = m->weight > 0 ? sqrt(m->squares / m->weight) : NAN;
		design->fill[f] = design->options->missing == CJ_MISSING_ZERO || m->weight <= 0 ?
			0 : m->mean;
		feature->has_null = design->options->missing == CJ_MISSING_INDICATOR &&
			m->weight < case_weight * (1 - 1e-12);
	}
	pfree(moments);
}

/* Gives every feature its terms; the intercept has the first. */
static void
assign_terms(CjDesign *design, const CjInput *inputs, int32 **level_of_code)
{
	int			next = design->intercept ? 1 : 0;

	for (int f = 0; f < design->nfeatures; f++)
	{
		CjFeature  *feature = &design->features[f];
		int			ncodes = inputs[design->column[f]].ncodes;
		int			term = next;
		int32	   *level_term;

		feature->first_term = next;
		if (feature->kind != CJ_CATEGORY)
		{
			next += 1 + feature->has_null;
			feature->nterms = next - feature->first_term;
			continue;
		}
		level_term = palloc_array(int32, feature->nlevels + 2);
		for (int level = 0; level < feature->nlevels; level++)
			level_term[level] = level == feature->reference ? -1 : term++;
		level_term[feature->nlevels] = feature->has_other &&
			feature->reference != feature->nlevels ? term++ : -1;
		level_term[feature->nlevels + 1] = feature->has_null ? term++ : -1;
		design->term_of_code[f] = palloc_array(int32, ncodes + 1);
		for (int code = 0; code < ncodes; code++)
			design->term_of_code[f][code + 1] = level_term[level_of_code[f][code]];
		design->term_of_code[f][0] = level_term[feature->nlevels + 1];
		next = term;
		feature->nterms = next - feature->first_term;
		pfree(level_term);
	}
	if (next > CJ_MAX_TERMS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the model would have %d terms, more than %d", next, CJ_MAX_TERMS),
				 errhint("Leave columns out with fit_options(exclude => ...), or join rare levels with min_count.")));
	design->nterms = next;
}

static void
fill_category(const CjDesign *design, int f, const double *code, CjBlock *to)
{
	const CjFeature *feature = &design->features[f];
	const int32 *term_of_code = design->term_of_code[f];

	for (int t = feature->first_term; t < feature->first_term + feature->nterms; t++)
	{
		double	   *x = to->x + (Size) t * CJ_BLOCK_ROWS;
		double		base = -design->center[t] / design->scale[t];

		for (int i = 0; i < to->n; i++)
			x[i] = base;
	}
	for (int i = 0; i < to->n; i++)
	{
		int32		term = term_of_code[isnan(code[i]) ? 0 : (int) code[i] + 1];

		if (term >= 0)
			to->x[(Size) term * CJ_BLOCK_ROWS + i] =
				(1 - design->center[term]) / design->scale[term];
	}
}

static void
fill_number(const CjDesign *design, int f, const double *from, CjBlock *to)
{
	const CjFeature *feature = &design->features[f];
	int			t = feature->first_term;
	double	   *x = to->x + (Size) t * CJ_BLOCK_ROWS;
	double		center = design->center[t];
	double		factor = 1 / design->scale[t];
	double		fill = (design->fill[f] - center) * factor;

	for (int i = 0; i < to->n; i++)
		x[i] = isnan(from[i]) ? fill : (from[i] - center) * factor;
	if (feature->has_null)
	{
		center = design->center[t + 1];
		factor = 1 / design->scale[t + 1];
		x += CJ_BLOCK_ROWS;
		for (int i = 0; i < to->n; i++)
			x[i] = ((isnan(from[i]) ? 1 : 0) - center) * factor;
	}
}

void
cj_block_fill(const CjDesign *design, int64 b, CjBlock *to)
{
	const CjSample *sample = design->sample;
	const uint8 *block = cj_sample_block(sample, b);
	const double *w = sample->weighted ? cj_block_column(sample, block, -1) : NULL;

	to->n = cj_block_rows(sample, b);
	for (int i = 0; i < to->n; i++)
	{
		bool		outcome = cj_block_outcome(block, i);

		to->outcome[i] = outcome;
		to->weight[i] = (w == NULL ? 1 : w[i]) * design->class_weight[outcome];
	}
	if (design->intercept)
		for (int i = 0; i < to->n; i++)
			to->x[i] = 1;
	for (int f = 0; f < design->nfeatures; f++)
	{
		const double *from = cj_block_column(sample, block, design->column[f]);

		if (design->features[f].kind == CJ_CATEGORY)
			fill_category(design, f, from, to);
		else
			fill_number(design, f, from, to);
	}
}

CjBlock *
cj_block_create(const CjDesign *design)
{
	CjBlock    *block = palloc_object(CjBlock);

	block->x = palloc_array(double, (Size) Max(design->nterms, 1) * CJ_BLOCK_ROWS);
	block->column = palloc_array(double *, Max(design->nterms, 1));
	for (int a = 0; a < design->nactive; a++)
		block->column[a] = block->x + (Size) design->active[a] * CJ_BLOCK_ROWS;
	return block;
}

void
cj_block_links(const CjDesign *design, const CjBlock *block, const double *beta, double *links)
{
	for (int i = 0; i < block->n; i++)
		links[i] = 0;
	for (int a = 0; a < design->nactive; a++)
	{
		const double *x = block->column[a];
		double		b = beta[a];

		for (int i = 0; i < block->n; i++)
			links[i] += b * x[i];
	}
}

/* Mean and spread of every term, which then centre and scale it. */
static void
measure_terms(CjDesign *design)
{
	Moments    *moments = palloc0_array(Moments, Max(design->nterms, 1));
	CjBlock    *block = cj_block_create(design);
	const CjSample *sample = design->sample;

	for (int t = 0; t < design->nterms; t++)
	{
		design->center[t] = 0;
		design->scale[t] = 1;
	}
	for (int64 b = 0; b < cj_sample_nblocks(sample); b++)
	{
		const double *w = sample->weighted ?
			cj_block_column(sample, cj_sample_block(sample, b), -1) : NULL;

		CHECK_FOR_INTERRUPTS();
		cj_block_fill(design, b, block);
		for (int t = 0; t < design->nterms; t++)
			block_moments(block->x + (Size) t * CJ_BLOCK_ROWS, w, block->n, &moments[t]);
	}
	for (int t = 0; t < design->nterms; t++)
	{
		double		mean = moments[t].mean;
		double		spread = sqrt(moments[t].squares / moments[t].weight);
		bool		is_intercept = design->intercept && t == 0;

		/* What rounding leaves of a constant column is no spread. */
		if (spread <= fabs(mean) * 1e-12)
			spread = 0;
		design->mean[t] = mean;
		design->spread[t] = spread;
		if (design->intercept && !is_intercept)
		{
			design->center[t] = mean;
			design->scale[t] = spread > 0 ? spread : 1;
			design->aliased[t] = spread == 0;
		}
		else if (!design->intercept)
		{
			double		size = sqrt(mean * mean + spread * spread);

			design->scale[t] = size > 0 ? size : 1;
			design->aliased[t] = size == 0;
		}
	}
	pfree(moments);
}

/* The weights of the classes, as given or such that both weigh the same. */
static void
weigh_classes(CjDesign *design)
{
	const CjFitOptions *options = design->options;
	double		positive = design->positive_weight;
	double		negative = design->case_weight - positive;

	design->class_weight[0] = options->class_weight[0];
	design->class_weight[1] = options->class_weight[1];
	if (options->balanced && positive > 0 && negative > 0)
	{
		design->class_weight[0] = design->case_weight / (2 * negative);
		design->class_weight[1] = design->case_weight / (2 * positive);
	}
	design->weighted = design->sample->weighted ||
		design->class_weight[0] != 1 || design->class_weight[1] != 1;
	design->positive_weight = positive * design->class_weight[1];
	design->total_weight = design->positive_weight + negative * design->class_weight[0];
}

CjDesign *
cj_design_create(const CjSample *sample, const CjInput *inputs, const CjFitOptions *options)
{
	CjDesign   *design = palloc0_object(CjDesign);
	int			n = Max(sample->ncolumns, 1);
	int32	  **level_of_code = palloc0_array(int32 *, n);

	design->sample = sample;
	design->options = options;
	design->intercept = options->intercept;
	design->features = palloc0_array(CjFeature, n);
	design->column = palloc0_array(int, n);
	design->cluster = -1;
	design->term_of_code = palloc0_array(int32 *, n);
	design->fill = palloc0_array(double, n);
	design->step = 1;
	for (int c = 0; c < sample->ncolumns; c++)
	{
		const CjInput *input = &inputs[c];
		int			f = design->nfeatures;
		CjFeature  *feature = &design->features[f];

		if (input->is_cluster)
		{
			design->cluster = c;
			continue;
		}
		design->nfeatures++;
		design->column[f] = c;
		feature->name = input->name;
		feature->column = input->column;
		feature->element = input->element;
		feature->kind = input->kind;
		if (feature->kind == CJ_CATEGORY)
		{
			feature->mean = feature->sd = NAN;
			level_of_code[f] = palloc_array(int32, Max(input->ncodes, 1));
			cj_prepare_levels(feature, input, sample, c, options, level_of_code[f]);
		}
		else
			cj_describe_number(feature, sample, c, options->bins);
	}
	measure_numbers(design);
	assign_terms(design, inputs, level_of_code);
	weigh_classes(design);
	design->center = palloc0_array(double, Max(design->nterms, 1));
	design->scale = palloc0_array(double, Max(design->nterms, 1));
	design->mean = palloc0_array(double, Max(design->nterms, 1));
	design->spread = palloc0_array(double, Max(design->nterms, 1));
	design->aliased = palloc0_array(bool, Max(design->nterms, 1));
	design->active = palloc0_array(int, Max(design->nterms, 1));
	measure_terms(design);
	for (int t = 0; t < design->nterms; t++)
		if (!design->aliased[t])
			design->active[design->nactive++] = t;
	return design;
}
