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

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "common/progress.h"
#include "journey/datum.h"
#include "paths/paths.h"
#include "paths/similarity.h"

PG_FUNCTION_INFO_V1(cj_journey_similarity);
PG_FUNCTION_INFO_V1(cj_medoid_transfn);
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

static void
medoid_add(Medoid *state, struct varlena *journey)
{
	CjView		view = cj_view_of(journey);
	uint32	   *map = cj_dictionary_codes(state->names, &view.events);
	uint32	   *codes = palloc_extended((view.nevents + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	uint32		path;

	for (int32 i = 0; i < view.nevents; i++)
		codes[i] = map[cj_event_code(&view, i)];
	path = cj_dictionary_code(state->paths, (char *) codes, view.nevents * sizeof(uint32));
	if ((int32) path >= state->room)
	{
		state->counts = repalloc_huge(state->counts, 2 * (Size) state->room * sizeof(int64));
		state->journeys = repalloc_huge(state->journeys, 2 * (Size) state->room * sizeof(void *));
		memset(state->counts + state->room, 0, state->room * sizeof(int64));
		memset(state->journeys + state->room, 0, state->room * sizeof(void *));
		state->room *= 2;
	}
	if (state->counts[path]++ == 0)
		state->size += view.nevents * sizeof(uint32) + 64;
	keep_journey(state, path, journey);
	cj_check_path_memory(state->size, "journey_medoid", "Use a sample of the journeys, or raise");
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
		else if (state->measure.method != measure.method || state->measure.indel != measure.indel ||
				 state->measure.substitution != measure.substitution)
			cj_options_differ("journey_medoid");
	}
	medoid_add(state, (struct varlena *) PG_GETARG_JOURNEY(1));
	PG_RETURN_POINTER(state);
}

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
