/*-------------------------------------------------------------------------
 *
 * transform_sql.c
 *		Journeys from journeys, and from one event.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/jsonb.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "common/common.h"
#include "journey/datum.h"

PG_FUNCTION_INFO_V1(cj_journey_of);
PG_FUNCTION_INFO_V1(cj_journey_slice);
PG_FUNCTION_INFO_V1(cj_journey_filter);
PG_FUNCTION_INFO_V1(cj_journey_exclude);
PG_FUNCTION_INFO_V1(cj_journey_collapse);
PG_FUNCTION_INFO_V1(cj_journey_distinct);
PG_FUNCTION_INFO_V1(cj_journey_rename);
PG_FUNCTION_INFO_V1(cj_journey_concat);
PG_FUNCTION_INFO_V1(cj_journey_subtract);

/* journey_of(occurred_at, event, channel, value, item) */
Datum
cj_journey_of(PG_FUNCTION_ARGS)
{
	CjText		channel = {NULL, 0};
	CjText		item = {NULL, 0};
	double		value = 0;
	CjBuilder	builder;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (!PG_ARGISNULL(2))
		channel = cj_text_arg(PG_GETARG_TEXT_PP(2));
	if (!PG_ARGISNULL(3))
		value = PG_GETARG_FLOAT8(3);
	if (!PG_ARGISNULL(4))
		item = cj_text_arg(PG_GETARG_TEXT_PP(4));
	cj_builder_init(&builder);
	cj_builder_add(&builder, PG_GETARG_TIMESTAMPTZ(0), cj_text_arg(PG_GETARG_TEXT_PP(1)),
				   channel, PG_ARGISNULL(3) ? NULL : &value, item);
	PG_RETURN_JOURNEY(cj_builder_finish(&builder));
}

Datum
cj_journey_slice(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	RangeType  *range = PG_GETARG_RANGE_P(1);
	TypeCacheEntry *type = range_get_typcache(fcinfo, RangeTypeGetOid(range));
	RangeBound	lower;
	RangeBound	upper;
	bool		empty;
	int32		from = 0;
	int32		to = view.nevents;

	range_deserialize(type, range, &lower, &upper, &empty);
	if (empty)
		PG_RETURN_JOURNEY(cj_empty());
	if (!lower.infinite)
		from = lower.inclusive ? cj_lower_bound(&view, DatumGetTimestampTz(lower.val)) :
			cj_upper_bound(&view, DatumGetTimestampTz(lower.val));
	if (!upper.infinite)
		to = upper.inclusive ? cj_upper_bound(&view, DatumGetTimestampTz(upper.val)) :
			cj_lower_bound(&view, DatumGetTimestampTz(upper.val));
	PG_RETURN_JOURNEY(cj_slice(&view, from, Max(from, to)));
}

/* The events whose names are (or are not) among those given. */
static CjJourney *
filter(FunctionCallInfo fcinfo, bool wanted)
{
	CJ_ARG_VIEW(view, 0);
	bool	   *named = palloc0_array(bool, Max(view.events.count, 1));
	bool	   *keep = palloc_extended(Max(view.nevents, 1), MCXT_ALLOC_HUGE);
	CjText	   *names;
	int			count;

	names = cj_text_array(PG_GETARG_ARRAYTYPE_P(1), "events", &count);
	for (int i = 0; i < count; i++)
	{
		int32		code = cj_find_name(&view.events, names[i].data, names[i].len);

		if (code != CJ_ABSENT)
			named[code] = true;
	}
	for (int32 i = 0; i < view.nevents; i++)
		keep[i] = named[cj_event_code(&view, i)] == wanted;
	return cj_select(&view, keep);
}

Datum
cj_journey_filter(PG_FUNCTION_ARGS)
{
	PG_RETURN_JOURNEY(filter(fcinfo, true));
}

Datum
cj_journey_exclude(PG_FUNCTION_ARGS)
{
	PG_RETURN_JOURNEY(filter(fcinfo, false));
}

Datum
cj_journey_collapse(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);

	PG_RETURN_JOURNEY(cj_collapse(&view));
}

Datum
cj_journey_distinct(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);

	PG_RETURN_JOURNEY(cj_distinct(&view));
}

/* journey_rename(journey, {"old name": "new name", ...}) */
Datum
cj_journey_rename(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(view, 0);
	Jsonb	   *names = PG_GETARG_JSONB_P(1);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	v;
	CjText	   *from;
	CjText	   *to;
	int			count = 0;

	if (!JB_ROOT_IS_OBJECT(names))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("names must be a JSON object"),
				 errhint("Write '{\"old name\": \"new name\"}'.")));
	from = palloc_array(CjText, Max(JB_ROOT_COUNT(names), 1));
	to = palloc_array(CjText, Max(JB_ROOT_COUNT(names), 1));
	iterator = JsonbIteratorInit(&names->root);
	while ((token = JsonbIteratorNext(&iterator, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			from[count].data = v.val.string.val;
			from[count].len = v.val.string.len;
		}
		else if (token == WJB_VALUE)
		{
			if (v.type != jbvString)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("new name of event \"%.*s\" must be a string",
								from[count].len, from[count].data)));
			to[count].data = v.val.string.val;
			to[count].len = v.val.string.len;
			cj_check_name(to[count++], "event");
		}
	}
	PG_RETURN_JOURNEY(cj_rename(&view, from, to, count));
}

Datum
cj_journey_concat(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(a, 0);
	CJ_ARG_VIEW(b, 1);

	PG_RETURN_JOURNEY(cj_concat(&a, &b));
}

Datum
cj_journey_subtract(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(a, 0);
	CJ_ARG_VIEW(b, 1);

	PG_RETURN_JOURNEY(cj_subtract(&a, &b));
}
