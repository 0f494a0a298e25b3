/*-------------------------------------------------------------------------
 *
 * necessary.c
 *		What a journey must have for a pattern to match: event names, combined
 *		by "all of" and "any of".  An index looks for them before matching.
 *
 * A sequence needs what all its parts need, a choice what any branch needs, a
 * repeat that may be left out needs nothing, and neither do "any event", "none
 * of" and absence.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/gin.h"
#include "compat.h"
#include "miscadmin.h"

#include "pattern/pattern.h"

static CjNeed *
make_need(CjNeedKind kind, int capacity)
{
	CjNeed	   *need = palloc0_object(CjNeed);

	need->kind = kind;
	if (capacity > 0)
		need->parts = palloc_array(CjNeed *, capacity);
	return need;
}

static CjNeed *
need_name(CjNeeds *needs, CjText name)
{
	CjNeed	   *need = make_need(CJ_NEED_NAME, 0);

	for (need->key = 0; need->key < needs->nkeys; need->key++)
		if (cj_text_compare(needs->keys[need->key], name) == 0)
			return need;
	/* capacity is the power of two that holds the count */
	if ((needs->nkeys & (needs->nkeys - 1)) == 0)
		needs->keys = needs->keys == NULL ? palloc_array(CjText, 1) :
			repalloc_array(needs->keys, CjText, needs->nkeys * 2);
	needs->keys[needs->nkeys++] = name;
	return need;
}

static CjNeed *
need_element(CjNeeds *needs, const CjElement *element)
{
	const CjNameSet *set = &element->names;
	CjNeed	   *need;

	if (set->count == 0 || set->negated)
		return make_need(CJ_NEED_NOTHING, 0);
	if (set->count == 1)
		return need_name(needs, set->names[0]);
	need = make_need(CJ_NEED_ANY, set->count);
	for (int i = 0; i < set->count; i++)
		need->parts[need->count++] = need_name(needs, set->names[i]);
	return need;
}

static CjNeed *
need_node(CjNeeds *needs, const CjNode *node)
{
	CjNeed	   *need;
	bool		any = node->kind == CJ_NODE_CHOICE;

	check_stack_depth();
	if (node->kind == CJ_NODE_ELEMENT)
		return need_element(needs, node->element);
	if (node->kind == CJ_NODE_SCOPE)
		return need_node(needs, node->children[0]);
	if (node->kind == CJ_NODE_REPEAT)
		return node->min == 0 ? make_need(CJ_NEED_NOTHING, 0) :
			need_node(needs, node->children[0]);
	need = make_need(any ? CJ_NEED_ANY : CJ_NEED_ALL, node->count);
	for (int i = 0; i < node->count; i++)
	{
		CjNeed	   *part;

		if (node->kind == CJ_NODE_SEQUENCE && node->gaps[i].connector == CJ_ABSENCE)
			continue;
		part = need_node(needs, node->children[i]);
		if (part->kind != CJ_NEED_NOTHING)
			need->parts[need->count++] = part;
		else if (any)
			return part;
	}
	if (need->count == 0)
		need->kind = CJ_NEED_NOTHING;
	return need;
}

CjNeeds *
cj_pattern_needs(const CjNode *tree)
{
	CjNeeds    *needs = palloc0_object(CjNeeds);

	needs->root = need_node(needs, tree);
	needs->exact = tree->kind == CJ_NODE_ELEMENT && cj_element_plain(tree->element) &&
		needs->root->kind != CJ_NEED_NOTHING;
	return needs;
}

int
cj_need_check(const CjNeed *need, const char *keys)
{
	int			result;

	switch (need->kind)
	{
		case CJ_NEED_NOTHING:
			return GIN_TRUE;
		case CJ_NEED_NAME:
			return keys[need->key];
		case CJ_NEED_ALL:
			result = GIN_TRUE;
			for (int i = 0; i < need->count; i++)
			{
				int			part = cj_need_check(need->parts[i], keys);

				if (part == GIN_FALSE)
					return GIN_FALSE;
				if (part == GIN_MAYBE)
					result = GIN_MAYBE;
			}
			return result;
		case CJ_NEED_ANY:
			result = GIN_FALSE;
			for (int i = 0; i < need->count; i++)
			{
				int			part = cj_need_check(need->parts[i], keys);

				if (part == GIN_TRUE)
					return GIN_TRUE;
				if (part == GIN_MAYBE)
					result = GIN_MAYBE;
			}
			return result;
	}
	return GIN_MAYBE;
}
