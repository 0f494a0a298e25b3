/*-------------------------------------------------------------------------
 *
 * element.c
 *		One event against one element of a pattern.
 *
 * An attribute that the event lacks satisfies no condition about it, not even
 * a negated one: "@[^store]" is an event with a channel other than store.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pattern/pattern.h"

bool
cj_element_plain(const CjElement *element)
{
	return element->channels.count == 0 && element->items.count == 0 &&
		element->nconditions == 0;
}

bool
cj_nameset_has(const CjNameSet *set, CjText name)
{
	int			low = 0;
	int			high = set->count - 1;

	if (set->count == 0)
		return true;
	while (low <= high)
	{
		int			middle = (low + high) / 2;
		int			c = cj_text_compare(name, set->names[middle]);

		if (c == 0)
			return !set->negated;
		if (c < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return set->negated;
}

bool
cj_nameset_codes(const CjNameSet *set, const CjNames *names, bool *match)
{
	bool		any = false;

	if (set->count == 0 || set->negated)
	{
		memset(match, true, names->count);
		any = names->count > 0;
	}
	else
		memset(match, false, names->count);
	for (int i = 0; i < set->count; i++)
	{
		int32		code = cj_find_name(names, set->names[i].data, set->names[i].len);

		if (code != CJ_ABSENT)
		{
			match[code] = !set->negated;
			any = true;
		}
	}
	return any;
}

static bool
compare_holds(CjCompare compare, int c)
{
	switch (compare)
	{
		case CJ_LT:
			return c < 0;
		case CJ_LE:
			return c <= 0;
		case CJ_EQ:
			return c == 0;
		case CJ_NE:
			return c != 0;
		case CJ_GE:
			return c >= 0;
		case CJ_GT:
			return c > 0;
	}
	return false;
}

static bool
condition_holds(const CjCondition *condition, const CjView *view, int32 i)
{
	double		value;

	if (condition->on_time)
	{
		TimestampTz time = cj_time(view, i);

		return compare_holds(condition->compare,
							 (time > condition->time) - (time < condition->time));
	}
	if (!cj_value(view, i, &value))
		return false;
	/* NaN is above every number, as in SQL */
	if (value != value)
		return compare_holds(condition->compare, 1);
	return compare_holds(condition->compare,
						 (value > condition->value) - (value < condition->value));
}

bool
cj_element_qualified(const CjElement *element, const CjView *view, int32 i)
{
	if (element->channels.count > 0)
	{
		int32		code = cj_channel_code(view, i);

		if (code == CJ_ABSENT ||
			!cj_nameset_has(&element->channels, cj_name(&view->channels, code)))
			return false;
	}
	if (element->items.count > 0)
	{
		int32		code = cj_item_code(view, i);

		if (code == CJ_ABSENT ||
			!cj_nameset_has(&element->items, cj_name(&view->items, code)))
			return false;
	}
	for (int c = 0; c < element->nconditions; c++)
		if (!condition_holds(&element->conditions[c], view, i))
			return false;
	return true;
}
