/*-------------------------------------------------------------------------
 *
 * gin.h
 *		What the GIN operator class of journeys stores, and how capabilities
 *		above journeys add searches of their own.
 *
 * A key is a kind byte and its content.  Kind 1 is the name of an event the
 * journey has; kind 2 stands for a name too long for a key, by its hash.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_JOURNEY_GIN_H
#define CJ_JOURNEY_GIN_H

#include "access/gin.h"
#include "access/stratnum.h"

#include "journey/journey.h"

#define CJ_GIN_KIND_EVENT		1
#define CJ_GIN_KIND_LONG_EVENT	2
#define CJ_GIN_KEY_NAME			255 /* longest name kept whole */

#define CJ_GIN_CONTAINS			1	/* journey @> text[] */
#define CJ_GIN_OVERLAPS			2	/* journey && text[] */
#define CJ_GIN_MATCHES			3	/* journey ~ journey_pattern */
#define CJ_GIN_STRATEGIES		3

/*
 * A search.  "extract" gives the keys of a query and may set the mode and
 * attach whatever "consistent" needs to *extra; "consistent" judges with keys
 * that are present, absent or unknown, and says whether a recheck is needed.
 */
typedef struct CjGinSearch
{
	Datum	   *(*extract) (Datum query, int32 *nkeys, int32 *mode, void **extra);
	GinTernaryValue (*consistent) (Datum query, const GinTernaryValue *check,
								   int32 nkeys, void *extra, bool *recheck);
} CjGinSearch;

/* Registers the search of a strategy; called once, when the library is loaded. */
extern void cj_gin_register(StrategyNumber strategy, const CjGinSearch *search);

/* The key (bytea) of an event name. */
extern Datum cj_gin_event_key(CjText name);

#endif							/* CJ_JOURNEY_GIN_H */
