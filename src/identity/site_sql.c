/*-------------------------------------------------------------------------
 *
 * site_sql.c
 *		A place to weigh single pairs by a model.
 *
 * Setting up an engine takes longer than weighing many pairs, so it is kept.
 * Its dictionaries remember the values that come by; when there are many, they
 * go back to those that the model brought.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/memutils.h"

#include "identity/model.h"

/* Values that come by before they are forgotten. */
#define KEPT_VALUES 20000

void
cj_site_set_up(CjSite *site, HeapTupleHeader model)
{
	Size		size = HeapTupleHeaderGetDatumLength(model);
	MemoryContext old;
	bytea	   *kept;

	site->model = NULL;
	if (site->context == NULL)
		site->context = AllocSetContextCreate(TopMemoryContext, "linkage model",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(site->context);
	old = MemoryContextSwitchTo(site->context);
	kept = MemoryContextAllocHuge(site->context, VARHDRSZ + size);
	SET_VARSIZE(kept, VARHDRSZ + size);
	memcpy(VARDATA(kept), model, size);
	site->linkage = cj_linkage_of(site->context, HeapTupleHeaderGetDatum(model));
	for (int c = 0; c < site->linkage->ncomparisons; c++)
		cj_compare_prepare(&site->linkage->comparison[c], site->context);
	for (int f = 0; f < site->linkage->nfields; f++)
		site->mark[f] = cj_values_mark(&site->linkage->field[f].values);
	site->reader = cj_row_reader(site->context, site->linkage);
	site->model = kept;
	MemoryContextSwitchTo(old);
}

static bool
is_full(const CjSite *site)
{
	for (int f = 0; f < site->linkage->nfields; f++)
		if (site->linkage->field[f].values.nraw - site->mark[f].nraw > KEPT_VALUES)
			return true;
	return false;
}

void
cj_site_clear(CjSite *site)
{
	CjLinkage  *linkage = site->linkage;

	cj_linkage_clear(linkage);
	if (!is_full(site))
		return;
	for (int f = 0; f < linkage->nfields; f++)
		cj_values_rewind(&linkage->field[f].values, site->mark[f]);
	for (int c = 0; c < linkage->ncomparisons; c++)
		cj_compare_forget(&linkage->comparison[c]);
}

int32
cj_site_add(CjSite *site, Datum row, bool is_jsonb)
{
	CjText		none = {NULL, 0};

	return cj_linkage_add(site->linkage, none, cj_read_row(site->reader, row, is_jsonb));
}
