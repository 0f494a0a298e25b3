/*-------------------------------------------------------------------------
 *
 * graph_times.c
 *		What a bucket of a histogram says.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

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
