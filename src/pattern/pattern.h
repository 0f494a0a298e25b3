/*-------------------------------------------------------------------------
 *
 * pattern.h
 *		Event patterns: what a sequence of events must look like.
 *
 * A pattern is a value.  Its stored form is its parse tree (store.c), which
 * parse.c makes from text and print.c turns back into canonical text.  Before
 * matching, the tree is compiled (compile.c) into an automaton whose states
 * are the event positions of the pattern and whose transitions carry the
 * conditions on the gap between two matched events.
 *
 * Matching works in two steps.  sweep.c walks the journey once from its end
 * and decides for every (state, event) whether the rest of the pattern can
 * match from there, and if a WITHIN is open, how early it can then end.  With
 * this answer search.c walks forward and never has to turn back, except among
 * events of one instant (see there).
 *
 * Files: parse.c, parse_gap.c and parse_token.c (text to tree), print.c,
 * store.c, element.c (events against elements), program.c and compile.c (tree
 * to automaton), sweep.c, instant.c, search.c, matches.c (matching), chain.c
 * (the quick way for plain chains), necessary.c (what an index must look for).
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATTERN_H
#define CJ_PATTERN_H

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "nodes/nodes.h"

#include "common/text.h"
#include "journey/journey.h"

#define CJ_PATTERN_VERSION		1

/* Limits; exceeding one is error 54000. */
#define CJ_PATTERN_MAX_STATES	4096	/* event positions after repeats are
										 * written out */
#define CJ_PATTERN_MAX_REPEAT	1000	/* largest number in {m,n} */
#define CJ_PATTERN_MAX_PERMUTE	8
#define CJ_PATTERN_MAX_SCOPES	8	/* WITHIN, SAME, DIFFERENT groups in each
									 * other */
#define CJ_PATTERN_MAX_BYTES	(1024 * 1024)

/* ---- the tree ---- */

/* A set of names, or of all names but these. count 0: any, even none. */
typedef struct CjNameSet
{
	bool		negated;
	int			count;
	CjText	   *names;			/* sorted, distinct */
} CjNameSet;

typedef enum CjCompare
{
	CJ_LT, CJ_LE, CJ_EQ, CJ_NE, CJ_GE, CJ_GT
} CjCompare;

typedef struct CjCondition
{
	bool		on_time;		/* else on value */
	CjCompare	compare;
	double		value;
	TimestampTz time;
} CjCondition;

/* What one event must be. */
typedef struct CjElement
{
	CjNameSet	names;
	CjNameSet	channels;
	CjNameSet	items;
	int			nconditions;
	CjCondition *conditions;
	CjText		label;			/* data NULL: none */
} CjElement;

typedef enum CjConnector
{
	CJ_NONE,					/* nothing stands before the first item */
	CJ_DIRECT,					/* space: directly next */
	CJ_ARROW,					/* any time later, under the gap's conditions */
	CJ_ABSENCE					/* !->: none later, under the gap's conditions */
} CjConnector;

#define CJ_GAP_MIN			0x01
#define CJ_GAP_MIN_STRICT	0x02
#define CJ_GAP_MAX			0x04
#define CJ_GAP_MAX_STRICT	0x08
#define CJ_GAP_EVENTS_MIN	0x10
#define CJ_GAP_EVENTS_MAX	0x20

typedef struct CjForbidden
{
	CjElement  *element;
	bool		same;			/* only if alike in what SAME demands */
} CjForbidden;

typedef struct CjGap
{
	CjConnector connector;
	uint8		flags;
	int64		min;			/* microseconds */
	int64		max;
	int32		events_min;		/* positions; both inclusive */
	int32		events_max;
	int			nforbidden;
	CjForbidden *forbidden;
	int			nonly;			/* not in patterns, but in funnels: if there
								 * are any, ... */
	CjElement **only;			/* ... every event in between must be one of
								 * these */
} CjGap;

typedef enum CjNodeKind
{
	CJ_NODE_ELEMENT = 1,
	CJ_NODE_SEQUENCE,
	CJ_NODE_CHOICE,
	CJ_NODE_REPEAT,
	CJ_NODE_SCOPE,
	CJ_NODE_PERMUTE
} CjNodeKind;

#define CJ_SAME_ITEM			0x01
#define CJ_SAME_CHANNEL			0x02
#define CJ_DIFFERENT_ITEM		0x04
#define CJ_DIFFERENT_CHANNEL	0x08
#define CJ_SAME_ANY				(CJ_SAME_ITEM | CJ_SAME_CHANNEL)
#define CJ_ABOUT_ITEM			(CJ_SAME_ITEM | CJ_DIFFERENT_ITEM)
#define CJ_ABOUT_CHANNEL		(CJ_SAME_CHANNEL | CJ_DIFFERENT_CHANNEL)

typedef struct CjNode
{
	CjNodeKind	kind;
	CjElement  *element;		/* ELEMENT */
	int			count;			/* SEQUENCE, CHOICE, PERMUTE; REPEAT, SCOPE: 1 */
	struct CjNode **children;
	CjGap	   *gaps;			/* SEQUENCE: the connector before each child */
	bool		first;			/* SEQUENCE: ^ and $ */
	bool		last;
	int32		min;			/* REPEAT; max is -1 if unbounded */
	int32		max;
	bool		lazy;
	uint8		attributes;		/* SCOPE: CJ_SAME_* and CJ_DIFFERENT_* */
	int64		within;			/* SCOPE: microseconds, -1 if none */
} CjNode;

/* A stored pattern: varlena header, version byte, tree. */
typedef struct varlena CjPattern;

/* ---- text (parse.c, print.c) ---- */

/* NULL if a soft error was recorded. The tree's names point into text. */
extern CjNode *cj_pattern_parse(const char *source, int len, Node *escontext);
extern char *cj_pattern_print(const CjNode *tree);
extern void cj_append_duration(StringInfo to, int64 usec);
extern void cj_append_element(StringInfo to, const CjElement *element);

/* ---- stored form (store.c) ---- */

extern CjPattern *cj_pattern_store(const CjNode *tree);

/* The tree of a stored pattern, names pointing into it; error XX001 if damaged. */
extern CjNode *cj_pattern_load(const CjPattern *pattern);

/* ---- elements against events (element.c) ---- */

/* Does the element look at anything but the event's name? */
extern bool cj_element_plain(const CjElement *element);

/* Sets match[code] for every name of the journey; false if nothing matches. */
extern bool cj_nameset_codes(const CjNameSet *set, const CjNames *names, bool *match);
extern bool cj_nameset_has(const CjNameSet *set, CjText name);

/* Everything but the event's name: channel, item, value, time. */
extern bool cj_element_qualified(const CjElement *element, const CjView *view, int32 i);

/* ---- the automaton (program.c, compile.c) ---- */

/* The condition on the gap between two consecutive matched events. */
typedef struct CjLink
{
	bool		positional;		/* by stored position, in [lo, hi] */
	int32		lo;
	int32		hi;
	int64		min;			/* microseconds, both inclusive */
	int64		max;
	int			nforbidden;
	int		   *forbidden;		/* predicates */
	bool	   *forbidden_same;
	bool		any_same;		/* some forbidden_same is set */
	int			nonly;			/* if not 0, all events in between must
								 * satisfy ... */
	int		   *only;			/* ... one of these predicates; such links are
								 * positional */
} CjLink;

#define CJ_END				(-1)

/* One way to go on after a state, or to begin. */
typedef struct CjOption
{
	int			target;			/* state, or CJ_END */
	int			link;			/* -1 at the start and the end */
	int			tier;			/* lower ones are preferred whatever the
								 * events */
	int			common;			/* innermost scope that both ends are in, or
								 * -1 */
	uint8		attributes;		/* what the scopes in common demand */
	bool		target_first;	/* ^ */
	bool		source_last;	/* $ */
	int			absent_link;	/* at the end: nothing may follow by this link
								 * ... */
	int			absent_pred;	/* ... that satisfies this; -1 if no absence */
	int			absence;		/* number of the absence in the automaton */
} CjOption;

typedef struct CjState
{
	int			pred;
	const CjElement *element;
	uint8		attributes;		/* item or channel must be present */
	int			scope;			/* innermost scope, or -1 */
	int			clock;			/* innermost scope with WITHIN, or -1 */
	int			noptions;
	CjOption   *options;		/* by tier */
	int			first_cursor;	/* of its options' cursors in a sweep */
} CjState;

typedef struct CjScope
{
	int			parent;			/* or -1 */
	uint8		attributes;
	int64		within;			/* or -1 */
	int			clock;			/* this or the nearest outer scope with
								 * WITHIN, or -1 */
	int			depth;			/* of clocks: 1 for one without another around
								 * it */
} CjScope;

/* The shape a1 -> a2 -> ... -> ak that needs no automaton; see chain.c. */
typedef struct CjChain
{
	int			nsteps;			/* 0: the pattern has another shape */
	const CjElement **steps;
	int64		within;			/* whole match, or -1 */
	int64	   *max_gap;		/* before each step, -1 if none; NULL if none
								 * has one */
	bool		plain;			/* names alone decide */
} CjChain;

#define CJ_CHAIN_MAX_STEPS	64

typedef struct CjAutomaton
{
	const CjNode *tree;
	int			nstates;
	CjState    *states;
	int			nstart;
	CjOption   *start;
	int			nlinks;
	CjLink	   *links;
	int			npreds;
	const CjElement **preds;
	int			nscopes;
	CjScope    *scopes;
	int			ncursors;
	int			nabsences;
	int			clock_depth;	/* of WITHIN in WITHIN: 2 and more need
								 * remembering failures */
	uint8		whole;			/* SAME of a scope around everything */
	bool		alike;			/* events that satisfy the same are
								 * interchangeable in an instant */
	CjChain		chain;
} CjAutomaton;

/* Compiles into the current memory context; the tree must outlive the automaton. */
extern CjAutomaton *cj_pattern_compile(const CjNode *tree);
extern void cj_chain_detect(CjAutomaton *automaton);

/* ---- the program between tree and automaton (program.c) ---- */

typedef enum CjOpcode
{
	CJ_OP_STATE,				/* a: state */
	CJ_OP_CHOICE,				/* a, b: both, alike preferred */
	CJ_OP_PREFER,				/* a before b */
	CJ_OP_JUMP,					/* a */
	CJ_OP_LINK,					/* a: link, unless nothing has been matched
								 * since the group began */
	CJ_OP_LEAD,					/* a: link that a group begins with */
	CJ_OP_BEGIN,				/* a group begins */
	CJ_OP_FINISH,				/* and ends */
	CJ_OP_MARK,					/* a: an iteration that may be left out begins */
	CJ_OP_PROGRESS,				/* a: it ends; one without an event is not one */
	CJ_OP_OPEN,					/* a: scope */
	CJ_OP_CLOSE,				/* a: scope */
	CJ_OP_FIRST,				/* ^ */
	CJ_OP_LAST,					/* $ */
	CJ_OP_ABSENT,				/* a: link, b: predicate */
	CJ_OP_ACCEPT
} CjOpcode;

typedef struct CjInstruction
{
	CjOpcode	op;
	int			a;
	int			b;
} CjInstruction;

typedef struct CjProgram
{
	int			count;
	int			capacity;
	CjInstruction *code;
	int		   *state_at;		/* instruction of each state */
} CjProgram;

/* Writes the program and fills states, links, predicates and scopes of the automaton. */
extern CjProgram *cj_program_build(CjAutomaton *automaton, const CjNode *tree);

/* ---- what names mean, remembered (codes.c) ---- */

typedef struct CjCodes
{
	uint64		hash;
	int32		count;
	uint32		width;
	int			key_size;
	int32		extra;			/* the caller fills this in */
	Size		capacity;		/* of masks and the key behind them */
	uint64	   *masks;			/* per code: and this */
} CjCodes;

typedef struct CjCodeCache CjCodeCache;

extern CjCodeCache *cj_codes_create(MemoryContext context);

/* The entry of a journey's names; not found means that masks and extra are to be filled in. */
extern CjCodes *cj_codes_find(CjCodeCache *cache, const CjNames *names, bool *found);

/* ---- matching ---- */

#define CJ_NEVER		0x7F7F7F7F	/* above every position; memset with 0x7F */

/* How far one option's window has been read, from the end of the journey back. */
typedef struct CjCursor
{
	int32		seen;			/* events from here on are read */
	int32		nearest;		/* first of them that the option can go to, or
								 * CJ_NEVER */
	int32		head;			/* candidates, the last event first: a queue */
	int32		tail;
	int32	   *queue;			/* n entries, or NULL if not needed */
	int32		only_seen;		/* events from here on are read for what lies
								 * in between */
	int32		only_end;		/* first of them that must not lie in between,
								 * or CJ_NEVER */
	int32		instant;		/* absence: the instant that in_instant is
								 * about */
	uint8		in_instant;		/* CJ_ABSENCE_*, as far as its events go */
} CjCursor;

/* Does an absence hold after an event? */
#define CJ_ABSENCE_BROKEN	0
#define CJ_ABSENCE_HOLDS	1
#define CJ_ABSENCE_DEPENDS	2	/* on which events of the instant the match
								 * uses */

/*
 * Everything one match needs, reused from journey to journey of a call site.
 * Memory grows to the largest journey met and is linear in it.
 */
typedef struct CjMatcher
{
	const CjAutomaton *automaton;
	MemoryContext context;

	/* the journey */
	const CjView *view;
	int32		n;				/* visible events */
	TimestampTz as_of;			/* DT_NOEND: no clock */
	bool		ties;			/* two visible events share an instant */
	int64		capacity;
	TimestampTz *times;
	uint64	   *masks;			/* words per event: predicates satisfied */
	int			words;
	const uint64 *code_masks;	/* words per name: predicates that it can
								 * satisfy */
	uint64	   *code_buffer;	/* these, if there is more than one word */
	int64		code_capacity;
	CjCodeCache *codes;			/* and if there is one */
	struct CjNeeds *needs;		/* of the pattern, once asked for */
	char	   *needed;			/* which of their keys a journey has */
	CjCodeCache *chain_codes;	/* chain.c */

	int32	   *instants;		/* with ties: first event of each event's
								 * instant */
	int64		instants_capacity;
	uint64	   *state_mask;		/* predicates of states */

	/* sweep.c */
	int32	   *ends;			/* state * n + event: see sweep.c */
	int64		ends_capacity;
	uint8	   *absences;		/* absence * n + event: CJ_ABSENCE_* */
	int64		absences_capacity;
	CjCursor   *cursors;
	int32	   *forbidden_next; /* per predicate: first satisfying event read
								 * so far */
	int32	   *forbidden_seen;
	int32	   *queues;
	int64		queues_capacity;
	int32	   *best;			/* per state: the two best events of an
								 * instant */

	/* search.c */
	bool	   *used;			/* with ties: events of the match in the
								 * making */
	int32		used_for;		/* events that used and unused are set up for,
								 * -1 none */
	int64		used_capacity;
	int32	   *next;			/* state * n + event: first event from here on
								 * that can be completed */
	int64		next_capacity;
	bool		next_ready;
	int32	   *unused;			/* at an instant's first event: none unused
								 * before this one */
	int64		unused_capacity;
	struct CjFrame *frames;
	int64		frames_capacity;
	TimestampTz *deadlines;		/* clock_depth per frame */
	int64		deadlines_capacity;
	struct HTAB *failed;		/* (state, event, deadlines) known to lead
								 * nowhere */
	int64		budget;

	/* the match found: events in order of the pattern, and their states */
	int32		length;
	int32	   *positions;
	int32	   *matched_states;
	int64		match_capacity;
} CjMatcher;

extern CjMatcher *cj_matcher_create(const CjAutomaton *automaton, MemoryContext context);

/*
 * Prepares for a journey; events after as_of are unseen.  The second is for
 * whole matches only: false if the names say that there is none.
 */
extern bool cj_matcher_bind_match(CjMatcher *matcher, const CjView *view, TimestampTz as_of);
extern void cj_matcher_bind(CjMatcher *matcher, const CjView *view, TimestampTz as_of);

/*
 * The same for events that are not a journey's: the caller fills times and
 * masks, in order of time, then has ties found.
 */
extern void cj_matcher_bind_rows(CjMatcher *matcher, int32 n);
extern void cj_matcher_find_ties(CjMatcher *matcher);

/* t - earlier, saturating. */
static inline int64
cj_gap_between(TimestampTz t, TimestampTz earlier)
{
	int64		result;

	if (__builtin_sub_overflow(t, earlier, &result))
		return t > earlier ? PG_INT64_MAX : PG_INT64_MIN;
	return result;
}

/* Is the time from one event to a later one at most the bound, not below 0? */
static inline bool
cj_in_time(const CjView *view, int32 from, int32 to, int64 bound)
{
	uint64		elapsed = (cj_packed_get(&view->times, to) -
						   cj_packed_get(&view->times, from)) * (uint64) view->unit;

	return elapsed <= (uint64) bound || bound == PG_INT64_MAX;
}

static inline bool
cj_satisfies(const CjMatcher *matcher, int32 event, int pred)
{
	return (matcher->masks[(int64) event * matcher->words + (pred >> 6)] >>
			(pred & 63)) & 1;
}

/* Does the event satisfy the state, and have what its scopes ask for? */
static inline bool
cj_state_satisfied(const CjMatcher *matcher, const CjState *state, int32 event)
{
	return cj_satisfies(matcher, event, state->pred) &&
		(!(state->attributes & CJ_ABOUT_ITEM) ||
		 cj_item_code(matcher->view, event) != CJ_ABSENT) &&
		(!(state->attributes & CJ_ABOUT_CHANNEL) ||
		 cj_channel_code(matcher->view, event) != CJ_ABSENT);
}

static inline int32
cj_end_at(const CjMatcher *matcher, int state, int32 event)
{
	return matcher->ends[(int64) state * matcher->n + event];
}

/* A buffer of at least count entries of the given size, kept from call to call. */
extern void *cj_matcher_reserve(CjMatcher *matcher, void *buffer, int64 *capacity,
								int64 count, Size size);

/* Counts work that only ties cause (instant.c); error 54000 when it is too much. */
extern void cj_spend(CjMatcher *matcher, int64 steps);

/* May the event lie in a gap of the link? */
extern bool cj_link_admits(const CjMatcher *matcher, const CjLink *link, int32 event);

/* The events of one instant: [start, end). */
typedef struct CjInstant
{
	int32		start;
	int32		end;
} CjInstant;

/* instant.c: one round within an instant; true if an end improved. */
extern bool cj_look_around(CjMatcher *matcher, CjInstant instant);

/* sweep.c */
extern void cj_sweep(CjMatcher *matcher);
extern bool cj_attributes_agree(const CjMatcher *matcher, uint8 attributes, int32 a, int32 b);

/* Is scope "inner" or one around it "outer"? */
extern bool cj_scope_within(const CjAutomaton *automaton, int inner, int outer);

/* Does the WITHIN around the state go on through the option? */
static inline bool
cj_clock_goes_on(const CjAutomaton *automaton, const CjState *state, const CjOption *option)
{
	return state->clock >= 0 && cj_scope_within(automaton, option->common, state->clock);
}

/* Can a match begin with this option at this event, as far as the sweep knows? */
extern bool cj_can_start(const CjMatcher *matcher, const CjOption *option, int32 event);

/*
 * search.c: the preferred match that starts at the given event, among events
 * at "floor" and later; with "any" whichever is found soonest.  The sweep must
 * have been made.
 */
extern bool cj_search(CjMatcher *matcher, int32 start, int32 floor, bool any);

/* matches.c: what callers want */
extern bool cj_exists(CjMatcher *matcher);
extern bool cj_first_match(CjMatcher *matcher);

typedef void (*CjMatchCallback) (CjMatcher *matcher, void *arg);
extern int64 cj_all_matches(CjMatcher *matcher, bool overlapping,
							CjMatchCallback callback, void *arg);

/* The matched events as a journey, labels in the place of names. */
extern CjJourney *cj_match_journey(const CjMatcher *matcher);

/* chain.c: 1 yes, 0 no, -1 ask the automaton. */
extern int	cj_chain_exists(CjMatcher *matcher, const CjView *view);

/* ---- what must be there (necessary.c) ---- */

typedef enum CjNeedKind
{
	CJ_NEED_NOTHING,
	CJ_NEED_NAME,
	CJ_NEED_ALL,
	CJ_NEED_ANY
} CjNeedKind;

typedef struct CjNeed
{
	CjNeedKind	kind;
	int			key;			/* NAME */
	int			count;			/* ALL, ANY */
	struct CjNeed **parts;
} CjNeed;

typedef struct CjNeeds
{
	CjNeed	   *root;
	int			nkeys;
	CjText	   *keys;
	bool		exact;			/* the keys alone decide */
} CjNeeds;

extern CjNeeds *cj_pattern_needs(const CjNode *tree);

/* 0 no, 1 yes, 2 perhaps, from the same for each key: GinTernaryValue. */
extern int	cj_need_check(const CjNeed *need, const char *keys);

#endif							/* CJ_PATTERN_H */
