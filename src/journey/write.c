/*-------------------------------------------------------------------------
 *
 * write.c
 *		Writing what pack.c has planned: the packed format, byte by byte.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"

#include "journey/journey.h"
#include "journey/layout.h"
#include "journey/pack.h"

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

CjText
cj_used_name(const CodeMap *map, int32 i)
{
	uint32		rank = map->ranks[i];

	return map->naming->dictionary != NULL ?
		cj_dictionary_name(map->naming->dictionary, map->order[rank]) :
		cj_name(map->naming->names, rank);
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
		end += cj_used_name(map, i).len;
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
		CjText		name = cj_used_name(map, i);

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

void
cj_write_body(const Plan *plan, uint8 *to)
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
	write_names(to, &plan->item);
}
