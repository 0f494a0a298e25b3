/*-------------------------------------------------------------------------
 *
 * funnel.h
 *		Funnels, sequences and retention, over rows with conditions and over
 *		journeys.
 *
 * Row-level functions collect, for each row of a group, its time and a bit for
 * each condition that holds (CjRows); the order of rows in the input never
 * matters.  levels.c computes window funnels from them, sequence.c compiles
 * the "(?1).*(?2)" language to the automaton of patterns and matches it with
 * the same engine as journeys.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_FUNNEL_H
#define CJ_FUNNEL_H

#include "lib/stringinfo.h"
#include "pattern/pattern.h"

/* ---- rows (rows.c) ---- */

#define CJ_MAX_CONDITIONS	64

typedef struct CjRow
{
	int64		time;
	uint64		mask;			/* bit i: condition i + 1 holds */
} CjRow;

/* A group's rows, in the aggregate's context. */
typedef struct CjRows
{
	int32		nconditions;
	uint32		mode;			/* window funnels: CJ_MODE_* */
	int64		window;
	bool		sorted;			/* by cj_row_compare so far */
	int64		count;
	int64		capacity;
	CjRow	   *rows;
	char	   *text;			/* sequences: the pattern */
} CjRows;

extern CjRows *cj_rows_create(MemoryContext context);
extern pg_noinline void cj_rows_grow(CjRows *rows);
extern pg_noinline bool cj_rows_tied_in_order(const CjRow *a, const CjRow *b);

/* The rows of another state; or to begin with, all of it. */
extern void cj_rows_append(CjRows *rows, const CjRows *more);
extern CjRows *cj_rows_copy(MemoryContext context, const CjRows *from);

/* One more row; that rows come in order is noticed. */
static inline void
cj_rows_add(CjRows *rows, int64 time, uint64 mask)
{
	CjRow	   *row;

	if (unlikely(rows->count == rows->capacity))
		cj_rows_grow(rows);
	row = &rows->rows[rows->count];
	row->time = time;
	row->mask = mask;
	if (rows->count > 0 && rows->sorted && unlikely(row[-1].time >= time))
		rows->sorted = row[-1].time == time && cj_rows_tied_in_order(row - 1, row);
	rows->count++;
}

/* Is the second of two rows in order after the first? */
static inline bool
cj_rows_in_order(const CjRow *a, const CjRow *b)
{
	return a->time < b->time || (a->time == b->time && cj_rows_tied_in_order(a, b));
}

/* ---- rows from process to process (rows_serial.c) ---- */

/*
 * A bytea in the machine's own form: this, the text with its NUL, padded to 8
 * bytes, and the rows up to the end.
 */
typedef struct CjRowsSerial
{
	int32		header;			/* the bytea's */
	uint32		form;			/* CJ_ROWS_FORM */
	int32		nconditions;
	uint32		mode;
	int64		window;
	uint32		text_size;		/* 0: none */
	uint32		kept;			/* 0: only the window matters */
} CjRowsSerial;

#define CJ_ROWS_FORM	0x434A5231	/* of another byte order, it is refused */

/* All but the rows, for which there is room; and where they go. */
extern CjRowsSerial *cj_rows_serial_begin(MemoryContext context, const CjRows *rows,
										  int64 capacity, CjRow **place);

/* The bytea of so many rows, which were put in their place. */
extern bytea *cj_rows_serial_end(CjRowsSerial *serial, const CjRow *place, int64 window,
								 int64 count);

/* From the "size" bytes after the bytea's header, which are not trusted. */
extern CjRows *cj_rows_deserialize(const char *from, Size size);

/* The time of a date: its midnight. */
extern int64 cj_rows_date(int32 date);

/*
 * What a group's rows are asked, once it has one (rows_sql.c): the window, which is
 * an interval or a bigint, and the mode; the sequence, for times of a type.
 */
extern void cj_rows_begin_window(CjRows *rows, Oid type, NullableDatum within, NullableDatum mode);
extern void cj_rows_begin_sequence(CjRows *rows, MemoryContext context, Oid time_type,
								   NullableDatum sequence, int nconditions);

/* Sorts by time, then by the first condition that holds (none first), then by mask. */
extern void cj_rows_sort(CjRows *rows);

/* ---- window funnels over rows (levels.c) ---- */

#define CJ_MODE_DEDUPLICATION	0x01
#define CJ_MODE_ORDER			0x02
#define CJ_MODE_INCREASE		0x04
#define CJ_MODE_ONCE			0x08
#define CJ_MODE_REENTRY			0x10
#define CJ_MODE_FIRST_VIOLATION	0x20
#define CJ_MODE_ALL				0x3f

/* Reads mode words separated by commas or spaces; errors 22023 name the unknown word. */
extern uint32 cj_mode_parse(const char *source, int len);

/*
 * The number of steps reached, 0 .. nconditions.  times, if not NULL, has room
 * for nconditions and gets the times of the steps of the attempt that first
 * reached it.  Rows must be sorted.
 */
extern int	cj_window_level(const CjRows *rows, int64 *times);

/* ---- sequences of conditions (sequence.c) ---- */

typedef struct CjSequence
{
	int			nconditions;	/* steps of the pattern */
	int		   *conditions;		/* each from 0 */
	CjLink	   *links;			/* before each but the first */
	int32		leading;		/* rows that must come before, and after */
	int32		trailing;
} CjSequence;

/* Seconds of gates are multiplied by "unit". Errors 22023 point at the character. */
extern CjSequence *cj_sequence_parse(const char *source, int nconditions, int64 unit);

/* The automaton of the first "length" steps. */
extern CjAutomaton *cj_sequence_compile(const CjSequence *sequence, int length);

extern bool cj_sequence_match(const CjSequence *sequence, CjRows *rows);
extern int64 cj_sequence_count(const CjSequence *sequence, CjRows *rows);

/* Times of the longest beginning of the sequence that matches; returns how many. */
extern int	cj_sequence_events(const CjSequence *sequence, CjRows *rows, int64 *times);

/* ---- funnels over journeys (journey_funnel.c) ---- */

typedef enum CjOrdering
{
	CJ_ORDERED,					/* anything may lie between two steps */
	CJ_STRICT,					/* only repeats of the step before */
	CJ_EXACT,					/* nothing */
	CJ_ANY_ORDER
} CjOrdering;

typedef enum CjEntry
{
	CJ_ENTRY_BEST,
	CJ_ENTRY_FIRST,
	CJ_ENTRY_LAST
} CjEntry;

#define CJ_FUNNEL_MAX_STEPS		256
#define CJ_FUNNEL_PLAIN_STEPS	64	/* of a plain funnel: bits of a mask */

typedef struct CjFunnelStep
{
	const CjNode *tree;			/* without the "?" */
	int			nelements;		/* alternatives */
	CjElement **elements;
	bool		optional;
} CjFunnelStep;

typedef struct CjFunnelSpec
{
	int			nsteps;
	CjFunnelStep *steps;
	int			nrequired;
	int64		within;			/* microseconds, -1 if none */
	int64	   *step_within;	/* after each step but the last, -1 if none;
								 * may be NULL */
	int64	   *min_gap;
	CjOrdering	ordering;
	CjEntry		entry;
	uint8		same;			/* CJ_SAME_ITEM, CJ_SAME_CHANNEL */
	int			nexclude;
	CjElement **exclude;
	int		   *nstep_exclude;	/* after each step but the last; may be NULL */
	CjElement ***step_exclude;
	int64		grace;			/* steps may be out of order by so much; 0:
								 * not at all */
	TimestampTz as_of;
} CjFunnelSpec;

/* What kept a journey from the next step. */
typedef enum CjDrop
{
	CJ_DROP_NONE,				/* completed */
	CJ_DROP_NO_ENTRY,
	CJ_DROP_OPEN,
	CJ_DROP_EXCLUSION,
	CJ_DROP_VIOLATION,
	CJ_DROP_SAME,
	CJ_DROP_WINDOW,
	CJ_DROP_NO_STEP
} CjDrop;

typedef struct CjFunnelResult
{
	int			level;			/* required steps reached */
	TimestampTz *step_times;	/* nsteps; DT_NOBEGIN where a step was not
								 * taken */
	TimestampTz entered_at;
	TimestampTz completed_at;
	CjDrop		drop;
	TimestampTz open_until;		/* DT_NOBEGIN if not open */
} CjFunnelResult;

typedef struct CjFunnelEngine CjFunnelEngine;

/* Everything is kept in the given context, which the spec must outlive. */
extern CjFunnelEngine *cj_funnel_create(const CjFunnelSpec *spec, MemoryContext context);
extern void cj_funnel_run(CjFunnelEngine *engine, const CjView *view, CjFunnelResult *result);

/* Required steps reached; quicker, as nothing else is found out. */
extern int	cj_funnel_level(CjFunnelEngine *engine, const CjView *view);

/* Is the event one of these? */
extern bool cj_event_is_any(CjElement *const *elements, int count, const CjView *view, int32 event);

/* ---- steps in any order (any_order.c) ---- */

/* The level; step_times and entered_at of the result are filled in. */
extern int	cj_funnel_any_order(const CjFunnelSpec *spec, const CjMatcher *matcher,
								const int *step_of, CjFunnelResult *result);

/* ---- funnels with a grace (grace.c) ---- */

/* Kinds of conditions that a variant of a funnel leaves out. */
#define CJ_WITHOUT_EXCLUSION	0x01
#define CJ_WITHOUT_ORDER		0x02
#define CJ_WITHOUT_SAME			0x04
#define CJ_WITHOUT_WINDOW		0x08

typedef struct CjGrace CjGrace;

/*
 * For the journey that the matcher is bound to, whose states serve these
 * steps; memory is taken from the current context.
 */
extern CjGrace *cj_grace_begin(const CjFunnelSpec *spec, CjMatcher *matcher, const int *step_of,
							   int count, int without);

/* Does an attempt that begins with this event take all steps? It is left in the matcher. */
extern bool cj_grace_search(CjGrace *grace, int32 start);

/* ---- plain funnels (plain_funnel.c) ---- */

/* For each name the steps it serves; returns how many first steps have a name. */
extern int	cj_funnel_resolve(const CjFunnelSpec *spec, const CjNames *names, uint64 *masks);

/*
 * The level among the first n events, by stored order; in *read how many of them
 * were read for it.
 */
extern int	cj_funnel_pass(const CjView *view, const uint64 *masks,
						   int32 n, int most, int64 within, int32 *read);

/* The level without the window. */
extern int	cj_funnel_loose_level(const CjView *view, const uint64 *masks, int32 n, int most);

/* Might another order within an instant, among the first n events, reach more? */
extern bool cj_funnel_tied(const CjView *view, const uint64 *masks, int32 n);

/* The events of the first attempt that reaches the level. */
extern void cj_funnel_first_attempt(const CjView *view, const uint64 *masks, int32 n,
									int level, int64 within, int32 *chain);

#endif							/* CJ_FUNNEL_H */
