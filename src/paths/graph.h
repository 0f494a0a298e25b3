/*-------------------------------------------------------------------------
 *
 * graph.h
 *		The journey_graph value: who goes where next, counted.
 *
 * A graph is a varlena in one of two forms, told apart by the first byte of
 * its body.
 *
 * PACKED (CJ_GRAPH_PACKED): what is stored, sent and compared.  Equal graphs
 * have equal bytes.  Numbers are LEB128 varints (7 bits a byte, lowest first):
 *
 *	byte	form: 1
 *	byte	by: CjBy
 *	byte	depth: 1..CJ_MAX_DEPTH
 *	byte	flags: 1 = repeats collapsed
 *	numbers	journeys, journeys without a node, events without the attribute
 *	number	of names; for each, by bytes ascending: length, bytes
 *	number	of nodes; for each, ascending by context: length of the context
 *			(1..depth), its names' positions, oldest first; journeys,
 *			journeys that visit it again, exits, tied events
 *	number	of edges; for each, ascending by source and name: source (0 is the
 *			start, else a node's position + 1), position of the name that
 *			follows, transitions, journeys; and unless the source is the start:
 *			high and low half of the sum of microseconds, number of buckets, and
 *			for each its distance from the one before (the first: from -1) and
 *			its count
 *
 * A node is a context: the last "depth" names of a journey so far, fewer at its
 * beginning.  At depth 1 it is a name.  The edge (source, name) leads to the
 * node of the source's context with the name added, so a target is not stored.
 *
 * WORKING (CJ_GRAPH_WORKING): the state of aggregates, edited in place, 8-byte
 * aligned: struct CjGraph, then its regions in the order of CjGraphParts, each
 * with room to grow.  When one is full, everything moves to a larger copy.
 *
 * Times fall into fixed buckets, 16 to each power of two, so that histograms
 * of any two graphs add and subtract exactly; a number near the middle of a
 * bucket is within 5 % of all it holds.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_GRAPH_H
#define CJ_PATHS_GRAPH_H

#include "lib/stringinfo.h"
#include "port/pg_bitutils.h"

#include "journey/journey.h"

#define CJ_GRAPH_PACKED		1
#define CJ_GRAPH_WORKING	0xff

#define CJ_MAX_DEPTH		16

/* What the nodes of a path are. */
typedef enum CjBy
{
	CJ_BY_EVENT,
	CJ_BY_CHANNEL,
	CJ_BY_ITEM
} CjBy;

/* Sum of microseconds: transitions are not negative, so it is unsigned. */
typedef struct CjSum
{
	uint64		low;
	uint64		high;
} CjSum;

typedef struct CjGraphNode
{
	int64		journeys;		/* that visit it */
	int64		again;			/* of these, more than once */
	int64		exits;			/* journeys that end here */
	int64		tied;			/* visits at the same instant as the one
								 * before */
	int64		seen;			/* ordinal of the last journey that visited */
	int64		seen_again;		/* ... more than once */
	int32		code;			/* name, the last of the context; -1 at the
								 * start */
	int32		unused;
} CjGraphNode;

typedef struct CjGraphEdge
{
	int64		count;
	int64		journeys;
	CjSum		sum;
	int64		seen;			/* ordinal of the last journey that took it */
	int32		source;
	int32		code;			/* name that follows */
	int32		target;
	int32		counters;		/* where its histogram begins, in bytes */
	int16		octave;			/* first octave of the histogram */
	int16		octaves;		/* how many it has */
	int32		width;			/* bytes a counter: 1, 2, 4 or 8 */
} CjGraphEdge;

typedef struct CjGraphName
{
	uint32		start;			/* in the names' bytes */
	uint32		len;
	uint32		hash;
} CjGraphName;

/* Sizes of histograms are multiples of this: an octave of the narrowest counters. */
#define CJ_UNIT			16

/* What histograms of fewer units leave is used again. */
#define CJ_HOLES		32

typedef struct CjGraph
{
	int32		vl_len_;
	uint8		form;
	uint8		by;
	uint8		depth;
	uint8		collapse;
	int64		journeys;		/* all of them */
	int64		empty;			/* of these, without a node */
	int64		skipped;		/* events that lack the channel or item */
	int32		names;			/* used, and room */
	int32		names_room;
	int32		bytes;
	int32		bytes_room;
	int32		nodes;			/* node 0 is the start */
	int32		nodes_room;
	int32		edges;
	int32		edges_room;
	int32		counters;		/* bytes */
	int32		counters_room;
	int32		holes[CJ_HOLES];	/* by units: where the first hole is, + 1;
									 * where the next is stands in it */
} CjGraph;

/* Where the regions are. */
typedef struct CjGraphParts
{
	CjGraphNode *nodes;
	CjGraphEdge *edges;
	CjGraphName *names;
	int32	   *name_slots;		/* open addressing, position + 1, 2 *
								 * names_room */
	int32	   *edge_slots;		/* edge + 1 by node and name if "dense", else
								 * open addressing */
	int32	   *contexts;		/* depth names a node, -1 before the first;
								 * only if depth > 1 */
	int32	   *node_slots;		/* open addressing, likewise */
	char	   *bytes;
	char	   *counters;
	bool		dense;
} CjGraphParts;

/* What rows say of an edge's histogram, in microseconds. */
typedef struct CjEdgeTimes
{
	uint64		median;
	uint64		p90;
} CjEdgeTimes;

/* A graph at hand: functions that may move it take a pointer to this. */
typedef struct CjGraphRef
{
	CjGraph    *graph;
	CjGraphParts parts;
	CjEdgeTimes *times;			/* of each edge, in the place of histograms;
								 * or NULL */
	CjGraph    *borrowed;		/* not to be freed when the graph moves */
} CjGraphRef;

#define CJ_SUB_BUCKETS		16
#define CJ_OCTAVES			61
#define CJ_BUCKETS			(CJ_SUB_BUCKETS * CJ_OCTAVES)

/* Microseconds to bucket: below 16 exact, then 16 to each power of two. */
static inline int32
cj_bucket(uint64 usec)
{
	int			bit;

	if (usec < CJ_SUB_BUCKETS)
		return (int32) usec;
	bit = pg_leftmost_one_pos64(usec);
	return (bit - 3) * CJ_SUB_BUCKETS + (int32) ((usec >> (bit - 4)) & (CJ_SUB_BUCKETS - 1));
}

/*
 * What stands for a bucket, in microseconds: the roundest number that is within
 * 5 % of everything the bucket holds.
 */
extern uint64 cj_bucket_value(int32 bucket);

static inline void
cj_sum_add(CjSum *sum, CjSum more)
{
	sum->low += more.low;
	sum->high += more.high + (sum->low < more.low);
}

/* False if "less" is the greater. */
static inline bool
cj_sum_subtract(CjSum *sum, CjSum less)
{
	bool		enough = sum->high > less.high ||
		(sum->high == less.high && sum->low >= less.low);

	sum->high -= less.high + (sum->low < less.low);
	sum->low -= less.low;
	return enough;
}

static inline double
cj_sum_double(CjSum sum)
{
	return (double) sum.high * 18446744073709551616.0 + (double) sum.low;
}

static inline CjText
cj_graph_name(const CjGraphRef *ref, int32 code)
{
	CjText		name = {ref->parts.bytes + ref->parts.names[code].start,
	(int32) ref->parts.names[code].len};

	return name;
}

/* The names that paths are made of, and where an event's code + gap is (collect.c). */
extern const CjNames *cj_path_names(const CjView *view, CjBy by,
									const CjPacked **packed, int32 *gap);

/* ---- histograms (graph_times.c) ---- */

/*
 * Bytes that a histogram has are a multiple of 16 and begin at one, so that counters
 * of any width are aligned.
 */
static inline int64
cj_counter_get(const char *counters, int32 width, int32 i)
{
	switch (width)
	{
		case 1:
			return ((const uint8 *) counters)[i];
		case 2:
			return ((const uint16 *) counters)[i];
		case 4:
			return ((const uint32 *) counters)[i];
		default:
			return ((const int64 *) counters)[i];
	}
}

static inline void
cj_counter_set(char *counters, int32 width, int32 i, int64 count)
{
	switch (width)
	{
		case 1:
			((uint8 *) counters)[i] = (uint8) count;
			break;
		case 2:
			((uint16 *) counters)[i] = (uint16) count;
			break;
		case 4:
			((uint32 *) counters)[i] = (uint32) count;
			break;
		default:
			((int64 *) counters)[i] = count;
	}
}

static inline bool
cj_counter_fits(int32 width, int64 count)
{
	return width == 8 || (width > 0 && (uint64) count >> (8 * width) == 0);
}

/* How many transitions fell into a bucket; sets it, to a number that is not negative. */
extern int64 cj_graph_times(const CjGraphRef *ref, int32 edge, int32 bucket);
extern pg_noinline void cj_graph_set_times(CjGraphRef *ref, int32 edge, int32 bucket, int64 count);

/* One transition more. */
static inline void
cj_graph_count_time(CjGraphRef *ref, int32 edge, int32 bucket)
{
	const CjGraphEdge *e = &ref->parts.edges[edge];
	int32		i = bucket - e->octave * CJ_SUB_BUCKETS;
	char	   *counters = ref->parts.counters + e->counters;
	int64		count;

	if (unlikely((uint32) i >= (uint32) (e->octaves * CJ_SUB_BUCKETS)))
	{
		cj_graph_set_times(ref, edge, bucket, 1);
		return;
	}
	count = cj_counter_get(counters, e->width, i) + 1;
	if (likely(cj_counter_fits(e->width, count)))
		cj_counter_set(counters, e->width, i, count);
	else
		cj_graph_set_times(ref, edge, bucket, count);
}

/* Gives an edge without a histogram one: counts of ascending buckets, at least one. */
extern void cj_graph_put_times(CjGraphRef *ref, int32 edge, const int32 *buckets,
							   const int64 *counts, int32 count);

/* All counters of an edge's octaves, at most CJ_BUCKETS; returns how many there are. */
extern int32 cj_graph_histogram(const CjGraphRef *ref, const CjGraphEdge *edge, int64 *counters);

/* The rank of a lower quantile among so many. */
extern int64 cj_quantile_rank(int64 total, double share);

/* The lower quantile in microseconds from counters of buckets first .. first + count - 1. */
extern uint64 cj_quantile(const int64 *counters, int32 first, int32 count, int64 total, double share);

/* ---- the working form (graph.c) ---- */


extern void cj_graph_create(CjGraphRef *ref, CjBy by, int depth, bool collapse);

/* Room for so many bytes of counters more; the graph may move. */
extern void cj_graph_counters_room(CjGraphRef *ref, int32 bytes);

/* The same of names, nodes, edges and bytes of counters that are known to come. */
extern void cj_graph_reserve(CjGraphRef *ref, int32 names, int32 nodes, int32 edges, int32 counters);

/* A graph that the caller owns and that must not be freed when it grows. */
extern void cj_graph_borrow(CjGraphRef *ref, CjGraph *graph);
extern int32 cj_graph_add_name(CjGraphRef *ref, CjText name);

/* The same without making any: -1 if there is none. */
extern int32 cj_graph_find_name(const CjGraphRef *ref, CjText name);
extern int32 cj_graph_find_node(const CjGraphRef *ref, const int32 *context);

/* The edge from a node by a name, made if new, with its target node. */
extern int32 cj_graph_add_edge(CjGraphRef *ref, int32 source, int32 code);

/* The node of a context of "depth" names, -1 before the first; made if new. */
extern int32 cj_graph_add_node(CjGraphRef *ref, const int32 *context);

extern void cj_graph_add_journey(CjGraphRef *ref, const CjView *view);

/* Fills "depth" names of a node's context. */
extern void cj_graph_context(const CjGraphRef *ref, int32 node, int32 *context);

/* ---- packing, merging (graph_pack.c, graph_merge.c) ---- */

extern struct varlena *cj_graph_pack(const CjGraphRef *ref);

/*
 * The working form of a packed body; NULL if all is well, else what is wrong
 * with it.  Everything is checked that it would be unsafe to trust; "verify" of what
 * comes from outside also that equal graphs have equal bytes.  "Summary" gives
 * edges times in the place of histograms, which are most of a graph.
 */
extern const char *cj_graph_unpack(CjGraphRef *ref, const uint8 *body, Size size, bool summary);
extern const char *cj_graph_verify(CjGraphRef *ref, const uint8 *body, Size size);

/* Adds b to a (or subtracts it): error 22023 if their options differ or a has not all of b. */
extern void cj_graph_merge(CjGraphRef *a, const CjGraphRef *b, bool subtract);

#endif							/* CJ_PATHS_GRAPH_H */
