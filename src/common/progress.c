/*-------------------------------------------------------------------------
 *
 * progress.c
 *		How far a long call is, for other sessions to see.
 *
 * The slots are in the main shared memory segment, which has room for small
 * requests after startup: 5 kB, taken by the first call that has something to
 * show, so that the library needs no preloading (contrib's pg_prewarm does the
 * same).  A slot is taken by compare-and-exchange of its pid, written by its
 * owner alone, and read without locks: a counter is odd while the owner writes,
 * and a reader that saw it change reads again.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "common/progress.h"

#define SLOTS 32

typedef struct Slot
{
	pg_atomic_uint32 pid;		/* 0: free */
	pg_atomic_uint32 changes;	/* odd: being written */
	pg_atomic_uint64 done;
	CjProgress	call;			/* all but "done" */
} Slot;

bool		cj_track_progress = true;

static Slot *slots;				/* shared; NULL until attached */
static bool unavailable;		/* shared memory was full */
static Slot *mine;				/* the slot of this backend's call */
static int	depth;				/* calls within one another */
static int	started_level;		/* transaction nesting of the outermost */

static void
init_slots(Slot *fresh)
{
	memset(fresh, 0, sizeof(Slot) * SLOTS);
	for (int i = 0; i < SLOTS; i++)
	{
		pg_atomic_init_u32(&fresh[i].pid, 0);
		pg_atomic_init_u32(&fresh[i].changes, 0);
		pg_atomic_init_u64(&fresh[i].done, 0);
	}
}

/* Finds the slots, or makes them; false if shared memory has no room for them. */
static bool
attach(void)
{
	MemoryContext caller = CurrentMemoryContext;

	if (slots != NULL || unavailable)
		return slots != NULL;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	PG_TRY();
	{
		bool		found;
		Slot	   *shared = ShmemInitStruct("customer_journey progress", sizeof(Slot) * SLOTS, &found);

		if (!found)
			init_slots(shared);
		slots = shared;
	}
	PG_CATCH();
	{
		/* the error left the lock to us, and no interrupts held off */
		MemoryContextSwitchTo(caller);
		HOLD_INTERRUPTS();
		FlushErrorState();
		unavailable = true;
	}
	PG_END_TRY();
	LWLockRelease(AddinShmemInitLock);
	return slots != NULL;
}

/* ---- the owner ---- */

static void
begin_change(void)
{
	pg_atomic_write_u32(&mine->changes, pg_atomic_read_u32(&mine->changes) + 1);
	pg_write_barrier();
}

static void
end_change(void)
{
	pg_write_barrier();
	pg_atomic_write_u32(&mine->changes, pg_atomic_read_u32(&mine->changes) + 1);
}

static void
leave(void)
{
	depth = 0;
	if (mine == NULL)
		return;
	begin_change();
	mine->call.pid = 0;
	end_change();
	pg_atomic_write_u32(&mine->pid, 0);
	mine = NULL;
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (depth > 0)
		leave();
}

/* A savepoint rolled back takes the calls with it that were begun within. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mySubid,
					  SubTransactionId parentSubid, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && depth > 0 &&
		started_level >= GetCurrentTransactionNestLevel())
		leave();
}

/* The first free slot, taken; NULL if there is none. */
static Slot *
take_slot(void)
{
	for (int i = 0; i < SLOTS; i++)
	{
		uint32		free = 0;

		if (pg_atomic_compare_exchange_u32(&slots[i].pid, &free, (uint32) MyProcPid))
			return &slots[i];
	}
	return NULL;
}

void
cj_progress_start(const char *command)
{
	static bool registered = false;

	if (depth++ > 0)
		return;
	started_level = GetCurrentTransactionNestLevel();
	if (!registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		RegisterSubXactCallback(at_subtransaction_end, NULL);
		registered = true;
	}
	if (!cj_track_progress || !attach())
		return;
	mine = take_slot();
	if (mine == NULL)
		return;
	begin_change();
	mine->call.pid = MyProcPid;
	mine->call.database = MyDatabaseId;
	mine->call.role = GetUserId();
	mine->call.started_at = GetCurrentTimestamp();
	strlcpy(mine->call.command, command, CJ_PROGRESS_NAME);
	strlcpy(mine->call.phase, "preparing", CJ_PROGRESS_NAME);
	mine->call.total = -1;
	pg_atomic_write_u64(&mine->done, 0);
	end_change();
}

void
cj_progress_end(void)
{
	if (depth > 0 && --depth == 0)
		leave();
}

void
cj_progress_phase(const char *phase, int64 total)
{
	if (mine == NULL)
		return;
	begin_change();
	strlcpy(mine->call.phase, phase, CJ_PROGRESS_NAME);
	mine->call.total = total;
	pg_atomic_write_u64(&mine->done, 0);
	end_change();
}

void
cj_progress_update(int64 done)
{
	if (mine != NULL)
		pg_atomic_write_u64(&mine->done, (uint64) done);
}

/* ---- readers ---- */

/* A slot as it was at one moment; false if nobody has it. */
static bool
read_slot(Slot *slot, CjProgress *call)
{
	for (;;)
	{
		uint32		before = pg_atomic_read_u32(&slot->changes);
		uint32		pid;

		CHECK_FOR_INTERRUPTS();
		pg_read_barrier();
		pid = pg_atomic_read_u32(&slot->pid);
		*call = slot->call;
		call->done = (int64) pg_atomic_read_u64(&slot->done);
		pg_read_barrier();
		if ((before & 1) != 0 || before != pg_atomic_read_u32(&slot->changes))
			continue;
		/* taken, and not yet or no longer filled by its owner: not there */
		return pid != 0 && pid == (uint32) call->pid;
	}
}

CjProgress *
cj_progress_list(int *count)
{
	CjProgress *calls = palloc(sizeof(CjProgress) * SLOTS);

	*count = 0;
	if (attach())
		for (int i = 0; i < SLOTS; i++)
			if (read_slot(&slots[i], &calls[*count]))
				(*count)++;
	return calls;
}

void
cj_progress_init(void)
{
	DefineCustomBoolVariable("customer_journey.track_progress",
							 "Shows long calls in journey_progress().",
							 NULL,
							 &cj_track_progress,
							 true,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
}
