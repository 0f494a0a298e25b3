/*-------------------------------------------------------------------------
 *
 * effects.c
 *		Average marginal effects: what a feature does to the probability.
 *
 * Of a number, the derivative of the probability; of a boolean and of a
 * category's level, the difference between having it and having false, or the
 * reference level; each averaged over rows.  Effects are functions of the
 * coefficients, and so their variance is g'Vg with the gradient g; sums of both
 * are collected row by row.  With F the probability, f its derivative and x the
 * row's terms, the effect of number j is f b_j, whose gradient is f' b_j x, and f
 * more for its own coefficient; that of a difference is F(x1) - F(x0), with the
 * gradient f(x1) x1 - f(x0) x0.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "miscadmin.h"

#include "propensity/propensity.h"

static CjEffectKind
kind_of(const CjModel *model, const CjFeature *feature, int term)
{
	if (model->aliased[term])
		return CJ_EFFECT_NONE;
	if (feature->kind == CJ_CATEGORY)
		return CJ_EFFECT_LEVEL;
	if (term > feature->first_term)
		return CJ_EFFECT_NONE;	/* "is missing" is not a value to be had */
	return feature->kind == CJ_BOOLEAN ? CJ_EFFECT_SWITCH : CJ_EFFECT_SLOPE;
}

CjEffectKind
cj_effect_kind(const CjModel *model, int term)
{
	int			f = cj_term_feature(model, term);

	return f < 0 ? CJ_EFFECT_NONE : kind_of(model, &model->features[f], term);
}

/* How many of the terms before this one have differences. */
static int
differences_before(const CjModel *model, int term)
{
	int			n = 0;

	for (int f = 0; f < model->nfeatures; f++)
	{
		const CjFeature *feature = &model->features[f];
		int			end = Min(term, feature->first_term + feature->nterms);

		for (int t = feature->first_term; t < end; t++)
			n += kind_of(model, feature, t) >= CJ_EFFECT_SWITCH;
	}
	return n;
}

int
cj_effects_size(const CjModel *model)
{
	return (1 + model->nterms) * (1 + differences_before(model, model->nterms));
}

static double
link_of(const CjModel *model, const double *terms)
{
	double		link = 0;

	for (int t = 0; t < model->nterms; t++)
		link += model->coef[t] * terms[t];
	return link;
}

/* Adds "times" the row's probability, and its gradient, to a difference. */
static void
add_difference(const CjModel *model, const double *terms, double times, double *sums)
{
	double		p = cj_expit(link_of(model, terms));

	sums[0] += times * p;
	for (int t = 0; t < model->nterms; t++)
		sums[1 + t] += times * p * (1 - p) * terms[t];
}

void
cj_effects_add(const CjModel *model, const double *values, double *terms, double *sums)
{
	double		p;

	cj_model_terms(model, values, terms);
	p = cj_expit(link_of(model, terms));
	sums[0] += p * (1 - p);
	for (int t = 0; t < model->nterms; t++)
		sums[1 + t] += p * (1 - p) * (1 - 2 * p) * terms[t];
	for (int f = 0; f < model->nfeatures; f++)
	{
		const CjFeature *feature = &model->features[f];
		int			end = feature->first_term + feature->nterms;

		if (feature->kind == CJ_NUMBER)
			continue;
		for (int t = feature->first_term; t < end; t++)
		{
			if (kind_of(model, feature, t) == CJ_EFFECT_NONE)
				continue;
			sums += 1 + model->nterms;
			for (int i = feature->first_term; i < end; i++)
				terms[i] = 0;
			add_difference(model, terms, -1, sums);
			terms[t] = 1;
			add_difference(model, terms, 1, sums);
		}
		cj_model_terms(model, values, terms);
	}
}

/* The effect of a term from the sums over so many rows, and its standard error. */
double
cj_effect(const CjModel *model, const double *sums, int64 rows, int term, double *error)
{
	int			n = model->nterms;
	CjEffectKind kind = cj_effect_kind(model, term);
	const double *from = sums + (Size) (1 + differences_before(model, term)) * (1 + n);
	double	   *gradient = palloc_array(double, Max(n, 1));
	double		effect;
	double		variance = 0;

	effect = kind == CJ_EFFECT_SLOPE ? sums[0] * model->coef[term] / rows : from[0] / rows;
	for (int t = 0; t < n; t++)
		gradient[t] = kind == CJ_EFFECT_SLOPE ? sums[1 + t] * model->coef[term] / rows :
			from[1 + t] / rows;
	if (kind == CJ_EFFECT_SLOPE)
		gradient[term] += sums[0] / rows;
	for (int i = 0; i < n && model->covariance != NULL; i++)
		for (int j = 0; j < n; j++)
			variance += gradient[i] * gradient[j] * cj_covariance(model, i, j);
	*error = model->covariance == NULL ? NAN : sqrt(Max(variance, 0));
	pfree(gradient);
	return effect;
}
