/*-------------------------------------------------------------------------
 *
 * field.c
 *		From columns to normalised values, and the records made of them.
 *
 * Placeholders and values that are empty after normalisation are missing: they
 * neither agree with anything nor put records into one block.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "identity/linkage.h"

#define PREFIX_MAX	64

static const struct
{
	const char *name;
	CjNormalizer normalizer;
	CjKind		kind;
}			normalizers[] = {
	{"raw", CJ_NORM_RAW, CJ_KIND_TEXT},
	{"text", CJ_NORM_TEXT, CJ_KIND_TEXT},
	{"name", CJ_NORM_NAME, CJ_KIND_NAME},
	{"email", CJ_NORM_EMAIL, CJ_KIND_EMAIL},
	{"phone", CJ_NORM_PHONE, CJ_KIND_PHONE},
	{"date", CJ_NORM_DATE, CJ_KIND_DATE},
	{"document", CJ_NORM_DOCUMENT, CJ_KIND_DOCUMENT},
	{"phonetic", CJ_NORM_PHONETIC, CJ_KIND_NAME},
	{"first", CJ_NORM_FIRST, CJ_KIND_NAME},
	{"sorted", CJ_NORM_SORTED, CJ_KIND_NAME},
	{"shortest", CJ_NORM_SHORTEST, CJ_KIND_NAME},
	{"longest", CJ_NORM_LONGEST, CJ_KIND_NAME},
	{"user", CJ_NORM_USER, CJ_KIND_EMAIL},
	{"year", CJ_NORM_YEAR, CJ_KIND_DATE},
	{"", CJ_NORM_PREFIX, CJ_KIND_TEXT},
};

bool
cj_normalizer_named(CjText name, CjNormalizer *normalizer, int *length)
{
	*length = 0;
	for (int i = 0; i < name.len && i < 3; i++)
	{
		if (name.data[i] < '0' || name.data[i] > '9')
			break;
		*length = *length * 10 + (name.data[i] - '0');
		*normalizer = CJ_NORM_PREFIX;
		if (i == name.len - 1)
			return *length >= 1 && *length <= PREFIX_MAX;
	}
	for (int i = 0; i < (int) lengthof(normalizers) - 1; i++)
		if ((int) strlen(normalizers[i].name) == name.len &&
			memcmp(normalizers[i].name, name.data, name.len) == 0)
		{
			*normalizer = normalizers[i].normalizer;
			return true;
		}
	return false;
}

/* Bytes of the first "length" characters. */
static int
prefix_bytes(const char *utf8, int len, int length)
{
	int			i = 0;

	while (i < len && length-- > 0)
		do
			i++;
		while (i < len && (utf8[i] & 0xC0) == 0x80);
	return i;
}

static int
compare_texts(const void *a, const void *b)
{
	return cj_text_compare(*(const CjText *) a, *(const CjText *) b);
}

/* One word of a name, or all of them sorted; from and to are different buffers. */
static int
pick_words(CjNormalizer normalizer, const char *from, int len, char *to)
{
	CjText		word[64];
	int			n = 0;
	int			best = 0;
	char	   *out = to;

	for (int i = 0, start = 0; i <= len && n < (int) lengthof(word); i++)
		if (i == len || from[i] == ' ')
		{
			word[n].data = from + start;
			word[n].len = i - start;
			n += i > start;
			start = i + 1;
		}
	if (normalizer == CJ_NORM_SORTED)
	{
		qsort(word, n, sizeof(CjText), compare_texts);
		for (int i = 0; i < n; i++)
		{
			if (i > 0)
				*out++ = ' ';
			memcpy(out, word[i].data, word[i].len);
			out += word[i].len;
		}
		return (int) (out - to);
	}
	for (int i = 1; i < n && normalizer != CJ_NORM_FIRST; i++)
	{
		int			more = word[i].len - word[best].len;

		if (normalizer == CJ_NORM_SHORTEST)
			more = -more;
		if (more > 0 || (more == 0 && cj_text_compare(word[i], word[best]) < 0))
			best = i;
	}
	if (n == 0)
		return 0;
	memcpy(to, word[best].data, word[best].len);
	return word[best].len;
}

/* Digits of a date given as 8 digits in some order of parts: ISO, or day first. */
static int
date_digits(const char *from, int len, char *to)
{
	int			n = 0;
	int			lead = 0;

	for (int i = 0; i < len && n < 8; i++)
	{
		if (from[i] >= '0' && from[i] <= '9')
			to[n++] = from[i];
		else if (n == 0 || from[i] == ' ' || from[i] == 'T')
			break;
		else if (lead == 0)
			lead = n;
	}
	if (n != 8)
		return 0;
	if (lead == 2)
	{
		char		day_first[8];

		/* dd-mm-yyyy */
		memcpy(day_first, to + 4, 4);
		memcpy(day_first + 4, to + 2, 2);
		memcpy(day_first + 6, to, 2);
		memcpy(to, day_first, 8);
	}
	return 8;
}

static int
email_or_text(const char *from, int len, char *to)
{
	int			n = cj_email(from, len, true, true, to);

	/*
	 * what is no address still is evidence; it agrees with what is typed the
	 * same
	 */
	if (n >= 0)
		return n;
	while (len > 0 && *from == ' ')
		from++, len--;
	while (len > 0 && from[len - 1] == ' ')
		len--;
	for (int i = 0; i < len; i++)
		to[i] = from[i] >= 'A' && from[i] <= 'Z' ? from[i] + 32 : from[i];
	return len;
}

/* Normalises into "to", which has room for 12 * len + 32 bytes; 0 is missing. */
static int
normalize(const CjField *field, const char *from, int len, char *to)
{
	char	   *words;
	int			n;

	switch (field->normalizer)
	{
		case CJ_NORM_RAW:
			memcpy(to, from, len);
			return len;
		case CJ_NORM_TEXT:
			return cj_normalize(from, len, to);
		case CJ_NORM_NAME:
			return cj_name_normalize(from, len, to);
		case CJ_NORM_EMAIL:
			return email_or_text(from, len, to);
		case CJ_NORM_USER:
			n = email_or_text(from, len, to);
			for (int i = 0; i < n; i++)
				if (to[i] == '@')
					return i;
			return n;
		case CJ_NORM_PHONE:
			return Max(cj_phone(from, len, field->region, to), 0);
		case CJ_NORM_DATE:
			return date_digits(from, len, to);
		case CJ_NORM_YEAR:
			return Min(date_digits(from, len, to), 4);
		case CJ_NORM_DOCUMENT:
			return Max(cj_document(from, len, to), 0);
		case CJ_NORM_PREFIX:
			n = cj_normalize(from, len, to);
			len = prefix_bytes(to, n, field->length);
			return len == n && n < field->length ? 0 : len;
		default:
			words = palloc(12 * (Size) len + 1);
			n = cj_name_normalize(from, len, words);
			if (field->normalizer == CJ_NORM_PHONETIC)
				n = cj_phonetic(words, n, to);
			else
				n = pick_words(field->normalizer, words, n, to);
			pfree(words);
			return n;
	}
}

static CjKind
placeholder_kind(CjNormalizer normalizer)
{
	for (int i = 0; i < (int) lengthof(normalizers); i++)
		if (normalizers[i].normalizer == normalizer)
			return normalizers[i].kind;
	return CJ_KIND_TEXT;
}

int32
cj_field_code(CjField *field, const CjText *columns, StringInfo scratch)
{
	CjText		raw = columns[field->column[0]];
	CjRaw	   *entry;
	bool		found;

	if (field->ncolumns > 1)
	{
		resetStringInfo(scratch);
		for (int i = 0; i < field->ncolumns; i++)
		{
			CjText		part = columns[field->column[i]];

			if (part.data == NULL || part.len == 0)
				continue;
			if (scratch->len > 0)
				appendStringInfoChar(scratch, ' ');
			appendBinaryStringInfo(scratch, part.data, part.len);
		}
		raw.data = scratch->data;
		raw.len = scratch->len;
	}
	if (raw.data == NULL || raw.len == 0)
		return -1;
	entry = cj_values_raw(&field->values, raw.data, raw.len, &found);
	if (!found)
	{
		char	   *to = palloc(12 * (Size) raw.len + 32);
		int			n = normalize(field, raw.data, raw.len, to);
		int32		code = -1;

		if (n > 0 && !cj_is_placeholder(raw.data, raw.len, placeholder_kind(field->normalizer)))
			code = cj_values_code(&field->values, to, n);
		entry->code = code;
		pfree(to);
	}
	return entry->code;
}

/* ---- records ---- */

static void
more_records(CjLinkage *linkage)
{
	int32		room = linkage->record_room == 0 ? 64 : linkage->record_room * 2;

	if (linkage->nrecords >= CJ_MAX_RECORDS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d records", CJ_MAX_RECORDS)));
	for (int f = 0; f < linkage->nfields; f++)
	{
		CjField    *field = &linkage->field[f];
		Size		size = sizeof(int32) * (Size) room;

		field->code = field->code == NULL ?
			MemoryContextAllocHuge(linkage->context, size) : repalloc_huge(field->code, size);
	}
	linkage->id = linkage->id == NULL ?
		MemoryContextAllocHuge(linkage->context, sizeof(Size) * (Size) room) :
		repalloc_huge(linkage->id, sizeof(Size) * (Size) room);
	linkage->record_room = room;
}

static void
add_id(CjLinkage *linkage, int32 record, CjText id)
{
	if (linkage->nids + id.len + 1 > linkage->id_room)
	{
		linkage->id_room = Max(linkage->id_room * 2, linkage->nids + id.len + 1024);
		linkage->ids = linkage->ids == NULL ?
			MemoryContextAllocHuge(linkage->context, linkage->id_room) :
			repalloc_huge(linkage->ids, linkage->id_room);
	}
	linkage->id[record] = linkage->nids;
	memcpy(linkage->ids + linkage->nids, id.data, id.len);
	linkage->ids[linkage->nids + id.len] = '\0';
	linkage->nids += id.len + 1;
}

int32
cj_linkage_add(CjLinkage *linkage, CjText id, const CjText *columns)
{
	int32		record = linkage->nrecords;

	if (record == linkage->record_room)
		more_records(linkage);
	for (int f = 0; f < linkage->nfields; f++)
	{
		CjField    *field = &linkage->field[f];
		int32		code = cj_field_code(field, columns, &linkage->scratch);

		field->code[record] = code;
		if (code >= 0)
			field->values.value[code].count++;
	}
	if (id.data != NULL)
	{
		add_id(linkage, record, id);
		linkage->has_ids = true;
	}
	linkage->nrecords++;
	return record;
}

void
cj_linkage_clear(CjLinkage *linkage)
{
	linkage->nrecords = 0;
	linkage->nids = 0;
	for (int c = 0; c < linkage->ncomparisons; c++)
		linkage->comparison[c].left_code = -1;
}

static CjText
id_text(const void *linkage, int32 record)
{
	const char *id = cj_record_id(linkage, record);
	CjText text = {id, (int32) strlen(id)};

	return text;
}

void
cj_linkage_sort(CjLinkage *linkage)
{
	int32		n = linkage->nrecords;
	Size		size = sizeof(int32) * Max((Size) n, 1);
	int32	   *order = cj_sorted_texts(n, id_text, linkage);
	int32	   *codes = MemoryContextAllocHuge(CurrentMemoryContext, size);
	Size	   *ids = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Size) * Max((Size) n, 1));

	for (int32 i = 1; i < n; i++)
		if (strcmp(cj_record_id(linkage, order[i - 1]), cj_record_id(linkage, order[i])) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNIQUE_VIOLATION),
					 errmsg("record \"%s\" occurs more than once",
							cj_record_id(linkage, order[i]))));
	for (int f = 0; f < linkage->nfields; f++)
	{
		for (int32 i = 0; i < n; i++)
			codes[i] = linkage->field[f].code[order[i]];
		memcpy(linkage->field[f].code, codes, sizeof(int32) * (Size) n);
	}
	for (int32 i = 0; i < n; i++)
		ids[i] = linkage->id[order[i]];
	memcpy(linkage->id, ids, sizeof(Size) * (Size) n);
	pfree(order);
	pfree(codes);
	pfree(ids);
}
