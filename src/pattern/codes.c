/*-------------------------------------------------------------------------
 *
 * codes.c
 *		Remembers what the names of a journey mean to a pattern.
 *
 * Few sets of event names recur in a table of journeys, so that looking every
 * name up for every journey is most of the work of a short match.  The cache is
 * a direct-mapped table from the stored dictionary, byte for byte, to what its
 * codes mean.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "compat.h"

#include "pattern/pattern.h"

#define ENTRIES			512
#define MAX_KEY			1024	/* larger dictionaries are looked up each time */

struct CjCodeCache
{
	MemoryContext context;
	CjCodes		large;			/* for dictionaries that are not kept */
	CjCodes		entries[ENTRIES];
};

CjCodeCache *
cj_codes_create(MemoryContext context)
{
	CjCodeCache *cache = MemoryContextAllocZero(context, sizeof(CjCodeCache));

	cache->context = context;
	return cache;
}

static void
reserve(CjCodeCache *cache, CjCodes *codes, int32 count, int key_size)
{
	if (codes->capacity < count)
	{
		codes->capacity = Max(count, 16);
		codes->masks = MemoryContextAlloc(cache->context, codes->capacity * sizeof(uint64));
	}
	if (codes->key_capacity < key_size)
	{
		codes->key_capacity = Max(key_size, 64);
		codes->key = MemoryContextAlloc(cache->context, codes->key_capacity);
	}
}

CjCodes *
cj_codes_find(CjCodeCache *cache, const CjNames *names, bool *found)
{
	/* the ends and the bytes of the names, the key, are read where they are */
	Size		ends = ((Size) names->count * names->ends.width + 7) / 8;
	Size		bytes = names->count == 0 ? 0 : cj_packed_get(&names->ends, names->count - 1);
	CjCodes    *codes;

	*found = false;
	if (ends + bytes > MAX_KEY)
	{
		reserve(cache, &cache->large, names->count, 0);
		cache->large.count = names->count;
		return &cache->large;
	}
	codes = &cache->entries[hash_bytes((const unsigned char *) names->bytes, (int) bytes) % ENTRIES];
	if (codes->filled && codes->count == names->count && codes->width == names->ends.width &&
		codes->key_size == (int) (ends + bytes) &&
		memcmp(codes->key, names->ends.base, ends) == 0 &&
		memcmp(codes->key + ends, names->bytes, bytes) == 0)
	{
		*found = true;
		return codes;
	}
	reserve(cache, codes, names->count, (int) (ends + bytes));
	codes->filled = true;
	codes->count = names->count;
	codes->width = names->ends.width;
	codes->key_size = (int) (ends + bytes);
	memcpy(codes->key, names->ends.base, ends);
	memcpy(codes->key + ends, names->bytes, bytes);
	return codes;
}
