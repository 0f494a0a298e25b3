/*-------------------------------------------------------------------------
 *
 * values.c
 *		The distinct values of a field.
 *
 * Two dictionaries in one: raw strings, so that a string seen before is not
 * normalised again, and normalised values, each with its bytes and its code
 * points.  Both are open-addressing tables over growing arrays; nothing is
 * removed.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "compat.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "identity/linkage.h"

#define FIRST_SLOTS 64

static void *
grow(MemoryContext context, void *array, Size size)
{
	return array == NULL ? MemoryContextAllocHuge(context, size) : repalloc_huge(array, size);
}

static uint32 *
new_slots(MemoryContext context, Size n)
{
	return MemoryContextAllocExtended(context, sizeof(uint32) * n,
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

void
cj_values_init(CjValues *values, MemoryContext context)
{
	memset(values, 0, sizeof(*values));
	values->context = context;
	values->value_slot = new_slots(context, FIRST_SLOTS);
	values->raw_slot = new_slots(context, FIRST_SLOTS);
	values->value_mask = values->raw_mask = FIRST_SLOTS - 1;
}

static Size
store_bytes(CjValues *values, const char *data, int32 len)
{
	Size		at = values->nbytes;

	if (at + len > values->byte_room)
	{
		values->byte_room = Max(values->byte_room * 2, at + len + 1024);
		values->bytes = grow(values->context, values->bytes, values->byte_room);
	}
	memcpy(values->bytes + at, data, len);
	values->nbytes += len;
	return at;
}

static Size
store_chars(CjValues *values, const char *utf8, int32 len, int32 *n)
{
	Size		at = values->nchars;

	if (at + len > values->char_room)
	{
		values->char_room = Max(values->char_room * 2, at + len + 1024);
		values->chars = grow(values->context, values->chars,
							 sizeof(uint32) * values->char_room);
	}
	*n = cj_decode(utf8, len, values->chars + at);
	values->nchars += *n;
	return at;
}

static uint32
hash_text(const char *data, int32 len)
{
	return hash_bytes((const unsigned char *) data, len);
}

/* Doubles the raw table's slots when it is half full. */
static void
spread_raw(CjValues *values)
{
	uint32		mask = values->raw_mask * 2 + 1;

	pfree(values->raw_slot);
	values->raw_slot = new_slots(values->context, (Size) mask + 1);
	values->raw_mask = mask;
	for (int32 i = 0; i < values->nraw; i++)
	{
		uint32		slot = values->raw[i].hash & mask;

		while (values->raw_slot[slot] != 0)
			slot = (slot + 1) & mask;
		values->raw_slot[slot] = i + 1;
	}
}

CjRaw *
cj_values_raw(CjValues *values, const char *raw, int32 len, bool *found)
{
	uint32		hash = hash_text(raw, len);
	uint32		slot = hash & values->raw_mask;
	CjRaw	   *entry;

	for (; values->raw_slot[slot] != 0; slot = (slot + 1) & values->raw_mask)
	{
		entry = &values->raw[values->raw_slot[slot] - 1];
		if (entry->hash == hash && entry->len == len &&
			memcmp(values->bytes + entry->bytes, raw, len) == 0)
		{
			*found = true;
			return entry;
		}
	}
	*found = false;
	if (values->nraw == values->raw_room)
	{
		values->raw_room = Max(32, values->raw_room * 2);
		values->raw = grow(values->context, values->raw, sizeof(CjRaw) * (Size) values->raw_room);
	}
	values->raw_slot[slot] = ++values->nraw;
	entry = &values->raw[values->nraw - 1];
	entry->bytes = store_bytes(values, raw, len);
	entry->len = len;
	entry->hash = hash;
	entry->code = -1;
	if ((uint32) values->nraw > values->raw_mask / 2)
		spread_raw(values);
	return entry;
}

static void
spread_values(CjValues *values)
{
	uint32		mask = values->value_mask * 2 + 1;

	pfree(values->value_slot);
	values->value_slot = new_slots(values->context, (Size) mask + 1);
	values->value_mask = mask;
	for (int32 i = 0; i < values->nvalues; i++)
	{
		uint32		slot = hash_text(values->bytes + values->value[i].bytes,
									 values->value[i].len) & mask;

		while (values->value_slot[slot] != 0)
			slot = (slot + 1) & mask;
		values->value_slot[slot] = i + 1;
	}
}

int32
cj_values_code(CjValues *values, const char *utf8, int32 len)
{
	uint32		slot = hash_text(utf8, len) & values->value_mask;
	CjValue    *value;

	for (; values->value_slot[slot] != 0; slot = (slot + 1) & values->value_mask)
	{
		value = &values->value[values->value_slot[slot] - 1];
		if (value->len == len && memcmp(values->bytes + value->bytes, utf8, len) == 0)
			return values->value_slot[slot] - 1;
	}
	if (values->nvalues == values->value_room)
	{
		values->value_room = Max(32, values->value_room * 2);
		values->value = grow(values->context, values->value,
							 sizeof(CjValue) * (Size) values->value_room);
	}
	values->value_slot[slot] = values->nvalues + 1;
	value = &values->value[values->nvalues++];
	memset(value, 0, sizeof(*value));
	value->bytes = store_bytes(values, utf8, len);
	value->len = len;
	if (!values->bytes_only)
		value->chars = store_chars(values, utf8, len, &value->n);
	if ((uint32) values->nvalues > values->value_mask / 2)
		spread_values(values);
	return values->nvalues - 1;
}

/* The first 8 bytes as a number that orders like them. */
static uint64
prefix_of(CjText text)
{
	uint64		prefix = 0;

	memcpy(&prefix, text.data, Min(text.len, 8));
#ifndef WORDS_BIGENDIAN
	prefix = pg_bswap64(prefix);
#endif
	return prefix;
}

typedef struct Sortable
{
	uint64		prefix;
	CjText		text;
	int32		index;
} Sortable;

#define ST_SORT sort_texts
#define ST_ELEMENT_TYPE Sortable
#define ST_COMPARE(x, y) ((x)->prefix != (y)->prefix ? ((x)->prefix < (y)->prefix ? -1 : 1) : \
						  cj_text_compare((x)->text, (y)->text))
#define ST_SCOPE static
#define ST_DEFINE
#define ST_CHECK_FOR_INTERRUPTS
#include "lib/sort_template.h"

int32 *
cj_sorted_texts(int32 n, CjText (*get) (const void *arg, int32 i), const void *arg)
{
	int32	   *sorted = MemoryContextAllocHuge(CurrentMemoryContext,
												sizeof(int32) * Max((Size) n, 1));
	Sortable   *item = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(Sortable) * Max((Size) n, 1));

	for (int32 i = 0; i < n; i++)
	{
		item[i].text = get(arg, i);
		item[i].prefix = prefix_of(item[i].text);
		item[i].index = i;
	}
	sort_texts(item, n);
	for (int32 i = 0; i < n; i++)
		sorted[i] = item[i].index;
	pfree(item);
	return sorted;
}

static CjText
value_text(const void *values, int32 i)
{
	return cj_value_text(values, i);
}

int32 *
cj_values_sorted(const CjValues *values)
{
	return cj_sorted_texts(values->nvalues, value_text, values);
}
