/*-------------------------------------------------------------------------
 *
 * mine_sql.c
 *		mine_paths: frequent sequential patterns of journeys.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "journey/datum.h"
#include "paths/mine_options.h"
#include "paths/paths.h"

PG_FUNCTION_INFO_V1(cj_mine_paths_transfn);
PG_FUNCTION_INFO_V1(cj_mine_paths_finalfn);

typedef struct MineState
{
	bytea	   *kept;			/* the options */
	CjMineOptions *options;
	CjCollector *collector;
	void	   *matcher;		/* of the outcome */
} MineState;

#define CLASSES		2			/* without and with the outcome */

static MineState *
create_state(MemoryContext context, Datum record, bool isnull)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	MineState  *state = palloc0_object(MineState);

	state->kept = cj_options_keep(record, isnull, context);
	state->options = cj_mine_options(cj_copy_record(record, isnull), isnull, "mine_paths", CJ_ALL);
	state->collector = cj_collector_create(context, "mine_paths", state->options->by,
										   state->options->collapse,
										   cj_mine_needs_times(&state->options->spec));
	MemoryContextSwitchTo(old);
	return state;
}

/* mine_paths(journey [, path_options]) */
Datum
cj_mine_paths_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context = cj_aggregate_context(fcinfo, "mine_paths");
	MineState  *state = PG_ARGISNULL(0) ? NULL : (MineState *) PG_GETARG_POINTER(0);
	bool		given = PG_NARGS() > 2 && !PG_ARGISNULL(2);
	Datum		record = given ? PG_GETARG_DATUM(2) : (Datum) 0;

	if (state == NULL)
		state = create_state(context, record, !given);
	else
		cj_options_check(state->kept, record, !given, "mine_paths");
	if (!PG_ARGISNULL(1))
	{
		CJ_ARG_VIEW(view, 1);
		int32		outcome = 0;

		if (state->options->outcome != NULL)
		{
			CjMatcher  *matcher = cj_cached_matcher(&state->matcher, context, state->options->outcome);

			cj_matcher_bind(matcher, &view, DT_NOEND);
			outcome = cj_exists(matcher);
		}
		cj_collect(state->collector, &view, outcome);
	}
	PG_RETURN_POINTER(state);
}

static HeapTuple
pattern_row(const MineState *state, const CjMined *mined, int64 i, int64 journeys, int64 outcomes,
			const uint32 *order, TupleDesc desc)
{
	Datum		values[9];
	bool		nulls[9] = {false};
	double		support = (double) mined->found[i].support;

	cj_pattern_values(state->options, mined, i, state->collector, order, values, nulls);
	values[4] = Int64GetDatum(mined->found[i].support);
	values[5] = Float8GetDatum(support / (double) journeys);
	nulls[6] = nulls[7] = nulls[8] = true;
	if (state->options->outcome != NULL)
	{
		int64		with = mined->class_counts[i * CLASSES + 1];

		nulls[6] = nulls[7] = false;
		nulls[8] = outcomes == 0;
		values[6] = Int64GetDatum(with);
		values[7] = Float8GetDatum((double) with / support);
		if (outcomes > 0)
			values[8] = Float8GetDatum((double) with / support / ((double) outcomes / (double) journeys));
	}
	return heap_form_tuple(desc, values, nulls);
}

Datum
cj_mine_paths_finalfn(PG_FUNCTION_ARGS)
{
	MineState  *state = PG_ARGISNULL(0) ? NULL : (MineState *) PG_GETARG_POINTER(0);
	CjSequences *sequences;
	const uint32 *order;
	CjMined    *mined;
	TupleDesc	desc;
	HeapTuple  *tuples;
	int64		count;
	int64		outcomes = 0;

	cj_aggregate_context(fcinfo, "mine_paths final");
	if (state == NULL)
		PG_RETURN_NULL();
	sequences = cj_collected(state->collector, state->options->outcome == NULL ? 1 : CLASSES,
							 state->options->spec.sets, &order);
	cj_mine_resolve(state->options, sequences, state->collector, order);
	for (int32 i = 0; i < sequences->count; i++)
		outcomes += sequences->class_of[i];
	mined = cj_mine(sequences, &state->options->spec, "mine_paths");
	cj_mine_filter(mined, &state->options->spec, sequences->names);
	cj_mine_rank(mined, sequences->classes);
	count = state->options->top == 0 ? mined->count : Min(mined->count, state->options->top);
	desc = cj_result_tupdesc(fcinfo);
	tuples = palloc_extended((count + 1) * sizeof(HeapTuple), MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		tuples[i] = pattern_row(state, mined, i, sequences->count, outcomes, order, desc);
	}
	PG_RETURN_DATUM(cj_composite_array(desc, tuples, (int) count));
}
