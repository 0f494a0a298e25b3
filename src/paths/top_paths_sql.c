/*-------------------------------------------------------------------------
 *
 * top_paths_sql.c
 *		top_paths: whole paths, counted and ranked.
 *
 * A journey's path is written as the codes of its names, one byte each while
 * there are few, and counted under these bytes in a dictionary: one look-up a
 * journey.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "journey/datum.h"
#include "paths/paths.h"

PG_FUNCTION_INFO_V1(cj_top_paths_transfn);
PG_FUNCTION_INFO_V1(cj_top_paths_combinefn);
PG_FUNCTION_INFO_V1(cj_top_paths_serialfn);
PG_FUNCTION_INFO_V1(cj_top_paths_deserialfn);
PG_FUNCTION_INFO_V1(cj_top_paths_finalfn);

typedef struct PathCount
{
	int64		journeys;
	CjSum		duration;
} PathCount;

typedef struct PathOptions
{
	int32		by;
	int32		collapse;
	int32		first;			/* events, 0 for all */
	int32		top;
} PathOptions;

typedef struct TopPaths
{
	MemoryContext context;
	PathOptions options;
	CjDictionary *names;
	CjDictionary *paths;		/* codes as bytes */
	PathCount  *counts;			/* by the paths' codes */
	int32		room;
	int64		journeys;		/* with a path */
	Size		size;			/* of what the state holds, about */
	char	   *buffer;
	int64		buffer_size;
} TopPaths;

#define DEFAULT_TOP		100
#define MAX_PATH_BYTES	(256 * 1024 * 1024)

static TopPaths *
create_state(MemoryContext context, const PathOptions *options)
{
	TopPaths   *state = MemoryContextAllocZero(context, sizeof(TopPaths));

	state->context = context;
	state->options = *options;
	state->names = cj_dictionary_create(context);
	state->paths = cj_dictionary_create(context);
	state->room = 16;
	state->counts = MemoryContextAllocZero(context, state->room * sizeof(PathCount));
	return state;
}

static void
parse_options(CjOptions *options, void *parsed)
{
	static const char *const used[] = {"by", "collapse", "first", "top", NULL};
	PathOptions *result = parsed;

	cj_options_only(options, used, "top_paths");
	result->by = cj_option_by(options);
	result->collapse = cj_option_bool(options, "collapse", false);
	result->first = (int32) cj_option_integer(options, "first", 0, 1, PG_INT32_MAX);
	result->top = (int32) cj_option_integer(options, "top", DEFAULT_TOP, 1, PG_INT32_MAX);
}

/* ---- counting ---- */

static void
reserve_buffer(TopPaths *state, int64 size)
{
	if (size <= state->buffer_size)
		return;
	if (size > MAX_PATH_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("journey is too long to count as a path"),
				 errhint("Use path_options(first => ...) to count only its beginning.")));
	if (state->buffer != NULL)
		pfree(state->buffer);
	state->buffer = MemoryContextAlloc(state->context, Max(size, 256));
	state->buffer_size = Max(size, 256);
}

static inline char *
put_code(char *to, uint32 code)
{
	for (; code >= 0x80; code >>= 7)
		*to++ = (char) (0x80 | (code & 0x7f));
	*to++ = (char) code;
	return to;
}

static inline uint32
get_code(const char **from)
{
	uint32		code = 0;
	int			shift = 0;
	uint8		byte;

	do
	{
		byte = (uint8) *(*from)++;
		code |= (uint32) (byte & 0x7f) << shift;
		shift += 7;
	} while (byte >= 0x80 && shift < 32);
	return code;
}

static void
count_path(TopPaths *state, CjText path, int64 journeys, CjSum duration)
{
	int32		known = cj_dictionary_count(state->paths);
	uint32		code = cj_dictionary_code(state->paths, path.data, path.len);

	if ((int32) code == known)
	{
		state->size += path.len + sizeof(PathCount) + 3 * sizeof(CjText) + sizeof(uint64);
		cj_check_path_memory(state->size, "top_paths",
							 "Use path_options(first => ...) or (collapse => true), or raise");
	}
	if ((int32) code >= state->room)
	{
		state->counts = repalloc_huge(state->counts, 2 * (Size) state->room * sizeof(PathCount));
		memset(state->counts + state->room, 0, state->room * sizeof(PathCount));
		state->room *= 2;
	}
	state->counts[code].journeys += journeys;
	cj_sum_add(&state->counts[code].duration, duration);
	state->journeys += journeys;
}

static void
count_journey(TopPaths *state, const CjView *view)
{
	const CjPacked *packed;
	int32		gap;
	const CjNames *names = cj_path_names(view, (CjBy) state->options.by, &packed, &gap);
	int32		most = state->options.first == 0 ? PG_INT32_MAX : state->options.first;
	bool		collapse = state->options.collapse;
	int32		last = -1;
	int32		length = 0;
	uint64		from = 0;
	uint64		until = 0;
	uint32	   *codes;
	char	   *to;
	CjText		path;
	CjSum		duration = {0, 0};

	if (names->count == 0)
		return;
	codes = cj_dictionary_codes(state->names, names);
	reserve_buffer(state, 5 * (int64) Min(view->nevents, most));
	to = state->buffer;
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
		to = put_code(to, codes[code]);
	}
	pfree(codes);
	path.data = state->buffer;
	path.len = (int32) (to - state->buffer);
	duration.low = (until - from) * (uint64) view->unit;
	if (length > 0)
		count_path(state, path, 1, duration);
}

/* top_paths(journey [, path_options]) */
Datum
cj_top_paths_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context = cj_aggregate_context(fcinfo, "top_paths");
	TopPaths   *state = PG_ARGISNULL(0) ? NULL : (TopPaths *) PG_GETARG_POINTER(0);
	const PathOptions *options = cj_options_parsed(fcinfo, 2, parse_options, sizeof(PathOptions));

	if (state == NULL)
		state = create_state(context, options);
	else if (memcmp(&state->options, options, sizeof(PathOptions)) != 0)
		cj_options_differ("top_paths");
	if (!PG_ARGISNULL(1))
	{
		CJ_ARG_VIEW(view, 1);

		count_journey(state, &view);
	}
	PG_RETURN_POINTER(state);
}

/* Counts a state's paths in another, whose names have other codes. */
static void
merge_state(TopPaths *into, const TopPaths *from)
{
	int32		names = cj_dictionary_count(from->names);
	int32		paths = cj_dictionary_count(from->paths);
	uint32	   *codes = palloc_array(uint32, names + 1);

	if (memcmp(&into->options, &from->options, sizeof(PathOptions)) != 0)
		cj_options_differ("top_paths");
	for (int32 i = 0; i < names; i++)
	{
		CjText		name = cj_dictionary_name(from->names, i);

		codes[i] = cj_dictionary_code(into->names, name.data, name.len);
	}
	for (int32 i = 0; i < paths; i++)
	{
		CjText		path = cj_dictionary_name(from->paths, i);
		const char *at = path.data;
		char	   *to;

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		reserve_buffer(into, 5 * (int64) path.len);
		to = into->buffer;
		while (at < path.data + path.len)
			to = put_code(to, codes[get_code(&at)]);
		path.data = into->buffer;
		path.len = (int32) (to - into->buffer);
		count_path(into, path, from->counts[i].journeys, from->counts[i].duration);
	}
	pfree(codes);
}

Datum
cj_top_paths_combinefn(PG_FUNCTION_ARGS)
{
	MemoryContext context = cj_aggregate_context(fcinfo, "top_paths combine");
	TopPaths   *state = PG_ARGISNULL(0) ? NULL : (TopPaths *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
	{
		const TopPaths *other = (const TopPaths *) PG_GETARG_POINTER(1);

		if (state == NULL)
			state = create_state(context, &other->options);
		merge_state(state, other);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* ---- between processes ---- */

static void
send_dictionary(StringInfo to, const CjDictionary *dictionary)
{
	int32		count = cj_dictionary_count(dictionary);

	pq_sendint32(to, count);
	for (int32 i = 0; i < count; i++)
	{
		CjText		name = cj_dictionary_name(dictionary, i);

		pq_sendint32(to, name.len);
		pq_sendbytes(to, name.data, name.len);
	}
}

static void
receive_dictionary(StringInfo from, CjDictionary *dictionary)
{
	int32		count = pq_getmsgint(from, 4);

	for (int32 i = 0; i < count; i++)
	{
		int32		len = pq_getmsgint(from, 4);
		const char *data = pq_getmsgbytes(from, len);

		cj_dictionary_code(dictionary, data, len);
	}
}

Datum
cj_top_paths_serialfn(PG_FUNCTION_ARGS)
{
	const TopPaths *state = (const TopPaths *) PG_GETARG_POINTER(0);
	int32		paths = cj_dictionary_count(state->paths);
	StringInfoData to;

	cj_aggregate_context(fcinfo, "top_paths serialize");
	pq_begintypsend(&to);
	pq_sendint32(&to, state->options.by);
	pq_sendint32(&to, state->options.collapse);
	pq_sendint32(&to, state->options.first);
	pq_sendint32(&to, state->options.top);
	pq_sendint64(&to, state->journeys);
	send_dictionary(&to, state->names);
	send_dictionary(&to, state->paths);
	for (int32 i = 0; i < paths; i++)
	{
		pq_sendint64(&to, state->counts[i].journeys);
		pq_sendint64(&to, state->counts[i].duration.high);
		pq_sendint64(&to, state->counts[i].duration.low);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&to));
}

Datum
cj_top_paths_deserialfn(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData from;
	PathOptions options;
	TopPaths   *state;

	cj_aggregate_context(fcinfo, "top_paths deserialize");
	from.data = VARDATA_ANY(bytes);
	from.len = from.maxlen = VARSIZE_ANY_EXHDR(bytes);
	from.cursor = 0;
	options.by = pq_getmsgint(&from, 4);
	options.collapse = pq_getmsgint(&from, 4);
	options.first = pq_getmsgint(&from, 4);
	options.top = pq_getmsgint(&from, 4);
	state = create_state(CurrentMemoryContext, &options);
	state->journeys = pq_getmsgint64(&from);
	receive_dictionary(&from, state->names);
	receive_dictionary(&from, state->paths);
	state->room = Max(cj_dictionary_count(state->paths), 1);
	state->counts = palloc_extended(state->room * sizeof(PathCount), MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < cj_dictionary_count(state->paths); i++)
	{
		state->counts[i].journeys = pq_getmsgint64(&from);
		state->counts[i].duration.high = pq_getmsgint64(&from);
		state->counts[i].duration.low = pq_getmsgint64(&from);
	}
	pq_getmsgend(&from);
	PG_RETURN_POINTER(state);
}

/* ---- ranking ---- */

typedef struct Ranking
{
	const TopPaths *state;
	const uint32 *rank;			/* of names */
} Ranking;

static int32
steps_of(CjText path)
{
	int32		length = 0;

	for (int32 i = 0; i < path.len; i++)
		length += (uint8) path.data[i] < 0x80;
	return length;
}

/* More journeys first, then shorter, then by names. */
static int
compare_paths(const void *a, const void *b, void *arg)
{
	const Ranking *ranking = arg;
	int32		i = *(const int32 *) a;
	int32		j = *(const int32 *) b;
	CjText		x = cj_dictionary_name(ranking->state->paths, i);
	CjText		y = cj_dictionary_name(ranking->state->paths, j);
	int64		more = ranking->state->counts[j].journeys - ranking->state->counts[i].journeys;
	int32		longer = steps_of(x) - steps_of(y);
	const char *at = x.data;
	const char *bt = y.data;

	if (more != 0)
		return more < 0 ? -1 : 1;
	if (longer != 0)
		return longer;
	while (at < x.data + x.len)
	{
		uint32		c = ranking->rank[get_code(&at)];
		uint32		d = ranking->rank[get_code(&bt)];

		if (c != d)
			return c < d ? -1 : 1;
	}
	return 0;
}

/* Sinks an entry of a heap whose root ranks last. */
static void
sift_down(int32 *heap, int32 count, int32 at, Ranking *ranking)
{
	for (;;)
	{
		int32		child = 2 * at + 1;
		int32		held = heap[at];

		if (child >= count)
			return;
		if (child + 1 < count && compare_paths(&heap[child + 1], &heap[child], ranking) > 0)
			child++;
		if (compare_paths(&heap[child], &held, ranking) <= 0)
			return;
		heap[at] = heap[child];
		heap[child] = held;
		at = child;
	}
}

/* The first "top" paths in order; how many there are goes to *count. */
static int32 *
rank_paths(Ranking *ranking, int32 top, int32 *count)
{
	int32		all = cj_dictionary_count(ranking->state->paths);
	int32	   *heap;

	*count = Min(all, top);
	heap = palloc_extended((*count + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < *count; i++)
		heap[i] = i;
	for (int32 i = *count / 2 - 1; i >= 0; i--)
		sift_down(heap, *count, i, ranking);
	for (int32 i = *count; i < all; i++)
	{
		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (compare_paths(&i, &heap[0], ranking) < 0)
		{
			heap[0] = i;
			sift_down(heap, *count, 0, ranking);
		}
	}
	qsort_arg(heap, *count, sizeof(int32), compare_paths, ranking);
	return heap;
}

static HeapTuple
path_row(const TopPaths *state, TupleDesc desc, int32 code, int64 *before)
{
	CjText		path = cj_dictionary_name(state->paths, code);
	const PathCount *count = &state->counts[code];
	int32		length = steps_of(path);
	const char *at = path.data;
	Datum	   *events = palloc_array(Datum, length);
	StringInfoData label;
	Datum		values[7];
	bool		nulls[7] = {false};

	initStringInfo(&label);
	for (int32 i = 0; i < length; i++)
	{
		CjText		name = cj_dictionary_name(state->names, get_code(&at));

		events[i] = PointerGetDatum(cj_text_datum(name));
		if (i > 0)
			appendStringInfoString(&label, " > ");
		appendBinaryStringInfo(&label, name.data, name.len);
	}
	*before += count->journeys;
	values[0] = PointerGetDatum(cstring_to_text_with_len(label.data, label.len));
	values[1] = PointerGetDatum(construct_array(events, length, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = Int32GetDatum(length);
	values[3] = Int64GetDatum(count->journeys);
	values[4] = Float8GetDatum((double) count->journeys / (double) state->journeys);
	values[5] = Float8GetDatum((double) *before / (double) state->journeys);
	values[6] = cj_mean_interval(count->duration, count->journeys);
	return heap_form_tuple(desc, values, nulls);
}

Datum
cj_top_paths_finalfn(PG_FUNCTION_ARGS)
{
	TopPaths   *state = PG_ARGISNULL(0) ? NULL : (TopPaths *) PG_GETARG_POINTER(0);
	TupleDesc	desc = cj_result_tupdesc(fcinfo);
	Ranking		ranking;
	HeapTuple  *tuples;
	int32	   *order;
	int32		count;
	int64		before = 0;

	cj_aggregate_context(fcinfo, "top_paths final");
	if (state == NULL)
		PG_RETURN_NULL();
	ranking.state = state;
	ranking.rank = cj_dictionary_ranks(state->names);
	order = rank_paths(&ranking, state->options.top, &count);
	tuples = palloc_array(HeapTuple, count + 1);
	for (int32 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		tuples[i] = path_row(state, desc, order[i], &before);
	}
	PG_RETURN_DATUM(cj_composite_array(desc, tuples, count));
}
