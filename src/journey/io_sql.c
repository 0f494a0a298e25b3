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

/* The wire carries text as the client wants it; recv turns it back. */
static bool
needs_encoding(const CjView *view)
{
	return pg_get_client_encoding() != GetDatabaseEncoding() && !cj_all_ascii(view);
}

Datum
cj_journey_send(PG_FUNCTION_ARGS)
{
	CjJourney  *journey = PG_GETARG_JOURNEY(0);
	CjView		view;
	StringInfoData buffer;

	cj_view_init(&view, journey);
	if (needs_encoding(&view))
		journey = cj_map_names(&view, to_client);
	pq_begintypsend(&buffer);
	pq_sendbytes(&buffer, VARDATA_ANY(journey), VARSIZE_ANY_EXHDR(journey));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buffer));
}
