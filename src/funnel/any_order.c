/*-------------------------------------------------------------------------
 *
 * any_order.c
 *		Funnels whose steps may come in any order.
 *
 * From every event that serves a step the attempt's events are given to steps
 * one after the other; an event that finds its steps taken moves another one,
 * along an augmenting path, so that as many steps as can be have an event:
 * first required steps, then, with what is left, optional ones.
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
	CHECK_FOR_INTERRUPTS();
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

/* Events up to this one belong to an attempt that starts with the given one. */
static int32
end_of_attempt(const CjFunnelSpec *spec, const CjMatcher *matcher, int32 start)
{
	int32		i;

	for (i = start + 1; i < matcher->n; i++)
	{
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (spec->within >= 0 &&
			cj_gap_between(matcher->times[i], matcher->times[start]) > spec->within)
			break;
		if (spec->nexclude > 0 && matcher->times[i] > matcher->times[start] &&
			cj_event_is_any(spec->exclude, spec->nexclude, matcher->view, i))
			break;
	}
	return i;
}

/*
 * The most steps of a kind, required or all, that can have one of the
 * attempt's events each, besides those that have; an augmenting path per event.
 */
static int
fill(const CjFunnelSpec *spec, const CjMatcher *matcher, const int *step_of, int32 start,
	 int32 end, bool required, int32 *taken)
{
	bool		tried[CJ_FUNNEL_MAX_STEPS];
	int			filled = 0;
	int			open = 0;

	for (int s = 0; s < spec->nsteps; s++)
		open += taken[s] < 0 && !(required && spec->steps[s].optional);
	for (int32 i = start; i < end && filled < open; i++)
	{
		bool		used = false;

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (i > start && !cj_attributes_agree(matcher, spec->same, start, i))
			continue;
		for (int s = 0; s < spec->nsteps; s++)
		{
			used |= taken[s] == i;
			tried[s] = required && spec->steps[s].optional;
		}
		if (used)
			continue;
		if (give(matcher, step_of, spec->nsteps, i, taken, tried))
			filled++;
		else if (i == start)
			return 0;
	}
	return filled;
}

/* The most required steps from this event on, which must be one of theirs. */
static int
attempt(const CjFunnelSpec *spec, const CjMatcher *matcher, const int *step_of, int32 start,
		int32 *taken)
{
	bool		serves = false;
	int32		end;
	int			level;

	for (int s = 0; s < spec->nsteps; s++)
	{
		taken[s] = -1;
		serves |= !spec->steps[s].optional && satisfies_step(matcher, step_of, start, s);
	}
	if (!serves)
		return 0;
	end = end_of_attempt(spec, matcher, start);
	level = fill(spec, matcher, step_of, start, end, true, taken);

	/*
	 * paths never take a step its event for good, so that optional steps cost
	 * nothing
	 */
	if (spec->nrequired < spec->nsteps)
		fill(spec, matcher, step_of, start, end, false, taken);
	return level;
}

int
cj_funnel_any_order(const CjFunnelSpec *spec, const CjMatcher *matcher, const int *step_of,
					CjFunnelResult *result)
{
	int32		taken[CJ_FUNNEL_MAX_STEPS];
	int			best = 0;

	for (int32 i = 0; i < matcher->n && best < spec->nrequired; i++)
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
