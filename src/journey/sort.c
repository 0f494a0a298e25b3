/*-------------------------------------------------------------------------
 *
 * sort.c
 *		Putting collected events into the order of a journey.
 *
 * Events mostly arrive in order already, or as a few ordered runs (a parallel
 * plan joins one run a worker), so this is a natural merge sort: one pass finds
 * the runs, short ones are lengthened by insertion, and neighbours are merged
 * until one is left.  O(n) for sorted input, O(n log n) always; no input makes
 * it quadratic.  The scratch space is one more copy of the events.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"

#include "journey/journey.h"
#include "journey/pack.h"

#define MIN_RUN		16

/* Order among events of one instant; ranks are NULL when codes are ranked. */
typedef struct Ranks
{
	const uint32 *event;
	const uint32 *channel;
	const uint32 *item;
	bool		shorts;
} Ranks;

static inline uint32
rank_of(const uint32 *ranks, uint32 code)
{
	return ranks != NULL ? ranks[code] : code;
}

/* For codes that have 1 added, 0 meaning absent. */
static inline uint32
rank_of_optional(const uint32 *ranks, uint32 code)
{
	return code == 0 ? 0 : rank_of(ranks, code - 1) + 1;
}

static pg_noinline int
compare_ties(const CjEvent *a, const CjEvent *b, const Ranks *ranks)
{
	uint64		x = rank_of(ranks->event, a->event);
	uint64		y = rank_of(ranks->event, b->event);

	if (x == y)
	{
		x = rank_of_optional(ranks->channel, a->channel);
		y = rank_of_optional(ranks->channel, b->channel);
	}
	if (x == y && !ranks->shorts)
	{
		x = rank_of_optional(ranks->item, a->item);
		y = rank_of_optional(ranks->item, b->item);
		if (x == y)
		{
			x = a->has_value;
			y = b->has_value;
		}
		if (x == y && a->has_value)
		{
			x = cj_value_key(a->value);
			y = cj_value_key(b->value);
		}
	}
	return (x > y) - (x < y);
}

static pg_attribute_always_inline bool
in_order(const CjEvent *a, const CjEvent *b, const Ranks *ranks)
{
	if (likely(a->time != b->time))
		return a->time < b->time;
	return compare_ties(a, b, ranks) <= 0;
}

/* One copy of this for each stride, so that copying an event is a few moves. */
#define AT(base, i) ((CjEvent *) ((char *) (base) + (Size) (i) * stride))

static pg_attribute_always_inline void
insertion_sort(void *events, int32 sorted, int32 n, const Size stride, const Ranks *ranks)
{
	for (int32 i = Max(sorted, 1); i < n; i++)
	{
		CjEvent		moving;
		int32		j = i;

		if (in_order(AT(events, i - 1), AT(events, i), ranks))
			continue;
		memcpy(&moving, AT(events, i), stride);
		do
		{
			memcpy(AT(events, j), AT(events, j - 1), stride);
			j--;
		} while (j > 0 && !in_order(AT(events, j - 1), &moving, ranks));
		memcpy(AT(events, j), &moving, stride);
	}
}

/* Merges the runs [0, middle) and [middle, n) of "from" into "to". */
static pg_attribute_always_inline void
merge(const void *from, int32 middle, int32 n, void *to, const Size stride, const Ranks *ranks)
{
	int32		a = 0;
	int32		b = middle;

	for (int32 i = 0; i < n; i++)
	{
		bool		first = b >= n ||
			(a < middle && in_order(AT(from, a), AT(from, b), ranks));

		memcpy(AT(to, i), AT(from, first ? a : b), stride);
		if (first)
			a++;
		else
			b++;
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

/* Finds the runs, each at least MIN_RUN long; returns their number, ends in "ends". */
static pg_attribute_always_inline int32
find_runs(void *events, int32 n, int32 *ends, const Size stride, const Ranks *ranks)
{
	int32		runs = 0;
	int32		start = 0;

	while (start < n)
	{
		int32		end = start + 1;

		if ((runs & 0x3f) == 0)
			CHECK_FOR_INTERRUPTS();
		while (end < n && in_order(AT(events, end - 1), AT(events, end), ranks))
			end++;
		if (end - start < MIN_RUN && end < n)
		{
			int32		sorted = end - start;

			end = Min(start + MIN_RUN, n);
			insertion_sort(AT(events, start), sorted, end - start, stride, ranks);
		}
		ends[runs++] = start = end;
	}
	return runs;
}

static pg_attribute_always_inline void
merge_sort(void *events, int32 n, const Size stride, const Ranks *ranks)
{
	Size		size = (Size) n * stride;
	int32	   *ends = palloc_extended((n / MIN_RUN + 2) * sizeof(int32), MCXT_ALLOC_HUGE);
	int32		runs = find_runs(events, n, ends, stride, ranks);
	void	   *from = events;
	void	   *to = runs > 1 ? palloc_extended(size, MCXT_ALLOC_HUGE) : NULL;
	void	   *scratch = to;

	while (runs > 1)
	{
		int32		start = 0;
		int32		merged = 0;
		void	   *swap = from;

		for (int32 r = 0; r < runs; r += 2)
		{
			int32		middle = ends[r];
			int32		end = r + 1 < runs ? ends[r + 1] : middle;

			merge(AT(from, start), middle - start, end - start, AT(to, start), stride, ranks);
			ends[merged++] = start = end;
		}
		runs = merged;
		from = to;
		to = swap;
	}
	if (from != events)
		memcpy(events, from, size);
	if (scratch != NULL)
		pfree(scratch);
	pfree(ends);
}

static pg_attribute_always_inline void
sort_stride(void *events, int32 n, const Size stride, const Ranks *ranks)
{
	int32		sorted = 1;

	while (sorted < n && in_order(AT(events, sorted - 1), AT(events, sorted), ranks))
		sorted++;
	if (sorted >= n)
		return;
	if (n <= 2 * MIN_RUN)
		insertion_sort(events, sorted, n, stride, ranks);
	else
		merge_sort(events, n, stride, ranks);
}

static const uint32 *
ranks_of(const CjNaming *naming)
{
	return naming->dictionary != NULL ? cj_dictionary_ranks(naming->dictionary) : NULL;
}

void
cj_sort_events(void *events, int32 n, Size stride, const CjNamings *namings)
{
	Ranks		ranks;

	ranks.event = ranks_of(&namings->event);
	ranks.channel = ranks_of(&namings->channel);
	ranks.item = ranks_of(&namings->item);
	ranks.shorts = stride == CJ_EVENT_SHORT;
	if (ranks.shorts)
		sort_stride(events, n, CJ_EVENT_SHORT, &ranks);
	else
		sort_stride(events, n, sizeof(CjEvent), &ranks);
}
