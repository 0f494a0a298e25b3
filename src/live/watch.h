/*-------------------------------------------------------------------------
 *
 * watch.h
 *		Watches: which matches of a pattern a journey shows as it grows.
 *
 * A watch does not ask for the matches of the journey as it is, but for those
 * that were there to be seen as time went on.  Its matches are defined by the
 * journey alone: go forward in time, through the times of the events and the
 * ends of absences, to the first moment at which what is visible has a match;
 * take that match, as it is at that moment; go on with the events after its last
 * one (with SAME around the whole pattern: of that item or channel).  So the
 * order and the size of the statements that bring the events do not matter as
 * long as they come in order of time.
 *
 * Which of these matches are new is decided by the events that matches have
 * used before: a match with such an event is an old one, perhaps in another
 * shape.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_WATCH_H
#define CJ_WATCH_H

#include "pattern/pattern.h"

typedef struct CjWatch
{
	/* given */
	CjMatcher  *matcher;
	const CjView *view;			/* the journey */
	TimestampTz as_of;			/* matches that come true later are due */
	const CjView *seen;			/* events used before, or NULL */
	TimestampTz seen_to;		/* nothing has changed up to here since the
								 * watch last looked, and the last match then
								 * came true here; DT_NOBEGIN if not known */

	/* found */
	int			count;			/* new matches, in the order they came true */
	CjJourney **matched;		/* labels in the place of names */
	TimestampTz *true_at;
	CjJourney  *used;			/* events to be added to those seen, or NULL */
	TimestampTz last;			/* when the last match, old or new, came true;
								 * DT_NOBEGIN if none */
	TimestampTz due_at;			/* when the next one will, if no event comes;
								 * DT_NOEND if none */
} CjWatch;

/* Does time alone make the pattern match: has it an absence? */
extern bool cj_watch_by_time(const CjAutomaton *automaton);

/* Fills in what is found. */
extern void cj_watch_look(CjWatch *watch);

/* What is wrong with a pattern for a watch, or NULL; *hint is what to do. */
extern const char *cj_watch_fault(const CjAutomaton *automaton, const char **hint);

/*
 * The event names that can make a difference to a watch of the pattern, sorted
 * and distinct; false if any event can.
 */
extern bool cj_watch_names(const CjAutomaton *automaton, CjText **names, int *count);

#endif							/* CJ_WATCH_H */
