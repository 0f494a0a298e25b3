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
#include "port/pg_bitutils.h"

#include "funnel/funnel.h"

/* Kinds of conditions that a variant of the funnel leaves out. */
#define WITHOUT_EXCLUSION	0x01
#define WITHOUT_ORDER		0x02
#define WITHOUT_SAME		0x04
#define WITHOUT_WINDOW		0x08

#define VARIANTS			5	/* all conditions, then one kind less each */

static const int variant_without[VARIANTS] = {
	0,
	WITHOUT_EXCLUSION,
	WITHOUT_EXCLUSION | WITHOUT_ORDER,
	WITHOUT_EXCLUSION | WITHOUT_ORDER | WITHOUT_SAME,
	WITHOUT_EXCLUSION | WITHOUT_ORDER | WITHOUT_SAME | WITHOUT_WINDOW
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
	if (!(without & WITHOUT_WINDOW))
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
	if (!(without & WITHOUT_EXCLUSION))
	{
		int			more = spec->nstep_exclude != NULL ? spec->nstep_exclude[s - 1] : 0;

		gap->forbidden = palloc_array(CjForbidden, Max(spec->nexclude + more, 1));
		forbid(gap, spec->exclude, spec->nexclude);
		if (more > 0)
			forbid(gap, spec->step_exclude[s - 1], more);
	}
	if (without & WITHOUT_ORDER)
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
	scope->within = without & WITHOUT_WINDOW ? -1 : spec->within;
	scope->attributes = without & WITHOUT_SAME ? 0 : spec->same;
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
	engine->plain = spec->ordering == CJ_ORDERED && spec->step_within == NULL &&
		spec->min_gap == NULL && spec->same == 0 && spec->nexclude == 0 &&
		spec->nstep_exclude == NULL && spec->entry == CJ_ENTRY_BEST &&
		spec->nrequired == spec->nsteps;
	for (int s = 0; s < spec->nsteps; s++)
		for (int e = 0; e < spec->steps[s].nelements; e++)
			engine->plain &= cj_element_plain(spec->steps[s].elements[e]);
	return engine;
}

/* ---- the single pass ---- */

/* For each name of the journey the steps it serves; returns how many first steps have one. */
static int
resolve(const CjFunnelSpec *spec, const CjNames *names, uint64 *masks)
{
	memset(masks, 0, names->count * sizeof(uint64));
	for (int s = 0; s < spec->nsteps; s++)
	{
		bool		any = false;

		for (int e = 0; e < spec->steps[s].nelements; e++)
		{
			const CjNameSet *set = &spec->steps[s].elements[e]->names;

			if (set->count == 0 || set->negated)
			{
				for (int32 c = 0; c < names->count; c++)
					if (set->count == 0 || cj_nameset_has(set, cj_name(names, c)))
					{
						masks[c] |= UINT64CONST(1) << s;
						any = true;
					}
				continue;
			}
			for (int i = 0; i < set->count; i++)
			{
				int32		code = cj_find_name(names, set->names[i].data, set->names[i].len);

				if (code == CJ_ABSENT)
					continue;
				masks[code] |= UINT64CONST(1) << s;
				any = true;
			}
		}
		if (!any)
			return s;
	}
	return spec->nsteps;
}

/*
 * The level by stored order; *tied if events of one instant serve different
 * steps, so that another order might reach a higher one.
 */
static int
single_pass(const CjView *view, const uint64 *masks,
			int32 n, int most, int64 within, bool *tied)
{
	int32		began[CJ_FUNNEL_MAX_STEPS];
	int			level = 0;
	uint64		before = 0;
	uint64		time_before = 0;
	uint64		wanted = most >= 64 ? ~UINT64CONST(0) : (UINT64CONST(1) << most) - 1;

	*tied = false;
	for (int32 i = 0; i < n && level < most; i++)
	{
		uint64		steps = masks[cj_event_code(view, i)] & wanted;
		uint64		time;

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (steps == 0)
			continue;
		time = cj_packed_get(&view->times, i);
		*tied |= before != 0 && time == time_before && steps != before;
		before = steps;
		time_before = time;
		for (uint64 rest = steps & (((UINT64CONST(1) << level) << 1) - 1); rest != 0;)
		{
			int			s = pg_leftmost_one_pos64(rest);

			rest &= ~(UINT64CONST(1) << s);
			if (s == 0)
				began[0] = i;
			else if (within >= 0 &&
					 (int64) ((time - cj_packed_get(&view->times, began[s - 1])) * view->unit) > within)
				continue;
			else
				began[s] = began[s - 1];
			level = Max(level, s + 1);
		}
	}
	return level;
}

/*
 * The first attempt that reaches the level: from every entry in turn the
 * earliest event of each step, which ends as early as can be.
 */
static void
first_attempt(const CjView *view, const uint64 *masks, int32 n, int level, int64 within,
			  int32 *chain)
{
	for (int32 start = 0; start < n; start++)
	{
		int			s = 0;

		if (!(masks[cj_event_code(view, start)] & 1))
			continue;
		CHECK_FOR_INTERRUPTS();
		for (int32 i = start; i < n && s < level; i++)
			if ((masks[cj_event_code(view, i)] >> s) & 1)
				chain[s++] = i;
		if (s < level)
			return;
		if (within < 0 ||
			cj_gap_between(cj_time(view, chain[level - 1]), cj_time(view, start)) <= within)
			return;
	}
}

/*
 * Decides a plain funnel; false if ties leave it open.  With a result, fills in
 * everything that a pass can tell.
 */
static bool
run_plain(CjFunnelEngine *engine, const CjView *view, int *level, int *most,
		  CjFunnelResult *result)
{
	const CjFunnelSpec *spec = engine->spec;
	int32		chain[CJ_FUNNEL_MAX_STEPS];
	int32		n = TIMESTAMP_IS_NOEND(spec->as_of) ? view->nevents :
		TIMESTAMP_IS_NOBEGIN(spec->as_of) ? 0 : cj_upper_bound(view, spec->as_of);
	CjCodes    *codes;
	bool		found;
	bool		tied;

	*level = *most = 0;
	if (n == 0)
		return true;
	codes = cj_codes_find(engine->codes, &view->events, &found);
	if (!found)
		codes->extra = resolve(spec, &view->events, codes->masks);
	*most = codes->extra;
	if (*most == 0)
		return true;
	*level = single_pass(view, codes->masks, n, *most, spec->within, &tied);
	if (tied && *level < *most)
		return false;
	if (result == NULL || *level == 0)
		return true;
	/* with ties another attempt may be the first one, and as_of asks what may still come */
	if (tied || !TIMESTAMP_IS_NOEND(spec->as_of))
		return false;
	first_attempt(view, codes->masks, n, *level, spec->within, chain);
	for (int s = 0; s < *level; s++)
		result->step_times[s] = cj_time(view, chain[s]);
	result->entered_at = result->step_times[0];
	if (*level < spec->nrequired)
		result->drop = spec->within >= 0 && *level < *most &&
			single_pass(view, codes->masks, n, *level + 1, -1, &tied) > *level ?
			CJ_DROP_WINDOW : CJ_DROP_NO_STEP;
	return true;
}

/* ---- any order ---- */

static bool
satisfies_step(const CjMatcher *matcher, const Stage *stage, int32 event, int step)
{
	const CjAutomaton *automaton = matcher->automaton;

	for (int s = 0; s < automaton->nstates; s++)
		if (stage->step_of[s] == step && cj_state_satisfied(matcher, &automaton->states[s], event))
			return true;
	return false;
}

/* Gives the event to a step, moving another step's event if need be. */
static bool
give(const CjMatcher *matcher, const Stage *stage, int nsteps, int32 event,
	 int32 *taken, bool *tried)
{
	check_stack_depth();
	for (int s = 0; s < nsteps; s++)
	{
		if (tried[s] || !satisfies_step(matcher, stage, event, s))
			continue;
		tried[s] = true;
		if (taken[s] < 0 || give(matcher, stage, nsteps, taken[s], taken, tried))
		{
			taken[s] = event;
			return true;
		}
	}
	return false;
}

static bool
excluded(const CjFunnelSpec *spec, const CjView *view, int32 event)
{
	for (int x = 0; x < spec->nexclude; x++)
		if (cj_nameset_has(&spec->exclude[x]->names, cj_name(&view->events, cj_event_code(view, event))) &&
			cj_element_qualified(spec->exclude[x], view, event))
			return true;
	return false;
}

/* The most steps from this event on, each given one event: an augmenting path per event. */
static int
attempt_any(const CjFunnelEngine *engine, const Stage *stage, int32 start, int32 *taken)
{
	const CjFunnelSpec *spec = engine->spec;
	const CjMatcher *matcher = stage->matcher;
	bool		tried[CJ_FUNNEL_MAX_STEPS];
	int			level = 0;

	for (int s = 0; s < spec->nsteps; s++)
		taken[s] = -1;
	for (int32 i = start; i < matcher->n && level < spec->nsteps; i++)
	{
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (spec->within >= 0 &&
			cj_gap_between(matcher->times[i], matcher->times[start]) > spec->within)
			break;
		if (i > start && matcher->times[i] > matcher->times[start] &&
			excluded(spec, matcher->view, i))
			break;
		if (i > start && !cj_attributes_agree(matcher, spec->same, start, i))
			continue;
		memset(tried, false, spec->nsteps);
		if (give(matcher, stage, spec->nsteps, i, taken, tried))
			level++;
		else if (i == start)
			return 0;
	}
	return level;
}

static int
run_any(CjFunnelEngine *engine, const CjView *view, CjFunnelResult *result)
{
	const CjFunnelSpec *spec = engine->spec;
	Stage	   *stage = stage_of(engine, spec->nrequired, 0);
	int32		taken[CJ_FUNNEL_MAX_STEPS];
	int			best = 0;

	cj_matcher_bind(stage->matcher, view, spec->as_of);
	for (int32 i = 0; i < stage->matcher->n && best < spec->nsteps; i++)
	{
		int32		start = spec->entry == CJ_ENTRY_LAST ? stage->matcher->n - 1 - i : i;
		int			level = attempt_any(engine, stage, start, taken);

		if (level > best)
		{
			best = level;
			for (int s = 0; s < spec->nsteps; s++)
				result->step_times[s] = taken[s] < 0 ? DT_NOBEGIN : stage->matcher->times[taken[s]];
			result->entered_at = stage->matcher->times[start];
		}
		if (level > 0 && spec->entry != CJ_ENTRY_BEST)
			break;
	}
	return best;
}

/* ---- levels by patterns ---- */

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

/* Does an attempt that the spec's entry allows reach the level? The match is left in the matcher. */
static bool
reaches(CjFunnelEngine *engine, const CjView *view, int level, int variant)
{
	const CjFunnelSpec *spec = engine->spec;
	CjMatcher  *matcher = stage_of(engine, level, variant)->matcher;
	int32		only = -1;

	cj_matcher_bind(matcher, view, spec->as_of);
	cj_sweep(matcher);
	if (spec->entry == CJ_ENTRY_BEST)
	{
		for (int32 i = 0; i < matcher->n; i++)
			if (may_start(matcher, i) && cj_search(matcher, i, 0, false))
				return true;
		return false;
	}
	for (int32 i = 0; i < matcher->n; i++)
		if (is_entry(matcher, i) && (only < 0 || spec->entry == CJ_ENTRY_LAST))
			only = i;
	return only >= 0 && may_start(matcher, only) && cj_search(matcher, only, 0, false);
}

/* The highest level; the match is left in the matcher of that level. */
static int
find_level(CjFunnelEngine *engine, const CjView *view, bool want_match)
{
	const CjFunnelSpec *spec = engine->spec;
	int			most = spec->nrequired;

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
		CjText		name = cj_name(&view->events, cj_event_code(view, i));

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (i > event && !allowed && spec->ordering == CJ_STRICT)
			for (int e = 0; e < spec->steps[step].nelements; e++)
				allowed |= cj_nameset_has(&spec->steps[step].elements[e]->names, name) &&
					cj_element_qualified(spec->steps[step].elements[e], view, i);
		if (i > event && !allowed)
			return true;
		if (matcher->times[i] <= matcher->times[event])
			continue;
		if (excluded(spec, view, i))
			return true;
		if (spec->nstep_exclude != NULL && step < spec->nsteps - 1)
			for (int x = 0; x < spec->nstep_exclude[step]; x++)
				if (cj_nameset_has(&spec->step_exclude[step][x]->names, name) &&
					cj_element_qualified(spec->step_exclude[step][x], view, i))
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
		if (result->level > 0 && result->level < spec->nsteps &&
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
