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

static uint64 *
new_slots(MemoryContext context, Size n)
{
	return MemoryContextAllocExtended(context, sizeof(uint64) * n,
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

/*
 * A slot holds the string's hash above its number plus one, so that strings
 * that only share a slot are told apart, and slots are spread anew, without a
 * look at the strings.
 */
static inline uint64
slot_of(uint32 hash, int32 number)
{
	return (uint64) hash << 32 | (uint32) (number + 1);
}

/* A table of twice the slots. */
static uint64 *
spread(MemoryContext context, uint64 *slots, uint32 *mask)
{
	uint32		old_mask = *mask;
	uint32		new_mask = old_mask * 2 + 1;
	uint64	   *wider = new_slots(context, (Size) new_mask + 1);

	for (uint32 i = 0; i <= old_mask; i++)
	{
		uint32		slot = (uint32) (slots[i] >> 32) & new_mask;

		if (slots[i] == 0)
			continue;
		while (wider[slot] != 0)
			slot = (slot + 1) & new_mask;
		wider[slot] = slots[i];
	}
	pfree(slots);
	*mask = new_mask;
	return wider;
}

/* The slots without the strings from a number on. */
static uint64 *
keep_below(MemoryContext context, uint64 *slots, uint32 mask, int32 number)
{
	uint64	   *kept = new_slots(context, (Size) mask + 1);

	for (uint32 i = 0; i <= mask; i++)
	{
		uint32		slot = (uint32) (slots[i] >> 32) & mask;

		if (slots[i] == 0 || (uint32) slots[i] > (uint32) number)
			continue;
		while (kept[slot] != 0)
			slot = (slot + 1) & mask;
		kept[slot] = slots[i];
	}
	pfree(slots);
	return kept;
}

CjValuesMark
cj_values_mark(const CjValues *values)
{
	CjValuesMark mark = {values->nvalues, values->nraw, values->nbytes, values->nchars};

	return mark;
}

void
cj_values_rewind(CjValues *values, CjValuesMark mark)
{
	values->value_slot = keep_below(values->context, values->value_slot, values->value_mask,
									mark.nvalues);
	values->raw_slot = keep_below(values->context, values->raw_slot, values->raw_mask, mark.nraw);
	values->nvalues = mark.nvalues;
	values->nraw = mark.nraw;
	values->nbytes = mark.nbytes;
	values->nchars = mark.nchars;
}

CjRaw *
cj_values_raw(CjValues *values, const char *raw, int32 len, bool *found)
{
	uint32		hash = hash_text(raw, len);
	uint32		slot = hash & values->raw_mask;
	CjRaw	   *entry;

	for (; values->raw_slot[slot] != 0; slot = (slot + 1) & values->raw_mask)
	{
		if ((uint32) (values->raw_slot[slot] >> 32) != hash)
			continue;
		entry = &values->raw[(uint32) values->raw_slot[slot] - 1];
		if (entry->len == len &&
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
	values->raw_slot[slot] = slot_of(hash, values->nraw);
	entry = &values->raw[values->nraw++];
	entry->bytes = store_bytes(values, raw, len);
	entry->len = len;
	entry->code = -1;
	if ((uint32) values->nraw > values->raw_mask / 2)
		values->raw_slot = spread(values->context, values->raw_slot, &values->raw_mask);
	return entry;
}

int32
cj_values_code(CjValues *values, const char *utf8, int32 len)
{
	uint32		hash = hash_text(utf8, len);
	uint32		slot = hash & values->value_mask;
	CjValue    *value;

	for (; values->value_slot[slot] != 0; slot = (slot + 1) & values->value_mask)
	{
		if ((uint32) (values->value_slot[slot] >> 32) != hash)
			continue;
		value = &values->value[(uint32) values->value_slot[slot] - 1];
		if (value->len == len && memcmp(values->bytes + value->bytes, utf8, len) == 0)
			return (int32) ((uint32) values->value_slot[slot] - 1);
	}
	if (values->nvalues == values->value_room)
	{
		values->value_room = Max(32, values->value_room * 2);
		values->value = grow(values->context, values->value,
							 sizeof(CjValue) * (Size) values->value_room);
	}
	values->value_slot[slot] = slot_of(hash, values->nvalues);
	value = &values->value[values->nvalues++];
	memset(value, 0, sizeof(*value));
	value->bytes = store_bytes(values, utf8, len);
	value->len = len;
	if (!values->bytes_only)
		value->chars = store_chars(values, utf8, len, &value->n);
	if ((uint32) values->nvalues > values->value_mask / 2)
		values->value_slot = spread(values->context, values->value_slot, &values->value_mask);
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
	CjText text;
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
