/*-------------------------------------------------------------------------
 *
 * text.c
 *		The text form of journeys.
 *
 *	{view@web 2026-01-01 10:00:00+00, purchase@store(59.9)#sku-7 2026-01-03 18:00:00+00}
 *
 * Each event is name[@channel][(value)][#item], a space and its time with an
 * offset from UTC; names are plain words or quoted.  Events may be given in any
 * order and are printed in the journey's.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/float.h"

#include "journey/journey.h"

char *
cj_journey_to_text(const CjView *view)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	for (int32 i = 0; i < view->nevents; i++)
	{
		int32		channel = cj_channel_code(view, i);
		int32		item = cj_item_code(view, i);
		double		value;

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (i > 0)
			appendStringInfoString(&out, ", ");
		cj_append_name(&out, cj_name(&view->events, cj_event_code(view, i)));
		if (channel != CJ_ABSENT)
		{
			appendStringInfoChar(&out, '@');
			cj_append_name(&out, cj_name(&view->channels, channel));
		}
		if (cj_value(view, i, &value))
		{
			appendStringInfoChar(&out, '(');
			cj_append_value(&out, value);
			appendStringInfoChar(&out, ')');
		}
		if (item != CJ_ABSENT)
		{
			appendStringInfoChar(&out, '#');
			cj_append_name(&out, cj_name(&view->items, item));
		}
		appendStringInfoChar(&out, ' ');
		cj_append_time(&out, cj_time(view, i));
	}
	appendStringInfoChar(&out, '}');
	return out.data;
}

/* ---- reading ---- */

typedef struct Reader
{
	const char *input;
	const char *at;
	const char *end;
	Node	   *escontext;
} Reader;

/* Reports what was expected at reader->at; always returns false. */
static bool
expected(Reader *reader, const char *what)
{
	int			position = pg_mbstrlen_with_len(reader->input, reader->at - reader->input) + 1;
	int			len = Min(reader->end - reader->at, 30);

	len = pg_mbcliplen(reader->at, reader->end - reader->at, len);
	if (reader->at >= reader->end)
		ereturn(reader->escontext, false,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type journey"),
				 errdetail("Expected %s at character %d, where the text ends.", what, position)));
	ereturn(reader->escontext, false,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type journey"),
			 errdetail("Expected %s at character %d, before \"%.*s\".",
					   what, position, len, reader->at)));
}

static void
skip_space(Reader *reader)
{
	while (reader->at < reader->end && strchr(" \t\n\r\f\v", *reader->at) != NULL)
		reader->at++;
}

static bool
accept(Reader *reader, char c)
{
	if (reader->at >= reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static bool
read_name(Reader *reader, const char *what, CjText *name)
{
	const char *start = reader->at;

	if (start < reader->end && (*start == '"' || *start == '\''))
	{
		if (cj_quoted_name(&reader->at, reader->end, name))
			return true;
		reader->at = reader->end;
		return expected(reader, *start == '"' ? "a closing \"" : "a closing '");
	}
	name->data = start;
	name->len = cj_plain_word(start, reader->end);
	if (name->len == 0)
		return expected(reader, what);
	reader->at += name->len;
	return true;
}

static bool
read_value(Reader *reader, double *value)
{
	static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
	const char *start = reader->at;
	const char *c = start;
	char	   *stop;

	for (int i = 0; i < 3; i++)
	{
		size_t		len = strlen(words[i]);

		if ((size_t) (reader->end - start) >= len && pg_strncasecmp(start, words[i], len) == 0)
		{
			*value = i == 0 ? get_float8_nan() : i == 1 ? get_float8_infinity() : -get_float8_infinity();
			reader->at += len;
			return true;
		}
	}
	/* only what a decimal number consists of may reach strtod */
	while (c < reader->end && strchr("+-.eE0123456789", *c) != NULL)
		c++;
	errno = 0;
	*value = strtod(start, &stop);
	if (c == start || stop != c)
		return expected(reader, "a number");
	if (errno == ERANGE && (isinf(*value) || *value == 0))
		ereturn(reader->escontext, false,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("\"%.*s\" is out of range for an event's value", (int) (c - start), start)));
	reader->at = c;
	return true;
}

static bool
read_time(Reader *reader, TimestampTz *time)
{
	switch (cj_parse_time(&reader->at, reader->end, true, time))
	{
		case CJ_TIME_OK:
			return true;
		case CJ_TIME_NO_ZONE:
			return expected(reader, "an offset from UTC, such as +00,");
		case CJ_TIME_FIELD:
			return expected(reader, "a date and time that exist");
		case CJ_TIME_RANGE:
			return expected(reader, "a time from 4714 BC to 294276 AD");
		case CJ_TIME_MALFORMED:
			break;
	}
	return expected(reader, "a time such as 2026-01-31 10:00:00+00");
}

static bool
read_event(Reader *reader, CjBuilder *builder)
{
	CjText		event;
	CjText		channel = {NULL, 0};
	CjText		item = {NULL, 0};
	double		value;
	bool		has_value = false;
	TimestampTz time;

	if (!read_name(reader, "an event name", &event))
		return false;
	if (accept(reader, '@') && !read_name(reader, "a channel name", &channel))
		return false;
	if (accept(reader, '('))
	{
		if (!read_value(reader, &value))
			return false;
		if (!accept(reader, ')'))
			return expected(reader, "\")\" after the value");
		has_value = true;
	}
	if (accept(reader, '#') && !read_name(reader, "an item name", &item))
		return false;
	if (reader->at >= reader->end || strchr(" \t\n\r\f\v", *reader->at) == NULL)
		return expected(reader, "a space and the event's time");
	skip_space(reader);
	if (!read_time(reader, &time))
		return false;
	return cj_builder_add(builder, time, event, channel, has_value ? &value : NULL, item);
}

/* The events and the closing brace. */
static bool
read_events(Reader *reader, CjBuilder *builder)
{
	skip_space(reader);
	if (accept(reader, '}'))
		return true;
	for (;;)
	{
		skip_space(reader);
		if (!read_event(reader, builder))
			return false;
		skip_space(reader);
		if (accept(reader, '}'))
			return true;
		if (!accept(reader, ','))
			return expected(reader, "\",\" or \"}\"");
		CHECK_FOR_INTERRUPTS();
	}
}

CjJourney *
cj_journey_from_text(const char *input, Node *escontext)
{
	Reader		reader = {input, input, input + strlen(input), escontext};
	CjBuilder	builder;

	cj_builder_init(&builder);
	builder.escontext = escontext;
	skip_space(&reader);
	if (!accept(&reader, '{'))
	{
		expected(&reader, "\"{\"");
		return NULL;
	}
	if (!read_events(&reader, &builder))
		return NULL;
	skip_space(&reader);
	if (reader.at < reader.end)
	{
		expected(&reader, "nothing more after \"}\"");
		return NULL;
	}
	return cj_builder_finish(&builder);
}
