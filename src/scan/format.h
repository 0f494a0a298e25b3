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
	int			nfixed;			/* the first ones are by value */
	CjColumn   *columns;
	int			nwords;
	const CjWord *words;
	uint32		nulls;			/* offset of the bits */
	uint32		null_bytes;
	uint32		fixed_size;		/* of both, not aligned */
	int			nkeys;
	CjKey	   *keys;
	bool		word_key;		/* one bitwise key of 8 bytes, at offset 0 */
	MemoryContext scratch;		/* for hash and equality functions */
} CjFormat;

/*
 * For these columns, of which only source, target, len, byval, align and word need
 * be set; there is one for each word.  Keys are told by their targets, from 1;
 * operators are those of hashable equality.  "scratch" is reset at will.
 */
extern CjFormat *cj_format_create(CjColumn *columns, int ncolumns, const CjWord *words,
								  int nkeys, const AttrNumber *key_columns,
								  const Oid *equality, const Oid *collations,
								  MemoryContext scratch);

/* If "idle", the row may be left out unless it is the first of its group. */
extern void cj_format_store(CjFormat *format, CjStore *store, const Datum *values,
							const bool *nulls, const uint64 *words, bool idle);
extern void cj_format_load(const CjFormat *format, const CjStoredRow *row, Datum *values,
						   bool *nulls);

/* Is a column, in the format's order, NULL? */
static inline bool
cj_format_null(const CjFormat *format, const CjStoredRow *row, int column)
{
	return (row->data[format->nulls + column / 8] >> column % 8) & 1;
}

/* A CjSameKey whose arg is the format. */
extern bool cj_format_same(const CjStoredRow *a, const CjStoredRow *b, void *arg);

#endif							/* CJ_SCAN_FORMAT_H */
