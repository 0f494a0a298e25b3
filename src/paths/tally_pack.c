/*-------------------------------------------------------------------------
 *
 * tally_pack.c
 *		Tallies between their working and their packed form.
 *
 * Packing sorts names and entries, carries the digits of sums and leaves out
 * what is zero, so that equal counts give equal bytes however they came about.
 * Bytes from outside are accepted only if packing what was read gives them again.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "paths/tally.h"
#include "paths/varint.h"

#define DIGIT_BITS		32

/* An entry with the ranks of its names. */
typedef struct Line
{
	int32	   *key;
	int32		digit;
	int64		count;
} Line;

typedef struct Packing
{
	const CjTallyRef *ref;
	int			width;
	int32	   *order;			/* names, ascending */
	int32	   *rank;
	int32	   *keys;			/* of all entries, with ranks */
	Line	   *lines;
	int32		count;
	StringInfoData carried;		/* lines again, sums carried */
} Packing;

/* ---- sorting ---- */

static int
compare_names(const void *a, const void *b, void *arg)
{
	CHECK_FOR_INTERRUPTS();
	return cj_text_compare(cj_tally_text(arg, *(const int32 *) a), cj_tally_text(arg, *(const int32 *) b));
}

void
cj_tally_rank_names(const CjTallyRef *ref, int32 **order, int32 **rank)
{
	int32		names = ref->tally->names;

	*order = palloc_array(int32, names + 1);
	*rank = palloc_array(int32, names + 1);
	for (int32 i = 0; i < names; i++)
		(*order)[i] = i;
	qsort_arg(*order, names, sizeof(int32), compare_names, unconstify(CjTallyRef *, ref));
	for (int32 i = 0; i < names; i++)
		(*rank)[(*order)[i]] = i;
}

/* What is counted, by what, and last the digit. */
static int
compare_lines(const void *a, const void *b, void *arg)
{
	const int32 *x = ((const Line *) a)->key;
	const int32 *y = ((const Line *) b)->key;
	int			width = *(const int *) arg;

	if (x[0] != y[0])
		return x[0] < y[0] ? -1 : 1;
	for (int j = 2; j < width; j++)
		if (x[j] != y[j])
			return x[j] < y[j] ? -1 : 1;
	return (x[1] > y[1]) - (x[1] < y[1]);
}

static void
sort_lines(Packing *packing)
{
	const CjTallyRef *ref = packing->ref;
	int			width = packing->width;

	packing->keys = palloc_extended(((Size) ref->tally->entries * width + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	packing->lines = palloc_extended(((Size) ref->tally->entries + 1) * sizeof(Line), MCXT_ALLOC_HUGE);
	packing->count = 0;
	for (int32 i = 0; i < ref->tally->entries; i++)
	{
		int32	   *key = packing->keys + (Size) i * width;

		if (ref->parts.counts[i] == 0)
			continue;
		memcpy(key, ref->parts.keys + (Size) i * width, width * sizeof(int32));
		for (int j = 2; j < width; j++)
			if (cj_tally_named(key[j]))
				key[j] = packing->rank[key[j] & ~CJ_TALLY_NAME] | CJ_TALLY_NAME;
		packing->lines[packing->count].key = key;
		packing->lines[packing->count].digit = key[1];
		packing->lines[packing->count++].count = ref->parts.counts[i];
	}
	CHECK_FOR_INTERRUPTS();
	qsort_arg(packing->lines, packing->count, sizeof(Line), compare_lines, &width);
}

/* ---- sums ---- */

/* Carries digits upwards so that all but the last are 0 .. 2^32 - 1; returns that. */
static int64
carry_digits(const int64 *from, int sign, int64 *digits)
{
	int64		carry = 0;

	for (int d = 0; d < CJ_DIGITS; d++)
	{
		int64		value = sign * from[d] + carry;

		carry = value >= 0 ? value >> DIGIT_BITS : -((-value + INT64CONST(0xffffffff)) >> DIGIT_BITS);
		digits[d] = value - carry * (INT64CONST(1) << DIGIT_BITS);
	}
	return carry;
}

/* The canonical digits of a sum. */
static void
canonical_digits(int64 *digits)
{
	int64		carried[CJ_DIGITS];
	int			sign = 1;

	if (carry_digits(digits, 1, carried) < 0)
	{
		sign = -1;
		carry_digits(digits, -1, carried);
	}
	for (int d = 0; d < CJ_DIGITS; d++)
		digits[d] = sign * carried[d];
}

static void
keep_line(Packing *packing, int32 *key, int32 digit, int64 count)
{
	Line		line = {key, digit, count};

	if (count != 0)
		appendBinaryStringInfo(&packing->carried, (const char *) &line, sizeof(line));
}

/* Keeps the sum that begins at line i; returns the line after it. */
static int32
keep_sum(Packing *packing, int32 i)
{
	int64		digits[CJ_DIGITS + 3];
	int32	   *key = packing->lines[i].key;

	memset(digits, 0, sizeof(digits));
	for (; i < packing->count; i++)
	{
		const int32 *other = packing->lines[i].key;

		if (other[0] != key[0] || memcmp(other + 2, key + 2, (packing->width - 2) * sizeof(int32)) != 0)
			break;
		digits[packing->lines[i].digit] = packing->lines[i].count;
	}
	canonical_digits(digits);
	for (int d = 0; d < CJ_DIGITS + 3; d++)
		keep_line(packing, key, d, digits[d]);
	return i;
}

static void
carry_lines(Packing *packing)
{
	initStringInfo(&packing->carried);
	for (int32 i = 0; i < packing->count;)
	{
		Line	   *line = &packing->lines[i];

		if ((line->key[0] & CJ_TALLY_SUM) != 0)
			i = keep_sum(packing, i);
		else
		{
			keep_line(packing, line->key, 0, line->count);
			i++;
		}
	}
	packing->lines = (Line *) packing->carried.data;
	packing->count = packing->carried.len / sizeof(Line);
}

/* ---- packing ---- */

/* Writes the names in use; ranks become those among them. */
static void
put_names(Packing *packing, StringInfo to)
{
	int32		names = packing->ref->tally->names;
	bool	   *used = palloc0_array(bool, names + 1);
	int32		count = 0;

	for (int32 i = 0; i < packing->count; i++)
		for (int j = 2; j < packing->width; j++)
			if (cj_tally_named(packing->lines[i].key[j]))
				used[packing->lines[i].key[j] & ~CJ_TALLY_NAME] = true;
	for (int32 i = 0; i < names; i++)
	{
		packing->rank[i] = count;
		count += used[i];
	}
	cj_put_number(to, count);
	for (int32 i = 0; i < names; i++)
		if (used[i])
			cj_put_text(to, cj_tally_text(packing->ref, packing->order[i]));
	pfree(used);
}

static void
put_line(const Packing *packing, StringInfo to, const Line *line)
{
	cj_put_number(to, line->key[0]);
	cj_put_number(to, line->digit);
	for (int j = 2; j < packing->width; j++)
	{
		int32		key = line->key[j];

		cj_put_number(to, cj_tally_named(key) ? 2 * (uint64) packing->rank[key & ~CJ_TALLY_NAME] + 1 :
					  2 * (uint64) key);
	}
	cj_put_number(to, ((uint64) line->count << 1) ^ (uint64) (line->count >> 63));
}

static void
pack_entries(const CjTallyRef *ref, StringInfo to)
{
	Packing		packing;

	packing.ref = ref;
	packing.width = ref->tally->width;
	cj_tally_rank_names(ref, &packing.order, &packing.rank);
	sort_lines(&packing);
	carry_lines(&packing);
	put_names(&packing, to);
	cj_put_number(to, packing.count);
	for (int32 i = 0; i < packing.count; i++)
	{
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		put_line(&packing, to, &packing.lines[i]);
	}
	pfree(packing.order);
	pfree(packing.rank);
	pfree(packing.keys);
	pfree(packing.lines);
}

struct varlena *
cj_tally_pack(const CjTallyRef *ref)
{
	StringInfoData to;

	initStringInfo(&to);
	appendStringInfoSpaces(&to, VARHDRSZ);
	appendStringInfoChar(&to, CJ_TALLY_PACKED);
	appendStringInfoChar(&to, (char) ref->tally->kind);
	appendStringInfoChar(&to, (char) ref->tally->width);
	cj_put_text(&to, cj_tally_options(ref));
	if (ref->tally->width == 0)
		cj_tally_pack_paths(ref, &to);
	else
		pack_entries(ref, &to);
	SET_VARSIZE(to.data, to.len);
	return (struct varlena *) to.data;
}

/* ---- unpacking ---- */

static void
unpack_names(CjTallyRef *ref, CjReader *reader)
{
	int64		count = cj_get_limited(reader, reader->end - reader->at);

	for (int64 i = 0; i < count && reader->fault == NULL; i++)
	{
		CjText		name = cj_get_text(reader, CJ_MAX_NAME);

		if (reader->fault != NULL)
			return;
		if (!pg_verify_mbstr(GetDatabaseEncoding(), name.data, name.len, true))
			reader->fault = "A name is not valid text.";
		else if (cj_tally_name(ref, name) != ((int32) i | CJ_TALLY_NAME))
			reader->fault = "A name occurs twice.";
	}
}

static void
unpack_key(const CjTallyRef *ref, CjReader *reader, int32 *key)
{
	key[0] = (int32) cj_get_limited(reader, 2 * CJ_TALLY_SUM - 1);
	key[1] = (int32) cj_get_limited(reader, (key[0] & CJ_TALLY_SUM) != 0 ? CJ_DIGITS + 2 : 0);
	for (int j = 2; j < ref->tally->width; j++)
	{
		int64		number = cj_get_limited(reader, 2 * (int64) CJ_TALLY_NAME - 1);

		key[j] = (int32) (number >> 1);
		if ((number & 1) == 0)
			continue;
		if (key[j] >= ref->tally->names && reader->fault == NULL)
			reader->fault = "A key has a name that there is not.";
		key[j] |= CJ_TALLY_NAME;
	}
}

static void
unpack_entries(CjTallyRef *ref, CjReader *reader)
{
	int64		count = cj_get_limited(reader, reader->end - reader->at);
	int32		key[CJ_TALLY_WIDTH];

	for (int64 i = 0; i < count && reader->fault == NULL; i++)
	{
		uint64		zigzag;
		int64		number;

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		unpack_key(ref, reader, key);
		zigzag = cj_get_number(reader);
		number = (int64) (zigzag >> 1) ^ -(int64) (zigzag & 1);
		if (reader->fault != NULL)
			return;
		if ((key[0] & CJ_TALLY_SUM) != 0 && key[1] < CJ_DIGITS ?
			number > INT64CONST(0xffffffff) || number < -INT64CONST(0xffffffff) : number < 0)
			reader->fault = "A count is out of range.";
		else
			cj_tally_add(ref, key, number);
		if (ref->tally->entries != i + 1)
			reader->fault = "A key occurs twice.";
	}
}

const char *
cj_tally_unpack(CjTallyRef *ref, const uint8 *body, Size size)
{
	CjReader	reader = {body, body + size, NULL};
	CjText		options;

	if (size < 3 || body[0] != CJ_TALLY_PACKED)
		return "It has an unknown format version.";
	if (body[1] == CJ_TALLY_PATHS ? body[2] != 0 : body[2] < 3 || body[2] > CJ_TALLY_WIDTH)
		return "Its width is out of range.";
	reader.at += 3;
	options = cj_get_text(&reader, MaxAllocSize / 2);
	if (reader.fault != NULL)
		return reader.fault;
	cj_tally_create(ref, (CjTallyKind) body[1], body[2], options);
	unpack_names(ref, &reader);
	if (reader.fault == NULL && ref->tally->width == 0)
		cj_tally_unpack_paths(ref, &reader);
	else if (reader.fault == NULL)
		unpack_entries(ref, &reader);
	return reader.fault;
}

const char *
cj_tally_unpack_checked(CjTallyRef *ref, const uint8 *body, Size size)
{
	const char *fault = cj_tally_unpack(ref, body, size);
	struct varlena *again;

	if (fault != NULL)
		return fault;
	again = cj_tally_pack(ref);
	if (VARSIZE(again) - VARHDRSZ != size || memcmp(VARDATA(again), body, size) != 0)
		return "It is not in canonical order.";
	pfree(again);
	return NULL;
}

void
cj_tally_sort(CjTallyRef *to, const CjTallyRef *from)
{
	struct varlena *packed = cj_tally_pack(from);
	const char *fault = cj_tally_unpack(to, (uint8 *) VARDATA(packed), VARSIZE(packed) - VARHDRSZ);

	if (fault != NULL)
		elog(ERROR, "path counts do not pack: %s", fault);
	pfree(packed);
}
