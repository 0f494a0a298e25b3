/*-------------------------------------------------------------------------
 *
 * rows_sql.c
 *		Journeys as rows: events, channels, sessions.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "common/common.h"
#include "journey/datum.h"

PG_FUNCTION_INFO_V1(cj_journey_events);
PG_FUNCTION_INFO_V1(cj_journey_channels);
PG_FUNCTION_INFO_V1(cj_journey_sessions);

/* occurred_at, event, channel, value, item */
void
cj_event_values(const CjView *view, int32 i, Datum *values, bool *nulls)
{
	int32		channel = cj_channel_code(view, i);
	int32		item = cj_item_code(view, i);
	double		value = 0;

	values[0] = TimestampTzGetDatum(cj_time(view, i));
	values[1] = PointerGetDatum(cj_text_datum(cj_name(&view->events, cj_event_code(view, i))));
	nulls[2] = channel == CJ_ABSENT;
	if (!nulls[2])
		values[2] = PointerGetDatum(cj_text_datum(cj_name(&view->channels, channel)));
	nulls[3] = !cj_value(view, i, &value);
	values[3] = Float8GetDatum(value);
	nulls[4] = item == CJ_ABSENT;
	if (!nulls[4])
		values[4] = PointerGetDatum(cj_text_datum(cj_name(&view->items, item)));
}

/* A view of the argument that stays for all calls of a set-returning function. */
static CjView *
keep_view(FunctionCallInfo fcinfo, FuncCallContext *context)
{
	MemoryContext old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
	CjView	   *view = palloc_object(CjView);

	cj_view_init(view, (CjJourney *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0)));
	MemoryContextSwitchTo(old);
	return view;
}

/* (ordinality, occurred_at, event, channel, value, item) a row an event */
Datum
cj_journey_events(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	CjView	   *view;
	Datum		values[6];
	bool		nulls[6] = {false, false, false, false, false, false};
	int32		i;

	if (SRF_IS_FIRSTCALL())
	{
		TupleDesc	desc;
		MemoryContext old;

		context = SRF_FIRSTCALL_INIT();
		context->user_fctx = keep_view(fcinfo, context);
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "journey_events must return a row type");
		context->tuple_desc = BlessTupleDesc(desc);
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	view = context->user_fctx;
	if (context->call_cntr >= (uint64) view->nevents)
		SRF_RETURN_DONE(context);
	i = (int32) context->call_cntr;
	values[0] = Int64GetDatum((int64) i + 1);
	cj_event_values(view, i, values + 1, nulls + 1);
	SRF_RETURN_NEXT(context,
					HeapTupleGetDatum(heap_form_tuple(context->tuple_desc, values, nulls)));
}

/* What journey_channels gathers of one channel. */
typedef struct ChannelRow
{
	int64		events;
	TimestampTz first_at;
	TimestampTz last_at;
	uint64		time_spent;		/* microseconds */
} ChannelRow;

/* Fills a row a channel; the last row is of events without one. */
static ChannelRow *
gather_channels(const CjView *view, uint64 idle)
{
	int32		absent = view->channels.count;
	ChannelRow *rows = palloc0_array(ChannelRow, absent + 1);

	for (int32 i = 0; i < view->nevents; i++)
	{
		int32		code = cj_channel_code(view, i);
		ChannelRow *row = &rows[code == CJ_ABSENT ? absent : code];
		TimestampTz time = cj_time(view, i);

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (row->events++ == 0)
			row->first_at = time;
		row->last_at = time;
		if (i + 1 < view->nevents)
			row->time_spent += Min(cj_elapsed(time, cj_time(view, i + 1)), idle);
	}
	return rows;
}

/* (channel, events, share, first_at, last_at, time_spent) a row a channel */
Datum
cj_journey_channels(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = cj_materialize(fcinfo);

	CJ_ARG_VIEW(view, 0);
	uint64		idle = cj_interval_usec_positive(PG_GETARG_INTERVAL_P(1), "idle");
	ChannelRow *rows = gather_channels(&view, idle);

	for (int32 code = 0; code <= view.channels.count; code++)
	{
		Datum		values[6];
		bool		nulls[6] = {false, false, false, false, false, false};

		if (rows[code].events == 0)
			continue;
		nulls[0] = code == view.channels.count;
		if (!nulls[0])
			values[0] = PointerGetDatum(cj_text_datum(cj_name(&view.channels, code)));
		values[1] = Int64GetDatum(rows[code].events);
		values[2] = Float8GetDatum((double) rows[code].events / view.nevents);
		values[3] = TimestampTzGetDatum(rows[code].first_at);
		values[4] = TimestampTzGetDatum(rows[code].last_at);
		values[5] = IntervalPGetDatum(cj_usec_interval(rows[code].time_spent));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* Where journey_sessions is. */
typedef struct Sessions
{
	CjView	   *view;
	uint64		gap;
	int32		next;
} Sessions;

/* A journey a session: strictly more than the gap starts a new one. */
Datum
cj_journey_sessions(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	Sessions   *sessions;
	int32		from;
	int32		to;

	if (SRF_IS_FIRSTCALL())
	{
		context = SRF_FIRSTCALL_INIT();
		sessions = MemoryContextAlloc(context->multi_call_memory_ctx, sizeof(Sessions));
		sessions->gap = cj_interval_usec_positive(PG_GETARG_INTERVAL_P(1), "gap");
		sessions->view = keep_view(fcinfo, context);
		sessions->next = 0;
		context->user_fctx = sessions;
	}
	context = SRF_PERCALL_SETUP();
	sessions = context->user_fctx;
	from = sessions->next;
	if (from >= sessions->view->nevents)
		SRF_RETURN_DONE(context);
	for (to = from + 1; to < sessions->view->nevents; to++)
	{
		if ((to & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (cj_elapsed(cj_time(sessions->view, to - 1), cj_time(sessions->view, to)) > sessions->gap)
			break;
	}
	sessions->next = to;
	SRF_RETURN_NEXT(context, PointerGetDatum(cj_slice(sessions->view, from, to)));
}
