/*-------------------------------------------------------------------------
 *
 * live.h
 *		Live journeys: what the trigger function knows of a trigger.
 *
 * journey_follow_fold() is the trigger function of every followed table.  It
 * finds out once per session and trigger what is to be done (follow.c), and
 * runs the statements that journey_follow_sql() has written for it (fold_sql.c).
 * The work itself is done by those statements.  What tail_sql.c adds to the planner
 * is for queries of mode deferred.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_LIVE_H
#define CJ_LIVE_H

#include "postgres.h"

#include "commands/trigger.h"
#include "executor/spi.h"

#include "compat.h"

/* Setting customer_journey.follow_errors: what becomes of an event that no journey can hold. */
typedef enum CjFollowErrors
{
	CJ_FOLLOW_SET_ASIDE,
	CJ_FOLLOW_ERROR
} CjFollowErrors;

extern int	cj_follow_errors;

/* Setting customer_journey.catch_up_share. */
extern double cj_catch_up_share;

/* Registers this directory's settings; called by _PG_init. */
extern void cj_live_init(void);

/* What the planner knows a query of the tail by (bucket_sql.c). */
extern Datum cj_journey_bucket_keys(PG_FUNCTION_ARGS);

/* Has the planner find customers in the tail of mode deferred (tail_sql.c). */
extern void cj_tail_init(void);

/*
 * The statements of a trigger, in the order in which they run.  The fold
 * reports one row of arrays, one each for the needs that follow it here.
 */
typedef enum CjFollowStep
{
	CJ_STEP_LOCK,
	CJ_STEP_FOLD,
	CJ_STEP_SEAL,				/* the first array of the report */
	CJ_STEP_REFUSE,
	CJ_STEP_FAULT,
	CJ_STEP_EMPTY,
	CJ_STEP_COMPACT,			/* after CJ_STEP_SEAL, the same customers */
	CJ_STEP_BURST,				/* CJ_STEP_FOLD of very many events */
	CJ_STEP_FAULTS,				/* a report, after a fold without one */
	CJ_STEP_TURN,				/* before CJ_STEP_FAULT */
	CJ_STEP_TRUNCATE,
	CJ_STEP_TRUNCATED,
	CJ_STEP_EMPTIED,
	CJ_STEP_CARRY,				/* before CJ_STEP_WATCH: what watches know of
								 * events that change customers */
	CJ_STEP_MATTERS,			/* before CJ_STEP_WATCH, of an insert: a row
								 * if it matters to one */
	CJ_STEP_WATCH,				/* after everything else */
	CJ_FOLLOW_STEPS
} CjFollowStep;

#define CJ_FIRST_NEED	CJ_STEP_SEAL
#define CJ_NEEDS		4

/* A trigger that has fired in this session; kept by its OID. */
typedef struct CjFollow
{
	Oid			trigger;		/* hash key */
	bool		valid;			/* until a relation concerned changes */
	int			depth;			/* folds in progress: one may cause another */
	bool		follows;		/* false: a relation that is followed no more */
	Oid			relation;		/* with the trigger */
	Oid			state;			/* <target>_follow */
	Oid			owner;			/* of both */
	Oid			schema;			/* of the extension */
	bool		backfilled;		/* true once and for all; false: look again */
	bool		deferred;		/* mode */
	Oid			keys;			/* array type of the customers' keys */
	SPIPlanPtr	look;			/* reads backfilled */
	SPIPlanPtr	plans[CJ_FOLLOW_STEPS];
	bool		planned[CJ_FOLLOW_STEPS];	/* a plan may be NULL: nothing to
											 * do */
} CjFollow;

/*
 * The trigger's CjFollow, without the right to run anything: that a table's
 * owner has both it and what its trigger names is all that is known.
 */
extern CjFollow *cj_follow_find(const TriggerData *trigdata, Oid function);

/*
 * Completes it, as the owner and within SPI: error if what the trigger names is
 * no follow.
 */
extern void cj_follow_open(CjFollow *follow, const TriggerData *trigdata);

/* Runs a step, within SPI; the result of SPI, or 0 where there is nothing to do. */
extern int	cj_follow_run(CjFollow *follow, CjFollowStep step, const TriggerData *trigdata,
						  Datum customers);

#endif							/* CJ_LIVE_H */
