/*-------------------------------------------------------------------------
 *
 * io_sql.c
 *		The journey type's input and output, and its casts from and to jsonb.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "common/common.h"
#include "journey/datum.h"

PG_FUNCTION_INFO_V1(cj_journey_in);
PG_FUNCTION_INFO_V1(cj_journey_out);
PG_FUNCTION_INFO_V1(cj_journey_recv);
PG_FUNCTION_INFO_V1(cj_journey_send);

Datum
cj_journey_in(PG_FUNCTION_ARGS)
{
	CjJourney  *journey = cj_journey_from_text(PG_GETARG_CSTRING(0), CJ_ESCONTEXT(fcinfo));

	if (journey == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JOURNEY(journey);
}

Datum
cj_journey_out(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);

	PG_RETURN_CSTRING(cj_journey_to_text(&view));
}

Datum
cj_journey_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buffer = (StringInfo) PG_GETARG_POINTER(0);
	int			size = buffer->len - buffer->cursor;

	PG_RETURN_JOURNEY(cj_validate((const uint8 *) pq_getmsgbytes(buffer, size), size, true));
}

/* One name in the client's encoding. */
static CjText
to_client(CjText name)
{
	char	   *copy;
	CjText		result;

	copy = pnstrdup(name.data, name.len);
	result.data = pg_server_to_client(copy, name.len);
	result.len = result.data == copy ? name.len : (int32) strlen(result.data);
	return result;
}

/*
 * The same events with names in the client's encoding, where that differs: the
 * wire carries text as the client wants it, and recv turns it back.
 */
static CjJourney *
encode_for_client(const CjView *view)
{
	static const CjText none = {NULL, 0};
	CjBuilder	builder;

	cj_builder_init(&builder);
	builder.limit = CJ_HARD_MAX_EVENTS; /* what is stored can be sent */
	for (int32 i = 0; i < view->nevents; i++)
	{
		int32		channel = cj_channel_code(view, i);
		int32		item = cj_item_code(view, i);
		double		value;
		bool		has_value = cj_value(view, i, &value);

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		cj_builder_add(&builder, cj_time(view, i),
					   to_client(cj_name(&view->events, cj_event_code(view, i))),
					   channel == CJ_ABSENT ? none : to_client(cj_name(&view->channels, channel)),
					   has_value ? &value : NULL,
					   item == CJ_ABSENT ? none : to_client(cj_name(&view->items, item)));
	}
	return cj_builder_finish(&builder);
}

static bool
needs_encoding(const CjView *view)
{
	const char *end = (const char *) view->body + view->size;

	if (view->nevents == 0 || pg_get_client_encoding() == GetDatabaseEncoding())
		return false;
	for (const char *c = view->events.bytes; c < end; c++)
		if (IS_HIGHBIT_SET(*c))
			return true;
	return false;
}

Datum
cj_journey_send(PG_FUNCTION_ARGS)
{
	CjJourney  *journey = PG_GETARG_JOURNEY(0);
	CjView		view;
	StringInfoData buffer;

	cj_view_init(&view, journey);
	if (needs_encoding(&view))
		journey = encode_for_client(&view);
	pq_begintypsend(&buffer);
	pq_sendbytes(&buffer, VARDATA_ANY(journey), VARSIZE_ANY_EXHDR(journey));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}
