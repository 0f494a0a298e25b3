/*-------------------------------------------------------------------------
 *
 * mine.h
 *		Frequent sequential patterns: the kernel, which knows no fmgr.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_MINE_H
#define CJ_PATHS_MINE_H

#include "paths/graph.h"

typedef enum CjKind
{
	CJ_ALL,
	CJ_CLOSED,					/* no longer pattern has the same support */
	CJ_MAXIMAL					/* no longer pattern is frequent */
} CjKind;

/* What is looked for; times in microseconds, -1 and NULL where there is no limit. */
typedef struct CjMineSpec
{
	CjKind		kind;
	int64		min_count;		/* journeys */
	int32		min_length;		/* events */
	int32		max_length;
	int64		min_gap;
	int64		max_gap;
	int32		max_gap_events; /* positions, or instants with "sets" */
	int64		max_span;
	bool		sets;			/* the events of one instant are a set */
	int32		ncontains;
	int32	   *contains;		/* codes; CJ_ABSENT in any: nothing is found */
	int32		starts_with;	/* code, or ANY_CODE */
	int32		ends_with;
} CjMineSpec;

#define CJ_ANY_CODE		(-2)

/*
 * The journeys, one after the other: codes ascend with names.  Each belongs to
 * a class; patterns count their journeys of each.
 */
typedef struct CjSequences
{
	int32		count;
	int64	   *starts;			/* count + 1 positions */
	int32	   *codes;
	int64	   *times;			/* NULL unless the spec needs them */
	int32	   *class_of;		/* of each journey */
	int32		classes;
	int32		names;
} CjSequences;

/*
 * A pattern: items from "first" in the result's pool.  An item is a code, or
 * ~code where it shares the instant of the item before ("sets").
 */
typedef struct CjFound
{
	int64		support;
	int64		first;
	int32		length;
	bool		dropped;		/* by a filter */
} CjFound;

typedef struct CjMined
{
	CjFound    *found;
	int64		count;
	int64		room;
	int32	   *items;
	int64		nitems;
	int64		items_room;
	int64	   *class_counts;	/* classes of each pattern */
	Size		memory;			/* bytes in use */
} CjMined;

static inline int32
cj_item_code_of(int32 item)
{
	return item < 0 ? ~item : item;
}

static inline bool
cj_mine_needs_times(const CjMineSpec *spec)
{
	return spec->min_gap > 0 || spec->max_gap >= 0 || spec->max_span >= 0 || spec->sets;
}

/* All frequent patterns; error 54000 at customer_journey.max_patterns and path_memory. */
extern CjMined *cj_mine(CjSequences *sequences, const CjMineSpec *spec, const char *function);

/* Marks what is not closed or maximal, or not as the spec wants it, as dropped (mine_filter.c). */
extern void cj_mine_filter(CjMined *mined, const CjMineSpec *spec, int32 names);

/* Keeps the patterns that are not dropped, most journeys first, then shorter, then by names. */
extern void cj_mine_rank(CjMined *mined, int32 classes);

#endif							/* CJ_PATHS_MINE_H */
