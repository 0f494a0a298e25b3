/*-------------------------------------------------------------------------
 *
 * tail_sql.c
 *		Mode deferred: finding one customer's events in the tail, and giving way
 *		while it is folded.
 *
 * A row of the tail holds events of many customers, whose keys hash to one
 * bucket: a statement of ten thousand events makes a few hundred rows, with one
 * index entry each.  Queries unnest these rows:
 *
 *		FROM tail t, unnest(journey_bucket_keys(t.customers, t.bucket), ...) u (customer, ...)
 *
 * journey_bucket_keys() returns its first argument, and says with its presence
 * that all these keys are of that bucket.  So where a query says u.customer = x,
 * the planner's hook here adds what follows from it, and the index on bucket can
 * be used:
 *
 *		t.bucket = ANY (journey_buckets(ARRAY[x])) AND x = ANY (t.customers)
 *
 * and of the arrays only the elements are unnested that journey_pick() finds to be
 * the customer's.  Without the hook a query gives the same rows, reading the whole
 * tail.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "live/live.h"

#include "miscadmin.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "parser/parse_func.h"
#include "portability/instr_time.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
#include "utils/wait_event.h"

PG_FUNCTION_INFO_V1(cj_journey_catch_up_rest);

/* journey_catch_up rests so long, and what takes longer than the other is not work of its own. */
#define REST_MS	1
#define IDLE_MS	100

static set_rel_pathlist_hook_type previous_hook = NULL;

/* ---- giving way ---- */

/*
 * journey_catch_up_rest(): true, from time to time after a rest.  Called for each
 * row of its statements.
 */
Datum
cj_journey_catch_up_rest(PG_FUNCTION_ARGS)
{
	static instr_time began;	/* to work, after the last rest */
	instr_time	now;
	double		worked;
	double		stretch = REST_MS * cj_catch_up_share / (1 - cj_catch_up_share);

	if (cj_catch_up_share >= 1)
		PG_RETURN_BOOL(true);
	INSTR_TIME_SET_CURRENT(now);
	worked = (INSTR_TIME_GET_DOUBLE(now) - INSTR_TIME_GET_DOUBLE(began)) * 1000;
	if (worked < stretch)
		PG_RETURN_BOOL(true);
	/* what is longer ago was something else */
	if (worked < 10 * stretch + IDLE_MS)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, REST_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		INSTR_TIME_SET_CURRENT(now);
	}
	began = now;
	PG_RETURN_BOOL(true);
}

/* ---- the planner's hook ---- */

/* What a query unnests: the call of journey_bucket_keys(), of two columns of the relation. */
static FuncExpr *
unnested_keys(const RangeTblEntry *rte, const RelOptInfo *rel)
{
	FuncExpr   *expr;
	FmgrInfo	function;
	ListCell   *cell;

	if (rte->rtekind != RTE_FUNCTION || rte->functions == NIL)
		return NULL;
	expr = (FuncExpr *) linitial_node(RangeTblFunction, rte->functions)->funcexpr;
	if (!IsA(expr, FuncExpr) || expr->funcid != F_UNNEST_ANYARRAY)
		return NULL;
	expr = linitial(expr->args);
	if (!IsA(expr, FuncExpr) || list_length(expr->args) != 2)
		return NULL;
	foreach(cell, expr->args)
	{
		Var		   *var = lfirst(cell);

		if (!IsA(var, Var) || var->varno != (int) rel->relid || var->varlevelsup != 0)
			return NULL;
	}
	fmgr_info(expr->funcid, &function);
	return function.fn_addr == cj_journey_bucket_keys ? expr : NULL;
}

static bool
is_key(Node *node, Index unnested)
{
	Var		   *var = (Var *) node;

	while (IsA(var, RelabelType))
		var = (Var *) ((RelabelType *) var)->arg;
	return IsA(var, Var) && var->varno == (int) unnested && var->varattno == 1 &&
		var->varlevelsup == 0;
}

static bool
hashes_with(Oid type, RegProcedure function)
{
	return lookup_type_cache(getBaseType(type), TYPECACHE_HASH_PROC)->hash_proc == function;
}

/*
 * Are keys that the operator holds equal to a value of this type of the value's
 * bucket?  So if it is the equality of one hash operator family, and both types
 * hash by it.
 */
static bool
keeps_bucket(Oid operator, Oid key_type, Oid value_type)
{
	RegProcedure left;
	RegProcedure right;

	return get_op_hash_functions(operator, &left, &right) &&
		hashes_with(key_type, left) && hashes_with(value_type, right);
}

static void
add_clause(PlannerInfo *root, RelOptInfo *rel, Node *clause, const RestrictInfo *source)
{
	RestrictInfo *info;

	info = make_simple_restrictinfo(root, (Expr *) eval_const_expressions(root, clause));
	info->security_level = source->security_level;
	rel->baserestrictinfo = lappend(rel->baserestrictinfo, info);
	rel->baserestrict_min_security = Min(rel->baserestrict_min_security, info->security_level);
}

static ScalarArrayOpExpr *
make_any(Oid operator, Node *scalar, Node *array, Oid collation)
{
	ScalarArrayOpExpr *any = makeNode(ScalarArrayOpExpr);

	any->opno = operator;
	any->useOr = true;
	any->inputcollid = collation;
	any->args = list_make2(scalar, array);
	any->location = -1;
	set_sa_opfuncid(any);
	return any;
}

/* A call of another function of the extension that keys() belongs to. */
static FuncExpr *
make_call(const FuncExpr *keys, const char *name, int nargs, const Oid *types, Oid result,
		  List *args, Oid collation)
{
	List	   *names = list_make2(makeString(get_namespace_name(get_func_namespace(keys->funcid))),
								   makeString(pstrdup(name)));

	return makeFuncExpr(LookupFuncName(names, nargs, types, false), result, args, InvalidOid,
						collation, COERCE_EXPLICIT_CALL);
}

/* t.bucket = ANY (journey_buckets(values)) */
static void
add_buckets(PlannerInfo *root, RelOptInfo *rel, const FuncExpr *keys, Node *values, Oid collation,
			const RestrictInfo *source)
{
	Oid			type = ANYARRAYOID;
	FuncExpr   *buckets = make_call(keys, "journey_buckets", 1, &type, INT4ARRAYOID,
									list_make1(values), collation);

	add_clause(root, rel, (Node *) make_any(Int4EqualOperator, copyObject(lsecond(keys->args)),
											(Node *) buckets, InvalidOid), source);
}

/*
 * unnest(journey_pick(array, t.customers, value, operator)) for each unnest(array).
 * What is picked is still filtered.
 */
static void
pick_elements(const RangeTblEntry *rte, const FuncExpr *keys, Oid operator, Node *value,
			  Oid collation)
{
	const Oid	types[] = {ANYARRAYOID, ANYOID, ANYOID, OIDOID};
	Node	   *customers = copyObject(linitial(keys->args));
	ListCell   *cell;

	foreach(cell, rte->functions)
	{
		const FuncExpr *unnest = (FuncExpr *) lfirst_node(RangeTblFunction, cell)->funcexpr;

		if (!IsA(unnest, FuncExpr) || unnest->funcid != F_UNNEST_ANYARRAY)
			return;
	}
	foreach(cell, rte->functions)
	{
		FuncExpr   *unnest = castNode(FuncExpr, lfirst_node(RangeTblFunction, cell)->funcexpr);
		Node	   *array = linitial(unnest->args);
		List	   *args = list_make4(array, copyObject(customers), copyObject(value),
									  makeConst(OIDOID, -1, InvalidOid, sizeof(Oid),
												ObjectIdGetDatum(operator), false, true));
		FuncExpr   *pick = make_call(keys, "journey_pick", lengthof(types), types, exprType(array),
									 args, collation);

		pick->funccollid = exprCollation(array);
		unnest->args = list_make1(pick);
	}
}

static Node *
make_array(Node *value, Oid collation)
{
	ArrayExpr  *array = makeNode(ArrayExpr);

	array->element_typeid = exprType(value);
	array->array_typeid = get_array_type(array->element_typeid);
	array->array_collid = collation;
	array->elements = list_make1(value);
	array->location = -1;
	return (Node *) array;
}

/* u.customer = value */
static bool
add_equal(PlannerInfo *root, RelOptInfo *rel, const FuncExpr *keys, Index unnested,
		  const RestrictInfo *info)
{
	OpExpr	   *op = (OpExpr *) info->clause;
	Oid			equal;
	Node	   *value;

	if (is_key(linitial(op->args), unnested))
	{
		value = lsecond(op->args);
		equal = op->opno;
	}
	else if (is_key(lsecond(op->args), unnested))
	{
		value = linitial(op->args);
		equal = get_commutator(op->opno);
	}
	else
		return false;
	if (!OidIsValid(equal) || !is_pseudo_constant_clause(value) ||
		!OidIsValid(get_array_type(exprType(value))) ||
		!keeps_bucket(equal, get_element_type(exprType(linitial(keys->args))), exprType(value)))
		return false;
	add_buckets(root, rel, keys, make_array(copyObject(value), op->inputcollid), op->inputcollid, info);
	/* not before a condition that protects what it sees */
	if (info->security_level == 0 || info->leakproof)
		pick_elements(root->simple_rte_array[unnested], keys, equal, value, op->inputcollid);
	if (OidIsValid(get_commutator(equal)))
		add_clause(root, rel, (Node *) make_any(get_commutator(equal), copyObject(value),
												copyObject(linitial(keys->args)), op->inputcollid), info);
	return true;
}

/* u.customer = ANY (values) */
static bool
add_any(PlannerInfo *root, RelOptInfo *rel, const FuncExpr *keys, Index unnested,
		const RestrictInfo *info)
{
	ScalarArrayOpExpr *any = (ScalarArrayOpExpr *) info->clause;
	Node	   *values = lsecond(any->args);
	Oid			key_type = get_element_type(exprType(linitial(keys->args)));
	Oid			value_type = get_base_element_type(exprType(values));

	if (!any->useOr || !is_key(linitial(any->args), unnested) || !OidIsValid(value_type) ||
		!is_pseudo_constant_clause(values) || !keeps_bucket(any->opno, key_type, value_type))
		return false;
	add_buckets(root, rel, keys, copyObject(values), any->inputcollid, info);
	return true;
}

static bool
add_clauses(PlannerInfo *root, RelOptInfo *rel, const FuncExpr *keys, const RelOptInfo *unnested)
{
	bool		found = false;
	ListCell   *cell;

	foreach(cell, unnested->baserestrictinfo)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, cell);

		if (IsA(info->clause, OpExpr) && list_length(((OpExpr *) info->clause)->args) == 2)
			found |= add_equal(root, rel, keys, unnested->relid, info);
		else if (IsA(info->clause, ScalarArrayOpExpr))
			found |= add_any(root, rel, keys, unnested->relid, info);
	}
	return found;
}

static bool
is_plain_index_path(const Path *path)
{
	return IsA(path, IndexPath) && path->param_info == NULL;
}

/*
 * Plans the relation again, with the new clauses: by an index scan, if there is
 * one.  A plan is used again while the tail grows and empties, so that what it
 * costs now says little.  An index scan never reads all of it, as a sequential
 * scan does, and marks the entries of dead rows, of which catching up leaves many,
 * for those who come after it, which a bitmap scan does not.
 */
static void
plan_again(PlannerInfo *root, RelOptInfo *rel)
{
	bool		consider_startup = rel->consider_startup;
	bool		found = false;
	ListCell   *cell;

	check_index_predicates(root, rel);
	set_baserel_size_estimates(root, rel);
	rel->pathlist = NIL;
	rel->partial_pathlist = NIL;
	rel->consider_startup = true;	/* keeps them beside bitmap scans */
	create_index_paths(root, rel);
	rel->consider_startup = consider_startup;

	foreach(cell, rel->pathlist)
		found |= is_plain_index_path(lfirst(cell));
	foreach(cell, rel->pathlist)
	{
		const Path *path = lfirst(cell);

		if (found && path->param_info == NULL && !is_plain_index_path(path))
			rel->pathlist = foreach_delete_current(rel->pathlist, cell);
	}
	if (!found)
		add_path(rel, create_seqscan_path(root, rel, rel->lateral_relids, 0));
}

static void
use_buckets(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	bool		found = false;

	if (previous_hook != NULL)
		previous_hook(root, rel, rti, rte);
	if (!root->hasLateralRTEs || rel->reloptkind != RELOPT_BASEREL || rte->rtekind != RTE_RELATION ||
		rte->inh || rte->tablesample != NULL || rel->indexlist == NIL)
		return;
	for (int i = 1; i < root->simple_rel_array_size; i++)
	{
		const RelOptInfo *other = root->simple_rel_array[i];
		const FuncExpr *keys;

		if (other == NULL || other->reloptkind != RELOPT_BASEREL)
			continue;
		keys = unnested_keys(root->simple_rte_array[i], rel);
		if (keys != NULL)
			found |= add_clauses(root, rel, keys, other);
	}
	if (found)
		plan_again(root, rel);
}

void
cj_tail_init(void)
{
	previous_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = use_buckets;
}
