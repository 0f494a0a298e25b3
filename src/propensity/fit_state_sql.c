/*-------------------------------------------------------------------------
 *
 * fit_state_sql.c
 *		Collecting records for a fit: columns by name and type.
 *
 * The columns are those of the first row that is not NULL (and whose arrays
 * are not NULL, which is how many features they have is known); later rows
 * must have the same.  Categories are collected as codes of a dictionary.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "compat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "propensity/fit_state.h"

/* More distinct names in one column than any model could use. */
#define MAX_CODES	100000

/* More names of clusters than a fit should keep. */
#define MAX_CLUSTERS	1000000

CjFitState *
cj_fit_state_create(MemoryContext context, const char *bytes, int size, bool weighted)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	CjFitState *state = palloc0_object(CjFitState);

	state->context = context;
	state->weighted = weighted;
	initStringInfo(&state->bytes);
	appendBinaryStringInfo(&state->bytes, bytes, size);
	cj_fit_options_read(state->bytes.data, state->bytes.len, &state->options);
	state->pending = cj_sample_create(CJ_FOR_FIT, 0, weighted, NULL, 0);
	MemoryContextSwitchTo(old);
	return state;
}

CjText
cj_keep_text(MemoryContext context, const char *data, int len)
{
	CjText		t = {MemoryContextAlloc(context, Max(len, 1)), len};

	memcpy(unconstify(char *, t.data), data, len);
	return t;
}

static bool
is_cluster(const CjFitOptions *options, const char *name)
{
	CjText text = {name, strlen(name)};

	return cj_is_cluster(options, text);
}

/* Excluded columns; the clusters are wanted in any case. */
static bool
is_excluded(const CjFitOptions *options, const char *name)
{
	for (int i = 0; i < options->nexclude; i++)
		if (options->exclude[i].len == (int) strlen(name) &&
			memcmp(options->exclude[i].data, name, options->exclude[i].len) == 0)
			return !is_cluster(options, name);
	return false;
}

/* Every excluded column must exist: a misspelt one would become a feature. */
static void
check_excluded(const CjFitOptions *options, TupleDesc desc)
{
	for (int i = 0; i < options->nexclude; i++)
	{
		bool		found = false;

		for (int a = 0; a < desc->natts; a++)
		{
			const char *name = NameStr(TupleDescAttr(desc, a)->attname);

			found = found || (!TupleDescAttr(desc, a)->attisdropped &&
							  options->exclude[i].len == (int) strlen(name) &&
							  memcmp(options->exclude[i].data, name, strlen(name)) == 0);
		}
		if (!found)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%.*s\" to be excluded does not exist",
							options->exclude[i].len, options->exclude[i].data)));
	}
}

/* The column of the clusters must exist, and be one value. */
static void
check_cluster(const CjFitOptions *options, TupleDesc desc)
{
	if (options->cluster.data == NULL)
		return;
	for (int a = 0; a < desc->natts; a++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, a);

		if (attr->attisdropped || !is_cluster(options, NameStr(attr->attname)))
			continue;
		if (cj_column_type(attr->atttypid) == CJ_COLUMN_ARRAY ||
			cj_column_type(attr->atttypid) == CJ_COLUMN_UNUSABLE)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" has type %s, which cannot name clusters",
							NameStr(attr->attname), format_type_be(attr->atttypid)),
					 errhint("Convert it to a number or text.")));
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" with the clusters does not exist",
					pnstrdup(options->cluster.data, options->cluster.len))));
}

static void
check_column(const char *name, Oid type, CjColumnType column_type)
{
	if (name[0] == '\0' || strcmp(name, "?column?") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_DEFINITION),
				 errmsg("a column of the features has no name"),
				 errhint("Name it: LATERAL (SELECT t.a + t.b AS total) f")));
	if (column_type == CJ_COLUMN_UNUSABLE)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has type %s, which is not a feature",
						name, format_type_be(type)),
				 errhint("Numbers, boolean, text, enums and float8[] are. Convert it, or leave it out with fit_options(exclude => ARRAY['%s']).",
						 name)));
}

/* Are the columns named as ROW(...) names them, which is not at all? */
static bool
is_nameless(TupleDesc desc)
{
	for (int a = 0; a < desc->natts; a++)
	{
		char		name[32];

		snprintf(name, sizeof(name), "f%d", a + 1);
		if (strcmp(NameStr(TupleDescAttr(desc, a)->attname), name) != 0)
			return false;
	}
	return desc->natts > 0;
}

/*
 * The columns that the row's shape has, at the places it has them; the first
 * time they are taken over, later they are compared.
 */
static void
learn_columns(CjFitState *state)
{
	TupleDesc	desc = state->shape.desc;
	int			n = 0;

	check_excluded(&state->options, desc);
	check_cluster(&state->options, desc);
	if (desc->tdtypeid == RECORDOID && is_nameless(desc))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_DEFINITION),
				 errmsg("the features have no names"),
				 errhint("Instead of ROW(a, b), write LATERAL (SELECT t.a, t.b) f and pass f.")));
	if (state->sample == NULL)
		state->columns = MemoryContextAllocZero(state->context,
												Max(desc->natts, 1) * sizeof(CjFitColumn));
	for (int a = 0; a < desc->natts; a++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, a);
		const char *name = NameStr(attr->attname);
		CjColumnType type;

		if (attr->attisdropped || is_excluded(&state->options, name))
			continue;
		type = cj_column_type(attr->atttypid);
		check_column(name, attr->atttypid, type);
		if (state->sample == NULL)
		{
			state->columns[n].name = cj_keep_text(state->context, name, strlen(name));
			state->columns[n].type = type;
		}
		else if (n >= state->ncolumns || state->columns[n].type != type ||
				 state->columns[n].name.len != (int) strlen(name) ||
				 memcmp(state->columns[n].name.data, name, strlen(name)) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("rows of different shapes cannot be fitted together"),
					 errdetail("Column \"%s\" was not there, or of another type, in earlier rows.",
							   name)));
		state->columns[n++].attribute = a;
	}
	if (state->sample != NULL && n != state->ncolumns)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("rows of different shapes cannot be fitted together"),
				 errdetail("A row has %d columns instead of %d.", n, state->ncolumns)));
	state->ncolumns = n;
}

/* Reserves room in a sample of the state, letting go of the smaller one. */
static CjSample *
make_room(CjFitState *state, CjSample *sample, int64 more)
{
	MemoryContext old;
	CjSample   *larger;

	if (sample->nrows + more <= sample->capacity)
		return sample;
	old = MemoryContextSwitchTo(state->context);
	larger = cj_sample_reserve(sample, more);
	MemoryContextSwitchTo(old);
	pfree(sample);
	return larger;
}

/* Adds the rows that were NULL before the columns were known. */
static void
add_pending(CjFitState *state, const CjSample *pending)
{
	bool		arrays = false;

	for (int c = 0; c < state->ncolumns; c++)
		arrays = arrays || state->columns[c].type == CJ_COLUMN_ARRAY;
	state->sample->skipped += pending->skipped;
	if (arrays || state->options.missing == CJ_MISSING_SKIP)
	{
		state->sample->skipped += pending->nrows;
		return;
	}
	for (int i = 0; i < state->nvalues; i++)
		state->values[i] = NAN;
	for (int64 row = 0; row < pending->nrows; row++)
	{
		const uint8 *block = cj_sample_block(pending, row / pending->stride);
		int			i = (int) (row % pending->stride);

		state->sample = make_room(state, state->sample, 1);
		cj_sample_add(state->sample, cj_block_outcome(block, i),
					  pending->weighted ? cj_block_column(pending, block, -1)[i] : 1,
					  state->values);
	}
}

/* All columns and their numbers of values are known: rows can be collected. */
static void
start_sample(CjFitState *state)
{
	MemoryContext old = MemoryContextSwitchTo(state->context);
	int			next = 0;

	for (int c = 0; c < state->ncolumns; c++)
	{
		CjFitColumn *column = &state->columns[c];

		column->first = next;
		if (column->type != CJ_COLUMN_ARRAY)
			column->nvalues = 1;
		next += column->nvalues;
		if (cj_column_kind(column->type) == CJ_CATEGORY)
			column->levels = cj_dictionary_create(state->context);
	}
	if (next > CJ_MAX_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the record has %d features, more than %d", next, CJ_MAX_FEATURES)));
	state->nvalues = next;
	state->values = palloc_array(double, Max(next, 1));
	state->sample = cj_sample_create(CJ_FOR_FIT, next, state->weighted, NULL, 0);
	add_pending(state, state->pending);
	state->pending->nrows = 0;
	state->pending->skipped = 0;
	MemoryContextSwitchTo(old);
}

/* Lengths of the arrays of the first row; false if one is NULL. */
static bool
learn_arrays(CjFitState *state)
{
	for (int c = 0; c < state->ncolumns; c++)
	{
		CjFitColumn *column = &state->columns[c];

		if (column->type != CJ_COLUMN_ARRAY)
			continue;
		if (state->shape.nulls[column->attribute])
			return false;
		column->nvalues =
			cj_array_length(DatumGetArrayTypeP(state->shape.values[column->attribute]));
	}
	return true;
}

static double
level_code(const CjFitState *state, CjFitColumn *column, Datum value)
{
	bool		is_cluster = cj_is_cluster(&state->options, column->name);
	int			most = is_cluster ? MAX_CLUSTERS : MAX_CODES;
	CjText		level = cj_column_text(column->type, value);

	if (cj_dictionary_count(column->levels) > most)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column \"%.*s\" has more than %d distinct values",
						column->name.len, column->name.data, most),
				 is_cluster ? errhint("Use a number for the cluster.") :
				 errhint("Leave it out with fit_options(exclude => ARRAY['%.*s']).",
						 column->name.len, column->name.data)));
	return cj_dictionary_code(column->levels, level.data, level.len);
}

/* The row as values; false if it is left out. */
static bool
read_row(CjFitState *state, HeapTupleHeader row)
{
	if (!cj_row_is_of(&state->shape, row))
	{
		cj_row_shape(&state->shape, row, state->context);
		learn_columns(state);
	}
	cj_row_deform(&state->shape, row);
	if (state->sample == NULL)
	{
		if (!learn_arrays(state))
			return false;
		start_sample(state);
	}
	for (int c = 0; c < state->ncolumns; c++)
	{
		CjFitColumn *column = &state->columns[c];
		Datum		value = state->shape.values[column->attribute];
		double	   *to = &state->values[column->first];

		if (state->shape.nulls[column->attribute])
		{
			if (column->type == CJ_COLUMN_ARRAY)
				return false;
			*to = NAN;
		}
		else if (column->type == CJ_COLUMN_ARRAY)
			cj_array_numbers(DatumGetArrayTypeP(value), to, column->nvalues, column->name);
		else if (column->levels != NULL)
			*to = level_code(state, column, value);
		else
			*to = cj_column_number(column->type, value, column->name);
	}
	return true;
}

CjInput *
cj_fit_state_inputs(const CjFitState *state)
{
	CjInput    *inputs = palloc0_array(CjInput, Max(state->nvalues, 1));
	int			named = 0;

	for (int c = 0; c < state->ncolumns; c++)
	{
		const CjFitColumn *column = &state->columns[c];

		for (int i = 0; i < column->nvalues; i++)
		{
			CjInput    *input = &inputs[column->first + i];

			input->name = input->column = column->name;
			input->kind = cj_column_kind(column->type);
			input->is_cluster = cj_is_cluster(&state->options, column->name);
			if (column->type == CJ_COLUMN_ARRAY)
			{
				input->element = i + 1;
				if (named < state->options.nnames)
					input->name = state->options.names[named];
				else
				{
					input->name.data = psprintf("%.*s[%d]", column->name.len,
												column->name.data, i + 1);
					input->name.len = strlen(input->name.data);
				}
				named++;
			}
			if (column->levels == NULL)
				continue;
			input->ncodes = cj_dictionary_count(column->levels);
			input->codes = palloc_array(CjText, Max(input->ncodes, 1));
			for (int code = 0; code < input->ncodes; code++)
				input->codes[code] = cj_dictionary_name(column->levels, code);
		}
	}
	if (state->options.nnames > 0 && state->options.nnames != named)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fit option \"names\" has %d names for %d elements",
						state->options.nnames, named)));
	cj_check_names(inputs, state->nvalues);
	return inputs;
}

/* Where missing values are an error, names the column. */
static void
check_complete(const CjFitState *state)
{
	if (state->options.missing != CJ_MISSING_ERROR)
		return;
	for (int c = 0; c < state->ncolumns; c++)
		for (int i = 0; i < state->columns[c].nvalues; i++)
			if (isnan(state->values[state->columns[c].first + i]))
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("column \"%.*s\" is NULL, and missing is 'error'",
								state->columns[c].name.len, state->columns[c].name.data)));
}

/* Adds one row to the state. */
void
cj_fit_state_add(CjFitState *state, FunctionCallInfo fcinfo, int weight_argument)
{
	bool		is_null_record = PG_ARGISNULL(2);
	bool		counts;
	double		weight;

	if (is_null_record && state->options.missing == CJ_MISSING_ERROR)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the features are NULL, and missing is 'error'")));
	counts = !PG_ARGISNULL(1) && cj_row_weight(fcinfo, weight_argument, &weight);
	if (is_null_record && state->sample != NULL)
		for (int c = 0; c < state->ncolumns; c++)
		{
			counts = counts && state->columns[c].type != CJ_COLUMN_ARRAY;
			state->values[state->columns[c].first] = NAN;
		}
	else if (!is_null_record)
		counts = read_row(state, PG_GETARG_HEAPTUPLEHEADER(2)) && counts;

	if (state->sample == NULL)
	{
		if (!counts)
			state->pending->skipped++;
		else
		{
			state->pending = make_room(state, state->pending, 1);
			cj_sample_add(state->pending, PG_GETARG_BOOL(1), weight, NULL);
		}
		return;
	}
	if (counts)
		check_complete(state);
	if (!counts || cj_skip_missing(state->options.missing, state->values, state->nvalues))
	{
		state->sample->skipped++;
		return;
	}
	state->sample = make_room(state, state->sample, 1);
	cj_sample_add(state->sample, PG_GETARG_BOOL(1), weight, state->values);
}

/* Gives a state without columns those of another. */
static void
adopt_columns(CjFitState *state, const CjFitState *other)
{
	state->ncolumns = other->ncolumns;
	state->columns = MemoryContextAllocZero(state->context,
											Max(other->ncolumns, 1) * sizeof(CjFitColumn));
	for (int c = 0; c < other->ncolumns; c++)
	{
		CjFitColumn *column = &state->columns[c];

		column->name = cj_keep_text(state->context, other->columns[c].name.data,
									other->columns[c].name.len);
		column->type = other->columns[c].type;
		column->nvalues = other->columns[c].nvalues;
	}
	start_sample(state);
}

static void
check_same_columns(const CjFitState *a, const CjFitState *b)
{
	bool		same = a->ncolumns == b->ncolumns;

	for (int c = 0; same && c < a->ncolumns; c++)
		same = a->columns[c].type == b->columns[c].type &&
			a->columns[c].nvalues == b->columns[c].nvalues &&
			cj_text_compare(a->columns[c].name, b->columns[c].name) == 0;
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("rows of different shapes cannot be fitted together")));
}

/* Turns the other state's codes, in rows just appended, into this one's. */
static void
translate_codes(CjFitState *state, const CjFitState *other, int c, int64 from)
{
	CjDictionary *levels = other->columns[c].levels;
	int			n = cj_dictionary_count(levels);
	double	   *code_of = palloc_array(double, Max(n, 1));
	CjSample   *sample = state->sample;

	for (int code = 0; code < n; code++)
	{
		CjText		name = cj_dictionary_name(levels, code);

		code_of[code] = cj_dictionary_code(state->columns[c].levels, name.data, name.len);
	}
	for (int64 row = from; row < sample->nrows; row++)
	{
		double	   *value = cj_block_column(sample, cj_sample_block(sample, row / sample->stride),
											state->columns[c].first) + row % sample->stride;

		if (!isnan(*value))
			*value = code_of[(int) *value];
	}
	pfree(code_of);
}

void
cj_fit_state_append(CjFitState *state, const CjFitState *other)
{
	MemoryContext old;

	if (state->bytes.len != other->bytes.len ||
		memcmp(state->bytes.data, other->bytes.data, state->bytes.len) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the options of propensity_fit must not change within one aggregation")));
	old = MemoryContextSwitchTo(state->context);
	if (state->sample == NULL && other->sample != NULL)
		adopt_columns(state, other);
	if (other->sample != NULL)
	{
		int64		before;

		check_same_columns(state, other);
		state->sample = make_room(state, state->sample, other->sample->nrows);
		before = state->sample->nrows;
		cj_sample_append(state->sample, other->sample);
		for (int c = 0; c < state->ncolumns; c++)
			if (state->columns[c].levels != NULL)
				translate_codes(state, other, c, before);
	}
	if (state->sample != NULL)
		add_pending(state, other->pending);
	else
	{
		state->pending = make_room(state, state->pending, other->pending->nrows);
		cj_sample_append(state->pending, other->pending);
	}
	MemoryContextSwitchTo(old);
}
