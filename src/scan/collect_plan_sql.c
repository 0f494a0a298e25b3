/*-------------------------------------------------------------------------
 *
 * collect_plan_sql.c
 *		Offering the plan node GroupedFunnel to the planner.
 *
 * Aggregates over rows with conditions keep a time and a bit for each condition of
 * a row.  Where nothing else is asked of the groups, and the node below answers the
 * conditions, an aggregation would have all of it carried through slots, argument
 * lists and function calls for every row.  So the node above takes both straight
 * from the stored rows, and calls the aggregates' final functions, a group at a
 * time.  It stands in the place of the aggregation: HAVING and what is computed
 * from the aggregates are its own.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/tlist.h"

#include "compat.h"
#include "funnel/funnel.h"
#include "scan/node.h"

/* What the node does with a group's rows, of what the planner charges an aggregation. */
#define COLLECTING_SHARE	0.5

extern Datum cj_window_funnel_transfn(PG_FUNCTION_ARGS);
extern Datum cj_sequence_transfn(PG_FUNCTION_ARGS);
extern Datum cj_retention_transfn(PG_FUNCTION_ARGS);

typedef struct Wanted
{
	List	   *offered;		/* by the node below */
	List	   *columns;		/* of these, those that are of the first row */
	List	   *aggrefs;
} Wanted;

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
		aggref->aggorder != NIL || aggref->aggdistinct != NIL || aggref->agglevelsup != 0)
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

/* True if something is wanted that the node cannot give. */
static bool
find_wanted(Node *node, Wanted *wanted)
{
	if (node == NULL)
		return false;
	if (IsA(node, Aggref))
	{
		wanted->aggrefs = list_append_unique(wanted->aggrefs, node);
		return !can_collect((Aggref *) node, wanted->offered);
	}
	if (list_member(wanted->offered, node))
	{
		wanted->columns = list_append_unique(wanted->columns, node);
		return false;
	}
	if (IsA(node, Var) || IsA(node, PlaceHolderVar) || IsA(node, SubPlan) ||
		IsA(node, AlternativeSubPlan) || IsA(node, GroupingFunc))
		return true;
	return expression_tree_walker(node, find_wanted, wanted);
}

/* ---- the path and the plan ---- */

static Plan *plan_path(PlannerInfo *root, RelOptInfo *rel, struct CustomPath *path,
					   List *tlist, List *clauses, List *custom_plans);

static const CustomPathMethods path_methods = {
	.CustomName = "GroupedFunnel",
	.PlanCustomPath = plan_path,
};

Path *
cj_collect_path(PlannerInfo *root, AggPath *agg, Path *grouped, List *above)
{
	Wanted		wanted = {.offered = grouped->pathtarget->exprs};
	CustomPath *path;

	if (find_wanted((Node *) above, &wanted) || wanted.aggrefs == NIL)
		return NULL;
	path = makeNode(CustomPath);
	path->path = agg->path;
	path->path.type = T_CustomPath;
	path->path.pathtype = T_CustomScan;
	path->path.pathkeys = NIL;
	path->path.startup_cost = grouped->startup_cost;
	path->path.total_cost = grouped->total_cost +
		COLLECTING_SHARE * Max(0, agg->path.total_cost - grouped->total_cost);
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_paths = list_make1(grouped);
	path->custom_private = list_make2(list_concat(wanted.columns, wanted.aggrefs), agg->qual);
	path->methods = &path_methods;
	return &path->path;
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

	foreach(cell, linitial_node(List, path->custom_private))
	{
		Expr	   *expr = lfirst(cell);
		TargetEntry *entry = makeTargetEntry(expr, list_length(scan->custom_scan_tlist) + 1, NULL, false);

		scan->custom_scan_tlist = lappend(scan->custom_scan_tlist, entry);
		scan->custom_private = lappend(scan->custom_private, IsA(expr, Aggref) ?
									   sources_of(child, (Aggref *) expr, &scan->custom_exprs) :
									   list_make2_int(CJ_COLLECT_COLUMN, column_of(child, expr)));
	}
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = lsecond(path->custom_private);
	scan->custom_plans = custom_plans;
	scan->flags = path->flags;
	scan->methods = &cj_collect_methods;
	return &scan->scan.plan;
}
