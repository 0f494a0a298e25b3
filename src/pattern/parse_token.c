/*-------------------------------------------------------------------------
 *
 * parse_token.c
 *		The smallest parts of a pattern's text: spaces, signs, keywords, names,
 *		numbers; and what is said when something else was expected.
 *
 * The first error is the one reported: the message has the character and what
 * was expected there.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "mb/pg_wchar.h"

#include "pattern/parse.h"

void
cj_parse_fail(CjParser *parser, const char *where, const char *expected,
			  const char *hint)
{
	int			position = pg_mbstrlen_with_len(parser->start, where - parser->start);
	int			total = parser->end - parser->start;
	StringInfoData found;

	if (parser->failed)
		return;
	parser->failed = true;
	initStringInfo(&found);
	if (where >= parser->end)
		appendStringInfoString(&found, "the end of the pattern");
	else
	{
		int			len = cj_plain_word(where, parser->end);

		if (len == 0)
			len = pg_mblen(where);
		appendStringInfo(&found, "\"%.*s\"", Min(len, total), where);
	}
	errsave(parser->escontext,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%.*s\"", "journey_pattern",
					total, parser->start),
			 errdetail("Expected %s at character %d, but found %s.",
					   expected, position + 1, found.data),
			 hint != NULL ? errhint("%s", hint) : 0));
}

void
cj_parse_space(CjParser *parser)
{
	while (parser->at < parser->end &&
		   (*parser->at == ' ' || (*parser->at >= '\t' && *parser->at <= '\r')))
		parser->at++;
}

bool
cj_parse_peek(const CjParser *parser, const char *token)
{
	size_t		len = strlen(token);

	return (size_t) (parser->end - parser->at) >= len &&
		memcmp(parser->at, token, len) == 0;
}

bool
cj_parse_accept(CjParser *parser, const char *token)
{
	if (!cj_parse_peek(parser, token))
		return false;
	parser->at += strlen(token);
	return true;
}

bool
cj_parse_keyword(CjParser *parser, const char *keyword)
{
	int			len = cj_plain_word(parser->at, parser->end);

	if (len != (int) strlen(keyword) || pg_strncasecmp(parser->at, keyword, len) != 0)
		return false;
	parser->at += len;
	return true;
}

bool
cj_parse_name(CjParser *parser, const char *expected, CjText *name)
{
	const char *start = parser->at;

	if (parser->at < parser->end && (*parser->at == '"' || *parser->at == '\''))
	{
		if (!cj_quoted_name(&parser->at, parser->end, name))
		{
			cj_parse_fail(parser, parser->end, "a closing quote", NULL);
			return false;
		}
		if (name->len == 0 || name->len > CJ_MAX_NAME)
		{
			cj_parse_fail(parser, start, name->len == 0 ? "a name that is not empty" :
						  "a name of at most 65535 bytes", NULL);
			return false;
		}
		return true;
	}
	name->data = parser->at;
	name->len = cj_plain_word(parser->at, parser->end);
	if (name->len == 0 || name->len > CJ_MAX_NAME)
	{
		cj_parse_fail(parser, start, expected, name->len == 0 ? NULL :
					  "A name has at most 65535 bytes.");
		return false;
	}
	if (cj_is_keyword(name->data, name->len))
	{
		cj_parse_fail(parser, start, expected,
					  "This word is a keyword; quote it to use it as a name.");
		return false;
	}
	parser->at += name->len;
	return true;
}

bool
cj_parse_integer(CjParser *parser, int32 *value)
{
	const char *start = parser->at;
	int64		result = 0;

	while (parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9')
	{
		result = result * 10 + (*parser->at - '0');
		if (result > PG_INT32_MAX)
		{
			cj_parse_fail(parser, start, "a number below 2147483648", NULL);
			return false;
		}
		parser->at++;
	}
	if (parser->at == start)
	{
		cj_parse_fail(parser, start, "a whole number", NULL);
		return false;
	}
	*value = (int32) result;
	return true;
}
