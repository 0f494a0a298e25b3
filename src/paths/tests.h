/*-------------------------------------------------------------------------
 *
 * tests.h
 *		Statistics of two-by-two tables.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_TESTS_H
#define CJ_PATHS_TESTS_H

/* Two groups: how many of each have something. */
typedef struct CjTable2
{
	int64		with_a;
	int64		all_a;
	int64		with_b;
	int64		all_b;
}			CjTable2;

typedef struct CjTest
{
	double		odds_ratio;		/* infinite or NaN where cells are empty */
	double		low;			/* 95 % interval, of Haldane's estimate where
								 * cells are empty */
	double		high;
	bool		fisher;			/* else chi-square, of all strata if there are
								 * any */
	double		statistic;		/* chi-square without correction */
	double		p;				/* two-sided */
} CjTest;

extern CjTest cj_test(const CjTable2 * table);

/*
 * The same of a table a stratum: the odds ratio of Mantel and Haenszel with the
 * interval of Robins, Breslow and Greenland, and the test of Cochran, Mantel and
 * Haenszel without correction.  Where the ratio is 0, infinite or NaN the
 * interval is of the tables with a half added to every cell.
 */
extern CjTest cj_test_strata(const CjTable2 * tables, int count);

/* Benjamini-Hochberg: q of each p, in place of it. */
extern void cj_adjust(double *p, int64 count);

#endif							/* CJ_PATHS_TESTS_H */
