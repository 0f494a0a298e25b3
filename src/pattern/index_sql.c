/*-------------------------------------------------------------------------
 *
 * index_sql.c
 *		Search by pattern in GIN indexes of journeys, and its selectivity.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "journey/gin.h"
#include "journey/statistics.h"
#include "pattern/datum.h"

PG_FUNCTION_INFO_V1(cj_pattern_sel);
PG_FUNCTION_INFO_V1(cj_pattern_nsel);

/* ---- GIN ---- */

static Datum *
extract_pattern(Datum query, int32 *nkeys, int32 *mode, void **extra)
{
	CjNeeds    *needs = cj_pattern_needs(cj_pattern_load(DatumGetPattern(query)));
	Datum	   *keys;

	*extra = needs;
	if (needs->root->kind == CJ_NEED_NOTHING)
	{
		*nkeys = 0;
		*mode = GIN_SEARCH_MODE_ALL;
		return NULL;
	}
	keys = palloc_array(Datum, needs->nkeys);
	for (int i = 0; i < needs->nkeys; i++)
	{
		keys[i] = cj_gin_event_key(needs->keys[i]);
		if (needs->keys[i].len > CJ_GIN_KEY_NAME)
			needs->exact = false;
	}
	*nkeys = needs->nkeys;
	return keys;
}

static GinTernaryValue
consistent_pattern(Datum query, const GinTernaryValue *check, int32 nkeys,
				   void *extra, bool *recheck)
{
	const CjNeeds *needs = extra;

	*recheck = needs == NULL || !needs->exact;
	if (nkeys == 0 || needs == NULL)
		return GIN_TRUE;
	return cj_need_check(needs->root, check);
}

void
cj_pattern_init(void)
{
	static const CjGinSearch search = {extract_pattern, consistent_pattern};

	cj_gin_register(CJ_GIN_MATCHES, &search);
}

/* ---- selectivity ---- */

/*
 * Share of journeys that match: that have the names, as if events were
 * independent.  Order counts for nothing, and adjacency and bounds for little,
 * since what an index scan has to fetch and recheck is decided by names alone.
 */
static double
node_share(VariableStatData *column, const CjNode *node)
{
	double		share = 1;

	check_stack_depth();
	switch (node->kind)
	{
		case CJ_NODE_ELEMENT:
			{
				const CjNameSet *set = &node->element->names;

				if (set->count > 0 && !set->negated)
				{
					for (int i = 0; i < set->count; i++)
						share *= 1 - cj_event_share(column, set->names[i]);
					share = 1 - share;
				}
				return cj_element_plain(node->element) ? share : share * 0.5;
			}
		case CJ_NODE_REPEAT:
			return node->min == 0 ? 1 : node_share(column, node->children[0]);
		case CJ_NODE_SCOPE:
			return node_share(column, node->children[0]) * (node->attributes != 0 ? 0.5 : 1);
		case CJ_NODE_CHOICE:
			for (int i = 0; i < node->count; i++)
				share *= 1 - node_share(column, node->children[i]);
			return 1 - share;
		case CJ_NODE_PERMUTE:
			for (int i = 0; i < node->count; i++)
				share *= node_share(column, node->children[i]);
			return share;
		case CJ_NODE_SEQUENCE:
			for (int i = 0; i < node->count; i++)
			{
				const CjGap *gap = &node->gaps[i];
				double		child = node_share(column, node->children[i]);

				if (gap->connector == CJ_ABSENCE)
					share *= 1 - 0.5 * child;
				else
					share *= child;
				if (i > 0 && gap->connector == CJ_DIRECT)
					share *= 0.5;
				else if (i > 0 && (gap->flags != 0 || gap->nforbidden > 0))
					share *= 0.7;
			}
			return (node->first || node->last) ? share * 0.5 : share;
	}
	return share;
}

static double
pattern_share(FunctionCallInfo fcinfo)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	List	   *args = (List *) PG_GETARG_POINTER(2);
	VariableStatData column;
	Node	   *other;
	bool		column_first;
	double		share = 0.01;

	if (!get_restriction_variable(root, args, PG_GETARG_INT32(3), &column, &other, &column_first))
		return share;
	if (IsA(other, Const))
	{
		Const	   *constant = (Const *) other;

		share = constant->constisnull ? 0 :
			node_share(&column, cj_pattern_load(DatumGetPattern(constant->constvalue)));
	}
	ReleaseVariableStats(column);
	CLAMP_PROBABILITY(share);
	return share;
}

/* For journey ~ journey_pattern. */
Datum
cj_pattern_sel(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(pattern_share(fcinfo));
}

/* For journey !~ journey_pattern. */
Datum
cj_pattern_nsel(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(1 - pattern_share(fcinfo));
}
