-- Splits by a stable hash, drift
-- the same on every server for ever: shares, independence of salts, folds
SELECT count(*) FILTER (WHERE holdout(n)) AS fifth, count(*) FILTER (WHERE holdout(n, 0.5)) AS half, count(*) FILTER (WHERE holdout(n, 0.5) AND holdout(n, 0.5, 'other')) AS quarter,
       count(*) FILTER (WHERE holdout(n, 0)) AS none, count(*) FILTER (WHERE holdout(n, 1)) AS everybody
FROM generate_series(1, 10000) n;
SELECT fold(n, 4) AS fold, count(*) FROM generate_series(1, 10000) n GROUP BY 1 ORDER BY 1;
SELECT string_agg(CASE WHEN holdout(n, 0.5) THEN '1' ELSE '0' END, '' ORDER BY n) AS bits FROM generate_series(1, 40) n;
SELECT bool_and(holdout(n, 0.3) = holdout(n::text, 0.3)) AS text, bool_and(holdout(n::bigint, 0.3) = holdout(n::smallint, 0.3)) AS smallint,
       bool_and(holdout(n, 0.3) <= holdout(n, 0.4)) AS nested, bool_and((fold(n, 10) <= 3) = holdout(n, 0.3)) AS folds FROM generate_series(1, 1000) n;
SELECT holdout('6f9619ff-8b86-d011-b42d-00c04fc964ff'::uuid, 0.5) = holdout('6f9619ff-8b86-d011-b42d-00c04fc964ff', 0.5) AS uuid, fold('6f9619ff-8b86-d011-b42d-00c04fc964ff'::uuid, 3) BETWEEN 1 AND 3 AS fold,
       holdout(NULL::text) IS NULL AS nothing;
SELECT holdout(1, 1.5);
SELECT fold(1, 0);

-- stability of histograms
SELECT round(propensity_psi(array_fill(0.1::float8, '{10}'), '{.05,.06,.08,.09,.10,.11,.12,.12,.13,.14}')::numeric, 10) AS shares,
       round(propensity_psi('{100,200,300,400}', '{120,180,350,350}')::numeric, 10) AS counts,
       propensity_psi('{1,2}', '{2,4}') AS same, propensity_psi('{1,0}', '{0,1}') > 10 AS disjoint, propensity_psi('{0,0}', '{1,2}') IS NULL AS empty, propensity_psi(NULL, '{1}') IS NULL AS nothing;
SELECT propensity_psi('{1,2}', '{1}');
SELECT propensity_psi('{1,NULL}', '{1,2}');
SELECT propensity_psi('{1,-1}', '{1,2}');

CREATE TABLE watch_rows AS
    SELECT n, (n * 37 % 101) < 40 AS y, (n * 7919 % 1000) / 10.0::float8 AS x, CASE WHEN n % 10 > 0 THEN chr(97 + n % 3) END AS t, n % 4 = 0 AS flag
    FROM generate_series(1, 5000) n;
CREATE TABLE watch_model AS
    SELECT propensity_fit(y, f) AS model, propensity_fit(y, ARRAY[r.x]) AS on_array, propensity_fit(y, ARRAY[r.x], fit_options(bins => 0)) AS no_bins
    FROM watch_rows r, LATERAL (SELECT r.x, t, flag) f;
-- the training rows themselves do not drift
SELECT feature, round(psi::numeric, 6) AS psi, status, row_count, missing_share, training_missing_share
FROM unnest((SELECT propensity_drift(model, r) FROM watch_model, watch_rows r)) d;
-- others do, each where it changed
SELECT feature, round(psi::numeric, 4) AS psi, status, row_count, round(missing_share::numeric, 4) AS missing_share
FROM unnest((SELECT propensity_drift(model, f) FROM watch_model, watch_rows r,
             LATERAL (SELECT r.x + 30 AS x, CASE WHEN n % 3 > 0 THEN 'new' END AS t, r.flag OR n % 7 = 0 AS flag) f)) d;
-- the histogram in the model says the same as counting by hand
SELECT abs(d.psi - propensity_psi(e.counts, a.counts)) < 1e-12 AS same
FROM unnest((SELECT propensity_drift(on_array, ARRAY[sqrt(x) * 10]) FROM watch_model, watch_rows)) d,
     (SELECT array_agg(c::float8 ORDER BY o) AS counts FROM watch_model, jsonb_array_elements_text(on_array::jsonb #> '{features,0,counts}') WITH ORDINALITY c (c, o)) e,
     (SELECT array_agg(n ORDER BY b) AS counts
      FROM (SELECT b, count(x)::float8 AS n
            FROM generate_series(0, 10) b LEFT JOIN (SELECT x, width_bucket(sqrt(x) * 10 - 1e-9, (SELECT array_agg(e::float8 ORDER BY o)
                     FROM watch_model, jsonb_array_elements_text(on_array::jsonb #> '{features,0,edges}') WITH ORDINALITY e (e, o))) AS b FROM watch_rows) x USING (b)
            GROUP BY b) q) a
WHERE d.feature = 'x1';
SELECT feature FROM unnest((SELECT propensity_drift(no_bins, ARRAY[x]) FROM watch_model, watch_rows)) d;
SELECT propensity_drift(model, r) IS NULL AS none FROM watch_model, watch_rows r WHERE false;
SELECT propensity_drift(NULL, r) IS NULL AS none FROM watch_rows r;
SELECT cardinality(propensity_drift(on_array, NULL::float8[])) FROM watch_model;
-- parallel = serial
ALTER TABLE watch_rows SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT model AS m FROM watch_model \gset
EXPLAIN (COSTS OFF) SELECT propensity_drift(:'m'::propensity_model, r) FROM watch_rows r;
SELECT propensity_drift(:'m'::propensity_model, r)::text AS parallel FROM watch_rows r \gset
SET max_parallel_workers_per_gather = 0;
SELECT propensity_drift(:'m'::propensity_model, r)::text = :'parallel' AS same FROM watch_rows r;
SET max_parallel_workers_per_gather = 0;
-- the model must stay
SELECT propensity_drift(m, ARRAY[x]) FROM watch_rows, watch_model, LATERAL (VALUES (on_array), (no_bins)) v (m);
SELECT propensity_drift(model, ARRAY[x]) FROM watch_rows, watch_model;
SELECT propensity_drift(model, f) FROM watch_model, watch_rows r, LATERAL (SELECT r.x, t) f;

DROP TABLE watch_rows, watch_model;
