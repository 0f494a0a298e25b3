/*-------------------------------------------------------------------------
 *
 * tally.c
 *		Counts by names and numbers: the table, exact sums, merging.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "paths/tally.h"

#define FIRST_NAMES		8
#define FIRST_BYTES		64
#define FIRST_ENTRIES	32
#define FIRST_PATHS		4

/* From this size on a context of its own is no matter. */
#define LARGE_SIZE		(64 * 1024)

/* A digit is carried when it comes near what an int64 holds. */
#define DIGIT_BITS		32
#define DIGIT_MASK		UINT64CONST(0xffffffff)
#define FULL_DIGIT		(INT64CONST(1) << 61)

/* ---- memory ---- */

static void *
take(char **at, uint64 count, Size size)
{
	void	   *region = *at;

	*at += MAXALIGN(count * size);
	return region;
}

/* Places the regions; returns the size of the whole. */
static Size
place_parts(CjTally *tally, CjTallyParts *parts)
{
	char	   *at = (char *) tally + MAXALIGN(sizeof(CjTally));

	if (tally->width == 0)
	{
		parts->hints = take(&at, CJ_TEXT_HINTS, sizeof(uint8));
		parts->paths = take(&at, tally->entries_room, sizeof(CjTallyPath));
		parts->path_slots = take(&at, 2 * (uint64) tally->entries_room, sizeof(CjTallySlot));
	}
	else
	{
		parts->counts = take(&at, tally->entries_room, sizeof(int64));
		parts->keys = take(&at, (uint64) tally->entries_room * tally->width, sizeof(int32));
		parts->slots = take(&at, 2 * (uint64) tally->entries_room, sizeof(int32));
	}
	parts->names = take(&at, tally->names_room, sizeof(CjTallyName));
	parts->name_slots = take(&at, 2 * (uint64) tally->names_room, sizeof(int32));
	parts->options = take(&at, tally->options, 1);
	parts->bytes = take(&at, tally->bytes_room, 1);
	return at - (char *) tally;
}

static Size
size_of(const CjTally *sizes)
{
	CjTally		copy = *sizes;
	CjTallyParts parts;

	return place_parts(&copy, &parts);
}

static void
check_size(Size size, bool large, const CjTally *tally)
{
	if (large ? AllocHugeSizeIsValid(size) : AllocSizeIsValid(size))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("path counts would be larger than %s", large ? "2 GB of names and paths" : "1 GB"),
			 errdetail("They have %d names and %d entries.", tally->names, tally->entries),
			 errhint("Use fewer steps or a smaller depth, or rename rare names to one with journey_rename.")));
}

static CjTally *
allocate(const CjTally *like)
{
	Size		size = size_of(like);
	CjTally    *tally;

	check_size(size, false, like);
	tally = palloc0(size);
	*tally = *like;
	SET_VARSIZE(tally, size);
	return tally;
}

static int32
room_for(int32 room, int64 need)
{
	while (room < need && room < (1 << 30))
		room *= 2;
	return room;
}

/* Room twice as large, or as large as can be. */
static CjTally
sizes_for(const CjTally *tally, int64 names, int64 bytes, int64 entries)
{
	CjTally		want = *tally;

	names += tally->names;
	bytes += tally->bytes;
	entries += tally->entries;
	want.names_room = room_for(tally->names_room, names);
	want.bytes_room = room_for(tally->bytes_room, bytes);
	want.entries_room = room_for(tally->entries_room, entries);
	if (want.bytes_room < bytes)
		want.bytes_room = PG_INT32_MAX;
	if (want.bytes_room < bytes || want.entries_room < entries || want.names_room < names)
		check_size(SIZE_MAX, true, tally);
	return want;
}

/* Near the limit of a value the bytes have only as much room to grow as there is. */
static void
fit_bytes(CjTally *want, int64 need)
{
	Size		size = size_of(want);
	int64		room = (int64) MaxAllocSize - (int64) (size - want->bytes_room) - MAXIMUM_ALIGNOF;

	if (!AllocSizeIsValid(size) && room >= need)
		want->bytes_room = (int32) room;
}

/* ---- tables ---- */

static void
put_slot(int32 *slots, int32 room, uint32 hash, int32 entry)
{
	uint32		mask = 2 * (uint32) room - 1;

	for (hash &= mask; slots[hash] != 0; hash = (hash + 1) & mask)
		;
	slots[hash] = entry + 1;
}

static inline uint32
hash_key(const int32 *key, int width)
{
	return hash_bytes((const unsigned char *) key, width * sizeof(int32));
}

static void
fill_slots(CjTallyRef *ref)
{
	const CjTally *tally = ref->tally;

	for (int32 i = 0; i < tally->names; i++)
		put_slot(ref->parts.name_slots, tally->names_room, ref->parts.names[i].hash, i);
	if (tally->width == 0)
		for (int32 i = 0; i < tally->entries; i++)
			cj_tally_put_path(ref, ref->parts.paths[i].hash, i);
	else
		for (int32 i = 0; i < tally->entries; i++)
			put_slot(ref->parts.slots, tally->entries_room,
					 hash_key(ref->parts.keys + (Size) i * tally->width, tally->width), i);
}

/* Moves all but the slots, the last region first: "to" may be "from" with more room. */
static void
move_parts(const CjTally *tally, const CjTallyParts *from, const CjTallyParts *to)
{
	memmove(to->bytes, from->bytes, tally->bytes);
	memmove(to->options, from->options, tally->options);
	memmove(to->names, from->names, tally->names * sizeof(CjTallyName));
	if (tally->width == 0)
	{
		memmove(to->paths, from->paths, tally->entries * sizeof(CjTallyPath));
		memmove(to->hints, from->hints, CJ_TEXT_HINTS);
		return;
	}
	memmove(to->keys, from->keys, (Size) tally->entries * tally->width * sizeof(int32));
	memmove(to->counts, from->counts, tally->entries * sizeof(int64));
}

/* The tally in a larger copy, which is a value. */
static void
grow_value(CjTallyRef *ref, const CjTally *want)
{
	CjTally    *old = ref->tally;
	CjTallyParts from = ref->parts;

	ref->tally = allocate(want);
	place_parts(ref->tally, &ref->parts);
	move_parts(old, &from, &ref->parts);
	fill_slots(ref);
	if (old != ref->borrowed)
		pfree(old);
}

/* Flattened, it has no more room for bytes, which come last. */
static Size
flat_size(ExpandedObjectHeader *header)
{
	CjTally		sizes = *((CjLargeTally *) header)->tally;
	Size		size;

	sizes.bytes_room = sizes.bytes;
	size = size_of(&sizes);
	check_size(size, false, &sizes);
	return size;
}

static void
flatten(ExpandedObjectHeader *header, void *to, Size size)
{
	CjTally    *tally = to;
	CjTallyParts parts;

	memcpy(to, ((CjLargeTally *) header)->tally, size);
	SET_VARSIZE(to, size);
	tally->bytes_room = tally->bytes;
	place_parts(tally, &parts);
	Assert(tally->width == 0);

	/* room that nothing was written to yet must not be seen elsewhere */
	memset(parts.paths + tally->entries, 0,
		   ((Size) tally->entries_room - tally->entries) * sizeof(CjTallyPath));
	memset(parts.names + tally->names, 0,
		   ((Size) tally->names_room - tally->names) * sizeof(CjTallyName));
	memset(parts.options + tally->options, 0, parts.bytes - parts.options - tally->options);
	memset(parts.bytes + tally->bytes, 0, (char *) to + size - parts.bytes - tally->bytes);
}

static const ExpandedObjectMethods large_methods = {
	.get_flat_size = flat_size,
	.flatten_into = flatten,
};

/* Makes the tally a large one, of this size. */
static void
make_large(CjTallyRef *ref, Size size)
{
	MemoryContext context = AllocSetContextCreate(ref->context, "large path counts",
												  ALLOCSET_DEFAULT_SIZES);
	CjLargeTally *large = MemoryContextAllocZero(context, sizeof(CjLargeTally));

	EOH_init_header(&large->header, &large_methods, context);
	large->tally = MemoryContextAllocHuge(context, size);
	memcpy(large->tally, ref->tally, size_of(ref->tally));
	if (ref->tally != ref->borrowed)
		pfree(ref->tally);
	ref->borrowed = NULL;
	ref->large = large;
}

/* A large tally where it is, or one that becomes large, with more room. */
static void
grow_large(CjTallyRef *ref, const CjTally *want)
{
	Size		size = size_of(want);
	CjTally		old = *ref->tally;
	CjTally    *tally;
	CjTallyParts from;

	check_size(size, true, &old);
	if (ref->large == NULL)
		make_large(ref, size);
	else
		ref->large->tally = repalloc_huge(ref->large->tally, size);
	ref->tally = tally = ref->large->tally;
	place_parts(tally, &from);
	*tally = *want;
	place_parts(tally, &ref->parts);
	move_parts(&old, &from, &ref->parts);
	if (want->width == 0)
		memset(ref->parts.path_slots, 0, 2 * (Size) want->entries_room * sizeof(CjTallySlot));
	else
		memset(ref->parts.slots, 0, 2 * (Size) want->entries_room * sizeof(int32));
	memset(ref->parts.name_slots, 0, 2 * (Size) want->names_room * sizeof(int32));
	fill_slots(ref);
}

void
cj_tally_make_room(CjTallyRef *ref, int32 names, int64 bytes, int32 entries)
{
	CjTally		want = sizes_for(ref->tally, names, bytes, entries);

	if (ref->large != NULL || (ref->context != NULL && size_of(&want) >= LARGE_SIZE))
		grow_large(ref, &want);
	else
	{
		fit_bytes(&want, ref->tally->bytes + bytes);
		grow_value(ref, &want);
	}
}

void
cj_tally_create(CjTallyRef *ref, CjTallyKind kind, int width, CjText options)
{
	CjTally		sizes;

	memset(&sizes, 0, sizeof(sizes));
	sizes.form = CJ_TALLY_WORKING;
	sizes.kind = (uint8) kind;
	sizes.width = (uint8) width;
	sizes.options = options.len;
	sizes.names_room = FIRST_NAMES;
	sizes.bytes_room = FIRST_BYTES;
	sizes.entries_room = width == 0 ? FIRST_PATHS : FIRST_ENTRIES;
	memset(ref, 0, sizeof(*ref));
	ref->tally = allocate(&sizes);
	place_parts(ref->tally, &ref->parts);
	memcpy(ref->parts.options, options.data, options.len);
}

void
cj_tally_borrow(CjTallyRef *ref, CjTally *tally)
{
	memset(ref, 0, sizeof(*ref));
	ref->tally = tally;
	ref->borrowed = tally;
	place_parts(tally, &ref->parts);
}

void
cj_tally_borrow_expanded(CjTallyRef *ref, Datum state)
{
	CjLargeTally *large = (CjLargeTally *) DatumGetEOHP(state);

	Assert(large->header.eoh_methods == &large_methods);
	cj_tally_borrow(ref, large->tally);
	if (!VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(state)))
		return;
	ref->borrowed = NULL;
	ref->large = large;
}

Datum
cj_tally_state(const CjTallyRef *ref)
{
	return ref->large != NULL ? EOHPGetRWDatum(&ref->large->header) : PointerGetDatum(ref->tally);
}

CjText
cj_tally_options(const CjTallyRef *ref)
{
	CjText		options = {ref->parts.options, ref->tally->options};

	return options;
}

static int32
find_name(const CjTallyRef *ref, CjText name, uint32 hash)
{
	uint32		mask = 2 * (uint32) ref->tally->names_room - 1;

	for (uint32 at = hash & mask; ref->parts.name_slots[at] != 0; at = (at + 1) & mask)
	{
		const CjTallyName *entry = &ref->parts.names[ref->parts.name_slots[at] - 1];

		if (entry->hash == hash && entry->len == (uint32) name.len &&
			memcmp(ref->parts.bytes + entry->start, name.data, name.len) == 0)
			return (ref->parts.name_slots[at] - 1) | CJ_TALLY_NAME;
	}
	return -1;
}

int32
cj_tally_find_name(const CjTallyRef *ref, CjText name)
{
	return find_name(ref, name, hash_bytes((const unsigned char *) name.data, name.len));
}

int32
cj_tally_name(CjTallyRef *ref, CjText name)
{
	uint32		hash = hash_bytes((const unsigned char *) name.data, name.len);
	int32		found = find_name(ref, name, hash);
	CjTally    *tally = ref->tally;
	CjTallyName *entry;

	if (found >= 0)
		return found;
	if (tally->names == tally->names_room || tally->bytes + (int64) name.len > tally->bytes_room)
		cj_tally_make_room(ref, 1, name.len, 0);
	tally = ref->tally;
	entry = &ref->parts.names[tally->names];
	entry->start = tally->bytes;
	entry->len = name.len;
	entry->hash = hash;
	memcpy(ref->parts.bytes + entry->start, name.data, name.len);
	tally->bytes += name.len;
	put_slot(ref->parts.name_slots, tally->names_room, hash, tally->names);
	return tally->names++ | CJ_TALLY_NAME;
}

CjText
cj_tally_text(const CjTallyRef *ref, int32 key)
{
	const CjTallyName *entry = &ref->parts.names[key & ~CJ_TALLY_NAME];
	CjText		name = {ref->parts.bytes + entry->start, (int32) entry->len};

	return name;
}

/* ---- counting ---- */

static int32
find_entry(CjTallyRef *ref, const int32 *key)
{
	int			width = ref->tally->width;
	uint32		hash = hash_key(key, width);
	uint32		mask = 2 * (uint32) ref->tally->entries_room - 1;
	int32		entry;

	for (uint32 at = hash & mask; ref->parts.slots[at] != 0; at = (at + 1) & mask)
	{
		entry = ref->parts.slots[at] - 1;
		if (memcmp(ref->parts.keys + (Size) entry * width, key, width * sizeof(int32)) == 0)
			return entry;
	}
	if (ref->tally->entries == ref->tally->entries_room)
		cj_tally_make_room(ref, 0, 0, 1);
	entry = ref->tally->entries++;
	ref->parts.counts[entry] = 0;
	memcpy(ref->parts.keys + (Size) entry * width, key, width * sizeof(int32));
	put_slot(ref->parts.slots, ref->tally->entries_room, hash, entry);
	return entry;
}

void
cj_tally_add(CjTallyRef *ref, int32 *key, int64 count)
{
	int32		entry = find_entry(ref, key);
	int64	   *to = &ref->parts.counts[entry];
	int32		digit = key[1];

	if (pg_add_s64_overflow(*to, count, to) || ((key[0] & CJ_TALLY_SUM) != 0 && digit == CJ_DIGITS - 1 &&
												(*to >= FULL_DIGIT || *to <= -FULL_DIGIT)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("path counts are out of range")));
	if ((key[0] & CJ_TALLY_SUM) != 0 && digit < CJ_DIGITS - 1 && (*to >= FULL_DIGIT || *to <= -FULL_DIGIT))
	{
		int64		carry = *to / ((int64) DIGIT_MASK + 1);

		*to -= carry * ((int64) DIGIT_MASK + 1);
		key[1] = digit + 1;
		cj_tally_add(ref, key, carry);
		key[1] = digit;
	}
}

static void
add_digit(CjTallyRef *ref, int32 *key, int digit, int64 count)
{
	if (count == 0)
		return;
	key[1] = digit;
	cj_tally_add(ref, key, count);
}

/* Adds sign * number * 2^(position - 32 * CJ_DIGIT_ONE). */
static void
add_bits(CjTallyRef *ref, int32 *key, uint64 number, int position, int sign)
{
	int			digit = position / DIGIT_BITS;
	int			shift = position % DIGIT_BITS;
	uint64		low = (number & DIGIT_MASK) << shift;
	uint64		high = ((number >> DIGIT_BITS) << shift) + (low >> DIGIT_BITS);

	add_digit(ref, key, digit, sign * (int64) (low & DIGIT_MASK));
	add_digit(ref, key, digit + 1, sign * (int64) (high & DIGIT_MASK));
	add_digit(ref, key, digit + 2, sign * (int64) (high >> DIGIT_BITS));
}

void
cj_tally_add_double(CjTallyRef *ref, int32 *key, double number)
{
	int			exponent;
	double		fraction;

	if (isnan(number))
		add_digit(ref, key, CJ_DIGIT_INFINITY + 2, 1);
	else if (isinf(number))
		add_digit(ref, key, CJ_DIGIT_INFINITY + (number < 0), 1);
	else if (number != 0)
	{
		fraction = frexp(fabs(number), &exponent);
		add_bits(ref, key, (uint64) ldexp(fraction, 53),
				 exponent - 53 + DIGIT_BITS * CJ_DIGIT_ONE, number < 0 ? -1 : 1);
	}
}

void
cj_tally_add_integer(CjTallyRef *ref, int32 *key, uint64 number)
{
	add_bits(ref, key, number, DIGIT_BITS * CJ_DIGIT_ONE, 1);
}

void
cj_tally_merge(CjTallyRef *a, const CjTallyRef *b, const char *function)
{
	const CjTally *from = b->tally;
	int			width = from->width;
	int32	   *codes = palloc_array(int32, from->names + 1);
	int32		key[CJ_TALLY_WIDTH];

	if (a->tally->kind != from->kind || a->tally->width != from->width ||
		a->tally->options != from->options ||
		memcmp(a->parts.options, b->parts.options, from->options) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("states of %s with different options do not combine", function),
				 errhint("Make both with the same options.")));
	for (int32 i = 0; i < from->names; i++)
		codes[i] = cj_tally_name(a, cj_tally_text(b, i));
	if (width == 0)
		cj_tally_merge_paths(a, b, codes);
	for (int32 i = 0; i < from->entries && width > 0; i++)
	{
		if ((i & 0x3ff) == 0x3ff)
			CHECK_FOR_INTERRUPTS();
		memcpy(key, b->parts.keys + (Size) i * width, width * sizeof(int32));
		for (int j = 2; j < width; j++)
			if (cj_tally_named(key[j]))
				key[j] = codes[key[j] & ~CJ_TALLY_NAME];
		cj_tally_add(a, key, b->parts.counts[i]);
	}
	pfree(codes);
}

/* ---- reading ---- */

int32
cj_tally_end(const CjTallyRef *ref, int32 i)
{
	int			width = ref->tally->width;
	const int32 *key = ref->parts.keys + (Size) i * width;
	int32		end = i + 1;

	if ((key[0] & CJ_TALLY_SUM) == 0)
		return end;
	for (; end < ref->tally->entries; end++)
	{
		const int32 *other = ref->parts.keys + (Size) end * width;

		if (other[0] != key[0] || memcmp(other + 2, key + 2, (width - 2) * sizeof(int32)) != 0)
			break;
	}
	return end;
}

/* The digits of a sum in their places. */
static void
place_digits(const CjTallyRef *ref, int32 i, int32 end, int64 *digits)
{
	memset(digits, 0, (CJ_DIGITS + 3) * sizeof(int64));
	for (; i < end; i++)
		digits[ref->parts.keys[(Size) i * ref->tally->width + 1]] = ref->parts.counts[i];
}

double
cj_tally_double(const CjTallyRef *ref, int32 i, int32 end)
{
	int64		digits[CJ_DIGITS + 3];
	const int64 *infinities = digits + CJ_DIGIT_INFINITY;
	int			top = CJ_DIGITS - 1;
	int			shift;
	bool		negative;
	uint64		bits;
	uint64		next;

	place_digits(ref, i, end, digits);
	if (infinities[2] > 0 || (infinities[0] > 0 && infinities[1] > 0))
		return NAN;
	if (infinities[0] > 0 || infinities[1] > 0)
		return infinities[0] > 0 ? INFINITY : -INFINITY;
	while (top >= 0 && digits[top] == 0)
		top--;
	if (top < 0)
		return 0;
	negative = digits[top] < 0;
	for (int d = 0; d <= top; d++)
		digits[d] = negative ? -digits[d] : digits[d];

	/* 64 bits from the first that is set; the last also says "and more" */
	bits = (uint64) digits[top] << DIGIT_BITS | (top >= 1 ? (uint64) digits[top - 1] : 0);
	next = top >= 2 ? (uint64) digits[top - 2] << DIGIT_BITS : 0;
	shift = 63 - pg_leftmost_one_pos64(bits);
	if (shift > 0)
		bits = bits << shift | next >> (64 - shift);
	next <<= shift;
	for (int d = 0; d < top - 2; d++)
		next |= (uint64) digits[d];
	bits |= next != 0;
	return ldexp(negative ? -(double) bits : (double) bits,
				 DIGIT_BITS * (top - 1 - CJ_DIGIT_ONE) - shift);
}

CjSum
cj_tally_integer(const CjTallyRef *ref, int32 i, int32 end)
{
	int64		digits[CJ_DIGITS + 3];
	CjSum		sum;

	place_digits(ref, i, end, digits);
	sum.low = (uint64) digits[CJ_DIGIT_ONE] | (uint64) digits[CJ_DIGIT_ONE + 1] << DIGIT_BITS;
	sum.high = (uint64) digits[CJ_DIGIT_ONE + 2] | (uint64) digits[CJ_DIGIT_ONE + 3] << DIGIT_BITS;
	return sum;
}
