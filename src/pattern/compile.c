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
 * earliest event wins, then the order in the text.  So a way is ranked by what
 * the quantifiers on it decided, in the order in which it meets them: 0 as
 * preferred, 1 not.  The first difference counts, and who meets no more of them
 * has nothing to regret, as if all further ones were 0.  Ways of one rank make
 * a tier.
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

/* What the quantifiers on a way decided, up to the last 1; in Closure.ranks. */
typedef struct Rank
{
	int64		at;
	int			length;
} Rank;

/* A point on the way, and the best rank it has been reached with. */
typedef struct Visit
{
	int			pc;
	uint64		marks;			/* hash of the iterations begun */
	int			depth;			/* groups begun on the way */
	Rank		rank;
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
	Rank	   *option_ranks;
	int			way_capacity;
	char	   *way;			/* what was decided on the way to here */
	int64		ranks_used;
	int64		ranks_capacity;
	char	   *ranks;
} Closure;

/* ---- ranks ---- */

static int
compare_ranks(const char *a, int a_length, const char *b, int b_length)
{
	int			c = memcmp(a, b, Min(a_length, b_length));

	/* the longer one has a 1 at its end */
	return c != 0 ? c : (a_length > b_length) - (a_length < b_length);
}

/* Decisions on the way up to the last 1. */
static int
rank_length(const Closure *closure, int decisions)
{
	while (decisions > 0 && closure->way[decisions - 1] == 0)
		decisions--;
	return decisions;
}

/* Is the way better than the rank? */
static bool
better(const Closure *closure, int decisions, Rank rank)
{
	return compare_ranks(closure->way, rank_length(closure, decisions),
						 closure->ranks + rank.at, rank.length) < 0;
}

static Rank
save_rank(Closure *closure, int decisions)
{
	Rank		rank = {closure->ranks_used, rank_length(closure, decisions)};

	if (rank.at + rank.length > closure->ranks_capacity)
	{
		closure->ranks_capacity = Max(2 * closure->ranks_capacity, rank.at + rank.length);
		closure->ranks = repalloc_huge(closure->ranks, closure->ranks_capacity);
	}
	memcpy(closure->ranks + rank.at, closure->way, rank.length);
	closure->ranks_used += rank.length;
	return rank;
}

static void
decide(Closure *closure, int decisions, char decision)
{
	if (decisions == closure->way_capacity)
	{
		closure->way_capacity *= 2;
		closure->way = repalloc(closure->way, closure->way_capacity);
	}
	closure->way[decisions] = decision;
}

/* ---- options ---- */

static bool
alike(const CjOption *a, const CjOption *b)
{
	return a->target == b->target && a->link == b->link && a->common == b->common &&
		a->target_first == b->target_first && a->source_last == b->source_last &&
		a->absent_link == b->absent_link && a->absent_pred == b->absent_pred;
}

/* Adds an option where it was found by its best way. */
static void
add_option(Closure *closure, const CjOption *option, int decisions)
{
	for (int i = 0; i < closure->noptions; i++)
		if (alike(&closure->options[i], option))
		{
			int			after = closure->noptions - i - 1;

			if (!better(closure, decisions, closure->option_ranks[i]))
				return;
			memmove(&closure->options[i], &closure->options[i + 1], after * sizeof(CjOption));
			memmove(&closure->option_ranks[i], &closure->option_ranks[i + 1], after * sizeof(Rank));
			closure->noptions--;
			break;
		}
	if (closure->noptions == closure->option_capacity)
	{
		closure->option_capacity *= 2;
		closure->options = repalloc_array(closure->options, CjOption,
										  closure->option_capacity);
		closure->option_ranks = repalloc_array(closure->option_ranks, Rank,
											   closure->option_capacity);
	}
	closure->option_ranks[closure->noptions] = save_rank(closure, decisions);
	closure->options[closure->noptions++] = *option;
}

/* Has this point been passed by a way as good?  Remembers it if not. */
static bool
visited(Closure *closure, int pc, int depth, int decisions, const CjOption *option,
		const Mark *marks)
{
	Visit	   *visit;
	uint64		hash = 0;

	for (; marks != NULL; marks = marks->before)
		hash += hash_bytes_uint32_extended((uint32) marks->id, 0);

	for (int i = 0; i < closure->nvisits; i++)
	{
		visit = &closure->visits[i];
		if (visit->pc == pc && visit->marks == hash && visit->depth == depth &&
			alike(&visit->option, option))
		{
			if (!better(closure, decisions, visit->rank))
				return true;
			visit->rank = save_rank(closure, decisions);
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
	visit->rank = save_rank(closure, decisions);
	visit->option = *option;
	return false;
}

/* Collects an end or a state. */
static void
arrive(Closure *closure, CjOption option, int target, int decisions)
{
	const CjAutomaton *automaton = closure->automaton;

	option.target = target;
	if (target == CJ_END)
	{
		/* a match has an event, and none is before its first one */
		if (closure->from_start || option.target_first)
			return;
		option.link = -1;
	}
	else if (closure->from_start)
		option.link = -1;
	for (int s = option.common; s >= 0; s = automaton->scopes[s].parent)
		option.attributes |= automaton->scopes[s].attributes;
	add_option(closure, &option, decisions);
}

/* Passes over an instruction that leads nowhere else; false if the way ends at it. */
static bool
pass_over(const Closure *closure, const CjInstruction *instruction, const Mark *marks,
		  int *depth, CjOption *option)
{
	const CjScope *scopes = closure->automaton->scopes;

	switch (instruction->op)
	{
		case CJ_OP_LINK:
			if (*depth == 0)
				option->link = instruction->a;
			break;
		case CJ_OP_LEAD:
			option->link = instruction->a;
			break;
		case CJ_OP_BEGIN:
			(*depth)++;
			break;
		case CJ_OP_FINISH:
			*depth = Max(*depth - 1, 0);
			break;
		case CJ_OP_PROGRESS:
			for (const Mark *m = marks; m != NULL; m = m->before)
				if (m->id == instruction->a)
					return false;
			break;
		case CJ_OP_CLOSE:
			if (option->common == instruction->a)
				option->common = scopes[instruction->a].parent;
			break;
		case CJ_OP_FIRST:
			option->target_first = true;
			break;
		case CJ_OP_LAST:
			option->source_last = true;
			return !closure->from_start;
		case CJ_OP_ABSENT:
			/* an absence needs an event before it, in the same scopes */
			option->absent_link = instruction->a;
			option->absent_pred = instruction->b;
			for (int s = option->common; s >= 0; s = scopes[s].parent)
				option->attributes |= scopes[s].attributes;
			return !closure->from_start;
		default:
			break;
	}
	return true;
}

/* Follows the program from pc, with so many decisions on the way. */
static void
follow(Closure *closure, int pc, int depth, int decisions, CjOption option, const Mark *marks)
{
	Mark		mark;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	for (;;)
	{
		const CjInstruction *instruction = &closure->program->code[pc];
		bool		prefers = instruction->op == CJ_OP_PREFER;

		switch (instruction->op)
		{
			case CJ_OP_STATE:
				arrive(closure, option, instruction->a, decisions);
				return;
			case CJ_OP_ACCEPT:
				arrive(closure, option, CJ_END, decisions);
				return;
			case CJ_OP_CHOICE:
			case CJ_OP_PREFER:
				if (visited(closure, pc, depth, decisions, &option, marks))
					return;
				if (prefers)
					decide(closure, decisions, 0);
				follow(closure, instruction->a, depth, decisions + prefers, option, marks);
				if (prefers)
					decide(closure, decisions, 1);
				follow(closure, instruction->b, depth, decisions + prefers, option, marks);
				return;
			case CJ_OP_JUMP:
				pc = instruction->a;
				continue;
			case CJ_OP_MARK:
				mark.id = instruction->a;
				mark.before = marks;
				follow(closure, pc + 1, depth, decisions, option, &mark);
				return;
			default:
				if (!pass_over(closure, instruction, marks, &depth, &option))
					return;
				pc++;
		}
	}
}

/* Options by rank, which gives the tiers; the end last among equals, otherwise as found. */
static void
sort_options(Closure *closure)
{
	CjOption   *options = closure->options;
	Rank	   *ranks = closure->option_ranks;
	int			tier = 0;

#define RANKS_COMPARED(a, b) \
	compare_ranks(closure->ranks + (a).at, (a).length, closure->ranks + (b).at, (b).length)

	for (int i = 1; i < closure->noptions; i++)
	{
		CjOption	option = options[i];
		Rank		rank = ranks[i];
		int			k = i;

		for (; k > 0; k--)
		{
			int			c = RANKS_COMPARED(ranks[k - 1], rank);

			if (c < 0 || (c == 0 && (options[k - 1].target != CJ_END || option.target == CJ_END)))
				break;
			options[k] = options[k - 1];
			ranks[k] = ranks[k - 1];
		}
		options[k] = option;
		ranks[k] = rank;
	}
	for (int i = 0; i < closure->noptions; i++)
	{
		if (i > 0 && RANKS_COMPARED(ranks[i - 1], ranks[i]) != 0)
			tier++;
		options[i].tier = tier;
	}
#undef RANKS_COMPARED
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
		.way_capacity = 16,
		.ranks_capacity = 64,
	};
	CjOption	option = {.link = -1,.common = scope,.absent_link = -1,.absent_pred = -1};

	closure.visits = palloc_array(Visit, closure.visit_capacity);
	closure.options = palloc_array(CjOption, closure.option_capacity);
	closure.option_ranks = palloc_array(Rank, closure.option_capacity);
	closure.way = palloc(closure.way_capacity);
	closure.ranks = palloc(closure.ranks_capacity);
	follow(&closure, pc, 0, 0, option, NULL);
	sort_options(&closure);
	pfree(closure.visits);
	pfree(closure.option_ranks);
	pfree(closure.way);
	pfree(closure.ranks);
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
