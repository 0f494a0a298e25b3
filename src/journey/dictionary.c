/*-------------------------------------------------------------------------
 *
 * dictionary.c
 *		Names to codes, while events are being collected.
 *
 * One dictionary may serve many journeys at once: all groups of an aggregation
 * share theirs, so that an event costs a few bytes whatever its name's length.
 * Codes count up as names come; their order by bytes is worked out when a
 * journey is packed, when new names are put among those that have their ranks: each
 * of many groups may bring some.
 *
 * Everything is allocated in the one context given, and goes with it.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "compat.h"
#include "miscadmin.h"
#include "storage/shmem.h"

#include "journey/journey.h"

typedef struct NameEntry
{
	CjText		name;
	uint32		code;
	uint32		hash;
	char		status;
} NameEntry;

#define SH_PREFIX			name_table
#define SH_ELEMENT_TYPE		NameEntry
#define SH_KEY_TYPE			CjText
#define SH_KEY				name
#define SH_HASH_KEY(tb, key)	hash_bytes((const unsigned char *) (key).data, (key).len)
#define SH_EQUAL(tb, a, b)	cj_text_same(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a)	((a)->hash)
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define ARENA_SIZE		512

struct CjDictionary
{
	MemoryContext context;
	name_table_hash *table;
	int32		count;
	int32		capacity;
	CjText	   *names;			/* by code */
	char	   *arena;			/* where the next name's bytes go */
	Size		arena_left;
	int32		ranked;			/* how many names rank and order cover */
	int32		ranks_room;
	uint32	   *rank;			/* by code */
	uint32	   *order;			/* by rank */

	/*
	 * Code + 1 last found for each value of a cheap hash: most lookups end
	 * here.
	 */
	uint32		cache[CJ_TEXT_HINTS];
};

CjDictionary *
cj_dictionary_create(MemoryContext context)
{
	CjDictionary *dictionary = MemoryContextAllocZero(context, sizeof(CjDictionary));

	dictionary->context = context;
	dictionary->capacity = 16;
	dictionary->names = MemoryContextAlloc(context, 16 * sizeof(CjText));
	dictionary->table = name_table_create(context, 16, NULL);
	return dictionary;
}

int32
cj_dictionary_count(const CjDictionary *dictionary)
{
	return dictionary->count;
}

CjText
cj_dictionary_name(const CjDictionary *dictionary, uint32 code)
{
	return dictionary->names[code];
}

/* A copy of the bytes that lives as long as the dictionary. */
static const char *
keep_bytes(CjDictionary *dictionary, CjText name)
{
	char	   *kept;

	if (dictionary->arena == NULL || (Size) name.len > dictionary->arena_left)
	{
		Size		size = Max((Size) name.len, ARENA_SIZE);

		dictionary->arena = MemoryContextAlloc(dictionary->context, size);
		dictionary->arena_left = size;
	}
	kept = dictionary->arena;
	memcpy(kept, name.data, name.len);
	dictionary->arena += name.len;
	dictionary->arena_left -= name.len;
	return kept;
}

static void
add_name(CjDictionary *dictionary, NameEntry *entry, CjText name)
{
	if (dictionary->count == dictionary->capacity)
	{
		Size		size = mul_size(dictionary->capacity, 2 * sizeof(CjText));

		dictionary->names = repalloc_huge(dictionary->names, size);
		dictionary->capacity *= 2;
	}
	entry->name.data = keep_bytes(dictionary, name);
	entry->name.len = name.len;
	entry->code = dictionary->count;
	dictionary->names[dictionary->count++] = entry->name;
}

uint32
cj_dictionary_code(CjDictionary *dictionary, const char *data, int32 len)
{
	CjText		name = {data, len};
	uint32	   *cached = &dictionary->cache[cj_text_hint(name)];
	NameEntry  *entry;
	bool		found;

	if (*cached != 0 && cj_text_same(dictionary->names[*cached - 1], name))
		return *cached - 1;
	entry = name_table_insert(dictionary->table, name, &found);
	if (!found)
		add_name(dictionary, entry, name);
	*cached = entry->code + 1;
	return entry->code;
}

uint32 *
cj_dictionary_codes(CjDictionary *dictionary, const CjNames *names)
{
	uint32	   *codes = palloc_array(uint32, Max(names->count, 1));

	for (int32 i = 0; i < names->count; i++)
	{
		CjText		name = cj_name(names, i);

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		codes[i] = cj_dictionary_code(dictionary, name.data, name.len);
	}
	return codes;
}

static int
compare_codes(const void *a, const void *b, void *names)
{
	CHECK_FOR_INTERRUPTS();
	return cj_text_compare(((CjText *) names)[*(const uint32 *) a],
						   ((CjText *) names)[*(const uint32 *) b]);
}

/* How many of the first names in order come before one that is not among them. */
static int32
names_before(const CjDictionary *dictionary, int32 count, uint32 code)
{
	int32		low = 0;

	while (low < count)
	{
		int32		middle = low + (count - low) / 2;

		if (compare_codes(&dictionary->order[middle], &code, dictionary->names) < 0)
			low = middle + 1;
		else
			count = middle;
	}
	return low;
}

/*
 * Puts sorted codes among the ranked ones, the last first; returns the rank of the
 * first.
 */
static int32
merge_codes(CjDictionary *dictionary, const uint32 *codes, int32 count)
{
	uint32	   *order = dictionary->order;
	int32		end = dictionary->ranked;

	for (int32 i = count - 1; i >= 0; i--)
	{
		int32		place = names_before(dictionary, end, codes[i]);

		memmove(order + place + i + 1, order + place, (end - place) * sizeof(uint32));
		order[place + i] = codes[i];
		end = place;
	}
	return end;
}

static void
rank_names(CjDictionary *dictionary)
{
	int32		count = dictionary->count - dictionary->ranked;
	uint32	   *codes;

	if (count == 0)
		return;
	if (dictionary->ranks_room < dictionary->count)
	{
		Size		size = mul_size(dictionary->capacity, sizeof(uint32));

		dictionary->rank = dictionary->rank == NULL ? MemoryContextAllocHuge(dictionary->context, size) :
			repalloc_huge(dictionary->rank, size);
		dictionary->order = dictionary->order == NULL ? MemoryContextAllocHuge(dictionary->context, size) :
			repalloc_huge(dictionary->order, size);
		dictionary->ranks_room = dictionary->capacity;
	}
	codes = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(count, sizeof(uint32)));
	for (int32 i = 0; i < count; i++)
		codes[i] = dictionary->ranked + i;
	qsort_arg(codes, count, sizeof(uint32), compare_codes, dictionary->names);
	for (int32 i = merge_codes(dictionary, codes, count); i < dictionary->count; i++)
		dictionary->rank[dictionary->order[i]] = i;
	dictionary->ranked = dictionary->count;
	pfree(codes);
}

const uint32 *
cj_dictionary_ranks(CjDictionary *dictionary)
{
	rank_names(dictionary);
	return dictionary->rank;
}

const uint32 *
cj_dictionary_order(CjDictionary *dictionary)
{
	rank_names(dictionary);
	return dictionary->order;
}
