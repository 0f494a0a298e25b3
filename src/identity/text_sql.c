/*-------------------------------------------------------------------------
 *
 * text_sql.c
 *		SQL functions that compare and normalise text.
 *
 * The string prepared for comparison stays with the call site: a query that
 * compares one value with many prepares it once.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"

#include "common/common.h"
#include "identity/identity.h"
#include "identity/datum.h"

PG_FUNCTION_INFO_V1(cj_text_jaro);
PG_FUNCTION_INFO_V1(cj_text_jaro_winkler);
PG_FUNCTION_INFO_V1(cj_text_jaro_winkler_many);
PG_FUNCTION_INFO_V1(cj_text_levenshtein);
PG_FUNCTION_INFO_V1(cj_text_osa);
PG_FUNCTION_INFO_V1(cj_text_normalize);
PG_FUNCTION_INFO_V1(cj_text_email);
PG_FUNCTION_INFO_V1(cj_text_phone);
PG_FUNCTION_INFO_V1(cj_text_document);
PG_FUNCTION_INFO_V1(cj_text_is_placeholder);
PG_FUNCTION_INFO_V1(cj_text_date_similarity);
PG_FUNCTION_INFO_V1(cj_name_normalize_text);
PG_FUNCTION_INFO_V1(cj_name_phonetic);
PG_FUNCTION_INFO_V1(cj_name_similarity_text);
PG_FUNCTION_INFO_V1(cj_name_parse_text);

#define SHORT_TEXT	256

/* Kept at a call site: the left string as bytes and as code points. */
typedef struct Prepared
{
	CjTextMatcher matcher;
	char	   *bytes;
	int			len;
	int			capacity;
	uint32	   *chars;
} Prepared;

CjText
cj_utf8_arg(const text *value)
{
	CjText		t;

	t.data = VARDATA_ANY(value);
	t.len = VARSIZE_ANY_EXHDR(value);
	if (GetDatabaseEncoding() != PG_UTF8)
	{
		char	   *converted = pg_server_to_any(t.data, t.len, PG_UTF8);

		if (converted != t.data)
		{
			t.data = converted;
			t.len = strlen(converted);
		}
	}
	return t;
}

text *
cj_utf8_text(const char *utf8, int len)
{
	char	   *converted;

	if (GetDatabaseEncoding() == PG_UTF8)
		return cstring_to_text_with_len(utf8, len);
	converted = pg_any_to_server(utf8, len, PG_UTF8);
	return converted == utf8 ? cstring_to_text_with_len(utf8, len) :
		cstring_to_text(converted);
}

/* The call site's matcher, set to the given string. */
static CjTextMatcher *
prepare(FunctionCallInfo fcinfo, CjText value)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	Prepared   *p = flinfo->fn_extra;
	CjChars		pattern;

	if (p == NULL)
		p = flinfo->fn_extra = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(Prepared));
	if (p->bytes != NULL && p->len == value.len && memcmp(p->bytes, value.data, value.len) == 0)
		return &p->matcher;
	if (value.len > p->capacity || p->bytes == NULL)
	{
		int			capacity = Max(64, value.len);

		if (p->bytes != NULL)
		{
			pfree(p->bytes);
			pfree(p->chars);
		}
		p->bytes = NULL;
		p->capacity = 0;
		p->chars = MemoryContextAlloc(flinfo->fn_mcxt, sizeof(uint32) * (Size) capacity);
		p->bytes = MemoryContextAlloc(flinfo->fn_mcxt, capacity);
		p->capacity = capacity;
	}
	memcpy(p->bytes, value.data, value.len);
	p->len = value.len;
	pattern.c = p->chars;
	pattern.n = cj_decode(value.data, value.len, p->chars);
	cj_text_matcher_set(&p->matcher, pattern);
	return &p->matcher;
}

/* Code points of a text; a short one lies in the caller's buffer. */
static CjChars
chars_of(CjText value, uint32 *buffer)
{
	uint32	   *to = value.len <= SHORT_TEXT ? buffer : palloc_array(uint32, value.len);
	CjChars		chars;

	chars.n = cj_decode(value.data, value.len, to);
	chars.c = to;
	return chars;
}

Datum
cj_text_jaro(PG_FUNCTION_ARGS)
{
	uint32		buffer[SHORT_TEXT];
	CjTextMatcher *matcher = prepare(fcinfo, cj_utf8_arg(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_FLOAT8(cj_jaro(matcher, chars_of(cj_utf8_arg(PG_GETARG_TEXT_PP(1)), buffer)));
}

static void
check_winkler(double prefix_scale, double boost_from)
{
	if (!(prefix_scale >= 0.0 && prefix_scale <= 0.25))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"prefix_scale\" must be between 0 and 0.25"),
				 errhint("Winkler's value is 0.1; above 0.25 a similarity could exceed 1.")));
	if (!(boost_from >= 0.0 && boost_from <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"boost_from\" must be between 0 and 1")));
}

Datum
cj_text_jaro_winkler(PG_FUNCTION_ARGS)
{
	uint32		buffer[SHORT_TEXT];
	CjTextMatcher *matcher = prepare(fcinfo, cj_utf8_arg(PG_GETARG_TEXT_PP(0)));
	CjChars		b = chars_of(cj_utf8_arg(PG_GETARG_TEXT_PP(1)), buffer);

	check_winkler(PG_GETARG_FLOAT8(2), PG_GETARG_FLOAT8(3));
	PG_RETURN_FLOAT8(cj_jaro_winkler(matcher, b, PG_GETARG_FLOAT8(2), PG_GETARG_FLOAT8(3)));
}

/*
 * text_jaro_winkler(text, text[]): one against many, NULL for NULL elements
 */
Datum
cj_text_jaro_winkler_many(PG_FUNCTION_ARGS)
{
	CjTextMatcher *matcher = prepare(fcinfo, cj_utf8_arg(PG_GETARG_TEXT_PP(0)));
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	uint32		buffer[SHORT_TEXT];
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int			dims[1];
	int			lower[1] = {1};

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("\"candidates\" must be a one-dimensional array")));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		CjText		t;
		double		similarity;

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			continue;
		t = cj_utf8_arg(DatumGetTextPP(elements[i]));
		if (!cj_jaro_winkler_ascii(matcher, t.data, t.len, &similarity))
			similarity = cj_jaro_winkler(matcher, chars_of(t, buffer), CJ_PREFIX_SCALE,
										 CJ_BOOST_FROM);
		elements[i] = Float8GetDatum(similarity);
	}
	dims[0] = n;
	PG_RETURN_ARRAYTYPE_P(construct_md_array(elements, nulls, n > 0 ? 1 : 0, dims, lower,
											 FLOAT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* The bound of an edit distance: NULL is none. */
static int
distance_bound(FunctionCallInfo fcinfo)
{
	int			max;

	if (PG_ARGISNULL(2))
		return -1;
	max = PG_GETARG_INT32(2);
	if (max < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"max_distance\" must not be negative")));
	return Min(max, PG_INT32_MAX - 1);
}

Datum
cj_text_levenshtein(PG_FUNCTION_ARGS)
{
	uint32		buffer[SHORT_TEXT];

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	PG_RETURN_INT32(cj_levenshtein(prepare(fcinfo, cj_utf8_arg(PG_GETARG_TEXT_PP(0))),
								   chars_of(cj_utf8_arg(PG_GETARG_TEXT_PP(1)), buffer),
								   distance_bound(fcinfo)));
}

Datum
cj_text_osa(PG_FUNCTION_ARGS)
{
	uint32		buffer[SHORT_TEXT];

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	PG_RETURN_INT32(cj_osa(prepare(fcinfo, cj_utf8_arg(PG_GETARG_TEXT_PP(0))),
						   chars_of(cj_utf8_arg(PG_GETARG_TEXT_PP(1)), buffer),
						   distance_bound(fcinfo)));
}

Datum
cj_text_normalize(PG_FUNCTION_ARGS)
{
	CjText		t = cj_utf8_arg(PG_GETARG_TEXT_PP(0));
	char	   *to = palloc(2 * (Size) t.len + 1);

	PG_RETURN_TEXT_P(cj_utf8_text(to, cj_normalize(t.data, t.len, to)));
}

Datum
cj_name_normalize_text(PG_FUNCTION_ARGS)
{
	CjText		t = cj_utf8_arg(PG_GETARG_TEXT_PP(0));
	char	   *to = palloc(12 * (Size) t.len + 1);

	PG_RETURN_TEXT_P(cj_utf8_text(to, cj_name_normalize(t.data, t.len, to)));
}

Datum
cj_name_phonetic(PG_FUNCTION_ARGS)
{
	CjText		t = cj_utf8_arg(PG_GETARG_TEXT_PP(0));
	char	   *to = palloc(2 * (Size) t.len + 1);

	PG_RETURN_TEXT_P(cj_utf8_text(to, cj_phonetic(t.data, t.len, to)));
}

Datum
cj_name_similarity_text(PG_FUNCTION_ARGS)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	CjChars		name[2];

	if (flinfo->fn_extra == NULL)
		flinfo->fn_extra = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(CjTextMatcher));
	for (int i = 0; i < 2; i++)
	{
		CjText		t = cj_utf8_arg(PG_GETARG_TEXT_PP(i));
		char	   *bytes = palloc(12 * (Size) t.len + 1);
		int			len = cj_name_normalize(t.data, t.len, bytes);
		uint32	   *chars = palloc_array(uint32, len + 1);

		name[i].n = cj_decode(bytes, len, chars);
		name[i].c = chars;
	}
	PG_RETURN_FLOAT8(cj_name_similarity(flinfo->fn_extra, name[0], name[1]));
}

Datum
cj_name_parse_text(PG_FUNCTION_ARGS)
{
	CjText		t = cj_utf8_arg(PG_GETARG_TEXT_PP(0));
	TupleDesc	desc = cj_result_tupdesc(fcinfo);
	CjPersonName name;
	Datum		values[4];
	bool		nulls[4];

	cj_name_parse(t.data, t.len, &name);
	for (int i = 0; i < 4; i++)
	{
		char	   *part = i == 0 ? name.title : i == 1 ? name.given :
			i == 2 ? name.surname1 : name.surname2;

		nulls[i] = part == NULL;
		values[i] = part == NULL ? (Datum) 0 :
			PointerGetDatum(cj_utf8_text(part, strlen(part)));
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

Datum
cj_text_email(PG_FUNCTION_ARGS)
{
	CjText		t = cj_utf8_arg(PG_GETARG_TEXT_PP(0));
	char	   *to = palloc((Size) t.len + 16);
	int			n = cj_email(t.data, t.len, PG_GETARG_BOOL(1), PG_GETARG_BOOL(2), to);

	if (n < 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cj_utf8_text(to, n));
}

Datum
cj_text_phone(PG_FUNCTION_ARGS)
{
	CjText		t = cj_utf8_arg(PG_GETARG_TEXT_PP(0));
	char	   *region = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char		to[CJ_PHONE_SIZE];
	int			n;

	if (!cj_phone_region_known(region))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown telephone region \"%s\"", region),
				 errhint("Known are AR, BR, CA, CL, CO, DE, ES, FR, GB, IT, MX, PE, PT and US.")));
	n = cj_phone(t.data, t.len, region, to);
	if (n < 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(to, n));
}

Datum
cj_text_document(PG_FUNCTION_ARGS)
{
	CjText		t = cj_utf8_arg(PG_GETARG_TEXT_PP(0));
	char		to[CJ_DOCUMENT_SIZE];
	int			n = cj_document(t.data, t.len, to);

	if (n < 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(to, n));
}

Datum
cj_text_is_placeholder(PG_FUNCTION_ARGS)
{
	static const char *const kinds[] = {"text", "name", "email", "phone", "date", "document"};
	CjText		t = cj_utf8_arg(PG_GETARG_TEXT_PP(0));
	char	   *kind = text_to_cstring(PG_GETARG_TEXT_PP(1));

	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (strcmp(kind, kinds[i]) == 0)
			PG_RETURN_BOOL(cj_is_placeholder(t.data, t.len, (CjKind) i));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown kind of value \"%s\"", kind),
			 errhint("Known are text, name, email, phone, date and document.")));
}

Datum
cj_text_date_similarity(PG_FUNCTION_ARGS)
{
	DateADT		a = PG_GETARG_DATEADT(0);
	DateADT		b = PG_GETARG_DATEADT(1);
	int			ymd[2][3];

	if (DATE_NOT_FINITE(a) || DATE_NOT_FINITE(b))
		PG_RETURN_FLOAT8(a == b ? 1.0 : 0.0);
	j2date(a + POSTGRES_EPOCH_JDATE, &ymd[0][0], &ymd[0][1], &ymd[0][2]);
	j2date(b + POSTGRES_EPOCH_JDATE, &ymd[1][0], &ymd[1][1], &ymd[1][2]);
	PG_RETURN_FLOAT8(cj_date_similarity(ymd[0][0], ymd[0][1], ymd[0][2],
										ymd[1][0], ymd[1][1], ymd[1][2]));
}
