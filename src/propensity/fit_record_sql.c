/*-------------------------------------------------------------------------
 *
 * fit_record_sql.c
 *		propensity_fit over records: the aggregate's functions.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "propensity/fit_state.h"

PG_FUNCTION_INFO_V1(cj_fit_record_transition);
PG_FUNCTION_INFO_V1(cj_fit_record_combine);
PG_FUNCTION_INFO_V1(cj_fit_record_serialize);
PG_FUNCTION_INFO_V1(cj_fit_record_deserialize);
PG_FUNCTION_INFO_V1(cj_fit_record_final);

static CjFitState *
first_state(MemoryContext context, Datum record, bool isnull, bool weighted)
{
	CjFitOptions options;
	StringInfoData bytes;
	CjFitState *state;

	initStringInfo(&bytes);
	cj_fit_options_from(record, isnull, &options);
	cj_fit_options_write(&bytes, &options);
	state = cj_fit_state_create(context, bytes.data, bytes.len, weighted);
	state->record = cj_options_keep(record, isnull, context);
	return state;
}

/*
 * (internal, outcome boolean, features record [, weight float8]
 * [, fit_options]) -> internal
 */
Datum
cj_fit_record_transition(PG_FUNCTION_ARGS)
{
	int			weight_argument = PG_NARGS() == 5 ? 3 : -1;
	int			options_argument = PG_NARGS() >= 4 ? PG_NARGS() - 1 : -1;
	bool		isnull = options_argument < 0 || PG_ARGISNULL(options_argument);
	Datum		record = isnull ? (Datum) 0 : PG_GETARG_DATUM(options_argument);
	MemoryContext context;
	CjFitState *state;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (PG_ARGISNULL(0))
		state = first_state(context, record, isnull, weight_argument >= 0);
	else
	{
		state = (CjFitState *) PG_GETARG_POINTER(0);
		if (options_argument >= 0)
			cj_options_check(state->record, record, isnull, "propensity_fit");
	}
	cj_fit_state_add(state, fcinfo, weight_argument);
	PG_RETURN_POINTER(state);
}

/*
 * (internal, internal) -> internal
 */
Datum
cj_fit_record_combine(PG_FUNCTION_ARGS)
{
	CjFitState *state = PG_ARGISNULL(0) ? NULL : (CjFitState *) PG_GETARG_POINTER(0);
	CjFitState *other = PG_ARGISNULL(1) ? NULL : (CjFitState *) PG_GETARG_POINTER(1);
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
		state = cj_fit_state_create(context, other->bytes.data, other->bytes.len,
									other->weighted);
	cj_fit_state_append(state, other);
	PG_RETURN_POINTER(state);
}

/* A sample as it is in memory, without its unused blocks. */
static void
send_sample(StringInfo to, const CjSample *sample)
{
	Size		size = (char *) cj_sample_block(sample, cj_sample_nblocks(sample)) -
		(const char *) sample;

	pq_sendint64(to, size);
	if (size > MaxAllocSize / 2 && size > MaxAllocSize - to->len - 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the rows of one worker are too many to pass on"),
				 errhint("SET max_parallel_workers_per_gather = 0.")));
	appendBinaryStringInfo(to, (const char *) sample, size);
}

static CjSample *
receive_sample(StringInfo from)
{
	int64		size = pq_getmsgint64(from);
	CjSample   *sample = palloc(Max(size, (int64) sizeof(CjSample)));

	memcpy(sample, pq_getmsgbytes(from, size), size);
	sample->capacity = cj_sample_nblocks(sample) * sample->stride;
	return sample;
}

/*
 * (internal) -> bytea
 */
Datum
cj_fit_record_serialize(PG_FUNCTION_ARGS)
{
	CjFitState *state = (CjFitState *) PG_GETARG_POINTER(0);
	StringInfoData to;

	pq_begintypsend(&to);
	pq_sendbyte(&to, state->weighted);
	pq_sendint32(&to, state->bytes.len);
	pq_sendbytes(&to, state->bytes.data, state->bytes.len);
	send_sample(&to, state->pending);
	pq_sendint32(&to, state->sample == NULL ? -1 : state->ncolumns);
	for (int c = 0; state->sample != NULL && c < state->ncolumns; c++)
	{
		CjFitColumn *column = &state->columns[c];
		int			n = column->levels == NULL ? 0 : cj_dictionary_count(column->levels);

		pq_sendint32(&to, column->name.len);
		pq_sendbytes(&to, column->name.data, column->name.len);
		pq_sendbyte(&to, column->type);
		pq_sendint32(&to, column->nvalues);
		pq_sendint32(&to, n);
		for (int code = 0; code < n; code++)
		{
			CjText		name = cj_dictionary_name(column->levels, code);

			pq_sendint32(&to, name.len);
			pq_sendbytes(&to, name.data, name.len);
		}
	}
	if (state->sample != NULL)
		send_sample(&to, state->sample);
	PG_RETURN_BYTEA_P(pq_endtypsend(&to));
}

static void
receive_column(StringInfo from, CjFitState *state, CjFitColumn *column, int *next)
{
	int			n;

	column->name.len = pq_getmsgint(from, 4);
	column->name = cj_keep_text(state->context, pq_getmsgbytes(from, column->name.len),
								column->name.len);
	column->type = pq_getmsgbyte(from);
	column->nvalues = pq_getmsgint(from, 4);
	column->first = *next;
	*next += column->nvalues;
	n = pq_getmsgint(from, 4);
	if (cj_column_kind(column->type) == CJ_CATEGORY)
		column->levels = cj_dictionary_create(state->context);
	for (int code = 0; code < n; code++)
	{
		int			len = pq_getmsgint(from, 4);

		cj_dictionary_code(column->levels, pq_getmsgbytes(from, len), len);
	}
}

/*
 * (bytea, internal) -> internal
 */
Datum
cj_fit_record_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData from = {.data = VARDATA_ANY(bytes),.len = VARSIZE_ANY_EXHDR(bytes)};
	CjFitState *state;
	bool		weighted;
	int			size;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "aggregate function called in non-aggregate context");
	weighted = pq_getmsgbyte(&from);
	size = pq_getmsgint(&from, 4);
	state = cj_fit_state_create(CurrentMemoryContext, pq_getmsgbytes(&from, size), size, weighted);
	state->pending = receive_sample(&from);
	state->ncolumns = pq_getmsgint(&from, 4);
	if (state->ncolumns >= 0)
	{
		state->columns = palloc0_array(CjFitColumn, Max(state->ncolumns, 1));
		for (int c = 0; c < state->ncolumns; c++)
			receive_column(&from, state, &state->columns[c], &state->nvalues);
		state->sample = receive_sample(&from);
	}
	pq_getmsgend(&from);
	PG_RETURN_POINTER(state);
}

/*
 * (internal) -> propensity_model
 */
Datum
cj_fit_record_final(PG_FUNCTION_ARGS)
{
	CjFitState *state;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (CjFitState *) PG_GETARG_POINTER(0);
	if (state->sample == NULL || state->sample->nrows == 0)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(cj_finish_fit(state->sample, cj_fit_state_inputs(state), &state->options, false));
}
