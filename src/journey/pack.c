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
#include "journey/sort.h"

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

static inline uint32
local_code(const CodeMap *map, uint32 code)
{
	uint32		rank = map_rank(map, code);
	int32		low = 0;
	int32		high = map->count - 1;

	if (map->local != NULL)
		return map->local[rank];
	while (low < high)
	{
		int32		middle = low + (high - low) / 2;

		if (map->ranks[middle] < rank)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static CjText
used_name(const CodeMap *map, int32 i)
{
	uint32		rank = map->ranks[i];

	return map->naming->dictionary != NULL ?
		cj_dictionary_name(map->naming->dictionary, map->order[rank]) :
		cj_name(map->naming->names, rank);
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
		bytes += used_name(map, i).len;
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

static uint32
value_code(const Plan *plan, double value)
{
	uint64		key = cj_value_key(value);
	int32		low = 0;
	int32		high = plan->nvalues - 1;

	while (low < high)
	{
		int32		middle = low + (high - low) / 2;

		if (plan->values[middle] < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
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

/* ---- writing ---- */

typedef struct BitWriter
{
	uint8	   *to;
	uint64		word;
	uint32		bits;			/* in word, < 64 */
} BitWriter;

static inline void
store64(uint8 *to, uint64 word)
{
#ifdef WORDS_BIGENDIAN
	word = pg_bswap64(word);
#endif
	memcpy(to, &word, sizeof(word));
}

static inline void
write_bits(BitWriter *writer, uint64 entry, uint32 width)
{
	writer->word |= entry << writer->bits;
	if (writer->bits + width >= 64)
	{
		store64(writer->to, writer->word);
		writer->to += 8;
		writer->word = writer->bits == 0 ? 0 : entry >> (64 - writer->bits);
		writer->bits = writer->bits + width - 64;
	}
	else
		writer->bits += width;
}

/* Writes the last, partial word; returns the next byte boundary. */
static inline uint8 *
write_flush(BitWriter *writer)
{
	for (; writer->bits > 0; writer->bits -= Min(writer->bits, 8))
	{
		*writer->to++ = (uint8) writer->word;
		writer->word >>= 8;
	}
	return writer->to;
}

static uint8 *
write_times(const Plan *plan, uint8 *to)
{
	BitWriter	writer = {to, 0, 0};
	uint64		start = (uint64) plan->shape.start;
	uint64		unit = (uint64) cj_time_unit[plan->unit];
	uint32		width = plan->shape.times.width;

	if (width == 0)
		return to;
	CHECK_FOR_INTERRUPTS();
	if (plan->unit == 0)
		for (int32 i = 0; i < plan->n; i++)
			write_bits(&writer, (uint64) event_at(plan, i)->time - start, width);
	else
		for (int32 i = 0; i < plan->n; i++)
			write_bits(&writer, ((uint64) event_at(plan, i)->time - start) / unit, width);
	return write_flush(&writer);
}

static pg_attribute_always_inline uint8 *
write_codes(const Plan *plan, uint8 *to, const CodeMap *map, uint32 gap, const Field field)
{
	BitWriter	writer = {to, 0, 0};
	uint32		width = cj_code_width(map->count, gap);

	if (width == 0)
		return to;
	for (int32 i = 0; i < plan->n; i++)
	{
		uint32		code = field_code(event_at(plan, i), field);

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		write_bits(&writer, code == 0 ? 0 : local_code(map, code - 1) + gap, width);
	}
	return write_flush(&writer);
}

static uint8 *
write_value_codes(const Plan *plan, uint8 *to)
{
	BitWriter	writer = {to, 0, 0};
	uint32		gap = plan->shape.value_gap;
	uint32		width = cj_code_width(plan->nvalues, gap);

	if (width == 0)
		return to;
	for (int32 i = 0; i < plan->n; i++)
	{
		const CjEvent *event = event_at(plan, i);

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		write_bits(&writer, event->has_value ? value_code(plan, event->value) + gap : 0, width);
	}
	return write_flush(&writer);
}

static uint8 *
write_ends(uint8 *to, const CodeMap *map, uint32 width)
{
	BitWriter	writer = {to, 0, 0};
	uint64		end = 0;

	if (width == 0)
		return to;
	CHECK_FOR_INTERRUPTS();
	for (int32 i = 0; i < map->count; i++)
	{
		end += used_name(map, i).len;
		write_bits(&writer, end, width);
	}
	return write_flush(&writer);
}

static uint8 *
write_names(uint8 *to, const CodeMap *map)
{
	CHECK_FOR_INTERRUPTS();
	for (int32 i = 0; i < map->count; i++)
	{
		CjText		name = used_name(map, i);

		memcpy(to, name.data, name.len);
		to += name.len;
	}
	return to;
}

static uint8 *
write_values(const Plan *plan, uint8 *to)
{
	for (int32 i = 0; i < plan->nvalues; i++, to += 8)
	{
		uint64		key = plan->values[i];

		/* the inverse of cj_value_key */
		store64(to, key & UINT64CONST(0x8000000000000000) ?
				key & ~UINT64CONST(0x8000000000000000) : ~key);
	}
	return to;
}

static inline uint8 *
write_count(uint8 *to, uint32 count, bool wide)
{
	*to++ = (uint8) count;
	if (wide)
		for (int i = 0; i < 3; i++)
			*to++ = (uint8) (count >>= 8);
	return to;
}

static uint8 *
write_header(const Plan *plan, uint8 *to)
{
	const CjView *shape = &plan->shape;
	bool		wide = (plan->flags & CJ_WIDE) != 0;

	*to++ = CJ_JOURNEY_VERSION;
	*to++ = plan->flags;
	*to++ = (uint8) plan->unit;
	*to++ = (uint8) shape->times.width;
	to = write_count(to, plan->n, wide);
	store64(to, (uint64) shape->start);
	to = write_count(to + 8, shape->events.count, wide);
	*to++ = (uint8) shape->events.ends.width;
	if (plan->flags & CJ_HAS_CHANNEL)
	{
		to = write_count(to, shape->channels.count, wide);
		*to++ = (uint8) shape->channels.ends.width;
	}
	if (plan->flags & CJ_HAS_ITEM)
	{
		to = write_count(to, shape->items.count, wide);
		*to++ = (uint8) shape->items.ends.width;
	}
	if (plan->flags & CJ_HAS_VALUE)
		to = write_count(to, shape->nvalues, wide);
	return to;
}

static uint8 *
write_body(const Plan *plan, uint8 *to)
{
	const CjView *shape = &plan->shape;

	to = write_header(plan, to);
	to = write_times(plan, to);
	to = write_codes(plan, to, &plan->event, 0, EVENT);
	to = write_codes(plan, to, &plan->channel, shape->channel_gap, CHANNEL);
	if (plan->flags & CJ_HAS_ITEM)
		to = write_codes(plan, to, &plan->item, shape->item_gap, ITEM);
	if (plan->flags & CJ_HAS_VALUE)
		to = write_value_codes(plan, to);
	to = write_ends(to, &plan->event, shape->events.ends.width);
	to = write_ends(to, &plan->channel, shape->channels.ends.width);
	to = write_ends(to, &plan->item, shape->items.ends.width);
	to = write_values(plan, to);
	to = write_names(to, &plan->event);
	to = write_names(to, &plan->channel);
	return write_names(to, &plan->item);
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
	write_body(&plan, (uint8 *) VARDATA(journey));
	if (variable < CJ_TAIL)
		memset((char *) journey + size - (CJ_TAIL - variable), 0, CJ_TAIL - variable);

	map_free(&plan.event);
	map_free(&plan.channel);
	map_free(&plan.item);
	if (plan.values != NULL)
		pfree(plan.values);
	return journey;
}
