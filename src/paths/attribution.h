/*-------------------------------------------------------------------------
 *
 * attribution.h
 *		What each channel contributed to conversions: the kernel.
 *
 * Conversions are counted in a tally (tally.h), whose keys are, after what is
 * counted and the digit:
 *
 *	SEEN						channel: journeys that have it
 *	ASSIGNED, UNASSIGNED		conversions with and without a touch, and values
 *	CREDIT						model, channel, n, role: touches that get the
 *								model's weight of (n, role), and their values
 *	DECAY						0, channel: sum of weights, and of values by weight
 *	EDGE						depth channels before (0: none yet), the next
 *	EXIT, CONVERT				depth channels before, 0; and values
 *	PATH, PATH_NOTHING			a whole path as a name: conversions, their values,
 *								and paths that led to nothing
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_ATTRIBUTION_H
#define CJ_PATHS_ATTRIBUTION_H

#include "paths/tally.h"

typedef enum CjModel
{
	CJ_FIRST,
	CJ_LAST,
	CJ_LAST_NON_DIRECT,
	CJ_LINEAR,
	CJ_POSITION,
	CJ_DECAY,
	CJ_SHAPLEY,
	CJ_MARKOV,
	CJ_COUNTERFACTUAL,
	CJ_MODELS
} CjModel;

enum
{
	CJ_COUNT_SEEN = 1,
	CJ_COUNT_ASSIGNED,
	CJ_COUNT_UNASSIGNED,
	CJ_COUNT_CREDIT,
	CJ_COUNT_EDGE,
	CJ_COUNT_EXIT,
	CJ_COUNT_CONVERT,
	CJ_COUNT_PATH,
	CJ_COUNT_PATH_NOTHING,
	CJ_SUM_ASSIGNED = CJ_TALLY_SUM + 1,
	CJ_SUM_UNASSIGNED,
	CJ_SUM_CREDIT,
	CJ_SUM_DECAY,
	CJ_SUM_DECAY_VALUE,
	CJ_SUM_CONVERT,
	CJ_SUM_PATH
};

/* What is done to a path before it is counted. */
typedef enum CjTransform
{
	CJ_EXPOSURE,				/* repeats that follow each other are one */
	CJ_FIRST_OF_EACH,			/* of each channel only its first touch */
	CJ_NOT_LAST,				/* no direct touches at the end ... */
	CJ_NOT_AT_ALL,				/* ... or nowhere, unless all are direct */
	CJ_TRANSFORMS
} CjTransform;

#define CJ_MAX_TRANSFORMS	8

typedef struct CjAttributionOptions
{
	int			transforms;		/* how many, in order */
	CjTransform transform[CJ_MAX_TRANSFORMS];
	bool		wanted[CJ_MODELS];
	CjBy		by;
	int			depth;
	int64		lookback;		/* microseconds, or -1 */
	int64		half_life;		/* microseconds */
	CjText		direct;
	CjText		conversion;		/* the pattern's text */
} CjAttributionOptions;

/* The options as bytes and back; what is wrong with them, or NULL. */
extern CjText cj_attribution_encode(const CjAttributionOptions *options);
extern const char *cj_attribution_decode(CjText bytes, CjAttributionOptions *options);

/* A touch: channel's number in keys, and time. */
typedef struct CjTouch
{
	int32		channel;
	TimestampTz time;
} CjTouch;

extern void cj_attribution_create(CjTallyRef *tally, const CjAttributionOptions *options, CjText bytes);

/* A channel that a journey has. */
extern int32 cj_attribution_channel(CjTallyRef *tally, CjText name);

/* Transforms a path in place; returns its length. */
extern int32 cj_attribution_transform(const CjTallyRef *tally, const CjAttributionOptions *options,
									  CjTouch *touches, int32 count);

/* A path that led to a conversion of a value ... */
extern void cj_attribute(CjTallyRef *tally, const CjAttributionOptions *options,
						 const CjTouch *touches, int32 count, double value);

/* ... or to nothing. */
extern void cj_attribute_nothing(CjTallyRef *tally, const CjAttributionOptions *options,
								 const CjTouch *touches, int32 count);

/* ---- attribution_solve.c ---- */

/* One model's credit of one channel. */
typedef struct CjCredit
{
	double		conversions;
	double		value;
	double		removal;		/* Markov: removal effect */
} CjCredit;

typedef struct CjAttribution
{
	CjAttributionOptions options;
	int32	   *channels;		/* of each name, -1 of paths */
	CjGraphRef	chain;			/* channels, and the Markov chain's
								 * transitions */
	CjCredit   *credits;		/* channel * CJ_MODELS + model */
	double	   *conversions;	/* of each node of the chain */
	double	   *values;
	int64		assigned;		/* conversions with a touch */
	double		assigned_value;
	int64		unassigned;		/* without */
	double		unassigned_value;
} CjAttribution;

/* Reads a sorted tally; what is wrong with it, or NULL. */
extern const char *cj_attribution_load(CjAttribution *attribution, const CjTallyRef *tally);

/* Solves the chain and fills the credits of CJ_MARKOV; error 54000 if it has too many states. */
extern void cj_attribution_solve(CjAttribution *attribution);

/* ---- attribution_path.c ---- */

/* A path as a name: the length and bytes of each channel; error 54000 if it is too long. */
extern int32 cj_attribution_path(CjTallyRef *tally, const CjTouch *touches, int32 count);

/* Fills the credits of CJ_COUNTERFACTUAL from a sorted tally; what is wrong with it, or NULL. */
extern const char *cj_attribution_counterfactual(CjAttribution *attribution, const CjTallyRef *tally);

#endif							/* CJ_PATHS_ATTRIBUTION_H */
