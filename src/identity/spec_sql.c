/*-------------------------------------------------------------------------
 *
 * spec_sql.c
 *		linkage_spec and linkage_model read into an engine.
 *
 * Everything is checked here before use, since anyone can write such values.
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
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "common/common.h"
#include "identity/datum.h"
#include "identity/model.h"

#define DEFAULT_MAX_BLOCK		2000
#define DEFAULT_MAX_PAIRS		INT64CONST(50000000)
#define DEFAULT_U_PAIRS			INT64CONST(1000000)
#define DEFAULT_ITERATIONS		100
#define DEFAULT_TOLERANCE		1e-6
#define DEFAULT_MAX_TERMS		10000
#define DEFAULT_MAX_CLUSTER		100
#define DEFAULT_CONFLICT_WEIGHT	(-6.0)

static Datum
require(CjOptions *options, const char *name, Oid type)
{
	Datum		value;

	if (!cj_option(options, name, type, &value))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"%s\" of %s must not be NULL", name, options->type_name)));
	return value;
}

static CjText
text_option(CjOptions *options, const char *name, const char *fallback)
{
	CjText		t = {fallback, fallback == NULL ? 0 : (int32) strlen(fallback)};
	Datum		value;

	if (cj_option(options, name, TEXTOID, &value))
		t = cj_utf8_arg(DatumGetTextPP(value));
	return t;
}

static bool
bool_option(CjOptions *options, const char *name, bool fallback)
{
	Datum		value;

	return cj_option(options, name, BOOLOID, &value) ? DatumGetBool(value) : fallback;
}

static double
number_option(CjOptions *options, const char *name, double least, double most, double fallback)
{
	Datum		value;
	double		number;

	if (!cj_option(options, name, FLOAT8OID, &value))
		return fallback;
	number = DatumGetFloat8(value);
	if (!(number >= least && number <= most))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be between %g and %g", name, least, most)));
	return number;
}

static int64
count_option(CjOptions *options, const char *name, Oid type, int64 least, int64 fallback)
{
	Datum		value;
	int64		number;

	if (!cj_option(options, name, type, &value))
		return fallback;
	number = type == INT4OID ? DatumGetInt32(value) : DatumGetInt64(value);
	if (number < least)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be at least %lld", name, (long long) least)));
	return number;
}

/* Elements of a float8[] option; 0 if it is NULL. */
static int
numbers_option(CjOptions *options, const char *name, int most, double *to)
{
	Datum		value;
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (!cj_option(options, name, FLOAT8ARRAYOID, &value))
		return 0;
	array = DatumGetArrayTypeP(value);
	deconstruct_array(array, FLOAT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &elements, &nulls, &n);
	if (ARR_NDIM(array) != 1 || n > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be a one-dimensional array of 1 to %d numbers", name, most)));
	for (int i = 0; i < n; i++)
	{
		if (nulls[i] || isnan(DatumGetFloat8(elements[i])))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" must not contain NULL or NaN", name)));
		to[i] = DatumGetFloat8(elements[i]);
	}
	return n;
}

/* Elements of an array of composites whose type is known by its declaration only. */
static int
records_option(CjOptions *options, const char *name, Datum **elements)
{
	bool	   *nulls;
	int			n;

	for (int a = 0; options->desc != NULL && a < options->desc->natts; a++)
	{
		Form_pg_attribute attr = TupleDescAttr(options->desc, a);
		Oid			element;

		if (attr->attisdropped || strcmp(NameStr(attr->attname), name) != 0 || options->nulls[a])
			continue;
		element = get_element_type(attr->atttypid);
		if (!type_is_rowtype(element))
			break;
		deconstruct_array(DatumGetArrayTypeP(options->values[a]), element, -1, false,
						  TYPALIGN_DOUBLE, elements, &nulls, &n);
		for (int i = 0; i < n; i++)
			if (nulls[i])
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("\"%s\" must not contain NULL", name)));
		return n;
	}
	return 0;
}

/* m or u as given, best level first. */
static bool
read_shares(CjOptions *options, const char *name, const CjComparison *comparison, double *to)
{
	double		given[CJ_MAX_LEVELS];
	int			n = numbers_option(options, name, CJ_MAX_LEVELS, given);

	if (n == 0)
		return false;
	if (n != comparison->nlevels)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" of comparison \"%s\" must have %d elements, not %d", name,
						comparison->label, comparison->nlevels, n),
				 errdetail("One for equal values, one for each threshold, one for the rest.")));
	for (int i = 0; i < n; i++)
	{
		if (given[i] <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" of comparison \"%s\" must be positive", name,
							comparison->label)));
		to[n - 1 - i] = given[i];
	}
	return true;
}

static void
read_levels(CjOptions *options, CjComparison *comparison)
{
	double		given[CJ_MAX_LEVELS];
	int			n = numbers_option(options, "levels", CJ_MAX_LEVELS - 2, given);
	bool		distance = comparison->kind == CJ_COMPARE_LEVENSHTEIN ||
		comparison->kind == CJ_COMPARE_OSA;

	if (n > 0 && (comparison->kind == CJ_COMPARE_EXACT || comparison->kind == CJ_COMPARE_EMAIL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("comparisons of kind \"%s\" have no \"levels\"", comparison->kind_name)));
	for (int i = 1; i < n; i++)
		if (distance ? given[i] <= given[i - 1] : given[i] >= given[i - 1])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"levels\" of comparison \"%s\" must go from alike to different",
							comparison->label)));
	if (n > 0)
	{
		comparison->nthresholds = n;
		memcpy(comparison->threshold, given, sizeof(double) * n);
	}
	comparison->nlevels = comparison->nthresholds + 2;
}

static void
read_comparison(CjLinkage *linkage, Datum datum)
{
	CjOptions  *options = cj_options_read(datum, false);
	CjComparison *comparison = &linkage->comparison[linkage->ncomparisons];
	CjText		columns = cj_utf8_arg(DatumGetTextPP(require(options, "column_name", TEXTOID)));
	CjText		kind = text_option(options, "kind", "exact");
	CjText		normalizer_name = text_option(options, "normalizer", NULL);
	CjText		region = text_option(options, "region", "ES");
	CjNormalizer normalizer;
	int			length = 0;
	char	   *label = MemoryContextAllocZero(linkage->context, columns.len + 1);
	char		country[3] = {0};

	memcpy(label, columns.data, columns.len);
	comparison->label = label;
	if (!cj_compare_kind(kind, comparison, &normalizer))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown kind of comparison \"%.*s\"", kind.len, kind.data),
				 errhint("Known are exact, jaro_winkler, jaro, levenshtein, osa, text, name, "
						 "email, date, phone, document and postcode.")));
	if (normalizer_name.data != NULL &&
		(comparison->kind == CJ_COMPARE_DATE || comparison->kind == CJ_COMPARE_EMAIL ||
		 !cj_normalizer_named(normalizer_name, &normalizer, &length)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("normalizer \"%.*s\" cannot be used with comparisons of kind \"%s\"",
						normalizer_name.len, normalizer_name.data, comparison->kind_name)));
	memcpy(country, region.data, Min(region.len, 2));
	if (region.len != 2 || !cj_phone_region_known(country))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown telephone region \"%.*s\"", region.len, region.data)));
	comparison->field = cj_linkage_field(linkage, columns, normalizer, length, country);
	read_levels(options, comparison);
	comparison->terms = bool_option(options, "term_frequency", false);
	comparison->term_weight = number_option(options, "term_weight", 0, 10, 1);
	comparison->term_minimum = number_option(options, "term_minimum", 0, 1, 0);
	comparison->m_given = read_shares(options, "m", comparison, comparison->m_start);
	comparison->u_given = read_shares(options, "u", comparison, comparison->u_start);
	linkage->ncomparisons++;
}

static void
read_rules(CjLinkage *linkage, CjOptions *options)
{
	Datum		value;
	CjText	   *rules;
	int			n;

	if (!cj_option(options, "block_on", TEXTARRAYOID, &value))
		return;
	rules = cj_text_array(DatumGetArrayTypeP(value), "block_on", &n);
	for (int i = 0; i < n; i++)
		cj_linkage_rule(linkage, rules[i]);
}

static void
read_spec(CjLinkage *linkage, CjOptions *options)
{
	Datum	   *comparisons = NULL;
	int			n = records_option(options, "comparisons", &comparisons);

	if (n < 1 || n > CJ_MAX_COMPARISONS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a linkage specification needs 1 to %d comparisons", CJ_MAX_COMPARISONS)));
	for (int i = 0; i < n; i++)
		read_comparison(linkage, comparisons[i]);
	read_rules(linkage, options);
	linkage->max_block = count_option(options, "max_block", INT4OID, 0, DEFAULT_MAX_BLOCK);
	linkage->max_pairs = count_option(options, "max_pairs", INT8OID, 0, DEFAULT_MAX_PAIRS);
	linkage->u_budget = count_option(options, "u_pairs", INT8OID, 1000, DEFAULT_U_PAIRS);
	linkage->max_terms = count_option(options, "max_terms", INT4OID, 0, DEFAULT_MAX_TERMS);
	linkage->max_cluster = count_option(options, "max_cluster", INT4OID, 0, DEFAULT_MAX_CLUSTER);
	linkage->conflict_weight = number_option(options, "conflict_weight", -get_float8_infinity(),
											 get_float8_infinity(), DEFAULT_CONFLICT_WEIGHT);
	linkage->em.match_rate = number_option(options, "match_rate", 1e-15, 1 - 1e-9, 0);
	linkage->em.candidates_only = bool_option(options, "candidates_only", false);
	linkage->em.max_iterations = Min(count_option(options, "max_iterations", INT4OID, 0,
												  DEFAULT_ITERATIONS), 10000);
	linkage->em.tolerance = number_option(options, "tolerance", 0, 1, DEFAULT_TOLERANCE);
	linkage->em.fix_m = bool_option(options, "fix_m", false);
	linkage->em.fix_u = bool_option(options, "fix_u", true);
	linkage->em.train_terms = bool_option(options, "train_terms", false);
	linkage->em.prior = number_option(options, "prior", 0, 1e6, 1);
}

static void
bad_model(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid linkage model"),
			 errdetail("%s", detail),
			 errhint("Use a value that linkage_fit returned.")));
}

static void
load_levels(CjLinkage *linkage, CjOptions *options)
{
	Datum	   *levels = NULL;
	int			n = records_option(options, "levels", &levels);
	int			at = 0;

	for (int c = 0; c < linkage->ncomparisons; c++)
	{
		CjComparison *comparison = &linkage->comparison[c];

		for (int level = comparison->nlevels - 1; level >= 0; level--)
		{
			CjOptions  *row;

			if (at >= n)
				bad_model("It has fewer levels than its comparisons.");
			row = cj_options_read(levels[at++], false);
			comparison->m[level] = number_option(row, "m", 0, 1e6, 0);
			comparison->u[level] = number_option(row, "u", 0, 1e6, 0);
		}
	}
	if (at != n)
		bad_model("It has more levels than its comparisons.");
}

static void
load_terms(CjLinkage *linkage, CjOptions *options)
{
	Datum	   *rows = NULL;
	int			n = records_option(options, "terms", &rows);

	for (int i = 0; i < n; i++)
	{
		CjOptions  *row = cj_options_read(rows[i], false);
		int64		c = count_option(row, "comparison", INT4OID, 1, 1) - 1;
		CjComparison *comparison;
		CjText	   *terms;
		Datum	   *shares;
		bool	   *nulls;
		int			nterms;
		int			nshares;

		if (c >= linkage->ncomparisons)
			bad_model("Frequencies belong to no comparison.");
		comparison = &linkage->comparison[c];
		terms = cj_text_array(DatumGetArrayTypeP(require(row, "terms", TEXTARRAYOID)),
							  "terms", &nterms);
		deconstruct_array(DatumGetArrayTypeP(require(row, "shares", FLOAT8ARRAYOID)), FLOAT8OID,
						  8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &shares, &nulls, &nshares);
		if (nterms != nshares)
			bad_model("A comparison has not as many shares as terms.");
		comparison->other_share = number_option(row, "other_share", 0, 1, 1e-9);
		comparison->term_share = MemoryContextAllocHuge(linkage->context,
														sizeof(double) * Max(nterms, 1));
		comparison->nterms = nterms;
		for (int t = 0; t < nterms; t++)
		{
			if (cj_values_code(&linkage->field[comparison->field].values, terms[t].data,
							   terms[t].len) != t || nulls[t])
				bad_model("A term occurs twice, or two comparisons share a field.");
			comparison->term_share[t] = DatumGetFloat8(shares[t]);
		}
	}
}

/* The composite value of an attribute. */
static bool
nested_record(CjOptions *options, const char *name, Datum *value)
{
	for (int a = 0; options->desc != NULL && a < options->desc->natts; a++)
		if (strcmp(NameStr(TupleDescAttr(options->desc, a)->attname), name) == 0 &&
			!options->nulls[a] && type_is_rowtype(TupleDescAttr(options->desc, a)->atttypid))
		{
			*value = options->values[a];
			return true;
		}
	return false;
}

CjLinkage *
cj_linkage_of(MemoryContext context, Datum spec_or_model)
{
	CjLinkage  *linkage = cj_linkage_create(context);
	CjOptions  *options = cj_options_read(spec_or_model, false);
	Datum		spec;

	if (!nested_record(options, "spec", &spec))
	{
		read_spec(linkage, options);
		return linkage;
	}
	read_spec(linkage, cj_options_read(spec, false));
	load_levels(linkage, options);
	load_terms(linkage, options);
	linkage->match_rate = number_option(options, "match_rate", 0, 1, 0.5);
	linkage->threshold = number_option(options, "threshold", -1e6, 1e6, 0);
	linkage->fitted = true;
	return linkage;
}
