/*-------------------------------------------------------------------------
 *
 * matrix.h
 *		Symmetric matrices of a regression, full storage, row by row.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_MATRIX_H
#define CJ_MATRIX_H

/*
 * Cholesky factor in place: the lower triangle of a becomes L with a = L L'.
 * False if the matrix is not positive definite to working precision.
 */
extern bool cj_cholesky(double *a, int n);

/* Solves L L' x = b in place. */
extern void cj_cholesky_solve(const double *l, int n, double *b);

/* Solves L x = b in place. */
extern void cj_cholesky_forward(const double *l, int n, double *b);

/* The full inverse of L L' into "inverse". */
extern void cj_cholesky_inverse(const double *l, int n, double *inverse);

/*
 * Which columns are linear combinations of earlier ones, from their cross
 * products; the first of several that say the same stays.
 */
extern void cj_find_aliased(const double *crossproduct, int n, bool *aliased);

/* Square root of the ratio of the extreme eigenvalues of a correlation matrix. */
extern double cj_condition_number(const double *a, int n);

/* c = a b a for symmetric a and b. */
extern void cj_sandwich(const double *a, const double *b, int n, double *c);

#endif							/* CJ_MATRIX_H */
