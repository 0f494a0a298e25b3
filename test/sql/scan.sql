-- GroupedScan: rows brought together group by group beneath the aggregation.
SET enable_hashagg = off;
SET max_parallel_workers_per_gather = 0;

CREATE TABLE scan_events AS
SELECT (n * 7919) % 83 AS customer_id,
       'k' || (n * 31) % 17 AS region,
       timestamptz '2026-01-01 00:00+00' + (n * 104729) % 1000000 * interval '1 second' AS occurred_at,
       (ARRAY['view', 'cart', 'purchase', 'call'])[1 + (n / 3 * 5 + n % 7) % 4] AS event,
       CASE WHEN n % 3 > 0 THEN 'web' END AS channel,
       n AS number
FROM generate_series(1, 5000) n;
INSERT INTO scan_events SELECT NULL, 'none', '2026-02-01 00:00+00', 'view', NULL, 0 FROM generate_series(1, 3);
ANALYZE scan_events;
CREATE TABLE scan_days (id integer PRIMARY KEY, name text);
INSERT INTO scan_days SELECT n, 'k' || n FROM generate_series(1, 20) n;
ANALYZE scan_days;

-- the node lies beneath a sorted aggregation, whatever is asked besides
EXPLAIN (COSTS OFF) SELECT customer_id, journey_agg(occurred_at, event) FROM scan_events GROUP BY customer_id;
EXPLAIN (COSTS OFF) SELECT customer_id, region, journey_agg(occurred_at, event), count(*), max(number) FILTER (WHERE channel = 'web')
FROM scan_events WHERE event <> 'call' GROUP BY customer_id, region HAVING count(*) > 1;
EXPLAIN (COSTS OFF) SELECT customer_id FROM scan_events GROUP BY 1 HAVING window_funnel('1 day', occurred_at, event = 'view', event = 'cart') > 1;

-- it claims no order
EXPLAIN (COSTS OFF) SELECT customer_id, journey_agg(occurred_at, event) FROM scan_events GROUP BY customer_id ORDER BY customer_id;
EXPLAIN (COSTS OFF) SELECT DISTINCT ON (customer_id) customer_id, region, journey_agg(occurred_at, event)
FROM scan_events GROUP BY customer_id, region ORDER BY customer_id, region;
SELECT customer_id, row_number() OVER (ORDER BY customer_id), journey_length(journey_agg(occurred_at, event)) FROM scan_events GROUP BY customer_id LIMIT 3;

-- keys may be expressions, rows a join or a set
EXPLAIN (COSTS OFF) SELECT upper(region), journey_agg(occurred_at, event) FROM scan_events GROUP BY upper(region);
EXPLAIN (COSTS OFF) SELECT unnest(ARRAY[customer_id, -customer_id]) AS k, journey_agg(occurred_at, event) FROM scan_events GROUP BY k;
EXPLAIN (COSTS OFF) SELECT customer_id, unnest(ARRAY[1, 2]), journey_agg(occurred_at, event) FROM scan_events GROUP BY customer_id;
EXPLAIN (COSTS OFF) SELECT e.customer_id, journey_agg(e.occurred_at, e.event) FROM scan_events e JOIN (VALUES ('k1'), ('k2')) r(region) USING (region) GROUP BY 1;

-- conditions on one column are answered by the node; the column is not kept
EXPLAIN (COSTS OFF, VERBOSE) SELECT window_funnel('1 day', occurred_at, event = 'view', event IN ('cart', 'purchase')) FROM scan_events GROUP BY customer_id;
-- unless something else wants it, or they are of two columns, behind a filter, or volatile
EXPLAIN (COSTS OFF, VERBOSE) SELECT window_funnel('1 day', occurred_at, event = 'view', event = 'cart'), min(event) FROM scan_events GROUP BY customer_id;
EXPLAIN (COSTS OFF, VERBOSE) SELECT window_funnel('1 day', occurred_at, event = channel, event = 'cart') FROM scan_events GROUP BY customer_id;
EXPLAIN (COSTS OFF, VERBOSE) SELECT window_funnel('1 day', occurred_at, event = 'view') FILTER (WHERE number > 7) FROM scan_events GROUP BY customer_id;
EXPLAIN (COSTS OFF, VERBOSE) SELECT window_funnel('1 day', occurred_at, number > random()) FROM scan_events GROUP BY customer_id;

-- where only such aggregates are wanted, a node above takes their rows from it as they are stored, and gives their states to the aggregation
EXPLAIN (COSTS OFF, VERBOSE) SELECT upper(region) AS k, customer_id + 1, window_funnel('1 day', 'strict_order', occurred_at, event = 'view', event = 'cart') * 2,
    sequence_count('(?1)(?2)', occurred_at, event = 'cart', number > 7), retention(event = 'view', event = 'cart')
FROM scan_events GROUP BY upper(region), customer_id HAVING window_funnel('1 day', 'strict_order', occurred_at, event = 'view', event = 'cart') < 2 AND customer_id > 5;
-- what is made of the aggregates is the aggregation's: subqueries, window functions, columns that depend on the key
CREATE FUNCTION scan_nodes(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF, VERBOSE) ' || query LOOP
        IF line ~ 'Finalize|Custom Scan|PARTIAL' THEN RETURN NEXT ltrim(line); END IF;
    END LOOP;
END $$;
SELECT scan_nodes('SELECT customer_id, window_funnel(''1 day'', occurred_at, event = ''view'') FROM scan_events o
GROUP BY customer_id HAVING EXISTS (SELECT FROM scan_events i WHERE i.number = o.customer_id AND i.number > window_funnel(''1 day'', o.occurred_at, o.event = ''view''))');
SELECT scan_nodes('SELECT d.id, d.name, rank() OVER (ORDER BY window_funnel(''1 day'', e.occurred_at, e.event = ''view'', e.usual)) FROM scan_days d
LEFT JOIN (SELECT region, occurred_at, event, coalesce(number > 7, true) AS usual FROM scan_events) e ON e.region = d.name GROUP BY d.id');
-- not if one asks for all rows, or for the values themselves
EXPLAIN (COSTS OFF) SELECT window_funnel('1 day', occurred_at, event = 'view', event = 'cart'), count(*) FROM scan_events GROUP BY customer_id;
EXPLAIN (COSTS OFF) SELECT window_funnel('1 day', occurred_at, VARIADIC ARRAY[event = 'view', event = 'cart']) FROM scan_events GROUP BY customer_id;
EXPLAIN (COSTS OFF) SELECT window_funnel('1 day', occurred_at + interval '1 day', event = 'view', event = 'cart') FROM scan_events GROUP BY customer_id;
EXPLAIN (COSTS OFF) SELECT window_funnel(number * interval '1 day', occurred_at, event = 'view') FROM scan_events GROUP BY customer_id;
-- or has no states to be passed on
CREATE AGGREGATE scan_funnel(interval, timestamptz, VARIADIC "any") (SFUNC = window_funnel_transfn, STYPE = internal, FINALFUNC = window_funnel_finalfn);
EXPLAIN (COSTS OFF) SELECT scan_funnel('1 day', occurred_at, event = 'view', event = 'cart') FROM scan_events GROUP BY customer_id;
DROP AGGREGATE scan_funnel(interval, timestamptz, VARIADIC "any");

-- not for what is grouped otherwise
EXPLAIN (COSTS OFF) SELECT customer_id, count(*) FROM scan_events GROUP BY customer_id;
EXPLAIN (COSTS OFF) SELECT customer_id, region, journey_agg(occurred_at, event) FROM scan_events GROUP BY ROLLUP (customer_id, region);
EXPLAIN (COSTS OFF) SELECT journey_agg(occurred_at, event) FROM scan_events;
SET customer_journey.enable_grouped_scan = off;
EXPLAIN (COSTS OFF) SELECT customer_id, journey_agg(occurred_at, event) FROM scan_events GROUP BY customer_id;
RESET customer_journey.enable_grouped_scan;

-- the same answers with it and without it
CREATE VIEW scan_answers AS
SELECT 1 AS question, md5(string_agg(a::text, ',' ORDER BY a::text COLLATE "C")) AS answer FROM
    (SELECT customer_id, journey_agg(occurred_at, event, channel, number, region), count(*), sum(number) FROM scan_events GROUP BY 1) a
UNION ALL SELECT 2, md5(string_agg(a::text, ',' ORDER BY a::text COLLATE "C")) FROM
    (SELECT customer_id, region, journey_agg(occurred_at, event), count(DISTINCT event), string_agg(event, ',' ORDER BY number),
            window_funnel('2 days', occurred_at, event = 'view', event = 'cart', event = 'purchase'),
            window_funnel('2 days', 'strict_order', occurred_at, event = 'view', event = 'cart', event = 'purchase')
     FROM scan_events GROUP BY 1, 2) a
UNION ALL SELECT 3, md5(string_agg(a::text, ',' ORDER BY a::text COLLATE "C")) FROM
    (SELECT region || channel AS k, retention(event = 'view', event = 'cart', channel IS NULL), sequence_match('(?1).*(?2)', occurred_at, event = 'cart', event = 'call'),
            sequence_count('(?1)(?2)', occurred_at, event = 'cart', event IS DISTINCT FROM 'call'), max(occurred_at)
     FROM scan_events GROUP BY k HAVING count(*) > 2) a
UNION ALL SELECT 4, md5(string_agg(a::text, ',' ORDER BY a::text COLLATE "C")) FROM
    (SELECT customer_id, window_funnel('2 days', occurred_at, event = 'view', event = 'cart', event = 'purchase') AS level FROM scan_events GROUP BY 1) a
UNION ALL SELECT 5, md5(string_agg(a::text, ',' ORDER BY a::text COLLATE "C")) FROM
    (SELECT customer_id, sequence_match_events('(?1).*(?2)', occurred_at, event = 'nothing', event = 'call'), retention(event = 'nothing', event = 'call')
     FROM scan_events GROUP BY 1) a
UNION ALL SELECT 6, md5(string_agg(a::text, ',' ORDER BY a::text COLLATE "C")) FROM
    (SELECT upper(region) AS k, customer_id + 1, window_funnel('2 days', 'strict_order', occurred_at, event = 'view', event = 'cart') * 2,
            window_funnel_events('2 days', occurred_at, event = 'view', event = 'cart', number % 3 = 0), sequence_count('(?1)(?2)', occurred_at, event = 'cart', number > 7),
            sequence_match_events('(?1).*(?2)', occurred_at, event = 'cart', event = 'view'), retention(event = 'view', event = 'cart', channel IS NULL)
     FROM (SELECT region, customer_id, NULLIF(occurred_at, '2026-01-05 00:00+00') AS occurred_at, event, number, channel FROM scan_events OFFSET 0) e
     GROUP BY upper(region), customer_id HAVING window_funnel('1 day', occurred_at, event = 'view', event = 'cart') < 2 AND upper(region) <> 'K3') a
UNION ALL SELECT 7, md5(string_agg(a::text, ',' ORDER BY a::text COLLATE "C")) FROM
    (SELECT region, day, window_funnel('2 days', day, event = 'view', event = 'cart', usual), window_funnel_events('2 days', day, event = 'call', event = 'cart'),
            window_funnel(50000::bigint, 'strict_increase', second, usual, event = 'cart', event = 'view'), window_funnel_events(50000::bigint, second, event = 'cart', usual),
            retention(usual, event = 'none')
     FROM (SELECT region, CASE WHEN number % 9 > 0 THEN occurred_at::date END AS day, extract(epoch FROM occurred_at)::bigint AS second, event,
                  CASE WHEN number % 5 > 0 THEN number % 2 = 0 END AS usual FROM scan_events OFFSET 0) e
     GROUP BY region, day HAVING window_funnel(5000::bigint, second, event = 'view', event = 'call') > 0) a
UNION ALL SELECT 8, md5(string_agg(a::text, ',' ORDER BY a::text COLLATE "C")) FROM
    (SELECT customer_id, region, customer_id AS again, window_funnel('5 days', occurred_at, event = 'view', event = 'cart') AS level,
            (SELECT count(*) FROM scan_events i WHERE i.number < o.customer_id + window_funnel('5 days', o.occurred_at, o.event = 'view', o.event = 'cart')) AS before
     FROM scan_events o WHERE number < 1500 GROUP BY customer_id, region, again
     HAVING EXISTS (SELECT FROM scan_events i WHERE i.number = o.customer_id * window_funnel('5 days', o.occurred_at, o.event = 'view', o.event = 'cart'))) a
UNION ALL SELECT 9, md5(string_agg(a::text, ',' ORDER BY a::text COLLATE "C")) FROM
    (SELECT d.id, d.name, window_funnel('1 day', e.occurred_at, e.event = 'view', e.usual), rank() OVER (ORDER BY window_funnel('1 day', e.occurred_at, e.event = 'view', e.usual))
     FROM scan_days d LEFT JOIN (SELECT region, occurred_at, event, coalesce(number > 7, true) AS usual FROM scan_events) e ON e.region = d.name GROUP BY d.id) a;
CREATE TEMP TABLE scan_with AS SELECT * FROM scan_answers;
SET customer_journey.enable_grouped_scan = off;
CREATE TEMP TABLE scan_without AS SELECT * FROM scan_answers;
RESET customer_journey.enable_grouped_scan;
SELECT question, w.answer = o.answer AS same, w.answer IS NOT NULL AS answered FROM scan_with w JOIN scan_without o USING (question) ORDER BY 1;

-- no rows, one row, one group
SELECT customer_id, journey_agg(occurred_at, event) FROM scan_events WHERE number < 0 GROUP BY customer_id;
SELECT customer_id, journey_agg(occurred_at, event) FROM scan_events WHERE number = 1 GROUP BY customer_id;
SELECT customer_id, count(*), journey_agg(occurred_at, event) FROM scan_events WHERE number = 0 GROUP BY customer_id;
SELECT customer_id, window_funnel('1 day', occurred_at, event = 'cart', event = 'call') FROM scan_events WHERE number = 0 GROUP BY customer_id;

-- a parameter of the query around it changes with every rescan
EXPLAIN (COSTS OFF) SELECT x, (SELECT sum(level) FROM (SELECT window_funnel('2 days', occurred_at, event = x, event = 'purchase') AS level
    FROM scan_events WHERE number < 1000 GROUP BY customer_id) l)
FROM unnest(ARRAY['view', 'cart', 'call']) x;
SELECT x, (SELECT sum(level) FROM (SELECT window_funnel('2 days', occurred_at, event = x, event = 'purchase') AS level
    FROM scan_events WHERE number < 1000 GROUP BY customer_id) l)
FROM unnest(ARRAY['view', 'cart', 'call']) x;
SET customer_journey.enable_grouped_scan = off;
SELECT x, (SELECT sum(level) FROM (SELECT window_funnel('2 days', occurred_at, event = x, event = 'purchase') AS level
    FROM scan_events WHERE number < 1000 GROUP BY customer_id) l)
FROM unnest(ARRAY['view', 'cart', 'call']) x;
RESET customer_journey.enable_grouped_scan;

-- and so does the window, and the sequence
EXPLAIN (COSTS OFF) SELECT x, (SELECT sum(level) FROM (SELECT window_funnel(x * interval '1 hour', occurred_at, event = 'view', event = 'purchase') AS level
    FROM scan_events WHERE number < 1000 GROUP BY customer_id) l)
FROM unnest(ARRAY[1, 24, 240]) x;
SELECT x, (SELECT sum(level) FROM (SELECT window_funnel(x * interval '1 hour', occurred_at, event = 'view', event = 'purchase') AS level
    FROM scan_events WHERE number < 1000 GROUP BY customer_id) l),
    (SELECT sum(n) FROM (SELECT sequence_count('(?1)' || repeat('.', x % 20) || '(?2)', occurred_at, event = 'view', event = 'purchase') AS n
    FROM scan_events WHERE number < 1000 GROUP BY customer_id) l)
FROM unnest(ARRAY[1, 24, 240]) x;
SET customer_journey.enable_grouped_scan = off;
SELECT x, (SELECT sum(level) FROM (SELECT window_funnel(x * interval '1 hour', occurred_at, event = 'view', event = 'purchase') AS level
    FROM scan_events WHERE number < 1000 GROUP BY customer_id) l),
    (SELECT sum(n) FROM (SELECT sequence_count('(?1)' || repeat('.', x % 20) || '(?2)', occurred_at, event = 'view', event = 'purchase') AS n
    FROM scan_events WHERE number < 1000 GROUP BY customer_id) l)
FROM unnest(ARRAY[1, 24, 240]) x;
RESET customer_journey.enable_grouped_scan;

-- prepared statements
PREPARE level(text) AS SELECT sum(level) FROM (SELECT window_funnel('2 days', occurred_at, event = $1, event = 'purchase') AS level FROM scan_events GROUP BY customer_id) l;
SET plan_cache_mode = force_generic_plan;
EXECUTE level('view');
EXECUTE level('nothing');
RESET plan_cache_mode;

-- errors of conditions are as they were, and leave nothing behind
SELECT customer_id, window_funnel('1 day', occurred_at, 1 / (number - 17) > 0) FROM scan_events GROUP BY customer_id;
SELECT customer_id, window_funnel(NULL::interval, occurred_at, event = 'view') FROM scan_events GROUP BY customer_id;
SELECT customer_id, window_funnel(interval '-1 day', occurred_at, event = 'view') FROM scan_events GROUP BY customer_id;
SELECT customer_id, window_funnel('1 day', 'stricter', occurred_at, event = 'view') FROM scan_events GROUP BY customer_id;
SELECT customer_id, sequence_match(NULL, occurred_at, event = 'view') FROM scan_events GROUP BY customer_id;
SELECT customer_id, sequence_match('(?2)', occurred_at, event = 'view') FROM scan_events GROUP BY customer_id;
-- none without rows
SELECT customer_id, window_funnel(NULL::interval, occurred_at, event = 'view') FROM scan_events WHERE number < 0 GROUP BY customer_id;

-- the right to call the aggregate is wanted
CREATE ROLE regress_scan_reader;
GRANT SELECT ON scan_events TO regress_scan_reader;
REVOKE EXECUTE ON FUNCTION window_funnel(interval, timestamptz, VARIADIC "any") FROM PUBLIC;
SET ROLE regress_scan_reader;
SELECT customer_id, window_funnel('1 day', occurred_at, event = 'view') FROM scan_events GROUP BY customer_id;
RESET ROLE;
GRANT EXECUTE ON FUNCTION window_funnel(interval, timestamptz, VARIADIC "any") TO PUBLIC;
-- and its owner's to call the functions of a partial aggregation
REVOKE EXECUTE ON FUNCTION funnel_rows_serialfn(internal) FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO regress_scan_reader;
ALTER AGGREGATE window_funnel(interval, timestamptz, VARIADIC "any") OWNER TO regress_scan_reader;
SELECT customer_id, window_funnel('1 day', occurred_at, event = 'view') FROM scan_events GROUP BY customer_id;
ALTER AGGREGATE window_funnel(interval, timestamptz, VARIADIC "any") OWNER TO CURRENT_USER;
REVOKE CREATE ON SCHEMA public FROM regress_scan_reader;
GRANT EXECUTE ON FUNCTION funnel_rows_serialfn(internal) TO PUBLIC;
REVOKE ALL ON scan_events FROM regress_scan_reader;
DROP ROLE regress_scan_reader;

-- what running it tells; with little memory it goes to disk
CREATE FUNCTION scan_told(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        IF line ~ 'Group Method|Batches|Left Out|Usage|GroupedScan|GroupedFunnel|Finalize' THEN
            RETURN NEXT regexp_replace(regexp_replace(line, '\.00 ', ' '), '(Usage|Batches): \d+', '\1: N');
        END IF;
    END LOOP;
END $$;
SELECT scan_told('SELECT window_funnel(''1 day'', occurred_at, event = ''view'', event = ''cart'') FROM scan_events GROUP BY customer_id');
SELECT ltrim(line) FROM scan_told('SELECT * FROM scan_answers WHERE question IN (6, 7)') line;
-- of a large group, several states are combined
SELECT scan_told('SELECT retention(n > 5, n > 12000), window_funnel_events(20000::bigint, t, n % 2 = 0, n = 11001, n % 2 = 1), sequence_count(''(?1).*(?2)'', t, n % 2 = 0, n = 11001)
FROM (SELECT n, (n * 7919) % 12007 AS t FROM generate_series(1::bigint, 12000) n OFFSET 0) r GROUP BY n / 12000');
SELECT retention(n > 5, n > 12000), window_funnel_events(20000::bigint, t, n % 2 = 0, n = 11001, n % 2 = 1), sequence_count('(?1).*(?2)', t, n % 2 = 0, n = 11001)
FROM (SELECT n, (n * 7919) % 12007 AS t FROM generate_series(1::bigint, 12000) n OFFSET 0) r GROUP BY n / 12000;
SET customer_journey.enable_grouped_scan = off;
SELECT retention(n > 5, n > 12000), window_funnel_events(20000::bigint, t, n % 2 = 0, n = 11001, n % 2 = 1), sequence_count('(?1).*(?2)', t, n % 2 = 0, n = 11001)
FROM (SELECT n, (n * 7919) % 12007 AS t FROM generate_series(1::bigint, 12000) n OFFSET 0) r GROUP BY n / 12000;
RESET customer_journey.enable_grouped_scan;
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
SELECT scan_told('SELECT journey_agg(occurred_at, event, channel, number, region) FROM scan_events GROUP BY customer_id');
CREATE TEMP TABLE scan_on_disk AS SELECT * FROM scan_answers;
SELECT question, w.answer = o.answer AS same FROM scan_on_disk w JOIN scan_without o USING (question) ORDER BY 1;
RESET work_mem;
RESET hash_mem_multiplier;

-- without being asked to, the planner takes it where there are many groups
RESET enable_hashagg;
EXPLAIN (COSTS OFF) SELECT customer_id, journey_agg(occurred_at, event) FROM scan_events GROUP BY customer_id;
CREATE TABLE scan_many AS SELECT n % 20000 AS customer_id, timestamptz '2026-01-01 00:00+00' + n * interval '1 second' AS occurred_at, 'view' AS event
FROM generate_series(1, 60000) n;
ANALYZE scan_many;
EXPLAIN (COSTS OFF) SELECT customer_id, journey_agg(occurred_at, event) FROM scan_many GROUP BY customer_id;

-- several processes exchange their rows: every group is whole in one of them
SET max_parallel_workers_per_gather = 2;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET enable_hashagg = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT customer_id, journey_agg(occurred_at, event) FROM scan_events GROUP BY customer_id;
EXPLAIN (COSTS OFF) SELECT customer_id, window_funnel('1 day', occurred_at, event = 'view', event = 'cart') FROM scan_events GROUP BY customer_id;
EXPLAIN (COSTS OFF) SELECT count(*), max(journey_length(journey)) FROM (SELECT customer_id, journey_agg(occurred_at, event) AS journey FROM scan_events GROUP BY customer_id) j;
EXPLAIN (COSTS OFF) SELECT customer_id, journey_agg(occurred_at, event), max(pg_my_temp_schema()::int) FROM scan_events GROUP BY customer_id;
CREATE TEMP TABLE scan_together AS
SELECT 1 AS question, count(*), md5(string_agg(a::text, '' ORDER BY a::text COLLATE "C")) AS answer
FROM (SELECT customer_id, journey_agg(occurred_at, event, channel) FROM scan_events GROUP BY customer_id) a
UNION ALL
SELECT 2, count(*), md5(string_agg(a::text, '' ORDER BY a::text COLLATE "C"))
FROM (SELECT region, window_funnel('1 day', occurred_at, event = 'view', event = 'cart'), window_funnel_events('1 day', occurred_at, event = 'view', event = 'cart') FROM scan_events GROUP BY region) a
UNION ALL
SELECT 3, count(*), md5(string_agg(a::text, '' ORDER BY a::text COLLATE "C"))
FROM (SELECT customer_id, region, count(*), sum(number), count(DISTINCT event), journey_agg(occurred_at, event, channel, number, region) FROM scan_events GROUP BY customer_id, region) a;
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
CREATE TEMP TABLE scan_together_on_disk AS
SELECT 1 AS question, count(*), md5(string_agg(a::text, '' ORDER BY a::text COLLATE "C")) AS answer
FROM (SELECT customer_id, journey_agg(occurred_at, event, channel) FROM scan_events GROUP BY customer_id) a;
RESET work_mem;
RESET hash_mem_multiplier;
SET max_parallel_workers_per_gather = 0;
SET customer_journey.enable_grouped_scan = off;
RESET enable_sort;
SELECT t.question, t.count, t.answer = a.answer AS same, d.answer = a.answer AS same_on_disk
FROM (SELECT 1 AS question, md5(string_agg(a::text, '' ORDER BY a::text COLLATE "C")) AS answer
      FROM (SELECT customer_id, journey_agg(occurred_at, event, channel) FROM scan_events GROUP BY customer_id) a
      UNION ALL
      SELECT 2, md5(string_agg(a::text, '' ORDER BY a::text COLLATE "C"))
      FROM (SELECT region, window_funnel('1 day', occurred_at, event = 'view', event = 'cart'), window_funnel_events('1 day', occurred_at, event = 'view', event = 'cart') FROM scan_events GROUP BY region) a
      UNION ALL
      SELECT 3, md5(string_agg(a::text, '' ORDER BY a::text COLLATE "C"))
      FROM (SELECT customer_id, region, count(*), sum(number), count(DISTINCT event), journey_agg(occurred_at, event, channel, number, region) FROM scan_events GROUP BY customer_id, region) a) a
JOIN scan_together t USING (question) LEFT JOIN scan_together_on_disk d USING (question) ORDER BY 1;

DROP VIEW scan_answers;
DROP FUNCTION scan_told, scan_nodes;
DROP TABLE scan_events, scan_many, scan_days;
