/*-------------------------------------------------------------------------
 *
 * model.h
 *		Specifications and models as composite values, rows as columns.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_IDENTITY_MODEL_H
#define CJ_IDENTITY_MODEL_H

#include "access/htup.h"
#include "access/tupdesc.h"

#include "identity/linkage.h"

#define CJ_MODEL_VERSION	1

/*
 * An engine set up from a linkage_spec or a linkage_model; with a model the
 * parameters are loaded and it counts as fitted.
 */
extern CjLinkage *cj_linkage_of(MemoryContext context, Datum spec_or_model);

/* The linkage_model of a fitted engine. */
extern Datum cj_linkage_model_datum(CjLinkage *linkage, Datum spec, TupleDesc desc);

/* Its attribute "levels" alone. */
extern Datum cj_linkage_model_levels(const CjLinkage *linkage, TupleDesc model);

/* linkage_iteration number i of an engine's trace. */
extern HeapTuple cj_iteration_tuple(const CjLinkage *linkage, int i, TupleDesc desc);

/* Reads rows: any row type by column names, or jsonb by keys. */
typedef struct CjRowReader CjRowReader;

extern CjRowReader *cj_row_reader(MemoryContext context, const CjLinkage *linkage);

/* The linkage's columns of a row, NULL data where missing; memory of the current context. */
extern const CjText *cj_read_row(CjRowReader *reader, Datum row, bool is_jsonb);

/*
 * A place to weigh single pairs: an engine with a model, kept and used again
 * (site_sql.c).  Zeroed memory is a site that is not set up.
 */
typedef struct CjSite
{
	MemoryContext context;
	bytea	   *model;			/* its bytes; NULL unless it is set up */
	CjLinkage  *linkage;
	CjRowReader *reader;
	CjValuesMark mark[CJ_MAX_FIELDS];	/* what the model itself brought */
} CjSite;

extern void cj_site_set_up(CjSite *site, HeapTupleHeader model);

/* Takes all records out. */
extern void cj_site_clear(CjSite *site);

/* Puts a row in, as the next record: 0, 1, ... */
extern int32 cj_site_add(CjSite *site, Datum row, bool is_jsonb);

#endif							/* CJ_IDENTITY_MODEL_H */
