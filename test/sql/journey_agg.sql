-- journey_agg and journey_merge
SET timezone = 'UTC';
SET datestyle = 'ISO';

CREATE TABLE agg_events (customer int, occurred_at timestamptz, event text, channel text, value float8, item text);
INSERT INTO agg_events VALUES
    (1, '2026-01-01 10:00+00', 'view', 'web', NULL, 'sku-1'),
    (1, '2026-01-01 09:00+00', 'search', 'web', NULL, NULL),
    (1, '2026-01-02 12:00+00', 'purchase', 'store', 59.9, 'sku-1'),
    (1, '2026-01-01 10:00+00', 'view', 'web', NULL, 'sku-1'),
    (2, '2026-01-05 00:00+00', 'view', NULL, NULL, NULL),
    (3, NULL, 'view', 'web', NULL, NULL),
    (3, '2026-01-05 00:00+00', NULL, 'web', NULL, NULL),
    (4, NULL, 'view', 'web', NULL, NULL),
    (4, '2026-01-06 00:00+00', 'view', 'app', 1, NULL);

-- four arities
SELECT customer, journey_agg(occurred_at, event) FROM agg_events GROUP BY 1 ORDER BY 1;
SELECT customer, journey_agg(occurred_at, event, channel) FROM agg_events GROUP BY 1 ORDER BY 1;
SELECT customer, journey_agg(occurred_at, event, channel, value) FROM agg_events GROUP BY 1 ORDER BY 1;
SELECT customer, journey_agg(occurred_at, event, channel, value, item) FROM agg_events GROUP BY 1 ORDER BY 1;

-- no rows, no row that counts
SELECT journey_agg(occurred_at, event) FROM agg_events WHERE false;
SELECT journey_agg(occurred_at, event) FROM agg_events WHERE customer = 3;

-- row order does not matter, ORDER BY, DISTINCT, FILTER and HAVING work
SELECT (SELECT journey_agg(occurred_at, event, channel, value, item) FROM (SELECT * FROM agg_events ORDER BY occurred_at DESC) e) =
       (SELECT journey_agg(occurred_at, event, channel, value, item ORDER BY event) FROM agg_events) AS same;
SELECT journey_agg(DISTINCT occurred_at, event) FROM agg_events WHERE customer = 1;
SELECT customer, journey_agg(occurred_at, event) FILTER (WHERE channel = 'web') FROM agg_events GROUP BY 1 ORDER BY 1;
SELECT customer FROM agg_events GROUP BY 1 HAVING journey_length(journey_agg(occurred_at, event)) > 1;

-- as a window function, with frames that move
SELECT occurred_at, journey_path(journey_agg(occurred_at, event) OVER (ORDER BY occurred_at, event ROWS 1 PRECEDING), ' ')
FROM agg_events WHERE customer = 1 ORDER BY occurred_at;
SELECT occurred_at, journey_path(journey_agg(occurred_at, event) OVER (ORDER BY occurred_at, event), ' ')
FROM agg_events WHERE customer = 1 ORDER BY occurred_at;

-- grouping sets share a call site
SELECT customer, channel, journey_length(journey_agg(occurred_at, event, channel))
FROM agg_events GROUP BY GROUPING SETS ((customer), (channel), ()) ORDER BY 1, 2, 3;

-- merging journeys; duplicates are kept
SELECT journey_merge(j) FROM (VALUES ('{a 2026-01-01 00:00:00+00}'::journey), (NULL), ('{}'), ('{a 2026-01-01 00:00:00+00, b@c(1)#d 2025-01-01 00:00:00+00}')) v(j);
SELECT journey_merge(j) FROM (VALUES ('{}'::journey), ('{}')) v(j);
SELECT journey_merge(NULL), journey_merge(j) FILTER (WHERE false) FROM (VALUES ('{}'::journey)) v(j);
SELECT journey_merge(part) = (SELECT journey_agg(occurred_at, event, channel, value, item) FROM agg_events) AS same
FROM (SELECT journey_agg(occurred_at, event, channel, value, item) AS part FROM agg_events GROUP BY customer) p;

-- hashed, sorted and parallel plans agree
CREATE TABLE agg_many AS
    SELECT i % 97 AS customer, '2026-01-01'::timestamptz + (i * 7919 % 10007) * interval '1 second' AS occurred_at,
           'event ' || i % 13 AS event, CASE WHEN i % 3 > 0 THEN 'channel ' || i % 5 END AS channel,
           CASE WHEN i % 4 = 0 THEN i % 11 END::float8 AS value, CASE WHEN i % 7 = 0 THEN 'item ' || i % 1009 END AS item
    FROM generate_series(1, 20000) i;
ANALYZE agg_many;
SET enable_hashagg = on; SET enable_sort = off; SET max_parallel_workers_per_gather = 0;
CREATE TABLE agg_hashed AS SELECT customer, journey_agg(occurred_at, event, channel, value, item) AS j FROM agg_many GROUP BY 1;
SET enable_hashagg = off; RESET enable_sort;
CREATE TABLE agg_sorted AS SELECT customer, journey_agg(occurred_at, event, channel, value, item) AS j FROM agg_many GROUP BY 1;
SET max_parallel_workers_per_gather = 4; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
RESET enable_hashagg;
EXPLAIN (COSTS OFF) SELECT customer, journey_agg(occurred_at, event, channel, value, item) FROM agg_many GROUP BY 1;
SELECT count(*), bool_and(s.j = h.j), bool_and(p.j = h.j), sum(journey_length(h.j))
FROM agg_hashed h JOIN agg_sorted s USING (customer)
     JOIN (SELECT customer, journey_agg(occurred_at, event, channel, value, item) AS j FROM agg_many GROUP BY 1) p USING (customer);
SELECT (SELECT journey_merge(j) FROM agg_hashed) =
       (SELECT journey_agg(occurred_at, event, channel, value, item) FROM agg_many) AS same;
RESET max_parallel_workers_per_gather; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;

-- names of sorted groups are kept from group to group until they take a megabyte
CREATE TABLE agg_names AS
    SELECT i / 10 AS customer, '2026-01-01'::timestamptz + i * interval '1 second' AS occurred_at,
           'event ' || i % 3 || repeat('.', i % 500) AS event, 'item ' || i || repeat('x', i % 700) AS item
    FROM generate_series(1, 6000) i;
SET enable_hashagg = off;
CREATE TABLE agg_sorted_names AS
    SELECT customer, journey_agg(occurred_at, event, NULL, NULL, item) AS j FROM agg_names GROUP BY customer;
CREATE TABLE agg_rolled_names AS
    SELECT customer, journey_agg(occurred_at, event, NULL, NULL, item) AS j FROM agg_names GROUP BY ROLLUP (customer);
SET enable_hashagg = on; SET enable_sort = off;
CREATE TABLE agg_hashed_names AS
    SELECT customer, journey_agg(occurred_at, event, NULL, NULL, item) AS j FROM agg_names GROUP BY customer;
SELECT count(*), bool_and(s.j = h.j), bool_and(r.j = h.j)
FROM agg_hashed_names h JOIN agg_sorted_names s USING (customer) JOIN agg_rolled_names r USING (customer);
SELECT j = (SELECT journey_agg(occurred_at, event, NULL, NULL, item) FROM agg_names) AS same FROM agg_rolled_names WHERE customer IS NULL;
RESET enable_hashagg; RESET enable_sort;

-- spilled groups are the same groups
SET work_mem = '64kB'; SET enable_sort = off;
SELECT count(*), bool_and(s.j = h.j)
FROM (SELECT customer * 1000 + extract(day from occurred_at)::int AS c, journey_agg(occurred_at, event, channel, value, item) AS j FROM agg_many GROUP BY 1) s
JOIN (SELECT c, journey_merge(j) AS j FROM (SELECT customer * 1000 + extract(day from occurred_at)::int AS c, journey_of(occurred_at, event, channel, value, item) AS j FROM agg_many) x GROUP BY 1) h USING (c);
RESET work_mem; RESET enable_sort;

-- errors
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT journey_agg('infinity'::timestamptz, 'a');
SELECT journey_agg('-infinity'::timestamptz, 'a');
SELECT journey_agg(now(), repeat('x', 65536));
SELECT journey_agg(now(), 'a', repeat('x', 65536));
SELECT journey_agg(now(), 'a', 'b', 1, repeat('x', 65536));
SET customer_journey.max_events = 10;
SELECT journey_length(journey_agg(now(), 'a')) FROM generate_series(1, 10);
SELECT journey_agg(now(), 'a') FROM generate_series(1, 11);
SELECT journey_merge(j) FROM (SELECT journey_agg(now(), 'a') AS j FROM generate_series(1, 6) UNION ALL SELECT journey_agg(now(), 'a') FROM generate_series(1, 5)) v;
RESET customer_journey.max_events;

DROP TABLE agg_events, agg_many, agg_hashed, agg_sorted, agg_names, agg_sorted_names, agg_hashed_names, agg_rolled_names;
