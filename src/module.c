/*-------------------------------------------------------------------------
 *
 * module.c
 *		Loading the library: magic block and settings.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "fmgr.h"
#include "utils/guc.h"

#include "common/progress.h"
#include "identity/identity.h"
#include "journey/journey.h"
#include "live/live.h"
#include "paths/paths.h"
#include "pattern/datum.h"
#include "propensity/propensity.h"
#include "scan/node.h"

CJ_MODULE_MAGIC("customer_journey", "1.0.0-dev");

void		_PG_init(void);

void
_PG_init(void)
{
	DefineCustomIntVariable("customer_journey.max_events",
							"Sets the largest number of events a journey may have.",
							"A journey that would grow beyond it is an error, so that one "
							"overgrown customer cannot take the server's memory.",
							&cj_max_events,
							CJ_DEFAULT_MAX_EVENTS,
							1,
							CJ_HARD_MAX_EVENTS,
							PGC_USERSET,
							0,
							NULL, NULL, NULL);

	cj_identity_init();
	cj_live_init();
	cj_paths_init();
	cj_pattern_init();
	cj_progress_init();
	cj_propensity_init();
	cj_scan_init();

	MarkGUCPrefixReserved("customer_journey");
}
