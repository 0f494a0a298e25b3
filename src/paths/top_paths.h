/*-------------------------------------------------------------------------
 *
 * top_paths.h
 *		Whole paths, counted and ranked.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_TOP_PATHS_H
#define CJ_PATHS_TOP_PATHS_H

#include "paths/tally.h"

typedef struct CjTopOptions
{
	CjBy		by;
	bool		collapse;
	int32		first;			/* events, 0 for all */
	int32		top;
} CjTopOptions;

/* The options as bytes and back; what is wrong with them, or NULL. */
extern CjText cj_top_encode(const CjTopOptions *options);
extern const char *cj_top_decode(CjText bytes, CjTopOptions *options);

/* Reads the options of a tally of paths; what is wrong with it, or NULL. */
extern const char *cj_top_load(CjTopOptions *options, const CjTallyRef *tally);

/* The same, and whether its paths are such as the options allow. */
extern const char *cj_top_check(const CjTallyRef *tally);

/* The first "top" paths in order: more journeys first, then shorter, then by names. */
extern int32 *cj_top_rank(const CjTallyRef *tally, int32 top, int32 *count);

#endif							/* CJ_PATHS_TOP_PATHS_H */
