/*-------------------------------------------------------------------------
 *
 * propensity.h
 *		Propensity models: who is likely to do what, and why.
 *
 * Three values carry everything.  A SAMPLE is a set of rows, each an outcome
 * (yes or no), an optional weight and some numbers: the state of every
 * aggregate here.  A MODEL is what is fitted from a sample, or imported, with
 * all that scoring, explaining and watching it needs.  A CALIBRATOR maps
 * scores to probabilities.
 *
 * Files: sample.c (collecting rows), sums.c (sums over rows that a model scored), design.c (rows to the columns of a
 * regression), logit.c (likelihood, Newton), robust.c
 * (errors that do not trust the model), profile.c (likelihood intervals), penalty.c (lasso, ridge), firth.c,
 * separation.c, fit.c (the whole fit), matrix.c and numeric.c (small numerics),
 * prepare.c (levels, histograms), model.c and model_read.c (bytes), terms.c, score.c, effects.c, trees.c,
 * ranking.c, metrics.c, tables.c, calibrate.c (evaluation, see evaluate.h),
 * features.c (numbers from a journey).  The *_sql.c files unpack arguments and
 * pack results; json_read_sql.c and model_json_sql.c use the server's jsonb.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PROPENSITY_H
#define CJ_PROPENSITY_H

#include <math.h>

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "nodes/nodes.h"

#include "common/text.h"
#include "journey/journey.h"

/* Setting customer_journey.max_fit_memory, in kB: the largest sample. */
extern int	cj_max_fit_memory;

/* Registers it (settings.c). */
extern void cj_propensity_init(void);

#define CJ_MAX_FEATURES		1600	/* as many as a table has columns */
#define CJ_MAX_TERMS		2000
#define CJ_MAX_LEVELS		1000	/* of one category */
#define CJ_MAX_BINS			100

/* ---- samples (sample.c) ---- */

/*
 * Rows in blocks, and within a block by column, which is how a fit reads them.
 * A block is its outcomes as bits in 64-bit words, then its weights if there
 * are any, then its columns, each "stride" floats long; NaN is a missing
 * value.  Blocks of a small sample are small: stride is 16, 64 or 256, and
 * only with 256 is there more than one block.
 *
 * The same bytes are the type propensity_sample, the state of aggregates:
 * VARSIZE covers the unused capacity, the binary form does not.
 */
typedef struct CjSample
{
	int32		vl_len_;
	uint8		version;
	uint8		weighted;
	uint16		purpose;		/* which aggregate's state it is: CJ_FOR_* */
	int32		ncolumns;
	int32		stride;
	int32		options_size;	/* bytes of options, which follow the header */
	int32		unused;
	int64		nrows;
	int64		capacity;
	int64		skipped;		/* rows left out: no outcome, no weight */
} CjSample;

#define CJ_SAMPLE_VERSION	1
#define CJ_BLOCK_ROWS		256

#define CJ_FOR_FIT			1
#define CJ_FOR_SCORES		2

static inline const uint8 *
cj_sample_options(const CjSample *sample)
{
	return (const uint8 *) sample + sizeof(CjSample);
}

static inline Size
cj_sample_block_size(const CjSample *sample)
{
	return (Size) (sample->stride + 63) / 64 * 8 +
		(Size) sample->stride * (sample->ncolumns + sample->weighted) * 8;
}

static inline uint8 *
cj_sample_block(const CjSample *sample, int64 block)
{
	return (uint8 *) sample + sizeof(CjSample) + TYPEALIGN(8, sample->options_size) +
		block * cj_sample_block_size(sample);
}

/* Column j of a block; -1 are the weights. */
static inline double *
cj_block_column(const CjSample *sample, const uint8 *block, int j)
{
	return (double *) (block + (Size) (sample->stride + 63) / 64 * 8 +
					   (Size) sample->stride * (j + sample->weighted) * 8);
}

static inline int64
cj_sample_nblocks(const CjSample *sample)
{
	return (sample->nrows + sample->stride - 1) / sample->stride;
}

static inline int
cj_block_rows(const CjSample *sample, int64 block)
{
	return (int) Min((int64) sample->stride, sample->nrows - block * sample->stride);
}

static inline bool
cj_block_outcome(const uint8 *block, int i)
{
	return (((const uint64 *) block)[i >> 6] >> (i & 63)) & 1;
}

/* An empty sample with room for a few rows, in the current context. */
extern CjSample *cj_sample_create(int purpose, int ncolumns, bool weighted,
								  const void *options, int options_size);

/*
 * A sample with room for more rows: itself, or a larger copy in the current
 * context (the old one is left to the caller).  Errors (54000) beyond
 * customer_journey.max_fit_memory.
 */
extern CjSample *cj_sample_reserve(CjSample *sample, int64 more);

/* Adds one row; there must be room. */
extern void cj_sample_add(CjSample *sample, bool outcome, double weight,
						  const double *values);

/* Adds all rows of another sample of the same shape; there must be room. */
extern void cj_sample_append(CjSample *sample, const CjSample *other);

/* May these two be put together?  Errors (22023) if not. */
extern void cj_sample_check_alike(const CjSample *a, const CjSample *b);

extern void cj_sample_write(StringInfo to, const CjSample *sample);

/* Checks everything; NULL if a soft error was recorded. */
extern CjSample *cj_sample_read(StringInfo from, Node *escontext, int code);

/* ---- models (model.c) ---- */

typedef enum CjFeatureKind
{
	CJ_NUMBER = 'n',
	CJ_BOOLEAN = 'b',
	CJ_CATEGORY = 'c'
} CjFeatureKind;

/* What becomes of a missing number. */
typedef enum CjMissing
{
	CJ_MISSING_MEAN = 0,		/* it counts as the mean of the others */
	CJ_MISSING_ZERO,
	CJ_MISSING_INDICATOR,		/* the mean, and a term of its own */
	CJ_MISSING_SKIP,			/* the row is left out; its score is NULL */
	CJ_MISSING_ERROR
} CjMissing;

#define CJ_MISSING_COUNT	(CJ_MISSING_ERROR + 1)
extern const char *const cj_missing_name[CJ_MISSING_COUNT];

/*
 * One input of a model.  Its bins are the training data's histogram: of a
 * number, between "edges" (nbins - 1 of them, bin i ends at edge i inclusive);
 * of a category, its levels and then "other", the rest.  One more bin holds the
 * missing.
 */
typedef struct CjFeature
{
	CjText		name;
	CjText		column;			/* the record's column that it comes from */
	int32		element;		/* 0, or its place in that column's array,
								 * from 1 */
	uint8		kind;			/* CjFeatureKind */
	bool		has_null;		/* a term for missing values */
	bool		has_other;		/* a term for levels not named */
	double		mean;			/* of the values present; NaN if none were */
	double		sd;
	int32		nlevels;
	CjText	   *levels;			/* sorted by bytes */
	int32		reference;		/* the level without a term; nlevels if
								 * "other" is */
	int32		first_term;
	int32		nterms;
	int32		nbins;			/* 0 if there is no histogram */
	double	   *edges;
	double	   *counts;			/* nbins + 1 */
} CjFeature;

typedef enum CjSeparation
{
	CJ_SEPARATION_NONE = 0,
	CJ_SEPARATION_QUASI,
	CJ_SEPARATION_COMPLETE
} CjSeparation;

typedef enum CjSeKind
{
	CJ_SE_MODEL = 0,
	CJ_SE_HC0,
	CJ_SE_HC1,
	CJ_SE_CR0,					/* by cluster */
	CJ_SE_CR1
} CjSeKind;

#define CJ_SE_COUNT		(CJ_SE_CR1 + 1)
extern const char *const cj_se_name[CJ_SE_COUNT];

/* What a fit found besides coefficients. */
typedef struct CjFitReport
{
	int64		rows;
	int64		positives;
	int64		skipped;
	double		weight;			/* sum of the weights */
	double		loglik;
	double		null_loglik;	/* of the model that knows only the base rate */
	double		penalized;		/* log-likelihood less penalties, as maximised */
	int32		iterations;
	int32		rank;			/* terms that could be estimated */
	double		condition;		/* condition number of the scaled columns */
	bool		converged;
	bool		one_class;
	uint8		separation;		/* CjSeparation */
	uint8		se_kind;		/* CjSeKind */
	int64		clusters;		/* 0 if errors are not by cluster */
	bool		firth;
	bool		has_errors;		/* the covariance is known */
	double		l1;
	double		l2;
	double		prior;			/* 0 if none was given */
	double		profile;		/* level of the profile intervals; 0 without */
	double		class_weight[2];	/* of false, of true */
} CjFitReport;

/* A node of a tree; a leaf has no feature. */
typedef struct CjTreeNode
{
	int32		feature;		/* -1 in a leaf */
	int32		left;			/* below the threshold */
	int32		right;
	bool		missing_left;
	float		value;			/* threshold, or what the leaf adds */
	double		cover;			/* weight of the training rows that came here */
} CjTreeNode;

typedef struct CjTree
{
	int32		nnodes;
	CjTreeNode *nodes;			/* children after their parent */
} CjTree;

typedef enum CjModelKind
{
	CJ_LOGISTIC = 'l',
	CJ_TREES = 't'
} CjModelKind;

#define CJ_MODEL_VERSION	1
#define CJ_QUANTILES		101

typedef struct CjModel
{
	uint8		kind;			/* CjModelKind */
	bool		array_input;	/* takes float8[]; records go by feature names */
	bool		intercept;		/* then it is the first term */
	uint8		missing;		/* CjMissing */
	int32		nfeatures;
	CjFeature  *features;
	int32		nterms;
	double	   *coef;			/* 0 where aliased */
	bool	   *aliased;
	double	   *center;			/* the term's mean in training */
	double	   *spread;			/* its standard deviation */
	double	   *covariance;		/* lower triangle by rows; NULL if unknown */
	double	   *profile;		/* low and high end of each term, NaN if
								 * unknown; or NULL */
	CjFitReport report;
	double	   *quantiles;		/* of training links, CJ_QUANTILES; NULL if
								 * unknown */
	int32		ntrees;
	CjTree	   *trees;
	double		base;			/* link before the first tree */
} CjModel;

static inline double
cj_covariance(const CjModel *model, int i, int j)
{
	return i >= j ? model->covariance[(Size) i * (i + 1) / 2 + j] :
		model->covariance[(Size) j * (j + 1) / 2 + i];
}

static inline double
cj_expit(double link)
{
	double		e = exp(-fabs(link));

	return link >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/*
 * A model's bytes.  With "convert", names go to or come from the client's
 * encoding.  Reading checks everything (22P03).
 */
extern void cj_model_write(StringInfo to, const CjModel *model, bool convert);
extern CjModel *cj_model_read(const char *bytes, int size, bool convert);

/* The same of bytes in the database's encoding, also of names; NULL, and what is wrong. */
extern CjModel *cj_model_read_checked(const char *bytes, int size, const char **fault);

/* Is the model consistent?  A message of what is not, or NULL. */
extern const char *cj_model_fault(const CjModel *model);

/* Text form; reading gives NULL when a soft error was recorded. */
extern void cj_model_to_json(StringInfo to, const CjModel *model);
extern CjModel *cj_model_from_json(const char *text, Node *escontext);

/* Counts the terms and gives every feature its place among them. */
extern void cj_model_layout(CjModel *model);

/* Name of a term, palloc'd; and the level it stands for (data NULL if none). */
extern char *cj_term_name(const CjModel *model, int term);
extern int	cj_term_feature(const CjModel *model, int term);	/* -1: intercept */
extern CjText cj_term_level(const CjModel *model, int term);

/* The level a category's term stands for; nlevels is "other", nlevels + 1 missing. */
extern int	cj_term_level_number(const CjFeature *feature, int term);

/* ---- fitting (fit.c) ---- */

typedef struct CjFitOptions
{
	CjText	   *names;			/* of array elements */
	int			nnames;
	CjText	   *exclude;		/* columns to leave out */
	int			nexclude;
	CjText		cluster;		/* column of the rows' clusters; data NULL if
								 * none */
	CjText	   *reference_columns;	/* reference levels: column, level */
	CjText	   *reference_levels;
	int			nreference;
	double		l1;
	double		l2;
	bool		standardize;
	bool		firth;
	bool		balanced;
	bool		intercept;
	double		class_weight[2];
	double		prior;			/* 0 if none */
	double		profile;		/* 0 if not wanted */
	uint8		se_kind;
	uint8		missing;
	int32		min_count;		/* rarer levels are "other" */
	int32		max_levels;
	int32		max_iterations;
	double		tolerance;
	int32		bins;
} CjFitOptions;

extern void cj_fit_defaults(CjFitOptions *options);
extern void cj_fit_options_check(const CjFitOptions *options);
extern void cj_fit_options_write(StringInfo to, const CjFitOptions *options);

/* Is this the column that holds the clusters? */
extern bool cj_is_cluster(const CjFitOptions *options, CjText name);
extern CjMissing cj_fit_options_missing(const void *bytes, int size);
extern void cj_fit_options_read(const void *bytes, int size, CjFitOptions *options);

/*
 * What the sample's columns are.  Names of categories' codes stand in
 * "levels", in code order; cj_fit puts them in order and into the model.
 */
typedef struct CjInput
{
	CjText		name;
	CjText		column;
	int32		element;
	uint8		kind;
	bool		is_cluster;		/* no feature, but the rows' clusters */
	int32		ncodes;
	CjText	   *codes;
} CjInput;

extern CjModel *cj_fit(const CjSample *sample, const CjInput *inputs,
					   const CjFitOptions *options, bool array_input);

/* ---- scoring (score.c, trees.c) ---- */

/*
 * Values are one double a feature: a number, 0 or 1, or a level's position
 * (CJ_UNSEEN for a level the model does not know); NaN is missing.
 */
#define CJ_UNSEEN	(-1.0)

extern double cj_level_code(const CjFeature *feature, CjText level);
extern double cj_model_link(const CjModel *model, const double *values);
extern double cj_trees_link(const CjModel *model, const double *values);

/* What each term would multiply its coefficient with. */
extern void cj_model_terms(const CjModel *model, const double *values, double *terms);

/*
 * Contributions: by feature (nfeatures of them) or by term (nterms, logistic
 * only; the intercept's is 0).  They and the baseline add up to the link.
 */
extern double cj_model_contributions(const CjModel *model, const double *values,
									 bool by_term, double *contributions);
extern double cj_trees_contributions(const CjModel *model, const double *values,
									 double *contributions);

/* Standard error of the link; NaN if unknown. */
extern double cj_link_error(const CjModel *model, const double *values);

/* Share of the training rows with a lower link; NaN if unknown. */
extern double cj_link_percentile(const CjModel *model, double link);

/* Which bin of a feature's histogram a value falls into; 0 if it has none. */
extern int	cj_feature_bin(const CjFeature *feature, double value);

/* ---- average marginal effects (effects.c) ---- */

typedef enum CjEffectKind
{
	CJ_EFFECT_NONE = 0,			/* the intercept, aliased terms, "is missing"
								 * of numbers */
	CJ_EFFECT_SLOPE,			/* of a number: a derivative */
	CJ_EFFECT_SWITCH,			/* of a boolean: true less false */
	CJ_EFFECT_LEVEL				/* of a level: less the reference */
} CjEffectKind;

extern CjEffectKind cj_effect_kind(const CjModel *model, int term);

/*
 * Sums over rows: of the probability's derivative and its gradient, then of
 * each difference and its gradient.  "terms" is room for a row's terms.
 */
extern int	cj_effects_size(const CjModel *model);
extern void cj_effects_add(const CjModel *model, const double *values, double *terms,
						   double *sums);
extern double cj_effect(const CjModel *model, const double *sums, int64 rows, int term,
						double *error);

/* ---- sums over rows that a model scored (sums.c) ---- */

/*
 * What aggregates over a model and rows know of the rows: how many there were,
 * and numbers that add up, which for drift are the counts of each feature's
 * bins and then of the tenths of the links, for effects the sums of
 * cj_effects_add.  The numbers follow the header, and the model's bytes them.
 *
 * The same bytes are the type propensity_sums, the state of those aggregates;
 * nothing in it depends on where it lies.
 */
typedef struct CjSums
{
	int32		vl_len_;
	uint8		version;
	uint8		purpose;		/* whose state it is: CJ_FOR_* */
	uint16		unused;
	int32		nnumbers;
	int32		model_size;
	uint64		serial;			/* of the model as last given in this process,
								 * 0 if it was not */
	int64		rows;
} CjSums;

#define CJ_SUMS_VERSION		1

#define CJ_FOR_DRIFT		1
#define CJ_FOR_EFFECTS		2

#define CJ_SCORE_BINS		10

static inline int64 *
cj_sums_counts(const CjSums *sums)
{
	return (int64 *) ((char *) sums + sizeof(CjSums));
}

static inline double *
cj_sums_floats(const CjSums *sums)
{
	return (double *) ((char *) sums + sizeof(CjSums));
}

static inline const char *
cj_sums_model(const CjSums *sums)
{
	return (const char *) sums + sizeof(CjSums) + (Size) sums->nnumbers * 8;
}

/* All zero, in the current context; the model is given with its bytes. */
extern CjSums *cj_sums_create(int purpose, const CjModel *model, const char *bytes, int size);

/* Is it of this model?  An error (22023) if not. */
extern void cj_sums_check_model(const CjSums *sums, const char *bytes, int size);

/* Adds what another one holds, if it is of the same purpose and model (22023). */
extern void cj_sums_add(CjSums *sums, const CjSums *other);

/* Which tenth of the training rows a link belongs to. */
extern int	cj_score_bin(const CjModel *model, double link);

extern void cj_sums_write(StringInfo to, const CjSums *sums);

/* Checks everything; NULL, and what is wrong. */
extern CjSums *cj_sums_read(const char *bytes, Size size, const char **fault);

/* ---- numbers from a journey (features.c) ---- */

#define CJ_JOURNEY_FEATURES		9	/* about the journey as a whole */
#define CJ_EVENT_FEATURES		3	/* about each event asked for */
extern const char *const cj_journey_feature_name[CJ_JOURNEY_FEATURES];
extern const char *const cj_event_feature_name[CJ_EVENT_FEATURES];

/*
 * Features of what happened before as_of, and not before "from": first those
 * of the journey, then those of each event; NaN is "not known".  The events
 * that count are [*first, *end).
 */
extern void cj_journey_features(const CjView *view, TimestampTz from, TimestampTz as_of,
								const CjText *events, int nevents, double *values,
								int32 *first, int32 *end);

/* ---- small numerics (numeric.c, quantiles.c) ---- */

extern double cj_normal_p(double z);	/* two-sided */
extern double cj_normal_quantile(double p);
extern double cj_chi2_p(double x, double df);	/* upper tail */

/* Population stability index; shares are floored at 1e-4 of the total. */
extern double cj_psi(const double *expected, const double *actual, int n);

/* Sorts finite floats ascending. */
extern void cj_sort_doubles(double *values, int64 n);

#endif							/* CJ_PROPENSITY_H */
