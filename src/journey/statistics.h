/*-------------------------------------------------------------------------
 *
 * statistics.h
 *		What ANALYZE knows of a journey column, for estimates above journeys.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_JOURNEY_STATISTICS_H
#define CJ_JOURNEY_STATISTICS_H

#include "utils/selfuncs.h"

#include "journey/journey.h"

/*
 * Slots in pg_statistic: most common elements (event names as text, share of
 * journeys that have each), and this kind of our own, from the range for
 * private use, with one number: the mean number of events.
 */
#define CJ_STATISTIC_KIND_EVENTS	10451

/* Share of a column's journeys that are not NULL and have an event of this name. */
extern double cj_event_share(VariableStatData *column, CjText name);

/* Mean number of events of a column's journeys; 0 if not known. */
extern double cj_mean_events(VariableStatData *column);

#endif							/* CJ_JOURNEY_STATISTICS_H */
