-- Fitting: the reference facts come from R's glm, sandwich and brglm2, and from
-- published analyses of the same data
SET timezone = 'UTC';
\getenv source PG_ABS_SRCDIR
\set file :source '/data/admissions.sql'
\set ECHO none
\i :file
\set ECHO all

-- equal to so many digits
CREATE FUNCTION fit_near(a float8, b float8, tolerance float8 DEFAULT 1e-9) RETURNS boolean
    LANGUAGE sql AS 'SELECT abs(a - b) <= tolerance * greatest(abs(b), 1e-300)';

CREATE TABLE fit_model AS
    SELECT propensity_fit(admit = 1, f) AS model
    FROM admissions, LATERAL (SELECT gre, gpa, rank::text) f;

-- coefficients, standard errors, odds ratios
SELECT c.term, fit_near(c.estimate, e.estimate) AS estimate, fit_near(c.std_error, e.std_error, 1e-6) AS std_error,
       fit_near(c.odds_ratio, e.odds_ratio) AS odds_ratio, round(c.z::numeric, 4) AS z, round(c.p::numeric, 6) AS p
FROM fit_model, propensity_coefficients(model) WITH ORDINALITY c
JOIN (VALUES (1, -3.989979073331, 1.139950962048, 0.01850010126),
             (2, 0.002264425786, 0.001093997658, 1.00226699153),
             (3, 0.804037549280, 0.331819304565, 2.23454482427),
             (4, -0.675442927964, 0.316489663266, 0.50893095093),
             (5, -1.340203916468, 0.345306423361, 0.26179227938),
             (6, -1.551463676918, 0.417831637472, 0.21193753861)) e (ordinality, estimate, std_error, odds_ratio)
    USING (ordinality)
ORDER BY ordinality;
SELECT term, fit_near(odds_low, 1.166121956, 1e-7) AS low, fit_near(odds_high, 4.281876819, 1e-7) AS high
FROM fit_model, propensity_coefficients(model) WHERE term = 'gpa';
SELECT term, feature, level_name FROM fit_model, propensity_coefficients(model, level => 0.9);

-- likelihood and what follows
SELECT k.name, fit_near((s ->> k.name)::float8, k.value) AS near
FROM (SELECT propensity_summary(model) AS s FROM fit_model) m,
     (VALUES ('log_likelihood', -229.258746237949), ('null_deviance', 499.9765175549), ('deviance', 458.5174924759),
             ('aic', 470.5174924759), ('bic', 494.4662797585), ('lr_chi2', 41.4590250790), ('lr_p', 7.578194231815e-08),
             ('mcfadden_r2', 0.08292194457805)) k (name, value);
SELECT s -> 'rows' AS rows, s -> 'positives' AS positives, s -> 'rank' AS rank, s -> 'converged' AS converged, s -> 'separation' AS separation,
       s -> 'aliased' AS aliased, s -> 'warnings' AS warnings
FROM (SELECT propensity_summary(model) AS s FROM fit_model) m;

-- Wald's test of a category, and of the difference of two levels from the covariance
SELECT feature, type, terms, row_count, missing, levels, reference, fit_near(wald_chi2, 20.895323743) AS chi2, wald_df
FROM fit_model, propensity_features(model) WHERE feature = 'rank';
SELECT fit_near((b2 - b3) ^ 2 / (v22 + v33 - 2 * v23), 5.505292997)
FROM fit_model,
     LATERAL (SELECT max(estimate) FILTER (WHERE term = 'rank=2') AS b2, max(estimate) FILTER (WHERE term = 'rank=3') AS b3
              FROM propensity_coefficients(model)) b,
     LATERAL (SELECT max(covariance) FILTER (WHERE term = 'rank=2' AND other_term = 'rank=2') AS v22,
                     max(covariance) FILTER (WHERE term = 'rank=3' AND other_term = 'rank=3') AS v33,
                     max(covariance) FILTER (WHERE term = 'rank=2' AND other_term = 'rank=3') AS v23
              FROM propensity_covariance(model)) v;

-- average marginal effects
SELECT fit_near(avg(s * (1 - s)) * max(gre), 0.000440567895) AS gre, fit_near(avg(s * (1 - s)) * max(gpa), 0.156433976761) AS gpa
FROM (SELECT propensity_score(model, f) AS s,
             (SELECT estimate FROM propensity_coefficients(model) WHERE term = 'gre') AS gre,
             (SELECT estimate FROM propensity_coefficients(model) WHERE term = 'gpa') AS gpa
      FROM fit_model, admissions, LATERAL (SELECT admissions.gre, admissions.gpa, rank::text) f) q;

-- robust errors
SELECT o.standard_errors, array_agg(fit_near(c.std_error, CASE o.standard_errors WHEN 'HC0' THEN e.e ELSE e.e * sqrt(400 / 394.0) END, 1e-8) ORDER BY c.ordinality)
FROM (VALUES ('HC0'), ('hc1')) o (standard_errors),
     LATERAL (SELECT propensity_fit(admit = 1, f, fit_options(standard_errors => o.standard_errors)) AS model
              FROM admissions, LATERAL (SELECT gre, gpa, rank::text) f) m,
     propensity_coefficients(m.model) WITH ORDINALITY c
JOIN unnest('{1.136665475338,0.001101308547,0.344704182084,0.314075269337,0.344094819889,0.415533983700}'::float8[]) WITH ORDINALITY e (e, ordinality) USING (ordinality)
GROUP BY 1 ORDER BY 1;

-- class weights, and weights of rows
SELECT array_agg(fit_near(c.estimate, e.e) ORDER BY c.ordinality)
FROM (SELECT propensity_fit(admit = 1, f, fit_options(balanced => true)) AS model FROM admissions, LATERAL (SELECT gre, gpa, rank::text) f) m,
     propensity_coefficients(m.model) WITH ORDINALITY c
JOIN unnest('{-3.282624451335,0.002364939426,0.799946852272,-0.660375398070,-1.324682845509,-1.541503495679}'::float8[]) WITH ORDINALITY e (e, ordinality) USING (ordinality);
SELECT bool_and(fit_near(a.estimate, b.estimate)) AS same, bool_and(fit_near(a.std_error, b.std_error * sqrt(2), 1e-9)) AS narrower
FROM fit_model, propensity_coefficients(model) a
JOIN (SELECT c.* FROM (SELECT propensity_fit(admit = 1, f, 2.0, NULL) AS model FROM admissions, LATERAL (SELECT gre, gpa, rank::text) f) m,
                      propensity_coefficients(m.model) c) b USING (term);
SELECT bool_and(fit_near(a.estimate, b.estimate)) AS same, bool_and(fit_near(a.std_error, b.std_error, 1e-9)) AS errors
FROM (SELECT propensity_fit(admit = 1, ARRAY[gre, gpa], rank, fit_options()) AS model FROM admissions) x, propensity_coefficients(x.model) a
JOIN (SELECT c.* FROM (SELECT propensity_fit(admit = 1, ARRAY[gre, gpa]) AS model FROM admissions, generate_series(1, rank)) m,
                      propensity_coefficients(m.model) c) b USING (term);

-- a known rate of the outcome moves the intercept only
SELECT term, fit_near(b.estimate, a.estimate + CASE term WHEN '(intercept)' THEN ln(0.1 / 0.9) - ln(127 / 273.0) ELSE 0 END) AS near
FROM fit_model, propensity_coefficients(model) a
JOIN (SELECT c.* FROM (SELECT propensity_fit(admit = 1, f, fit_options(prior => 0.1)) AS model FROM admissions, LATERAL (SELECT gre, gpa, rank::text) f) m,
                      propensity_coefficients(m.model) c) b USING (term);

-- separable data: reported, and Firth's answer
SELECT propensity_summary(propensity_fit(x > 3, ARRAY[x])) ->> 'separation' AS separation FROM generate_series(1, 6) x;
SELECT propensity_summary(propensity_fit(y, ARRAY[x])) ->> 'separation' AS separation
FROM (VALUES (1, false), (2, false), (3, false), (3, true), (4, true), (5, true)) v (x, y);
SELECT term, fit_near(estimate, CASE term WHEN 'x1' THEN 1.128912489 ELSE -3.951193710 END) AS estimate,
       fit_near(std_error, CASE term WHEN 'x1' THEN 0.8549083367 ELSE 3.1870252935 END) AS std_error
FROM (SELECT propensity_fit(x > 3, ARRAY[x], fit_options(firth => true)) AS model FROM generate_series(1, 6) x) m, propensity_coefficients(model);

-- not separable though far apart: it converges
SELECT propensity_summary(propensity_fit(y, ARRAY[x])) ->> 'separation' AS separation
FROM (SELECT x, x > 500 AS y FROM generate_series(1, 1000) x UNION ALL VALUES (501, false), (500, true)) v;

-- collinear and constant columns have no coefficient, and scores do not miss them
SELECT c.* FROM (SELECT propensity_fit(admit = 1, f) AS model
                 FROM admissions, LATERAL (SELECT gpa, 2 * gpa - 1 AS twice, 7 AS seven) f) m,
     LATERAL (SELECT term, round(estimate::numeric, 8) AS estimate, std_error IS NULL AS no_error FROM propensity_coefficients(model)) c;
SELECT s -> 'aliased' AS aliased, s -> 'rank' AS rank, s -> 'warnings' AS warnings
FROM (SELECT propensity_summary(propensity_fit(admit = 1, f)) AS s FROM admissions, LATERAL (SELECT gpa, 2 * gpa - 1 AS twice, 7 AS seven) f) m;

-- one class only: the smoothed base rate
SELECT propensity_summary(model) ->> 'one_class' AS one_class, fit_near(propensity_score(model, '{1}'::float8[]), 10.5 / 11) AS smoothed
FROM (SELECT propensity_fit(true, ARRAY[x]) AS model FROM generate_series(1, 10) x) m;
SELECT propensity_score(propensity_fit(false, ARRAY[x]), '{1}'::float8[]) < 0.05 AS low FROM generate_series(1, 10) x;

-- no rows, no usable rows, one row
SELECT propensity_fit(true, f) IS NULL AS none FROM admissions, LATERAL (SELECT gre) f WHERE false;
SELECT propensity_fit(NULL, f) IS NULL AS none FROM admissions, LATERAL (SELECT gre) f;
SELECT propensity_fit(true, NULL::float8[]) IS NULL AS none FROM admissions;
SELECT propensity_fit(true, NULL::record) IS NULL AS none FROM admissions;
SELECT round(propensity_score(propensity_fit(true, ARRAY[1.0]), '{1}'::float8[])::numeric, 6) AS one_row;

-- types: numbers of all kinds, booleans, texts, enums; arrays inside records
CREATE TYPE fit_mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN fit_share AS float8 CHECK (VALUE >= 0);
CREATE TABLE fit_rows AS
    SELECT n AS id, (n * 37 % 10) < 3 + n % 3 AS bought, (n * 7 % 5)::smallint AS i2, n % 11 AS i4, (n % 13)::bigint AS i8, (n % 17)::real AS f4,
           (n % 19)::float8 AS f8, (n % 23)::numeric AS num, n % 2 = 0 AS flag, chr(97 + n % 4) AS t, chr(97 + n % 3)::varchar AS v,
           chr(97 + n % 5)::char(3) AS c, ('{sad,ok,happy}'::fit_mood[])[1 + n % 3] AS mood, (n % 29)::fit_share AS share,
           ARRAY[n % 7, (n % 31)]::float8[] AS a, now() AS loaded_at
    FROM generate_series(1, 500) n;
SELECT feature, type, terms, levels, reference
FROM (SELECT propensity_fit(bought, f, fit_options(exclude => '{id,bought,loaded_at}')) AS model FROM fit_rows f) m, propensity_features(model);
SELECT count(*) FROM (SELECT propensity_fit(bought, f, fit_options(exclude => '{id,bought,loaded_at}', names => '{a_first,a_second}')) AS model FROM fit_rows f) m,
     propensity_coefficients(model) WHERE feature IN ('a_first', 'a_second');

-- numeric types are interchangeable, extra columns ignored
SELECT propensity_score(m.model, a) = propensity_score(m.model, b) AS same
FROM (SELECT propensity_fit(bought, f) AS model FROM fit_rows, LATERAL (SELECT i4, f8) f) m,
     (VALUES (3::smallint, 5::numeric)) a (i4, f8), (VALUES ('x', 5::real, 3::bigint)) b (extra, f8, i4);

-- reference level; rare levels together; limits
SELECT term FROM (SELECT propensity_fit(bought, f, fit_options(reference => '{"t": "c"}')) AS model FROM fit_rows, LATERAL (SELECT t) f) m, propensity_coefficients(model);
SELECT term FROM (SELECT propensity_fit(bought, f, fit_options(reference => '{"t": "z"}')) AS model FROM fit_rows, LATERAL (SELECT t) f) m, propensity_coefficients(model);
SELECT term FROM (SELECT propensity_fit(bought, f, fit_options(min_count => 100)) AS model
                  FROM fit_rows, LATERAL (SELECT CASE WHEN id <= 20 THEN 'r' || id ELSE t END AS t) f) m, propensity_coefficients(model);
SELECT propensity_fit(bought, f) FROM fit_rows, LATERAL (SELECT id::text AS name) f;
SELECT propensity_fit(bought, f, fit_options(max_levels => 3)) FROM fit_rows, LATERAL (SELECT t) f;

-- missing values
CREATE TABLE fit_gaps AS SELECT id, bought, CASE WHEN id % 5 > 0 THEN f8 END AS n, CASE WHEN id % 7 > 0 THEN flag END AS b, CASE WHEN id % 3 > 0 THEN t END AS t FROM fit_rows;
SELECT o.missing, string_agg(c.term, ', ' ORDER BY c.ordinality) AS terms, max(propensity_summary(m.model) ->> 'rows') AS rows,
       max(propensity_summary(m.model) ->> 'skipped') AS skipped,
       max(propensity_score(m.model, x)) IS NULL AS null_score
FROM (VALUES ('mean'), ('zero'), ('indicator'), ('skip')) o (missing),
     LATERAL (SELECT propensity_fit(bought, f, fit_options(missing => o.missing)) AS model FROM fit_gaps, LATERAL (SELECT n, b, t) f) m,
     propensity_coefficients(m.model) WITH ORDINALITY c, (VALUES (NULL::float8, true, 'a'::text)) x (n, b, t)
GROUP BY 1 ORDER BY 1;
SELECT propensity_fit(bought, f, fit_options(missing => 'error')) FROM fit_gaps, LATERAL (SELECT n, b, t) f;
SELECT propensity_fit(id > 3, CASE WHEN id < 5 THEN NULL ELSE ARRAY[n] END, fit_options(missing => 'error')) FROM fit_gaps;
-- what is missing counts as the mean
SELECT fit_near(propensity_link(m.model, x), propensity_link(m.model, y)) AS same
FROM (SELECT propensity_fit(bought, f) AS model FROM fit_gaps, LATERAL (SELECT n) f) m, (VALUES (NULL::float8)) x (n), (SELECT avg(n) AS n FROM fit_gaps) y;
-- NULL records are rows with everything missing, also before the columns are known
SELECT propensity_summary(a.model) ->> 'rows' AS rows, a.model = b.model AS same
FROM (SELECT propensity_fit(bought, f ORDER BY id) AS model FROM fit_gaps LEFT JOIN LATERAL (SELECT n, t) f ON id > 10) a,
     (SELECT propensity_fit(bought, f ORDER BY id) AS model
      FROM fit_gaps, LATERAL (SELECT CASE WHEN id > 10 THEN n END AS n, CASE WHEN id > 10 THEN t END AS t) f) b;

-- penalties
SELECT c.term, round(c.estimate::numeric, 5) AS estimate, c.std_error IS NULL AS no_error
FROM (SELECT propensity_fit(admit = 1, ARRAY[gre, gpa, rank], fit_options(names => '{gre,gpa,rank}', l1 => 0.02)) AS model FROM admissions) m, propensity_coefficients(model) c;
SELECT c.term, round(c.estimate::numeric, 5) AS estimate, c.std_error IS NULL AS no_error
FROM (SELECT propensity_fit(admit = 1, ARRAY[gre, gpa, rank], fit_options(names => '{gre,gpa,rank}', l1 => 0.01, l2 => 0.05)) AS model FROM admissions) m, propensity_coefficients(model) c;
SELECT c.term, round(c.estimate::numeric, 5) AS estimate, c.std_error IS NULL AS no_error
FROM (SELECT propensity_fit(admit = 1, ARRAY[gre, gpa, rank], fit_options(names => '{gre,gpa,rank}', l2 => 0.1)) AS model FROM admissions) m, propensity_coefficients(model) c;
-- all out: only the base rate is left
SELECT c.term, round(c.estimate::numeric, 6) AS estimate
FROM (SELECT propensity_fit(admit = 1, ARRAY[gre, gpa], fit_options(l1 => 10)) AS model FROM admissions) m, propensity_coefficients(model) c;

-- without an intercept
SELECT term, round(estimate::numeric, 6) AS estimate
FROM (SELECT propensity_fit(admit = 1, ARRAY[gre, gpa], fit_options(intercept => false)) AS model FROM admissions) m, propensity_coefficients(model);

-- one model a group in one statement; row order does not matter
SELECT rank, (propensity_summary(model) ->> 'rows')::int AS rows, round((propensity_summary(model) ->> 'log_likelihood')::numeric, 8) AS log_likelihood
FROM (SELECT rank, propensity_fit(admit = 1, f) AS model FROM admissions, LATERAL (SELECT gre, gpa) f GROUP BY rank) m ORDER BY rank;
SELECT bool_and(fit_near(x.estimate, y.estimate, 1e-10))
FROM (SELECT propensity_fit(admit = 1, ARRAY[gre, gpa] ORDER BY gpa, gre) AS a, propensity_fit(admit = 1, ARRAY[gre, gpa] ORDER BY rank DESC, gre) AS b FROM admissions) m,
     propensity_coefficients(a) x JOIN propensity_coefficients(b) y USING (term);
-- FILTER, and a window: final twice on one state
SELECT propensity_summary(propensity_fit(admit = 1, ARRAY[gre]) FILTER (WHERE rank < 3)) -> 'rows' AS rows FROM admissions;
SELECT DISTINCT rank, propensity_summary(propensity_fit(admit = 1, f) OVER (ORDER BY rank)) -> 'rows' AS rows FROM admissions, LATERAL (SELECT gre) f ORDER BY 1;
SELECT DISTINCT rank, propensity_summary(propensity_fit(admit = 1, ARRAY[gre]) OVER (ORDER BY rank)) -> 'rows' AS rows FROM admissions ORDER BY 1;

-- parallel = serial
CREATE TABLE fit_big AS
    SELECT n, (n * 7919 % 1000) < 200 + 300 * sin(n / 500.0) + (n % 7) * 20 AS y, sin(n / 500.0) AS s, (n % 7)::int AS d,
           (n * 31 % 101)::float8 AS u, CASE WHEN n % 50 > 0 THEN 'l' || n % 6 END AS t
    FROM generate_series(1, 40000) n;
ALTER TABLE fit_big SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT propensity_fit(y, f) FROM fit_big, LATERAL (SELECT s, d, u, t) f;
EXPLAIN (COSTS OFF) SELECT propensity_fit(y, ARRAY[s, d, u]) FROM fit_big;
CREATE TABLE fit_parallel AS
    SELECT propensity_fit(y, f) AS r, propensity_fit(y, ARRAY[b.s, b.d, b.u]) AS a, propensity_fit(y, f, b.u + 1, fit_options(standard_errors => 'HC1')) AS w
    FROM fit_big b, LATERAL (SELECT s, d, u, t) f;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE fit_serial AS
    SELECT propensity_fit(y, f) AS r, propensity_fit(y, ARRAY[b.s, b.d, b.u]) AS a, propensity_fit(y, f, b.u + 1, fit_options(standard_errors => 'HC1')) AS w
    FROM fit_big b, LATERAL (SELECT s, d, u, t) f;
SELECT count(*), bool_and(fit_near(x.estimate, y.estimate)) AS estimates, bool_and(fit_near(x.std_error, y.std_error)) AS errors
FROM (SELECT r, a, w FROM fit_parallel) p (pr, pa, pw), fit_serial f,
     LATERAL (VALUES (pr, f.r), (pa, f.a), (pw, f.w)) m (one, other), propensity_coefficients(one) x JOIN propensity_coefficients(other) y USING (term);
SELECT bool_and(x.mean IS NOT DISTINCT FROM y.mean OR fit_near(x.mean, y.mean)) AS means, bool_and(x.levels IS NOT DISTINCT FROM y.levels) AS levels,
       (p.r)::jsonb -> 'features' -> 0 -> 'counts' = (s.r)::jsonb -> 'features' -> 0 -> 'counts' AS histogram
FROM fit_parallel p, fit_serial s, propensity_features(p.r) x JOIN propensity_features(s.r) y USING (feature) GROUP BY 3;
SET max_parallel_workers_per_gather = 0;

-- errors
SELECT propensity_fit(bought, f) FROM fit_rows f;
SELECT propensity_fit(bought, ROW(f8, t)) FROM fit_rows;
SELECT propensity_fit(bought, f) FROM fit_rows, LATERAL (SELECT f8, f8 + 1) f;
SELECT propensity_fit(bought, f) FROM fit_rows, LATERAL (SELECT f8, i4 AS f8) f;
SELECT propensity_fit(bought, f, fit_options(exclude => '{nothing}')) FROM fit_rows, LATERAL (SELECT f8) f;
SELECT propensity_fit(bought, f) FROM fit_rows, LATERAL (SELECT CASE id WHEN 77 THEN 'NaN' ELSE f8 END AS f8) f;
SELECT propensity_fit(bought, f) FROM fit_rows, LATERAL (SELECT CASE id WHEN 77 THEN 'Infinity' ELSE num END AS num) f;
SELECT propensity_fit(bought, ARRAY[1, 'NaN'::float8]) FROM fit_rows;
SELECT propensity_fit(bought, CASE WHEN id < 9 THEN ARRAY[1.0] ELSE '{1,2}' END) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[[1.0, 2.0], [1.0, 2.0]]) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(names => '{a,b}')) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8, i4], fit_options(names => '{a,a}')) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], -1.0, fit_options()) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(l1 => id)) FROM fit_rows;
SELECT propensity_fit(bought, f, fit_options(l1 => id)) FROM fit_rows, LATERAL (SELECT f8) f;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(l1 => -1)) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(l2 => 'NaN')) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(firth => true, l2 => 1)) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(balanced => true, class_weights => '{1,2}')) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(class_weights => '{1,2,3}')) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(class_weights => '{0,2}')) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(l1 => 0.01, l2 => 1e308)) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(prior => 1)) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(prior => 0.5, intercept => false)) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(standard_errors => 'HC3')) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(missing => 'median')) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(bins => 1)) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(min_count => 0)) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(max_levels => 5000)) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(max_iterations => 0)) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(tolerance => 0)) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(reference => '["a"]')) FROM fit_rows;
SELECT propensity_fit(bought, ARRAY[f8], fit_options(reference => '{"a": 1}')) FROM fit_rows;
SELECT propensity_fit(bought, '{}'::float8[], fit_options(intercept => false)) FROM fit_rows;
SELECT propensity_summary(propensity_fit(admit = 1, ARRAY[gre, gpa], fit_options(max_iterations => 1))) ->> 'converged' AS converged FROM admissions;
SET customer_journey.max_fit_memory = '64kB';
SELECT propensity_fit(y, ARRAY[s, d, u]) FROM fit_big;
SELECT propensity_fit(y, f) FROM fit_big, LATERAL (SELECT s, d, u) f;
RESET customer_journey.max_fit_memory;
SELECT propensity_fit_transfn(NULL::propensity_sample, true, '{1}'::float8[]);
SELECT propensity_sample_combine(NULL, NULL);

DROP TABLE admissions, fit_model, fit_rows, fit_gaps, fit_big, fit_parallel, fit_serial;
DROP TYPE fit_mood;
DROP DOMAIN fit_share;
DROP FUNCTION fit_near;
