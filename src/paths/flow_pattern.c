/*-------------------------------------------------------------------------
 *
 * flow_pattern.c
 *		The pattern that finds the journeys behind a row of a flow.
 *
 * A path's events are directly next to each other, so they become a chain of
 * sets of names: the anchor's, any, the row's.  Which occurrence the anchor is,
 * what lies around the chain tells: before the first, and after the last, there
 * is no other.  With C for all names but the first anchor's, E for the second
 * anchor's and D for all but these:
 *
 *	first			^ C* S . X				backwards	^ C* X . S, all but S in C
 *	last			S . X C* $, likewise	backwards	X . S C* $
 *	every			S . X					backwards	X . S
 *	between, first	^ C* S . X .* E, and ^ C* S . X where X is in E; all before in D
 *	between, last	S . X C* E D* $, and S . X D* $ where X is in E
 *	dropped			S . $;  later than "within" after the anchor: S -[> W, <= 1 events]-> .
 *
 * That needs the complement of an anchor, so it must be one event without other
 * conditions than its name; of every occurrence the anchor may have others.  No
 * pattern is given
 *
 * - by channel or item: what is next in a path need not be next in the journey;
 * - of other anchors than these: a match of several events, and conditions on
 *	 channels, items, values and times, have no complement that is a set of names;
 * - of paths that "within" may have cut after the second event or later: gaps
 *	 have times from the event matched before, so that no pattern says how long
 *	 after the anchor an event is at least if others are matched in between;
 *	 nor, backwards from every occurrence, after the first: an anchor without an
 *	 event before it and one whose event before is too early may share the event
 *	 where their matches start, and matches are counted by that.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "compat.h"
#include "paths/flow_anchor.h"

/* A set of names, or of all but these. */
typedef struct Names
{
	bool		negated;
	int			count;
	CjText	   *names;
} Names;

static const Names any_name = {true, 0, NULL};

struct CjFlowPatterns
{
	const CjFlow *flow;
	bool		possible;
	CjElement	anchor;			/* where paths begin; any event without */
	Names		starts;			/* its names */
	Names		starts_not;		/* C */
	Names		ends;			/* E and D */
	Names		ends_not;
	Names	   *top;			/* of each step */
};

/* The chain at hand, and what is put around it. */
typedef struct Chain
{
	const CjFlowPatterns *patterns;
	Names	   *sets;			/* from the anchor on */
	int			count;
	StringInfoData text;		/* alternatives so far */
} Chain;

/* ---- sets ---- */

static bool
has_name(const Names *set, CjText name)
{
	for (int i = 0; i < set->count; i++)
		if (cj_text_compare(set->names[i], name) == 0)
			return !set->negated;
	return set->negated;
}

static Names
complement(Names set)
{
	set.negated = !set.negated;
	return set;
}

static Names
intersect(const Names *a, const Names *b)
{
	Names		result;

	if (a->negated && !b->negated)
		return intersect(b, a);
	result.negated = a->negated;
	result.count = 0;
	result.names = palloc_array(CjText, a->count + b->count + 1);
	for (int i = 0; i < a->count; i++)
		if (a->negated || has_name(b, a->names[i]))
			result.names[result.count++] = a->names[i];
	/* both leave names out: so does the result */
	for (int i = 0; i < b->count && a->negated; i++)
		if (has_name(a, b->names[i]))
			result.names[result.count++] = b->names[i];
	return result;
}

static inline bool
is_empty(const Names *set)
{
	return !set->negated && set->count == 0;
}

static void
append_names(StringInfo to, const Names *set, const CjElement *like)
{
	CjElement	element;

	memset(&element, 0, sizeof(element));
	if (like != NULL)
		element = *like;
	element.names.negated = set->negated;
	element.names.count = set->count;
	element.names.names = set->names;
	cj_append_element(to, &element);
}

/* ---- anchors ---- */

/* The only event of an anchor's pattern, or NULL. */
static const CjElement *
single_element(CjText it)
{
	const CjNode *tree = cj_pattern_load(cj_pattern_of_text(it.data, it.len, NULL));

	while (tree->kind == CJ_NODE_SEQUENCE && tree->count == 1 && !tree->first && !tree->last)
		tree = tree->children[0];
	return tree->kind == CJ_NODE_ELEMENT ? tree->element : NULL;
}

static Names
names_of(const CjElement *element)
{
	Names		set = {element->names.negated, element->names.count, element->names.names};

	return set.count == 0 ? any_name : set;
}

/* Reads the anchor where paths begin; false if its occurrences cannot be told. */
static bool
read_starts(CjFlowPatterns *patterns)
{
	const CjFlowOptions *options = &patterns->flow->options;
	const CjElement *element;

	patterns->starts = any_name;
	memset(&patterns->anchor, 0, sizeof(CjElement));
	if (!cj_flow_anchored(options))
		return true;
	element = single_element(cj_flow_backwards(options) ? options->ends : options->starts);
	if (element == NULL ||
		(!cj_element_plain(element) && (options->occurrence != CJ_OCCURRENCE_EVERY || options->collapse)))
		return false;
	patterns->anchor = *element;
	patterns->anchor.label.data = NULL;
	patterns->starts = names_of(element);
	patterns->starts_not = complement(patterns->starts);
	return true;
}

static bool
read_ends(CjFlowPatterns *patterns)
{
	const CjElement *element;

	if (!cj_flow_between(&patterns->flow->options))
		return true;
	element = single_element(patterns->flow->options.ends);
	if (element == NULL || !cj_element_plain(element))
		return false;
	patterns->ends = names_of(element);
	patterns->ends_not = complement(patterns->ends);
	return true;
}

CjFlowPatterns *
cj_flow_patterns(const CjFlow *flow)
{
	CjFlowPatterns *patterns = palloc0_object(CjFlowPatterns);
	const CjGraphRef *names = &flow->at[0];
	int32	   *codes = palloc_array(int32, names->graph->names + 1);

	patterns->flow = flow;
	patterns->possible = flow->options.by == CJ_BY_EVENT && read_starts(patterns) && read_ends(patterns);
	patterns->top = palloc_array(Names, flow->options.steps + 1);
	for (int32 step = 0; step <= flow->options.steps; step++)
	{
		Names	   *top = &patterns->top[step];

		top->negated = false;
		top->count = cj_flow_top(flow, step, codes);
		top->names = palloc_array(CjText, top->count + 1);
		for (int i = 0; i < top->count; i++)
			top->names[i] = cj_graph_name(names, codes[i]);
	}
	pfree(codes);
	return patterns;
}

/* ---- chains ---- */

/* The names of a row's event, or of its source. */
static Names
names_at(const CjFlowPatterns *patterns, int32 step, CjFlowKind kind, int32 code)
{
	Names		set = {false, 1, NULL};

	if (kind == CJ_FLOW_OTHER)
		return complement(patterns->top[step]);
	set.names = palloc_array(CjText, 1);
	set.names[0] = cj_graph_name(&patterns->flow->at[0], code);
	return set;
}

/* The sets of the events that a row's paths have. */
static void
fill_chain(Chain *chain, const CjFlowRow *row)
{
	const CjFlowPatterns *patterns = chain->patterns;
	const CjFlowOptions *options = &patterns->flow->options;
	bool		present = row->kind <= CJ_FLOW_OTHER;

	chain->count = present ? row->step + 1 : row->step;
	chain->sets = palloc_array(Names, chain->count + 1);
	for (int i = 0; i < chain->count; i++)
	{
		Names	   *set = &chain->sets[i];

		*set = any_name;
		if (present && i == row->step)
			*set = names_at(patterns, i, row->kind, row->code);
		else if (row->link && i == row->step - 1)
			*set = names_at(patterns, i, row->source_kind, row->source);
		if (i == 0)
			*set = intersect(set, &patterns->starts);
		else if (cj_flow_backwards(options) ? options->occurrence == CJ_OCCURRENCE_FIRST :
				 options->occurrence == CJ_OCCURRENCE_LAST && cj_flow_anchored(options) &&
				 (!cj_flow_between(options) || i < chain->count - 1))
			*set = intersect(set, &patterns->starts_not);
		if (i > 0 && i < chain->count - 1 && cj_flow_between(options))
			*set = intersect(set, &patterns->ends_not);
	}
}

/* Adds an alternative: the chain, its last set among "last", between two texts. */
static void
add_chain(Chain *chain, const char *before, const Names *last, const char *after)
{
	const CjFlowPatterns *patterns = chain->patterns;
	const CjFlowOptions *options = &patterns->flow->options;
	bool		backwards = cj_flow_backwards(options);
	bool		scoped = options->within >= 0 && chain->count > 1;
	StringInfo	to = &chain->text;
	int			start = to->len;

	appendStringInfo(to, "%s%s%s", start > 0 ? " | " : "", before, scoped ? "(" : "");
	for (int k = 0; k < chain->count; k++)
	{
		int			i = backwards ? chain->count - 1 - k : k;
		Names		set = last == NULL || i < chain->count - 1 ? chain->sets[i] :
			intersect(&chain->sets[i], last);

		if (is_empty(&set))
		{
			to->data[to->len = start] = '\0';
			return;
		}
		if (k > 0)
			appendStringInfoChar(to, ' ');
		append_names(to, &set, i == 0 ? &patterns->anchor : NULL);
	}
	if (scoped)
	{
		appendStringInfoString(to, " WITHIN ");
		cj_append_duration(to, options->within);
		appendStringInfoChar(to, ')');
	}
	appendStringInfoString(to, after);
}

/* "X* ", or nothing if no name is in X; the caller's text goes around it. */
static char *
any_number(const char *before, const Names *set, const char *after)
{
	StringInfoData to;

	initStringInfo(&to);
	appendStringInfoString(&to, before);
	if (!is_empty(set))
	{
		append_names(&to, set, NULL);
		appendStringInfoChar(&to, '*');
		appendStringInfoString(&to, after);
	}
	return to.data;
}

/* "X", then a text; NULL if no name is in X. */
static char *
one_of(const Names *set, const char *after)
{
	StringInfoData to;

	if (is_empty(set))
		return NULL;
	initStringInfo(&to);
	append_names(&to, set, NULL);
	appendStringInfoString(&to, after);
	return to.data;
}

/* Adds what comes directly next, but later than "within" after the anchor. */
static void
add_late(Chain *chain, const char *before, const char *late)
{
	const CjFlowPatterns *patterns = chain->patterns;
	StringInfo	to = &chain->text;

	if (late == NULL || is_empty(&chain->sets[0]))
		return;
	appendStringInfo(to, "%s%s", to->len > 0 ? " | " : "", before);
	if (cj_flow_backwards(&patterns->flow->options))
		appendStringInfo(to, "%s", late);
	else
		append_names(to, &chain->sets[0], &patterns->anchor);
	appendStringInfoString(to, " -[> ");
	cj_append_duration(to, patterns->flow->options.within);
	appendStringInfoString(to, ", <= 1 events]-> ");
	if (cj_flow_backwards(&patterns->flow->options))
		append_names(to, &chain->sets[0], &patterns->anchor);
	else
		appendStringInfoString(to, late);
}

/* ---- rows ---- */

static void
put_backwards(Chain *chain, const CjFlowRow *row)
{
	const CjFlowPatterns *patterns = chain->patterns;
	const CjFlowOptions *options = &patterns->flow->options;
	bool		first = options->occurrence == CJ_OCCURRENCE_FIRST;
	const char *before = first ? any_number("^ ", &patterns->starts_not, " ") : "";
	const char *after = "";
	StringInfoData late;

	if (options->occurrence == CJ_OCCURRENCE_LAST)
		after = psprintf("%s $", any_number(" ", &patterns->starts_not, ""));
	if (row->kind != CJ_FLOW_DROPPED)
	{
		add_chain(chain, before, NULL, after);
		return;
	}
	add_chain(chain, "^ ", NULL, after);
	if (options->within < 0)
		return;
	initStringInfo(&late);
	append_names(&late, first ? &patterns->starts_not : &any_name, NULL);
	add_late(chain, before, first && is_empty(&patterns->starts_not) ? NULL : late.data);
	appendStringInfoString(&chain->text, after);
}

static void
put_forwards(Chain *chain, const CjFlowRow *row, const char *before)
{
	const CjFlowPatterns *patterns = chain->patterns;
	const CjFlowOptions *options = &patterns->flow->options;
	bool		last = cj_flow_anchored(options) && options->occurrence == CJ_OCCURRENCE_LAST;
	const char *rest = last ? psprintf("%s $", any_number(" ", &patterns->starts_not, "")) : "";

	if (row->kind != CJ_FLOW_DROPPED)
		add_chain(chain, before, NULL, rest);
	else
	{
		add_chain(chain, before, NULL, " $");
		if (options->within >= 0)
			add_late(chain, before, one_of(last ? &patterns->starts_not : &any_name, rest));
	}
}

/* What may come after an event of a path between two anchors, by whether it is the second. */
static void
put_between(Chain *chain, const CjFlowRow *row, const char *before)
{
	const CjFlowPatterns *patterns = chain->patterns;
	bool		last = patterns->flow->options.occurrence == CJ_OCCURRENCE_LAST;
	StringInfoData end;
	const char *going;			/* after an event that need not be the second
								 * anchor */
	const char *done = "";		/* after one that is */
	const Names *before_end = last ? &patterns->starts_not : &patterns->ends_not;

	initStringInfo(&end);
	append_names(&end, &patterns->ends, NULL);
	if (last)
	{
		done = psprintf("%s $", any_number(" ", &patterns->ends_not, ""));
		going = psprintf("%s%s%s", any_number(" ", &patterns->starts_not, ""),
						 psprintf(" %s", end.data), done);
	}
	else
		going = psprintf(" .* %s", end.data);
	if (row->kind == CJ_FLOW_DROPPED)
	{
		add_late(chain, before, one_of(before_end, going));
		add_late(chain, before, one_of(&patterns->ends, done));
	}
	else if (chain->count == 1)
		add_chain(chain, before, NULL, going);
	else
	{
		Names		both = intersect(&patterns->ends, &patterns->starts_not);

		if (row->kind != CJ_FLOW_COMPLETED)
			add_chain(chain, before, before_end, going);
		else if (last)
			add_chain(chain, before, &both, going);
		add_chain(chain, before, &patterns->ends, done);
	}
}

CjPattern *
cj_flow_pattern(const CjFlowPatterns *patterns, const CjFlowRow *row)
{
	const CjFlowOptions *options = &patterns->flow->options;
	Chain		chain;
	const char *before = "";

	if (!patterns->possible || (row->kind == CJ_FLOW_DROPPED && options->within >= 0 &&
								(row->step > 1 || (cj_flow_backwards(options) &&
												   options->occurrence == CJ_OCCURRENCE_EVERY))))
		return NULL;
	chain.patterns = patterns;
	fill_chain(&chain, row);
	initStringInfo(&chain.text);
	if (!cj_flow_anchored(options))
		before = "^ ";
	else if (options->occurrence == CJ_OCCURRENCE_FIRST)
		before = any_number("^ ", &patterns->starts_not, " ");
	if (cj_flow_backwards(options))
		put_backwards(&chain, row);
	else if (cj_flow_between(options))
		put_between(&chain, row, before);
	else
		put_forwards(&chain, row, before);
	if (chain.text.len == 0)
		return NULL;
	return cj_pattern_of_text(chain.text.data, chain.text.len, NULL);
}
