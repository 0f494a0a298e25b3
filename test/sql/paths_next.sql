-- What comes next
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

CREATE TABLE paths_t6 AS
    SELECT customer, journey_agg('2026-01-01 00:00+00'::timestamptz + minute * interval '1 minute', event) AS journey
    FROM (VALUES
        ('c1', 'home', 0), ('c1', 'search', 1), ('c1', 'product', 3), ('c1', 'cart', 6), ('c1', 'pay', 10),
        ('c2', 'home', 0), ('c2', 'product', 2), ('c2', 'product', 4), ('c2', 'cart', 5),
        ('c3', 'search', 0), ('c3', 'product', 5), ('c3', 'home', 6), ('c3', 'product', 9), ('c3', 'cart', 20), ('c3', 'pay', 21),
        ('c4', 'home', 0), ('c4', 'home', 1),
        ('c5', 'product', 0), ('c5', 'cart', 1), ('c5', 'product', 2), ('c5', 'cart', 4), ('c5', 'pay', 30),
        ('c6', 'home', 0), ('c6', 'search', 2), ('c6', 'search', 3), ('c6', 'product', 8))
        v(customer, event, minute)
    GROUP BY customer;
CREATE TABLE paths_models AS SELECT d AS depth, journey_graph_agg(journey, graph_options(depth => d)) AS graph FROM paths_t6, generate_series(1, 3) d GROUP BY d;
\set at '2026-02-01 00:00:00+00'

-- with hardly any prior, the shares of the graph, exits apart: cart 5, product 1, home 1 of 7
SELECT event, round(probability::numeric, 6) AS probability, expected_wait
FROM paths_models, journey_next(graph, journey_of(:'at', 'product'), prior => 1e-9) WHERE depth = 1;
-- smoothed: (5 + 40 * order 0) / (7 + 40), order 0: (5 + 40 / 5) / (20 + 40)
SELECT event, round(probability::numeric, 9) AS probability, expected_wait,
       CASE event WHEN 'cart' THEN round((5 + 40 * (5 + 40 / 5.0) / (20 + 40)) / (7 + 40), 9) END AS by_hand
FROM paths_models, journey_next(graph, journey_of(:'at', 'product')) WHERE depth = 1;
SELECT depth, round(sum(probability)::numeric, 12) AS total, count(*) FROM paths_models, journey_next(graph, '{home 2026-02-01 00:00:00+00, search 2026-02-01 00:01:00+00}', top => 100) GROUP BY 1 ORDER BY 1;
SELECT depth, event, round(probability::numeric, 6) AS probability, expected_wait
FROM paths_models, journey_next(graph, '{cart 2026-02-01 00:00:00+00, product 2026-02-01 00:01:00+00}', top => 1, prior => 1) ORDER BY 1;
-- unknown events cut the context off, no context gives frequencies
SELECT n, event, round(probability::numeric, 6) AS probability
FROM paths_models, (VALUES (1, '{}'::journey), (2, '{unheard 2026-02-01 00:00:00+00}'), (3, '{unheard 2026-02-01 00:00:00+00, cart 2026-02-01 00:01:00+00}'), (4, '{cart 2026-02-01 00:01:00+00}')) v(n, j), journey_next(graph, j, 2) WHERE depth = 2 ORDER BY n, 3 DESC, 2;
SELECT count(*) FROM journey_next((SELECT journey_graph_agg('{}'::journey)), '{}');
SELECT count(*) FROM journey_next(NULL, '{}');

-- probability to reach a target: ever, and within so many events
SELECT coalesce(e, 'start') AS after, round(journey_reach(graph, CASE WHEN e IS NULL THEN '{}' ELSE journey_of(:'at', e) END, 'pay')::numeric, 9) AS ever,
       round(journey_reach(graph, CASE WHEN e IS NULL THEN '{}' ELSE journey_of(:'at', e) END, 'pay', 1)::numeric, 9) AS within_1,
       round(journey_reach(graph, CASE WHEN e IS NULL THEN '{}' ELSE journey_of(:'at', e) END, target => 'pay', steps => 3)::numeric, 9) AS within_3
FROM paths_models, unnest(ARRAY['home', 'product', 'cart', NULL, 'pay', 'unheard']) WITH ORDINALITY u(e, n) WHERE depth = 1 ORDER BY n;
SELECT journey_reach(graph, '{}', 'unheard'), journey_reach(graph, '{}', 'pay', 0), journey_reach(graph, NULL, 'pay'), journey_reach(NULL, '{}', 'pay') FROM paths_models WHERE depth = 2;

-- how good predictions are
SELECT depth, s.predictions, s.hits_1, s.hits_3, s.hits_5, round(s.log_loss::numeric, 6) AS log_loss
FROM paths_models, LATERAL (SELECT sum(predictions) AS predictions, sum(hits_1) AS hits_1, sum(hits_3) AS hits_3, sum(hits_5) AS hits_5, sum(log_loss) AS log_loss FROM paths_t6, journey_next_score(graph, journey, prior => 1)) s ORDER BY 1;
SELECT s.* FROM paths_models, journey_next_score(graph, '{}') s WHERE depth = 1;
SELECT s.predictions, s.hits_5, s.log_loss > 2 AS improbable FROM paths_models, journey_next_score(graph, '{home 2026-02-01 00:00:00+00, unheard 2026-02-01 00:01:00+00}') s WHERE depth = 1;

-- by channel, collapsed
SELECT event, round(probability::numeric, 6) FROM journey_next((SELECT journey_graph_agg(j, graph_options(by => 'channel', collapse => true)) FROM (VALUES ('{a@web 2026-01-01 00:00:00+00, b@web 2026-01-02 00:00:00+00, c@app 2026-01-03 00:00:00+00, d 2026-01-04 00:00:00+00, e@store 2026-01-05 00:00:00+00}'::journey)) v(j)), '{x@web 2026-01-01 00:00:00+00, y 2026-01-02 00:00:00+00}', prior => 1);

-- errors
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT * FROM paths_models, journey_next(graph, '{}', top => 0);
SELECT * FROM paths_models, journey_next(graph, '{}', prior => 0);
SELECT * FROM paths_models, journey_next_score(graph, '{}', 'NaN');
SELECT journey_reach(graph, '{}', 'pay', -1) FROM paths_models;

DROP TABLE paths_t6, paths_models;
