/*-------------------------------------------------------------------------
 *
 * graph.c
 *		Counting transitions: the working form of a graph, edited in place.
 *
 * A journey costs one look-up a distinct name, and then for each event one
 * look-up of the edge (an array access while nodes times names are few, else a
 * probe of a hash table), a few additions in the edge's cache line, and one in
 * its histogram.  "Seen" ordinals count each journey once an edge and a node.
 *
 * Regions double.  A histogram covers the octaves it needs, with counters as wide
 * as it needs.  When it needs more, it moves to where one of that size has been, or
 * to the end of the counters; what is left over is dropped when they are full.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "paths/graph.h"

#define DENSE_SLOTS		65536	/* largest node by name array */
#define FIRST_ROOM		8
#define SMALL_ROOM		64		/* below, it grows fourfold */
#define FIRST_BYTES		128
#define FIRST_COUNTERS	128
#define STEP_OF_COUNTERS	24576

/* ---- regions ---- */

static inline char *
take(char **at, uint64 count, Size size)
{
	char	   *region = *at;

	*at += MAXALIGN(count * size);
	return region;
}

/* Places the regions; returns the size of the whole. */
static Size
place_parts(CjGraph *graph, CjGraphParts *parts)
{
	char	   *at = (char *) graph + MAXALIGN(sizeof(CjGraph));
	uint64		nodes = graph->nodes_room;
	uint64		names = graph->names_room;

	parts->dense = nodes * names <= DENSE_SLOTS;
	parts->nodes = (CjGraphNode *) take(&at, nodes, sizeof(CjGraphNode));
	parts->edges = (CjGraphEdge *) take(&at, graph->edges_room, sizeof(CjGraphEdge));
	parts->names = (CjGraphName *) take(&at, names, sizeof(CjGraphName));
	parts->name_slots = (int32 *) take(&at, 2 * names, sizeof(int32));
	parts->edge_slots = (int32 *) take(&at, parts->dense ? nodes * names :
									   2 * (uint64) graph->edges_room, sizeof(int32));
	parts->contexts = (int32 *) take(&at, graph->depth > 1 ? nodes * graph->depth : 0, sizeof(int32));
	parts->node_slots = (int32 *) take(&at, graph->depth > 1 ? 2 * nodes : 0, sizeof(int32));
	parts->bytes = take(&at, graph->bytes_room, 1);
	parts->counters = take(&at, graph->counters_room, 1);
	return at - (char *) graph;
}

pg_noreturn static void too_large(void);

static void
too_large(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("journey graph is too large"),
			 errhint("Use a smaller depth, or rename rare events to one name with journey_rename.")));
}

/* Room for so many, to a power of two, and more if it gets short anyway. */
static int32
room_for(int32 room, int32 used, int64 more)
{
	int64		need = used + more;

	if (need > (INT64CONST(1) << 30))
		too_large();
	if (need > room && room < SMALL_ROOM)
		room *= 4;
	while (room < need || used > room - room / 4)
		room *= 2;
	return room;
}

/* A graph with the sizes and totals of another, and room. */
static CjGraph *
allocate(const CjGraph *like, CjGraphParts *parts)
{
	CjGraph		sizes = *like;
	Size		size = place_parts(&sizes, parts);
	CjGraph    *graph;

	if (!AllocSizeIsValid(size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("journey graph would be larger than 1 GB"),
				 errdetail("It has %d names, %d nodes and %d edges.",
						   like->names, like->nodes - 1, like->edges),
				 errhint("Use a smaller depth, or rename rare events to one name with journey_rename.")));
	graph = palloc0(size);
	*graph = *like;
	SET_VARSIZE(graph, size);
	place_parts(graph, parts);
	return graph;
}

/* ---- open addressing ---- */

static inline uint32
hash_name(CjText name)
{
	uint64		head = 0;
	uint64		tail = 0;

	if (name.len >= 8)
	{
		memcpy(&head, name.data, 8);
		memcpy(&tail, name.data + name.len - 8, 8);
		if (unlikely(name.len > 16))
			return hash_bytes((const unsigned char *) name.data, name.len);
	}
	else if (name.len >= 4)
	{
		memcpy(&head, name.data, 4);
		memcpy(&tail, name.data + name.len - 4, 4);
	}
	else
		for (int i = 0; i < name.len; i++)
			head = head << 8 | (uint8) name.data[i];
	head = (head ^ (tail << 32 | tail >> 32) ^ (uint64) name.len) * UINT64CONST(0x9E3779B97F4A7C15);
	return (uint32) (head >> 32);
}

static inline uint32
hash_edge(int32 source, int32 code)
{
	return (uint32) (((uint64) source << 32 | (uint32) code) * UINT64CONST(0x9E3779B97F4A7C15) >> 32);
}

static inline uint32
hash_context(const int32 *context, int depth)
{
	return hash_bytes((const unsigned char *) context, depth * sizeof(int32));
}

/* Puts an entry that is not in it into a table with room. */
static void
put_slot(int32 *slots, int32 room, uint32 hash, int32 entry)
{
	uint32		mask = 2 * (uint32) room - 1;

	for (hash &= mask; slots[hash] != 0; hash = (hash + 1) & mask)
		;
	slots[hash] = entry + 1;
}

static void
put_edge(CjGraphRef *ref, int32 edge)
{
	const CjGraphEdge *e = &ref->parts.edges[edge];

	if (ref->parts.dense)
		ref->parts.edge_slots[(Size) e->source * ref->graph->names_room + e->code] = edge + 1;
	else
		put_slot(ref->parts.edge_slots, ref->graph->edges_room,
				 hash_edge(e->source, e->code), edge);
}

static inline int32
find_edge(const CjGraphRef *ref, int32 source, int32 code)
{
	const CjGraphParts *parts = &ref->parts;
	uint32		mask = 2 * (uint32) ref->graph->edges_room - 1;
	uint32		at;

	if (likely(parts->dense))
		return parts->edge_slots[(Size) source * ref->graph->names_room + code] - 1;
	for (at = hash_edge(source, code) & mask; parts->edge_slots[at] != 0; at = (at + 1) & mask)
	{
		const CjGraphEdge *e = &parts->edges[parts->edge_slots[at] - 1];

		if (e->source == source && e->code == code)
			return parts->edge_slots[at] - 1;
	}
	return -1;
}

/* ---- growth ---- */

static inline int32
histogram_bytes(const CjGraphEdge *edge)
{
	return edge->octaves * CJ_SUB_BUCKETS * edge->width;
}

/* Bytes of counters that histograms use. */
static int64
live_counters(const CjGraphRef *ref)
{
	int64		live = 0;

	for (int32 i = 0; i < ref->graph->edges; i++)
		live += histogram_bytes(&ref->parts.edges[i]);
	return live;
}

/* Copies the histograms to the new graph, one after the other. */
static void
move_counters(CjGraphRef *to, const CjGraphRef *from)
{
	int32		at = 0;

	for (int32 i = 0; i < from->graph->edges; i++)
	{
		CjGraphEdge *edge = &to->parts.edges[i];

		memcpy(to->parts.counters + at, from->parts.counters + edge->counters, histogram_bytes(edge));
		edge->counters = at;
		at += histogram_bytes(edge);
	}
	to->graph->counters = at;
}

static void
move_parts(CjGraphRef *to, const CjGraphRef *from)
{
	const CjGraph *g = from->graph;
	const CjGraphParts *old = &from->parts;
	CjGraphParts *new = &to->parts;

	memcpy(new->nodes, old->nodes, g->nodes * sizeof(CjGraphNode));
	memcpy(new->edges, old->edges, g->edges * sizeof(CjGraphEdge));
	memcpy(new->names, old->names, g->names * sizeof(CjGraphName));
	memcpy(new->bytes, old->bytes, g->bytes);
	move_counters(to, from);
	for (int32 i = 0; i < g->names; i++)
		put_slot(new->name_slots, to->graph->names_room, new->names[i].hash, i);
	for (int32 i = 0; i < g->edges; i++)
		put_edge(to, i);
	if (g->depth == 1)
		return;
	memcpy(new->contexts, old->contexts, (Size) g->nodes * g->depth * sizeof(int32));
	for (int32 i = 0; i < g->nodes; i++)
	{
		const int32 *context = new->contexts + (Size) i * g->depth;

		put_slot(new->node_slots, to->graph->nodes_room, hash_context(context, g->depth), i);
	}
}

/*
 * Room for counters.  Each move touches memory that is given back after it, which
 * costs more than the copying: small graphs grow fast, and large ones leave little
 * unused.
 */
static int32
counters_room(const CjGraphRef *ref, int32 more)
{
	int64		live = live_counters(ref);
	int64		need = live + more;

	need = TYPEALIGN(CJ_UNIT, need + Max(live / 2, Min(3 * live, STEP_OF_COUNTERS)));
	if (need > (int64) MaxAllocSize)
		too_large();
	return Max(ref->graph->counters_room, (int32) need);
}

/* Makes room; the graph moves to a larger copy if some lacks. */
static pg_noinline void
make_room(CjGraphRef *ref, int32 names, int64 bytes, int32 nodes, int32 edges, int32 counters)
{
	CjGraph    *old = ref->graph;
	CjGraph		want = *old;
	CjGraphRef	to = *ref;

	want.names_room = room_for(old->names_room, old->names, names);
	want.bytes_room = room_for(old->bytes_room, old->bytes, bytes);
	want.nodes_room = room_for(old->nodes_room, old->nodes, nodes);
	want.edges_room = room_for(old->edges_room, old->edges, edges);
	want.counters_room = counters_room(ref, counters);
	memset(want.holes, 0, sizeof(want.holes));
	to.graph = allocate(&want, &to.parts);
	move_parts(&to, ref);
	if (old != ref->borrowed)
		pfree(old);
	*ref = to;
}

void
cj_graph_counters_room(CjGraphRef *ref, int32 bytes)
{
	if ((int64) ref->graph->counters + bytes > ref->graph->counters_room)
		make_room(ref, 0, 0, 0, 0, bytes);
}

void
cj_graph_reserve(CjGraphRef *ref, int32 names, int32 nodes, int32 edges, int32 counters)
{
	make_room(ref, names, 0, nodes, edges, counters);
}

void
cj_graph_create(CjGraphRef *ref, CjBy by, int depth, bool collapse)
{
	CjGraph		sizes;

	memset(&sizes, 0, sizeof(sizes));
	sizes.form = CJ_GRAPH_WORKING;
	sizes.by = (uint8) by;
	sizes.depth = (uint8) depth;
	sizes.collapse = collapse;
	sizes.names_room = sizes.nodes_room = sizes.edges_room = FIRST_ROOM;
	sizes.bytes_room = FIRST_BYTES;
	sizes.counters_room = FIRST_COUNTERS;
	sizes.nodes = 1;
	ref->graph = allocate(&sizes, &ref->parts);
	ref->times = NULL;
	ref->borrowed = NULL;
	ref->parts.nodes[0].code = -1;
	if (depth > 1)
	{
		for (int i = 0; i < depth; i++)
			ref->parts.contexts[i] = -1;
		put_slot(ref->parts.node_slots, FIRST_ROOM, hash_context(ref->parts.contexts, depth), 0);
	}
}

void
cj_graph_borrow(CjGraphRef *ref, CjGraph *graph)
{
	ref->graph = graph;
	ref->times = NULL;
	ref->borrowed = graph;
	place_parts(graph, &ref->parts);
}

/* ---- names, nodes, edges ---- */

static inline int32
find_name(const CjGraphRef *ref, CjText name, uint32 hash)
{
	uint32		mask = 2 * (uint32) ref->graph->names_room - 1;

	for (uint32 at = hash & mask; ref->parts.name_slots[at] != 0; at = (at + 1) & mask)
	{
		const CjGraphName *entry = &ref->parts.names[ref->parts.name_slots[at] - 1];

		if (entry->hash == hash && entry->len == (uint32) name.len &&
			memcmp(ref->parts.bytes + entry->start, name.data, name.len) == 0)
			return ref->parts.name_slots[at] - 1;
	}
	return -1;
}

int32
cj_graph_find_name(const CjGraphRef *ref, CjText name)
{
	return find_name(ref, name, hash_name(name));
}

int32
cj_graph_add_name(CjGraphRef *ref, CjText name)
{
	uint32		hash = hash_name(name);
	int32		code = find_name(ref, name, hash);
	CjGraph    *graph = ref->graph;
	CjGraphName *entry;

	if (code >= 0)
		return code;
	if (graph->names == graph->names_room || graph->bytes + (int64) name.len > graph->bytes_room)
		make_room(ref, 1, name.len, 0, 0, 0);
	graph = ref->graph;
	entry = &ref->parts.names[graph->names];
	entry->start = graph->bytes;
	entry->len = name.len;
	entry->hash = hash;
	memcpy(ref->parts.bytes + entry->start, name.data, name.len);
	graph->bytes += name.len;
	put_slot(ref->parts.name_slots, graph->names_room, hash, graph->names);
	return graph->names++;
}

void
cj_graph_context(const CjGraphRef *ref, int32 node, int32 *context)
{
	int			depth = ref->graph->depth;

	if (depth == 1)
		context[0] = ref->parts.nodes[node].code;
	else
		memcpy(context, ref->parts.contexts + (Size) node * depth, depth * sizeof(int32));
}

/* The node of a context, or -1; only for depths above 1. */
static int32
find_node(const CjGraphRef *ref, const int32 *context)
{
	int			depth = ref->graph->depth;
	uint32		mask = 2 * (uint32) ref->graph->nodes_room - 1;

	for (uint32 at = hash_context(context, depth) & mask; ref->parts.node_slots[at] != 0;
		 at = (at + 1) & mask)
	{
		int32		node = ref->parts.node_slots[at] - 1;

		if (memcmp(ref->parts.contexts + (Size) node * depth, context, depth * sizeof(int32)) == 0)
			return node;
	}
	return -1;
}

int32
cj_graph_find_node(const CjGraphRef *ref, const int32 *context)
{
	if (ref->graph->depth > 1)
		return find_node(ref, context);
	return context[0] + 1 < ref->graph->nodes ? context[0] + 1 : -1;
}

/*
 * At depth 1 the node of name i is node i + 1, made with all before it, so
 * that no table is needed.
 */
int32
cj_graph_add_node(CjGraphRef *ref, const int32 *context)
{
	int			depth = ref->graph->depth;
	int32		node = depth == 1 ? context[0] + 1 : find_node(ref, context);

	if (node >= 0 && node < ref->graph->nodes)
		return node;
	if (depth > 1)
		node = ref->graph->nodes;
	if (node >= ref->graph->nodes_room)
		make_room(ref, 0, 0, node + 1 - ref->graph->nodes, 0, 0);
	while (ref->graph->nodes <= node)
	{
		int32		next = ref->graph->nodes++;

		ref->parts.nodes[next].code = depth == 1 ? next - 1 : context[depth - 1];
	}
	if (depth > 1)
	{
		memcpy(ref->parts.contexts + (Size) node * depth, context, depth * sizeof(int32));
		put_slot(ref->parts.node_slots, ref->graph->nodes_room, hash_context(context, depth), node);
	}
	return node;
}

int32
cj_graph_add_edge(CjGraphRef *ref, int32 source, int32 code)
{
	int32		edge = find_edge(ref, source, code);
	int32		context[CJ_MAX_DEPTH + 1];
	int32		target;
	CjGraphEdge *e;

	if (edge >= 0)
		return edge;
	cj_graph_context(ref, source, context);
	context[ref->graph->depth] = code;
	target = cj_graph_add_node(ref, context + 1);
	if (ref->graph->edges == ref->graph->edges_room)
		make_room(ref, 0, 0, 0, 1, 0);
	edge = ref->graph->edges++;
	e = &ref->parts.edges[edge];
	e->source = source;
	e->code = code;
	e->target = target;
	put_edge(ref, edge);
	return edge;
}

/* ---- a journey ---- */

#define CODES_AT_HAND	64

static inline void
visit(CjGraphNode *node, int64 now)
{
	if (node->seen != now)
	{
		node->seen = now;
		node->journeys++;
	}
	else if (node->seen_again != now)
	{
		node->seen_again = now;
		node->again++;
	}
}

/* Takes an edge; "usec" is the time it took, unless it leaves the start. */
static inline int32
step(CjGraphRef *ref, int32 node, int32 code, uint64 usec)
{
	int64		now = ref->graph->journeys;
	int32		edge = find_edge(ref, node, code);
	CjGraphEdge *e;

	if (unlikely(edge < 0))
		edge = cj_graph_add_edge(ref, node, code);
	e = &ref->parts.edges[edge];
	e->count++;
	if (e->seen != now)
	{
		e->seen = now;
		e->journeys++;
	}
	if (node != 0)
	{
		e->sum.low += usec;
		e->sum.high += e->sum.low < usec;
		cj_graph_count_time(ref, edge, cj_bucket(usec));
	}
	node = ref->parts.edges[edge].target;
	visit(&ref->parts.nodes[node], now);
	return node;
}

/* Walks the events, their names given as codes of the graph. */
static void
walk(CjGraphRef *ref, const CjView *view, const CjPacked *packed, int32 gap, const int32 *codes)
{
	bool		collapse = ref->graph->collapse;
	uint64		before = 0;
	int32		node = 0;
	int32		last = -1;
	int64		skipped = 0;

	for (int32 i = 0; i < view->nevents; i++)
	{
		int32		code = (int32) cj_packed_get(packed, i) - gap;
		uint64		time = cj_packed_get(&view->times, i);
		int32		from = node;

		if (unlikely((i & 0x3ff) == 0x3ff))
			CHECK_FOR_INTERRUPTS();
		if (code < 0)
		{
			skipped++;
			continue;
		}
		if (collapse && code == last)
			continue;
		last = code;
		node = step(ref, from, codes[code], (time - before) * (uint64) view->unit);
		ref->parts.nodes[node].tied += time == before && from != 0;
		before = time;
	}
	ref->graph->skipped += skipped;
	ref->parts.nodes[node].exits += node != 0;
	ref->graph->empty += node == 0;
}

void
cj_graph_add_journey(CjGraphRef *ref, const CjView *view)
{
	const CjPacked *packed;
	int32		gap;
	const CjNames *names = cj_path_names(view, ref->graph->by, &packed, &gap);
	int32		at_hand[CODES_AT_HAND];
	int32	   *codes = at_hand;

	ref->graph->journeys++;
	if (names->count == 0)
	{
		ref->graph->empty++;
		ref->graph->skipped += view->nevents;
		return;
	}
	if (names->count > CODES_AT_HAND)
		codes = palloc_array(int32, names->count);
	for (int32 i = 0; i < names->count; i++)
		codes[i] = cj_graph_add_name(ref, cj_name(names, i));
	walk(ref, view, packed, gap, codes);
	if (codes != at_hand)
		pfree(codes);
}
