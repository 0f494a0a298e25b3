/*-------------------------------------------------------------------------
 *
 * grace.c
 *		Funnels whose steps may be out of order by a little.
 *
 * With a grace, a step's event may precede those of earlier steps, but none
 * of them by more than the grace.  So what an attempt can still take depends
 * on its latest event, on its last one (for the conditions between two steps)
 * and on which events it has used.
 *
 * complete() finds how early the steps that remain can end, and remembers it
 * for each such state; of the used events only those count that a later step
 * could still take, which with distinct steps is none.  As an earliest end
 * does not depend on when the attempt must be over, all attempts share what is
 * remembered.  The attempt reported takes for each step the earliest event
 * that lets it get so far.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "utils/hsearch.h"

#include "funnel/funnel.h"

/* Leading numbers of a state's key, before the used events. */
enum
{
	KEY_STEP, KEY_LAST, KEY_LATEST, KEY_ALIKE, KEY_USED
};

#define KEY_MAX		(KEY_USED + CJ_FUNNEL_MAX_STEPS)

#define HUGE_ARRAY(type, count) \
	((type *) MemoryContextAllocHuge(CurrentMemoryContext, sizeof(type) * (Size) (count)))

/* States remembered for a journey: this many, and more for long ones. */
#define STATES_MAX(n)	(INT64CONST(2000000) + INT64CONST(16) * (n))

struct CjGrace
{
	const CjFunnelSpec *spec;
	CjMatcher  *matcher;
	const int  *step_of;
	int			count;			/* steps of the level */
	int32		n;
	bool		windows;
	bool		exclusions;
	uint8		same;
	bool		gaps;			/* something depends on the last event */
	int32	   *last_step;		/* per event: the last step that it satisfies,
								 * or -1 */
	int32	   *instants;		/* first event of each event's instant */
	int32	   *after;			/* first event after it */
	int32	   *next;			/* step * (n + 1) + event: first one from here
								 * on */
	int32	   *excluded;		/* the same: how many the gap before the step
								 * excludes before it */
	HTAB	   *states;
	int			keys;			/* numbers in a key */
	int32		alike;			/* with same: first event like the attempt's */
	int			ntaken;
	int32		taken[CJ_FUNNEL_MAX_STEPS];
	int			taken_by[CJ_FUNNEL_MAX_STEPS];
};

static void
count_excluded(CjGrace *grace)
{
	const CjFunnelSpec *spec = grace->spec;
	const CjView *view = grace->matcher->view;

	grace->excluded = HUGE_ARRAY(int32, (int64) grace->count * (grace->n + 1));
	for (int s = 1; s < grace->count; s++)
	{
		int32	   *column = grace->excluded + (int64) s * (grace->n + 1);
		int			more = spec->nstep_exclude != NULL ? spec->nstep_exclude[s - 1] : 0;

		column[0] = 0;
		for (int32 i = 0; i < grace->n; i++)
		{
			if ((i & 1023) == 1023)
				CHECK_FOR_INTERRUPTS();
			column[i + 1] = column[i];
			if (cj_event_is_any(spec->exclude, spec->nexclude, view, i) ||
				(more > 0 && cj_event_is_any(spec->step_exclude[s - 1], more, view, i)))
				column[i + 1]++;
		}
	}
}

/* The first event of a step from here on. */
static inline int32 *
next_event(const CjGrace *grace, int step, int32 event)
{
	return &grace->next[(int64) step * (grace->n + 1) + event];
}

static void
find_steps(CjGrace *grace)
{
	const CjMatcher *matcher = grace->matcher;
	int32		n = grace->n;

	grace->last_step = HUGE_ARRAY(int32, n);
	grace->instants = HUGE_ARRAY(int32, n);
	grace->after = HUGE_ARRAY(int32, n);
	grace->next = HUGE_ARRAY(int32, (int64) grace->count * (n + 1));
	for (int32 i = 0; i < n; i++)
	{
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		grace->instants[i] = i > 0 && matcher->times[i] == matcher->times[i - 1] ?
			grace->instants[i - 1] : i;
	}
	for (int32 i = n - 1; i >= 0; i--)
		grace->after[i] = i < n - 1 && grace->instants[i + 1] == grace->instants[i] ?
			grace->after[i + 1] : i + 1;
	for (int s = 0; s < grace->count; s++)
		*next_event(grace, s, n) = n;
	for (int32 i = n - 1; i >= 0; i--)
	{
		CHECK_FOR_INTERRUPTS();
		for (int s = 0; s < grace->count; s++)
			*next_event(grace, s, i) = *next_event(grace, s, i + 1);
		grace->last_step[i] = -1;
		for (int s = 0; s < matcher->automaton->nstates; s++)
			if (cj_state_satisfied(matcher, &matcher->automaton->states[s], i))
			{
				*next_event(grace, grace->step_of[s], i) = i;
				grace->last_step[i] = Max(grace->last_step[i], grace->step_of[s]);
			}
	}
}

/* The matcher must be bound to the journey; memory is taken from the current context. */
CjGrace *
cj_grace_begin(const CjFunnelSpec *spec, CjMatcher *matcher, const int *step_of, int count,
			   int without)
{
	CjGrace    *grace = palloc0_object(CjGrace);
	HASHCTL		ctl = {0};

	grace->spec = spec;
	grace->matcher = matcher;
	grace->step_of = step_of;
	grace->count = count;
	grace->n = matcher->n;
	grace->windows = !(without & CJ_WITHOUT_WINDOW);
	grace->exclusions = !(without & CJ_WITHOUT_EXCLUSION) &&
		(spec->nexclude > 0 || spec->nstep_exclude != NULL);
	grace->same = without & CJ_WITHOUT_SAME ? 0 : spec->same;
	grace->gaps = grace->exclusions ||
		(grace->windows && (spec->step_within != NULL || spec->min_gap != NULL));
	grace->alike = -1;
	find_steps(grace);
	if (grace->exclusions)
		count_excluded(grace);
	grace->keys = KEY_USED + count;
	ctl.keysize = grace->keys * sizeof(int32);
	ctl.entrysize = MAXALIGN((grace->keys + 1) * sizeof(int32));
	ctl.hcxt = CurrentMemoryContext;
	grace->states = hash_create("attempts with grace", 64, &ctl,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return grace;
}

/* The first event that is not too early after an attempt's latest one. */
static int32
earliest(const CjGrace *grace, int32 latest)
{
	const TimestampTz *times = grace->matcher->times;
	int32		low = 0;
	int32		high = latest;

	while (low < high)
	{
		int32		middle = low + (high - low) / 2;

		if (cj_gap_between(times[latest], times[middle]) <= grace->spec->grace)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Do the conditions between two steps allow this event for the step? */
static bool
gap_allows(const CjGrace *grace, int32 last, int32 event, int step)
{
	const CjFunnelSpec *spec = grace->spec;
	int64		gap = cj_gap_between(grace->matcher->times[event], grace->matcher->times[last]);

	if (grace->windows && spec->step_within != NULL && spec->step_within[step - 1] >= 0 &&
		gap > spec->step_within[step - 1])
		return false;
	if (grace->windows && spec->min_gap != NULL && spec->min_gap[step - 1] >= 0 &&
		gap < spec->min_gap[step - 1])
		return false;
	if (grace->exclusions)
	{
		const int32 *column = grace->excluded + (int64) step * (grace->n + 1);
		int32		from = grace->after[Min(last, event)];
		int32		to = grace->instants[Max(last, event)];

		return from >= to || column[from] == column[to];
	}
	return true;
}

static bool
may_take(const CjGrace *grace, int32 event, int step)
{
	for (int t = 0; t < grace->ntaken; t++)
		if (grace->taken[t] == event)
			return false;
	if (grace->same != 0 &&
		!cj_attributes_agree(grace->matcher, grace->same, grace->taken[0], event))
		return false;
	return !grace->gaps || gap_allows(grace, grace->taken[grace->ntaken - 1], event, step);
}

static void
take(CjGrace *grace, int32 event, int step)
{
	grace->taken[grace->ntaken] = event;
	grace->taken_by[grace->ntaken++] = step;
}

/* What the rest of an attempt depends on. */
static void
make_key(const CjGrace *grace, int step, int32 latest, int32 *key)
{
	int			used = KEY_USED;
	int32		first = earliest(grace, latest);

	key[KEY_STEP] = step;
	key[KEY_LAST] = grace->gaps ? grace->taken[grace->ntaken - 1] : -1;
	key[KEY_LATEST] = latest;
	key[KEY_ALIKE] = grace->alike;
	for (int t = 0; t < grace->ntaken; t++)
	{
		int32		event = grace->taken[t];
		int			at;

		if (event < first || grace->last_step[event] < step)
			continue;
		for (at = used++; at > KEY_USED && key[at - 1] > event; at--)
			key[at] = key[at - 1];
		key[at] = event;
	}
	while (used < grace->keys)
		key[used++] = -1;
}

static int32 complete(CjGrace *grace, int step, int32 latest);

/* complete(), not remembered. */
static int32
complete_now(CjGrace *grace, int step, int32 latest)
{
	const int32 *column = grace->next + (int64) step * (grace->n + 1);
	int32		best = CJ_NEVER;

	if (grace->spec->steps[step].optional)
		best = complete(grace, step + 1, latest);
	for (int32 e = column[earliest(grace, latest)]; e < grace->n; e = column[e + 1])
	{
		int32		then = Max(latest, grace->instants[e]);
		int32		end;

		if (then >= best)
			break;
		CHECK_FOR_INTERRUPTS();
		if (!may_take(grace, e, step))
			continue;
		take(grace, e, step);
		end = complete(grace, step + 1, then);
		grace->ntaken--;
		best = Min(best, end);

		/* later events can do no better if this one is of no other use */
		if (!grace->gaps && grace->last_step[e] <= step)
			break;
	}
	return best;
}

/*
 * The earliest instant, by its first event, at which the attempt can have all
 * its steps from this one on; CJ_NEVER if it cannot.
 */
static int32
complete(CjGrace *grace, int step, int32 latest)
{
	int32		key[KEY_MAX];
	int32	   *entry;
	int32		end;

	if (step == grace->count)
		return latest;
	check_stack_depth();
	make_key(grace, step, latest, key);
	entry = hash_search(grace->states, key, HASH_FIND, NULL);
	if (entry != NULL)
		return entry[grace->keys];
	end = complete_now(grace, step, latest);
	if (hash_get_num_entries(grace->states) > STATES_MAX(grace->n))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many events within the grace for this funnel"),
				 errhint("Use a shorter grace, or steps that do not share events.")));
	entry = hash_search(grace->states, key, HASH_ENTER, NULL);
	entry[grace->keys] = end;
	return end;
}

/* Takes the earliest events with which the attempt is over in time. */
static void
follow(CjGrace *grace, int step, int32 latest, int32 limit)
{
	while (step < grace->count)
	{
		const int32 *column = grace->next + (int64) step * (grace->n + 1);
		int32		e;

		for (e = column[earliest(grace, latest)]; e < grace->n; e = column[e + 1])
		{
			int32		then = Max(latest, grace->instants[e]);

			if (!may_take(grace, e, step))
				continue;
			take(grace, e, step);
			if (complete(grace, step + 1, then) <= limit)
			{
				latest = then;
				break;
			}
			grace->ntaken--;
		}
		Assert(e < grace->n || grace->spec->steps[step].optional);
		step++;
	}
}

/* Leaves the attempt in the matcher. */
static void
report(CjGrace *grace)
{
	CjMatcher  *matcher = grace->matcher;
	int64		capacity = matcher->match_capacity;

	matcher->positions = cj_matcher_reserve(matcher, matcher->positions, &capacity,
											grace->ntaken, sizeof(int32));
	capacity = matcher->match_capacity;
	matcher->matched_states = cj_matcher_reserve(matcher, matcher->matched_states, &capacity,
												 grace->ntaken, sizeof(int32));
	matcher->match_capacity = capacity;
	matcher->length = grace->ntaken;
	for (int t = 0; t < grace->ntaken; t++)
	{
		int			state = 0;

		while (grace->step_of[state] != grace->taken_by[t])
			state++;
		matcher->positions[t] = grace->taken[t];
		matcher->matched_states[t] = state;
	}
}

/* Does an attempt that begins with this event take all steps? It is left in the matcher. */
bool
cj_grace_search(CjGrace *grace, int32 start)
{
	const CjFunnelSpec *spec = grace->spec;
	const TimestampTz *times = grace->matcher->times;
	int32		latest = grace->instants[start];
	int32		limit = grace->n - 1;

	for (int s = 0; s < grace->count; s++)
		if (!spec->steps[s].optional && grace->next[(int64) s * (grace->n + 1)] == grace->n)
			return false;
	for (int32 low = start; grace->windows && spec->within >= 0 && low < limit;)
	{
		int32		middle = limit - (limit - low) / 2;

		if (cj_gap_between(times[middle], times[start]) <= spec->within)
			low = middle;
		else
			limit = middle - 1;
	}
	for (int32 i = 0; grace->same != 0 && i <= start; i++)
		if (cj_attributes_agree(grace->matcher, grace->same, start, i))
		{
			grace->alike = i;
			break;
		}
	for (int s = 0; s < grace->count; s++)
	{
		if (*next_event(grace, s, start) == start)
		{
			grace->ntaken = 0;
			take(grace, start, s);
			if (complete(grace, s + 1, latest) <= limit)
			{
				follow(grace, s + 1, latest, limit);
				report(grace);
				return true;
			}
		}
		if (!spec->steps[s].optional)
			return false;
	}
	return false;
}
