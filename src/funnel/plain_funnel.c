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
 * The level by stored order, and in *loose the one without the window, if
 * that is higher; *tied if events of one instant serve different
 * steps, so that another order might reach a higher one.
 */
int
cj_funnel_pass(const CjView *view, const uint64 *masks,
			   int32 n, int most, int64 within, bool *tied, int *loose)
{
	int32		began[CJ_FUNNEL_MAX_STEPS];
	int			level = 0;
	int			free_level = 0;
	uint64		before = 0;
	uint64		time_before = 0;
	uint64		wanted = most >= 64 ? ~UINT64CONST(0) : (UINT64CONST(1) << most) - 1;

	*tied = false;
	for (int32 i = 0; i < n && level < most; i++)
	{
		uint64		steps = masks[cj_event_code(view, i)] & wanted;
		uint64		time;

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (steps == 0)
			continue;
		time = cj_packed_get(&view->times, i);
		*tied |= before != 0 && time == time_before && steps != before;
		before = steps;
		time_before = time;
		if (free_level < most)
			free_level += (steps >> free_level) & 1;
		for (uint64 rest = steps & (((UINT64CONST(1) << level) << 1) - 1); rest != 0;)
		{
			int			s = pg_leftmost_one_pos64(rest);

			rest &= ~(UINT64CONST(1) << s);
			if (s == 0)
				began[0] = i;
			else if (within >= 0 &&
					 (int64) ((time - cj_packed_get(&view->times, began[s - 1])) * view->unit) > within)
				continue;
			else
				began[s] = began[s - 1];
			level = Max(level, s + 1);
		}
	}
	*loose = free_level;
	return level;
}

/*
 * The first attempt that reaches the level: from every entry in turn the
 * earliest event of each step, which ends as early as can be.
 */
void
cj_funnel_first_attempt(const CjView *view, const uint64 *masks, int32 n, int level, int64 within,
						int32 *chain)
{
	for (int32 start = 0; start < n; start++)
	{
		int			s = 0;

		if (!(masks[cj_event_code(view, start)] & 1))
			continue;
		CHECK_FOR_INTERRUPTS();
		for (int32 i = start; i < n && s < level; i++)
			if ((masks[cj_event_code(view, i)] >> s) & 1)
				chain[s++] = i;
		if (s < level)
			return;
		if (within < 0 ||
			cj_gap_between(cj_time(view, chain[level - 1]), cj_time(view, start)) <= within)
			return;
	}
}
