/*-------------------------------------------------------------------------
 *
 * selectivity_sql.c
 *		Estimates for the planner: how many journeys have these events, how many
 *		rows a journey unfolds into.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"

#include "common/common.h"
#include "journey/datum.h"
#include "journey/statistics.h"

PG_FUNCTION_INFO_V1(cj_journey_contains_sel);
PG_FUNCTION_INFO_V1(cj_journey_overlaps_sel);
PG_FUNCTION_INFO_V1(cj_journey_support);
PG_FUNCTION_INFO_V1(cj_journey_events_support);

#define DEFAULT_SHARE		0.005	/* of a name about which nothing is known */

double
cj_event_share(VariableStatData *column, CjText name)
{
	AttStatsSlot slot;
	double		share = DEFAULT_SHARE;
	double		nulls;
	int			low = 0;
	int			high;

	if (!HeapTupleIsValid(column->statsTuple))
		return share;
	nulls = ((Form_pg_statistic) GETSTRUCT(column->statsTuple))->stanullfrac;
	if (!get_attstatsslot(&slot, column->statsTuple, STATISTIC_KIND_MCELEM, InvalidOid,
						  ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS))
		return share * (1 - nulls);

	/*
	 * a name that is not among the common ones is rarer than the rarest of
	 * them
	 */
	if (slot.nnumbers == slot.nvalues + 3)
		share = Min(share, slot.numbers[slot.nvalues] / 2);
	high = slot.nvalues - 1;
	while (low <= high)
	{
		int			middle = (low + high) / 2;
		int			c = cj_text_compare(cj_text_arg(DatumGetTextPP(slot.values[middle])), name);

		if (c == 0)
		{
			share = slot.numbers[middle];
			break;
		}
		if (c < 0)
			low = middle + 1;
		else
			high = middle - 1;
	}
	free_attstatsslot(&slot);
	return share * (1 - nulls);
}

double
cj_mean_events(VariableStatData *column)
{
	AttStatsSlot slot;
	double		mean;

	if (!HeapTupleIsValid(column->statsTuple) ||
		!get_attstatsslot(&slot, column->statsTuple, CJ_STATISTIC_KIND_EVENTS, InvalidOid,
						  ATTSTATSSLOT_NUMBERS))
		return 0;
	mean = slot.nnumbers > 0 ? slot.numbers[0] : 0;
	free_attstatsslot(&slot);
	return mean;
}

/* Share of journeys that have all (or any) of the names, taken as independent. */
static double
names_share(VariableStatData *column, Datum array, bool all)
{
	int			count;
	CjText	   *names = cj_text_array(DatumGetArrayTypeP(array), "events", &count);
	double		without = 1;	/* share that lacks one, or all */
	double		with = 1;

	for (int i = 0; i < count; i++)
	{
		double		share = cj_event_share(column, names[i]);

		with *= share;
		without *= 1 - share;
	}
	return all ? with : 1 - without;
}

static double
names_sel(FunctionCallInfo fcinfo, bool all)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	List	   *args = (List *) PG_GETARG_POINTER(2);
	VariableStatData column;
	Node	   *other;
	bool		column_first;
	double		share = all ? DEFAULT_SHARE : 2 * DEFAULT_SHARE;

	if (!get_restriction_variable(root, args, PG_GETARG_INT32(3), &column, &other, &column_first))
		return share;
	if (IsA(other, Const))
	{
		Const	   *constant = (Const *) other;

		share = constant->constisnull ? 0 : names_share(&column, constant->constvalue, all);
	}
	ReleaseVariableStats(column);
	CLAMP_PROBABILITY(share);
	return share;
}

/* For journey @> text[] and text[] <@ journey. */
Datum
cj_journey_contains_sel(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(names_sel(fcinfo, true));
}

/* For journey && text[]. */
Datum
cj_journey_overlaps_sel(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(names_sel(fcinfo, false));
}

/*
 * The planner support function of every transition function: it knows nothing,
 * but asking it loads the library while the query is being planned.
 */
Datum
cj_journey_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(NULL);
}

/* journey_events gives a row an event. */
Datum
cj_journey_events_support(PG_FUNCTION_ARGS)
{
	SupportRequestRows *request = (SupportRequestRows *) PG_GETARG_POINTER(0);
	VariableStatData column;

	if (!IsA(request, SupportRequestRows) || !is_funcclause(request->node))
		PG_RETURN_POINTER(NULL);
	examine_variable(request->root, linitial(((FuncExpr *) request->node)->args), 0, &column);
	request->rows = cj_mean_events(&column);
	ReleaseVariableStats(column);
	if (request->rows <= 0)
		PG_RETURN_POINTER(NULL);
	PG_RETURN_POINTER(request);
}
