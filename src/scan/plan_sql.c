/*-------------------------------------------------------------------------
 *
 * plan_sql.c
 *		Offering the plan node to the planner.
 *
 * Where a query groups rows for one of our aggregates that collect a group's
 * events, one more path is added: the planner's own path for the ungrouped rows,
 * the node that brings the rows of a group together, and the planner's own
 * aggregation of grouped rows on it.  So permissions, filters, joins and row
 * security are below, HAVING and all aggregates above.  Between them may be another
 * node, which makes partial states of the rows (collect_plan_sql.c).
 *
 * The planner's cost model counts the processor's instructions; it has no cache.
 * By it, hashing is as dear with a million groups as with ten, and nothing could
 * ever be cheaper.  So where our path is offered, paths that hash more groups
 * than a cache holds are charged the waiting for memory.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "executor/nodeAgg.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/plancat.h"
#include "optimizer/planner.h"
#include "optimizer/prep.h"
#include "optimizer/tlist.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

#include "compat.h"
#include "scan/node.h"
#include "scan/scan.h"

/*
 * Measured, as multiples of what reading a row of a table takes and costs.  What
 * our node does with a row, in both of its steps:
 */
#define GROUPING_COST	(16 * cpu_operator_cost)

/* Copying it to shared memory, and reading it from there: */
#define EXCHANGE_COST	(6 * cpu_operator_cost)

/* What a row costs in a hash table that is not in the cache, beyond what is charged: */
#define MISS_COST		(40 * cpu_operator_cost)

/* As much of a hash table stays in the cache, beside the events that are collected. */
#define CACHED_BYTES	(512.0 * 1024)

static bool enable_grouped_scan = true;
static create_upper_paths_hook_type previous_hook = NULL;

/* Was an aggregate promised that its rows come in its ORDER BY? */
static bool
presorted(PlannerInfo *root)
{
	ListCell   *cell;

	foreach(cell, root->agginfos)
	{
		if (cj_presorted((AggInfo *) lfirst(cell)))
			return true;
	}
	return false;
}

/* ---- the node's path and plan ---- */

static Plan *plan_path(PlannerInfo *root, RelOptInfo *rel, struct CustomPath *path,
					   List *tlist, List *clauses, List *custom_plans);

static const CustomPathMethods path_methods = {
	.CustomName = "GroupedScan",
	.PlanCustomPath = plan_path,
};

static Path *
create_grouped_path(RelOptInfo *rel, Path *child, List *group_clause, const CjScanTarget *target,
					bool shared)
{
	CustomPath *path = makeNode(CustomPath);
	double		bytes = cj_scan_bytes(child->rows, target->target->width);
	Size		memory = get_hash_memory_limit() / (shared ? 2 : 1);
	double		pages = bytes > memory ? ceil(bytes / BLCKSZ) : 0;

	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = target->target;
	path->path.parallel_aware = shared;
	path->path.parallel_safe = child->parallel_safe;
	path->path.parallel_workers = child->parallel_workers;
	path->path.rows = child->rows;
	cj_inherit_disabled(&path->path, child);
	/* files are written and read in long pieces */
	path->path.startup_cost = child->total_cost + child->rows * GROUPING_COST / 2 +
		(shared ? child->rows * EXCHANGE_COST : 0) + pages * seq_page_cost;
	path->path.total_cost = path->path.startup_cost + child->rows * GROUPING_COST / 2 +
		pages * seq_page_cost;
	path->custom_paths = list_make1(child);
	path->custom_private = list_make2(group_clause, list_make1_int(target->leave_out));
	path->methods = &path_methods;
	return &path->path;
}

/*
 * A plain scan may return its table's rows as they are: we take the columns out
 * ourselves, and it need not.
 */
static void
leave_columns(PlannerInfo *root, Plan *plan, RelOptInfo *rel)
{
	ListCell   *cell;
	List	   *physical;

	if (!IsA(plan, SeqScan) || rel->reloptkind != RELOPT_BASEREL || rel->rtekind != RTE_RELATION)
		return;
	foreach(cell, plan->targetlist)
	{
		Var		   *var = (Var *) lfirst_node(TargetEntry, cell)->expr;

		if (!IsA(var, Var) || var->varno != (int) rel->relid || var->varattno <= 0)
			return;
	}
	physical = build_physical_tlist(root, rel);
	if (physical != NIL)
		plan->targetlist = physical;
}

static Plan *
plan_path(PlannerInfo *root, RelOptInfo *rel, struct CustomPath *path,
		  List *tlist, List *clauses, List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);
	Plan	   *child = linitial(custom_plans);
	List	   *keys = NIL;
	List	   *operators = NIL;
	List	   *collations = NIL;
	ListCell   *cell;

	foreach(cell, linitial_node(List, path->custom_private))
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, cell);
		TargetEntry *entry = get_sortgroupclause_tle(clause, tlist);

		keys = lappend_int(keys, entry->resno);
		operators = lappend_oid(operators, clause->eqop);
		collations = lappend_oid(collations, exprCollation((Node *) entry->expr));
	}
	leave_columns(root, child, ((Path *) linitial(path->custom_paths))->parent);
	scan->scan.plan.targetlist = tlist;
	scan->custom_scan_tlist = child->targetlist;
	scan->custom_plans = custom_plans;
	scan->custom_private = list_make4(keys, operators, collations, lsecond(path->custom_private));
	scan->flags = path->flags;
	scan->methods = &cj_scan_methods;
	return &scan->scan.plan;
}

/* ---- costs ---- */

/* What waiting for memory costs a row, with so many groups in one hash table. */
static Cost
miss_cost(PlannerInfo *root, double groups, const Path *input, Size state_size)
{
	double		bytes = groups * hash_agg_entry_size(list_length(root->aggtransinfos),
													 input->pathtarget->width, state_size);

	return bytes <= CACHED_BYTES ? 0 : MISS_COST * (1 - CACHED_BYTES / bytes);
}

/* The same for all hashing of a path. */
static Cost
waiting(PlannerInfo *root, const Path *path)
{
	const AggPath *agg = (const AggPath *) path;

	switch (nodeTag(path))
	{
		case T_AggPath:
			return waiting(root, agg->subpath) +
				(agg->aggstrategy != AGG_HASHED ? 0 :
				 agg->subpath->rows * miss_cost(root, agg->numGroups, agg->subpath,
												agg->transitionSpace));
		case T_GatherPath:
			return waiting(root, ((const GatherPath *) path)->subpath);
		case T_GatherMergePath:
			return waiting(root, ((const GatherMergePath *) path)->subpath);
		case T_SortPath:
			return waiting(root, ((const SortPath *) path)->subpath);
		case T_ProjectionPath:
			return waiting(root, ((const ProjectionPath *) path)->subpath);
		default:
			return 0;
	}
}

static void
charge_waiting(PlannerInfo *root, RelOptInfo *rel)
{
	ListCell   *cell;

	foreach(cell, rel->pathlist)
	{
		Path	   *path = lfirst(cell);
		Cost		cost = waiting(root, path);

		/* all of it comes before the first row */
		path->startup_cost += cost;
		path->total_cost += cost;
	}
}

/* ---- the planner's hook ---- */

static bool
has_constant(const PathTarget *target)
{
	ListCell   *cell;

	foreach(cell, target->exprs)
	{
		if (IsA(lfirst(cell), Const))
			return true;
	}
	return false;
}

/* An aggregation of a path's rows grouped by our node: by each process for itself, or "shared". */
static Path *
aggregated_path(PlannerInfo *root, RelOptInfo *grouped_rel, Path *child, List *group_clause,
				const CjScanTarget *target, const GroupPathExtraData *extra,
				double groups, bool shared)
{
	AggClauseCosts costs;
	Path	   *grouped = create_grouped_path(grouped_rel, child, group_clause, target, shared);
	AggPath    *agg;
	Path	   *collected;

	MemSet(&costs, 0, sizeof(costs));
	get_agg_clause_costs(root, AGGSPLIT_SIMPLE, &costs);
	/* conditions that the node answers are not evaluated above it */
	costs.transCost.per_tuple = Max(0, costs.transCost.per_tuple - target->answered);
	agg = create_agg_path(root, grouped_rel, grouped, grouped_rel->reltarget,
						  AGG_SORTED, AGGSPLIT_SIMPLE, group_clause,
						  (List *) extra->havingQual, &costs, groups);
	collected = cj_collect_path(root, agg, &costs, grouped);
	return collected != NULL ? collected : (Path *) agg;
}

/* The same by several processes, whose rows are exchanged: every group is whole in one of them. */
static void
add_shared_paths(PlannerInfo *root, RelOptInfo *input_rel, RelOptInfo *grouped_rel,
				 List *group_clause, const CjScanTarget *target,
				 const GroupPathExtraData *extra, double groups)
{
	Path	   *child;
	Path	   *path;

	/*
	 * a path that is there may be beneath a Gather already, and would be
	 * freed for a better one
	 */
	if (!grouped_rel->consider_parallel || input_rel->partial_pathlist == NIL ||
		grouped_rel->partial_pathlist != NIL)
		return;
	child = linitial(input_rel->partial_pathlist);
	if (!equal(child->pathtarget->exprs, input_rel->cheapest_total_path->pathtarget->exprs))
		return;
	path = aggregated_path(root, grouped_rel, child, group_clause, target, extra,
						   clamp_row_est(groups * child->rows / input_rel->cheapest_total_path->rows),
						   true);
	add_partial_path(grouped_rel, path);
	add_path(grouped_rel, (Path *) create_gather_path(root, grouped_rel, path,
													  grouped_rel->reltarget, NULL, &groups));
}

static void
add_grouped_paths(PlannerInfo *root, RelOptInfo *input_rel, RelOptInfo *grouped_rel,
				  const GroupPathExtraData *extra)
{
	List	   *group_clause = cj_group_clause(root);
	Path	   *child = input_rel->cheapest_total_path;
	CjScanTarget target;
	double		groups;
	List	   *above;

	if (!enable_grouped_scan || root->parse->groupingSets != NIL || group_clause == NIL ||
		child == NULL || child->param_info != NULL || IS_DUMMY_REL(input_rel) ||
		!grouping_is_hashable(group_clause) || presorted(root) || has_constant(child->pathtarget))
		return;
	above = lappend(list_copy(grouped_rel->reltarget->exprs), extra->havingQual);
	target = cj_scan_target(root, above, child->pathtarget);
	if (!target.wanted)
		return;
	groups = estimate_num_groups(root, get_sortgrouplist_exprs(group_clause, extra->targetList),
								 child->rows, NULL, NULL);
	charge_waiting(root, grouped_rel);
	add_path(grouped_rel, aggregated_path(root, grouped_rel, child, group_clause, &target,
										  extra, groups, false));
	add_shared_paths(root, input_rel, grouped_rel, group_clause, &target, extra, groups);
}

static void
upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input_rel,
			RelOptInfo *output_rel, void *extra)
{
	if (previous_hook != NULL)
		previous_hook(root, stage, input_rel, output_rel, extra);
	if (stage == UPPERREL_GROUP_AGG)
		add_grouped_paths(root, input_rel, output_rel, extra);
}

void
cj_scan_init(void)
{
	DefineCustomBoolVariable("customer_journey.enable_grouped_scan",
							 "Enables the planner's use of GroupedScan plan nodes.",
							 "They bring the rows of many groups together for aggregates that "
							 "collect events, where a hash table would be larger than the "
							 "processor's cache.",
							 &enable_grouped_scan,
							 true,
							 PGC_USERSET,
							 GUC_EXPLAIN,
							 NULL, NULL, NULL);
	RegisterCustomScanMethods(&cj_scan_methods);
	RegisterCustomScanMethods(&cj_collect_methods);
	previous_hook = create_upper_paths_hook;
	create_upper_paths_hook = upper_paths;
}
