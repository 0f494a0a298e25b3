/*-------------------------------------------------------------------------
 *
 * sort.h
 *		Sorting collected events; for pack.c.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_JOURNEY_SORT_H
#define CJ_JOURNEY_SORT_H

#include "journey/journey.h"

/* Sorts in place into the order of a journey. */
extern void cj_sort_events(void *events, int32 n, Size stride, const CjNamings *namings);

#endif							/* CJ_JOURNEY_SORT_H */
