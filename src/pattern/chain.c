/*-------------------------------------------------------------------------
 *
 * chain.c
 *		Existence for plain chains: a -> b -> c, the shape of most questions.
 *
 * One pass from the start, no tables.  For every step the chain remembers one
 * event: without bounds, or with WITHIN around the whole, where the latest
 * chain so far that reached the step began; with upper bounds on the arrows,
 * the latest event that reached the step.  In both cases the latest dominates
 * every other, so one number a step is exact.  Steps are visited from the last
 * to the first, so that an event serves one of them.  Times are read only where
 * a bound asks.
 *
 * Within an instant the stored order is not binding.  The pass follows it, so
 * a "no" is final only if no two events of an instant could have been taken in
 * another order; otherwise the automaton is asked.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "pattern/pattern.h"

static bool
simple_gap(const CjGap *gap)
{
	return gap->connector == CJ_ARROW && gap->nforbidden == 0 && gap->nonly == 0 &&
		(gap->flags & ~(CJ_GAP_MAX | CJ_GAP_MAX_STRICT)) == 0;
}

void
cj_chain_detect(CjAutomaton *automaton)
{
	CjChain    *chain = &automaton->chain;
	const CjNode *node = automaton->tree;
	bool		bounded = false;

	chain->within = -1;
	chain->plain = true;
	if (node->kind == CJ_NODE_SCOPE && node->attributes == 0)
	{
		chain->within = node->within;
		node = node->children[0];
	}
	if (node->kind != CJ_NODE_SEQUENCE || node->first || node->last ||
		node->gaps[0].connector != CJ_NONE || node->count > CJ_CHAIN_MAX_STEPS)
		return;
	chain->steps = palloc_array(const CjElement *, node->count);
	chain->max_gap = palloc_array(int64, node->count);
	for (int i = 0; i < node->count; i++)
	{
		const CjGap *gap = &node->gaps[i];

		if (node->children[i]->kind != CJ_NODE_ELEMENT || (i > 0 && !simple_gap(gap)))
			return;
		chain->steps[i] = node->children[i]->element;
		chain->plain &= cj_element_plain(chain->steps[i]);
		chain->max_gap[i] = -1;
		if (i > 0 && (gap->flags & CJ_GAP_MAX))
		{
			chain->max_gap[i] = gap->max - ((gap->flags & CJ_GAP_MAX_STRICT) != 0);
			bounded = true;
			if (chain->max_gap[i] < 0 || chain->within >= 0)
				return;
		}
	}
	if (!bounded)
		chain->max_gap = NULL;
	chain->nsteps = node->count;
}

/* For each name of the journey the steps it can serve; false if a step has none. */
static bool
resolve(const CjChain *chain, const CjNames *names, uint64 *steps)
{
	memset(steps, 0, names->count * sizeof(uint64));
	for (int s = 0; s < chain->nsteps; s++)
	{
		const CjNameSet *set = &chain->steps[s]->names;
		uint64		bit = UINT64CONST(1) << s;
		bool		any = false;

		if (set->count == 0 || set->negated)
		{
			for (int32 c = 0; c < names->count; c++)
				steps[c] |= bit;
			any = true;
		}
		for (int i = 0; i < set->count; i++)
		{
			int32		code = cj_find_name(names, set->names[i].data, set->names[i].len);

			if (code == CJ_ABSENT)
				continue;
			if (set->negated)
				steps[code] &= ~bit;
			else
			{
				steps[code] |= bit;
				any = true;
			}
		}
		if (!any)
			return false;
	}
	return true;
}

/* Those of the steps that the event serves, all conditions considered. */
static uint64
qualified(const CjChain *chain, const CjView *view, uint64 mask, int32 event)
{
	for (uint64 rest = mask; rest != 0; rest &= rest - 1)
	{
		int			s = pg_rightmost_one_pos64(rest);

		if (!cj_element_qualified(chain->steps[s], view, event))
			mask &= ~(UINT64CONST(1) << s);
	}
	return mask;
}

/*
 * Takes the steps in the mask, of which each can follow the one before it, from
 * the last to the first; true if the chain is complete.  Adds the steps that can
 * follow now to *open.
 */
static bool
take_steps(const CjChain *chain, const CjView *view, uint64 mask, int32 event,
		   int32 *reached, uint64 *open)
{
	int			last = chain->nsteps - 1;

	while (mask != 0)
	{
		int			s = pg_leftmost_one_pos64(mask);

		mask &= ~(UINT64CONST(1) << s);
		if (chain->max_gap == NULL)
			reached[s] = reached[s - 1];
		else if (chain->max_gap[s] >= 0 && !cj_in_time(view, reached[s - 1], event, chain->max_gap[s]))
			continue;
		else
			reached[s] = event;
		if (s == last)
		{
			if (chain->within < 0 || cj_in_time(view, reached[s], event, chain->within))
				return true;
		}
		else
			*open |= UINT64CONST(2) << s;
	}
	return false;
}

/*
 * In "open" are the steps but the first whose predecessor has been reached.
 * Most events are a first step or of no use, so that these are told without a
 * branch.
 */
static bool
pass(const CjChain *chain, const CjView *view, const uint64 *steps)
{
	int32		reached[CJ_CHAIN_MAX_STEPS];
	int32		first = 0;		/* latest event of the first step */
	uint64		open = 0;
	int32		per_word = cj_packed_per_word(&view->event);

	for (int32 i = 0; i < view->nevents;)
	{
		uint64		word = cj_packed_word(&view->event, i);
		int32		stop = Min(view->nevents - i, per_word) + i;

		CHECK_FOR_INTERRUPTS();
		if (chain->nsteps == 1 && open != 0)
			return true;
		for (; i < stop; i++, word >>= view->event.width)
		{
			uint64		mask = steps[word & view->event.mask];

			if (!chain->plain)
				mask = qualified(chain, view, mask & (open | 1), i);
			if (mask & open)
			{
				reached[0] = first;
				if (take_steps(chain, view, mask & open, i, reached, &open))
					return true;
			}
			first = mask & 1 ? i : first;
			open |= (mask & 1) << 1;
		}
	}
	return chain->nsteps == 1 && open != 0;
}

/* Do two events of one instant serve different steps? */
static bool
order_matters(const CjChain *chain, const CjView *view, const uint64 *steps)
{
	int32		per_word = cj_packed_per_word(&view->event);
	uint64		before = 0;
	int32		event = 0;		/* the one with "before" */

	if (!cj_has_ties(view, view->nevents))
		return false;
	for (int32 i = 0; i < view->nevents;)
	{
		uint64		word = cj_packed_word(&view->event, i);
		int32		stop = Min(view->nevents - i, per_word) + i;

		CHECK_FOR_INTERRUPTS();
		for (; i < stop; i++, word >>= view->event.width)
		{
			uint64		mask = steps[word & view->event.mask];

			if (mask == 0)
				continue;
			if (before != 0 && (mask != before || !chain->plain) &&
				cj_packed_get(&view->times, i) == cj_packed_get(&view->times, event))
				return true;
			before = mask;
			event = i;
		}
	}
	return false;
}

int
cj_chain_exists(CjMatcher *matcher, const CjView *view)
{
	const CjChain *chain = &matcher->automaton->chain;
	CjCodes    *codes;
	bool		found;
	uint64	   *steps;

	if (view->nevents < chain->nsteps)
		return 0;
	if (matcher->chain_codes == NULL)
		matcher->chain_codes = cj_codes_create(matcher->context);
	codes = cj_codes_find(matcher->chain_codes, &view->events, &found);
	steps = codes->masks;
	if (!found)
		codes->extra = resolve(chain, &view->events, steps);
	if (!codes->extra)
		return 0;
	if (pass(chain, view, steps))
		return 1;
	return order_matters(chain, view, steps) ? -1 : 0;
}
