/*-------------------------------------------------------------------------
 *
 * graph_pack.c
 *		Graphs between their working and their packed form.
 *
 * Packing sorts names, nodes and edges and leaves out what has no count, so
 * that equal graphs give equal bytes however they were made.  Unpacking rebuilds
 * the tables through the functions that counting uses, then checks that counts
 * agree with each other and that packing gives the same bytes again: bytes that
 * pass are a graph that journeys could have made.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "compat.h"
#include "paths/graph.h"
#include "paths/varint.h"

/* ---- packing ---- */

#define BUCKET_SIZE		2		/* bytes of numbers up to CJ_BUCKETS */

typedef struct Packing
{
	const CjGraphRef *ref;
	int64	   *visits;			/* of each node */
	int32	   *name_rank;
	int32	   *node_rank;
	int32		depth;
} Packing;

static int
compare_names(const void *a, const void *b, void *arg)
{
	const Packing *packing = arg;

	return cj_text_compare(cj_graph_name(packing->ref, *(const int32 *) a),
						   cj_graph_name(packing->ref, *(const int32 *) b));
}

static int
compare_nodes(const void *a, const void *b, void *arg)
{
	const Packing *packing = arg;
	int32		one[CJ_MAX_DEPTH];
	int32		two[CJ_MAX_DEPTH];

	cj_graph_context(packing->ref, *(const int32 *) a, one);
	cj_graph_context(packing->ref, *(const int32 *) b, two);
	for (int i = 0; i < packing->depth; i++)
	{
		int32		x = one[i] < 0 ? -1 : packing->name_rank[one[i]];
		int32		y = two[i] < 0 ? -1 : packing->name_rank[two[i]];

		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

static int
compare_edges(const void *a, const void *b, void *arg)
{
	const Packing *packing = arg;
	const CjGraphEdge *x = &packing->ref->parts.edges[*(const int32 *) a];
	const CjGraphEdge *y = &packing->ref->parts.edges[*(const int32 *) b];
	int32		source = packing->node_rank[x->source] - packing->node_rank[y->source];

	return source != 0 ? source : packing->name_rank[x->code] - packing->name_rank[y->code];
}

/* Writes the names in use and ranks them. */
static void
pack_names(Packing *packing, StringInfo to)
{
	const CjGraphRef *ref = packing->ref;
	int32	   *used = palloc_array(int32, ref->graph->names + 1);
	bool	   *in_use = palloc0_array(bool, ref->graph->names + 1);
	int32		count = 0;
	int32		context[CJ_MAX_DEPTH];

	for (int32 node = 1; node < ref->graph->nodes; node++)
	{
		if (packing->visits[node] == 0)
			continue;
		cj_graph_context(ref, node, context);
		for (int i = 0; i < packing->depth; i++)
			if (context[i] >= 0)
				in_use[context[i]] = true;
	}
	for (int32 i = 0; i < ref->graph->names; i++)
		if (in_use[i])
			used[count++] = i;
	qsort_arg(used, count, sizeof(int32), compare_names, packing);
	cj_put_number(to, count);
	for (int32 i = 0; i < count; i++)
	{
		CjText		name = cj_graph_name(ref, used[i]);

		packing->name_rank[used[i]] = i;
		cj_put_text(to, name);
	}
	pfree(used);
	pfree(in_use);
}

static void
pack_nodes(Packing *packing, StringInfo to)
{
	const CjGraphRef *ref = packing->ref;
	int32	   *used = palloc_array(int32, ref->graph->nodes);
	int32		count = 0;
	int32		context[CJ_MAX_DEPTH];

	for (int32 node = 1; node < ref->graph->nodes; node++)
		if (packing->visits[node] > 0)
			used[count++] = node;
	qsort_arg(used, count, sizeof(int32), compare_nodes, packing);
	cj_put_number(to, count);
	for (int32 i = 0; i < count; i++)
	{
		const CjGraphNode *node = &ref->parts.nodes[used[i]];
		int			before = 0;

		packing->node_rank[used[i]] = i + 1;
		cj_graph_context(ref, used[i], context);
		while (context[before] < 0)
			before++;
		cj_put_number(to, packing->depth - before);
		for (int j = before; j < packing->depth; j++)
			cj_put_number(to, packing->name_rank[context[j]]);
		cj_put_number(to, node->journeys);
		cj_put_number(to, node->again);
		cj_put_number(to, node->exits);
		cj_put_number(to, node->tied);
	}
	pfree(used);
}

/* Which counters are not zero, ascending; returns how many. */
static int32
used_counters(const char *counters, const CjGraphEdge *edge, int32 *used)
{
	int32		count = edge->octaves * CJ_SUB_BUCKETS;
	int32		n = 0;

	if (edge->width > 1)
	{
		for (int32 i = 0; i < count; i++)
		{
			used[n] = i;
			n += cj_counter_get(counters, edge->width, i) != 0;
		}
		return n;
	}
	for (int32 i = 0; i < count; i += sizeof(uint64))
	{
		uint64		eight;

		memcpy(&eight, counters + i, sizeof(eight));
		for (int j = 0; eight != 0 && j < (int) sizeof(eight); j++)
		{
			used[n] = i + j;
			n += ((const uint8 *) counters)[i + j] != 0;
		}
	}
	return n;
}

static void
pack_times(const CjGraphRef *ref, const CjGraphEdge *edge, StringInfo to)
{
	const char *counters = ref->parts.counters + edge->counters;
	int32		first = edge->octave * CJ_SUB_BUCKETS;
	int32		used[CJ_BUCKETS];
	int32		buckets = used_counters(counters, edge, used);
	int32		before = -1;
	char	   *at;

	cj_put_number(to, edge->sum.high);
	cj_put_number(to, edge->sum.low);
	cj_put_number(to, buckets);
	enlargeStringInfo(to, buckets * (BUCKET_SIZE + cj_number_size(edge->count)));
	at = to->data + to->len;
	for (int32 i = 0; i < buckets; i++)
	{
		at = cj_write_number(at, first + used[i] - before);
		at = cj_write_number(at, cj_counter_get(counters, edge->width, used[i]));
		before = first + used[i];
	}
	to->len = at - to->data;
}

static void
pack_edges(Packing *packing, StringInfo to)
{
	const CjGraphRef *ref = packing->ref;
	int32	   *used = palloc_array(int32, ref->graph->edges + 1);
	int32		count = 0;

	for (int32 i = 0; i < ref->graph->edges; i++)
		if (ref->parts.edges[i].count > 0)
			used[count++] = i;
	qsort_arg(used, count, sizeof(int32), compare_edges, packing);
	cj_put_number(to, count);
	for (int32 i = 0; i < count; i++)
	{
		const CjGraphEdge *edge = &ref->parts.edges[used[i]];

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		cj_put_number(to, packing->node_rank[edge->source]);
		cj_put_number(to, packing->name_rank[edge->code]);
		cj_put_number(to, edge->count);
		cj_put_number(to, edge->journeys);
		if (edge->source != 0)
			pack_times(ref, edge, to);
	}
	pfree(used);
}

struct varlena *
cj_graph_pack(const CjGraphRef *ref)
{
	const CjGraph *graph = ref->graph;
	Packing		packing;
	StringInfoData to;

	packing.ref = ref;
	packing.depth = graph->depth;
	packing.visits = palloc0_array(int64, graph->nodes);
	packing.name_rank = palloc0_array(int32, graph->names + 1);
	packing.node_rank = palloc0_array(int32, graph->nodes);
	for (int32 i = 0; i < graph->edges; i++)
		packing.visits[ref->parts.edges[i].target] += ref->parts.edges[i].count;
	initStringInfo(&to);
	appendStringInfoSpaces(&to, VARHDRSZ);
	appendStringInfoChar(&to, CJ_GRAPH_PACKED);
	appendStringInfoChar(&to, (char) graph->by);
	appendStringInfoChar(&to, (char) graph->depth);
	appendStringInfoChar(&to, (char) graph->collapse);
	cj_put_number(&to, graph->journeys);
	cj_put_number(&to, graph->empty);
	cj_put_number(&to, graph->skipped);
	pack_names(&packing, &to);
	pack_nodes(&packing, &to);
	pack_edges(&packing, &to);
	pfree(packing.visits);
	pfree(packing.name_rank);
	pfree(packing.node_rank);
	SET_VARSIZE(to.data, to.len);
	return (struct varlena *) to.data;
}

/* ---- unpacking ---- */

/*
 * Room is made at once for what is said to follow, so that nothing moves; but only
 * for so many, since it may not be true.
 */
#define MOST_AHEAD		4096
#define MOST_BYTES_AHEAD	1048576

/* How many of something follow, each of so many bytes at least. */
static int64
get_count(CjReader *reader, int least)
{
	return cj_get_limited(reader, (reader->end - reader->at) / least);
}

static void
unpack_names(CjGraphRef *ref, CjReader *reader)
{
	int64		count = get_count(reader, 1);

	cj_graph_reserve(ref, Min(count, MOST_AHEAD), 0, 0, 0);
	for (int64 i = 0; i < count && reader->fault == NULL; i++)
	{
		CjText		name = cj_get_text(reader, CJ_MAX_NAME);

		if (reader->fault != NULL)
			return;
		if (!pg_verify_mbstr(GetDatabaseEncoding(), name.data, name.len, true))
			reader->fault = "A name is not valid text.";
		else if (cj_graph_add_name(ref, name) != i)
			reader->fault = "A name occurs twice.";
	}
}

static void
unpack_nodes(CjGraphRef *ref, CjReader *reader)
{
	int			depth = ref->graph->depth;
	int64		count = get_count(reader, 6);

	cj_graph_reserve(ref, 0, Min(count, MOST_AHEAD), 0, 0);
	for (int64 i = 1; i <= count && reader->fault == NULL; i++)
	{
		int			length = (int) cj_get_limited(reader, depth);
		int32		context[CJ_MAX_DEPTH];
		CjGraphNode *node;

		for (int j = 0; j < depth; j++)
			context[j] = j < depth - length ? -1 :
				(int32) cj_get_limited(reader, ref->graph->names - 1);
		if (reader->fault == NULL && (length == 0 || ref->graph->names == 0 ||
									  cj_graph_add_node(ref, context) != i))
			reader->fault = "A node is empty or occurs twice.";
		if (reader->fault != NULL)
			return;
		node = &ref->parts.nodes[i];
		node->journeys = cj_get_limited(reader, PG_INT64_MAX);
		node->again = cj_get_limited(reader, PG_INT64_MAX);
		node->exits = cj_get_limited(reader, PG_INT64_MAX);
		node->tied = cj_get_limited(reader, PG_INT64_MAX);
	}
}

/* Median and 90 % of ascending buckets' counts. */
static void
summarize(CjEdgeTimes *times, const int32 *buckets, const int64 *counts, int64 total)
{
	int64		median = cj_quantile_rank(total, 0.5);
	int64		p90 = cj_quantile_rank(total, 0.9);
	int64		below = 0;
	int32		i = 0;

	for (; below + counts[i] < median; i++)
		below += counts[i];
	times->median = cj_bucket_value(buckets[i]);
	for (; below + counts[i] < p90; i++)
		below += counts[i];
	times->p90 = cj_bucket_value(buckets[i]);
}

static void
unpack_times(CjGraphRef *ref, CjReader *reader, int32 edge)
{
	int64		buckets;
	int64		counters[CJ_BUCKETS];
	int32		at[CJ_BUCKETS];
	int64		bucket = -1;
	int64		timed = 0;
	bool		overflow = false;

	ref->parts.edges[edge].sum.high = cj_get_number(reader);
	ref->parts.edges[edge].sum.low = cj_get_number(reader);
	buckets = cj_get_limited(reader, CJ_BUCKETS);
	for (int64 i = 0; i < buckets && reader->fault == NULL; i++)
	{
		bucket += cj_get_limited(reader, CJ_BUCKETS);
		at[i] = (int32) bucket;
		counters[i] = cj_get_limited(reader, PG_INT64_MAX);
		if (bucket < 0 || bucket >= CJ_BUCKETS)
			reader->fault = "A bucket is out of range.";
		overflow |= pg_add_s64_overflow(timed, counters[i], &timed);
	}
	if (reader->fault == NULL && (overflow || timed != ref->parts.edges[edge].count))
		reader->fault = "Its counts do not add up.";
	if (reader->fault != NULL || timed == 0)
		return;
	if (ref->times != NULL)
		summarize(&ref->times[edge], at, counters, timed);
	else
		cj_graph_put_times(ref, edge, at, counters, (int32) buckets);
}

static void
unpack_edges(CjGraphRef *ref, CjReader *reader, bool summary)
{
	int64		count = get_count(reader, 4);
	int32		nodes = ref->graph->nodes;

	/*
	 * a counter takes two bytes or more if it is used, and some between are
	 * not
	 */
	cj_graph_reserve(ref, 0, 0, Min(count, MOST_AHEAD),
					 summary ? 0 : Min(2 * (reader->end - reader->at), MOST_BYTES_AHEAD));
	if (summary)
		ref->times = palloc0_array(CjEdgeTimes, count + 1);
	for (int64 i = 0; i < count && reader->fault == NULL; i++)
	{
		int32		source = (int32) cj_get_limited(reader, nodes - 1);
		int32		code = (int32) cj_get_limited(reader, Max(ref->graph->names - 1, 0));
		int32		edge;

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (reader->fault == NULL &&
			(ref->graph->names == 0 || (edge = cj_graph_add_edge(ref, source, code)) != i ||
			 ref->graph->nodes != nodes))
			reader->fault = "An edge occurs twice or leads to no node.";
		if (reader->fault != NULL)
			return;
		ref->parts.edges[i].count = cj_get_limited(reader, PG_INT64_MAX);
		ref->parts.edges[i].journeys = cj_get_limited(reader, PG_INT64_MAX);
		if (source != 0)
			unpack_times(ref, reader, (int32) i);
	}
}

/* Do an edge's numbers agree? */
static bool
edge_agrees(const CjGraphEdge *edge)
{
	return edge->journeys > 0 && edge->journeys <= edge->count &&
		(edge->source != 0 || edge->count == edge->journeys);
}

/* What does not add up, or NULL. */
static const char *
check_counts(const CjGraphRef *ref)
{
	const CjGraph *graph = ref->graph;
	int64	   *in = palloc0_array(int64, graph->nodes);
	int64	   *out = palloc0_array(int64, graph->nodes);
	int64		total;
	bool		bad = false;

	for (int32 i = 0; i < graph->edges; i++)
	{
		const CjGraphEdge *edge = &ref->parts.edges[i];

		bad |= !edge_agrees(edge) ||
			pg_add_s64_overflow(in[edge->target], edge->count, &in[edge->target]) ||
			pg_add_s64_overflow(out[edge->source], edge->count, &out[edge->source]);
	}
	bad |= pg_add_s64_overflow(out[0], graph->empty, &total) || total != graph->journeys;
	for (int32 i = 1; i < graph->nodes && !bad; i++)
	{
		const CjGraphNode *node = &ref->parts.nodes[i];

		bad |= pg_add_s64_overflow(out[i], node->exits, &total) || total != in[i] ||
			node->journeys < 1 || node->journeys > in[i] || node->again > node->journeys ||
			node->exits > node->journeys || node->tied > in[i] ||
			node->journeys > graph->journeys;
	}
	pfree(in);
	pfree(out);
	return bad ? "Its counts do not add up." : NULL;
}

const char *
cj_graph_unpack(CjGraphRef *ref, const uint8 *body, Size size, bool summary)
{
	CjReader	reader = {body, body + size, NULL};

	if (size < 4 || body[0] != CJ_GRAPH_PACKED)
		return "It has an unknown format version.";
	if (body[1] > CJ_BY_ITEM || body[2] < 1 || body[2] > CJ_MAX_DEPTH || body[3] > 1)
		return "Its options are out of range.";
	cj_graph_create(ref, (CjBy) body[1], body[2], body[3] != 0);
	reader.at += 4;
	ref->graph->journeys = cj_get_limited(&reader, PG_INT64_MAX);
	ref->graph->empty = cj_get_limited(&reader, PG_INT64_MAX);
	ref->graph->skipped = cj_get_limited(&reader, PG_INT64_MAX);
	unpack_names(ref, &reader);
	if (reader.fault == NULL)
		unpack_nodes(ref, &reader);
	if (reader.fault == NULL)
		unpack_edges(ref, &reader, summary);
	if (reader.fault == NULL)
		reader.fault = check_counts(ref);
	return reader.fault;
}

const char *
cj_graph_verify(CjGraphRef *ref, const uint8 *body, Size size)
{
	const char *fault = cj_graph_unpack(ref, body, size, false);
	struct varlena *again;

	if (fault != NULL)
		return fault;
	again = cj_graph_pack(ref);
	if (VARSIZE(again) - VARHDRSZ != size || memcmp(VARDATA(again), body, size) != 0)
		return "It is not in canonical order.";
	pfree(again);
	return NULL;
}

/* ---- merging ---- */

static void
tally(int64 *to, int64 more, bool subtract)
{
	if (subtract ? *to < more : pg_add_s64_overflow(*to, more, to))
		ereport(ERROR,
				subtract ?
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot subtract a graph that is not part of the other"),
				 errhint("Subtract graphs of journeys that the other graph was made of.")) :
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("counts of journey graph are out of range")));
	if (subtract)
		*to -= more;
}

static void
merge_edge(CjGraphRef *a, int32 into, const CjGraphRef *b, const CjGraphEdge *from, bool subtract)
{
	CjGraphEdge *edge = &a->parts.edges[into];
	int64		counters[CJ_BUCKETS];
	int32		count = cj_graph_histogram(b, from, counters);

	tally(&edge->count, from->count, subtract);
	tally(&edge->journeys, from->journeys, subtract);
	if (!subtract)
		cj_sum_add(&edge->sum, from->sum);
	else if (!cj_sum_subtract(&edge->sum, from->sum))
		tally(&edge->count, PG_INT64_MAX, true);
	for (int32 i = 0; i < count; i++)
	{
		int32		bucket = from->octave * CJ_SUB_BUCKETS + i;
		int64		times;

		if (counters[i] == 0)
			continue;
		times = cj_graph_times(a, into, bucket);
		tally(&times, counters[i], subtract);
		cj_graph_set_times(a, into, bucket, times);
	}
}

void
cj_graph_merge(CjGraphRef *a, const CjGraphRef *b, bool subtract)
{
	const CjGraph *from = b->graph;
	int32	   *codes = palloc_array(int32, from->names + 1);
	int32	   *nodes = palloc0_array(int32, from->nodes);
	int32		context[CJ_MAX_DEPTH];

	if (a->graph->by != from->by || a->graph->depth != from->depth ||
		a->graph->collapse != from->collapse)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("graphs of different options do not combine"),
				 errhint("Make both with the same graph_options.")));
	for (int32 i = 0; i < from->names; i++)
		codes[i] = cj_graph_add_name(a, cj_graph_name(b, i));
	for (int32 i = 1; i < from->nodes; i++)
	{
		const CjGraphNode *more = &b->parts.nodes[i];
		CjGraphNode *node;

		cj_graph_context(b, i, context);
		for (int j = 0; j < from->depth; j++)
			context[j] = context[j] < 0 ? -1 : codes[context[j]];
		nodes[i] = cj_graph_add_node(a, context);
		node = &a->parts.nodes[nodes[i]];
		tally(&node->journeys, more->journeys, subtract);
		tally(&node->again, more->again, subtract);
		tally(&node->exits, more->exits, subtract);
		tally(&node->tied, more->tied, subtract);
	}
	for (int32 i = 0; i < from->edges; i++)
	{
		const CjGraphEdge *edge = &b->parts.edges[i];

		if ((i & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (edge->count > 0)
			merge_edge(a, cj_graph_add_edge(a, nodes[edge->source], codes[edge->code]), b, edge, subtract);
	}
	tally(&a->graph->journeys, from->journeys, subtract);
	tally(&a->graph->empty, from->empty, subtract);
	tally(&a->graph->skipped, from->skipped, subtract);
	pfree(codes);
	pfree(nodes);
}
