/*-------------------------------------------------------------------------
 *
 * collect.c
 *		Journeys of a population as arrays of codes and times.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "paths/collect.h"
#include "paths/paths.h"

const CjNames *
cj_path_names(const CjView *view, CjBy by, const CjPacked **packed, int32 *gap)
{
	switch (by)
	{
		case CJ_BY_CHANNEL:
			*packed = &view->channel;
			*gap = view->channel_gap;
			return &view->channels;
		case CJ_BY_ITEM:
			*packed = &view->item;
			*gap = view->item_gap;
			return &view->items;
		default:
			*packed = &view->event;
			*gap = 0;
			return &view->events;
	}
}

CjCollector *
cj_collector_create(MemoryContext context, const char *function, CjBy by, bool collapse, bool keep_times)
{
	CjCollector *collector = MemoryContextAllocZero(context, sizeof(CjCollector));

	collector->context = context;
	collector->function = function;
	collector->by = by;
	collector->collapse = collapse;
	collector->keep_times = keep_times;
	collector->names = cj_dictionary_create(context);
	return collector;
}

static void *
reserve(CjCollector *collector, void *array, int64 room, int64 old_room, Size size)
{
	collector->memory += (room - old_room) * size;
	cj_check_path_memory(collector->memory, collector->function,
						 "Use fewer journeys (a sample, a shorter time), or raise");
	return array == NULL ? MemoryContextAllocHuge(collector->context, room * size) :
		repalloc_huge(array, room * size);
}

static void
make_room(CjCollector *collector, int64 events)
{
	int64		old_room = collector->events_room;
	int64		room = Max(old_room, 1024);

	if (collector->events + events > old_room)
	{
		while (room < collector->events + events)
			room *= 2;
		if (room > PG_INT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("%s cannot take more than %d events", collector->function, PG_INT32_MAX / 2)));
		collector->codes = reserve(collector, collector->codes, room, old_room, sizeof(int32));
		if (collector->keep_times)
			collector->times = reserve(collector, collector->times, room, old_room, sizeof(int64));
		collector->events_room = room;
	}
	old_room = collector->count_room;
	if (collector->count + 2 > old_room)
	{
		room = Max(old_room * 2, 256);
		collector->starts = reserve(collector, collector->starts, room, old_room, sizeof(int64));
		collector->class_of = reserve(collector, collector->class_of, room, old_room, sizeof(int32));
		collector->count_room = room;
	}
}

void
cj_collect(CjCollector *collector, const CjView *view, int32 class_of)
{
	const CjPacked *packed;
	int32		gap;
	const CjNames *names = cj_path_names(view, collector->by, &packed, &gap);
	uint32	   *codes = NULL;
	int32		last = -1;

	make_room(collector, view->nevents);
	collector->starts[collector->count] = collector->events;
	collector->class_of[collector->count] = class_of;
	if (names->count > 0)
		codes = cj_dictionary_codes(collector->names, names);
	for (int32 i = 0; i < view->nevents && names->count > 0; i++)
	{
		int32		code = (int32) cj_packed_get(packed, i) - gap;

		if ((i & 0x3ff) == 0x3ff)
			CHECK_FOR_INTERRUPTS();
		if (code < 0 || (collector->collapse && code == last))
			continue;
		last = code;
		collector->codes[collector->events] = codes[code];
		if (collector->keep_times)
			collector->times[collector->events] = cj_time(view, i);
		collector->events++;
	}
	if (codes != NULL)
		pfree(codes);
	collector->count++;
	collector->starts[collector->count] = collector->events;
}

static int
compare_codes(const void *a, const void *b)
{
	return (*(const int32 *) a > *(const int32 *) b) - (*(const int32 *) a < *(const int32 *) b);
}

/* Makes sorted sets of the events of each instant. */
static void
make_sets(CjSequences *sequences)
{
	int64		to = 0;

	for (int32 journey = 0; journey < sequences->count; journey++)
	{
		int64		until = sequences->starts[journey + 1];
		int64		begin = to;

		for (int64 p = sequences->starts[journey]; p < until;)
		{
			int64		from = p;

			while (p < until && sequences->times[p] == sequences->times[from])
				p++;
			qsort(sequences->codes + from, p - from, sizeof(int32), compare_codes);
			for (int64 i = from; i < p; i++)
				if (i == from || sequences->codes[i] != sequences->codes[i - 1])
				{
					int32		code = sequences->codes[i];

					/*
					 * "to" never passes i, but may touch what is compared
					 * next
					 */
					sequences->times[to] = sequences->times[i];
					if (to < i)
						sequences->codes[to] = code;
					to++;
				}
		}
		sequences->starts[journey] = begin;
	}
	sequences->starts[sequences->count] = to;
}

CjSequences *
cj_collected(const CjCollector *collector, int32 classes, bool sets, const uint32 **order)
{
	CjSequences *sequences = palloc0_object(CjSequences);
	const uint32 *ranks = cj_dictionary_ranks(collector->names);

	*order = cj_dictionary_order(collector->names);
	sequences->count = collector->count;
	sequences->classes = classes;
	sequences->names = cj_dictionary_count(collector->names);
	sequences->class_of = collector->class_of;
	sequences->starts = palloc_extended((collector->count + 1) * sizeof(int64), MCXT_ALLOC_HUGE);
	sequences->codes = palloc_extended((collector->events + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	sequences->starts[0] = 0;
	if (collector->count > 0)
		memcpy(sequences->starts, collector->starts, (collector->count + 1) * sizeof(int64));
	for (int64 i = 0; i < collector->events; i++)
		sequences->codes[i] = (int32) ranks[collector->codes[i]];
	if (collector->keep_times)
	{
		sequences->times = palloc_extended((collector->events + 1) * sizeof(int64), MCXT_ALLOC_HUGE);
		if (collector->events > 0)
			memcpy(sequences->times, collector->times, collector->events * sizeof(int64));
	}
	if (sets)
		make_sets(sequences);
	return sequences;
}
