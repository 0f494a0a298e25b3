/*-------------------------------------------------------------------------
 *
 * flow_sql.c
 *		journey_flow: from an anchor, to one, or between two, step by step.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "journey/datum.h"
#include "paths/flow_anchor.h"
#include "paths/paths.h"

PG_FUNCTION_INFO_V1(cj_journey_flow_transfn);
PG_FUNCTION_INFO_V1(cj_journey_flow_finalfn);

/* ---- options ---- */

static CjOccurrence
read_occurrence(CjOptions *options)
{
	Datum		value;
	char	   *word;

	if (!cj_option(options, "occurrence", TEXTOID, &value))
		return CJ_OCCURRENCE_FIRST;
	word = TextDatumGetCString(value);
	if (strcmp(word, "first") == 0)
		return CJ_OCCURRENCE_FIRST;
	if (strcmp(word, "last") == 0)
		return CJ_OCCURRENCE_LAST;
	if (strcmp(word, "every") == 0)
		return CJ_OCCURRENCE_EVERY;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"occurrence\" has unknown value \"%s\"", word),
			 errhint("Use 'first', 'last' or 'every'.")));
}

static CjFlowState *
create_state(MemoryContext context, Datum record, bool isnull)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	CjFlowState *state = palloc0_object(CjFlowState);
	CjOptions  *options = cj_options_read(cj_copy_record(record, isnull), isnull);
	Datum		value;
	int32		steps;

	state->kept = cj_options_keep(record, isnull, context);
	state->context = context;
	state->by = cj_option_by(options);
	state->collapse = cj_option_bool(options, "collapse", false);
	state->links = cj_option_bool(options, "links", false);
	state->top = (int32) cj_option_integer(options, "top", 5, 1, PG_INT32_MAX);
	steps = (int32) cj_option_integer(options, "steps", 5, 1, CJ_MAX_FLOW_STEPS);
	state->occurrence = read_occurrence(options);
	state->within = cj_option(options, "within", INTERVALOID, &value) ?
		cj_interval_usec_positive(DatumGetIntervalP(value), "within") : -1;
	if (cj_option_pattern(options, "starts_with", &value))
		state->starts.pattern = DatumGetPattern(value);
	if (cj_option_pattern(options, "ends_with", &value))
		state->ends.pattern = DatumGetPattern(value);
	/* without an anchor the first event is step 1, so that there is no step 0 */
	state->anchored = state->starts.pattern != NULL || state->ends.pattern != NULL;
	state->backwards = state->starts.pattern == NULL && state->ends.pattern != NULL;
	cj_flow_init(&state->flow, context, state->by, state->anchored ? steps : steps - 1);
	MemoryContextSwitchTo(old);
	return state;
}

/* journey_flow(journey [, flow_options]) */
Datum
cj_journey_flow_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context = cj_aggregate_context(fcinfo, "journey_flow");
	CjFlowState *state = PG_ARGISNULL(0) ? NULL : (CjFlowState *) PG_GETARG_POINTER(0);
	bool		given = PG_NARGS() > 2 && !PG_ARGISNULL(2);
	Datum		record = given ? PG_GETARG_DATUM(2) : (Datum) 0;

	if (state == NULL)
		state = create_state(context, record, !given);
	else
		cj_options_check(state->kept, record, !given, "journey_flow");
	if (!PG_ARGISNULL(1))
	{
		CJ_ARG_VIEW(view, 1);

		cj_flow_journey(state, &view);
	}
	PG_RETURN_POINTER(state);
}

/* ---- rows ---- */

static const char *const kind_names[] = {"event", "other", "dropped", "completed"};

static Datum
row_name(const CjFlowState *state, CjFlowKind kind, int32 code)
{
	if (kind == CJ_FLOW_EVENT)
		return PointerGetDatum(cj_text_datum(cj_graph_name(&state->flow.at[0], code)));
	return CStringGetTextDatum(kind == CJ_FLOW_OTHER ? "(other)" :
							   kind == CJ_FLOW_DROPPED ? "(dropped)" : "(completed)");
}

static HeapTuple
flow_row(const CjFlowState *state, const CjFlowRow *row, TupleDesc desc)
{
	Datum		values[9];
	bool		nulls[9] = {false};
	int32		step = state->anchored ? row->step : row->step + 1;
	CjPattern  *pattern = cj_flow_pattern(state, row);

	values[0] = Int32GetDatum(state->backwards ? -step : step);
	nulls[1] = !row->link;
	if (row->link)
		values[1] = row_name(state, row->source_kind, row->source);
	values[2] = row_name(state, row->kind, row->code);
	values[3] = CStringGetTextDatum(kind_names[row->kind]);
	values[4] = Int64GetDatum(row->paths);
	values[5] = Float8GetDatum((double) row->paths / (double) state->flow.paths);
	values[6] = Float8GetDatum((double) row->paths / (double) row->before);
	nulls[7] = row->step == 0 || row->kind > CJ_FLOW_OTHER;
	if (!nulls[7])
		values[7] = cj_mean_interval(row->time, row->paths);
	values[8] = PointerGetDatum(pattern);
	nulls[8] = pattern == NULL;
	return heap_form_tuple(desc, values, nulls);
}

Datum
cj_journey_flow_finalfn(PG_FUNCTION_ARGS)
{
	CjFlowState *state = PG_ARGISNULL(0) ? NULL : (CjFlowState *) PG_GETARG_POINTER(0);
	TupleDesc	desc;
	HeapTuple  *tuples;
	CjFlowRow  *rows;
	int32		count;

	cj_aggregate_context(fcinfo, "journey_flow final");
	if (state == NULL)
		PG_RETURN_NULL();
	rows = cj_flow_rows(&state->flow, state->top, state->links, &count);
	desc = cj_result_tupdesc(fcinfo);
	tuples = palloc_extended((count + 1) * sizeof(HeapTuple), MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		tuples[i] = flow_row(state, &rows[i], desc);
	}
	PG_RETURN_DATUM(cj_composite_array(desc, tuples, count));
}
