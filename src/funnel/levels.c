/*-------------------------------------------------------------------------
 *
 * levels.c
 *		Window funnels over rows: how many steps were reached in time.
 *
 * With only a total window, of two chains that reached the same step the one
 * that began later can do everything the other can.  So one number a step, the
 * begin of the latest chain that reached it, is exact: linear time, memory of
 * the steps.  What differs by mode is how the rows of one instant are handled:
 *
 * - by default a row may serve several steps and rows of an instant come in
 *   the order of the steps: the instant's conditions are united and the steps
 *   visited upwards;
 * - strict_increase visits them downwards, so that an instant gives one step;
 * - strict_once assigns the rows of an instant to steps one to one, by
 *   augmenting paths, from every step already reached.
 *
 * strict_order and strict_deduplication end an attempt at a violation; what an
 * attempt does with a row depends on its step alone, so again the latest begin
 * of a step dominates, in two numbers where strict_increase has to know whether
 * the step was reached in this very instant.  Every attempt counts and the best
 * wins.  first_violation instead stops at the first violation of all, as
 * ClickHouse does.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "funnel/funnel.h"

/* The latest chain that reached each step; times of its steps if asked for. */
typedef struct Levels
{
	int			n;
	bool		reached[CJ_MAX_CONDITIONS];
	int64		begin[CJ_MAX_CONDITIONS];
	int64	   *chains;			/* n a step, or NULL */
} Levels;

typedef struct Funnel
{
	const CjRows *rows;
	int			n;
	int			level;			/* best so far */
	int64	   *times;			/* of the best, or NULL */
	Levels		levels;			/* reached before this instant */
	Levels		fresh;			/* and in it, if told apart */
} Funnel;

static inline bool
in_window(const Funnel *funnel, int64 time, int64 begin)
{
	return cj_gap_between(time, begin) <= funnel->rows->window;
}

/* A chain reaches step s at a time, from step s - 1 of "from", unless s is 0. */
static void
reach(Funnel *funnel, Levels *to, const Levels *from, int s, int64 time)
{
	int64		begin = s == 0 ? time : from->begin[s - 1];

	/* the same begin keeps the chain that came first */
	if (to->reached[s] && to->begin[s] >= begin && s > 0)
		return;
	to->reached[s] = true;
	to->begin[s] = begin;
	if (to->chains != NULL)
	{
		int64	   *chain = to->chains + s * funnel->n;

		if (s > 0 && chain != from->chains + (s - 1) * funnel->n)
			memmove(chain, from->chains + (s - 1) * funnel->n, s * sizeof(int64));
		chain[s] = time;
		if (s >= funnel->level)
			memcpy(funnel->times, chain, (s + 1) * sizeof(int64));
	}
	funnel->level = Max(funnel->level, s + 1);
}

static bool
can_reach(const Funnel *funnel, const Levels *from, int s, int64 time)
{
	return s == 0 || (from->reached[s - 1] && in_window(funnel, time, from->begin[s - 1]));
}

/* ---- without order: rows of an instant together ---- */

static void
instant_united(Funnel *funnel, int64 time, uint64 mask)
{
	for (; mask != 0; mask &= mask - 1)
	{
		int			s = pg_rightmost_one_pos64(mask);

		if (can_reach(funnel, &funnel->levels, s, time))
			reach(funnel, &funnel->levels, &funnel->levels, s, time);
	}
}

static void
instant_increasing(Funnel *funnel, int64 time, uint64 mask)
{
	for (int s = funnel->n - 1; s >= 0; s--)
		if (((mask >> s) & 1) && can_reach(funnel, &funnel->levels, s, time))
			reach(funnel, &funnel->levels, &funnel->levels, s, time);
}

/* Finds a row for step s, moving steps from row to row: an augmenting path. */
static bool
assign(const CjRow *rows, int64 nrows, int s, int *owner, bool *tried)
{
	check_stack_depth();
	for (int64 r = 0; r < nrows; r++)
	{
		if (tried[r] || !((rows[r].mask >> s) & 1))
			continue;
		tried[r] = true;
		if (owner[r] < 0 || assign(rows, nrows, owner[r], owner, tried))
		{
			owner[r] = s;
			return true;
		}
	}
	return false;
}

/*
 * Keeps of equal rows as many as there are steps, since no more can be used;
 * rows of an instant are sorted so that equal ones are neighbours.
 */
static int64
distinct_rows(const CjRow *rows, int64 nrows, int n, CjRow *kept)
{
	int64		count = 0;
	int			run = 0;

	for (int64 r = 0; r < nrows; r++)
	{
		run = r > 0 && rows[r].mask == rows[r - 1].mask ? run + 1 : 1;
		if (run <= n && rows[r].mask != 0)
			kept[count++] = rows[r];
	}
	return count;
}

static void
instant_once(Funnel *funnel, const CjRow *rows, int64 nrows)
{
	Levels		before;
	CjRow	   *kept;
	int		   *owner;
	bool	   *tried;
	int64		time = rows[0].time;
	int64	   *chains = funnel->levels.chains;

	if (nrows == 1)
	{
		instant_increasing(funnel, time, rows[0].mask);
		return;
	}
	kept = palloc_array(CjRow, nrows);
	nrows = distinct_rows(rows, nrows, funnel->n, kept);
	owner = palloc_array(int, Max(nrows, 1));
	tried = palloc_array(bool, Max(nrows, 1));
	before = funnel->levels;
	if (chains != NULL)
	{
		before.chains = palloc_array(int64, funnel->n * funnel->n);
		memcpy(before.chains, chains, funnel->n * funnel->n * sizeof(int64));
	}
	/* from every step reached before, and from none, as far as rows allow */
	for (int from = funnel->n - 1; from >= 0; from--)
	{
		const Levels *source = &before;

		if (!can_reach(funnel, &before, from, time))
			continue;
		for (int64 r = 0; r < nrows; r++)
			owner[r] = -1;
		for (int s = from; s < funnel->n; s++)
		{
			memset(tried, false, nrows);
			if (!assign(kept, nrows, s, owner, tried))
				break;
			/* a chain that came this far in this instant began where it did */
			reach(funnel, &funnel->levels, s == from ? source : &funnel->levels, s, time);
		}
	}
	if (before.chains != NULL)
		pfree(before.chains);
	pfree(kept);
	pfree(owner);
	pfree(tried);
}

static void
run_unordered(Funnel *funnel)
{
	const CjRows *rows = funnel->rows;
	int64		next;

	for (int64 first = 0; first < rows->count && funnel->level < funnel->n; first = next)
	{
		uint64		mask = 0;
		int64		time = rows->rows[first].time;

		for (next = first; next < rows->count && rows->rows[next].time == time; next++)
		{
			mask |= rows->rows[next].mask;
			if ((next & 1023) == 1023)
				CHECK_FOR_INTERRUPTS();
		}
		if (rows->mode & CJ_MODE_INCREASE)
			instant_increasing(funnel, time, mask);
		else if (rows->mode & CJ_MODE_ONCE)
			instant_once(funnel, rows->rows + first, next - first);
		else
			instant_united(funnel, time, mask);
	}
}

/* ---- strict_order and strict_deduplication: row by row, every attempt ---- */

/* Does the row end an attempt at step s (the last one reached) that it does not advance? */
static bool
violates(const Funnel *funnel, uint64 mask, int s)
{
	uint32		mode = funnel->rows->mode;
	uint64		upto = s == 63 ? ~UINT64CONST(0) : (UINT64CONST(2) << s) - 1;

	if ((mode & CJ_MODE_DEDUPLICATION) && (mask & upto) != 0)
		return true;
	if (!(mode & CJ_MODE_ORDER) || ((mask >> s) & 1))
		return false;
	return mask == 0 || !(mode & CJ_MODE_REENTRY);
}

/*
 * Takes an attempt that began at "begin" and is at step s (-1: not begun) as far
 * as the row goes, and puts it where it gets to; false if it gets no further.
 */
static bool
advance(Funnel *funnel, const Levels *from, Levels *now, int s, int64 begin, const CjRow *row)
{
	int			target = s;

	while (target + 1 < funnel->n && ((row->mask >> (target + 1)) & 1) &&
		   in_window(funnel, row->time, begin))
	{
		target++;
		if (funnel->rows->mode & (CJ_MODE_ONCE | CJ_MODE_INCREASE))
			break;
	}
	if (target == s)
		return false;
	if (!now->reached[target] || now->begin[target] < begin)
	{
		now->reached[target] = true;
		now->begin[target] = begin;
		if (now->chains != NULL)
		{
			int64	   *chain = now->chains + target * funnel->n;

			if (s >= 0)
				memmove(chain, from->chains + s * funnel->n, (s + 1) * sizeof(int64));
			for (int i = s + 1; i <= target; i++)
				chain[i] = row->time;
			if (target >= funnel->level)
				memcpy(funnel->times, chain, (target + 1) * sizeof(int64));
		}
	}
	funnel->level = Max(funnel->level, target + 1);
	return true;
}

static void
copy_level(const Funnel *funnel, Levels *to, const Levels *from, int s)
{
	if (to->reached[s] && to->begin[s] >= from->begin[s])
		return;
	to->reached[s] = true;
	to->begin[s] = from->begin[s];
	if (to->chains != NULL)
		memcpy(to->chains + s * funnel->n, from->chains + s * funnel->n, (s + 1) * sizeof(int64));
}

static void
run_strict(Funnel *funnel)
{
	const CjRows *rows = funnel->rows;
	Levels		next[2];		/* old and fresh after the row */
	Levels	   *now[2] = {&funnel->levels, &funnel->fresh};
	Size		chain_size = (Size) funnel->n * funnel->n;

	for (int f = 0; f < 2; f++)
		next[f].chains = funnel->times == NULL ? NULL : palloc_array(int64, chain_size);
	for (int64 r = 0; r < rows->count && funnel->level < funnel->n; r++)
	{
		const CjRow *row = &rows->rows[r];
		bool		increase = (rows->mode & CJ_MODE_INCREASE) != 0;

		if ((r & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (r > 0 && row->time != rows->rows[r - 1].time)
			for (int s = 0; s < funnel->n; s++)
				if (now[1]->reached[s])
				{
					copy_level(funnel, now[0], now[1], s);
					now[1]->reached[s] = false;
				}
		memset(next[0].reached, false, sizeof(next[0].reached));
		memset(next[1].reached, false, sizeof(next[1].reached));
		for (int f = 0; f < 2; f++)
			for (int s = funnel->n - 1; s >= 0; s--)
			{
				if (!now[f]->reached[s])
					continue;
				if (f == 1 && increase)
				{
					/* of this instant: the row neither advances nor ends it */
					copy_level(funnel, &next[1], now[1], s);
					continue;
				}
				if (!advance(funnel, now[f], &next[1], s, now[f]->begin[s], row) &&
					!violates(funnel, row->mask, s))
					copy_level(funnel, &next[f], now[f], s);
			}
		if (row->mask & 1)
			advance(funnel, NULL, &next[1], -1, row->time, row);
		for (int f = 0; f < 2; f++)
		{
			int64	   *chains = now[f]->chains;

			memcpy(now[f]->reached, next[f].reached, sizeof(next[f].reached));
			memcpy(now[f]->begin, next[f].begin, sizeof(next[f].begin));
			now[f]->chains = next[f].chains;
			next[f].chains = chains;
		}
	}
}

/* ---- first_violation ---- */

static bool
stops(const Funnel *funnel, int condition, bool entered)
{
	uint32		mode = funnel->rows->mode;

	if (condition < 0)
		return (mode & CJ_MODE_ORDER) && entered;
	if (condition == 0)
		return false;
	if ((mode & CJ_MODE_DEDUPLICATION) && funnel->levels.reached[condition])
		return true;
	return (mode & CJ_MODE_ORDER) && !(mode & CJ_MODE_REENTRY) && entered &&
		!funnel->levels.reached[condition - 1];
}

/* One (time, condition) after the other; the newest chain of a step replaces the older. */
static void
run_first_violation(Funnel *funnel)
{
	const CjRows *rows = funnel->rows;
	Levels	   *levels = &funnel->levels;
	int64		last[CJ_MAX_CONDITIONS];
	bool		entered = false;
	int64		next;

	for (int64 first = 0; first < rows->count; first = next)
	{
		int64		time = rows->rows[first].time;

		for (next = first; next < rows->count && rows->rows[next].time == time; next++)
			if (rows->rows[next].mask == 0 && stops(funnel, -1, entered))
				return;
		for (int c = 0; c < funnel->n; c++)
			for (int64 r = first; r < next; r++)
			{
				if ((r & 1023) == 1023)
					CHECK_FOR_INTERRUPTS();
				if (!((rows->rows[r].mask >> c) & 1))
					continue;
				if (stops(funnel, c, entered))
					return;
				if (!can_reach(funnel, levels, c, time) ||
					(c > 0 && (rows->mode & CJ_MODE_INCREASE) && last[c - 1] >= time))
					continue;
				levels->reached[c] = false;
				reach(funnel, levels, levels, c, time);
				last[c] = time;
				entered = true;
				if (funnel->level == funnel->n)
					return;
			}
	}
}

int
cj_window_level(const CjRows *rows, int64 *times)
{
	Funnel		funnel;

	/* not the whole: groups are many and mostly small */
	funnel.rows = rows;
	funnel.n = rows->nconditions;
	funnel.level = 0;
	funnel.times = times;
	funnel.levels.chains = funnel.fresh.chains = NULL;
	memset(funnel.levels.reached, false, funnel.n * sizeof(bool));
	memset(funnel.fresh.reached, false, funnel.n * sizeof(bool));
	if (times != NULL)
	{
		funnel.levels.chains = palloc_array(int64, funnel.n * funnel.n);
		funnel.fresh.chains = palloc_array(int64, funnel.n * funnel.n);
	}
	if (rows->mode & CJ_MODE_FIRST_VIOLATION)
		run_first_violation(&funnel);
	else if (rows->mode & (CJ_MODE_ORDER | CJ_MODE_DEDUPLICATION))
		run_strict(&funnel);
	else
		run_unordered(&funnel);
	return funnel.level;
}

/* ---- mode words ---- */

uint32
cj_mode_parse(const char *source, int len)
{
	static const struct
	{
		const char *word;
		uint32		flag;
	}			words[] = {
		{"strict_deduplication", CJ_MODE_DEDUPLICATION},
		{"strict_order", CJ_MODE_ORDER},
		{"strict_increase", CJ_MODE_INCREASE},
		{"strict_once", CJ_MODE_ONCE},
		{"allow_reentry", CJ_MODE_REENTRY},
		{"first_violation", CJ_MODE_FIRST_VIOLATION},
	};
	uint32		mode = 0;
	int			at = 0;

	while (at < len)
	{
		int			start;
		uint32		flag = 0;

		while (at < len && (source[at] == ',' || source[at] == ' '))
			at++;
		start = at;
		while (at < len && source[at] != ',' && source[at] != ' ')
			at++;
		if (at == start)
			break;
		for (size_t i = 0; i < lengthof(words); i++)
			if ((int) strlen(words[i].word) == at - start &&
				pg_strncasecmp(words[i].word, source + start, at - start) == 0)
				flag = words[i].flag;
		if (flag == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unrecognized mode: \"%.*s\"", at - start, source + start),
					 errhint("Modes are strict_deduplication, strict_order, strict_increase, strict_once, allow_reentry and first_violation; several go in one text, separated by commas.")));
		mode |= flag;
	}
	if ((mode & CJ_MODE_REENTRY) && !(mode & CJ_MODE_ORDER))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("mode \"allow_reentry\" goes only with \"strict_order\""),
				 errhint("Write 'strict_order, allow_reentry'.")));
	return mode;
}
