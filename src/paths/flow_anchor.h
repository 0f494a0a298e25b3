/*-------------------------------------------------------------------------
 *
 * flow_anchor.h
 *		Where the paths of a flow begin and end, and patterns that say so.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_FLOW_ANCHOR_H
#define CJ_PATHS_FLOW_ANCHOR_H

#include "paths/flow.h"
#include "pattern/datum.h"

/* An anchor, and where its matches are in the journey at hand. */
typedef struct CjAnchor
{
	const CjPattern *pattern;	/* NULL: none */
	void	   *matcher;
	MemoryContext context;
	bool		use_first;		/* the match's first event, else its last */
	int32	   *positions;
	int32		count;
	int32		room;
} CjAnchor;

/* The options of a call site, as read once. */
typedef struct CjFlowCall
{
	CjFlowOptions options;
	CjText		bytes;			/* of the options, as states have them */
	CjAnchor	starts;
	CjAnchor	ends;
} CjFlowCall;

extern void cj_flow_journey(CjTallyRef *tally, CjFlowCall *call, const CjView *view);

/* ---- patterns (flow_pattern.c) ---- */

typedef struct CjFlowPatterns CjFlowPatterns;

extern CjFlowPatterns *cj_flow_patterns(const CjFlow *flow);

/* The pattern that finds a row's journeys, NULL if none can. */
extern CjPattern *cj_flow_pattern(const CjFlowPatterns *patterns, const CjFlowRow *row);

#endif							/* CJ_PATHS_FLOW_ANCHOR_H */
