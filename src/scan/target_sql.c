/*-------------------------------------------------------------------------
 *
 * target_sql.c
 *		What the node gives to the aggregates above it.
 *
 * Without more ado that is what the child offers: the columns that keys and
 * aggregates are computed from.  But conditions of our aggregates that are on one
 * column are answered by the node itself (memo.h).  The planner finds the
 * aggregates' arguments among the columns of what is below them, and takes them
 * from there; the column, if nothing else wants it, need not be stored.
 *
 * Only what would be evaluated for every row anyway is evaluated early, so that
 * no error comes that would not have come: not behind FILTER, for example.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "scan/node.h"

/* Transition functions that keep something of every row. */
extern Datum cj_journey_agg_transfn(PG_FUNCTION_ARGS);
extern Datum cj_journey_merge_transfn(PG_FUNCTION_ARGS);
extern Datum cj_window_funnel_transfn(PG_FUNCTION_ARGS);
extern Datum cj_sequence_transfn(PG_FUNCTION_ARGS);
extern Datum cj_retention_transfn(PG_FUNCTION_ARGS);
extern Datum cj_next_node_transfn(PG_FUNCTION_ARGS);
extern Datum cj_journey_support(PG_FUNCTION_ARGS);

typedef enum Kind
{
	NOT_OURS,
	COLLECTS,					/* every row matters to it */
	COLLECTS_TRUE				/* rows matter for which a condition holds */
} Kind;

typedef struct Search
{
	PathTarget *offered;
	List	   *conditions;		/* to be answered by the node */
	Bitmapset  *needed;			/* of what is offered, from 0 */
	bool		lost;			/* something is wanted that is not offered */
	bool		wanted;
	bool		leave_out;
} Search;

/* ---- our aggregates ---- */

static Oid
transition_of(Oid aggregate)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	Oid			transition;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	transition = ((Form_pg_aggregate) GETSTRUCT(tuple))->aggtransfn;
	ReleaseSysCache(tuple);
	return transition;
}

PGFunction
cj_scan_transition(const Aggref *aggref)
{
	Oid			transition = transition_of(aggref->aggfnoid);
	RegProcedure support = OidIsValid(transition) ? get_func_support(transition) : InvalidOid;
	FmgrInfo	function;

	if (!OidIsValid(support))
		return NULL;
	/* it was called to estimate the function's cost, so this loads nothing */
	fmgr_info(support, &function);
	if (function.fn_addr != cj_journey_support)
		return NULL;
	fmgr_info(transition, &function);
	return function.fn_addr;
}

static Kind
kind_of(const Aggref *aggref)
{
	PGFunction	transition = cj_scan_transition(aggref);

	if (transition == NULL)
		return NOT_OURS;
	if (transition == cj_journey_agg_transfn ||
		transition == cj_journey_merge_transfn ||
		transition == cj_next_node_transfn)
		return COLLECTS;
	if (transition == cj_sequence_transfn || transition == cj_retention_transfn)
		return COLLECTS_TRUE;
	if (transition != cj_window_funnel_transfn)
		return NOT_OURS;
	/* with a mode, rows may count that satisfy nothing */
	if (list_length(aggref->args) > 1 &&
		exprType((Node *) lsecond_node(TargetEntry, aggref->args)->expr) == TEXTOID)
		return COLLECTS;
	return COLLECTS_TRUE;
}

/* A condition on one column, not volatile, and not merely the column. */
static bool
is_condition(Expr *expr)
{
	List	   *vars;
	bool		result;

	if (exprType((Node *) expr) != BOOLOID || IsA(expr, Var) || IsA(expr, Const) ||
		contain_volatile_functions((Node *) expr) || contain_subplans((Node *) expr) ||
		contain_agg_clause((Node *) expr))
		return false;
	vars = pull_var_clause((Node *) expr, PVC_INCLUDE_PLACEHOLDERS | PVC_RECURSE_WINDOWFUNCS);
	result = vars != NIL && IsA(linitial(vars), Var) && linitial_node(Var, vars)->varattno > 0;
	for (int i = 1; result && i < list_length(vars); i++)
		result = equal(linitial(vars), list_nth(vars, i));
	list_free(vars);
	return result;
}

/* ---- what is above the grouping ---- */

/* Conditions of an aggregate; may a row be left out for which none holds? */
static void
look_at_aggregate(Search *search, Aggref *aggref)
{
	Kind		kind = kind_of(aggref);
	bool		all = !aggref->aggvariadic && aggref->aggfilter == NULL;
	int			found = 0;
	ListCell   *cell;

	search->wanted |= kind != NOT_OURS;
	if (kind == NOT_OURS || aggref->aggfilter != NULL || aggref->aggorder != NIL ||
		aggref->aggdistinct != NIL)
	{
		search->leave_out = false;
		return;
	}
	foreach(cell, aggref->args)
	{
		Expr	   *expr = lfirst_node(TargetEntry, cell)->expr;

		if (is_condition(expr))
		{
			search->conditions = list_append_unique(search->conditions, expr);
			found++;
		}
		else if (exprType((Node *) expr) == BOOLOID)
			all = false;
	}
	search->leave_out &= kind == COLLECTS_TRUE && all && found > 0;
}

static bool
find_aggregates(Node *node, Search *search)
{
	if (node == NULL)
		return false;
	if (IsA(node, Aggref))
	{
		look_at_aggregate(search, (Aggref *) node);
		return false;
	}
	return expression_tree_walker(node, find_aggregates, search);
}

static bool
find_needed(Node *node, Search *search)
{
	int			i = 0;
	ListCell   *cell;

	if (node == NULL || list_member(search->conditions, node))
		return false;
	foreach(cell, search->offered->exprs)
	{
		if (equal(lfirst(cell), node))
		{
			search->needed = bms_add_member(search->needed, i);
			return false;
		}
		i++;
	}
	if (IsA(node, Var) || IsA(node, PlaceHolderVar))
		search->lost = true;
	return expression_tree_walker(node, find_needed, search);
}

/* Are the columns of the conditions there to be had? */
static bool
can_answer(const Search *search)
{
	ListCell   *cell;

	foreach(cell, search->conditions)
	{
		List	   *vars = pull_var_clause(lfirst(cell), PVC_RECURSE_WINDOWFUNCS);

		if (!list_member(search->offered->exprs, linitial(vars)))
			return false;
	}
	return true;
}

CjScanTarget
cj_scan_target(PlannerInfo *root, List *above, PathTarget *offered)
{
	Search		search = {.offered = offered,.leave_out = true};
	CjScanTarget result = {.target = offered};
	QualCost	conditions;
	ListCell   *cell;

	find_aggregates((Node *) above, &search);
	result.wanted = search.wanted;
	if (!search.wanted || search.conditions == NIL || !can_answer(&search))
		return result;
	find_needed((Node *) above, &search);
	if (search.lost)
		return result;
	result.target = create_empty_pathtarget();
	for (int i = 0; i < list_length(offered->exprs); i++)
	{
		Index		ref = get_pathtarget_sortgroupref(offered, i);

		if (ref != 0 || bms_is_member(i, search.needed))
			add_column_to_pathtarget(result.target, list_nth(offered->exprs, i), ref);
	}
	foreach(cell, search.conditions)
		if (!list_member(result.target->exprs, lfirst(cell)))
		add_column_to_pathtarget(result.target, lfirst(cell), 0);
	set_pathtarget_cost_width(root, result.target);
	cost_qual_eval(&conditions, search.conditions, root);
	result.answered = conditions.per_tuple;
	result.leave_out = search.leave_out;
	return result;
}
