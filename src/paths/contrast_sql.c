/*-------------------------------------------------------------------------
 *
 * contrast_sql.c
 *		contrast_paths: patterns that some segments have more often than others.
 *
 * Patterns are mined once over all journeys, counting by segment.  Unless all
 * are asked for, only closed ones are compared: what has the same journeys
 * as a longer pattern says nothing that the longer one does not.
 *
 * Journeys are counted by class: a segment, or a segment within a stratum.
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

#include "journey/datum.h"
#include "paths/mine_options.h"
#include "paths/paths.h"
#include "paths/tests.h"

PG_FUNCTION_INFO_V1(cj_contrast_paths_transfn);
PG_FUNCTION_INFO_V1(cj_contrast_paths_finalfn);

typedef struct ContrastState
{
	bytea	   *kept;			/* the options */
	CjMineOptions *options;
	CjCollector *collector;
	CjDictionary *segments;
	CjDictionary *strata;		/* NULL: none */
	CjDictionary *classes;		/* codes of segment and stratum as bytes */
} ContrastState;

/* Journeys and their segments and strata, for testing. */
typedef struct Classes
{
	int32		segments;
	int32		strata;			/* 1 if there are none */
	int32		count;
	int32	   *segment;		/* of each class */
	int32	   *stratum;
	int64	   *sizes;
} Classes;

/* A pattern in a segment against all others. */
typedef struct Contrast
{
	int64		pattern;
	int32		segment;
	CjTable2	table;
	CjTest		test;
	double		q;
} Contrast;

static ContrastState *
create_state(MemoryContext context, Datum record, bool isnull, bool stratified)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	ContrastState *state = palloc0_object(ContrastState);

	state->kept = cj_options_keep(record, isnull, context);
	state->options = cj_mine_options(cj_copy_record(record, isnull), isnull, "contrast_paths", CJ_CLOSED);
	if (state->options->outcome != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("contrast_paths does not use option \"outcome\""),
				 errhint("Make the segment of the outcome: (journey ~ pattern)::text.")));
	state->collector = cj_collector_create(context, "contrast_paths", state->options->by,
										   state->options->collapse,
										   cj_mine_needs_times(&state->options->spec));
	state->segments = cj_dictionary_create(context);
	state->strata = stratified ? cj_dictionary_create(context) : NULL;
	state->classes = cj_dictionary_create(context);
	MemoryContextSwitchTo(old);
	return state;
}

/* The class of a row: of its segment and, if there is one, its stratum. */
static int32
class_of(ContrastState *state, FunctionCallInfo fcinfo)
{
	CjText		segment = cj_text_arg(PG_GETARG_TEXT_PP(2));
	uint32		codes[2] = {0, 0};

	codes[0] = cj_dictionary_code(state->segments, segment.data, segment.len);
	if (state->strata != NULL)
	{
		CjText		stratum = cj_text_arg(PG_GETARG_TEXT_PP(3));

		codes[1] = cj_dictionary_code(state->strata, stratum.data, stratum.len);
	}
	return (int32) cj_dictionary_code(state->classes, (const char *) codes, sizeof(codes));
}

/* contrast_paths(journey, segment text [, [stratum text,] path_options]) */
Datum
cj_contrast_paths_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext context = cj_aggregate_context(fcinfo, "contrast_paths");
	ContrastState *state = PG_ARGISNULL(0) ? NULL : (ContrastState *) PG_GETARG_POINTER(0);
	bool		stratified = PG_NARGS() > 4;
	int			last = PG_NARGS() - 1;
	bool		given = last > 2 && !PG_ARGISNULL(last);
	Datum		record = given ? PG_GETARG_DATUM(last) : (Datum) 0;

	if (state == NULL)
		state = create_state(context, record, !given, stratified);
	else
		cj_options_check(state->kept, record, !given, "contrast_paths");
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !(stratified && PG_ARGISNULL(3)))
	{
		CJ_ARG_VIEW(view, 1);

		cj_collect(state->collector, &view, class_of(state, fcinfo));
	}
	PG_RETURN_POINTER(state);
}

static Classes
list_classes(const ContrastState *state, const CjSequences *sequences)
{
	Classes		classes;

	classes.count = cj_dictionary_count(state->classes);
	classes.segments = cj_dictionary_count(state->segments);
	classes.strata = state->strata == NULL ? 1 : cj_dictionary_count(state->strata);
	classes.segment = palloc_array(int32, classes.count + 1);
	classes.stratum = palloc_array(int32, classes.count + 1);
	classes.sizes = palloc0_array(int64, classes.count + 1);
	for (int32 i = 0; i < classes.count; i++)
	{
		uint32		codes[2];

		memcpy(codes, cj_dictionary_name(state->classes, i).data, sizeof(codes));
		classes.segment[i] = (int32) codes[0];
		classes.stratum[i] = (int32) codes[1];
	}
	for (int32 i = 0; i < sequences->count; i++)
		classes.sizes[sequences->class_of[i]]++;
	return classes;
}

static int
compare_contrasts(const void *a, const void *b, void *arg)
{
	const Contrast *x = a;
	const Contrast *y = b;
	const uint32 *rank = arg;

	if (x->test.p != y->test.p)
		return x->test.p < y->test.p ? -1 : 1;
	if (x->test.statistic != y->test.statistic)
		return x->test.statistic > y->test.statistic ? -1 : 1;
	if (x->pattern != y->pattern)
		return x->pattern < y->pattern ? -1 : 1;
	return (rank[x->segment] > rank[y->segment]) - (rank[x->segment] < rank[y->segment]);
}

/* A pattern's counts in a segment and all others, in each stratum and in all. */
static void
count_pattern(const CjMined *mined, const Classes *classes, int64 pattern, int32 segment,
			  CjTable2 * strata, CjTable2 * all)
{
	memset(strata, 0, classes->strata * sizeof(CjTable2));
	memset(all, 0, sizeof(CjTable2));
	for (int32 c = 0; c < classes->count; c++)
	{
		int64		with = classes->count > 1 ? mined->class_counts[pattern * classes->count + c] :
			mined->found[pattern].support;
		CjTable2   *stratum = &strata[classes->stratum[c]];

		if (classes->segment[c] == segment)
		{
			stratum->with_a += with;
			stratum->all_a += classes->sizes[c];
			all->with_a += with;
			all->all_a += classes->sizes[c];
		}
		else
		{
			stratum->with_b += with;
			stratum->all_b += classes->sizes[c];
			all->with_b += with;
			all->all_b += classes->sizes[c];
		}
	}
}

/* Tests every pattern in every segment; q is adjusted within a segment. */
static Contrast *
make_contrasts(const CjMined *mined, const Classes *classes, bool stratified)
{
	int32		segments = classes->segments;
	Contrast   *contrasts = palloc_extended((mined->count * segments + 1) * sizeof(Contrast), MCXT_ALLOC_HUGE);
	CjTable2   *strata = palloc_array(CjTable2, classes->strata + 1);
	double	   *p = palloc_extended((mined->count + 1) * sizeof(double), MCXT_ALLOC_HUGE);

	for (int32 s = 0; s < segments; s++)
	{
		for (int64 i = 0; i < mined->count; i++)
		{
			Contrast   *contrast = &contrasts[s * mined->count + i];

			CHECK_FOR_INTERRUPTS();
			contrast->pattern = i;
			contrast->segment = s;
			count_pattern(mined, classes, i, s, strata, &contrast->table);
			contrast->test = stratified ? cj_test_strata(strata, classes->strata) : cj_test(&contrast->table);
			p[i] = contrast->test.p;
		}
		cj_adjust(p, mined->count);
		for (int64 i = 0; i < mined->count; i++)
			contrasts[s * mined->count + i].q = p[i];
	}
	pfree(strata);
	return contrasts;
}

static HeapTuple
contrast_row(const ContrastState *state, const CjMined *mined, const Contrast *contrast,
			 const uint32 *order, TupleDesc desc)
{
	const		CjTable2 *t = &contrast->table;
	double		share = (double) t->with_a / (double) t->all_a;
	double		other = t->all_b == 0 ? 0 : (double) t->with_b / (double) t->all_b;
	Datum		values[18];
	bool		nulls[18] = {false};

	cj_pattern_values(state->options, mined, contrast->pattern, state->collector, order, values, nulls);
	values[4] = PointerGetDatum(cj_text_datum(cj_dictionary_name(state->segments, contrast->segment)));
	values[5] = Int64GetDatum(t->with_a);
	values[6] = Float8GetDatum(share);
	values[7] = Int64GetDatum(t->with_b);
	values[8] = Float8GetDatum(other);
	values[9] = Float8GetDatum(share - other);
	values[10] = Float8GetDatum(other == 0 ? (share == 0 ? NAN : INFINITY) : share / other);
	values[11] = Float8GetDatum(contrast->test.odds_ratio);
	values[12] = Float8GetDatum(contrast->test.low);
	values[13] = Float8GetDatum(contrast->test.high);
	values[14] = CStringGetTextDatum(state->strata != NULL ? "mantel-haenszel" :
									 contrast->test.fisher ? "fisher" : "chi-square");
	values[15] = Float8GetDatum(contrast->test.statistic);
	values[16] = Float8GetDatum(contrast->test.p);
	values[17] = Float8GetDatum(contrast->q);
	for (int i = 8; i < 18; i++)
		nulls[i] = t->all_b == 0;
	return heap_form_tuple(desc, values, nulls);
}

Datum
cj_contrast_paths_finalfn(PG_FUNCTION_ARGS)
{
	ContrastState *state = PG_ARGISNULL(0) ? NULL : (ContrastState *) PG_GETARG_POINTER(0);
	CjSequences *sequences;
	const uint32 *order;
	CjMined    *mined;
	Contrast   *contrasts;
	Classes		classes;
	TupleDesc	desc;
	HeapTuple  *tuples;
	int64		count;

	cj_aggregate_context(fcinfo, "contrast_paths final");
	if (state == NULL)
		PG_RETURN_NULL();
	sequences = cj_collected(state->collector, cj_dictionary_count(state->classes),
							 state->options->spec.sets, &order);
	cj_mine_resolve(state->options, sequences, state->collector, order);
	mined = cj_mine(sequences, &state->options->spec, "contrast_paths");
	cj_mine_filter(mined, &state->options->spec, sequences->names);
	cj_mine_rank(mined, sequences->classes);
	classes = list_classes(state, sequences);
	contrasts = make_contrasts(mined, &classes, state->strata != NULL);
	count = mined->count * classes.segments;
	qsort_arg(contrasts, count, sizeof(Contrast), compare_contrasts,
			  (void *) cj_dictionary_ranks(state->segments));
	if (state->options->top > 0)
		count = Min(count, state->options->top);
	desc = cj_result_tupdesc(fcinfo);
	tuples = palloc_extended((count + 1) * sizeof(HeapTuple), MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < count; i++)
		tuples[i] = contrast_row(state, mined, &contrasts[i], order, desc);
	PG_RETURN_DATUM(cj_composite_array(desc, tuples, (int) count));
}
