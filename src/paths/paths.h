/*-------------------------------------------------------------------------
 *
 * paths.h
 *		What the SQL-callable files of this directory share.
 *
 * Copyright (c) 2026, the customer_journey developers
 *
 *-------------------------------------------------------------------------
 */
#ifndef CJ_PATHS_H
#define CJ_PATHS_H

#include "common/common.h"
#include "paths/graph.h"
#include "paths/tally.h"

/* Registers this directory's settings; called by _PG_init. */
extern void cj_paths_init(void);

/* Setting customer_journey.max_patterns. */
extern int	cj_max_patterns;

/* Error 54000 when a state is above customer_journey.path_memory; the hint is "advice" and the setting. */
extern void cj_check_path_memory(Size size, const char *function, const char *advice);

/* ---- options (paths_options.c) ---- */

extern CjBy cj_option_by(CjOptions *options);
extern bool cj_option_bool(CjOptions *options, const char *name, bool otherwise);

/* An integer option within limits, or error 22023. */
extern int64 cj_option_integer(CjOptions *options, const char *name, int64 otherwise,
							   int64 least, int64 most);

/* A pattern among the options: the builder's record type vouches for its type. */
extern bool cj_option_pattern(CjOptions *options, const char *name, Datum *value);

/* A record in the current context, detoasted. */
extern Datum cj_copy_record(Datum record, bool isnull);

/*
 * The options of this row as "parse" reads them into a struct of plain values.
 * They are kept at the call site and read again only when their bytes change,
 * so that comparing them with a state's costs little.  The parser runs in a
 * memory context that lives as long as what it returns; the options' values do.
 */
typedef void (*CjOptionsParser) (CjOptions *options, void *parsed);

extern void *cj_options_parsed(FunctionCallInfo fcinfo, int argument, CjOptionsParser parse,
							   Size parsed_size);

/* Error 22023: options changed within an aggregation. */
pg_noreturn extern void cj_options_differ(const char *function);

/* The memory of an aggregate's states, or error 0A000 outside aggregates. */
extern MemoryContext cj_aggregate_context(FunctionCallInfo fcinfo, const char *function);

/* ---- graphs as arguments (graph_sql.c) ---- */

/* Any form, for reading; a working form is not copied. */
extern void cj_graph_read(CjGraphRef *ref, Datum graph);

/* The same, names, nodes and edges in their canonical order. */
extern void cj_graph_read_sorted(CjGraphRef *ref, Datum graph);

/* Likewise, with edges' times in the place of their histograms. */
extern void cj_graph_read_summary(CjGraphRef *ref, Datum graph);

/* "a > b" of a node; palloc'd. */
extern text *cj_node_label(const CjGraphRef *ref, int32 node);

/* The interval of a mean number of microseconds, rounded to one. */
extern Datum cj_mean_interval(CjSum sum, int64 count);

/* ---- tallies as arguments (tally_sql.c) ---- */

/* Any form, for reading; a working or large one is not copied. */
extern void cj_tally_read(CjTallyRef *ref, Datum state);

/* A state of an aggregate with these options, to be counted on. */
extern void cj_tally_continue(CjTallyRef *ref, Datum state, CjTallyKind kind, CjText options,
							  const char *function);

/* Any form, names and entries in their canonical order, sums carried. */
extern void cj_tally_read_sorted(CjTallyRef *ref, Datum state);

/* Error 54000 when a state of top_paths is too large. */
extern void cj_check_top_memory(const CjTallyRef *tally);

/* Error XX001 unless the fault is NULL. */
extern void cj_tally_refuse(const char *fault);

#endif							/* CJ_PATHS_H */
