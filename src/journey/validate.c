/*-------------------------------------------------------------------------
 *
 * validate.c
 *		Bytes from outside: a journey, or an error.
 *
 * First everything that could make reading unsafe is checked: parts within the
 * bytes, codes and name ends within their ranges, times within timestamptz.
 * Then the events are packed anew and must give the same bytes.  There is one
 * way to write a journey, so whatever survives is one that this extension could
 * have made, and nothing that relies on sorted names, least widths or zero
 * padding can be misled.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "journey/journey.h"
#include "journey/layout.h"

pg_noreturn static void bad(const char *detail);

static void
bad(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid binary representation of a journey"),
			 errdetail("%s", detail)));
}

/* Names short enough to be names, without zero bytes, in order. */
static void
check_names(const CjNames *names)
{
	uint32		previous = 0;

	for (int32 i = 0; i < names->count; i++)
	{
		uint32		end = (uint32) cj_packed_get(&names->ends, i);

		if (end < previous || end - previous > CJ_MAX_NAME)
			bad("Names do not end in order.");
		previous = end;
	}
	for (int32 i = 0; i < names->count; i++)
	{
		CjText		name = cj_name(names, i);

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (memchr(name.data, '\0', name.len) != NULL)
			bad("A name contains a zero byte.");
		if (i > 0 && cj_text_compare(cj_name(names, i - 1), name) >= 0)
			bad("Names are not in order.");
	}
}

static void
check_code(int32 code, int32 count, bool optional)
{
	if (code >= count || (code < 0 && !optional))
		bad("A code has no name.");
}

/* Decodes the events, each within its ranges. */
static CjEvent *
decode_events(const CjView *view)
{
	CjEvent    *events;
	uint64		largest;

	if (!IS_VALID_TIMESTAMP(view->start))
		bad("A time is out of range.");
	largest = ((uint64) END_TIMESTAMP - 1 - (uint64) view->start) / (uint64) view->unit;
	events = palloc_extended((Size) view->nevents * sizeof(CjEvent), MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < view->nevents; i++)
	{
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (cj_packed_get(&view->times, i) > largest)
			bad("A time is out of range.");
		check_code(cj_event_code(view, i), view->events.count, false);
		check_code(cj_channel_code(view, i), view->channels.count, true);
		check_code(cj_item_code(view, i), view->items.count, true);
		check_code(cj_value_code(view, i), view->nvalues, true);
		cj_get_event(view, i, &events[i]);
		if (cj_value_key(events[i].value) != cj_value_key(cj_canonical_value(events[i].value)))
			bad("A value is not a number in its usual form.");
	}
	return events;
}

/* A name verified and in the server's encoding. */
static CjText
convert_name(CjText name)
{
	char	   *copy;
	CjText		result;

	copy = pnstrdup(name.data, name.len);
	result.data = pg_client_to_server(copy, name.len);
	result.len = result.data == copy ? name.len : (int32) strlen(result.data);
	return result;
}

CjJourney *
cj_validate(const uint8 *body, Size size, bool convert)
{
	CjView		view;
	CjNamings	namings;
	CjEvent    *events;
	CjJourney  *journey;

	if (size > 0 && body[0] != CJ_JOURNEY_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("journey has unknown format version %d", body[0])));
	if (!cj_view_init_checked(&view, body, size))
		bad("It is shorter than its header says, or the header is not one.");
	if (view.nevents == 0)
	{
		journey = cj_empty();
		if (size != VARSIZE_ANY_EXHDR(journey) ||
			memcmp(body, VARDATA_ANY(journey), size) != 0)
			bad("An empty journey has further content.");
		return journey;
	}
	cj_check_nevents(view.nevents);
	check_names(&view.events);
	check_names(&view.channels);
	check_names(&view.items);
	events = decode_events(&view);

	memset(&namings, 0, sizeof(namings));
	namings.event.names = &view.events;
	namings.channel.names = &view.channels;
	namings.item.names = &view.items;
	journey = cj_pack(events, view.nevents, sizeof(CjEvent), &namings);
	if (VARSIZE_ANY_EXHDR(journey) != size ||
		memcmp(VARDATA_ANY(journey), body, size) != 0)
		bad("It is not in the one form that its events have.");
	if (convert && !cj_all_ascii(&view))
	{
		pfree(journey);
		journey = cj_map_names(&view, convert_name);
	}
	pfree(events);
	return journey;
}
