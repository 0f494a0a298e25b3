/*-------------------------------------------------------------------------
 *
 * next.h
 *		What comes next: probabilities from a graph.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_NEXT_H
#define CJ_PATHS_NEXT_H

#include "paths/graph.h"

/*
 * Transitions after the last 0, 1, ... depth names: a graph whose nodes are all
 * contexts, the empty one included (node 0), with their edges listed by node.
 */
typedef struct CjNextModel
{
	CjGraphRef	contexts;
	int32	   *first;			/* of each node's edges in "edges"; nodes + 1 */
	int32	   *edges;
	int64	   *totals;			/* transitions from each node */
	int32	   *by_name;		/* names in byte order, and their ranks */
	int32	   *rank;
	double	   *probability;	/* scratch, by name */
	double	   *of_before;
} CjNextModel;

/* The end of a path. */
typedef struct CjNextContext
{
	int32		last[CJ_MAX_DEPTH]; /* as many names as the graph is deep, -1
									 * where there are fewer */
	int32		before;			/* the name before these, or -1 */
} CjNextContext;

extern CjNextModel *cj_next_build(const CjGraphRef *graph);

/* The end of a path as a context of the model: unknown names cut it off. */
extern void cj_next_context(const CjNextModel *model, const int32 *codes, int32 count, CjNextContext *context);

/* Fills model->probability for what follows a context. */
extern void cj_next_predict(CjNextModel *model, const CjNextContext *context, double prior);

/* The edge by a name from the longest context that has one; NULL if none. */
extern const CjGraphEdge *cj_next_edge(const CjNextModel *model, const CjNextContext *context, int32 code);

/* Probability to reach a name from a node of a graph in so many steps (-1: ever). */
extern double cj_graph_reach_from(const CjGraphRef *graph, int32 node, int32 target, int32 steps);

#endif							/* CJ_PATHS_NEXT_H */
