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

#include "scan/exchange.h"
#include "scan/scan.h"

#define SMALLEST_SLAB		((Size) 64 * 1024)
#define LARGEST_SLAB		((Size) 32 * 1024 * 1024)
#define HUGE_ALIGN			(2 * 1024 * 1024)
#define BATCH_SIZE			(512 * 1024)	/* bytes of rows grouped at once,
											 * if it can be had */
#define LEAST_MEMORY		((Size) 64 * 1024)
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

void
cj_arena_tell(CjArena *told, const CjArena *other)
{
	told->peak += other->peak;
	told->peak_disk += other->peak_disk;
	told->batches += other->batches;
	told->left_out += other->left_out;
	told->spilled |= other->spilled;
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
cj_store_fan_out(Size memory, double bytes)
{
	Size		most = Max(memory, LEAST_MEMORY) / 4 / CJ_BLOCK_SIZE;
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
	store->parts = MemoryContextAlloc(arena->context, sizeof(CjPart));
	for (int i = 0; i < npartitions; i++)
		store->partitions[i].extent = -1;
	store->current = -1;
	return store;
}

static CjArena *
create_arena(MemoryContext context, Size memory)
{
	CjArena    *arena = MemoryContextAllocZero(context, sizeof(CjArena));

	arena->context = context;
	arena->limit = Max(memory, LEAST_MEMORY);
	return arena;
}

CjStore *
cj_store_create(MemoryContext context, Size memory, double expected_bytes,
				uint32 keyed, CjSameKey same, void *arg)
{
	return create_store(create_arena(context, memory), cj_store_fan_out(memory, expected_bytes),
						0, keyed, same, arg);
}

CjStore *
cj_store_create_shared(MemoryContext context, Size memory, struct CjExchange *exchange,
					   uint32 keyed, CjSameKey same, void *arg)
{
	CjStore    *store = create_store(create_arena(context, memory),
									 cj_exchange_fan_out(exchange), 0, keyed, same, arg);

	store->exchange = exchange;
	store->parts = repalloc(store->parts, cj_exchange_processes(exchange) * sizeof(CjPart));
	return store;
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

/* Is there a row with another hash than this? */
static bool
has_another_hash(const CjStore *store, uint32 hash, const char *rows, Size bytes)
{
	for (const char *end = rows + bytes; rows < end;)
	{
		const CjStoredRow *row = (const CjStoredRow *) rows;

		if (cj_row_hash(store, row) != hash)
			return true;
		rows += cj_row_size(store, row);
	}
	return false;
}

/* Are there rows of different hashes in the blocks? */
static bool
mixed_blocks(const CjStore *store, const CjPartition *partition)
{
	uint32		hash = cj_row_hash(store, (CjStoredRow *) partition->first->rows);

	for (CjBlock *block = partition->first; block != NULL; block = block->next)
		if (has_another_hash(store, hash, block->rows, block->used))
			return true;
	return false;
}

static bool
mixed_parts(const CjStore *store)
{
	uint32		hash = store->parts[0].hash;

	for (int i = 0; i < store->nparts; i++)
	{
		const CjPart *part = &store->parts[i];

		if (part->hash != hash ||
			(part->rows == NULL ? part->mixed :
			 has_another_hash(store, hash, part->rows, part->bytes)))
			return true;
	}
	return false;
}

static CjStore *
begin_within(CjStore *store, Size bytes)
{
	int			skip = store->skip + 32 - store->shift;

	cj_groups_free(store);
	return cj_store_within(store, cj_store_fan_out(store->arena->limit, bytes), skip);
}

/* Partitions a partition in blocks again. */
static void
divide_blocks(CjStore *store, CjPartition *partition)
{
	store->within = begin_within(store, partition->bytes);
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

/* The same for one elsewhere. */
static void
divide_parts(CjStore *store, Size bytes)
{
	CjReader	reader;
	Size		room = CJ_BLOCK_SIZE;
	CjStoredRow *row = MemoryContextAllocHuge(store->arena->context, room);

	store->within = begin_within(store, bytes);
	cj_reader_begin(&reader, store, store->parts, store->nparts);
	while (cj_reader_row(&reader, &row, &room))
		cj_store_copy(store->within, row);
	cj_reader_end(&reader);
	pfree(row);
	cj_store_finish(store->within);
}

/* Groups the rows of parts: where they are, or read into memory. */
static void
group_parts(CjStore *store, Size in_files)
{
	char	   *to;

	if (in_files > 0)
	{
		store->loaded = MemoryContextAllocHuge(store->arena->context, in_files);
		store->loaded_size = in_files;
		cj_arena_charge(store->arena, in_files);
	}
	to = store->loaded;
	for (int i = 0; i < store->nparts; i++)
	{
		const CjPart *part = &store->parts[i];
		CjReader	reader;

		if (part->rows != NULL)
		{
			cj_groups_add(store, part->rows, part->bytes);
			continue;
		}
		cj_reader_begin(&reader, store, part, 1);
		cj_reader_read(&reader, to, part->bytes);
		cj_reader_end(&reader);
		cj_groups_add(store, to, part->bytes);
		to += part->bytes;
	}
}

/* A partition in the store's own file. */
static CjPart
part_in_file(const CjStore *store, const CjPartition *partition)
{
	CjPart		part = {NULL, store->file, partition->extent, partition->bytes,
	partition->hash, partition->mixed};

	return part;
}

/* What of the current partition is not in blocks; the bytes of all of it, and those in files. */
static void
find_parts(CjStore *store, Size *bytes, Size *in_files)
{
	const CjPartition *partition = &store->partitions[store->current];

	store->nparts = 0;
	*bytes = *in_files = 0;
	if (store->exchange != NULL)
		store->nparts = cj_exchange_parts(store->exchange, store->current, store->parts);
	else if (partition->extent >= 0)
		store->parts[store->nparts++] = part_in_file(store, partition);
	else
		*bytes = partition->bytes;
	for (int i = 0; i < store->nparts; i++)
	{
		*bytes += store->parts[i].bytes;
		*in_files += store->parts[i].rows == NULL ? store->parts[i].bytes : 0;
	}
}

static void
begin_partition(CjStore *store)
{
	CjPartition *partition = &store->partitions[store->current];
	CjArena    *arena = store->arena;
	Size		room = arena->limit > arena->used ? arena->limit - arena->used : 0;
	Size		bytes;
	Size		in_files;

	find_parts(store, &bytes, &in_files);
	if (bytes == 0)
		return;
	if (in_files > room / 4 * 3)
	{
		if (mixed_parts(store))
			divide_parts(store, bytes);
		else
			store->stream = cj_stream_begin(store);
		return;
	}
	if (in_files == 0 && bytes > LARGE_BATCH &&
		room > (Size) (cj_store_fan_out(arena->limit, bytes) + 1) * CJ_BLOCK_SIZE &&
		(store->nparts > 0 ? mixed_parts(store) : mixed_blocks(store, partition)))
	{
		if (store->nparts > 0)
			divide_parts(store, bytes);
		else
			divide_blocks(store, partition);
		return;
	}
	arena->batches++;
	cj_groups_reset(store);
	store->group = 0;
	for (CjBlock *block = partition->first; block != NULL; block = block->next)
		cj_groups_add(store, block->rows, block->used);
	group_parts(store, in_files);
}

static void
end_partition(CjStore *store)
{
	release_blocks(store->arena, &store->partitions[store->current]);
	store->nparts = 0;
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
		if (store->current == store->npartitions)
			return NULL;
		store->current = store->exchange != NULL ? cj_exchange_claim(store->exchange) :
			store->current + 1;
		if (store->current < store->npartitions)
			begin_partition(store);
	}
}

void
cj_store_free(CjStore *store)
{
	if (store->within != NULL)
		cj_store_free(store->within);
	if (store->stream != NULL)
		cj_stream_end(store->stream);
	if (store->current >= 0 && store->current < store->npartitions)
		end_partition(store);
	for (int i = 0; i < store->npartitions; i++)
		release_blocks(store->arena, &store->partitions[i]);
	cj_groups_free(store);
	cj_store_close(store);
	pfree(store->places);
	pfree(store->partitions);
	pfree(store->parts);
	pfree(store);
}
