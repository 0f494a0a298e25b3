/*-------------------------------------------------------------------------
 *
 * em.c
 *		m by expectation and maximisation, on counts of agreement patterns.
 *
 * A step costs the number of different patterns, not of pairs.  Pairs that no
 * rule proposes count as pairs that do not match: they take part in the match
 * rate (and would in u, which is counted beforehand), so that what is fitted
 * describes all pairs and not those that happen to share a key.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/progress.h"
#include "compat.h"
#include "miscadmin.h"

#include "identity/linkage.h"

#define TINY	1e-300

typedef struct Sums
{
	double		m[CJ_MAX_COMPARISONS][CJ_MAX_LEVELS];
	double		u[CJ_MAX_COMPARISONS][CJ_MAX_LEVELS];
	double		matches;
	double		pairs;
	double		log_likelihood;
} Sums;

double
cj_prior_weight(double match_rate)
{
	return log2(match_rate) - log2(1.0 - match_rate);
}

double
cj_probability(double weight)
{
	return weight >= 0 ? 1.0 / (1.0 + exp2(-weight)) : exp2(weight) / (1.0 + exp2(weight));
}

double
cj_level_weight(const CjComparison *comparison, int level)
{
	return level < 0 ? 0.0 :
		log2(Max(comparison->m[level], TINY)) - log2(Max(comparison->u[level], TINY));
}

/* One pattern's part in the sums, at the present parameters. */
static void
expect(const CjLinkage *linkage, const CjPatterns *patterns, int i,
	   double log_match, double log_rest, Sums *sums)
{
	const int8 *level = patterns->level + (Size) i * patterns->ncomparisons;
	double		count = patterns->count[i];
	double		weight = log_match - log_rest;
	double		base = log_rest;
	double		p;

	for (int c = 0; c < patterns->ncomparisons; c++)
	{
		const CjComparison *comparison = &linkage->comparison[c];

		weight += cj_level_weight(comparison, level[c]);
		if (level[c] >= 0)
			base += log2(Max(comparison->u[level[c]], TINY));
		if (patterns->term != NULL && comparison->terms && level[c] == comparison->nlevels - 1)
			weight += comparison->term_weight * log2(Max(comparison->u[level[c]], TINY));
	}
	if (patterns->term != NULL)
		weight += patterns->term[i];
	p = cj_probability(weight);
	sums->matches += p * count;
	sums->pairs += count;
	/* log2 (match + rest) = log2 rest + log2 (1 + 2^weight) */
	sums->log_likelihood += count * M_LN2 *
		(base + (weight > 60 ? weight : log1p(exp2(weight)) / M_LN2));
	for (int c = 0; c < patterns->ncomparisons; c++)
		if (level[c] >= 0)
		{
			sums->m[c][level[c]] += p * count;
			sums->u[c][level[c]] += (1.0 - p) * count;
		}
}

/* New shares from sums; the largest change. */
static double
maximize(double *share, const double *sum, int nlevels, double prior)
{
	double		total = prior;
	double		change = 0;

	for (int level = 0; level < nlevels; level++)
		total += sum[level];
	if (total <= 0)
		return 0;
	for (int level = 0; level < nlevels; level++)
	{
		double		next = (sum[level] + prior / nlevels) / total;

		change = Max(change, fabs(next - share[level]));
		share[level] = next;
	}
	return change;
}

static double
iterate(CjLinkage *linkage, const CjPatterns *patterns, double *log_likelihood)
{
	Sums	   *sums = palloc0_object(Sums);
	double		log_match = log2(Max(linkage->match_rate, TINY));
	double		log_rest = log2(Max(1.0 - linkage->match_rate, TINY));
	double		rate;
	double		change;

	for (int i = 0; i < patterns->npatterns; i++)
		expect(linkage, patterns, i, log_match, log_rest, sums);
	rate = (sums->matches) / (sums->pairs + patterns->unseen);
	change = fabs(rate - linkage->match_rate);
	linkage->match_rate = rate;
	linkage->expected_matches = sums->matches;
	for (int c = 0; c < patterns->ncomparisons; c++)
	{
		CjComparison *comparison = &linkage->comparison[c];

		double		moved = 0;

		if (!linkage->em.fix_m)
			moved = maximize(comparison->m, sums->m[c], comparison->nlevels,
							 linkage->em.prior);
		change = Max(change, moved);
		if (!linkage->em.fix_u)
			moved = maximize(comparison->u, sums->u[c], comparison->nlevels, 0);
		change = Max(change, moved);
	}
	*log_likelihood = sums->log_likelihood;
	pfree(sums);
	return change;
}

static void
remember(CjLinkage *linkage, double change, double log_likelihood)
{
	CjIteration *at = &linkage->trace[linkage->ntrace++];

	memset(at, 0, sizeof(*at));
	at->match_rate = linkage->match_rate;
	at->change = change;
	at->log_likelihood = log_likelihood;
	for (int c = 0; c < linkage->ncomparisons; c++)
	{
		memcpy(at->m[c], linkage->comparison[c].m, sizeof(at->m[c]));
		memcpy(at->u[c], linkage->comparison[c].u, sizeof(at->u[c]));
	}
}

void
cj_em(CjLinkage *linkage, const CjPatterns *patterns)
{
	double		log_likelihood = 0;

	linkage->trace = MemoryContextAlloc(linkage->context, sizeof(CjIteration) *
										(Size) (linkage->em.max_iterations + 1));
	linkage->ntrace = 0;
	linkage->converged = false;
	remember(linkage, 0, 0);
	cj_progress_phase("estimating; at most so many iterations", linkage->em.max_iterations);
	for (linkage->iterations = 0; linkage->iterations < linkage->em.max_iterations;)
	{
		double		change;

		CHECK_FOR_INTERRUPTS();
		if (patterns->npatterns == 0)
			break;
		change = iterate(linkage, patterns, &log_likelihood);
		linkage->iterations++;
		cj_progress_update(linkage->iterations);
		remember(linkage, change, log_likelihood);
		if (change < linkage->em.tolerance)
		{
			linkage->converged = true;
			break;
		}
	}
}
