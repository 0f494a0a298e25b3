/*-------------------------------------------------------------------------
 *
 * scan.h
 *		Bringing the rows of a group together without a hash table of all groups.
 *
 * Hash aggregation of more groups than the processor's cache holds waits for
 * memory several times a row.  A row store does it in two steps that both stay
 * in the cache: rows are appended to one of some hundreds of partitions by the
 * hash of their key, and one partition after another is grouped.  Rows come out
 * group by group, those of one group in the order in which they went in.
 *
 * Above its memory limit a store writes its partitions to a temporary file, and
 * what is too large to be read back at once is partitioned again by other bits of
 * the hash; the rows of one enormous group are passed on as they are read.
 *
 * The store knows rows as bytes with a hash (store.c, spill.c, groups.c).  What
 * the bytes mean is known to format_sql.c; exec_sql.c is the plan node that keeps
 * a child plan's rows in a store, plan_sql.c offers it to the planner.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_SCAN_H
#define CJ_SCAN_H

#include "compat.h"
#include "storage/buffile.h"

/* ---- stored rows ---- */

typedef struct CjStoredRow
{
	union
	{
		struct
		{
			uint32		hash;
			uint32		size;	/* of all, header included: a multiple of 8;
								 * or CJ_ROW_IDLE */
		}			is;
		struct CjStoredRow *next;	/* of the same group, once grouped */
	}			head;
	char		data[FLEXIBLE_ARRAY_MEMBER];
} CjStoredRow;

#define CJ_ROW_HEADER	offsetof(CjStoredRow, data)

/* Added to the size of a row that is left out unless it is the first of its group. */
#define CJ_ROW_IDLE		1

static inline Size
cj_row_size(const CjStoredRow *row)
{
	return row->head.is.size & ~(Size) CJ_ROW_IDLE;
}

/* Have these rows, whose hashes are equal, the same key? */
typedef bool (*CjSameKey) (const CjStoredRow *a, const CjStoredRow *b, void *arg);

/* ---- memory of stores, one within another (store.c) ---- */

typedef struct CjBlock
{
	struct CjBlock *next;
	uint32		size;			/* of the rows that fit */
	uint32		used;			/* filled in when the block is left */
	char		rows[FLEXIBLE_ARRAY_MEMBER];
} CjBlock;

typedef struct CjArena
{
	MemoryContext context;
	CjBlock    *free;			/* of CJ_BLOCK_ROWS */
	Size		limit;
	Size		used;			/* by blocks of rows, and to group them */
	Size		peak;
	int64		disk;			/* bytes in temporary files, now and at most */
	int64		peak_disk;
	int64		batches;		/* partitions that were grouped */
	int64		left_out;		/* idle rows */
	int64		groups;			/* begun so far by the rows taken out */
	bool		spilled;
} CjArena;

#define CJ_BLOCK_SIZE	8192
#define CJ_BLOCK_ROWS	(CJ_BLOCK_SIZE - (int) offsetof(CjBlock, rows))

/* ---- stores ---- */

/* Where a partition's next row goes: apart from the rest, to stay in the cache. */
typedef struct CjPlace
{
	char	   *next;
	char	   *end;
} CjPlace;

typedef struct CjPartition
{
	CjBlock    *first;
	CjBlock    *last;
	int64		extent;			/* position in the file of the last extent
								 * written, -1: none */
	Size		bytes;			/* of rows written to blocks that were left */
	uint32		hash;			/* of its first row */
	bool		mixed;			/* rows in the file have another */
} CjPartition;

typedef struct CjGroup
{
	CjStoredRow *first;
	CjStoredRow *last;
} CjGroup;

/* Groups of one partition (groups.c). */
typedef struct CjGroups
{
	CjGroup    *groups;
	int64		count;
	int64		capacity;
	uint64	   *table;			/* hash in the upper half, group + 1 in the
								 * lower; 0: none */
	int64		table_size;		/* a power of two */
	Size		memory;
} CjGroups;

typedef struct CjStore
{
	CjArena    *arena;
	CjSameKey	same;
	void	   *arg;
	int			npartitions;	/* a power of two */
	int			skip;			/* bits of the hash that choose nothing here */
	int			shift;
	CjPlace    *places;
	CjPartition *partitions;
	BufFile    *file;
	int64		file_size;

	/* while rows are taken out */
	int			current;		/* partition */
	CjStoredRow *row;			/* the next one */
	CjGroups	groups;
	int64		group;			/* the one after that */
	char	   *loaded;			/* rows read back */
	Size		loaded_size;
	struct CjStore *within;		/* the current partition, partitioned again */
	struct CjStream *stream;	/* the current partition, passed on */
} CjStore;

/*
 * A store of the given memory, in bytes; expected_bytes of rows, or 0, are a
 * hint.  Everything is in the context.
 */
extern CjStore *cj_store_create(MemoryContext context, Size memory, double expected_bytes,
								CjSameKey same, void *arg);

/* A store within: for rows that share the first "skip" bits of their hashes. */
extern CjStore *cj_store_within(CjStore *outer, int npartitions, int skip);

extern pg_noinline CjStoredRow *cj_store_extend(CjStore *store, CjPlace *place, Size size);

/*
 * Room for one more row, whose data the caller fills in at once; size is a
 * multiple of 8, and CJ_ROW_IDLE may be added.
 */
static inline CjStoredRow *
cj_store_add(CjStore *store, uint32 hash, Size flagged)
{
	Size		size = flagged & ~(Size) CJ_ROW_IDLE;
	CjPlace    *place = &store->places[(uint32) (hash << store->skip) >> store->shift];
	CjStoredRow *row = (CjStoredRow *) place->next;

	if (likely((Size) (place->end - place->next) >= size))
		place->next += size;
	else
		row = cj_store_extend(store, place, size);
	row->head.is.hash = hash;
	row->head.is.size = flagged;

	/*
	 * What will be written there some rows from now.  A line that has not
	 * come when it is written makes the scan of the table wait, which reads
	 * as a whole what it wrote in pieces; as measured, one line ahead is too
	 * late.
	 */
	__builtin_prefetch(place->next + 128, 1);
	return row;
}

/* All rows are in: begins to take them out. */
extern void cj_store_finish(CjStore *store);

extern pg_noinline const CjStoredRow *cj_store_turn(CjStore *store);

/*
 * The next row, group by group; NULL after the last.  It is good until the next
 * call.  The arena's count of groups tells whether it begins another group.
 */
static inline const CjStoredRow *
cj_store_next(CjStore *store)
{
	CjStoredRow *row = store->row;

	if (unlikely(row == NULL))
		return cj_store_turn(store);
	store->row = row->head.next;
	return row;
}

/* Gives back memory and closes files. */
extern void cj_store_free(CjStore *store);

/* ---- of use within the store's files ---- */

extern void cj_arena_charge(CjArena *arena, int64 bytes);
extern CjBlock *cj_block_get(CjArena *arena, Size row_size);
extern void cj_block_release(CjArena *arena, CjBlock *block);

/* How many partitions suit so many bytes of rows. */
extern int	cj_store_fan_out(const CjArena *arena, double bytes);

/* Writes all rows in blocks to the file. */
extern void cj_store_spill(CjStore *store);

/* Writes the blocks of one partition, as one extent; closes the file (spill.c). */
extern void cj_partition_write(CjStore *store, CjPartition *partition);
extern void cj_store_close(CjStore *store);

/* Reads a partition's rows in the order they came in, extent by extent (spill.c). */
typedef struct CjReader
{
	CjStore    *store;
	int64	   *extents;		/* positions, the last first */
	int64		nextents;
	int64		left;			/* bytes left of this extent */
} CjReader;

extern void cj_reader_begin(CjReader *reader, CjStore *store, CjPartition *partition);

/* Exactly so many bytes, which the partition must still have. */
extern void cj_reader_read(CjReader *reader, char *to, Size size);

/* The next row into *row, which has *room bytes and may be given more; false at the end. */
extern bool cj_reader_row(CjReader *reader, CjStoredRow **row, Size *room);
extern void cj_reader_end(CjReader *reader);

/* A partition passed on row by row (spill.c). */
typedef struct CjStream CjStream;

extern CjStream *cj_stream_begin(CjStore *store, CjPartition *partition);
extern const CjStoredRow *cj_stream_next(CjStream *stream);
extern void cj_stream_end(CjStream *stream);

/* Begins anew with no groups; rows are added in turn, and chained (groups.c). */
extern void cj_groups_reset(CjStore *store);
extern void cj_groups_add(CjStore *store, char *rows, Size bytes);
extern void cj_groups_free(CjStore *store);

#endif							/* CJ_SCAN_H */
