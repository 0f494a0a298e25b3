/*-------------------------------------------------------------------------
 *
 * tally_paths.c
 *		Tallies of whole paths: counting, merging, packing.
 *
 * A path is the codes of its names, a byte each while there are few; one look-up
 * counts it.  Packed, names are their ranks, and paths are in the order of the
 * bytes that these make, so that equal counts give equal bytes.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/int.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "compat.h"
#include "paths/paths.h"

/* ---- counting ---- */

static CjTallyPath *
find_path(CjTallyRef *ref, CjText path, uint32 hash)
{
	uint32		mask = 2 * (uint32) ref->tally->entries_room - 1;

	for (uint32 at = hash & mask; ref->parts.path_slots[at].entry != 0; at = (at + 1) & mask)
	{
		const CjTallySlot *slot = &ref->parts.path_slots[at];
		CjTallyPath *entry = &ref->parts.paths[slot->entry - 1];

		if (slot->hash == hash && entry->len == (uint32) path.len &&
			memcmp(ref->parts.bytes + entry->start, path.data, path.len) == 0)
			return entry;
	}
	return NULL;
}

static pg_noinline CjTallyPath *
new_path(CjTallyRef *ref, CjText path, uint32 hash, int32 steps)
{
	CjTally    *tally = ref->tally;
	CjTallyPath *entry;

	if (tally->entries == tally->entries_room || tally->bytes + (int64) path.len > tally->bytes_room)
		cj_tally_make_room(ref, 0, path.len, 1);
	tally = ref->tally;
	entry = &ref->parts.paths[tally->entries];
	entry->start = tally->bytes;
	entry->len = path.len;
	entry->hash = hash;
	entry->steps = steps;
	entry->count = 0;
	entry->time.low = entry->time.high = 0;
	memcpy(ref->parts.bytes + entry->start, path.data, path.len);
	tally->bytes += path.len;
	cj_tally_put_path(ref, hash, tally->entries++);
	return entry;
}

static void
add_path(CjTallyRef *ref, CjText path, uint32 hash, int32 steps, int64 count, CjSum time)
{
	CjTallyPath *entry = find_path(ref, path, hash);

	if (entry == NULL)
		entry = new_path(ref, path, hash, steps);
	if (pg_add_s64_overflow(entry->count, count, &entry->count))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("path counts are out of range")));
	cj_sum_add(&entry->time, time);
}

void
cj_tally_add_path(CjTallyRef *ref, CjText path, int32 steps, int64 count, CjSum time)
{
	add_path(ref, path, hash_bytes((const unsigned char *) path.data, path.len), steps, count, time);
}

/* Writes a path in other codes; returns its end. */
static char *
recode(CjText path, const int32 *codes, char *to)
{
	for (const char *at = path.data; at < path.data + path.len;)
		to = cj_tally_put_code(to, codes[cj_tally_get_code(&at)] & ~CJ_TALLY_NAME);
	return to;
}

/* Are these the codes that there were? */
static bool
same_codes(const int32 *codes, int32 count)
{
	for (int32 i = 0; i < count; i++)
		if ((codes[i] & ~CJ_TALLY_NAME) != i)
			return false;
	return true;
}

void
cj_tally_merge_paths(CjTallyRef *a, const CjTallyRef *b, const int32 *codes)
{
	bool		same = same_codes(codes, b->tally->names);
	int64		room = 256;
	char	   *buffer = palloc(room);

	for (int32 i = 0; i < b->tally->entries; i++)
	{
		const CjTallyPath *from = &b->parts.paths[i];
		CjText		path = cj_tally_path(b, i);

		if ((i & 0x3ff) == 0x3ff)
		{
			CHECK_FOR_INTERRUPTS();
			cj_check_top_memory(a);
		}
		if (same)
		{
			add_path(a, path, from->hash, from->steps, from->count, from->time);
			continue;
		}
		if (5 * (int64) from->steps > room)
		{
			room = 5 * (int64) from->steps;
			pfree(buffer);
			buffer = palloc_extended(room, MCXT_ALLOC_HUGE);
		}
		path.len = (int32) (recode(path, codes, buffer) - buffer);
		path.data = buffer;
		cj_tally_add_path(a, path, from->steps, from->count, from->time);
	}
	pfree(buffer);
}

/* ---- packing ---- */

/* An entry with its names' ranks; paths mostly differ in their first bytes. */
typedef struct Line
{
	uint64		first;
	CjText		path;
	const CjTallyPath *entry;
} Line;

static int
compare_lines(const void *a, const void *b)
{
	const Line *x = a;
	const Line *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return cj_text_compare(x->path, y->path);
}

static uint64
first_bytes(CjText path)
{
	uint64		first = 0;

	memcpy(&first, path.data, Min(path.len, 8));
	return pg_ntoh64(first);
}

/* Writes the names in use; gives each its rank among them. */
static void
put_names(const CjTallyRef *ref, StringInfo to, int32 *ranks)
{
	int32		names = ref->tally->names;
	bool	   *used = palloc0_array(bool, names + 1);
	int32	   *order;
	int32	   *rank;
	int32		count = 0;

	for (int32 i = 0; i < ref->tally->entries; i++)
	{
		CjText		path = cj_tally_path(ref, i);

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (const char *at = path.data; at < path.data + path.len;)
			used[cj_tally_get_code(&at)] = true;
	}
	cj_tally_rank_names(ref, &order, &rank);
	for (int32 i = 0; i < names; i++)
		if (used[order[i]])
			ranks[order[i]] = count++;
	cj_put_number(to, count);
	for (int32 i = 0; i < names; i++)
		if (used[order[i]])
			cj_put_text(to, cj_tally_text(ref, order[i]));
	pfree(order);
	pfree(rank);
	pfree(used);
}

/* Paths in ranks, in order; their bytes go to *bytes. */
static Line *
sorted_lines(const CjTallyRef *ref, const int32 *ranks, char **bytes)
{
	int32		count = ref->tally->entries;
	Line	   *lines = palloc_extended(((Size) count + 1) * sizeof(Line), MCXT_ALLOC_HUGE);
	Size		size = 1;
	char	   *to;

	for (int32 i = 0; i < count; i++)
		size += (Size) ref->parts.paths[i].steps * (ref->tally->names <= 0x80 ? 1 : 5);
	*bytes = to = palloc_extended(size, MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < count; i++)
	{
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		lines[i].path.data = to;
		to = recode(cj_tally_path(ref, i), ranks, to);
		lines[i].path.len = (int32) (to - lines[i].path.data);
		lines[i].first = first_bytes(lines[i].path);
		lines[i].entry = &ref->parts.paths[i];
	}
	qsort(lines, count, sizeof(Line), compare_lines);
	return lines;
}

void
cj_tally_pack_paths(const CjTallyRef *ref, StringInfo to)
{
	int32	   *ranks = palloc0_array(int32, ref->tally->names + 1);
	char	   *bytes;
	Line	   *lines;

	put_names(ref, to, ranks);
	lines = sorted_lines(ref, ranks, &bytes);
	cj_put_number(to, ref->tally->entries);
	for (int32 i = 0; i < ref->tally->entries; i++)
	{
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		cj_put_text(to, lines[i].path);
		cj_put_number(to, lines[i].entry->count);
		cj_put_number(to, lines[i].entry->time.high);
		cj_put_number(to, lines[i].entry->time.low);
	}
	pfree(ranks);
	pfree(bytes);
	pfree(lines);
}

/* ---- unpacking ---- */

/* The names of a path; 0 if there is one that there is not, or none, or a code is not as we write it. */
static int32
count_steps(const CjTallyRef *ref, CjText path)
{
	CjReader	reader = {(const uint8 *) path.data, (const uint8 *) path.data + path.len, NULL};
	int32		steps = 0;

	for (; reader.at < reader.end; steps++)
	{
		const uint8 *start = reader.at;

		if ((steps & 0x3ff) == 0x3ff)
			CHECK_FOR_INTERRUPTS();
		cj_get_limited(&reader, (int64) ref->tally->names - 1);
		if (reader.fault != NULL || (reader.at > start + 1 && reader.at[-1] == 0))
			return 0;
	}
	return steps;
}

void
cj_tally_unpack_paths(CjTallyRef *ref, CjReader *reader)
{
	int64		count = cj_get_limited(reader, reader->end - reader->at);
	int64		all = 0;

	for (int64 i = 0; i < count && reader->fault == NULL; i++)
	{
		CjText		path = cj_get_text(reader, MaxAllocSize);
		int64		paths = cj_get_limited(reader, PG_INT64_MAX);
		CjSum		time;
		int32		steps;

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		time.high = cj_get_number(reader);
		time.low = cj_get_number(reader);
		if (reader->fault != NULL)
			return;
		steps = count_steps(ref, path);
		if (steps == 0)
			reader->fault = "A path has a name that there is not.";
		else if (time.high >= (uint64) paths || pg_add_s64_overflow(all, paths, &all))
			reader->fault = "A count is out of range.";
		else
			cj_tally_add_path(ref, path, steps, paths, time);
		if (ref->tally->entries != i + 1 && reader->fault == NULL)
			reader->fault = "A path occurs twice.";
	}
}
