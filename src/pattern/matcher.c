/*-------------------------------------------------------------------------
 *
 * matcher.c
 *		A journey made ready for one automaton: times decoded, and for every
 *		event the predicates of the pattern that it satisfies.
 *
 * Names are resolved to codes once per journey; an event then costs one load.
 * Conditions on anything but the name are evaluated only where the name fits.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "pattern/pattern.h"

CjMatcher *
cj_matcher_create(const CjAutomaton *automaton, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	CjMatcher  *matcher = palloc0_object(CjMatcher);

	matcher->automaton = automaton;
	matcher->context = context;
	matcher->words = (automaton->npreds + 63) / 64;
	matcher->cursors = palloc0_array(CjCursor, Max(automaton->ncursors, 1));
	matcher->forbidden_next = palloc_array(int32, automaton->npreds);
	matcher->forbidden_seen = palloc_array(int32, automaton->npreds);
	matcher->best = palloc_array(int32, 2 * automaton->nstates);
	matcher->state_mask = palloc0_array(uint64, matcher->words);
	for (int s = 0; s < automaton->nstates; s++)
	{
		int			pred = automaton->states[s].pred;

		matcher->state_mask[pred >> 6] |= UINT64CONST(1) << (pred & 63);
	}
	MemoryContextSwitchTo(old);
	return matcher;
}

void *
cj_matcher_reserve(CjMatcher *matcher, void *buffer, int64 *capacity,
				   int64 count, Size size)
{
	int64		wanted = 64;

	if (buffer != NULL && *capacity >= count)
		return buffer;
	while (wanted < count)
		wanted *= 2;
	if ((Size) wanted > MaxAllocHugeSize / 64 / size)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("pattern and journey together are too large to match")));
	if (buffer != NULL)
		pfree(buffer);
	*capacity = wanted;
	return MemoryContextAllocHuge(matcher->context, wanted * size);
}

/* Which predicates each name of the journey can satisfy. */
static void
bind_names(CjMatcher *matcher)
{
	const CjAutomaton *automaton = matcher->automaton;
	const CjNames *names = &matcher->view->events;
	int			words = matcher->words;

	matcher->code_masks = cj_matcher_reserve(matcher, matcher->code_masks,
											 &matcher->code_capacity,
											 (int64) names->count * words, sizeof(uint64));
	memset(matcher->code_masks, 0, (Size) names->count * words * sizeof(uint64));
	for (int p = 0; p < automaton->npreds; p++)
	{
		const CjNameSet *set = &automaton->preds[p]->names;
		uint64	   *column = matcher->code_masks + (p >> 6);
		uint64		bit = UINT64CONST(1) << (p & 63);

		if (set->count == 0 || set->negated)
			for (int32 c = 0; c < names->count; c++)
				column[(int64) c * words] |= bit;
		for (int i = 0; i < set->count; i++)
		{
			int32		code = cj_find_name(names, set->names[i].data, set->names[i].len);

			if (code == CJ_ABSENT)
				continue;
			if (set->negated)
				column[(int64) code * words] &= ~bit;
			else
				column[(int64) code * words] |= bit;
		}
	}
}

static void
bind_events(CjMatcher *matcher)
{
	const CjAutomaton *automaton = matcher->automaton;
	const CjView *view = matcher->view;
	int			words = matcher->words;

	for (int32 i = 0; i < matcher->n; i++)
	{
		uint64	   *mask = matcher->masks + (int64) i * words;

		memcpy(mask, matcher->code_masks + (int64) cj_event_code(view, i) * words,
			   words * sizeof(uint64));
		matcher->times[i] = cj_time(view, i);
		if (i > 0 && matcher->times[i] == matcher->times[i - 1])
			matcher->ties = true;
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
	}
	for (int p = 0; p < automaton->npreds; p++)
	{
		const CjElement *element = automaton->preds[p];
		uint64		bit = UINT64CONST(1) << (p & 63);

		if (cj_element_plain(element))
			continue;
		for (int32 i = 0; i < matcher->n; i++)
		{
			uint64	   *mask = matcher->masks + (int64) i * words + (p >> 6);

			if ((*mask & bit) && !cj_element_qualified(element, view, i))
				*mask &= ~bit;
			if ((i & 1023) == 1023)
				CHECK_FOR_INTERRUPTS();
		}
	}
}

/* Finds the first event of every instant. */
static void
bind_instants(CjMatcher *matcher)
{
	matcher->instants = cj_matcher_reserve(matcher, matcher->instants,
										   &matcher->instants_capacity,
										   matcher->n, sizeof(int32));
	for (int32 i = 0; i < matcher->n; i++)
		matcher->instants[i] = i > 0 && matcher->times[i] == matcher->times[i - 1] ?
			matcher->instants[i - 1] : i;
}

/* Room for n events and a new match. */
static void
reset(CjMatcher *matcher, int32 n)
{
	int64		capacity = matcher->capacity;
	int64		mask_capacity = matcher->capacity * matcher->words;

	matcher->n = n;
	matcher->ties = false;
	matcher->used_for = -1;
	matcher->next_ready = false;
	matcher->length = 0;
	matcher->budget = INT64CONST(50000000) + INT64CONST(64) * n;
	if (matcher->failed != NULL)
	{
		hash_destroy(matcher->failed);
		matcher->failed = NULL;
	}
	matcher->times = cj_matcher_reserve(matcher, matcher->times, &capacity,
										n, sizeof(TimestampTz));
	matcher->masks = cj_matcher_reserve(matcher, matcher->masks, &mask_capacity,
										(int64) n * matcher->words, sizeof(uint64));
	matcher->capacity = Min(capacity, mask_capacity / matcher->words);
}

void
cj_matcher_bind(CjMatcher *matcher, const CjView *view, TimestampTz as_of)
{
	matcher->view = view;
	matcher->as_of = as_of;
	reset(matcher, TIMESTAMP_IS_NOEND(as_of) ? view->nevents :
		  TIMESTAMP_IS_NOBEGIN(as_of) ? 0 : cj_upper_bound(view, as_of));
	if (matcher->n == 0)
		return;
	bind_names(matcher);
	bind_events(matcher);
	if (matcher->ties)
		bind_instants(matcher);
}

void
cj_matcher_bind_rows(CjMatcher *matcher, int32 n)
{
	matcher->view = NULL;
	matcher->as_of = DT_NOEND;
	reset(matcher, n);
}

void
cj_matcher_find_ties(CjMatcher *matcher)
{
	for (int32 i = 1; i < matcher->n && !matcher->ties; i++)
		matcher->ties = matcher->times[i] == matcher->times[i - 1];
	if (matcher->ties)
		bind_instants(matcher);
}
