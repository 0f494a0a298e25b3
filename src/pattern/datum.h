/*-------------------------------------------------------------------------
 *
 * datum.h
 *		Patterns as function arguments, for the SQL-callable files.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATTERN_DATUM_H
#define CJ_PATTERN_DATUM_H

#include "fmgr.h"

#include "compat.h"
#include "pattern/pattern.h"

#define DatumGetPattern(d)		((CjPattern *) PG_DETOAST_DATUM_PACKED(d))
#define PG_GETARG_PATTERN(n)	DatumGetPattern(PG_GETARG_DATUM(n))

/* The pattern of a text; errors are the parser's. */
extern CjPattern *cj_pattern_of_text(const char *source, int len, Node *escontext);

/*
 * The matcher of a pattern, kept at *cache in a context below "parent" and
 * made anew only when the pattern's bytes change.
 */
extern CjMatcher *cj_cached_matcher(void **cache, MemoryContext parent,
									const CjPattern *pattern);

/* The matcher of argument n, cached at the call site. */
#define CJ_ARG_MATCHER(n) \
	cj_cached_matcher(&fcinfo->flinfo->fn_extra, fcinfo->flinfo->fn_mcxt, PG_GETARG_PATTERN(n))

/* Registers the search by pattern with the GIN operator class of journeys. */
extern void cj_pattern_init(void);

#endif							/* CJ_PATTERN_DATUM_H */
