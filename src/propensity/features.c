/*-------------------------------------------------------------------------
 *
 * features.c
 *		Numbers that say what a journey looked like at some moment.
 *
 * Only events strictly before that moment are looked at, so that what is to be
 * predicted (and comes at it or later) cannot leak into them.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "propensity/propensity.h"

const char *const cj_journey_feature_name[CJ_JOURNEY_FEATURES] = {
	"events", "active_days", "recency_days", "tenure_days", "mean_gap_days",
	"event_kinds", "channels", "items", "value_sum"
};

const char *const cj_event_feature_name[CJ_EVENT_FEATURES] = {
	"count", "share", "days_since"
};

/* The places of the journey's own features. */
enum
{
	EVENTS, ACTIVE_DAYS, RECENCY_DAYS, TENURE_DAYS, MEAN_GAP_DAYS,
	EVENT_KINDS, CHANNELS, ITEMS, VALUE_SUM
};

static inline double
days_between(TimestampTz later, TimestampTz earlier)
{
	return ((double) later - (double) earlier) / USECS_PER_DAY;
}

/* How often each name occurs, and when last; what is the same for all names. */
typedef struct Tally
{
	int32	   *count;			/* by event code */
	TimestampTz *last;
	bool	   *channel;
	bool	   *item;
} Tally;

/* The UTC day of a time, also before the year 2000. */
static inline int64
day_of(TimestampTz time)
{
	return time >= 0 ? time / USECS_PER_DAY : -((-time + USECS_PER_DAY - 1) / USECS_PER_DAY);
}

static void
tally_events(const CjView *view, int32 first, int32 end, Tally *tally, double *values)
{
	int64		day = PG_INT64_MIN;

	for (int32 i = first; i < end; i++)
	{
		TimestampTz time = cj_time(view, i);
		int32		event = cj_event_code(view, i);
		int32		channel = cj_channel_code(view, i);
		int32		item = cj_item_code(view, i);
		double		value;

		if ((i & 1023) == 0)
			CHECK_FOR_INTERRUPTS();
		values[EVENT_KINDS] += tally->count[event] == 0;
		tally->count[event]++;
		tally->last[event] = time;
		if (day_of(time) != day)
			values[ACTIVE_DAYS]++;
		day = day_of(time);
		if (channel >= 0)
		{
			values[CHANNELS] += !tally->channel[channel];
			tally->channel[channel] = true;
		}
		if (item >= 0)
		{
			values[ITEMS] += !tally->item[item];
			tally->item[item] = true;
		}
		if (cj_value(view, i, &value))
			values[VALUE_SUM] += value;
	}
}

void
cj_journey_features(const CjView *view, TimestampTz from, TimestampTz as_of,
					const CjText *events, int nevents, double *values,
					int32 *first, int32 *end)
{
	Tally		tally;
	int32		n;

	memset(values, 0, (CJ_JOURNEY_FEATURES + nevents * CJ_EVENT_FEATURES) * sizeof(double));
	*first = view->nevents == 0 ? 0 : cj_lower_bound(view, from);
	*end = view->nevents == 0 ? 0 : cj_lower_bound(view, as_of);
	*first = Min(*first, *end);
	n = *end - *first;
	tally.count = palloc0_array(int32, Max(view->events.count, 1));
	tally.last = palloc0_array(TimestampTz, Max(view->events.count, 1));
	tally.channel = palloc0_array(bool, Max(view->channels.count, 1));
	tally.item = palloc0_array(bool, Max(view->items.count, 1));
	if (n > 0)
		tally_events(view, *first, *end, &tally, values);

	values[EVENTS] = n;
	values[RECENCY_DAYS] = n > 0 ? days_between(as_of, cj_time(view, *end - 1)) : NAN;
	values[TENURE_DAYS] = *end > 0 ? days_between(as_of, cj_time(view, 0)) : NAN;
	values[MEAN_GAP_DAYS] = n > 1 ?
		days_between(cj_time(view, *end - 1), cj_time(view, *first)) / (n - 1) : NAN;
	values += CJ_JOURNEY_FEATURES;
	for (int e = 0; e < nevents; e++, values += CJ_EVENT_FEATURES)
	{
		int32		code = view->nevents == 0 ? CJ_ABSENT :
			cj_find_name(&view->events, events[e].data, events[e].len);
		int32		count = code < 0 ? 0 : tally.count[code];

		values[0] = count;
		values[1] = n > 0 ? (double) count / n : 0;
		values[2] = count > 0 ? days_between(as_of, tally.last[code]) : NAN;
	}
	pfree(tally.count);
	pfree(tally.last);
	pfree(tally.channel);
	pfree(tally.item);
}
