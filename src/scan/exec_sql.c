/*-------------------------------------------------------------------------
 *
 * exec_sql.c
 *		Running the plan node: all rows of the child into a row store, and out
 *		again group by group.
 *
 * The child may return its rows in whatever form it has them; columns are
 * taken from there as the target list, which consists of columns of the child,
 * names them.  Rows are given back in a virtual slot that points into the store.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/explain.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "utils/memutils.h"

#include "scan/format.h"
#include "scan/node.h"

typedef struct GroupedScanState
{
	CustomScanState css;
	CjFormat   *format;
	int			attributes;		/* of the child's slot that are needed */
	MemoryContext context;		/* of the store */
	MemoryContext scratch;
	CjStore    *store;			/* NULL: nothing was read yet, or all given back */
	bool		finished;
	CjArena		told;			/* what EXPLAIN tells, of the last store */
} GroupedScanState;

static Node *create_state(CustomScan *plan);
static void begin(CustomScanState *css, EState *estate, int eflags);
static TupleTableSlot *next(CustomScanState *css);
static void end(CustomScanState *css);
static void rescan(CustomScanState *css);
static void explain(CustomScanState *css, List *ancestors, ExplainState *es);

const CustomScanMethods cj_scan_methods = {
	.CustomName = "GroupedScan",
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods exec_methods = {
	.CustomName = "GroupedScan",
	.BeginCustomScan = begin,
	.ExecCustomScan = next,
	.EndCustomScan = end,
	.ReScanCustomScan = rescan,
	.ExplainCustomScan = explain,
};

static Node *
create_state(CustomScan *plan)
{
	GroupedScanState *state = palloc0_object(GroupedScanState);

	NodeSetTag(state, T_CustomScanState);
	state->css.methods = &exec_methods;
	return (Node *) state;
}

double
cj_scan_bytes(double rows, int width)
{
	return rows * (CJ_ROW_HEADER + MAXALIGN(width + 1));
}

/* ---- beginning ---- */

/* The child's column of every column of ours. */
static AttrNumber *
sources_of(GroupedScanState *state, const List *tlist)
{
	AttrNumber *sources = palloc_array(AttrNumber, Max(list_length(tlist), 1));
	ListCell   *cell;

	foreach(cell, tlist)
	{
		Var		   *var = castNode(Var, lfirst_node(TargetEntry, cell)->expr);

		Assert(var->varno == INDEX_VAR);
		sources[foreach_current_index(cell)] = var->varattno - 1;
		state->attributes = Max(state->attributes, var->varattno);
	}
	return sources;
}

static CjFormat *
format_of(GroupedScanState *state, CustomScan *plan)
{
	List	   *keys = list_nth_node(List, plan->custom_private, CJ_SCAN_KEYS);
	List	   *operators = list_nth(plan->custom_private, CJ_SCAN_OPERATORS);
	List	   *collations = list_nth(plan->custom_private, CJ_SCAN_COLLATIONS);
	int			nkeys = list_length(keys);
	AttrNumber *columns = palloc_array(AttrNumber, nkeys);
	Oid		   *equality = palloc_array(Oid, nkeys);
	Oid		   *collation = palloc_array(Oid, nkeys);

	for (int i = 0; i < nkeys; i++)
	{
		columns[i] = list_nth_int(keys, i);
		equality[i] = list_nth_oid(operators, i);
		collation[i] = list_nth_oid(collations, i);
	}
	return cj_format_create(state->css.ss.ps.ps_ResultTupleSlot->tts_tupleDescriptor,
							sources_of(state, plan->scan.plan.targetlist),
							nkeys, columns, equality, collation, state->scratch);
}

static void
begin(CustomScanState *css, EState *estate, int eflags)
{
	GroupedScanState *state = (GroupedScanState *) css;
	CustomScan *plan = castNode(CustomScan, css->ss.ps.plan);

	/* the child need not be able to go back: rows are kept here */
	eflags &= ~(EXEC_FLAG_REWIND | EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK);
	css->custom_ps = list_make1(ExecInitNode(linitial(plan->custom_plans), estate, eflags));
	state->context = AllocSetContextCreate(CurrentMemoryContext, "grouped rows",
										   ALLOCSET_DEFAULT_SIZES);
	state->scratch = AllocSetContextCreate(CurrentMemoryContext, "grouped keys",
										   ALLOCSET_SMALL_SIZES);
	state->format = format_of(state, plan);
}

/* ---- running ---- */

/* Takes all rows of the child. */
static void
fill_store(GroupedScanState *state)
{
	PlanState  *ps = &state->css.ss.ps;
	PlanState  *child = linitial(state->css.custom_ps);
	ExprContext *econtext = ps->ps_ExprContext;
	Plan	   *plan = ps->plan;
	CjStore    *store;

	store = cj_store_create(state->context, get_hash_memory_limit(),
							cj_scan_bytes(plan->plan_rows, plan->plan_width),
							cj_format_same, state->format);
	state->store = store;
	for (;;)
	{
		TupleTableSlot *slot = ExecProcNode(child);
		MemoryContext old;

		if (TupIsNull(slot))
			break;
		slot_getsomeattrs(slot, state->attributes);
		ResetExprContext(econtext);
		old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
		cj_format_store(state->format, store, slot->tts_values, slot->tts_isnull);
		MemoryContextSwitchTo(old);
	}
	cj_store_finish(store);
}

static void
drop_store(GroupedScanState *state)
{
	if (state->store == NULL)
		return;
	state->told = *state->store->arena;
	cj_store_free(state->store);
	state->store = NULL;
	MemoryContextReset(state->context);
}

static TupleTableSlot *
next(CustomScanState *css)
{
	GroupedScanState *state = (GroupedScanState *) css;
	TupleTableSlot *slot = css->ss.ps.ps_ResultTupleSlot;
	const CjStoredRow *row;

	ExecClearTuple(slot);
	if (state->finished)
		return slot;
	if (unlikely(state->store == NULL))
		fill_store(state);
	row = cj_store_next(state->store);
	if (unlikely(row == NULL))
	{
		drop_store(state);
		state->finished = true;
		return slot;
	}
	cj_format_load(state->format, row, slot->tts_values, slot->tts_isnull);
	return ExecStoreVirtualTuple(slot);
}

static void
rescan(CustomScanState *css)
{
	GroupedScanState *state = (GroupedScanState *) css;
	PlanState  *child = linitial(css->custom_ps);

	drop_store(state);
	state->finished = false;
	ExecClearTuple(css->ss.ps.ps_ResultTupleSlot);
	if (css->ss.ps.chgParam != NULL)
		UpdateChangedParamSet(child, css->ss.ps.chgParam);
	if (child->chgParam == NULL)
		ExecReScan(child);
}

static void
end(CustomScanState *css)
{
	GroupedScanState *state = (GroupedScanState *) css;

	drop_store(state);
	ExecEndNode(linitial(css->custom_ps));
}

static void
explain(CustomScanState *css, List *ancestors, ExplainState *es)
{
	GroupedScanState *state = (GroupedScanState *) css;
	const CjArena *arena = state->store != NULL ? state->store->arena : &state->told;

	/* nothing was read here, but perhaps in workers */
	if (!es->analyze || arena->peak == 0)
		return;
	ExplainPropertyText("Group Method", arena->spilled ? "disk" : "memory", es);
	ExplainPropertyInteger("Batches", NULL, arena->batches, es);
	ExplainPropertyInteger("Memory Usage", "kB", (arena->peak + 1023) / 1024, es);
	if (arena->spilled)
		ExplainPropertyInteger("Disk Usage", "kB", (arena->peak_disk + 1023) / 1024, es);
}
