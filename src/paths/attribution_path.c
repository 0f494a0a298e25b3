/*-------------------------------------------------------------------------
 *
 * attribution_path.c
 *		What each channel contributed to conversions: path by path.
 *
 * The counterfactual model compares a path with itself without one touch: the
 * touch is worth by how much more often the path converted than the shorter one,
 * as the journeys had it, and nothing if it did not; a path's conversions are
 * divided in proportion, alike if no touch is worth anything.  That needs every
 * distinct path, which is counted under a name: for each channel the length of
 * its name in digits, a colon and the name, so that no name can be mistaken.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "compat.h"
#include "lib/stringinfo.h"
#include "paths/attribution.h"

/* A touch of a path's name. */
typedef struct Piece
{
	int32		start;			/* in the name */
	int32		len;
	int32		channel;
} Piece;

int32
cj_attribution_path(CjTallyRef *tally, const CjTouch *touches, int32 count)
{
	StringInfoData to;
	CjText		name;
	int32		code;

	initStringInfo(&to);
	for (int32 i = 0; i < count; i++)
	{
		CjText		channel = cj_tally_text(tally, touches[i].channel);

		appendStringInfo(&to, "%d:", channel.len);
		appendBinaryStringInfo(&to, channel.data, channel.len);
		if (to.len > CJ_MAX_NAME)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("path of %d touches is too long for the model \"counterfactual\"", count),
					 errhint("Use attribution_options(lookback => ...) or transforms that shorten paths.")));
	}
	name.data = to.data;
	name.len = to.len;
	code = cj_tally_name(tally, name);
	pfree(to.data);
	return code;
}

/* The touches of a path's name; NULL if it is none. */
static Piece *
parse_path(const CjAttribution *a, const CjTallyRef *tally, CjText name, int32 *count)
{
	Piece	   *pieces = palloc_array(Piece, name.len / 2 + 1);
	int32		at = 0;

	*count = 0;
	while (at < name.len)
	{
		Piece	   *piece = &pieces[(*count)++];
		CjText		channel = {NULL, 0};
		int32		code;

		piece->start = at;
		while (at < name.len && name.data[at] >= '0' && name.data[at] <= '9' && channel.len < name.len)
			channel.len = channel.len * 10 + (name.data[at++] - '0');
		if (at == piece->start || at >= name.len || name.data[at++] != ':' || channel.len > name.len - at)
			return NULL;
		channel.data = name.data + at;
		at += channel.len;
		piece->len = at - piece->start;
		code = cj_tally_find_name(tally, channel);
		piece->channel = code < 0 ? -1 : a->channels[code & ~CJ_TALLY_NAME];
		if (piece->channel < 0)
			return NULL;
	}
	return pieces;
}

/* Counts of each name as a path. */
typedef struct PathCounts
{
	int64	   *conversions;
	int64	   *nothing;
	double	   *values;
} PathCounts;

static double
rate_of(const PathCounts *counts, int32 code)
{
	double		conversions;

	if (code < 0)
		return 0;
	code &= ~CJ_TALLY_NAME;
	conversions = (double) counts->conversions[code];
	return conversions == 0 ? 0 : conversions / (conversions + (double) counts->nothing[code]);
}

static PathCounts
read_counts(const CjTallyRef *tally)
{
	PathCounts	counts;

	counts.conversions = palloc0_array(int64, tally->tally->names + 1);
	counts.nothing = palloc0_array(int64, tally->tally->names + 1);
	counts.values = palloc0_array(double, tally->tally->names + 1);
	for (int32 i = 0, end; i < tally->tally->entries; i = end)
	{
		const int32 *key = tally->parts.keys + (Size) i * tally->tally->width;
		int32		code = key[2] & ~CJ_TALLY_NAME;

		end = cj_tally_end(tally, i);
		if (key[0] == CJ_COUNT_PATH)
			counts.conversions[code] = tally->parts.counts[i];
		else if (key[0] == CJ_COUNT_PATH_NOTHING)
			counts.nothing[code] = tally->parts.counts[i];
		else if (key[0] == CJ_SUM_PATH)
			counts.values[code] = cj_tally_double(tally, i, end);
	}
	return counts;
}

/* Divides a path's conversions among its touches; false if its name is no path. */
static bool
divide(CjAttribution *a, const CjTallyRef *tally, const PathCounts *counts, int32 code)
{
	CjText		name = cj_tally_text(tally, code | CJ_TALLY_NAME);
	double		rate = rate_of(counts, code);
	double		all = 0;
	int32		count;
	Piece	   *pieces = parse_path(a, tally, name, &count);
	double	   *worth;
	char	   *shorter;

	if (pieces == NULL || count == 0)
		return false;
	worth = palloc_array(double, count);
	shorter = palloc(name.len + 1);
	for (int32 i = 0; i < count; i++)
	{
		int32		rest = name.len - pieces[i].start - pieces[i].len;
		CjText		without = {shorter, name.len - pieces[i].len};

		CHECK_FOR_INTERRUPTS();
		memcpy(shorter, name.data, pieces[i].start);
		memcpy(shorter + pieces[i].start, name.data + pieces[i].start + pieces[i].len, rest);
		worth[i] = Max(0, rate - (without.len == 0 ? 0 : rate_of(counts, cj_tally_find_name(tally, without))));
		all += worth[i];
	}
	for (int32 i = 0; i < count; i++)
	{
		CjCredit   *credit = &a->credits[(Size) pieces[i].channel * CJ_MODELS + CJ_COUNTERFACTUAL];
		double		share = all == 0 ? 1.0 / count : worth[i] / all;

		credit->conversions += share * (double) counts->conversions[code];
		if (counts->values[code] != 0 && share != 0)
			credit->value += share * counts->values[code];
	}
	pfree(pieces);
	pfree(worth);
	pfree(shorter);
	return true;
}

const char *
cj_attribution_counterfactual(CjAttribution *a, const CjTallyRef *tally)
{
	PathCounts	counts = read_counts(tally);

	for (int32 code = 0; code < tally->tally->names; code++)
		if (counts.conversions[code] > 0 && !divide(a, tally, &counts, code))
			return "It counts what does not exist.";
	return NULL;
}
