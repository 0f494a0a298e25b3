-- Random small sets of events, for the property tests: the same seed gives the
-- same rows on every server, for everything comes from hashes of numbers.
--
--   psql -v seed=1 -v sets=100000 -f journey_sets.sql
--
-- Makes the table event_row (set_id, bucket, n, part, occurred_at, event, channel,
-- value, item), 0 to 12 rows a set, partitioned by part, bucket joining sets to 97
-- larger ones; and event_set (set_id, and what the set is made of), a row a set,
-- the empty ones included.

CREATE FUNCTION chance(key bigint, salt integer, seed bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT (pg_catalog.hashint8extended(key, seed * 1000 + salt) >> 1) & 9223372036854775807 $$;

-- Names that have something about them: empty, alike, quoted, keywords, other
-- scripts, what looks like syntax, spaces at the ends, control characters, long.
CREATE FUNCTION name_pool() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT ARRAY['view', 'cart', 'purchase', 'a', '', 'View', 'vie', 'view-', 'add-to-cart',
        'within', 'AS', 'señor', 'it''s', 'quo"te', '"', 'a b', ' a ', E'tab\tnew\nline', E'back\\slash',
        '{', '}', ',', '@(1)#x', '404', '1.5', '-', 'NaN', 'null', '日本語', 'Ωmega', 'é', 'é', '😀',
        E'\u0001', 'z' || pg_catalog.repeat('long', 80)] $$;

-- What a set is made of. Kinds of times: 0..5 a few steps of a microsecond,
-- millisecond, second, minute, hour, day; 6 both ends of time; 7 anywhere;
-- 8 one instant; 9 days around year 1 BC. Attributes: 0 none has it, 1 all, 2 some.
CREATE TABLE event_set AS
SELECT set_id,
    (chance(set_id, 1, :seed) % 13)::int AS events,
    (chance(set_id, 2, :seed) % 10)::int AS times,
    (chance(set_id, 3, :seed) % 3)::int AS channels,
    (chance(set_id, 4, :seed) % 3)::int AS values,
    (chance(set_id, 5, :seed) % 3)::int AS items,
    (1 + chance(set_id, 6, :seed) % CASE chance(set_id, 7, :seed) % 3 WHEN 0 THEN 3 ELSE 35 END)::int AS names,
    (chance(set_id, 8, :seed) % 35)::int AS first_name
FROM pg_catalog.generate_series(1::bigint, :sets) AS set_id;

CREATE TABLE event_row (
    set_id bigint NOT NULL, bucket integer NOT NULL, n integer NOT NULL, part integer NOT NULL,
    occurred_at timestamptz NOT NULL, event text NOT NULL,
    channel text, value double precision, item text
) PARTITION BY LIST (part);
CREATE TABLE event_row_0 PARTITION OF event_row FOR VALUES IN (0);
CREATE TABLE event_row_1 PARTITION OF event_row FOR VALUES IN (1);
CREATE TABLE event_row_2 PARTITION OF event_row FOR VALUES IN (2);

-- A key of its own for each event, but every seventh repeats the one before it.
WITH keyed AS MATERIALIZED (
    SELECT s.*, n, s.set_id * 16 + n AS row_key,
        s.set_id * 16 + n - (chance(s.set_id * 16 + n, 9, :seed) % 7 = 0)::int AS key
    FROM event_set AS s, pg_catalog.generate_series(1, s.events) AS n
), drawn AS MATERIALIZED (
    SELECT *, chance(key, 10, :seed) AS h, chance(key, 11, :seed) AS name_h,
        chance(key, 12, :seed) AS channel_h, chance(key, 13, :seed) AS value_h,
        chance(key, 14, :seed) AS item_h
    FROM keyed
)
INSERT INTO event_row
SELECT set_id, set_id % 97, n, chance(row_key, 15, :seed) % 3,
    CASE
        WHEN times <= 5 THEN timestamptz '2026-03-28 23:59:58.5+00' +
            (h % 9)::int * (ARRAY[interval '1 microsecond', '1 millisecond', '1 second', '1 minute', '1 hour', '24 hours'])[times + 1]
        WHEN times = 6 AND h % 2 = 0 THEN
            timestamptz '4714-11-24 00:00:00+00 BC' + (h / 2 % 3)::int * interval '1 microsecond'
        WHEN times = 6 THEN
            timestamptz '294276-12-31 23:59:59.999999+00' - (h / 2 % 3)::int * interval '1 microsecond'
        WHEN times = 7 THEN timestamptz '4714-11-24 00:00:00+00 BC' +
            pg_catalog.make_interval(days => (h % 109000000)::int, secs => (h / 109000000 % 86400000000) / 1000000.0)
        WHEN times = 8 THEN timestamptz '1999-12-31 23:59:59.999999+00'
        ELSE timestamptz '0001-01-02 00:00:00+00 BC' + (h % 400)::int * interval '24 hours'
    END,
    (name_pool())[1 + (first_name + name_h % names) % 35],
    CASE WHEN channels = 1 OR channels = 2 AND channel_h % 2 = 0
        THEN (name_pool())[1 + (channel_h / 2 % names) % 35] END,
    CASE WHEN values = 1 OR values = 2 AND value_h % 2 = 0 THEN
        CASE value_h / 2 % 4
            WHEN 0 THEN (ARRAY['NaN', 'Infinity', '-Infinity', '-0', '0', '5e-324', '1e300', '-1e300', '0.1', '2.2250738585072014e-308']::float8[])[1 + value_h / 8 % 10]
            WHEN 1 THEN (value_h / 8 % 1000003) / 7.0
            ELSE value_h / 8 % 5 - 2
        END END,
    CASE WHEN items = 1 OR items = 2 AND item_h % 2 = 0
        THEN (name_pool())[1 + (item_h / 2 % (2 * names)) % 35] END
FROM drawn
ORDER BY chance(row_key, 16, :seed);

ANALYZE event_set;
ANALYZE event_row;
