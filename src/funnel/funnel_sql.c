/*-------------------------------------------------------------------------
 *
 * funnel_sql.c
 *		journey_funnel and journey_funnel_level, called from SQL.
 *
 * What the arguments after the journey say is compiled once per call site when
 * they cannot change during the query, else for every row.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "common/common.h"
#include "funnel/funnel.h"
#include "journey/datum.h"
#include "pattern/datum.h"

PG_FUNCTION_INFO_V1(cj_journey_funnel);
PG_FUNCTION_INFO_V1(cj_journey_funnel_level);

/* Positions of the arguments. */
enum
{
	ARG_JOURNEY, ARG_STEPS, ARG_WITHIN, ARG_ORDERING, ARG_STEP_WITHIN, ARG_MIN_GAP,
	ARG_EXCLUDE, ARG_STEP_EXCLUDE, ARG_SAME, ARG_ENTRY, ARG_AS_OF, ARG_GRACE
};

typedef struct CallSite
{
	bool		stable;			/* all arguments but the journey are constant */
	MemoryContext context;
	CjFunnelSpec spec;
	CjFunnelEngine *engine;		/* NULL until compiled */
	TupleDesc	desc;			/* NULL until needed */
	Datum		reasons[CJ_DROP_NO_STEP + 1];
} CallSite;

pg_noreturn static void
bad_step(const char *what, int number, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s %d is not a single event", what, number),
			 errhint("%s", hint)));
}

/* Collects the alternatives of a step; false if the pattern is more than one event. */
static bool
add_elements(const CjNode *node, CjElement ***elements, int *count)
{
	if (node->kind == CJ_NODE_CHOICE)
	{
		for (int i = 0; i < node->count; i++)
			if (!add_elements(node->children[i], elements, count))
				return false;
		return true;
	}
	if (node->kind != CJ_NODE_ELEMENT)
		return false;
	*elements = *elements == NULL ? palloc_array(CjElement *, 1) :
		repalloc_array(*elements, CjElement *, *count + 1);
	(*elements)[(*count)++] = node->element;
	return true;
}

static Datum *
read_array(ArrayType *array, const char *name, bool **nulls, int *count)
{
	Datum	   *values;
	int16		len;
	bool		byval;
	char		align;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("\"%s\" must be a one-dimensional array", name)));
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &len, &byval, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), len, byval, align, &values, nulls, count);
	return values;
}

static CjNode *
load_copy(Datum pattern)
{
	CjPattern  *stored = DatumGetPattern(pattern);
	CjPattern  *copy = palloc(VARSIZE_ANY(stored));

	memcpy(copy, stored, VARSIZE_ANY(stored));
	return cj_pattern_load(copy);
}

static void
read_steps(CjFunnelSpec *spec, ArrayType *array)
{
	bool	   *nulls;
	Datum	   *values = read_array(array, "steps", &nulls, &spec->nsteps);

	if (spec->nsteps < 1 || spec->nsteps > CJ_FUNNEL_MAX_STEPS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a funnel has 1 to %d steps, not %d", CJ_FUNNEL_MAX_STEPS, spec->nsteps)));
	spec->steps = palloc0_array(CjFunnelStep, spec->nsteps);
	for (int s = 0; s < spec->nsteps; s++)
	{
		CjFunnelStep *step = &spec->steps[s];
		const CjNode *tree;

		if (nulls[s])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("\"%s\" must not contain NULL", "steps"),
					 errdetail("Element %d is NULL.", s + 1)));
		tree = load_copy(values[s]);
		if (tree->kind == CJ_NODE_REPEAT && tree->min == 0 && tree->max == 1)
		{
			step->optional = true;
			tree = tree->children[0];
		}
		step->tree = tree;
		if (!add_elements(tree, &step->elements, &step->nelements))
			bad_step("step", s + 1,
					 "A step is one event such as 'purchase@store' or '[cart|wishlist]', with a \"?\" after it if it is optional; use journey ~ pattern for sequences.");
		spec->nrequired += !step->optional;
	}
	if (spec->nrequired == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("all steps of the funnel are optional")));
}

/* One interval a gap, or one for all; -1 where there is none. */
static int64 *
read_gaps(const CjFunnelSpec *spec, ArrayType *array, const char *name)
{
	int64	   *gaps = palloc_array(int64, Max(spec->nsteps, 2));
	bool	   *nulls;
	int			count;
	Datum	   *values = read_array(array, name, &nulls, &count);

	if (count != spec->nsteps - 1 && count != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must have %d elements, one between each two steps, or one for all",
						name, spec->nsteps - 1)));
	for (int g = 0; g < spec->nsteps - 1; g++)
	{
		int			i = count == 1 ? 0 : g;

		gaps[g] = nulls[i] ? -1 : cj_interval_usec_positive(DatumGetIntervalP(values[i]), name);
	}
	return gaps;
}

static void
read_exclusions(FunctionCallInfo fcinfo, CjFunnelSpec *spec)
{
	static const char *const hint = "An exclusion is one event such as 'refund' or '[refund|cancel]'.";

	if (!PG_ARGISNULL(ARG_EXCLUDE) &&
		!add_elements(load_copy(PG_GETARG_DATUM(ARG_EXCLUDE)), &spec->exclude, &spec->nexclude))
		bad_step("exclusion", 1, hint);
	if (!PG_ARGISNULL(ARG_STEP_EXCLUDE))
	{
		bool	   *nulls;
		int			count;
		Datum	   *values = read_array(PG_GETARG_ARRAYTYPE_P(ARG_STEP_EXCLUDE), "step_exclude",
										&nulls, &count);

		if (count != spec->nsteps - 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" must have %d elements, one between each two steps",
							"step_exclude", spec->nsteps - 1)));
		spec->nstep_exclude = palloc0_array(int, Max(count, 1));
		spec->step_exclude = palloc0_array(CjElement **, Max(count, 1));
		for (int g = 0; g < count; g++)
			if (!nulls[g] && !add_elements(load_copy(values[g]), &spec->step_exclude[g],
										   &spec->nstep_exclude[g]))
				bad_step("step exclusion", g + 1, hint);
	}
}

/* The position of a text argument among words; -1 if it is NULL. */
static int
read_word(FunctionCallInfo fcinfo, int arg, const char *name, const char *const *words)
{
	char	   *word;
	StringInfoData hint;

	if (PG_ARGISNULL(arg))
		return -1;
	word = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	for (int i = 0; words[i] != NULL; i++)
		if (pg_strcasecmp(word, words[i]) == 0)
			return i;
	initStringInfo(&hint);
	for (int i = 0; words[i] != NULL; i++)
		appendStringInfo(&hint, "%s%s", i == 0 ? "" : ", ", words[i]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized value for \"%s\": \"%s\"", name, word),
			 errhint("Possible values are %s.", hint.data)));
}

static void
read_spec(FunctionCallInfo fcinfo, CjFunnelSpec *spec)
{
	static const char *const orderings[] = {"ordered", "strict", "exact", "any", NULL};
	static const char *const entries[] = {"best", "first", "last", NULL};
	static const char *const attributes[] = {"item", "channel", NULL};
	bool		full = PG_NARGS() > ARG_ORDERING;
	int			same;

	memset(spec, 0, sizeof(*spec));
	read_steps(spec, PG_GETARG_ARRAYTYPE_P(ARG_STEPS));
	spec->within = PG_ARGISNULL(ARG_WITHIN) ? -1 :
		cj_interval_usec_positive(PG_GETARG_INTERVAL_P(ARG_WITHIN), "within");
	spec->as_of = DT_NOEND;
	if (!full)
		return;
	spec->ordering = Max(read_word(fcinfo, ARG_ORDERING, "ordering", orderings), 0);
	spec->entry = Max(read_word(fcinfo, ARG_ENTRY, "entry", entries), 0);
	same = read_word(fcinfo, ARG_SAME, "same", attributes);
	spec->same = same < 0 ? 0 : same == 0 ? CJ_SAME_ITEM : CJ_SAME_CHANNEL;
	if (!PG_ARGISNULL(ARG_STEP_WITHIN))
		spec->step_within = read_gaps(spec, PG_GETARG_ARRAYTYPE_P(ARG_STEP_WITHIN), "step_within");
	if (!PG_ARGISNULL(ARG_MIN_GAP))
		spec->min_gap = read_gaps(spec, PG_GETARG_ARRAYTYPE_P(ARG_MIN_GAP), "min_gap");
	read_exclusions(fcinfo, spec);
	if (!PG_ARGISNULL(ARG_AS_OF))
		spec->as_of = PG_GETARG_TIMESTAMPTZ(ARG_AS_OF);
	if (!PG_ARGISNULL(ARG_GRACE))
		spec->grace = cj_interval_usec_positive(PG_GETARG_INTERVAL_P(ARG_GRACE), "grace");
	if (spec->grace > 0 && spec->ordering != CJ_ORDERED)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" goes with ordering \"%s\" only", "grace", "ordered"),
				 errhint("The orderings \"strict\" and \"exact\" ask what lies between two steps; \"any\" needs no grace.")));
	if (spec->ordering == CJ_ANY_ORDER &&
		(spec->step_within != NULL || spec->min_gap != NULL || spec->nstep_exclude != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ordering \"any\" does not go with conditions between steps"),
				 errhint("Use within, exclude and same, which hold for the whole attempt.")));
}

static CallSite *
call_site(FunctionCallInfo fcinfo)
{
	CallSite   *site = fcinfo->flinfo->fn_extra;
	MemoryContext old;

	if (site == NULL)
	{
		site = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CallSite));
		site->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "journey_funnel",
											  ALLOCSET_DEFAULT_SIZES);
		site->stable = true;
		for (int i = 1; i < PG_NARGS(); i++)
			site->stable &= get_fn_expr_arg_stable(fcinfo->flinfo, i);
		fcinfo->flinfo->fn_extra = site;
	}
	if (site->engine != NULL && site->stable)
		return site;
	site->engine = NULL;
	MemoryContextReset(site->context);
	old = MemoryContextSwitchTo(site->context);
	read_spec(fcinfo, &site->spec);
	site->engine = cj_funnel_create(&site->spec, site->context);
	MemoryContextSwitchTo(old);
	return site;
}

/* An array of times, NULL where there is none, made in one piece. */
static Datum
times_array(const TimestampTz *times, int count)
{
	int			present = 0;
	Size		header;
	Size		size;
	ArrayType  *array;
	TimestampTz *to;

	for (int i = 0; i < count; i++)
		present += times[i] != DT_NOBEGIN;
	header = present < count ? ARR_OVERHEAD_WITHNULLS(1, count) : ARR_OVERHEAD_NONULLS(1);
	size = header + present * sizeof(TimestampTz);
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = present < count ? header : 0;
	array->elemtype = TIMESTAMPTZOID;
	ARR_DIMS(array)[0] = count;
	ARR_LBOUND(array)[0] = 1;
	to = (TimestampTz *) ((char *) array + header);
	for (int i = 0; i < count; i++)
	{
		if (times[i] == DT_NOBEGIN)
			continue;
		*to++ = times[i];
		if (present < count)
			ARR_NULLBITMAP(array)[i / 8] |= 1 << (i % 8);
	}
	return PointerGetDatum(array);
}

static const char *const reasons[] = {
	NULL, "no entry", "open", "exclusion", "violation", "same", "window", "no step"
};

/* What every row of the call site shares. */
static void
prepare_results(FunctionCallInfo fcinfo, CallSite *site)
{
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

	site->desc = cj_result_tupdesc(fcinfo);
	for (int r = 1; r <= CJ_DROP_NO_STEP; r++)
		site->reasons[r] = CStringGetTextDatum(reasons[r]);
	MemoryContextSwitchTo(old);
}

/* journey_funnel(journey, steps, within, ...) */
Datum
cj_journey_funnel(PG_FUNCTION_ARGS)
{
	TimestampTz times[CJ_FUNNEL_MAX_STEPS];
	CjFunnelResult result = {.step_times = times};
	CallSite   *site;
	Datum		values[7];
	bool		nulls[7] = {false};

	if (PG_ARGISNULL(ARG_JOURNEY) || PG_ARGISNULL(ARG_STEPS))
		PG_RETURN_NULL();
	{
		CJ_ARG_VIEW(view, ARG_JOURNEY);

		site = call_site(fcinfo);
		cj_funnel_run(site->engine, &view, &result);
	}
	if (site->desc == NULL)
		prepare_results(fcinfo, site);
	values[0] = Int32GetDatum(result.level);
	values[1] = BoolGetDatum(result.drop == CJ_DROP_NONE);
	values[2] = TimestampTzGetDatum(result.entered_at);
	nulls[2] = result.level == 0;
	values[3] = TimestampTzGetDatum(result.completed_at);
	nulls[3] = result.completed_at == DT_NOBEGIN;
	values[4] = times_array(times, site->spec.nsteps);
	nulls[5] = result.drop == CJ_DROP_NONE;
	values[5] = site->reasons[result.drop];
	values[6] = TimestampTzGetDatum(result.open_until);
	nulls[6] = result.open_until == DT_NOBEGIN;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(site->desc, values, nulls)));
}

/* journey_funnel_level(journey, steps, within) */
Datum
cj_journey_funnel_level(PG_FUNCTION_ARGS)
{
	CallSite   *site;

	if (PG_ARGISNULL(ARG_JOURNEY) || PG_ARGISNULL(ARG_STEPS))
		PG_RETURN_NULL();
	{
		CJ_ARG_VIEW(view, ARG_JOURNEY);

		site = call_site(fcinfo);
		PG_RETURN_INT32(cj_funnel_level(site->engine, &view));
	}
}
