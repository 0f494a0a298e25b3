/*-------------------------------------------------------------------------
 *
 * codes.c
 *		Remembers what the names of a journey mean to a pattern.
 *
 * Few sets of event names recur in a table of journeys, so that looking every
 * name up for every journey is most of the work of a short match.  The cache is
 * a direct-mapped table from the stored dictionary, byte for byte, to what its
 * codes mean.  It starts small, since many queries meet few journeys, and
 * doubles, up to a limit, when entries drive each other out.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include "pattern/pattern.h"

#define MIN_ENTRIES		64
#define MAX_ENTRIES		8192
#define MAX_KEY			1024	/* larger dictionaries are looked up each time */

struct CjCodeCache
{
	MemoryContext context;
	uint32		size;			/* entries, a power of two */
	uint32		evictions;		/* since it has this size */
	CjCodes    *entries;
	CjCodes		large;			/* for dictionaries that are not kept */
};

CjCodeCache *
cj_codes_create(MemoryContext context)
{
	CjCodeCache *cache = MemoryContextAllocZero(context, sizeof(CjCodeCache));

	cache->context = context;
	cache->size = MIN_ENTRIES;
	cache->entries = MemoryContextAllocZero(context, MIN_ENTRIES * sizeof(CjCodes));
	return cache;
}

/* A larger table; what the smaller one knew is found out again. */
static void
grow(CjCodeCache *cache)
{
	for (uint32 i = 0; i < cache->size; i++)
		if (cache->entries[i].masks != NULL)
			pfree(cache->entries[i].masks);
	pfree(cache->entries);
	cache->size *= 2;
	cache->evictions = 0;
	cache->entries = MemoryContextAllocZero(cache->context, cache->size * sizeof(CjCodes));
}

/* The masks, and the key behind them. */
static void
reserve(CjCodeCache *cache, CjCodes *codes, int32 count, int key_size)
{
	Size		size = count * sizeof(uint64) + key_size;

	if (codes->capacity < size)
	{
		if (codes->masks != NULL)
			pfree(codes->masks);
		codes->masks = NULL;
		codes->capacity = 0;
		codes->masks = MemoryContextAlloc(cache->context, Max(size, 128));
		codes->capacity = Max(size, 128);
	}
	codes->count = count;
	codes->key_size = key_size;
}

static inline uint64
mix(uint64 state, uint64 word)
{
	state = (state ^ word) * UINT64CONST(0x9E3779B97F4A7C15);
	return state ^ (state >> 32);
}

/*
 * Two independent lanes of 8 bytes each; the last words may overlap the ones
 * before.  Before fewer than 8 bytes lies the rest of the journey.
 */
static inline uint64
hash_names(const char *bytes, Size size)
{
	uint64		a = size;
	uint64		b = 0;
	Size		i = 0;

	if (size < 8)
		return mix(size, size == 0 ? 0 : cj_load64(bytes + size - 8) >> (8 * (8 - size)));
	for (; i + 16 <= size; i += 16)
	{
		a = mix(a, cj_load64(bytes + i));
		b = mix(b, cj_load64(bytes + i + 8));
	}
	if (i + 8 < size)
		a = mix(a, cj_load64(bytes + i));
	if (i < size)
		b = mix(b, cj_load64(bytes + size - 8));
	return mix(a, b);
}

CjCodes *
cj_codes_find(CjCodeCache *cache, const CjNames *names, bool *found)
{
	/* the ends and the bytes of the names, the key, are read where they are */
	Size		ends = ((Size) names->count * names->ends.width + 7) / 8;
	Size		bytes = names->count == 0 ? 0 : cj_packed_get(&names->ends, names->count - 1);
	uint64		hash;
	CjCodes    *codes;
	char	   *key;

	*found = false;
	if (ends + bytes > MAX_KEY)
	{
		reserve(cache, &cache->large, names->count, 0);
		return &cache->large;
	}
	hash = hash_names(names->bytes, bytes);
	codes = &cache->entries[hash & (cache->size - 1)];
	if (codes->masks != NULL)
	{
		key = (char *) (codes->masks + codes->count);
		if (codes->hash == hash && codes->count == names->count &&
			codes->width == names->ends.width && codes->key_size == (int) (ends + bytes) &&
			memcmp(key, names->bytes, bytes) == 0 &&
			memcmp(key + bytes, names->ends.base, ends) == 0)
		{
			*found = true;
			return codes;
		}
		if (++cache->evictions > cache->size && cache->size < MAX_ENTRIES)
		{
			grow(cache);
			codes = &cache->entries[hash & (cache->size - 1)];
		}
	}
	reserve(cache, codes, names->count, (int) (ends + bytes));
	codes->hash = hash;
	codes->width = names->ends.width;
	key = (char *) (codes->masks + codes->count);
	memcpy(key, names->bytes, bytes);
	memcpy(key + bytes, names->ends.base, ends);
	return codes;
}
