/*-------------------------------------------------------------------------
 *
 * node.h
 *		The plan nodes "Custom Scan (GroupedScan)", which brings the rows of a group
 *		together, and "Custom Scan (GroupedFunnel)", which may lie on it and gives
 *		the partial states of aggregates, a row a group.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_SCAN_NODE_H
#define CJ_SCAN_NODE_H

#include "nodes/extensible.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

/* Registers the setting, the nodes, and the planner's hook; called by _PG_init. */
extern void cj_scan_init(void);

/* What a plan node carries in custom_private: lists, the first three with an element a key. */
typedef enum CjScanPrivate
{
	CJ_SCAN_KEYS,				/* integers: columns of the target list, from
								 * 1 */
	CJ_SCAN_OPERATORS,			/* OIDs: their equality */
	CJ_SCAN_COLLATIONS,
	CJ_SCAN_LEAVE_OUT			/* one integer: are rows left out for which no
								 * condition holds? */
} CjScanPrivate;

extern const CustomScanMethods cj_scan_methods;

/*
 * For the node above: takes all rows, which it may then read from the store; and
 * gives them back, telling how many there were.
 */
extern struct CjFormat *cj_scan_format(PlanState *ps);
extern struct CjStore *cj_scan_fill(PlanState *ps);
extern void cj_scan_drop(PlanState *ps, double rows);

/* ---- what the aggregates ask for (target_sql.c) ---- */

typedef struct CjScanTarget
{
	PathTarget *target;			/* of the node */
	bool		wanted;			/* is an aggregate among them that collects
								 * rows? */
	bool		leave_out;		/* see CJ_SCAN_LEAVE_OUT */
	Cost		answered;		/* of conditions that aggregates need not
								 * evaluate, a row */
} CjScanTarget;

/*
 * For the expressions above the grouping, and what the child offers: what the node
 * should give.
 */
extern CjScanTarget cj_scan_target(PlannerInfo *root, List *above, PathTarget *offered);

/* The transition function of an aggregate of ours; NULL for others. */
extern PGFunction cj_scan_transition(const Aggref *aggref);

/* Bytes that the rows take in a store. */
extern double cj_scan_bytes(double rows, int width);

/* ---- the node above (collect_plan_sql.c, collect_sql.c) ---- */

/* Whose rows it collects; one that is COLLECT_COLUMN is of the group's first row. */
typedef enum CjCollectKind
{
	CJ_COLLECT_COLUMN,			/* then the column below, from 1 */
	CJ_COLLECT_WINDOW,			/* the others: the column of the time, 0 if
								 * none, then those of the conditions */
	CJ_COLLECT_WINDOW_MODE,
	CJ_COLLECT_SEQUENCE,
	CJ_COLLECT_RETENTION
} CjCollectKind;

extern const CustomScanMethods cj_collect_methods;

/* How many arguments come before the time: what a group's rows are asked. */
static inline int
cj_collect_parameters(CjCollectKind kind)
{
	return kind == CJ_COLLECT_RETENTION ? 0 : kind == CJ_COLLECT_WINDOW_MODE ? 2 : 1;
}

/*
 * A path to the same as "agg", which aggregates what "grouped" gives at these costs,
 * by way of partial states; NULL if these, and what else is asked of a group, cannot
 * be had.
 */
extern Path *cj_collect_path(PlannerInfo *root, const AggPath *agg, const AggClauseCosts *costs,
							 Path *grouped);

#endif							/* CJ_SCAN_NODE_H */
