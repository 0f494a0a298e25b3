/*-------------------------------------------------------------------------
 *
 * fold_sql.c
 *		journey_follow_fold(): the trigger function of followed events.
 *
 * Runs as the owner of the events, as referential integrity does, so that
 * writers need no rights on journeys: with nothing on the search path that
 * others may write to (a setting of the SQL function), and without the row-level
 * security that the owner has from FORCE ROW LEVEL SECURITY for readers' sake.
 *
 * An INSERT is one statement.  UPDATE and DELETE first lock the customers, then
 * fold with the snapshot of the next statement.  What the fold cannot do in its
 * statement it reports: customers whose journey has grown long, has become too
 * long or empty, or who have events that no journey can hold.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "live/live.h"

#include "miscadmin.h"
#include "catalog/pg_inherits.h"
#include "journey/journey.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(cj_journey_follow_fold);
PG_FUNCTION_INFO_V1(cj_journey_follow_wait);

/* Setting follow_errors = error: events that would be set aside fail the statement. */
static void
refuse_event(const TriggerData *trigdata, CjFollowStep step, Datum customers)
{
	ArrayType  *array = DatumGetArrayTypeP(customers);
	Oid			out;
	bool		varlena;
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int16		length;
	bool		byval;
	char		align;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &byval, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, byval, align, &elements, &nulls, &n);
	getTypeOutputInfo(ARR_ELEMTYPE(array), &out, &varlena);
	ereport(ERROR,
			(errcode(step == CJ_STEP_FAULT ? ERRCODE_INVALID_PARAMETER_VALUE : ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 step == CJ_STEP_FAULT
			 ? errmsg("event of customer \"%s\" has no name, no finite time, or too long a name",
					  OidOutputFunctionCall(out, elements[0]))
			 : errmsg("journey of customer \"%s\" would have more than customer_journey.max_events events",
					  OidOutputFunctionCall(out, elements[0])),
			 errdetail("Journeys of relation \"%s\" are live.", RelationGetRelationName(trigdata->tg_relation)),
			 errhint("SET customer_journey.follow_errors = set_aside keeps such events apart.")));
}

/* The report's needs, after the fold. */
static void
meet_needs(CjFollow *follow, const TriggerData *trigdata)
{
	HeapTuple	row = SPI_tuptable->vals[0];
	TupleDesc	desc = SPI_tuptable->tupdesc;
	Datum		refused = (Datum) 0;

	for (int i = 0; i < CJ_NEEDS; i++)
	{
		CjFollowStep step = CJ_FIRST_NEED + i;
		bool		isnull;
		Datum		customers = SPI_getbinval(row, desc, i + 1, &isnull);

		if (isnull)
			continue;
		if (cj_follow_errors == CJ_FOLLOW_ERROR && follow->backfilled &&
			(step == CJ_STEP_FAULT ||
			 (step == CJ_STEP_REFUSE && TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))))
			refuse_event(trigdata, step, customers);
		if (step == CJ_STEP_REFUSE)
			refused = customers;
		if (step == CJ_STEP_FAULT)
			cj_follow_run(follow, CJ_STEP_TURN, trigdata, (Datum) 0);
		cj_follow_run(follow, step, trigdata, step == CJ_STEP_FAULT ? refused : customers);
		if (step == CJ_STEP_SEAL)
			cj_follow_run(follow, CJ_STEP_COMPACT, trigdata, customers);
	}
}

/* Mode deferred: rows of the tail are to stay small after statements of more events than that. */
#define CJ_NOTED_EVENTS	65536

static int64
count_rows(Tuplestorestate *rows)
{
	return rows == NULL ? 0 : tuplestore_tuple_count(rows);
}

/* Mode deferred: the events that are in the tail now; without a report, others may have been left out. */
static int64
count_noted(void)
{
	int64		noted = 0;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		noted += DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
	}
	return noted;
}

/* Of most statements no event has a name that any watch waits for, which is soon known. */
static bool
matters(CjFollow *follow, const TriggerData *trigdata)
{
	if (!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		return true;
	return cj_follow_run(follow, CJ_STEP_MATTERS, trigdata, (Datum) 0) == 0 || SPI_processed > 0;
}

/*
 * Lets watches look.  Their plan is kept while their tables grow from nothing: it
 * is to find every customer by an index, however small the tables were when it
 * was made.  What is off makes plans look dear, which jit would act on.
 */
static void
watch(CjFollow *follow, const TriggerData *trigdata)
{
	static const char *const off[] = {"jit", "enable_seqscan", "enable_hashjoin", "enable_mergejoin"};

	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		cj_follow_run(follow, CJ_STEP_CARRY, trigdata, (Datum) 0);
	if ((follow->planned[CJ_STEP_WATCH] && follow->plans[CJ_STEP_WATCH] == NULL) ||
		!matters(follow, trigdata))
		return;
	for (int i = 0; i < (int) lengthof(off); i++)
		(void) set_config_option(off[i], "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	cj_follow_run(follow, CJ_STEP_WATCH, trigdata, (Datum) 0);
}

static void
fold(CjFollow *follow, const TriggerData *trigdata)
{
	bool		burst;
	int64		rows;
	int			result;

	if (TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event))
	{
		if (TRIGGER_FIRED_BEFORE(trigdata->tg_event))
		{
			cj_follow_run(follow, CJ_STEP_LOCK, trigdata, (Datum) 0);
			cj_follow_run(follow, CJ_STEP_TRUNCATE, trigdata, (Datum) 0);
			cj_follow_run(follow, CJ_STEP_EMPTIED, trigdata, (Datum) 0);
			cj_follow_run(follow, CJ_STEP_WATCH, trigdata, (Datum) 0);
		}
		else
			cj_follow_run(follow, CJ_STEP_TRUNCATED, trigdata, (Datum) 0);
		return;
	}
	rows = count_rows(trigdata->tg_newtable) + count_rows(trigdata->tg_oldtable);
	burst = rows > (follow->deferred ? CJ_NOTED_EVENTS : cj_max_events);
	if (burst || !TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		cj_follow_run(follow, CJ_STEP_LOCK, trigdata, (Datum) 0);
	result = cj_follow_run(follow, burst ? CJ_STEP_BURST : CJ_STEP_FOLD, trigdata, (Datum) 0);
	if (result == SPI_OK_INSERT_RETURNING && count_noted() < rows)
		result = cj_follow_run(follow, CJ_STEP_FAULTS, trigdata, (Datum) 0);
	if (result == SPI_OK_SELECT)
		meet_needs(follow, trigdata);
	watch(follow, trigdata);
}

Datum
cj_journey_follow_fold(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	CjFollow   *follow;
	Oid			user;
	int			context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_STATEMENT(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" is for the triggers that journey_follow makes", "journey_follow_fold")));
	if (!TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event) &&
		count_rows(trigdata->tg_newtable) + count_rows(trigdata->tg_oldtable) == 0)
		return PointerGetDatum(NULL);
	follow = cj_follow_find(trigdata, fcinfo->flinfo->fn_oid);

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(follow->owner, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	SPI_connect();
	SPI_register_trigger_data(trigdata);
	cj_follow_open(follow, trigdata);
	if (follow->follows)
	{
		follow->depth++;
		PG_TRY();
		{
			fold(follow, trigdata);
		}
		PG_FINALLY();
		{
			follow->depth--;
		}
		PG_END_TRY();
	}
	SPI_finish();
	SetUserIdAndSecContext(user, context);
	return PointerGetDatum(NULL);
}

/* journey_follow_wait(events): the transactions that may write to it now have ended */
Datum
cj_journey_follow_wait(PG_FUNCTION_ARGS)
{
	Oid			events = PG_GETARG_OID(0);
	List	   *tags = NIL;
	ListCell   *cell;

	foreach(cell, find_all_inheritors(events, NoLock, NULL))
	{
		LOCKTAG    *tag = palloc_object(LOCKTAG);

		SET_LOCKTAG_RELATION(*tag, MyDatabaseId, lfirst_oid(cell));
		tags = lappend(tags, tag);
	}
	WaitForLockersMultiple(tags, ShareLock, false);
	PG_RETURN_VOID();
}
