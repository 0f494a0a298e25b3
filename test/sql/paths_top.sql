-- Whole paths, likeness of journeys, medoids
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

CREATE TABLE paths_t6 AS
    SELECT customer, journey_agg('2026-01-01 00:00+00'::timestamptz + minute * interval '1 minute', event, CASE WHEN minute > 3 THEN 'app' END) AS journey
    FROM (VALUES
        ('c1', 'home', 0), ('c1', 'search', 1), ('c1', 'product', 3), ('c1', 'cart', 6), ('c1', 'pay', 10),
        ('c2', 'home', 0), ('c2', 'product', 2), ('c2', 'product', 4), ('c2', 'cart', 5),
        ('c3', 'search', 0), ('c3', 'product', 5), ('c3', 'home', 6), ('c3', 'product', 9), ('c3', 'cart', 20), ('c3', 'pay', 21),
        ('c4', 'home', 0), ('c4', 'home', 1),
        ('c5', 'product', 0), ('c5', 'cart', 1), ('c5', 'product', 2), ('c5', 'cart', 4), ('c5', 'pay', 30),
        ('c6', 'home', 0), ('c6', 'search', 2), ('c6', 'search', 3), ('c6', 'product', 8))
        v(customer, event, minute)
    GROUP BY customer;

SELECT path, length, journeys, round(share::numeric, 4) AS share, round(cumulative_share::numeric, 4) AS cumulative, mean_duration
FROM unnest((SELECT top_paths(journey) FROM paths_t6)) p;
SELECT path, events, journeys FROM unnest((SELECT top_paths(journey, path_options(collapse => true, top => 3)) FROM paths_t6)) p;
SELECT path, journeys, round(cumulative_share::numeric, 4) AS cumulative, mean_duration
FROM unnest((SELECT top_paths(journey, path_options(first => 2)) FROM paths_t6)) p;
SELECT path, journeys FROM unnest((SELECT top_paths(journey, path_options(by => 'channel')) FROM paths_t6)) p;
SELECT s.early, p.path, p.journeys
FROM (SELECT customer < 'c3' AS early, top_paths(journey, path_options(first => 1)) AS found FROM paths_t6 GROUP BY 1) s, unnest(s.found) p ORDER BY 1, 3 DESC, 2;

-- rows and rows of the table agree with the graph: starts are the first events
SELECT (SELECT sum(entries) FROM graph_nodes((SELECT journey_graph_agg(journey) FROM paths_t6))) =
       (SELECT sum(journeys) FROM unnest((SELECT top_paths(journey, path_options(first => 1)) FROM paths_t6)) p) AS reconciles;

-- empty input, NULL, journeys without events
SELECT top_paths(journey) FROM paths_t6 WHERE false;
SELECT top_paths(j) FROM (VALUES ('{}'::journey), (NULL)) v(j);
SELECT path, journeys, share FROM unnest((SELECT top_paths(j) FROM (VALUES ('{}'::journey), (NULL), ('{a 2026-01-01 00:00:00+00}')) v(j))) p;

-- parallel plans and windows give the same; so does SQL
CREATE TABLE paths_many AS
    SELECT c, journey_agg('2026-01-01'::timestamptz + i * interval '1 minute', 'event ' || (c * i * i) % 5 + c % 200) AS journey
    FROM generate_series(1, 2000) c, generate_series(1, 6) i GROUP BY c;
CREATE TABLE paths_found AS SELECT p.* FROM unnest((SELECT top_paths(journey, path_options(top => 100000)) FROM paths_many)) p;
SELECT count(*), sum(journeys), max(cumulative_share) = 1 AS complete FROM paths_found;
SELECT count(*) FROM (SELECT path, journeys FROM paths_found EXCEPT ALL SELECT journey_path(journey), count(*) FROM paths_many GROUP BY 1) d;
SET max_parallel_workers_per_gather = 4; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
ALTER TABLE paths_many SET (parallel_workers = 2);
EXPLAIN (COSTS OFF) SELECT top_paths(journey) FROM paths_many;
SELECT count(*) FROM (SELECT p.* FROM unnest((SELECT top_paths(journey, path_options(top => 100000)) FROM paths_many)) p EXCEPT ALL SELECT * FROM paths_found) d;
RESET max_parallel_workers_per_gather; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
SELECT customer, cardinality(top_paths(journey) OVER (ORDER BY customer)) AS paths FROM paths_t6 ORDER BY 1;

-- likeness: kitten and sitting, letter by letter
CREATE FUNCTION paths_letters(text) RETURNS journey LANGUAGE sql
    AS $$ SELECT coalesce(journey_agg('2026-01-01'::timestamptz + n * interval '1 second', c), '{}') FROM regexp_split_to_table($1, '') WITH ORDINALITY l(c, n) WHERE $1 <> '' $$;
SELECT a, b, round(journey_similarity(paths_letters(a), paths_letters(b))::numeric, 6) AS levenshtein,
       round(journey_similarity(paths_letters(a), paths_letters(b), 'lcs')::numeric, 6) AS lcs,
       round(journey_similarity(paths_letters(a), paths_letters(b), method => 'matching', indel => 1.5, substitution => 2)::numeric, 6) AS matching
FROM (VALUES ('kitten', 'sitting'), ('abc', 'abc'), ('abc', 'xyz'), ('', ''), ('', 'ab'), ('flaw', 'lawn'), ('ab', 'ba')) v(a, b);
SELECT bool_and(journey_similarity(a.journey, b.journey, m) = journey_similarity(b.journey, a.journey, m)) AS symmetric,
       bool_and(journey_similarity(a.journey, a.journey, m) = 1) AS reflexive
FROM paths_t6 a, paths_t6 b, unnest('{levenshtein,lcs,matching}'::text[]) m;

-- the medoid is the journey with the least sum of distances
SELECT journey_path(journey_medoid(journey)) FROM paths_t6;
SELECT m, journey_path(journey_medoid(paths_letters(t), m)) FROM (VALUES ('kitten'), ('sitting'), ('mitten'), ('kitchen')) v(t), unnest('{levenshtein,lcs,matching}'::text[]) m GROUP BY m ORDER BY m;
SELECT journey_path(journey_medoid(paths_letters(t), 'matching', 1, 0.5)) FROM (VALUES ('aa'), ('aaaaaa'), ('bbbb')) v(t);
SELECT journey_medoid(journey) IS NULL AS none FROM paths_t6 WHERE false;
SELECT journey_medoid(NULL::journey), journey_medoid('{}'), journey_medoid('{a 2026-01-01 00:00:00+00}');

-- errors
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT top_paths(journey, path_options(max_gap => '1 day')) FROM paths_t6;
SELECT top_paths(journey, path_options(top => 0)) FROM paths_t6;
SELECT top_paths(journey, path_options(first => -1)) FROM paths_t6;
SELECT top_paths(journey, path_options(first => CASE customer WHEN 'c1' THEN 1 ELSE 2 END)) FROM paths_t6;
SELECT journey_similarity('{}', '{}', 'cosine');
SELECT journey_similarity('{}', '{}', 'matching', -1);
SELECT journey_similarity('{}', '{}', 'matching', 'NaN');
SELECT journey_similarity('{}', '{}', 'matching', 1, 'infinity');
SELECT journey_medoid(journey, customer) FROM paths_t6;
SET customer_journey.path_memory = '64kB';
SELECT cardinality(top_paths(journey_of(now(), 'event ' || i))) FROM generate_series(1, 5000) i;
SELECT journey_length(journey_medoid(journey_of(now(), 'event ' || i))) FROM generate_series(1, 5000) i;
RESET customer_journey.path_memory;

DROP FUNCTION paths_letters;
DROP TABLE paths_t6, paths_many, paths_found;
