/*-------------------------------------------------------------------------
 *
 * format.h
 *		Values of rows as bytes of a row store.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_SCAN_FORMAT_H
#define CJ_SCAN_FORMAT_H

#include "executor/tuptable.h"
#include "fmgr.h"
#include "nodes/execnodes.h"

#include "scan/scan.h"

/*
 * A row's data: values of fixed width, the widest first, each aligned by its
 * width, whether NULL or not; a bit for each column that is NULL; then the other
 * values that are not NULL, keys first, as in a heap tuple.
 *
 * In a keyed store the key comes first.  It is in the row's header, and in its
 * stead the data has the word (scan.h) and at least 8 bytes of it.  Most rows have
 * no more data than that: the number is the lower 48 bits of one of the columns,
 * usually the time, and the code stands for an entry in a dictionary of all the
 * rest: the number's other bits, which columns are NULL, names, answers.  Only
 * other columns of 4 or 8 bytes, which tend to differ from row to row, follow as
 * they are.
 */
typedef struct CjColumn
{
	AttrNumber	source;			/* among the values given, from 0 */
	AttrNumber	target;			/* among those asked for */
	int16		len;
	bool		byval;
	char		align;
	int			word;			/* -1, or instead of a value one of the words */
	uint32		offset;			/* of by-value columns */
	uint32		beside;			/* 0, or offset in rows with a code */
} CjColumn;

/* A word of answers (memo.h) becomes as many boolean columns. */
typedef struct CjWord
{
	int			count;
	AttrNumber *targets;
} CjWord;

typedef struct CjKey
{
	int			column;			/* in the format's order */
	Oid			collation;
	bool		bitwise;		/* equal only if the bits are */
	FmgrInfo	hash;
	FmgrInfo	equal;
} CjKey;

typedef struct CjFormat
{
	int			ncolumns;
	int			ntargets;
	int			nfixed;			/* the first ones are by value */
	CjColumn   *columns;
	int			nwords;
	const CjWord *words;
	uint32		nulls;			/* offset of the bits */
	uint32		null_bytes;
	uint32		fixed_size;		/* of both, not aligned */
	int			nkeys;
	CjKey	   *keys;
	uint32		keyed;			/* size of rows with a code in keyed stores;
								 * 0: the key is not a word */
	int			number;			/* column whose lower bits they have, or -1 */
	struct CjRowCodes *codes;	/* of the store being written or read */
	MemoryContext scratch;		/* for hash and equality functions */
} CjFormat;

/* What all rows with a code have in common. */
typedef struct CjRowCommon
{
	char	   *data;			/* of one of them, in full */
	Size		size;			/* of it */
	uint64		number;			/* upper bits of the number, where they belong */
	Datum	   *values;			/* by target; not those that rows have
								 * themselves */
	bool	   *nulls;
	uint64		words[FLEXIBLE_ARRAY_MEMBER];	/* what it is found by */
} CjRowCommon;

/*
 * Codes for what rows have in common (codes_sql.c).  Processes that share rows have
 * codes of their own: "first" and those that follow.
 */
typedef struct CjRowCodes
{
	CjArena    *arena;
	CjRowCommon **entries;		/* by code, while rows are read; without
								 * "first" while they are stored */
	uint32		first;
	uint32		most;			/* entries */
	uint32		count;
	uint32		capacity;
	uint64	   *table;			/* upper bits of a hash, and a code + 1; 0:
								 * none */
	uint32		table_size;		/* a power of two, twice the capacity */
	char	   *room;			/* for more entries */
	Size		room_left;
	Size		memory;
	Size		limit;
	bool		full;			/* no entry can be added */
	bool		closed;			/* nor is it worth while to look for one */
	int64		lookups;
	int64		seen;			/* of these, when it was last seen whether it
								 * is */
	int64		misses;			/* since then: rows that got no code */
	int			nwords;			/* of an entry */
	uint64	   *wanted;			/* those looked for */
} CjRowCodes;

extern CjRowCodes *cj_row_codes_create(const CjFormat *format, CjArena *arena,
									   const struct CjExchange *exchange);

/* Gives a process's codes to the others, and takes those of all to read rows by. */
extern void cj_row_codes_give(const CjRowCodes *codes, struct CjExchange *exchange);
extern CjRowCodes *cj_row_codes_take(const CjFormat *format, CjArena *arena,
									 struct CjExchange *exchange);

/* The code of a row's entry, which is made if there is none; CJ_CODE_NONE if it has none. */
extern uint32 cj_row_codes_find(CjFormat *format, const Datum *values, const bool *nulls,
								const uint64 *words);

/*
 * For these columns, of which only source, target, len, byval, align and word need
 * be set; there is one for each word.  Keys are told by their targets, from 1;
 * operators are those of hashable equality.  "scratch" is reset at will.
 */
extern CjFormat *cj_format_create(CjColumn *columns, int ncolumns, const CjWord *words,
								  int nkeys, const AttrNumber *key_columns,
								  const Oid *equality, const Oid *collations,
								  MemoryContext scratch);

/* The store of these rows, in this context, with so much memory. */
extern CjStore *cj_format_begin(CjFormat *format, MemoryContext context, Size memory,
								double expected_bytes);

/* The same for a process that shares its rows; sharing them, for which it is freed. */
extern CjStore *cj_format_begin_shared(CjFormat *format, MemoryContext context, Size memory,
									   struct CjExchange *exchange);
extern void cj_format_share(CjFormat *format, CjStore *store);

/* The store to take rows from that were shared by all. */
extern CjStore *cj_format_open_shared(CjFormat *format, MemoryContext context, Size memory,
									  struct CjExchange *exchange);

/* If "idle", the row may be left out unless it is the first of its group. */
extern void cj_format_store(CjFormat *format, CjStore *store, const Datum *values,
							const bool *nulls, const uint64 *words, bool idle);

/* The values of a row of the group begun last. */
extern void cj_format_load(const CjFormat *format, const CjStore *store, const CjStoredRow *row,
						   Datum *values, bool *nulls);

/* ---- parts of rows ---- */

/* What a row has in common with others; NULL if it is stored in full. */
static inline const CjRowCommon *
cj_format_common(const CjFormat *format, const CjStoredRow *row)
{
	uint32		code;

	if (format->keyed == 0 || unlikely((code = cj_row_code(row)) == CJ_CODE_NONE))
		return NULL;
	return format->codes->entries[code];
}

/*
 * Where answers of conditions and other fixed widths up to 2 bytes are, at their
 * columns' offsets, and the bits of what is NULL.
 */
static inline const char *
cj_format_data(const CjRowCommon *common, const CjStoredRow *row)
{
	return common != NULL ? common->data : row->data;
}

/* Is a column, in the format's order, NULL? */
static inline bool
cj_format_null(const CjFormat *format, const char *data, int column)
{
	return (data[format->nulls + column / 8] >> column % 8) & 1;
}

/* The bits of a value, of which a datum may hold more than there are. */
static inline uint64
cj_format_bits(int16 len, Datum value)
{
	switch (len)
	{
		case 8:
			return (uint64) value;
		case 4:
			return (uint32) value;
		case 2:
			return (uint16) value;
		default:
			return (uint8) value;
	}
}

/* Back from bits, or from memory. */
static inline Datum
cj_format_datum(int16 len, uint64 bits)
{
	switch (len)
	{
		case 8:
			return (Datum) bits;
		case 4:
			return Int32GetDatum((int32) bits);
		case 2:
			return Int16GetDatum((int16) bits);
		default:
			return CharGetDatum((char) bits);
	}
}

static inline Datum
cj_format_get(const char *from, int16 len)
{
	switch (len)
	{
		case 8:
			return (Datum) *(const uint64 *) from;
		case 4:
			return Int32GetDatum(*(const int32 *) from);
		case 2:
			return Int16GetDatum(*(const int16 *) from);
		default:
			return CharGetDatum(*from);
	}
}

/* The number's column, of a row with a code. */
static inline Datum
cj_format_number(const CjFormat *format, const CjRowCommon *common, const CjStoredRow *row)
{
	return cj_format_datum(format->columns[format->number].len,
						   common->number | cj_row_word(row) >> CJ_WORD_SHIFT);
}

/* A column of fixed width that is not NULL, of a row of the group begun last. */
static inline Datum
cj_format_fixed(const CjFormat *format, const CjStore *store, const CjRowCommon *common,
				const CjStoredRow *row, int number)
{
	const CjColumn *column = &format->columns[number];

	if (common != NULL && number == format->number)
		return cj_format_number(format, common, row);
	if (format->keyed != 0 && number == 0)
		return cj_format_datum(column->len, store->arena->key);
	if (common != NULL && column->beside != 0)
		return cj_format_get(row->data + column->beside, column->len);
	return cj_format_get(cj_format_data(common, row) + column->offset, column->len);
}

/* ---- of use to the dictionary ---- */

/* Bytes that a row's data take, and filling them in, the word of keyed stores excepted. */
extern Size cj_format_size(const CjFormat *format, const Datum *values, const bool *nulls);
extern void cj_format_put(const CjFormat *format, char *data, Size size, const Datum *values,
						  const bool *nulls, const uint64 *words);

/* All columns but the key of keyed stores. */
extern void cj_format_get_all(const CjFormat *format, const char *data, Datum *values, bool *nulls);

/* A CjSameKey whose arg is the format. */
extern bool cj_format_same(const CjStoredRow *a, const CjStoredRow *b, void *arg);

#endif							/* CJ_SCAN_FORMAT_H */
