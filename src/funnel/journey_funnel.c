/*-------------------------------------------------------------------------
 *
 * journey_funnel.c
 *		Funnels over journeys, by the matcher of patterns.
 *
 * A funnel's first steps are a pattern: a sequence of events with gaps, in a
 * WITHIN, with SAME.  The level is the longest beginning of the funnel that
 * matches, so levels are cumulative by construction, every attempt counts, and
 * an event serves one step.  For each level the pattern is compiled when first
 * needed and kept.
 *
 * Why a journey stopped is found by asking the same question again without one
 * kind of condition after the other: exclusions, order, SAME, windows.  The
 * first that would have let it take the next step is the reason.
 *
 * Plain funnels (ordered, only a total window) are decided by a single pass
 * that remembers for every step where the latest chain that reached it began;
 * the patterns then only confirm what ties leave open, and give the times.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "funnel/funnel.h"

#define VARIANTS			5	/* all conditions, then one kind less each */

static const int variant_without[VARIANTS] = {
	0,
	CJ_WITHOUT_EXCLUSION,
	CJ_WITHOUT_EXCLUSION | CJ_WITHOUT_ORDER,
	CJ_WITHOUT_EXCLUSION | CJ_WITHOUT_ORDER | CJ_WITHOUT_SAME,
	CJ_WITHOUT_EXCLUSION | CJ_WITHOUT_ORDER | CJ_WITHOUT_SAME | CJ_WITHOUT_WINDOW
};

/* The matcher of a level in a variant, and the step of each state. */
typedef struct Stage
{
	CjMatcher  *matcher;
	int		   *step_of;
} Stage;

struct CjFunnelEngine
{
	const CjFunnelSpec *spec;
	MemoryContext context;
	Stage	   *stages;			/* level - 1, variant */
	bool		plain;			/* the single pass decides */
	CjCodeCache *codes;
	MemoryContext scratch;		/* of one search with a grace */
};

/* ---- from steps to a pattern ---- */

static CjNode *
make_node(CjNodeKind kind, int count)
{
	CjNode	   *node = palloc0_object(CjNode);

	node->kind = kind;
	node->within = -1;
	node->children = palloc0_array(CjNode *, Max(count, 1));
	return node;
}

static void
forbid(CjGap *gap, CjElement **elements, int count)
{
	for (int i = 0; i < count; i++)
	{
		gap->forbidden[gap->nforbidden].element = elements[i];
		gap->forbidden[gap->nforbidden++].same = false;
	}
}

/* The conditions between step s and the one before it. */
static void
make_gap(const CjFunnelSpec *spec, int s, int without, CjGap *gap)
{
	memset(gap, 0, sizeof(*gap));
	gap->connector = CJ_ARROW;
	if (!(without & CJ_WITHOUT_WINDOW))
	{
		if (spec->step_within != NULL && spec->step_within[s - 1] >= 0)
		{
			gap->flags |= CJ_GAP_MAX;
			gap->max = spec->step_within[s - 1];
		}
		if (spec->min_gap != NULL && spec->min_gap[s - 1] > 0)
		{
			gap->flags |= CJ_GAP_MIN;
			gap->min = spec->min_gap[s - 1];
		}
	}
	if (!(without & CJ_WITHOUT_EXCLUSION))
	{
		int			more = spec->nstep_exclude != NULL ? spec->nstep_exclude[s - 1] : 0;

		gap->forbidden = palloc_array(CjForbidden, Max(spec->nexclude + more, 1));
		forbid(gap, spec->exclude, spec->nexclude);
		if (more > 0)
			forbid(gap, spec->step_exclude[s - 1], more);
	}
	if (without & CJ_WITHOUT_ORDER)
		return;
	if (spec->ordering == CJ_EXACT)
	{
		gap->flags |= CJ_GAP_EVENTS_MAX;
		gap->events_max = 1;
	}
	else if (spec->ordering == CJ_STRICT)
	{
		/* repeats of the required step before and of optional ones since */
		gap->only = palloc_array(CjElement *, 1);
		for (int b = s - 1; b >= 0; b--)
		{
			const CjFunnelStep *step = &spec->steps[b];

			gap->only = repalloc_array(gap->only, CjElement *, gap->nonly + step->nelements);
			for (int e = 0; e < step->nelements; e++)
				gap->only[gap->nonly++] = step->elements[e];
			if (!step->optional)
				break;
		}
	}
}

/* Steps up to the level's required one, and optional ones after it. */
static int
steps_of_level(const CjFunnelSpec *spec, int level)
{
	int			required = 0;

	for (int s = 0; s < spec->nsteps; s++)
	{
		if (!spec->steps[s].optional && ++required > level)
			return s;
	}
	return spec->nsteps;
}

static CjNode *
build_tree(const CjFunnelSpec *spec, int level, int without)
{
	int			count = steps_of_level(spec, level);
	CjNode	   *sequence = make_node(CJ_NODE_SEQUENCE, count);
	CjNode	   *scope;

	sequence->gaps = palloc0_array(CjGap, count);
	for (int s = 0; s < count; s++)
	{
		CjNode	   *step = unconstify(CjNode *, spec->steps[s].tree);

		if (spec->steps[s].optional)
		{
			CjNode	   *repeat = make_node(CJ_NODE_REPEAT, 1);

			repeat->count = 1;
			repeat->max = 1;
			repeat->children[0] = step;
			step = repeat;
		}
		if (s > 0)
			make_gap(spec, s, without, &sequence->gaps[s]);
		sequence->children[sequence->count++] = step;
	}
	scope = make_node(CJ_NODE_SCOPE, 1);
	scope->count = 1;
	scope->children[0] = sequence;
	scope->within = without & CJ_WITHOUT_WINDOW ? -1 : spec->within;
	scope->attributes = without & CJ_WITHOUT_SAME ? 0 : spec->same;
	return scope;
}

static int
step_of_element(const CjFunnelSpec *spec, const CjElement *element)
{
	for (int s = 0; s < spec->nsteps; s++)
		for (int e = 0; e < spec->steps[s].nelements; e++)
			if (spec->steps[s].elements[e] == element)
				return s;
	return 0;
}

static Stage *
stage_of(CjFunnelEngine *engine, int level, int variant)
{
	Stage	   *stage = &engine->stages[(level - 1) * VARIANTS + variant];
	MemoryContext old;
	CjAutomaton *automaton;

	if (stage->matcher != NULL)
		return stage;
	old = MemoryContextSwitchTo(engine->context);
	automaton = cj_pattern_compile(build_tree(engine->spec, level, variant_without[variant]));
	stage->step_of = palloc_array(int, automaton->nstates);
	for (int s = 0; s < automaton->nstates; s++)
		stage->step_of[s] = step_of_element(engine->spec, automaton->states[s].element);
	stage->matcher = cj_matcher_create(automaton, engine->context);
	MemoryContextSwitchTo(old);
	return stage;
}

CjFunnelEngine *
cj_funnel_create(const CjFunnelSpec *spec, MemoryContext context)
{
	CjFunnelEngine *engine = MemoryContextAllocZero(context, sizeof(CjFunnelEngine));

	engine->spec = spec;
	engine->context = context;
	engine->stages = MemoryContextAllocZero(context, spec->nrequired * VARIANTS * sizeof(Stage));
	engine->codes = cj_codes_create(context);
	if (spec->grace > 0)
		engine->scratch = AllocSetContextCreate(context, "funnel with grace", ALLOCSET_DEFAULT_SIZES);
	engine->plain = spec->ordering == CJ_ORDERED && spec->step_within == NULL &&
		spec->min_gap == NULL && spec->same == 0 && spec->nexclude == 0 &&
		spec->nstep_exclude == NULL && spec->grace == 0 && spec->entry == CJ_ENTRY_BEST &&
		spec->nrequired == spec->nsteps && spec->nsteps <= CJ_FUNNEL_PLAIN_STEPS;
	for (int s = 0; s < spec->nsteps; s++)
		for (int e = 0; e < spec->steps[s].nelements; e++)
			engine->plain &= cj_element_plain(spec->steps[s].elements[e]);
	return engine;
}

/* ---- the single pass ---- */

/*
 * Decides a plain funnel; false if ties leave it open.  With a result, fills in
 * everything that a pass can tell.
 */
static bool
run_plain(CjFunnelEngine *engine, const CjView *view, int *level, int *most,
		  CjFunnelResult *result)
{
	const CjFunnelSpec *spec = engine->spec;
	int32		chain[CJ_FUNNEL_PLAIN_STEPS];
	int32		n = TIMESTAMP_IS_NOEND(spec->as_of) ? view->nevents :
		TIMESTAMP_IS_NOBEGIN(spec->as_of) ? 0 : cj_upper_bound(view, spec->as_of);
	CjCodes    *codes;
	bool		found;
	int32		read;

	*level = *most = 0;
	if (n == 0)
		return true;
	codes = cj_codes_find(engine->codes, &view->events, &found);
	if (!found)
		codes->extra = cj_funnel_resolve(spec, &view->events, codes->masks);
	*most = codes->extra;
	if (*most == 0)
		return true;
	*level = cj_funnel_pass(view, codes->masks, n, *most, spec->within, &read);
	if (result == NULL || *level == 0)
		return *level == *most || !cj_funnel_tied(view, codes->masks, read);

	/*
	 * with ties another attempt may be the first one, and as_of asks what may
	 * still come
	 */
	if (!TIMESTAMP_IS_NOEND(spec->as_of) || cj_funnel_tied(view, codes->masks, read))
		return false;
	cj_funnel_first_attempt(view, codes->masks, n, *level, spec->within, chain);
	for (int s = 0; s < *level; s++)
		result->step_times[s] = cj_time(view, chain[s]);
	result->entered_at = result->step_times[0];
	if (*level < spec->nrequired)
		result->drop = spec->within >= 0 &&
			cj_funnel_loose_level(view, codes->masks, n, *most) > *level ?
			CJ_DROP_WINDOW : CJ_DROP_NO_STEP;
	return true;
}

/* ---- levels by patterns ---- */

bool
cj_event_is_any(CjElement *const *elements, int count, const CjView *view, int32 event)
{
	for (int x = 0; x < count; x++)
		if (cj_nameset_has(&elements[x]->names, cj_name(&view->events, cj_event_code(view, event))) &&
			cj_element_qualified(elements[x], view, event))
			return true;
	return false;
}

static bool
is_entry(const CjMatcher *matcher, int32 event)
{
	const CjAutomaton *automaton = matcher->automaton;

	for (int o = 0; o < automaton->nstart; o++)
		if (cj_state_satisfied(matcher, &automaton->states[automaton->start[o].target], event))
			return true;
	return false;
}

static bool
may_start(const CjMatcher *matcher, int32 event)
{
	const CjAutomaton *automaton = matcher->automaton;

	for (int o = 0; o < automaton->nstart; o++)
		if (cj_can_start(matcher, &automaton->start[o], event))
			return true;
	return false;
}

/* The only event that may begin an attempt; -1 if there is none. */
static int32
chosen_entry(const CjFunnelSpec *spec, const CjMatcher *matcher)
{
	int32		only = -1;

	for (int32 i = 0; i < matcher->n; i++)
		if (is_entry(matcher, i) && (only < 0 || spec->entry == CJ_ENTRY_LAST))
			only = i;
	return only;
}

static bool
reaches_with_grace(CjFunnelEngine *engine, const Stage *stage, int level, int variant)
{
	const CjFunnelSpec *spec = engine->spec;
	CjMatcher  *matcher = stage->matcher;
	int32		only = spec->entry == CJ_ENTRY_BEST ? -1 : chosen_entry(spec, matcher);
	bool		reached = false;
	MemoryContext old;
	CjGrace    *grace;

	if (spec->entry != CJ_ENTRY_BEST && only < 0)
		return false;
	old = MemoryContextSwitchTo(engine->scratch);
	grace = cj_grace_begin(spec, matcher, stage->step_of, steps_of_level(spec, level),
						   variant_without[variant]);
	if (only >= 0)
		reached = cj_grace_search(grace, only);
	for (int32 i = 0; only < 0 && i < matcher->n && !reached; i++)
		reached = is_entry(matcher, i) && cj_grace_search(grace, i);
	MemoryContextSwitchTo(old);
	MemoryContextReset(engine->scratch);
	return reached;
}

/* Does an attempt that the spec's entry allows reach the level? The match is left in the matcher. */
static bool
reaches(CjFunnelEngine *engine, const CjView *view, int level, int variant)
{
	const CjFunnelSpec *spec = engine->spec;
	Stage	   *stage = stage_of(engine, level, variant);
	CjMatcher  *matcher = stage->matcher;
	int32		only;

	cj_matcher_bind(matcher, view, spec->as_of);
	if (spec->grace > 0)
		return reaches_with_grace(engine, stage, level, variant);
	cj_sweep(matcher);
	if (spec->entry == CJ_ENTRY_BEST)
	{
		for (int32 i = 0; i < matcher->n; i++)
			if (may_start(matcher, i) && cj_search(matcher, i, 0, false))
				return true;
		return false;
	}
	only = chosen_entry(spec, matcher);
	return only >= 0 && may_start(matcher, only) && cj_search(matcher, only, 0, false);
}

/* The highest level; the match is left in the matcher of that level. */
static int
find_level(CjFunnelEngine *engine, const CjView *view, bool want_match)
{
	int			most = engine->spec->nrequired;
	int			found;

	if (engine->plain && run_plain(engine, view, &found, &most, NULL))
	{
		if (want_match && found > 0)
			reaches(engine, view, found, 0);
		return found;
	}
	for (int level = most; level > 0; level--)
		if (reaches(engine, view, level, 0))
			return level;
	return 0;
}

static int
run_any(CjFunnelEngine *engine, const CjView *view, CjFunnelResult *result)
{
	const CjFunnelSpec *spec = engine->spec;
	Stage	   *stage = stage_of(engine, spec->nrequired, 0);

	cj_matcher_bind(stage->matcher, view, spec->as_of);
	return cj_funnel_any_order(spec, stage->matcher, stage->step_of, result);
}

int
cj_funnel_level(CjFunnelEngine *engine, const CjView *view)
{
	if (engine->spec->ordering == CJ_ANY_ORDER)
	{
		TimestampTz times[CJ_FUNNEL_MAX_STEPS];
		CjFunnelResult result = {.step_times = times};

		return run_any(engine, view, &result);
	}
	return find_level(engine, view, false);
}

/* ---- what became of the attempt ---- */

/* Would the journey have gone on without one kind of condition? */
static CjDrop
drop_reason(CjFunnelEngine *engine, const CjView *view, int level)
{
	const CjFunnelSpec *spec = engine->spec;
	static const CjDrop reasons[VARIANTS] = {
		CJ_DROP_NO_STEP, CJ_DROP_EXCLUSION, CJ_DROP_VIOLATION, CJ_DROP_SAME, CJ_DROP_WINDOW
	};
	bool		used[VARIANTS] = {
		false,
		spec->nexclude > 0 || spec->nstep_exclude != NULL,
		spec->ordering == CJ_STRICT || spec->ordering == CJ_EXACT,
		spec->same != 0,
		spec->within >= 0 || spec->step_within != NULL || spec->min_gap != NULL
	};

	if (spec->ordering == CJ_ANY_ORDER)
		return spec->within >= 0 ? CJ_DROP_WINDOW : CJ_DROP_NO_STEP;
	for (int v = 1; v < VARIANTS; v++)
		if (used[v] && reaches(engine, view, level + 1, v))
			return reasons[v];
	return CJ_DROP_NO_STEP;
}

/* Does an event between the attempt's last one and as_of end it? */
static bool
ended(const CjFunnelSpec *spec, const CjMatcher *matcher, int32 event, int step)
{
	for (int32 i = 0; i < matcher->n; i++)
	{
		bool		allowed = spec->ordering != CJ_STRICT && spec->ordering != CJ_EXACT;
		const CjView *view = matcher->view;

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (i > event && !allowed && spec->ordering == CJ_STRICT)
			allowed = cj_event_is_any(spec->steps[step].elements, spec->steps[step].nelements, view, i);
		if (i > event && !allowed)
			return true;
		if (matcher->times[i] <= matcher->times[event])
			continue;
		if (cj_event_is_any(spec->exclude, spec->nexclude, view, i))
			return true;
		if (spec->nstep_exclude != NULL && step < spec->nsteps - 1 &&
			cj_event_is_any(spec->step_exclude[step], spec->nstep_exclude[step], view, i))
			return true;
	}
	return false;
}

/* When an attempt can no longer take its next step; DT_NOBEGIN if it cannot even now. */
static TimestampTz
open_until(const CjFunnelSpec *spec, const CjMatcher *matcher, int32 entry, int32 last, int step)
{
	TimestampTz until = DT_NOEND;
	TimestampTz bound;

	if (TIMESTAMP_IS_NOEND(spec->as_of) || ended(spec, matcher, last, step))
		return DT_NOBEGIN;
	if (spec->within >= 0 &&
		!__builtin_add_overflow(matcher->times[entry], spec->within, &bound))
		until = Min(until, bound);
	if (spec->step_within != NULL && step < spec->nsteps - 1 && spec->step_within[step] >= 0 &&
		!__builtin_add_overflow(matcher->times[last], spec->step_within[step], &bound))
		until = Min(until, bound);
	return until > spec->as_of ? until : DT_NOBEGIN;
}

/* Of the attempt found, and of the latest entry, the one that stays open longer. */
static TimestampTz
latest_open(CjFunnelEngine *engine, const Stage *stage)
{
	const CjFunnelSpec *spec = engine->spec;
	const CjMatcher *matcher = stage->matcher;
	int32		last = matcher->positions[matcher->length - 1];
	TimestampTz until = open_until(spec, matcher, matcher->positions[0], last,
								   stage->step_of[matcher->matched_states[matcher->length - 1]]);

	for (int32 i = matcher->n - 1; i >= 0 && spec->entry != CJ_ENTRY_FIRST; i--)
		if (is_entry(matcher, i))
			return Max(until, open_until(spec, matcher, i, i, 0));
	return until;
}

void
cj_funnel_run(CjFunnelEngine *engine, const CjView *view, CjFunnelResult *result)
{
	const CjFunnelSpec *spec = engine->spec;
	int			most;

	for (int s = 0; s < spec->nsteps; s++)
		result->step_times[s] = DT_NOBEGIN;
	result->entered_at = result->completed_at = result->open_until = DT_NOBEGIN;
	if (spec->ordering == CJ_ANY_ORDER)
	{
		result->level = run_any(engine, view, result);
		if (result->level > 0 && result->level < spec->nrequired &&
			!TIMESTAMP_IS_NOEND(spec->as_of) &&
			(spec->within < 0 || cj_gap_between(spec->as_of, result->entered_at) < spec->within))
			result->open_until = spec->within < 0 ? DT_NOEND : result->entered_at + spec->within;
	}
	else if (engine->plain && run_plain(engine, view, &result->level, &most, result))
	{
		if (result->level == 0)
			result->drop = CJ_DROP_NO_ENTRY;
		else if (result->level == spec->nrequired)
		{
			result->drop = CJ_DROP_NONE;
			result->completed_at = result->step_times[spec->nsteps - 1];
		}
		return;
	}
	else
	{
		for (int s = 0; s < spec->nsteps; s++)
			result->step_times[s] = DT_NOBEGIN;
		result->level = find_level(engine, view, true);
		if (result->level > 0)
		{
			Stage	   *stage = stage_of(engine, result->level, 0);
			CjMatcher  *matcher = stage->matcher;

			for (int32 p = 0; p < matcher->length; p++)
				result->step_times[stage->step_of[matcher->matched_states[p]]] =
					matcher->times[matcher->positions[p]];
			result->entered_at = matcher->times[matcher->positions[0]];
			if (result->level < spec->nrequired)
				result->open_until = latest_open(engine, stage);
		}
	}
	if (result->level == 0)
		result->drop = CJ_DROP_NO_ENTRY;
	else if (result->level == spec->nrequired)
		result->drop = CJ_DROP_NONE;
	else if (result->open_until != DT_NOBEGIN)
		result->drop = CJ_DROP_OPEN;
	else
		result->drop = drop_reason(engine, view, result->level);
	/* the moment of the last required step */
	for (int s = 0; result->drop == CJ_DROP_NONE && s < spec->nsteps; s++)
		if (!spec->steps[s].optional)
			result->completed_at = Max(result->completed_at, result->step_times[s]);
}
