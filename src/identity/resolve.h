/*-------------------------------------------------------------------------
 *
 * resolve.h
 *		All records of a catalogue at once.
 *
 * resolve_sql.c reads the catalogue into an engine and decides;
 * resolve_write_sql.c writes what is new, in whole sets.  A second run on the
 * same records finds everything in place and writes the model alone.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_IDENTITY_RESOLVE_H
#define CJ_IDENTITY_RESOLVE_H

#include "identity/catalogue.h"

/* A record in the order in which the table gave it. */
typedef struct CjResolveRecord
{
	int64		id;
	int32		home;			/* code of its customer, -1 if it has none */
	int32		canonical;		/* who that customer is now */
	int32		nkeys;			/* blocking keys to store; -1 if they are
								 * there */
	int64		key;			/* where they begin */
	char	   *new_home;		/* what is decided; NULL: as it was */
} CjResolveRecord;

/* Evidence of the model, by ids of records: a < b. */
typedef struct CjResolvePair
{
	int64		a;
	int64		b;
	double		weight;
} CjResolvePair;

typedef struct CjResolve
{
	CjCatalogue *catalogue;
	MemoryContext context;
	CjLinkage  *linkage;
	CjRowReader *reader;
	int32		max_records;

	CjResolveRecord *record;
	int32		nrecords;
	int32		record_room;
	int32	   *order;			/* of the engine's records: whose number */
	int32	   *by_id;			/* numbers of the engine's records by id */
	int64	   *key;			/* blocking keys to store */
	int64		nkeys;
	int64		key_room;

	CjValues	customer;		/* ids of customers */

	CjResolvePair *pair;		/* that match, in order */
	int64		npairs;
	CjEdge	   *edge;
	int64		nedges;
	int64		edge_room;
	int32	   *cluster;		/* of each record: the smallest in it */

	/* clusters without a customer, by their smallest records */
	int32	   *fresh;
	int32		nfresh;
	char	  **fresh_id;

	/* the answer */
	int64		created;
	int64		linked;
	int64		merged;
	int64		refused;
	int32		version;
} CjResolve;

static inline CjResolveRecord *
cj_resolve_record(const CjResolve *resolve, int32 i)
{
	return &resolve->record[resolve->order[i]];
}

/* Runs SQL of the catalogue (@ and # as in statements) once. */
extern uint64 cj_resolve_run(CjResolve *resolve, const char *sql, int nargs, const Oid *types,
							 const Datum *values);

/* Calls back for each row of a query, in short-lived memory. */
typedef void (*CjRowFunction) (CjResolve *resolve, void *arg, uint64 row);
extern void cj_resolve_each(CjResolve *resolve, const char *sql, CjRowFunction function, void *arg);

/* Number of the engine's record with an id; -1 if there is none. */
extern int32 cj_resolve_find(const CjResolve *resolve, int64 id);

/* ---- resolve_write_sql.c ---- */

extern void cj_resolve_write_model(CjResolve *resolve, Datum spec);
extern void cj_resolve_write_evidence(CjResolve *resolve);
extern void cj_resolve_write_customers(CjResolve *resolve);
extern void cj_resolve_write_records(CjResolve *resolve);
extern void cj_resolve_write_keys(CjResolve *resolve);

#endif							/* CJ_IDENTITY_RESOLVE_H */
