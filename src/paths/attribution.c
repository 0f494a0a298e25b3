/*-------------------------------------------------------------------------
 *
 * attribution.c
 *		What each channel contributed to conversions: counting.
 *
 * Only what the models need is counted, and exactly, so that counts of parts
 * add up to the counts of the whole: a rule of thumb gives a touch a weight that
 * depends on few numbers, so touches are counted by these; weights of decay are
 * added without rounding; for the Markov chain its transitions are counted.
 *
 * Shapley's values of the game in which a coalition earns the conversions
 * whose channels it contains are, in closed form, each conversion divided
 * equally among its distinct channels: exact for any number of channels.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "compat.h"
#include "paths/attribution.h"
#include "paths/varint.h"

/* ---- options ---- */

CjText
cj_attribution_encode(const CjAttributionOptions *options)
{
	StringInfoData to;
	uint64		wanted = 0;
	CjText		bytes;

	for (int m = 0; m < CJ_MODELS; m++)
		wanted |= (uint64) options->wanted[m] << m;
	initStringInfo(&to);
	cj_put_number(&to, wanted);
	cj_put_number(&to, options->by);
	cj_put_number(&to, options->depth);
	cj_put_number(&to, options->lookback + 1);
	cj_put_number(&to, options->half_life);
	cj_put_text(&to, options->direct);
	cj_put_text(&to, options->conversion);
	cj_put_number(&to, options->transforms);
	for (int i = 0; i < options->transforms; i++)
		cj_put_number(&to, options->transform[i]);
	bytes.data = to.data;
	bytes.len = to.len;
	return bytes;
}

const char *
cj_attribution_decode(CjText bytes, CjAttributionOptions *options)
{
	CjReader	reader = {(const uint8 *) bytes.data, (const uint8 *) bytes.data + bytes.len, NULL};
	int64		wanted = cj_get_limited(&reader, (1 << CJ_MODELS) - 1);
	CjText		again;

	for (int m = 0; m < CJ_MODELS; m++)
		options->wanted[m] = (wanted >> m & 1) != 0;
	options->by = (CjBy) cj_get_limited(&reader, CJ_BY_ITEM);
	options->depth = (int) cj_get_limited(&reader, CJ_MAX_DEPTH);
	options->lookback = cj_get_limited(&reader, PG_INT64_MAX) - 1;
	options->half_life = cj_get_limited(&reader, PG_INT64_MAX);
	options->direct = cj_get_text(&reader, bytes.len);
	options->conversion = cj_get_text(&reader, bytes.len);
	options->transforms = (int) cj_get_limited(&reader, CJ_MAX_TRANSFORMS);
	for (int i = 0; i < options->transforms; i++)
		options->transform[i] = (CjTransform) cj_get_limited(&reader, CJ_TRANSFORMS - 1);
	if (reader.fault != NULL)
		return reader.fault;
	again = cj_attribution_encode(options);
	if (options->depth < 1 || options->half_life < 1 || again.len != bytes.len ||
		memcmp(again.data, bytes.data, bytes.len) != 0 ||
		!pg_verify_mbstr(GetDatabaseEncoding(), options->direct.data, options->direct.len, true) ||
		!pg_verify_mbstr(GetDatabaseEncoding(), options->conversion.data, options->conversion.len, true))
		return "Its options are out of range.";
	return NULL;
}

/* ---- transforms ---- */

static inline bool
is_direct(const CjTallyRef *tally, const CjAttributionOptions *options, const CjTouch *touch)
{
	return cj_text_compare(cj_tally_text(tally, touch->channel), options->direct) == 0;
}

static int32
first_of_each(const CjTallyRef *tally, CjTouch *touches, int32 count)
{
	bool	   *seen = palloc0_array(bool, tally->tally->names + 1);
	int32		kept = 0;

	for (int32 i = 0; i < count; i++)
	{
		bool	   *before = &seen[touches[i].channel & ~CJ_TALLY_NAME];

		if (!*before)
			touches[kept++] = touches[i];
		*before = true;
	}
	pfree(seen);
	return kept;
}

/* Leaves out direct touches, of the end only or all of them, unless there are no others. */
static int32
without_direct(const CjTallyRef *tally, const CjAttributionOptions *options,
			   CjTouch *touches, int32 count, bool everywhere)
{
	int32		last = count - 1;
	int32		kept = 0;

	while (last >= 0 && is_direct(tally, options, &touches[last]))
		last--;
	if (last < 0 || !everywhere)
		return last < 0 ? count : last + 1;
	for (int32 i = 0; i <= last; i++)
		if (!is_direct(tally, options, &touches[i]))
			touches[kept++] = touches[i];
	return kept;
}

int32
cj_attribution_transform(const CjTallyRef *tally, const CjAttributionOptions *options,
						 CjTouch *touches, int32 count)
{
	for (int t = 0; t < options->transforms && count > 0; t++)
	{
		int32		kept = 1;

		if (options->transform[t] == CJ_FIRST_OF_EACH)
			count = first_of_each(tally, touches, count);
		else if (options->transform[t] != CJ_EXPOSURE)
			count = without_direct(tally, options, touches, count, options->transform[t] == CJ_NOT_AT_ALL);
		else
		{
			for (int32 i = 1; i < count; i++)
				if (touches[i].channel != touches[kept - 1].channel)
					touches[kept++] = touches[i];
			count = kept;
		}
	}
	return count;
}

/* ---- counting ---- */

void
cj_attribution_create(CjTallyRef *tally, const CjAttributionOptions *options, CjText bytes)
{
	cj_tally_create(tally, CJ_TALLY_ATTRIBUTION, Max(6, options->depth + 3), bytes);
}

/* Adds to a count, and a value to the sum of the same key unless it is 0. */
static void
count_both(CjTallyRef *tally, int32 *key, int32 sum, double value)
{
	key[1] = 0;
	cj_tally_add(tally, key, 1);
	if (value != 0)
	{
		key[0] = sum;
		cj_tally_add_double(tally, key, value);
	}
}

int32
cj_attribution_channel(CjTallyRef *tally, CjText name)
{
	int32		key[CJ_TALLY_WIDTH] = {CJ_COUNT_SEEN};

	key[2] = cj_tally_name(tally, name);
	cj_tally_add(tally, key, 1);
	return key[2];
}

static void
credit(CjTallyRef *tally, const CjAttributionOptions *options, CjModel model,
	   int32 channel, int32 n, int32 role, double value)
{
	int32		key[CJ_TALLY_WIDTH] = {CJ_COUNT_CREDIT};

	if (!options->wanted[model])
		return;
	key[2] = model;
	key[3] = channel;
	key[4] = n;
	key[5] = role;
	count_both(tally, key, CJ_SUM_CREDIT, value);
}

static int32
last_non_direct(const CjTallyRef *tally, CjText direct, const CjTouch *touches, int32 count)
{
	for (int32 i = count - 1; i >= 0; i--)
		if (cj_text_compare(cj_tally_text(tally, touches[i].channel), direct) != 0)
			return touches[i].channel;
	return touches[count - 1].channel;
}

static int
compare_channels(const void *x, const void *y)
{
	return *(const int32 *) x - *(const int32 *) y;
}

static void
credit_shapley(CjTallyRef *tally, const CjAttributionOptions *options,
			   const CjTouch *touches, int32 count, double value)
{
	int32	   *channels;
	int32		distinct = 0;

	if (!options->wanted[CJ_SHAPLEY])
		return;
	channels = palloc_extended(count * sizeof(int32), MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < count; i++)
		channels[i] = touches[i].channel;
	qsort(channels, count, sizeof(int32), compare_channels);
	for (int32 i = 0; i < count; i++)
		if (i == 0 || channels[i] != channels[i - 1])
			channels[distinct++] = channels[i];
	for (int32 i = 0; i < distinct; i++)
		credit(tally, options, CJ_SHAPLEY, channels[i], distinct, 0, value);
	pfree(channels);
}

static double
decay_weight(const CjAttributionOptions *options, const CjTouch *touch, const CjTouch *last)
{
	/*
	 * relative to the last touch: weights are in proportion, and none
	 * overflows
	 */
	return exp2(-(double) cj_elapsed(touch->time, last->time) / (double) options->half_life);
}

static void
credit_decay(CjTallyRef *tally, const CjAttributionOptions *options,
			 const CjTouch *touches, int32 count, double value)
{
	const CjTouch *last = touches + count - 1;
	double		weights = 0;

	if (!options->wanted[CJ_DECAY])
		return;
	for (int32 i = 0; i < count; i++)
		weights += decay_weight(options, &touches[i], last);
	for (int32 i = 0; i < count; i++)
	{
		int32		key[CJ_TALLY_WIDTH] = {CJ_SUM_DECAY};
		double		share = decay_weight(options, &touches[i], last) / weights;

		key[3] = touches[i].channel;
		cj_tally_add_double(tally, key, share);
		key[0] = CJ_SUM_DECAY_VALUE;
		if (value != 0)
			cj_tally_add_double(tally, key, share * value);
	}
}

/* Counts the chain's steps; the key ends as that of the last channels. */
static void
walk_chain(CjTallyRef *tally, int depth, const CjTouch *touches, int32 count, int32 *key)
{
	memset(key, 0, CJ_TALLY_WIDTH * sizeof(int32));
	key[0] = CJ_COUNT_EDGE;
	for (int32 i = 0; i < count; i++)
	{
		key[2 + depth] = touches[i].channel;
		cj_tally_add(tally, key, 1);
		memmove(key + 2, key + 3, depth * sizeof(int32));
	}
	key[2 + depth] = 0;
}

void
cj_attribute_nothing(CjTallyRef *tally, const CjAttributionOptions *options,
					 const CjTouch *touches, int32 count)
{
	int32		key[CJ_TALLY_WIDTH];

	if (count == 0)
		return;
	if (options->wanted[CJ_MARKOV])
	{
		walk_chain(tally, options->depth, touches, count, key);
		key[0] = CJ_COUNT_EXIT;
		cj_tally_add(tally, key, 1);
	}
	if (options->wanted[CJ_COUNTERFACTUAL])
	{
		memset(key, 0, sizeof(key));
		key[0] = CJ_COUNT_PATH_NOTHING;
		key[2] = cj_attribution_path(tally, touches, count);
		cj_tally_add(tally, key, 1);
	}
}

void
cj_attribute(CjTallyRef *tally, const CjAttributionOptions *options,
			 const CjTouch *touches, int32 count, double value)
{
	int32		key[CJ_TALLY_WIDTH] = {count == 0 ? CJ_COUNT_UNASSIGNED : CJ_COUNT_ASSIGNED};

	count_both(tally, key, count == 0 ? CJ_SUM_UNASSIGNED : CJ_SUM_ASSIGNED, value);
	if (count == 0)
		return;
	credit(tally, options, CJ_FIRST, touches[0].channel, 1, 0, value);
	credit(tally, options, CJ_LAST, touches[count - 1].channel, 1, 0, value);
	if (options->wanted[CJ_LAST_NON_DIRECT])
		credit(tally, options, CJ_LAST_NON_DIRECT,
			   last_non_direct(tally, options->direct, touches, count), 1, 0, value);
	for (int32 i = 0; i < count; i++)
	{
		credit(tally, options, CJ_LINEAR, touches[i].channel, count, 0, value);
		credit(tally, options, CJ_POSITION, touches[i].channel, count,
			   i > 0 && i < count - 1, value);
	}
	credit_decay(tally, options, touches, count, value);
	credit_shapley(tally, options, touches, count, value);
	if (options->wanted[CJ_MARKOV])
	{
		walk_chain(tally, options->depth, touches, count, key);
		key[0] = CJ_COUNT_CONVERT;
		count_both(tally, key, CJ_SUM_CONVERT, value);
	}
	if (options->wanted[CJ_COUNTERFACTUAL])
	{
		memset(key, 0, sizeof(key));
		key[0] = CJ_COUNT_PATH;
		key[2] = cj_attribution_path(tally, touches, count);
		count_both(tally, key, CJ_SUM_PATH, value);
	}
}
