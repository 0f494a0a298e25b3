/*-------------------------------------------------------------------------
 *
 * pack.c
 *		Writing a journey: sorted, coded events into the packed format.
 *
 * Three passes over the events: one to learn which names, values and times
 * there are, which fixes every width and so the size; then one a packed array
 * to write it.  O(n), plus sorting the distinct values.
 *
 * A short pass looks for interrupts once, at its start, to cost the journeys of
 * a few events nothing: for the longest ones it takes a tenth of a second.
 * Where many names or values are looked up or sorted, each step may take longer.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "compat.h"
#include "lib/qunique.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "journey/journey.h"
#include "journey/layout.h"
#include "journey/pack.h"

static void
map_init(CodeMap *map, const CjNaming *naming)
{
	map->naming = naming;
	map->rank = map->order = NULL;
	map->total = naming->names != NULL ? naming->names->count : 0;
	if (naming->dictionary != NULL)
	{
		map->rank = cj_dictionary_ranks(naming->dictionary);
		map->order = cj_dictionary_order(naming->dictionary);
		map->total = cj_dictionary_count(naming->dictionary);
	}
	map->count = 0;
	map->local = NULL;
	map->ranks = map->small_ranks;
}

/* Numbers the used ranks, given as a bitmap. */
static void
number_bitmap(CodeMap *map, uint64 used)
{
	map->local = map->small_local;
	while (used != 0)
	{
		int			rank = pg_rightmost_one_pos64(used);

		map->local[rank] = map->count;
		map->ranks[map->count++] = rank;
		used &= used - 1;
	}
}

static int
compare_uint32(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

/* Numbers the used ranks where there are more than a bitmap holds. */
static void
number_many(const Plan *plan, CodeMap *map, Field field)
{
	int32		n = 0;

	if (map->total / 4 <= (uint32) plan->n)
	{
		map->local = palloc_extended((Size) map->total * sizeof(uint32),
									 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (int32 i = 0; i < plan->n; i++)
		{
			uint32		code = field_code(event_at(plan, i), field);

			if ((i & 0x3ff) == 0)
				CHECK_FOR_INTERRUPTS();
			if (code != 0)
				map->local[map_rank(map, code - 1)] = 1;
		}
		map->ranks = palloc_extended((Size) map->total * sizeof(uint32), MCXT_ALLOC_HUGE);
		CHECK_FOR_INTERRUPTS();
		for (uint32 rank = 0; rank < map->total; rank++)
			if (map->local[rank])
			{
				map->local[rank] = n;
				map->ranks[n++] = rank;
			}
		map->count = n;
		return;
	}
	map->ranks = palloc_extended((Size) plan->n * sizeof(uint32), MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < plan->n; i++)
	{
		uint32		code = field_code(event_at(plan, i), field);

		if (code != 0)
			map->ranks[n++] = map_rank(map, code - 1);
	}
	qsort(map->ranks, n, sizeof(uint32), compare_uint32);
	map->count = qunique(map->ranks, n, sizeof(uint32), compare_uint32);
}

/* Learns the names of one field; true if some events lack it. */
static pg_attribute_always_inline bool
learn_names(const Plan *plan, CodeMap *map, const CjNaming *naming, const Field field)
{
	bool		gaps = false;
	uint64		used = 0;

	CHECK_FOR_INTERRUPTS();
	map_init(map, naming);
	if (map->total > SMALL_NAMES)
	{
		number_many(plan, map, field);
		for (int32 i = 0; i < plan->n && !gaps; i++)
			gaps = field_code(event_at(plan, i), field) == 0;
		return gaps;
	}
	for (int32 i = 0; i < plan->n; i++)
	{
		uint32		code = field_code(event_at(plan, i), field);

		if (code != 0)
			used |= UINT64CONST(1) << map_rank(map, code - 1);
		else
			gaps = true;
	}
	number_bitmap(map, used);
	return gaps;
}

static void
map_free(CodeMap *map)
{
	if (map->ranks != map->small_ranks)
		pfree(map->ranks);
	if (map->local != NULL && map->local != map->small_local)
		pfree(map->local);
}

/* Counts one field's names into the shape of the result. */
static void
shape_names(CodeMap *map, CjNames *names)
{
	uint64		bytes = 0;

	CHECK_FOR_INTERRUPTS();
	for (int32 i = 0; i < map->count; i++)
		bytes += cj_used_name(map, i).len;
	if (bytes > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("names of one journey take more than 1 GB")));
	map->bytes = (Size) bytes;
	names->count = map->count;
	names->ends.width = cj_bits(bytes);
}

static int
compare_uint64(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

static void
learn_values(Plan *plan)
{
	int32		n = 0;

	plan->values = NULL;
	plan->nvalues = 0;
	if (plan->stride == CJ_EVENT_SHORT)
		return;
	for (int32 i = 0; i < plan->n; i++)
		n += event_at(plan, i)->has_value;
	if (n == 0)
		return;
	plan->values = palloc_extended((Size) n * sizeof(uint64), MCXT_ALLOC_HUGE);
	for (int32 i = 0, k = 0; i < plan->n; i++)
		if (event_at(plan, i)->has_value)
			plan->values[k++] = cj_value_key(event_at(plan, i)->value);
	qsort(plan->values, n, sizeof(uint64), compare_uint64);
	plan->nvalues = qunique(plan->values, n, sizeof(uint64), compare_uint64);
	plan->flags |= CJ_HAS_VALUE | (n < plan->n ? CJ_GAPS_VALUE : 0);
}

/* The coarsest unit that all times fall on, counted from the first. */
static void
learn_times(Plan *plan)
{
	TimestampTz start = event_at(plan, 0)->time;
	TimestampTz end = event_at(plan, plan->n - 1)->time;
	int			unit = CJ_TIME_UNITS - 1;

	CHECK_FOR_INTERRUPTS();
	for (int32 i = plan->n - 1; i > 0 && unit > 0; i--)
	{
		uint64		offset = (uint64) event_at(plan, i)->time - (uint64) start;

		while (unit > 0 && offset % (uint64) cj_time_unit[unit] != 0)
			unit--;
	}
	plan->unit = unit;
	plan->shape.start = start;
	plan->shape.times.width =
		cj_width(((uint64) end - (uint64) start) / (uint64) cj_time_unit[unit]);
}

static void
learn(Plan *plan, const CjNamings *namings)
{
	static const CjNaming none = {NULL, NULL};
	bool		shorts = plan->stride == CJ_EVENT_SHORT;
	bool		gaps;

	learn_names(plan, &plan->event, &namings->event, EVENT);
	gaps = learn_names(plan, &plan->channel, &namings->channel, CHANNEL);
	if (plan->channel.count > 0)
		plan->flags |= CJ_HAS_CHANNEL | (gaps ? CJ_GAPS_CHANNEL : 0);
	if (shorts)
		map_init(&plan->item, &none);
	else
	{
		gaps = learn_names(plan, &plan->item, &namings->item, ITEM);
		if (plan->item.count > 0)
			plan->flags |= CJ_HAS_ITEM | (gaps ? CJ_GAPS_ITEM : 0);
	}
	learn_values(plan);
	learn_times(plan);

	plan->shape.nevents = plan->n;
	shape_names(&plan->event, &plan->shape.events);
	shape_names(&plan->channel, &plan->shape.channels);
	shape_names(&plan->item, &plan->shape.items);
	plan->shape.nvalues = plan->nvalues;
	plan->shape.channel_gap = (plan->flags & CJ_GAPS_CHANNEL) != 0;
	plan->shape.item_gap = (plan->flags & CJ_GAPS_ITEM) != 0;
	plan->shape.value_gap = (plan->flags & CJ_GAPS_VALUE) != 0;
	if (plan->n > 255)			/* no count is above the number of events */
		plan->flags |= CJ_WIDE;
	plan->shape.flags = plan->flags;
}

CjJourney *
cj_empty(void)
{
	CjJourney  *journey = palloc0(VARHDRSZ + 5);

	SET_VARSIZE(journey, VARHDRSZ + 5);
	*(uint8 *) VARDATA(journey) = CJ_JOURNEY_VERSION;
	return journey;
}

CjJourney *
cj_pack(void *events, int32 n, Size stride, const CjNamings *namings)
{
	Plan		plan;
	CjJourney  *journey;
	uint64		size;
	Size		variable;		/* bytes after the packed arrays */

	if (n == 0)
		return cj_empty();
	cj_sort_events(events, n, stride, namings);
	plan.events = events;
	plan.n = n;
	plan.stride = stride;
	plan.flags = 0;
	memset(&plan.shape, 0, sizeof(plan.shape));
	learn(&plan, namings);

	variable = plan.event.bytes + plan.channel.bytes + plan.item.bytes;
	size = VARHDRSZ + cj_body_bytes(&plan.shape) + variable;
	variable += (Size) plan.nvalues * sizeof(double);
	if (variable < CJ_TAIL)
		size += CJ_TAIL - variable;
	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("journey of %d events takes more than 1 GB", n)));
	journey = palloc((Size) size);
	SET_VARSIZE(journey, size);
	cj_write_body(&plan, (uint8 *) VARDATA(journey));
	if (variable < CJ_TAIL)
		memset((char *) journey + size - (CJ_TAIL - variable), 0, CJ_TAIL - variable);

	map_free(&plan.event);
	map_free(&plan.channel);
	map_free(&plan.item);
	if (plan.values != NULL)
		pfree(plan.values);
	return journey;
}
