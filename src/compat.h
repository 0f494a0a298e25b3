/*-------------------------------------------------------------------------
 *
 * compat.h
 *		The one place that knows server versions.
 *
 * Every test of PG_VERSION_NUM in the project stands here, written as the
 * newest server's name for a thing, defined where an older server lacks it.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_COMPAT_H
#define CJ_COMPAT_H

#include "fmgr.h"

#if PG_VERSION_NUM < 150000
#error "customer_journey needs PostgreSQL 15 or newer"
#endif

/* 16, and late minor releases of 15: typed allocation */
#ifndef palloc_object
#define palloc_object(type) ((type *) palloc(sizeof(type)))
#define palloc0_object(type) ((type *) palloc0(sizeof(type)))
#endif
#ifndef palloc_array
#define palloc_array(type, count) ((type *) palloc(sizeof(type) * (count)))
#define palloc0_array(type, count) ((type *) palloc0(sizeof(type) * (count)))
#define repalloc_array(pointer, type, count) ((type *) repalloc(pointer, sizeof(type) * (count)))
#endif

/* 16: varatt.h left postgres.h */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 16: input functions may report errors softly */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#define CJ_ESCONTEXT(fcinfo)	((fcinfo)->context)
#else
#define CJ_ESCONTEXT(fcinfo)	((Node *) NULL)
#define errsave(context, ...) \
	do { (void) (context); ereport(ERROR, __VA_ARGS__); } while (0)
#define ereturn(context, dummy, ...) \
	do { errsave(context, __VA_ARGS__); return dummy; } while (0)
#define SOFT_ERROR_OCCURRED(context) ((void) (context), false)
#define DirectInputFunctionCallSafe(func, string, ioparam, typmod, context, result) \
	((void) (context), \
	 *(result) = DirectFunctionCall3(func, CStringGetDatum(string), \
									 ObjectIdGetDatum(ioparam), Int32GetDatum(typmod)), \
	 true)
#endif

/* 16: redundant grouping columns are dropped from a copy of the clause */
#if PG_VERSION_NUM >= 160000
#define cj_group_clause(root) ((root)->processed_groupClause)
#else
#define cj_group_clause(root) ((root)->parse->groupClause)
#endif

/* 16: the planner may have promised aggregates with ORDER BY that their rows come sorted */
#if PG_VERSION_NUM >= 160000
#define cj_presorted(info) (linitial_node(Aggref, (info)->aggrefs)->aggpresorted)
#else
#define cj_presorted(info) ((void) (info), false)
#endif

/* 16: privileges of all objects are checked in one way */
#if PG_VERSION_NUM >= 160000
#define cj_function_aclcheck(function, role) object_aclcheck(ProcedureRelationId, (function), (role), ACL_EXECUTE)
#else
#define cj_function_aclcheck(function, role) pg_proc_aclcheck((function), (role), ACL_EXECUTE)
#endif

/* 17: counted texts always count their own length out */
#if PG_VERSION_NUM >= 170000
#define cj_sendcountedtext(buffer, text, len) pq_sendcountedtext(buffer, text, len)
#else
#define cj_sendcountedtext(buffer, text, len) pq_sendcountedtext(buffer, text, len, false)
#endif

/* 17: where ANALYZE keeps a column's statistics target */
#if PG_VERSION_NUM >= 170000
#define CJ_STATISTICS_TARGET(stats) ((stats)->attstattarget)
#else
#define CJ_STATISTICS_TARGET(stats) ((stats)->attr->attstattarget)
#endif

/* 18: the pause of vacuum and analyze knows which it is in */
#if PG_VERSION_NUM >= 180000
#define vacuum_delay_point_compat() vacuum_delay_point(true)
#else
#define vacuum_delay_point_compat() vacuum_delay_point()
#endif

/* 18: a declaration begins with this, where it ended with pg_attribute_noreturn() */
#ifndef pg_noreturn
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 18: disabled nodes are counted, where they were charged */
#if PG_VERSION_NUM >= 180000
#define cj_inherit_disabled(path, child) ((path)->disabled_nodes = (child)->disabled_nodes)
#else
#define cj_inherit_disabled(path, child) ((void) (path), (void) (child))
#endif

/* 18: what EXPLAIN prints with left explain.h */
#if PG_VERSION_NUM >= 180000
#define CJ_EXPLAIN_HEADER "commands/explain_format.h"
#else
#define CJ_EXPLAIN_HEADER "commands/explain.h"
#endif

/* 18: the query's tables are not alone in its range table */
#if PG_VERSION_NUM >= 180000
#define cj_explain_tables(es) ((es)->rtable_size)
#else
#define cj_explain_tables(es) list_length((es)->rtable)
#endif

/* 18: a module tells its name and version */
#ifdef PG_MODULE_MAGIC_EXT
#define CJ_MODULE_MAGIC(n, v) PG_MODULE_MAGIC_EXT(.name = (n), .version = (v))
#else
#define CJ_MODULE_MAGIC(n, v) PG_MODULE_MAGIC
#endif

#endif							/* CJ_COMPAT_H */
