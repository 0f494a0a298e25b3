/*-------------------------------------------------------------------------
 *
 * model_json_sql.c
 *		The text form of a model: JSON, complete and round-tripping.
 *
 * Numbers are written in the fewest digits that read back exactly.  What does
 * not apply is left out; null stands for a number that is not known.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "compat.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"

#include "propensity/json_read.h"
#include "propensity/propensity.h"

/* ---- writing ---- */

static void
put_number(StringInfo to, double value)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (!isfinite(value))
	{
		appendStringInfoString(to, "null");
		return;
	}
	double_to_shortest_decimal_buf(value, digits);
	appendStringInfoString(to, digits);
}

static void
put_float(StringInfo to, float value)
{
	char		digits[FLOAT_SHORTEST_DECIMAL_LEN];

	float_to_shortest_decimal_buf(value, digits);
	appendStringInfoString(to, digits);
}

static void
put_text(StringInfo to, CjText t)
{
	char	   *copy = t.len > 0 ? pnstrdup(t.data, t.len) : pstrdup("");

	escape_json(to, copy);
	pfree(copy);
}

static void
put_numbers(StringInfo to, const double *values, int64 n)
{
	appendStringInfoChar(to, '[');
	for (int64 i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(to, ',');
		put_number(to, values[i]);
	}
	appendStringInfoChar(to, ']');
}

static const char *
kind_name(uint8 kind)
{
	return kind == CJ_CATEGORY ? "category" : kind == CJ_BOOLEAN ? "boolean" : "number";
}

static void
put_feature(StringInfo to, const CjFeature *feature)
{
	appendStringInfoString(to, "{\"name\":");
	put_text(to, feature->name);
	if (feature->column.len > 0)
	{
		appendStringInfoString(to, ",\"column\":");
		put_text(to, feature->column);
	}
	if (feature->element > 0)
		appendStringInfo(to, ",\"element\":%d", feature->element);
	appendStringInfo(to, ",\"type\":\"%s\"", kind_name(feature->kind));
	if (feature->has_null)
		appendStringInfoString(to, ",\"null_term\":true");
	if (feature->kind == CJ_CATEGORY)
	{
		appendStringInfoString(to, ",\"levels\":[");
		for (int i = 0; i < feature->nlevels; i++)
		{
			if (i > 0)
				appendStringInfoChar(to, ',');
			put_text(to, feature->levels[i]);
		}
		appendStringInfo(to, "],\"reference\":%d", feature->reference);
		if (feature->has_other)
			appendStringInfoString(to, ",\"other_term\":true");
	}
	else if (!isnan(feature->mean))
	{
		appendStringInfoString(to, ",\"mean\":");
		put_number(to, feature->mean);
		appendStringInfoString(to, ",\"sd\":");
		put_number(to, feature->sd);
	}
	if (feature->nbins > 0)
	{
		if (feature->kind != CJ_CATEGORY)
		{
			appendStringInfoString(to, ",\"edges\":");
			put_numbers(to, feature->edges, feature->nbins - 1);
		}
		appendStringInfoString(to, ",\"counts\":");
		put_numbers(to, feature->counts, feature->nbins + 1);
	}
	appendStringInfoChar(to, '}');
}

static void
put_field(StringInfo to, const char *name, double value)
{
	appendStringInfo(to, ",\"%s\":", name);
	put_number(to, value);
}

static void
put_terms(StringInfo to, const CjModel *model)
{
	appendStringInfoString(to, ",\"terms\":[");
	for (int t = 0; t < model->nterms; t++)
	{
		char	   *name = cj_term_name(model, t);

		appendStringInfoString(to, t > 0 ? ",{\"term\":" : "{\"term\":");
		escape_json(to, name);
		appendStringInfoString(to, ",\"estimate\":");
		put_number(to, model->aliased[t] ? NAN : model->coef[t]);
		appendStringInfoString(to, ",\"mean\":");
		put_number(to, model->center[t]);
		appendStringInfoString(to, ",\"sd\":");
		put_number(to, model->spread[t]);
		if (model->profile != NULL)
		{
			put_field(to, "profile_low", model->profile[2 * t]);
			put_field(to, "profile_high", model->profile[2 * t + 1]);
		}
		appendStringInfoChar(to, '}');
	}
	appendStringInfoChar(to, ']');
	if (model->covariance != NULL)
	{
		appendStringInfoString(to, ",\"covariance\":[");
		for (int i = 0; i < model->nterms; i++)
		{
			if (i > 0)
				appendStringInfoChar(to, ',');
			put_numbers(to, model->covariance + (Size) i * (i + 1) / 2, i + 1);
		}
		appendStringInfoChar(to, ']');
	}
}

static const char *const separation_name[] = {"none", "quasi-complete", "complete"};

static void
put_report(StringInfo to, const CjFitReport *report)
{
	appendStringInfo(to, ",\"fit\":{\"rows\":" INT64_FORMAT ",\"positives\":" INT64_FORMAT
					 ",\"skipped\":" INT64_FORMAT,
					 report->rows, report->positives, report->skipped);
	put_field(to, "weight", report->weight);
	put_field(to, "log_likelihood", report->loglik);
	put_field(to, "null_log_likelihood", report->null_loglik);
	put_field(to, "objective", report->penalized);
	appendStringInfo(to, ",\"iterations\":%d,\"rank\":%d", report->iterations, report->rank);
	put_field(to, "condition_number", report->condition);
	appendStringInfo(to, ",\"converged\":%s,\"one_class\":%s,\"separation\":\"%s\"",
					 report->converged ? "true" : "false",
					 report->one_class ? "true" : "false",
					 separation_name[report->separation]);
	appendStringInfo(to, ",\"standard_errors\":\"%s\",\"has_errors\":%s,\"firth\":%s",
					 cj_se_name[report->se_kind], report->has_errors ? "true" : "false",
					 report->firth ? "true" : "false");
	if (report->clusters > 0)
		appendStringInfo(to, ",\"clusters\":" INT64_FORMAT, report->clusters);
	put_field(to, "l1", report->l1);
	put_field(to, "l2", report->l2);
	put_field(to, "prior", report->prior);
	if (report->profile > 0)
		put_field(to, "profile", report->profile);
	appendStringInfoString(to, ",\"class_weights\":");
	put_numbers(to, report->class_weight, 2);
	appendStringInfoChar(to, '}');
}

static void
put_trees(StringInfo to, const CjModel *model)
{
	put_field(to, "base", model->base);
	appendStringInfoString(to, ",\"trees\":[");
	for (int i = 0; i < model->ntrees; i++)
	{
		appendStringInfoString(to, i > 0 ? ",[" : "[");
		for (int n = 0; n < model->trees[i].nnodes; n++)
		{
			const CjTreeNode *node = &model->trees[i].nodes[n];

			appendStringInfoString(to, n > 0 ? ",[" : "[");
			put_float(to, node->value);
			appendStringInfoChar(to, ',');
			put_number(to, node->cover);
			if (node->feature >= 0)
				appendStringInfo(to, ",%d,%d,%d,%s", node->feature, node->left, node->right,
								 node->missing_left ? "true" : "false");
			appendStringInfoChar(to, ']');
		}
		appendStringInfoChar(to, ']');
	}
	appendStringInfoChar(to, ']');
}

void
cj_model_to_json(StringInfo to, const CjModel *model)
{
	appendStringInfo(to, "{\"version\":%d,\"kind\":\"%s\",\"input\":\"%s\",\"missing\":\"%s\"",
					 CJ_MODEL_VERSION, model->kind == CJ_TREES ? "trees" : "logistic",
					 model->array_input ? "array" : "record", cj_missing_name[model->missing]);
	appendStringInfoString(to, ",\"features\":[");
	for (int f = 0; f < model->nfeatures; f++)
	{
		if (f > 0)
			appendStringInfoChar(to, ',');
		put_feature(to, &model->features[f]);
	}
	appendStringInfoChar(to, ']');
	if (model->kind == CJ_TREES)
		put_trees(to, model);
	else
	{
		appendStringInfo(to, ",\"intercept\":%s", model->intercept ? "true" : "false");
		put_terms(to, model);
	}
	if (model->quantiles != NULL)
	{
		appendStringInfoString(to, ",\"link_quantiles\":");
		put_numbers(to, model->quantiles, CJ_QUANTILES);
	}
	put_report(to, &model->report);
	appendStringInfoChar(to, '}');
}

/* ---- reading ---- */

static void
get_feature(CjJson *json, JsonbContainer *from, CjFeature *feature)
{
	CjText		type = cj_json_text(json, from, "type");
	JsonbContainer *levels = cj_json_array(json, from, "levels", false);

	feature->name = cj_json_text(json, from, "name");
	feature->column = cj_json_text_or(json, from, "column", "");
	feature->element = (int32) cj_json_integer_or(json, from, "element", 0, 0, PG_INT32_MAX);
	feature->kind = CJ_NUMBER;
	if (cj_json_is(type, "category"))
		feature->kind = CJ_CATEGORY;
	else if (cj_json_is(type, "boolean"))
		feature->kind = CJ_BOOLEAN;
	else if (!cj_json_is(type, "number"))
		cj_json_fault(json, "a feature is of an unknown type");
	feature->has_null = cj_json_bool_or(json, from, "null_term", false);
	feature->has_other = cj_json_bool_or(json, from, "other_term", false);
	feature->mean = cj_json_number_or(json, from, "mean", NAN);
	feature->sd = cj_json_number_or(json, from, "sd", NAN);
	feature->reference = (int32) cj_json_integer_or(json, from, "reference", 0, 0, CJ_MAX_LEVELS);
	if (levels != NULL)
		feature->levels = cj_json_texts(json, levels, &feature->nlevels);
	if (cj_json_array(json, from, "counts", false) != NULL)
	{
		int64		n;
		int64		nedges = 0;

		feature->counts = cj_json_numbers(json, cj_json_array(json, from, "counts", true), &n);
		feature->nbins = (int32) Min(n - 1, PG_INT16_MAX);
		if (feature->kind != CJ_CATEGORY && !json->failed)
		{
			feature->edges = cj_json_numbers(json, cj_json_array(json, from, "edges", true), &nedges);
			if (nedges != n - 2)
				cj_json_fault(json, "a histogram needs one edge less than bins");
		}
		if (n < 2)
			cj_json_fault(json, "a histogram has no bins");
	}
}

static void
get_terms(CjJson *json, JsonbContainer *from, CjModel *model)
{
	JsonbContainer *terms = cj_json_array(json, from, "terms", true);
	JsonbContainer *rows = cj_json_array(json, from, "covariance", false);
	int			n = Max(model->nterms, 1);

	if (json->failed || model->nterms > CJ_MAX_TERMS ||
		(int) JsonContainerSize(terms) != model->nterms)
	{
		cj_json_fault(json, "the terms are not those of the features");
		return;
	}
	model->coef = palloc0_array(double, n);
	model->aliased = palloc0_array(bool, n);
	model->center = palloc0_array(double, n);
	model->spread = palloc0_array(double, n);
	model->profile = palloc_array(double, 2 * n);
	for (int t = 0; t < model->nterms && !json->failed; t++)
	{
		JsonbContainer *term = cj_json_element(json, terms, t);
		double		estimate = cj_json_number_or(json, term, "estimate", NAN);

		model->aliased[t] = isnan(estimate);
		model->coef[t] = isnan(estimate) ? 0 : estimate;
		model->center[t] = cj_json_number_or(json, term, "mean", NAN);
		model->spread[t] = cj_json_number_or(json, term, "sd", NAN);
		model->profile[2 * t] = cj_json_number_or(json, term, "profile_low", NAN);
		model->profile[2 * t + 1] = cj_json_number_or(json, term, "profile_high", NAN);
	}
	if (rows == NULL)
		return;
	model->covariance = palloc0_array(double, (Size) n * (n + 1) / 2);
	if ((int) JsonContainerSize(rows) != model->nterms)
		cj_json_fault(json, "the covariance has a wrong number of rows");
	for (int i = 0; i < model->nterms && !json->failed; i++)
	{
		int64		length;
		double	   *row = cj_json_numbers(json, cj_json_element(json, rows, i), &length);

		if (length != i + 1)
			cj_json_fault(json, "a row of the covariance has a wrong length");
		else
			memcpy(model->covariance + (Size) i * (i + 1) / 2, row, length * sizeof(double));
	}
}

static int
find_name(CjJson *json, CjText name, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (cj_json_is(name, names[i]))
			return i;
	cj_json_fault(json, "a name is none of those known");
	return 0;
}

static void
get_report(CjJson *json, JsonbContainer *from, CjFitReport *report)
{
	JsonbContainer *weights = cj_json_array(json, from, "class_weights", true);
	int64		n = 0;
	double	   *class_weights = cj_json_numbers(json, weights, &n);

	report->rows = cj_json_integer_or(json, from, "rows", 0, 0, PG_INT64_MAX);
	report->positives = cj_json_integer_or(json, from, "positives", 0, 0, PG_INT64_MAX);
	report->skipped = cj_json_integer_or(json, from, "skipped", 0, 0, PG_INT64_MAX);
	report->weight = cj_json_number_or(json, from, "weight", 0);
	report->loglik = cj_json_number_or(json, from, "log_likelihood", 0);
	report->null_loglik = cj_json_number_or(json, from, "null_log_likelihood", 0);
	report->penalized = cj_json_number_or(json, from, "objective", 0);
	report->iterations = (int32) cj_json_integer_or(json, from, "iterations", 0, 0, PG_INT32_MAX);
	report->rank = (int32) cj_json_integer_or(json, from, "rank", 0, 0, PG_INT32_MAX);
	report->condition = cj_json_number_or(json, from, "condition_number", INFINITY);
	report->converged = cj_json_bool_or(json, from, "converged", false);
	report->one_class = cj_json_bool_or(json, from, "one_class", false);
	report->firth = cj_json_bool_or(json, from, "firth", false);
	report->has_errors = cj_json_bool_or(json, from, "has_errors", false);
	report->separation = find_name(json, cj_json_text_or(json, from, "separation", "none"),
								   separation_name, lengthof(separation_name));
	report->se_kind = find_name(json, cj_json_text_or(json, from, "standard_errors", "model"),
								cj_se_name, CJ_SE_COUNT);
	report->clusters = cj_json_integer_or(json, from, "clusters", 0, 0, PG_INT64_MAX);
	report->l1 = cj_json_number_or(json, from, "l1", 0);
	report->l2 = cj_json_number_or(json, from, "l2", 0);
	report->prior = cj_json_number_or(json, from, "prior", 0);
	report->profile = cj_json_number_or(json, from, "profile", 0);
	if (n != 2)
		cj_json_fault(json, "there are two class weights");
	else
		memcpy(report->class_weight, class_weights, sizeof(report->class_weight));
}

static void
get_node(CjJson *json, JsonbContainer *from, CjTreeNode *node)
{
	int			n = from == NULL ? 0 : JsonContainerSize(from);

	if (n != 2 && n != 6)
	{
		cj_json_fault(json, "a tree's node has 2 or 6 entries");
		return;
	}
	node->value = (float) cj_json_number_at(json, from, 0);
	node->cover = cj_json_number_at(json, from, 1);
	node->feature = -1;
	if (n == 6)
	{
		node->feature = (int32) cj_json_integer_at(json, from, 2);
		node->left = (int32) cj_json_integer_at(json, from, 3);
		node->right = (int32) cj_json_integer_at(json, from, 4);
		node->missing_left = cj_json_bool_at(json, from, 5);
		if (node->feature < 0)
			cj_json_fault(json, "a tree's node splits on no feature");
	}
}

static void
get_trees(CjJson *json, JsonbContainer *from, CjModel *model)
{
	JsonbContainer *trees = cj_json_array(json, from, "trees", true);

	model->base = cj_json_number_or(json, from, "base", NAN);
	if (json->failed)
		return;
	model->ntrees = JsonContainerSize(trees);
	model->trees = palloc0_array(CjTree, Max(model->ntrees, 1));
	for (int i = 0; i < model->ntrees && !json->failed; i++)
	{
		JsonbContainer *nodes = cj_json_element(json, trees, i);
		CjTree	   *tree = &model->trees[i];

		tree->nnodes = nodes == NULL ? 0 : JsonContainerSize(nodes);
		tree->nodes = palloc0_array(CjTreeNode, Max(tree->nnodes, 1));
		for (int n = 0; n < tree->nnodes && !json->failed; n++)
			get_node(json, cj_json_element(json, nodes, n), &tree->nodes[n]);
	}
}

static void
get_model(CjJson *json, JsonbContainer *root, CjModel *model)
{
	static const char *const kinds[] = {"logistic", "trees"};
	static const char *const inputs[] = {"record", "array"};
	JsonbContainer *features = cj_json_array(json, root, "features", true);
	JsonbContainer *report = cj_json_object(json, root, "fit", false);
	JsonbContainer *quantiles = cj_json_array(json, root, "link_quantiles", false);

	if (cj_json_number_or(json, root, "version", 0) != CJ_MODEL_VERSION)
		cj_json_fault(json, "it is of an unknown version");
	model->kind = find_name(json, cj_json_text(json, root, "kind"), kinds, 2) == 0 ?
		CJ_LOGISTIC : CJ_TREES;
	model->array_input = find_name(json, cj_json_text(json, root, "input"), inputs, 2);
	model->missing = find_name(json, cj_json_text_or(json, root, "missing", "mean"),
							   cj_missing_name, CJ_MISSING_COUNT);
	if (json->failed)
		return;
	model->nfeatures = JsonContainerSize(features);
	model->features = palloc0_array(CjFeature, Max(model->nfeatures, 1));
	for (int f = 0; f < model->nfeatures && !json->failed; f++)
		get_feature(json, cj_json_element(json, features, f), &model->features[f]);
	if (json->failed)
		return;
	if (model->kind == CJ_LOGISTIC)
		model->intercept = cj_json_bool_or(json, root, "intercept", true);
	cj_model_layout(model);
	if (model->kind == CJ_LOGISTIC)
		get_terms(json, root, model);
	else
		get_trees(json, root, model);
	model->report.class_weight[0] = model->report.class_weight[1] = 1;
	if (report != NULL)
		get_report(json, report, &model->report);
	if (model->report.profile == 0)
		model->profile = NULL;
	if (quantiles != NULL)
	{
		int64		n;

		model->quantiles = cj_json_numbers(json, quantiles, &n);
		if (n != CJ_QUANTILES)
			cj_json_fault(json, "there are 101 quantiles");
	}
}

CjModel *
cj_model_from_json(const char *text, Node *escontext)
{
	CjJson		json = {"type propensity_model", escontext, false};
	CjModel    *model = palloc0_object(CjModel);
	JsonbContainer *root = cj_json_parse(&json, text);
	const char *fault;

	if (!json.failed)
		get_model(&json, root, model);
	if (!json.failed && (fault = cj_model_fault(model)) != NULL)
		cj_json_fault(&json, fault);
	return json.failed ? NULL : model;
}
