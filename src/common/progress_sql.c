/*-------------------------------------------------------------------------
 *
 * progress_sql.c
 *		The function that shows long calls under way.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "common/common.h"
#include "common/progress.h"

PG_FUNCTION_INFO_V1(cj_journey_progress);

/*
 * journey_progress(): a row a call; those of roles whose activity the caller
 * may not see are left out, as pg_stat_activity hides it
 */
Datum
cj_journey_progress(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = cj_materialize(fcinfo);
	int			count;
	CjProgress *calls = cj_progress_list(&count);
	bool		sees_all = has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);

	for (int i = 0; i < count; i++)
	{
		CjProgress *call = &calls[i];
		Datum		values[8];
		bool		nulls[8] = {false};

		if (!sees_all && !has_privs_of_role(GetUserId(), call->role))
			continue;
		values[0] = Int32GetDatum(call->pid);
		values[1] = ObjectIdGetDatum(call->database);
		values[2] = ObjectIdGetDatum(call->role);
		values[3] = TimestampTzGetDatum(call->started_at);
		values[4] = CStringGetTextDatum(call->command);
		values[5] = CStringGetTextDatum(call->phase);
		values[6] = Int64GetDatum(call->done);
		values[7] = Int64GetDatum(call->total);
		nulls[7] = call->total < 0;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
