/*-------------------------------------------------------------------------
 *
 * terms.c
 *		A model's terms by name.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include "propensity/propensity.h"

int
cj_term_feature(const CjModel *model, int term)
{
	for (int f = 0; f < model->nfeatures; f++)
		if (term >= model->features[f].first_term &&
			term < model->features[f].first_term + model->features[f].nterms)
			return f;
	return -1;
}

/* A category's term stands for this level; nlevels is "other", nlevels + 1 is missing. */
int
cj_term_level_number(const CjFeature *feature, int term)
{
	int			place = term - feature->first_term;

	if (feature->has_null && place == feature->nterms - 1)
		return feature->nlevels + 1;
	return place < feature->reference ? place : place + 1;
}

CjText
cj_term_level(const CjModel *model, int term)
{
	int			f = cj_term_feature(model, term);
	CjText		none = {NULL, 0};
	int			level;

	if (f < 0 || model->features[f].kind != CJ_CATEGORY)
		return none;
	level = cj_term_level_number(&model->features[f], term);
	return level < model->features[f].nlevels ? model->features[f].levels[level] : none;
}

char *
cj_term_name(const CjModel *model, int term)
{
	int			f = cj_term_feature(model, term);
	const CjFeature *feature;
	int			level;

	if (f < 0)
		return pstrdup("(intercept)");
	feature = &model->features[f];
	if (feature->kind != CJ_CATEGORY)
		return psprintf("%.*s%s", feature->name.len, feature->name.data,
						term > feature->first_term ? " is null" : "");
	level = cj_term_level_number(feature, term);
	if (level > feature->nlevels)
		return psprintf("%.*s is null", feature->name.len, feature->name.data);
	if (level == feature->nlevels)
		return psprintf("%.*s is other", feature->name.len, feature->name.data);
	return psprintf("%.*s=%.*s", feature->name.len, feature->name.data,
					feature->levels[level].len, feature->levels[level].data);
}
