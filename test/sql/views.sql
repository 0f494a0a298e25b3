-- Views over a table of journeys for tools that know no types but SQL's own.
SET datestyle = 'ISO, YMD';
SET timezone = 'UTC';
\set SHOW_CONTEXT never
CREATE SCHEMA bi;
CREATE TABLE visits (id int PRIMARY KEY, j journey, note text);
INSERT INTO visits VALUES
    (1, '{view@web 2026-01-01 10:00:00+00, cart@web 2026-01-01 10:05:00+00, purchase@web(20) 2026-01-02 09:00:00+00}', 'a'),
    (2, '{view@app 2026-01-01 12:00:00+00, view@app 2026-01-01 12:10:00+00}', 'b'),
    (3, '{view@web 2026-01-03 10:00:00+00, cart@app 2026-01-03 11:00:00+00}', 'c'),
    (4, '{}', 'empty'), (5, NULL, 'none');

-- those that need no argument, in another schema
SELECT view_name, question FROM journey_views('visits', schema => 'bi', as_of => '2026-02-01 00:00+00');
SELECT * FROM bi.visits_customers ORDER BY 1;
SELECT * FROM bi.visits_events ORDER BY 1, 2;
SELECT * FROM bi.visits_sessions ORDER BY 1, 2;
SELECT * FROM bi.visits_channels ORDER BY 1, 2;
SELECT node, events, journeys, entries, exits, mean_stay_seconds FROM bi.visits_nodes ORDER BY 1;
SELECT source, target, transitions, mean_seconds FROM bi.visits_edges ORDER BY 1, 2;
SELECT source, target, round(total_days::numeric, 4) AS total_days FROM bi.visits_bottlenecks ORDER BY 3 DESC;
SELECT path, length, journeys, round(share::numeric, 3) AS share, mean_duration_seconds FROM bi.visits_paths ORDER BY journeys DESC, path;
SELECT path, pattern, length, journeys FROM bi.visits_patterns ORDER BY journeys DESC, path;
SELECT step, source, event, paths FROM bi.visits_flow ORDER BY step, source NULLS FIRST, paths DESC, event;
SELECT customer, rank, event, round(probability::numeric, 3) AS probability, expected_wait_seconds FROM bi.visits_next_events ORDER BY 1, 2;
SELECT customer, feature, round(value::numeric, 3) AS value FROM bi.visits_features WHERE customer IN (1, 4) ORDER BY 1, 2;

-- those that need one
SELECT view_name FROM journey_views('visits', schema => 'bi', prefix => 'my ', views => '{funnel,funnel_customers,attribution,features}',
    steps => '{view,cart,purchase}', within => '1 day', conversion => 'purchase', events => '{view,cart}', as_of => '2026-01-03 12:00+00');
SELECT step, pattern, customers, round(share::numeric, 3) AS share, mean_seconds, dropped, dropped_window, open FROM bi."my funnel" ORDER BY 1;
SELECT * FROM bi."my funnel_customers" ORDER BY 1;
SELECT model, channel, conversions, value FROM bi."my attribution" ORDER BY 1, 2;
SELECT feature, round(value::numeric, 3) AS value FROM bi."my features" WHERE customer = 1 AND feature ~ 'view|cart' ORDER BY 1;

-- a registered model's scores
SELECT propensity_registry_create('models');
SELECT propensity_register('buys', (SELECT propensity_fit(id % 2 = 1, ARRAY[id::float8, 0, 0, 0, 0, 0, 0, 0, 0]) FROM generate_series(1, 9) id), registry => 'models') AS version;
SELECT propensity_publish('buys', 1, registry => 'models');
SELECT view_name FROM journey_views('visits', schema => 'bi', views => '{scores}', model => 'buys', registry => 'models');
SELECT customer, score BETWEEN 0 AND 1 AS is_score FROM bi.visits_scores ORDER BY 1;

-- plain types only, and no more rights than the reader's
SELECT DISTINCT data_type FROM information_schema.columns WHERE table_schema = 'bi' ORDER BY 1;
SELECT count(*) AS views, bool_and(reloptions = '{security_invoker=true}') AS invoker FROM pg_class WHERE relnamespace = 'bi'::regnamespace;
SELECT count(*) AS columns_of_a_text_key FROM (SELECT journey_views('visits', customer => 'note', views => '{events}')) v;
SELECT customer FROM visits_events WHERE ordinality = 1 ORDER BY 1;

-- again: the same views; and a table of its own is left alone
SELECT count(*) FROM journey_views('visits', schema => 'bi');
CREATE TABLE bi.other_edges ();
SELECT journey_views('visits', schema => 'bi', prefix => 'other_', views => '{nodes,edges}');
SELECT to_regclass('bi.other_nodes') AS nothing_was_made;
CREATE VIEW bi.other_nodes AS SELECT 1 AS mine FROM visits;
SELECT journey_views('visits', schema => 'bi', prefix => 'other_', views => '{nodes}');
CREATE TABLE calls (customer_id bigint, journey journey);
SELECT journey_views('calls', schema => 'bi', prefix => 'visits_', views => '{nodes}');
SELECT view_name FROM journey_views('calls', views => '{nodes}');
SELECT * FROM calls_nodes;

-- errors
SELECT journey_views('visits', views => '{funnel}');
SELECT journey_views('visits', views => '{nodes,sankey}');
SELECT journey_views('visits', journey => 'note');
SELECT journey_views('visits', customer => 'customer_id');
SELECT journey_views('bi.other_edges');
SELECT journey_views('visits', views => '{scores}', model => 'leaves', registry => 'models');
SELECT journey_views('visits', views => '{nodes}', prefix => repeat('x', 60));

-- dropped: what was made over this table, and nothing else
CREATE VIEW bi.on_top AS SELECT * FROM bi.visits_edges;
SELECT journey_views_drop('visits');
DROP VIEW bi.on_top;
SELECT journey_views_drop('visits');
SELECT journey_views_drop('visits');
SELECT relname FROM pg_class WHERE relnamespace = 'bi'::regnamespace UNION ALL SELECT 'calls_nodes' FROM calls_nodes ORDER BY 1;
SET client_min_messages = warning;
DROP TABLE visits, calls CASCADE;
DROP SCHEMA bi, models CASCADE;
