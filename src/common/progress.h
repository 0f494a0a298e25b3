/*-------------------------------------------------------------------------
 *
 * progress.h
 *		How far a long call is, for other sessions to see.
 *
 * The server's own progress views know the server's commands only.  Here a
 * call takes one of a few slots in shared memory while it lasts, and
 * journey_progress() shows them.  A call that finds no free slot goes on
 * unseen; no call waits or fails because of this.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PROGRESS_H
#define CJ_PROGRESS_H

#include "datatype/timestamp.h"

#define CJ_PROGRESS_NAME 48

/* What is seen of a call. */
typedef struct CjProgress
{
	int32		pid;
	Oid			database;
	Oid			role;
	TimestampTz started_at;
	char		command[CJ_PROGRESS_NAME];
	char		phase[CJ_PROGRESS_NAME];
	int64		done;
	int64		total;			/* -1: not known */
} CjProgress;

extern PGDLLIMPORT bool cj_track_progress;

/*
 * A call starts and ends; calls may be nested, and the outermost one gives its
 * name.  The end of the transaction, or an error, ends it too.
 */
extern void cj_progress_start(const char *command);
extern void cj_progress_end(void);

/* What it does now, and of how many steps (-1: not known) it has done so many. */
extern void cj_progress_phase(const char *phase, int64 total);
extern void cj_progress_update(int64 done);

/* The calls under way, palloc'd. */
extern CjProgress *cj_progress_list(int *count);

/* Defines the setting. */
extern void cj_progress_init(void);

#endif							/* CJ_PROGRESS_H */
