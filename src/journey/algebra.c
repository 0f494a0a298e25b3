/*-------------------------------------------------------------------------
 *
 * algebra.c
 *		Operations that make journeys of journeys.
 *
 * Most choose some of the events, whose names keep their codes until packing
 * drops those no longer used.  Where two journeys meet, names go through
 * dictionaries.  All are O(n), given that both operands are sorted.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "journey/journey.h"

static CjEvent *
alloc_events(int64 n)
{
	return palloc_extended(Max(n, 1) * sizeof(CjEvent), MCXT_ALLOC_HUGE);
}

/* Packs events coded as in the view. */
static CjJourney *
pack_like(const CjView *view, CjEvent *events, int32 n)
{
	CjNamings	namings = {
		{NULL, &view->events}, {NULL, &view->channels}, {NULL, &view->items}
	};
	CjJourney  *journey = cj_pack(events, n, sizeof(CjEvent), &namings);

	pfree(events);
	return journey;
}

CjJourney *
cj_slice(const CjView *view, int32 from, int32 to)
{
	CjEvent    *events = alloc_events(to - from);

	for (int32 i = from; i < to; i++)
	{
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		cj_get_event(view, i, &events[i - from]);
	}
	return pack_like(view, events, Max(to - from, 0));
}

CjJourney *
cj_select(const CjView *view, const bool *keep)
{
	CjEvent    *events = alloc_events(view->nevents);
	int32		n = 0;

	for (int32 i = 0; i < view->nevents; i++)
	{
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (keep[i])
			cj_get_event(view, i, &events[n++]);
	}
	return pack_like(view, events, n);
}

CjJourney *
cj_distinct(const CjView *view)
{
	CjEvent    *events = alloc_events(view->nevents);
	int32		n = 0;

	for (int32 i = 0; i < view->nevents; i++)
	{
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		cj_get_event(view, i, &events[n]);
		if (n == 0 || memcmp(&events[n - 1], &events[n], sizeof(CjEvent)) != 0)
			n++;
	}
	return pack_like(view, events, n);
}

CjJourney *
cj_collapse(const CjView *view)
{
	bool	   *keep = palloc_extended(Max(view->nevents, 1), MCXT_ALLOC_HUGE);
	CjJourney  *journey;

	for (int32 i = 0; i < view->nevents; i++)
		keep[i] = i == 0 || cj_event_code(view, i) != cj_event_code(view, i - 1);
	journey = cj_select(view, keep);
	pfree(keep);
	return journey;
}

CjJourney *
cj_rename(const CjView *view, const CjText *from, const CjText *to, int count)
{
	CjDictionary *dictionary = cj_dictionary_create(CurrentMemoryContext);
	CjNamings	namings = {
		{dictionary, NULL}, {NULL, &view->channels}, {NULL, &view->items}
	};
	CjEvent    *events = alloc_events(view->nevents);
	uint32	   *codes = palloc_array(uint32, Max(view->events.count, 1));
	CjText	   *names = palloc_array(CjText, Max(view->events.count, 1));

	for (int32 code = 0; code < view->events.count; code++)
		names[code] = cj_name(&view->events, code);
	for (int i = 0; i < count; i++)
	{
		int32		code = cj_find_name(&view->events, from[i].data, from[i].len);

		if (code != CJ_ABSENT)
			names[code] = to[i];
	}
	for (int32 code = 0; code < view->events.count; code++)
		codes[code] = cj_dictionary_code(dictionary, names[code].data, names[code].len);
	for (int32 i = 0; i < view->nevents; i++)
	{
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		cj_get_event(view, i, &events[i]);
		events[i].event = codes[events[i].event];
	}
	return cj_pack(events, view->nevents, sizeof(CjEvent), &namings);
}

/* ---- two operands ---- */

/* Codes of one journey's names in the dictionaries both share. */
typedef struct Recoding
{
	uint32	   *event;
	uint32	   *channel;
	uint32	   *item;
} Recoding;

/* Appends the events of a view, coded by the shared dictionaries. */
static void
append_events(const CjView *view, const CjNamings *namings, CjEvent *to)
{
	Recoding	codes;

	codes.event = cj_dictionary_codes(namings->event.dictionary, &view->events);
	codes.channel = cj_dictionary_codes(namings->channel.dictionary, &view->channels);
	codes.item = cj_dictionary_codes(namings->item.dictionary, &view->items);
	for (int32 i = 0; i < view->nevents; i++)
	{
		CjEvent    *event = &to[i];

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		cj_get_event(view, i, event);
		event->event = codes.event[event->event];
		if (event->channel != 0)
			event->channel = codes.channel[event->channel - 1] + 1;
		if (event->item != 0)
			event->item = codes.item[event->item - 1] + 1;
	}
	pfree(codes.event);
	pfree(codes.channel);
	pfree(codes.item);
}

static void
shared_namings(CjNamings *namings)
{
	memset(namings, 0, sizeof(*namings));
	namings->event.dictionary = cj_dictionary_create(CurrentMemoryContext);
	namings->channel.dictionary = cj_dictionary_create(CurrentMemoryContext);
	namings->item.dictionary = cj_dictionary_create(CurrentMemoryContext);
}

CjJourney *
cj_concat(const CjView *a, const CjView *b)
{
	int64		n = (int64) a->nevents + b->nevents;
	CjEvent    *events;
	CjNamings	namings;

	cj_check_nevents(n);
	shared_namings(&namings);
	events = alloc_events(n);
	append_events(a, &namings, events);
	append_events(b, &namings, events + a->nevents);
	return cj_pack(events, (int32) n, sizeof(CjEvent), &namings);
}

static int
compare_optional(uint32 a, const CjNames *a_names, uint32 b, const CjNames *b_names)
{
	if (a == 0 || b == 0)
		return (a != 0) - (b != 0);
	return cj_text_compare(cj_name(a_names, a - 1), cj_name(b_names, b - 1));
}

/* The order of journeys, between events of two of them. */
static int
compare_events(const CjView *a, const CjEvent *x, const CjView *b, const CjEvent *y)
{
	int			c = (x->time > y->time) - (x->time < y->time);

	if (c == 0)
		c = cj_text_compare(cj_name(&a->events, x->event), cj_name(&b->events, y->event));
	if (c == 0)
		c = compare_optional(x->channel, &a->channels, y->channel, &b->channels);
	if (c == 0)
		c = compare_optional(x->item, &a->items, y->item, &b->items);
	if (c == 0)
		c = (int) x->has_value - (int) y->has_value;
	if (c == 0 && x->has_value)
	{
		uint64		p = cj_value_key(x->value);
		uint64		q = cj_value_key(y->value);

		c = (p > q) - (p < q);
	}
	return c;
}

CjJourney *
cj_subtract(const CjView *a, const CjView *b)
{
	CjEvent    *events = alloc_events(a->nevents);
	int32		n = 0;
	int32		j = 0;

	for (int32 i = 0; i < a->nevents; i++)
	{
		int			c = -1;

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		cj_get_event(a, i, &events[n]);
		while (j < b->nevents)
		{
			CjEvent		other;

			cj_get_event(b, j, &other);
			c = compare_events(a, &events[n], b, &other);
			if (c <= 0)
				break;
			j++;
		}
		if (j < b->nevents && c == 0)
			j++;				/* each event of b removes one */
		else
			n++;
	}
	return pack_like(a, events, n);
}
