/*-------------------------------------------------------------------------
 *
 * graph_times.c
 *		Histograms of the time that transitions take.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "paths/graph.h"

uint64
cj_bucket_value(int32 bucket)
{
	static const int64 units[] = {
		USECS_PER_DAY, 12 * USECS_PER_HOUR, 6 * USECS_PER_HOUR, USECS_PER_HOUR,
		30 * USECS_PER_MINUTE, 10 * USECS_PER_MINUTE, 5 * USECS_PER_MINUTE, USECS_PER_MINUTE,
		30 * USECS_PER_SEC, 10 * USECS_PER_SEC, 5 * USECS_PER_SEC, USECS_PER_SEC,
		100000, 10000, 1000, 100, 10
	};
	int			octave = bucket / CJ_SUB_BUCKETS;
	uint64		low = bucket % CJ_SUB_BUCKETS;
	uint64		high;
	uint64		middle;
	uint64		slack;

	if (octave == 0)
		return low;
	low = (CJ_SUB_BUCKETS + low) << (octave - 1);
	high = low + ((UINT64CONST(1) << (octave - 1)) - 1);
	middle = low + (high - low) / 2;
	/* low / 20 is 5 % of the least: what may be above low, or below high */
	slack = Min(high - middle, low / 20 - Min(low / 20, high - middle));
	for (int i = 0; i < (int) lengthof(units); i++)
	{
		uint64		round = (middle + slack) / units[i] * units[i];

		if (round >= middle - slack)
			return round;
	}
	return middle;
}

/* Copies counters to others that are not narrower. */
static void
copy_counters(char *to, int32 to_width, const char *from, int32 from_width, int32 count)
{
	if (to_width == from_width)
		memcpy(to, from, (Size) count * to_width);
	else if (from_width == 1)
		for (int32 i = 0; i < count; i++)
			cj_counter_set(to, to_width, i, ((const uint8 *) from)[i]);
	else if (from_width == 2)
		for (int32 i = 0; i < count; i++)
			cj_counter_set(to, to_width, i, ((const uint16 *) from)[i]);
	else
		for (int32 i = 0; i < count; i++)
			cj_counter_set(to, to_width, i, ((const uint32 *) from)[i]);
}

/*
 * Bytes for a histogram: those that another of this size has left, else at the end.
 * The graph may move.
 */
static int32
take_counters(CjGraphRef *ref, int32 bytes)
{
	int32		units = bytes / CJ_UNIT;
	int32		at;

	if (units < CJ_HOLES && ref->graph->holes[units] > 0)
	{
		at = ref->graph->holes[units] - 1;
		memcpy(&ref->graph->holes[units], ref->parts.counters + at, sizeof(int32));
		return at;
	}
	cj_graph_counters_room(ref, bytes);
	at = ref->graph->counters;
	ref->graph->counters += bytes;
	return at;
}

static void
leave_counters(CjGraphRef *ref, int32 at, int32 bytes)
{
	int32		units = bytes / CJ_UNIT;

	if (units >= CJ_HOLES)
		return;
	memcpy(ref->parts.counters + at, &ref->graph->holes[units], sizeof(int32));
	ref->graph->holes[units] = at + 1;
}

/* Moves a histogram elsewhere, with other octaves, which include its own, and counters. */
static void
move_histogram(CjGraphRef *ref, int32 edge, int32 first, int32 last, int32 width)
{
	int32		bytes = (last - first + 1) * CJ_SUB_BUCKETS * width;
	int32		at = take_counters(ref, bytes);
	CjGraphEdge *e = &ref->parts.edges[edge];
	char	   *to = ref->parts.counters + at;

	memset(to, 0, bytes);
	if (e->octaves > 0)
	{
		copy_counters(to + (e->octave - first) * CJ_SUB_BUCKETS * width, width,
					  ref->parts.counters + e->counters, e->width, e->octaves * CJ_SUB_BUCKETS);
		leave_counters(ref, e->counters, e->octaves * CJ_SUB_BUCKETS * e->width);
	}
	e->counters = at;
	e->octave = (int16) first;
	e->octaves = (int16) (last - first + 1);
	e->width = width;
}

/* Has an edge's histogram hold this bucket and what is between. */
static void
span_times(CjGraphRef *ref, int32 edge, int32 bucket)
{
	const CjGraphEdge *e = &ref->parts.edges[edge];
	int32		first = bucket / CJ_SUB_BUCKETS;
	int32		last = first;

	if (e->octaves > 0)
	{
		first = Min(first, e->octave);
		last = Max(last, e->octave + e->octaves - 1);
	}
	if (last - first + 1 > e->octaves)
		move_histogram(ref, edge, first, last, Max(e->width, 1));
}

int64
cj_graph_times(const CjGraphRef *ref, int32 edge, int32 bucket)
{
	const CjGraphEdge *e = &ref->parts.edges[edge];
	int32		i = bucket - e->octave * CJ_SUB_BUCKETS;

	if ((uint32) i >= (uint32) (e->octaves * CJ_SUB_BUCKETS))
		return 0;
	return cj_counter_get(ref->parts.counters + e->counters, e->width, i);
}

void
cj_graph_set_times(CjGraphRef *ref, int32 edge, int32 bucket, int64 count)
{
	const CjGraphEdge *e;
	int32		width;

	span_times(ref, edge, bucket);
	e = &ref->parts.edges[edge];
	for (width = e->width; !cj_counter_fits(width, count);)
		width *= 2;
	if (width > e->width)
	{
		move_histogram(ref, edge, e->octave, e->octave + e->octaves - 1, width);
		e = &ref->parts.edges[edge];
	}
	cj_counter_set(ref->parts.counters + e->counters, e->width,
				   bucket - e->octave * CJ_SUB_BUCKETS, count);
}

void
cj_graph_put_times(CjGraphRef *ref, int32 edge, const int32 *buckets, const int64 *counts, int32 count)
{
	uint64		bits = 0;
	int32		width = 1;
	int32		first = buckets[0] / CJ_SUB_BUCKETS;
	char	   *counters;

	for (int32 i = 0; i < count; i++)
		bits |= (uint64) counts[i];
	while (!cj_counter_fits(width, (int64) bits))
		width *= 2;
	move_histogram(ref, edge, first, buckets[count - 1] / CJ_SUB_BUCKETS, width);
	counters = ref->parts.counters + ref->parts.edges[edge].counters;
	first *= CJ_SUB_BUCKETS;
	if (width == 1)
		for (int32 i = 0; i < count; i++)
			((uint8 *) counters)[buckets[i] - first] = (uint8) counts[i];
	else
		for (int32 i = 0; i < count; i++)
			cj_counter_set(counters, width, buckets[i] - first, counts[i]);
}

int32
cj_graph_histogram(const CjGraphRef *ref, const CjGraphEdge *edge, int64 *counters)
{
	int32		count = edge->octaves * CJ_SUB_BUCKETS;

	copy_counters((char *) counters, sizeof(int64), ref->parts.counters + edge->counters,
				  edge->width, count);
	return count;
}

int64
cj_quantile_rank(int64 total, double share)
{
	int64		rank = (int64) ceil(share * (double) total);

	return Max(Min(rank, total), 1);
}

uint64
cj_quantile(const int64 *counters, int32 first, int32 count, int64 total, double share)
{
	int64		rank = cj_quantile_rank(total, share);

	for (int32 i = 0; i < count; i++)
	{
		rank -= counters[i];
		if (rank <= 0)
			return cj_bucket_value(first + i);
	}
	return 0;
}
