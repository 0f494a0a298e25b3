/*-------------------------------------------------------------------------
 *
 * analyze_sql.c
 *		ANALYZE for journey columns: which events are common, how long journeys
 *		are.
 *
 * Counts of event names are kept by lossy counting (Manku and Motwani,
 * "Approximate Frequency Counts over Data Streams", 2002), so that memory stays
 * bounded even where every journey has names of its own.  With an error bound
 * e, a name's count is low by at most e times the names seen; names counted
 * less than that are dropped as they pass.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"
#include "common/hashfn.h"

#include "common/common.h"
#include "journey/datum.h"
#include "journey/statistics.h"

PG_FUNCTION_INFO_V1(cj_journey_typanalyze);

/* Names of up to this many bytes are counted; longer ones are hardly shared. */
#define LONGEST_COUNTED		255

typedef struct NameCount
{
	CjText		name;			/* copied */
	int32		count;			/* journeys that have it, since it was added */
	int32		missed;			/* at most so many before */
	uint32		hash;
	char		status;
} NameCount;

#define SH_PREFIX			counts
#define SH_ELEMENT_TYPE		NameCount
#define SH_KEY_TYPE			CjText
#define SH_KEY				name
#define SH_HASH_KEY(tb, key)	hash_bytes((const unsigned char *) (key).data, (key).len)
#define SH_EQUAL(tb, a, b)	(cj_text_compare(a, b) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a)	((a)->hash)
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct Counting
{
	counts_hash *table;
	int64		seen;			/* names of all journeys so far */
	int32		bucket;			/* names between two prunings */
	int64		journeys;
	int64		events;
	double		bytes;
} Counting;

static CjText
copy_name(CjText name)
{
	CjText		copy;

	copy.data = memcpy(palloc(Max(name.len, 1)), name.data, name.len);
	copy.len = name.len;
	return copy;
}

/* Drops the names that cannot be common. */
static void
prune(Counting *counting)
{
	counts_iterator iterator;
	NameCount  *entry;
	int32		buckets = (int32) (counting->seen / counting->bucket);

	counts_start_iterate(counting->table, &iterator);
	while ((entry = counts_iterate(counting->table, &iterator)) != NULL)
		if (entry->count + entry->missed <= buckets)
		{
			char	   *data = unconstify(char *, entry->name.data);

			counts_delete_item(counting->table, entry);
			pfree(data);
		}
}

static void
count_journey(Counting *counting, const CjView *view)
{
	counting->journeys++;
	counting->events += view->nevents;
	counting->bytes += view->size;
	for (int32 i = 0; i < view->events.count; i++)
	{
		CjText		name = cj_name(&view->events, i);
		NameCount  *entry;
		bool		found;

		if (name.len > LONGEST_COUNTED)
			continue;
		entry = counts_insert(counting->table, name, &found);
		if (!found)
		{
			entry->name = copy_name(name);
			entry->count = 0;
			entry->missed = (int32) (counting->seen / counting->bucket);
		}
		entry->count++;
		if (++counting->seen % counting->bucket == 0)
			prune(counting);
	}
}

static int
by_count(const void *a, const void *b)
{
	const NameCount *x = *(NameCount *const *) a;
	const NameCount *y = *(NameCount *const *) b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return cj_text_compare(x->name, y->name);
}

static int
by_name(const void *a, const void *b)
{
	return cj_text_compare((*(NameCount *const *) a)->name, (*(NameCount *const *) b)->name);
}

/* The most common names, in order of name; their number is returned. */
static int
common_names(Counting *counting, int most, NameCount ***result)
{
	counts_iterator iterator;
	NameCount  *entry;
	NameCount **names = palloc_array(NameCount *, Max(counting->table->members, 1));
	int			n = 0;

	/* counts this low may be those of names that were dropped meanwhile */
	int64		cutoff = 9 * counting->seen / counting->bucket;

	counts_start_iterate(counting->table, &iterator);
	while ((entry = counts_iterate(counting->table, &iterator)) != NULL)
		if (entry->count > cutoff || counting->seen < counting->bucket)
			names[n++] = entry;
	qsort(names, n, sizeof(*names), by_count);
	n = Min(n, most);
	qsort(names, n, sizeof(*names), by_name);
	*result = names;
	return n;
}

/* Fills a slot of the column's statistics, in memory that outlives this. */
static void
store_common(VacAttrStats *stats, int slot, NameCount **names, int n, int64 journeys)
{
	MemoryContext old = MemoryContextSwitchTo(stats->anl_context);
	Datum	   *values = palloc_array(Datum, n);
	float4	   *numbers = palloc_array(float4, n + 3);
	float4		least = 1;
	float4		most = 0;

	for (int i = 0; i < n; i++)
	{
		values[i] = PointerGetDatum(cj_text_datum(names[i]->name));
		numbers[i] = (float4) ((double) names[i]->count / journeys);
		least = Min(least, numbers[i]);
		most = Max(most, numbers[i]);
	}
	numbers[n] = least;
	numbers[n + 1] = most;
	numbers[n + 2] = 0;			/* no element is NULL */
	stats->stakind[slot] = STATISTIC_KIND_MCELEM;
	stats->staop[slot] = TextEqualOperator;
	stats->stacoll[slot] = C_COLLATION_OID;
	stats->stavalues[slot] = values;
	stats->numvalues[slot] = n;
	stats->stanumbers[slot] = numbers;
	stats->numnumbers[slot] = n + 3;
	stats->statypid[slot] = TEXTOID;
	stats->statyplen[slot] = -1;
	stats->statypbyval[slot] = false;
	stats->statypalign[slot] = TYPALIGN_INT;
	MemoryContextSwitchTo(old);
}

static void
store_mean(VacAttrStats *stats, int slot, double mean)
{
	stats->stakind[slot] = CJ_STATISTIC_KIND_EVENTS;
	stats->stanumbers[slot] = MemoryContextAlloc(stats->anl_context, sizeof(float4));
	stats->stanumbers[slot][0] = (float4) mean;
	stats->numnumbers[slot] = 1;
}

static void
compute_stats(VacAttrStatsP stats, AnalyzeAttrFetchFunc fetch, int samples, double total)
{
	int			most = CJ_STATISTICS_TARGET(stats) * 10;
	Counting	counting = {0};
	int			nulls = 0;
	NameCount **names;
	int			n;

	counting.table = counts_create(CurrentMemoryContext, 256, NULL);
	counting.bucket = (most + 10) * 1000 / 7;
	for (int i = 0; i < samples; i++)
	{
		bool		isnull;
		Datum		value = fetch(stats, i, &isnull);
		CjJourney  *journey;
		CjView		view;

		vacuum_delay_point_compat();
		if (isnull)
		{
			nulls++;
			continue;
		}
		journey = DatumGetJourney(value);
		cj_view_init(&view, journey);
		count_journey(&counting, &view);
		if ((Pointer) journey != DatumGetPointer(value))
			pfree(journey);
	}
	if (samples == 0)
		return;
	stats->stats_valid = true;
	stats->stanullfrac = (float4) ((double) nulls / samples);
	if (counting.journeys == 0)
	{
		stats->stawidth = 0;
		stats->stadistinct = 0;
		return;
	}
	stats->stawidth = (int32) (counting.bytes / counting.journeys) + VARHDRSZ;
	stats->stadistinct = (float4) (-1.0 * (1.0 - stats->stanullfrac));
	n = common_names(&counting, most, &names);
	store_mean(stats, 0, (double) counting.events / counting.journeys);
	if (n > 0)
		store_common(stats, 1, names, n, counting.journeys);
}

Datum
cj_journey_typanalyze(PG_FUNCTION_ARGS)
{
	VacAttrStats *stats = (VacAttrStats *) PG_GETARG_POINTER(0);

	if (CJ_STATISTICS_TARGET(stats) < 0)
		CJ_STATISTICS_TARGET(stats) = default_statistics_target;
	stats->compute_stats = compute_stats;
	stats->minrows = 300 * CJ_STATISTICS_TARGET(stats);
	PG_RETURN_BOOL(true);
}
