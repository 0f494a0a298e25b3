/*-------------------------------------------------------------------------
 *
 * access_sql.c
 *		What a journey says of itself, one value at a time.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "common/common.h"
#include "journey/datum.h"

PG_FUNCTION_INFO_V1(cj_journey_length);
PG_FUNCTION_INFO_V1(cj_journey_start);
PG_FUNCTION_INFO_V1(cj_journey_end);
PG_FUNCTION_INFO_V1(cj_journey_duration);
PG_FUNCTION_INFO_V1(cj_journey_path);
PG_FUNCTION_INFO_V1(cj_journey_count);
PG_FUNCTION_INFO_V1(cj_journey_event);
PG_FUNCTION_INFO_V1(cj_journey_first);
PG_FUNCTION_INFO_V1(cj_journey_last);
PG_FUNCTION_INFO_V1(cj_journey_value);
PG_FUNCTION_INFO_V1(cj_journey_value_of);

/*
 * The header suffices, so of a toasted journey only its first bytes are read.
 */
Datum
cj_journey_length(PG_FUNCTION_ARGS)
{
	struct varlena *value = (struct varlena *) PG_GETARG_POINTER(0);

	if (VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value))
		value = PG_DETOAST_DATUM_SLICE(PointerGetDatum(value), 0, CJ_HEADER_SLICE);
	PG_RETURN_INT64(cj_peek_nevents((uint8 *) VARDATA_ANY(value)));
}

/* Likewise. */
Datum
cj_journey_start(PG_FUNCTION_ARGS)
{
	struct varlena *value = (struct varlena *) PG_GETARG_POINTER(0);

	if (VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value))
		value = PG_DETOAST_DATUM_SLICE(PointerGetDatum(value), 0, CJ_START_SLICE);
	if (cj_peek_nevents((uint8 *) VARDATA_ANY(value)) == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(cj_peek_start((uint8 *) VARDATA_ANY(value)));
}

Datum
cj_journey_end(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);

	if (view.nevents == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(cj_time(&view, view.nevents - 1));
}

Datum
cj_journey_duration(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);

	if (view.nevents == 0)
		PG_RETURN_NULL();
	PG_RETURN_INTERVAL_P(cj_usec_interval(cj_elapsed(view.start,
													 cj_time(&view, view.nevents - 1))));
}

Datum
cj_journey_path(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	CjText		separator = cj_text_arg(PG_GETARG_TEXT_PP(1));
	StringInfoData path;

	initStringInfo(&path);
	for (int32 i = 0; i < view.nevents; i++)
	{
		CjText		name = cj_name(&view.events, cj_event_code(&view, i));

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (i > 0)
			appendBinaryStringInfo(&path, separator.data, separator.len);
		appendBinaryStringInfo(&path, name.data, name.len);
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(path.data, path.len));
}

/* Code of the event named by an argument, or CJ_ABSENT. */
static int32
event_argument(const CjView *view, text *name)
{
	CjText		event = cj_text_arg(name);

	return cj_find_name(&view->events, event.data, event.len);
}

Datum
cj_journey_count(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	int32		code = event_argument(&view, PG_GETARG_TEXT_PP(1));
	int32		per_word = cj_packed_per_word(&view.event);
	int64		count = 0;

	for (int32 i = 0; code != CJ_ABSENT && i < view.nevents;)
	{
		uint64		word = cj_packed_word(&view.event, i);
		int32		stop = Min(view.nevents - i, per_word) + i;

		CHECK_FOR_INTERRUPTS();
		for (; i < stop; i++, word >>= view.event.width)
			count += (int32) (word & view.event.mask) == code;
	}
	PG_RETURN_INT64(count);
}

/* (occurred_at, event, channel, value, item) of event n, from the end if negative */
Datum
cj_journey_event(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	int64		n = PG_GETARG_INT32(1);
	Datum		values[5];
	bool		nulls[5] = {false, false, false, false, false};
	TupleDesc	desc;

	n = n < 0 ? n + view.nevents : n - 1;
	if (n < 0 || n >= view.nevents)
		PG_RETURN_NULL();
	desc = cj_result_tupdesc(fcinfo);
	cj_event_values(&view, (int32) n, values, nulls);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

Datum
cj_journey_first(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	int32		code = event_argument(&view, PG_GETARG_TEXT_PP(1));

	if (code != CJ_ABSENT)
		for (int32 i = 0; i < view.nevents; i++)
		{
			if (cj_event_code(&view, i) == code)
				PG_RETURN_TIMESTAMPTZ(cj_time(&view, i));
			if ((i & 1023) == 1023)
				CHECK_FOR_INTERRUPTS();
		}
	PG_RETURN_NULL();
}

Datum
cj_journey_last(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	int32		code = event_argument(&view, PG_GETARG_TEXT_PP(1));

	if (code != CJ_ABSENT)
		for (int32 i = view.nevents - 1; i >= 0; i--)
		{
			if (cj_event_code(&view, i) == code)
				PG_RETURN_TIMESTAMPTZ(cj_time(&view, i));
			if ((i & 1023) == 0)
				CHECK_FOR_INTERRUPTS();
		}
	PG_RETURN_NULL();
}

/* Sum of the values of one event's occurrences, or of all; NULL without any. */
static Datum
value_sum(FunctionCallInfo fcinfo, const CjView *view, int32 code, bool all)
{
	double		sum = 0;
	bool		any = false;

	if ((view->flags & CJ_HAS_VALUE) == 0)
		PG_RETURN_NULL();
	for (int32 i = 0; i < view->nevents; i++)
	{
		double		value;

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if ((all || cj_event_code(view, i) == code) && cj_value(view, i, &value))
		{
			sum += value;
			any = true;
		}
	}
	if (!any)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(sum);
}

Datum
cj_journey_value(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);

	return value_sum(fcinfo, &view, CJ_ABSENT, true);
}

Datum
cj_journey_value_of(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);

	return value_sum(fcinfo, &view, event_argument(&view, PG_GETARG_TEXT_PP(1)), false);
}
