-- Live journeys, mode immediate: what a statement does to events it does to journeys.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint, occurred_at timestamptz, event varchar(70000),
    channel text, value numeric, item int);
INSERT INTO events (customer_id, occurred_at, event, channel, value, item) VALUES
    (1, '2026-01-01 10:00+00', 'view', 'web', NULL, 7),
    (1, '2026-01-02 10:00+00', 'purchase', 'store', 59.90, 7),
    (2, '2026-01-01 09:00+00', 'view', NULL, NULL, NULL),
    (NULL, '2026-01-01 09:00+00', 'nobody', NULL, NULL, NULL),
    (3, 'infinity', 'never', NULL, NULL, NULL);
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', 'channel', 'value', 'item', chunk_events => 5);
SELECT * FROM events_journeys ORDER BY customer;
SELECT customer, occurred_at, event, reason FROM events_journeys_aside;
SELECT journeys, events, mode, customers, unfolded, set_aside, backfilled, backfilled_customers, incomplete FROM journey_follow_status();
\d events_journeys

-- Customers whose journey is not that of their events: none, ever.
CREATE VIEW differing AS
SELECT coalesce(v.customer, e.customer_id) AS customer, v.journey AS live, e.journey AS rebuilt
FROM events_journeys v FULL JOIN (
    SELECT customer_id, journey_agg(occurred_at, event, channel, value, item::text) AS journey
    FROM events WHERE isfinite(occurred_at) AND octet_length(event) < 65536 AND customer_id IS NOT NULL GROUP BY 1) e ON e.customer_id = v.customer
WHERE v.journey IS DISTINCT FROM e.journey;
SELECT * FROM differing;

-- insert, in any order, known customers and new ones, nothing at all
INSERT INTO events (customer_id, occurred_at, event) VALUES (9, '2026-01-05 00:00+00', 'signup'), (1, '2026-01-01 12:00+00', 'search'), (2, '2026-01-03 00:00+00', 'view');
INSERT INTO events (customer_id, occurred_at, event) SELECT 1, now(), 'x' WHERE false;
INSERT INTO events (customer_id, occurred_at, event) VALUES (NULL, '2026-01-05 00:00+00', 'nobody');
SELECT * FROM events_journeys ORDER BY customer;
-- update: of an attribute, of the customer, of nothing that matters, to a customer that is new
UPDATE events SET channel = 'app' WHERE customer_id = 2;
UPDATE events SET customer_id = 2 WHERE customer_id = 9;
UPDATE events SET id = DEFAULT WHERE customer_id = 1;
UPDATE events SET customer_id = 4 WHERE event = 'search';
SELECT * FROM events_journeys ORDER BY customer;
SELECT customer, events, chunks, complete FROM events_journeys_head ORDER BY customer;
-- delete: some, all of a customer
DELETE FROM events WHERE event = 'view';
SELECT * FROM events_journeys ORDER BY customer;
DELETE FROM events WHERE customer_id = 4;
SELECT customer, events, chunks, complete FROM events_journeys_head ORDER BY customer;
SELECT * FROM differing;

-- COPY, ON CONFLICT, MERGE, a writable CTE, duplicates
COPY events (customer_id, occurred_at, event) FROM stdin;
1	2026-02-01 00:00+00	login
1	2026-02-01 00:00+00	login
\.
INSERT INTO events (id, customer_id, occurred_at, event) OVERRIDING SYSTEM VALUE
    SELECT id, 1, timestamptz '2026-02-02 00:00+00', 'changed' FROM events WHERE customer_id = 2
    UNION ALL VALUES (1000, 5, timestamptz '2026-02-02 00:00+00', 'added')
    ON CONFLICT (id) DO UPDATE SET event = excluded.event;
MERGE INTO events e USING (VALUES (1000, 'merged'), (1001, 'inserted')) m (id, event) ON e.id = m.id
    WHEN MATCHED THEN UPDATE SET event = m.event, customer_id = 6
    WHEN NOT MATCHED THEN INSERT (customer_id, occurred_at, event) VALUES (6, '2026-02-03 00:00+00', m.event);
MERGE INTO events e USING (VALUES ('inserted'), ('login')) m (event) ON e.event = m.event
    WHEN MATCHED AND e.event = 'login' THEN DELETE
    WHEN MATCHED THEN UPDATE SET value = 1;
WITH moved AS (DELETE FROM events WHERE customer_id = 6 RETURNING *)
INSERT INTO events (customer_id, occurred_at, event) SELECT 7, occurred_at, event FROM moved;
SELECT * FROM events_journeys ORDER BY customer;
SELECT * FROM differing;
BEGIN;
INSERT INTO events (customer_id, occurred_at, event) VALUES (1, '2026-03-01 00:00+00', 'undone');
SAVEPOINT s;
DELETE FROM events;
SELECT count(*) FROM events_journeys;
ROLLBACK TO s;
SELECT count(*) FROM events_journeys;
ROLLBACK;
SELECT * FROM differing;

-- long journeys are kept in parts
INSERT INTO events (customer_id, occurred_at, event) SELECT 1, '2026-03-01 00:00+00'::timestamptz + i * interval '1 min', 'tick' FROM generate_series(1, 7) i;
INSERT INTO events (customer_id, occurred_at, event) VALUES (1, '2025-01-01 00:00+00', 'late');
SELECT customer, events, chunks, journey FROM events_journeys_head WHERE customer = 1;
SELECT customer, chunk, journey_length(journey) FROM events_journeys_chunk;
SELECT journey_length(journey), journey_start(journey) FROM events_journeys WHERE customer = 1;
SELECT * FROM differing;
UPDATE events SET value = 2 WHERE event = 'tick';
DELETE FROM events WHERE event = 'tick' AND occurred_at < '2026-03-01 00:03+00';
SELECT customer, events, chunks FROM events_journeys_head WHERE customer = 1;
SELECT * FROM differing;
DELETE FROM events WHERE customer_id = 1;
SELECT count(*) FROM events_journeys_chunk;
SELECT count(*) FROM events_journeys_head WHERE customer = 1;
DO $$
BEGIN
    FOR i IN 1 .. 250 LOOP
        INSERT INTO events (customer_id, occurred_at, event) VALUES (1, '2026-04-01 00:00+00'::timestamptz + i * interval '1 min', 'tick');
    END LOOP;
END $$;
SELECT journey_length(journey), count(*) FROM events_journeys_chunk GROUP BY 1 ORDER BY 1;
SELECT * FROM differing;
DELETE FROM events WHERE customer_id = 1;

-- the index finds those who have one part, and the view adds the others
INSERT INTO events (customer_id, occurred_at, event) SELECT c, '2026-03-01 00:00+00'::timestamptz + i * interval '1 min', CASE WHEN i = c THEN 'rare' ELSE 'tick' END
FROM generate_series(10, 400) c, generate_series(1, 4) i;
INSERT INTO events (customer_id, occurred_at, event) SELECT 10, '2026-03-01 00:00+00'::timestamptz + i * interval '1 min', CASE i WHEN 3 THEN 'rare' ELSE 'tick' END FROM generate_series(1, 9) i;
INSERT INTO events (customer_id, occurred_at, event) VALUES (11, '2026-04-01 00:00+00', 'rare');
CREATE INDEX ON events_journeys_head USING gin (journey);
ANALYZE events_journeys_head;
SET enable_seqscan = off;
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT count(*) FILTER (WHERE p ~ 'Bitmap Index Scan on events_journeys_head_journey_idx') AS by_journey, count(*) FILTER (WHERE p ~ 'Seq Scan') AS scans
FROM plan_of($$SELECT customer FROM events_journeys WHERE journey ~ 'tick -> rare'$$) p;
SELECT customer FROM events_journeys WHERE journey ~ 'tick -> rare' ORDER BY 1;
SELECT count(*) FILTER (WHERE p ~ 'events_journeys_head_pkey') > 0 AS by_key, count(*) FILTER (WHERE p ~ 'Seq Scan') AS scans
FROM plan_of('SELECT journey FROM events_journeys WHERE customer = 12') p;
RESET enable_seqscan;
DROP FUNCTION plan_of(text);

-- events that no journey can hold
INSERT INTO events (customer_id, occurred_at, event) VALUES (20, NULL, 'a'), (20, '-infinity', 'b'), (20, '2026-05-01 00:00+00', NULL), (20, '2026-05-01 00:00+00', 'fine'),
    (21, 'infinity', 'c'), (21, 'infinity', 'c'), (22, '2026-05-01 00:00+00', repeat('n', 66000));
SELECT customer, occurred_at, left(event, 10), reason FROM events_journeys_aside ORDER BY customer, id;
DELETE FROM events WHERE id = (SELECT min(id) FROM events WHERE event = 'c');
UPDATE events SET occurred_at = '2026-05-02 00:00+00' WHERE event = 'a';
UPDATE events SET event = 'd' WHERE octet_length(event) > 65535;
SELECT customer, occurred_at, left(event, 10), reason FROM events_journeys_aside ORDER BY customer, id;
SELECT * FROM events_journeys WHERE customer IN (21, 22) ORDER BY customer;
SELECT * FROM differing;
SET customer_journey.follow_errors = 'error';
INSERT INTO events (customer_id, occurred_at, event) VALUES (20, 'infinity', 'refused');
RESET customer_journey.follow_errors;

-- more events than a journey may have
SET customer_journey.max_events = 6;
INSERT INTO events (customer_id, occurred_at, event) VALUES (30, '2026-05-03 00:00+00', 'one'), (30, '2026-05-04 00:00+00', 'two'), (31, '2026-05-04 00:00+00', 'other');
SELECT customer, occurred_at, event, reason FROM events_journeys_aside WHERE reason = 'too many events' ORDER BY id;
INSERT INTO events (customer_id, occurred_at, event) VALUES (30, '2026-05-05 00:00+00', 'three'), (32, '2026-05-05 00:00+00', 'other');
SELECT customer, occurred_at, event, reason FROM events_journeys_aside WHERE reason = 'too many events' ORDER BY id;
SELECT customer, journey_length(journey) FROM events_journeys WHERE customer BETWEEN 30 AND 32 ORDER BY 1;
SET customer_journey.follow_errors = 'error';
INSERT INTO events (customer_id, occurred_at, event) VALUES (30, '2026-05-06 00:00+00', 'four');
INSERT INTO events (customer_id, occurred_at, event) VALUES (30, '2026-05-06 00:00+00', 'four'), (30, '2026-05-07 00:00+00', 'five');
RESET customer_journey.follow_errors;
DELETE FROM events WHERE customer_id = 30 AND event = 'tick';
SELECT customer, journey_path(journey) FROM events_journeys WHERE customer = 30;
SELECT count(*) FROM events_journeys_aside WHERE reason = 'too many events';
INSERT INTO events (customer_id, occurred_at, event) SELECT 33, '2026-05-03 00:00+00'::timestamptz + i * interval '1 h', 'burst' FROM generate_series(1, 9) i;
SELECT customer, count(*), reason FROM events_journeys_aside WHERE customer = 33 GROUP BY 1, 3;
SELECT customer, journey_length(journey) FROM events_journeys WHERE customer = 33;
RESET customer_journey.max_events;
SELECT problem, relation, detail, repaired FROM journey_follow_check('events_journeys', compare => true);
CREATE INDEX ON events (customer_id);
SELECT problem, relation, detail, repaired FROM journey_follow_check('events_journeys', compare => true);
UPDATE events SET item = 1 WHERE customer_id = 33;
SELECT customer, journey_length(journey) FROM events_journeys WHERE customer = 33;
SELECT * FROM differing;
SET customer_journey.max_events = 6;
UPDATE events SET item = 2 WHERE customer_id = 33;
SELECT customer, journey_length(journey) FROM events_journeys WHERE customer = 33;
SELECT customer, count(*), reason FROM events_journeys_aside WHERE customer = 33 GROUP BY 1, 3;
RESET customer_journey.max_events;
DELETE FROM events WHERE customer_id = 33;

-- what is wrong is found and put right
UPDATE events_journeys_head SET journey = '{}', events = 0 WHERE customer = 15;
DELETE FROM events_journeys_head WHERE customer = 16;
ALTER TABLE events DISABLE TRIGGER events_journeys_follow_insert;
INSERT INTO events (customer_id, occurred_at, event) VALUES (17, '2026-05-05 00:00+00', 'missed');
SELECT problem, relation, detail, repaired FROM journey_follow_check('events_journeys', compare => true);
SELECT problem, relation, detail, repaired FROM journey_follow_check('events_journeys', repair => true);
SELECT problem, relation, detail, repaired FROM journey_follow_check('events_journeys', compare => true);
SELECT * FROM differing WHERE customer <> 33;

-- truncate
BEGIN;
TRUNCATE events;
SELECT count(*) FROM events_journeys;
ROLLBACK;
SELECT count(*) > 300 FROM events_journeys;
TRUNCATE events;
SELECT count(*) FROM events_journeys;
SELECT count(*) FROM events_journeys_aside;
INSERT INTO events (customer_id, occurred_at, event) VALUES (1, '2026-06-01 00:00+00', 'again');
SELECT * FROM differing;

-- customers merged, unmerged and erased
SELECT customer_catalogue_create();
SELECT customer_id, action FROM customer_identify('crm', 'a', '{"name": "Ana"}'), LATERAL (SELECT 1) x;
SELECT customer_id, action FROM customer_identify('crm', 'b', '{"name": "Ana B"}'), LATERAL (SELECT 1) x;
SELECT customer_register('events', 'customer_id', on_erase => 'delete');
SELECT customer_register('events_journeys_head', 'customer', 'combine');
SELECT customer_register('events_journeys', 'customer', 'map');
INSERT INTO events (customer_id, occurred_at, event) VALUES (2, '2026-06-02 00:00+00', 'hers'), (2, '2026-06-03 00:00+00', 'too');
SELECT merge_id, status FROM customer_merge('1', ARRAY['2']);
SELECT * FROM events_journeys ORDER BY 1;
SELECT * FROM differing;
SELECT status FROM customer_unmerge(1);
SELECT * FROM events_journeys ORDER BY 1;
SELECT * FROM differing;
SELECT erased, rows_deleted FROM customer_erase('2');
SELECT * FROM events_journeys ORDER BY 1;
SELECT customer FROM events_journeys_head ORDER BY 1;
SELECT * FROM differing;
DROP SCHEMA customer_catalogue CASCADE;

-- the end, or a table of what there was
DROP VIEW differing;
SELECT journey_unfollow('events_journeys', keep => true);
\d events_journeys
SELECT * FROM events_journeys;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'events'::regclass;
SELECT relname FROM pg_class WHERE relname ~ '^events_journeys_' ORDER BY 1;
INSERT INTO events (customer_id, occurred_at, event) VALUES (1, '2026-06-05 00:00+00', 'unseen');
DROP TABLE events_journeys;

-- other keys, filters, names that need quotes, two targets of one table
CREATE SCHEMA "Live";
CREATE TYPE "Live".kind AS ENUM ('view', 'purchase');
CREATE TABLE "Live"."Events" ("Who" uuid, "At" timestamptz, "What" "Live".kind, "select" float4);
SELECT journey_follow('"Live"."Events"', 'Who', 'At', 'What', value => 'select', target => '"Live"."Buyers"', filter => $$"What" = 'purchase'$$);
SELECT journey_follow('"Live"."Events"', 'Who', 'At', 'What', target => 'everyone');
INSERT INTO "Live"."Events" SELECT md5(i::text)::uuid, '2026-01-01 00:00+00'::timestamptz + i * interval '1 day', CASE WHEN i % 2 = 0 THEN 'view' ELSE 'purchase' END::"Live".kind, i FROM generate_series(1, 4) i;
UPDATE "Live"."Events" SET "What" = 'purchase' WHERE "select" = 2;
SELECT * FROM "Live"."Buyers" ORDER BY 1;
SELECT * FROM "Live".everyone ORDER BY 1;
SELECT journeys, mode, customers FROM journey_follow_status();
DROP SCHEMA "Live" CASCADE;
CREATE TABLE people (who text COLLATE "C", at timestamptz, what text);
SELECT journey_follow('people', 'who', 'at', 'what');
INSERT INTO people VALUES ('b', '2026-01-01 00:00+00', 'x'), ('B', '2026-01-01 00:00+00', 'x'), ('ñ', '2026-01-01 00:00+00', 'x');
SELECT customer FROM people_journeys ORDER BY customer;
DROP TABLE people CASCADE;
SELECT journeys FROM journey_follow_status();
SELECT journey_unfollow('people_journeys');

-- errors
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'nothing');
SELECT journey_follow('events', 'customer_id', 'event', 'event');
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'value');
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', value => 'event');
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', mode => 'sometimes');
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', chunk_events => 0);
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', target => repeat('x', 41));
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', target => 'a.b.c');
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', filter => 'no_such > 1');
SELECT journey_follow('pg_views', 'viewname', 'viewname', 'viewname');
SELECT journey_unfollow('events');
SELECT * FROM journey_follow_check('pg_class');
CREATE TABLE parent (customer_id int, occurred_at timestamptz, event text, shape box);
CREATE TABLE child () INHERITS (parent);
SELECT journey_follow('parent', 'customer_id', 'occurred_at', 'event');
DROP TABLE child;
SELECT journey_follow('parent', 'shape', 'occurred_at', 'event');
CREATE TRIGGER nothing AFTER INSERT ON parent FOR EACH STATEMENT EXECUTE FUNCTION journey_follow_fold();
INSERT INTO parent VALUES (1, now(), 'x');
DROP TRIGGER nothing ON parent;
CREATE TRIGGER nothing AFTER INSERT ON parent FOR EACH ROW EXECUTE FUNCTION journey_follow_fold('public.no_such');
INSERT INTO parent VALUES (1, now(), 'x');
DROP TRIGGER nothing ON parent;
CREATE TRIGGER nothing AFTER INSERT ON parent REFERENCING NEW TABLE AS journey_new FOR EACH STATEMENT EXECUTE FUNCTION journey_follow_fold('public.no_such');
INSERT INTO parent VALUES (1, now(), 'x');
DROP TABLE parent;
CREATE TABLE events_journeys_tail ();
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event');
DROP TABLE events_journeys_tail, events;

-- What is set aside beside customers who are built anew, or have too many events,
-- in one statement: each event once.
CREATE TABLE events (customer_id bigint, occurred_at timestamptz, event text);
CREATE INDEX ON events (customer_id);
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', chunk_events => 5);
CREATE VIEW aside_differing AS
SELECT customer, a.count AS aside, e.count AS events FROM (SELECT customer, count(*) FROM events_journeys_aside WHERE reason = 'time is infinite' GROUP BY 1) a
FULL JOIN (SELECT customer_id AS customer, count(*) FROM events WHERE NOT isfinite(occurred_at) GROUP BY 1) e USING (customer) WHERE a.count IS DISTINCT FROM e.count;
INSERT INTO events SELECT c, CASE WHEN i > 2 THEN '2026-01-01 00:00+00'::timestamptz + i * interval '1 min' ELSE 'infinity' END, CASE WHEN i > 2 THEN 'e' || i % 3 ELSE 'never' END
FROM generate_series(1, 3) c, generate_series(1, 14) i;
SELECT customer, chunks FROM events_journeys_head ORDER BY 1;
DELETE FROM events WHERE ctid IN (SELECT min(ctid) FROM events WHERE event = 'never' GROUP BY customer_id) OR event = 'e1';
SELECT * FROM aside_differing;
UPDATE events SET customer_id = 2 WHERE customer_id = 1;
SELECT * FROM aside_differing;
DELETE FROM events WHERE customer_id = 2 AND event <> 'never';
SELECT * FROM aside_differing;
SET customer_journey.max_events = 10;
INSERT INTO events SELECT 3, CASE WHEN i > 2 THEN '2026-01-02 00:00+00'::timestamptz + i * interval '1 min' ELSE '-infinity' END, 'e' FROM generate_series(1, 8) i;
SELECT * FROM aside_differing;
SELECT customer, reason, count(*) FROM events_journeys_aside GROUP BY 1, 2 ORDER BY 1, 2;
RESET customer_journey.max_events;
SELECT problem FROM journey_follow_check('events_journeys', compare => true);
DROP TABLE events CASCADE;
SELECT journey_unfollow('events_journeys');
