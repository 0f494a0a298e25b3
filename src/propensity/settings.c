/*-------------------------------------------------------------------------
 *
 * settings.c
 *		The settings of propensity models.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "utils/guc.h"

#include "propensity/propensity.h"

void
cj_propensity_init(void)
{
	DefineCustomIntVariable("customer_journey.max_fit_memory",
							"Sets the most memory that the rows of one fit or evaluation may take.",
							"Each group of an aggregation counts for itself.",
							&cj_max_fit_memory,
							1024 * 1024 - 1,
							64,
							1024 * 1024 - 1,
							PGC_USERSET,
							GUC_UNIT_KB,
							NULL, NULL, NULL);
}
