/*-------------------------------------------------------------------------
 *
 * plain_funnel.c
 *		Plain funnels over journeys in one pass: ordered steps that are names, and
 *		at most a window around the whole.
 *
 * For every step the pass remembers where the latest chain that reached it
 * began, which dominates every other chain.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "funnel/funnel.h"

/* For each name of the journey the steps it serves; returns how many first steps have one. */
int
cj_funnel_resolve(const CjFunnelSpec *spec, const CjNames *names, uint64 *masks)
{
	memset(masks, 0, names->count * sizeof(uint64));
	for (int s = 0; s < spec->nsteps; s++)
	{
		bool		any = false;

		for (int e = 0; e < spec->steps[s].nelements; e++)
		{
			const CjNameSet *set = &spec->steps[s].elements[e]->names;

			if (set->count == 0 || set->negated)
			{
				for (int32 c = 0; c < names->count; c++)
					if (set->count == 0 || cj_nameset_has(set, cj_name(names, c)))
					{
						masks[c] |= UINT64CONST(1) << s;
						any = true;
					}
				continue;
			}
			for (int i = 0; i < set->count; i++)
			{
				int32		code = cj_find_name(names, set->names[i].data, set->names[i].len);

				if (code == CJ_ABSENT)
					continue;
				masks[code] |= UINT64CONST(1) << s;
				any = true;
			}
		}
		if (!any)
			return s;
	}
	return spec->nsteps;
}

/*
 * The level by stored order.  In *read the number of events that were read for
 * it: all of them unless the last step was reached before.
 *
 * In "open" are the steps but the first whose predecessor has been reached.
 */
int
cj_funnel_pass(const CjView *view, const uint64 *masks, int32 n, int most, int64 within, int32 *read)
{
	int32		began[CJ_FUNNEL_PLAIN_STEPS];
	int32		first = 0;		/* latest event of the first step */
	uint64		open = 0;
	int32		per_word = cj_packed_per_word(&view->event);

	for (int32 i = 0; i < n && !(most == 1 && open != 0);)
	{
		uint64		word = cj_packed_word(&view->event, i);
		int32		stop = Min(n - i, per_word) + i;

		CHECK_FOR_INTERRUPTS();
		for (; i < stop; i++, word >>= view->event.width)
		{
			uint64		mask = masks[word & view->event.mask];

			began[0] = first;
			for (uint64 rest = mask & open; rest != 0;)
			{
				int			s = pg_leftmost_one_pos64(rest);

				rest &= ~(UINT64CONST(1) << s);
				/* as far as the same begin has come before: nothing new */
				if (s < most - 1 && ((open >> (s + 1)) & 1) && began[s] == began[s - 1])
					continue;
				if (within >= 0 && !cj_in_time(view, began[s - 1], i, within))
					continue;
				began[s] = began[s - 1];
				if (s == most - 1)
				{
					*read = i + 1;
					return most;
				}
				open |= UINT64CONST(2) << s;
			}
			first = mask & 1 ? i : first;
			open |= (mask & 1) << 1;
		}
	}
	*read = n;
	return pg_popcount64(open);
}

/* The level that there would be without a window. */
int
cj_funnel_loose_level(const CjView *view, const uint64 *masks, int32 n, int most)
{
	int			level = 0;

	for (int32 i = 0; i < n && level < most; i++)
	{
		level += (masks[cj_event_code(view, i)] >> level) & 1;
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
	}
	return level;
}

/* Do events of one instant serve different steps, so that another order might reach more? */
bool
cj_funnel_tied(const CjView *view, const uint64 *masks, int32 n)
{
	int32		per_word = cj_packed_per_word(&view->event);
	uint64		before = 0;
	int32		event = 0;		/* the one with "before" */

	if (!cj_has_ties(view, n))
		return false;
	for (int32 i = 0; i < n;)
	{
		uint64		word = cj_packed_word(&view->event, i);
		int32		stop = Min(n - i, per_word) + i;

		CHECK_FOR_INTERRUPTS();
		for (; i < stop; i++, word >>= view->event.width)
		{
			uint64		mask = masks[word & view->event.mask];

			if (mask == 0)
				continue;
			if (before != 0 && mask != before &&
				cj_packed_get(&view->times, i) == cj_packed_get(&view->times, event))
				return true;
			before = mask;
			event = i;
		}
	}
	return false;
}

/*
 * The first attempt that reaches the level: from every entry in turn the
 * earliest event of each step, which ends as early as can be.  From a later entry
 * no step is earlier, so that every step reads the events once.
 */
void
cj_funnel_first_attempt(const CjView *view, const uint64 *masks, int32 n, int level, int64 within,
						int32 *chain)
{
	for (int s = 0; s < level; s++)
		chain[s] = -1;
	for (int32 start = 0; start < n; start++)
	{
		if ((start & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (!(masks[cj_event_code(view, start)] & 1))
			continue;
		chain[0] = start;
		for (int s = 1; s < level && chain[s] <= chain[s - 1]; s++)
		{
			int32		i = chain[s - 1] + 1;

			while (i < n && !((masks[cj_event_code(view, i)] >> s) & 1))
				if ((i++ & 1023) == 1023)
					CHECK_FOR_INTERRUPTS();
			if (i >= n)
				return;
			chain[s] = i;
		}
		if (within < 0 || cj_in_time(view, start, chain[level - 1], within))
			return;
	}
}
