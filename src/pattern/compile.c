/*-------------------------------------------------------------------------
 *
 * compile.c
 *		From the program of a pattern to its automaton without empty moves.
 *
 * For every state, and for the start, the program is followed over its empty
 * instructions to the states that can come next.  On the way are collected the
 * link that the gap must satisfy, the innermost scope that both events are in
 * (so that leaving a scope and entering it again counts as leaving), anchors
 * and absence.
 *
 * What an empty item leaves behind: a connector belongs to the item at its
 * right, so that "a -> b? c" without b is "a c"; the arrow before a group, or
 * with which it begins, leads to whatever the group begins with.
 *
 * Tiers express preference.  A quantifier prefers going round or going on
 * whatever the events are; alternatives are alike, and among what is alike the
 * earliest event wins, then the order in the text.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "compat.h"
#include "miscadmin.h"

#include "pattern/pattern.h"

/* Iterations begun on the way, the last first. */
typedef struct Mark
{
	int			id;
	const struct Mark *before;
} Mark;

/* A point on the way, and the best tier it has been reached with. */
typedef struct Visit
{
	int			pc;
	uint64		marks;			/* hash of the iterations begun */
	int			depth;			/* groups begun on the way */
	int			tier;
	CjOption	option;			/* what has been collected; target unused */
} Visit;

typedef struct Closure
{
	const CjAutomaton *automaton;
	const CjProgram *program;
	bool		from_start;
	int			nvisits;
	int			visit_capacity;
	Visit	   *visits;
	int			noptions;
	int			option_capacity;
	CjOption   *options;
} Closure;

static bool
same_but_tier(const CjOption *a, const CjOption *b)
{
	return a->target == b->target && a->link == b->link && a->common == b->common &&
		a->target_first == b->target_first && a->source_last == b->source_last &&
		a->absent_link == b->absent_link && a->absent_pred == b->absent_pred;
}

static void
add_option(Closure *closure, const CjOption *option)
{
	for (int i = 0; i < closure->noptions; i++)
		if (same_but_tier(&closure->options[i], option))
		{
			closure->options[i].tier = Min(closure->options[i].tier, option->tier);
			return;
		}
	if (closure->noptions == closure->option_capacity)
	{
		closure->option_capacity *= 2;
		closure->options = repalloc_array(closure->options, CjOption,
										  closure->option_capacity);
	}
	closure->options[closure->noptions++] = *option;
}

/* Has this point been passed in a tier as good?  Remembers it if not. */
static bool
visited(Closure *closure, int pc, int depth, int tier, const CjOption *option,
		const Mark *marks)
{
	Visit	   *visit;
	uint64		hash = 0;

	for (; marks != NULL; marks = marks->before)
		hash += hash_bytes_uint32_extended((uint32) marks->id, 0);

	for (int i = 0; i < closure->nvisits; i++)
	{
		visit = &closure->visits[i];
		if (visit->pc == pc && visit->marks == hash && visit->depth == depth && same_but_tier(&visit->option, option))
		{
			if (visit->tier <= tier)
				return true;
			visit->tier = tier;
			return false;
		}
	}
	if (closure->nvisits == closure->visit_capacity)
	{
		closure->visit_capacity *= 2;
		closure->visits = repalloc_array(closure->visits, Visit, closure->visit_capacity);
	}
	visit = &closure->visits[closure->nvisits++];
	visit->pc = pc;
	visit->marks = hash;
	visit->depth = depth;
	visit->tier = tier;
	visit->option = *option;
	return false;
}

/* Collects an end or a state; returns the next free tier. */
static int
arrive(Closure *closure, CjOption option, int target, int tier)
{
	const CjAutomaton *automaton = closure->automaton;

	option.target = target;
	option.tier = tier;
	if (target == CJ_END)
	{
		/* a match has an event, and none is before its first one */
		if (closure->from_start || option.target_first)
			return tier;
		option.link = -1;
	}
	else if (closure->from_start)
		option.link = -1;
	for (int s = option.common; s >= 0; s = automaton->scopes[s].parent)
		option.attributes |= automaton->scopes[s].attributes;
	add_option(closure, &option);
	return tier + 1;
}

/* Follows the program from pc; returns the next free tier. */
static int
follow(Closure *closure, int pc, int depth, int tier, CjOption option, const Mark *marks)
{
	Mark		mark;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	for (;;)
	{
		const CjInstruction *instruction = &closure->program->code[pc];
		int			next;

		switch (instruction->op)
		{
			case CJ_OP_STATE:
				return arrive(closure, option, instruction->a, tier);
			case CJ_OP_ACCEPT:
				return arrive(closure, option, CJ_END, tier);
			case CJ_OP_CHOICE:
			case CJ_OP_PREFER:
				if (visited(closure, pc, depth, tier, &option, marks))
					return tier;
				next = follow(closure, instruction->a, depth, tier, option, marks);
				if (instruction->op == CJ_OP_PREFER)
					tier = next;
				tier = follow(closure, instruction->b, depth, tier, option, marks);
				return Max(next, tier);
			case CJ_OP_JUMP:
				pc = instruction->a;
				continue;
			case CJ_OP_LINK:
				if (depth == 0)
					option.link = instruction->a;
				break;
			case CJ_OP_LEAD:
				option.link = instruction->a;
				break;
			case CJ_OP_BEGIN:
				depth++;
				break;
			case CJ_OP_FINISH:
				depth = Max(depth - 1, 0);
				break;
			case CJ_OP_MARK:
				mark.id = instruction->a;
				mark.before = marks;
				return follow(closure, pc + 1, depth, tier, option, &mark);
			case CJ_OP_PROGRESS:
				for (const Mark *m = marks; m != NULL; m = m->before)
					if (m->id == instruction->a)
						return tier;
				break;
			case CJ_OP_OPEN:
				break;
			case CJ_OP_CLOSE:
				if (option.common == instruction->a)
					option.common = closure->automaton->scopes[instruction->a].parent;
				break;
			case CJ_OP_FIRST:
				option.target_first = true;
				break;
			case CJ_OP_LAST:
				if (closure->from_start)
					return tier;
				option.source_last = true;
				break;
			case CJ_OP_ABSENT:
				/* an absence needs an event before it, in the same scopes */
				if (closure->from_start)
					return tier;
				option.absent_link = instruction->a;
				option.absent_pred = instruction->b;
				for (int s = option.common; s >= 0; s = closure->automaton->scopes[s].parent)
					option.attributes |= closure->automaton->scopes[s].attributes;
				break;
		}
		pc++;
	}
}

/* By tier, the end last among equals, otherwise as found. */
static void
sort_options(Closure *closure)
{
	CjOption   *options = closure->options;
	int			tier = -1;
	int			dense = -1;

	for (int i = 1; i < closure->noptions; i++)
	{
		CjOption	option = options[i];
		int			k = i;

		while (k > 0 && (options[k - 1].tier > option.tier ||
						 (options[k - 1].tier == option.tier &&
						  options[k - 1].target == CJ_END && option.target != CJ_END)))
		{
			options[k] = options[k - 1];
			k--;
		}
		options[k] = option;
	}
	for (int i = 0; i < closure->noptions; i++)
	{
		if (options[i].tier != tier)
			dense++;
		tier = options[i].tier;
		options[i].tier = dense;
	}
}

static CjOption *
close_from(const CjAutomaton *automaton, const CjProgram *program, int pc, int scope,
		   bool from_start, int *noptions)
{
	Closure		closure = {
		.automaton = automaton,
		.program = program,
		.from_start = from_start,
		.visit_capacity = 16,
		.option_capacity = 4,
	};
	CjOption	option = {.link = -1,.common = scope,.absent_link = -1,.absent_pred = -1};

	closure.visits = palloc_array(Visit, closure.visit_capacity);
	closure.options = palloc_array(CjOption, closure.option_capacity);
	follow(&closure, pc, 0, 0, option, NULL);
	sort_options(&closure);
	pfree(closure.visits);
	*noptions = closure.noptions;
	return closure.options;
}

/* Does the option look at stored positions? */
static bool
by_position(const CjAutomaton *automaton, const CjOption *option)
{
	return option->target_first || option->source_last ||
		(option->link >= 0 && automaton->links[option->link].positional) ||
		(option->absent_link >= 0 && automaton->links[option->absent_link].positional);
}

CjAutomaton *
cj_pattern_compile(const CjNode *tree)
{
	CjAutomaton *automaton = palloc0_object(CjAutomaton);
	CjProgram  *program = cj_program_build(automaton, tree);

	automaton->tree = tree;
	automaton->start = close_from(automaton, program, 0, -1, true, &automaton->nstart);
	for (int s = 0; s < automaton->nstates; s++)
	{
		CjState    *state = &automaton->states[s];

		state->options = close_from(automaton, program, program->state_at[s] + 1,
									state->scope, false, &state->noptions);
		state->first_cursor = automaton->ncursors;
		automaton->ncursors += state->noptions;
		for (int o = 0; o < state->noptions; o++)
			if (state->options[o].absent_pred >= 0 && state->options[o].target == CJ_END)
				state->options[o].absence = automaton->nabsences++;
	}
	for (const CjNode *node = tree; node->kind == CJ_NODE_SCOPE; node = node->children[0])
		automaton->whole |= node->attributes & CJ_SAME_ANY;
	automaton->alike = true;
	for (int s = 0; s < automaton->nstates; s++)
		for (int o = 0; o < automaton->states[s].noptions; o++)
			automaton->alike &= !by_position(automaton, &automaton->states[s].options[o]);
	for (int s = 0; s < automaton->nscopes; s++)
		automaton->alike &= automaton->scopes[s].attributes == 0;
	pfree(program->code);
	pfree(program->state_at);
	pfree(program);
	cj_chain_detect(automaton);
	return automaton;
}
