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
 *		t.bucket = journey_bucket(x) AND x = ANY (t.customers)
 *
 * Without the hook a query gives the same rows, reading the whole tail.
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

PG_FUNCTION_INFO_V1(cj_journey_bucket);
PG_FUNCTION_INFO_V1(cj_journey_buckets);
PG_FUNCTION_INFO_V1(cj_journey_bucket_keys);
PG_FUNCTION_INFO_V1(cj_journey_catch_up_rest);

/*
 * Stored with every row: to change it is to change the format.  More buckets
 * make a customer's bucket quicker to read, and rows smaller: 512 make rows of
 * 20 events from statements of 10,000.
 */
#define BUCKETS	512

/* journey_catch_up rests so long, and what takes longer than the other is not work of its own. */
#define REST_MS	1
#define IDLE_MS	100

static set_rel_pathlist_hook_type previous_hook = NULL;

/* ---- buckets ---- */

/* The default hash function of a type; a type without one has one bucket. */
static TypeCacheEntry *
hashed_type(FunctionCallInfo fcinfo, Oid type)
{
	TypeCacheEntry *entry = fcinfo->flinfo->fn_extra;

	type = getBaseType(type);
	if (entry == NULL || entry->type_id != type)
	{
		entry = lookup_type_cache(type, TYPECACHE_HASH_PROC_FINFO);
		fcinfo->flinfo->fn_extra = entry;
	}
	return entry;
}

static int32
bucket_of(TypeCacheEntry *type, Oid collation, Datum key)
{
	if (!OidIsValid(type->hash_proc))
		return 0;
	return DatumGetUInt32(FunctionCall1Coll(&type->hash_proc_finfo, collation, key)) % BUCKETS;
}

/* journey_bucket(key) */
Datum
cj_journey_bucket(PG_FUNCTION_ARGS)
{
	TypeCacheEntry *type = fcinfo->flinfo->fn_extra;

	if (type == NULL)
		type = hashed_type(fcinfo, get_fn_expr_argtype(fcinfo->flinfo, 0));
	PG_RETURN_INT32(bucket_of(type, PG_GET_COLLATION(), PG_GETARG_DATUM(0)));
}

/* journey_buckets(keys): those of an array of keys, NULL for NULL */
Datum
cj_journey_buckets(PG_FUNCTION_ARGS)
{
	ArrayType  *keys = PG_GETARG_ARRAYTYPE_P(0);
	TypeCacheEntry *type = hashed_type(fcinfo, ARR_ELEMTYPE(keys));
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int			first = 1;

	deconstruct_array(keys, ARR_ELEMTYPE(keys), type->typlen, type->typbyval, type->typalign,
					  &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			elements[i] = Int32GetDatum(bucket_of(type, PG_GET_COLLATION(), elements[i]));
	if (n == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(INT4OID));
	PG_RETURN_ARRAYTYPE_P(construct_md_array(elements, nulls, 1, &n, &first, INT4OID,
											 sizeof(int32), true, TYPALIGN_INT));
}

/* journey_bucket_keys(customers, bucket) */
Datum
cj_journey_bucket_keys(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

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

static FuncExpr *
bucket_call(const FuncExpr *keys, const char *name, Oid argument, Oid result, Node *value,
			Oid collation)
{
	List	   *names = list_make2(makeString(get_namespace_name(get_func_namespace(keys->funcid))),
								   makeString(pstrdup(name)));

	return makeFuncExpr(LookupFuncName(names, 1, &argument, false), result, list_make1(value),
						InvalidOid, collation, COERCE_EXPLICIT_CALL);
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

/* u.customer = value */
static bool
add_equal(PlannerInfo *root, RelOptInfo *rel, const FuncExpr *keys, Index unnested,
		  const RestrictInfo *info)
{
	OpExpr	   *op = (OpExpr *) info->clause;
	Oid			equal;
	Node	   *value;
	Expr	   *bucket;

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
		!keeps_bucket(equal, get_element_type(exprType(linitial(keys->args))), exprType(value)))
		return false;
	bucket = (Expr *) bucket_call(keys, "journey_bucket", ANYELEMENTOID, INT4OID,
								  copyObject(value), op->inputcollid);
	bucket = make_opclause(Int4EqualOperator, BOOLOID, false, copyObject(lsecond(keys->args)), bucket,
						   InvalidOid, InvalidOid);
	add_clause(root, rel, (Node *) bucket, info);
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
	FuncExpr   *buckets;

	if (!any->useOr || !is_key(linitial(any->args), unnested) || !OidIsValid(value_type) ||
		!is_pseudo_constant_clause(values) || !keeps_bucket(any->opno, key_type, value_type))
		return false;
	buckets = bucket_call(keys, "journey_buckets", ANYARRAYOID, INT4ARRAYOID,
						  copyObject(values), any->inputcollid);
	add_clause(root, rel, (Node *) make_any(Int4EqualOperator, copyObject(lsecond(keys->args)),
											(Node *) buckets, InvalidOid), info);
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
