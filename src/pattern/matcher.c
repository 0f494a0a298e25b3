/*-------------------------------------------------------------------------
 *
 * matcher.c
 *		A journey made ready for one automaton: times decoded, and for every
 *		event the predicates of the pattern that it satisfies.
 *
 * Names are resolved to codes once per set of names (codes.c), or once per
 * journey if the pattern is large; an event then costs one load.  Conditions on
 * anything but the name are evaluated only where the name fits.  With the names
 * is remembered whether all that a match needs are among them.
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

/* Fills in which predicates each name can satisfy. */
static void
resolve_names(const CjMatcher *matcher, const CjNames *names, uint64 *masks)
{
	const CjAutomaton *automaton = matcher->automaton;
	int			words = matcher->words;

	memset(masks, 0, (Size) names->count * words * sizeof(uint64));
	for (int p = 0; p < automaton->npreds; p++)
	{
		const CjNameSet *set = &automaton->preds[p]->names;
		uint64	   *column = masks + (p >> 6);
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

/* Are the names there that every match needs? */
static bool
has_needed(CjMatcher *matcher, const CjNames *names)
{
	if (matcher->needs == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(matcher->context);

		matcher->needs = cj_pattern_needs(matcher->automaton->tree);
		matcher->needed = palloc(Max(matcher->needs->nkeys, 1));
		MemoryContextSwitchTo(old);
	}
	for (int k = 0; k < matcher->needs->nkeys; k++)
		matcher->needed[k] = cj_find_name(names, matcher->needs->keys[k].data,
										  matcher->needs->keys[k].len) != CJ_ABSENT;
	return cj_need_check(matcher->needs->root, matcher->needed) != 0;
}

/* Finds the masks of the journey's codes; false if a name is missing that every match needs. */
static bool
bind_names(CjMatcher *matcher)
{
	const CjNames *names = &matcher->view->events;
	CjCodes    *codes;
	bool		found;

	if (matcher->words > 1)
	{
		matcher->code_buffer = cj_matcher_reserve(matcher, matcher->code_buffer,
												  &matcher->code_capacity,
												  (int64) names->count * matcher->words,
												  sizeof(uint64));
		resolve_names(matcher, names, matcher->code_buffer);
		matcher->code_masks = matcher->code_buffer;
		return true;
	}
	if (matcher->codes == NULL)
		matcher->codes = cj_codes_create(matcher->context);
	codes = cj_codes_find(matcher->codes, names, &found);
	if (!found)
	{
		resolve_names(matcher, names, codes->masks);
		codes->extra = has_needed(matcher, names);
	}
	matcher->code_masks = codes->masks;
	return codes->extra;
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

static bool
bind(CjMatcher *matcher, const CjView *view, TimestampTz as_of, bool whole)
{
	matcher->view = view;
	matcher->as_of = as_of;
	reset(matcher, TIMESTAMP_IS_NOEND(as_of) ? view->nevents :
		  TIMESTAMP_IS_NOBEGIN(as_of) ? 0 : cj_upper_bound(view, as_of));
	if (matcher->n == 0)
		return !whole;
	if (!bind_names(matcher) && whole)
	{
		matcher->n = 0;
		return false;
	}
	bind_events(matcher);
	if (matcher->ties)
		bind_instants(matcher);
	return true;
}

void
cj_matcher_bind(CjMatcher *matcher, const CjView *view, TimestampTz as_of)
{
	bind(matcher, view, as_of, false);
}

bool
cj_matcher_bind_match(CjMatcher *matcher, const CjView *view, TimestampTz as_of)
{
	return bind(matcher, view, as_of, true);
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
