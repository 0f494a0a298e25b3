/*-------------------------------------------------------------------------
 *
 * watch_sql.c
 *		What the statements of watches call; see watch.h.
 *
 * Compiled patterns are kept for the session: the statement of a trigger runs
 * for every statement on the events, and would compile them each time.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "common/common.h"
#include "common/hashfn.h"
#include "journey/datum.h"
#include "live/watch.h"
#include "pattern/datum.h"

PG_FUNCTION_INFO_V1(cj_journey_watch_scan);
PG_FUNCTION_INFO_V1(cj_journey_watch_names);
PG_FUNCTION_INFO_V1(cj_journey_watch_by_time);
PG_FUNCTION_INFO_V1(cj_journey_watch_changed);

/* ---- patterns of the session ---- */

#define KEPT_PATTERNS	64
#define KEPT_BYTES		(1024 * 1024)	/* a matcher that has grown larger is
										 * made anew */

typedef struct Kept
{
	uint32		hash;			/* of the pattern's bytes: the key */
	bool		busy;			/* still so when found: an error left it so */
	MemoryContext context;
	void	   *cache;
} Kept;

static HTAB *kept_patterns;

static void
forget_pattern(Kept *kept)
{
	if (kept->context != NULL)
		MemoryContextDelete(kept->context);
	kept->context = NULL;
	kept->cache = NULL;
	kept->busy = false;
}

static void
forget_all(void)
{
	HASH_SEQ_STATUS status;
	Kept	   *kept;

	hash_seq_init(&status, kept_patterns);
	while ((kept = hash_seq_search(&status)) != NULL)
		forget_pattern(kept);
	hash_destroy(kept_patterns);
	kept_patterns = NULL;
}

/* The entry of a pattern, busy until done_with() it. */
static Kept *
keep_pattern(const CjPattern *pattern)
{
	uint32		hash = DatumGetUInt32(hash_any((const unsigned char *) VARDATA_ANY(pattern),
											   VARSIZE_ANY_EXHDR(pattern)));
	Kept	   *kept;
	bool		found;

	if (kept_patterns != NULL && hash_get_num_entries(kept_patterns) >= KEPT_PATTERNS)
		forget_all();
	if (kept_patterns == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(uint32),.entrysize = sizeof(Kept)};

		kept_patterns = hash_create("watched patterns", KEPT_PATTERNS, &control, HASH_ELEM | HASH_BLOBS);
	}
	kept = hash_search(kept_patterns, &hash, HASH_ENTER, &found);
	if (!found)
	{
		kept->context = NULL;
		kept->cache = NULL;
		kept->busy = false;
	}
	if (kept->busy)
		forget_pattern(kept);
	if (kept->context == NULL)
		kept->context = AllocSetContextCreate(TopMemoryContext, "watched pattern", ALLOCSET_SMALL_SIZES);
	kept->busy = true;
	return kept;
}

static void
done_with(Kept *kept)
{
	kept->busy = false;
	if (MemoryContextMemAllocated(kept->context, true) > KEPT_BYTES)
		forget_pattern(kept);
}

/* ---- looking ---- */

/* The result's row, looked up once a call site. */
static TupleDesc
result_desc(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		fcinfo->flinfo->fn_extra = CreateTupleDescCopy(cj_result_tupdesc(fcinfo));
		BlessTupleDesc(fcinfo->flinfo->fn_extra);
		MemoryContextSwitchTo(old);
	}
	return fcinfo->flinfo->fn_extra;
}

static Datum
journey_array(CjJourney **journeys, int count, Oid array_type)
{
	Datum	   *elements = palloc_array(Datum, count);
	Oid			type = get_element_type(array_type);
	int16		length;
	bool		byval;
	char		align;

	get_typlenbyvalalign(type, &length, &byval, &align);
	for (int i = 0; i < count; i++)
		elements[i] = PointerGetDatum(journeys[i]);
	return PointerGetDatum(construct_array(elements, count, type, length, byval, align));
}

static Datum
time_array(const TimestampTz *times, int count)
{
	Datum	   *elements = palloc_array(Datum, count);

	for (int i = 0; i < count; i++)
		elements[i] = TimestampTzGetDatum(times[i]);
	return PointerGetDatum(construct_array(elements, count, TIMESTAMPTZOID, 8, true, 'd'));
}

/*
 * journey_watch_scan(journey, journey_pattern, as_of, seen journey, seen_to) ->
 * (seen_to, matched journey[], true_at timestamptz[], used journey, due_at)
 */
Datum
cj_journey_watch_scan(PG_FUNCTION_ARGS)
{
	CjWatch		watch = {0};
	CjView		view = cj_view_of(PG_ARGISNULL(0) ? cj_empty() : PG_GETARG_JOURNEY(0));
	CjView		seen = cj_view_of(PG_ARGISNULL(3) ? cj_empty() : PG_GETARG_JOURNEY(3));
	Kept	   *kept = NULL;
	Datum		values[5] = {0};
	bool		nulls[5];
	TupleDesc	desc = result_desc(fcinfo);

	watch.last = DT_NOBEGIN;
	watch.due_at = DT_NOEND;
	if (view.nevents > 0 && !PG_ARGISNULL(1))
	{
		const CjPattern *pattern = PG_GETARG_PATTERN(1);

		kept = keep_pattern(pattern);
		watch.matcher = cj_cached_matcher(&kept->cache, kept->context, pattern);
		watch.view = &view;
		watch.as_of = PG_ARGISNULL(2) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(2);
		watch.seen = &seen;
		watch.seen_to = PG_ARGISNULL(4) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(4);
		cj_watch_look(&watch);
		done_with(kept);
	}
	nulls[0] = TIMESTAMP_IS_NOBEGIN(watch.last);
	nulls[1] = nulls[2] = watch.count == 0;
	nulls[3] = watch.used == NULL;
	nulls[4] = TIMESTAMP_IS_NOEND(watch.due_at);
	if (watch.count > 0)
	{
		values[1] = journey_array(watch.matched, watch.count, TupleDescAttr(desc, 1)->atttypid);
		values[2] = time_array(watch.true_at, watch.count);
	}
	values[0] = TimestampTzGetDatum(watch.last);
	values[3] = PointerGetDatum(watch.used);
	values[4] = TimestampTzGetDatum(watch.due_at);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

/* journey_watch_names(journey_pattern) -> text[], NULL: any event; errors for what cannot be watched */
Datum
cj_journey_watch_names(PG_FUNCTION_ARGS)
{
	CjAutomaton *automaton = cj_pattern_compile(cj_pattern_load(PG_GETARG_PATTERN(0)));
	const char *hint;
	const char *fault = cj_watch_fault(automaton, &hint);
	CjText	   *names;
	Datum	   *elements;
	int			count;

	if (fault != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s", fault),
				 errhint("%s", hint)));
	if (!cj_watch_names(automaton, &names, &count))
		PG_RETURN_NULL();
	elements = palloc_array(Datum, count);
	for (int i = 0; i < count; i++)
		elements[i] = PointerGetDatum(cj_text_datum(names[i]));
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, count, TEXTOID, -1, false, 'i'));
}

/* journey_watch_by_time(journey_pattern) */
Datum
cj_journey_watch_by_time(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(cj_watch_by_time(cj_pattern_compile(cj_pattern_load(PG_GETARG_PATTERN(0)))));
}

/* journey_watch_changed(regclass): the triggers' statements are written anew */
Datum
cj_journey_watch_changed(PG_FUNCTION_ARGS)
{
	Oid			state = PG_GETARG_OID(0);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(state));
	bool		allowed;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", state)));
	allowed = has_privs_of_role(GetUserId(), ((Form_pg_class) GETSTRUCT(tuple))->relowner);
	ReleaseSysCache(tuple);
	if (!allowed)
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(state));
	CacheInvalidateRelcacheByRelid(state);
	PG_RETURN_VOID();
}
