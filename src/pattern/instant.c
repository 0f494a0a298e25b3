/*-------------------------------------------------------------------------
 *
 * instant.c
 *		The part of the sweep that looks within one instant.
 *
 * Within an instant an arrow may lead either way.  The events are read in
 * rounds until nothing improves, each round linear in them: every event takes
 * the best that the events beside it have to offer.  That an event must not be
 * matched twice is ignored here beyond a single step; the answer may therefore
 * be too generous, never too strict, and search.c settles it.
 *
 * What compares attributes or positions has to look at pairs of events; that
 * is counted, and an instant too crowded for it is an error.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"

#include "pattern/pattern.h"

void
cj_spend(CjMatcher *matcher, int64 steps)
{
	matcher->budget -= steps;
	if (matcher->budget < 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many events at one instant for this pattern"),
				 errdetail("Which of them to match cannot be decided with a bounded search."),
				 errhint("If their order is known, add it to the times, such as occurred_at + n * interval '1 microsecond'.")));
}

/* The best event but "event" of the option's targets in the instant. */
static int32
best_in_instant(CjMatcher *matcher, const CjOption *option, const CjLink *link,
				int32 event, CjInstant instant)
{
	int32		best = CJ_NEVER;
	int32		from = instant.start;
	int32		to = instant.end - 1;

	if (link->min > 0 || link->max < 0)
		return CJ_NEVER;
	if (option->attributes == 0 && !link->positional && !option->target_first)
	{
		int32	   *two = matcher->best + 2 * option->target;

		best = two[0] != event ? two[0] : two[1];
		return best != CJ_NEVER && cj_can_start(matcher, option, best) ?
			cj_end_at(matcher, option->target, best) : CJ_NEVER;
	}
	if (link->positional)
	{
		if ((int64) event + link->lo > to)
			return CJ_NEVER;
		from = event + link->lo;
		to = (int32) Min((int64) to, (int64) event + link->hi);
	}
	cj_spend(matcher, to - from + 1);
	for (int32 k = from; k <= to; k++)
	{
		if ((k & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (k != event && cj_can_start(matcher, option, k) &&
			cj_attributes_agree(matcher, option->attributes, event, k))
			best = Min(best, cj_end_at(matcher, option->target, k));
		if (link->nonly > 0 && !cj_link_admits(matcher, link, k))
			break;
	}
	return best;
}

/* The two events of the instant with the least ends, for each state. */
static void
find_best(CjMatcher *matcher, CjInstant instant)
{
	for (int s = 0; s < matcher->automaton->nstates; s++)
	{
		int32	   *two = matcher->best + 2 * s;
		const int32 *ends = matcher->ends + (int64) s * matcher->n;

		two[0] = two[1] = CJ_NEVER;
		for (int32 k = instant.start; k < instant.end; k++)
		{
			if ((k & 1023) == 1023)
				CHECK_FOR_INTERRUPTS();
			if (ends[k] == CJ_NEVER)
				continue;
			if (two[0] == CJ_NEVER || ends[k] < ends[two[0]])
			{
				two[1] = two[0];
				two[0] = k;
			}
			else if (two[1] == CJ_NEVER || ends[k] < ends[two[1]])
				two[1] = k;
		}
	}
}

bool
cj_look_around(CjMatcher *matcher, CjInstant instant)
{
	const CjAutomaton *automaton = matcher->automaton;
	bool		improved = false;

	find_best(matcher, instant);
	for (int32 i = instant.end - 1; i >= instant.start; i--)
	{
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		for (int s = 0; s < automaton->nstates; s++)
		{
			const CjState *state = &automaton->states[s];
			int32	   *end = &matcher->ends[(int64) s * matcher->n + i];

			if (!cj_state_satisfied(matcher, state, i))
				continue;
			for (int o = 0; o < state->noptions; o++)
			{
				const CjOption *option = &state->options[o];
				int32		found;

				if (option->target == CJ_END ||
					(option->source_last && i != matcher->n - 1))
					continue;
				found = best_in_instant(matcher, option, &automaton->links[option->link],
										i, instant);
				if (found == CJ_NEVER)
					continue;
				if (!cj_clock_goes_on(automaton, state, option))
					found = state->clock >= 0 ? i : 0;
				if (found < *end)
				{
					*end = found;
					improved = true;
				}
			}
		}
	}
	return improved;
}
