/*-------------------------------------------------------------------------
 *
 * sums_sql.c
 *		propensity_sums: the state type of propensity_drift and propensity_effects.
 *
 * The state is edited in place in the aggregate's memory and never grows.  Over
 * records it is internal, the same bytes behind a pointer: Citus checks the types
 * of arguments before it combines parts, and takes no row type for a record.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "propensity/glue.h"

PG_FUNCTION_INFO_V1(cj_sums_in);
PG_FUNCTION_INFO_V1(cj_sums_out);
PG_FUNCTION_INFO_V1(cj_sums_recv);
PG_FUNCTION_INFO_V1(cj_sums_send);
PG_FUNCTION_INFO_V1(cj_sums_combine);
PG_FUNCTION_INFO_V1(cj_sums_combine_internal);
PG_FUNCTION_INFO_V1(cj_sums_serialize);
PG_FUNCTION_INFO_V1(cj_sums_deserialize);

/* ---- states ---- */

CjSums *
cj_sums_transition(FunctionCallInfo fcinfo, int purpose, bool is_array, CjScorer **scorer)
{
	CjSums	   *sums = PG_ARGISNULL(0) ? NULL : (CjSums *) PG_GETARG_POINTER(0);
	MemoryContext context;

	*scorer = NULL;
	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("transition function called outside an aggregate")));
	if (PG_ARGISNULL(1))
		return sums;
	*scorer = cj_model_of_state(fcinfo, 1, context, sums != NULL);
	if (purpose == CJ_FOR_EFFECTS && (*scorer)->model->kind != CJ_LOGISTIC)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("trees have no marginal effects"),
				 errhint("propensity_explain says what features contribute.")));
	if (sums == NULL)
	{
		/* The executor copies a value, but not what a pointer points to. */
		MemoryContext old = MemoryContextSwitchTo(is_array ? CurrentMemoryContext : context);

		sums = cj_sums_create(purpose, (*scorer)->model, (*scorer)->bytes, (*scorer)->size);
		MemoryContextSwitchTo(old);
	}
	else if (sums->serial != (*scorer)->serial)
		cj_sums_check_model(sums, (*scorer)->bytes, (*scorer)->size);
	sums->serial = (*scorer)->serial;
	return sums;
}

CjSums *
cj_sums_argument(FunctionCallInfo fcinfo, int argument, int purpose)
{
	CjSums	   *sums;

	if (PG_ARGISNULL(argument))
		return NULL;
	sums = (CjSums *) PG_GETARG_VARLENA_P(argument);
	if (sums->purpose != purpose)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the sums are not those of %s",
						purpose == CJ_FOR_DRIFT ? "propensity_drift" : "propensity_effects")));
	return sums;
}

/* A new state that is a pointer has to stay, one that is a value is copied. */
static Datum
combine(FunctionCallInfo fcinfo, bool is_pointer)
{
	MemoryContext context;
	CjSums	   *sums;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("combine function called outside an aggregate")));
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (PG_ARGISNULL(0))
	{
		MemoryContext old = MemoryContextSwitchTo(is_pointer ? context : CurrentMemoryContext);

		sums = (CjSums *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(1));
		MemoryContextSwitchTo(old);
		/* A serial of another process means nothing here. */
		sums->serial = 0;
		PG_RETURN_POINTER(sums);
	}
	sums = (CjSums *) PG_GETARG_POINTER(0);
	cj_sums_add(sums, (CjSums *) PG_GETARG_VARLENA_P(1));
	PG_RETURN_POINTER(sums);
}

/*
 * (propensity_sums, propensity_sums) -> propensity_sums
 */
Datum
cj_sums_combine(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, false);
}

/*
 * (internal, internal) -> internal
 */
Datum
cj_sums_combine_internal(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, true);
}

/*
 * (internal) -> bytea, for a process of this server: the state as it is
 */
Datum
cj_sums_serialize(PG_FUNCTION_ARGS)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("serialization function called outside an aggregate")));
	PG_RETURN_POINTER(PG_GETARG_POINTER(0));
}

/*
 * (bytea, internal) -> internal
 */
Datum
cj_sums_deserialize(PG_FUNCTION_ARGS)
{
	CjSums	   *sums;

	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("deserialization function called outside an aggregate")));
	sums = (CjSums *) PG_GETARG_VARLENA_P(0);
	if (VARSIZE(sums) < sizeof(CjSums) || sums->nnumbers < 0 || sums->model_size < 0 ||
		VARSIZE(sums) != sizeof(CjSums) + (Size) sums->nnumbers * 8 + sums->model_size)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a partial state is damaged")));
	PG_RETURN_POINTER(sums);
}

/* ---- input and output: the text form is the binary form in hexadecimal ---- */

Datum
cj_sums_in(PG_FUNCTION_ARGS)
{
	const char *fault;
	struct varlena *bytes = cj_hex_decode(PG_GETARG_CSTRING(0), &fault);
	CjSums	   *sums;

	if (bytes == NULL)
		ereturn(CJ_ESCONTEXT(fcinfo), (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type propensity_sums"),
				 errdetail("%s", fault)));
	sums = cj_sums_read(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ, &fault);
	if (sums == NULL)
		ereturn(CJ_ESCONTEXT(fcinfo), (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid propensity_sums: %s", fault)));
	PG_RETURN_POINTER(sums);
}

static bytea *
sums_bytes(FunctionCallInfo fcinfo)
{
	StringInfoData to;

	pq_begintypsend(&to);
	cj_sums_write(&to, (CjSums *) PG_GETARG_VARLENA_P(0));
	return pq_endtypsend(&to);
}

Datum
cj_sums_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(cj_hex_encode((struct varlena *) sums_bytes(fcinfo)));
}

Datum
cj_sums_recv(PG_FUNCTION_ARGS)
{
	StringInfo	from = (StringInfo) PG_GETARG_POINTER(0);
	int			size = from->len - from->cursor;
	const char *fault;
	CjSums	   *sums = cj_sums_read(pq_getmsgbytes(from, size), size, &fault);

	if (sums == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid propensity_sums: %s", fault)));
	PG_RETURN_POINTER(sums);
}

Datum
cj_sums_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(sums_bytes(fcinfo));
}
