/*-------------------------------------------------------------------------
 *
 * registry_sql.c
 *		Where the model registry is.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "compat.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(cj_registry_schema);

/*
 * propensity_registry_schema() -> name
 */
Datum
cj_registry_schema(PG_FUNCTION_ARGS)
{
	Oid			table = RelnameGetRelid("propensity_registry");

	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no model registry on the search path"),
				 errhint("Make one with propensity_registry_create(schema), or name its schema: registry => '...'.")));
	return DirectFunctionCall1(namein,
							   CStringGetDatum(get_namespace_name(get_rel_namespace(table))));
}
