-- Reading journeys
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

CREATE TABLE access_j (id int, j journey);
INSERT INTO access_j VALUES
    (1, '{search@web 2026-01-01 09:00:00+00, view@web#sku-1 2026-01-01 09:10:00+00, view@app#sku-2 2026-01-01 12:00:00+00, purchase@store(59.9)#sku-1 2026-01-03 18:00:00+00, purchase(0.1)#sku-9 2026-01-03 18:05:00+00}'),
    (2, '{view 2026-01-01 00:00:00+00}'),
    (3, '{}'),
    (4, NULL);

SELECT id, journey_length(j), journey_start(j), journey_end(j), journey_duration(j) FROM access_j ORDER BY id;
SELECT id, journey_path(j), journey_path(j, separator => '|') FROM access_j ORDER BY id;
SELECT id, journey_count(j, 'view'), journey_count(j, event => 'nothing'), journey_first(j, 'purchase'), journey_last(j, 'purchase') FROM access_j ORDER BY id;
SELECT id, journey_value(j), journey_value(j, 'purchase'), journey_value(j, 'view') FROM access_j ORDER BY id;

-- one event, from either end
SELECT n, (journey_event(j, n)).* FROM access_j, unnest(ARRAY[1, 2, 5, 6, 0, -1, -5, -6, 2147483647, -2147483648]) n WHERE id = 1;
SELECT journey_event(j, 1) IS NULL AS none FROM access_j WHERE id = 3;

-- rows
SELECT id, e.* FROM access_j, journey_events(j) e ORDER BY id, ordinality;
SELECT id, e.event FROM access_j, journey_events(j) e LIMIT 2;

-- channels: the time to the next event counts for the earlier one's channel, up to idle
SELECT id, c.* FROM access_j, journey_channels(j) c ORDER BY id, channel;
SELECT id, c.channel, c.time_spent FROM access_j, journey_channels(j, idle => '1 day') c ORDER BY id, channel;
SELECT sum(time_spent) FROM access_j, journey_channels(j, '0') c WHERE id = 1;

-- the extremes of time do not overflow
SELECT journey_duration(j) > interval '100000000 days', c.time_spent
FROM (SELECT '{a@x 4714-11-24 00:00:00+00 BC, b@x 294276-12-31 23:59:59.999999+00}'::journey AS j) v, journey_channels(j, '1 hour') c;

-- errors
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT * FROM journey_channels('{}', '1 month');
SELECT * FROM journey_channels('{}', '-1 second');

DROP TABLE access_j;
