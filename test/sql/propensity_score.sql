-- Scoring: probabilities, intervals, reasons; what happens to features that do
-- not fit the model
\getenv source PG_ABS_SRCDIR
\set file :source '/data/admissions.sql'
\set ECHO none
\i :file
\set ECHO all
CREATE FUNCTION score_near(a float8, b float8, tolerance float8 DEFAULT 1e-9) RETURNS boolean
    LANGUAGE sql AS 'SELECT abs(a - b) <= tolerance * greatest(abs(b), 1e-300)';
CREATE TABLE score_model AS
    SELECT propensity_fit(admit = 1, f) AS model FROM admissions, LATERAL (SELECT gre, gpa, rank::text) f;

-- known probabilities and an interval
SELECT x.rank, score_near(propensity_score(model, x), e) AS score, score_near(propensity_link(model, x), ln(e / (1 - e)), 1e-8) AS link,
       propensity_class(model, x) AS class, propensity_class(model, x, threshold => 0.3) AS class_30
FROM score_model, (VALUES (587.7::float8, 3.3899::float8, '1', 0.516601607506::float8), (587.7, 3.3899, '2', 0.352284589104),
                          (587.7, 3.3899, '3', 0.218612049448), (587.7, 3.3899, '4', 0.184668443654)) x (gre, gpa, rank, e);
SELECT score_near(low, 0.388399458294, 1e-8) AS low, score_near(score, 0.516601607506) AS score, score_near(high, 0.642655088637, 1e-8) AS high
FROM score_model, (VALUES (587.7::float8, 3.3899::float8, '1')) x (gre, gpa, rank), propensity_interval(model, x);
SELECT low < score AND score < high AS inside FROM score_model, (VALUES (587.7::float8, 3.3899::float8, '1')) x (gre, gpa, rank), propensity_interval(model, x, level => 0.5);

-- reasons: by term the reference facts, by feature their sums; always the link
SELECT feature, value, score_near(contribution, CASE feature WHEN 'gre' THEN -0.470321235789 WHEN 'gpa' THEN 0.176968664597 WHEN 'rank=2' THEN 0.254979705306
           WHEN 'rank=3' THEN -0.934792231736 WHEN 'rank=4' THEN 0.259870165884 ELSE -0.853830706410 END) AS near
FROM score_model, (VALUES (380, 3.61, '3')) x (gre, gpa, rank), propensity_explain(model, x, by_term => true);
SELECT e.rank, feature, value, round(contribution::numeric, 6) AS contribution, round(odds_factor::numeric, 6) AS odds_factor
FROM score_model, (VALUES (380, 3.61, '3')) x (gre, gpa, rank), propensity_explain(model, x) e;
SELECT e.rank, feature, value, round(contribution::numeric, 6) AS contribution
FROM score_model, (VALUES (380, 3.61, '3')) x (gre, gpa, rank), propensity_explain(model, x, top => 1) e;
SELECT bool_and(score_near(sum, link)) FROM (
    SELECT (SELECT sum(contribution) FROM propensity_explain(model, f)) AS sum, propensity_link(model, f) AS link
    FROM score_model, admissions a, LATERAL (SELECT a.gre, a.gpa, a.rank::text) f) q;

-- the training rows' own ranks
SELECT max(abs(percentile - rank)) < 0.01 AS near, min(percentile), max(percentile)
FROM (SELECT propensity_percentile(model, f) AS percentile, percent_rank() OVER (ORDER BY propensity_link(model, f)) AS rank
      FROM score_model, admissions a, LATERAL (SELECT a.gre, a.gpa, a.rank::text) f) q;
SELECT propensity_percentile(model, low) AS low, propensity_percentile(model, high) AS high
FROM score_model, (VALUES (0, 0, '4')) low (gre, gpa, rank), (VALUES (2000, 9, '1')) high (gre, gpa, rank);

-- columns are found by name; NULL, unseen and extra ones
SELECT propensity_score(model, a) = propensity_score(model, b) AS same
FROM score_model, (VALUES (500, 3.5, '2')) a (gre, gpa, rank), (VALUES ('2'::varchar, 'x', 3.5::numeric, 500::bigint)) b (rank, other, gpa, gre);
SELECT score_near(propensity_link(model, a), propensity_link(model, b)) AS unseen_is_reference
FROM score_model, (VALUES (500, 3.5, '9')) a (gre, gpa, rank), (VALUES (500, 3.5, '1')) b (gre, gpa, rank);
SELECT value FROM score_model, (VALUES (500, NULL::float8, '9')) a (gre, gpa, rank), propensity_explain(model, a) e WHERE e.rank IS NOT NULL;
SELECT score_near(propensity_link(model, NULL::record), propensity_link(model, b)) AS all_missing
FROM score_model, (SELECT avg(gre) AS gre, avg(gpa) AS gpa, '1' AS rank FROM admissions) b;
SELECT propensity_score(NULL, ROW(1)) IS NULL AS no_model, propensity_class(model, ROW(1), NULL) IS NULL AS no_threshold FROM score_model;

-- errors
SELECT propensity_score(model, x) FROM score_model, (VALUES (500, '2')) x (gre, rank);
SELECT propensity_score(model, x) FROM score_model, (VALUES (500, '3.5', '2')) x (gre, gpa, rank);
SELECT propensity_score(model, x) FROM score_model, (VALUES (500, 3.5, 2)) x (gre, gpa, rank);
SELECT propensity_score(model, x) FROM score_model, (VALUES (500, 3.5, true)) x (gre, gpa, rank);
SELECT propensity_score(model, x) FROM score_model, (VALUES (500, 'NaN'::float8, '2')) x (gre, gpa, rank);
SELECT propensity_score(model, x) FROM score_model, (VALUES (500, now(), '2')) x (gre, gpa, rank);
SELECT propensity_score(model, '{500,3.5,2}'::float8[]) FROM score_model;
SELECT propensity_class(model, x, 1.5) FROM score_model, (VALUES (500, 3.5, '2')) x (gre, gpa, rank);
SELECT * FROM score_model, (VALUES (500, 3.5, '2')) x (gre, gpa, rank), propensity_interval(model, x, 2);
SELECT * FROM score_model, (VALUES (500, 3.5, '2')) x (gre, gpa, rank), propensity_explain(model, x, -1);
SELECT * FROM score_model, propensity_coefficients(model, 1);

-- arrays
CREATE TABLE score_array AS
    SELECT propensity_fit(admit = 1, ARRAY[gre, gpa], fit_options(names => '{gre,gpa}', missing => 'skip')) AS skip,
           propensity_fit(admit = 1, ARRAY[gre, gpa], fit_options(names => '{gre,gpa}', missing => 'error')) AS error,
           propensity_fit(admit = 1, ARRAY[gre, gpa], fit_options(l1 => 0.01)) AS lasso
    FROM admissions;
SELECT propensity_score(skip, '{500,3.5}'::float8[]) = propensity_score(skip, x) AS by_name FROM score_array, (VALUES (3.5, 500)) x (gpa, gre);
SELECT propensity_score(skip, '{500,NULL}'::float8[]) IS NULL AS skipped, propensity_score(lasso, '{500,NULL}'::float8[]) IS NULL AS filled, propensity_score(skip, NULL::float8[]) IS NULL AS none FROM score_array;
SELECT low, high FROM score_array, propensity_interval(lasso, '{500,3.5}'::float8[]);
SELECT propensity_score(error, '{500,NULL}'::float8[]) FROM score_array;
SELECT propensity_score(skip, '{500}'::float8[]) FROM score_array;
SELECT propensity_score(skip, '{500,Infinity}'::float8[]) FROM score_array;
SELECT propensity_score(skip, '{{500,3.5}}'::float8[]) FROM score_array;
SELECT propensity_score(skip, x) FROM score_array, (VALUES (3.5)) x (gre);

-- a record that holds an array
SELECT round(propensity_score(m.model, x)::numeric, 6) AS score, propensity_score(m.model, y) IS NULL AS null_array
FROM (SELECT propensity_fit(admit = 1, f) AS model FROM admissions, LATERAL (SELECT ARRAY[gre, gpa] AS marks, rank) f) m,
     (VALUES (2, '{500,3.5}'::float8[])) x (rank, marks), (VALUES (2, NULL::float8[])) y (rank, marks);
SELECT propensity_score(m.model, x)
FROM (SELECT propensity_fit(admit = 1, f) AS model FROM admissions, LATERAL (SELECT ARRAY[gre, gpa] AS marks, rank) f) m, (VALUES (2, '{500}'::float8[])) x (rank, marks);
SELECT propensity_score(m.model, x)
FROM (SELECT propensity_fit(admit = 1, f) AS model FROM admissions, LATERAL (SELECT ARRAY[gre, gpa] AS marks, rank) f) m, (VALUES (2, 3.5)) x (rank, marks);

-- many models at once, out of line or not, in any order
CREATE TABLE score_segments AS
    SELECT rank, propensity_fit(admit = 1, f) AS model FROM admissions, LATERAL (SELECT gre, gpa) f GROUP BY rank;
ALTER TABLE score_segments ADD twin propensity_model;
UPDATE score_segments SET twin = model;
SELECT bool_and(propensity_link(s.model, f) = propensity_link(s.twin, f)) AS same, round(sum(propensity_score(s.model, f))::numeric, 6) AS expected, sum(admit) AS admitted
FROM admissions a JOIN score_segments s USING (rank), LATERAL (SELECT a.gre, a.gpa) f;
SELECT round(sum(propensity_score((s.model::text)::propensity_model, f))::numeric, 6) AS expected
FROM admissions a JOIN score_segments s USING (rank), LATERAL (SELECT a.gre, a.gpa) f WHERE a.rank < 3;

-- in a generated column and in expression indexes
SELECT skip AS model FROM score_array \gset
CREATE TYPE score_features AS (gpa float8, gre float8);
CREATE TABLE score_customers (id int, gre float8, gpa float8,
    score float8 GENERATED ALWAYS AS (propensity_score(:'model'::propensity_model, ARRAY[gre, gpa])) STORED,
    named float8 GENERATED ALWAYS AS (propensity_score(:'model'::propensity_model, ROW(gpa, gre)::score_features)) STORED);
CREATE INDEX score_by_array ON score_customers (propensity_score(:'model'::propensity_model, ARRAY[gre, gpa]));
INSERT INTO score_customers SELECT n, 220 + n % 580, 2 + (n * 7 % 200) / 100.0 FROM generate_series(1, 2000) n;
CREATE TABLE score_plain (gre float8, gpa float8);
INSERT INTO score_plain SELECT gre, gpa FROM score_customers;
CREATE INDEX score_by_row ON score_plain (propensity_score(:'model'::propensity_model, score_plain));
ANALYZE score_customers, score_plain;
SELECT count(*), bool_and(score = named) AS same, bool_and(score = propensity_score(:'model'::propensity_model, ARRAY[gre, gpa])) AS current FROM score_customers;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM score_customers WHERE propensity_score(:'model'::propensity_model, ARRAY[gre, gpa]) > 0.5;
SELECT count(*) FROM score_plain WHERE propensity_score(:'model'::propensity_model, score_plain) > 0.5;
RESET enable_seqscan;
RESET enable_bitmapscan;
SELECT count(*) FROM score_customers WHERE score > 0.5;

-- from a stored procedure, where plans and rows change between calls
CREATE FUNCTION score_one(g float8, a float8) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    features record;
    chosen propensity_model;
BEGIN
    SELECT g AS gre, a AS gpa, '2' AS rank INTO features;
    SELECT model INTO chosen FROM score_model;
    RETURN round(propensity_score(chosen, features)::numeric, 6);
END $$;
SELECT score_one(n * 100, 3.5) FROM generate_series(4, 8) n;

-- an error that is caught leaves nothing half done: the same expression again
CREATE FUNCTION score_again(rounds int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    good record;
    bad record;
    row record;
    chosen propensity_model;
    result text := '';
BEGIN
    SELECT 500 AS gre, 3.5 AS gpa, '2' AS rank INTO good;
    SELECT 500 AS gre, '2' AS rank INTO bad;
    SELECT model INTO chosen FROM score_model;
    FOR n IN 1 .. rounds LOOP
        row := CASE WHEN n % 3 = 0 THEN good ELSE bad END;
        BEGIN
            result := result || ' ' || round(propensity_score(chosen, row)::numeric, 4);
        EXCEPTION WHEN undefined_column THEN
            result := result || ' -';
        END;
    END LOOP;
    RETURN result;
END $$;
SELECT score_again(8);

DROP TABLE admissions, score_model, score_array, score_segments, score_customers, score_plain;
DROP TYPE score_features;
DROP FUNCTION score_near, score_one, score_again;
