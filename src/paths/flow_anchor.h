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

typedef enum CjOccurrence
{
	CJ_OCCURRENCE_FIRST,
	CJ_OCCURRENCE_LAST,
	CJ_OCCURRENCE_EVERY
} CjOccurrence;

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

typedef struct CjFlowState
{
	MemoryContext context;
	bytea	   *kept;			/* the options */
	CjBy		by;
	bool		collapse;
	bool		links;
	bool		anchored;
	bool		backwards;
	int32		top;
	CjOccurrence occurrence;
	int64		within;			/* microseconds, or -1 */
	CjAnchor	starts;
	CjAnchor	ends;
	CjFlow		flow;
} CjFlowState;

extern void cj_flow_journey(CjFlowState *state, const CjView *view);

/* The pattern that finds a row's journeys, NULL if it is not one pattern. */
extern CjPattern *cj_flow_pattern(const CjFlowState *state, const CjFlowRow *row);

#endif							/* CJ_PATHS_FLOW_ANCHOR_H */
