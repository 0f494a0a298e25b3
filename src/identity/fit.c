/*-------------------------------------------------------------------------
 *
 * fit.c
 *		From records to a fitted model, and from a model to weighed pairs.
 *
 * One pass over the candidates compares each pair and keeps its pattern, 12
 * bytes a pair; everything after that works on patterns.  The threshold is the
 * weight at which the expected F1 is largest: with the model's own
 * probabilities, pairs above it hold so many matches, and so many are below.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "compat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "identity/linkage.h"

#define ST_SORT sort_pairs
#define ST_ELEMENT_TYPE CjPair
#define ST_COMPARE(x, y) ((x)->a != (y)->a ? ((x)->a < (y)->a ? -1 : 1) : \
						  (x)->b < (y)->b ? -1 : (x)->b > (y)->b)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

typedef struct Candidate
{
	int32		a;
	int32		b;
	uint32		pattern;
} Candidate;

typedef struct Pattern
{
	uint64		key;
	double		term;			/* see CjPatterns.term */
	int64		count;
} Pattern;

/* The patterns met so far, and the candidates by pattern. */
typedef struct CjCollector
{
	CjLinkage  *linkage;
	Pattern    *pattern;
	uint32		npatterns;
	uint32		pattern_room;
	uint32	   *slot;
	uint32		mask;
	uint64		last_key;
	uint32		last_pattern;
	bool		keep;			/* candidates, too */
	Candidate  *candidate;
	int64		ncandidates;
	int64		candidate_room;
} Collector;

void
cj_pair_levels(CjLinkage *linkage, int32 a, int32 b, int8 *level)
{
	for (int c = 0; c < linkage->ncomparisons; c++)
	{
		CjComparison *comparison = &linkage->comparison[c];
		CjField    *field = &linkage->field[comparison->field];

		level[c] = cj_compare(comparison, &field->values, field->code[a], field->code[b]);
	}
}

/* The part of an exact agreement's adjustment that does not depend on u. */
static double
fixed_term(const CjLinkage *linkage, const CjComparison *comparison, int32 a)
{
	const CjField *field = &linkage->field[comparison->field];
	double		share = cj_term_share(comparison, &field->values, field->code[a]);

	return -comparison->term_weight * log2(Max(share, Max(comparison->term_minimum, 1e-12)));
}

double
cj_term_weight(const CjLinkage *linkage, const CjComparison *comparison, int level,
			   int32 a, int32 b)
{
	int			top = comparison->nlevels - 1;

	if (!comparison->terms || level != top)
		return 0.0;
	return comparison->term_weight * log2(Max(comparison->u[top], 1e-300)) +
		fixed_term(linkage, comparison, a);
}

double
cj_pair_weight(CjLinkage *linkage, int32 a, int32 b)
{
	int8		level[CJ_MAX_COMPARISONS];
	double		weight = cj_prior_weight(linkage->match_rate);

	cj_pair_levels(linkage, a, b, level);
	for (int c = 0; c < linkage->ncomparisons; c++)
		weight += cj_level_weight(&linkage->comparison[c], level[c]) +
			cj_term_weight(linkage, &linkage->comparison[c], level[c], a, b);
	return weight;
}

static uint64
pattern_key(const CjLinkage *linkage, const int8 *level)
{
	uint64		key = 0;

	for (int c = 0; c < linkage->ncomparisons; c++)
		key = key * (linkage->comparison[c].nlevels + 1) + (level[c] + 1);
	return key;
}

static void
key_levels(const CjLinkage *linkage, uint64 key, int8 *level)
{
	for (int c = linkage->ncomparisons - 1; c >= 0; c--)
	{
		int			radix = linkage->comparison[c].nlevels + 1;

		level[c] = (int8) (key % radix) - 1;
		key /= radix;
	}
}

static uint32
pattern_hash(uint64 key, double term)
{
	uint64		bits;

	memcpy(&bits, &term, sizeof(bits));
	return (uint32) (((key ^ bits * UINT64CONST(0x9E3779B97F4A7C15)) *
					  UINT64CONST(0xD6E8FEB86659FD93)) >> 32);
}

static void
collector_init(Collector *collector, CjLinkage *linkage, bool keep)
{
	memset(collector, 0, sizeof(*collector));
	collector->linkage = linkage;
	collector->keep = keep;
	collector->mask = 1023;
	collector->slot = palloc0_array(uint32, collector->mask + 1);
	collector->last_key = PG_UINT64_MAX;
}

static void
spread_patterns(Collector *collector)
{
	collector->mask = collector->mask * 2 + 1;
	pfree(collector->slot);
	collector->slot = MemoryContextAllocExtended(CurrentMemoryContext, sizeof(uint32) *
												 ((Size) collector->mask + 1),
												 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 i = 0; i < collector->npatterns; i++)
	{
		uint32		s = pattern_hash(collector->pattern[i].key, collector->pattern[i].term) &
			collector->mask;

		while (collector->slot[s] != 0)
			s = (s + 1) & collector->mask;
		collector->slot[s] = i + 1;
	}
}

static uint32
find_pattern(Collector *collector, uint64 key, double term)
{
	uint32		s = pattern_hash(key, term) & collector->mask;
	Pattern    *pattern;

	for (; collector->slot[s] != 0; s = (s + 1) & collector->mask)
	{
		pattern = &collector->pattern[collector->slot[s] - 1];
		if (pattern->key == key && pattern->term == term)
			return collector->slot[s] - 1;
	}
	if (collector->npatterns == collector->pattern_room)
	{
		Size		room = Max(256, (Size) collector->pattern_room * 2);

		collector->pattern = collector->pattern == NULL ?
			palloc_array(Pattern, room) :
			repalloc_huge(collector->pattern, sizeof(Pattern) * room);
		collector->pattern_room = (uint32) room;
	}
	collector->slot[s] = ++collector->npatterns;
	pattern = &collector->pattern[collector->npatterns - 1];
	pattern->key = key;
	pattern->term = term;
	pattern->count = 0;
	if (collector->npatterns > collector->mask / 2)
		spread_patterns(collector);
	return collector->npatterns - 1;
}

static void
keep_candidate(Collector *collector, int32 a, int32 b, uint32 pattern)
{
	Candidate  *candidate;

	if (collector->ncandidates == collector->candidate_room)
	{
		collector->candidate_room = Max(1024, collector->candidate_room * 2);
		collector->candidate = collector->candidate == NULL ?
			MemoryContextAllocHuge(CurrentMemoryContext,
								   sizeof(Candidate) * collector->candidate_room) :
			repalloc_huge(collector->candidate,
						  sizeof(Candidate) * collector->candidate_room);
	}
	candidate = &collector->candidate[collector->ncandidates++];
	candidate->a = a;
	candidate->b = b;
	candidate->pattern = pattern;
}

static void
collect_pair(void *arg, int32 a, int32 b, int rule)
{
	Collector  *collector = arg;
	CjLinkage  *linkage = collector->linkage;
	int8		level[CJ_MAX_COMPARISONS];
	double		term = 0;
	uint64		key;

	cj_pair_levels(linkage, a, b, level);
	key = pattern_key(linkage, level);
	if (linkage->em.train_terms)
		for (int c = 0; c < linkage->ncomparisons; c++)
			if (linkage->comparison[c].terms && level[c] == linkage->comparison[c].nlevels - 1)
				term += fixed_term(linkage, &linkage->comparison[c], a);
	if (key != collector->last_key || linkage->em.train_terms)
	{
		collector->last_pattern = find_pattern(collector, key, term);
		collector->last_key = key;
	}
	collector->pattern[collector->last_pattern].count++;
	if (collector->keep)
		keep_candidate(collector, a, b, collector->last_pattern);
	else
		collector->ncandidates++;
}

static int
compare_patterns(const void *a, const void *b)
{
	const Pattern *x = a;
	const Pattern *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->term < y->term ? -1 : x->term > y->term;
}

/* The patterns in the order of their keys, so that sums are always the same. */
static CjPatterns *
sorted_patterns(const Collector *collector)
{
	CjLinkage  *linkage = collector->linkage;
	CjPatterns *patterns = palloc0_object(CjPatterns);
	Size		n = Max(collector->npatterns, 1);
	Pattern    *sorted = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Pattern) * n);

	if (collector->npatterns > 0)
		memcpy(sorted, collector->pattern, sizeof(Pattern) * collector->npatterns);
	qsort(sorted, collector->npatterns, sizeof(Pattern), compare_patterns);
	patterns->ncomparisons = linkage->ncomparisons;
	patterns->npatterns = collector->npatterns;
	patterns->level = MemoryContextAllocHuge(CurrentMemoryContext, n * linkage->ncomparisons);
	patterns->count = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(double));
	if (linkage->em.train_terms)
		patterns->term = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(double));
	for (uint32 i = 0; i < collector->npatterns; i++)
	{
		key_levels(linkage, sorted[i].key, patterns->level + (Size) i * linkage->ncomparisons);
		patterns->count[i] = (double) sorted[i].count;
		if (patterns->term != NULL)
			patterns->term[i] = sorted[i].term;
	}
	pfree(sorted);
	return patterns;
}

/* Weight of a pattern without what depends on the values. */
static double
pattern_weight(const CjLinkage *linkage, uint64 key)
{
	int8		level[CJ_MAX_COMPARISONS];
	double		weight = cj_prior_weight(linkage->match_rate);

	key_levels(linkage, key, level);
	for (int c = 0; c < linkage->ncomparisons; c++)
		weight += cj_level_weight(&linkage->comparison[c], level[c]);
	return weight;
}

static double *
pattern_weights(const Collector *collector)
{
	double	   *weight = palloc_array(double, Max(collector->npatterns, 1));

	for (uint32 i = 0; i < collector->npatterns; i++)
		weight[i] = pattern_weight(collector->linkage, collector->pattern[i].key);
	return weight;
}

static double
candidate_weight(const Collector *collector, const double *weight, const Candidate *candidate)
{
	const CjLinkage *linkage = collector->linkage;
	double		sum = weight[candidate->pattern];

	for (int c = 0; c < linkage->ncomparisons; c++)
	{
		const CjComparison *comparison = &linkage->comparison[c];
		const int32 *code;

		if (!comparison->terms)
			continue;
		code = linkage->field[comparison->field].code;
		if (code[candidate->a] >= 0 && code[candidate->a] == code[candidate->b])
			sum += cj_term_weight(linkage, comparison, comparison->nlevels - 1,
								  candidate->a, candidate->b);
	}
	return sum;
}

/* ---- threshold ---- */

#define BUCKETS_A_BIT	16
#define WEIGHT_RANGE	64
#define BUCKETS			(2 * WEIGHT_RANGE * BUCKETS_A_BIT)
#define PROBABILITY_UNIT ((double) (INT64CONST(1) << 30))

static int
bucket_of(double weight)
{
	double		at = floor((weight + WEIGHT_RANGE) * BUCKETS_A_BIT);

	return (int) Min(Max(at, 0), BUCKETS - 1);
}

/* Probabilities are added as integers: their sum does not depend on the order. */
static void
choose_threshold(Collector *collector)
{
	CjLinkage  *linkage = collector->linkage;
	double	   *weight = pattern_weights(collector);
	int64	   *pairs = palloc0_array(int64, BUCKETS);
	int64	   *matches = palloc0_array(int64, BUCKETS);
	int64		all = 0;
	int64		found = 0;
	int64		taken = 0;
	double		best = -1;

	for (int64 i = 0; i < collector->ncandidates; i++)
	{
		double		w = candidate_weight(collector, weight, &collector->candidate[i]);
		int64		p = llrint(cj_probability(w) * PROBABILITY_UNIT);
		int			bucket = bucket_of(w);

		pairs[bucket]++;
		matches[bucket] += p;
		all += p;
	}
	linkage->threshold = 0;
	for (int bucket = BUCKETS - 1; bucket >= 0; bucket--)
	{
		double		f1;

		if (pairs[bucket] == 0)
			continue;
		taken += pairs[bucket];
		found += matches[bucket];
		f1 = 2.0 * found / (taken * PROBABILITY_UNIT + all);
		if (f1 <= best)
			continue;
		best = f1;
		linkage->threshold = (double) bucket / BUCKETS_A_BIT - WEIGHT_RANGE;
		linkage->expected_precision = found / (taken * PROBABILITY_UNIT);
		linkage->expected_recall = (double) found / Max(all, 1);
	}
	linkage->expected_matches = all / PROBABILITY_UNIT;
	pfree(weight);
	pfree(pairs);
	pfree(matches);
}

/* ---- fit ---- */

/* Where EM starts: as given, or at equal values, which is what matches mostly have. */
void
cj_start_parameters(CjLinkage *linkage)
{
	for (int c = 0; c < linkage->ncomparisons; c++)
	{
		CjComparison *comparison = &linkage->comparison[c];
		int			top = comparison->nlevels - 1;

		for (int level = 0; level <= top; level++)
		{
			comparison->m[level] = comparison->m_given ? comparison->m_start[level] :
				level == top ? 0.8 : 0.2 / top;
			if (comparison->u_given)
				comparison->u[level] = comparison->u_start[level];
		}
	}
}

void
cj_linkage_fit(CjLinkage *linkage)
{
	MemoryContext old = MemoryContextSwitchTo(linkage->context);
	Collector  *collector = palloc_object(Collector);
	CjPatterns *patterns;
	double		pairs = (double) linkage->nrecords * (linkage->nrecords - 1) / 2;

	for (int c = 0; c < linkage->ncomparisons; c++)
		cj_compare_prepare(&linkage->comparison[c], linkage->context);
	cj_start_parameters(linkage);
	cj_blocking_prepare(linkage, true);
	cj_estimate_u(linkage);
	collector_init(collector, linkage, true);
	cj_blocking_run(linkage, collect_pair, collector);
	linkage->candidates = collector->ncandidates;
	linkage->match_rate = linkage->em.match_rate > 0 ? linkage->em.match_rate :
		1.0 / Max(linkage->nrecords, 2);
	patterns = sorted_patterns(collector);
	patterns->unseen = linkage->em.candidates_only ? 0 :
		Max(pairs - (double) collector->ncandidates, 0);
	cj_em(linkage, patterns);
	choose_threshold(collector);
	linkage->fitted = true;
	linkage->collector = collector;
	MemoryContextSwitchTo(old);
}

/* ---- score ---- */

CjPair *
cj_linkage_score(CjLinkage *linkage, double threshold, int64 *npairs)
{
	Collector  *collector = linkage->collector;
	CjPair	   *pair = NULL;
	int64		room = 0;
	int64		n = 0;
	double	   *weight;

	if (collector == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(linkage->context);

		for (int c = 0; c < linkage->ncomparisons; c++)
			cj_compare_prepare(&linkage->comparison[c], linkage->context);
		cj_blocking_prepare(linkage, true);
		collector = palloc_object(Collector);
		collector_init(collector, linkage, true);
		linkage->em.train_terms = false;
		cj_blocking_run(linkage, collect_pair, collector);
		linkage->candidates = collector->ncandidates;
		linkage->collector = collector;
		MemoryContextSwitchTo(old);
	}
	weight = pattern_weights(collector);
	for (int64 i = 0; i < collector->ncandidates; i++)
	{
		Candidate  *candidate = &collector->candidate[i];
		double		w = candidate_weight(collector, weight, candidate);

		if (w < threshold)
			continue;
		if (n == room)
		{
			room = Max(1024, room * 2);
			pair = pair == NULL ? MemoryContextAllocHuge(CurrentMemoryContext,
														 sizeof(CjPair) * room) :
				repalloc_huge(pair, sizeof(CjPair) * room);
		}
		pair[n].a = Min(candidate->a, candidate->b);
		pair[n].b = Max(candidate->a, candidate->b);
		pair[n++].weight = w;
	}
	if (n > 0)
		sort_pairs(pair, n);
	pfree(weight);
	*npairs = n;
	return pair;
}
