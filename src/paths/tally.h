/*-------------------------------------------------------------------------
 *
 * tally.h
 *		Counts by names and numbers: the state of aggregates that only count.
 *
 * A tally is a table from keys to 64-bit counts.  A key is "width" numbers:
 *
 *	key[0]	what is counted; with CJ_TALLY_SUM it is a sum
 *	key[1]	0; of a sum, the digit that the count is
 *	key[2..] what it is counted by: numbers below 2^30, or names
 *
 * A sum is exact: digit d, of base 2^32, counts multiples of 2^(32 (d - 36)), so
 * that every double (and every number of microseconds) adds without rounding, in
 * whatever order.  Three more digits count infinities and NaN.  Tallies of equal
 * options are merged by adding their counts: however the rows are split, the
 * merged tally packs to the same bytes as that of one pass.
 *
 * A tally of paths has width 0, and instead of keys paths: each a row of names, with
 * a count and a sum of microseconds.
 *
 * Packed (what is stored and sent; all numbers as in varint.h):
 *
 *	byte	form: CJ_TALLY_PACKED
 *	byte	kind: CjTallyKind
 *	byte	width
 *	text	options: as the kind writes them
 *	number	names, each a text; ascending, all of them in use
 *	number	entries, each: width numbers (2 n for a number, 2 rank + 1 for a
 *			name), then the count, zigzag; not 0; by key[0], then key[2..], then
 *			the digit; the digits of a sum are below 2^32 and have one sign.
 *			With width 0: a text, the ranks of its names as numbers; then the
 *			count, not 0, and the upper and the lower 64 bits of the sum, the
 *			upper less than the count; by the bytes of the texts
 *
 * Working (states of aggregates, edited in place, of this process or another of
 * the same server): the header below, then the regions of CjTallyParts, with
 * room to grow; a tally that is full moves to one twice as large.
 *
 * Large (states of aggregates that outgrow 64 kB): an expanded object with a working
 * tally in a memory context of its own, where it grows without being copied.
 * Flattened, it is the working tally.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_TALLY_H
#define CJ_PATHS_TALLY_H

#include "utils/expandeddatum.h"

#include "common/text.h"
#include "paths/graph.h"
#include "paths/varint.h"

#define CJ_TALLY_PACKED		1
#define CJ_TALLY_WORKING	2

typedef enum CjTallyKind
{
	CJ_TALLY_FLOW = 1,
	CJ_TALLY_ATTRIBUTION = 2,
	CJ_TALLY_PATHS = 3
} CjTallyKind;

#define CJ_TALLY_SUM		0x100
#define CJ_TALLY_NAME		0x40000000	/* in a key: the rest is a name's code */
#define CJ_TALLY_WIDTH		(CJ_MAX_DEPTH + 3)	/* greatest */

#define CJ_DIGITS			72
#define CJ_DIGIT_ONE		36	/* counts ones */
#define CJ_DIGIT_INFINITY	72	/* and -infinity, and NaN */

typedef struct CjTally
{
	int32		vl_len_;
	uint8		form;
	uint8		kind;
	uint8		width;
	uint8		unused;
	int32		options;		/* bytes of the options */
	int32		names;			/* used, and room */
	int32		names_room;
	int32		bytes;
	int32		bytes_room;
	int32		entries;
	int32		entries_room;
} CjTally;

typedef struct CjTallyName
{
	uint32		start;			/* in the names' bytes */
	uint32		len;
	uint32		hash;
} CjTallyName;

/* An entry of a tally of paths. */
typedef struct CjTallyPath
{
	uint32		start;			/* in the names' bytes: codes as numbers */
	uint32		len;
	uint32		hash;
	int32		steps;
	int64		count;
	CjSum		time;
} CjTallyPath;

/* Where a path is found: most that are not it differ in their hash. */
typedef struct CjTallySlot
{
	uint32		hash;
	int32		entry;			/* + 1 */
} CjTallySlot;

/* Where the regions are. */
typedef struct CjTallyParts
{
	/* with width 0 */
	uint8	   *hints;			/* code + 1 of a name found last, by
								 * cj_text_hint */
	CjTallyPath *paths;
	CjTallySlot *path_slots;	/* open addressing, 2 * room */

	/* else */
	int64	   *counts;
	int32	   *keys;			/* width an entry */
	int32	   *slots;			/* open addressing, entry + 1, 2 * room */
	CjTallyName *names;
	int32	   *name_slots;		/* likewise */
	char	   *options;
	char	   *bytes;
} CjTallyParts;

typedef struct CjLargeTally
{
	ExpandedObjectHeader header;
	CjTally    *tally;
} CjLargeTally;

/* A tally at hand: functions that may move it take a pointer to this. */
typedef struct CjTallyRef
{
	CjTally    *tally;
	CjTallyParts parts;
	CjTally    *borrowed;		/* not to be freed when the tally moves */
	CjLargeTally *large;		/* whose it is, or NULL */
	MemoryContext context;		/* above that of a tally that gets large;
								 * NULL: it does not */
} CjTallyRef;

extern void cj_tally_create(CjTallyRef *ref, CjTallyKind kind, int width, CjText options);
extern void cj_tally_borrow(CjTallyRef *ref, CjTally *tally);

/* An expanded state; it may be edited if the pointer allows it. */
extern void cj_tally_borrow_expanded(CjTallyRef *ref, Datum state);

/* The value that a state is. */
extern Datum cj_tally_state(const CjTallyRef *ref);

/* The options' bytes. */
extern CjText cj_tally_options(const CjTallyRef *ref);

/* Makes room for more than there is; the tally moves to a larger copy. */
extern void cj_tally_make_room(CjTallyRef *ref, int32 names, int64 bytes, int32 entries);

/* A name as a number of keys, and back. */
extern int32 cj_tally_name(CjTallyRef *ref, CjText name);
extern int32 cj_tally_find_name(const CjTallyRef *ref, CjText name);	/* or -1 */
extern CjText cj_tally_text(const CjTallyRef *ref, int32 key);

static inline bool
cj_tally_named(int32 key)
{
	return (key & CJ_TALLY_NAME) != 0;
}

/* Adds to a count; of a sum, to the digit that key[1] says. */
extern void cj_tally_add(CjTallyRef *ref, int32 *key, int64 count);

/* Adds to a sum; key[1] is overwritten. */
extern void cj_tally_add_double(CjTallyRef *ref, int32 *key, double number);
extern void cj_tally_add_integer(CjTallyRef *ref, int32 *key, uint64 number);

/* A name's code in a tally of width 0: found at once if it was found before. */
static inline uint32
cj_tally_code(CjTallyRef *ref, CjText name)
{
	uint8	   *hint = &ref->parts.hints[cj_text_hint(name)];
	int32		code = (int32) *hint - 1;

	if (code >= 0)
	{
		const CjTallyName *entry = &ref->parts.names[code];

		if (entry->len == (uint32) name.len &&
			memcmp(ref->parts.bytes + entry->start, name.data, name.len) == 0)
			return code;
	}
	code = cj_tally_name(ref, name) & ~CJ_TALLY_NAME;
	ref->parts.hints[cj_text_hint(name)] = code < PG_UINT8_MAX ? (uint8) (code + 1) : 0;
	return code;
}

/* Puts a path where its hash is looked for. */
static inline void
cj_tally_put_path(const CjTallyRef *ref, uint32 hash, int32 entry)
{
	uint32		mask = 2 * (uint32) ref->tally->entries_room - 1;
	uint32		at = hash & mask;

	while (ref->parts.path_slots[at].entry != 0)
		at = (at + 1) & mask;
	ref->parts.path_slots[at].hash = hash;
	ref->parts.path_slots[at].entry = entry + 1;
}

/* Adds to a path of a tally of width 0: codes of names, as cj_tally_put_code writes them. */
extern void cj_tally_add_path(CjTallyRef *ref, CjText path, int32 steps, int64 count, CjSum time);

static inline char *
cj_tally_put_code(char *to, uint32 code)
{
	for (; code >= 0x80; code >>= 7)
		*to++ = (char) (0x80 | (code & 0x7f));
	*to++ = (char) code;
	return to;
}

static inline uint32
cj_tally_get_code(const char **from)
{
	uint32		code = 0;
	int			shift = 0;
	uint8		byte;

	do
	{
		byte = (uint8) *(*from)++;
		code |= (uint32) (byte & 0x7f) << shift;
		shift += 7;
	} while (byte >= 0x80 && shift < 32);
	return code;
}

static inline CjText
cj_tally_path(const CjTallyRef *ref, int32 entry)
{
	const CjTallyPath *path = &ref->parts.paths[entry];
	CjText		codes = {ref->parts.bytes + path->start, (int32) path->len};

	return codes;
}

/* Adds all counts of b to a; error 22023 if their options differ. */
extern void cj_tally_merge(CjTallyRef *a, const CjTallyRef *b, const char *function);

/* ---- reading: only of tallies that cj_tally_unpack or cj_tally_sort made ---- */

/* Entry i's digits' end: entries i .. end - 1 are one count or one sum. */
extern int32 cj_tally_end(const CjTallyRef *ref, int32 i);

/* The sum whose digits are entries i .. end - 1, rounded once. */
extern double cj_tally_double(const CjTallyRef *ref, int32 i, int32 end);
extern CjSum cj_tally_integer(const CjTallyRef *ref, int32 i, int32 end);

/* ---- tally_paths.c ---- */

extern void cj_tally_merge_paths(CjTallyRef *a, const CjTallyRef *b, const int32 *codes);

/* What comes after the options. */
extern void cj_tally_pack_paths(const CjTallyRef *ref, StringInfo to);
extern void cj_tally_unpack_paths(CjTallyRef *ref, CjReader *reader);

/* ---- tally_pack.c ---- */

/* Names in order, and the place of each in it. */
extern void cj_tally_rank_names(const CjTallyRef *ref, int32 **order, int32 **rank);

extern struct varlena *cj_tally_pack(const CjTallyRef *ref);

/* NULL, or what is wrong with the bytes; whether keys make sense is not checked. */
extern const char *cj_tally_unpack(CjTallyRef *ref, const uint8 *body, Size size);

/* The same for bytes from outside, which must be those that packing gives. */
extern const char *cj_tally_unpack_checked(CjTallyRef *ref, const uint8 *body, Size size);

/* Names and entries in canonical order, sums carried: a copy. */
extern void cj_tally_sort(CjTallyRef *to, const CjTallyRef *from);

#endif							/* CJ_PATHS_TALLY_H */
