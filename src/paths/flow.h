/*-------------------------------------------------------------------------
 *
 * flow.h
 *		Step by step from or to an anchor: counts of one flow.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_FLOW_H
#define CJ_PATHS_FLOW_H

#include "paths/graph.h"

#define CJ_MAX_FLOW_STEPS	100

/*
 * Step i is a graph of depth 1 whose edges lead from the name at the step before
 * to the name at this step; at the first step they come from node 0.  A node's
 * exits are paths that ended after it, its "tied" those that were completed
 * there by the second anchor.  All graphs have the same names.
 */
typedef struct CjFlow
{
	MemoryContext context;
	int32		steps;
	CjGraphRef *at;				/* steps + 1 graphs */
	int64		paths;
} CjFlow;

/* One event of a path. */
typedef struct CjFlowStep
{
	int32		code;
	TimestampTz time;
} CjFlowStep;

extern void cj_flow_init(CjFlow *flow, MemoryContext context, CjBy by, int32 steps);
extern int32 cj_flow_name(CjFlow *flow, CjText name);

/*
 * Adds a path of up to steps + 1 events, the anchor first.  "completed": its
 * last event is the second anchor; else, if it is shorter, it was dropped.
 */
extern void cj_flow_add(CjFlow *flow, const CjFlowStep *path, int32 count, bool completed);

/* What is shown of a step: a name, others together, or the end. */
typedef enum CjFlowKind
{
	CJ_FLOW_EVENT,
	CJ_FLOW_OTHER,
	CJ_FLOW_DROPPED,
	CJ_FLOW_COMPLETED
} CjFlowKind;

typedef struct CjFlowRow
{
	int32		step;
	CjFlowKind	source_kind;
	int32		source;			/* code; -1: a total, not a link */
	bool		link;
	CjFlowKind	kind;
	int32		code;			/* of CJ_FLOW_EVENT */
	int64		paths;
	int64		before;			/* paths at the step before (of the source) */
	CjSum		time;			/* since the step before */
} CjFlowRow;

/* Totals of each step, most frequent first, and the links between steps. */
extern CjFlowRow *cj_flow_rows(const CjFlow *flow, int32 top, bool links, int32 *count);

/* Is the name one of the "top" of a step? (after cj_flow_rows) */
extern int32 cj_flow_top(const CjFlow *flow, int32 step, int32 top, int32 *codes);

#endif							/* CJ_PATHS_FLOW_H */
