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

/* What a plan node carries in custom_private: three lists, an element a key. */
typedef enum CjScanPrivate
{
	CJ_SCAN_KEYS,				/* integers: columns of the target list, from 1 */
	CJ_SCAN_OPERATORS,			/* OIDs: their equality */
	CJ_SCAN_COLLATIONS
} CjScanPrivate;

extern const CustomScanMethods cj_scan_methods;

/* Bytes that the rows take in a store. */
extern double cj_scan_bytes(double rows, int width);

#endif							/* CJ_SCAN_NODE_H */
