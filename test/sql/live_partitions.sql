-- Live journeys of partitioned events: writes through the root and into
-- partitions, rows that move, partitions that come and go.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE events (customer text, happened timestamptz NOT NULL, what text) PARTITION BY RANGE (happened);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2026-02-01 00:00+00');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01 00:00+00') TO ('2026-03-01 00:00+00') PARTITION BY HASH (customer);
CREATE TABLE events_2_0 PARTITION OF events_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE events_2_1 (what text, extra int, customer text, happened timestamptz NOT NULL);
ALTER TABLE events_2_1 DROP COLUMN extra;
ALTER TABLE events_2 ATTACH PARTITION events_2_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO events SELECT 'c' || i % 5, '2026-01-25 00:00+00'::timestamptz + i * interval '6 hours', 'before' FROM generate_series(1, 40) i;
SELECT journey_follow('events', 'customer', 'happened', 'what', target => 'now');
SELECT journey_follow('events', 'customer', 'happened', 'what', target => 'later', mode => 'deferred');
SELECT tgrelid::regclass, count(*) FROM pg_trigger WHERE NOT tgisinternal GROUP BY 1 ORDER BY 1;
CREATE VIEW differing AS
SELECT customer, n.journey AS now, l.journey AS later, e.journey AS rebuilt
FROM now n FULL JOIN later l USING (customer)
FULL JOIN (SELECT customer, journey_agg(happened, what) AS journey FROM events GROUP BY 1) e USING (customer)
WHERE n.journey IS DISTINCT FROM e.journey OR l.journey IS DISTINCT FROM e.journey;
SELECT * FROM differing;

-- through the root, into a partition, from one to the other
INSERT INTO events VALUES ('c1', '2026-01-02 00:00+00', 'root'), ('c6', '2026-02-02 00:00+00', 'root');
INSERT INTO events_1 VALUES ('c1', '2026-01-03 00:00+00', 'leaf'), ('c7', '2026-01-03 00:00+00', 'leaf');
INSERT INTO events_2 VALUES ('c1', '2026-02-03 00:00+00', 'middle'), ('c8', '2026-02-03 00:00+00', 'middle');
INSERT INTO events_2_1 (customer, happened, what) SELECT 'c' || i, '2026-02-03 00:00+00', 'leaf' FROM generate_series(1, 30) i WHERE satisfies_hash_partition('events_2'::regclass, 2, 1, 'c' || i);
SELECT * FROM differing;
SELECT * FROM now WHERE customer IN ('c1', 'c7', 'c8') ORDER BY customer;
UPDATE events SET happened = happened + interval '20 days' WHERE customer IN ('c0', 'c7') AND happened < '2026-02-08 00:00+00';
UPDATE events_2 SET customer = 'c9' WHERE customer = 'c8';
UPDATE events_1 SET what = 'changed' WHERE customer = 'c2';
DELETE FROM events WHERE customer = 'c3' AND happened < '2026-01-30 00:00+00';
DELETE FROM events_2_0 WHERE customer = 'c4';
MERGE INTO events e USING (VALUES ('c1'), ('new')) m (customer) ON e.customer = m.customer AND e.happened < '2026-01-04 00:00+00'
    WHEN MATCHED THEN UPDATE SET happened = e.happened + interval '1 day', customer = 'c5'
    WHEN NOT MATCHED THEN INSERT VALUES (m.customer, '2026-01-01 00:00+00', 'merged');
SELECT * FROM differing;

-- one partition emptied, the rest, in a transaction that is undone, and all
BEGIN;
TRUNCATE events_1;
SELECT * FROM differing;
ROLLBACK;
SELECT * FROM differing;
TRUNCATE events_1;
SELECT * FROM differing;
SELECT count(*) FROM now;
CALL journey_catch_up();
SELECT * FROM differing;
SELECT count(*) FROM now_head WHERE NOT complete OR events <= 0;
BEGIN;
TRUNCATE events_2;
SELECT count(*) FROM now;
SELECT count(*) FROM later;
ROLLBACK;
BEGIN;
TRUNCATE events;
SELECT count(*) FROM now;
SELECT count(*) FROM later;
INSERT INTO events VALUES ('c1', '2026-01-02 00:00+00', 'again');
SELECT * FROM differing;
ROLLBACK;
SELECT * FROM differing;

-- a partition attached with events, written to before it is found, and one made
CREATE TABLE events_3 (LIKE events);
INSERT INTO events_3 VALUES ('c1', '2026-03-03 00:00+00', 'came along'), ('c99', '2026-03-03 00:00+00', 'came along');
ALTER TABLE events ATTACH PARTITION events_3 FOR VALUES FROM ('2026-03-01 00:00+00') TO ('2026-04-01 00:00+00');
INSERT INTO events_3 VALUES ('c2', '2026-03-03 00:00+00', 'unseen');
INSERT INTO events VALUES ('c2', '2026-03-04 00:00+00', 'seen');
CREATE TABLE events_4 PARTITION OF events FOR VALUES FROM ('2026-04-01 00:00+00') TO ('2026-05-01 00:00+00');
SELECT customer FROM differing ORDER BY 1;
SELECT * FROM journey_follow_check('now');
SELECT * FROM journey_follow_check('now', repair => true);
SELECT * FROM journey_follow_check('later', repair => true);
SELECT * FROM journey_follow_check('later', compare => true);
SELECT * FROM differing;
INSERT INTO events_3 VALUES ('c3', '2026-03-03 00:00+00', 'seen');
SELECT * FROM differing;

-- a partition detached keeps its events, and no longer its triggers
ALTER TABLE events DETACH PARTITION events_3;
INSERT INTO events_3 VALUES ('c4', '2026-03-05 00:00+00', 'elsewhere');
DELETE FROM events_3 WHERE customer = 'c3';
SELECT customer FROM differing ORDER BY 1;
SELECT * FROM journey_follow_check('now', repair => true);
SELECT * FROM journey_follow_check('later', repair => true, compare => true);
SELECT customer FROM differing ORDER BY 1;
SELECT * FROM journey_follow_check('now', repair => true, compare => true);
SELECT customer FROM differing ORDER BY 1;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'events_3'::regclass;
SELECT journey_follow('events_1', 'customer', 'happened', 'what');
DROP VIEW differing;
SELECT journey_unfollow('now');
SELECT journey_unfollow('later');
SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal;
DROP TABLE events, events_3;
