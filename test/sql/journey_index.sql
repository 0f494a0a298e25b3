-- GIN search by events, statistics and estimates
SET timezone = 'UTC';

CREATE TABLE index_j (id int, j journey);
INSERT INTO index_j
    SELECT c, journey_agg('2026-01-01'::timestamptz + i * interval '1 hour',
                          CASE WHEN i = 1 THEN 'start'
                               WHEN c % 10 = 0 AND i = 2 THEN 'tenth'
                               WHEN c % 1000 = 0 AND i = 3 THEN 'rare'
                               WHEN c % 500 = 1 AND i = 3 THEN repeat('long', 100) || c
                               ELSE 'common ' || i % 4 END)
    FROM generate_series(1, 5000) c, generate_series(1, 6) i GROUP BY c;
INSERT INTO index_j VALUES (-1, '{}'), (-2, NULL);
CREATE INDEX index_j_gin ON index_j USING gin (j);
ANALYZE index_j;

-- the planner uses the index where it pays, and scans where it does not
SET max_parallel_workers_per_gather = 0;
EXPLAIN (COSTS OFF) SELECT count(*) FROM index_j WHERE j @> '{rare}';
EXPLAIN (COSTS OFF) SELECT count(*) FROM index_j WHERE '{rare,start}' <@ j;
EXPLAIN (COSTS OFF) SELECT count(*) FROM index_j WHERE j && '{rare,nothing}';
EXPLAIN (COSTS OFF) SELECT count(*) FROM index_j WHERE j @> '{start}';

-- index and scan agree
CREATE FUNCTION both_ways(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE scanned bigint; searched bigint;
BEGIN
    SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_indexscan = off;
    EXECUTE 'SELECT count(*) FROM index_j WHERE ' || condition INTO scanned;
    SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = on;
    EXECUTE 'SELECT count(*) FROM index_j WHERE ' || condition INTO searched;
    RETURN CASE WHEN scanned = searched THEN scanned::text ELSE scanned || ' scanned, ' || searched || ' searched' END;
END $$;
SELECT c, both_ways(c) FROM unnest(ARRAY[
    $$j @> '{rare}'$$, $$j @> '{rare,tenth}'$$, $$j @> '{tenth,nothing}'$$, $$j @> '{}'$$, $$j && '{}'$$,
    $$j && '{rare,tenth}'$$, $$j && '{nothing}'$$, $$'{start}' <@ j$$, $$j @> NULL$$,
    $$j @> ARRAY[repeat('long', 100) || '1']$$, $$j @> ARRAY[repeat('long', 100) || '2']$$,
    $$j && ARRAY[repeat('long', 100) || '1', repeat('long', 100) || '501']$$,
    $$j @> '{rare}' AND NOT j @> '{tenth}'$$, $$j @> '{tenth}' OR j && '{rare}'$$]) c;

-- index-only things that GIN must get right: pending list, deletes, updates
INSERT INTO index_j VALUES (6000, '{"just now" 2026-01-01 00:00:00+00}');
SELECT both_ways($$j @> '{"just now"}'$$);
UPDATE index_j SET j = j || '{later 2026-01-01 00:00:00+00}' WHERE id = 6000;
SELECT both_ways($$j @> '{"just now",later}'$$);
DELETE FROM index_j WHERE id = 6000;
VACUUM index_j;
SELECT both_ways($$j @> '{later}'$$);

-- what ANALYZE knows
SELECT most_common_elems::text::text[] @> '{start,tenth,common 0}' AS common, null_frac > 0 AS nulls, n_distinct < 0 AS many, avg_width > 50 AS width
FROM pg_stats WHERE tablename = 'index_j' AND attname = 'j';
CREATE FUNCTION estimate(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN (plan->0->'Plan'->>'Plan Rows')::bigint;
END $$;
SELECT estimate($$SELECT * FROM index_j WHERE j @> '{start}'$$) BETWEEN 4900 AND 5010 AS "all",
       estimate($$SELECT * FROM index_j WHERE j @> '{tenth}'$$) BETWEEN 480 AND 520 AS tenth,
       estimate($$SELECT * FROM index_j WHERE j @> '{tenth,start}'$$) BETWEEN 480 AND 520 AS tenth_and_start,
       estimate($$SELECT * FROM index_j WHERE j && '{tenth,rare}'$$) BETWEEN 480 AND 530 AS tenth_or_rare,
       estimate($$SELECT * FROM index_j WHERE j @> '{nothing}'$$) < 30 AS nothing,
       estimate($$SELECT * FROM index_j WHERE j @> NULL$$) AS unknown;
SELECT estimate('SELECT * FROM index_j, journey_events(j)') BETWEEN 29000 AND 31000 AS unnested;

-- ANALYZE of nothing, of NULLs, and of journeys that share no event
CREATE TABLE analyze_j (j journey);
ANALYZE analyze_j;
INSERT INTO analyze_j SELECT NULL FROM generate_series(1, 10);
ANALYZE analyze_j;
SELECT null_frac, most_common_elems IS NULL AS none FROM pg_stats WHERE tablename = 'analyze_j';
TRUNCATE analyze_j;
INSERT INTO analyze_j SELECT journey_of(now(), 'event ' || i) FROM generate_series(1, 30000) i;
ANALYZE analyze_j;
SELECT null_frac, coalesce(array_length(most_common_elems::text::text[], 1), 0) <= 1000 AS bounded FROM pg_stats WHERE tablename = 'analyze_j';
SELECT estimate($$SELECT * FROM analyze_j WHERE j @> '{event 7}'$$) < 200 AS rare;

DROP TABLE index_j, analyze_j;
DROP FUNCTION both_ways, estimate;
