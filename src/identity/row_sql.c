/*-------------------------------------------------------------------------
 *
 * row_sql.c
 *		The columns that linkage reads, from records or jsonb objects.
 *
 * Values become text independently of settings: dates are ISO, other types
 * print as their output functions do, and those whose output follows a setting
 * (timestamps, intervals) are refused with the advice to cast.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/typcache.h"

#include "common/common.h"
#include "identity/datum.h"
#include "identity/model.h"

struct CjRowReader
{
	MemoryContext context;
	const CjLinkage *linkage;
	Oid			type;
	int32		typmod;
	TupleDesc	desc;
	int		   *attribute;		/* of each column of the linkage */
	FmgrInfo   *output;
	CjText	   *text;
};

CjRowReader *
cj_row_reader(MemoryContext context, const CjLinkage *linkage)
{
	CjRowReader *reader = MemoryContextAllocZero(context, sizeof(CjRowReader));
	Size		n = Max(linkage->ncolumns, 1);

	reader->context = context;
	reader->linkage = linkage;
	reader->attribute = MemoryContextAllocZero(context, sizeof(int) * n);
	reader->output = MemoryContextAllocZero(context, sizeof(FmgrInfo) * n);
	reader->text = MemoryContextAllocZero(context, sizeof(CjText) * n);
	return reader;
}

static void
check_type(Oid type, const char *column)
{
	switch (type)
	{
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case TIMEOID:
		case TIMETZOID:
		case INTERVALOID:
		case FLOAT4OID:
		case FLOAT8OID:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of type %s cannot be compared", column,
							format_type_be(type)),
					 errdetail("How it is written depends on settings."),
					 errhint("Cast it to date or text.")));
		default:
			break;
	}
}

/* Finds the columns in a row type seen for the first time. */
static void
learn_type(CjRowReader *reader, Oid type, int32 typmod)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	TupleDesc	desc = lookup_rowtype_tupdesc(type, typmod);

	if (reader->desc != NULL)
		FreeTupleDesc(reader->desc);
	reader->desc = CreateTupleDescCopy(desc);
	ReleaseTupleDesc(desc);
	for (int i = 0; i < reader->linkage->ncolumns; i++)
	{
		const char *name = reader->linkage->column[i];
		Oid			output;
		bool		varlena;

		reader->attribute[i] = -1;
		for (int a = 0; a < reader->desc->natts; a++)
			if (!TupleDescAttr(reader->desc, a)->attisdropped &&
				strcmp(NameStr(TupleDescAttr(reader->desc, a)->attname), name) == 0)
				reader->attribute[i] = a;
		if (reader->attribute[i] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("row has no column \"%s\"", name),
					 errhint("The linkage specification names the columns that it reads; "
							 "a row made by ROW(...) has no names, a sub-select's has.")));
		check_type(TupleDescAttr(reader->desc, reader->attribute[i])->atttypid, name);
		getTypeOutputInfo(TupleDescAttr(reader->desc, reader->attribute[i])->atttypid,
						  &output, &varlena);
		fmgr_info_cxt(output, &reader->output[i], reader->context);
	}
	reader->type = type;
	reader->typmod = typmod;
	MemoryContextSwitchTo(old);
}

static CjText
from_cstring(const char *s)
{
	CjText		t = {s, (int32) strlen(s)};

	if (GetDatabaseEncoding() != PG_UTF8)
	{
		t.data = pg_server_to_any(s, t.len, PG_UTF8);
		t.len = strlen(t.data);
	}
	return t;
}

static CjText
column_text(CjRowReader *reader, int i, Datum value)
{
	Oid			type = TupleDescAttr(reader->desc, reader->attribute[i])->atttypid;

	if (type == TEXTOID || type == VARCHAROID)
		return cj_utf8_arg(DatumGetTextPP(value));
	if (type == DATEOID && !DATE_NOT_FINITE(DatumGetDateADT(value)))
	{
		int			y;
		int			m;
		int			d;

		j2date(DatumGetDateADT(value) + POSTGRES_EPOCH_JDATE, &y, &m, &d);
		return from_cstring(psprintf("%04d-%02d-%02d", y, m, d));
	}
	return from_cstring(OutputFunctionCall(&reader->output[i], value));
}

static void
read_record(CjRowReader *reader, HeapTupleHeader row)
{
	Oid			type = HeapTupleHeaderGetTypeId(row);
	int32		typmod = HeapTupleHeaderGetTypMod(row);
	HeapTupleData tuple;
	Datum	   *values;
	bool	   *nulls;

	if (reader->desc == NULL || reader->type != type || reader->typmod != typmod)
		learn_type(reader, type, typmod);
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	values = palloc_array(Datum, reader->desc->natts);
	nulls = palloc_array(bool, reader->desc->natts);
	heap_deform_tuple(&tuple, reader->desc, values, nulls);
	for (int i = 0; i < reader->linkage->ncolumns; i++)
		if (!nulls[reader->attribute[i]])
			reader->text[i] = column_text(reader, i, values[reader->attribute[i]]);
}

static CjText
json_text(JsonbValue *v)
{
	CjText		t = {NULL, 0};

	switch (v->type)
	{
		case jbvString:
			t.data = v->val.string.val;
			t.len = v->val.string.len;
			if (GetDatabaseEncoding() != PG_UTF8)
				t = from_cstring(pnstrdup(t.data, t.len));
			return t;
		case jbvNumeric:
			return from_cstring(DatumGetCString(DirectFunctionCall1(numeric_out,
																	NumericGetDatum(v->val.numeric))));
		case jbvBool:
			return from_cstring(v->val.boolean ? "true" : "false");
		case jbvBinary:
			return from_cstring(JsonbToCString(NULL, v->val.binary.data, v->val.binary.len));
		default:
			return t;
	}
}

static void
read_json(CjRowReader *reader, Jsonb *row)
{
	if (!JB_ROOT_IS_OBJECT(row))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a record given as jsonb must be an object")));
	for (int i = 0; i < reader->linkage->ncolumns; i++)
	{
		JsonbValue	key;
		JsonbValue *v;

		key.type = jbvString;
		key.val.string.val = reader->linkage->column[i];
		key.val.string.len = strlen(reader->linkage->column[i]);
		v = findJsonbValueFromContainer(&row->root, JB_FOBJECT, &key);
		if (v != NULL)
			reader->text[i] = json_text(v);
	}
}

const CjText *
cj_read_row(CjRowReader *reader, Datum row, bool is_jsonb)
{
	memset(reader->text, 0, sizeof(CjText) * reader->linkage->ncolumns);
	if (is_jsonb)
		read_json(reader, DatumGetJsonbP(row));
	else
		read_record(reader, DatumGetHeapTupleHeader(row));
	return reader->text;
}
