/*-------------------------------------------------------------------------
 *
 * any_order.c
 *		Funnels whose steps may come in any order.
 *
 * From every event that serves a step the attempt's events are given to steps
 * one after the other; an event that finds its steps taken moves another one,
 * along an augmenting path, so that as many steps as can be have an event.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "funnel/funnel.h"

static bool
satisfies_step(const CjMatcher *matcher, const int *step_of, int32 event, int step)
{
	const CjAutomaton *automaton = matcher->automaton;

	for (int s = 0; s < automaton->nstates; s++)
		if (step_of[s] == step && cj_state_satisfied(matcher, &automaton->states[s], event))
			return true;
	return false;
}

/* Gives the event to a step, moving another step's event if need be. */
static bool
give(const CjMatcher *matcher, const int *step_of, int nsteps, int32 event,
	 int32 *taken, bool *tried)
{
	check_stack_depth();
	for (int s = 0; s < nsteps; s++)
	{
		if (tried[s] || !satisfies_step(matcher, step_of, event, s))
			continue;
		tried[s] = true;
		if (taken[s] < 0 || give(matcher, step_of, nsteps, taken[s], taken, tried))
		{
			taken[s] = event;
			return true;
		}
	}
	return false;
}

/* The most steps from this event on, each given one event: an augmenting path per event. */
static int
attempt(const CjFunnelSpec *spec, const CjMatcher *matcher, const int *step_of, int32 start,
		int32 *taken)
{
	bool		tried[CJ_FUNNEL_MAX_STEPS];
	int			level = 0;

	for (int s = 0; s < spec->nsteps; s++)
		taken[s] = -1;
	for (int32 i = start; i < matcher->n && level < spec->nsteps; i++)
	{
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (spec->within >= 0 &&
			cj_gap_between(matcher->times[i], matcher->times[start]) > spec->within)
			break;
		if (i > start && matcher->times[i] > matcher->times[start] &&
			cj_event_is_any(spec->exclude, spec->nexclude, matcher->view, i))
			break;
		if (i > start && !cj_attributes_agree(matcher, spec->same, start, i))
			continue;
		memset(tried, false, spec->nsteps);
		if (give(matcher, step_of, spec->nsteps, i, taken, tried))
			level++;
		else if (i == start)
			return 0;
	}
	return level;
}

int
cj_funnel_any_order(const CjFunnelSpec *spec, const CjMatcher *matcher, const int *step_of,
					CjFunnelResult *result)
{
	int32		taken[CJ_FUNNEL_MAX_STEPS];
	int			best = 0;

	for (int32 i = 0; i < matcher->n && best < spec->nsteps; i++)
	{
		int32		start = spec->entry == CJ_ENTRY_LAST ? matcher->n - 1 - i : i;
		int			level = attempt(spec, matcher, step_of, start, taken);

		if (level > best)
		{
			best = level;
			for (int s = 0; s < spec->nsteps; s++)
				result->step_times[s] = taken[s] < 0 ? DT_NOBEGIN : matcher->times[taken[s]];
			result->entered_at = matcher->times[start];
		}
		if (level > 0 && spec->entry != CJ_ENTRY_BEST)
			break;
	}
	return best;
}
