/*-------------------------------------------------------------------------
 *
 * exchange.c
 *		Rows that the processes of a parallel query share.
 *
 * Rows are copied to shared memory a partition at a time, so that what a process
 * groups lies together.  They are stored in private memory before: hundreds of
 * partitions that are written to at once want large pages, and shared memory seldom
 * has these.  A process that had more rows than its memory holds has all of them in
 * a file, which others read.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/barrier.h"
#include "storage/sharedfileset.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "scan/exchange.h"

/* Phases of the barrier. */
#define FILLING		0

/* A partition's rows of one process. */
typedef struct SharedPart
{
	uint64		rows;			/* where they begin among those in memory */
	int64		extent;			/* in the file; -1: they are in memory */
	uint64		bytes;
	uint32		hash;
	bool		mixed;
} SharedPart;

typedef struct Process
{
	uint32		round;			/* in which all this was given */
	dsa_pointer parts;			/* of all partitions; invalid: none */
	dsa_pointer rows;			/* those in memory; invalid: none */
	dsa_pointer given;			/* by cj_exchange_give */
	bool		told;
	CjArena		arena;
} Process;

struct CjShared
{
	Barrier		barrier;
	pg_atomic_uint32 next;		/* partition to be claimed */
	uint32		round;			/* how often it began, from 1 */
	dsm_handle	segment;
	SharedFileSet files;
	int			npartitions;	/* without the store's additional one */
	int			nprocesses;
	Process		processes[FLEXIBLE_ARRAY_MEMBER];
};

struct CjExchange
{
	CjShared   *shared;
	dsa_area   *area;
	MemoryContext context;
	int			process;
	BufFile   **files;			/* of all processes, once opened */
};

/* ---- the part in shared memory ---- */

Size
cj_shared_size(int nprocesses)
{
	return add_size(offsetof(CjShared, processes), mul_size(nprocesses, sizeof(Process)));
}

void
cj_shared_begin(CjShared *shared, int nprocesses, int npartitions, dsm_segment *segment)
{
	memset(shared, 0, cj_shared_size(nprocesses));
	BarrierInit(&shared->barrier, 0);
	pg_atomic_init_u32(&shared->next, 0);
	shared->round = 1;
	shared->segment = dsm_segment_handle(segment);
	SharedFileSetInit(&shared->files, segment);
	shared->npartitions = npartitions;
	shared->nprocesses = nprocesses;
	for (int i = 0; i < nprocesses; i++)
		shared->processes[i].parts = shared->processes[i].rows =
			shared->processes[i].given = InvalidDsaPointer;
}

void
cj_shared_attach(CjShared *shared)
{
	SharedFileSetAttach(&shared->files, dsm_find_mapping(shared->segment));
}

/* What was given remains until its process gives something again, or the memory goes. */
void
cj_shared_restart(CjShared *shared)
{
	BarrierInit(&shared->barrier, 0);
	pg_atomic_write_u32(&shared->next, 0);
	shared->round++;
	SharedFileSetDeleteAll(&shared->files);
	for (int i = 0; i < shared->nprocesses; i++)
		shared->processes[i].told = false;
}

void
cj_shared_tell(CjShared *shared, int process, const CjArena *told)
{
	shared->processes[process].arena = *told;
	shared->processes[process].told = true;
}

void
cj_shared_told(const CjShared *shared, CjArena *told)
{
	memset(told, 0, sizeof(CjArena));
	for (int i = 0; i < shared->nprocesses; i++)
	{
		const Process *process = &shared->processes[i];

		if (process->told)
			cj_arena_tell(told, &process->arena);
	}
}

/* ---- joining and leaving ---- */

CjExchange *
cj_exchange_join(MemoryContext context, CjShared *shared, int process, dsa_area *area)
{
	CjExchange *exchange = MemoryContextAllocZero(context, sizeof(CjExchange));

	exchange->shared = shared;
	exchange->area = area;
	exchange->context = context;
	exchange->process = process;
	exchange->files = MemoryContextAllocZero(context, shared->nprocesses * sizeof(BufFile *));
	return exchange;
}

bool
cj_exchange_open(CjExchange *exchange)
{
	if (BarrierAttach(&exchange->shared->barrier) == FILLING)
		return true;
	BarrierDetach(&exchange->shared->barrier);
	return false;
}

void
cj_exchange_wait(CjExchange *exchange)
{
	BarrierArriveAndWait(&exchange->shared->barrier, PG_WAIT_EXTENSION);
	BarrierDetach(&exchange->shared->barrier);
}

void
cj_exchange_leave(CjExchange *exchange)
{
	for (int i = 0; i < exchange->shared->nprocesses; i++)
		if (exchange->files[i] != NULL)
			BufFileClose(exchange->files[i]);
	pfree(exchange->files);
	pfree(exchange);
}

int
cj_exchange_processes(const CjExchange *exchange)
{
	return exchange->shared->nprocesses;
}

int
cj_exchange_process(const CjExchange *exchange)
{
	return exchange->process;
}

int
cj_exchange_fan_out(const CjExchange *exchange)
{
	return exchange->shared->npartitions;
}

/* ---- giving ---- */

static SharedPart *
parts_of(CjExchange *exchange, const Process *process)
{
	if (process->round != exchange->shared->round || !DsaPointerIsValid(process->parts))
		return NULL;
	return dsa_get_address(exchange->area, process->parts);
}

static void
take_back(CjExchange *exchange, dsa_pointer *given)
{
	if (DsaPointerIsValid(*given))
		dsa_free(exchange->area, *given);
	*given = InvalidDsaPointer;
}

/* This process, without what it gave in a round before. */
static Process *
begin_giving(CjExchange *exchange)
{
	CjShared   *shared = exchange->shared;
	Process    *process = &shared->processes[exchange->process];

	if (process->round == shared->round)
		return process;
	take_back(exchange, &process->parts);
	take_back(exchange, &process->rows);
	take_back(exchange, &process->given);
	process->round = shared->round;
	return process;
}

static void *
allocate(CjExchange *exchange, Size size, dsa_pointer *at)
{
	*at = dsa_allocate_extended(exchange->area, size, DSA_ALLOC_HUGE);
	return dsa_get_address(exchange->area, *at);
}

char *
cj_exchange_give(CjExchange *exchange, Size size)
{
	return allocate(exchange, size, &begin_giving(exchange)->given);
}

char *
cj_exchange_given(CjExchange *exchange, int process)
{
	const Process *other = &exchange->shared->processes[process];

	if (other->round != exchange->shared->round || !DsaPointerIsValid(other->given))
		return NULL;
	return dsa_get_address(exchange->area, other->given);
}

static void
file_name(char *name, int process)
{
	snprintf(name, MAXPGPATH, "rows%d", process);
}

BufFile *
cj_exchange_create_file(CjExchange *exchange)
{
	char		name[MAXPGPATH];

	file_name(name, exchange->process);
	return BufFileCreateFileSet(&exchange->shared->files.fs, name);
}

/* Copies a partition's blocks; returns where the next one's go. */
static char *
copy_blocks(const CjPartition *partition, char *to)
{
	for (CjBlock *block = partition->first; block != NULL; block = block->next)
	{
		memcpy(to, block->rows, block->used);
		to += block->used;
	}
	CHECK_FOR_INTERRUPTS();
	return to;
}

void
cj_exchange_share(CjExchange *exchange, CjStore *store)
{
	Process    *process = begin_giving(exchange);
	SharedPart *parts;
	Size		bytes = 0;
	char	   *to = NULL;

	Assert(store->npartitions == exchange->shared->npartitions + 1);
	cj_store_finish(store);
	parts = allocate(exchange, store->npartitions * sizeof(SharedPart), &process->parts);
	for (int i = 0; i < store->npartitions; i++)
	{
		const CjPartition *partition = &store->partitions[i];

		parts[i] = (SharedPart)
		{
			.rows = bytes,.extent = partition->extent,.bytes = partition->bytes,
				.hash = partition->first == NULL ? partition->hash :
				cj_row_hash(store, (CjStoredRow *) partition->first->rows),
				.mixed = partition->mixed
		};
		bytes += partition->first == NULL ? 0 : partition->bytes;
	}
	if (bytes > 0)
		to = allocate(exchange, bytes, &process->rows);
	for (int i = 0; i < store->npartitions; i++)
		to = copy_blocks(&store->partitions[i], to);
	/* what was copied was there twice */
	store->arena->peak = Max(store->arena->peak, store->arena->used + bytes);
	if (store->file != NULL)
		BufFileExportFileSet(store->file);
	cj_store_free(store);
}

/* ---- taking ---- */

int
cj_exchange_claim(CjExchange *exchange)
{
	CjShared   *shared = exchange->shared;
	uint32		none = shared->npartitions + 1;
	uint32		claimed;

	/* does not count on when there are no more */
	if (pg_atomic_read_u32(&shared->next) >= none)
		return none;
	claimed = pg_atomic_fetch_add_u32(&shared->next, 1);
	return Min(claimed, none);
}

static BufFile *
file_of(CjExchange *exchange, int process)
{
	char		name[MAXPGPATH];
	MemoryContext old;

	if (exchange->files[process] != NULL)
		return exchange->files[process];
	file_name(name, process);
	old = MemoryContextSwitchTo(exchange->context);
	exchange->files[process] = BufFileOpenFileSet(&exchange->shared->files.fs, name, O_RDONLY, false);
	MemoryContextSwitchTo(old);
	return exchange->files[process];
}

int
cj_exchange_parts(CjExchange *exchange, int partition, CjPart *parts)
{
	int			n = 0;

	for (int i = 0; i < exchange->shared->nprocesses; i++)
	{
		const Process *process = &exchange->shared->processes[i];
		const SharedPart *part = parts_of(exchange, process);
		bool		in_file;

		if (part == NULL || part[partition].bytes == 0)
			continue;
		part += partition;
		in_file = part->extent >= 0;
		parts[n++] = (CjPart)
		{
			.rows = in_file ? NULL : (char *) dsa_get_address(exchange->area, process->rows) + part->rows,
				.file = in_file ? file_of(exchange, i) : NULL,
				.extent = part->extent,.bytes = part->bytes,
				.hash = part->hash,.mixed = part->mixed
		};
	}
	return n;
}
