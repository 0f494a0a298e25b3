/*-------------------------------------------------------------------------
 *
 * attribution.h
 *		What each channel contributed to conversions: the kernel.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_ATTRIBUTION_H
#define CJ_PATHS_ATTRIBUTION_H

#include "paths/graph.h"

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
	CJ_MODELS
} CjModel;

/* One model's credit of one channel. */
typedef struct CjCredit
{
	double		conversions;
	double		value;
	double		removal;		/* Markov: removal effect */
} CjCredit;

typedef struct CjAttribution
{
	MemoryContext context;
	bool		wanted[CJ_MODELS];
	double		half_life;		/* microseconds */
	CjText		direct;
	CjGraphRef	chain;			/* names, and the Markov chain's transitions */
	CjCredit   *credits;		/* channel * CJ_MODELS + model */
	int32		credits_room;	/* channels */
	double	   *conversions;	/* of each node of the chain */
	double	   *values;
	int32		nodes_room;
	int64		assigned;		/* conversions with a touch */
	double		assigned_value;
	int64		unassigned;		/* without */
	double		unassigned_value;
} CjAttribution;

/* A touch: channel's code and time. */
typedef struct CjTouch
{
	int32		channel;
	TimestampTz time;
} CjTouch;

extern void cj_attribution_init(CjAttribution *attribution, MemoryContext context, CjBy by, int depth);
extern int32 cj_attribution_channel(CjAttribution *attribution, CjText name);

/* A path that led to a conversion of a value at a time ... */
extern void cj_attribute(CjAttribution *attribution, const CjTouch *touches, int32 count,
						 TimestampTz time, double value);

/* ... or to nothing. */
extern void cj_attribute_nothing(CjAttribution *attribution, const CjTouch *touches, int32 count);

/* Solves the chain and fills the credits of CJ_MARKOV; error 54000 if it has too many states. */
extern void cj_attribution_solve(CjAttribution *attribution);

#endif							/* CJ_PATHS_ATTRIBUTION_H */
