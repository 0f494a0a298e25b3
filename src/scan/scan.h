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
 * Processes of a parallel query fill a store each, with the same partitions, and
 * share what they have: each of them then takes one partition after another, with
 * the rows of all (exchange.c).
 *
 * The store knows rows as bytes with a hash or a key (store.c, spill.c, groups.c).
 * What the bytes mean is known to format_sql.c and codes_sql.c; exec_sql.c is the
 * plan node that keeps a child plan's rows in a store, plan_sql.c offers it to the
 * planner.
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

/*
 * A row has a header and data, of which there are at least 8 bytes.
 *
 * In a store of any keys the header is the key's hash and the row's size.  In one
 * of keys that are words of up to 8 bytes ("keyed") it is the key itself, whose
 * hash is soon computed, and the first 8 bytes of data are a word: 15 bits of a
 * code, a bit that makes the row idle, and 48 bits of a number.  Rows with a code
 * are all of one size, the store's; the number is theirs.  With CJ_CODE_NONE the
 * number is the row's size.
 */
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
		uint64		key;
		struct CjStoredRow *next;	/* of the same group, once grouped */
	}			head;
	char		data[FLEXIBLE_ARRAY_MEMBER];
} CjStoredRow;

#define CJ_ROW_HEADER	offsetof(CjStoredRow, data)
#define CJ_ROW_LEAST	(CJ_ROW_HEADER + sizeof(uint64))

/* Added to the size of a row that is left out unless it is the first of its group. */
#define CJ_ROW_IDLE		1

/* The word of a row in a keyed store. */
#define CJ_WORD_CODE	UINT64CONST(0x7FFF)
#define CJ_WORD_IDLE	UINT64CONST(0x8000)
#define CJ_WORD_SHIFT	16		/* the number is above */
#define CJ_NUMBER_BITS	48
#define CJ_CODE_NONE	((uint32) CJ_WORD_CODE)

static inline uint64
cj_row_word(const CjStoredRow *row)
{
	return *(const uint64 *) row->data;
}

static inline uint32
cj_row_code(const CjStoredRow *row)
{
	return (uint32) (cj_row_word(row) & CJ_WORD_CODE);
}

/* Finalizer of splitmix64: every bit of the word reaches every bit of the hash. */
static inline uint32
cj_hash_word(uint64 word)
{
	word = (word ^ word >> 30) * UINT64CONST(0xbf58476d1ce4e5b9);
	word = (word ^ word >> 27) * UINT64CONST(0x94d049bb133111eb);
	return (uint32) (word >> 32 ^ word);
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
	uint64		key;			/* of the last of these, of a keyed store */
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
	uint64		key;			/* of a keyed store */
} CjGroup;

/* Rows of a partition that lie elsewhere than in the store's blocks. */
typedef struct CjPart
{
	char	   *rows;			/* in shared memory; NULL: in the file */
	BufFile    *file;
	int64		extent;			/* position in the file of the last extent */
	Size		bytes;
	uint32		hash;			/* of the first row */
	bool		mixed;			/* rows in the file have another */
} CjPart;

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
	uint32		keyed;			/* size of rows with a code, if the store is
								 * keyed, else 0 */
	CjSameKey	same;			/* else */
	void	   *arg;
	int			npartitions;	/* a power of two, and one for keys that are
								 * NULL */
	int			skip;			/* bits of the hash that choose nothing here */
	int			shift;
	CjPlace    *places;
	CjPartition *partitions;
	BufFile    *file;
	int64		file_size;
	struct CjExchange *exchange;	/* with other processes (exchange.h), or
									 * NULL */

	/* while rows are taken out */
	int			current;		/* partition */
	CjPart	   *parts;			/* of the current partition */
	int			nparts;
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
 * hint.  It is keyed if the size of rows with a code is given, which is a multiple
 * of 8, and then needs no "same".  Everything is in the context.
 */
extern CjStore *cj_store_create(MemoryContext context, Size memory, double expected_bytes,
								uint32 keyed, CjSameKey same, void *arg);

/*
 * The same for a process of several, before it shares its rows, and for the rows of
 * all: with their number of partitions.
 */
extern CjStore *cj_store_create_shared(MemoryContext context, Size memory,
									   struct CjExchange *exchange,
									   uint32 keyed, CjSameKey same, void *arg);

/* A store within: for rows that share the first "skip" bits of their hashes. */
extern CjStore *cj_store_within(CjStore *outer, int npartitions, int skip);

static inline Size
cj_row_size(const CjStore *store, const CjStoredRow *row)
{
	if (store->keyed == 0)
		return row->head.is.size & ~(Size) CJ_ROW_IDLE;
	if (likely(cj_row_code(row) != CJ_CODE_NONE))
		return store->keyed;
	return (Size) (cj_row_word(row) >> CJ_WORD_SHIFT);
}

static inline uint32
cj_row_hash(const CjStore *store, const CjStoredRow *row)
{
	return store->keyed != 0 ? cj_hash_word(row->head.key) : row->head.is.hash;
}

static inline bool
cj_row_idle(const CjStore *store, const CjStoredRow *row)
{
	return store->keyed != 0 ? (cj_row_word(row) & CJ_WORD_IDLE) != 0 :
		(row->head.is.size & CJ_ROW_IDLE) != 0;
}

/* Have these rows, whose hashes are equal, the same key? */
static inline bool
cj_row_same(const CjStore *store, const CjStoredRow *a, const CjStoredRow *b)
{
	return store->keyed != 0 ? a->head.key == b->head.key : store->same(a, b, store->arg);
}

extern pg_noinline CjStoredRow *cj_store_extend(CjStore *store, CjPlace *place, Size size);

static inline CjPlace *
cj_store_place(CjStore *store, uint32 hash)
{
	return &store->places[(uint32) (hash << store->skip) >> store->shift];
}

/* Room for a row, which the caller fills in at once; size is a multiple of 8. */
static inline CjStoredRow *
cj_store_room(CjStore *store, CjPlace *place, Size size)
{
	CjStoredRow *row = (CjStoredRow *) place->next;

	if (likely((Size) (place->end - place->next) >= size))
		place->next += size;
	else
		row = cj_store_extend(store, place, size);

	/*
	 * What will be written there some rows from now.  A line that has not
	 * come when it is written makes the scan of the table wait, which reads
	 * as a whole what it wrote in pieces; as measured, one line ahead is too
	 * late.
	 */
	__builtin_prefetch(place->next + 128, 1);
	return row;
}

/* One more row in a store that is not keyed; CJ_ROW_IDLE may be added to the size. */
static inline CjStoredRow *
cj_store_add(CjStore *store, uint32 hash, Size flagged)
{
	CjStoredRow *row = cj_store_room(store, cj_store_place(store, hash),
									 flagged & ~(Size) CJ_ROW_IDLE);

	row->head.is.hash = hash;
	row->head.is.size = flagged;
	return row;
}

/*
 * One more row in a keyed store.  Those without a key have a partition of their
 * own, and are equal in that their keys are 0.
 */
static inline CjStoredRow *
cj_store_add_keyed(CjStore *store, bool null, uint64 key, uint64 word, Size size)
{
	CjPlace    *place = likely(!null) ? cj_store_place(store, cj_hash_word(key)) :
		&store->places[store->npartitions - 1];
	CjStoredRow *row = cj_store_room(store, place, size);

	row->head.key = key;
	*(uint64 *) row->data = word;
	return row;
}

/* A copy of a row of another store of the same kind. */
extern void cj_store_copy(CjStore *store, const CjStoredRow *row);

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

/* Adds what another arena tells to what is told. */
extern void cj_arena_tell(CjArena *told, const CjArena *other);
extern CjBlock *cj_block_get(CjArena *arena, Size row_size);
extern void cj_block_release(CjArena *arena, CjBlock *block);

/* How many partitions suit so many bytes of rows. */
extern int	cj_store_fan_out(Size memory, double bytes);

/* Writes all rows in blocks to the file. */
extern void cj_store_spill(CjStore *store);

/* Writes the blocks of one partition, as one extent; closes the file (spill.c). */
extern void cj_partition_write(CjStore *store, CjPartition *partition);
extern void cj_store_close(CjStore *store);

/* Reads the rows of parts, one after the other, in the order they came in. */
typedef struct CjReader
{
	CjStore    *store;
	const CjPart *part;			/* the one being read, and those after it */
	int			nparts;
	int64	   *extents;		/* positions, the last first */
	int64		nextents;
	int64		capacity;
	int64		left;			/* bytes left of this extent, or in memory */
} CjReader;

extern void cj_reader_begin(CjReader *reader, CjStore *store, const CjPart *parts, int nparts);

/* Exactly so many bytes, which the parts must still have. */
extern void cj_reader_read(CjReader *reader, char *to, Size size);

/* The next row into *row, which has *room bytes and may be given more; false at the end. */
extern bool cj_reader_row(CjReader *reader, CjStoredRow **row, Size *room);
extern void cj_reader_end(CjReader *reader);

/* The current partition's parts passed on row by row (spill.c). */
typedef struct CjStream CjStream;

extern CjStream *cj_stream_begin(CjStore *store);
extern const CjStoredRow *cj_stream_next(CjStream *stream);
extern void cj_stream_end(CjStream *stream);

/* Begins anew with no groups; rows are added in turn, and chained (groups.c). */
extern void cj_groups_reset(CjStore *store);
extern void cj_groups_add(CjStore *store, char *rows, Size bytes);
extern void cj_groups_free(CjStore *store);

#endif							/* CJ_SCAN_H */
