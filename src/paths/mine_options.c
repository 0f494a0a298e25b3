/*-------------------------------------------------------------------------
 *
 * mine_options.c
 *		From path_options to what is mined, and from what is mined to rows.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "journey/datum.h"
#include "paths/mine_options.h"
#include "paths/paths.h"

#define DEFAULT_MIN_SUPPORT		0.01

/* ---- reading ---- */

static int64
option_usec(CjOptions *options, const char *name)
{
	Datum		value;

	return cj_option(options, name, INTERVALOID, &value) ?
		cj_interval_usec_positive(DatumGetIntervalP(value), name) : -1;
}

static char *
option_word(CjOptions *options, const char *name)
{
	Datum		value;

	return cj_option(options, name, TEXTOID, &value) ? TextDatumGetCString(value) : NULL;
}

static void
bad_word(const char *name, const char *word, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" has unknown value \"%s\"", name, word),
			 errhint("Use %s.", hint)));
}

static void
read_words(CjMineOptions *result, CjOptions *options, CjKind kind)
{
	char	   *word = option_word(options, "kind");

	result->spec.kind = kind;
	if (word != NULL)
	{
		if (strcmp(word, "all") == 0)
			result->spec.kind = CJ_ALL;
		else if (strcmp(word, "closed") == 0)
			result->spec.kind = CJ_CLOSED;
		else if (strcmp(word, "maximal") == 0)
			result->spec.kind = CJ_MAXIMAL;
		else
			bad_word("kind", word, "'all', 'closed' or 'maximal'");
	}
	word = option_word(options, "same_time");
	if (word != NULL && strcmp(word, "order") != 0)
	{
		if (strcmp(word, "set") != 0)
			bad_word("same_time", word, "'order' or 'set'");
		result->spec.sets = true;
	}
}

static void
read_support(CjMineOptions *result, CjOptions *options)
{
	Datum		value;

	result->min_support = DEFAULT_MIN_SUPPORT;
	result->min_count = cj_option_integer(options, "min_count", 0, 1, PG_INT32_MAX);
	if (!cj_option(options, "min_support", FLOAT8OID, &value))
		return;
	if (result->min_count > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options \"min_support\" and \"min_count\" exclude each other")));
	result->min_support = DatumGetFloat8(value);
	if (!(result->min_support > 0 && result->min_support <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"min_support\" is out of range: %g", result->min_support),
				 errdetail("It is a share of the journeys, above 0 and up to 1.")));
}

CjMineOptions *
cj_mine_options(Datum record, bool isnull, const char *function, CjKind kind)
{
	static const char *const used[] = {
		"by", "collapse", "top", "min_support", "min_count", "kind", "min_length", "max_length",
		"min_gap", "max_gap", "max_gap_events", "max_span", "contains", "starts_with", "ends_with",
		"same_time", "outcome", NULL
	};
	CjOptions  *options = cj_options_read(record, isnull);
	CjMineOptions *result = palloc0_object(CjMineOptions);
	Datum		value;

	cj_options_only(options, used, function);
	read_words(result, options, kind);
	read_support(result, options);
	result->by = cj_option_by(options);
	result->collapse = cj_option_bool(options, "collapse", false);
	result->top = (int32) cj_option_integer(options, "top", 0, 1, PG_INT32_MAX);
	result->spec.min_length = (int32) cj_option_integer(options, "min_length", 1, 1, PG_INT32_MAX);
	result->spec.max_length = (int32) cj_option_integer(options, "max_length", PG_INT32_MAX, 1, PG_INT32_MAX);
	result->spec.max_gap_events = (int32) cj_option_integer(options, "max_gap_events", -1, 1, PG_INT32_MAX);
	result->spec.min_gap = Max(option_usec(options, "min_gap"), 0);
	result->spec.max_gap = option_usec(options, "max_gap");
	result->spec.max_span = option_usec(options, "max_span");
	if (cj_option(options, "contains", TEXTARRAYOID, &value))
		result->contains = cj_text_array(DatumGetArrayTypeP(value), "contains", &result->ncontains);
	if (cj_option(options, "starts_with", TEXTOID, &value))
		result->starts_with = DatumGetTextPP(value);
	if (cj_option(options, "ends_with", TEXTOID, &value))
		result->ends_with = DatumGetTextPP(value);
	if (cj_option_pattern(options, "outcome", &value))
		result->outcome = DatumGetPattern(value);
	return result;
}

/* ---- what depends on the journeys ---- */

/* The least whole number at or above share * n, in decimal arithmetic. */
static int64
enough(double share, int64 n)
{
	Datum		product = DirectFunctionCall2(numeric_mul,
											  DirectFunctionCall1(float8_numeric, Float8GetDatum(share)),
											  DirectFunctionCall1(int8_numeric, Int64GetDatum(n)));

	return Max(DatumGetInt64(DirectFunctionCall1(numeric_int8,
												 DirectFunctionCall1(numeric_ceil, product))), 1);
}

static int32
code_of(const CjText name, const CjSequences *sequences, const CjCollector *collector,
		const uint32 *order)
{
	int32		low = 0;
	int32		high = sequences->names;

	while (low < high)
	{
		int32		middle = low + (high - low) / 2;
		int			c = cj_text_compare(cj_dictionary_name(collector->names, order[middle]), name);

		if (c == 0)
			return middle;
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return CJ_ABSENT;
}

void
cj_mine_resolve(CjMineOptions *options, const CjSequences *sequences,
				const CjCollector *collector, const uint32 *order)
{
	CjMineSpec *spec = &options->spec;

	spec->min_count = options->min_count > 0 ? options->min_count :
		enough(options->min_support, sequences->count);
	spec->starts_with = options->starts_with == NULL ? CJ_ANY_CODE :
		code_of(cj_text_arg(options->starts_with), sequences, collector, order);
	spec->ends_with = options->ends_with == NULL ? CJ_ANY_CODE :
		code_of(cj_text_arg(options->ends_with), sequences, collector, order);
	spec->ncontains = options->ncontains;
	spec->contains = palloc_array(int32, options->ncontains + 1);
	for (int i = 0; i < options->ncontains; i++)
		spec->contains[i] = code_of(options->contains[i], sequences, collector, order);
}

/* ---- rows ---- */

/* What stands between two events of the pattern's text. */
static char *
arrow_text(const CjMineSpec *spec)
{
	StringInfoData arrow;
	bool		bounded = spec->min_gap > 0 && spec->max_gap >= 0;

	initStringInfo(&arrow);
	appendStringInfoString(&arrow, " -[");
	if (spec->min_gap > 0)
	{
		if (!bounded)
			appendStringInfoString(&arrow, ">= ");
		cj_append_duration(&arrow, spec->min_gap);
		if (bounded)
		{
			appendStringInfoString(&arrow, " .. ");
			cj_append_duration(&arrow, spec->max_gap);
		}
	}
	else if (spec->sets)
		appendStringInfoString(&arrow, "> 0 seconds");
	if (spec->max_gap >= 0 && !bounded)
	{
		appendStringInfoString(&arrow, arrow.len > 3 ? ", <= " : "<= ");
		cj_append_duration(&arrow, spec->max_gap);
	}
	if (spec->max_gap_events >= 0)
		appendStringInfo(&arrow, "%s<= %d events", arrow.len > 3 ? ", " : "", spec->max_gap_events);
	if (arrow.len == 3)
		return pstrdup(" -> ");
	appendStringInfoString(&arrow, "]-> ");
	return arrow.data;
}

/*
 * The pattern that the same journeys match; NULL where the language has no
 * words for it: positions among events with a channel, instants as positions.
 */
static CjPattern *
pattern_of(const CjMineOptions *options, const int32 *items, int32 length,
		   const CjCollector *collector, const uint32 *order)
{
	static const char *const lead[] = {"", ".@", ".#"};
	const CjMineSpec *spec = &options->spec;
	char	   *arrow;
	StringInfoData to;

	if (length > CJ_PATTERN_MAX_STATES ||
		(spec->max_gap_events >= 0 && (options->by != CJ_BY_EVENT || spec->sets)))
		return NULL;
	arrow = arrow_text(spec);
	initStringInfo(&to);
	for (int32 i = 0; i < length; i++)
	{
		if (i > 0)
			appendStringInfoString(&to, items[i] < 0 ? " -[<= 0 seconds]-> " : arrow);
		appendStringInfoString(&to, lead[options->by]);
		cj_append_name(&to, cj_dictionary_name(collector->names, order[cj_item_code_of(items[i])]));
	}
	if (spec->max_span >= 0)
	{
		appendStringInfoString(&to, " WITHIN ");
		cj_append_duration(&to, spec->max_span);
	}
	return cj_pattern_of_text(to.data, to.len, NULL);
}

/* "a > {b c} > d" */
static text *
path_text(const int32 *items, int32 length, const CjCollector *collector, const uint32 *order)
{
	StringInfoData to;

	initStringInfo(&to);
	for (int32 i = 0; i < length; i++)
	{
		CjText		name = cj_dictionary_name(collector->names, order[cj_item_code_of(items[i])]);
		bool		joined = i + 1 < length && items[i + 1] < 0;

		if (items[i] < 0)
			appendStringInfoChar(&to, ' ');
		else
		{
			if (i > 0)
				appendStringInfoString(&to, " > ");
			if (joined)
				appendStringInfoChar(&to, '{');
		}
		appendBinaryStringInfo(&to, name.data, name.len);
		if (items[i] < 0 && !joined)
			appendStringInfoChar(&to, '}');
	}
	return cstring_to_text_with_len(to.data, to.len);
}

void
cj_pattern_values(const CjMineOptions *options, const CjMined *mined, int64 i,
				  const CjCollector *collector, const uint32 *order, Datum *values, bool *nulls)
{
	const int32 *items = mined->items + mined->found[i].first;
	int32		length = mined->found[i].length;
	Datum	   *events = palloc_array(Datum, length);
	CjPattern  *pattern = pattern_of(options, items, length, collector, order);

	for (int32 j = 0; j < length; j++)
		events[j] = PointerGetDatum(cj_text_datum(cj_dictionary_name(collector->names,
																	 order[cj_item_code_of(items[j])])));
	values[0] = PointerGetDatum(path_text(items, length, collector, order));
	values[1] = PointerGetDatum(construct_array(events, length, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = PointerGetDatum(pattern);
	nulls[2] = pattern == NULL;
	values[3] = Int32GetDatum(length);
}
