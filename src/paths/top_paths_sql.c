/*-------------------------------------------------------------------------
 *
 * top_paths_sql.c
 *		top_paths: whole paths, counted and ranked.
 *
 * The state is a tally of paths (tally.h): a journey's path is written as the
 * codes that the state has for its names, and counted with one look-up.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "journey/datum.h"
#include "paths/paths.h"
#include "paths/top_paths.h"

PG_FUNCTION_INFO_V1(cj_top_paths_transfn);
PG_FUNCTION_INFO_V1(cj_top_paths_finalfn);

#define DEFAULT_TOP		100
#define MAX_PATH_BYTES	(256 * 1024 * 1024)

/* The options of a call site, as read once, and what it works with. */
typedef struct TopCall
{
	CjTopOptions options;
	CjText		bytes;			/* of the options, as states have them */
	MemoryContext context;
	char	   *path;
	int64		path_room;
	uint32	   *codes;			/* of a journey's names */
	int32		codes_room;
} TopCall;

static void
parse_options(CjOptions *options, void *parsed)
{
	static const char *const used[] = {"by", "collapse", "first", "top", NULL};
	TopCall    *call = parsed;

	cj_options_only(options, used, "top_paths");
	call->options.by = cj_option_by(options);
	call->options.collapse = cj_option_bool(options, "collapse", false);
	call->options.first = (int32) cj_option_integer(options, "first", 0, 1, PG_INT32_MAX);
	call->options.top = (int32) cj_option_integer(options, "top", DEFAULT_TOP, 1, PG_INT32_MAX);
	call->bytes = cj_top_encode(&call->options);
	call->context = CurrentMemoryContext;
}

/* ---- counting ---- */

static void
reserve_path(TopCall *call, int64 size)
{
	if (size <= call->path_room)
		return;
	if (size > MAX_PATH_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("journey is too long to count as a path"),
				 errhint("Use path_options(first => ...) to count only its beginning.")));
	call->path_room = 0;
	if (call->path != NULL)
		pfree(call->path);
	call->path = MemoryContextAlloc(call->context, Max(size, 256));
	call->path_room = Max(size, 256);
}

/* The state's codes of a journey's names. */
static const uint32 *
name_codes(TopCall *call, CjTallyRef *tally, const CjNames *names)
{
	if (names->count > call->codes_room)
	{
		call->codes_room = 0;
		if (call->codes != NULL)
			pfree(call->codes);
		call->codes = MemoryContextAlloc(call->context, Max(names->count, 16) * sizeof(uint32));
		call->codes_room = Max(names->count, 16);
	}
	for (int32 i = 0; i < names->count; i++)
	{
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		call->codes[i] = cj_tally_code(tally, cj_name(names, i));
	}
	return call->codes;
}

static void
count_journey(CjTallyRef *tally, TopCall *call, const CjView *view)
{
	const CjPacked *packed;
	int32		gap;
	const CjNames *names = cj_path_names(view, call->options.by, &packed, &gap);
	int32		most = call->options.first == 0 ? PG_INT32_MAX : call->options.first;
	bool		collapse = call->options.collapse;
	int32		last = -1;
	int32		length = 0;
	uint64		from = 0;
	uint64		until = 0;
	const uint32 *codes;
	char	   *to;
	CjText		path;
	CjSum		duration = {0, 0};

	if (names->count == 0)
		return;
	codes = name_codes(call, tally, names);
	reserve_path(call, 5 * (int64) Min(view->nevents, most));
	to = call->path;
	for (int32 i = 0; i < view->nevents && length < most; i++)
	{
		int32		code = (int32) cj_packed_get(packed, i) - gap;

		if (unlikely((i & 0x3ff) == 0x3ff))
			CHECK_FOR_INTERRUPTS();
		if (code < 0 || (collapse && code == last))
			continue;
		last = code;
		until = cj_packed_get(&view->times, i);
		if (length++ == 0)
			from = until;
		to = cj_tally_put_code(to, codes[code]);
	}
	path.data = call->path;
	path.len = (int32) (to - call->path);
	duration.low = (until - from) * (uint64) view->unit;
	if (length > 0)
		cj_tally_add_path(tally, path, length, 1, duration);
}

/* top_paths(journey [, path_options]) */
Datum
cj_top_paths_transfn(PG_FUNCTION_ARGS)
{
	TopCall    *call = cj_options_parsed(fcinfo, 2, parse_options, sizeof(TopCall));
	MemoryContext context = cj_aggregate_context(fcinfo, "top_paths");
	CjTallyRef	tally;

	if (PG_ARGISNULL(0))
		cj_tally_create(&tally, CJ_TALLY_PATHS, 0, call->bytes);
	else
		cj_tally_continue(&tally, PG_GETARG_DATUM(0), CJ_TALLY_PATHS, call->bytes, "top_paths");
	if (!PG_ARGISNULL(1))
	{
		int32		known = tally.tally->entries;

		CJ_ARG_VIEW(view, 1);

		tally.context = context;
		count_journey(&tally, call, &view);
		if (tally.tally->entries > known)
			cj_check_top_memory(&tally);
	}
	PG_RETURN_DATUM(cj_tally_state(&tally));
}

/* ---- rows ---- */

static HeapTuple
path_row(const CjTallyRef *tally, TupleDesc desc, int32 entry, int64 all, int64 *before)
{
	const CjTallyPath *path = &tally->parts.paths[entry];
	const char *at = cj_tally_path(tally, entry).data;
	Datum	   *events = palloc_extended(path->steps * sizeof(Datum), MCXT_ALLOC_HUGE);
	StringInfoData label;
	Datum		values[7];
	bool		nulls[7] = {false};

	initStringInfo(&label);
	for (int32 i = 0; i < path->steps; i++)
	{
		CjText		name = cj_tally_text(tally, (int32) cj_tally_get_code(&at));

		events[i] = PointerGetDatum(cj_text_datum(name));
		if (i > 0)
			appendStringInfoString(&label, " > ");
		appendBinaryStringInfo(&label, name.data, name.len);
	}
	*before += path->count;
	values[0] = PointerGetDatum(cstring_to_text_with_len(label.data, label.len));
	values[1] = PointerGetDatum(construct_array(events, path->steps, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = Int32GetDatum(path->steps);
	values[3] = Int64GetDatum(path->count);
	values[4] = Float8GetDatum((double) path->count / (double) all);
	values[5] = Float8GetDatum((double) *before / (double) all);
	values[6] = cj_mean_interval(path->time, path->count);
	return heap_form_tuple(desc, values, nulls);
}

static int64
all_journeys(const CjTallyRef *tally)
{
	int64		all = 0;

	for (int32 i = 0; i < tally->tally->entries; i++)
		if (pg_add_s64_overflow(all, tally->parts.paths[i].count, &all))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("path counts are out of range")));
	return all;
}

Datum
cj_top_paths_finalfn(PG_FUNCTION_ARGS)
{
	CjTallyRef	tally;
	CjTopOptions options;
	TupleDesc	desc;
	HeapTuple  *tuples;
	int32	   *order;
	int32		count;
	int64		all;
	int64		before = 0;

	cj_aggregate_context(fcinfo, "top_paths final");
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	cj_tally_read(&tally, PG_GETARG_DATUM(0));
	cj_tally_refuse(cj_top_load(&options, &tally));
	all = all_journeys(&tally);
	order = cj_top_rank(&tally, options.top, &count);
	desc = cj_result_tupdesc(fcinfo);
	tuples = palloc_extended((count + 1) * sizeof(HeapTuple), MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		tuples[i] = path_row(&tally, desc, order[i], all, &before);
	}
	PG_RETURN_DATUM(cj_composite_array(desc, tuples, count));
}
