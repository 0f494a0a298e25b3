/*-------------------------------------------------------------------------
 *
 * top_paths.c
 *		Whole paths: options of a state, and which of its paths come first.
 *
 * The first of many paths are found with a heap of as many as are wanted, whose
 * root ranks last: each other path is compared with the root.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "paths/top_paths.h"

/* ---- options ---- */

CjText
cj_top_encode(const CjTopOptions *options)
{
	StringInfoData to;
	CjText		bytes;

	initStringInfo(&to);
	cj_put_number(&to, options->by);
	cj_put_number(&to, options->collapse);
	cj_put_number(&to, options->first);
	cj_put_number(&to, options->top);
	bytes.data = to.data;
	bytes.len = to.len;
	return bytes;
}

const char *
cj_top_decode(CjText bytes, CjTopOptions *options)
{
	CjReader	reader = {(const uint8 *) bytes.data, (const uint8 *) bytes.data + bytes.len, NULL};
	CjText		again;

	options->by = (CjBy) cj_get_limited(&reader, CJ_BY_ITEM);
	options->collapse = cj_get_limited(&reader, 1) != 0;
	options->first = (int32) cj_get_limited(&reader, PG_INT32_MAX);
	options->top = (int32) cj_get_limited(&reader, PG_INT32_MAX);
	if (reader.fault != NULL)
		return reader.fault;
	again = cj_top_encode(options);
	if (options->top < 1 || !cj_text_same(again, bytes))
		return "Its options are out of range.";
	return NULL;
}

const char *
cj_top_load(CjTopOptions *options, const CjTallyRef *tally)
{
	if (tally->tally->kind != CJ_TALLY_PATHS)
		return "It is not of top_paths.";
	return cj_top_decode(cj_tally_options(tally), options);
}

/* Does a name follow itself? */
static bool
repeats(CjText path)
{
	const char *at = path.data;
	uint32		last = cj_tally_get_code(&at);

	while (at < path.data + path.len)
	{
		uint32		code = cj_tally_get_code(&at);

		if (code == last)
			return true;
		last = code;
	}
	return false;
}

const char *
cj_top_check(const CjTallyRef *tally)
{
	CjTopOptions options;
	const char *fault = cj_top_load(&options, tally);

	for (int32 i = 0; i < tally->tally->entries && fault == NULL; i++)
	{
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if ((options.first > 0 && tally->parts.paths[i].steps > options.first) ||
			(options.collapse && repeats(cj_tally_path(tally, i))))
			fault = "It counts what does not exist.";
	}
	return fault;
}

/* ---- ranking ---- */

typedef struct Ranking
{
	const CjTallyRef *tally;
	const int32 *rank;			/* of names */
} Ranking;

/* More journeys first, then shorter, then by names. */
static int
compare_paths(const void *a, const void *b, void *arg)
{
	const Ranking *ranking = arg;
	int32		i = *(const int32 *) a;
	int32		j = *(const int32 *) b;
	const CjTallyPath *p = &ranking->tally->parts.paths[i];
	const CjTallyPath *q = &ranking->tally->parts.paths[j];
	CjText		x;
	const char *at;
	const char *bt;

	if (p->count != q->count)
		return p->count > q->count ? -1 : 1;
	if (p->steps != q->steps)
		return p->steps < q->steps ? -1 : 1;
	x = cj_tally_path(ranking->tally, i);
	at = x.data;
	bt = cj_tally_path(ranking->tally, j).data;
	while (at < x.data + x.len)
	{
		int32		c = ranking->rank[cj_tally_get_code(&at)];
		int32		d = ranking->rank[cj_tally_get_code(&bt)];

		if (c != d)
			return c < d ? -1 : 1;
	}
	return 0;
}

/* Sinks an entry of a heap whose root ranks last. */
static void
sift_down(int32 *heap, int32 count, int32 at, Ranking *ranking)
{
	for (;;)
	{
		int32		child = 2 * at + 1;
		int32		held = heap[at];

		if (child >= count)
			return;
		if (child + 1 < count && compare_paths(&heap[child + 1], &heap[child], ranking) > 0)
			child++;
		if (compare_paths(&heap[child], &held, ranking) <= 0)
			return;
		heap[at] = heap[child];
		heap[child] = held;
		at = child;
	}
}

int32 *
cj_top_rank(const CjTallyRef *tally, int32 top, int32 *count)
{
	int32		all = tally->tally->entries;
	Ranking		ranking = {tally, NULL};
	int32	   *order;
	int32	   *rank;
	int32	   *heap;

	cj_tally_rank_names(tally, &order, &rank);
	ranking.rank = rank;
	*count = Min(all, top);
	heap = palloc_extended((*count + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < *count; i++)
		heap[i] = i;
	for (int32 i = *count / 2 - 1; i >= 0; i--)
		sift_down(heap, *count, i, &ranking);
	for (int32 i = *count; i < all; i++)
	{
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (compare_paths(&i, &heap[0], &ranking) < 0)
		{
			heap[0] = i;
			sift_down(heap, *count, 0, &ranking);
		}
	}
	qsort_arg(heap, *count, sizeof(int32), compare_paths, &ranking);
	pfree(order);
	pfree(rank);
	return heap;
}
