/*-------------------------------------------------------------------------
 *
 * options.c
 *		Options that the aggregates over paths share.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "paths/paths.h"

CjBy
cj_option_by(CjOptions *options)
{
	Datum		value;
	char	   *by;

	if (!cj_option(options, "by", TEXTOID, &value))
		return CJ_BY_EVENT;
	by = TextDatumGetCString(value);
	if (strcmp(by, "event") == 0)
		return CJ_BY_EVENT;
	if (strcmp(by, "channel") == 0)
		return CJ_BY_CHANNEL;
	if (strcmp(by, "item") == 0)
		return CJ_BY_ITEM;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"by\" has unknown value \"%s\"", by),
			 errhint("Use 'event', 'channel' or 'item'.")));
}

bool
cj_option_bool(CjOptions *options, const char *name, bool otherwise)
{
	Datum		value;

	return cj_option(options, name, BOOLOID, &value) ? DatumGetBool(value) : otherwise;
}

int64
cj_option_integer(CjOptions *options, const char *name, int64 otherwise, int64 least, int64 most)
{
	Datum		value;

	if (!cj_option(options, name, INT4OID, &value))
		return otherwise;
	if (DatumGetInt32(value) < least || DatumGetInt32(value) > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is out of range: %d", name, DatumGetInt32(value)),
				 errdetail("It may be " INT64_FORMAT " to " INT64_FORMAT ".", least, most)));
	return DatumGetInt32(value);
}

bool
cj_option_pattern(CjOptions *options, const char *name, Datum *value)
{
	if (options->desc == NULL)
		return false;
	for (int a = 0; a < options->desc->natts; a++)
	{
		Form_pg_attribute attribute = TupleDescAttr(options->desc, a);

		if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), name) == 0 &&
			!options->nulls[a])
		{
			*value = options->values[a];
			return true;
		}
	}
	return false;
}

Datum
cj_copy_record(Datum record, bool isnull)
{
	HeapTupleHeader header;
	Size		size;
	char	   *copy;

	if (isnull)
		return (Datum) 0;
	header = DatumGetHeapTupleHeader(record);
	size = HeapTupleHeaderGetDatumLength(header);
	copy = palloc(size);
	memcpy(copy, header, size);
	return PointerGetDatum(copy);
}

/* The last row's options at a call site, and what they were read to. */
typedef struct SeenOptions
{
	bool		isnull;
	Size		size;
	Size		room;
	char	   *bytes;
	MemoryContext context;		/* what the parser allocates */
	void	   *parsed;
} SeenOptions;

static void
parse_seen(FunctionCallInfo fcinfo, SeenOptions *seen, CjOptionsParser parse, Size parsed_size)
{
	MemoryContext old;
	void	   *parsed;

	seen->parsed = NULL;
	if (seen->context == NULL)
		seen->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "path options", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(seen->context);
	old = MemoryContextSwitchTo(seen->context);
	parsed = palloc0(parsed_size);
	parse(cj_options_read(PointerGetDatum(seen->bytes), seen->isnull), parsed);
	MemoryContextSwitchTo(old);
	seen->parsed = parsed;
}

void *
cj_options_parsed(FunctionCallInfo fcinfo, int argument, CjOptionsParser parse, Size parsed_size)
{
	SeenOptions *seen = fcinfo->flinfo->fn_extra;
	bool		given = PG_NARGS() > argument && !PG_ARGISNULL(argument);
	HeapTupleHeader header = NULL;
	Size		size = 0;

	if (given)
	{
		header = PG_GETARG_HEAPTUPLEHEADER(argument);
		size = HeapTupleHeaderGetDatumLength(header);
	}
	if (seen != NULL && seen->parsed != NULL && seen->isnull == !given && seen->size == size &&
		(!given || memcmp(seen->bytes, header, size) == 0))
		return seen->parsed;
	if (seen == NULL)
		seen = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(SeenOptions));
	if (size > seen->room)
	{
		seen->bytes = seen->bytes == NULL ? MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, size) :
			repalloc(seen->bytes, size);
		seen->room = size;
	}
	if (size > 0)
		memcpy(seen->bytes, header, size);
	seen->size = size;
	seen->isnull = !given;
	parse_seen(fcinfo, seen, parse, parsed_size);
	return seen->parsed;
}

void
cj_options_differ(const char *function)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the options of %s must not change within one aggregation", function),
			 errhint("Use a constant, or GROUP BY what the options depend on.")));
}

MemoryContext
cj_aggregate_context(FunctionCallInfo fcinfo, const char *function)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s called in non-aggregate context", function)));
	return context;
}
