/*-------------------------------------------------------------------------
 *
 * glue.h
 *		What the SQL-callable files share: columns of records as numbers,
 *		models as arguments.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PROPENSITY_GLUE_H
#define CJ_PROPENSITY_GLUE_H

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "fmgr.h"
#include "utils/array.h"

#include "common/common.h"
#include "propensity/propensity.h"

/* ---- columns (columns_sql.c) ---- */

/* How a column's datums become numbers or names. */
typedef enum CjColumnType
{
	CJ_COLUMN_UNUSABLE = 0,
	CJ_COLUMN_BOOL,
	CJ_COLUMN_INT2,
	CJ_COLUMN_INT4,
	CJ_COLUMN_INT8,
	CJ_COLUMN_FLOAT4,
	CJ_COLUMN_FLOAT8,
	CJ_COLUMN_NUMERIC,
	CJ_COLUMN_TEXT,
	CJ_COLUMN_BPCHAR,
	CJ_COLUMN_NAME,
	CJ_COLUMN_ENUM,
	CJ_COLUMN_ARRAY				/* float8[] */
} CjColumnType;

extern CjColumnType cj_column_type(Oid type);
extern CjFeatureKind cj_column_kind(CjColumnType type);

/* A number; NaN and infinities are an error that names the column. */
extern double cj_column_number(CjColumnType type, Datum value, CjText name);

/* A category's name; it may point into the datum. */
extern CjText cj_column_text(CjColumnType type, Datum value);

/*
 * The elements of a float8[] (one dimension), NULLs as NaN, into "values" of
 * the given length; infinities, NaN and another length are errors.
 */
extern void cj_array_numbers(ArrayType *array, double *values, int length, CjText name);
extern int	cj_array_length(ArrayType *array);

/* A record's attributes; false (and desc stays) for another row type than last time. */
typedef struct CjRowShape
{
	Oid			type;
	int32		typmod;
	TupleDesc	desc;
	Datum	   *values;
	bool	   *nulls;
} CjRowShape;

extern bool cj_row_is_of(const CjRowShape *shape, HeapTupleHeader row);
extern void cj_row_shape(CjRowShape *shape, HeapTupleHeader row, MemoryContext context);
extern void cj_row_deform(CjRowShape *shape, HeapTupleHeader row);

/* ---- models as arguments (argument_sql.c) ---- */

typedef struct varlena CjModelDatum;

/*
 * A model ready for use, with what its last caller had worked out of a row's
 * shape.  Kept from call to call, several of them.
 */
typedef struct CjScorer
{
	MemoryContext context;
	const char *bytes;
	int			size;
	uint64		serial;			/* no other model of this process has it */
	CjModel    *model;
	CjRowShape	shape;
	int		   *attribute;		/* of each feature, in the shape */
	CjColumnType *column_type;
	double	   *values;			/* of each feature, of the last row */
	double	   *terms;			/* room for the terms of a row */
} CjScorer;

extern CjScorer *cj_model_argument(FunctionCallInfo fcinfo, int argument);

/*
 * The same for a transition function of an aggregate with this memory; "started"
 * if it has a state.
 */
extern CjScorer *cj_model_of_state(FunctionCallInfo fcinfo, int argument,
								   MemoryContext aggregate, bool started);

/*
 * Fills scorer->values from a record or a float8[].  False if an array is NULL;
 * what is to become of missing values is left to the caller.
 */
extern bool cj_features_read(CjScorer *scorer, Datum features, bool isnull, bool is_array);

/*
 * The same, but treats missing values as the model says: false also when it
 * skips rows that lack one.
 */
extern bool cj_features_datum(CjScorer *scorer, Datum features, bool isnull, bool is_array);

extern bytea *cj_model_datum(const CjModel *model);

/* ---- options of fits (fit_options_sql.c) ---- */

extern void cj_fit_options_from(Datum record, bool isnull, CjFitOptions *options);

/* A row's weight argument (-1: all weigh 1); false if the row does not count. */
extern bool cj_row_weight(FunctionCallInfo fcinfo, int argument, double *weight);

/* Is the row left out for its missing values? */
extern bool cj_skip_missing(CjMissing missing, const double *values, int n);

/* Tells what is wrong with a fitted model, if anything, as a warning. */
extern bytea *cj_finish_fit(const CjSample *sample, const CjInput *inputs,
							const CjFitOptions *options, bool array_input);

/* Errors (42701) for features without a name or with the same one. */
extern void cj_check_names(const CjInput *inputs, int count);

/* ---- scored outcomes (evaluate_sql.c) ---- */

extern CjSample *cj_sample_argument(FunctionCallInfo fcinfo, int argument);

/* ---- sums over rows that a model scored (sums_sql.c) ---- */

/*
 * The state of a transition function of (state, model, features), made if there
 * is none: NULL only while there was no model.  The row has no model if the
 * scorer is NULL.
 */
extern CjSums *cj_sums_transition(FunctionCallInfo fcinfo, int purpose, bool is_array,
								  CjScorer **scorer);

/* The state of a final function, or NULL. */
extern CjSums *cj_sums_argument(FunctionCallInfo fcinfo, int argument, int purpose);

#endif							/* CJ_PROPENSITY_GLUE_H */
