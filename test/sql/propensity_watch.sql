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

-- the state is a value: it leaves as text or binary, comes back the same, and parts of it add up to the whole
CREATE AGGREGATE watch_drift(propensity_model, double precision[]) (SFUNC = propensity_drift_transfn, STYPE = propensity_sums);
CREATE AGGREGATE watch_effects(propensity_model, double precision[]) (SFUNC = propensity_effects_transfn, STYPE = propensity_sums);
CREATE AGGREGATE watch_merge(propensity_sums) (SFUNC = propensity_sums_combine, STYPE = propensity_sums, COMBINEFUNC = propensity_sums_combine, PARALLEL = SAFE);
ALTER TABLE watch_model ADD on_three propensity_model;
UPDATE watch_model SET on_three = (SELECT propensity_fit(y, ARRAY[x, nullif(n % 10, 0), flag::int], fit_options(missing => 'indicator')) FROM watch_rows);
CREATE TABLE watch_parts AS
    SELECT n % 7 AS part, watch_drift(on_three, f) AS drift, watch_drift(on_array, ARRAY[x]) AS array_drift, watch_effects(on_three, f) AS effects, watch_effects(on_array, ARRAY[x]) AS array_effects
    FROM watch_model, watch_rows r, LATERAL (SELECT ARRAY[r.x + n % 50, nullif(n % 6, 0), flag::int]) v (f) GROUP BY n % 7;
CREATE TABLE watch_states AS SELECT part, v.kind, v.state FROM watch_parts, LATERAL (VALUES ('d', drift), ('a', array_drift), ('e', effects), ('f', array_effects)) v (kind, state);
CREATE TABLE watch_copy (LIKE watch_states);
\copy (SELECT * FROM watch_states) TO '/tmp/cj_propensity_sums.bin' WITH (FORMAT binary)
\copy watch_copy FROM '/tmp/cj_propensity_sums.bin' WITH (FORMAT binary)
\! rm -f /tmp/cj_propensity_sums.bin
SELECT count(*), bool_and(propensity_sums_send(s.state::text::propensity_sums) = propensity_sums_send(s.state)) AS text_form,
       bool_and(s.state::text = '\x' || encode(propensity_sums_send(s.state), 'hex')) AS hexadecimal, bool_and(propensity_sums_send(c.state) = propensity_sums_send(s.state)) AS binary_form
FROM watch_states s JOIN watch_copy c USING (part, kind);
SELECT propensity_drift_finalfn(watch_merge(drift)) = (SELECT propensity_drift(on_three, ARRAY[x + n % 50, nullif(n % 6, 0), flag::int]) FROM watch_model, watch_rows) AS three,
       propensity_drift_finalfn(watch_merge(array_drift::text::propensity_sums)) = (SELECT propensity_drift(on_array, ARRAY[x]) FROM watch_model, watch_rows) AS one,
       propensity_drift_finalfn(watch_merge(array_drift ORDER BY part)) = propensity_drift_finalfn(watch_merge(array_drift ORDER BY part DESC)) AS any_order FROM watch_parts;
SELECT e.term, e.feature, e.level_name, abs(e.effect - w.effect) < 1e-12 AS effect, abs(e.std_error - w.std_error) < 1e-12 AS std_error
FROM unnest((SELECT propensity_effects_finalfn(watch_merge(effects::text::propensity_sums)) FROM watch_parts)) e
JOIN unnest((SELECT propensity_effects(on_three, ARRAY[x + n % 50, nullif(n % 6, 0), flag::int]) FROM watch_model, watch_rows)) w USING (term);
SELECT propensity_drift_finalfn(watch_merge(drift)) IS NULL AS no_parts, propensity_effects_finalfn(watch_merge(effects)) IS NULL AS no_effects FROM watch_parts WHERE false;
SELECT propensity_drift_finalfn(watch_merge(NULL)) IS NULL AS null_parts, propensity_drift_finalfn(watch_merge(CASE WHEN part > 2 THEN drift END ORDER BY part)) = propensity_drift_finalfn(watch_merge(drift) FILTER (WHERE part > 2)) AS some FROM watch_parts;
-- a category without a histogram counts as one bin
SELECT d.* FROM unnest((SELECT propensity_drift((model::jsonb #- '{features,1,counts}')::propensity_model, r) FROM watch_model, watch_rows r)) d WHERE d.feature IN ('t', 'flag');
-- what cannot be put together
SELECT watch_merge(state) FROM watch_states WHERE kind IN ('d', 'a');
SELECT watch_merge(state) FROM watch_states WHERE kind IN ('e', 'f');
SELECT watch_merge(state) FROM watch_states WHERE kind IN ('d', 'e');
SELECT propensity_drift_finalfn(effects) FROM watch_parts;
SELECT propensity_effects_finalfn(drift) FROM watch_parts;
SELECT propensity_sums_combine(drift, drift) FROM watch_parts;
SELECT propensity_drift_transfn(NULL, NULL, ARRAY[1.0::float8]);
SELECT propensity_effects_transfn(effects, on_array, ARRAY[1.0::float8]) FROM watch_parts, watch_model;
-- what is no state: version, purpose, rows (8 bytes), the model's length and the model, its numbers
SELECT 'x'::propensity_sums;
SELECT '\x'::propensity_sums;
SELECT '\x0101'::propensity_sums;
SELECT '\x010100000000000000000000ffff'::propensity_sums;
SELECT '\x0101000000000000000000000000'::propensity_sums;
SELECT propensity_sums_send(array_drift) AS b, length(propensity_sums_send(array_drift)) AS l FROM watch_parts WHERE part = 1 \gset
SELECT set_byte(:'b', 0, 2)::text::propensity_sums;
SELECT set_byte(:'b', 1, 3)::text::propensity_sums;
SELECT set_byte(:'b', 2, 128)::text::propensity_sums;
SELECT set_byte(:'b', 9, 0)::text::propensity_sums;
SELECT set_byte(:'b', 1, 2)::text::propensity_sums;
SELECT set_byte(:'b', 10, 128)::text::propensity_sums;
SELECT set_byte(:'b', 13, get_byte(:'b', 13) # 1)::text::propensity_sums;
SELECT set_byte(:'b', 14, 9)::text::propensity_sums;
SELECT set_byte(:'b', 15, 120)::text::propensity_sums;
SELECT set_byte(:'b', :l - 1, get_byte(:'b', :l - 1) # 1)::text::propensity_sums;
SELECT set_byte(:'b', :l - 8, 255)::text::propensity_sums;
SELECT substr(:'b'::bytea, 1, :l - 1)::text::propensity_sums;
SELECT (:'b'::bytea || '\x00')::text::propensity_sums;
-- a name that is not text
SELECT set_byte(:'b', 14 + position('\x7831'::bytea in substr(:'b'::bytea, 15)) - 1, 255)::text::propensity_sums;
-- trees have counts, but no effects
SELECT '{"version": 1, "kind": "trees", "input": "array", "features": [{"name": "a", "type": "number"}], "base": 0, "trees": []}'::propensity_model AS trees \gset
SELECT watch_drift(:'trees', '{1}'::float8[])::text AS t \gset
SELECT propensity_drift_finalfn(:'t'::propensity_sums) AS rows;
SELECT overlay(:'t' PLACING '02' FROM 5)::propensity_sums;
DROP AGGREGATE watch_drift(propensity_model, double precision[]), watch_effects(propensity_model, double precision[]), watch_merge(propensity_sums);

DROP TABLE watch_rows, watch_model, watch_parts, watch_states, watch_copy;
