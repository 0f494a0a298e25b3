/*-------------------------------------------------------------------------
 *
 * next.c
 *		What comes next: smoothed probabilities, and reaching a target.
 *
 * The probability after a context is its own counts with those of the context
 * one name shorter as a prior worth "prior" events, and so on down to the
 * frequencies of all names, whose prior is that any is equally probable (the
 * hierarchical Dirichlet smoothing of MacKay and Peto).  A context seen often
 * speaks for itself, a rare one hardly, and nothing has probability zero.
 *
 * The event just before those that the graph remembers is not wasted: what
 * follows it gets a share of a tenth over the depth (Raftery's mixture of
 * transitions), because who went from A to B often goes next where others go
 * from A.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "compat.h"
#include "paths/next.h"

#define BEFORE_SHARE	0.1		/* over the depth */

/* ---- building ---- */

/* Counts an edge after its context and all shorter ones. */
static void
count_suffixes(CjGraphRef *to, const int32 *context, const CjGraphEdge *edge)
{
	int			depth = to->graph->depth;
	int			length = 0;

	while (length < depth && context[depth - 1 - length] >= 0)
		length++;
	for (int m = 0; m <= length; m++)
	{
		int32		suffix[CJ_MAX_DEPTH];
		int32		node = 0;
		int32		edge_into;
		CjGraphEdge *into;

		for (int i = 0; i < depth; i++)
			suffix[i] = i < depth - m ? -1 : context[i];
		if (m > 0)
			node = cj_graph_add_node(to, suffix);
		edge_into = cj_graph_add_edge(to, node, edge->code);
		into = &to->parts.edges[edge_into];
		into->count += edge->count;
		cj_sum_add(&into->sum, edge->sum);
	}
}

static int
compare_names(const void *a, const void *b, void *arg)
{
	return cj_text_compare(cj_graph_name(arg, *(const int32 *) a), cj_graph_name(arg, *(const int32 *) b));
}

static void
list_edges(CjNextModel *model)
{
	const CjGraph *graph = model->contexts.graph;
	const CjGraphEdge *edges = model->contexts.parts.edges;
	int32	   *fill;

	model->first = palloc0_array(int32, graph->nodes + 2);
	model->edges = palloc_array(int32, graph->edges + 1);
	model->totals = palloc0_array(int64, graph->nodes + 1);
	for (int32 i = 0; i < graph->edges; i++)
	{
		model->first[edges[i].source + 1]++;
		model->totals[edges[i].source] += edges[i].count;
	}
	for (int32 i = 0; i < graph->nodes; i++)
		model->first[i + 1] += model->first[i];
	fill = palloc_array(int32, graph->nodes + 1);
	memcpy(fill, model->first, graph->nodes * sizeof(int32));
	for (int32 i = 0; i < graph->edges; i++)
		model->edges[fill[edges[i].source]++] = i;
	pfree(fill);
}

CjNextModel *
cj_next_build(const CjGraphRef *graph)
{
	CjNextModel *model = palloc0_object(CjNextModel);
	int32		names = graph->graph->names;
	int32		context[CJ_MAX_DEPTH];

	cj_graph_create(&model->contexts, (CjBy) graph->graph->by, graph->graph->depth,
					graph->graph->collapse != 0);
	for (int32 i = 0; i < names; i++)
		cj_graph_add_name(&model->contexts, cj_graph_name(graph, i));
	for (int32 i = 0; i < graph->graph->edges; i++)
	{
		const CjGraphEdge *edge = &graph->parts.edges[i];

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (edge->source == 0 || edge->count == 0)
			continue;
		cj_graph_context(graph, edge->source, context);
		count_suffixes(&model->contexts, context, edge);
	}
	list_edges(model);
	model->probability = palloc_array(double, names + 1);
	model->of_before = palloc_array(double, names + 1);
	model->by_name = palloc_array(int32, names + 1);
	model->rank = palloc_array(int32, names + 1);
	for (int32 i = 0; i < names; i++)
		model->by_name[i] = i;
	qsort_arg(model->by_name, names, sizeof(int32), compare_names, &model->contexts);
	for (int32 i = 0; i < names; i++)
		model->rank[model->by_name[i]] = i;
	return model;
}

/* ---- predicting ---- */

void
cj_next_context(const CjNextModel *model, const int32 *codes, int32 count, CjNextContext *context)
{
	int			depth = model->contexts.graph->depth;
	bool		known = true;

	for (int i = 1; i <= depth; i++)
	{
		known = known && i <= count && codes[count - i] >= 0;
		context->last[depth - i] = known ? codes[count - i] : -1;
	}
	context->before = count > depth ? codes[count - depth - 1] : -1;
}

/* The node of a context's last m names, or -1. */
static int32
suffix_node(const CjNextModel *model, const int32 *context, int m)
{
	int			depth = model->contexts.graph->depth;
	int32		suffix[CJ_MAX_DEPTH];

	if (m == 0)
		return 0;
	if (context[depth - m] < 0)
		return -1;
	for (int i = 0; i < depth; i++)
		suffix[i] = i < depth - m ? -1 : context[i];
	return cj_graph_find_node(&model->contexts, suffix);
}

/* Fills "to" with what follows a context, of it and its shorter ends. */
static void
predict_from(const CjNextModel *model, const int32 *context, double prior, double *to)
{
	const CjGraph *graph = model->contexts.graph;
	const CjGraphEdge *edges = model->contexts.parts.edges;

	for (int32 i = 0; i < graph->names; i++)
		to[i] = 1.0 / graph->names;
	for (int m = 0; m <= graph->depth; m++)
	{
		int32		node = suffix_node(model, context, m);
		double		all;

		if (node < 0 || model->totals[node] == 0)
			break;
		all = (double) model->totals[node] + prior;
		for (int32 i = 0; i < graph->names; i++)
			to[i] *= prior / all;
		for (int32 i = model->first[node]; i < model->first[node + 1]; i++)
			to[edges[model->edges[i]].code] +=
				(double) edges[model->edges[i]].count / all;
	}
}

void
cj_next_predict(CjNextModel *model, const CjNextContext *context, double prior)
{
	int			depth = model->contexts.graph->depth;
	double		share = BEFORE_SHARE / depth;
	int32		alone[CJ_MAX_DEPTH];

	predict_from(model, context->last, prior, model->probability);
	if (context->before < 0)
		return;
	for (int i = 0; i < depth; i++)
		alone[i] = i == depth - 1 ? context->before : -1;
	predict_from(model, alone, prior, model->of_before);
	for (int32 i = 0; i < model->contexts.graph->names; i++)
		model->probability[i] += share * (model->of_before[i] - model->probability[i]);
}

const CjGraphEdge *
cj_next_edge(const CjNextModel *model, const CjNextContext *context, int32 code)
{
	const CjGraphEdge *found = NULL;

	for (int m = 0; m <= model->contexts.graph->depth; m++)
	{
		int32		node = suffix_node(model, context->last, m);

		if (node < 0)
			break;
		for (int32 i = model->first[node]; i < model->first[node + 1]; i++)
			if (model->contexts.parts.edges[model->edges[i]].code == code)
				found = &model->contexts.parts.edges[model->edges[i]];
	}
	return found;
}

/* ---- reaching ---- */

#define MOST_ROUNDS		1000000
#define CLOSE_ENOUGH	1e-15

/*
 * One round: from the probabilities within n steps those within n + 1; returns
 * the greatest change.
 */
static double
round_of(const CjGraphRef *graph, const int64 *totals, int32 target,
		 const double *before, double *after)
{
	double		change = 0;

	memset(after, 0, graph->graph->nodes * sizeof(double));
	for (int32 i = 0; i < graph->graph->edges; i++)
	{
		const CjGraphEdge *edge = &graph->parts.edges[i];

		after[edge->source] += (double) edge->count / (double) totals[edge->source] *
			(edge->code == target ? 1 : before[edge->target]);
	}
	for (int32 i = 0; i < graph->graph->nodes; i++)
		change = Max(change, fabs(after[i] - before[i]));
	return change;
}

double
cj_graph_reach_from(const CjGraphRef *graph, int32 node, int32 target, int32 steps)
{
	int32		nodes = graph->graph->nodes;
	int64	   *totals = palloc0_array(int64, nodes);
	double	   *before = palloc0_array(double, nodes);
	double	   *after = palloc0_array(double, nodes);
	int32		rounds = steps < 0 ? MOST_ROUNDS : steps;

	for (int32 i = 0; i < nodes; i++)
		totals[i] = graph->parts.nodes[i].exits;
	for (int32 i = 0; i < graph->graph->edges; i++)
		totals[graph->parts.edges[i].source] += graph->parts.edges[i].count;
	for (int32 i = 0; i < rounds; i++)
	{
		double	   *swap = before;

		CHECK_FOR_INTERRUPTS();
		if (round_of(graph, totals, target, before, after) < CLOSE_ENOUGH)
			rounds = i;
		before = after;
		after = swap;
	}
	return before[node];
}
