/*-------------------------------------------------------------------------
 *
 * follow.c
 *		What a trigger follows, and the plans of its statements.
 *
 * A trigger's argument names a table <target>_follow.  Anyone may write a
 * trigger with any argument, so the argument proves nothing: what is done is
 * done as the owner of the table with the trigger, only if the same role owns
 * <target>_follow, and only if its row names that table, or the root of it.
 *
 * Statements come from journey_follow_sql() once a session and trigger, and
 * their plans are kept until a relation concerned is altered.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "live/live.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "journey/journey.h"

static HTAB *follows;

int			cj_follow_errors = CJ_FOLLOW_SET_ASIDE;
double		cj_catch_up_share = 0.3;

static const struct config_enum_entry errors_options[] = {
	{"set_aside", CJ_FOLLOW_SET_ASIDE, false},
	{"error", CJ_FOLLOW_ERROR, false},
	{NULL, 0, false}
};

void
cj_live_init(void)
{
	DefineCustomEnumVariable("customer_journey.follow_errors",
							 "Sets what becomes of an event that no live journey can hold.",
							 "Such an event is set aside in a table, or the statement that "
							 "writes it fails.",
							 &cj_follow_errors,
							 CJ_FOLLOW_SET_ASIDE,
							 errors_options,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
	DefineCustomRealVariable("customer_journey.catch_up_share",
							 "Sets the share of one processor's time that journey_catch_up takes at most.",
							 "It rests for a millisecond at a time, so that on a busy machine others "
							 "wait for a processor no longer than it works at a stretch: 0.43 ms for 0.3.  "
							 "1 does not rest.",
							 &cj_catch_up_share,
							 0.3,
							 0.01, 1,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
	cj_tail_init();
}

/* A relation was altered: forget what depends on it, at the next use. */
static void
relation_changed(Datum arg, Oid relation)
{
	HASH_SEQ_STATUS status;
	CjFollow   *follow;

	hash_seq_init(&status, follows);
	while ((follow = hash_seq_search(&status)) != NULL)
		if (relation == InvalidOid || relation == follow->relation || relation == follow->state)
			follow->valid = false;
}

static void
create_table(void)
{
	HASHCTL		control = {.keysize = sizeof(Oid),.entrysize = sizeof(CjFollow)};

	follows = hash_create("live journeys", 16, &control, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
}

static Oid
owner_of(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* The table that the trigger's argument names, if its owner has the other table too. */
static Oid
named_state(const TriggerData *trigdata)
{
	const Trigger *trigger = trigdata->tg_trigger;
	Relation	relation = trigdata->tg_relation;
	Oid			state;

	if (trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of relation \"%s\" was not made by journey_follow",
						trigger->tgname, RelationGetRelationName(relation))));
	state = RangeVarGetRelid(makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(trigger->tgargs[0]))),
							 NoLock, true);
	if (!OidIsValid(state))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s\" of trigger \"%s\" does not exist",
						trigger->tgargs[0], trigger->tgname),
				 errhint("Drop the triggers of live journeys that are no more, or give the relation its name again.")));
	if (owner_of(state) != relation->rd_rel->relowner)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("relation \"%s\" does not belong to the owner of \"%s\"",
						trigger->tgargs[0], RelationGetRelationName(relation)),
				 errhint("Live journeys, the events and their partitions have one owner.")));
	return state;
}

CjFollow *
cj_follow_find(const TriggerData *trigdata, Oid function)
{
	CjFollow   *follow;
	Oid			trigger = trigdata->tg_trigger->tgoid;
	bool		found;
	int			depth;

	if (follows == NULL)
		create_table();
	follow = hash_search(follows, &trigger, HASH_ENTER, &found);
	if (!found)
	{
		memset(follow, 0, sizeof(CjFollow));
		follow->trigger = trigger;
	}
	if (follow->valid)
		return follow;
	depth = follow->depth;
	if (depth == 0)				/* else they may be running */
	{
		for (int i = 0; i < CJ_FOLLOW_STEPS; i++)
			if (follow->plans[i] != NULL)
				SPI_freeplan(follow->plans[i]);
		if (follow->look != NULL)
			SPI_freeplan(follow->look);
	}
	memset(follow, 0, sizeof(CjFollow));
	follow->trigger = trigger;
	follow->depth = depth;
	follow->relation = RelationGetRelid(trigdata->tg_relation);
	follow->state = named_state(trigdata);
	follow->owner = trigdata->tg_relation->rd_rel->relowner;
	follow->schema = get_func_namespace(function);
	return follow;
}

static SPIPlanPtr
keep_plan(const char *statement, int nargs, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare(statement, nargs, types);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	return plan;
}

/* Runs a query that reads, with the latest snapshot whatever the transaction's is; one row. */
static void
read_latest(SPIPlanPtr plan, Datum *values, const char *nulls)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	int			result = SPI_execute_snapshot(plan, values, nulls, snapshot, InvalidSnapshot,
											  true, false, 1);

	UnregisterSnapshot(snapshot);
	if (result != SPI_OK_SELECT || SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("live journeys have lost the row that says what they follow"),
				 errhint("Drop the triggers and follow the events again.")));
}

void
cj_follow_open(CjFollow *follow, const TriggerData *trigdata)
{
	bool		isnull;
	Datum		value;

	if (!follow->valid)
	{
		char	   *name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(follow->state)),
													  get_rel_name(follow->state));
		SPIPlanPtr	plan = SPI_prepare(psprintf("SELECT f.events::pg_catalog.oid, f.mode = 'deferred' FROM %s f", name), 0, NULL);
		Oid			events;

		read_latest(plan, NULL, NULL);
		events = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
		follow->follows = events == follow->relation ||
			(trigdata->tg_relation->rd_rel->relispartition &&
			 list_member_oid(get_partition_ancestors(follow->relation), events));
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
		follow->deferred = DatumGetBool(value);
		follow->keys = get_array_type(get_atttype(follow->state, get_attnum(follow->state, "backfilled_to")));
		follow->look = keep_plan(psprintf("SELECT f.events, f.backfilled FROM %s f", name), 0, NULL);
		follow->valid = true;
	}
	if (!follow->follows || follow->backfilled)
		return;
	read_latest(follow->look, NULL, NULL);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
	follow->backfilled = DatumGetBool(value);
}

/* ---- statements ---- */

static const char *
purpose_of(CjFollowStep step, const TriggerData *trigdata)
{
	static const char *const purposes[CJ_FOLLOW_STEPS] = {
		"lock", "fold", "seal", "refuse", "fault", "empty", "compact", "burst", "faults", "turn",
		"truncate", "truncated", "emptied", "carry", "matters", "watch"
	};
	const char *action = TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) ? "insert" :
		TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ? "update" :
		TRIGGER_FIRED_BY_DELETE(trigdata->tg_event) ? "delete" : "truncate";

	return psprintf("%s %s", purposes[step], action);
}

static void
plan_step(CjFollow *follow, CjFollowStep step, const TriggerData *trigdata)
{
	Oid			types[3] = {REGCLASSOID, TEXTOID, REGCLASSOID};
	Datum		values[3];
	SPIPlanPtr	writer;
	char	   *statement;

	writer = SPI_prepare(psprintf("SELECT %s.journey_follow_sql($1, $2, $3)",
								  quote_identifier(get_namespace_name(follow->schema))), 3, types);
	values[0] = ObjectIdGetDatum(follow->state);
	values[1] = CStringGetTextDatum(purpose_of(step, trigdata));
	values[2] = ObjectIdGetDatum(follow->relation);
	read_latest(writer, values, NULL);
	statement = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (statement != NULL)
	{
		Oid			parameters[3] = {follow->keys, INT4OID, BOOLOID};

		follow->plans[step] = keep_plan(statement, 3, parameters);
	}
	follow->planned[step] = true;
}

int
cj_follow_run(CjFollow *follow, CjFollowStep step, const TriggerData *trigdata, Datum customers)
{
	Datum		values[3] = {customers, Int32GetDatum(cj_max_events), BoolGetDatum(follow->backfilled)};
	char		nulls[4] = "   ";
	int			result;

	if (!follow->planned[step])
		plan_step(follow, step, trigdata);
	if (follow->plans[step] == NULL)
		return 0;
	if (customers == (Datum) 0)
		nulls[0] = 'n';
	result = SPI_execute_snapshot(follow->plans[step], values, nulls, InvalidSnapshot, InvalidSnapshot,
								  false, true, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute: %s", SPI_result_code_string(result));
	return result;
}
