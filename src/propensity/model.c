/*-------------------------------------------------------------------------
 *
 * model.c
 *		What makes a model consistent, and the model as bytes; model_read.c reads them.
 *
 * The bytes are one stream, numbers in network order, in the order of CjModel;
 * what follows from other fields (a feature's terms, say) is not in it.  The
 * first byte is the format's version.  Stored and sent form are the same, but
 * for the encoding of names.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "libpq/pqformat.h"
#include "utils/memutils.h"

#include "propensity/propensity.h"

/* ---- what follows from other fields ---- */

/* Number of terms of a feature. */
static int
terms_of(const CjFeature *feature)
{
	if (feature->kind != CJ_CATEGORY)
		return 1 + feature->has_null;
	return Max(feature->nlevels - 1, 0) + feature->has_null +
		(feature->has_other && feature->nlevels > 0);
}

/* Counts the terms and gives every feature its place among them. */
void
cj_model_layout(CjModel *model)
{
	int			next = model->kind == CJ_LOGISTIC && model->intercept ? 1 : 0;

	for (int f = 0; f < model->nfeatures; f++)
	{
		CjFeature  *feature = &model->features[f];

		feature->first_term = next;
		feature->nterms = model->kind == CJ_LOGISTIC ? terms_of(feature) : 0;
		next += feature->nterms;
	}
	model->nterms = next;
}

/* ---- consistency ---- */

static bool
all_finite(const double *values, int64 n)
{
	for (int64 i = 0; i < n; i++)
		if (!isfinite(values[i]))
			return false;
	return true;
}

static const char *
bins_fault(const CjFeature *feature)
{
	int			nbins = feature->nbins;

	if (nbins == 0)
		return NULL;
	if (nbins < 0 || (feature->kind == CJ_NUMBER && nbins > CJ_MAX_BINS) ||
		(feature->kind == CJ_BOOLEAN && nbins != 2) ||
		(feature->kind == CJ_CATEGORY && nbins != feature->nlevels + 1))
		return "a histogram has a wrong number of bins";
	for (int i = 0; i <= nbins; i++)
		if (!isfinite(feature->counts[i]) || feature->counts[i] < 0)
			return "a histogram's count is not a number of rows";
	if (feature->kind == CJ_CATEGORY)
		return NULL;
	if (!all_finite(feature->edges, nbins - 1))
		return "a histogram's edge is not finite";
	for (int i = 1; i < nbins - 1; i++)
		if (feature->edges[i - 1] >= feature->edges[i])
			return "a histogram's edges do not ascend";
	return NULL;
}

static const char *
feature_fault(const CjModel *model, const CjFeature *feature)
{
	if (feature->kind != CJ_NUMBER && feature->kind != CJ_BOOLEAN &&
		(feature->kind != CJ_CATEGORY || model->kind == CJ_TREES))
		return "a feature is of an unknown kind";
	if (feature->name.len == 0 || feature->element < 0 ||
		(feature->column.len == 0 && !model->array_input))
		return "a feature has no name";
	if (isinf(feature->mean) || isinf(feature->sd) || feature->sd < 0)
		return "a feature's mean or sd is out of range";
	if (feature->kind == CJ_CATEGORY ? feature->nlevels < 0 || feature->nlevels > CJ_MAX_LEVELS :
		feature->nlevels != 0 || feature->has_other)
		return "a feature has a wrong number of levels";
	if (feature->reference < 0 || feature->reference > Max(feature->nlevels - 1, 0))
		return "a reference level does not exist";
	for (int i = 1; i < feature->nlevels; i++)
		if (cj_text_compare(feature->levels[i - 1], feature->levels[i]) >= 0)
			return "levels are not in order";
	return bins_fault(feature);
}

static int
compare_names(const void *a, const void *b)
{
	return cj_text_compare((*(CjFeature *const *) a)->name, (*(CjFeature *const *) b)->name);
}

static const char *
names_fault(const CjModel *model)
{
	CjFeature **sorted = palloc_array(CjFeature *, Max(model->nfeatures, 1));
	bool		twice = false;

	for (int f = 0; f < model->nfeatures; f++)
		sorted[f] = &model->features[f];
	qsort(sorted, model->nfeatures, sizeof(CjFeature *), compare_names);
	for (int f = 1; f < model->nfeatures; f++)
		twice = twice || compare_names(&sorted[f - 1], &sorted[f]) == 0;
	pfree(sorted);
	return twice ? "two features have one name" : NULL;
}

/*
 * Children come after their parent and have one parent, so that walking a tree
 * ends and sees every node once.
 */
static const char *
tree_fault(const CjModel *model, const CjTree *tree)
{
	bool	   *seen = palloc0_array(bool, Max(tree->nnodes, 1));
	const char *fault = tree->nnodes < 1 ? "a tree has no nodes" : NULL;

	for (int i = 0; i < tree->nnodes && fault == NULL; i++)
	{
		const CjTreeNode *node = &tree->nodes[i];

		if (!isfinite(node->value) || !isfinite(node->cover) || node->cover < 0 ||
			node->feature < -1 || node->feature >= model->nfeatures || (i > 0 && !seen[i]))
			fault = "a tree's node is out of range";
		else if (node->feature >= 0 &&
				 (node->left <= i || node->left >= tree->nnodes ||
				  node->right <= i || node->right >= tree->nnodes ||
				  node->left == node->right || seen[node->left] || seen[node->right]))
			fault = "a tree's nodes are not linked as a tree";
		else if (node->feature >= 0)
			seen[node->left] = seen[node->right] = true;
	}
	pfree(seen);
	return fault;
}

static const char *
report_fault(const CjFitReport *report)
{
	if (report->rows < 0 || report->positives < 0 || report->positives > report->rows ||
		report->skipped < 0 || report->clusters < 0 || report->iterations < 0 || report->rank < 0)
		return "the report's counts are out of range";
	if (!isfinite(report->weight) || !isfinite(report->loglik) ||
		!isfinite(report->null_loglik) || !isfinite(report->penalized) ||
		isnan(report->condition) || !isfinite(report->l1) || !isfinite(report->l2) ||
		!(report->prior >= 0 && report->prior < 1) ||
		!(report->profile >= 0 && report->profile < 1) || !isfinite(report->class_weight[0]) ||
		!isfinite(report->class_weight[1]))
		return "the report's numbers are out of range";
	if (report->separation > CJ_SEPARATION_COMPLETE || report->se_kind >= CJ_SE_COUNT)
		return "the report has an unknown code";
	return NULL;
}

static const char *
terms_fault(const CjModel *model)
{
	if (!all_finite(model->coef, model->nterms) || !all_finite(model->center, model->nterms) ||
		!all_finite(model->spread, model->nterms))
		return "a term's numbers are not finite";
	for (int t = 0; t < model->nterms; t++)
		if (model->aliased[t] && model->coef[t] != 0)
			return "an aliased term has a coefficient";
	if (model->covariance != NULL &&
		!all_finite(model->covariance, (int64) model->nterms * (model->nterms + 1) / 2))
		return "a covariance is not finite";
	if ((model->profile != NULL) != (model->report.profile > 0))
		return "its profile intervals and their level do not go together";
	for (int t = 0; model->profile != NULL && t < model->nterms; t++)
		if (isinf(model->profile[2 * t]) || isinf(model->profile[2 * t + 1]) ||
			model->profile[2 * t] > model->profile[2 * t + 1])
			return "a profile interval is out of range";
	if (model->quantiles != NULL && !all_finite(model->quantiles, CJ_QUANTILES))
		return "a quantile is not finite";
	for (int i = 1; model->quantiles != NULL && i < CJ_QUANTILES; i++)
		if (model->quantiles[i - 1] > model->quantiles[i])
			return "quantiles do not ascend";
	return report_fault(&model->report);
}

const char *
cj_model_fault(const CjModel *model)
{
	const char *fault = NULL;

	if (model->kind != CJ_LOGISTIC && model->kind != CJ_TREES)
		return "it is of an unknown kind";
	if (model->missing >= CJ_MISSING_COUNT)
		return "it treats missing values in an unknown way";
	if (model->nfeatures < 0 || model->nfeatures > CJ_MAX_FEATURES)
		return "it has a wrong number of features";
	for (int f = 0; f < model->nfeatures && fault == NULL; f++)
		fault = feature_fault(model, &model->features[f]);
	if (fault == NULL)
		fault = names_fault(model);
	if (fault == NULL)
		fault = terms_fault(model);
	if (fault == NULL && !isfinite(model->base))
		fault = "its base is not finite";
	for (int i = 0; i < model->ntrees && fault == NULL; i++)
		fault = tree_fault(model, &model->trees[i]);
	return fault;
}

/* ---- writing ---- */

static void
write_text(StringInfo to, CjText t, bool convert)
{
	if (convert)
	{
		cj_sendcountedtext(to, t.data, t.len);
		return;
	}
	pq_sendint32(to, t.len);
	appendBinaryStringInfo(to, t.data, t.len);
}

static void
write_floats(StringInfo to, const double *values, int64 n)
{
	for (int64 i = 0; i < n; i++)
		pq_sendfloat8(to, values[i]);
}

static void
write_feature(StringInfo to, const CjFeature *feature, bool convert)
{
	CjText		column = feature->column;

	if (column.data == NULL)
		column.data = "";
	write_text(to, feature->name, convert);
	write_text(to, column, convert);
	pq_sendint32(to, feature->element);
	pq_sendbyte(to, feature->kind);
	pq_sendbyte(to, feature->has_null | feature->has_other << 1);
	pq_sendfloat8(to, feature->mean);
	pq_sendfloat8(to, feature->sd);
	pq_sendint32(to, feature->nlevels);
	for (int i = 0; i < feature->nlevels; i++)
		write_text(to, feature->levels[i], convert);
	pq_sendint32(to, feature->reference);
	pq_sendint32(to, feature->nbins);
	if (feature->nbins > 0)
	{
		if (feature->kind != CJ_CATEGORY)
			write_floats(to, feature->edges, feature->nbins - 1);
		write_floats(to, feature->counts, feature->nbins + 1);
	}
}

static void
write_report(StringInfo to, const CjFitReport *report)
{
	pq_sendint64(to, report->rows);
	pq_sendint64(to, report->positives);
	pq_sendint64(to, report->skipped);
	pq_sendfloat8(to, report->weight);
	pq_sendfloat8(to, report->loglik);
	pq_sendfloat8(to, report->null_loglik);
	pq_sendfloat8(to, report->penalized);
	pq_sendint32(to, report->iterations);
	pq_sendint32(to, report->rank);
	pq_sendfloat8(to, report->condition);
	pq_sendbyte(to, report->converged | report->one_class << 1 | report->firth << 2 |
				report->has_errors << 3);
	pq_sendbyte(to, report->separation);
	pq_sendbyte(to, report->se_kind);
	pq_sendint64(to, report->clusters);
	pq_sendfloat8(to, report->l1);
	pq_sendfloat8(to, report->l2);
	pq_sendfloat8(to, report->prior);
	pq_sendfloat8(to, report->profile);
	write_floats(to, report->class_weight, 2);
}

static void
write_tree(StringInfo to, const CjTree *tree)
{
	pq_sendint32(to, tree->nnodes);
	for (int i = 0; i < tree->nnodes; i++)
	{
		const CjTreeNode *node = &tree->nodes[i];

		pq_sendint32(to, node->feature);
		pq_sendfloat4(to, node->value);
		pq_sendfloat8(to, node->cover);
		if (node->feature >= 0)
		{
			pq_sendint32(to, node->left);
			pq_sendint32(to, node->right);
			pq_sendbyte(to, node->missing_left);
		}
	}
}

void
cj_model_write(StringInfo to, const CjModel *model, bool convert)
{
	pq_sendbyte(to, CJ_MODEL_VERSION);
	pq_sendbyte(to, model->kind);
	pq_sendbyte(to, model->array_input | model->intercept << 1 |
				(model->covariance != NULL) << 2 | (model->quantiles != NULL) << 3 |
				(model->profile != NULL) << 4);
	pq_sendbyte(to, model->missing);
	pq_sendint32(to, model->nfeatures);
	for (int f = 0; f < model->nfeatures; f++)
		write_feature(to, &model->features[f], convert);
	write_floats(to, model->coef, model->nterms);
	for (int t = 0; t < model->nterms; t++)
		pq_sendbyte(to, model->aliased[t]);
	write_floats(to, model->center, model->nterms);
	write_floats(to, model->spread, model->nterms);
	if (model->covariance != NULL)
		write_floats(to, model->covariance, (int64) model->nterms * (model->nterms + 1) / 2);
	if (model->profile != NULL)
		write_floats(to, model->profile, 2 * (int64) model->nterms);
	write_report(to, &model->report);
	if (model->quantiles != NULL)
		write_floats(to, model->quantiles, CJ_QUANTILES);
	if (model->kind == CJ_TREES)
	{
		pq_sendfloat8(to, model->base);
		pq_sendint32(to, model->ntrees);
		for (int i = 0; i < model->ntrees; i++)
			write_tree(to, &model->trees[i]);
	}
}
