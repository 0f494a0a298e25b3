/*-------------------------------------------------------------------------
 *
 * graph_draw_sql.c
 *		Graphs as text for drawing programs: Graphviz, Mermaid, Sankey charts.
 *
 * The edges drawn are the most frequent ones, with the nodes they touch.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "journey/datum.h"
#include "paths/paths.h"

PG_FUNCTION_INFO_V1(cj_graph_to_dot);
PG_FUNCTION_INFO_V1(cj_graph_to_mermaid);
PG_FUNCTION_INFO_V1(cj_graph_to_sankey);

/* What is drawn. */
typedef struct Drawing
{
	CjGraphRef	ref;
	int32	   *edges;			/* in canonical order */
	int32		count;
	int64		most;			/* transitions of the most frequent */
	int64	   *events;			/* of each node */
	int32	   *position;		/* of each node among those drawn, or -1 */
	int32	   *nodes;			/* drawn, in canonical order */
	int32		nnodes;
} Drawing;

static int
compare_count(const void *a, const void *b, void *arg)
{
	const CjGraphEdge *edges = arg;
	int32		i = *(const int32 *) a;
	int32		j = *(const int32 *) b;

	if (edges[i].count != edges[j].count)
		return edges[i].count > edges[j].count ? -1 : 1;
	return i - j;
}

static int
compare_position(const void *a, const void *b)
{
	return *(const int32 *) a - *(const int32 *) b;
}

/* (graph, top integer, min_transitions bigint) */
static void
choose_edges(Drawing *drawing, FunctionCallInfo fcinfo)
{
	int32		top = PG_GETARG_INT32(1);
	int64		least = PG_GETARG_INT64(2);
	const CjGraphEdge *edges;

	if (top < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"top\" must be positive, not %d", top)));
	cj_graph_read_summary(&drawing->ref, PG_GETARG_DATUM(0));
	edges = drawing->ref.parts.edges;
	drawing->edges = palloc_array(int32, drawing->ref.graph->edges + 1);
	drawing->count = 0;
	for (int32 i = 0; i < drawing->ref.graph->edges; i++)
		if (edges[i].source != 0 && edges[i].count >= least)
			drawing->edges[drawing->count++] = i;
	qsort_arg(drawing->edges, drawing->count, sizeof(int32), compare_count, (void *) edges);
	drawing->count = Min(drawing->count, top);
	drawing->most = drawing->count > 0 ? edges[drawing->edges[0]].count : 1;
	qsort(drawing->edges, drawing->count, sizeof(int32), compare_position);
}

static void
choose(Drawing *drawing, FunctionCallInfo fcinfo)
{
	const CjGraph *graph;
	const CjGraphEdge *edges;

	choose_edges(drawing, fcinfo);
	graph = drawing->ref.graph;
	edges = drawing->ref.parts.edges;
	drawing->events = palloc0_array(int64, graph->nodes);
	drawing->position = palloc_array(int32, graph->nodes);
	drawing->nodes = palloc_array(int32, graph->nodes);
	drawing->nnodes = 0;
	memset(drawing->position, -1, graph->nodes * sizeof(int32));
	for (int32 i = 0; i < graph->edges; i++)
		drawing->events[edges[i].target] += edges[i].count;
	for (int32 i = 0; i < drawing->count; i++)
		drawing->position[edges[drawing->edges[i]].source] =
			drawing->position[edges[drawing->edges[i]].target] = 0;
	for (int32 i = 1; i < graph->nodes; i++)
		if (drawing->position[i] == 0)
		{
			drawing->position[i] = drawing->nnodes;
			drawing->nodes[drawing->nnodes++] = i;
		}
}

/* 90061 s as "1 d 1 h": the two largest units */
static void
append_duration(StringInfo to, uint64 usec)
{
	static const struct
	{
		int64		usec;
		const char *name;
	}			units[] = {{USECS_PER_DAY, "d"}, {USECS_PER_HOUR, "h"},
	{USECS_PER_MINUTE, "min"}, {USECS_PER_SEC, "s"}, {1000, "ms"}};

	for (int i = 0; i < (int) lengthof(units); i++)
		if (usec >= (uint64) units[i].usec)
		{
			appendStringInfo(to, UINT64_FORMAT " %s", usec / units[i].usec, units[i].name);
			usec %= units[i].usec;
			if (i < 3 && usec >= (uint64) units[i + 1].usec)
				appendStringInfo(to, " " UINT64_FORMAT " %s", usec / units[i + 1].usec,
								 units[i + 1].name);
			return;
		}
	appendStringInfo(to, UINT64_FORMAT " us", usec);
}

/* A label inside double quotes, what would end it or start markup escaped. */
static void
append_escaped(StringInfo to, const text *label, bool mermaid)
{
	const char *data = VARDATA_ANY(label);
	int			len = VARSIZE_ANY_EXHDR(label);

	for (int i = 0; i < len; i++)
	{
		char		c = data[i];

		if (c == '\n' || c == '\r' || c == '\t')
			appendStringInfoChar(to, ' ');
		else if (mermaid && strchr("\"#<>&`|", c) != NULL)
			appendStringInfo(to, "#%d;", c);
		else if (!mermaid && (c == '"' || c == '\\'))
			appendStringInfo(to, "\\%c", c);
		else
			appendStringInfoChar(to, c);
	}
}

Datum
cj_graph_to_dot(PG_FUNCTION_ARGS)
{
	Drawing		d;
	StringInfoData to;

	choose(&d, fcinfo);
	initStringInfo(&to);
	appendStringInfoString(&to, "digraph journeys {\n"
						   "  rankdir=LR;\n"
						   "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#eef3fb\", fontname=\"Helvetica\"];\n"
						   "  edge [fontname=\"Helvetica\", fontsize=10, color=\"#4a6fa5\"];\n");
	for (int32 i = 0; i < d.nnodes; i++)
	{
		appendStringInfo(&to, "  n%d [label=\"", i + 1);
		append_escaped(&to, cj_node_label(&d.ref, d.nodes[i]), false);
		appendStringInfo(&to, "\\n" INT64_FORMAT "\"];\n", d.events[d.nodes[i]]);
	}
	for (int32 i = 0; i < d.count; i++)
	{
		const CjGraphEdge *edge = &d.ref.parts.edges[d.edges[i]];

		CHECK_FOR_INTERRUPTS();
		appendStringInfo(&to, "  n%d -> n%d [label=\"" INT64_FORMAT "\\n",
						 d.position[edge->source] + 1, d.position[edge->target] + 1, edge->count);
		append_duration(&to, d.ref.times[d.edges[i]].median);
		appendStringInfo(&to, "\", penwidth=%.1f];\n", 1 + 4.0 * edge->count / d.most);
	}
	appendStringInfoString(&to, "}\n");
	PG_RETURN_TEXT_P(cstring_to_text_with_len(to.data, to.len));
}

Datum
cj_graph_to_mermaid(PG_FUNCTION_ARGS)
{
	Drawing		d;
	StringInfoData to;

	choose(&d, fcinfo);
	initStringInfo(&to);
	appendStringInfoString(&to, "flowchart LR\n");
	for (int32 i = 0; i < d.nnodes; i++)
	{
		appendStringInfo(&to, "  n%d[\"", i + 1);
		append_escaped(&to, cj_node_label(&d.ref, d.nodes[i]), true);
		appendStringInfo(&to, "<br/>" INT64_FORMAT "\"]\n", d.events[d.nodes[i]]);
	}
	for (int32 i = 0; i < d.count; i++)
	{
		const CjGraphEdge *edge = &d.ref.parts.edges[d.edges[i]];

		CHECK_FOR_INTERRUPTS();
		appendStringInfo(&to, "  n%d -->|\"" INT64_FORMAT ", ",
						 d.position[edge->source] + 1, edge->count);
		append_duration(&to, d.ref.times[d.edges[i]].median);
		appendStringInfo(&to, "\"| n%d\n", d.position[edge->target] + 1);
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(to.data, to.len));
}

/* {"nodes": [{"name": ...}], "links": [{"source": 0, "target": 1, "value": n}]} */
Datum
cj_graph_to_sankey(PG_FUNCTION_ARGS)
{
	Drawing		d;
	StringInfoData to;

	choose(&d, fcinfo);
	initStringInfo(&to);
	appendStringInfoString(&to, "{\"nodes\": [");
	for (int32 i = 0; i < d.nnodes; i++)
	{
		appendStringInfoString(&to, i == 0 ? "{\"name\": " : ", {\"name\": ");
		escape_json(&to, text_to_cstring(cj_node_label(&d.ref, d.nodes[i])));
		appendStringInfoChar(&to, '}');
	}
	appendStringInfoString(&to, "], \"links\": [");
	for (int32 i = 0; i < d.count; i++)
	{
		const CjGraphEdge *edge = &d.ref.parts.edges[d.edges[i]];

		CHECK_FOR_INTERRUPTS();
		appendStringInfo(&to, "%s{\"source\": %d, \"target\": %d, \"value\": " INT64_FORMAT "}",
						 i == 0 ? "" : ", ", d.position[edge->source], d.position[edge->target],
						 edge->count);
	}
	appendStringInfoString(&to, "]}");
	PG_RETURN_TEXT_P(cstring_to_text_with_len(to.data, to.len));
}
