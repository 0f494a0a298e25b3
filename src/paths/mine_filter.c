/*-------------------------------------------------------------------------
 *
 * mine_filter.c
 *		From all frequent patterns to those asked for.
 *
 * A pattern is closed if no longer frequent pattern that contains it has the
 * same support, and maximal if none contains it at all.  Leaving one event out
 * of a frequent pattern gives a frequent one, unless gaps have an upper limit:
 * then it is enough to look up, for every pattern, those with one event less.
 * With such limits every longer pattern that has the rarest of its events is
 * compared.
 *
 * Both are judged among all frequent patterns within max_length, gaps and span;
 * min_length, contains, starts_with and ends_with choose among the result.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"

#include "compat.h"
#include "paths/mine.h"

/* ---- by leaving one event out ---- */

typedef struct Lookup
{
	const CjMined *mined;
	int64	   *slots;			/* pattern + 1 */
	uint64		mask;
} Lookup;

static inline uint64
hash_items(const int32 *items, int32 length)
{
	return hash_bytes_extended((const unsigned char *) items, length * sizeof(int32), 0);
}

static Lookup
build_lookup(const CjMined *mined)
{
	Lookup		lookup;
	uint64		size = 64;

	while (size < (uint64) mined->count * 2)
		size *= 2;
	lookup.mined = mined;
	lookup.mask = size - 1;
	lookup.slots = palloc_extended(size * sizeof(int64), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int64 i = 0; i < mined->count; i++)
	{
		uint64		at = hash_items(mined->items + mined->found[i].first, mined->found[i].length);

		for (at &= lookup.mask; lookup.slots[at] != 0; at = (at + 1) & lookup.mask)
			;
		lookup.slots[at] = i + 1;
	}
	return lookup;
}

static int64
look_up(const Lookup *lookup, const int32 *items, int32 length)
{
	for (uint64 at = hash_items(items, length) & lookup->mask; lookup->slots[at] != 0;
		 at = (at + 1) & lookup->mask)
	{
		const CjFound *found = &lookup->mined->found[lookup->slots[at] - 1];

		if (found->length == length &&
			memcmp(lookup->mined->items + found->first, items, length * sizeof(int32)) == 0)
			return lookup->slots[at] - 1;
	}
	return -1;
}

/* The items without item i; what joined it begins the instant now. */
static void
leave_out(const int32 *items, int32 length, int32 i, int32 *to)
{
	memcpy(to, items, i * sizeof(int32));
	memcpy(to + i, items + i + 1, (length - i - 1) * sizeof(int32));
	if (i + 1 < length && items[i] >= 0 && items[i + 1] < 0)
		to[i] = ~items[i + 1];
}

static void
drop_by_parts(CjMined *mined, CjKind kind)
{
	Lookup		lookup = build_lookup(mined);
	int32	   *part = NULL;
	int32		room = 0;

	for (int64 i = 0; i < mined->count; i++)
	{
		const CjFound *found = &mined->found[i];

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (found->length > room)
		{
			room = found->length * 2;
			part = palloc_array(int32, room);
		}
		for (int32 j = 0; j < found->length && found->length > 1; j++)
		{
			int64		less;

			leave_out(mined->items + found->first, found->length, j, part);
			less = look_up(&lookup, part, found->length - 1);
			if (less >= 0 && (kind == CJ_MAXIMAL || mined->found[less].support == found->support))
				mined->found[less].dropped = true;
		}
	}
	pfree(lookup.slots);
}

/* ---- by comparing ---- */

/* Is an element (items from i to before j) part of another's? Both ascend by code. */
static bool
element_within(const int32 *a, int32 na, const int32 *b, int32 nb)
{
	int32		k = 0;

	for (int32 i = 0; i < na; i++, k++)
	{
		while (k < nb && cj_item_code_of(b[k]) < cj_item_code_of(a[i]))
			k++;
		if (k == nb || cj_item_code_of(b[k]) != cj_item_code_of(a[i]))
			return false;
	}
	return true;
}

static inline int32
element_length(const int32 *items, int32 length)
{
	int32		n = 1;

	while (n < length && items[n] < 0)
		n++;
	return n;
}

/* Is a contained in b, element by element, in order? The earliest match decides. */
static bool
contained(const int32 *a, int32 na, const int32 *b, int32 nb)
{
	while (na > 0 && nb >= na)
	{
		int32		n = element_length(a, na);
		int32		m = element_length(b, nb);

		if (element_within(a, n, b, m))
		{
			a += n;
			na -= n;
		}
		b += m;
		nb -= m;
	}
	return na == 0;
}

static inline uint64
signature(const int32 *items, int32 length)
{
	uint64		bits = 0;

	for (int32 i = 0; i < length; i++)
		bits |= UINT64CONST(1) << (cj_item_code_of(items[i]) & 63);
	return bits;
}

/* Lists the patterns that have each code. */
typedef struct Postings
{
	int64	   *starts;			/* names + 1 */
	int64	   *patterns;
	uint64	   *signatures;
} Postings;

static Postings
build_postings(const CjMined *mined, int32 names)
{
	Postings	postings;
	int64	   *fill = palloc0_array(int64, names + 1);

	postings.starts = palloc0_array(int64, names + 2);
	postings.patterns = palloc_extended((mined->nitems + 1) * sizeof(int64), MCXT_ALLOC_HUGE);
	postings.signatures = palloc_extended((mined->count + 1) * sizeof(uint64), MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < mined->nitems; i++)
		postings.starts[cj_item_code_of(mined->items[i]) + 1]++;
	for (int32 i = 0; i < names; i++)
		postings.starts[i + 1] += postings.starts[i];
	for (int64 i = 0; i < mined->count; i++)
	{
		const CjFound *found = &mined->found[i];

		postings.signatures[i] = signature(mined->items + found->first, found->length);
		for (int32 j = 0; j < found->length; j++)
		{
			int32		code = cj_item_code_of(mined->items[found->first + j]);

			if (fill[code] == 0 ||
				postings.patterns[postings.starts[code] + fill[code] - 1] != i)
				postings.patterns[postings.starts[code] + fill[code]++] = i;
		}
	}
	/* codes that a pattern has twice leave places over */
	for (int32 i = 0; i < names; i++)
		for (int64 j = postings.starts[i] + fill[i]; j < postings.starts[i + 1]; j++)
			postings.patterns[j] = -1;
	pfree(fill);
	return postings;
}

static bool
has_longer(const CjMined *mined, const Postings *postings, int64 i, CjKind kind)
{
	const CjFound *found = &mined->found[i];
	const int32 *items = mined->items + found->first;
	int32		rarest = cj_item_code_of(items[0]);

	for (int32 j = 1; j < found->length; j++)
	{
		int32		code = cj_item_code_of(items[j]);

		if (postings->starts[code + 1] - postings->starts[code] <
			postings->starts[rarest + 1] - postings->starts[rarest])
			rarest = code;
	}
	for (int64 j = postings->starts[rarest]; j < postings->starts[rarest + 1]; j++)
	{
		int64		other = postings->patterns[j];

		if (other < 0)
			break;
		if (mined->found[other].length > found->length &&
			(kind == CJ_MAXIMAL || mined->found[other].support == found->support) &&
			(postings->signatures[i] & ~postings->signatures[other]) == 0 &&
			contained(items, found->length, mined->items + mined->found[other].first,
					  mined->found[other].length))
			return true;
	}
	return false;
}

static void
drop_by_comparing(CjMined *mined, CjKind kind, int32 names)
{
	Postings	postings = build_postings(mined, names);

	for (int64 i = 0; i < mined->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (has_longer(mined, &postings, i, kind))
			mined->found[i].dropped = true;
	}
	pfree(postings.starts);
	pfree(postings.patterns);
	pfree(postings.signatures);
}

/* ---- what is wanted ---- */

static bool
wanted(const CjMineSpec *spec, const int32 *items, int32 length)
{
	bool		starts = spec->starts_with == CJ_ANY_CODE;
	bool		ends = spec->ends_with == CJ_ANY_CODE;
	int32		last = length - 1;

	if (length < spec->min_length)
		return false;
	for (int32 i = 0; i < element_length(items, length); i++)
		starts |= cj_item_code_of(items[i]) == spec->starts_with;
	while (items[last] < 0)
		last--;
	for (int32 i = last; i < length; i++)
		ends |= cj_item_code_of(items[i]) == spec->ends_with;
	if (!starts || !ends)
		return false;
	for (int32 i = 0; i < spec->ncontains; i++)
	{
		bool		has = false;

		for (int32 j = 0; j < length && !has; j++)
			has = cj_item_code_of(items[j]) == spec->contains[i];
		if (!has)
			return false;
	}
	return true;
}

void
cj_mine_filter(CjMined *mined, const CjMineSpec *spec, int32 names)
{
	if (spec->kind != CJ_ALL)
	{
		if (spec->max_gap < 0 && spec->max_gap_events < 0)
			drop_by_parts(mined, spec->kind);
		else
			drop_by_comparing(mined, spec->kind, names);
	}
	for (int64 i = 0; i < mined->count; i++)
		if (!wanted(spec, mined->items + mined->found[i].first, mined->found[i].length))
			mined->found[i].dropped = true;
}

/* ---- ranking ---- */

/* A pattern and where its counts are. */
typedef struct Ranked
{
	CjFound		found;
	int64		index;
} Ranked;

static int
compare_found(const void *a, const void *b, void *arg)
{
	const CjFound *x = &((const Ranked *) a)->found;
	const CjFound *y = &((const Ranked *) b)->found;
	const int32 *items = arg;

	if (x->support != y->support)
		return x->support > y->support ? -1 : 1;
	if (x->length != y->length)
		return x->length - y->length;
	for (int32 i = 0; i < x->length; i++)
	{
		int32		c = cj_item_code_of(items[x->first + i]);
		int32		d = cj_item_code_of(items[y->first + i]);

		if (c != d)
			return c < d ? -1 : 1;
	}
	/* same names: what shares an instant last */
	for (int32 i = 0; i < x->length; i++)
		if (items[x->first + i] != items[y->first + i])
			return items[x->first + i] < 0 ? 1 : -1;
	return 0;
}

void
cj_mine_rank(CjMined *mined, int32 classes)
{
	Ranked	   *ranked = palloc_extended((mined->count + 1) * sizeof(Ranked), MCXT_ALLOC_HUGE);
	int64	   *counts = NULL;
	int64		n = 0;

	for (int64 i = 0; i < mined->count; i++)
		if (!mined->found[i].dropped)
		{
			ranked[n].found = mined->found[i];
			ranked[n++].index = i;
		}
	qsort_arg(ranked, n, sizeof(Ranked), compare_found, mined->items);
	if (classes > 1)
		counts = palloc_extended((n + 1) * classes * sizeof(int64), MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < n; i++)
	{
		mined->found[i] = ranked[i].found;
		if (classes > 1)
			memcpy(counts + i * classes, mined->class_counts + ranked[i].index * classes,
				   classes * sizeof(int64));
	}
	mined->count = n;
	mined->class_counts = counts;
	pfree(ranked);
}
