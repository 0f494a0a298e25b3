-- Graphs: counts, times, options, sums and differences, drawings, both forms
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

CREATE TABLE paths_t6 AS
    SELECT customer, journey_agg('2026-01-01 00:00+00'::timestamptz + minute * interval '1 minute', event, channel, NULL, item) AS journey
    FROM (VALUES
        ('c1', 'home', 0, 'web', NULL), ('c1', 'search', 1, 'web', NULL), ('c1', 'product', 3, 'web', 'p1'), ('c1', 'cart', 6, 'app', 'p1'), ('c1', 'pay', 10, 'app', NULL),
        ('c2', 'home', 0, 'app', NULL), ('c2', 'product', 2, 'app', 'p1'), ('c2', 'product', 4, 'web', 'p2'), ('c2', 'cart', 5, 'web', 'p2'),
        ('c3', 'search', 0, 'web', NULL), ('c3', 'product', 5, 'web', 'p3'), ('c3', 'home', 6, 'web', NULL), ('c3', 'product', 9, 'web', 'p1'), ('c3', 'cart', 20, 'web', 'p1'), ('c3', 'pay', 21, 'web', NULL),
        ('c4', 'home', 0, NULL, NULL), ('c4', 'home', 1, NULL, NULL),
        ('c5', 'product', 0, 'app', 'p2'), ('c5', 'cart', 1, 'app', 'p2'), ('c5', 'product', 2, 'app', 'p3'), ('c5', 'cart', 4, 'app', 'p3'), ('c5', 'pay', 30, 'app', NULL),
        ('c6', 'home', 0, 'web', NULL), ('c6', 'search', 2, 'web', NULL), ('c6', 'search', 3, 'web', NULL), ('c6', 'product', 8, 'web', 'p1'))
        v(customer, event, minute, channel, item)
    GROUP BY customer;
CREATE TABLE paths_graphs AS
    SELECT 'plain' AS name, journey_graph_agg(journey) AS graph FROM paths_t6
    UNION ALL SELECT 'collapsed', journey_graph_agg(journey, graph_options(collapse => true)) FROM paths_t6
    UNION ALL SELECT 'channel', journey_graph_agg(journey, graph_options(by => 'channel')) FROM paths_t6
    UNION ALL SELECT 'item', journey_graph_agg(journey, graph_options(by => 'item')) FROM paths_t6
    UNION ALL SELECT 'depth 2', journey_graph_agg(journey, graph_options(depth => 2)) FROM paths_t6
    UNION ALL SELECT 'depth 16', journey_graph_agg(journey, graph_options(by => 'event', depth => 16, collapse => false)) FROM paths_t6;

-- what the graphs say
SELECT name, t.* FROM paths_graphs, graph_totals(graph) t ORDER BY name;
SELECT source, target, transitions, journeys, round(share::numeric, 4) AS share, round(source_share::numeric, 4) AS of_source,
       round(target_share::numeric, 4) AS of_target, mean_time, median_time, p90_time
FROM paths_graphs, graph_edges(graph) WHERE name = 'plain';
SELECT node, events, journeys, round(share::numeric, 4) AS share, entries, exits, repeats, repeating_journeys, tied_events, mean_stay, median_stay, p90_stay
FROM paths_graphs, graph_nodes(graph) WHERE name = 'plain';
SELECT source, target, transitions, round(total_days::numeric, 6) AS total_days, round(share_of_time::numeric, 4) AS share, round(cumulative_share::numeric, 4) AS cumulative, mean_time
FROM paths_graphs, graph_bottlenecks(graph) WHERE name = 'plain';
SELECT name, loop, steps, occurrences, round(share::numeric, 4) AS share FROM paths_graphs, graph_loops(graph) WHERE name IN ('plain', 'depth 2', 'channel') ORDER BY name, steps, loop COLLATE "C";
SELECT source, target, transitions, mean_time FROM paths_graphs, graph_edges(graph) WHERE name = 'collapsed';
SELECT node, events, journeys, entries, exits FROM paths_graphs, graph_nodes(graph) WHERE name = 'channel';
SELECT source, target, transitions FROM paths_graphs, graph_edges(graph) WHERE name = 'item';
SELECT source, target, transitions FROM paths_graphs, graph_edges(graph) WHERE name = 'depth 2';

-- laws: transitions are events minus journeys; what comes in goes out, at every node and depth
SELECT name, t.transitions = t.events - (t.journeys - t.empty_journeys) AS edges_add_up,
       (SELECT sum(transitions) FROM graph_edges(graph)) = t.transitions AS same_edges,
       (SELECT bool_and(n.events = n.entries + coalesce((SELECT sum(transitions) FROM graph_edges(graph) e WHERE e.target = n.node), 0) AND
                        n.events = n.exits + coalesce((SELECT sum(transitions) FROM graph_edges(graph) e WHERE e.source = n.node), 0))
        FROM graph_nodes(graph) n) AS flow_is_kept,
       (SELECT sum(entries) FROM graph_nodes(graph)) = t.journeys - t.empty_journeys AS starts,
       (SELECT sum(exits) FROM graph_nodes(graph)) = t.journeys - t.empty_journeys AS ends
FROM paths_graphs, graph_totals(graph) t ORDER BY name;

-- collapsing in the graph and in the journey agree
SELECT (SELECT graph FROM paths_graphs WHERE name = 'collapsed') =
       (SELECT journey_graph_agg(journey_collapse(journey), graph_options(collapse => true)) FROM paths_t6) AS same;

-- sums and differences are exact, whatever the split
CREATE FUNCTION paths_graph_of(text, graph_options) RETURNS journey_graph LANGUAGE sql
    AS 'SELECT journey_graph_agg(journey, $2) FROM paths_t6 WHERE customer ~ $1';
SELECT o, paths_graph_of('[124]', o) + paths_graph_of('[356]', o) = paths_graph_of('.', o) AS sum,
       paths_graph_of('.', o) - paths_graph_of('[356]', o) = paths_graph_of('[124]', o) AS difference,
       (paths_graph_of('[124]', o) + paths_graph_of('[356]', o))::text = paths_graph_of('.', o)::text AS same_bytes,
       (SELECT journey_graph_merge(g) FROM (SELECT journey_graph_agg(journey, o) AS g FROM paths_t6 GROUP BY customer) s) = paths_graph_of('.', o) AS merged,
       graph_totals(paths_graph_of('.', o) - paths_graph_of('.', o)) AS nothing
FROM unnest(ARRAY[graph_options(), graph_options(depth => 2), graph_options(by => 'item', collapse => true)]) o;
SELECT paths_graph_of('1', NULL) <> paths_graph_of('2', NULL) AS differ, paths_graph_of('1', NULL) = paths_graph_of('1', graph_options(by => 'event', depth => 1, collapse => false)) AS defaults;

-- text and binary forms
SELECT name, graph::text::journey_graph = graph AS text_form, left(graph::text, 10) FROM paths_graphs ORDER BY name;
SELECT journey_graph_agg('{a 2026-01-01 00:00:00+00, b 2026-01-01 00:00:05+00}'), length(journey_graph_send(journey_graph_agg('{a 2026-01-01 00:00:00+00, b 2026-01-01 00:00:05+00}')));

-- empty, NULL, one event, ties, missing attributes
SELECT journey_graph_agg(journey) FROM paths_t6 WHERE false;
SELECT journey_graph_agg(NULL::journey), journey_graph_agg(NULL::journey, graph_options(depth => 3));
SELECT t.* FROM graph_totals((SELECT journey_graph_agg(j) FROM (VALUES ('{}'::journey), (NULL), ('{a 2026-01-01 00:00:00+00}')) v(j))) t;
SELECT count(*) FROM graph_edges((SELECT journey_graph_agg(j) FROM (VALUES ('{}'::journey)) v(j)));
SELECT count(*) FROM graph_edges(NULL);
SELECT node, events, tied_events FROM graph_nodes((SELECT journey_graph_agg('{a 2026-01-01 00:00:00+00, b 2026-01-01 00:00:00+00, c 2026-01-01 00:00:00+00, d 2026-01-01 00:01:00+00, e 2026-01-02 00:00:00+00, f 2026-01-02 00:00:00+00}')));
SELECT t.* FROM graph_totals((SELECT journey_graph_agg(journey, graph_options(by => 'channel')) FROM paths_t6 WHERE customer = 'c4')) t;

-- times at the extremes: a sum beyond 64 bits
SELECT mean_time, median_time FROM graph_edges((SELECT journey_graph_agg('{a 4714-11-24 00:00:00+00 BC, b 294276-12-31 23:59:59.999999+00}') FROM generate_series(1, 5)));
SELECT mean_time, median_time, p90_time FROM graph_edges((SELECT journey_graph_agg(journey_of('2026-01-01 00:00+00', 'a') || journey_of('2026-01-01 00:00+00'::timestamptz + i * interval '1 microsecond', 'b')) FROM generate_series(1, 20) i));

-- grouping, FILTER, windows, parallel plans
SELECT customer < 'c3' AS first_two, (graph_totals(journey_graph_agg(journey))).events FROM paths_t6 GROUP BY 1 ORDER BY 1;
SELECT (graph_totals(journey_graph_agg(journey) FILTER (WHERE customer = 'c1'))).* FROM paths_t6;
SELECT customer, (graph_totals(journey_graph_agg(journey, graph_options(depth => 2)) OVER (ORDER BY customer ROWS 1 PRECEDING))).events FROM paths_t6 ORDER BY 1;
SELECT customer, (graph_totals(journey_graph_agg(journey) OVER (ORDER BY customer))).transitions FROM paths_t6 ORDER BY 1;
CREATE TABLE paths_many AS
    SELECT c, journey_agg('2026-01-01'::timestamptz + (i * i % 7919) * interval '1 minute', 'event ' || (i * i + c * i) % 37) AS journey
    FROM generate_series(1, 400) c, generate_series(1, 30) i GROUP BY c;
CREATE TABLE paths_serial AS SELECT d, journey_graph_agg(journey, graph_options(depth => d)) AS graph FROM paths_many, generate_series(1, 3) d GROUP BY d;
SET max_parallel_workers_per_gather = 4; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT journey_graph_agg(journey, graph_options(depth => 2)) FROM paths_many;
SELECT (SELECT journey_graph_agg(journey) FROM paths_many)::text = (SELECT graph::text FROM paths_serial WHERE d = 1) AS depth_1,
       (SELECT journey_graph_agg(journey, graph_options(depth => 2)) FROM paths_many)::text = (SELECT graph::text FROM paths_serial WHERE d = 2) AS depth_2,
       (SELECT journey_graph_agg(journey, graph_options(depth => 3)) FROM paths_many)::text = (SELECT graph::text FROM paths_serial WHERE d = 3) AS depth_3;
RESET max_parallel_workers_per_gather; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
SELECT d, t.nodes, t.edges, t.events, graph::text::journey_graph = graph AS round_trip FROM paths_serial, graph_totals(graph) t ORDER BY d;

-- drawings
SELECT graph_to_dot(graph, top => 4, min_transitions => 2) FROM paths_graphs WHERE name = 'plain';
SELECT graph_to_mermaid(graph, top => 4) FROM paths_graphs WHERE name = 'depth 2';
SELECT jsonb_pretty(graph_to_sankey(graph, top => 3, min_transitions => 3)::jsonb) FROM paths_graphs WHERE name = 'plain';
SELECT graph_to_dot(g), graph_to_mermaid(g), graph_to_sankey(g)
FROM (SELECT journey_graph_agg('{"say ""hi"" \ | <b>" 2026-01-01 00:00:00+00, "two
lines" 2026-01-02 01:00:00+00}') AS g) s;
SELECT graph_to_dot(g), graph_to_mermaid(g), graph_to_sankey(g) FROM (SELECT journey_graph_agg('{}') AS g) s;

-- errors
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT journey_graph_agg(journey, graph_options(by => 'place')) FROM paths_t6;
SELECT journey_graph_agg(journey, graph_options(depth => 0)) FROM paths_t6;
SELECT journey_graph_agg(journey, graph_options(depth => 17)) FROM paths_t6;
SELECT journey_graph_agg(journey, graph_options(depth => length(customer) + (customer = 'c4')::int)) FROM paths_t6;
SELECT paths_graph_of('.', NULL) + paths_graph_of('.', graph_options(depth => 2));
SELECT paths_graph_of('.', NULL) + paths_graph_of('.', graph_options(by => 'channel'));
SELECT paths_graph_of('1', NULL) - paths_graph_of('.', NULL);
SELECT paths_graph_of('1', NULL) - paths_graph_of('2', NULL);
SELECT graph_to_dot(graph, top => 0) FROM paths_graphs LIMIT 1;
SELECT journey_graph_combinefn(graph, graph) FROM paths_graphs LIMIT 1;
SELECT journey_graph_agg_transfn(graph, '{}') FROM paths_graphs LIMIT 1;
SELECT ''::journey_graph;
SELECT '\x'::journey_graph;
SELECT '\x02010100000000'::journey_graph;
SELECT '\x01030100000000000000'::journey_graph;
SELECT '\x01000100000000000000'::journey_graph;
SELECT '\x010001000000000000'::journey_graph IS NOT NULL AS no_journeys;
SELECT '\xff0001000000000000'::journey_graph;
SELECT '\x01000100010000000000'::journey_graph;
SELECT '\x0100010001000001016101010001000100010000010000'::journey_graph;

-- a packed graph damaged at any place is refused or is another valid graph, never a crash
CREATE FUNCTION paths_is_graph(bytea) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN PERFORM $1::text::journey_graph; RETURN true; EXCEPTION WHEN invalid_text_representation THEN RETURN false; END $$;
SELECT bool_and(b = set_byte(body, i, v) OR NOT paths_is_graph(b) OR b::text::journey_graph::text = b::text) AS safe, count(*) > 1000 AS many
FROM (SELECT journey_graph_send(graph) AS body FROM paths_graphs WHERE name IN ('plain', 'depth 2')) g,
     generate_series(0, length(body) - 1) i, (VALUES (0), (1), (2), (127), (128), (255)) v(v), LATERAL (SELECT set_byte(body, i, v) AS b) s;
SELECT count(*) FILTER (WHERE paths_is_graph(substr(body, 1, n))) AS prefixes_accepted
FROM (SELECT journey_graph_send(graph) AS body FROM paths_graphs WHERE name = 'plain') g, generate_series(0, length(body) - 1) n;

DROP FUNCTION paths_graph_of, paths_is_graph;
DROP TABLE paths_t6, paths_graphs, paths_many, paths_serial;

-- counters grow with what they count
CREATE TABLE doubled AS
WITH RECURSIVE d (n, graph) AS (
    SELECT 0, journey_graph_agg(j) FROM (VALUES ('{a 2026-01-01 00:00:00+00, b 2026-01-01 00:00:05+00, a 2026-01-01 02:00:00+00}'::journey)) v (j)
    UNION ALL SELECT n + 1, graph + graph FROM d WHERE n < 40)
SELECT * FROM d;
SELECT n, source, target, transitions, median_time, p90_time FROM doubled, graph_edges(graph) WHERE n IN (7, 8, 15, 16, 31, 32, 40) AND source IS NOT NULL ORDER BY n, source;
SELECT count(*) AS same FROM doubled a JOIN doubled b ON b.n = a.n + 1 WHERE b.graph - a.graph = a.graph AND a.graph::text::journey_graph = a.graph;
SELECT source, target, transitions, median_time, p90_time
FROM graph_edges((SELECT journey_graph_agg(j) FROM (
    SELECT journey_agg('2026-01-01 00:00+00'::timestamptz + i * interval '1 s' + (i > 70000)::int * interval '1 h', CASE i WHEN 0 THEN 'b' ELSE 'a' END)
    FROM generate_series(0, 70010) i) s (j))) ORDER BY transitions;
DROP TABLE doubled;
