/*-------------------------------------------------------------------------
 *
 * collect.h
 *		Journeys of a population, collected for aggregates that need all at once.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_COLLECT_H
#define CJ_PATHS_COLLECT_H

#include "paths/mine.h"

typedef struct CjCollector
{
	MemoryContext context;
	const char *function;		/* for messages */
	CjBy		by;
	bool		collapse;
	bool		keep_times;
	CjDictionary *names;
	int32	   *codes;
	int64	   *times;
	int64		events;
	int64		events_room;
	int64	   *starts;
	int32	   *class_of;
	int32		count;
	int64		count_room;
	int64		count_classes_room;
	Size		memory;
} CjCollector;

extern CjCollector *cj_collector_create(MemoryContext context, const char *function,
										CjBy by, bool collapse, bool keep_times);

/* Adds a journey of a class; one without events that count is added empty. */
extern void cj_collect(CjCollector *collector, const CjView *view, int32 class_of);

/*
 * The journeys with codes that ascend with names; *order gives the collector's
 * name of each.  With "sets" events of one instant are sorted and distinct.
 * Copies, so that collecting may go on.
 */
extern CjSequences *cj_collected(const CjCollector *collector, int32 classes, bool sets,
								 const uint32 **order);

#endif							/* CJ_PATHS_COLLECT_H */
