-- Journeys from journeys
SET timezone = 'UTC';
SET datestyle = 'ISO';

\set j '''{search@web 2026-01-01 09:00:00+00, view@web#sku-1 2026-01-01 09:10:00+00, view@app#sku-2 2026-01-01 12:00:00+00, purchase@store(59.9)#sku-1 2026-01-03 18:00:00+00}''::journey'

-- one event
SELECT journey_of('2026-01-01 00:00+00', 'a'), journey_of('2026-01-01 00:00+00', 'a', 'c', 1.5, 'i'), journey_of('2026-01-01 00:00+00', 'a', item => 'i');
SELECT journey_of(NULL, 'a'), journey_of(now(), NULL);
SELECT journey_of(occurred_at => '2026-01-01 00:00+00', event => 'a', channel => NULL, value => 2, item => NULL);

-- slices: every kind of bound
SELECT b, journey_path(journey_slice(:j, b::tstzrange)) FROM unnest(ARRAY[
    '[2026-01-01 09:10:00+00, 2026-01-01 12:00:00+00]', '[2026-01-01 09:10:00+00, 2026-01-01 12:00:00+00)',
    '(2026-01-01 09:10:00+00, 2026-01-01 12:00:00+00]', '(2026-01-01 09:10:00+00, 2026-01-01 12:00:00+00)',
    '(,)', '(,2026-01-01 09:10:00+00)', '[2026-01-01 12:00:00+00,)', '[2030-01-01 00:00:00+00,)', 'empty', '[-infinity,infinity]']) b;
SELECT journey_slice('{}', '(,)');

-- filter and exclude
SELECT journey_filter(:j, '{view,purchase}'), journey_exclude(:j, '{view,purchase}');
SELECT journey_filter(:j, '{}'), journey_exclude(:j, '{}') = :j AS whole, journey_filter(:j, '{nothing}'), journey_exclude('{}', '{view}');

-- collapse, distinct
SELECT journey_path(journey_collapse(:j)), journey_path(journey_collapse('{}'));
SELECT journey_collapse('{a@x 2026-01-01 00:00:00+00, a@y 2026-01-01 00:01:00+00, b 2026-01-01 00:02:00+00, a 2026-01-01 00:03:00+00}');
SELECT journey_distinct('{a 2026-01-01 00:00:00+00, a 2026-01-01 00:00:00+00, a(0) 2026-01-01 00:00:00+00, a@x 2026-01-01 00:00:00+00, a 2026-01-01 00:00:00+00}');

-- rename, also onto a name that exists, and such that ties change order
SELECT journey_rename(:j, '{"view": "consider", "search": "consider", "nothing": "x"}');
SELECT journey_rename('{a 2026-01-01 00:00:00+00, b 2026-01-01 00:00:00+00}', '{"a": "z"}');
SELECT journey_rename(:j, '{}') = :j AS same;

-- sessions: strictly more than the gap starts one
SELECT journey_path(s) FROM journey_sessions(:j) s;
SELECT journey_path(s) FROM journey_sessions(:j, '10 minutes') s;
SELECT journey_path(s) FROM journey_sessions(:j, '9 minutes 59.999999 seconds') s;
SELECT journey_path(s) FROM journey_sessions(:j, gap => '1000 days') s;
SELECT count(*) FROM journey_sessions('{}');
SELECT s FROM journey_sessions(:j) s LIMIT 1;

-- union and difference are of multisets
SELECT '{a 2026-01-01 00:00:00+00}'::journey || '{a 2026-01-01 00:00:00+00, b@c(1)#i 2025-01-01 00:00:00+00}';
SELECT '{}'::journey || '{}', '{}'::journey || :j = :j AS neutral, :j - :j, :j - '{}' = :j AS whole, '{}' - :j;
SELECT '{a 2026-01-01 00:00:00+00, a 2026-01-01 00:00:00+00, a@x 2026-01-01 00:00:00+00, b(1) 2026-01-02 00:00:00+00}'::journey -
       '{a 2026-01-01 00:00:00+00, a@y 2026-01-01 00:00:00+00, b(2) 2026-01-02 00:00:00+00, c 2026-01-01 00:00:00+00}';

-- errors
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT journey_of('infinity', 'a');
SELECT journey_filter(:j, ARRAY['a', NULL]);
SELECT journey_filter(:j, ARRAY[['a'], ['b']]);
SELECT journey_rename(:j, '[]');
SELECT journey_rename(:j, '{"a": 1}');
SELECT journey_rename(:j, jsonb_build_object('a', repeat('x', 65536)));
SELECT journey_sessions(:j, '1 month');
SELECT journey_sessions(:j, '1 year 2 days');
SELECT journey_sessions(:j, '-1 minute');
SET customer_journey.max_events = 7;
SELECT :j || :j;
RESET customer_journey.max_events;
