/*-------------------------------------------------------------------------
 *
 * lexicon.c
 *		How names, values and times are written, in journeys and in patterns.
 *
 * A plain word stands for itself; every other name is quoted.  What a letter
 * is comes from a table, not from a locale, so that reading and printing never
 * depend on a setting.  The table is Unicode's.  In databases of other
 * encodings every character above ASCII reads as a letter, but names that have
 * one print quoted: so what one database prints reads back in any other.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "compat.h"
#include "mb/pg_wchar.h"
#include "utils/timestamp.h"

#include "journey/journey.h"
#include "journey/unicode_letters.h"

static bool
is_unicode_letter(uint32 c)
{
	int			low = 0;
	int			high = lengthof(unicode_letters) - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;

		if (c < unicode_letters[middle][0])
			high = middle - 1;
		else if (c > unicode_letters[middle][1])
			low = middle + 1;
		else
			return true;
	}
	return false;
}

/* Bytes of the letter, digit or underscore there; 0 if there is none. */
static int
word_character(const char *at, const char *end)
{
	unsigned char c;
	int			len;

	if (at >= end)
		return 0;
	c = (unsigned char) *at;
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_')
		return 1;
	if (c < 0x80)
		return 0;
	if (GetDatabaseEncoding() != PG_UTF8)
		return 1;				/* server encodings have no ASCII within
								 * characters */
	len = pg_utf_mblen((const unsigned char *) at);
	if (len > end - at)
		return 0;
	return is_unicode_letter(utf8_to_unicode((const unsigned char *) at)) ? len : 0;
}

int
cj_plain_word(const char *word, const char *end)
{
	const char *at = word;
	int			len;

	while ((len = word_character(at, end)) > 0)
	{
		at += len;
		if (at < end && strchr("-.:/", *at) != NULL && *at != '\0' &&
			word_character(at + 1, end) > 0)
			at++;
	}
	return at - word;
}

bool
cj_is_keyword(const char *word, int len)
{
	static const char *const keywords[] = {
		"within", "same", "different", "as", "permute", "between"
	};

	for (int i = 0; i < (int) lengthof(keywords); i++)
		if ((int) strlen(keywords[i]) == len && pg_strncasecmp(word, keywords[i], len) == 0)
			return true;
	return false;
}

static bool
prints_plain(CjText name)
{
	if (name.len == 0 || cj_plain_word(name.data, name.data + name.len) != name.len ||
		cj_is_keyword(name.data, name.len))
		return false;
	if (GetDatabaseEncoding() != PG_UTF8)
		for (int i = 0; i < name.len; i++)
			if (IS_HIGHBIT_SET(name.data[i]))
				return false;
	return true;
}

void
cj_append_name(StringInfo to, CjText name)
{
	if (prints_plain(name))
	{
		appendBinaryStringInfo(to, name.data, name.len);
		return;
	}
	appendStringInfoChar(to, '"');
	for (int i = 0; i < name.len; i++)
	{
		if (name.data[i] == '"')
			appendStringInfoChar(to, '"');
		appendStringInfoChar(to, name.data[i]);
	}
	appendStringInfoChar(to, '"');
}

bool
cj_quoted_name(const char **input, const char *end, CjText *name)
{
	char		quote = **input;
	const char *start = *input + 1;
	const char *at = start;
	int			doubled = 0;
	char	   *to;

	for (;; at++)
	{
		if (at >= end)
			return false;
		if (*at != quote)
			continue;
		if (at + 1 >= end || at[1] != quote)
			break;
		doubled++;
		at++;
	}
	*input = at + 1;
	name->data = start;
	name->len = at - start - doubled;
	if (doubled == 0)
		return true;
	name->data = to = palloc(name->len);
	for (const char *from = start; from < at; from++)
	{
		*to++ = *from;
		if (*from == quote)
			from++;
	}
	return true;
}

void
cj_append_value(StringInfo to, double value)
{
	char		buffer[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (isnan(value))
		appendStringInfoString(to, "NaN");
	else if (isinf(value))
		appendStringInfoString(to, value > 0 ? "Infinity" : "-Infinity");
	else
	{
		double_to_shortest_decimal_buf(value, buffer);
		appendStringInfoString(to, buffer);
	}
}
