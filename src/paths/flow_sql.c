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

/* An anchor, and its pattern's text; true if there is one. */
static bool
read_anchor(CjOptions *options, const char *name, CjAnchor *anchor, CjText *it)
{
	Datum		value;

	anchor->context = CurrentMemoryContext;
	if (!cj_option_pattern(options, name, &value))
		return false;
	anchor->pattern = DatumGetPattern(value);
	it->data = cj_pattern_print(cj_pattern_load(anchor->pattern));
	it->len = (int32) strlen(it->data);
	return true;
}

static void
parse_options(CjOptions *options, void *parsed)
{
	CjFlowCall *call = parsed;
	CjFlowOptions *result = &call->options;
	Datum		value;

	result->by = cj_option_by(options);
	result->collapse = cj_option_bool(options, "collapse", false);
	result->links = cj_option_bool(options, "links", false);
	result->top = (int32) cj_option_integer(options, "top", 5, 1, PG_INT32_MAX);
	result->steps = (int32) cj_option_integer(options, "steps", 5, 1, CJ_MAX_FLOW_STEPS);
	result->occurrence = read_occurrence(options);
	result->within = cj_option(options, "within", INTERVALOID, &value) ?
		cj_interval_usec_positive(DatumGetIntervalP(value), "within") : -1;
	result->starting = read_anchor(options, "starts_with", &call->starts, &result->starts);
	result->ending = read_anchor(options, "ends_with", &call->ends, &result->ends);
	/* without an anchor the first event is step 1, so that there is no step 0 */
	if (!cj_flow_anchored(result))
		result->steps--;
	call->bytes = cj_flow_encode(result);
}

/* journey_flow(journey [, flow_options]) */
Datum
cj_journey_flow_transfn(PG_FUNCTION_ARGS)
{
	CjFlowCall *call = cj_options_parsed(fcinfo, 2, parse_options, sizeof(CjFlowCall));
	CjTallyRef	tally;

	cj_aggregate_context(fcinfo, "journey_flow");
	if (PG_ARGISNULL(0))
		cj_flow_create(&tally, call->bytes);
	else
		cj_tally_continue(&tally, PG_GETARG_DATUM(0), CJ_TALLY_FLOW, call->bytes, "journey_flow");
	if (!PG_ARGISNULL(1))
	{
		CJ_ARG_VIEW(view, 1);

		cj_flow_journey(&tally, call, &view);
		cj_check_path_memory(VARSIZE(tally.tally), "journey_flow",
							 "Use fewer steps, or rename rare names to one, or raise");
	}
	PG_RETURN_POINTER(tally.tally);
}

/* ---- rows ---- */

static const char *const kind_names[] = {"event", "other", "dropped", "completed"};

static Datum
row_name(const CjFlow *flow, CjFlowKind kind, int32 code)
{
	if (kind == CJ_FLOW_EVENT)
		return PointerGetDatum(cj_text_datum(cj_graph_name(&flow->at[0], code)));
	return CStringGetTextDatum(kind == CJ_FLOW_OTHER ? "(other)" :
							   kind == CJ_FLOW_DROPPED ? "(dropped)" : "(completed)");
}

static HeapTuple
flow_row(const CjFlow *flow, const CjFlowPatterns *patterns, const CjFlowRow *row, TupleDesc desc)
{
	Datum		values[9];
	bool		nulls[9] = {false};
	int32		step = cj_flow_anchored(&flow->options) ? row->step : row->step + 1;
	CjPattern  *pattern = cj_flow_pattern(patterns, row);

	values[0] = Int32GetDatum(cj_flow_backwards(&flow->options) ? -step : step);
	nulls[1] = !row->link;
	if (row->link)
		values[1] = row_name(flow, row->source_kind, row->source);
	values[2] = row_name(flow, row->kind, row->code);
	values[3] = CStringGetTextDatum(kind_names[row->kind]);
	values[4] = Int64GetDatum(row->paths);
	values[5] = Float8GetDatum((double) row->paths / (double) flow->paths);
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
	CjTallyRef	tally;
	CjFlow		flow;
	CjFlowPatterns *patterns;
	TupleDesc	desc;
	HeapTuple  *tuples;
	CjFlowRow  *rows;
	int32		count;

	cj_aggregate_context(fcinfo, "journey_flow final");
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	cj_tally_read_sorted(&tally, PG_GETARG_DATUM(0));
	cj_tally_refuse(cj_flow_load(&flow, &tally));
	rows = cj_flow_rows(&flow, &count);
	patterns = cj_flow_patterns(&flow);
	desc = cj_result_tupdesc(fcinfo);
	tuples = palloc_extended((count + 1) * sizeof(HeapTuple), MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		tuples[i] = flow_row(&flow, patterns, &rows[i], desc);
	}
	PG_RETURN_DATUM(cj_composite_array(desc, tuples, count));
}
