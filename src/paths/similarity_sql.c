/*-------------------------------------------------------------------------
 *
 * similarity_sql.c
 *		journey_similarity, and the journey most like all others of a group.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "common/progress.h"
#include "journey/datum.h"
#include "paths/paths.h"
#include "paths/similarity.h"

PG_FUNCTION_INFO_V1(cj_journey_similarity);
PG_FUNCTION_INFO_V1(cj_medoid_transfn);
PG_FUNCTION_INFO_V1(cj_medoid_combinefn);
PG_FUNCTION_INFO_V1(cj_medoid_serialfn);
PG_FUNCTION_INFO_V1(cj_medoid_deserialfn);
PG_FUNCTION_INFO_V1(cj_medoid_finalfn);

static CjMeasure
read_measure(const text *method, double indel, double substitution)
{
	CjMeasure	measure = {CJ_LEVENSHTEIN, indel, substitution};
	char	   *name = text_to_cstring(method);

	if (strcmp(name, "levenshtein") == 0)
		measure.method = CJ_LEVENSHTEIN;
	else if (strcmp(name, "lcs") == 0)
		measure.method = CJ_LCS;
	else if (strcmp(name, "matching") == 0)
		measure.method = CJ_MATCHING;
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown method of similarity \"%s\"", name),
				 errhint("Use 'levenshtein', 'lcs' or 'matching'.")));
	if (!(indel >= 0) || !(substitution >= 0) || isinf(indel) || isinf(substitution))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("costs must be finite and not negative")));
	return measure;
}

/* A journey's events as codes of another's names, of its own, or unlike all of them. */
static int32 *
event_codes(const CjView *view, const CjNames *in)
{
	int32	   *codes = palloc_extended((view->nevents + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	int32	   *map = palloc_array(int32, view->events.count + 1);

	for (int32 i = 0; i < view->events.count; i++)
	{
		CjText		name = cj_name(&view->events, i);

		map[i] = in == NULL ? i : cj_find_name(in, name.data, name.len);
	}
	for (int32 i = 0; i < view->nevents; i++)
		codes[i] = map[cj_event_code(view, i)];
	pfree(map);
	return codes;
}

/* journey_similarity(a, b, method, indel, substitution) */
Datum
cj_journey_similarity(PG_FUNCTION_ARGS)
{
	CJ_ARG_VIEW(a, 0);
	CJ_ARG_VIEW(b, 1);
	CjMeasure	measure = read_measure(PG_GETARG_TEXT_PP(2), PG_GETARG_FLOAT8(3),
									   PG_GETARG_FLOAT8(4));

	PG_RETURN_FLOAT8(cj_path_similarity(event_codes(&a, NULL), a.nevents,
										event_codes(&b, &a.events), b.nevents, &measure));
}

/* ---- medoid ---- */

/* A group's distinct paths, with one journey of each: the least by bytes. */
typedef struct Medoid
{
	MemoryContext context;
	CjMeasure	measure;
	CjDictionary *names;
	CjDictionary *paths;		/* codes as int32 bytes */
	int64	   *counts;
	struct varlena **journeys;
	int32		room;
	Size		size;
} Medoid;

static Medoid *
create_medoid(MemoryContext context, const CjMeasure *measure)
{
	Medoid	   *state = MemoryContextAllocZero(context, sizeof(Medoid));

	state->context = context;
	state->measure = *measure;
	state->names = cj_dictionary_create(context);
	state->paths = cj_dictionary_create(context);
	state->room = 8;
	state->counts = MemoryContextAllocZero(context, state->room * sizeof(int64));
	state->journeys = MemoryContextAllocZero(context, state->room * sizeof(struct varlena *));
	return state;
}

static bool
same_measure(const CjMeasure *a, const CjMeasure *b)
{
	return a->method == b->method && a->indel == b->indel && a->substitution == b->substitution;
}

static void
keep_journey(Medoid *state, uint32 path, struct varlena *journey)
{
	struct varlena *kept = state->journeys[path];
	Size		size = VARSIZE_ANY_EXHDR(journey);
	MemoryContext old;

	if (kept != NULL)
	{
		Size		other = VARSIZE_ANY_EXHDR(kept);
		int			c = memcmp(VARDATA_ANY(journey), VARDATA_ANY(kept), Min(size, other));

		if (c > 0 || (c == 0 && size >= other))
			return;
		pfree(kept);
		state->size -= other;
	}
	old = MemoryContextSwitchTo(state->context);
	kept = palloc(VARHDRSZ + size);
	SET_VARSIZE(kept, VARHDRSZ + size);
	memcpy(VARDATA(kept), VARDATA_ANY(journey), size);
	MemoryContextSwitchTo(old);
	state->journeys[path] = kept;
	state->size += size;
}

/* Counts journeys of one path, given as codes of the state's names; one of them may be kept. */
static void
count_path(Medoid *state, const uint32 *codes, int32 length, int64 count, struct varlena *journey)
{
	uint32		path = cj_dictionary_code(state->paths, (const char *) codes, length * sizeof(uint32));

	if ((int32) path >= state->room)
	{
		state->counts = repalloc_huge(state->counts, 2 * (Size) state->room * sizeof(int64));
		state->journeys = repalloc_huge(state->journeys, 2 * (Size) state->room * sizeof(void *));
		memset(state->counts + state->room, 0, state->room * sizeof(int64));
		memset(state->journeys + state->room, 0, state->room * sizeof(void *));
		state->room *= 2;
	}
	if (state->counts[path] == 0)
		state->size += length * sizeof(uint32) + 64;
	state->counts[path] += count;
	keep_journey(state, path, journey);
	cj_check_path_memory(state->size, "journey_medoid", "Use a sample of the journeys, or raise");
}

/* A journey of which there are so many with the same path. */
static void
medoid_add(Medoid *state, struct varlena *journey, int64 count)
{
	CjView		view = cj_view_of(journey);
	uint32	   *map = cj_dictionary_codes(state->names, &view.events);
	uint32	   *codes = palloc_extended((view.nevents + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);

	for (int32 i = 0; i < view.nevents; i++)
		codes[i] = map[cj_event_code(&view, i)];
	count_path(state, codes, view.nevents, count, journey);
	pfree(map);
	pfree(codes);
}

/* journey_medoid(journey [, method [, indel, substitution]]) */
Datum
cj_medoid_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context = cj_aggregate_context(fcinfo, "journey_medoid");
	Medoid	   *state = PG_ARGISNULL(0) ? NULL : (Medoid *) PG_GETARG_POINTER(0);

	if (PG_ARGISNULL(1))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (PG_NARGS() <= 2 ? state == NULL : true)
	{
		bool		given = PG_NARGS() > 2 && !PG_ARGISNULL(2);
		double		indel = PG_NARGS() > 3 && !PG_ARGISNULL(3) ? PG_GETARG_FLOAT8(3) : 1;
		double		substitution = PG_NARGS() > 4 && !PG_ARGISNULL(4) ? PG_GETARG_FLOAT8(4) : 2;
		CjMeasure	measure = {CJ_LEVENSHTEIN, 1, 2};

		if (given)
			measure = read_measure(PG_GETARG_TEXT_PP(2), indel, substitution);
		if (state == NULL)
			state = create_medoid(context, &measure);
		else if (!same_measure(&state->measure, &measure))
			cj_options_differ("journey_medoid");
	}
	medoid_add(state, (struct varlena *) PG_GETARG_JOURNEY(1), 1);
	PG_RETURN_POINTER(state);
}

/* ---- parts ---- */

/* The journey that is kept of a path has the path: names need no translation. */
Datum
cj_medoid_combinefn(PG_FUNCTION_ARGS)
{
	MemoryContext context = cj_aggregate_context(fcinfo, "journey_medoid combine");
	Medoid	   *state = PG_ARGISNULL(0) ? NULL : (Medoid *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
	{
		const Medoid *other = (const Medoid *) PG_GETARG_POINTER(1);

		if (state == NULL)
			state = create_medoid(context, &other->measure);
		else if (!same_measure(&state->measure, &other->measure))
			cj_options_differ("journey_medoid");
		for (int32 i = 0; i < cj_dictionary_count(other->paths); i++)
		{
			CHECK_FOR_INTERRUPTS();
			medoid_add(state, other->journeys[i], other->counts[i]);
		}
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

Datum
cj_medoid_serialfn(PG_FUNCTION_ARGS)
{
	const Medoid *state = (const Medoid *) PG_GETARG_POINTER(0);
	int32		paths = cj_dictionary_count(state->paths);
	StringInfoData to;

	cj_aggregate_context(fcinfo, "journey_medoid serialize");
	pq_begintypsend(&to);
	pq_sendint32(&to, state->measure.method);
	pq_sendfloat8(&to, state->measure.indel);
	pq_sendfloat8(&to, state->measure.substitution);
	pq_sendint32(&to, paths);
	for (int32 i = 0; i < paths; i++)
	{
		int32		len = (int32) VARSIZE_ANY_EXHDR(state->journeys[i]);

		pq_sendint64(&to, state->counts[i]);
		pq_sendint32(&to, len);
		pq_sendbytes(&to, VARDATA_ANY(state->journeys[i]), len);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&to));
}

Datum
cj_medoid_deserialfn(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData from;
	CjMeasure	measure;
	Medoid	   *state;
	int32		paths;

	cj_aggregate_context(fcinfo, "journey_medoid deserialize");
	from.data = VARDATA_ANY(bytes);
	from.len = from.maxlen = VARSIZE_ANY_EXHDR(bytes);
	from.cursor = 0;
	measure.method = pq_getmsgint(&from, 4);
	measure.indel = pq_getmsgfloat8(&from);
	measure.substitution = pq_getmsgfloat8(&from);
	state = create_medoid(CurrentMemoryContext, &measure);
	paths = pq_getmsgint(&from, 4);
	for (int32 i = 0; i < paths; i++)
	{
		int64		count = pq_getmsgint64(&from);
		int32		len = pq_getmsgint(&from, 4);
		struct varlena *journey = palloc(VARHDRSZ + len);

		SET_VARSIZE(journey, VARHDRSZ + len);
		memcpy(VARDATA(journey), pq_getmsgbytes(&from, len), len);
		medoid_add(state, journey, count);
		pfree(journey);
	}
	pq_getmsgend(&from);
	PG_RETURN_POINTER(state);
}

/* ---- the medoid ---- */

/* Sum of a path's distances to all journeys; stops above a limit. */
static double
total_distance(const Medoid *state, int32 path, double limit)
{
	CjText		a = cj_dictionary_name(state->paths, path);
	int32		count = cj_dictionary_count(state->paths);
	int32	   *mine = palloc(a.len + 1);
	double		total = 0;

	memcpy(mine, a.data, a.len);
	for (int32 i = 0; i < count && total <= limit; i++)
	{
		CjText		b = cj_dictionary_name(state->paths, i);
		int32	   *other;

		if (i == path)
			continue;
		other = palloc(b.len + 1);
		memcpy(other, b.data, b.len);
		total += state->counts[i] *
			cj_path_distance(mine, a.len / sizeof(int32), other, b.len / sizeof(int32),
							 &state->measure);
		pfree(other);
	}
	pfree(mine);
	return total;
}

/* The journey with the least total distance; of several, the least by bytes. */
Datum
cj_medoid_finalfn(PG_FUNCTION_ARGS)
{
	Medoid	   *state = PG_ARGISNULL(0) ? NULL : (Medoid *) PG_GETARG_POINTER(0);
	double		least = 0;
	struct varlena *best = NULL;

	cj_aggregate_context(fcinfo, "journey_medoid final");
	if (state == NULL)
		PG_RETURN_NULL();
	cj_progress_start("journey_medoid");
	cj_progress_phase("comparing distinct paths with all others", cj_dictionary_count(state->paths));
	for (int32 i = 0; i < cj_dictionary_count(state->paths); i++)
	{
		double		total = total_distance(state, i, best == NULL ? INFINITY : least);
		struct varlena *journey = state->journeys[i];
		int			c;

		CHECK_FOR_INTERRUPTS();
		cj_progress_update(i + 1);
		if (best != NULL && total > least)
			continue;
		c = best == NULL ? -1 : memcmp(VARDATA(journey), VARDATA(best),
									   Min(VARSIZE(journey), VARSIZE(best)) - VARHDRSZ);
		if (best == NULL || total < least ||
			c < 0 || (c == 0 && VARSIZE(journey) < VARSIZE(best)))
		{
			best = journey;
			least = total;
		}
	}
	PG_RETURN_POINTER(best);
}
