-- ---------------------------------------------------------------------------
-- Graphs of journeys: who goes where next
-- ---------------------------------------------------------------------------

CREATE TYPE journey_graph;

CREATE FUNCTION journey_graph_in(cstring) RETURNS journey_graph
    AS 'MODULE_PATHNAME', 'cj_graph_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_graph_in(cstring) IS 'input function of type journey_graph';

CREATE FUNCTION journey_graph_out(journey_graph) RETURNS cstring
    AS 'MODULE_PATHNAME', 'cj_graph_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_graph_out(journey_graph) IS 'output function of type journey_graph';

CREATE FUNCTION journey_graph_recv(internal) RETURNS journey_graph
    AS 'MODULE_PATHNAME', 'cj_graph_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_graph_recv(internal) IS 'binary input function of type journey_graph';

CREATE FUNCTION journey_graph_send(journey_graph) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_graph_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_graph_send(journey_graph) IS 'binary output function of type journey_graph';

CREATE TYPE journey_graph (
    INPUT = journey_graph_in,
    OUTPUT = journey_graph_out,
    RECEIVE = journey_graph_recv,
    SEND = journey_graph_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE journey_graph IS
    'transitions between the events (channels, items) of journeys: counts, journeys, exact mean times and histograms; graphs of the same options add and subtract exactly';

CREATE TYPE graph_options AS (
    by text,
    depth integer,
    collapse boolean
);
COMMENT ON TYPE graph_options IS 'options of journey_graph_agg, made by graph_options()';

CREATE FUNCTION graph_options(by text DEFAULT NULL, depth integer DEFAULT NULL, collapse boolean DEFAULT NULL)
    RETURNS graph_options
    AS 'MODULE_PATHNAME', 'cj_options_build'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION graph_options(text, integer, boolean) IS
    'options of journey_graph_agg: by ''event'' (default), ''channel'' or ''item''; depth, how many names a node remembers, 1 (default) to 16; collapse repeats that follow each other directly (default false)';

CREATE FUNCTION journey_graph_agg_transfn(journey_graph, journey) RETURNS journey_graph
    AS 'MODULE_PATHNAME', 'cj_graph_agg_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_graph_agg_transfn(journey_graph, journey) IS 'transition function of journey_graph_agg';

CREATE FUNCTION journey_graph_agg_transfn(journey_graph, journey, graph_options) RETURNS journey_graph
    AS 'MODULE_PATHNAME', 'cj_graph_agg_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_graph_agg_transfn(journey_graph, journey, graph_options) IS 'transition function of journey_graph_agg';

CREATE FUNCTION journey_graph_combinefn(journey_graph, journey_graph) RETURNS journey_graph
    AS 'MODULE_PATHNAME', 'cj_graph_combinefn'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_graph_combinefn(journey_graph, journey_graph) IS 'combine function of journey_graph_agg, transition function of journey_graph_merge';

CREATE FUNCTION journey_graph_finalfn(journey_graph) RETURNS journey_graph
    AS 'MODULE_PATHNAME', 'cj_graph_finalfn'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_graph_finalfn(journey_graph) IS 'final function of journey_graph_agg and journey_graph_merge: packs the state';

-- SSPACE: eight names, nodes and edges; a graph of 20 names takes some 100 kB.
CREATE AGGREGATE journey_graph_agg(journey) (
    SFUNC = journey_graph_agg_transfn, STYPE = journey_graph, SSPACE = 16384,
    FINALFUNC = journey_graph_finalfn, COMBINEFUNC = journey_graph_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE journey_graph_agg(journey) IS
    'graph of the journeys'' events at depth 1; NULLs are skipped, no journeys give NULL';

CREATE AGGREGATE journey_graph_agg(journey, graph_options) (
    SFUNC = journey_graph_agg_transfn, STYPE = journey_graph, SSPACE = 16384,
    FINALFUNC = journey_graph_finalfn, COMBINEFUNC = journey_graph_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE journey_graph_agg(journey, graph_options) IS
    'graph of the journeys by the options, which must not change within an aggregation (22023)';

CREATE AGGREGATE journey_graph_merge(journey_graph) (
    SFUNC = journey_graph_combinefn, STYPE = journey_graph, SSPACE = 16384,
    FINALFUNC = journey_graph_finalfn, COMBINEFUNC = journey_graph_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE journey_graph_merge(journey_graph) IS
    'sum of graphs: the graph of all their journeys; NULLs are skipped; graphs of different options are an error (22023)';

CREATE FUNCTION journey_graph_plus(journey_graph, journey_graph) RETURNS journey_graph
    AS 'MODULE_PATHNAME', 'cj_graph_plus'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION journey_graph_plus(journey_graph, journey_graph) IS 'implementation of + operator';

CREATE FUNCTION journey_graph_minus(journey_graph, journey_graph) RETURNS journey_graph
    AS 'MODULE_PATHNAME', 'cj_graph_minus'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION journey_graph_minus(journey_graph, journey_graph) IS 'implementation of - operator';

CREATE FUNCTION journey_graph_eq(journey_graph, journey_graph) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_graph_eq'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_graph_eq(journey_graph, journey_graph) IS 'implementation of = operator';

CREATE FUNCTION journey_graph_ne(journey_graph, journey_graph) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_graph_ne'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_graph_ne(journey_graph, journey_graph) IS 'implementation of <> operator';

CREATE OPERATOR + (
    LEFTARG = journey_graph, RIGHTARG = journey_graph, FUNCTION = journey_graph_plus,
    COMMUTATOR = +
);
COMMENT ON OPERATOR + (journey_graph, journey_graph) IS 'graph of the journeys of both; different options are an error (22023)';

CREATE OPERATOR - (
    LEFTARG = journey_graph, RIGHTARG = journey_graph, FUNCTION = journey_graph_minus
);
COMMENT ON OPERATOR - (journey_graph, journey_graph) IS 'graph without the journeys of the second, which must be among those of the first (22023)';

CREATE OPERATOR = (
    LEFTARG = journey_graph, RIGHTARG = journey_graph, FUNCTION = journey_graph_eq,
    COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR = (journey_graph, journey_graph) IS 'same options and same counts';

CREATE OPERATOR <> (
    LEFTARG = journey_graph, RIGHTARG = journey_graph, FUNCTION = journey_graph_ne,
    COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (journey_graph, journey_graph) IS 'other options or other counts';

-- ---------------------------------------------------------------------------
-- Reading graphs
-- ---------------------------------------------------------------------------

CREATE FUNCTION graph_totals(journey_graph,
        OUT journeys bigint, OUT empty_journeys bigint, OUT events bigint, OUT transitions bigint,
        OUT nodes bigint, OUT edges bigint, OUT tied_events bigint, OUT skipped_events bigint)
    AS 'MODULE_PATHNAME', 'cj_graph_totals'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION graph_totals(journey_graph) IS
    'what a graph was made of: journeys, of these without an event that counts, events, transitions (events minus journeys that have any), distinct nodes and edges, events at the same instant as the one before them in their journey, events that lack the channel or item';

CREATE FUNCTION graph_nodes(journey_graph,
        OUT node text, OUT events bigint, OUT journeys bigint, OUT share double precision,
        OUT entries bigint, OUT exits bigint, OUT repeats bigint, OUT repeating_journeys bigint,
        OUT tied_events bigint, OUT mean_stay interval, OUT median_stay interval, OUT p90_stay interval)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cj_graph_nodes'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 50;
COMMENT ON FUNCTION graph_nodes(journey_graph) IS
    'a row a node: its events, the journeys that have it, its share of all events, journeys that start and end with it, events beyond each journey''s first (rework) and the journeys that have these, events at the same instant as the one before them, and the time from it to the next event (mean exact, median and 90 % within 5 %; NULL if nothing follows)';

CREATE FUNCTION graph_edges(journey_graph,
        OUT source text, OUT target text, OUT transitions bigint, OUT journeys bigint,
        OUT share double precision, OUT source_share double precision, OUT target_share double precision,
        OUT mean_time interval, OUT median_time interval, OUT p90_time interval)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cj_graph_edges'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 200;
COMMENT ON FUNCTION graph_edges(journey_graph) IS
    'a row an edge: how often it was taken and by how many journeys, its share of all transitions, of the source''s events (those that end a journey included) and of the target''s, and how long it takes (mean exact, median and 90 % within 5 %)';

CREATE FUNCTION graph_bottlenecks(journey_graph,
        OUT source text, OUT target text, OUT transitions bigint,
        OUT total_days double precision, OUT share_of_time double precision, OUT cumulative_share double precision,
        OUT mean_time interval, OUT median_time interval, OUT p90_time interval)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cj_graph_bottlenecks'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 200;
COMMENT ON FUNCTION graph_bottlenecks(journey_graph) IS
    'edges by the time that all journeys together spend on them, most first, in days of 24 hours and as a share of all time';

CREATE FUNCTION graph_loops(journey_graph,
        OUT loop text, OUT steps integer, OUT occurrences bigint, OUT share double precision)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cj_graph_loops'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 50;
COMMENT ON FUNCTION graph_loops(journey_graph) IS
    'the ways back to a name in as many steps as the graph is deep or fewer, how often they are taken, and their share of all transitions; one step is a repeat';

CREATE FUNCTION graph_to_dot(journey_graph, top integer DEFAULT 30, min_transitions bigint DEFAULT 1) RETURNS text
    AS 'MODULE_PATHNAME', 'cj_graph_to_dot'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION graph_to_dot(journey_graph, integer, bigint) IS
    'the most frequent edges and their nodes as a Graphviz program, labelled with counts and median times';

CREATE FUNCTION graph_to_mermaid(journey_graph, top integer DEFAULT 30, min_transitions bigint DEFAULT 1) RETURNS text
    AS 'MODULE_PATHNAME', 'cj_graph_to_mermaid'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION graph_to_mermaid(journey_graph, integer, bigint) IS
    'the most frequent edges and their nodes as a Mermaid flowchart';

CREATE FUNCTION graph_to_sankey(journey_graph, top integer DEFAULT 30, min_transitions bigint DEFAULT 1) RETURNS text
    AS 'MODULE_PATHNAME', 'cj_graph_to_sankey'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION graph_to_sankey(journey_graph, integer, bigint) IS
    'the most frequent edges as JSON {"nodes": [{"name": ...}], "links": [{"source": position, "target": position, "value": transitions}]}';

-- ---------------------------------------------------------------------------
-- Counts: the state of journey_flow, attribution_agg and top_paths
-- ---------------------------------------------------------------------------

CREATE TYPE path_counts;

CREATE FUNCTION path_counts_in(cstring) RETURNS path_counts
    AS 'MODULE_PATHNAME', 'cj_path_counts_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION path_counts_in(cstring) IS 'input function of type path_counts: everything is checked';

CREATE FUNCTION path_counts_out(path_counts) RETURNS cstring
    AS 'MODULE_PATHNAME', 'cj_path_counts_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION path_counts_out(path_counts) IS 'output function of type path_counts';

CREATE FUNCTION path_counts_recv(internal) RETURNS path_counts
    AS 'MODULE_PATHNAME', 'cj_path_counts_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION path_counts_recv(internal) IS 'binary input function of type path_counts: everything is checked';

CREATE FUNCTION path_counts_send(path_counts) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_path_counts_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION path_counts_send(path_counts) IS 'binary output function of type path_counts: equal counts give equal bytes';

CREATE TYPE path_counts (
    INPUT = path_counts_in,
    OUTPUT = path_counts_out,
    RECEIVE = path_counts_recv,
    SEND = path_counts_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE path_counts IS
    'what journey_flow, attribution_agg and top_paths have counted, with their options: 64-bit counts and exact sums of values and times, so that the counts of parts add up to those of the whole whatever the parts; src/paths/tally.h has the layout';

CREATE FUNCTION path_counts_combinefn(path_counts, path_counts) RETURNS path_counts
    AS 'MODULE_PATHNAME', 'cj_path_counts_combinefn'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION path_counts_combinefn(path_counts, path_counts) IS
    'combine function of journey_flow, attribution_agg and top_paths: the counts of both; states of different options are an error (22023)';

-- ---------------------------------------------------------------------------
-- Whole paths
-- ---------------------------------------------------------------------------

CREATE TYPE path_options AS (
    by text,
    collapse boolean,
    first integer,
    top integer,
    min_support double precision,
    min_count integer,
    kind text,
    min_length integer,
    max_length integer,
    min_gap interval,
    max_gap interval,
    max_gap_events integer,
    max_span interval,
    contains text[],
    starts_with text,
    ends_with text,
    same_time text,
    outcome journey_pattern
);
COMMENT ON TYPE path_options IS 'options of top_paths and mine_paths, made by path_options()';

CREATE FUNCTION path_options(
        by text DEFAULT NULL, collapse boolean DEFAULT NULL, first integer DEFAULT NULL, top integer DEFAULT NULL,
        min_support double precision DEFAULT NULL, min_count integer DEFAULT NULL, kind text DEFAULT NULL,
        min_length integer DEFAULT NULL, max_length integer DEFAULT NULL,
        min_gap interval DEFAULT NULL, max_gap interval DEFAULT NULL, max_gap_events integer DEFAULT NULL,
        max_span interval DEFAULT NULL, contains text[] DEFAULT NULL,
        starts_with text DEFAULT NULL, ends_with text DEFAULT NULL, same_time text DEFAULT NULL,
        outcome journey_pattern DEFAULT NULL)
    RETURNS path_options
    AS 'MODULE_PATHNAME', 'cj_options_build'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION path_options(text, boolean, integer, integer, double precision, integer, text, integer, integer, interval, interval, integer, interval, text[], text, text, text, journey_pattern) IS
    'options of top_paths (by, collapse, first, top) and mine_paths (all but first); an option that the called function does not use is an error (22023)';

CREATE TYPE top_path AS (
    path text,
    events text[],
    length integer,
    journeys bigint,
    share double precision,
    cumulative_share double precision,
    mean_duration interval
);
COMMENT ON TYPE top_path IS 'a whole path: its events, the journeys that took it, their share, the share of it and those before, mean time from first to last event';

CREATE FUNCTION top_paths_transfn(path_counts, journey) RETURNS path_counts
    AS 'MODULE_PATHNAME', 'cj_top_paths_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION top_paths_transfn(path_counts, journey) IS 'transition function of top_paths';

CREATE FUNCTION top_paths_transfn(path_counts, journey, path_options) RETURNS path_counts
    AS 'MODULE_PATHNAME', 'cj_top_paths_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION top_paths_transfn(path_counts, journey, path_options) IS 'transition function of top_paths';

CREATE FUNCTION top_paths_finalfn(path_counts) RETURNS top_path[]
    AS 'MODULE_PATHNAME', 'cj_top_paths_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION top_paths_finalfn(path_counts) IS 'final function of top_paths';

CREATE AGGREGATE top_paths(journey) (
    SFUNC = top_paths_transfn, STYPE = path_counts, SSPACE = 65536,
    FINALFUNC = top_paths_finalfn, COMBINEFUNC = path_counts_combinefn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE top_paths(journey) IS
    'the 100 most frequent whole paths, most journeys first, then shorter, then by names; NULLs and journeys without events are skipped, no rows give NULL; more than customer_journey.path_memory is an error (54000)';

CREATE AGGREGATE top_paths(journey, path_options) (
    SFUNC = top_paths_transfn, STYPE = path_counts, SSPACE = 65536,
    FINALFUNC = top_paths_finalfn, COMBINEFUNC = path_counts_combinefn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE top_paths(journey, path_options) IS
    'the same by options: by, collapse, first (only so many events of each journey), top (how many paths; 100)';

-- ---------------------------------------------------------------------------
-- Likeness of journeys
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_similarity(a journey, b journey, method text DEFAULT 'levenshtein',
                                   indel double precision DEFAULT 1, substitution double precision DEFAULT 2)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_journey_similarity'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50;
COMMENT ON FUNCTION journey_similarity(journey, journey, text, double precision, double precision) IS
    'how alike two journeys'' events are, 0 to 1: one minus their distance over the greatest distance of such lengths; ''levenshtein'', ''lcs'' (insertions and deletions only) or ''matching'' (optimal matching with the costs given, which other methods ignore)';

CREATE FUNCTION journey_medoid_transfn(internal, journey) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_medoid_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_medoid_transfn(internal, journey) IS 'transition function of journey_medoid';

CREATE FUNCTION journey_medoid_transfn(internal, journey, text) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_medoid_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_medoid_transfn(internal, journey, text) IS 'transition function of journey_medoid';

CREATE FUNCTION journey_medoid_transfn(internal, journey, text, double precision, double precision) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_medoid_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_medoid_transfn(internal, journey, text, double precision, double precision) IS 'transition function of journey_medoid';

CREATE FUNCTION journey_medoid_combinefn(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_medoid_combinefn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION journey_medoid_combinefn(internal, internal) IS 'combine function of journey_medoid';

CREATE FUNCTION journey_medoid_serialfn(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_medoid_serialfn'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_medoid_serialfn(internal) IS 'serialization function of journey_medoid';

CREATE FUNCTION journey_medoid_deserialfn(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_medoid_deserialfn'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_medoid_deserialfn(bytea, internal) IS 'deserialization function of journey_medoid';

CREATE FUNCTION journey_medoid_finalfn(internal) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_medoid_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION journey_medoid_finalfn(internal) IS 'final function of journey_medoid';

CREATE AGGREGATE journey_medoid(journey) (
    SFUNC = journey_medoid_transfn, STYPE = internal, SSPACE = 65536,
    FINALFUNC = journey_medoid_finalfn, COMBINEFUNC = journey_medoid_combinefn,
    SERIALFUNC = journey_medoid_serialfn, DESERIALFUNC = journey_medoid_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE journey_medoid(journey) IS
    'the journey with the least sum of Levenshtein distances to all journeys of the group; its time grows with the square of the number of distinct paths';

CREATE AGGREGATE journey_medoid(journey, method text) (
    SFUNC = journey_medoid_transfn, STYPE = internal, SSPACE = 65536,
    FINALFUNC = journey_medoid_finalfn, COMBINEFUNC = journey_medoid_combinefn,
    SERIALFUNC = journey_medoid_serialfn, DESERIALFUNC = journey_medoid_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE journey_medoid(journey, text) IS 'the same by a method of journey_similarity';

CREATE AGGREGATE journey_medoid(journey, method text, indel double precision, substitution double precision) (
    SFUNC = journey_medoid_transfn, STYPE = internal, SSPACE = 65536,
    FINALFUNC = journey_medoid_finalfn, COMBINEFUNC = journey_medoid_combinefn,
    SERIALFUNC = journey_medoid_serialfn, DESERIALFUNC = journey_medoid_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE journey_medoid(journey, text, double precision, double precision) IS 'the same by a method with costs';
