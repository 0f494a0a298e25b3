/*-------------------------------------------------------------------------
 *
 * xgboost_sql.c
 *		Import of an XGBoost model, as save_model("model.json") writes it.
 *
 * Taken: boosted trees (gbtree) for a yes-or-no outcome with splits on
 * numbers.  Anything else is an error that says so: a model that would score
 * differently here is never accepted.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "propensity/glue.h"
#include "propensity/json_read.h"

PG_FUNCTION_INFO_V1(cj_model_from_xgboost);

static void
unsupported(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the XGBoost model %s, which cannot be imported", what),
			 errhint("Objectives binary:logistic, binary:logitraw and reg:logistic with numeric features can.")));
}

/* A number that XGBoost writes as a string, such as "5E-1" or "[5E-1]". */
static double
number_in_text(CjJson *json, CjText t)
{
	char	   *copy = pnstrdup(t.data, t.len);
	char	   *start = copy[0] == '[' ? copy + 1 : copy;
	char	   *end;
	double		value = strtod(start, &end);

	if (end == start || (*end != '\0' && strcmp(end, "]") != 0) || !isfinite(value))
		cj_json_fault(json, "a parameter is not a number");
	return value;
}

/* The arrays of one tree, node by node. */
typedef struct XgbTree
{
	int64		n;
	double	   *left;
	double	   *right;
	double	   *feature;
	double	   *condition;		/* threshold, or a leaf's value */
	double	   *cover;
	JsonbContainer *default_left;	/* numbers or booleans, by version */
} XgbTree;

static double *
tree_array(CjJson *json, JsonbContainer *tree, const char *name, int64 n)
{
	int64		count;
	double	   *values = cj_json_numbers(json, cj_json_array(json, tree, name, true), &count);

	if (count != n)
		cj_json_fault(json, "a tree's arrays differ in length");
	return values;
}

static bool
goes_left_missing(CjJson *json, JsonbContainer *flags, int i)
{
	JsonbValue *value = getIthJsonbValueFromContainer(flags, i);

	if (value != NULL && value->type == jbvBool)
		return value->val.boolean;
	return cj_json_number_at(json, flags, i) != 0;
}

static void
read_arrays(CjJson *json, JsonbContainer *tree, XgbTree *to)
{
	JsonbContainer *left = cj_json_array(json, tree, "left_children", true);
	JsonbContainer *types = cj_json_array(json, tree, "split_type", false);

	if (json->failed)
		return;
	to->n = JsonContainerSize(left);
	to->left = tree_array(json, tree, "left_children", to->n);
	to->right = tree_array(json, tree, "right_children", to->n);
	to->feature = tree_array(json, tree, "split_indices", to->n);
	to->condition = tree_array(json, tree, "split_conditions", to->n);
	to->cover = tree_array(json, tree, "sum_hessian", to->n);
	to->default_left = cj_json_array(json, tree, "default_left", true);
	if (!json->failed && (int64) JsonContainerSize(to->default_left) != to->n)
		cj_json_fault(json, "a tree's arrays differ in length");
	if (types != NULL)
	{
		double	   *type = tree_array(json, tree, "split_type", to->n);

		for (int64 i = 0; !json->failed && i < to->n; i++)
			if (type[i] != 0)
				unsupported("splits on categories");
	}
}

/*
 * Nodes in the order that a walk by levels meets them: XGBoost may have put
 * new nodes in the places of pruned ones.
 */
static void
read_tree(CjJson *json, JsonbContainer *from, int nfeatures, CjTree *tree)
{
	XgbTree		x = {0};
	int		   *source;
	int			count = 1;

	read_arrays(json, from, &x);
	if (json->failed || x.n < 1)
	{
		cj_json_fault(json, "a tree has no nodes");
		return;
	}
	source = palloc_array(int, x.n);
	tree->nodes = palloc0_array(CjTreeNode, x.n);
	source[0] = 0;
	for (int i = 0; i < count && !json->failed; i++)
	{
		int			s = source[i];
		CjTreeNode *node = &tree->nodes[i];

		node->value = (float) x.condition[s];
		node->cover = x.cover[s];
		node->feature = -1;
		if (x.left[s] == -1)
			continue;
		if (count + 2 > x.n || x.left[s] < 0 || x.left[s] >= x.n || x.right[s] < 0 ||
			x.right[s] >= x.n || x.feature[s] < 0 || x.feature[s] >= nfeatures)
		{
			cj_json_fault(json, "a tree's node is out of range");
			return;
		}
		node->feature = (int) x.feature[s];
		node->missing_left = goes_left_missing(json, x.default_left, s);
		node->left = count;
		source[count++] = (int) x.left[s];
		node->right = count;
		source[count++] = (int) x.right[s];
	}
	tree->nnodes = count;
}

static void
read_features(CjJson *json, JsonbContainer *learner, int n, CjModel *model)
{
	JsonbContainer *names = cj_json_array(json, learner, "feature_names", false);
	JsonbContainer *types = cj_json_array(json, learner, "feature_types", false);
	CjText	   *name = NULL;
	int			count = 0;

	if (types != NULL)
	{
		CjText	   *type = cj_json_texts(json, types, &count);

		for (int f = 0; f < count; f++)
			if (cj_json_is(type[f], "c"))
				unsupported("has categorical features");
	}
	count = 0;
	if (names != NULL)
		name = cj_json_texts(json, names, &count);
	if (count != 0 && count != n)
		cj_json_fault(json, "there are not as many names as features");
	model->nfeatures = n;
	model->features = palloc0_array(CjFeature, Max(n, 1));
	for (int f = 0; f < n && !json->failed; f++)
	{
		CjFeature  *feature = &model->features[f];

		feature->kind = CJ_NUMBER;
		feature->element = f + 1;
		feature->column.data = "";
		feature->mean = feature->sd = NAN;
		if (count > 0)
			feature->name = name[f];
		else
		{
			feature->name.data = psprintf("f%d", f);
			feature->name.len = strlen(feature->name.data);
		}
	}
}

static void
read_objective(CjJson *json, JsonbContainer *learner)
{
	CjText		name = cj_json_text(json, cj_json_object(json, learner, "objective", true), "name");

	if (!json->failed && !cj_json_is(name, "binary:logistic") &&
		!cj_json_is(name, "binary:logitraw") && !cj_json_is(name, "reg:logistic"))
		unsupported(psprintf("has the objective \"%.*s\"", name.len, name.data));
}

static void
read_booster(CjJson *json, JsonbContainer *learner, CjModel *model)
{
	JsonbContainer *booster = cj_json_object(json, learner, "gradient_booster", true);
	CjText		kind = cj_json_text_or(json, booster, "name", "gbtree");
	JsonbContainer *trees;

	if (!json->failed && !cj_json_is(kind, "gbtree"))
		unsupported(psprintf("is a \"%.*s\"", kind.len, kind.data));
	trees = cj_json_array(json, cj_json_object(json, booster, "model", true), "trees", true);
	if (json->failed)
		return;
	model->ntrees = JsonContainerSize(trees);
	model->trees = palloc0_array(CjTree, Max(model->ntrees, 1));
	for (int i = 0; i < model->ntrees && !json->failed; i++)
		read_tree(json, cj_json_element(json, trees, i), model->nfeatures, &model->trees[i]);
}

static void
read_learner(CjJson *json, JsonbContainer *root, CjModel *model)
{
	JsonbContainer *learner = cj_json_object(json, root, "learner", true);
	JsonbContainer *params = cj_json_object(json, learner, "learner_model_param", true);
	double		nfeatures = number_in_text(json, cj_json_text(json, params, "num_feature"));
	double		base;

	read_objective(json, learner);
	base = number_in_text(json, cj_json_text(json, params, "base_score"));
	if (json->failed)
		return;
	if (nfeatures < 0 || nfeatures > CJ_MAX_FEATURES)
		unsupported("has too many features");
	if (!(base > 0 && base < 1))
		cj_json_fault(json, "the base score is not a probability");
	model->base = log(base / (1 - base));
	read_features(json, learner, (int) nfeatures, model);
	if (!json->failed)
		read_booster(json, learner, model);
}

/*
 * propensity_from_xgboost(jsonb) -> propensity_model
 */
Datum
cj_model_from_xgboost(PG_FUNCTION_ARGS)
{
	Jsonb	   *document = PG_GETARG_JSONB_P(0);
	CjJson		json = {"an XGBoost model", NULL, false};
	CjModel    *model = palloc0_object(CjModel);
	const char *fault;

	if (!JB_ROOT_IS_OBJECT(document))
		cj_json_fault(&json, "it is not a JSON object");
	model->kind = CJ_TREES;
	model->array_input = true;
	model->report.class_weight[0] = model->report.class_weight[1] = 1;
	read_learner(&json, &document->root, model);
	fault = cj_model_fault(model);
	if (fault != NULL)
		cj_json_fault(&json, fault);
	PG_RETURN_BYTEA_P(cj_model_datum(model));
}
