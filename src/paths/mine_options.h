/*-------------------------------------------------------------------------
 *
 * mine_options.h
 *		What mine_paths and contrast_paths have in common.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_MINE_OPTIONS_H
#define CJ_PATHS_MINE_OPTIONS_H

#include "paths/collect.h"
#include "pattern/datum.h"

/* path_options as far as mining needs them. */
typedef struct CjMineOptions
{
	CjMineSpec	spec;			/* min_count and codes are set by
								 * cj_mine_resolve */
	CjBy		by;
	bool		collapse;
	int32		top;			/* 0: all */
	double		min_support;
	int64		min_count;		/* 0: by min_support */
	CjText	   *contains;
	int			ncontains;
	text	   *starts_with;
	text	   *ends_with;
	const CjPattern *outcome;
} CjMineOptions;

extern CjMineOptions *cj_mine_options(Datum record, bool isnull, const char *function, CjKind kind);

/* Fills in what depends on the journeys: how many are enough, codes of names. */
extern void cj_mine_resolve(CjMineOptions *options, const CjSequences *sequences,
							const CjCollector *collector, const uint32 *order);

/* path, events, pattern and length of a mined pattern: four values. */
extern void cj_pattern_values(const CjMineOptions *options, const CjMined *mined, int64 i,
							  const CjCollector *collector, const uint32 *order,
							  Datum *values, bool *nulls);

#endif							/* CJ_PATHS_MINE_OPTIONS_H */
