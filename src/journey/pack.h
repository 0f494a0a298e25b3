/*-------------------------------------------------------------------------
 *
 * pack.h
 *		What pack.c learns of events before write.c writes them.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_JOURNEY_PACK_H
#define CJ_JOURNEY_PACK_H

#include "journey/journey.h"

#define SMALL_NAMES		64		/* as many as a bitmap word has bits */

/*
 * Which names of a naming a journey uses, and their codes in it.  With up to
 * SMALL_NAMES names, or not many more than events, codes are looked up in an
 * array; with more (a million items, twenty events) they are searched.
 */
typedef struct CodeMap
{
	const CjNaming *naming;
	const uint32 *rank;			/* NULL: codes are ranked by nature */
	const uint32 *order;
	uint32		total;			/* names in the naming */
	int32		count;			/* names used */
	uint32	   *ranks;			/* used ranks in order */
	uint32	   *local;			/* local code by rank, or NULL: search */
	uint32		small_ranks[SMALL_NAMES];
	uint32		small_local[SMALL_NAMES];
	Size		bytes;			/* of the used names */
} CodeMap;

/* All that is known before writing. */
typedef struct Plan
{
	const char *events;
	int32		n;
	Size		stride;
	CodeMap		event;
	CodeMap		channel;
	CodeMap		item;
	uint64	   *values;			/* keys of the distinct values in order */
	int32		nvalues;
	uint8		flags;
	int			unit;
	CjView		shape;			/* counts and widths, for layout.h */
} Plan;

/* Which field of an event a pass is about. */
typedef enum Field
{
	EVENT, CHANNEL, ITEM
} Field;

static inline const CjEvent *
event_at(const Plan *plan, int32 i)
{
	return (const CjEvent *) (plan->events + (Size) i * plan->stride);
}

/* The code + 1 of a field, 0 if absent. */
static pg_attribute_always_inline uint32
field_code(const CjEvent *event, Field field)
{
	return field == EVENT ? event->event + 1 :
		field == CHANNEL ? event->channel : event->item;
}

static inline uint32
map_rank(const CodeMap *map, uint32 code)
{
	return map->rank != NULL ? map->rank[code] : code;
}

/* Name number i of those used, in order. */
extern CjText cj_used_name(const CodeMap *map, int32 i);

/* Writes the body of the journey planned; there is room. */
extern void cj_write_body(const Plan *plan, uint8 *to);

/* Sorts events in place into the order of a journey (sort.c). */
extern void cj_sort_events(void *events, int32 n, Size stride, const CjNamings *namings);

#endif							/* CJ_JOURNEY_PACK_H */
