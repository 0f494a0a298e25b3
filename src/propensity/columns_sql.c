/*-------------------------------------------------------------------------
 *
 * columns_sql.c
 *		Columns of records as numbers and names.
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
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "propensity/glue.h"

CjColumnType
cj_column_type(Oid type)
{
	type = getBaseType(type);
	switch (type)
	{
		case BOOLOID:
			return CJ_COLUMN_BOOL;
		case INT2OID:
			return CJ_COLUMN_INT2;
		case INT4OID:
			return CJ_COLUMN_INT4;
		case INT8OID:
			return CJ_COLUMN_INT8;
		case FLOAT4OID:
			return CJ_COLUMN_FLOAT4;
		case FLOAT8OID:
			return CJ_COLUMN_FLOAT8;
		case NUMERICOID:
			return CJ_COLUMN_NUMERIC;
		case TEXTOID:
		case VARCHAROID:
			return CJ_COLUMN_TEXT;
		case BPCHAROID:
			return CJ_COLUMN_BPCHAR;
		case NAMEOID:
			return CJ_COLUMN_NAME;
		case FLOAT8ARRAYOID:
			return CJ_COLUMN_ARRAY;
		default:
			return type_is_enum(type) ? CJ_COLUMN_ENUM : CJ_COLUMN_UNUSABLE;
	}
}

CjFeatureKind
cj_column_kind(CjColumnType type)
{
	switch (type)
	{
		case CJ_COLUMN_BOOL:
			return CJ_BOOLEAN;
		case CJ_COLUMN_TEXT:
		case CJ_COLUMN_BPCHAR:
		case CJ_COLUMN_NAME:
		case CJ_COLUMN_ENUM:
			return CJ_CATEGORY;
		default:
			return CJ_NUMBER;
	}
}

static void
not_finite(CjText name, double value)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("column \"%.*s\" holds %s", name.len, name.data,
					isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity"),
			 errhint("Make it NULL, as with nullif(), for a value that is missing.")));
}

double
cj_column_number(CjColumnType type, Datum value, CjText name)
{
	double		number = 0;

	switch (type)
	{
		case CJ_COLUMN_BOOL:
			return DatumGetBool(value) ? 1 : 0;
		case CJ_COLUMN_INT2:
			return DatumGetInt16(value);
		case CJ_COLUMN_INT4:
			return DatumGetInt32(value);
		case CJ_COLUMN_INT8:
			return (double) DatumGetInt64(value);
		case CJ_COLUMN_FLOAT4:
			number = DatumGetFloat4(value);
			break;
		case CJ_COLUMN_FLOAT8:
			number = DatumGetFloat8(value);
			break;
		default:
			number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
	}
	if (!isfinite(number))
		not_finite(name, number);
	return number;
}

CjText
cj_column_text(CjColumnType type, Datum value)
{
	CjText		t;
	text	   *packed;

	if (type == CJ_COLUMN_NAME)
		t.data = NameStr(*DatumGetName(value));
	else if (type == CJ_COLUMN_ENUM)
		t.data = DatumGetCString(DirectFunctionCall1(enum_out, value));
	else
	{
		packed = DatumGetTextPP(value);
		t.data = VARDATA_ANY(packed);
		t.len = VARSIZE_ANY_EXHDR(packed);
		if (type == CJ_COLUMN_BPCHAR)
			t.len = bpchartruelen(VARDATA_ANY(packed), t.len);
		return t;
	}
	t.len = (int32) strlen(t.data);
	return t;
}

int
cj_array_length(ArrayType *array)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("features must be a one-dimensional array")));
	return ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];
}

void
cj_array_numbers(ArrayType *array, double *values, int length, CjText name)
{
	int			n = cj_array_length(array);
	const char *data = (const char *) array + (ARR_HASNULL(array) ? (Size) array->dataoffset :
											   ARR_OVERHEAD_NONULLS(ARR_NDIM(array)));
	const bits8 *bitmap = ARR_NULLBITMAP(array);

	if (n != length)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the array of features has %d elements instead of %d", n, length)));
	for (int i = 0; i < n; i++)
	{
		if (bitmap != NULL && (bitmap[i / 8] & (1 << i % 8)) == 0)
		{
			values[i] = NAN;
			continue;
		}
		memcpy(&values[i], data, sizeof(double));
		data += sizeof(double);
		if (!isfinite(values[i]))
		{
			if (name.len == 0)
				ereport(ERROR,
						(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						 errmsg("element %d of the features is %s", i + 1,
								isnan(values[i]) ? "NaN" : "infinite"),
						 errhint("Make it NULL, as with nullif(), for a value that is missing.")));
			not_finite(name, values[i]);
		}
	}
}

bool
cj_row_is_of(const CjRowShape *shape, HeapTupleHeader row)
{
	return shape->desc != NULL && HeapTupleHeaderGetTypeId(row) == shape->type &&
		HeapTupleHeaderGetTypMod(row) == shape->typmod;
}

void
cj_row_shape(CjRowShape *shape, HeapTupleHeader row, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	TupleDesc	desc;

	if (shape->desc != NULL)
	{
		FreeTupleDesc(shape->desc);
		pfree(shape->values);
		pfree(shape->nulls);
		shape->desc = NULL;
	}
	shape->type = HeapTupleHeaderGetTypeId(row);
	shape->typmod = HeapTupleHeaderGetTypMod(row);
	desc = lookup_rowtype_tupdesc_domain(shape->type, shape->typmod, false);
	shape->desc = CreateTupleDescCopy(desc);
	ReleaseTupleDesc(desc);
	shape->values = palloc_array(Datum, Max(shape->desc->natts, 1));
	shape->nulls = palloc_array(bool, Max(shape->desc->natts, 1));
	MemoryContextSwitchTo(old);
}

void
cj_row_deform(CjRowShape *shape, HeapTupleHeader row)
{
	HeapTupleData tuple;

	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	heap_deform_tuple(&tuple, shape->desc, shape->values, shape->nulls);
}
