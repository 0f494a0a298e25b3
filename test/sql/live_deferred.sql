-- Live journeys, mode deferred: a write notes its events, readers see them at
-- once, journey_catch_up folds them.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint, occurred_at timestamptz, event text, channel text);
INSERT INTO events (customer_id, occurred_at, event) SELECT i % 4, '2026-01-01 00:00+00'::timestamptz + i * interval '1 hour', 'before' FROM generate_series(1, 12) i;
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', 'channel', mode => 'deferred', chunk_events => 6);
CREATE VIEW differing AS
SELECT coalesce(v.customer, e.customer_id) AS customer, v.journey AS live, e.journey AS rebuilt
FROM events_journeys v FULL JOIN (
    SELECT customer_id, journey_agg(occurred_at, event, channel) AS journey
    FROM events WHERE isfinite(occurred_at) GROUP BY 1) e ON e.customer_id = v.customer
WHERE v.journey IS DISTINCT FROM e.journey;
SELECT * FROM differing;

-- noted, seen, folded
INSERT INTO events (customer_id, occurred_at, event) VALUES (1, '2026-01-02 00:00+00', 'a'), (9, '2026-01-02 00:00+00', 'a'), (1, '2026-01-02 00:00+00', 'a');
UPDATE events SET channel = 'web' WHERE event = 'a';
UPDATE events SET id = DEFAULT;
UPDATE events SET customer_id = 8 WHERE customer_id = 2;
DELETE FROM events WHERE customer_id = 3 AND occurred_at < '2026-01-01 04:00+00';
SELECT customer, occurred_at, event, channel, removed
FROM (SELECT removed, unnest(customers) AS customer, unnest(occurred_at) AS occurred_at, unnest(event) AS event, unnest(channel) AS channel FROM events_journeys_tail) t
ORDER BY 1, 2, 3, 4, 5;
SELECT * FROM events_journeys ORDER BY customer;
SELECT * FROM differing;
SELECT mode, customers, unfolded FROM journey_follow_status('events_journeys');
CALL journey_catch_up('events_journeys', 3);
SELECT mode, customers, unfolded FROM journey_follow_status('events_journeys');
SELECT customer, events, chunks, complete FROM events_journeys_head ORDER BY customer;
SELECT * FROM differing;
CALL journey_catch_up();

-- an event that comes and goes before anyone looks; a customer likewise
INSERT INTO events (customer_id, occurred_at, event) VALUES (1, '2026-01-03 00:00+00', 'brief'), (20, '2026-01-03 00:00+00', 'brief');
DELETE FROM events WHERE event = 'brief';
SELECT * FROM differing;
SELECT customer FROM events_journeys WHERE customer = 20;
CALL journey_catch_up();
SELECT * FROM differing;
SELECT customer FROM events_journeys_head WHERE customer = 20;
DELETE FROM events WHERE customer_id = 9;
SELECT * FROM differing;
CALL journey_catch_up();
SELECT customer FROM events_journeys_head WHERE customer = 9;

-- long journeys
INSERT INTO events (customer_id, occurred_at, event) SELECT 1, '2026-03-01 00:00+00'::timestamptz + i * interval '1 min', 'tick' FROM generate_series(1, 7) i;
CALL journey_catch_up();
INSERT INTO events (customer_id, occurred_at, event) VALUES (1, '2025-01-01 00:00+00', 'late');
SELECT customer, events, chunks FROM events_journeys_head WHERE customer = 1;
SELECT * FROM differing;
DELETE FROM events WHERE customer_id = 1 AND occurred_at = '2026-03-01 00:03+00';
SELECT * FROM differing;
CALL journey_catch_up();
SELECT customer, events, chunks FROM events_journeys_head WHERE customer = 1;
SELECT * FROM differing;

-- what cannot be held
INSERT INTO events (customer_id, occurred_at, event) VALUES (1, 'infinity', 'never'), (1, '2026-03-02 00:00+00', NULL);
SELECT customer, reason FROM events_journeys_aside ORDER BY id;
DELETE FROM events WHERE event IS NULL OR event = 'never';
SELECT count(*) FROM events_journeys_aside;
SET customer_journey.max_events = 5;
INSERT INTO events (customer_id, occurred_at, event) SELECT 0, '2026-03-01 00:00+00'::timestamptz + i * interval '1 min', 'burst' FROM generate_series(1, 3) i;
INSERT INTO events (customer_id, occurred_at, event) SELECT 30, '2026-03-01 00:00+00'::timestamptz + i * interval '1 min', 'burst' FROM generate_series(1, 8) i;
CALL journey_catch_up();
SELECT customer, events, chunks, complete FROM events_journeys_head WHERE customer IN (0, 30) ORDER BY 1;
SELECT customer, count(*), reason FROM events_journeys_aside GROUP BY 1, 3 ORDER BY 1;
DELETE FROM events WHERE customer_id = 0 AND event = 'before';
CALL journey_catch_up();
SELECT customer, journey_path(journey) FROM events_journeys WHERE customer IN (0, 30) ORDER BY 1;
SELECT customer, count(*), reason FROM events_journeys_aside GROUP BY 1, 3 ORDER BY 1;
RESET customer_journey.max_events;
DELETE FROM events WHERE event = 'burst';
CALL journey_catch_up();
SELECT count(*) FROM events_journeys_aside;
SELECT * FROM differing;

-- patterns: by the index where all is folded, and in the tails
INSERT INTO events (customer_id, occurred_at, event) SELECT c, '2026-03-01 00:00+00'::timestamptz + i * interval '1 min', CASE WHEN i = c THEN 'rare' ELSE 'tick' END
FROM generate_series(100, 400) c, generate_series(98, 102) i;
CALL journey_catch_up();
INSERT INTO events (customer_id, occurred_at, event) VALUES (200, '2026-04-01 00:00+00', 'rare'), (100, '2026-04-01 00:00+00', 'tick');
CREATE INDEX ON events_journeys_head USING gin (journey);
ANALYZE;
SELECT customer FROM events_journeys WHERE journey ~ 'tick -> rare' ORDER BY 1;
SELECT customer FROM events_journeys WHERE journey ~ 'rare $' ORDER BY 1;
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
CREATE FUNCTION found_by(query text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT DISTINCT CASE WHEN p ~ 'Seq Scan' THEN 'Seq Scan' ELSE regexp_replace(substring(p, 'bucket = .*'), 'h_1|h_2', 'h') END
    FROM plan_of(query) p WHERE p ~ 'Index Cond: .bucket|Seq Scan.*tail' ORDER BY 1 $$;
SET enable_seqscan = off;
SELECT count(*) FILTER (WHERE p ~ 'Bitmap Index Scan on events_journeys_head_journey_idx') > 0 AS by_index FROM plan_of($$SELECT customer FROM events_journeys WHERE journey ~ 'tick -> rare'$$) p;
SELECT count(*) FILTER (WHERE p ~ 'Seq Scan') AS scans FROM plan_of('SELECT journey FROM events_journeys WHERE customer = 200') p WHERE p !~ 'events_journeys_follow';
-- one customer, some customers, a customer of another query: by bucket
SELECT found_by('SELECT journey FROM events_journeys WHERE customer = 200');
SELECT found_by('SELECT journey FROM events_journeys WHERE 200 = customer AND customer < 1000');
SELECT found_by('SELECT journey FROM events_journeys WHERE customer IN (100, 200)');
SELECT found_by('SELECT (SELECT v.journey FROM events_journeys v WHERE v.customer = e.customer_id) FROM events e');
SET plan_cache_mode = force_generic_plan;
PREPARE one(bigint) AS SELECT journey FROM events_journeys WHERE customer = $1;
SELECT found_by('EXECUTE one(200)');
RESET plan_cache_mode;
-- equal, but not by the bucket's hash function
SELECT found_by('SELECT journey FROM events_journeys WHERE customer = 200::numeric');
RESET enable_seqscan;
SELECT customer, journey_length(journey) FROM events_journeys WHERE customer IN (100, 200, 300) ORDER BY 1;
SELECT customer, journey_length(journey) FROM events_journeys WHERE customer = 200::smallint;
SELECT customer, journey_length(journey) FROM events_journeys WHERE customer = 200::numeric;
EXECUTE one(100);
DEALLOCATE one;

-- long names, and very many events, make more rows, that are not large
INSERT INTO events (customer_id, occurred_at, event) SELECT 500, '2026-04-02 00:00+00', repeat('n', 2000 + i % 2) FROM generate_series(1, 5) i;
SELECT max(cardinality(customers)), count(*) FROM events_journeys_tail WHERE 500 = ANY (customers);
INSERT INTO events (customer_id, occurred_at, event) SELECT 501, '2026-04-02 00:00+00'::timestamptz + i * interval '1 second', 'many' FROM generate_series(1, 150000) i;
SELECT max(cardinality(customers)), sum(cardinality(customers)), count(*) FROM events_journeys_tail WHERE 501 = ANY (customers);
SELECT customer, journey_length(journey) FROM events_journeys WHERE customer IN (500, 501) ORDER BY 1;
CALL journey_catch_up();
SELECT customer, events, chunks FROM events_journeys_head WHERE customer IN (500, 501) ORDER BY 1;
DELETE FROM events WHERE customer_id IN (500, 501);
CALL journey_catch_up();
SELECT * FROM differing;

-- from mode to mode
SELECT journey_follow_mode('events_journeys', 'sometimes');
SELECT journey_follow_mode('events_journeys', 'immediate');
SELECT mode, unfolded FROM journey_follow_status();
INSERT INTO events (customer_id, occurred_at, event) VALUES (1, '2026-05-01 00:00+00', 'now');
SELECT mode, unfolded FROM journey_follow_status();
SELECT * FROM differing;
SELECT journey_follow_mode('events_journeys', 'deferred');
INSERT INTO events (customer_id, occurred_at, event) VALUES (1, '2026-05-02 00:00+00', 'later');
SELECT mode, unfolded FROM journey_follow_status();
SELECT * FROM differing;
CALL journey_catch_up(batch_events => 0);
CALL journey_backfill('events_journeys', 0);

-- truncate, with events unfolded
TRUNCATE events;
SELECT count(*) FROM events_journeys;
SELECT unfolded FROM journey_follow_status();
INSERT INTO events (customer_id, occurred_at, event) VALUES (1, '2026-05-02 00:00+00', 'new');
SELECT * FROM differing;
DROP VIEW differing;
SELECT journey_unfollow('events_journeys', keep => true);
SELECT * FROM events_journeys;
DROP TABLE events_journeys, events;

-- a backfill in batches, with writes between, in both modes
CREATE TABLE events (customer_id uuid, occurred_at timestamptz, event text);
CREATE FUNCTION key(i int) RETURNS uuid LANGUAGE sql IMMUTABLE RETURN lpad(i::text, 32, '0')::uuid;
INSERT INTO events SELECT key(i % 10), '2026-01-01 00:00+00'::timestamptz + i * interval '1 hour', 'before' FROM generate_series(0, 29) i;
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', target => 'now', backfill => false);
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', target => 'later', mode => 'deferred', backfill => false);
CREATE VIEW differing AS
SELECT customer, n.journey AS now, l.journey AS later, e.journey AS rebuilt FROM now n FULL JOIN later l USING (customer)
FULL JOIN (SELECT customer_id AS customer, journey_agg(occurred_at, event) AS journey FROM events GROUP BY 1) e USING (customer)
WHERE n.journey IS DISTINCT FROM e.journey OR l.journey IS DISTINCT FROM e.journey;
SELECT journey_follow_mode('now', 'deferred');
SELECT journey_backfill_step('now', 4), journey_backfill_step('later', 4);
SELECT journeys, customers, backfilled, backfilled_customers FROM journey_follow_status();
SELECT count(*) FROM now;
SELECT count(*) FROM later;
-- of customers done, to be done, new ones before and after; events that move between them
INSERT INTO events SELECT key(i), '2026-02-01 00:00+00', 'meanwhile' FROM unnest(ARRAY[1, 8, 11]) i;
INSERT INTO events VALUES ('00000000-0000-0000-0000-00000000000a', '2026-02-02 00:00+00', 'meanwhile'), ('ffffffff-0000-0000-0000-000000000000', '2026-02-02 00:00+00', 'meanwhile');
UPDATE events SET customer_id = key(2) WHERE customer_id = key(9) AND occurred_at < '2026-01-01 12:00+00';
UPDATE events SET customer_id = key(7) WHERE customer_id = key(0);
DELETE FROM events WHERE customer_id = key(6);
SELECT * FROM differing WHERE customer IN (key(0), key(1), key(2), key(3));
CALL journey_catch_up();
SELECT problem, relation, detail FROM journey_follow_check('now', compare => true) WHERE problem <> 'no index';
SELECT journey_backfill_step('now', 4), journey_backfill_step('later', 4);
CALL journey_backfill('now', 4);
CALL journey_backfill('later');
SELECT * FROM differing;
CALL journey_catch_up();
SELECT * FROM differing;
SELECT journeys, customers, backfilled, incomplete FROM journey_follow_status();
SELECT problem FROM journey_follow_check('later', compare => true);
DROP TABLE events CASCADE;
SELECT journey_unfollow(t) FROM unnest(ARRAY['now', 'later']::regclass[]) t;

-- many small rows of the tail become few of parts of their buckets, which hold the same
CREATE TABLE many (customer_id int, occurred_at timestamptz, event text, channel text);
SELECT journey_follow('many', 'customer_id', 'occurred_at', 'event', 'channel', mode => 'deferred');
CREATE VIEW many_differing AS
SELECT coalesce(v.customer, e.customer_id) AS customer
FROM many_journeys v FULL JOIN (SELECT customer_id, journey_agg(occurred_at, event, channel) AS journey FROM many GROUP BY 1) e ON e.customer_id = v.customer
WHERE v.journey IS DISTINCT FROM e.journey;
-- the same, a customer at a time
CREATE VIEW many_asked AS
SELECT e.customer
FROM (SELECT customer_id AS customer, journey_agg(occurred_at, event, channel) AS journey FROM many GROUP BY 1) e
WHERE e.journey IS DISTINCT FROM (SELECT v.journey FROM many_journeys v WHERE v.customer = e.customer)
   OR e.journey IS DISTINCT FROM (SELECT v.journey FROM many_journeys v WHERE v.customer = e.customer::bigint);
CREATE VIEW many_tail AS
SELECT count(*) < 300 AS is_few, bool_or(bucket % 16 > 0) AS has_parts, count(*) FILTER (WHERE removed) > 0 AS has_removed,
    sum(cardinality(customers)) = 42 * (SELECT count(*) FROM generate_series(1, 2000) c WHERE journey_bucket(c) < 12 * 16) + 2 * (SELECT count(*) FROM many WHERE channel = 'd') + 2
        AS is_whole,
    bool_and(cardinality(customers) = cardinality(occurred_at) AND cardinality(customers) = cardinality(event) AND cardinality(customers) = cardinality(channel)) AS aligned,
    (SELECT bool_and(t.bucket = ANY (journey_buckets(ARRAY[c]))) FROM many_journeys_tail t, unnest(t.customers) c) AS in_buckets, max(pg_column_size(t.*)) < 8200 AS fits,
    (SELECT pg_relation_size(c.reltoastrelid) FROM pg_class c WHERE c.oid = 'many_journeys_tail'::regclass) AS toasted
FROM many_journeys_tail t;
DO $$
BEGIN
    FOR i IN 1 .. 40 LOOP
        INSERT INTO many SELECT c, '2026-01-01 00:00+00'::timestamptz + i * interval '1 h', repeat('é', i), CASE WHEN c % 3 > 0 THEN 'c' || i END
        FROM generate_series(1, 2000) c WHERE journey_bucket(c) < 12 * 16;
    END LOOP;
END $$;
DELETE FROM many WHERE occurred_at < '2026-01-01 03:00+00';
UPDATE many SET channel = 'd' WHERE occurred_at = '2026-01-01 05:00+00';
INSERT INTO many SELECT 1, '2026-02-01 00:00+00', repeat('x', 3000), NULL FROM generate_series(1, 2);
SELECT * FROM many_tail;
SELECT (SELECT count(*) FROM many_differing) AS differing, (SELECT count(*) FROM many_asked) AS asked;
SELECT journey_catch_up_split('many_journeys', NULL, 1000) AS too_few, journey_catch_up_split('many_journeys', 200, 1) AS none_there;
SELECT journey_catch_up_split('many_journeys') > 300 AS split;
SELECT * FROM many_tail;
SELECT (SELECT count(*) FROM many_differing) AS differing, (SELECT count(*) FROM many_asked) AS asked;
INSERT INTO many SELECT c, '2026-03-01 00:00+00', 'late', NULL FROM generate_series(1, 2000) c WHERE journey_bucket(c) < 12 * 16;
DELETE FROM many WHERE customer_id % 7 = 0;
SELECT journey_catch_up_split('many_journeys', NULL, 0) > 0 AS again;
SELECT (SELECT count(*) FROM many_differing) AS differing, (SELECT count(*) FROM many_asked) AS asked;
CALL journey_catch_up('many_journeys', 500);
SELECT (SELECT count(*) FROM many_differing) AS differing, (SELECT count(*) FROM many_journeys_tail) AS tail;
DROP VIEW many_differing, many_asked, many_tail;
SELECT journey_unfollow('many_journeys');
DROP TABLE many;

-- keys of types with a hash function, with another type's, and with none
CREATE FUNCTION in_type(type text, one text, other text) RETURNS TABLE (key text, is_indexed boolean, before bigint, after bigint, other_before bigint, other_after bigint)
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE typed (customer %s, occurred_at timestamptz, event text, item int)', type);
    PERFORM journey_follow('typed', 'customer', 'occurred_at', 'event', item => 'item', target => 'typed_now', mode => 'deferred');
    EXECUTE format($f$INSERT INTO typed SELECT CASE i %% 3 WHEN 0 THEN %L ELSE %L END::%s, '2026-01-01 00:00+00', 'e', i FROM generate_series(1, 99) i$f$, one, other, type);
    key := type;
    is_indexed := (SELECT bool_and(f NOT LIKE 'Seq%') FROM found_by(format('SELECT journey FROM typed_now WHERE customer = %L', one)) f);
    EXECUTE format('SELECT sum(journey_length(journey)) FROM typed_now WHERE customer = %L', one) INTO before;
    EXECUTE format('SELECT sum(journey_length(journey)) FROM typed_now WHERE customer IN (%L, %L)', one, other) INTO other_before;
    PERFORM journey_catch_up_step('typed_now', 1000, NULL);
    EXECUTE format('SELECT sum(journey_length(journey)) FROM typed_now WHERE customer = %L', one) INTO after;
    EXECUTE format('SELECT sum(journey_length(journey)) FROM typed_now WHERE customer IN (%L, %L)', one, other) INTO other_after;
    PERFORM journey_unfollow('typed_now');
    DROP TABLE typed;
    RETURN NEXT;
END $$;
SET enable_seqscan = off;
SET jit = off;
SELECT t.* FROM (VALUES ('bigint', '1', '-5'), ('text', 'a', ''), ('text COLLATE "C"', 'aa', 'b'), ('varchar(9)', 'a', 'b'), ('char(9)', 'a', 'b'), ('uuid', repeat('a', 32), repeat('b', 32)),
    ('float8', '0', 'NaN'), ('numeric', '1.10', '2'), ('date', '2026-01-01', 'infinity'), ('inet', '10.0.0.1', '::1'), ('money', '1', '2'))
    v (type, one, other), LATERAL in_type(v.type, v.one, v.other) t;
RESET enable_seqscan;
-- -0 is 0, and char(9) keys are equal with blanks after them
SELECT journey_bucket(0::float8) = journey_bucket(-0::float8) AS zeros, journey_bucket('a'::char(9)) = journey_bucket('a'::char(3)) AS blanks,
    journey_bucket(7::smallint) = journey_bucket(7::bigint) AS integers, (journey_buckets(ARRAY[7, NULL, 7]))[2:3] = ARRAY[journey_bucket(7) + (journey_bucket_parts(ARRAY[7], 1))[1], journey_bucket(7)] AS arrays,
    journey_buckets('{}'::int[]) AS empty, journey_bucket(NULL::int) AS none, journey_bucket(1::money) AS no_hash;
SELECT bool_and(b BETWEEN 0 AND 511 * 16 AND b % 16 = 0) AS within, count(DISTINCT b) > 400 AS spread FROM (SELECT journey_bucket(i) AS b FROM generate_series(1, 5000) i) s;
SELECT bool_and(p BETWEEN 1 AND 8) AS within, count(DISTINCT b * 16 + p) > 2500 AS spread
FROM (SELECT journey_bucket(i) AS b, (journey_bucket_parts(ARRAY[i], 5))[1] AS p FROM generate_series(1, 5000) i) s;

-- arrays split by labels: those of one customer's part, no more than two together
SELECT journey_split(ARRAY['a', NULL, 'c', 'd', 'e'], ARRAY[2, 1, 4, 1, 4]) AS texts, journey_split(ARRAY[1.5, 2.5, 3.5, 4.5, NULL], ARRAY[2, 1, 4, 1, 4]) AS numbers;
SELECT l % 16 = (journey_bucket_parts(ARRAY[7], 2))[1] AS is_part, l / 16 AS nth FROM unnest(journey_bucket_parts(ARRAY[7, 7, 7, 7, 7], 2)) l;
SELECT journey_bucket_parts('{}'::int[], 2), journey_bucket_parts(NULL::int[], 2), (SELECT count(*) FROM journey_split('{}'::int[], '{}')), journey_bucket_parts(ARRAY['1', '2']::money[], 9);
SELECT journey_bucket_parts(ARRAY[1], 0);
SELECT journey_split(ARRAY[1, 2], ARRAY[1]);
SELECT journey_split(ARRAY[1, 2], ARRAY[1, NULL]);
SELECT journey_split(ARRAY[1, 2], ARRAY[1, 0]);
SELECT journey_split(ARRAY[1, 2], ARRAY[1, 49]);

-- elements of one key
SELECT journey_pick(ARRAY['a', NULL, 'longer', 'd'], ARRAY[3, 1, 3, NULL], 3::bigint, '=(int, bigint)'::regoperator) AS texts,
    journey_pick(ARRAY[1, 2, 3], ARRAY['é', 'b', 'é']::varchar[], 'é'::text, '=(text, text)'::regoperator) AS numbers,
    journey_pick(ARRAY[true, false], ARRAY[1, 2], 3, '=(int, int)'::regoperator) AS nothing, journey_pick('{}'::float8[], '{}'::int[], 3, '=(int, int)'::regoperator) AS empty;
SELECT journey_pick(ARRAY[1], ARRAY[1, 2], 1, '=(int, int)'::regoperator);
SELECT journey_pick(ARRAY[1], 7, 1, '=(int, int)'::regoperator);
SELECT journey_pick(ARRAY[1], ARRAY['a'], 1, '=(int, int)'::regoperator);
SELECT journey_pick(ARRAY[1], ARRAY[1], 1, '+(int, int)'::regoperator);
SELECT journey_pick(ARRAY[1], ARRAY[1], 1, 0);
DROP FUNCTION in_type, found_by, plan_of;
