-- Watches of live journeys: each match is queued once, when it comes true.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint, occurred_at timestamptz, event text, channel text, value numeric, item text);
CREATE INDEX ON events (customer_id);
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', 'channel', 'value', 'item', chunk_events => 6);
CREATE FUNCTION ev(who bigint, at text, what text, about text DEFAULT NULL) RETURNS void LANGUAGE sql BEGIN ATOMIC
    INSERT INTO events (customer_id, occurred_at, event, item) VALUES (who, ('2026-01-' || at || '+00')::timestamptz, what, about); END;
CREATE FUNCTION queued(OUT watch text, OUT customer bigint, OUT at text, OUT true_at text, OUT path text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY WITH q AS (DELETE FROM events_journeys_watch_queue RETURNING *)
    SELECT q.watch, q.customer, to_char(q.matched_at, 'DD HH24:MI'), to_char(q.true_at, 'DD HH24:MI'), journey_path(q.matched) FROM q ORDER BY q.id;
END $$;

-- what cannot be watched, and who cannot
SELECT journey_watch('w', 'cart !-> purchase', 'events_journeys');
SELECT journey_watch('w', 'view | cart !-> purchase', 'events_journeys');
SELECT journey_watch('w', 'purchase $', 'events_journeys');
SELECT journey_watch('', 'purchase', 'events_journeys');
SELECT journey_watch('w', NULL, 'events_journeys');
SELECT journey_watch('w', 'purchase', 'events');
SELECT journey_watch('w', 'purchase', 'events_journeys', existing => NULL);
SELECT journey_unwatch('w', 'events_journeys');
SELECT journey_watch_due(NULL);
SELECT journey_watch_due();
SELECT * FROM journey_watches();
SELECT p, journey_watch_names(p), journey_watch_by_time(p)
FROM unnest('{cart -> purchase,cart purchase,"[a|b]{2,} -[!c]-> a",cart !-[<= 1 day]-> [purchase|order],a -> .,a -> [^b],^ a,a -[<= 3 events]-> b,"a !-[!c]-> b","a !-[<= 2 events]-> b","a@web(value > 3) -> a#x WITHIN 3 days"}'::journey_pattern[]) p;

-- what is there is passed over, or not
SELECT ev(1, '01 10:00', 'cart'), ev(1, '01 11:00', 'purchase'), ev(2, '01 10:00', 'cart');
SELECT journey_watch('bought', 'cart -> purchase', 'events_journeys');
SELECT journey_watch('bought', 'cart', 'events_journeys');
SELECT journey_watch('all', 'cart -> purchase', 'events_journeys', existing => true);
SELECT watch, pattern, by_time, notify, queued, pending, next_due FROM journey_watches('events_journeys');
SELECT * FROM queued();
SELECT journey_unwatch('all', 'events_journeys');
SELECT journey_unwatch('all', 'events_journeys');
SELECT customer, watch, seen, seen_to, due_at FROM events_journeys_watch_seen ORDER BY 1, 2;
\d events_journeys_watch_queue

-- with the event that makes it so, once
SELECT ev(2, '01 11:00', 'view'), ev(3, '01 10:00', 'purchase');
SELECT * FROM queued();
SELECT ev(2, '01 12:00', 'purchase');
SELECT watch, customer, matched_at, true_at, matched FROM events_journeys_watch_queue;
SELECT * FROM queued();
SELECT ev(2, '01 13:00', 'purchase'), ev(2, '01 14:00', 'view');
SELECT * FROM queued();
SELECT ev(2, '02 10:00', 'cart'), ev(2, '02 11:00', 'cart'), ev(2, '02 12:00', 'purchase');
SELECT * FROM queued();
INSERT INTO events (customer_id, occurred_at, event) SELECT c, '2026-01-03 00:00+00'::timestamptz + i * interval '1 hour', CASE WHEN i % 2 = 1 THEN 'cart' ELSE 'purchase' END
FROM generate_series(1, 3) c, generate_series(1, 4) i;
SELECT * FROM queued();
SELECT customer, journey_length(seen), seen_to, due_at FROM events_journeys_watch_seen ORDER BY 1, 2;
BEGIN;
SELECT ev(1, '04 10:00', 'cart'), ev(1, '04 11:00', 'purchase');
SELECT count(*) FROM events_journeys_watch_queue;
ROLLBACK;
SELECT count(*) FROM events_journeys_watch_queue;

-- late events: the match takes another shape, or there was one more
SELECT ev(4, '01 10:00', 'cart'), ev(4, '01 12:00', 'purchase');
SELECT * FROM queued();
SELECT ev(4, '01 09:00', 'cart'), ev(4, '01 11:00', 'purchase');
SELECT journey_match(journey, 'cart -> purchase') FROM events_journeys WHERE customer = 4;
SELECT * FROM queued();
SELECT ev(4, '01 07:00', 'cart'), ev(4, '01 08:00', 'purchase');
SELECT * FROM queued();
-- of one instant, one after the other
SELECT ev(5, '01 00:00', 'purchase');
SELECT ev(5, '01 00:00', 'cart');
SELECT * FROM queued();
SELECT ev(5, '01 00:00', 'purchase');
SELECT ev(5, '01 00:00', 'cart');
SELECT * FROM queued();
SELECT ev(5, '01 00:00', 'view');
SELECT * FROM queued();

-- what is queued stays: corrections, deletions; what an event had served it has served
SELECT ev(6, '01 10:00', 'cart'), ev(6, '01 11:00', 'purchase');
UPDATE events SET occurred_at = '2026-01-01 11:30+00' WHERE customer_id = 6 AND event = 'purchase';
SELECT * FROM queued();
DELETE FROM events WHERE customer_id = 6 AND event = 'purchase';
SELECT ev(6, '01 12:00', 'purchase');
SELECT * FROM queued();
UPDATE events SET occurred_at = '2026-01-01 10:30+00' WHERE customer_id = 6 AND event = 'cart';
SELECT * FROM queued();
-- an update can make a match, and so can a deletion
SELECT ev(7, '01 10:00', 'cart'), ev(7, '01 11:00', 'look');
UPDATE events SET event = 'purchase' WHERE event = 'look';
SELECT * FROM queued();
SELECT journey_watch('next', 'call visit', 'events_journeys');
SELECT ev(7, '02 10:00', 'call'), ev(7, '02 11:00', 'between'), ev(7, '02 12:00', 'visit');
SELECT * FROM queued();
DELETE FROM events WHERE event = 'between';
SELECT * FROM queued();
SELECT journey_unwatch('next', 'events_journeys');

-- customers become one, and two again
UPDATE events SET customer_id = 6 WHERE customer_id = 7;
SELECT * FROM queued();
SELECT ev(6, '03 10:00', 'cart'), ev(6, '03 11:00', 'purchase');
SELECT * FROM queued();
SELECT customer, watch, seen FROM events_journeys_watch_seen WHERE customer IN (6, 7) ORDER BY 1, 2;
UPDATE events SET customer_id = 7 WHERE customer_id = 6 AND occurred_at >= '2026-01-01 11:00+00' AND occurred_at < '2026-01-03 00:00+00';
SELECT * FROM queued();
SELECT customer, watch, seen FROM events_journeys_watch_seen WHERE customer IN (6, 7) ORDER BY 1, 2;
-- parts of two that match together
SELECT ev(60, '01 10:00', 'cart'), ev(61, '01 11:00', 'purchase');
UPDATE events SET customer_id = 60 WHERE customer_id = 61;
SELECT * FROM queued();
-- who has no events is forgotten
DELETE FROM events WHERE customer_id IN (60, 61);
SELECT count(*) FROM events_journeys_watch_seen WHERE customer IN (60, 61);

-- the shortest match; SAME; ^; long journeys
SELECT journey_watch('calls', 'call{2,}', 'events_journeys'), journey_watch('same', 'view -> purchase SAME item', 'events_journeys'), journey_watch('first', '^ signup -> purchase', 'events_journeys');
SELECT ev(8, '01 10:00', 'call'), ev(8, '01 11:00', 'call'), ev(8, '01 12:00', 'call'), ev(8, '01 13:00', 'call');
SELECT * FROM queued();
SELECT ev(9, '01 10:00', 'view', 'a'), ev(9, '01 11:00', 'view', 'b'), ev(9, '01 12:00', 'purchase', 'b'), ev(9, '01 13:00', 'purchase', 'a'), ev(9, '01 14:00', 'purchase', 'b'), ev(9, '01 15:00', 'view', 'b'), ev(9, '01 16:00', 'purchase', 'b');
SELECT watch, customer, matched FROM events_journeys_watch_queue ORDER BY id;
SELECT count(*) FROM queued();
SELECT ev(10, '01 10:00', 'signup'), ev(10, '01 11:00', 'purchase'), ev(10, '01 12:00', 'signup'), ev(10, '01 13:00', 'purchase');
SELECT * FROM queued();
SELECT ev(11, '01 10:00', 'cart'), ev(11, '02 10:00', 'purchase') FROM generate_series(1, 1);
INSERT INTO events (customer_id, occurred_at, event) SELECT 11, '2026-01-03 00:00+00'::timestamptz + i * interval '1 min', 'tick' FROM generate_series(1, 30) i;
SELECT ev(11, '10 10:00', 'cart');
INSERT INTO events (customer_id, occurred_at, event) SELECT 11, '2026-01-11 00:00+00'::timestamptz + i * interval '1 min', 'tick' FROM generate_series(1, 30) i;
SELECT ev(11, '12 10:00', 'purchase');
SELECT * FROM queued();
SELECT chunks > 1 AS in_parts FROM events_journeys_head WHERE customer = 11;
SELECT journey_unwatch(w, 'events_journeys') FROM unnest('{calls,same,first}'::text[]) w;

-- absences fall due by time
SELECT journey_watch('abandoned', 'cart !-[<= 1 day]-> purchase', 'events_journeys');
SELECT ev(20, '20 10:00', 'cart'), ev(21, '20 10:00', 'cart'), ev(22, '20 10:00', 'cart'), ev(20, '20 12:00', 'purchase');
SELECT customer, due_at FROM events_journeys_watch_seen WHERE due_at IS NOT NULL ORDER BY 1;
SELECT * FROM queued();
SELECT journey_watch_due('2026-01-21 09:59:59+00');
SELECT ev(21, '21 10:00', 'purchase');
SELECT journey_watch_due('2026-01-21 10:00+00');
SELECT * FROM queued();
SELECT journey_watch_due('2026-01-21 10:00+00'), journey_watch_due('infinity'), journey_watch_due('-infinity');
SELECT ev(22, '22 10:00', 'cart'), ev(22, '22 11:00', 'cart'), ev(22, '22 12:00', 'cart'), ev(22, '22 11:30', 'purchase');
SELECT customer, due_at FROM events_journeys_watch_seen WHERE due_at IS NOT NULL ORDER BY 1;
SELECT watch, queued, pending, next_due FROM journey_watches() ORDER BY watch;
SELECT journey_watch_due('2026-01-30 00:00+00', 'events_journeys');
SELECT * FROM queued();
-- a cart that is late, of a day that is over; a purchase that comes when all is over
SELECT ev(23, '20 10:00', 'cart');
SELECT journey_watch_due('2026-01-30 00:00+00');
SELECT ev(23, '20 12:00', 'purchase');
SELECT journey_watch_due('2026-01-30 00:00+00');
SELECT * FROM queued();
-- due, but for ever gone
SELECT ev(24, '20 10:00', 'cart');
DELETE FROM events WHERE customer_id = 24;
SELECT journey_watch_due('2026-01-30 00:00+00');
SELECT count(*) FROM events_journeys_watch_seen WHERE customer = 24;
SELECT journey_unwatch('abandoned', 'events_journeys');
-- of what is there: over is over, what is open falls due
SELECT ev(25, '20 10:00', 'cart');
INSERT INTO events (customer_id, occurred_at, event) VALUES (26, now() - interval '1 hour', 'cart');
SELECT journey_watch('abandoned', 'cart !-[<= 1 day]-> purchase', 'events_journeys');
SELECT watch, queued, pending, next_due > now() AS later FROM journey_watches() ORDER BY watch;
SELECT journey_watch_due(now() + interval '1 day');
SELECT watch, customer FROM queued();
SELECT journey_watch('again', 'cart !-[<= 1 day]-> purchase', 'events_journeys', existing => true);
SELECT journey_watch_due('2026-01-30 00:00+00') > 0;
SELECT count(*), count(DISTINCT customer) FROM queued();
-- closed by an event, or by how many came
SELECT journey_watch('unanswered', 'question !-[!goodbye]-> answer', 'events_journeys'), journey_watch('ignored', 'question !-[<= 2 events]-> answer', 'events_journeys');
SELECT ev(27, '01 10:00', 'question'), ev(27, '01 11:00', 'x'), ev(28, '01 10:00', 'question'), ev(28, '01 11:00', 'answer'), ev(28, '01 12:00', 'goodbye');
SELECT journey_watch_due('2026-01-30 00:00+00');
SELECT ev(27, '01 12:00', 'goodbye');
SELECT journey_watch_due('2026-01-30 00:00+00');
SELECT * FROM queued();
SELECT journey_unwatch(w, 'events_journeys') FROM unnest('{abandoned,again,unanswered,ignored}'::text[]) w;

-- truncate: what is queued stays, everybody is forgotten
SELECT ev(30, '01 10:00', 'cart'), ev(30, '01 11:00', 'purchase');
TRUNCATE events;
SELECT count(*) FROM events_journeys_watch_seen;
SELECT * FROM queued();
SELECT ev(30, '01 10:00', 'cart'), ev(30, '01 11:00', 'purchase');
SELECT * FROM queued();

-- journeys built anew
ALTER TABLE events DISABLE TRIGGER events_journeys_follow_insert;
SELECT ev(31, '01 10:00', 'cart'), ev(31, '01 11:00', 'purchase');
SELECT problem, detail FROM journey_follow_check('events_journeys', repair => true);
SELECT * FROM queued();

-- consumers take what they deal with; nobody else may
SELECT ev(32, '01 10:00', 'cart'), ev(32, '01 11:00', 'purchase');
CREATE ROLE watch_consumer;
CREATE ROLE watch_writer;
GRANT SELECT, UPDATE, DELETE ON events_journeys_watch_queue TO watch_consumer;
GRANT INSERT ON events TO watch_writer;
SET ROLE watch_writer;
INSERT INTO events (customer_id, occurred_at, event) VALUES (33, '2026-01-01 10:00+00', 'cart'), (33, '2026-01-01 11:00+00', 'purchase');
SELECT count(*) FROM events_journeys_watch_queue;
SELECT journey_watch('w', 'purchase', 'events_journeys');
SELECT journey_watch_changed('events_journeys_follow');
RESET ROLE;
SET ROLE watch_consumer;
WITH next AS (SELECT q.id FROM events_journeys_watch_queue q WHERE q.watch = 'bought' ORDER BY q.id LIMIT 1 FOR UPDATE SKIP LOCKED)
DELETE FROM events_journeys_watch_queue q USING next WHERE q.id = next.id RETURNING q.watch, q.customer, q.matched;
SELECT count(*) FROM events_journeys_watch_seen;
RESET ROLE;
SELECT * FROM queued();
DROP OWNED BY watch_consumer, watch_writer;
DROP ROLE watch_consumer, watch_writer;

-- erased customers: their events and all that watches know go; the queue is registered
SELECT customer_catalogue_create();
SELECT customer_id, action FROM customer_identify('crm', 'a', '{"name": "Ana"}'), LATERAL (SELECT 1) x;
SELECT customer_register('events', 'customer_id', on_erase => 'delete');
SELECT customer_register('events_journeys_watch_queue', 'customer', on_erase => 'delete');
SELECT ev(1, '01 10:00', 'cart'), ev(1, '01 11:00', 'purchase');
SELECT erased, rows_deleted FROM customer_erase('1');
SELECT count(*) FROM events_journeys_watch_queue WHERE customer = 1;
SELECT count(*) FROM events_journeys_watch_seen WHERE customer = 1;
DROP SCHEMA customer_catalogue CASCADE;

-- mode deferred: with journey_catch_up, the same
SELECT journey_watch('abandoned', 'cart !-[<= 1 day]-> purchase', 'events_journeys');
SELECT journey_follow_mode('events_journeys', 'deferred');
SELECT ev(40, '01 10:00', 'cart'), ev(40, '01 11:00', 'purchase'), ev(40, '01 12:00', 'cart'), ev(40, '01 13:00', 'purchase'), ev(41, '01 10:00', 'cart'), ev(42, '01 10:00', 'cart'), ev(43, '01 10:00', 'view');
SELECT * FROM queued();
CALL journey_catch_up('events_journeys', 2);
SELECT * FROM queued();
SELECT ev(41, '01 20:00', 'purchase');
SELECT journey_watch_due('2026-01-10 00:00+00');
SELECT * FROM queued();
CALL journey_catch_up('events_journeys');
SELECT * FROM queued();
SELECT ev(40, '02 10:00', 'cart'), ev(40, '02 11:00', 'purchase');
UPDATE events SET customer_id = 44 WHERE customer_id = 40;
DELETE FROM events WHERE customer_id = 41;
CALL journey_catch_up('events_journeys');
SELECT * FROM queued();
SELECT customer, watch, seen FROM events_journeys_watch_seen WHERE customer IN (40, 41, 44) ORDER BY 1, 2;
TRUNCATE events;
SELECT count(*) FROM events_journeys_watch_seen;
SELECT ev(40, '01 10:00', 'cart'), ev(40, '01 11:00', 'purchase');
SELECT journey_follow_mode('events_journeys', 'immediate');
SELECT * FROM queued();

-- one notification a statement, only if it is asked for
SELECT journey_watch('loud', 'cart -> purchase', 'events_journeys', notify => true);
SELECT watch, notify FROM journey_watches();
SELECT ev(50, '01 10:00', 'cart'), ev(50, '01 11:00', 'purchase');
SELECT * FROM queued();
SELECT journey_unwatch('loud', 'events_journeys');

-- the end
SELECT ev(51, '01 10:00', 'cart'), ev(51, '01 11:00', 'purchase');
SELECT journey_unfollow('events_journeys', keep => true);
SELECT relname FROM pg_class WHERE relname ~ '^events_journeys' AND relkind IN ('r', 'v') ORDER BY 1;
SELECT * FROM queued();
DROP FUNCTION queued();
DROP TABLE events_journeys_watch_queue, events_journeys;

-- keys and names that need quotes; partitions; a filter; two targets
CREATE SCHEMA "Live";
CREATE TABLE "Live"."Events" ("Who" uuid, "At" timestamptz, "What" text) PARTITION BY RANGE ("At");
CREATE TABLE "Live".january PARTITION OF "Live"."Events" FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2026-02-01 00:00+00');
CREATE TABLE "Live".rest PARTITION OF "Live"."Events" DEFAULT;
SELECT journey_follow('"Live"."Events"', 'Who', 'At', 'What', target => '"Live"."Buyers"', filter => $$"What" <> 'x'$$);
SELECT journey_follow('"Live"."Events"', 'Who', 'At', 'What', target => 'everyone', mode => 'deferred');
SELECT journey_watch($$it's "a" watch$$, $$"it's" -> b$$, '"Live"."Buyers"'), journey_watch('w', 'a !-[<= 1 day, !x]-> b', '"Live".everyone');
INSERT INTO "Live"."Events" SELECT md5(i::text)::uuid, '2026-01-31 00:00+00'::timestamptz + i * interval '6 hours' + n * interval '1 hour', e
FROM generate_series(1, 8) i, unnest(ARRAY['it''s', 'x', 'b', 'a']) WITH ORDINALITY e (e, n);
INSERT INTO "Live".january VALUES (md5('1')::uuid, '2026-01-01 00:00+00', 'it''s'), (md5('1')::uuid, '2026-01-02 00:00+00', 'b');
SELECT watch, count(*), count(DISTINCT customer), max(matched::text) FROM "Live"."Buyers_watch_queue" GROUP BY 1;
CALL journey_catch_up();
SELECT journey_watch_due('2026-02-02 00:00+00');
SELECT journeys, watch, queued, pending FROM journey_watches();
TRUNCATE "Live".rest;
CALL journey_catch_up();
SELECT journeys, watch, queued, pending FROM journey_watches();
SELECT count(*) FROM "Live"."Buyers_watch_seen";
-- tables of that name that others have made are let be
CREATE ROLE watch_squatter;
CREATE TABLE squatted (customer_id bigint, occurred_at timestamptz, event text);
SELECT journey_follow('squatted', 'customer_id', 'occurred_at', 'event');
CREATE TABLE squatted_journeys_watch (watch text, pattern journey_pattern, names text[], by_time boolean, notify boolean);
CREATE TABLE squatted_journeys_watch_seen (customer bigint, watch text, seen journey, seen_to timestamptz, due_at timestamptz);
CREATE TABLE squatted_journeys_watch_queue (watch text, customer bigint, matched_at timestamptz, true_at timestamptz, matched journey);
INSERT INTO squatted_journeys_watch VALUES ('theirs', 'a', NULL, false, false);
ALTER TABLE squatted_journeys_watch OWNER TO watch_squatter;
ALTER TABLE squatted_journeys_watch_queue OWNER TO watch_squatter;
INSERT INTO squatted VALUES (1, '2026-01-01 00:00+00', 'a');
SELECT count(*) FROM squatted_journeys_watch_queue;
SELECT journey_watch('mine', 'a', 'squatted_journeys');
DROP TABLE squatted, squatted_journeys_watch, squatted_journeys_watch_seen, squatted_journeys_watch_queue;
SELECT journey_unfollow('squatted_journeys');
DROP SCHEMA "Live" CASCADE;
DROP ROLE watch_squatter;
DROP FUNCTION ev;
DROP TABLE events;

-- before the backfill is over
CREATE TABLE events (customer_id bigint, occurred_at timestamptz, event text);
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', backfill => false);
SELECT journey_watch('w', 'purchase', 'events_journeys');
CALL journey_backfill('events_journeys');
SELECT journey_watch('w', 'purchase', 'events_journeys');
SELECT journey_unfollow('events_journeys');
SELECT relname FROM pg_class WHERE relname ~ '^events_journeys' ORDER BY 1;
DROP TABLE events;
