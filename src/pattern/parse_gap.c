/*-------------------------------------------------------------------------
 *
 * parse_gap.c
 *		The parts of a pattern below its structure: events and arrows.
 *
 *	element   := ( name | . | [ names ] ) [ @ set ] [ ( conditions ) ] [ # set ]
 *				 [ AS label ]
 *	set       := name | [ names ] ; names := [ ^ ] name { | name }
 *	arrow     := -> | -[ bound , ... ]-> | the same after a "!"
 *	bound     := op duration | duration .. duration | op n events
 *				 | n .. m events | ! element [ SAME ]
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "compat.h"

#include "pattern/parse.h"

/* ---- sets of names ---- */

static int
compare_names(const void *a, const void *b)
{
	return cj_text_compare(*(const CjText *) a, *(const CjText *) b);
}

/* Sorted without repetitions, so that equal sets are stored alike. */
static void
normalise_names(CjNameSet *set)
{
	int			kept = 0;

	qsort(set->names, set->count, sizeof(CjText), compare_names);
	for (int i = 0; i < set->count; i++)
		if (i == 0 || cj_text_compare(set->names[i], set->names[kept - 1]) != 0)
			set->names[kept++] = set->names[i];
	set->count = kept;
}

static bool
parse_bracketed(CjParser *parser, CjNameSet *set)
{
	int			capacity = 4;

	cj_parse_space(parser);
	set->negated = cj_parse_accept(parser, "^");
	set->names = palloc_array(CjText, capacity);
	do
	{
		if (set->count == capacity)
		{
			capacity *= 2;
			set->names = repalloc_array(set->names, CjText, capacity);
		}
		cj_parse_space(parser);
		if (!cj_parse_name(parser, "a name", &set->names[set->count]))
			return false;
		set->count++;
		cj_parse_space(parser);
	} while (cj_parse_accept(parser, "|"));
	if (!cj_parse_accept(parser, "]"))
	{
		cj_parse_fail(parser, parser->at, "\"|\" or \"]\"",
					  "Only names stand in brackets; conditions follow the bracket, or use (a | b).");
		return false;
	}
	normalise_names(set);
	return true;
}

static bool
parse_set(CjParser *parser, const char *expected, CjNameSet *set)
{
	if (cj_parse_accept(parser, "["))
		return parse_bracketed(parser, set);
	set->names = palloc_object(CjText);
	set->count = 1;
	return cj_parse_name(parser, expected, set->names);
}

/* ---- conditions ---- */

static bool
parse_compare(CjParser *parser, CjCompare *compare)
{
	if (cj_parse_accept(parser, "<="))
		*compare = CJ_LE;
	else if (cj_parse_accept(parser, "<>"))
		*compare = CJ_NE;
	else if (cj_parse_accept(parser, "<"))
		*compare = CJ_LT;
	else if (cj_parse_accept(parser, ">="))
		*compare = CJ_GE;
	else if (cj_parse_accept(parser, ">"))
		*compare = CJ_GT;
	else if (cj_parse_accept(parser, "="))
		*compare = CJ_EQ;
	else
		return false;
	cj_parse_space(parser);
	return true;
}

static bool
parse_number(CjParser *parser, double *value)
{
	char		buffer[64];
	const char *start = parser->at;
	int			len = 0;
	char	   *end;

	while (start + len < parser->end && len < (int) sizeof(buffer) - 1 &&
		   start[len] != '\0' && strchr("+-.0123456789eE", start[len]) != NULL)
		len++;
	memcpy(buffer, start, len);
	buffer[len] = '\0';
	*value = strtod(buffer, &end);
	if (len == 0 || *end != '\0' || isinf(*value))
	{
		cj_parse_fail(parser, start, "a number", NULL);
		return false;
	}
	if (*value == 0)
		*value = 0;				/* no minus zero */
	parser->at += len;
	return true;
}

static bool
parse_time(CjParser *parser, TimestampTz *time)
{
	const char *start = parser->at;
	CjText		quoted;
	const char *at;
	const char *hint = "Write it in ISO form, such as '2026-03-01' or '2026-03-01 10:00:00+02'.";

	if (parser->at >= parser->end || (*parser->at != '\'' && *parser->at != '"') ||
		!cj_quoted_name(&parser->at, parser->end, &quoted))
	{
		cj_parse_fail(parser, start, "a time in quotes", hint);
		return false;
	}
	at = quoted.data;
	if (cj_parse_time(&at, quoted.data + quoted.len, false, time) != CJ_TIME_OK ||
		at != quoted.data + quoted.len)
	{
		cj_parse_fail(parser, start, "a valid time", hint);
		return false;
	}
	return true;
}

static bool
parse_operand(CjParser *parser, CjCondition *condition)
{
	cj_parse_space(parser);
	return condition->on_time ? parse_time(parser, &condition->time) :
		parse_number(parser, &condition->value);
}

static CjCondition *
add_condition(CjElement *element, bool on_time)
{
	CjCondition *condition;

	element->conditions = element->conditions == NULL ? palloc_object(CjCondition) :
		repalloc_array(element->conditions, CjCondition, element->nconditions + 1);
	condition = &element->conditions[element->nconditions++];
	memset(condition, 0, sizeof(*condition));
	condition->on_time = on_time;
	return condition;
}

/* value or time, then a comparison or between ... and ... */
static bool
parse_condition(CjParser *parser, CjElement *element)
{
	CjCondition *condition;
	bool		on_time;

	cj_parse_space(parser);
	if (cj_parse_keyword(parser, "value"))
		on_time = false;
	else if (cj_parse_keyword(parser, "time"))
		on_time = true;
	else
	{
		cj_parse_fail(parser, parser->at, "value or time",
					  "Parentheses that touch an event hold conditions; put a space before those of a group.");
		return false;
	}
	cj_parse_space(parser);
	condition = add_condition(element, on_time);
	if (parse_compare(parser, &condition->compare))
		return parse_operand(parser, condition);
	if (!cj_parse_keyword(parser, "between"))
	{
		cj_parse_fail(parser, parser->at, "<, <=, =, <>, >=, > or between", NULL);
		return false;
	}
	condition->compare = CJ_GE;
	if (!parse_operand(parser, condition))
		return false;
	cj_parse_space(parser);
	if (!cj_parse_keyword(parser, "and"))
	{
		cj_parse_fail(parser, parser->at, "and", NULL);
		return false;
	}
	condition = add_condition(element, on_time);
	condition->compare = CJ_LE;
	return parse_operand(parser, condition);
}

static bool
parse_conditions(CjParser *parser, CjElement *element)
{
	do
	{
		if (!parse_condition(parser, element))
			return false;
		cj_parse_space(parser);
	} while (cj_parse_accept(parser, ","));
	if (!cj_parse_accept(parser, ")"))
	{
		cj_parse_fail(parser, parser->at, "\",\" or \")\"", NULL);
		return false;
	}
	return true;
}

/* ---- elements ---- */

CjElement *
cj_parse_element(CjParser *parser)
{
	CjElement  *element = palloc0_object(CjElement);
	const char *before;

	if (cj_parse_accept(parser, "."))
		;						/* any event */
	else if (!parse_set(parser, "an event", &element->names))
		return NULL;
	if (cj_parse_accept(parser, "@") && !parse_set(parser, "a channel", &element->channels))
		return NULL;
	if (cj_parse_accept(parser, "(") && !parse_conditions(parser, element))
		return NULL;
	if (cj_parse_accept(parser, "#") && !parse_set(parser, "an item", &element->items))
		return NULL;
	if (cj_parse_peek(parser, "@") || cj_parse_peek(parser, "(") || cj_parse_peek(parser, "#"))
	{
		cj_parse_fail(parser, parser->at, "each of @channel, (conditions) and #item once, in this order",
					  cj_parse_peek(parser, "(") ? "Put a space before the \"(\" of a group." : NULL);
		return NULL;
	}
	before = parser->at;
	cj_parse_space(parser);
	if (cj_parse_keyword(parser, "as"))
	{
		cj_parse_space(parser);
		if (!cj_parse_name(parser, "a label", &element->label))
			return NULL;
	}
	else
		parser->at = before;
	return element;
}

/* ---- durations ---- */

typedef struct Unit
{
	const char *name;
	int64		usec;
} Unit;

static const Unit units[] = {
	{"us", 1}, {"microsecond", 1}, {"microseconds", 1},
	{"ms", 1000}, {"millisecond", 1000}, {"milliseconds", 1000},
	{"s", USECS_PER_SEC}, {"sec", USECS_PER_SEC}, {"secs", USECS_PER_SEC},
	{"second", USECS_PER_SEC}, {"seconds", USECS_PER_SEC},
	{"min", USECS_PER_MINUTE}, {"mins", USECS_PER_MINUTE},
	{"minute", USECS_PER_MINUTE}, {"minutes", USECS_PER_MINUTE},
	{"h", USECS_PER_HOUR}, {"hour", USECS_PER_HOUR}, {"hours", USECS_PER_HOUR},
	{"d", USECS_PER_DAY}, {"day", USECS_PER_DAY}, {"days", USECS_PER_DAY},
	{"w", 7 * USECS_PER_DAY}, {"week", 7 * USECS_PER_DAY}, {"weeks", 7 * USECS_PER_DAY},
};

/* The unit at the parser, 0 if it is not one of time. */
static int64
parse_unit(CjParser *parser)
{
	for (size_t i = 0; i < lengthof(units); i++)
		if (cj_parse_keyword(parser, units[i].name))
			return units[i].usec;
	return 0;
}

/* Digits with a fraction of at most six, in units; exact, or false. */
static bool
scale(const char *digits, const char *end, int64 unit, int64 *usec)
{
	int64		whole = 0;
	int64		fraction = 0;
	int64		divisor = 1;

	for (; digits < end && *digits != '.'; digits++)
		if (pg_mul_s64_overflow(whole, 10, &whole) ||
			pg_add_s64_overflow(whole, *digits - '0', &whole))
			return false;
	for (digits++; digits < end; digits++)
	{
		if (divisor >= 1000000)
			return false;
		fraction = fraction * 10 + (*digits - '0');
		divisor *= 10;
	}
	/* units are below 10^12 */
	return (unit * fraction) % divisor == 0 &&
		!pg_mul_s64_overflow(whole, unit, &whole) &&
		!pg_add_s64_overflow(whole, unit * fraction / divisor, usec);
}

bool
cj_parse_duration(CjParser *parser, int64 *usec)
{
	static const char *const expected = "a duration such as 7 days or 90 minutes";
	bool		any = false;

	*usec = 0;
	for (;;)
	{
		const char *start = parser->at;
		const char *digits = start;
		int64		unit;
		int64		part;

		while (parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9')
			parser->at++;
		if (parser->at > digits && parser->at + 1 < parser->end && *parser->at == '.' &&
			parser->at[1] >= '0' && parser->at[1] <= '9')
		{
			parser->at++;
			while (parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9')
				parser->at++;
		}
		if (parser->at == digits)
		{
			if (!any)
				cj_parse_fail(parser, start, expected, NULL);
			return any;
		}
		{
			const char *number_end = parser->at;

			cj_parse_space(parser);
			unit = parse_unit(parser);
			if (unit == 0)
			{
				cj_parse_fail(parser, parser->at, "a unit of time",
							  "Units are us, ms, s, min, h, days and weeks; the length of months and years varies, so write days.");
				return false;
			}
			if (!scale(digits, number_end, unit, &part) ||
				pg_add_s64_overflow(*usec, part, usec))
			{
				cj_parse_fail(parser, start, "a duration in whole microseconds within 290000 years", NULL);
				return false;
			}
		}
		any = true;
		start = parser->at;
		cj_parse_space(parser);
		if (parser->at >= parser->end || *parser->at < '0' || *parser->at > '9')
		{
			parser->at = start;
			return true;
		}
	}
}

/* ---- arrows ---- */

/* Is the number here one of events?  Looks ahead only. */
static bool
counts_events(const CjParser *parser)
{
	CjParser	ahead = *parser;

	while (ahead.at < ahead.end && *ahead.at >= '0' && *ahead.at <= '9')
		ahead.at++;
	cj_parse_space(&ahead);
	if (ahead.at > parser->at && cj_parse_accept(&ahead, ".."))
	{
		cj_parse_space(&ahead);
		while (ahead.at < ahead.end && *ahead.at >= '0' && *ahead.at <= '9')
			ahead.at++;
		cj_parse_space(&ahead);
	}
	return cj_parse_keyword(&ahead, "events") || cj_parse_keyword(&ahead, "event");
}

static bool
set_bound(CjParser *parser, CjGap *gap, const char *where, uint8 flag, uint8 strict)
{
	if (gap->flags & flag)
	{
		cj_parse_fail(parser, where, "each bound only once", NULL);
		return false;
	}
	gap->flags |= flag | strict;
	return true;
}

/* Bounds on the number of positions. */
static bool
parse_event_bound(CjParser *parser, CjGap *gap, const char *where, bool has_op, CjCompare op)
{
	int32		low;
	int32		high;

	if (!cj_parse_integer(parser, &low))
		return false;
	high = low;
	cj_parse_space(parser);
	if (!has_op)
	{
		if (!cj_parse_accept(parser, ".."))
		{
			cj_parse_fail(parser, parser->at, "\"..\"",
						  "Write <= 3 events, or 2 .. 5 events.");
			return false;
		}
		cj_parse_space(parser);
		if (!cj_parse_integer(parser, &high))
			return false;
		cj_parse_space(parser);
	}
	if (!cj_parse_keyword(parser, "events") && !cj_parse_keyword(parser, "event"))
	{
		cj_parse_fail(parser, parser->at, "events", NULL);
		return false;
	}
	if (has_op && op == CJ_LT)
		high--;
	if (has_op && op == CJ_GT)
		low = low == PG_INT32_MAX ? low : low + 1;
	if (!has_op || op == CJ_GE || op == CJ_GT || op == CJ_EQ)
	{
		if (!set_bound(parser, gap, where, CJ_GAP_EVENTS_MIN, 0))
			return false;
		gap->events_min = low;
	}
	if (!has_op || op == CJ_LE || op == CJ_LT || op == CJ_EQ)
	{
		if (!set_bound(parser, gap, where, CJ_GAP_EVENTS_MAX, 0))
			return false;
		gap->events_max = high;
	}
	return true;
}

static bool
parse_time_bound(CjParser *parser, CjGap *gap, const char *where, bool has_op, CjCompare op)
{
	int64		low;
	int64		high;

	if (!cj_parse_duration(parser, &low))
		return false;
	high = low;
	if (!has_op)
	{
		cj_parse_space(parser);
		if (!cj_parse_accept(parser, ".."))
		{
			cj_parse_fail(parser, parser->at, "\"..\"",
						  "Write <= 2 days, or 1 hour .. 2 days.");
			return false;
		}
		cj_parse_space(parser);
		if (!cj_parse_duration(parser, &high))
			return false;
	}
	if (!has_op || op == CJ_GE || op == CJ_GT || op == CJ_EQ)
	{
		if (!set_bound(parser, gap, where, CJ_GAP_MIN,
					   has_op && op == CJ_GT ? CJ_GAP_MIN_STRICT : 0))
			return false;
		gap->min = low;
	}
	if (!has_op || op == CJ_LE || op == CJ_LT || op == CJ_EQ)
	{
		if (!set_bound(parser, gap, where, CJ_GAP_MAX,
					   has_op && op == CJ_LT ? CJ_GAP_MAX_STRICT : 0))
			return false;
		gap->max = high;
	}
	return true;
}

static bool
parse_forbidden(CjParser *parser, CjGap *gap)
{
	CjForbidden *forbidden;
	const char *start = parser->at;

	cj_parse_space(parser);
	gap->forbidden = gap->forbidden == NULL ? palloc_object(CjForbidden) :
		repalloc_array(gap->forbidden, CjForbidden, gap->nforbidden + 1);
	forbidden = &gap->forbidden[gap->nforbidden++];
	forbidden->element = cj_parse_element(parser);
	if (forbidden->element == NULL)
		return false;
	if (forbidden->element->label.data != NULL)
	{
		cj_parse_fail(parser, start, "no label on a forbidden event", NULL);
		return false;
	}
	cj_parse_space(parser);
	forbidden->same = cj_parse_keyword(parser, "same");
	return true;
}

static bool
parse_bound(CjParser *parser, CjGap *gap)
{
	const char *where;
	CjCompare	op = CJ_EQ;
	bool		has_op;

	cj_parse_space(parser);
	where = parser->at;
	if (cj_parse_accept(parser, "!"))
		return parse_forbidden(parser, gap);
	has_op = parse_compare(parser, &op);
	if (parser->at >= parser->end || *parser->at < '0' || *parser->at > '9' || op == CJ_NE)
	{
		cj_parse_fail(parser, where, "a bound such as <= 2 days, <= 3 events or !name", NULL);
		return false;
	}
	return counts_events(parser) ? parse_event_bound(parser, gap, where, has_op, op) :
		parse_time_bound(parser, gap, where, has_op, op);
}

bool
cj_parse_gap(CjParser *parser, CjGap *gap)
{
	const char *start = parser->at;

	memset(gap, 0, sizeof(*gap));
	gap->connector = cj_parse_accept(parser, "!") ? CJ_ABSENCE : CJ_ARROW;
	if (cj_parse_accept(parser, "->"))
		return true;
	cj_parse_accept(parser, "-[");
	do
	{
		if (!parse_bound(parser, gap))
			return false;
		cj_parse_space(parser);
	} while (cj_parse_accept(parser, ","));
	if (!cj_parse_accept(parser, "]->"))
	{
		cj_parse_fail(parser, parser->at, "\",\" or \"]->\"", NULL);
		return false;
	}
	if ((gap->flags & CJ_GAP_EVENTS_MAX) &&
		(gap->events_max < 1 ||
		 ((gap->flags & CJ_GAP_EVENTS_MIN) && gap->events_max < gap->events_min)))
	{
		cj_parse_fail(parser, start, "a range of events that is not empty",
					  "The directly next event is 1 event away.");
		return false;
	}
	if ((gap->flags & CJ_GAP_MIN) && (gap->flags & CJ_GAP_MAX) && gap->max < gap->min)
	{
		cj_parse_fail(parser, start, "a range of time that is not empty", NULL);
		return false;
	}
	return true;
}
