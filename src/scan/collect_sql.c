/*-------------------------------------------------------------------------
 *
 * collect_sql.c
 *		Running the plan node GroupedFunnel: window funnels, sequences and
 *		retention from stored rows, as partial states, group by group.
 *
 * The node below keeps the answers of the conditions in a byte or some of each
 * row.  Tables translate each of these bytes to an aggregate's bits, so that a row
 * costs a look-up, a time, and 16 bytes if a condition holds.  These are put where
 * the state that is passed on has them.  A group with more rows than there is room
 * for gives several states, as several processes would: the aggregation above
 * combines them.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "funnel/funnel.h"
#include "scan/format.h"
#include "scan/node.h"

/* A state has room for so many rows: as many as stay in the cache. */
#define STATE_ROWS	4096

/* A byte of a stored row, and the conditions that hold for each of its values. */
typedef struct Answers
{
	uint32		offset;
	uint64		masks[256];
} Answers;

/* An aggregate. */
typedef struct Collected
{
	int			transition;		/* aggregates of the same number have the same
								 * states */
	AttrNumber	target;			/* of the result, from 0 */
	CjCollectKind kind;
	Oid			time_type;
	int			time;			/* column of the format, from 0 */
	int			nconditions;
	int			nanswers;
	Answers    *answers;
	bool		all;			/* rows count for which no condition holds */
	ExprState  *parameters[2];
	Oid			within_type;
	CjRowsSerial *serial;		/* made with the first row of all */
	CjRow	   *rows;			/* their place in it */
	int64		count;
	int64		held;			/* retention: conditions that held */
	int64		window;
} Collected;

/* An aggregate whose states another has. */
typedef struct Repeated
{
	AttrNumber	target;
	AttrNumber	source;			/* of the result, both */
} Repeated;

/* A column of the group's first row. */
typedef struct FirstColumn
{
	AttrNumber	target;
	AttrNumber	source;
	int16		len;
	bool		byval;
} FirstColumn;

typedef struct GroupedFunnelState
{
	CustomScanState css;
	CjFormat   *format;
	int			ncollected;
	Collected  *collected;
	int			nrepeated;
	Repeated   *repeated;
	int			ncolumns;
	FirstColumn *columns;
	Datum	   *values;			/* of the node below */
	bool	   *nulls;
	MemoryContext context;		/* of what is collected */
	CjStore    *store;			/* NULL: nothing was read yet */
	const CjStoredRow *row;		/* the first of the next group */
	double		nrows;
	bool		finished;
} GroupedFunnelState;

static Node *create_state(CustomScan *plan);
static void begin(CustomScanState *css, EState *estate, int eflags);
static TupleTableSlot *next(CustomScanState *css);
static void end(CustomScanState *css);
static void rescan(CustomScanState *css);

const CustomScanMethods cj_collect_methods = {
	.CustomName = "GroupedFunnel",
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods exec_methods = {
	.CustomName = "GroupedFunnel",
	.BeginCustomScan = begin,
	.ExecCustomScan = next,
	.EndCustomScan = end,
	.ReScanCustomScan = rescan,
};

static Node *
create_state(CustomScan *plan)
{
	GroupedFunnelState *state = palloc0_object(GroupedFunnelState);

	NodeSetTag(state, T_CustomScanState);
	state->css.methods = &exec_methods;
	return (Node *) state;
}

/* ---- beginning ---- */

/* Finds a byte among those read already, or adds it. */
static Answers *
answers_at(Collected *collected, uint32 offset)
{
	for (int i = 0; i < collected->nanswers; i++)
		if (collected->answers[i].offset == offset)
			return &collected->answers[i];
	/* no more bytes than conditions are read */
	collected->answers[collected->nanswers].offset = offset;
	return &collected->answers[collected->nanswers++];
}

/* Condition "number" is a column of the node below: one of a word's answers, or a boolean. */
static void
find_condition(const CjFormat *format, Collected *collected, int number, AttrNumber target)
{
	uint64		bit = UINT64CONST(1) << number;

	for (int i = 0; i < format->nfixed; i++)
	{
		const CjColumn *column = &format->columns[i];
		const CjWord *word = column->word < 0 ? NULL : &format->words[column->word];
		Answers    *answers;

		if (word == NULL)
		{
			if (column->target != target)
				continue;
			/* what is NULL is stored as false */
			answers = answers_at(collected, column->offset);
			for (int value = 1; value < 256; value++)
				answers->masks[value] |= bit;
			return;
		}
		for (int k = 0; k < word->count; k++)
		{
			int			byte = k / 4;

			if (word->targets[k] != target)
				continue;
#ifdef WORDS_BIGENDIAN
			byte = column->len - 1 - byte;
#endif
			answers = answers_at(collected, column->offset + byte);
			/* NULL counts as false: then the lower of the two bits is not set */
			for (int value = 0; value < 256; value++)
				if ((value >> k % 4 * 2) & 1)
					answers->masks[value] |= bit;
			return;
		}
	}
	elog(ERROR, "condition is not stored in rows");
}

static int
find_column(const CjFormat *format, AttrNumber target)
{
	for (int i = 0; i < format->nfixed; i++)
		if (format->columns[i].word < 0 && format->columns[i].target == target)
			return i;
	elog(ERROR, "time is not stored in rows");
}

/* As the executor's own partial aggregation does. */
static void
check_rights(const Aggref *aggref)
{
	AclResult	result = cj_function_aclcheck(aggref->aggfnoid, GetUserId());
	HeapTuple	tuple;
	Oid			owner;
	Oid			functions[2];

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_AGGREGATE, get_func_name(aggref->aggfnoid));
	InvokeFunctionExecuteHook(aggref->aggfnoid);
	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggref->aggfnoid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for aggregate %u", aggref->aggfnoid);
	functions[0] = ((Form_pg_aggregate) GETSTRUCT(tuple))->aggtransfn;
	functions[1] = ((Form_pg_aggregate) GETSTRUCT(tuple))->aggserialfn;
	ReleaseSysCache(tuple);
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(aggref->aggfnoid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", aggref->aggfnoid);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	for (size_t i = 0; i < lengthof(functions); i++)
	{
		result = cj_function_aclcheck(functions[i], owner);
		if (result != ACLCHECK_OK)
			aclcheck_error(result, OBJECT_FUNCTION, get_func_name(functions[i]));
		InvokeFunctionExecuteHook(functions[i]);
	}
}

/* From what the plan says of an aggregate; takes its parameters off the list. */
static void
begin_aggregate(GroupedFunnelState *state, Collected *collected, const Aggref *aggref,
				List *sources, List **exprs)
{
	int			time = lsecond_int(sources);

	collected->transition = aggref->aggtransno;
	collected->kind = linitial_int(sources);
	collected->nconditions = list_length(sources) - 2;
	collected->answers = palloc0_array(Answers, collected->nconditions);
	for (int i = 0; i < collected->nconditions; i++)
		find_condition(state->format, collected, i, list_nth_int(sources, i + 2) - 1);
	for (int i = 0; i < cj_collect_parameters(collected->kind); i++)
	{
		Expr	   *expr = linitial(*exprs);

		if (i == 0)
			collected->within_type = exprType((Node *) expr);
		collected->parameters[i] = ExecInitExpr(expr, &state->css.ss.ps);
		*exprs = list_delete_first(*exprs);
	}
	collected->time = time == 0 ? -1 : find_column(state->format, time - 1);
	if (time != 0)
		collected->time_type = list_nth_oid(aggref->aggargtypes, cj_collect_parameters(collected->kind));
}

/* The planner found out which aggregates have the same states. */
static const Collected *
find_collected(const GroupedFunnelState *state, const Aggref *aggref)
{
	for (int i = 0; i < state->ncollected; i++)
		if (state->collected[i].transition == aggref->aggtransno)
			return &state->collected[i];
	return NULL;
}

static void
begin_entry(GroupedFunnelState *state, AttrNumber target, const Aggref *aggref,
			List *sources, List **exprs)
{
	const Collected *same = find_collected(state, aggref);

	check_rights(aggref);
	if (same != NULL)
	{
		*exprs = list_copy_tail(*exprs, cj_collect_parameters(same->kind));
		state->repeated[state->nrepeated].target = target;
		state->repeated[state->nrepeated++].source = same->target;
		return;
	}
	state->collected[state->ncollected].target = target;
	begin_aggregate(state, &state->collected[state->ncollected], aggref, sources, exprs);
	state->ncollected++;
}

static void
begin_entries(GroupedFunnelState *state, CustomScan *plan)
{
	TupleDesc	desc = state->css.ss.ps.ps_ResultTupleSlot->tts_tupleDescriptor;
	List	   *exprs = list_copy(plan->custom_exprs);
	ListCell   *entry;
	ListCell   *sources;

	state->collected = palloc0_array(Collected, desc->natts);
	state->repeated = palloc0_array(Repeated, desc->natts);
	state->columns = palloc0_array(FirstColumn, desc->natts);
	forboth(entry, plan->custom_scan_tlist, sources, plan->custom_private)
	{
		TargetEntry *target = lfirst_node(TargetEntry, entry);
		Form_pg_attribute attribute = TupleDescAttr(desc, target->resno - 1);

		if (IsA(target->expr, Aggref))
			begin_entry(state, target->resno - 1, (Aggref *) target->expr, lfirst(sources), &exprs);
		else
			state->columns[state->ncolumns++] = (FirstColumn)
		{
			.target = target->resno - 1,.source = lsecond_int((List *) lfirst(sources)) - 1,
				.len = attribute->attlen,.byval = attribute->attbyval
		};
	}
}

static void
begin(CustomScanState *css, EState *estate, int eflags)
{
	GroupedFunnelState *state = (GroupedFunnelState *) css;
	CustomScan *plan = castNode(CustomScan, css->ss.ps.plan);
	PlanState  *child;
	int			width;

	eflags &= ~(EXEC_FLAG_REWIND | EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK);
	child = ExecInitNode(linitial(plan->custom_plans), estate, eflags);
	css->custom_ps = list_make1(child);
	width = ExecGetResultType(child)->natts;
	state->format = cj_scan_format(child);
	state->values = palloc0_array(Datum, width);
	state->nulls = palloc0_array(bool, width);
	state->context = AllocSetContextCreate(CurrentMemoryContext, "collected rows",
										   ALLOCSET_DEFAULT_SIZES);
	begin_entries(state, plan);
}

/* ---- running ---- */

/* What does not differ between groups is found out when there is a first row. */
static void
begin_rows(GroupedFunnelState *state, Collected *collected)
{
	ExprContext *econtext = state->css.ss.ps.ps_ExprContext;
	NullableDatum given[2] = {{0, true}, {0, true}};
	CjRows	   *rows;

	for (int i = 0; i < cj_collect_parameters(collected->kind); i++)
		given[i].value = ExecEvalExprSwitchContext(collected->parameters[i], econtext,
												   &given[i].isnull);
	rows = cj_rows_create(state->context);
	if (collected->kind == CJ_COLLECT_SEQUENCE)
		cj_rows_begin_sequence(rows, state->context, collected->time_type, given[0],
							   collected->nconditions);
	else if (collected->kind == CJ_COLLECT_RETENTION)
		rows->rows = NULL;
	else
		cj_rows_begin_window(rows, collected->within_type, given[0], given[1]);
	rows->nconditions = collected->nconditions;
	collected->window = rows->window;
	collected->all = (rows->mode & CJ_MODE_ORDER) != 0;
	collected->serial = cj_rows_serial_begin(state->context, rows,
											 rows->rows == NULL ? 0 : STATE_ROWS,
											 &collected->rows);
}

/* True if there is no room for another. */
static inline bool
collect_row(Collected *collected, const CjFormat *format, const CjStore *store,
			const CjRowCommon *common, const CjStoredRow *row)
{
	const char *data = cj_format_data(common, row);
	uint64		mask = 0;
	int			time = collected->time;
	Datum		value;
	CjRow	   *to;

	for (int i = 0; i < collected->nanswers; i++)
		mask |= collected->answers[i].masks[(unsigned char) data[collected->answers[i].offset]];
	if (time < 0)
	{
		collected->held |= (int64) mask;
		return false;
	}
	if ((mask == 0 && !collected->all) || cj_format_null(format, data, time))
		return false;
	value = cj_format_fixed(format, store, common, row, time);
	to = &collected->rows[collected->count++];
	to->time = collected->time_type == DATEOID ? cj_rows_date(DatumGetDateADT(value)) :
		DatumGetInt64(value);
	to->mask = mask;
	return collected->count == STATE_ROWS;
}

/* Columns of the first row, which is not there any more when the group is done. */
static void
take_columns(GroupedFunnelState *state, TupleTableSlot *slot, const CjStoredRow *row)
{
	if (state->ncolumns == 0)
		return;
	cj_format_load(state->format, state->store, row, state->values, state->nulls);
	for (int i = 0; i < state->ncolumns; i++)
	{
		const FirstColumn *column = &state->columns[i];
		bool		null = state->nulls[column->source];

		slot->tts_isnull[column->target] = null;
		slot->tts_values[column->target] = null ? (Datum) 0 :
			datumCopy(state->values[column->source], column->byval, column->len);
	}
}

/* The rows of a group, or the next of them. */
static void
collect_group(GroupedFunnelState *state)
{
	const CjStoredRow *row = state->row;
	CjStore    *store = state->store;
	int64		group = store->arena->groups;
	bool		full = false;
	int			n = 0;

	do
	{
		const CjRowCommon *common = cj_format_common(state->format, row);

		for (int i = 0; i < state->ncollected; i++)
			full |= collect_row(&state->collected[i], state->format, store, common, row);
		if ((++n & 1023) == 0)
			CHECK_FOR_INTERRUPTS();
		row = cj_store_next(store);
	} while (row != NULL && store->arena->groups == group && !full);
	state->nrows += n;
	state->row = row;
}

/* The states are good until rows are collected again. */
static void
finish_group(GroupedFunnelState *state, TupleTableSlot *slot)
{
	for (int i = 0; i < state->ncollected; i++)
	{
		Collected  *collected = &state->collected[i];
		bytea	   *serial = cj_rows_serial_end(collected->serial, collected->rows,
												collected->window | collected->held,
												collected->count);

		slot->tts_values[collected->target] = PointerGetDatum(serial);
		slot->tts_isnull[collected->target] = false;
		collected->count = 0;
		collected->held = 0;
	}
	for (int i = 0; i < state->nrepeated; i++)
	{
		const Repeated *repeated = &state->repeated[i];

		slot->tts_values[repeated->target] = slot->tts_values[repeated->source];
		slot->tts_isnull[repeated->target] = false;
	}
}

/* Takes the rows of the node below, and the first of them. */
static void
first_row(GroupedFunnelState *state)
{
	state->store = cj_scan_fill(linitial(state->css.custom_ps));
	state->row = cj_store_next(state->store);
	if (state->row == NULL)
		return;
	for (int i = 0; i < state->ncollected; i++)
		begin_rows(state, &state->collected[i]);
}

static void
drop_rows(GroupedFunnelState *state)
{
	if (state->store == NULL)
		return;
	cj_scan_drop(linitial(state->css.custom_ps), state->nrows);
	state->store = NULL;
	state->row = NULL;
	state->nrows = 0;
}

static TupleTableSlot *
next(CustomScanState *css)
{
	GroupedFunnelState *state = (GroupedFunnelState *) css;
	ExprContext *econtext = css->ss.ps.ps_ExprContext;
	TupleTableSlot *slot = css->ss.ps.ps_ResultTupleSlot;
	MemoryContext old;

	ExecClearTuple(slot);
	if (unlikely(state->store == NULL && !state->finished))
		first_row(state);
	if (unlikely(state->row == NULL))
	{
		state->finished = true;
		drop_rows(state);
		return slot;
	}
	ResetExprContext(econtext);
	old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	take_columns(state, slot, state->row);
	collect_group(state);
	finish_group(state, slot);
	MemoryContextSwitchTo(old);
	return ExecStoreVirtualTuple(slot);
}

static void
rescan(CustomScanState *css)
{
	GroupedFunnelState *state = (GroupedFunnelState *) css;
	PlanState  *child = linitial(css->custom_ps);

	drop_rows(state);
	/* parameters may have changed */
	MemoryContextReset(state->context);
	state->finished = false;
	if (css->ss.ps.chgParam != NULL)
		UpdateChangedParamSet(child, css->ss.ps.chgParam);
	if (child->chgParam == NULL)
		ExecReScan(child);
}

static void
end(CustomScanState *css)
{
	drop_rows((GroupedFunnelState *) css);
	ExecEndNode(linitial(css->custom_ps));
}
