/*-------------------------------------------------------------------------
 *
 * agg_sql.c
 *		journey_agg and journey_merge: rows and journeys into journeys.
 *
 * A group's state is one chunk of memory that holds its events as codes of
 * dictionaries which all groups share; it starts small and doubles.  So a group
 * of a few events costs little over its events, adding one touches one place,
 * and no memory context is made for a group (hash aggregation walks all of them
 * for every new group).
 *
 * States live in the aggregate's context.  So do the dictionaries, where their
 * memory counts: they are found again for the next group by that context, in a
 * list that hangs on the transition function's call site and is emptied when
 * the context is reset.  Grouping of sorted rows resets it after every group;
 * there the call site keeps the dictionaries, as the names of one group are
 * mostly those of the next.
 *
 * A state's serialized form is the journey it would give.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "common/common.h"
#include "journey/datum.h"

PG_FUNCTION_INFO_V1(cj_journey_agg_transfn);
PG_FUNCTION_INFO_V1(cj_journey_merge_transfn);
PG_FUNCTION_INFO_V1(cj_journey_agg_combinefn);
PG_FUNCTION_INFO_V1(cj_journey_agg_serialfn);
PG_FUNCTION_INFO_V1(cj_journey_agg_deserialfn);
PG_FUNCTION_INFO_V1(cj_journey_agg_finalfn);

/* What the groups of one memory context share. */
typedef struct Shared
{
	MemoryContext context;
	CjNamings	namings;		/* dictionaries only */
	bool		kept;			/* they are the call site's */
	struct Shared *next;		/* another context of the same call site */
	struct CallSite *site;
	MemoryContextCallback callback;
} Shared;

/*
 * fn_extra of a transition or combine function.  Either may go first, the call
 * site or a context of states, so each tells the other.
 */
typedef struct CallSite
{
	Shared	   *shared;			/* usually one; one a grouping set */
	MemoryContextCallback callback;
	MemoryContext names;		/* of the dictionaries kept, or NULL */
	CjNamings	kept;
	int			users;			/* how many Shareds have them */
} CallSite;

#define KEEP_AT_MOST	(1024 * 1024)	/* bytes of names from group to group */

/*
 * A group's events: sizeof(State) + capacity * stride bytes.  The header is 16
 * bytes, so that chunks of a power of two bytes hold 3, 7, 15 ... short events.
 */
typedef struct State
{
	Shared	   *shared;			/* NULL: a PackedState */
	int32		nevents;
	uint32		capacity:31;
	uint32		wide:1;			/* whole CjEvents, not only CJ_EVENT_SHORT */
} State;

/* A state that came from another process, to be combined into one of ours. */
typedef struct PackedState
{
	Shared	   *shared;			/* NULL */
	CjJourney  *journey;
} PackedState;

#define FIRST_SIZE		64		/* bytes of a group's first chunk */

static inline Size
state_stride(const State *state)
{
	return state->wide ? sizeof(CjEvent) : CJ_EVENT_SHORT;
}

static inline CjEvent *
state_event(const State *state, int32 i)
{
	return (CjEvent *) ((char *) state + sizeof(State) + (Size) i * state_stride(state));
}

/* ---- what groups share ---- */

/* The context goes, and this Shared with it: take it off its call site. */
static void
forget_shared(void *arg)
{
	Shared	   *shared = arg;

	if (shared->site == NULL)
		return;
	if (shared->kept)
		shared->site->users--;
	for (Shared **link = &shared->site->shared; *link != NULL; link = &(*link)->next)
		if (*link == shared)
		{
			*link = shared->next;
			break;
		}
}

/* The call site goes: nobody is to look for it any more. */
static void
forget_site(void *arg)
{
	for (Shared *shared = ((CallSite *) arg)->shared; shared != NULL; shared = shared->next)
		shared->site = NULL;
}

static CallSite *
create_site(MemoryContext context)
{
	CallSite   *site = MemoryContextAllocZero(context, sizeof(CallSite));

	site->callback.func = forget_site;
	site->callback.arg = site;
	MemoryContextRegisterResetCallback(context, &site->callback);
	return site;
}

/*
 * Are states reset group by group, and gone before the call site is?  Only
 * then may it keep their dictionaries.
 */
static bool
keeps_names(FunctionCallInfo fcinfo, MemoryContext states)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, AggState) ||
		((AggState *) fcinfo->context)->aggstrategy != AGG_SORTED)
		return false;
	while (states != NULL && states != fcinfo->flinfo->fn_mcxt)
		states = MemoryContextGetParent(states);
	return states != NULL;
}

/* The call site's dictionaries, begun anew when they have grown large. */
static CjNamings
kept_names(CallSite *site, MemoryContext context)
{
	if (site->names == NULL)
		site->names = AllocSetContextCreate(context, "names of journeys", ALLOCSET_SMALL_SIZES);
	else if (site->users > 0 || MemoryContextMemAllocated(site->names, false) <= KEEP_AT_MOST)
		return site->kept;
	MemoryContextReset(site->names);
	site->kept.event.dictionary = cj_dictionary_create(site->names);
	site->kept.channel.dictionary = cj_dictionary_create(site->names);
	site->kept.item.dictionary = cj_dictionary_create(site->names);
	return site->kept;
}

static Shared *
create_shared(FunctionCallInfo fcinfo, CallSite *site, MemoryContext context)
{
	Shared	   *shared = MemoryContextAllocZero(context, sizeof(Shared));

	shared->context = context;
	shared->kept = keeps_names(fcinfo, context);
	if (shared->kept)
	{
		shared->namings = kept_names(site, fcinfo->flinfo->fn_mcxt);
		site->users++;
	}
	else
	{
		shared->namings.event.dictionary = cj_dictionary_create(context);
		shared->namings.channel.dictionary = cj_dictionary_create(context);
	}
	shared->site = site;
	shared->next = site->shared;
	site->shared = shared;
	shared->callback.func = forget_shared;
	shared->callback.arg = shared;
	MemoryContextRegisterResetCallback(context, &shared->callback);
	return shared;
}

static Shared *
find_shared(FunctionCallInfo fcinfo, MemoryContext context)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	CallSite   *site = flinfo->fn_extra;

	if (site == NULL)
		site = flinfo->fn_extra = create_site(flinfo->fn_mcxt);
	for (Shared *shared = site->shared; shared != NULL; shared = shared->next)
		if (shared->context == context)
			return shared;
	return create_shared(fcinfo, site, context);
}

static CjDictionary *
items_of(Shared *shared)
{
	if (shared->namings.item.dictionary == NULL)
		shared->namings.item.dictionary = cj_dictionary_create(shared->context);
	return shared->namings.item.dictionary;
}

/* ---- states ---- */

static State *
create_state(FunctionCallInfo fcinfo, MemoryContext context, bool wide)
{
	State	   *state = MemoryContextAlloc(context, wide ? 2 * FIRST_SIZE : FIRST_SIZE);

	state->shared = find_shared(fcinfo, context);
	state->nevents = 0;
	state->wide = wide;
	state->capacity = ((wide ? 2 * FIRST_SIZE : FIRST_SIZE) - sizeof(State)) / state_stride(state);
	return state;
}

/* Room for more events; the state may move. */
static pg_noinline State *
grow_state(State *state, int32 more)
{
	int64		nevents = (int64) state->nevents + more;
	Size		stride = state_stride(state);
	Size		size = sizeof(State) + (Size) state->capacity * stride;

	cj_check_nevents(nevents);
	size = Max(pg_nextpower2_size_t(size), FIRST_SIZE);
	while ((size - sizeof(State)) / stride < (Size) nevents)
		size *= 2;
	state = repalloc_huge(state, size);
	state->capacity = (size - sizeof(State)) / stride;
	return state;
}

/* The next event's place, to be filled by the caller. */
static inline CjEvent *
add_event(State **state)
{
	if (unlikely((uint32) (*state)->nevents == (*state)->capacity))
		*state = grow_state(*state, 1);
	if (unlikely((*state)->nevents >= cj_max_events))
		cj_check_nevents((int64) (*state)->nevents + 1);
	return state_event(*state, (*state)->nevents++);
}

/* Makes room for values and items in a state that had none. */
static State *
widen_state(State *state)
{
	MemoryContext context = GetMemoryChunkContext(state);
	Size		size = sizeof(State) + Max((Size) state->nevents, 3) * sizeof(CjEvent);
	State	   *wide;

	if (state->wide)
		return state;
	wide = MemoryContextAllocHuge(context, pg_nextpower2_size_t(size));
	*wide = *state;
	wide->wide = true;
	wide->capacity = (pg_nextpower2_size_t(size) - sizeof(State)) / sizeof(CjEvent);
	for (int32 i = 0; i < state->nevents; i++)
	{
		CjEvent    *event = state_event(wide, i);

		memcpy(event, state_event(state, i), CJ_EVENT_SHORT);
		event->value = 0;
		event->item = 0;
		event->has_value = 0;
	}
	pfree(state);
	return wide;
}

static inline CjText
text_argument(FunctionCallInfo fcinfo, int n, const char *kind)
{
	CjText		name = cj_text_arg(PG_GETARG_TEXT_PP(n));

	if (unlikely(name.len > CJ_MAX_NAME))
		cj_check_name(name, kind);
	return name;
}

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo, const char *function)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s called in non-aggregate context", function)));
	return context;
}

/* journey_agg(occurred_at, event [, channel [, value [, item]]]) */
Datum
cj_journey_agg_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo, "journey_agg");
	State	   *state = PG_ARGISNULL(0) ? NULL : (State *) PG_GETARG_POINTER(0);
	int			nargs = PG_NARGS();
	TimestampTz time;
	CjEvent    *event;
	CjNamings  *namings;
	CjText		name;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	time = PG_GETARG_TIMESTAMPTZ(1);
	if (unlikely(TIMESTAMP_NOT_FINITE(time)))
		cj_check_time(time);
	if (state == NULL)
		state = create_state(fcinfo, context, nargs > 4);
	event = add_event(&state);
	namings = &state->shared->namings;
	event->time = time;
	name = text_argument(fcinfo, 2, "event");
	event->event = cj_dictionary_code(namings->event.dictionary, name.data, name.len);
	event->channel = 0;
	if (nargs > 3 && !PG_ARGISNULL(3))
	{
		name = text_argument(fcinfo, 3, "channel");
		event->channel = 1 +
			cj_dictionary_code(namings->channel.dictionary, name.data, name.len);
	}
	if (nargs > 4)
	{
		event->has_value = !PG_ARGISNULL(4);
		event->value = event->has_value ? cj_canonical_value(PG_GETARG_FLOAT8(4)) : 0;
		event->item = 0;
		if (nargs > 5 && !PG_ARGISNULL(5))
		{
			name = text_argument(fcinfo, 5, "item");
			event->item = 1 + cj_dictionary_code(items_of(state->shared), name.data, name.len);
		}
	}
	PG_RETURN_POINTER(state);
}

/* ---- merging ---- */

/* Appends the events of a journey. */
static State *
append_journey(State *state, const CjView *view)
{
	uint32	   *events;
	uint32	   *channels;
	uint32	   *items = NULL;

	if (view->nevents == 0)
		return state;
	if (view->flags & (CJ_HAS_VALUE | CJ_HAS_ITEM))
		state = widen_state(state);
	if ((int64) state->nevents + view->nevents > state->capacity)
		state = grow_state(state, view->nevents);
	cj_check_nevents((int64) state->nevents + view->nevents);
	events = cj_dictionary_codes(state->shared->namings.event.dictionary, &view->events);
	channels = cj_dictionary_codes(state->shared->namings.channel.dictionary, &view->channels);
	if (view->flags & CJ_HAS_ITEM)
		items = cj_dictionary_codes(items_of(state->shared), &view->items);
	for (int32 i = 0; i < view->nevents; i++)
	{
		CjEvent		from;

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		cj_get_event(view, i, &from);
		from.event = events[from.event];
		if (from.channel != 0)
			from.channel = channels[from.channel - 1] + 1;
		if (from.item != 0)
			from.item = items[from.item - 1] + 1;
		memcpy(state_event(state, state->nevents++), &from, state_stride(state));
	}
	pfree(events);
	pfree(channels);
	if (items != NULL)
		pfree(items);
	return state;
}

/* The journey of a state, which stays usable: sorting its events changes nothing. */
static CjJourney *
state_journey(State *state)
{
	return cj_pack(state_event(state, 0), state->nevents, state_stride(state),
				   &state->shared->namings);
}

/* journey_merge(journey) */
Datum
cj_journey_merge_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo, "journey_merge");
	State	   *state = PG_ARGISNULL(0) ? NULL : (State *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
	{
		CJ_ARG_VIEW(view, 1);

		if (state == NULL)
			state = create_state(fcinfo, context, false);
		state = append_journey(state, &view);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

Datum
cj_journey_agg_combinefn(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo, "journey_agg combine");
	State	   *state = PG_ARGISNULL(0) ? NULL : (State *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
	{
		State	   *other = (State *) PG_GETARG_POINTER(1);
		CjView		view;

		if (state == NULL)
			state = create_state(fcinfo, context, false);
		cj_view_init(&view, other->shared == NULL ?
					 ((PackedState *) other)->journey : state_journey(other));
		state = append_journey(state, &view);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

Datum
cj_journey_agg_serialfn(PG_FUNCTION_ARGS)
{
	aggregate_context(fcinfo, "journey_agg serialize");
	PG_RETURN_POINTER(state_journey((State *) PG_GETARG_POINTER(0)));
}

Datum
cj_journey_agg_deserialfn(PG_FUNCTION_ARGS)
{
	PackedState *state = palloc_object(PackedState);

	aggregate_context(fcinfo, "journey_agg deserialize");
	state->shared = NULL;
	state->journey = (CjJourney *) PG_GETARG_BYTEA_PP(0);
	PG_RETURN_POINTER(state);
}

Datum
cj_journey_agg_finalfn(PG_FUNCTION_ARGS)
{
	aggregate_context(fcinfo, "journey_agg final");
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_JOURNEY(state_journey((State *) PG_GETARG_POINTER(0)));
}
