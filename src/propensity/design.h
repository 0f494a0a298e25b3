/*-------------------------------------------------------------------------
 *
 * design.h
 *		What the parts of a fit share: columns, likelihood, steps.
 *
 * A fit works on TERMS: the intercept, a number, "this is missing", "this is
 * level x".  Internally every term but the intercept is centred (if there is an
 * intercept) and scaled to spread 1, which keeps the cross products well
 * conditioned whatever the units; cj_fit turns the result back.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_DESIGN_H
#define CJ_DESIGN_H

#include "propensity/propensity.h"

typedef struct CjDesign
{
	const CjSample *sample;
	const CjFitOptions *options;
	int			nfeatures;
	CjFeature  *features;
	int		   *column;			/* of a feature, in the sample */
	int			cluster;		/* the sample's column of clusters, or -1 */
	int32	  **term_of_code;	/* of a category: of none, then by code; -1 is
								 * none */
	double	   *fill;			/* of a number: what a missing value counts as */
	bool		intercept;
	int			nterms;
	double	   *center;			/* of a term */
	double	   *scale;
	double	   *mean;			/* its mean and spread in the data as given */
	double	   *spread;
	bool	   *aliased;
	int			nactive;		/* terms that are estimated */
	int		   *active;
	bool		weighted;		/* rows count differently */
	double		class_weight[2];
	double		total_weight;	/* with class weights */
	double		positive_weight;
	int64		positives;
	double		case_weight;	/* without */
	int64		first_block;	/* a fit on a part of the rows: every step-th
								 * block */
	int64		step;
} CjDesign;

/* The columns of one block of rows. */
typedef struct CjBlock
{
	int			n;
	double	   *x;				/* nterms columns of CJ_BLOCK_ROWS floats */
	double	  **column;			/* the active ones */
	double		outcome[CJ_BLOCK_ROWS];
	double		weight[CJ_BLOCK_ROWS];
} CjBlock;

/* design.c */
extern CjDesign *cj_design_create(const CjSample *sample, const CjInput *inputs,
								  const CjFitOptions *options);
extern CjBlock *cj_block_create(const CjDesign *design);
extern void cj_block_fill(const CjDesign *design, int64 block, CjBlock *to);
extern void cj_block_links(const CjDesign *design, const CjBlock *block,
						   const double *beta, double *links);

/* prepare.c */
extern void cj_prepare_levels(CjFeature *feature, const CjInput *input, const CjSample *sample,
							  int column, const CjFitOptions *options, int32 *level_of_code);
extern void cj_describe_number(CjFeature *feature, const CjSample *sample, int column, int bins);

/* logit.c */

/* Log-likelihood and its derivatives at one point, over the active terms. */
typedef struct CjPass
{
	double		loglik;
	double	   *gradient;
	double	   *hessian;		/* of minus the log-likelihood; full,
								 * symmetric */
} CjPass;

typedef struct CjSolution
{
	double	   *beta;			/* of the active terms, on their internal
								 * scale */
	double		loglik;
	double		objective;		/* what was maximised */
	double	   *hessian;		/* at beta */
	int			iterations;
	bool		converged;
	CjSeparation separation;
} CjSolution;

extern CjPass *cj_pass_create(const CjDesign *design);
extern void cj_pass(const CjDesign *design, const double *beta, CjPass *pass);
extern void cj_add_crossproducts(double *const *column, int ncolumns, const double *weight,
								 int n, double *sums);
extern void cj_mirror(double *a, int n);
extern CjSolution *cj_newton(CjDesign *design, const double *start);

/* What the options' penalties take off the log-likelihood, and what each term counts in them. */
extern double cj_penalty(const CjDesign *design, const double *beta);
extern void cj_penalty_factors(const CjDesign *design, double *l1, double *l2);

/* penalty.c: the step that minimises the penalised quadratic model */
extern void cj_lasso_step(const CjDesign *design, const CjPass *pass, const double *beta,
						  double *step);

/* firth.c */
extern CjSolution *cj_firth(const CjDesign *design);

/* robust.c: sums of products of the scores, of rows or of clusters' totals */
extern double *cj_score_products(const CjDesign *design, const double *beta);
extern double *cj_cluster_products(const CjDesign *design, const double *beta,
								   int64 *clusters);

/* profile.c: the ends of the terms' profile intervals */
extern double *cj_profile(const CjDesign *design, const CjSolution *solution, double level);

/* separation.c: does the direction split the outcomes, at this point or for ever? */
extern CjSeparation cj_separation(const CjDesign *design, const double *beta,
								  const double *direction);

#endif							/* CJ_DESIGN_H */
