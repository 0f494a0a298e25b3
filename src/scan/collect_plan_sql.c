/*-------------------------------------------------------------------------
 *
 * collect_plan_sql.c
 *		Offering the plan node GroupedFunnel to the planner.
 *
 * Aggregates over rows with conditions keep a time and a bit for each condition of
 * a row.  Where nothing else is asked of the groups, and the node below answers the
 * conditions, an aggregation would have all of it carried through slots, argument
 * lists and function calls for every row.  So the node takes both straight from the
 * stored rows, and gives a row a group, with the aggregates' partial states as they
 * are passed between processes.  Above it is what is above all partial aggregation:
 * the executor's own, which combines states, computes results, and filters.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planner.h"
#include "optimizer/prep.h"
#include "optimizer/tlist.h"
#include "utils/syscache.h"

#include "compat.h"
#include "funnel/funnel.h"
#include "scan/node.h"

/* What the node does with a row, of what the planner charges for transition functions. */
#define COLLECTING_SHARE	0.5

extern Datum cj_window_funnel_transfn(PG_FUNCTION_ARGS);
extern Datum cj_sequence_transfn(PG_FUNCTION_ARGS);
extern Datum cj_retention_transfn(PG_FUNCTION_ARGS);
extern Datum cj_rows_serialfn(PG_FUNCTION_ARGS);

/* ---- which aggregates ---- */

static CjCollectKind
kind_of(const Aggref *aggref)
{
	PGFunction	transition = cj_scan_transition(aggref);
	int			n = list_length(aggref->args);

	if (transition == cj_retention_transfn && n > 0)
		return CJ_COLLECT_RETENTION;
	if (transition == cj_sequence_transfn && n > 2)
		return CJ_COLLECT_SEQUENCE;
	if (transition != cj_window_funnel_transfn || n < 3)
		return CJ_COLLECT_COLUMN;
	if (exprType((Node *) lsecond_node(TargetEntry, aggref->args)->expr) == TEXTOID)
		return n < 4 ? CJ_COLLECT_COLUMN : CJ_COLLECT_WINDOW_MODE;
	return CJ_COLLECT_WINDOW;
}

/* Are its states passed on in the form in which the node makes them? */
static bool
has_states(const Aggref *aggref)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggref->aggfnoid));
	Oid			serialize;
	FmgrInfo	function;

	if (!HeapTupleIsValid(tuple))
		return false;
	serialize = ((Form_pg_aggregate) GETSTRUCT(tuple))->aggserialfn;
	ReleaseSysCache(tuple);
	if (!OidIsValid(serialize))
		return false;
	fmgr_info(serialize, &function);
	return function.fn_addr == cj_rows_serialfn;
}

/* Is it the same for all rows, and can be evaluated apart from them? */
static bool
is_parameter(Expr *expr)
{
	return !contain_var_clause((Node *) expr) && !contain_volatile_functions((Node *) expr) &&
		!contain_subplans((Node *) expr) && !contain_agg_clause((Node *) expr);
}

static bool
can_collect(const Aggref *aggref, List *offered)
{
	CjCollectKind kind = kind_of(aggref);
	int			parameters;
	int			first;
	int			i = 0;
	ListCell   *cell;

	if (kind == CJ_COLLECT_COLUMN || aggref->aggvariadic || aggref->aggfilter != NULL ||
		aggref->aggorder != NIL || aggref->aggdistinct != NIL || aggref->agglevelsup != 0 ||
		!has_states(aggref))
		return false;
	parameters = cj_collect_parameters(kind);
	first = kind == CJ_COLLECT_RETENTION ? 0 : parameters + 1;
	if (list_length(aggref->args) - first > CJ_MAX_CONDITIONS)
		return false;
	foreach(cell, aggref->args)
	{
		Expr	   *expr = lfirst_node(TargetEntry, cell)->expr;

		if (i < parameters ? !is_parameter(expr) : !list_member(offered, expr))
			return false;
		if (i >= first && exprType((Node *) expr) != BOOLOID)
			return false;
		i++;
	}
	return true;
}

/*
 * What the node gives, as in the planner's own partial aggregation: the keys, the
 * columns that are used outside of aggregates, and the aggregates' states.  NULL if
 * something of it cannot be had from what the node below offers.
 */
static PathTarget *
partial_target(PlannerInfo *root, PathTarget *wanted, Node *having, List *group_clause,
			   List *offered)
{
	PathTarget *target = create_empty_pathtarget();
	List	   *others = having == NULL ? NIL : list_make1(having);
	bool		collects = false;
	ListCell   *cell;

	for (int i = 0; i < list_length(wanted->exprs); i++)
	{
		Expr	   *expr = list_nth(wanted->exprs, i);
		Index		ref = get_pathtarget_sortgroupref(wanted, i);

		if (ref != 0 && get_sortgroupref_clause_noerr(ref, group_clause) != NULL)
			add_column_to_pathtarget(target, expr, ref);
		else
			others = lappend(others, expr);
	}
	add_new_columns_to_pathtarget(target, pull_var_clause((Node *) others,
														  PVC_INCLUDE_AGGREGATES |
														  PVC_RECURSE_WINDOWFUNCS |
														  PVC_INCLUDE_PLACEHOLDERS));
	foreach(cell, target->exprs)
	{
		Aggref	   *partial;

		if (!IsA(lfirst(cell), Aggref))
		{
			if (!list_member(offered, lfirst(cell)))
				return NULL;
			continue;
		}
		if (!can_collect(lfirst_node(Aggref, cell), offered))
			return NULL;
		/* what is below may be shared with other paths */
		partial = makeNode(Aggref);
		memcpy(partial, lfirst(cell), sizeof(Aggref));
		mark_partial_aggref(partial, AGGSPLIT_INITIAL_SERIAL);
		lfirst(cell) = partial;
		collects = true;
	}
	return collects ? set_pathtarget_cost_width(root, target) : NULL;
}

/* ---- the path and the plan ---- */

static Plan *plan_path(PlannerInfo *root, RelOptInfo *rel, struct CustomPath *path,
					   List *tlist, List *clauses, List *custom_plans);

static const CustomPathMethods path_methods = {
	.CustomName = "GroupedFunnel",
	.PlanCustomPath = plan_path,
};

Path *
cj_collect_path(PlannerInfo *root, const AggPath *agg, const AggClauseCosts *costs, Path *grouped)
{
	RelOptInfo *rel = agg->path.parent;
	PathTarget *target;
	CustomPath *path;
	AggClauseCosts final;

	if (root->hasNonPartialAggs || root->hasNonSerialAggs)
		return NULL;
	target = partial_target(root, agg->path.pathtarget, (Node *) agg->qual,
							agg->groupClause, grouped->pathtarget->exprs);
	if (target == NULL)
		return NULL;
	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = target;
	path->path.parallel_safe = grouped->parallel_safe;
	path->path.parallel_workers = grouped->parallel_workers;
	path->path.rows = agg->numGroups;
	cj_inherit_disabled(&path->path, grouped);
	path->path.startup_cost = grouped->startup_cost;
	path->path.total_cost = grouped->total_cost +
		COLLECTING_SHARE * costs->transCost.per_tuple * grouped->rows +
		cpu_tuple_cost * agg->numGroups;
	path->custom_paths = list_make1(grouped);
	path->methods = &path_methods;
	MemSet(&final, 0, sizeof(final));
	get_agg_clause_costs(root, AGGSPLIT_FINAL_DESERIAL, &final);
	return (Path *) create_agg_path(root, rel, &path->path, agg->path.pathtarget,
									AGG_SORTED, AGGSPLIT_FINAL_DESERIAL, agg->groupClause,
									agg->qual, &final, agg->numGroups);
}

/* The column of the plan below, from 1, in which an expression is. */
static int
column_of(Plan *child, Expr *expr)
{
	TargetEntry *entry = tlist_member(expr, child->targetlist);

	if (entry == NULL)
		elog(ERROR, "expression is not offered by the plan below");
	return entry->resno;
}

/* Where the node finds what it makes an aggregate of; parameters are given to "exprs". */
static List *
sources_of(Plan *child, const Aggref *aggref, List **exprs)
{
	CjCollectKind kind = kind_of(aggref);
	int			parameters = cj_collect_parameters(kind);
	List	   *sources = list_make1_int(kind);
	int			i = 0;
	ListCell   *cell;

	if (kind == CJ_COLLECT_RETENTION)
		sources = lappend_int(sources, 0);
	foreach(cell, aggref->args)
	{
		Expr	   *expr = lfirst_node(TargetEntry, cell)->expr;

		if (i++ < parameters)
			*exprs = lappend(*exprs, expr);
		else
			sources = lappend_int(sources, column_of(child, expr));
	}
	return sources;
}

static Plan *
plan_path(PlannerInfo *root, RelOptInfo *rel, struct CustomPath *path,
		  List *tlist, List *clauses, List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);
	Plan	   *child = linitial(custom_plans);
	ListCell   *cell;

	foreach(cell, tlist)
	{
		Expr	   *expr = lfirst_node(TargetEntry, cell)->expr;

		scan->custom_private = lappend(scan->custom_private, IsA(expr, Aggref) ?
									   sources_of(child, (Aggref *) expr, &scan->custom_exprs) :
									   list_make2_int(CJ_COLLECT_COLUMN, column_of(child, expr)));
	}
	scan->scan.plan.targetlist = tlist;
	scan->custom_scan_tlist = tlist;
	scan->custom_plans = custom_plans;
	scan->flags = path->flags;
	scan->methods = &cj_collect_methods;
	return &scan->scan.plan;
}
