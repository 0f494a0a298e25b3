/*-------------------------------------------------------------------------
 *
 * rule.c
 *		Specifications in words: columns of a field, parts of a rule.
 *
 *		field	column[,column...]
 *		rule	field[:normalizer] [+ field[:normalizer] ...]	or *
 *
 * Blanks around the signs are free.  A number as normalizer is a prefix of so
 * many characters.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "utils/memutils.h"

#include "identity/linkage.h"

CjLinkage *
cj_linkage_create(MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	CjLinkage  *linkage = palloc0_object(CjLinkage);

	linkage->context = context;
	linkage->field = palloc0_array(CjField, CJ_MAX_FIELDS);
	linkage->comparison = palloc0_array(CjComparison, CJ_MAX_COMPARISONS);
	linkage->rule = palloc0_array(CjRule, CJ_MAX_RULES);
	linkage->column = palloc0_array(char *, CJ_MAX_FIELDS * CJ_MAX_FIELD_COLUMNS);
	initStringInfo(&linkage->scratch);
	MemoryContextSwitchTo(old);
	return linkage;
}

static CjText
trim(CjText t)
{
	while (t.len > 0 && t.data[0] == ' ')
		t.data++, t.len--;
	while (t.len > 0 && t.data[t.len - 1] == ' ')
		t.len--;
	return t;
}

/* Takes what stands before the separator off the text; false at its end. */
static bool
next_part(CjText *rest, char separator, CjText *part)
{
	const char *stop;

	if (rest->data == NULL)
		return false;
	stop = memchr(rest->data, separator, rest->len);
	part->data = rest->data;
	part->len = stop == NULL ? rest->len : (int32) (stop - rest->data);
	if (stop == NULL)
		rest->data = NULL;
	else
	{
		rest->data = stop + 1;
		rest->len -= part->len + 1;
	}
	*part = trim(*part);
	return true;
}

static int
column_position(CjLinkage *linkage, CjText name)
{
	char	   *copy;

	for (int i = 0; i < linkage->ncolumns; i++)
		if ((int) strlen(linkage->column[i]) == name.len &&
			memcmp(linkage->column[i], name.data, name.len) == 0)
			return i;
	copy = MemoryContextAllocZero(linkage->context, name.len + 1);
	memcpy(copy, name.data, name.len);
	linkage->column[linkage->ncolumns] = copy;
	return linkage->ncolumns++;
}

static bool
same_field(const CjField *a, const CjField *b)
{
	if (a->ncolumns != b->ncolumns || a->normalizer != b->normalizer ||
		a->length != b->length || strcmp(a->region, b->region) != 0)
		return false;
	return memcmp(a->column, b->column, sizeof(int) * a->ncolumns) == 0;
}

int
cj_linkage_field(CjLinkage *linkage, CjText columns, CjNormalizer normalizer,
				 int length, const char *region)
{
	CjField    *field = &linkage->field[linkage->nfields];
	CjText		rest = columns;
	CjText		name;

	if (linkage->nfields == CJ_MAX_FIELDS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a linkage specification uses more than %d fields", CJ_MAX_FIELDS)));
	memset(field, 0, sizeof(*field));
	while (next_part(&rest, ',', &name))
	{
		if (name.len == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column name missing in \"%.*s\"", columns.len, columns.data),
					 errhint("Write column names with commas between.")));
		if (field->ncolumns == CJ_MAX_FIELD_COLUMNS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("more than %d columns in \"%.*s\"", CJ_MAX_FIELD_COLUMNS,
							columns.len, columns.data)));
		field->column[field->ncolumns++] = column_position(linkage, name);
	}
	field->normalizer = normalizer;
	field->length = length;
	if (normalizer == CJ_NORM_PHONE)
		strlcpy(field->region, region, sizeof(field->region));
	for (int f = 0; f < linkage->nfields; f++)
		if (same_field(&linkage->field[f], field))
			return f;
	cj_values_init(&field->values, linkage->context);
	return linkage->nfields++;
}

/* The field of a comparison on just these columns, or -1. */
static int
compared_field(CjLinkage *linkage, CjText columns)
{
	for (int c = 0; c < linkage->ncomparisons; c++)
	{
		const char *label = linkage->comparison[c].label;

		if ((int) strlen(label) == columns.len && memcmp(label, columns.data, columns.len) == 0)
			return linkage->comparison[c].field;
	}
	return -1;
}

static int
rule_field(CjLinkage *linkage, CjText part, CjText rule)
{
	const char *colon = memchr(part.data, ':', part.len);
	CjText		columns = part;
	CjText		name = {NULL, 0};
	CjNormalizer normalizer = CJ_NORM_RAW;
	int			length = 0;
	int			field;

	if (colon != NULL)
	{
		columns.len = (int32) (colon - part.data);
		name.data = colon + 1;
		name.len = part.len - columns.len - 1;
		name = trim(name);
		if (!cj_normalizer_named(name, &normalizer, &length))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown normalizer \"%.*s\" in blocking rule \"%.*s\"",
							name.len, name.data, rule.len, rule.data),
					 errhint("Known are raw, text, name, email, phone, date, document, phonetic, first, "
							 "sorted, shortest, longest, user, year and a number of characters.")));
	}
	columns = trim(columns);
	if (name.data == NULL && (field = compared_field(linkage, columns)) >= 0)
		return field;
	return cj_linkage_field(linkage, columns, normalizer, length, "ES");
}

void
cj_linkage_rule(CjLinkage *linkage, CjText text)
{
	CjRule	   *rule = &linkage->rule[linkage->nrules];
	CjText		rest = text;
	CjText		part;
	char	   *copy;

	if (linkage->nrules == CJ_MAX_RULES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d blocking rules", CJ_MAX_RULES)));
	copy = MemoryContextAllocZero(linkage->context, text.len + 1);
	memcpy(copy, text.data, text.len);
	rule->text = copy;
	text = trim(text);
	rule->everything = text.len == 1 && text.data[0] == '*';

	while (!rule->everything && next_part(&rest, '+', &part))
	{
		if (rule->nfields == CJ_MAX_RULE_PARTS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("more than %d parts in blocking rule \"%s\"", CJ_MAX_RULE_PARTS, copy)));
		rule->field[rule->nfields++] = rule_field(linkage, part, text);
	}
	linkage->nrules++;
}
