/*-------------------------------------------------------------------------
 *
 * exec_sql.c
 *		Running the plan node: all rows of the child into a row store, and out
 *		again group by group.
 *
 * The child may return its rows in whatever form it has them.  The target list
 * has columns of the child, which are taken from its slot, and conditions on one
 * column each, which are answered here.  Rows are given back in a virtual slot
 * that points into the store.
 *
 * Beneath a Gather each process takes some of the child's rows; they are exchanged
 * (exchange.h), and each gives back some of the groups.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "access/parallel.h"
#include CJ_EXPLAIN_HEADER
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"

#include "scan/exchange.h"
#include "scan/format.h"
#include "scan/memo.h"
#include "scan/node.h"

typedef struct GroupedScanState
{
	CustomScanState css;
	CjFormat   *format;
	int			attributes;		/* of the child's slot that are needed */
	int			nmemos;
	CjMemo	  **memos;			/* of the conditions of each column */
	uint64	   *words;			/* their answers for a row */
	bool		leave_out;		/* rows for which no condition holds */
	MemoryContext context;		/* of the store */
	MemoryContext scratch;
	CjStore    *store;			/* NULL: nothing was read yet, or all given
								 * back */
	bool		finished;
	CjShared   *shared;			/* with other processes; NULL: all is done
								 * here */
	CjExchange *exchange;		/* while there is a store, and if it is shared */
	CjArena		told;			/* what EXPLAIN tells, of the last store */
} GroupedScanState;

static Node *create_state(CustomScan *plan);
static void begin(CustomScanState *css, EState *estate, int eflags);
static TupleTableSlot *next(CustomScanState *css);
static void end(CustomScanState *css);
static void rescan(CustomScanState *css);
static void explain(CustomScanState *css, List *ancestors, ExplainState *es);
static Size estimate_shared(CustomScanState *css, ParallelContext *pcxt);
static void begin_shared(CustomScanState *css, ParallelContext *pcxt, void *coordinate);
static void restart_shared(CustomScanState *css, ParallelContext *pcxt, void *coordinate);
static void begin_worker(CustomScanState *css, shm_toc *toc, void *coordinate);
static void shutdown(CustomScanState *css);

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
	.EstimateDSMCustomScan = estimate_shared,
	.InitializeDSMCustomScan = begin_shared,
	.ReInitializeDSMCustomScan = restart_shared,
	.InitializeWorkerCustomScan = begin_worker,
	.ShutdownCustomScan = shutdown,
};

static Node *
create_state(CustomScan *plan)
{
	GroupedScanState *state = palloc0_object(GroupedScanState);

	NodeSetTag(state, T_CustomScanState);
	state->css.methods = &exec_methods;
	return (Node *) state;
}

/* In full: how many will have a code is not known beforehand. */
double
cj_scan_bytes(double rows, int width)
{
	return rows * (CJ_ROW_HEADER + MAXALIGN(width + 1));
}

/* ---- beginning ---- */

/* The child's column that a condition is on, from 0. */
static bool
find_column(Node *node, AttrNumber *column)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Assert(((Var *) node)->varno == INDEX_VAR);
		*column = ((Var *) node)->varattno - 1;
		return true;
	}
	return expression_tree_walker(node, find_column, column);
}

/*
 * The conditions on a column of the child, up to CJ_MEMO_MAX of those not "done":
 * their memo, and where their answers go.
 */
static CjWord
gather_conditions(GroupedScanState *state, List *tlist, AttrNumber wanted, bool *done)
{
	CjWord		word = {0, palloc_array(AttrNumber, CJ_MEMO_MAX)};
	ExprState **conditions = palloc_array(ExprState *, CJ_MEMO_MAX);
	PlanState  *child = linitial(state->css.custom_ps);
	TupleDesc	desc = ExecGetResultType(child);
	ListCell   *cell;

	foreach(cell, tlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		AttrNumber	column = -1;

		if (done[entry->resno - 1] || word.count == CJ_MEMO_MAX)
			continue;
		find_column((Node *) entry->expr, &column);
		if (column != wanted)
			continue;
		done[entry->resno - 1] = true;
		word.targets[word.count] = entry->resno - 1;
		conditions[word.count++] = ExecInitExpr(entry->expr, &state->css.ss.ps);
	}
	state->memos[state->nmemos++] = cj_memo_create(wanted, TupleDescAttr(desc, wanted),
												   conditions, word.count);
	return word;
}

/* Columns of the child as they are, then a word for the conditions of a column. */
static int
gather_columns(GroupedScanState *state, List *tlist, CjColumn *columns, CjWord *words)
{
	TupleDesc	desc = state->css.ss.ps.ps_ResultTupleSlot->tts_tupleDescriptor;
	bool	   *done = palloc0_array(bool, list_length(tlist) + 1);
	int			n = 0;
	ListCell   *cell;

	foreach(cell, tlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Form_pg_attribute attribute = TupleDescAttr(desc, entry->resno - 1);
		AttrNumber	source = -1;

		find_column((Node *) entry->expr, &source);
		state->attributes = Max(state->attributes, source + 1);
		if (!IsA(entry->expr, Var))
			continue;
		done[entry->resno - 1] = true;
		columns[n++] = (CjColumn)
		{
			.source = source,.target = entry->resno - 1,.len = attribute->attlen,
				.byval = attribute->attbyval,.align = attribute->attalign,.word = -1
		};
	}
	foreach(cell, tlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		AttrNumber	source = -1;
		int			count;

		if (done[entry->resno - 1])
			continue;
		find_column((Node *) entry->expr, &source);
		words[state->nmemos] = gather_conditions(state, tlist, source, done);
		count = words[state->nmemos - 1].count;
		columns[n++] = (CjColumn)
		{
			.len = count <= 4 ? 1 : count <= 8 ? 2 : count <= 16 ? 4 : 8,
				.byval = true,.word = state->nmemos - 1
		};
	}
	return n;
}

static CjFormat *
format_of(GroupedScanState *state, CustomScan *plan)
{
	List	   *tlist = plan->scan.plan.targetlist;
	List	   *keys = list_nth(plan->custom_private, CJ_SCAN_KEYS);
	List	   *operators = list_nth(plan->custom_private, CJ_SCAN_OPERATORS);
	List	   *collations = list_nth(plan->custom_private, CJ_SCAN_COLLATIONS);
	int			nkeys = list_length(keys);
	int			most = list_length(tlist);
	AttrNumber *key_columns = palloc_array(AttrNumber, nkeys);
	Oid		   *equality = palloc_array(Oid, nkeys);
	Oid		   *collation = palloc_array(Oid, nkeys);
	CjColumn   *columns = palloc_array(CjColumn, most);
	CjWord	   *words = palloc_array(CjWord, most);
	int			ncolumns;

	for (int i = 0; i < nkeys; i++)
	{
		key_columns[i] = list_nth_int(keys, i);
		equality[i] = list_nth_oid(operators, i);
		collation[i] = list_nth_oid(collations, i);
	}
	state->memos = palloc_array(CjMemo *, most);
	ncolumns = gather_columns(state, tlist, columns, words);
	state->words = palloc_array(uint64, state->nmemos + 1);
	return cj_format_create(columns, ncolumns, words, nkeys, key_columns,
							equality, collation, state->scratch);
}

static void
begin(CustomScanState *css, EState *estate, int eflags)
{
	GroupedScanState *state = (GroupedScanState *) css;
	CustomScan *plan = castNode(CustomScan, css->ss.ps.plan);

	/* the child need not be able to go back: rows are kept here */
	eflags &= ~(EXEC_FLAG_REWIND | EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK);
	css->custom_ps = list_make1(ExecInitNode(linitial(plan->custom_plans), estate, eflags));
	/* conditions are evaluated on the child's slots */
	css->ss.ps.scanops = ExecGetResultSlotOps(linitial(css->custom_ps), &css->ss.ps.scanopsfixed);
	css->ss.ps.scanopsset = true;
	state->context = AllocSetContextCreate(CurrentMemoryContext, "grouped rows",
										   ALLOCSET_DEFAULT_SIZES);
	state->scratch = AllocSetContextCreate(CurrentMemoryContext, "grouped keys",
										   ALLOCSET_SMALL_SIZES);
	state->leave_out = linitial_int((List *) list_nth(plan->custom_private, CJ_SCAN_LEAVE_OUT));
	state->format = format_of(state, plan);
}

/* ---- running ---- */

/* Takes all rows of the child. */
static void
take_rows(GroupedScanState *state, CjStore *store)
{
	PlanState  *child = linitial(state->css.custom_ps);
	ExprContext *econtext = state->css.ss.ps.ps_ExprContext;

	for (;;)
	{
		TupleTableSlot *slot = ExecProcNode(child);
		uint64		answers = 0;
		MemoryContext old;

		if (TupIsNull(slot))
			break;
		slot_getsomeattrs(slot, state->attributes);
		ResetExprContext(econtext);
		old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
		for (int i = 0; i < state->nmemos; i++)
			answers |= state->words[i] = cj_memo_word(state->memos[i], slot, econtext);
		cj_format_store(state->format, store, slot->tts_values, slot->tts_isnull, state->words,
						state->leave_out && (answers & CJ_MEMO_HOLDS) == 0);
		MemoryContextSwitchTo(old);
	}
}

/* What of a process's memory its own rows take: they are there twice when they are shared. */
static Size
shared_memory_limit(void)
{
	return get_hash_memory_limit() / 2;
}

/* Takes some of the child's rows, exchanges them, and opens a store with some of the groups. */
static void
exchange_rows(GroupedScanState *state)
{
	CjExchange *exchange = cj_exchange_join(state->context, state->shared, ParallelWorkerNumber + 1,
											state->css.ss.ps.state->es_query_dsa);

	state->exchange = exchange;
	memset(&state->told, 0, sizeof(CjArena));
	if (cj_exchange_open(exchange))
	{
		MemoryContext filling = AllocSetContextCreate(state->context, "rows to exchange",
													  ALLOCSET_DEFAULT_SIZES);
		CjStore    *store = cj_format_begin_shared(state->format, filling, shared_memory_limit(),
												   exchange);
		CjArena    *arena = store->arena;

		take_rows(state, store);
		cj_format_share(state->format, store);
		state->told = *arena;
		MemoryContextDelete(filling);
		cj_exchange_wait(exchange);
	}
	state->store = cj_format_open_shared(state->format, state->context, shared_memory_limit(),
										 exchange);
}

static void
fill_store(GroupedScanState *state)
{
	Plan	   *plan = state->css.ss.ps.plan;

	for (int i = 0; i < state->nmemos; i++)
		cj_memo_reset(state->memos[i]);

	/*
	 * a plan for several processes may be run by one that could not begin
	 * others
	 */
	if (state->shared != NULL && state->css.ss.ps.state->es_query_dsa != NULL)
	{
		exchange_rows(state);
		return;
	}
	state->store = cj_format_begin(state->format, state->context, get_hash_memory_limit(),
								   cj_scan_bytes(plan->plan_rows, plan->plan_width));
	take_rows(state, state->store);
	cj_store_finish(state->store);
}

/* What the process did in all, of what it did before the exchange and since. */
static void
tell_shared(GroupedScanState *state, const CjArena *arena)
{
	CjArena    *told = &state->told;

	told->peak = Max(told->peak, arena->peak);
	told->peak_disk += arena->peak_disk;
	told->batches = arena->batches;
	told->left_out = arena->left_out;
	told->spilled |= arena->spilled;
	cj_shared_tell(state->shared, ParallelWorkerNumber + 1, told);
}

static void
drop_store(GroupedScanState *state)
{
	if (state->store == NULL)
		return;
	if (state->exchange != NULL)
		tell_shared(state, state->store->arena);
	else
		state->told = *state->store->arena;
	cj_store_free(state->store);
	if (state->exchange != NULL)
		cj_exchange_leave(state->exchange);
	state->store = NULL;
	state->exchange = NULL;
	MemoryContextReset(state->context);
}

/* ---- several processes ---- */

static Size
estimate_shared(CustomScanState *css, ParallelContext *pcxt)
{
	return cj_shared_size(pcxt->nworkers + 1);
}

static void
begin_shared(CustomScanState *css, ParallelContext *pcxt, void *coordinate)
{
	GroupedScanState *state = (GroupedScanState *) css;
	Plan	   *plan = css->ss.ps.plan;
	int			nprocesses = pcxt->nworkers + 1;

	/* without a segment there are no workers */
	if (pcxt->seg == NULL)
		return;
	cj_shared_begin(coordinate, nprocesses,
					cj_store_fan_out(shared_memory_limit(), nprocesses *
									 cj_scan_bytes(plan->plan_rows, plan->plan_width)),
					pcxt->seg);
	state->shared = coordinate;
}

static void
restart_shared(CustomScanState *css, ParallelContext *pcxt, void *coordinate)
{
	GroupedScanState *state = (GroupedScanState *) css;

	if (pcxt->seg == NULL)
		return;
	cj_shared_restart(coordinate);
	state->shared = coordinate;
}

static void
begin_worker(CustomScanState *css, shm_toc *toc, void *coordinate)
{
	cj_shared_attach(coordinate);
	((GroupedScanState *) css)->shared = coordinate;
}

/* The shared memory goes, whether all groups were wanted or not. */
static void
shutdown(CustomScanState *css)
{
	GroupedScanState *state = (GroupedScanState *) css;

	if (state->shared == NULL)
		return;
	state->finished |= state->store != NULL;
	drop_store(state);
	if (!IsParallelWorker())
		cj_shared_told(state->shared, &state->told);
	state->shared = NULL;
}

/* ---- for the node above that reads the store itself ---- */

CjFormat *
cj_scan_format(PlanState *ps)
{
	return ((GroupedScanState *) ps)->format;
}

CjStore *
cj_scan_fill(PlanState *ps)
{
	GroupedScanState *state = (GroupedScanState *) ps;

	/* as ExecProcNode does */
	if (ps->chgParam != NULL)
		ExecReScan(ps);
	if (ps->instrument != NULL)
		InstrStartNode(ps->instrument);
	fill_store(state);
	if (ps->instrument != NULL)
		InstrStopNode(ps->instrument, 0);
	return state->store;
}

void
cj_scan_drop(PlanState *ps, double rows)
{
	if (ps->instrument != NULL)
		InstrStartNode(ps->instrument);
	drop_store((GroupedScanState *) ps);
	if (ps->instrument != NULL)
		InstrStopNode(ps->instrument, rows);
}

/* ---- row by row ---- */

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
	cj_format_load(state->format, state->store, row, slot->tts_values, slot->tts_isnull);
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
	if (state->leave_out)
		ExplainPropertyInteger("Rows Left Out", NULL, arena->left_out, es);
	ExplainPropertyInteger("Memory Usage", "kB", (arena->peak + 1023) / 1024, es);
	if (arena->spilled)
		ExplainPropertyInteger("Disk Usage", "kB", (arena->peak_disk + 1023) / 1024, es);
}
