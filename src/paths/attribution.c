/*-------------------------------------------------------------------------
 *
 * attribution.c
 *		What each channel contributed to conversions.
 *
 * The rules of thumb divide each conversion among its touches as it comes.
 * Shapley's values of the game in which a coalition earns the conversions
 * whose channels it contains are, in closed form, each conversion divided
 * equally among its distinct channels: exact for any number of channels.
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

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "paths/attribution.h"

#define MAX_STATES		3000

void
cj_attribution_init(CjAttribution *a, MemoryContext context, CjBy by, int depth)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	a->context = context;
	cj_graph_create(&a->chain, by, depth, false);
	MemoryContextSwitchTo(old);
}

static void *
zero_extended(MemoryContext context, void *array, Size old_size, Size size)
{
	array = array == NULL ? MemoryContextAllocHuge(context, size) : repalloc_huge(array, size);
	memset((char *) array + old_size, 0, size - old_size);
	return array;
}

int32
cj_attribution_channel(CjAttribution *a, CjText name)
{
	MemoryContext old = MemoryContextSwitchTo(a->context);
	int32		channel = cj_graph_add_name(&a->chain, name);

	if (channel >= a->credits_room)
	{
		int32		room = Max(a->credits_room * 2, 16);

		a->credits = zero_extended(a->context, a->credits,
								   (Size) a->credits_room * CJ_MODELS * sizeof(CjCredit),
								   (Size) room * CJ_MODELS * sizeof(CjCredit));
		a->credits_room = room;
	}
	MemoryContextSwitchTo(old);
	return channel;
}

/* ---- the chain ---- */

/* Walks the touches; returns the node where they end. */
static int32
walk_chain(CjAttribution *a, const CjTouch *touches, int32 count)
{
	MemoryContext old = MemoryContextSwitchTo(a->context);
	int32		node = 0;

	for (int32 i = 0; i < count; i++)
	{
		int32		edge = cj_graph_add_edge(&a->chain, node, touches[i].channel);

		a->chain.parts.edges[edge].count++;
		node = a->chain.parts.edges[edge].target;
	}
	if (a->chain.graph->nodes > a->nodes_room)
	{
		int32		room = Max(a->nodes_room * 2, Max(64, a->chain.graph->nodes));

		a->conversions = zero_extended(a->context, a->conversions, a->nodes_room * sizeof(double),
									   room * sizeof(double));
		a->values = zero_extended(a->context, a->values, a->nodes_room * sizeof(double),
								  room * sizeof(double));
		a->nodes_room = room;
	}
	MemoryContextSwitchTo(old);
	return node;
}

void
cj_attribute_nothing(CjAttribution *a, const CjTouch *touches, int32 count)
{
	int32		node;

	if (count == 0 || !a->wanted[CJ_MARKOV])
		return;
	node = walk_chain(a, touches, count);
	a->chain.parts.nodes[node].exits++;
}

/* ---- rules ---- */

static inline void
credit(CjAttribution *a, CjModel model, int32 channel, double share, double value)
{
	CjCredit   *to = &a->credits[(Size) channel * CJ_MODELS + model];

	to->conversions += share;
	to->value += share * value;
}

static double
position_weight(int32 i, int32 count)
{
	if (count == 1)
		return 1;
	if (count == 2)
		return 0.5;
	return i == 0 || i == count - 1 ? 0.4 : 0.2 / (count - 2);
}

static int32
last_non_direct(const CjAttribution *a, const CjTouch *touches, int32 count)
{
	for (int32 i = count - 1; i >= 0; i--)
	{
		CjText		name = cj_graph_name(&a->chain, touches[i].channel);

		if (cj_text_compare(name, a->direct) != 0)
			return touches[i].channel;
	}
	return touches[count - 1].channel;
}

/* Is this touch the first of its channel? */
static int
compare_channels(const void *x, const void *y)
{
	return *(const int32 *) x - *(const int32 *) y;
}

static void
credit_shapley(CjAttribution *a, const CjTouch *touches, int32 count, double value)
{
	int32	   *channels = palloc_array(int32, count);
	int32		distinct = 0;

	for (int32 i = 0; i < count; i++)
		channels[i] = touches[i].channel;
	qsort(channels, count, sizeof(int32), compare_channels);
	for (int32 i = 0; i < count; i++)
		if (i == 0 || channels[i] != channels[i - 1])
			channels[distinct++] = channels[i];
	for (int32 i = 0; i < distinct; i++)
		credit(a, CJ_SHAPLEY, channels[i], 1.0 / distinct, value);
	pfree(channels);
}

static double
decay_weight(const CjAttribution *a, const CjTouch *touch, const CjTouch *last)
{
	/*
	 * relative to the last touch: weights are in proportion, and none
	 * overflows
	 */
	return exp2(-(double) cj_elapsed(touch->time, last->time) / a->half_life);
}

void
cj_attribute(CjAttribution *a, const CjTouch *touches, int32 count, TimestampTz time, double value)
{
	const CjTouch *last = touches + count - 1;
	double		weights = 0;

	if (count == 0)
	{
		a->unassigned++;
		a->unassigned_value += value;
		return;
	}
	a->assigned++;
	a->assigned_value += value;
	credit(a, CJ_FIRST, touches[0].channel, 1, value);
	credit(a, CJ_LAST, last->channel, 1, value);
	credit(a, CJ_LAST_NON_DIRECT, last_non_direct(a, touches, count), 1, value);
	for (int32 i = 0; i < count; i++)
		weights += decay_weight(a, &touches[i], last);
	for (int32 i = 0; i < count; i++)
	{
		credit(a, CJ_LINEAR, touches[i].channel, 1.0 / count, value);
		credit(a, CJ_POSITION, touches[i].channel, position_weight(i, count), value);
		credit(a, CJ_DECAY, touches[i].channel, decay_weight(a, &touches[i], last) / weights, value);
	}
	credit_shapley(a, touches, count, value);
	if (a->wanted[CJ_MARKOV])
	{
		int32		node = walk_chain(a, touches, count);

		a->conversions[node]++;
		a->values[node] += value;
	}
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
