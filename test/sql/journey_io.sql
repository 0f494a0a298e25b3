-- The journey type: text and binary forms, what they accept and refuse
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- round trips, canonical order, every attribute
SELECT '{view@web 2026-01-01 10:00:00+00, purchase@store(59.9)#sku-7 2026-01-03 18:00:00+00}'::journey;
SELECT '{purchase 2026-01-03 18:00:00Z, view 2026-01-01T10:00:00+00}'::journey;
SELECT '{}'::journey, ' { } '::journey;
SELECT '{a#i 2026-01-01 00:00:00+00,a@c 2026-01-01 00:00:00+00,a(1) 2026-01-01 00:00:00+00,a 2026-01-01 00:00:00+00,a 2026-01-01 00:00:00+00}'::journey;

-- settings change neither input nor output
SET timezone = 'Asia/Kolkata'; SET datestyle = 'SQL, DMY'; SET extra_float_digits = -10;
SELECT '{a(0.1234567890123456) 2026-01-02 03:04:05.000006+05:30}'::journey;
RESET extra_float_digits; SET timezone = 'UTC'; SET datestyle = 'ISO';

-- names: plain words, quoted words, keywords
SELECT '{add-to-cart 2026-01-01 00:00:00+00, page.view 2026-01-01 00:00:01+00, a:b/c 2026-01-01 00:00:02+00, 404 2026-01-01 00:00:03+00}'::journey;
SELECT '{"two words" 2026-01-01 00:00:00+00, ''single'' 2026-01-01 00:00:01+00, "in ""double""" 2026-01-01 00:00:02+00, ''it''''s'' 2026-01-01 00:00:03+00, "" 2026-01-01 00:00:04+00}'::journey;
SELECT '{"within" 2026-01-01 00:00:00+00, "-a" 2026-01-01 00:00:01+00, "a--b" 2026-01-01 00:00:02+00, "a-" 2026-01-01 00:00:03+00, "}" 2026-01-01 00:00:04+00}'::journey;

-- times: offsets, fractions, BC, far future, leap days
SELECT '{a 2026-01-01 00:00:00.5+00, b 2026-01-01 00:00:00.000001+00, c 2026-01-01 02:00:00+02, d 2026-01-01 00:00:00-00:30:15}'::journey;
SELECT '{a 0044-03-15 12:00:00+00 BC, b 2024-02-29+00, c 294276-12-31 23:59:59.999999+00, d 4714-11-24 00:00:00+00 BC, e 2026-06-30 24:00:00+00}'::journey;

-- values
SELECT '{a(0) 2026-01-01 00:00:00+00, b(-0) 2026-01-01 00:00:00+00, c(1e300) 2026-01-01 00:00:00+00, d(NaN) 2026-01-01 00:00:00+00, e(-Infinity) 2026-01-01 00:00:00+00, f(infinity) 2026-01-01 00:00:00+00, g(+1.50) 2026-01-01 00:00:00+00}'::journey;

-- what is wrong, and where
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT ''::journey;
SELECT 'view'::journey;
SELECT '{'::journey;
SELECT '{view}'::journey;
SELECT '{view 2026-01-01 10:00:00}'::journey;
SELECT '{view 2026-01-01}'::journey;
SELECT '{view 2026-13-01 10:00:00+00}'::journey;
SELECT '{view 2026-02-29 10:00:00+00}'::journey;
SELECT '{view 2026-01-01 25:00:00+00}'::journey;
SELECT '{view 2026-01-01 10:61:00+00}'::journey;
SELECT '{view 2026-01-01 10:00:00+16}'::journey;
SELECT '{view 2026-01-01 10:00:00.1234567+00}'::journey;
SELECT '{view 300000-01-01 10:00:00+00}'::journey;
SELECT '{view 0000-01-01 10:00:00+00}'::journey;
SELECT '{view 26-01-01 10:00:00+00}'::journey;
SELECT '{view infinity}'::journey;
SELECT '{view yesterday}'::journey;
SELECT '{view@ 2026-01-01 10:00:00+00}'::journey;
SELECT '{view@web# 2026-01-01 10:00:00+00}'::journey;
SELECT '{view() 2026-01-01 10:00:00+00}'::journey;
SELECT '{view(abc) 2026-01-01 10:00:00+00}'::journey;
SELECT '{view(0x10) 2026-01-01 10:00:00+00}'::journey;
SELECT '{view(1e999) 2026-01-01 10:00:00+00}'::journey;
SELECT '{view(1 2026-01-01 10:00:00+00}'::journey;
SELECT '{two words 2026-01-01 10:00:00+00}'::journey;
SELECT '{"view 2026-01-01 10:00:00+00}'::journey;
SELECT '{view#i@web 2026-01-01 10:00:00+00}'::journey;
SELECT '{view 2026-01-01 10:00:00+00, }'::journey;
SELECT '{view 2026-01-01 10:00:00+00 view 2026-01-01 10:00:00+00}'::journey;
SELECT '{view 2026-01-01 10:00:00+00} and more'::journey;
SELECT '{café ñandú 2026-01-01 10:00:00+00}'::journey;
SELECT ('{' || repeat('x', 65536) || ' 2026-01-01 10:00:00+00}')::journey;
SELECT journey_length(('{' || repeat('x', 65535) || ' 2026-01-01 10:00:00+00}')::journey);

-- the limit of events
SET customer_journey.max_events = 2;
SELECT '{a 2026-01-01 00:00:00+00, b 2026-01-01 00:00:00+00, c 2026-01-01 00:00:00+00}'::journey;
RESET customer_journey.max_events;

-- binary form: the documented bytes, both ways
SELECT journey_send('{}');
SELECT journey_send('{view 2000-01-01 00:00:01+00}');
SELECT journey_send('{view@web 2000-01-01 00:00:00+00, view 2000-01-01 00:00:01+00, buy@app(2)#x 2000-01-01 00:01:00+00}');

-- column behaviour: inline, toasted, copied out of line, and never compressed by default
CREATE TABLE journey_io_t (id int, j journey);
SELECT attstorage FROM pg_attribute WHERE attrelid = 'journey_io_t'::regclass AND attname = 'j';
INSERT INTO journey_io_t
    SELECT n, (SELECT journey_agg('2026-01-01'::timestamptz + i * interval '1.234567 seconds', 'event ' || i % 50, 'web', i, 'item ' || i)
               FROM generate_series(1, n) i)
    FROM unnest(ARRAY[1, 5, 200, 300, 5000]) n;
SELECT id, journey_length(j), journey_start(j), j = j::text::journey AS text, j = j::jsonb::journey AS jsonb FROM journey_io_t ORDER BY id;
ALTER TABLE journey_io_t ALTER j SET STORAGE extended;
UPDATE journey_io_t SET j = j || '{}' WHERE id = 300;
SELECT id, journey_length(j), journey_start(j), journey_end(j) FROM journey_io_t ORDER BY id;
DROP TABLE journey_io_t;
