/*-------------------------------------------------------------------------
 *
 * program.c
 *		From the tree of a pattern to a linear program.
 *
 * The program is a non-deterministic automaton with empty moves, written out
 * as instructions: repeats become copies and loops, permute becomes one state
 * for each (event, set of events already matched), groups are bracketed by
 * BEGIN and FINISH, and scopes by OPEN and CLOSE.  compile.c removes the empty
 * moves.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"

#include "pattern/pattern.h"

typedef struct Writer
{
	CjAutomaton *automaton;
	CjProgram  *program;
	int			scope;			/* innermost open */
	int			state_capacity;
	int			link_capacity;
	int			pred_capacity;
	int			scope_capacity;
	int			direct;			/* link of a space */
	int			arrow;			/* link of a bare arrow */
} Writer;

static void write_node(Writer *writer, const CjNode *node);

static int
emit(Writer *writer, CjOpcode op, int a, int b)
{
	CjProgram  *program = writer->program;

	if (program->count == program->capacity)
	{
		program->capacity *= 2;
		program->code = repalloc_array(program->code, CjInstruction, program->capacity);
	}
	program->code[program->count] = (CjInstruction)
	{
		op, a, b
	};
	return program->count++;
}

static int
add_pred(Writer *writer, const CjElement *element)
{
	CjAutomaton *automaton = writer->automaton;

	for (int i = 0; i < automaton->npreds; i++)
		if (automaton->preds[i] == element)
			return i;
	if (automaton->npreds == writer->pred_capacity)
	{
		writer->pred_capacity *= 2;
		automaton->preds = repalloc_array(automaton->preds, const CjElement *,
										  writer->pred_capacity);
	}
	automaton->preds[automaton->npreds] = element;
	return automaton->npreds++;
}

static int
add_link(Writer *writer, const CjLink *link)
{
	CjAutomaton *automaton = writer->automaton;

	if (automaton->nlinks == writer->link_capacity)
	{
		writer->link_capacity *= 2;
		automaton->links = repalloc_array(automaton->links, CjLink, writer->link_capacity);
	}
	automaton->links[automaton->nlinks] = *link;
	return automaton->nlinks++;
}

/* The gap's bounds, strict ones made inclusive: times are whole microseconds. */
static int
link_of_gap(Writer *writer, const CjGap *gap)
{
	CjLink		link = {.lo = 1,.hi = PG_INT32_MAX,.min = 0,.max = PG_INT64_MAX};

	if (gap->connector == CJ_DIRECT)
		return writer->direct;
	if (gap->flags == 0 && gap->nforbidden == 0 && gap->nonly == 0)
		return writer->arrow;
	link.positional = gap->nonly > 0 || (gap->flags & (CJ_GAP_EVENTS_MIN | CJ_GAP_EVENTS_MAX)) != 0;
	if (gap->flags & CJ_GAP_EVENTS_MIN)
		link.lo = Max(gap->events_min, 1);
	if (gap->flags & CJ_GAP_EVENTS_MAX)
		link.hi = gap->events_max;
	if (gap->flags & CJ_GAP_MIN)
		link.min = gap->min + ((gap->flags & CJ_GAP_MIN_STRICT) && gap->min < PG_INT64_MAX);
	if (gap->flags & CJ_GAP_MAX)
		link.max = gap->max - ((gap->flags & CJ_GAP_MAX_STRICT) != 0);
	link.nforbidden = gap->nforbidden;
	link.forbidden = palloc_array(int, Max(gap->nforbidden, 1));
	link.forbidden_same = palloc_array(bool, Max(gap->nforbidden, 1));
	for (int i = 0; i < gap->nforbidden; i++)
	{
		link.forbidden[i] = add_pred(writer, gap->forbidden[i].element);
		link.forbidden_same[i] = gap->forbidden[i].same;
		link.any_same |= gap->forbidden[i].same;
	}
	link.nonly = gap->nonly;
	link.only = palloc_array(int, Max(gap->nonly, 1));
	for (int i = 0; i < gap->nonly; i++)
		link.only[i] = add_pred(writer, gap->only[i]);
	return add_link(writer, &link);
}

static void
add_state(Writer *writer, const CjElement *element)
{
	CjAutomaton *automaton = writer->automaton;
	CjState    *state;

	if (automaton->nstates >= CJ_PATTERN_MAX_STATES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("pattern is too large"),
				 errdetail("With its repeats written out it has more than %d events.",
						   CJ_PATTERN_MAX_STATES),
				 errhint("Use smaller numbers in {m,n}.")));
	if (automaton->nstates == writer->state_capacity)
	{
		writer->state_capacity *= 2;
		automaton->states = repalloc_array(automaton->states, CjState, writer->state_capacity);
		writer->program->state_at = repalloc_array(writer->program->state_at, int,
												   writer->state_capacity);
	}
	state = &automaton->states[automaton->nstates];
	memset(state, 0, sizeof(*state));
	state->element = element;
	state->pred = add_pred(writer, element);
	state->scope = writer->scope;
	state->clock = writer->scope < 0 ? -1 : automaton->scopes[writer->scope].clock;
	state->attributes = 0;
	for (int s = writer->scope; s >= 0; s = automaton->scopes[s].parent)
		state->attributes |= automaton->scopes[s].attributes;
	writer->program->state_at[automaton->nstates] =
		emit(writer, CJ_OP_STATE, automaton->nstates, 0);
	automaton->nstates++;
}

static int
add_scope(Writer *writer, const CjNode *node)
{
	CjAutomaton *automaton = writer->automaton;
	int			id = automaton->nscopes;
	CjScope    *scope;

	if (id == writer->scope_capacity)
	{
		writer->scope_capacity *= 2;
		automaton->scopes = repalloc_array(automaton->scopes, CjScope, writer->scope_capacity);
	}
	automaton->nscopes++;
	scope = &automaton->scopes[id];
	scope->parent = writer->scope;
	scope->attributes = node->attributes;
	scope->within = node->within;
	scope->clock = node->within >= 0 ? id :
		writer->scope < 0 ? -1 : automaton->scopes[writer->scope].clock;
	scope->depth = (node->within >= 0) +
		(writer->scope < 0 ? 0 : automaton->scopes[writer->scope].depth);
	automaton->clock_depth = Max(automaton->clock_depth, scope->depth);
	return id;
}

static void
write_sequence(Writer *writer, const CjNode *node)
{
	emit(writer, CJ_OP_BEGIN, 0, 0);
	if (node->first)
		emit(writer, CJ_OP_FIRST, 0, 0);
	for (int i = 0; i < node->count; i++)
	{
		const CjGap *gap = &node->gaps[i];

		if (gap->connector == CJ_ABSENCE)
		{
			int			link = link_of_gap(writer, gap);

			emit(writer, CJ_OP_ABSENT, link,
				 add_pred(writer, node->children[i]->element));
			continue;
		}
		if (gap->connector != CJ_NONE)
			emit(writer, i == 0 ? CJ_OP_LEAD : CJ_OP_LINK, link_of_gap(writer, gap), 0);
		write_node(writer, node->children[i]);
	}
	if (node->last)
		emit(writer, CJ_OP_LAST, 0, 0);
	emit(writer, CJ_OP_FINISH, 0, 0);
}

static void
write_choice(Writer *writer, const CjNode *node)
{
	int		   *jumps = palloc_array(int, node->count);

	for (int i = 0; i < node->count; i++)
	{
		int			fork = -1;

		if (i < node->count - 1)
			fork = emit(writer, CJ_OP_CHOICE, writer->program->count + 1, 0);
		write_node(writer, node->children[i]);
		jumps[i] = emit(writer, CJ_OP_JUMP, 0, 0);
		if (fork >= 0)
			writer->program->code[fork].b = writer->program->count;
	}
	for (int i = 0; i < node->count; i++)
		writer->program->code[jumps[i]].a = writer->program->count;
}

/* A fork between going in (the next instruction) and out (filled in later). */
static int
emit_fork(Writer *writer, const CjNode *repeat)
{
	int			at = emit(writer, CJ_OP_PREFER, 0, 0);

	if (repeat->lazy)
		writer->program->code[at].b = at + 1;
	else
		writer->program->code[at].a = at + 1;
	return at;
}

static void
set_out(Writer *writer, const CjNode *repeat, int fork, int out)
{
	if (repeat->lazy)
		writer->program->code[fork].a = out;
	else
		writer->program->code[fork].b = out;
}

/* The last copy of an unbounded repeat, which is gone through again and again. */
static void
write_loop(Writer *writer, const CjNode *node)
{
	CjProgram  *program = writer->program;
	int			start = program->count;
	int			fork;

	if (node->min == 0)
	{
		fork = emit_fork(writer, node);
		emit(writer, CJ_OP_MARK, start, 0);
		emit(writer, CJ_OP_LINK, writer->direct, 0);
		write_node(writer, node->children[0]);
		emit(writer, CJ_OP_PROGRESS, start, 0);
	}
	else
	{
		emit(writer, CJ_OP_LINK, writer->direct, 0);
		write_node(writer, node->children[0]);
		emit(writer, CJ_OP_PROGRESS, start, 0);
		fork = emit_fork(writer, node);
		emit(writer, CJ_OP_MARK, start, 0);
	}
	emit(writer, CJ_OP_JUMP, start, 0);
	set_out(writer, node, fork, program->count);
}

static void
write_repeat(Writer *writer, const CjNode *node)
{
	CjProgram  *program = writer->program;
	int			copies = node->max < 0 ? Max(node->min - 1, 0) : node->max;
	int		   *forks = palloc_array(int, Max(copies, 1));
	int			nforks = 0;

	/* LINK is without effect before the first event of the group */
	emit(writer, CJ_OP_BEGIN, 0, 0);
	for (int i = 0; i < copies; i++)
	{
		int			mark = program->count;

		if (i >= node->min)
		{
			forks[nforks++] = emit_fork(writer, node);
			emit(writer, CJ_OP_MARK, mark, 0);
		}
		emit(writer, CJ_OP_LINK, writer->direct, 0);
		write_node(writer, node->children[0]);
		if (i >= node->min)
			emit(writer, CJ_OP_PROGRESS, mark, 0);
	}
	if (node->max < 0)
		write_loop(writer, node);
	for (int i = 0; i < nforks; i++)
		set_out(writer, node, forks[i], program->count);
	emit(writer, CJ_OP_FINISH, 0, 0);
	pfree(forks);
}

/*
 * Any order: a state for each event and set of events matched before it; after
 * it comes the dispatch of the set with it.
 */
static void
write_permute(Writer *writer, const CjNode *node)
{
	CjProgram  *program = writer->program;
	int			full = (1 << node->count) - 1;
	int		   *dispatch = palloc_array(int, full + 1); /* where each set goes
														 * on */
	int		   *jumps = palloc_array(int, (full + 1) * node->count);
	int			njumps = 0;

	emit(writer, CJ_OP_BEGIN, 0, 0);
	for (int set = 0; set < full; set++)
	{
		int			left = node->count - __builtin_popcount((unsigned int) set);
		int			seen = 0;

		CHECK_FOR_INTERRUPTS();
		dispatch[set] = program->count;
		emit(writer, CJ_OP_LINK, writer->arrow, 0);
		for (int i = 0; i < node->count; i++)
		{
			int			fork = -1;

			if (set & (1 << i))
				continue;
			if (++seen < left)
				fork = emit(writer, CJ_OP_CHOICE, program->count + 1, 0);
			add_state(writer, node->children[i]->element);
			jumps[njumps++] = emit(writer, CJ_OP_JUMP, set | (1 << i), 0);
			if (fork >= 0)
				program->code[fork].b = program->count;
		}
	}
	dispatch[full] = emit(writer, CJ_OP_FINISH, 0, 0);
	for (int i = 0; i < njumps; i++)
		program->code[jumps[i]].a = dispatch[program->code[jumps[i]].a];
	pfree(dispatch);
	pfree(jumps);
}

static void
write_node(Writer *writer, const CjNode *node)
{
	int			scope;

	check_stack_depth();
	switch (node->kind)
	{
		case CJ_NODE_ELEMENT:
			add_state(writer, node->element);
			break;
		case CJ_NODE_SEQUENCE:
			write_sequence(writer, node);
			break;
		case CJ_NODE_CHOICE:
			write_choice(writer, node);
			break;
		case CJ_NODE_REPEAT:
			write_repeat(writer, node);
			break;
		case CJ_NODE_SCOPE:
			scope = add_scope(writer, node);
			emit(writer, CJ_OP_OPEN, scope, 0);
			writer->scope = scope;
			write_node(writer, node->children[0]);
			writer->scope = writer->automaton->scopes[scope].parent;
			emit(writer, CJ_OP_CLOSE, scope, 0);
			break;
		case CJ_NODE_PERMUTE:
			write_permute(writer, node);
			break;
	}
}

CjProgram *
cj_program_build(CjAutomaton *automaton, const CjNode *tree)
{
	CjLink		direct = {.positional = true,.lo = 1,.hi = 1,.max = PG_INT64_MAX};
	CjLink		arrow = {.lo = 1,.hi = PG_INT32_MAX,.max = PG_INT64_MAX};
	Writer		writer = {
		.automaton = automaton,
		.program = palloc0_object(CjProgram),
		.scope = -1,
		.state_capacity = 8,
		.link_capacity = 8,
		.pred_capacity = 8,
		.scope_capacity = 4,
	};

	writer.program->capacity = 32;
	writer.program->code = palloc_array(CjInstruction, writer.program->capacity);
	writer.program->state_at = palloc_array(int, writer.state_capacity);
	automaton->states = palloc_array(CjState, writer.state_capacity);
	automaton->links = palloc_array(CjLink, writer.link_capacity);
	automaton->preds = palloc_array(const CjElement *, writer.pred_capacity);
	automaton->scopes = palloc_array(CjScope, writer.scope_capacity);
	writer.direct = add_link(&writer, &direct);
	writer.arrow = add_link(&writer, &arrow);
	write_node(&writer, tree);
	emit(&writer, CJ_OP_ACCEPT, 0, 0);
	return writer.program;
}
