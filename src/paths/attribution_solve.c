/*-------------------------------------------------------------------------
 *
 * attribution_solve.c
 *		What each channel contributed to conversions: from counts to credits.
 *
 * The Markov chain's states are the last "depth" channels.  A channel's removal
 * effect is the share of conversions that is lost when all ways through it lead
 * to nothing; conversions are divided in proportion to these effects.  The
 * probability to convert is found by eliminating one state after the other
 * (Grassmann, Taksar and Heyman), which adds and multiplies positive numbers
 * only: nothing is simulated, nothing cancels.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "miscadmin.h"

#include "compat.h"
#include "paths/attribution.h"

#define MAX_STATES		3000

/* ---- loading ---- */

static double
weight_of(CjModel model, int32 n, int32 role)
{
	switch (model)
	{
		case CJ_LINEAR:
		case CJ_SHAPLEY:
			return 1.0 / n;
		case CJ_POSITION:
			if (n <= 2)
				return 1.0 / n;
			return role == 0 ? 0.4 : 0.2 / (n - 2);
		default:
			return 1;
	}
}

/* The channel of a key's number, -1 if it is none. */
static inline int32
channel_of(const CjAttribution *a, int32 key)
{
	return cj_tally_named(key) ? a->channels[key & ~CJ_TALLY_NAME] : -1;
}

/* Is the key of a credit one that counting makes? */
static bool
credit_makes_sense(const CjAttribution *a, const int32 *key)
{
	return key[2] < CJ_MODELS && a->options.wanted[key[2]] && key[2] != CJ_DECAY &&
		key[2] < CJ_MARKOV && channel_of(a, key[3]) >= 0 && key[4] >= 1 && !cj_tally_named(key[4]) &&
		key[5] >= 0 && key[5] <= (key[2] == CJ_POSITION && key[4] > 2 ? 1 : 0);
}

static bool
load_credit(CjAttribution *a, const CjTallyRef *tally, const int32 *key, int32 i, int32 end)
{
	CjCredit   *credit;

	if (key[0] == CJ_COUNT_CREDIT || key[0] == CJ_SUM_CREDIT)
	{
		double		weight = weight_of((CjModel) key[2], key[4], key[5]);

		if (!credit_makes_sense(a, key))
			return false;
		credit = &a->credits[(Size) channel_of(a, key[3]) * CJ_MODELS + key[2]];
		if (key[0] == CJ_COUNT_CREDIT)
			credit->conversions += weight * (double) tally->parts.counts[i];
		else
			credit->value += weight * cj_tally_double(tally, i, end);
		return true;
	}
	if (key[2] != 0 || channel_of(a, key[3]) < 0 || !a->options.wanted[CJ_DECAY])
		return false;
	credit = &a->credits[(Size) channel_of(a, key[3]) * CJ_MODELS + CJ_DECAY];
	if (key[0] == CJ_SUM_DECAY)
		credit->conversions = cj_tally_double(tally, i, end);
	else
		credit->value = cj_tally_double(tally, i, end);
	return true;
}

/* The channels before, as a context of the chain; false if it is none. */
static bool
read_context(const CjAttribution *a, const int32 *key, int32 *context)
{
	int			depth = a->options.depth;

	for (int i = 0; i < depth; i++)
	{
		context[i] = channel_of(a, key[2 + i]);
		if (context[i] < 0 && (key[2 + i] != 0 || (i > 0 && context[i - 1] >= 0)))
			return false;
	}
	return a->options.wanted[CJ_MARKOV];
}

static bool
load_edge(CjAttribution *a, const int32 *key, int64 count)
{
	int32		context[CJ_MAX_DEPTH];
	int32		next = key[2 + a->options.depth];
	int32		edge;

	if (!read_context(a, key, context) || channel_of(a, next) < 0)
		return false;
	edge = cj_graph_add_edge(&a->chain, cj_graph_add_node(&a->chain, context), channel_of(a, next));
	a->chain.parts.edges[edge].count = count;
	return true;
}

/* Where paths end; the chain has all its nodes by then. */
static bool
load_end(CjAttribution *a, const CjTallyRef *tally, const int32 *key, int32 i, int32 end)
{
	int32		context[CJ_MAX_DEPTH];
	int32		node;

	if (!read_context(a, key, context) || key[2 + a->options.depth] != 0)
		return false;
	node = cj_graph_find_node(&a->chain, context);
	if (node <= 0)
		return false;
	if (key[0] == CJ_COUNT_EXIT)
		a->chain.parts.nodes[node].exits = tally->parts.counts[i];
	else if (key[0] == CJ_COUNT_CONVERT)
		a->conversions[node] = (double) tally->parts.counts[i];
	else
		a->values[node] = cj_tally_double(tally, i, end);
	return true;
}

static bool
load_entry(CjAttribution *a, const CjTallyRef *tally, const int32 *key, int32 i, int32 end)
{
	switch (key[0])
	{
		case CJ_COUNT_SEEN:
			return cj_tally_named(key[2]);
		case CJ_COUNT_ASSIGNED:
			a->assigned = tally->parts.counts[i];
			return key[2] == 0;
		case CJ_COUNT_UNASSIGNED:
			a->unassigned = tally->parts.counts[i];
			return key[2] == 0;
		case CJ_SUM_ASSIGNED:
			a->assigned_value = cj_tally_double(tally, i, end);
			return key[2] == 0;
		case CJ_SUM_UNASSIGNED:
			a->unassigned_value = cj_tally_double(tally, i, end);
			return key[2] == 0;
		case CJ_COUNT_CREDIT:
		case CJ_SUM_CREDIT:
		case CJ_SUM_DECAY:
		case CJ_SUM_DECAY_VALUE:
			return load_credit(a, tally, key, i, end);
		case CJ_COUNT_EDGE:
			return true;
		case CJ_COUNT_PATH:
		case CJ_COUNT_PATH_NOTHING:
		case CJ_SUM_PATH:
			return cj_tally_named(key[2]) && a->options.wanted[CJ_COUNTERFACTUAL];
		case CJ_COUNT_EXIT:
		case CJ_COUNT_CONVERT:
		case CJ_SUM_CONVERT:
			return load_end(a, tally, key, i, end);
		default:
			return false;
	}
}

/* Do as many leave each state of the chain as come to it? */
static bool
chain_agrees(const CjAttribution *a)
{
	const CjGraph *graph = a->chain.graph;
	int64	   *more = palloc0_array(int64, graph->nodes);
	double		conversions = 0;
	bool		agrees = true;

	for (int32 i = 0; i < graph->edges; i++)
	{
		const CjGraphEdge *edge = &a->chain.parts.edges[i];

		agrees &= !pg_add_s64_overflow(more[edge->target], edge->count, &more[edge->target]) &&
			!pg_sub_s64_overflow(more[edge->source], edge->count, &more[edge->source]);
	}
	for (int32 i = 1; i < graph->nodes; i++)
	{
		agrees &= (double) more[i] == (double) a->chain.parts.nodes[i].exits + a->conversions[i];
		conversions += a->conversions[i];
	}
	pfree(more);
	return agrees && (!a->options.wanted[CJ_MARKOV] || conversions == (double) a->assigned);
}

/* Does every rule credit every conversion once? */
static bool
credits_agree(const CjAttribution *a)
{
	for (int m = 0; m < CJ_MODELS; m++)
	{
		double		all = 0;

		for (int32 c = 0; c < a->chain.graph->names; c++)
			all += a->credits[(Size) c * CJ_MODELS + m].conversions;
		if (a->options.wanted[m] && m != CJ_MARKOV && !(fabs(all - (double) a->assigned) <= 1e-6 * (double) a->assigned))
			return false;
	}
	return true;
}

/* Names are of channels or of paths: channels are what journeys have. */
static void
load_channels(CjAttribution *a, const CjTallyRef *tally)
{
	int32		names = tally->tally->names;

	a->channels = palloc_array(int32, names + 1);
	for (int32 i = 0; i < names; i++)
		a->channels[i] = -1;
	cj_graph_create(&a->chain, a->options.by, a->options.depth, false);
	for (int32 i = 0; i < tally->tally->entries; i++)
	{
		const int32 *key = tally->parts.keys + (Size) i * tally->tally->width;

		if (key[0] == CJ_COUNT_SEEN && cj_tally_named(key[2]))
			a->channels[key[2] & ~CJ_TALLY_NAME] =
				cj_graph_add_name(&a->chain, cj_tally_text(tally, key[2]));
	}
}

const char *
cj_attribution_load(CjAttribution *a, const CjTallyRef *tally)
{
	int			width = tally->tally->width;
	int32		names = tally->tally->names;
	const char *fault;

	memset(a, 0, sizeof(*a));
	if (tally->tally->kind != CJ_TALLY_ATTRIBUTION)
		return "It is not of attribution_agg.";
	fault = cj_attribution_decode(cj_tally_options(tally), &a->options);
	if (fault != NULL)
		return fault;
	if (width != Max(6, a->options.depth + 3))
		return "Its width is out of range.";
	load_channels(a, tally);
	a->credits = palloc_extended(((Size) names + 1) * CJ_MODELS * sizeof(CjCredit), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int32 i = 0; i < tally->tally->entries; i++)
		if (tally->parts.keys[(Size) i * width] == CJ_COUNT_EDGE &&
			!load_edge(a, tally->parts.keys + (Size) i * width, tally->parts.counts[i]))
			return "It counts what does not exist.";
	a->conversions = palloc0_array(double, a->chain.graph->nodes);
	a->values = palloc0_array(double, a->chain.graph->nodes);
	for (int32 i = 0; i < tally->tally->entries;)
	{
		int32		end = cj_tally_end(tally, i);

		if (!load_entry(a, tally, tally->parts.keys + (Size) i * width, i, end))
			return "It counts what does not exist.";
		i = end;
	}
	if (a->options.wanted[CJ_COUNTERFACTUAL])
		fault = cj_attribution_counterfactual(a, tally);
	if (fault != NULL)
		return fault;
	return chain_agrees(a) && credits_agree(a) ? NULL : "Its counts do not add up.";
}

/* ---- solving ---- */

/*
 * The chain as rows of weights: to each state, then to a conversion, to its
 * value, and to nothing.  State 0 is the start.
 */
typedef struct Chain
{
	int32		states;
	int32		width;
	double	   *rows;
	double	   *work;
} Chain;

static void
fill_chain(Chain *chain, const CjAttribution *a)
{
	int32		n = chain->states;

	memset(chain->rows, 0, (Size) n * chain->width * sizeof(double));
	for (int32 i = 0; i < a->chain.graph->edges; i++)
	{
		const CjGraphEdge *edge = &a->chain.parts.edges[i];

		chain->rows[(Size) edge->source * chain->width + edge->target] += edge->count;
	}
	for (int32 i = 0; i < n; i++)
	{
		double	   *row = chain->rows + (Size) i * chain->width;
		double		total;

		row[n] = a->conversions[i];
		row[n + 1] = a->values[i];
		row[n + 2] = a->chain.parts.nodes[i].exits;
		total = row[n] + row[n + 2];
		for (int32 j = 0; j < n; j++)
			total += row[j];
		for (int32 j = 0; j < chain->width && total > 0; j++)
			row[j] /= total;
	}
}

/* Folds state s into those before it. */
static void
eliminate(Chain *chain, int32 s)
{
	int32		n = chain->states;
	double	   *from = chain->work + (Size) s * chain->width;
	double		leaves = from[n] + from[n + 2];

	for (int32 j = 0; j < s; j++)
		leaves += from[j];
	if (leaves == 0)
		return;
	for (int32 i = 0; i < s; i++)
	{
		double	   *row = chain->work + (Size) i * chain->width;
		double		factor = row[s] / leaves;

		if (factor == 0)
			continue;
		for (int32 j = 0; j < s; j++)
			row[j] += factor * from[j];
		for (int32 j = n; j < n + 3; j++)
			row[j] += factor * from[j];
	}
}

/* Probability to convert from the start, and the value expected, without a channel. */
static void
convert(Chain *chain, const CjAttribution *a, int32 without, double *conversions, double *value)
{
	int32		n = chain->states;
	double		all;

	memcpy(chain->work, chain->rows, (Size) n * chain->width * sizeof(double));
	for (int32 s = 0; s < n; s++)
		if (s > 0 && a->chain.parts.nodes[s].code == without)
			for (int32 i = 0; i < n; i++)
			{
				double	   *row = chain->work + (Size) i * chain->width;

				row[n + 2] += row[s];
				row[s] = 0;
			}
	for (int32 s = n - 1; s > 0; s--)
	{
		CHECK_FOR_INTERRUPTS();
		eliminate(chain, s);
	}
	all = chain->work[n] + chain->work[n + 2];
	*conversions = all == 0 ? 0 : chain->work[n] / all;
	*value = all == 0 ? 0 : chain->work[n + 1] / all;
}

void
cj_attribution_solve(CjAttribution *a)
{
	int32		channels = a->chain.graph->names;
	Chain		chain;
	double		all;
	double		all_value;
	double		effects = 0;
	double		value_effects = 0;
	double	   *lost;

	chain.states = a->chain.graph->nodes;
	chain.width = chain.states + 3;
	if (a->assigned == 0)
		return;
	if (chain.states > MAX_STATES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the Markov chain of attribution_agg would have more than %d states", MAX_STATES),
				 errdetail("It has %d.", chain.states),
				 errhint("Use a smaller depth, or rename rare channels to one name.")));
	chain.rows = palloc_extended((Size) chain.states * chain.width * sizeof(double), MCXT_ALLOC_HUGE);
	chain.work = palloc_extended((Size) chain.states * chain.width * sizeof(double), MCXT_ALLOC_HUGE);
	lost = palloc0_array(double, channels + 1);
	fill_chain(&chain, a);
	convert(&chain, a, -1, &all, &all_value);
	for (int32 c = 0; c < channels; c++)
	{
		CjCredit   *credit = &a->credits[(Size) c * CJ_MODELS + CJ_MARKOV];
		double		conversions;
		double		value;

		convert(&chain, a, c, &conversions, &value);
		credit->removal = 1 - conversions / all;
		lost[c] = all_value == 0 ? 0 : 1 - value / all_value;
		effects += credit->removal;
		value_effects += lost[c];
	}
	for (int32 c = 0; c < channels; c++)
	{
		CjCredit   *credit = &a->credits[(Size) c * CJ_MODELS + CJ_MARKOV];

		credit->conversions = a->assigned * credit->removal / effects;
		credit->value = value_effects == 0 ? 0 : a->assigned_value * lost[c] / value_effects;
	}
	pfree(chain.rows);
	pfree(chain.work);
	pfree(lost);
}
