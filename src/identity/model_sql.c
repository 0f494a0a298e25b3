/*-------------------------------------------------------------------------
 *
 * model_sql.c
 *		linkage_spec and linkage_model as composite values.
 *
 * A model holds its specification, the levels' parameters, the frequencies of
 * values for comparisons that adjust for them, and how the fit went.  All of
 * it is read with plain SQL and checked here before use, since anyone can
 * write such a value.
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

/* ---- reading ---- */

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

/* ---- writing ---- */

static TupleDesc
element_desc(TupleDesc desc, int attribute)
{
	return lookup_rowtype_tupdesc_copy(get_element_type(TupleDescAttr(desc, attribute)->atttypid),
									   -1);
}

static Datum
number_array(const double *numbers, int n)
{
	Datum	   *elements = palloc_array(Datum, Max(n, 1));

	for (int i = 0; i < n; i++)
		elements[i] = Float8GetDatum(numbers[i]);
	return PointerGetDatum(construct_array(elements, n, FLOAT8OID, 8, FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

Datum
cj_model_levels(const CjLinkage *linkage, TupleDesc model)
{
	TupleDesc	desc = element_desc(model, 12);
	HeapTuple  *tuples = palloc_array(HeapTuple, CJ_MAX_COMPARISONS * CJ_MAX_LEVELS);
	int			n = 0;

	for (int c = 0; c < linkage->ncomparisons; c++)
	{
		const CjComparison *comparison = &linkage->comparison[c];

		for (int level = comparison->nlevels - 1; level >= 0; level--)
		{
			bool		nulls[8] = {false};
			Datum		values[8];
			char	   *label = cj_level_label(comparison, level);

			values[0] = PointerGetDatum(cj_utf8_text(comparison->label, strlen(comparison->label)));
			values[1] = Int32GetDatum(level);
			values[2] = CStringGetTextDatum(label);
			values[3] = Float8GetDatum(comparison->m[level]);
			values[4] = Float8GetDatum(comparison->u[level]);
			values[5] = Float8GetDatum(cj_level_weight(comparison, level));
			values[6] = Float8GetDatum(comparison->u_pairs[level]);
			values[7] = BoolGetDatum(comparison->u_exact);
			tuples[n++] = heap_form_tuple(desc, values, nulls);
		}
	}
	return cj_composite_array(desc, tuples, n);
}

typedef struct Term
{
	int32		code;
	int32		count;
	CjText		text;
} Term;

static int
compare_terms(const void *a, const void *b)
{
	const Term *x = a;
	const Term *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return cj_text_compare(x->text, y->text);
}

/* The frequent values of a comparison, most frequent first; others by their average. */
static HeapTuple
terms_tuple(const CjLinkage *linkage, int c, TupleDesc desc)
{
	const CjComparison *comparison = &linkage->comparison[c];
	const CjValues *values = &linkage->field[comparison->field].values;
	Term	   *term = MemoryContextAllocHuge(CurrentMemoryContext,
											  sizeof(Term) * Max((Size) values->nvalues, 1));
	bool		nulls[5] = {false};
	Datum		columns[5];
	Datum	   *texts;
	double	   *shares;
	int64		rest = comparison->present;
	int32		distinct = 0;
	int32		n = 0;
	int32		kept;

	for (int32 i = 0; i < values->nvalues; i++)
	{
		distinct += values->value[i].count > 0;
		if (values->value[i].count < 2)
			continue;
		term[n].code = i;
		term[n].count = values->value[i].count;
		term[n++].text = cj_value_text(values, i);
	}
	qsort(term, n, sizeof(Term), compare_terms);
	kept = Min(n, linkage->max_terms);
	texts = palloc_array(Datum, Max(kept, 1));
	shares = palloc_array(double, Max(kept, 1));
	for (int32 i = 0; i < kept; i++)
	{
		texts[i] = PointerGetDatum(cj_utf8_text(term[i].text.data, term[i].text.len));
		shares[i] = (double) term[i].count / comparison->present;
		rest -= term[i].count;
	}
	columns[0] = Int32GetDatum(c + 1);
	columns[1] = Int64GetDatum(comparison->present);
	columns[2] = Float8GetDatum(distinct > kept ?
								(double) rest / (distinct - kept) / comparison->present :
								1.0 / Max(comparison->present, 1));
	columns[3] = PointerGetDatum(construct_array(texts, kept, TEXTOID, -1, false, TYPALIGN_INT));
	columns[4] = number_array(shares, kept);
	pfree(term);
	return heap_form_tuple(desc, columns, nulls);
}

static Datum
terms_datum(const CjLinkage *linkage, TupleDesc desc)
{
	HeapTuple	tuples[CJ_MAX_COMPARISONS];
	int			n = 0;

	for (int c = 0; c < linkage->ncomparisons; c++)
		if (linkage->comparison[c].terms)
			tuples[n++] = terms_tuple(linkage, c, desc);
	return cj_composite_array(desc, tuples, n);
}

HeapTuple
cj_iteration_tuple(const CjLinkage *linkage, int i, TupleDesc desc)
{
	const CjIteration *at = &linkage->trace[i];
	double	   *m = palloc_array(double, CJ_MAX_COMPARISONS * CJ_MAX_LEVELS);
	double	   *u = palloc_array(double, CJ_MAX_COMPARISONS * CJ_MAX_LEVELS);
	bool		nulls[6] = {false};
	Datum		values[6];
	int			n = 0;

	for (int c = 0; c < linkage->ncomparisons; c++)
		for (int level = linkage->comparison[c].nlevels - 1; level >= 0; level--, n++)
		{
			m[n] = at->m[c][level];
			u[n] = at->u[c][level];
		}
	values[0] = Int32GetDatum(i);
	values[1] = Float8GetDatum(at->match_rate);
	values[2] = Float8GetDatum(at->change);
	values[3] = Float8GetDatum(at->log_likelihood);
	values[4] = number_array(m, n);
	values[5] = number_array(u, n);
	nulls[2] = nulls[3] = i == 0;
	return heap_form_tuple(desc, values, nulls);
}

static Datum
trace_datum(const CjLinkage *linkage, TupleDesc desc)
{
	HeapTuple  *tuples = palloc_array(HeapTuple, Max(linkage->ntrace, 1));

	for (int i = 0; i < linkage->ntrace; i++)
		tuples[i] = cj_iteration_tuple(linkage, i, desc);
	return cj_composite_array(desc, tuples, linkage->ntrace);
}

/* What a user should know before trusting the model. */
static Datum
warnings_datum(const CjLinkage *linkage)
{
	Datum		texts[CJ_MAX_COMPARISONS + CJ_MAX_RULES + 4];
	int			n = 0;

	if (linkage->candidates == 0)
		texts[n++] = CStringGetTextDatum("no candidate pairs: the blocking rules find nothing");
	if (!linkage->converged && linkage->candidates > 0)
		texts[n++] = CStringGetTextDatum(psprintf("not converged after %d iterations",
												  linkage->iterations));
	for (int c = 0; c < linkage->ncomparisons; c++)
	{
		const CjComparison *comparison = &linkage->comparison[c];

		if (cj_level_weight(comparison, comparison->nlevels - 1) <=
			cj_level_weight(comparison, 0))
			texts[n++] = CStringGetTextDatum(psprintf("equal values of \"%s\" speak against a match",
													  comparison->label));
	}
	for (int r = 0; r < linkage->nrules; r++)
		if (linkage->rule[r].skipped_blocks > 0)
			texts[n++] = CStringGetTextDatum(psprintf("rule \"%s\" left out %lld blocks with %lld pairs",
													  linkage->rule[r].text,
													  (long long) linkage->rule[r].skipped_blocks,
													  (long long) linkage->rule[r].skipped_pairs));
	return PointerGetDatum(construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
cj_linkage_model_datum(CjLinkage *linkage, Datum spec, TupleDesc desc)
{
	bool		nulls[15] = {false};
	Datum		values[15];

	values[0] = Int32GetDatum(CJ_MODEL_VERSION);
	values[1] = spec;
	values[2] = Int64GetDatum(linkage->nrecords);
	values[3] = Int64GetDatum(linkage->candidates);
	values[4] = Float8GetDatum(linkage->match_rate);
	values[5] = Float8GetDatum(linkage->threshold);
	values[6] = Float8GetDatum(linkage->expected_matches);
	values[7] = Float8GetDatum(linkage->expected_precision);
	values[8] = Float8GetDatum(linkage->expected_recall);
	values[9] = Int32GetDatum(linkage->iterations);
	values[10] = BoolGetDatum(linkage->converged);
	values[11] = warnings_datum(linkage);
	values[12] = cj_model_levels(linkage, desc);
	values[13] = terms_datum(linkage, element_desc(desc, 13));
	values[14] = trace_datum(linkage, element_desc(desc, 14));
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}
