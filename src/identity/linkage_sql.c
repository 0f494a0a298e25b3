/*-------------------------------------------------------------------------
 *
 * linkage_sql.c
 *		SQL functions on models and pairs of rows.
 *
 * A session keeps the engines of the models it last used (site_sql.c); two rows
 * are put into one, compared and forgotten.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "common/common.h"
#include "identity/datum.h"
#include "identity/model.h"

PG_FUNCTION_INFO_V1(cj_linkage_probability);
PG_FUNCTION_INFO_V1(cj_linkage_weight);
PG_FUNCTION_INFO_V1(cj_linkage_compare);
PG_FUNCTION_INFO_V1(cj_linkage_explain);
PG_FUNCTION_INFO_V1(cj_linkage_keys);
PG_FUNCTION_INFO_V1(cj_linkage_em);

/*
 * Engines kept for the session, found again by the bytes of their models.
 * Call sites come and go with every execution of a prepared statement, and
 * setting an engine up takes longer than weighing many pairs.
 */
#define SITES 4

static CjSite sites[SITES];
static int	next_site = 0;

/* The engine of the model (or specification) in argument 0. */
static CjSite *
site_of(FunctionCallInfo fcinfo)
{
	HeapTupleHeader model = PG_GETARG_HEAPTUPLEHEADER(0);
	Size		size = HeapTupleHeaderGetDatumLength(model);
	CjSite	   *site;

	for (int i = 0; i < SITES; i++)
	{
		site = &sites[i];
		if (site->model == NULL || VARSIZE(site->model) - VARHDRSZ != size ||
			memcmp(VARDATA(site->model), model, size) != 0)
			continue;
		cj_site_clear(site);
		return site;
	}
	site = &sites[next_site];
	next_site = (next_site + 1) % SITES;
	cj_site_set_up(site, model);
	return site;
}

static void
add_row(CjSite *site, FunctionCallInfo fcinfo, int argument)
{
	cj_site_add(site, PG_GETARG_DATUM(argument),
				get_fn_expr_argtype(fcinfo->flinfo, argument) == JSONBOID);
}

/* Puts the rows in arguments 1 and 2 into the engine, as records 0 and 1. */
static CjSite *
site_with_pair(FunctionCallInfo fcinfo, bool need_fit)
{
	CjSite	   *site = site_of(fcinfo);

	if (need_fit && !site->linkage->fitted)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a fitted model is needed, not a specification")));
	add_row(site, fcinfo, 1);
	add_row(site, fcinfo, 2);
	return site;
}

/*
 * linkage_probability(weight)
 */
Datum
cj_linkage_probability(PG_FUNCTION_ARGS)
{
	double		weight = PG_GETARG_FLOAT8(0);

	if (isnan(weight))
		PG_RETURN_FLOAT8(weight);
	PG_RETURN_FLOAT8(isinf(weight) ? (weight > 0 ? 1.0 : 0.0) : cj_probability(weight));
}

/*
 * linkage_weight(model, a, b)
 */
Datum
cj_linkage_weight(PG_FUNCTION_ARGS)
{
	CjSite	   *site = site_with_pair(fcinfo, true);

	PG_RETURN_FLOAT8(cj_pair_weight(site->linkage, 0, 1));
}

/*
 * linkage_compare(model or specification, a, b): the levels, NULL where missing
 */
Datum
cj_linkage_compare(PG_FUNCTION_ARGS)
{
	CjSite	   *site = site_with_pair(fcinfo, false);
	int			n = site->linkage->ncomparisons;
	int8		level[CJ_MAX_COMPARISONS];
	Datum		values[CJ_MAX_COMPARISONS];
	bool		nulls[CJ_MAX_COMPARISONS];
	int			lower[1] = {1};

	cj_pair_levels(site->linkage, 0, 1, level);
	for (int c = 0; c < n; c++)
	{
		values[c] = Int32GetDatum(level[c]);
		nulls[c] = level[c] < 0;
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(values, nulls, 1, &n, lower, INT4OID, 4, true,
											 TYPALIGN_INT));
}

static Datum
value_datum(const CjLinkage *linkage, int c, int record, bool *isnull)
{
	const CjField *field = &linkage->field[linkage->comparison[c].field];
	CjText		value;

	*isnull = field->code[record] < 0;
	if (*isnull)
		return (Datum) 0;
	value = cj_value_text(&field->values, field->code[record]);
	return PointerGetDatum(cj_utf8_text(value.data, value.len));
}

/*
 * linkage_explain(model, a, b): the prior, each comparison, and the sum so far
 */
Datum
cj_linkage_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = cj_materialize(fcinfo);
	CjSite	   *site = site_with_pair(fcinfo, true);
	CjLinkage  *linkage = site->linkage;
	int8		level[CJ_MAX_COMPARISONS];
	double		running = cj_prior_weight(linkage->match_rate);

	cj_pair_levels(linkage, 0, 1, level);
	for (int step = 0; step <= linkage->ncomparisons; step++)
	{
		int			c = step - 1;
		CjComparison *comparison = &linkage->comparison[Max(c, 0)];
		Datum		values[12];
		bool		nulls[12] = {false};
		double		weight = 0;
		double		term = 0;

		values[0] = Int32GetDatum(step);
		values[1] = CStringGetTextDatum(step == 0 ? "match rate" : comparison->label);
		for (int i = 2; i < 10; i++)
			nulls[i] = step == 0;
		if (step > 0)
		{
			weight = cj_level_weight(comparison, level[c]);
			term = cj_term_weight(linkage, comparison, level[c], 0, 1);
			values[2] = Int32GetDatum(level[c]);
			values[3] = CStringGetTextDatum(cj_level_label(comparison, level[c]));
			values[4] = value_datum(linkage, c, 0, &nulls[4]);
			values[5] = value_datum(linkage, c, 1, &nulls[5]);
			nulls[2] = nulls[6] = nulls[7] = level[c] < 0;
			values[6] = Float8GetDatum(level[c] < 0 ? 0 : comparison->m[level[c]]);
			values[7] = Float8GetDatum(level[c] < 0 ? 0 : comparison->u[level[c]]);
			values[9] = Float8GetDatum(term);
			running += weight + term;
		}
		nulls[8] = false;
		values[8] = Float8GetDatum(step == 0 ? running : weight);
		values[10] = Float8GetDatum(running);
		values[11] = Float8GetDatum(cj_probability(running));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * linkage_keys(model or specification, row): what to find candidates by
 */
Datum
cj_linkage_keys(PG_FUNCTION_ARGS)
{
	CjSite	   *site = site_of(fcinfo);
	int64		key[CJ_MAX_RULES];
	Datum		keys[CJ_MAX_RULES];
	int			n;

	add_row(site, fcinfo, 1);
	n = cj_stored_keys(site->linkage, 0, key);
	for (int i = 0; i < n; i++)
		keys[i] = Int64GetDatum(key[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(keys, n, INT8OID, 8, FLOAT8PASSBYVAL,
										  TYPALIGN_DOUBLE));
}

/* Patterns given as an array of rows of levels, NULL where missing. */
static CjPatterns *
patterns_of(CjLinkage *linkage, ArrayType *levels, ArrayType *counts)
{
	CjPatterns *patterns = palloc0_object(CjPatterns);
	Datum	   *level;
	Datum	   *count;
	bool	   *level_null;
	bool	   *count_null;
	int			nlevels;
	int			ncounts;

	deconstruct_array(levels, INT4OID, 4, true, TYPALIGN_INT, &level, &level_null, &nlevels);
	deconstruct_array(counts, FLOAT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &count, &count_null, &ncounts);
	if (nlevels != ncounts * linkage->ncomparisons)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d patterns of %d comparisons need %d levels, not %d", ncounts,
						linkage->ncomparisons, ncounts * linkage->ncomparisons, nlevels)));
	patterns->ncomparisons = linkage->ncomparisons;
	patterns->npatterns = ncounts;
	patterns->level = palloc(Max(nlevels, 1));
	patterns->count = palloc_array(double, Max(ncounts, 1));
	for (int i = 0; i < nlevels; i++)
	{
		int			c = i % linkage->ncomparisons;
		int32		l = level_null[i] ? -1 : DatumGetInt32(level[i]);

		if (l < -1 || l >= linkage->comparison[c].nlevels)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("comparison \"%s\" has no level %d", linkage->comparison[c].label, l)));
		patterns->level[i] = l;
	}
	for (int i = 0; i < ncounts; i++)
	{
		patterns->count[i] = count_null[i] ? -1 : DatumGetFloat8(count[i]);
		if (!(patterns->count[i] >= 0) || isinf(patterns->count[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("counts of patterns must be finite and not negative")));
	}
	return patterns;
}

/*
 * linkage_em(spec, levels, counts): the iterations of EM on counted patterns
 */
Datum
cj_linkage_em(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = cj_materialize(fcinfo);
	CjLinkage  *linkage = cj_linkage_of(CurrentMemoryContext, PG_GETARG_DATUM(0));
	CjPatterns *patterns = patterns_of(linkage, PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2));

	linkage->match_rate = linkage->em.match_rate > 0 ? linkage->em.match_rate : 1e-4;
	for (int c = 0; c < linkage->ncomparisons; c++)
		if (!linkage->comparison[c].u_given)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("comparison \"%s\" needs \"u\"", linkage->comparison[c].label),
					 errdetail("Without records there are no frequencies to take it from.")));
	cj_start_parameters(linkage);
	cj_em(linkage, patterns);
	for (int i = 0; i < linkage->ntrace; i++)
	{
		HeapTuple	tuple = cj_iteration_tuple(linkage, i, rsinfo->setDesc);

		tuplestore_puttuple(rsinfo->setResult, tuple);
	}
	return (Datum) 0;
}
