-- Equality, order, hashing, and the events a journey has
SET timezone = 'UTC';

CREATE TABLE compare_j (id int, j journey);
INSERT INTO compare_j
    SELECT i, journey_of('2026-01-01'::timestamptz + (i % 5) * interval '1 hour', 'e' || i % 3)
    FROM generate_series(1, 60) i;
INSERT INTO compare_j VALUES (100, '{}'), (101, '{}'), (102, NULL);

-- DISTINCT and GROUP BY, hashed and sorted; joins of every kind
SELECT count(DISTINCT j) FROM compare_j;
SET enable_hashagg = off;
SELECT count(*) FROM (SELECT j FROM compare_j GROUP BY j) g;
SET enable_hashagg = on; SET enable_sort = off;
SELECT count(*) FROM (SELECT j FROM compare_j GROUP BY j) g;
RESET enable_sort;
SET enable_mergejoin = off; SET enable_nestloop = off;
SELECT count(*) FROM compare_j a JOIN compare_j b USING (j);
SET enable_mergejoin = on; SET enable_hashjoin = off;
SELECT count(*) FROM compare_j a JOIN compare_j b USING (j);
SET enable_nestloop = on; SET enable_mergejoin = off;
SELECT count(*) FROM compare_j a JOIN compare_j b USING (j);
RESET enable_mergejoin; RESET enable_hashjoin; RESET enable_nestloop;

-- the order is total and agrees with itself
SELECT count(*) FILTER (WHERE (a.j < b.j) <> (b.j > a.j)) AS mirrored,
       count(*) FILTER (WHERE (a.j <= b.j) <> (NOT a.j > b.j)) AS negated,
       count(*) FILTER (WHERE ((a.j < b.j)::int + (a.j = b.j)::int + (a.j > b.j)::int) <> 1) AS trichotomy,
       count(*) FILTER (WHERE (a.j = b.j) <> (NOT a.j <> b.j)) AS equality,
       count(*) FILTER (WHERE a.j = b.j AND journey_hash(a.j) <> journey_hash(b.j)) AS hashes,
       count(*) FILTER (WHERE (a.j >= b.j) <> (journey_cmp(a.j, b.j) >= 0)) AS compared
FROM compare_j a, compare_j b WHERE a.j IS NOT NULL AND b.j IS NOT NULL;
SELECT '{a(-0) 2026-01-01 00:00:00+00}'::journey = '{a(0) 2026-01-01 00:00:00+00}' AS signed_zeros,
       '{a(NaN) 2026-01-01 00:00:00+00}'::journey = '{a(nan) 2026-01-01 00:00:00+00}' AS nans;

-- unique index, hash index, hash partitions
CREATE UNIQUE INDEX ON compare_j (id, j);
CREATE INDEX compare_hash ON compare_j USING hash (j);
CREATE TABLE compare_parts (j journey) PARTITION BY HASH (j);
CREATE TABLE compare_parts_0 PARTITION OF compare_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE compare_parts_1 PARTITION OF compare_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO compare_parts SELECT j FROM compare_j;
SELECT count(*) FROM compare_parts WHERE j = '{e0 2026-01-01 00:00:00+00}';

-- operator classes are sound
SELECT am.amname, oc.opcname, amvalidate(oc.oid)
FROM pg_opclass oc JOIN pg_am am ON am.oid = oc.opcmethod
WHERE oc.opcintype = 'journey'::regtype ORDER BY 1, 2;

-- the events a journey has
SELECT a, '{view 2026-01-01 00:00:00+00, buy 2026-01-02 00:00:00+00}'::journey @> a AS "all",
       '{view 2026-01-01 00:00:00+00, buy 2026-01-02 00:00:00+00}'::journey && a AS "any",
       a <@ '{view 2026-01-01 00:00:00+00, buy 2026-01-02 00:00:00+00}'::journey AS mirrored
FROM (VALUES ('{view}'::text[]), ('{view,buy}'), ('{view,view}'), ('{view,nothing}'), ('{nothing}'), ('{}'), ('{VIEW}'), (NULL)) v(a);
SELECT '{}'::journey @> '{}'::text[] AS "all", '{}'::journey && '{}'::text[] AS "any", '{}'::journey @> '{a}'::text[] AS has;
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT '{}'::journey @> ARRAY['a', NULL];
SELECT '{a 2026-01-01 00:00:00+00}'::journey && ARRAY[['a'], ['b']];

DROP TABLE compare_j, compare_parts;
