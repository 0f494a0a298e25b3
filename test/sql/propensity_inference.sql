-- Errors by cluster, profile likelihood, marginal effects: the reference facts
-- come from R: glm, sandwich, fits with a coefficient held, the delta method by hand
SET timezone = 'UTC';
\getenv source PG_ABS_SRCDIR
\set file :source '/data/admissions.sql'
\set ECHO none
\i :file
\set ECHO all

-- equal to so many digits
CREATE FUNCTION inference_near(a float8, b float8, tolerance float8 DEFAULT 1e-9) RETURNS boolean
    LANGUAGE sql AS 'SELECT abs(a - b) <= tolerance * greatest(abs(b), 1e-300)';

-- matched sets: a case and two controls each, with counts that go with being one
CREATE TABLE matched_sets AS
    SELECT stratum, woman = 1 AS is_case,
           (CASE WHEN woman = 1 THEN (stratum * 7 + stratum / 5) % 4 ELSE (stratum * 5 + woman * stratum) % 3 END % 3)::float8 AS spontaneous,
           ((stratum * 3 + woman * (stratum / 4) + stratum / 9) % 3)::float8 AS induced
    FROM generate_series(1, 83) stratum, generate_series(1, 3) woman;

-- standard errors by cluster
CREATE TABLE inference_cluster AS
    SELECT o.standard_errors, propensity_fit(is_case, f, fit_options(cluster => 'stratum', standard_errors => o.standard_errors)) AS model
    FROM (VALUES (NULL), ('CR0'), ('cr1')) o (standard_errors), matched_sets i, LATERAL (SELECT i.stratum, i.spontaneous, i.induced) f GROUP BY 1;
SELECT m.standard_errors, c.term, round(c.estimate::numeric, 6) AS estimate, round(c.std_error::numeric, 6) AS std_error
FROM inference_cluster m, propensity_coefficients(m.model) WITH ORDINALITY c
ORDER BY m.standard_errors, ordinality;
SELECT standard_errors, s -> 'standard_errors' AS errors, s -> 'clusters' AS clusters, s -> 'features' AS features
FROM (SELECT standard_errors, propensity_summary(model) AS s FROM inference_cluster) m ORDER BY 1;
SELECT count(*) AS models, bool_and(model::text::propensity_model = model) AS text, bool_and(model::jsonb::propensity_model = model) AS jsonb FROM inference_cluster;
-- clusters as text, as array element, weighted
SELECT bool_and(inference_near(a.std_error, b.std_error, 1e-12)) AS same, count(*)
FROM (SELECT propensity_fit(is_case, t, fit_options(cluster => 'set', exclude => '{set}')) AS t,
             propensity_fit(is_case, ARRAY[i.spontaneous, stratum, i.induced], fit_options(cluster => 'x2')) AS x,
             propensity_fit(is_case, ARRAY[i.spontaneous, -stratum, i.induced], 1.0, fit_options(names => '{spontaneous,stratum,induced}', cluster => 'stratum')) AS n
      FROM matched_sets i, LATERAL (SELECT i.spontaneous, 'set ' || i.stratum AS set, i.induced) t) q,
     LATERAL (VALUES (t), (x), (n)) m (model), propensity_coefficients(m.model) WITH ORDINALITY a,
     inference_cluster c, propensity_coefficients(c.model) WITH ORDINALITY b
WHERE a.ordinality = b.ordinality AND c.standard_errors IS NULL;
-- one row a cluster is HC0
SELECT bool_and(inference_near(a.std_error, b.std_error, 1e-12)) AS same
FROM (SELECT propensity_fit(is_case, ARRAY[n, spontaneous, induced], n % 3 + 1, fit_options(names => '{row,spontaneous,induced}', cluster => 'row', standard_errors => 'CR0')) AS cluster,
             propensity_fit(is_case, ARRAY[spontaneous, induced], n % 3 + 1, fit_options(names => '{spontaneous,induced}', standard_errors => 'HC0')) AS hc0
      FROM (SELECT i.*, row_number() OVER () AS n FROM matched_sets i) i) m,
     propensity_coefficients(cluster) a JOIN propensity_coefficients(hc0) b USING (term);
-- neither scoring nor drift wants the cluster
SELECT round(propensity_score(model, f)::numeric, 6) AS score FROM inference_cluster, (VALUES (1, 0)) f (spontaneous, induced) WHERE standard_errors = 'CR0';
SELECT round(propensity_score(propensity_fit(is_case, ARRAY[spontaneous, stratum, induced], fit_options(cluster => 'x2')), '{1,0}'::float8[])::numeric, 6) AS score FROM matched_sets;
-- many clusters; parallel = serial
CREATE TABLE inference_big AS SELECT n, (n * 7919 % 1000) < 200 + 300 * sin(n / 500.0) + (n % 7) * 20 AS y, sin(n / 500.0) AS s, (n % 7)::int AS d, n / 3 AS c, 'c' || n / 3 AS label
    FROM generate_series(1, 30000) n;
ALTER TABLE inference_big SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE TABLE inference_parallel AS
    SELECT propensity_fit(y, f, fit_options(cluster => 'c')) AS r, propensity_fit(y, t, fit_options(cluster => 'label')) AS t,
           propensity_fit(y, ARRAY[b.s, b.d, b.c], fit_options(names => '{s,d,c}', cluster => 'c')) AS a
    FROM inference_big b, LATERAL (SELECT b.c, b.s, b.d) f, LATERAL (SELECT b.s, b.d, b.label) t;
SET max_parallel_workers_per_gather = 0;
SELECT propensity_summary(r) -> 'clusters' AS clusters, inference_near(x.std_error, y.std_error) AS r, inference_near(x.std_error, z.std_error) AS t, inference_near(x.std_error, w.std_error) AS a
FROM (SELECT propensity_fit(y, f, fit_options(cluster => 'c')) AS model FROM inference_big b, LATERAL (SELECT b.c, b.s, b.d) f) q, inference_parallel,
     propensity_coefficients(model) x JOIN propensity_coefficients(r) y USING (term) JOIN propensity_coefficients(t) z USING (term) JOIN propensity_coefficients(a) w USING (term);
-- one cluster tells nothing; what cannot be
SELECT term, std_error, p FROM propensity_coefficients((SELECT propensity_fit(is_case, f, fit_options(cluster => 'c')) FROM matched_sets i, LATERAL (SELECT 1 AS c, i.induced) f)) WHERE std_error IS NULL;
SELECT propensity_fit(is_case, f, fit_options(cluster => 'c')) FROM matched_sets i, LATERAL (SELECT nullif(i.stratum, 5) AS c, i.induced) f;
SELECT propensity_fit(is_case, ARRAY[nullif(stratum, 5), induced], fit_options(cluster => 'x1')) FROM matched_sets;
SELECT propensity_fit(is_case, f, fit_options(cluster => 'c', missing => 'error')) FROM matched_sets i, LATERAL (SELECT nullif(i.stratum, 5) AS c, i.induced) f;
SELECT propensity_summary(propensity_fit(is_case, f, fit_options(cluster => 'c', missing => 'skip'))) -> 'skipped' AS skipped FROM matched_sets i, LATERAL (SELECT nullif(i.stratum, 5) AS c, i.induced) f;
SELECT propensity_fit(is_case, f, fit_options(cluster => 'set')) FROM matched_sets f;
SELECT propensity_fit(is_case, f, fit_options(cluster => 'set')) FROM matched_sets i, LATERAL (SELECT ARRAY[i.stratum::float8] AS set, i.induced) f;
SELECT propensity_fit(is_case, f, fit_options(cluster => 'set')) FROM matched_sets i, LATERAL (SELECT now() AS set, i.induced) f;
SELECT propensity_fit(is_case, ARRAY[stratum, induced], fit_options(cluster => 'stratum')) FROM matched_sets;
SELECT propensity_fit(is_case, ARRAY[induced], fit_options(standard_errors => 'CR0')) FROM matched_sets;
SELECT propensity_fit(is_case, ARRAY[stratum, induced], fit_options(standard_errors => 'HC1', cluster => 'x1')) FROM matched_sets;
SELECT propensity_fit(is_case, ARRAY[stratum, induced], fit_options(standard_errors => 'CR2', cluster => 'x1')) FROM matched_sets;
SELECT jsonb_set(model::jsonb, '{fit,clusters}', '-1')::propensity_model FROM inference_cluster LIMIT 1;

-- profile likelihood
CREATE TABLE inference_profile AS
    SELECT propensity_fit(admit = 1, f, fit_options(profile => 0.95)) AS model FROM admissions, LATERAL (SELECT gre, gpa, rank::text) f;
-- exact ends, from fits with the coefficient held; R's confint interpolates between a few of those
SELECT c.term, inference_near(profile_low, e.low) AS low, inference_near(profile_high, e.high) AS high
FROM inference_profile, propensity_coefficients(model) WITH ORDINALITY c
JOIN (VALUES (1, -6.27154422809, -1.79250564379), (2, 0.00013757962343, 0.00443581847897), (3, 0.160290315067, 1.464124056350),
             (4, -1.3008753466686, -0.0567487187299), (5, -2.027650503073, -0.670367082048), (6, -2.399997579749, -0.753524272777)) e (ordinality, low, high)
    USING (ordinality) ORDER BY ordinality;
SELECT inference_near(profile_low, 0.160295943896, 4e-5) AS low, inference_near(profile_high, 1.464142727339, 2e-5) AS high
FROM inference_profile, propensity_coefficients(model) WHERE term = 'gpa';
SELECT bool_and(profile_low IS NULL AND profile_high IS NULL) AS other_level FROM inference_profile, propensity_coefficients(model, 0.9);
SELECT propensity_summary(model) -> 'profile' AS level, model::text::propensity_model = model AS text, model::jsonb::propensity_model = model AS jsonb FROM inference_profile;
SELECT bool_and(profile_low < estimate AND profile_high > estimate) AS around, bool_and(abs(profile_low - (estimate - 2.5758293035489 * std_error)) < 0.4 * std_error) AS near_wald
FROM propensity_coefficients((SELECT propensity_fit(admit = 1, f, fit_options(profile => 0.99)) FROM admissions, LATERAL (SELECT gre, gpa, rank::text) f), 0.99);
-- another level, to digits of constrained fits
SELECT term, round(profile_low::numeric, 8) AS low, round(profile_high::numeric, 8) AS high
FROM propensity_coefficients((SELECT propensity_fit(n <= 7 + 8 * x, ARRAY[x], fit_options(profile => 0.9)) FROM generate_series(1, 20) n, generate_series(0, 1) x), 0.9);
-- no intercept, a known rate, a combination of others
SELECT a.term, inference_near(b.profile_low, a.profile_low + CASE a.term WHEN '(intercept)' THEN ln(0.1 / 0.9) - ln(127 / 273.0) ELSE 0 END) AS low
FROM inference_profile, propensity_coefficients(model) a
JOIN propensity_coefficients((SELECT propensity_fit(admit = 1, f, fit_options(profile => 0.95, prior => 0.1)) FROM admissions, LATERAL (SELECT gre, gpa, rank::text) f)) b USING (term)
ORDER BY term COLLATE "C";
SELECT term, round(profile_low::numeric, 8) AS low, round(profile_high::numeric, 8) AS high
FROM propensity_coefficients((SELECT propensity_fit(admit = 1, f, fit_options(profile => 0.95, intercept => false)) FROM admissions, LATERAL (SELECT gpa, -gpa AS minus, gre) f));
-- none where the coefficients have no best values, or there is one class
SELECT propensity_summary(propensity_fit(x > 3, ARRAY[x], fit_options(profile => 0.95))) -> 'profile' AS level FROM generate_series(1, 6) x;
SELECT propensity_summary(propensity_fit(true, ARRAY[x], fit_options(profile => 0.95))) -> 'profile' AS level FROM generate_series(1, 6) x;
SELECT propensity_fit(admit = 1, ARRAY[gre], fit_options(profile => 1)) FROM admissions;
SELECT propensity_fit(admit = 1, ARRAY[gre], fit_options(profile => 'NaN')) FROM admissions;
SELECT propensity_fit(admit = 1, ARRAY[gre], fit_options(profile => 0.95, l2 => 0.1)) FROM admissions;
SELECT propensity_fit(admit = 1, ARRAY[gre], fit_options(profile => 0.95, firth => true)) FROM admissions;
SELECT jsonb_set(model::jsonb, '{fit,profile}', '1')::propensity_model FROM inference_profile;
SELECT jsonb_set(model::jsonb, '{terms,1,profile_low}', '7')::propensity_model FROM inference_profile;
SELECT jsonb_set(model::jsonb, '{terms,1,profile_low}', '"x"')::propensity_model FROM inference_profile;
SELECT profile_low IS NULL AS unknown, profile_high IS NULL AS other FROM (SELECT jsonb_set(model::jsonb, '{terms,2,profile_low}', 'null')::propensity_model AS m FROM inference_profile) x, propensity_coefficients(m) WHERE term = 'gpa';

-- average marginal effects: derivatives of numbers, differences of levels
SELECT e.term, e.feature, e.level_name, inference_near(e.effect, x.effect) AS effect, inference_near(e.std_error, x.std_error) AS std_error,
       inference_near(e.z, x.effect / x.std_error, 2e-9) AS z, round(e.p::numeric, 6) AS p
FROM (SELECT propensity_effects(model, f) AS rows FROM inference_profile, admissions, LATERAL (SELECT gre, gpa, rank::text) f) q, unnest(rows) e
JOIN (VALUES ('gre', 0.000440567895279, 0.0002091159604536), ('gpa', 0.156433976761, 0.06296203581952), ('rank=2', -0.156604401623, 0.07361868734256),
             ('rank=3', -0.287223150551, 0.07332783022085), ('rank=4', -0.321238313373, 0.08020500844342)) x (term, effect, std_error) USING (term)
ORDER BY term COLLATE "C";
-- differences of booleans and levels are those of scores; "is null" of a number has no effect of its own
CREATE TABLE inference_mixed AS
    SELECT admit = 1 AS y, gpa, gre > 600 AS high, CASE WHEN gre < 700 THEN rank::text END AS rank, nullif(gpa, 4) AS gap, 1 AS one FROM admissions;
CREATE TABLE inference_effects AS
    SELECT model, (SELECT propensity_effects(model, f) FROM inference_mixed i, LATERAL (SELECT i.gpa, i.high, i.rank, i.gap, i.one) f) AS rows
    FROM (SELECT propensity_fit(y, f, fit_options(missing => 'indicator')) AS model FROM inference_mixed i, LATERAL (SELECT i.gpa, i.high, i.rank, i.gap, i.one) f) m;
SELECT e.term, e.level_name, e.std_error > 0 AS error FROM inference_effects, unnest(rows) e;
SELECT inference_near(e.effect, d.effect) AS high
FROM inference_effects, unnest(rows) e,
     LATERAL (SELECT avg(propensity_score(model, a) - propensity_score(model, b)) AS effect
              FROM inference_mixed i, LATERAL (SELECT i.gpa, true AS high, i.rank, i.gap, i.one) a, LATERAL (SELECT i.gpa, false AS high, i.rank, i.gap, i.one) b) d
WHERE e.term = 'high';
SELECT e.term, inference_near(e.effect, d.effect) AS level
FROM inference_effects, unnest(rows) e,
     LATERAL (SELECT avg(propensity_score(model, a) - propensity_score(model, b)) AS effect
              FROM inference_mixed i, LATERAL (SELECT i.gpa, i.high, e.level_name AS rank, i.gap, i.one) a, LATERAL (SELECT i.gpa, i.high, '1' AS rank, i.gap, i.one) b) d
WHERE e.feature = 'rank';
-- parallel = serial, arrays, FILTER; errors are by cluster where the model's are
SET max_parallel_workers_per_gather = 2;
SELECT r AS model FROM inference_parallel \gset
EXPLAIN (COSTS OFF) SELECT propensity_effects(:'model', f) FROM inference_big b, LATERAL (SELECT b.s, b.d) f;
CREATE TABLE inference_averages AS SELECT propensity_effects(:'model', f) AS p FROM inference_big b, LATERAL (SELECT b.s, b.d) f;
SET max_parallel_workers_per_gather = 0;
SELECT x.term, inference_near(x.effect, y.effect) AS effect, inference_near(x.std_error, y.std_error) AS std_error, inference_near(x.effect, z.effect) AS arrays
FROM inference_averages, (SELECT propensity_effects((SELECT r FROM inference_parallel), f) AS s, propensity_effects((SELECT a FROM inference_parallel), ARRAY[b.s, b.d]) AS a
                          FROM inference_big b, LATERAL (SELECT b.s, b.d) f) q,
     unnest(p) x JOIN unnest(q.s) y USING (term) JOIN unnest(q.a) z USING (term)
ORDER BY term COLLATE "C";
SELECT propensity_effects(model, f) FILTER (WHERE admissions.gre > 9000) AS none FROM inference_profile, admissions, LATERAL (SELECT gre, gpa, rank::text) f;
SELECT propensity_effects(NULL, f) AS none FROM admissions, LATERAL (SELECT gre) f;
SELECT propensity_effects(a, NULL::float8[]) AS none FROM inference_parallel;
-- no errors with l1; what cannot be
SELECT term, effect > 0 AS positive, std_error, z, p
FROM unnest((SELECT propensity_effects((SELECT propensity_fit(admit = 1, ARRAY[gpa], fit_options(l1 => 0.001)) FROM admissions), ARRAY[gpa]) FROM admissions)) e;
SELECT propensity_effects(CASE WHEN gre > 600 THEN r ELSE a END, f) FROM inference_parallel, admissions, LATERAL (SELECT 1 AS s, 2 AS d) f;
SELECT propensity_effects(model, f) FROM inference_profile, admissions, LATERAL (SELECT gre) f;
SELECT propensity_effects('{"version": 1, "kind": "trees", "input": "array", "features": [{"name": "a", "type": "number"}], "base": 0, "trees": []}', '{1}'::float8[]);

DROP TABLE admissions, matched_sets, inference_cluster, inference_big, inference_parallel, inference_profile, inference_mixed,
    inference_effects, inference_averages;
DROP FUNCTION inference_near;
