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

#include "paths/tally.h"

#define CJ_MAX_FLOW_STEPS	100

typedef enum CjOccurrence
{
	CJ_OCCURRENCE_FIRST,
	CJ_OCCURRENCE_LAST,
	CJ_OCCURRENCE_EVERY
} CjOccurrence;

typedef struct CjFlowOptions
{
	CjBy		by;
	bool		collapse;
	bool		links;
	int32		top;
	int32		steps;			/* after the first event of a path */
	CjOccurrence occurrence;
	int64		within;			/* microseconds, or -1 */
	bool		starting;		/* is there a first anchor? */
	bool		ending;			/* a second? */
	CjText		starts;			/* their patterns' texts */
	CjText		ends;
} CjFlowOptions;

/* The options as bytes and back; what is wrong with them, or NULL. */
extern CjText cj_flow_encode(const CjFlowOptions *options);
extern const char *cj_flow_decode(CjText bytes, CjFlowOptions *options);

static inline bool
cj_flow_anchored(const CjFlowOptions *options)
{
	return options->starting || options->ending;
}

static inline bool
cj_flow_backwards(const CjFlowOptions *options)
{
	return !options->starting && options->ending;
}

static inline bool
cj_flow_between(const CjFlowOptions *options)
{
	return options->starting && options->ending;
}

/*
 * Paths are counted in a tally (tally.h), whose keys are, after what is counted
 * and the digit: the step, the name at the step before (0 at step 0), the name
 * at this step (0 of paths that ended before it).
 */
enum
{
	CJ_COUNT_LINK = 1,
	CJ_COUNT_DROPPED,
	CJ_COUNT_COMPLETED,
	CJ_SUM_TIME = CJ_TALLY_SUM + 1	/* microseconds since the step before */
};

/* One event of a path: its name's number in keys. */
typedef struct CjFlowStep
{
	int32		name;
	TimestampTz time;
} CjFlowStep;

extern void cj_flow_create(CjTallyRef *tally, CjText options);

/*
 * Adds a path of up to steps + 1 events, the anchor first.  "completed": its
 * last event is the second anchor; else, if it is shorter, it was dropped.
 */
extern void cj_flow_add(CjTallyRef *tally, int32 steps, const CjFlowStep *path, int32 count,
						bool completed);

/*
 * Step i is a graph of depth 1 whose edges lead from the name at the step before
 * to the name at this step; at the first step they come from node 0.  A node's
 * exits are paths that ended after it, its "tied" those that were completed
 * there by the second anchor.  All graphs have the same names.
 */
typedef struct CjFlow
{
	CjFlowOptions options;
	CjGraphRef *at;				/* steps + 1 graphs */
	int64		paths;
} CjFlow;

/* Reads a sorted tally; what is wrong with it, or NULL. */
extern const char *cj_flow_load(CjFlow *flow, const CjTallyRef *tally);

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
extern CjFlowRow *cj_flow_rows(const CjFlow *flow, int32 *count);

/* Is the name one of the "top" of a step? (after cj_flow_rows) */
extern int32 cj_flow_top(const CjFlow *flow, int32 step, int32 *codes);

#endif							/* CJ_PATHS_FLOW_H */
