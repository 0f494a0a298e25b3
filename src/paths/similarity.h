/*-------------------------------------------------------------------------
 *
 * similarity.h
 *		How alike two sequences of names are.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_SIMILARITY_H
#define CJ_PATHS_SIMILARITY_H

typedef enum CjMethod
{
	CJ_LEVENSHTEIN,				/* insertion, deletion, substitution cost 1 */
	CJ_LCS,						/* insertion and deletion only */
	CJ_MATCHING					/* optimal matching: costs as given */
} CjMethod;

typedef struct CjMeasure
{
	CjMethod	method;
	double		indel;
	double		substitution;
} CjMeasure;

extern double cj_path_distance(const int32 *a, int32 na, const int32 *b, int32 nb,
							   const CjMeasure *measure);

/* 1 - distance / the greatest distance of such lengths; 1 for two empty ones */
extern double cj_path_similarity(const int32 *a, int32 na, const int32 *b, int32 nb,
								 const CjMeasure *measure);

#endif							/* CJ_PATHS_SIMILARITY_H */
