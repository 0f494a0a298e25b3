/*-------------------------------------------------------------------------
 *
 * fit_options.c
 *		The options of a fit: defaults, bounds, and the bytes that a state keeps.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"

#include "propensity/propensity.h"

const char *const cj_missing_name[CJ_MISSING_COUNT] = {
	"mean", "zero", "indicator", "skip", "error"
};

const char *const cj_se_name[CJ_SE_COUNT] = {
	"model", "HC0", "HC1", "CR0", "CR1"
};

void
cj_fit_defaults(CjFitOptions *options)
{
	memset(options, 0, sizeof(*options));
	options->standardize = true;
	options->intercept = true;
	options->class_weight[0] = options->class_weight[1] = 1;
	options->min_count = 1;
	options->max_levels = 100;
	options->max_iterations = 100;
	options->tolerance = 1e-10;
	options->bins = 10;
}

static void
out_of_range(const char *option, double value, const char *range)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("fit option \"%s\" is out of range: %g", option, value),
			 errhint("It must be %s.", range)));
}

/* Options that exclude each other. */
static void
check_together(const CjFitOptions *options)
{
	if (options->firth && (options->l1 > 0 || options->l2 > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fit option \"firth\" cannot be combined with \"l1\" or \"l2\""),
				 errhint("Either keeps the coefficients of separable data finite.")));
	if (options->profile > 0 && (options->firth || options->l1 > 0 || options->l2 > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fit option \"profile\" cannot be combined with \"firth\", \"l1\" or \"l2\""),
				 errhint("Profile intervals are of the likelihood alone.")));
	if (options->balanced &&
		(options->class_weight[0] != 1 || options->class_weight[1] != 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fit option \"balanced\" cannot be combined with \"class_weights\"")));
	if ((options->se_kind >= CJ_SE_CR0) != (options->cluster.data != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 options->cluster.data == NULL ?
				 errmsg("standard errors \"%s\" need fit option \"cluster\"",
						cj_se_name[options->se_kind]) :
				 errmsg("standard errors \"%s\" are not by cluster", cj_se_name[options->se_kind]),
				 errhint("With fit_options(cluster => 'column') they are \"CR1\" or \"CR0\".")));
	if (options->prior > 0 && !options->intercept)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fit option \"prior\" needs an intercept")));
}

void
cj_fit_options_check(const CjFitOptions *options)
{
	if (!(options->l1 >= 0) || isinf(options->l1))
		out_of_range("l1", options->l1, "0 or more");
	if (!(options->l2 >= 0) || isinf(options->l2))
		out_of_range("l2", options->l2, "0 or more");
	if (!(options->prior >= 0) || options->prior >= 1)
		out_of_range("prior", options->prior, "above 0 and below 1");
	if (!(options->profile >= 0) || options->profile >= 1)
		out_of_range("profile", options->profile, "above 0 and below 1");
	for (int i = 0; i < 2; i++)
		if (!(options->class_weight[i] > 0) || isinf(options->class_weight[i]))
			out_of_range("class_weights", options->class_weight[i], "above 0");
	if (options->min_count < 1)
		out_of_range("min_count", options->min_count, "1 or more");
	if (options->max_levels < 1 || options->max_levels > CJ_MAX_LEVELS)
		out_of_range("max_levels", options->max_levels, "from 1 to 1000");
	if (options->max_iterations < 1 || options->max_iterations > 10000)
		out_of_range("max_iterations", options->max_iterations, "from 1 to 10000");
	if (!(options->tolerance > 0) || options->tolerance > 1)
		out_of_range("tolerance", options->tolerance, "above 0 and at most 1");
	if (options->bins < 0 || options->bins == 1 || options->bins > CJ_MAX_BINS)
		out_of_range("bins", options->bins, "0, or from 2 to 100");
	check_together(options);
}

static void
write_text(StringInfo to, CjText t)
{
	pq_sendint32(to, t.data == NULL ? -1 : t.len);
	if (t.data != NULL)
		appendBinaryStringInfo(to, t.data, t.len);
}

static void
write_texts(StringInfo to, const CjText *texts, int count)
{
	pq_sendint32(to, count);
	for (int i = 0; i < count; i++)
		write_text(to, texts[i]);
}

void
cj_fit_options_write(StringInfo to, const CjFitOptions *options)
{
	pq_sendbyte(to, options->missing);
	write_texts(to, options->names, options->nnames);
	write_texts(to, options->exclude, options->nexclude);
	write_text(to, options->cluster);
	write_texts(to, options->reference_columns, options->nreference);
	write_texts(to, options->reference_levels, options->nreference);
	pq_sendfloat8(to, options->l1);
	pq_sendfloat8(to, options->l2);
	pq_sendbyte(to, options->standardize | options->firth << 1 |
				options->balanced << 2 | options->intercept << 3);
	pq_sendfloat8(to, options->class_weight[0]);
	pq_sendfloat8(to, options->class_weight[1]);
	pq_sendfloat8(to, options->prior);
	pq_sendfloat8(to, options->profile);
	pq_sendbyte(to, options->se_kind);
	pq_sendint32(to, options->min_count);
	pq_sendint32(to, options->max_levels);
	pq_sendint32(to, options->max_iterations);
	pq_sendfloat8(to, options->tolerance);
	pq_sendint32(to, options->bins);
}

static CjText
read_text(StringInfo from)
{
	int			len = pq_getmsgint(from, 4);
	CjText		t = {NULL, 0};

	if (len >= 0)
	{
		t.data = pq_getmsgbytes(from, len);
		t.len = len;
		/* the state may have come through its type's input function */
		pg_verifymbstr(t.data, t.len, false);
	}
	return t;
}

static CjText *
read_texts(StringInfo from, int *count)
{
	CjText	   *texts;

	*count = pq_getmsgint(from, 4);
	if (*count < 0 || *count > (from->len - from->cursor) / 4)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid fit options in an aggregate's state")));
	texts = palloc_array(CjText, Max(*count, 1));
	for (int i = 0; i < *count; i++)
		texts[i] = read_text(from);
	return texts;
}

bool
cj_is_cluster(const CjFitOptions *options, CjText name)
{
	return options->cluster.data != NULL && cj_text_compare(options->cluster, name) == 0;
}

/* The first byte is what becomes of missing values, wanted for every row. */
CjMissing
cj_fit_options_missing(const void *bytes, int size)
{
	return size > 0 ? *(const uint8 *) bytes : CJ_MISSING_MEAN;
}

/* The texts point into the bytes, which must outlive the options. */
void
cj_fit_options_read(const void *bytes, int size, CjFitOptions *options)
{
	StringInfoData from = {.data = (char *) bytes,.len = size,.maxlen = size};
	int			flags;
	int			nlevels;

	cj_fit_defaults(options);
	options->missing = pq_getmsgbyte(&from);
	options->names = read_texts(&from, &options->nnames);
	options->exclude = read_texts(&from, &options->nexclude);
	options->cluster = read_text(&from);
	options->reference_columns = read_texts(&from, &options->nreference);
	options->reference_levels = read_texts(&from, &nlevels);
	options->l1 = pq_getmsgfloat8(&from);
	options->l2 = pq_getmsgfloat8(&from);
	flags = pq_getmsgbyte(&from);
	options->standardize = flags & 1;
	options->firth = flags >> 1 & 1;
	options->balanced = flags >> 2 & 1;
	options->intercept = flags >> 3 & 1;
	options->class_weight[0] = pq_getmsgfloat8(&from);
	options->class_weight[1] = pq_getmsgfloat8(&from);
	options->prior = pq_getmsgfloat8(&from);
	options->profile = pq_getmsgfloat8(&from);
	options->se_kind = pq_getmsgbyte(&from);
	options->min_count = pq_getmsgint(&from, 4);
	options->max_levels = pq_getmsgint(&from, 4);
	options->max_iterations = pq_getmsgint(&from, 4);
	options->tolerance = pq_getmsgfloat8(&from);
	options->bins = pq_getmsgint(&from, 4);
	if (from.cursor != from.len || nlevels != options->nreference || flags > 15 ||
		options->se_kind >= CJ_SE_COUNT || options->missing >= CJ_MISSING_COUNT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid fit options in an aggregate's state")));
	cj_fit_options_check(options);
}
