-- What watches cost a touched customer, immediate mode, best of several rounds:
--
--	createdb watch && psql -X -d watch -f bench/watch.sql
--
-- 100,000 customers of 20 events; statements of one event and of 10,000.
\set ON_ERROR_STOP 1
\set QUIET 1
\pset pager off
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS customer_journey;
CREATE TABLE events (customer_id bigint, occurred_at timestamptz, event text, channel text);
INSERT INTO events SELECT i % 100000, '2026-01-01 00:00+00'::timestamptz + i * interval '1 second',
    (ARRAY['view', 'search', 'cart', 'call', 'visit'])[1 + (i / 100000) % 5], 'web' FROM generate_series(1, 2000000) i;
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', 'channel', target => 'live') \g /dev/null
CREATE SEQUENCE ticks;
CREATE TABLE result (id int GENERATED ALWAYS AS IDENTITY, watches bigint, events text, batch float8, single float8);
VACUUM ANALYZE events, live_head;
CREATE FUNCTION seconds(statements int, batch int, names text[]) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    FOR s IN 1 .. statements LOOP
        INSERT INTO events SELECT (i * 7919 + s * 104729) % 100000, '2026-03-01 00:00+00'::timestamptz + (nextval('ticks') + i) * interval '1 ms',
            names[1 + (s + i) % cardinality(names)], 'web' FROM generate_series(1, batch) i;
    END LOOP;
    RETURN extract(epoch FROM clock_timestamp() - began);
END $$;
CREATE PROCEDURE measure(what text, names text[]) LANGUAGE plpgsql AS $$
DECLARE
    batch float8 := 'infinity';
    single float8 := 'infinity';
BEGIN
    FOR r IN 1 .. 5 LOOP
        batch := least(batch, seconds(1, 10000, names) * 1e6 / 10000);
        COMMIT;
        single := least(single, seconds(300, 1, names) * 1e6 / 300);
        COMMIT;
    END LOOP;
    INSERT INTO result (watches, events, batch, single) SELECT count(*), what, batch, single FROM journey_watches();
END $$;
CALL measure('any', '{cart}');
SELECT journey_watch('w1', 'cart -> purchase', 'live') \g /dev/null
CALL measure('that do not matter', '{view}');
CALL measure('that matter, no match', '{cart}');
CALL measure('every other one a match', '{cart,purchase}');
SELECT journey_watch('w' || i, format('cart -> purchase%s', i)::journey_pattern, 'live') FROM generate_series(2, 10) i \g /dev/null
CALL measure('that do not matter', '{view}');
CALL measure('that matter to all, no match', '{cart}');
SELECT watches, events, round(batch::numeric, 1) AS "us a customer, 10,000 a statement", round(single::numeric, 1) AS "one a statement"
FROM result ORDER BY id;
