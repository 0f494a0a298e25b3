/*-------------------------------------------------------------------------
 *
 * settings.c
 *		The setting that names the catalogue's schema.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "identity/identity.h"

static char *catalogue_schema;

void
cj_identity_init(void)
{
	DefineCustomStringVariable("customer_journey.catalogue",
							   "Names the schema of the customer catalogue.",
							   "The functions that resolve, merge and describe customers "
							   "use the tables that customer_catalogue_create made there.",
							   &catalogue_schema,
							   "customer_catalogue",
							   PGC_USERSET,
							   0,
							   NULL, NULL, NULL);
}
