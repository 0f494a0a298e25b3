/*-------------------------------------------------------------------------
 *
 * model_sql.c
 *		The types propensity_model and propensity_sample: input, output, equality.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "compat.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "propensity/glue.h"

PG_FUNCTION_INFO_V1(cj_model_in);
PG_FUNCTION_INFO_V1(cj_model_out);
PG_FUNCTION_INFO_V1(cj_model_recv);
PG_FUNCTION_INFO_V1(cj_model_send);
PG_FUNCTION_INFO_V1(cj_model_eq);
PG_FUNCTION_INFO_V1(cj_model_ne);
PG_FUNCTION_INFO_V1(cj_model_hash);
PG_FUNCTION_INFO_V1(cj_model_hash_extended);
PG_FUNCTION_INFO_V1(cj_sample_in);
PG_FUNCTION_INFO_V1(cj_sample_out);
PG_FUNCTION_INFO_V1(cj_sample_recv);
PG_FUNCTION_INFO_V1(cj_sample_send);

Datum
cj_model_in(PG_FUNCTION_ARGS)
{
	CjModel    *model = cj_model_from_json(PG_GETARG_CSTRING(0), CJ_ESCONTEXT(fcinfo));

	if (model == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(cj_model_datum(model));
}

Datum
cj_model_out(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	CjModel    *model = cj_model_read(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), false);
	StringInfoData text;

	initStringInfo(&text);
	cj_model_to_json(&text, model);
	PG_RETURN_CSTRING(text.data);
}

Datum
cj_model_recv(PG_FUNCTION_ARGS)
{
	StringInfo	from = (StringInfo) PG_GETARG_POINTER(0);
	int			size = from->len - from->cursor;

	PG_RETURN_BYTEA_P(cj_model_datum(cj_model_read(pq_getmsgbytes(from, size), size, true)));
}

Datum
cj_model_send(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	CjModel    *model = cj_model_read(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), false);
	StringInfoData to;

	pq_begintypsend(&to);
	cj_model_write(&to, model, true);
	PG_RETURN_BYTEA_P(pq_endtypsend(&to));
}

static bool
same_bytes(FunctionCallInfo fcinfo)
{
	bytea	   *a = PG_GETARG_BYTEA_PP(0);
	bytea	   *b = PG_GETARG_BYTEA_PP(1);
	bool		same = VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return same;
}

Datum
cj_model_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same_bytes(fcinfo));
}

Datum
cj_model_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same_bytes(fcinfo));
}

Datum
cj_model_hash(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	Datum		hash = hash_any((unsigned char *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));

	PG_FREE_IF_COPY(bytes, 0);
	return hash;
}

Datum
cj_model_hash_extended(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	Datum		hash = hash_any_extended((unsigned char *) VARDATA_ANY(bytes),
										 VARSIZE_ANY_EXHDR(bytes), PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(bytes, 0);
	return hash;
}

/* ---- samples: the text form is the binary form in hexadecimal ---- */

Datum
cj_sample_in(PG_FUNCTION_ARGS)
{
	Datum		bytes;
	StringInfoData from;
	CjSample   *sample;

	if (!DirectInputFunctionCallSafe(byteain, PG_GETARG_CSTRING(0), InvalidOid, -1,
									 CJ_ESCONTEXT(fcinfo), &bytes))
		PG_RETURN_NULL();
	initStringInfo(&from);
	appendBinaryStringInfo(&from, VARDATA_ANY(DatumGetPointer(bytes)),
						   VARSIZE_ANY_EXHDR(DatumGetPointer(bytes)));
	sample = cj_sample_read(&from, CJ_ESCONTEXT(fcinfo), ERRCODE_INVALID_TEXT_REPRESENTATION);
	if (sample == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(sample);
}

Datum
cj_sample_out(PG_FUNCTION_ARGS)
{
	static const char hex[] = "0123456789abcdef";
	CjSample   *sample = (CjSample *) PG_GETARG_VARLENA_P(0);
	StringInfoData bytes;
	StringInfoData text;

	initStringInfo(&bytes);
	cj_sample_write(&bytes, sample);
	initStringInfo(&text);
	appendStringInfoString(&text, "\\x");
	for (int i = 0; i < bytes.len; i++)
	{
		appendStringInfoChar(&text, hex[(uint8) bytes.data[i] >> 4]);
		appendStringInfoChar(&text, hex[(uint8) bytes.data[i] & 15]);
	}
	PG_RETURN_CSTRING(text.data);
}

Datum
cj_sample_recv(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(cj_sample_read((StringInfo) PG_GETARG_POINTER(0), NULL,
									 ERRCODE_INVALID_BINARY_REPRESENTATION));
}

Datum
cj_sample_send(PG_FUNCTION_ARGS)
{
	CjSample   *sample = (CjSample *) PG_GETARG_VARLENA_P(0);
	StringInfoData to;

	pq_begintypsend(&to);
	cj_sample_write(&to, sample);
	PG_RETURN_BYTEA_P(pq_endtypsend(&to));
}
