/*-------------------------------------------------------------------------
 *
 * trees.c
 *		Scores of boosted trees, and their exact Shapley values.
 *
 * A contribution is a feature's Shapley value in the game where a coalition's
 * worth is the expected output given the coalition's features, the others
 * being averaged over the branches by their training weight ("cover").  The
 * algorithm of Lundberg, Erion and Lee (2018, algorithm 2) finds it in one walk
 * of a tree: it carries the distinct features met on the path, each with the
 * shares of coalitions without it ("zero") and with it ("one") that come this
 * far, and the weights of coalitions by size.
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

#include "propensity/propensity.h"

/* As in the library the trees come from: 32-bit floats, "below" goes left. */
static inline bool
goes_left(const CjTreeNode *node, const double *values)
{
	double		value = values[node->feature];

	return isnan(value) ? node->missing_left : (float) value < node->value;
}

double
cj_trees_link(const CjModel *model, const double *values)
{
	double		link = model->base;

	for (int i = 0; i < model->ntrees; i++)
	{
		const CjTreeNode *nodes = model->trees[i].nodes;
		int			at = 0;

		while (nodes[at].feature >= 0)
			at = goes_left(&nodes[at], values) ? nodes[at].left : nodes[at].right;
		link += nodes[at].value;
	}
	return link;
}

typedef struct PathStep
{
	int			feature;		/* -1 for the start */
	double		zero;
	double		one;
	double		weight;
} PathStep;

typedef struct Walk
{
	const CjTreeNode *nodes;
	const double *values;
	double	   *contributions;
	PathStep   *path;			/* room for a path of every length up to the
								 * depth */
} Walk;

/* Grows the path by one feature and brings the weights up to date. */
static void
extend(PathStep *path, int depth, double zero, double one, int feature)
{
	path[depth].feature = feature;
	path[depth].zero = zero;
	path[depth].one = one;
	path[depth].weight = depth == 0 ? 1 : 0;
	for (int i = depth - 1; i >= 0; i--)
	{
		path[i + 1].weight += one * path[i].weight * (i + 1) / (depth + 1);
		path[i].weight = zero * path[i].weight * (depth - i) / (depth + 1);
	}
}

/* Takes a feature out of the path again. */
static void
unwind(PathStep *path, int depth, int at)
{
	double		one = path[at].one;
	double		zero = path[at].zero;
	double		next = path[depth].weight;

	for (int i = depth - 1; i >= 0; i--)
		if (one != 0)
		{
			double		weight = path[i].weight;

			path[i].weight = next * (depth + 1) / ((i + 1) * one);
			next = weight - path[i].weight * zero * (depth - i) / (depth + 1);
		}
		else
			path[i].weight = path[i].weight * (depth + 1) / (zero * (depth - i));
	for (int i = at; i < depth; i++)
	{
		path[i].feature = path[i + 1].feature;
		path[i].zero = path[i + 1].zero;
		path[i].one = path[i + 1].one;
	}
}

/* The sum of weights that the path would have without a feature. */
static double
unwound_sum(const PathStep *path, int depth, int at)
{
	double		one = path[at].one;
	double		zero = path[at].zero;
	double		next = path[depth].weight;
	double		total = 0;

	for (int i = depth - 1; i >= 0; i--)
		if (one != 0)
		{
			double		weight = next * (depth + 1) / ((i + 1) * one);

			total += weight;
			next = path[i].weight - weight * zero * (depth - i) / (depth + 1);
		}
		else if (zero != 0)
			total += path[i].weight * (depth + 1) / (zero * (depth - i));
	return total;
}

static void
walk(Walk *w, int at, PathStep *path, int depth, double zero, double one, int feature)
{
	const CjTreeNode *node = &w->nodes[at];
	PathStep   *below;
	double		zero_before = 1;
	double		one_before = 1;
	int			hot;
	int			cold;

	check_stack_depth();
	extend(path, depth, zero, one, feature);
	if (node->feature < 0)
	{
		for (int i = 1; i <= depth; i++)
			w->contributions[path[i].feature] += unwound_sum(path, depth, i) *
				(path[i].one - path[i].zero) * node->value;
		return;
	}
	hot = goes_left(node, w->values) ? node->left : node->right;
	cold = hot == node->left ? node->right : node->left;
	for (int i = 1; i <= depth; i++)
		if (path[i].feature == node->feature)
		{
			zero_before = path[i].zero;
			one_before = path[i].one;
			unwind(path, depth, i);
			depth--;
			break;
		}
	below = path + depth + 1;
	for (int branch = 0; branch < 2; branch++)
	{
		int			child = branch == 0 ? hot : cold;
		double		share = node->cover > 0 ? w->nodes[child].cover / node->cover : 0.5;

		/* No coalition comes where neither share does. */
		if (share * zero_before == 0 && branch == 1)
			continue;
		memcpy(below, path, (depth + 1) * sizeof(PathStep));
		walk(w, child, below, depth + 1, share * zero_before,
			 branch == 0 ? one_before : 0, node->feature);
	}
}

/* The number of nodes on the longest way down, and the tree's expected output. */
static int
measure_tree(const CjTree *tree, double *expected)
{
	int		   *depth = palloc0_array(int, tree->nnodes);
	double	   *output = palloc_array(double, tree->nnodes);
	int			deepest = 0;

	for (int i = 0; i < tree->nnodes; i++)
	{
		const CjTreeNode *node = &tree->nodes[i];

		deepest = Max(deepest, depth[i]);
		if (node->feature >= 0)
			depth[node->left] = depth[node->right] = depth[i] + 1;
	}
	for (int i = tree->nnodes - 1; i >= 0; i--)
	{
		const CjTreeNode *node = &tree->nodes[i];
		double		left;

		output[i] = node->value;
		if (node->feature < 0)
			continue;
		left = node->cover > 0 ? tree->nodes[node->left].cover / node->cover : 0.5;
		output[i] = left * output[node->left] +
			(node->cover > 0 ? tree->nodes[node->right].cover / node->cover : 0.5) *
			output[node->right];
	}
	*expected = output[0];
	pfree(output);
	pfree(depth);
	return deepest + 1;
}

double
cj_trees_contributions(const CjModel *model, const double *values, double *contributions)
{
	double		baseline = model->base;

	memset(contributions, 0, model->nfeatures * sizeof(double));
	for (int i = 0; i < model->ntrees; i++)
	{
		const CjTree *tree = &model->trees[i];
		Walk		w = {tree->nodes, values, contributions, NULL};
		double		expected;
		Size		length = measure_tree(tree, &expected) + 2;

		CHECK_FOR_INTERRUPTS();
		w.path = palloc(mul_size(mul_size(length, length + 1) / 2 + length, sizeof(PathStep)));
		walk(&w, 0, w.path, 0, 1, 1, -1);
		pfree(w.path);
		baseline += expected;
	}
	return baseline;
}
