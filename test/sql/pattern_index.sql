-- Search by pattern in a GIN index: necessary events are the keys, matches are rechecked.
CREATE TABLE searched (id int, journey journey);
INSERT INTO searched
SELECT c, journey_agg('2026-01-01 00:00:00+00'::timestamptz + i * interval '1 hour',
                      CASE WHEN c % 500 = 0 AND i = 3 THEN 'rare' WHEN c % 700 = 0 AND i = 5 THEN 'odd' ELSE 'common' || (c + i) % 5 END)
FROM generate_series(1, 7000) c, generate_series(1, 8) i GROUP BY c;
CREATE INDEX searched_gin ON searched USING gin (journey);
VACUUM ANALYZE searched;

-- A rare sequence goes by the index, a common one by a scan.
EXPLAIN (COSTS OFF) SELECT id FROM searched WHERE journey ~ 'rare -> odd';
SELECT id FROM searched WHERE journey ~ 'rare -> odd' ORDER BY id;
EXPLAIN (COSTS OFF) SELECT id FROM searched WHERE journey ~ 'common1 -> common2';
EXPLAIN (COSTS OFF) SELECT id FROM searched WHERE journey !~ 'rare';
-- Parameters of both string types, and a variable in a procedure
SET plan_cache_mode = force_generic_plan;
PREPARE search_varchar(varchar) AS SELECT count(*) FROM searched WHERE journey ~ $1;
EXPLAIN (COSTS OFF) EXECUTE search_varchar('rare -> odd');
EXECUTE search_varchar('rare -> odd');
RESET plan_cache_mode;
CREATE FUNCTION search(p text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM searched WHERE journey ~ p);
END $$;
SELECT search('rare -> odd');

-- The same answers with and without the index, whatever the pattern needs
SET enable_seqscan = off;
SELECT p, count(*) AS by_index FROM unnest(ARRAY['rare', 'rare | odd', '[rare|odd] .', 'rare? odd', '. .', 'nobody', 'common1 rare', 'odd !-> common0', 'permute(rare, odd)', '(rare -> odd){1,2}']::journey_pattern[]) p,
    LATERAL (SELECT id FROM searched WHERE journey ~ p OFFSET 0) s GROUP BY p ORDER BY p::text COLLATE "C";
RESET enable_seqscan;
SET enable_bitmapscan = off;
SELECT p, count(*) AS by_scan FROM unnest(ARRAY['rare', 'rare | odd', '[rare|odd] .', 'rare? odd', '. .', 'nobody', 'common1 rare', 'odd !-> common0', 'permute(rare, odd)', '(rare -> odd){1,2}']::journey_pattern[]) p,
    LATERAL (SELECT id FROM searched WHERE journey ~ p OFFSET 0) s GROUP BY p ORDER BY p::text COLLATE "C";
RESET enable_bitmapscan;
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname IN ('journey_gin_ops', 'journey_pattern_ops') ORDER BY 1;
DROP FUNCTION search;
DROP TABLE searched;
