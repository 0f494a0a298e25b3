/*-------------------------------------------------------------------------
 *
 * store.c
 *		Row stores: rows into partitions, and partition by partition out again.
 *
 * Going in, a row costs one append.  Several hundred partitions are written to
 * at once, which the cache bears: a line and a page of each.  Coming out, a
 * partition is meant to fit the second-level cache together with its groups.
 * Where the expectation of how many bytes would come was wrong, or memory did not
 * allow as many partitions, too large ones are partitioned again.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/mman.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "scan/scan.h"

#define SMALLEST_SLAB		((Size) 64 * 1024)
#define LARGEST_SLAB		((Size) 32 * 1024 * 1024)
#define HUGE_ALIGN			(2 * 1024 * 1024)
#define BATCH_SIZE			(512 * 1024)	/* bytes of rows grouped at once,
											 * if it can be had */
#define MIN_PARTITIONS		64
#define MAX_PARTITIONS		1024

/* Partitions this large are worth partitioning again although they are in memory. */
#define LARGE_BATCH			(16 * BATCH_SIZE)

/* ---- memory ---- */

void
cj_arena_charge(CjArena *arena, int64 bytes)
{
	arena->used += bytes;
	arena->peak = Max(arena->peak, arena->used);
}

/* Large pages save most of the faults that fresh memory costs; it is all going to be written. */
static void
ask_for_large_pages(char *slab, Size size)
{
#if defined(MADV_HUGEPAGE)
	char	   *first = (char *) TYPEALIGN(HUGE_ALIGN, (uintptr_t) slab);
	char	   *end = (char *) TYPEALIGN_DOWN(HUGE_ALIGN, (uintptr_t) (slab + size));

	/* a wish: where it is not granted, nothing is lost */
	if (end > first)
		(void) madvise(first, end - first, MADV_HUGEPAGE);
#endif
}

/* Cuts another slab into blocks; larger ones, the more there are. */
static void
add_slab(CjArena *arena)
{
	Size		size = Max(Min(arena->used / 4, Min(arena->limit / 16, LARGEST_SLAB)), SMALLEST_SLAB);
	char	   *slab = MemoryContextAllocHuge(arena->context, size);

	ask_for_large_pages(slab, size);
	for (Size at = size; at >= CJ_BLOCK_SIZE; at -= CJ_BLOCK_SIZE)
	{
		CjBlock    *block = (CjBlock *) (slab + at - CJ_BLOCK_SIZE);

		block->next = arena->free;
		arena->free = block;
	}
}

/* A block in which a row of this size fits. */
CjBlock *
cj_block_get(CjArena *arena, Size row_size)
{
	CjBlock    *block;

	if (row_size > CJ_BLOCK_ROWS)
	{
		block = MemoryContextAllocHuge(arena->context, offsetof(CjBlock, rows) + row_size);
		block->size = row_size;
	}
	else
	{
		if (arena->free == NULL)
			add_slab(arena);
		block = arena->free;
		arena->free = block->next;
		block->size = CJ_BLOCK_ROWS;
	}
	block->next = NULL;
	block->used = 0;
	cj_arena_charge(arena, offsetof(CjBlock, rows) + block->size);
	return block;
}

void
cj_block_release(CjArena *arena, CjBlock *block)
{
	cj_arena_charge(arena, -(int64) (offsetof(CjBlock, rows) + block->size));
	if (block->size > CJ_BLOCK_ROWS)
		pfree(block);
	else
	{
		block->next = arena->free;
		arena->free = block;
	}
}

/* ---- stores ---- */

/* How many partitions suit so many bytes of rows: a power of two. */
int
cj_store_fan_out(const CjArena *arena, double bytes)
{
	Size		most = arena->limit / 4 / CJ_BLOCK_SIZE;
	int			n = 4;

	while (n < MAX_PARTITIONS && (Size) n * 2 <= most && (n < MIN_PARTITIONS || bytes / n > BATCH_SIZE))
		n *= 2;
	return n;
}

static CjStore *
create_store(CjArena *arena, int npartitions, int skip, uint32 keyed, CjSameKey same, void *arg)
{
	CjStore    *store = MemoryContextAllocZero(arena->context, sizeof(CjStore));

	/* the last partitioning may have fewer bits left than it asks for */
	while (npartitions > 2 && skip + pg_leftmost_one_pos32(npartitions) > 32)
		npartitions /= 2;
	store->arena = arena;
	store->keyed = keyed;
	store->same = same;
	store->arg = arg;
	store->skip = skip;
	store->shift = 32 - pg_leftmost_one_pos32(npartitions);
	store->npartitions = ++npartitions;
	store->places = MemoryContextAllocZero(arena->context, npartitions * sizeof(CjPlace));
	store->partitions = MemoryContextAllocZero(arena->context, npartitions * sizeof(CjPartition));
	for (int i = 0; i < npartitions; i++)
		store->partitions[i].extent = -1;
	store->current = -1;
	return store;
}

CjStore *
cj_store_create(MemoryContext context, Size memory, double expected_bytes,
				uint32 keyed, CjSameKey same, void *arg)
{
	CjArena    *arena = MemoryContextAllocZero(context, sizeof(CjArena));

	arena->context = context;
	arena->limit = Max(memory, 64 * 1024);
	return create_store(arena, cj_store_fan_out(arena, expected_bytes), 0, keyed, same, arg);
}

CjStore *
cj_store_within(CjStore *outer, int npartitions, int skip)
{
	return create_store(outer->arena, npartitions, skip, outer->keyed, outer->same, outer->arg);
}

/* Says how far the last block of a partition was filled. */
static void
leave_block(CjPlace *place, CjPartition *partition)
{
	if (partition->last == NULL || place->next == NULL)
		return;
	partition->last->used = place->next - partition->last->rows;
	partition->bytes += partition->last->used;
	place->next = place->end = NULL;
}

static void
release_blocks(CjArena *arena, CjPartition *partition)
{
	CjBlock    *next;

	for (CjBlock *block = partition->first; block != NULL; block = next)
	{
		next = block->next;
		cj_block_release(arena, block);
	}
	partition->first = partition->last = NULL;
}

/* Another block for a partition, and a row of this size in it. */
pg_noinline CjStoredRow *
cj_store_extend(CjStore *store, CjPlace *place, Size size)
{
	CjPartition *partition = &store->partitions[place - store->places];
	CjArena    *arena = store->arena;
	CjBlock    *block;

	CHECK_FOR_INTERRUPTS();
	leave_block(place, partition);
	if (arena->used + Max(size, CJ_BLOCK_SIZE) > arena->limit)
		cj_store_spill(store);
	block = cj_block_get(arena, size);
	if (partition->last == NULL)
		partition->first = block;
	else
		partition->last->next = block;
	partition->last = block;
	place->next = block->rows + size;
	place->end = block->rows + block->size;
	return (CjStoredRow *) block->rows;
}

/* Not for one without a key: there is nothing to tell such rows apart by. */
void
cj_store_copy(CjStore *store, const CjStoredRow *row)
{
	Size		size = cj_row_size(store, row);

	memcpy(cj_store_room(store, cj_store_place(store, cj_row_hash(store, row)), size), row, size);
}

void
cj_store_spill(CjStore *store)
{
	for (int i = 0; i < store->npartitions; i++)
	{
		CjPartition *partition = &store->partitions[i];

		leave_block(&store->places[i], partition);
		if (partition->first == NULL)
			continue;
		cj_partition_write(store, partition);
		release_blocks(store->arena, partition);
		CHECK_FOR_INTERRUPTS();
	}
}

/* All rows are in.  If some are in the file, all go there, to have the memory for reading. */
void
cj_store_finish(CjStore *store)
{
	if (store->file != NULL)
		cj_store_spill(store);
	else
		for (int i = 0; i < store->npartitions; i++)
			leave_block(&store->places[i], &store->partitions[i]);
}

/* ---- taking rows out ---- */

/* Are there rows of different hashes in memory? */
static bool
mixed_hashes(const CjStore *store, const CjPartition *partition)
{
	uint32		hash = cj_row_hash(store, (CjStoredRow *) partition->first->rows);

	for (CjBlock *block = partition->first; block != NULL; block = block->next)
		for (char *at = block->rows; at < block->rows + block->used;)
		{
			CjStoredRow *row = (CjStoredRow *) at;

			if (cj_row_hash(store, row) != hash)
				return true;
			at += cj_row_size(store, row);
		}
	return false;
}

static CjStore *
begin_within(CjStore *store, const CjPartition *partition)
{
	int			skip = store->skip + 32 - store->shift;

	cj_groups_free(store);
	return cj_store_within(store, cj_store_fan_out(store->arena, partition->bytes), skip);
}

/* Partitions a partition in memory again. */
static void
divide_blocks(CjStore *store, CjPartition *partition)
{
	store->within = begin_within(store, partition);
	while (partition->first != NULL)
	{
		CjBlock    *block = partition->first;

		for (char *at = block->rows; at < block->rows + block->used;)
		{
			cj_store_copy(store->within, (CjStoredRow *) at);
			at += cj_row_size(store, (CjStoredRow *) at);
		}
		partition->first = block->next;
		cj_block_release(store->arena, block);
		CHECK_FOR_INTERRUPTS();
	}
	partition->last = NULL;
	cj_store_finish(store->within);
}

/* The same for one in the file. */
static void
divide_file(CjStore *store, CjPartition *partition)
{
	CjReader	reader;
	Size		room = CJ_BLOCK_SIZE;
	CjStoredRow *row = MemoryContextAllocHuge(store->arena->context, room);

	store->within = begin_within(store, partition);
	cj_reader_begin(&reader, store, partition);
	while (cj_reader_row(&reader, &row, &room))
		cj_store_copy(store->within, row);
	cj_reader_end(&reader);
	pfree(row);
	cj_store_finish(store->within);
}

static void
load_partition(CjStore *store, CjPartition *partition)
{
	CjReader	reader;

	store->loaded = MemoryContextAllocHuge(store->arena->context, partition->bytes);
	store->loaded_size = partition->bytes;
	cj_arena_charge(store->arena, partition->bytes);
	cj_reader_begin(&reader, store, partition);
	cj_reader_read(&reader, store->loaded, partition->bytes);
	cj_reader_end(&reader);
	cj_groups_add(store, store->loaded, partition->bytes);
}

static void
begin_partition(CjStore *store, CjPartition *partition)
{
	CjArena    *arena = store->arena;
	Size		room = arena->limit > arena->used ? arena->limit - arena->used : 0;
	int			fan_out = cj_store_fan_out(arena, partition->bytes);

	if (partition->extent >= 0 && partition->bytes > room / 4 * 3)
	{
		if (partition->mixed)
			divide_file(store, partition);
		else
			store->stream = cj_stream_begin(store, partition);
		return;
	}
	if (partition->bytes > LARGE_BATCH && partition->extent < 0 &&
		room > (Size) (fan_out + 1) * CJ_BLOCK_SIZE && mixed_hashes(store, partition))
	{
		divide_blocks(store, partition);
		return;
	}
	arena->batches++;
	cj_groups_reset(store);
	store->group = 0;
	if (partition->extent >= 0)
		load_partition(store, partition);
	else
		for (CjBlock *block = partition->first; block != NULL; block = block->next)
			cj_groups_add(store, block->rows, block->used);
}

static void
end_partition(CjStore *store)
{
	release_blocks(store->arena, &store->partitions[store->current]);
	store->groups.count = store->group = 0;
	if (store->loaded == NULL)
		return;
	pfree(store->loaded);
	store->loaded = NULL;
	cj_arena_charge(store->arena, -(int64) store->loaded_size);
}

/* The row after the last one of a group. */
pg_noinline const CjStoredRow *
cj_store_turn(CjStore *store)
{
	const CjStoredRow *row;

	check_stack_depth();
	for (;;)
	{
		if (store->group < store->groups.count)
		{
			const CjGroup *group = &store->groups.groups[store->group++];

			row = group->first;
			store->arena->groups++;
			store->arena->key = group->key;
			store->row = row->head.next;
			return row;
		}
		if (store->within != NULL)
		{
			if ((row = cj_store_next(store->within)) != NULL)
				return row;
			cj_store_free(store->within);
			store->within = NULL;
		}
		if (store->stream != NULL)
		{
			if ((row = cj_stream_next(store->stream)) != NULL)
				return row;
			cj_stream_end(store->stream);
			store->stream = NULL;
		}
		CHECK_FOR_INTERRUPTS();
		if (store->current >= 0 && store->current < store->npartitions)
			end_partition(store);
		if (store->current >= store->npartitions - 1)
			return NULL;
		store->current++;
		if (store->partitions[store->current].bytes > 0)
			begin_partition(store, &store->partitions[store->current]);
	}
}

void
cj_store_free(CjStore *store)
{
	if (store->within != NULL)
		cj_store_free(store->within);
	if (store->stream != NULL)
		cj_stream_end(store->stream);
	if (store->current >= 0)
		end_partition(store);
	for (int i = 0; i < store->npartitions; i++)
		release_blocks(store->arena, &store->partitions[i]);
	cj_groups_free(store);
	cj_store_close(store);
	pfree(store->places);
	pfree(store->partitions);
	pfree(store);
}
