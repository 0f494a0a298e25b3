/*-------------------------------------------------------------------------
 *
 * score.c
 *		What a model says of one row, and why.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"

#include "propensity/propensity.h"

/* A level's position among the feature's; CJ_UNSEEN if it is none of them. */
double
cj_level_code(const CjFeature *feature, CjText level)
{
	int			low = 0;
	int			high = feature->nlevels;

	while (low < high)
	{
		int			middle = (low + high) / 2;
		int			c = cj_text_compare(feature->levels[middle], level);

		if (c == 0)
			return middle;
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return CJ_UNSEEN;
}

/* What a missing number counts as. */
static inline double
fill_value(const CjModel *model, const CjFeature *feature)
{
	return model->missing == CJ_MISSING_ZERO || isnan(feature->mean) ? 0 : feature->mean;
}

/* The term that a category's value stands for, or -1. */
static inline int
category_term(const CjFeature *feature, double value)
{
	int			level;

	if (isnan(value))
		return feature->has_null ? feature->first_term + feature->nterms - 1 : -1;
	level = (int) value;
	if (level < 0)
		return feature->has_other && feature->nlevels > 0 ?
			feature->first_term + feature->nlevels - 1 : -1;
	if (level == feature->reference)
		return -1;
	return feature->first_term + (level < feature->reference ? level : level - 1);
}

double
cj_model_link(const CjModel *model, const double *values)
{
	double		link;

	if (model->kind == CJ_TREES)
		return cj_trees_link(model, values);
	link = model->intercept ? model->coef[0] : 0;
	for (int f = 0; f < model->nfeatures; f++)
	{
		const CjFeature *feature = &model->features[f];

		if (feature->kind == CJ_CATEGORY)
		{
			int			term = category_term(feature, values[f]);

			if (term >= 0)
				link += model->coef[term];
		}
		else if (!isnan(values[f]))
			link += model->coef[feature->first_term] * values[f];
		else
		{
			link += model->coef[feature->first_term] * fill_value(model, feature);
			if (feature->has_null)
				link += model->coef[feature->first_term + 1];
		}
	}
	return link;
}

void
cj_model_terms(const CjModel *model, const double *values, double *terms)
{
	memset(terms, 0, model->nterms * sizeof(double));
	if (model->intercept)
		terms[0] = 1;
	for (int f = 0; f < model->nfeatures; f++)
	{
		const CjFeature *feature = &model->features[f];

		if (feature->kind == CJ_CATEGORY)
		{
			int			term = category_term(feature, values[f]);

			if (term >= 0)
				terms[term] = 1;
		}
		else
		{
			terms[feature->first_term] = isnan(values[f]) ?
				fill_value(model, feature) : values[f];
			if (feature->has_null)
				terms[feature->first_term + 1] = isnan(values[f]) ? 1 : 0;
		}
	}
}

/*
 * A term contributes its coefficient times its distance from the training
 * mean; the baseline is the link of the mean row.
 */
double
cj_model_contributions(const CjModel *model, const double *values, bool by_term,
					   double *contributions)
{
	double	   *terms;
	double		baseline = 0;

	if (model->kind == CJ_TREES)
		return cj_trees_contributions(model, values, contributions);
	terms = palloc_array(double, Max(model->nterms, 1));
	cj_model_terms(model, values, terms);
	for (int t = 0; t < model->nterms; t++)
	{
		double		mean = model->intercept && t == 0 ? 1 : model->center[t];

		baseline += model->coef[t] * mean;
		terms[t] = model->coef[t] * (terms[t] - mean);
	}
	if (by_term)
		memcpy(contributions, terms, model->nterms * sizeof(double));
	else
		for (int f = 0; f < model->nfeatures; f++)
		{
			const CjFeature *feature = &model->features[f];

			contributions[f] = 0;
			for (int t = 0; t < feature->nterms; t++)
				contributions[f] += terms[feature->first_term + t];
		}
	pfree(terms);
	return baseline;
}

double
cj_link_error(const CjModel *model, const double *values)
{
	double	   *terms;
	double		variance = 0;

	if (model->covariance == NULL)
		return NAN;
	terms = palloc_array(double, Max(model->nterms, 1));
	cj_model_terms(model, values, terms);
	for (int i = 0; i < model->nterms; i++)
		for (int j = 0; j < model->nterms; j++)
			variance += terms[i] * terms[j] * cj_covariance(model, i, j);
	pfree(terms);
	return sqrt(Max(variance, 0));
}

/* Between the stored quantiles the share is interpolated. */
double
cj_link_percentile(const CjModel *model, double link)
{
	const double *q = model->quantiles;
	int			low = 0;
	int			high = CJ_QUANTILES - 1;

	if (q == NULL)
		return NAN;
	if (link <= q[0])
		return 0;
	if (link > q[high])
		return 1;
	while (high - low > 1)
	{
		int			middle = (low + high) / 2;

		if (q[middle] < link)
			low = middle;
		else
			high = middle;
	}
	return (low + (link - q[low]) / (q[high] - q[low])) / (CJ_QUANTILES - 1);
}

int
cj_feature_bin(const CjFeature *feature, double value)
{
	int			bin = 0;

	if (isnan(value))
		return feature->nbins;
	if (feature->kind == CJ_CATEGORY)
		return feature->nbins == 0 ? 0 : value == CJ_UNSEEN ? feature->nlevels : (int) value;
	while (bin < feature->nbins - 1 && value > feature->edges[bin])
		bin++;
	return bin;
}
