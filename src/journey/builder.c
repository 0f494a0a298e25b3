/*-------------------------------------------------------------------------
 *
 * builder.c
 *		Collecting events one by one, in any order, into a journey.
 *
 * For text, jsonb and other ways in; aggregates keep leaner states of their
 * own.  The checks of what an event may be stand here, once.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "miscadmin.h"
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "journey/journey.h"

/* Each check errors, or records a soft error in escontext and returns false. */

static bool
check_time(TimestampTz time, Node *escontext)
{
	if (TIMESTAMP_NOT_FINITE(time))
		ereturn(escontext, false,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("an event's time must be finite, not \"%s\"",
						TIMESTAMP_IS_NOBEGIN(time) ? "-infinity" : "infinity"),
				 errhint("Leave such rows out with FILTER or WHERE, or give them a time.")));
	if (!IS_VALID_TIMESTAMP(time))
		ereturn(escontext, false,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("an event's time is out of range")));
	return true;
}

static bool
check_name(CjText name, const char *kind, Node *escontext)
{
	if (name.len > CJ_MAX_NAME)
		ereturn(escontext, false,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("%s name of %d bytes is too long", kind, name.len),
				 errdetail("Names may have up to %d bytes.", CJ_MAX_NAME),
				 errhint("Name events, channels and items by a short key.")));
	return true;
}

static bool
check_nevents(int64 nevents, int32 limit, Node *escontext)
{
	if (nevents > limit)
		ereturn(escontext, false,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("journey would have more than %d events", limit),
				 errhint("Raise customer_journey.max_events, or leave out keys that are not one customer, such as NULL or a robot's.")));
	return true;
}

void
cj_check_time(TimestampTz time)
{
	check_time(time, NULL);
}

void
cj_check_name(CjText name, const char *kind)
{
	check_name(name, kind, NULL);
}

void
cj_check_nevents(int64 nevents)
{
	check_nevents(nevents, cj_max_events, NULL);
}

double
cj_canonical_value(double value)
{
	return unlikely(isnan(value)) ? get_float8_nan() : value;
}

void
cj_builder_init(CjBuilder *builder)
{
	builder->nevents = 0;
	builder->capacity = 16;
	builder->events = palloc_array(CjEvent, builder->capacity);
	builder->event = cj_dictionary_create(CurrentMemoryContext);
	builder->channel = NULL;
	builder->item = NULL;
	builder->limit = cj_max_events;
	builder->escontext = NULL;
}

/* The code + 1 of an optional name, whose dictionary is made when first needed. */
static uint32
optional_code(CjDictionary **dictionary, CjText name)
{
	if (name.data == NULL)
		return 0;
	if (*dictionary == NULL)
		*dictionary = cj_dictionary_create(CurrentMemoryContext);
	return cj_dictionary_code(*dictionary, name.data, name.len) + 1;
}

bool
cj_builder_add(CjBuilder *builder, TimestampTz time, CjText event,
			   CjText channel, const double *value, CjText item)
{
	CjEvent    *added;

	if (!check_time(time, builder->escontext) ||
		!check_name(event, "event", builder->escontext) ||
		!check_name(channel, "channel", builder->escontext) ||
		!check_name(item, "item", builder->escontext) ||
		!check_nevents((int64) builder->nevents + 1, builder->limit, builder->escontext))
		return false;
	if (builder->nevents == builder->capacity)
	{
		builder->capacity *= 2;
		builder->events = repalloc_huge(builder->events,
										builder->capacity * sizeof(CjEvent));
	}
	added = &builder->events[builder->nevents++];
	added->time = time;
	added->event = cj_dictionary_code(builder->event, event.data, event.len);
	added->channel = optional_code(&builder->channel, channel);
	added->item = optional_code(&builder->item, item);
	added->has_value = value != NULL;
	added->value = value != NULL ? cj_canonical_value(*value) : 0;
	return true;
}

CjJourney *
cj_builder_finish(CjBuilder *builder)
{
	CjNamings	namings = {
		{builder->event, NULL}, {builder->channel, NULL}, {builder->item, NULL}
	};

	return cj_pack(builder->events, builder->nevents, sizeof(CjEvent), &namings);
}

bool
cj_all_ascii(const CjView *view)
{
	const char *end = (const char *) view->body + view->size;

	if (view->nevents == 0)
		return true;
	for (const char *c = view->events.bytes; c < end; c++)
		if (IS_HIGHBIT_SET(*c))
			return false;
	return true;
}

CjJourney *
cj_map_names(const CjView *view, CjText (*map) (CjText name))
{
	static const CjText none = {NULL, 0};
	CjBuilder	builder;

	cj_builder_init(&builder);
	builder.limit = CJ_HARD_MAX_EVENTS; /* the events are a journey already */
	for (int32 i = 0; i < view->nevents; i++)
	{
		int32		channel = cj_channel_code(view, i);
		int32		item = cj_item_code(view, i);
		double		value;
		bool		has_value = cj_value(view, i, &value);

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		cj_builder_add(&builder, cj_time(view, i),
					   map(cj_name(&view->events, cj_event_code(view, i))),
					   channel == CJ_ABSENT ? none : map(cj_name(&view->channels, channel)),
					   has_value ? &value : NULL,
					   item == CJ_ABSENT ? none : map(cj_name(&view->items, item)));
	}
	return cj_builder_finish(&builder);
}
