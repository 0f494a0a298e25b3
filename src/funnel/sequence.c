/*-------------------------------------------------------------------------
 *
 * sequence.c
 *		Sequences of conditions: (?1)(?t<=3600)(?2).*(?3)
 *
 *	(?N)		a row for which condition N holds
 *	.			exactly one row
 *	.*			any rows, or none
 *	(?t op n)	the time between the conditions before and after it, wherever it
 *				stands between them; any rows may lie between.
 *				op is >=, >, <=, <, == or !=
 *
 * Between two conditions a sequence says how many rows lie at least or exactly
 * and how long it may take: a link of the pattern automaton.  So the matching
 * is the one of patterns, linear in the rows and without a limit of steps.
 * Rows of one instant may be taken in any order where any rows may lie between.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "compat.h"
#include "miscadmin.h"

#include "funnel/funnel.h"

/* ---- parsing ---- */

typedef struct Reader
{
	const char *source;
	const char *at;
	const char *end;
} Reader;

pg_noreturn static void
syntax_error(const Reader *reader, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid sequence: \"%.*s\"", (int) (reader->end - reader->source), reader->source),
			 errdetail("Expected %s at character %d.", expected,
					   (int) (reader->at - reader->source) + 1),
			 errhint("A sequence is made of (?N), \".\", \".*\" and (?t<=seconds).")));
}

static bool
accept(Reader *reader, const char *token)
{
	size_t		len = strlen(token);

	if ((size_t) (reader->end - reader->at) < len || memcmp(reader->at, token, len) != 0)
		return false;
	reader->at += len;
	return true;
}

static int64
read_number(Reader *reader)
{
	int64		number = 0;
	const char *start = reader->at;

	for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++)
		if (pg_mul_s64_overflow(number, 10, &number) ||
			pg_add_s64_overflow(number, *reader->at - '0', &number))
			syntax_error(reader, "a smaller number");
	if (reader->at == start)
		syntax_error(reader, "a number");
	return number;
}

/* Narrows the link by a gate. */
static void
read_gate(Reader *reader, CjLink *link, int64 unit)
{
	static const char *const ops[] = {">=", "<=", "==", "!=", ">", "<"};
	int			op = 0;
	int64		bound;

	while (op < (int) lengthof(ops) && !accept(reader, ops[op]))
		op++;
	if (op == lengthof(ops))
		syntax_error(reader, ">=, >, <=, <, == or !=");
	if (pg_mul_s64_overflow(read_number(reader), unit, &bound))
		syntax_error(reader, "a smaller number");
	if (op == 3)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"!=\" is not supported in a sequence"),
				 errhint("Use < or >, or count both and add them up.")));
	if (op == 0 || op == 2)
		link->min = Max(link->min, bound);
	if (op == 1 || op == 2)
		link->max = Min(link->max, bound);
	if (op == 4)
		link->min = Max(link->min, bound == PG_INT64_MAX ? bound : bound + 1);
	if (op == 5)
		link->max = Min(link->max, bound - 1);
}

/* What stands between two conditions, so far. */
typedef struct Between
{
	CjLink		link;
	int32		rows;			/* dots */
	bool		any;			/* .* or a gate */
	bool		gate;
} Between;

static void
reset_between(Between *between)
{
	memset(between, 0, sizeof(*between));
	between->link.max = PG_INT64_MAX;
}

static CjLink
link_of(const Between *between)
{
	CjLink		link = between->link;

	link.positional = between->rows > 0 || !between->any;
	link.lo = between->rows + 1;
	link.hi = between->any ? PG_INT32_MAX : between->rows + 1;
	return link;
}

CjSequence *
cj_sequence_parse(const char *source, int nconditions, int64 unit)
{
	Reader		reader = {source, source, source + strlen(source)};
	CjSequence *sequence = palloc0_object(CjSequence);
	int			capacity = Max((int) strlen(source) / 4 + 1, 1);
	Between		between;

	sequence->conditions = palloc_array(int, capacity);
	sequence->links = palloc_array(CjLink, capacity);
	reset_between(&between);
	while (reader.at < reader.end)
	{
		const char *start = reader.at;

		if (*reader.at == ' ' || *reader.at == '\t' || *reader.at == '\n' || *reader.at == '\r')
			reader.at++;
		else if (accept(&reader, ".*"))
			between.any = true;
		else if (accept(&reader, "."))
			between.rows++;
		else if (accept(&reader, "(?t"))
		{
			if (sequence->nconditions == 0)
			{
				reader.at = start;
				syntax_error(&reader, "a condition before the first (?t...)");
			}
			read_gate(&reader, &between.link, unit);
			between.any = between.gate = true;
			if (!accept(&reader, ")"))
				syntax_error(&reader, "\")\"");
		}
		else if (accept(&reader, "(?"))
		{
			int64		condition = read_number(&reader);

			if (condition < 1 || condition > nconditions)
			{
				reader.at = start;
				syntax_error(&reader, psprintf("a condition from 1 to %d", nconditions));
			}
			if (!accept(&reader, ")"))
				syntax_error(&reader, "\")\"");
			if (sequence->nconditions == 0)
				sequence->leading = between.rows;
			sequence->links[sequence->nconditions] = link_of(&between);
			sequence->conditions[sequence->nconditions++] = (int) condition - 1;
			reset_between(&between);
		}
		else
			syntax_error(&reader, "(?N), \".\", \".*\" or (?t...)");
	}
	if (between.gate)
		syntax_error(&reader, "a condition after the last (?t...)");
	if (sequence->nconditions == 0)
		sequence->leading = between.rows;
	else
		sequence->trailing = between.rows;
	return sequence;
}

/* ---- matching ---- */

CjAutomaton *
cj_sequence_compile(const CjSequence *sequence, int length)
{
	CjAutomaton *automaton = palloc0_object(CjAutomaton);
	CjOption	none = {.link = -1,.common = -1,.absent_link = -1,.absent_pred = -1};

	automaton->npreds = CJ_MAX_CONDITIONS;
	automaton->nstates = length;
	automaton->states = palloc0_array(CjState, length);
	automaton->nlinks = length;
	automaton->links = sequence->links;
	automaton->alike = false;
	automaton->nstart = 1;
	automaton->start = palloc_array(CjOption, 1);
	automaton->start[0] = none;
	automaton->start[0].target = 0;
	automaton->ncursors = length;
	for (int s = 0; s < length; s++)
	{
		CjState    *state = &automaton->states[s];

		state->pred = sequence->conditions[s];
		state->scope = state->clock = -1;
		state->first_cursor = s;
		state->noptions = 1;
		state->options = palloc_array(CjOption, 1);
		state->options[0] = none;
		state->options[0].target = s + 1 < length ? s + 1 : CJ_END;
		if (s + 1 < length)
			state->options[0].link = s + 1;
	}
	return automaton;
}

/* A matcher over the rows, as if they were a journey's events. */
static CjMatcher *
bind_rows(const CjAutomaton *automaton, CjRows *rows)
{
	CjMatcher  *matcher = cj_matcher_create(automaton, CurrentMemoryContext);

	cj_rows_sort(rows);
	cj_matcher_bind_rows(matcher, (int32) rows->count);
	for (int64 i = 0; i < rows->count; i++)
	{
		matcher->times[i] = rows->rows[i].time;
		matcher->masks[i] = rows->rows[i].mask;
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
	}
	cj_matcher_find_ties(matcher);
	cj_sweep(matcher);
	return matcher;
}

/* Last row of the match found. */
static int32
match_end(const CjMatcher *matcher)
{
	int32		end = 0;

	for (int32 p = 0; p < matcher->length; p++)
		end = Max(end, matcher->positions[p]);
	return end;
}

/* The next match that begins at row "from" or later; where the one after it may begin. */
static bool
next_match(CjMatcher *matcher, const CjSequence *sequence, bool whole, int32 from, int32 *after)
{
	for (int32 i = from + (whole ? sequence->leading : 0); i < matcher->n; i++)
	{
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (!cj_can_start(matcher, &matcher->automaton->start[0], i) ||
			!cj_search(matcher, i, from, false))
			continue;
		*after = match_end(matcher) + 1;
		if (!whole)
			return true;
		*after += sequence->trailing;
		if (*after <= matcher->n)
			return true;
	}
	return false;
}

bool
cj_sequence_match(const CjSequence *sequence, CjRows *rows)
{
	int32		after;

	if (sequence->nconditions == 0)
		return rows->count > 0 && rows->count >= sequence->leading;
	return next_match(bind_rows(cj_sequence_compile(sequence, sequence->nconditions), rows),
					  sequence, true, 0, &after);
}

int64
cj_sequence_count(const CjSequence *sequence, CjRows *rows)
{
	CjMatcher  *matcher;
	int64		count = 0;
	int32		after = 0;

	if (sequence->nconditions == 0)
		return rows->count / Max(sequence->leading, 1);
	matcher = bind_rows(cj_sequence_compile(sequence, sequence->nconditions), rows);
	while (next_match(matcher, sequence, true, after, &after))
		count++;
	return count;
}

int
cj_sequence_events(const CjSequence *sequence, CjRows *rows, int64 *times)
{
	for (int length = sequence->nconditions; length > 0; length--)
	{
		CjMatcher  *matcher = bind_rows(cj_sequence_compile(sequence, length), rows);
		int32		after;

		if (!next_match(matcher, sequence, length == sequence->nconditions, 0, &after))
			continue;
		for (int i = 0; i < length; i++)
			times[i] = matcher->times[matcher->positions[i]];
		return length;
	}
	return 0;
}
