/*-------------------------------------------------------------------------
 *
 * cluster.c
 *		From weighed pairs to groups.
 *
 * Edges join groups from the strongest to the weakest (ties by their ends), so
 * the joins form a spanning forest whose last join in a group is its weakest
 * link.  An edge is passed over where it would bring together two nodes that
 * may not be together: a cannot-link edge, or two records of one source where
 * each source has a customer once.  Edges that must link come first.
 *
 * A group beyond the size limit is cut at its weakest link, and so are its
 * parts, until all fit; joins that must be are never cut.  Without constraints
 * the result is the connected components.
 *
 * Cost: a sort of the edges, then almost linear.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/progress.h"
#include "compat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "identity/linkage.h"

#define ST_SORT sort_edges
#define ST_ELEMENT_TYPE CjEdge
#define ST_COMPARE(x, y) ((x)->weight != (y)->weight ? ((x)->weight > (y)->weight ? -1 : 1) : \
						  (x)->a != (y)->a ? ((x)->a < (y)->a ? -1 : 1) : \
						  (x)->b < (y)->b ? -1 : (x)->b > (y)->b)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* A join of two groups; nodes 0 .. n - 1 are leaves, joins come after. */
typedef struct Join
{
	int32		left;
	int32		right;
	int32		size;
	bool		fixed;			/* must link */
} Join;

typedef struct Forest
{
	int32		nnodes;
	int32	   *parent;
	int32	   *size;
	int32	   *smallest;
	int32	   *next;			/* members of a group as a ring */
	int32	   *tree;			/* of a root: its leaf or last join */
	Join	   *join;
	int32		njoins;
	const int32 *source;

	/* nodes that may not be with a node: slices of "other" */
	int64	   *first;
	int32	   *other;
} Forest;

static int32
find(Forest *forest, int32 node)
{
	while (forest->parent[node] != node)
	{
		forest->parent[node] = forest->parent[forest->parent[node]];
		node = forest->parent[node];
	}
	return node;
}

static int32 *
array_of(int32 n)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * Max((Size) n, 1));
}

/* Lists for each node the nodes it may not be with: edges[from .. to). */
static void
index_forbidden(Forest *forest, const CjEdge *edges, int64 n)
{
	int64	   *at;

	if (n == 0)
		return;
	forest->first = MemoryContextAllocExtended(CurrentMemoryContext,
											   sizeof(int64) * ((Size) forest->nnodes + 2),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	forest->other = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * 2 * (Size) n);
	at = forest->first + 1;
	for (int64 i = 0; i < n; i++)
	{
		at[edges[i].a + 1]++;
		at[edges[i].b + 1]++;
	}
	for (int32 i = 0; i < forest->nnodes; i++)
		at[i + 1] += at[i];
	for (int64 i = 0; i < n; i++)
	{
		forest->other[at[edges[i].a]++] = edges[i].b;
		forest->other[at[edges[i].b]++] = edges[i].a;
	}
}

/* May the groups of roots a and b become one?  Walks the smaller one. */
static bool
may_join(Forest *forest, int32 a, int32 b)
{
	int32		node = a;

	if (forest->first == NULL && forest->source == NULL)
		return true;
	do
	{
		if (forest->first != NULL)
			for (int64 i = forest->first[node]; i < forest->first[node + 1]; i++)
				if (find(forest, forest->other[i]) == b)
					return false;
		if (forest->source != NULL && forest->source[node] >= 0)
		{
			int32		there = b;

			do
			{
				if (forest->source[there] == forest->source[node])
					return false;
				there = forest->next[there];
			} while (there != b);
		}
		node = forest->next[node];
	} while (node != a);
	return true;
}

static void
unite(Forest *forest, int32 a, int32 b, bool fixed)
{
	Join	   *join = &forest->join[forest->njoins];
	int32		swap;

	if (forest->size[a] < forest->size[b])
	{
		swap = a;
		a = b;
		b = swap;
	}
	join->left = forest->tree[a];
	join->right = forest->tree[b];
	join->size = forest->size[a] + forest->size[b];
	join->fixed = fixed;
	forest->tree[a] = forest->nnodes + forest->njoins++;
	forest->parent[b] = a;
	forest->size[a] = join->size;
	forest->smallest[a] = Min(forest->smallest[a], forest->smallest[b]);
	swap = forest->next[a];
	forest->next[a] = forest->next[b];
	forest->next[b] = swap;
}

static Forest *
create_forest(int32 n, const CjClusterSettings *settings)
{
	Forest	   *forest = palloc0_object(Forest);

	forest->nnodes = n;
	forest->source = settings->source;
	forest->parent = array_of(n);
	forest->size = array_of(n);
	forest->smallest = array_of(n);
	forest->next = array_of(n);
	forest->tree = array_of(n);
	forest->join = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Join) * Max((Size) n, 1));
	for (int32 i = 0; i < n; i++)
	{
		forest->parent[i] = forest->smallest[i] = forest->next[i] = forest->tree[i] = i;
		forest->size[i] = 1;
	}
	return forest;
}

static int32
tree_size(const Forest *forest, int32 tree)
{
	return tree < forest->nnodes ? 1 : forest->join[tree - forest->nnodes].size;
}

/* Labels the leaves of a tree with the smallest of them; stack has nnodes room. */
static void
label_tree(const Forest *forest, int32 tree, int32 *label, int32 *stack)
{
	int32		smallest = PG_INT32_MAX;

	for (int pass = 0; pass < 2; pass++)
	{
		int32		depth = 0;

		stack[depth++] = tree;
		while (depth > 0)
		{
			int32		t = stack[--depth];

			if (t >= forest->nnodes)
			{
				stack[depth++] = forest->join[t - forest->nnodes].left;
				stack[depth++] = forest->join[t - forest->nnodes].right;
			}
			else if (pass == 0)
				smallest = Min(smallest, t);
			else
				label[t] = smallest;
		}
	}
}

/* Cuts trees at their last join until they fit; labels all nodes. */
static void
cut(const Forest *forest, int32 max_size, int32 *label)
{
	int32	   *stack = array_of(forest->nnodes + 1);
	int32	   *open = array_of(forest->nnodes + 1);

	for (int32 node = 0; node < forest->nnodes; node++)
	{
		int32		depth = 0;

		if (node % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (forest->parent[node] != node)
			continue;
		open[depth++] = forest->tree[node];
		while (depth > 0)
		{
			int32		t = open[--depth];

			if (tree_size(forest, t) > max_size && !forest->join[t - forest->nnodes].fixed)
			{
				open[depth++] = forest->join[t - forest->nnodes].left;
				open[depth++] = forest->join[t - forest->nnodes].right;
			}
			else
				label_tree(forest, t, label, stack);
		}
	}
	pfree(stack);
	pfree(open);
}

int32 *
cj_cluster(int32 nnodes, CjEdge *edges, int64 nedges, const CjClusterSettings *settings)
{
	Forest	   *forest = create_forest(nnodes, settings);
	int32	   *label = array_of(nnodes);
	int64		last = nedges;

	if (nedges > 0)
		sort_edges(edges, nedges);
	while (last > 0 && isinf(edges[last - 1].weight) && edges[last - 1].weight < 0)
		last--;
	index_forbidden(forest, edges + last, nedges - last);
	cj_progress_phase("joining clusters, pair by pair", last);
	for (int64 i = 0; i < last; i++)
	{
		int32		a = find(forest, edges[i].a);
		int32		b = find(forest, edges[i].b);

		if (i % 1024 == 0)
		{
			CHECK_FOR_INTERRUPTS();
			cj_progress_update(i);
		}
		if (a == b)
			continue;
		if (forest->size[a] > forest->size[b])
		{
			int32		swap = a;

			a = b;
			b = swap;
		}
		if (may_join(forest, a, b))
			unite(forest, a, b, isinf(edges[i].weight));
	}
	if (settings->max_size > 0)
		cut(forest, settings->max_size, label);
	else
		for (int32 i = 0; i < nnodes; i++)
			label[i] = forest->smallest[find(forest, i)];
	return label;
}
