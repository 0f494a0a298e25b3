/*-------------------------------------------------------------------------
 *
 * parse.c
 *		Reads the text of a pattern into its tree.
 *
 *	pattern   := choice closing*
 *	choice    := sequence { | sequence }
 *	sequence  := [ ^ ] [ arrow ] item { connector item } [ $ ]
 *	connector := space | arrow | !arrow
 *	item      := primary [ quantifier [ ? ] ]
 *	primary   := element [ AS label ] | ( choice closing* )
 *				 | permute ( element , ... )
 *	closing   := WITHIN duration | SAME item|channel | DIFFERENT item|channel
 *
 * One function a rule, one character of look-ahead apart from keywords; tokens
 * are read in parse_token.c, elements and gaps in parse_gap.c.  The first error
 * ends the parse: each function returns NULL or false.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"

#include "pattern/parse.h"

static CjNode *parse_choice(CjParser *parser, bool in_group, const char **absent_at);

/* ---- nodes ---- */

static CjNode *
make_node(CjNodeKind kind)
{
	CjNode	   *node = palloc0_object(CjNode);

	node->kind = kind;
	node->within = -1;
	return node;
}

static void
add_child(CjNode *node, CjNode *child, const CjGap *gap)
{
	/* capacity is the power of two that holds count */
	if ((node->count & (node->count - 1)) == 0)
	{
		int			capacity = Max(node->count * 2, 1);

		node->children = node->children == NULL ? palloc_array(CjNode *, capacity) :
			repalloc_array(node->children, CjNode *, capacity);
		if (gap != NULL)
			node->gaps = node->gaps == NULL ? palloc_array(CjGap, capacity) :
				repalloc_array(node->gaps, CjGap, capacity);
	}
	if (gap != NULL)
		node->gaps[node->count] = *gap;
	node->children[node->count++] = child;
}

/* WITHIN, SAME and DIFFERENT after a group or at the end; "node" itself if none. */
static CjNode *
parse_closings(CjParser *parser, CjNode *node)
{
	CjNode	   *scope = NULL;

	for (;;)
	{
		const char *start;
		int			shift;
		uint8		attribute;

		cj_parse_space(parser);
		start = parser->at;
		if (cj_parse_keyword(parser, "within"))
			shift = -1;
		else if (cj_parse_keyword(parser, "same"))
			shift = 0;
		else if (cj_parse_keyword(parser, "different"))
			shift = 2;
		else
			return scope != NULL ? scope : node;
		if (scope == NULL)
		{
			scope = make_node(CJ_NODE_SCOPE);
			add_child(scope, node, NULL);
		}
		cj_parse_space(parser);
		if (shift < 0)
		{
			if (scope->within >= 0)
			{
				cj_parse_fail(parser, start, "WITHIN only once", NULL);
				return NULL;
			}
			if (!cj_parse_duration(parser, &scope->within))
				return NULL;
			continue;
		}
		if (cj_parse_keyword(parser, "item"))
			attribute = CJ_SAME_ITEM << shift;
		else if (cj_parse_keyword(parser, "channel"))
			attribute = CJ_SAME_CHANNEL << shift;
		else
		{
			cj_parse_fail(parser, parser->at, "item or channel", NULL);
			return NULL;
		}
		if ((scope->attributes & attribute) ||
			(scope->attributes & (shift == 0 ? attribute << 2 : attribute >> 2)))
		{
			cj_parse_fail(parser, start, "SAME or DIFFERENT once for each of item and channel",
						  NULL);
			return NULL;
		}
		scope->attributes |= attribute;
	}
}

/* ---- items ---- */

static CjNode *
parse_permute(CjParser *parser)
{
	CjNode	   *node = make_node(CJ_NODE_PERMUTE);

	cj_parse_space(parser);
	if (!cj_parse_accept(parser, "("))
	{
		cj_parse_fail(parser, parser->at, "\"(\" after permute",
					  "Quote \"permute\" to use it as a name.");
		return NULL;
	}
	do
	{
		CjNode	   *child = make_node(CJ_NODE_ELEMENT);
		const char *start;

		cj_parse_space(parser);
		start = parser->at;
		child->element = cj_parse_element(parser);
		if (child->element == NULL)
			return NULL;
		if (node->count >= CJ_PATTERN_MAX_PERMUTE)
		{
			cj_parse_fail(parser, start, "at most 8 events in permute", NULL);
			return NULL;
		}
		add_child(node, child, NULL);
		cj_parse_space(parser);
	} while (cj_parse_accept(parser, ","));
	if (!cj_parse_accept(parser, ")"))
	{
		cj_parse_fail(parser, parser->at, "\",\" or \")\" in permute",
					  "The arguments of permute are single events.");
		return NULL;
	}
	return node;
}

static CjNode *
parse_primary(CjParser *parser, const char **absent_at)
{
	CjNode	   *node;

	if (cj_parse_accept(parser, "("))
	{
		node = parse_choice(parser, true, absent_at);
		if (node == NULL)
			return NULL;
		node = parse_closings(parser, node);
		if (node == NULL)
			return NULL;
		cj_parse_space(parser);
		if (!cj_parse_accept(parser, ")"))
		{
			cj_parse_fail(parser, parser->at, "\")\" or another event or arrow", NULL);
			return NULL;
		}
		return node;
	}
	if (cj_parse_keyword(parser, "permute"))
		return parse_permute(parser);
	node = make_node(CJ_NODE_ELEMENT);
	node->element = cj_parse_element(parser);
	return node->element != NULL ? node : NULL;
}

/* Reads a quantifier's bounds; false if there is none or after an error. */
static bool
parse_bounds(CjParser *parser, int32 *min, int32 *max)
{
	const char *start = parser->at;

	*max = -1;
	if (cj_parse_accept(parser, "*"))
		*min = 0;
	else if (cj_parse_accept(parser, "+"))
		*min = 1;
	else if (cj_parse_accept(parser, "?"))
	{
		*min = 0;
		*max = 1;
	}
	else if (cj_parse_accept(parser, "{"))
	{
		cj_parse_space(parser);
		if (!cj_parse_integer(parser, min))
			return false;
		*max = *min;
		cj_parse_space(parser);
		if (cj_parse_accept(parser, ","))
		{
			*max = -1;
			cj_parse_space(parser);
			if (!cj_parse_peek(parser, "}") && !cj_parse_integer(parser, max))
				return false;
			cj_parse_space(parser);
		}
		if (!cj_parse_accept(parser, "}"))
		{
			cj_parse_fail(parser, parser->at, "\"}\"", "Quantifiers are {m}, {m,} and {m,n}.");
			return false;
		}
		if (*max == 0 || (*max > 0 && *max < *min) ||
			*min > CJ_PATTERN_MAX_REPEAT || *max > CJ_PATTERN_MAX_REPEAT)
		{
			cj_parse_fail(parser, start, *max == 0 || (*max > 0 && *max < *min) ?
						  "{m,n} with n above zero and not below m" :
						  "a quantifier of at most 1000", NULL);
			return false;
		}
	}
	else
		return false;
	return true;
}

static CjNode *
parse_item(CjParser *parser, const char **absent_at)
{
	CjNode	   *node = parse_primary(parser, absent_at);
	CjNode	   *repeat;
	const char *before;
	int32		min;
	int32		max;

	if (node == NULL)
		return NULL;
	before = parser->at;
	cj_parse_space(parser);
	if (!parse_bounds(parser, &min, &max))
	{
		if (parser->failed)
			return NULL;
		parser->at = before;
		return node;
	}
	if (*absent_at != NULL && max != 1)
	{
		cj_parse_fail(parser, *absent_at, "no absence in what is repeated",
					  "An absence ends its branch: nothing can follow it.");
		return NULL;
	}
	repeat = make_node(CJ_NODE_REPEAT);
	repeat->min = min;
	repeat->max = max;
	repeat->lazy = cj_parse_accept(parser, "?");
	add_child(repeat, node, NULL);
	before = parser->at;
	if (parse_bounds(parser, &min, &max))
		cj_parse_fail(parser, before, "one quantifier",
					  "Put parentheses around what the second one repeats.");
	before = parser->at;
	cj_parse_space(parser);
	if (!parser->failed && cj_parse_keyword(parser, "as"))
		cj_parse_fail(parser, before, "no label after a quantifier",
					  "Label the event in parentheses: (name AS label)+.");
	parser->at = before;
	return parser->failed ? NULL : repeat;
}

/* Does an item begin here?  A keyword other than permute does not. */
static bool
item_begins(const CjParser *parser)
{
	int			len;

	if (parser->at >= parser->end)
		return false;
	if (strchr("\"'.[(", *parser->at) != NULL && *parser->at != '\0')
		return true;
	len = cj_plain_word(parser->at, parser->end);
	return len > 0 && (!cj_is_keyword(parser->at, len) ||
					   (len == 7 && pg_strncasecmp(parser->at, "permute", 7) == 0));
}

static bool
arrow_begins(const CjParser *parser)
{
	return cj_parse_peek(parser, "->") || cj_parse_peek(parser, "-[") ||
		cj_parse_peek(parser, "!->") || cj_parse_peek(parser, "!-[");
}

/* Does the node begin with an arrow of its own? */
static bool
begins_with_arrow(const CjNode *node)
{
	if (node->kind == CJ_NODE_SEQUENCE)
		return node->gaps[0].connector == CJ_ARROW || begins_with_arrow(node->children[0]);
	if (node->kind == CJ_NODE_REPEAT || node->kind == CJ_NODE_SCOPE)
		return begins_with_arrow(node->children[0]);
	if (node->kind == CJ_NODE_CHOICE)
		for (int i = 0; i < node->count; i++)
			if (begins_with_arrow(node->children[i]))
				return true;
	return false;
}

/* Reads the item after a connector and adds it. */
static bool
parse_next(CjParser *parser, CjNode *sequence, CjGap *gap, const char **absent_at)
{
	const char *start;
	CjNode	   *item;

	cj_parse_space(parser);
	start = parser->at;
	if (!item_begins(parser))
	{
		/* a better message for a keyword in the place of a name */
		CjText		name;

		cj_parse_name(parser, "an event", &name);
		if (!parser->failed)
			cj_parse_fail(parser, start, "an event", NULL);
		return false;
	}
	if (*absent_at != NULL)
	{
		cj_parse_fail(parser, start, "the end of the branch",
					  "An absence ends its branch: nothing can follow it.");
		return false;
	}
	if (gap->connector == CJ_ABSENCE)
	{
		*absent_at = start;
		if (cj_parse_peek(parser, "("))
		{
			cj_parse_fail(parser, start, "a single event after \"!->\"",
						  "Write [a|b] for either of two.");
			return false;
		}
		item = make_node(CJ_NODE_ELEMENT);
		item->element = cj_parse_element(parser);
		if (item->element == NULL)
			return false;
		if (item->element->label.data != NULL)
		{
			cj_parse_fail(parser, start, "no label on an absent event", NULL);
			return false;
		}
	}
	else
		item = parse_item(parser, absent_at);
	if (item == NULL)
		return false;
	if (gap->connector == CJ_ARROW && begins_with_arrow(item))
	{
		cj_parse_fail(parser, start, "a group without an arrow of its own",
					  "Leave out the arrow before the group, or the one it begins with.");
		return false;
	}
	add_child(sequence, item, gap);
	return true;
}

static CjNode *
parse_sequence(CjParser *parser, bool in_group, const char **absent_at)
{
	CjNode	   *sequence = make_node(CJ_NODE_SEQUENCE);
	CjGap		gap = {.connector = CJ_NONE};

	cj_parse_space(parser);
	sequence->first = cj_parse_accept(parser, "^");
	cj_parse_space(parser);
	if (in_group && !sequence->first && arrow_begins(parser) &&
		!cj_parse_peek(parser, "!"))
	{
		if (!cj_parse_gap(parser, &gap))
			return NULL;
	}
	if (!parse_next(parser, sequence, &gap, absent_at))
		return NULL;
	for (;;)
	{
		memset(&gap, 0, sizeof(gap));
		cj_parse_space(parser);
		if (arrow_begins(parser))
		{
			if (!cj_parse_gap(parser, &gap))
				return NULL;
		}
		else if (item_begins(parser))
			gap.connector = CJ_DIRECT;
		else
			break;
		if (!parse_next(parser, sequence, &gap, absent_at))
			return NULL;
	}
	if (cj_parse_peek(parser, "$") && *absent_at != NULL)
	{
		cj_parse_fail(parser, parser->at, "the end of the branch",
					  "An absence ends its branch: nothing can follow it.");
		return NULL;
	}
	sequence->last = cj_parse_accept(parser, "$");
	if (sequence->count == 1 && !sequence->first && !sequence->last &&
		sequence->gaps[0].connector == CJ_NONE)
		return sequence->children[0];
	return sequence;
}

static CjNode *
parse_choice(CjParser *parser, bool in_group, const char **absent_at)
{
	CjNode	   *choice = NULL;
	CjNode	   *branch;

	check_stack_depth();
	for (;;)
	{
		const char *absent = NULL;

		branch = parse_sequence(parser, in_group, &absent);
		if (branch == NULL)
			return NULL;
		if (absent != NULL && *absent_at == NULL)
			*absent_at = absent;
		cj_parse_space(parser);
		if (choice != NULL)
			add_child(choice, branch, NULL);
		if (!cj_parse_accept(parser, "|"))
			return choice != NULL ? choice : branch;
		if (choice == NULL)
		{
			choice = make_node(CJ_NODE_CHOICE);
			add_child(choice, branch, NULL);
		}
	}
}

/* ---- what only the whole tree shows ---- */

/* Is every "!x SAME" inside a SAME, and nothing nested too deep? */
static const char *
check_tree(const CjNode *node, uint8 attributes, int depth)
{
	check_stack_depth();
	if (node->kind == CJ_NODE_SCOPE)
	{
		attributes |= node->attributes;
		if (++depth > CJ_PATTERN_MAX_SCOPES)
			return "at most 8 groups with WITHIN, SAME or DIFFERENT inside each other";
	}
	for (int i = 0; i < node->count; i++)
	{
		const char *fault = check_tree(node->children[i], attributes, depth);

		if (fault != NULL)
			return fault;
		if (node->kind != CJ_NODE_SEQUENCE)
			continue;
		for (int f = 0; f < node->gaps[i].nforbidden; f++)
			if (node->gaps[i].forbidden[f].same && !(attributes & CJ_SAME_ANY))
				return "SAME item or SAME channel, which \"!... SAME\" in a gap refers to";
	}
	return NULL;
}

CjNode *
cj_pattern_parse(const char *source, int len, Node *escontext)
{
	CjParser	parser = {source, source, source + len, escontext, false};
	CjNode	   *tree;
	const char *absent_at = NULL;
	const char *fault;

	if (len > CJ_PATTERN_MAX_BYTES)
		ereturn(escontext, NULL,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("pattern is too long"),
				 errdetail("It has %d bytes; the most is %d.", len, CJ_PATTERN_MAX_BYTES)));
	tree = parse_choice(&parser, false, &absent_at);
	if (tree == NULL)
		return NULL;
	tree = parse_closings(&parser, tree);
	if (tree == NULL)
		return NULL;
	cj_parse_space(&parser);
	if (parser.at < parser.end)
	{
		cj_parse_fail(&parser, parser.at, "an event, an arrow, a quantifier or the end",
					  cj_parse_peek(&parser, ")") ? "There is no \"(\" that this would close." : NULL);
		return NULL;
	}
	fault = check_tree(tree, 0, 0);
	if (fault != NULL)
	{
		cj_parse_fail(&parser, parser.end, fault, NULL);
		return NULL;
	}
	return tree;
}
