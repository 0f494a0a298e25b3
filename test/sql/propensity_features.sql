-- Features from journeys
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
CREATE TABLE jf (id int, j journey);
INSERT INTO jf VALUES
    (1, '{search@web 2026-01-01 09:00:00+00, view@web#sku-1 2026-01-01 09:10:00+00, view@app#sku-2 2026-01-01 12:00:00+00, purchase@store(59.9)#sku-1 2026-01-03 18:00:00+00, view(0.1) 2026-01-09 00:00:00+00}'),
    (2, '{view 1999-12-30 23:00:00+00, view 1999-12-31 01:00:00+00}'),
    (3, '{}'),
    (4, NULL);
SELECT journey_feature_names('{view,"never seen"}', '{"search -> purchase","view{2}"}');
SELECT journey_feature_names();
SELECT id, n.name, f.value
FROM jf, unnest(journey_feature_names('{view,"never seen"}', '{"search -> purchase","view{2}"}')) WITH ORDINALITY n (name, o)
JOIN LATERAL unnest(journey_features(j, '2026-01-10 00:00+00', events => '{view,"never seen"}', patterns => '{"search -> purchase","view{2}"}')) WITH ORDINALITY f (value, o) USING (o)
WHERE id = 1 ORDER BY o;
-- as of a moment: what happens then or later is not seen
SELECT id, journey_features(j, '2026-01-03 18:00+00', events => '{purchase}', patterns => '{purchase}') FROM jf ORDER BY id;
SELECT id, journey_features(j, '2026-01-03 18:00:00.000001+00', events => '{purchase}', patterns => '{purchase}') FROM jf WHERE id = 1;
-- only so far back
SELECT journey_features(j, '2026-01-10 00:00+00', '7 days', '{view}', '{view}') FROM jf WHERE id = 1;
SELECT journey_features(j, '2026-01-10 00:00+00', '1 hour') FROM jf WHERE id = 1;
SELECT journey_features(j, '2000-01-01 00:00+00') FROM jf WHERE id = 2;
SELECT journey_features(j, NULL) IS NULL AS no_time, journey_features(j, '2026-01-10 00:00+00', NULL, NULL, NULL) = journey_features(j, '2026-01-10 00:00+00') AS defaults FROM jf WHERE id = 1;
-- parameters that change between calls
SELECT n, journey_features(j, '2026-01-10 00:00+00', n * interval '1 day', ARRAY['view', 'search'], CASE WHEN n % 2 = 0 THEN ARRAY['view' || n, 'view']::journey_pattern[] ELSE '{view}' END)
FROM jf, generate_series(1, 4) n WHERE id = 1;
-- errors
SELECT journey_features(j, 'infinity') FROM jf WHERE id = 1;
SELECT journey_features(j, now(), '1 month') FROM jf WHERE id = 1;
SELECT journey_features(j, now(), '-1 day') FROM jf WHERE id = 1;
SELECT journey_features(j, now(), events => '{a,NULL}') FROM jf WHERE id = 1;
SELECT journey_features(j, now(), patterns => '{NULL}') FROM jf WHERE id = 1;
SELECT journey_feature_names(ARRAY(SELECT 'e' || n FROM generate_series(1, 600) n));

-- against plain SQL on random rows
SELECT setseed(0.5);
CREATE TABLE jf_events AS
    SELECT 1 + (random() * 199)::int AS customer, timestamptz '2026-01-01 00:00+00' + random() * interval '60 days' AS at,
           (ARRAY['view', 'cart', 'purchase', 'call'])[1 + floor(random() * 4)::int] AS event,
           (ARRAY['web', 'app', NULL])[1 + floor(random() * 3)::int] AS channel, CASE WHEN random() < 0.3 THEN (random() * 100)::int::float8 END AS value,
           CASE WHEN random() < 0.5 THEN 'i' || (random() * 5)::int END AS item
    FROM generate_series(1, 4000);
CREATE TABLE jf_journeys AS SELECT customer, journey_agg(at, event, channel, value, item) AS j FROM jf_events GROUP BY customer;
SELECT count(*), count(*) FILTER (WHERE f IS DISTINCT FROM e) AS different
FROM (VALUES (timestamptz '2026-02-01 00:00+00', interval '20 days'), ('2026-01-15 12:34:56+00', NULL), ('2026-03-10 00:00+00', '30 days')) a (as_of, lookback),
     LATERAL (SELECT customer, ARRAY(SELECT round(v::numeric, 6) FROM unnest(journey_features(j, a.as_of, a.lookback, '{purchase,call}', '{"view -> purchase"}')) WITH ORDINALITY u (v, o) ORDER BY o) AS f
              FROM jf_journeys) f
JOIN LATERAL (
    SELECT customer, ARRAY[w.n, w.days, round(w.recency::numeric, 6), round(w.tenure::numeric, 6), round(w.gap::numeric, 6), w.kinds, w.channels, w.items, round(w.value::numeric, 6),
                           w.p, round(w.p / greatest(w.n, 1)::numeric, 6), round(w.p_since::numeric, 6), w.c, round(w.c / greatest(w.n, 1)::numeric, 6), round(w.c_since::numeric, 6), m.matches]::numeric[] AS e
    FROM (SELECT customer, count(*) FILTER (WHERE inside) AS n, count(DISTINCT (at AT TIME ZONE 'UTC')::date) FILTER (WHERE inside) AS days,
                 extract(epoch FROM a.as_of - max(at) FILTER (WHERE inside)) / 86400 AS recency, extract(epoch FROM a.as_of - min(at) FILTER (WHERE at < a.as_of)) / 86400 AS tenure,
                 extract(epoch FROM max(at) FILTER (WHERE inside) - min(at) FILTER (WHERE inside)) / 86400 / nullif(count(*) FILTER (WHERE inside) - 1, 0) AS gap,
                 count(DISTINCT event) FILTER (WHERE inside) AS kinds, count(DISTINCT channel) FILTER (WHERE inside) AS channels, count(DISTINCT item) FILTER (WHERE inside) AS items,
                 coalesce(sum(value) FILTER (WHERE inside), 0) AS value,
                 count(*) FILTER (WHERE inside AND event = 'purchase') AS p, extract(epoch FROM a.as_of - max(at) FILTER (WHERE inside AND event = 'purchase')) / 86400 AS p_since,
                 count(*) FILTER (WHERE inside AND event = 'call') AS c, extract(epoch FROM a.as_of - max(at) FILTER (WHERE inside AND event = 'call')) / 86400 AS c_since
          FROM (SELECT *, at < a.as_of AND (a.lookback IS NULL OR at >= a.as_of - a.lookback) AS inside FROM jf_events) x GROUP BY customer) w,
         LATERAL (SELECT journey_match_count(journey_slice(g.j, tstzrange(a.as_of - a.lookback, a.as_of)), 'view -> purchase') AS matches FROM jf_journeys g WHERE g.customer = w.customer) m) e USING (customer);

-- nothing leaks: what comes at as_of or later changes no number
SELECT count(*), bool_and(journey_features(j, t, '20 days', '{view}', '{"view -> purchase"}') IS NOT DISTINCT FROM
                          journey_features(journey_slice(j, tstzrange(NULL, t)), t, '20 days', '{view}', '{"view -> purchase"}')) AS same
FROM jf_journeys, (VALUES (timestamptz '2026-01-20 00:00+00'), ('2026-02-15 07:00+00')) v (t);

-- one model over text, numbers and journey features, fitted as of a moment, scored at the end
CREATE TABLE jf_customers AS SELECT n AS customer, chr(97 + n % 3) AS segment, 18 + n % 60 AS age FROM generate_series(1, 210) n;
CREATE TABLE jf_model AS
    SELECT propensity_fit(journey_count(journey_slice(j, tstzrange(as_of, as_of + interval '28 days')), 'purchase') > 1, f,
                          fit_options(names => journey_feature_names('{purchase,call}'), missing => 'indicator', l2 => 0.01)) AS model
    FROM jf_customers c JOIN jf_journeys USING (customer), (VALUES (timestamptz '2026-02-01 00:00+00')) v (as_of),
         LATERAL (SELECT c.segment, c.age, journey_features(j, as_of, '30 days', '{purchase,call}') AS behaviour) f;
SELECT count(*), bool_and(score > 0 AND score < 1) AS probabilities
FROM (SELECT propensity_score(model, f) AS score
      FROM jf_model, jf_customers c JOIN jf_journeys USING (customer),
           LATERAL (SELECT journey_features(j, '2026-03-02 00:00+00', '30 days', '{purchase,call}') AS behaviour, c.age, c.segment) f) q;
SELECT string_agg(feature, ', ') FROM jf_model, propensity_features(model);

DROP TABLE jf, jf_events, jf_journeys, jf_customers, jf_model;
