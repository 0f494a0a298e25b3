/*-------------------------------------------------------------------------
 *
 * exchange.h
 *		Rows that the processes of a parallel query share.
 *
 * Each process fills a store of its own with the rows that it reads.  When it has
 * no more it gives them to the others, partition by partition, and waits until all
 * have done so.  Then each takes partitions, one at a time, and groups what all had
 * of them: so every group is whole in one process, and needs not be combined.
 *
 * A process may come at any time; one that comes when the others have ceased to
 * wait takes partitions at once.  No process waits after it has taken a partition.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_SCAN_EXCHANGE_H
#define CJ_SCAN_EXCHANGE_H

#include "compat.h"
#include "storage/buffile.h"
#include "storage/dsm.h"
#include "utils/dsa.h"

#include "scan/scan.h"

/* ---- the part in shared memory ---- */

typedef struct CjShared CjShared;

extern Size cj_shared_size(int nprocesses);

/* For so many processes and partitions; the segment is the one in which it is. */
extern void cj_shared_begin(CjShared *shared, int nprocesses, int npartitions,
							dsm_segment *segment);

/* In every other process, once. */
extern void cj_shared_attach(CjShared *shared);

/* Begins anew, when no process uses it. */
extern void cj_shared_restart(CjShared *shared);

/* What a process did, as EXPLAIN tells it. */
extern void cj_shared_tell(CjShared *shared, int process, const CjArena *told);

/* That of all processes: the sums. */
extern void cj_shared_told(const CjShared *shared, CjArena *told);

/* ---- a process's access to it ---- */

typedef struct CjExchange CjExchange;

/* Processes are numbered from 0.  Everything is in the context. */
extern CjExchange *cj_exchange_join(MemoryContext context, CjShared *shared, int process,
									dsa_area *area);

/* Are rows still waited for?  Then this process must share, too, if only nothing. */
extern bool cj_exchange_open(CjExchange *exchange);

/* Gives all rows of a store, which is then empty, and waits for the others. */
extern void cj_exchange_share(CjExchange *exchange, CjStore *store);
extern void cj_exchange_wait(CjExchange *exchange);

/* Closes files. */
extern void cj_exchange_leave(CjExchange *exchange);

extern int	cj_exchange_processes(const CjExchange *exchange);
extern int	cj_exchange_process(const CjExchange *exchange);

/* Their number of partitions: a power of two, to which the store adds one. */
extern int	cj_exchange_fan_out(const CjExchange *exchange);

/*
 * Bytes for all processes to see, which must be given before the wait, and those
 * that a process gave, NULL if it gave none.
 */
extern char *cj_exchange_give(CjExchange *exchange, Size size);
extern char *cj_exchange_given(CjExchange *exchange, int process);

/* ---- of use to stores ---- */

/* A file that the other processes may read when rows are shared. */
extern BufFile *cj_exchange_create_file(CjExchange *exchange);

/* The next partition that no process took, or any number above if there is none. */
extern int	cj_exchange_claim(CjExchange *exchange);

/* What the processes have of it, at most one part each. */
extern int	cj_exchange_parts(CjExchange *exchange, int partition, CjPart *parts);

#endif							/* CJ_SCAN_EXCHANGE_H */
