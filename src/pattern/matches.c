/*-------------------------------------------------------------------------
 *
 * matches.c
 *		Existence, the first match, all matches; the matched events as a journey.
 *
 * Matches are counted from the start: the preferred match of the earliest
 * event that has one, then again among the events after its last one.  When
 * SAME holds for the whole pattern, each item (or channel) is counted on its
 * own, and matches of different ones may interleave.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "utils/hsearch.h"

#include "pattern/pattern.h"

/* Can a match start at the event, as far as the sweep knows? */
static bool
may_start(const CjMatcher *matcher, int32 event)
{
	const CjAutomaton *automaton = matcher->automaton;

	for (int o = 0; o < automaton->nstart; o++)
		if (cj_end_at(matcher, automaton->start[o].target, event) != CJ_NEVER &&
			cj_can_start(matcher, &automaton->start[o], event))
			return true;
	return false;
}

/* Is the sweep's answer final? */
static bool
sweep_decides(const CjMatcher *matcher)
{
	return !matcher->ties && matcher->automaton->clock_depth < 2;
}

bool
cj_exists(CjMatcher *matcher)
{
	cj_sweep(matcher);
	for (int32 i = 0; i < matcher->n; i++)
	{
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (may_start(matcher, i) &&
			(sweep_decides(matcher) || cj_search(matcher, i, 0, true)))
			return true;
	}
	return false;
}

bool
cj_first_match(CjMatcher *matcher)
{
	cj_sweep(matcher);
	for (int32 i = 0; i < matcher->n; i++)
	{
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (may_start(matcher, i) && cj_search(matcher, i, 0, false))
			return true;
	}
	return false;
}

/* Where the next match of an item and channel may begin. */
typedef struct Floor
{
	int64		key;
	int32		floor;
} Floor;

static Floor *
find_floor(HTAB *floors, const CjMatcher *matcher, int32 event)
{
	uint8		whole = matcher->automaton->whole;
	int64		key = 0;
	Floor	   *floor;
	bool		found;

	if (whole & CJ_SAME_ITEM)
		key = cj_item_code(matcher->view, event) + 1;
	if (whole & CJ_SAME_CHANNEL)
		key = (key << 31) + cj_channel_code(matcher->view, event) + 1;
	floor = hash_search(floors, &key, HASH_ENTER, &found);
	if (!found)
		floor->floor = 0;
	return floor;
}

int64
cj_all_matches(CjMatcher *matcher, bool overlapping, CjMatchCallback callback, void *arg)
{
	int64		count = 0;
	Floor		single = {0, 0};
	HTAB	   *floors = NULL;

	if (matcher->automaton->whole != 0 && !overlapping)
	{
		HASHCTL		ctl = {.keysize = sizeof(int64),.entrysize = sizeof(Floor),
		.hcxt = CurrentMemoryContext};

		floors = hash_create("journey_pattern floors", 64, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	cj_sweep(matcher);
	for (int32 i = 0; i < matcher->n; i++)
	{
		Floor	   *floor = &single;

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (!may_start(matcher, i))
			continue;
		if (floors != NULL)
			floor = find_floor(floors, matcher, i);
		if (i < floor->floor || !cj_search(matcher, i, floor->floor, false))
			continue;
		count++;
		if (callback != NULL)
			callback(matcher, arg);
		if (!overlapping)
			for (int32 p = 0; p < matcher->length; p++)
				floor->floor = Max(floor->floor, matcher->positions[p] + 1);
	}
	if (floors != NULL)
		hash_destroy(floors);
	return count;
}

CjJourney *
cj_match_journey(const CjMatcher *matcher)
{
	const CjView *view = matcher->view;
	CjBuilder	builder;

	cj_builder_init(&builder);
	for (int32 p = 0; p < matcher->length; p++)
	{
		int32		i = matcher->positions[p];
		CjText		label = matcher->automaton->states[matcher->matched_states[p]].element->label;
		CjText		none = {NULL, 0};
		int32		channel = cj_channel_code(view, i);
		int32		item = cj_item_code(view, i);
		double		value;
		bool		has_value = cj_value(view, i, &value);

		if ((p & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		cj_builder_add(&builder, cj_time(view, i),
					   label.data != NULL ? label : cj_name(&view->events, cj_event_code(view, i)),
					   channel == CJ_ABSENT ? none : cj_name(&view->channels, channel),
					   has_value ? &value : NULL,
					   item == CJ_ABSENT ? none : cj_name(&view->items, item));
	}
	return cj_builder_finish(&builder);
}
