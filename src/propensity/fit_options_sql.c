/*-------------------------------------------------------------------------
 *
 * fit_options_sql.c
 *		The option record of propensity_fit, and what a fit says at its end.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "propensity/glue.h"

static double
float_option(CjOptions *options, const char *name, double otherwise)
{
	Datum		value;

	return cj_option(options, name, FLOAT8OID, &value) ? DatumGetFloat8(value) : otherwise;
}

static int32
int_option(CjOptions *options, const char *name, int32 otherwise)
{
	Datum		value;

	return cj_option(options, name, INT4OID, &value) ? DatumGetInt32(value) : otherwise;
}

static bool
bool_option(CjOptions *options, const char *name, bool otherwise)
{
	Datum		value;

	return cj_option(options, name, BOOLOID, &value) ? DatumGetBool(value) : otherwise;
}

static CjText *
texts_option(CjOptions *options, const char *name, int *count)
{
	Datum		value;

	*count = 0;
	return cj_option(options, name, TEXTARRAYOID, &value) ?
		cj_text_array(DatumGetArrayTypePCopy(value), name, count) : NULL;
}

/* One of several words. */
static int
word_option(CjOptions *options, const char *name, const char *const *words, int count)
{
	Datum		value;
	char	   *given;
	StringInfoData list;

	if (!cj_option(options, name, TEXTOID, &value))
		return 0;
	given = TextDatumGetCString(value);
	initStringInfo(&list);
	for (int i = 0; i < count; i++)
	{
		if (pg_strcasecmp(given, words[i]) == 0)
			return i;
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "", words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("fit option \"%s\" cannot be \"%s\"", name, given),
			 errhint("It is one of %s.", list.data)));
	return 0;
}

/* {"column": "level", ...} */
static void
reference_option(CjOptions *options, CjFitOptions *to)
{
	Datum		value;
	Jsonb	   *document;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	item;

	if (!cj_option(options, "reference", JSONBOID, &value))
		return;
	document = DatumGetJsonbPCopy(value);
	if (!JB_ROOT_IS_OBJECT(document))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fit option \"reference\" must be a JSON object"),
				 errhint("Such as {\"plan\": \"basic\"}: column and level.")));
	to->reference_columns = palloc_array(CjText, Max(JB_ROOT_COUNT(document), 1));
	to->reference_levels = palloc_array(CjText, Max(JB_ROOT_COUNT(document), 1));
	it = JsonbIteratorInit(&document->root);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		CjText		t;

		if (token != WJB_KEY && token != WJB_VALUE)
			continue;
		if (item.type != jbvString)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a level in fit option \"reference\" must be a string")));
		t.data = item.val.string.val;
		t.len = item.val.string.len;
		if (token == WJB_KEY)
			to->reference_columns[to->nreference] = t;
		else
			to->reference_levels[to->nreference++] = t;
	}
}

static void
class_weights_option(CjOptions *options, CjFitOptions *to)
{
	Datum		value;
	CjText		name = {"class_weights", 13};

	if (!cj_option(options, "class_weights", FLOAT8ARRAYOID, &value))
		return;
	if (cj_array_length(DatumGetArrayTypeP(value)) != 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fit option \"class_weights\" must have two elements"),
				 errhint("The weight of rows whose outcome is false, and of those where it is true.")));
	cj_array_numbers(DatumGetArrayTypeP(value), to->class_weight, 2, name);
}

void
cj_fit_options_from(Datum record, bool isnull, CjFitOptions *to)
{
	CjOptions  *options = cj_options_read(record, isnull);
	Datum		value;

	cj_fit_defaults(to);
	to->names = texts_option(options, "names", &to->nnames);
	to->exclude = texts_option(options, "exclude", &to->nexclude);
	reference_option(options, to);
	to->l1 = float_option(options, "l1", to->l1);
	to->l2 = float_option(options, "l2", to->l2);
	to->standardize = bool_option(options, "standardize", to->standardize);
	to->firth = bool_option(options, "firth", to->firth);
	to->balanced = bool_option(options, "balanced", to->balanced);
	to->intercept = bool_option(options, "intercept", to->intercept);
	class_weights_option(options, to);
	to->prior = float_option(options, "prior", 0);
	to->profile = float_option(options, "profile", 0);
	if (cj_option(options, "cluster", TEXTOID, &value))
	{
		to->cluster.data = TextDatumGetCString(value);
		to->cluster.len = strlen(to->cluster.data);
	}
	to->se_kind = cj_option(options, "standard_errors", TEXTOID, &value) ?
		word_option(options, "standard_errors", cj_se_name, CJ_SE_COUNT) :
		to->cluster.data != NULL ? CJ_SE_CR1 : CJ_SE_MODEL;
	to->missing = word_option(options, "missing", cj_missing_name, CJ_MISSING_COUNT);
	to->min_count = int_option(options, "min_count", to->min_count);
	to->max_levels = int_option(options, "max_levels", to->max_levels);
	to->max_iterations = int_option(options, "max_iterations", to->max_iterations);
	to->tolerance = float_option(options, "tolerance", to->tolerance);
	to->bins = int_option(options, "bins", to->bins);
	cj_fit_options_check(to);
}

static int
compare_inputs(const void *a, const void *b)
{
	return cj_text_compare((*(const CjInput *const *) a)->name,
						   (*(const CjInput *const *) b)->name);
}

void
cj_check_names(const CjInput *inputs, int count)
{
	const CjInput **sorted = palloc_array(const CjInput *, Max(count, 1));

	for (int i = 0; i < count; i++)
		sorted[i] = &inputs[i];
	qsort(sorted, count, sizeof(CjInput *), compare_inputs);
	for (int i = 0; i < count; i++)
	{
		CjText		name = sorted[i]->name;

		if (name.len == 0 || (i > 0 && compare_inputs(&sorted[i - 1], &sorted[i]) == 0))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 name.len == 0 ? errmsg("a feature has no name") :
					 errmsg("two features are named \"%.*s\"", name.len, name.data),
					 errhint("Give every column a name of its own: SELECT propensity_fit(bought, f) FROM t, LATERAL (SELECT t.age, t.city) f")));
	}
	pfree(sorted);
}

bytea *
cj_finish_fit(const CjSample *sample, const CjInput *inputs,
			  const CjFitOptions *options, bool array_input)
{
	CjModel    *model = cj_fit(sample, inputs, options, array_input);
	CjFitReport *report = &model->report;

	if (report->one_class)
		ereport(WARNING,
				(errmsg("all %lld outcomes are %s: the model knows only the base rate",
						(long long) report->rows, report->positives > 0 ? "true" : "false")));
	else if (report->separation != CJ_SEPARATION_NONE)
		ereport(WARNING,
				(errmsg("the features split the outcomes%s: the coefficients have no finite best values",
						report->separation == CJ_SEPARATION_COMPLETE ? " completely" : ""),
				 errhint("Use fit_options(firth => true) or a penalty such as l2 => 0.01.")));
	else if (!report->converged)
		ereport(WARNING,
				(errmsg("the fit did not converge in %d iterations", report->iterations),
				 errhint("Raise fit_options(max_iterations => ...), or use a penalty such as l2 => 0.01.")));
	return cj_model_datum(model);
}
