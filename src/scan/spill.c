/*-------------------------------------------------------------------------
 *
 * spill.c
 *		Partitions in a temporary file.
 *
 * When memory is full, the rows of every partition are appended to the store's
 * one file as an extent, which tells where the extent before it is: what is kept
 * in memory of a partition does not grow with the number of its extents.  The file
 * goes through buffile.c, so it counts against temp_file_limit and is found in
 * the statistics of temporary files.  A partition that several processes have has a
 * part in the file of each, or in shared memory.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/tablespace.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "scan/exchange.h"
#include "scan/scan.h"

typedef struct Extent
{
	int64		previous;		/* position, -1: none */
	int64		bytes;			/* of rows that follow */
} Extent;

/* ---- writing ---- */

void
cj_partition_write(CjStore *store, CjPartition *partition)
{
	CjArena    *arena = store->arena;
	Extent		extent = {partition->extent, 0};

	if (store->file == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(arena->context);

		if (store->exchange != NULL)
			store->file = cj_exchange_create_file(store->exchange);
		else
		{
			PrepareTempTablespaces();
			store->file = BufFileCreateTemp(false);
		}
		arena->spilled = true;
		MemoryContextSwitchTo(old);
	}
	if (partition->extent < 0)
		partition->hash = cj_row_hash(store, (CjStoredRow *) partition->first->rows);
	partition->extent = store->file_size;
	for (CjBlock *block = partition->first; block != NULL; block = block->next)
		extent.bytes += block->used;
	BufFileWrite(store->file, (void *) &extent, sizeof(extent));
	for (CjBlock *block = partition->first; block != NULL; block = block->next)
	{
		for (char *at = block->rows; at < block->rows + block->used && !partition->mixed;)
		{
			CjStoredRow *row = (CjStoredRow *) at;

			partition->mixed = cj_row_hash(store, row) != partition->hash;
			at += cj_row_size(store, row);
		}
		BufFileWrite(store->file, (void *) block->rows, block->used);
	}
	store->file_size += sizeof(extent) + extent.bytes;
	arena->disk += sizeof(extent) + extent.bytes;
	arena->peak_disk = Max(arena->peak_disk, arena->disk);
}

void
cj_store_close(CjStore *store)
{
	if (store->file == NULL)
		return;
	BufFileClose(store->file);
	store->file = NULL;
	store->arena->disk -= store->file_size;
}

/* ---- reading ---- */

static void
read_exactly(const CjPart *part, void *to, Size size)
{
	if (BufFileRead(part->file, to, size) != size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from temporary file of grouped rows")));
}

static void
seek(const CjPart *part, int64 position)
{
	if (BufFileSeek(part->file, 0, (off_t) position, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in temporary file of grouped rows")));
}

/* Follows the extents of a part back to the first. */
static void
begin_part(CjReader *reader)
{
	const CjPart *part = reader->part;

	reader->nextents = 0;
	reader->left = 0;
	if (reader->nparts == 0)
		return;
	if (part->rows != NULL)
	{
		reader->left = part->bytes;
		return;
	}
	for (int64 position = part->extent; position >= 0;)
	{
		Extent		extent;

		if (reader->nextents == reader->capacity)
		{
			reader->capacity *= 2;
			reader->extents = repalloc_huge(reader->extents, reader->capacity * sizeof(int64));
		}
		reader->extents[reader->nextents++] = position;
		seek(part, position);
		read_exactly(part, &extent, sizeof(extent));
		position = extent.previous;
		CHECK_FOR_INTERRUPTS();
	}
}

void
cj_reader_begin(CjReader *reader, CjStore *store, const CjPart *parts, int nparts)
{
	reader->store = store;
	reader->part = parts;
	reader->nparts = nparts;
	reader->capacity = 64;
	reader->extents = MemoryContextAllocHuge(store->arena->context,
											 reader->capacity * sizeof(int64));
	begin_part(reader);
}

/* Sees to it that some bytes are left; false if there are no more. */
static bool
next_extent(CjReader *reader)
{
	while (reader->left == 0)
	{
		CHECK_FOR_INTERRUPTS();
		if (reader->nextents > 0)
		{
			Extent		extent;

			seek(reader->part, reader->extents[--reader->nextents]);
			read_exactly(reader->part, &extent, sizeof(extent));
			reader->left = extent.bytes;
			continue;
		}
		if (reader->nparts == 0)
			return false;
		reader->part++;
		reader->nparts--;
		begin_part(reader);
	}
	return true;
}

void
cj_reader_read(CjReader *reader, char *to, Size size)
{
	while (size > 0)
	{
		Size		some;

		if (!next_extent(reader))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("temporary file of grouped rows is too short")));
		some = Min(size, (Size) reader->left);
		if (reader->part->rows != NULL)
			memcpy(to, reader->part->rows + reader->part->bytes - reader->left, some);
		else
			read_exactly(reader->part, to, some);
		reader->left -= some;
		to += some;
		size -= some;
	}
}

bool
cj_reader_row(CjReader *reader, CjStoredRow **row, Size *room)
{
	Size		size;

	/* no row lies across extents */
	if (!next_extent(reader))
		return false;
	cj_reader_read(reader, (char *) *row, CJ_ROW_LEAST);
	size = cj_row_size(reader->store, *row);
	if (size > *room)
	{
		*row = repalloc_huge(*row, size);
		*room = size;
	}
	cj_reader_read(reader, (char *) *row + CJ_ROW_LEAST, size - CJ_ROW_LEAST);
	return true;
}

void
cj_reader_end(CjReader *reader)
{
	pfree(reader->extents);
}

/* ---- a partition of one hash that is too large for memory ---- */

/*
 * Almost always it is one group, so the rows with the key of the first are
 * passed on as they are read; others are put into another store, whose turn comes
 * after them.
 */
struct CjStream
{
	CjStore    *store;
	CjReader	reader;
	CjStoredRow *first;
	CjStoredRow *row;
	Size		room;
	CjStore    *rest;
	bool		ended;			/* the reader has no more */
};

CjStream *
cj_stream_begin(CjStore *store)
{
	MemoryContext context = store->arena->context;
	CjStream   *stream = MemoryContextAllocZero(context, sizeof(CjStream));

	store->arena->batches++;
	stream->store = store;
	stream->room = CJ_BLOCK_SIZE;
	stream->row = MemoryContextAllocHuge(context, stream->room);
	cj_reader_begin(&stream->reader, store, store->parts, store->nparts);
	return stream;
}

static void
put_aside(CjStream *stream)
{
	if (stream->rest == NULL)
		stream->rest = cj_store_within(stream->store, 2, 0);
	cj_store_copy(stream->rest, stream->row);
}

const CjStoredRow *
cj_stream_next(CjStream *stream)
{
	CjStore    *store = stream->store;

	while (!stream->ended && cj_reader_row(&stream->reader, &stream->row, &stream->room))
	{
		if (stream->first == NULL)
		{
			Size		size = cj_row_size(store, stream->row);

			stream->first = MemoryContextAllocHuge(store->arena->context, size);
			memcpy(stream->first, stream->row, size);
			store->arena->groups++;
			store->arena->key = stream->first->head.key;
			return stream->row;
		}
		if (cj_row_same(store, stream->first, stream->row))
		{
			if (!cj_row_idle(store, stream->row))
				return stream->row;
			store->arena->left_out++;
			continue;
		}
		CHECK_FOR_INTERRUPTS();
		put_aside(stream);
	}
	if (!stream->ended && stream->rest != NULL)
		cj_store_finish(stream->rest);
	stream->ended = true;
	return stream->rest == NULL ? NULL : cj_store_next(stream->rest);
}

void
cj_stream_end(CjStream *stream)
{
	cj_reader_end(&stream->reader);
	if (stream->rest != NULL)
		cj_store_free(stream->rest);
	if (stream->first != NULL)
		pfree(stream->first);
	pfree(stream->row);
	pfree(stream);
}
