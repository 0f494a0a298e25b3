/*-------------------------------------------------------------------------
 *
 * node.h
 *		The plan node "Custom Scan (GroupedScan)".
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_SCAN_NODE_H
#define CJ_SCAN_NODE_H

#include "nodes/extensible.h"
#include "nodes/pathnodes.h"

/* Registers the setting, the node, and the planner's hook; called by _PG_init. */
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

/* Bytes that the rows take in a store. */
extern double cj_scan_bytes(double rows, int width);

#endif							/* CJ_SCAN_NODE_H */
