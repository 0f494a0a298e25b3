/*-------------------------------------------------------------------------
 *
 * store.c
 *		The stored form of a pattern: its parse tree in a few bytes.
 *
 * A version byte, then the tree from the root, parents before children.
 * Numbers are written seven bits a byte, the lowest first, the high bit set
 * while more follow; a name is its length and bytes.  A node is its kind and:
 *
 *	ELEMENT		element
 *	SEQUENCE	flags (1: ^, 2: $), count, then for each child gap and node
 *	CHOICE		count, nodes
 *	REPEAT		min, max + 1 (0: unbounded), lazy, node
 *	SCOPE		attributes, within + 1 (0: none), node
 *	PERMUTE		count, nodes
 *
 * Loading checks everything it relies on, since a damaged page must not take
 * the server down.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"

#include "pattern/pattern.h"

/* ---- writing ---- */

static void
put_number(StringInfo to, uint64 number)
{
	while (number >= 0x80)
	{
		appendStringInfoChar(to, (char) (number | 0x80));
		number >>= 7;
	}
	appendStringInfoChar(to, (char) number);
}

static void
put_fixed(StringInfo to, uint64 bits)
{
	for (int i = 0; i < 8; i++)
		appendStringInfoChar(to, (char) (bits >> (8 * i)));
}

static void
put_name(StringInfo to, CjText name)
{
	put_number(to, name.len);
	appendBinaryStringInfo(to, name.data, name.len);
}

static void
put_set(StringInfo to, const CjNameSet *set)
{
	put_number(to, (uint64) set->count * 2 + set->negated);
	for (int i = 0; i < set->count; i++)
		put_name(to, set->names[i]);
}

static void
put_element(StringInfo to, const CjElement *element)
{
	put_set(to, &element->names);
	put_set(to, &element->channels);
	put_set(to, &element->items);
	put_number(to, element->nconditions);
	for (int i = 0; i < element->nconditions; i++)
	{
		const CjCondition *condition = &element->conditions[i];
		uint64		bits;

		put_number(to, condition->compare * 2 + condition->on_time);
		if (condition->on_time)
			bits = (uint64) condition->time;
		else
			memcpy(&bits, &condition->value, sizeof(bits));
		put_fixed(to, bits);
	}
	put_number(to, element->label.data != NULL);
	if (element->label.data != NULL)
		put_name(to, element->label);
}

static void
put_gap(StringInfo to, const CjGap *gap)
{
	put_number(to, gap->connector);
	put_number(to, gap->flags);
	if (gap->flags & CJ_GAP_MIN)
		put_number(to, gap->min);
	if (gap->flags & CJ_GAP_MAX)
		put_number(to, gap->max);
	if (gap->flags & CJ_GAP_EVENTS_MIN)
		put_number(to, gap->events_min);
	if (gap->flags & CJ_GAP_EVENTS_MAX)
		put_number(to, gap->events_max);
	put_number(to, gap->nforbidden);
	for (int i = 0; i < gap->nforbidden; i++)
	{
		put_element(to, gap->forbidden[i].element);
		put_number(to, gap->forbidden[i].same);
	}
}

static void
put_node(StringInfo to, const CjNode *node)
{
	check_stack_depth();
	put_number(to, node->kind);
	switch (node->kind)
	{
		case CJ_NODE_ELEMENT:
			put_element(to, node->element);
			return;
		case CJ_NODE_SEQUENCE:
			put_number(to, node->first + 2 * node->last);
			put_number(to, node->count);
			break;
		case CJ_NODE_CHOICE:
		case CJ_NODE_PERMUTE:
			put_number(to, node->count);
			break;
		case CJ_NODE_REPEAT:
			put_number(to, node->min);
			put_number(to, node->max + 1);
			put_number(to, node->lazy);
			break;
		case CJ_NODE_SCOPE:
			put_number(to, node->attributes);
			put_number(to, (uint64) node->within + 1);
			break;
	}
	for (int i = 0; i < node->count; i++)
	{
		if (node->kind == CJ_NODE_SEQUENCE)
			put_gap(to, &node->gaps[i]);
		put_node(to, node->children[i]);
	}
}

CjPattern *
cj_pattern_store(const CjNode *tree)
{
	StringInfoData bytes;

	initStringInfo(&bytes);
	appendStringInfoSpaces(&bytes, VARHDRSZ);
	appendStringInfoChar(&bytes, CJ_PATTERN_VERSION);
	put_node(&bytes, tree);
	SET_VARSIZE(bytes.data, bytes.len);
	return (CjPattern *) bytes.data;
}

/* ---- reading ---- */

typedef struct Reader
{
	const uint8 *at;
	const uint8 *end;
} Reader;

pg_noreturn static void
damaged(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("stored journey_pattern is damaged")));
}

static uint64
get_number(Reader *reader, uint64 most)
{
	uint64		number = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8		byte;

		if (reader->at >= reader->end)
			damaged();
		byte = *reader->at++;
		number |= (uint64) (byte & 0x7F) << shift;
		if (!(byte & 0x80))
		{
			if (number > most)
				damaged();
			return number;
		}
	}
	damaged();
}

/* A count of things that take at least a byte each. */
static int
get_count(Reader *reader)
{
	return (int) get_number(reader, reader->end - reader->at);
}

static uint64
get_fixed(Reader *reader)
{
	uint64		bits = 0;

	if (reader->end - reader->at < 8)
		damaged();
	for (int i = 0; i < 8; i++)
		bits |= (uint64) reader->at[i] << (8 * i);
	reader->at += 8;
	return bits;
}

static CjText
get_name(Reader *reader)
{
	CjText		name;

	name.len = (int32) get_number(reader, CJ_MAX_NAME);
	if (name.len == 0 || name.len > reader->end - reader->at)
		damaged();
	name.data = (const char *) reader->at;
	reader->at += name.len;
	return name;
}

static void
get_set(Reader *reader, CjNameSet *set)
{
	uint64		head = get_number(reader, 2 * (uint64) (reader->end - reader->at) + 1);

	set->negated = head & 1;
	set->count = (int) (head / 2);
	if (set->count > reader->end - reader->at || (set->negated && set->count == 0))
		damaged();
	set->names = palloc_array(CjText, Max(set->count, 1));
	for (int i = 0; i < set->count; i++)
		set->names[i] = get_name(reader);
}

static CjElement *
get_element(Reader *reader)
{
	CjElement  *element = palloc0_object(CjElement);

	get_set(reader, &element->names);
	get_set(reader, &element->channels);
	get_set(reader, &element->items);
	element->nconditions = get_count(reader);
	element->conditions = palloc0_array(CjCondition, Max(element->nconditions, 1));
	for (int i = 0; i < element->nconditions; i++)
	{
		CjCondition *condition = &element->conditions[i];
		int			head = (int) get_number(reader, CJ_GT * 2 + 1);
		uint64		bits = get_fixed(reader);

		condition->on_time = head & 1;
		condition->compare = head / 2;
		if (condition->on_time)
			condition->time = (TimestampTz) bits;
		else
			memcpy(&condition->value, &bits, sizeof(bits));
	}
	if (get_number(reader, 1))
		element->label = get_name(reader);
	return element;
}

static void
get_gap(Reader *reader, CjGap *gap)
{
	memset(gap, 0, sizeof(*gap));
	gap->connector = get_number(reader, CJ_ABSENCE);
	gap->flags = (uint8) get_number(reader, 0x3F);
	if (gap->flags & CJ_GAP_MIN)
		gap->min = get_number(reader, PG_INT64_MAX);
	if (gap->flags & CJ_GAP_MAX)
		gap->max = get_number(reader, PG_INT64_MAX);
	if (gap->flags & CJ_GAP_EVENTS_MIN)
		gap->events_min = (int32) get_number(reader, PG_INT32_MAX);
	if (gap->flags & CJ_GAP_EVENTS_MAX)
		gap->events_max = (int32) get_number(reader, PG_INT32_MAX);
	gap->nforbidden = get_count(reader);
	gap->forbidden = palloc_array(CjForbidden, Max(gap->nforbidden, 1));
	for (int i = 0; i < gap->nforbidden; i++)
	{
		gap->forbidden[i].element = get_element(reader);
		gap->forbidden[i].same = get_number(reader, 1);
	}
}

static CjNode *
get_node(Reader *reader)
{
	CjNode	   *node = palloc0_object(CjNode);

	check_stack_depth();
	node->kind = get_number(reader, CJ_NODE_PERMUTE);
	node->within = -1;
	node->count = 1;
	switch (node->kind)
	{
		case CJ_NODE_ELEMENT:
			node->count = 0;
			node->element = get_element(reader);
			return node;
		case CJ_NODE_SEQUENCE:
			{
				int			flags = (int) get_number(reader, 3);

				node->first = flags & 1;
				node->last = flags >> 1;
				node->count = get_count(reader);
				node->gaps = palloc_array(CjGap, Max(node->count, 1));
				break;
			}
		case CJ_NODE_CHOICE:
		case CJ_NODE_PERMUTE:
			node->count = get_count(reader);
			break;
		case CJ_NODE_REPEAT:
			node->min = (int32) get_number(reader, CJ_PATTERN_MAX_REPEAT);
			node->max = (int32) get_number(reader, CJ_PATTERN_MAX_REPEAT + 1) - 1;
			node->lazy = get_number(reader, 1);
			if (node->max == 0 || (node->max > 0 && node->max < node->min))
				damaged();
			break;
		case CJ_NODE_SCOPE:
			node->attributes = (uint8) get_number(reader, 15);
			node->within = (int64) get_number(reader, PG_INT64_MAX) - 1;
			break;
		default:
			damaged();
	}
	if (node->count == 0 || (node->kind == CJ_NODE_PERMUTE && node->count > CJ_PATTERN_MAX_PERMUTE))
		damaged();
	node->children = palloc_array(CjNode *, node->count);
	for (int i = 0; i < node->count; i++)
	{
		if (node->kind == CJ_NODE_SEQUENCE)
			get_gap(reader, &node->gaps[i]);
		node->children[i] = get_node(reader);
		if (node->kind == CJ_NODE_PERMUTE && node->children[i]->kind != CJ_NODE_ELEMENT)
			damaged();
	}
	return node;
}

CjNode *
cj_pattern_load(const CjPattern *pattern)
{
	Reader		reader = {(const uint8 *) VARDATA_ANY(pattern),
	(const uint8 *) VARDATA_ANY(pattern) + VARSIZE_ANY_EXHDR(pattern)};
	CjNode	   *tree;

	if (get_number(&reader, 255) != CJ_PATTERN_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored journey_pattern has an unknown format version")));
	tree = get_node(&reader);
	if (reader.at != reader.end)
		damaged();
	return tree;
}
