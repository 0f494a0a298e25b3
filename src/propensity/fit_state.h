/*-------------------------------------------------------------------------
 *
 * fit_state.h
 *		The state of propensity_fit over records.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_FIT_STATE_H
#define CJ_FIT_STATE_H

#include "journey/journey.h"
#include "propensity/glue.h"

/* A column that is used; an array gives several values. */
typedef struct CjFitColumn
{
	CjText		name;
	CjColumnType type;
	int			attribute;		/* in the row's shape */
	int			first;			/* its place among the values */
	int			nvalues;
	CjDictionary *levels;
} CjFitColumn;

typedef struct CjFitState
{
	MemoryContext context;
	bytea	   *record;			/* the options as given */
	StringInfoData bytes;		/* and as kept */
	CjFitOptions options;
	bool		weighted;
	CjRowShape	shape;
	int			ncolumns;
	CjFitColumn *columns;
	int			nvalues;
	double	   *values;
	CjSample   *sample;			/* NULL until the columns are known */
	CjSample   *pending;		/* rows that were NULL before that: no columns */
} CjFitState;

/* A new state with the options that the bytes hold. */
extern CjFitState *cj_fit_state_create(MemoryContext context, const char *bytes, int size,
									   bool weighted);

/* A copy of a name in a context. */
extern CjText cj_keep_text(MemoryContext context, const char *data, int len);

/* Adds the row of the transition function's arguments. */
extern void cj_fit_state_add(CjFitState *state, FunctionCallInfo fcinfo, int weight_argument);

/* Adds everything of another state. */
extern void cj_fit_state_append(CjFitState *state, const CjFitState *other);

/* What the collected columns are. */
extern CjInput *cj_fit_state_inputs(const CjFitState *state);

#endif							/* CJ_FIT_STATE_H */
