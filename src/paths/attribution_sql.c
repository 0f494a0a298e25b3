/*-------------------------------------------------------------------------
 *
 * attribution_sql.c
 *		attribution_agg: conversions credited to channels, by several models.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "journey/datum.h"
#include "paths/attribution.h"
#include "paths/paths.h"
#include "pattern/datum.h"

PG_FUNCTION_INFO_V1(cj_attribution_transfn);
PG_FUNCTION_INFO_V1(cj_attribution_finalfn);

static const char *const model_names[CJ_MODELS] = {
	"first", "last", "last_non_direct", "linear", "position", "decay", "shapley", "markov", "counterfactual"
};

/* The options of a call site, as read once. */
typedef struct AttributionCall
{
	CjAttributionOptions options;
	CjText		bytes;			/* of the options, as states have them */
	const CjPattern *conversion;
	MemoryContext context;
	void	   *matcher;

	/* of one journey */
	int32	   *ends;			/* conversions */
	int32		nends;
	int32		ends_room;
} AttributionCall;

/* ---- options ---- */

static void
read_models(CjAttributionOptions *result, CjOptions *options)
{
	Datum		value;
	CjText	   *names;
	int			count;

	if (!cj_option(options, "models", TEXTARRAYOID, &value))
	{
		/*
		 * the counterfactual model keeps every distinct path: only if asked
		 * for
		 */
		for (int m = 0; m < CJ_COUNTERFACTUAL; m++)
			result->wanted[m] = true;
		return;
	}
	names = cj_text_array(DatumGetArrayTypeP(value), "models", &count);
	for (int i = 0; i < count; i++)
	{
		bool		known = false;

		for (int m = 0; m < CJ_MODELS; m++)
			if (strlen(model_names[m]) == (size_t) names[i].len &&
				memcmp(model_names[m], names[i].data, names[i].len) == 0)
				known = result->wanted[m] = true;
		if (!known)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown attribution model \"%.*s\"", names[i].len, names[i].data),
					 errhint("Models are first, last, last_non_direct, linear, position, decay, shapley, markov and counterfactual.")));
	}
}

static void
read_transforms(CjAttributionOptions *result, CjOptions *options)
{
	static const char *const transforms[CJ_TRANSFORMS] = {
		"exposure", "first", "remove_if_last_and_not_all", "remove_if_not_all"
	};
	Datum		value;
	CjText	   *names;
	int			count;

	if (!cj_option(options, "transforms", TEXTARRAYOID, &value))
		return;
	names = cj_text_array(DatumGetArrayTypeP(value), "transforms", &count);
	if (count > CJ_MAX_TRANSFORMS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"transforms\" has more than %d elements", CJ_MAX_TRANSFORMS)));
	for (int i = 0; i < count; i++)
	{
		int			t = 0;

		while (t < CJ_TRANSFORMS && (strlen(transforms[t]) != (size_t) names[i].len ||
									 memcmp(transforms[t], names[i].data, names[i].len) != 0))
			t++;
		if (t == CJ_TRANSFORMS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown transform of paths \"%.*s\"", names[i].len, names[i].data),
					 errhint("Transforms are exposure, first, remove_if_last_and_not_all and remove_if_not_all.")));
		result->transform[result->transforms++] = (CjTransform) t;
	}
}

static void
parse_options(CjOptions *options, void *parsed)
{
	AttributionCall *call = parsed;
	CjAttributionOptions *result = &call->options;
	Datum		value;

	call->context = CurrentMemoryContext;
	if (!cj_option_pattern(options, "conversion", &value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("attribution_agg needs a conversion"),
				 errhint("Use attribution_options(conversion => 'purchase').")));
	call->conversion = DatumGetPattern(value);
	result->conversion.data = cj_pattern_print(cj_pattern_load(call->conversion));
	result->conversion.len = (int32) strlen(result->conversion.data);
	result->by = cj_option(options, "by", TEXTOID, &value) ? cj_option_by(options) : CJ_BY_CHANNEL;
	result->lookback = cj_option(options, "lookback", INTERVALOID, &value) ?
		cj_interval_usec_positive(DatumGetIntervalP(value), "lookback") : -1;
	result->half_life = cj_option(options, "half_life", INTERVALOID, &value) ?
		cj_interval_usec_positive(DatumGetIntervalP(value), "half_life") : 7 * USECS_PER_DAY;
	if (result->half_life == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"half_life\" must be positive")));
	result->direct = cj_text_arg(cj_option(options, "direct", TEXTOID, &value) ?
								 DatumGetTextPP(value) : cstring_to_text("direct"));
	result->depth = (int) cj_option_integer(options, "depth", 1, 1, CJ_MAX_DEPTH);
	read_models(result, options);
	read_transforms(result, options);
	call->bytes = cj_attribution_encode(result);
}

/* ---- paths of a journey ---- */

/* A conversion happens with the last event that its match has. */
static void
note_conversion(CjMatcher *matcher, void *arg)
{
	AttributionCall *call = arg;
	int32		end = 0;

	for (int32 i = 0; i < matcher->length; i++)
		end = Max(end, matcher->positions[i]);
	if (call->nends == call->ends_room)
	{
		call->ends_room = Max(call->ends_room * 2, 16);
		call->ends = call->ends == NULL ?
			MemoryContextAlloc(call->context, call->ends_room * sizeof(int32)) :
			repalloc_huge(call->ends, call->ends_room * sizeof(int32));
	}
	call->ends[call->nends++] = end;
}

static int
compare_ends(const void *a, const void *b)
{
	return *(const int32 *) a - *(const int32 *) b;
}

/* Touches among the events [from, to) at or after a time. */
static int32
gather(CjBy by, const CjView *view, const int32 *channels,
	   int32 from, int32 to, TimestampTz since, CjTouch *touches)
{
	const CjPacked *packed;
	int32		gap;
	int32		count = 0;

	cj_path_names(view, by, &packed, &gap);
	for (int32 i = from; i < to; i++)
	{
		int32		code = (int32) cj_packed_get(packed, i) - gap;
		TimestampTz time = cj_time(view, i);

		if (code < 0 || channels == NULL || time < since)
			continue;
		touches[count].channel = channels[code];
		touches[count++].time = time;
	}
	return count;
}

static int32 *
channel_codes(CjTallyRef *tally, CjBy by, const CjView *view)
{
	const CjPacked *packed;
	int32		gap;
	const CjNames *names = cj_path_names(view, by, &packed, &gap);
	int32	   *channels;

	if (names->count == 0)
		return NULL;
	channels = palloc_array(int32, names->count);
	for (int32 i = 0; i < names->count; i++)
		channels[i] = cj_attribution_channel(tally, cj_name(names, i));
	return channels;
}

/* Finds the positions of the journey's conversions, ascending. */
static void
find_conversions(AttributionCall *call, const CjView *view)
{
	CjMatcher  *matcher = cj_cached_matcher(&call->matcher, call->context, call->conversion);

	call->nends = 0;
	cj_matcher_bind(matcher, view, DT_NOEND);
	cj_all_matches(matcher, false, note_conversion, call);
	if (call->nends > 1)
		qsort(call->ends, call->nends, sizeof(int32), compare_ends);
}

static void
attribute_journey(CjTallyRef *tally, AttributionCall *call, const CjView *view)
{
	const CjAttributionOptions *options = &call->options;
	CjTouch    *touches = palloc_extended((view->nevents + 1) * sizeof(CjTouch), MCXT_ALLOC_HUGE);
	int32	   *channels = channel_codes(tally, options->by, view);
	int32		from = 0;
	int32		count;

	find_conversions(call, view);
	for (int32 i = 0; i < call->nends; i++)
	{
		int32		end = call->ends[i];
		TimestampTz time = cj_time(view, end);
		TimestampTz since = PG_INT64_MIN;
		double		value = 0;

		if (options->lookback >= 0)
			since = cj_elapsed(PG_INT64_MIN, time) < (uint64) options->lookback ? PG_INT64_MIN :
				time - options->lookback;
		cj_value(view, end, &value);
		count = gather(options->by, view, channels, from, end, since, touches);
		count = cj_attribution_transform(tally, options, touches, count);
		cj_attribute(tally, options, touches, count, value);
		from = Max(from, end + 1);
	}
	count = gather(options->by, view, channels, from, view->nevents, PG_INT64_MIN, touches);
	count = cj_attribution_transform(tally, options, touches, count);
	cj_attribute_nothing(tally, options, touches, count);
	pfree(touches);
}

/* attribution_agg(journey, attribution_options) */
Datum
cj_attribution_transfn(PG_FUNCTION_ARGS)
{
	AttributionCall *call = cj_options_parsed(fcinfo, 2, parse_options, sizeof(AttributionCall));
	CjTallyRef	tally;

	cj_aggregate_context(fcinfo, "attribution_agg");
	if (PG_ARGISNULL(0))
		cj_attribution_create(&tally, &call->options, call->bytes);
	else
		cj_tally_continue(&tally, PG_GETARG_DATUM(0), CJ_TALLY_ATTRIBUTION, call->bytes, "attribution_agg");
	if (!PG_ARGISNULL(1))
	{
		CJ_ARG_VIEW(view, 1);

		attribute_journey(&tally, call, &view);
		cj_check_path_memory(VARSIZE(tally.tally), "attribution_agg",
							 "Use a smaller depth, or rename rare channels to one name, or raise");
	}
	PG_RETURN_POINTER(tally.tally);
}

/* ---- rows ---- */

typedef struct Row
{
	int			model;
	int32		channel;		/* -1: conversions without a touch */
	CjCredit	credit;
} Row;

static int
compare_rows(const void *a, const void *b, void *arg)
{
	const Row  *x = a;
	const Row  *y = b;
	const CjGraphRef *chain = arg;

	if (x->model != y->model)
		return x->model - y->model;
	if ((x->channel < 0) != (y->channel < 0))
		return x->channel < 0 ? 1 : -1;
	if (x->credit.conversions != y->credit.conversions)
		return x->credit.conversions > y->credit.conversions ? -1 : 1;
	return x->channel < 0 ? 0 : cj_text_compare(cj_graph_name(chain, x->channel),
												cj_graph_name(chain, y->channel));
}

static Row *
make_rows(CjAttribution *attribution, int32 *count)
{
	int32		channels = attribution->chain.graph->names;
	Row		   *rows = palloc_array(Row, (channels + 1) * CJ_MODELS);

	*count = 0;
	for (int m = 0; m < CJ_MODELS; m++)
	{
		if (!attribution->options.wanted[m])
			continue;
		for (int32 c = 0; c < channels; c++)
		{
			rows[*count].model = m;
			rows[*count].channel = c;
			rows[(*count)++].credit = attribution->credits[(Size) c * CJ_MODELS + m];
		}
		if (attribution->unassigned > 0)
		{
			rows[*count].model = m;
			rows[*count].channel = -1;
			rows[*count].credit.conversions = attribution->unassigned;
			rows[*count].credit.removal = 0;
			rows[(*count)++].credit.value = attribution->unassigned_value;
		}
	}
	qsort_arg(rows, *count, sizeof(Row), compare_rows, &attribution->chain);
	return rows;
}

Datum
cj_attribution_finalfn(PG_FUNCTION_ARGS)
{
	CjAttribution state;
	CjAttribution *attribution = &state;
	CjTallyRef	tally;
	TupleDesc	desc;
	HeapTuple  *tuples;
	Row		   *rows;
	int32		count;
	double		all;

	cj_aggregate_context(fcinfo, "attribution_agg final");
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	cj_tally_read_sorted(&tally, PG_GETARG_DATUM(0));
	cj_tally_refuse(cj_attribution_load(attribution, &tally));
	if (attribution->options.wanted[CJ_MARKOV])
		cj_attribution_solve(attribution);
	all = (double) (attribution->assigned + attribution->unassigned);
	rows = make_rows(attribution, &count);
	desc = cj_result_tupdesc(fcinfo);
	tuples = palloc_array(HeapTuple, count + 1);
	for (int32 i = 0; i < count; i++)
	{
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = CStringGetTextDatum(model_names[rows[i].model]);
		nulls[1] = rows[i].channel < 0;
		if (!nulls[1])
			values[1] = PointerGetDatum(cj_text_datum(cj_graph_name(&attribution->chain, rows[i].channel)));
		values[2] = Float8GetDatum(rows[i].credit.conversions);
		values[3] = Float8GetDatum(rows[i].credit.value);
		nulls[4] = all == 0;
		values[4] = Float8GetDatum(all == 0 ? 0 : rows[i].credit.conversions / all);
		nulls[5] = rows[i].model != CJ_MARKOV || rows[i].channel < 0;
		values[5] = Float8GetDatum(rows[i].credit.removal);
		tuples[i] = heap_form_tuple(desc, values, nulls);
	}
	PG_RETURN_DATUM(cj_composite_array(desc, tuples, count));
}
