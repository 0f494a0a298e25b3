/*-------------------------------------------------------------------------
 *
 * print.c
 *		The canonical text of a pattern.
 *
 * Equal trees give equal text, and the text reads back to the same tree:
 * single spaces around arrows, names quoted only where they must be, durations
 * in the largest units that are whole, parentheses only where needed.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"

#include "pattern/pattern.h"

static void append_node(StringInfo to, const CjNode *node);

void
cj_append_duration(StringInfo to, int64 usec)
{
	static const struct
	{
		const char *name;
		int64		usec;
	}			parts[] = {
		{"day", USECS_PER_DAY}, {"hour", USECS_PER_HOUR}, {"minute", USECS_PER_MINUTE},
		{"second", USECS_PER_SEC}, {"millisecond", 1000}, {"microsecond", 1},
	};
	bool		any = false;

	for (size_t i = 0; i < lengthof(parts); i++)
	{
		int64		count = usec / parts[i].usec;

		if (count == 0)
			continue;
		appendStringInfo(to, "%s" INT64_FORMAT " %s%s", any ? " " : "", count,
						 parts[i].name, count == 1 ? "" : "s");
		usec -= count * parts[i].usec;
		any = true;
	}
	if (!any)
		appendStringInfoString(to, "0 seconds");
}

/* ---- elements ---- */

static void
append_set(StringInfo to, const CjNameSet *set)
{
	if (set->count == 1 && !set->negated)
	{
		cj_append_name(to, set->names[0]);
		return;
	}
	appendStringInfoString(to, set->negated ? "[^" : "[");
	for (int i = 0; i < set->count; i++)
	{
		if (i > 0)
			appendStringInfoChar(to, '|');
		cj_append_name(to, set->names[i]);
	}
	appendStringInfoChar(to, ']');
}

static void
append_conditions(StringInfo to, const CjElement *element)
{
	static const char *const compare[] = {"<", "<=", "=", "<>", ">=", ">"};

	for (int i = 0; i < element->nconditions; i++)
	{
		const CjCondition *condition = &element->conditions[i];

		appendStringInfo(to, "%s%s %s ", i == 0 ? "(" : ", ",
						 condition->on_time ? "time" : "value",
						 compare[condition->compare]);
		if (condition->on_time)
		{
			appendStringInfoChar(to, '\'');
			cj_append_time(to, condition->time);
			appendStringInfoChar(to, '\'');
		}
		else
			cj_append_value(to, condition->value);
	}
	if (element->nconditions > 0)
		appendStringInfoChar(to, ')');
}

void
cj_append_element(StringInfo to, const CjElement *element)
{
	if (element->names.count == 0)
		appendStringInfoChar(to, '.');
	else
		append_set(to, &element->names);
	if (element->channels.count > 0)
	{
		appendStringInfoChar(to, '@');
		append_set(to, &element->channels);
	}
	append_conditions(to, element);
	if (element->items.count > 0)
	{
		appendStringInfoChar(to, '#');
		append_set(to, &element->items);
	}
	if (element->label.data != NULL)
	{
		appendStringInfoString(to, " AS ");
		cj_append_name(to, element->label);
	}
}

/* ---- arrows ---- */

static void
append_time_bounds(StringInfo to, const CjGap *gap, const char **separator)
{
	bool		min = (gap->flags & CJ_GAP_MIN) != 0;
	bool		max = (gap->flags & CJ_GAP_MAX) != 0;

	if (min && max && !(gap->flags & (CJ_GAP_MIN_STRICT | CJ_GAP_MAX_STRICT)))
	{
		appendStringInfoString(to, *separator);
		cj_append_duration(to, gap->min);
		appendStringInfoString(to, " .. ");
		cj_append_duration(to, gap->max);
		*separator = ", ";
		return;
	}
	if (min)
	{
		appendStringInfo(to, "%s%s ", *separator,
						 gap->flags & CJ_GAP_MIN_STRICT ? ">" : ">=");
		cj_append_duration(to, gap->min);
		*separator = ", ";
	}
	if (max)
	{
		appendStringInfo(to, "%s%s ", *separator,
						 gap->flags & CJ_GAP_MAX_STRICT ? "<" : "<=");
		cj_append_duration(to, gap->max);
		*separator = ", ";
	}
}

static void
append_gap(StringInfo to, const CjGap *gap)
{
	const char *separator = "";
	bool		min = (gap->flags & CJ_GAP_EVENTS_MIN) != 0;
	bool		max = (gap->flags & CJ_GAP_EVENTS_MAX) != 0;

	if (gap->connector == CJ_ABSENCE)
		appendStringInfoChar(to, '!');
	if (gap->flags == 0 && gap->nforbidden == 0)
	{
		appendStringInfoString(to, "->");
		return;
	}
	appendStringInfoString(to, "-[");
	append_time_bounds(to, gap, &separator);
	if (min || max)
	{
		appendStringInfoString(to, separator);
		separator = ", ";
		if (min && max)
			appendStringInfo(to, "%d .. %d events", gap->events_min, gap->events_max);
		else
			appendStringInfo(to, "%s %d events", min ? ">=" : "<=",
							 min ? gap->events_min : gap->events_max);
	}
	for (int i = 0; i < gap->nforbidden; i++)
	{
		appendStringInfo(to, "%s!", separator);
		separator = ", ";
		cj_append_element(to, gap->forbidden[i].element);
		if (gap->forbidden[i].same)
			appendStringInfoString(to, " SAME");
	}
	appendStringInfoString(to, "]->");
}

/* ---- structure ---- */

static void
append_group(StringInfo to, const CjNode *node)
{
	appendStringInfoChar(to, '(');
	append_node(to, node);
	appendStringInfoChar(to, ')');
}

/* A child of a sequence, or with "tight" of a quantifier. */
static void
append_item(StringInfo to, const CjNode *node, bool tight)
{
	bool		bare = node->kind == CJ_NODE_PERMUTE ||
		(node->kind == CJ_NODE_ELEMENT && !(tight && node->element->label.data != NULL)) ||
		(node->kind == CJ_NODE_REPEAT && !tight);

	if (bare)
		append_node(to, node);
	else
		append_group(to, node);
}

static void
append_sequence(StringInfo to, const CjNode *node)
{
	if (node->first)
		appendStringInfoString(to, "^ ");
	for (int i = 0; i < node->count; i++)
	{
		const CjGap *gap = &node->gaps[i];

		if (i > 0)
			appendStringInfoChar(to, ' ');
		if (gap->connector == CJ_ARROW || gap->connector == CJ_ABSENCE)
		{
			append_gap(to, gap);
			appendStringInfoChar(to, ' ');
		}
		append_item(to, node->children[i], false);
	}
	if (node->last)
		appendStringInfoString(to, " $");
}

static void
append_repeat(StringInfo to, const CjNode *node)
{
	append_item(to, node->children[0], true);
	if (node->min == 0 && node->max < 0)
		appendStringInfoChar(to, '*');
	else if (node->min == 1 && node->max < 0)
		appendStringInfoChar(to, '+');
	else if (node->min == 0 && node->max == 1)
		appendStringInfoChar(to, '?');
	else if (node->max < 0)
		appendStringInfo(to, "{%d,}", node->min);
	else if (node->min == node->max)
		appendStringInfo(to, "{%d}", node->min);
	else
		appendStringInfo(to, "{%d,%d}", node->min, node->max);
	if (node->lazy)
		appendStringInfoChar(to, '?');
}

static void
append_scope(StringInfo to, const CjNode *node)
{
	static const char *const words[] = {
		"SAME item", "SAME channel", "DIFFERENT item", "DIFFERENT channel"
	};

	if (node->children[0]->kind == CJ_NODE_SCOPE)
		append_group(to, node->children[0]);
	else
		append_node(to, node->children[0]);
	for (int i = 0; i < 4; i++)
		if (node->attributes & (1 << i))
			appendStringInfo(to, " %s", words[i]);
	if (node->within >= 0)
	{
		appendStringInfoString(to, " WITHIN ");
		cj_append_duration(to, node->within);
	}
}

static void
append_node(StringInfo to, const CjNode *node)
{
	check_stack_depth();
	switch (node->kind)
	{
		case CJ_NODE_ELEMENT:
			cj_append_element(to, node->element);
			break;
		case CJ_NODE_SEQUENCE:
			append_sequence(to, node);
			break;
		case CJ_NODE_CHOICE:
			for (int i = 0; i < node->count; i++)
			{
				if (i > 0)
					appendStringInfoString(to, " | ");
				if (node->children[i]->kind == CJ_NODE_CHOICE ||
					node->children[i]->kind == CJ_NODE_SCOPE)
					append_group(to, node->children[i]);
				else
					append_node(to, node->children[i]);
			}
			break;
		case CJ_NODE_REPEAT:
			append_repeat(to, node);
			break;
		case CJ_NODE_SCOPE:
			append_scope(to, node);
			break;
		case CJ_NODE_PERMUTE:
			appendStringInfoString(to, "permute(");
			for (int i = 0; i < node->count; i++)
			{
				if (i > 0)
					appendStringInfoString(to, ", ");
				append_node(to, node->children[i]);
			}
			appendStringInfoChar(to, ')');
			break;
	}
}

/* Would the text begin with an arrow, or a branch of it, which only a group may? */
static bool
begins_with_arrow(const CjNode *node)
{
	if (node->kind == CJ_NODE_SEQUENCE)
		return node->gaps[0].connector == CJ_ARROW;
	if (node->kind == CJ_NODE_SCOPE && node->children[0]->kind != CJ_NODE_SCOPE)
		return begins_with_arrow(node->children[0]);
	if (node->kind == CJ_NODE_CHOICE)
		for (int i = 0; i < node->count; i++)
			if (node->children[i]->kind == CJ_NODE_SEQUENCE &&
				begins_with_arrow(node->children[i]))
				return true;
	return false;
}

char *
cj_pattern_print(const CjNode *tree)
{
	StringInfoData result;

	initStringInfo(&result);
	if (begins_with_arrow(tree))
		append_group(&result, tree);
	else
		append_node(&result, tree);
	return result.data;
}
