/*-------------------------------------------------------------------------
 *
 * common.h
 *		What several capabilities share, and nothing of their domains.
 *
 * Option records, arguments that are arrays or intervals, composite results.
 * Everything here may use fmgr; engines that must not, do not include it.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_COMMON_H
#define CJ_COMMON_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "utils/array.h"
#include "utils/tuplestore.h"

#include "common/text.h"
#include "compat.h"

/* ---- arguments (arguments.c) ---- */

/*
 * Elements of a one-dimensional text[] in order; NULL elements are an error
 * that names the argument.  The texts point into a palloc'd copy of the array.
 */
extern CjText *cj_text_array(ArrayType *array, const char *argument, int *count);

/*
 * Exact length of an interval in microseconds: a day is 24 hours, a month is
 * an error (22023) that says to write days.  "what" names the argument.
 */
extern int64 cj_interval_usec(const Interval *interval, const char *what);

/* Like cj_interval_usec, but a negative interval is an error too. */
extern int64 cj_interval_usec_positive(const Interval *interval, const char *what);

/*
 * The interval of so many microseconds, whole days apart, as timestamptz -
 * timestamptz gives it.  Unsigned: two timestamps can be further apart than an
 * int64 holds.
 */
extern Interval *cj_usec_interval(uint64 usec);

/* ---- option records (options.c) ---- */

/*
 * An option record is a composite value built by an IMMUTABLE SQL function
 * with named, defaulted arguments; attributes are found by name, so that a
 * record stored by an older version of its type still reads.
 */
typedef struct CjOptions
{
	TupleDesc	desc;
	Datum	   *values;
	bool	   *nulls;
	const char *type_name;		/* for messages */
} CjOptions;

/*
 * Reads a composite datum; a NULL (isnull) gives all defaults: every lookup
 * answers "not given".  Memory is of the current context.
 */
extern CjOptions *cj_options_read(Datum record, bool isnull);

/*
 * Looks an option up.  False when it is NULL or the record lacks it.  The type
 * of the attribute must be the one asked for; this is checked.
 */
extern bool cj_option(CjOptions *options, const char *name, Oid type, Datum *value);

/* Errors (22023) when an option outside the NULL-terminated list is given; "function" is named. */
extern void cj_options_only(CjOptions *options, const char *const *allowed,
							const char *function);

/*
 * Within one aggregate call options are constant.  cj_options_keep copies the
 * record's bytes into a context; cj_options_check errors (22023) when a later
 * row's differ.
 */
extern bytea *cj_options_keep(Datum record, bool isnull, MemoryContext context);
extern void cj_options_check(const bytea *kept, Datum record, bool isnull,
							 const char *function);

/* ---- text form of packed values (hex.c) ---- */

/* The bytes that "\x" and hexadecimal digits stand for; else NULL, and why. */
extern struct varlena *cj_hex_decode(const char *input, const char **fault);

/* The other way round; any header, not toasted. */
extern char *cj_hex_encode(const struct varlena *value);

/* ---- results (results.c) ---- */

/*
 * Starts a set-returning function in materialize mode; rows are added with
 * tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls).
 */
extern ReturnSetInfo *cj_materialize(FunctionCallInfo fcinfo);

/*
 * The row type a function returns, or that an array it returns is made of,
 * ready for heap_form_tuple.
 */
extern TupleDesc cj_result_tupdesc(FunctionCallInfo fcinfo);

/* An array of composite values, one tuple each; zero tuples give '{}'. */
extern Datum cj_composite_array(TupleDesc desc, HeapTuple *tuples, int count);

#endif							/* CJ_COMMON_H */
