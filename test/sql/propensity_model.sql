-- The type: text, binary and jsonb forms, equality, and what it refuses
\getenv source PG_ABS_SRCDIR
\set file :source '/data/admissions.sql'
\set ECHO none
\i :file
\set ECHO all
CREATE TABLE model_rows AS SELECT admit = 1 AS y, gre, gpa, rank::text AS "the rank", rank = 1 AS "top ""1""" FROM admissions;
UPDATE model_rows SET gre = NULL WHERE gre > 790;
UPDATE model_rows SET "the rank" = 'á"\' WHERE "the rank" = '3';
CREATE TABLE model_kinds (kind text, model propensity_model);
INSERT INTO model_kinds SELECT 'plain', propensity_fit(y, f) FROM model_rows r, LATERAL (SELECT r.gre, r."the rank", r."top ""1""") f;
INSERT INTO model_kinds SELECT 'indicator', propensity_fit(y, f, fit_options(missing => 'indicator', min_count => 70)) FROM model_rows r, LATERAL (SELECT r.gre, r."the rank") f;
INSERT INTO model_kinds SELECT 'array', propensity_fit(y, ARRAY[gre, gpa]) FROM model_rows;
INSERT INTO model_kinds SELECT 'lasso', propensity_fit(y, ARRAY[gre, gpa], fit_options(l1 => 0.01, bins => 0)) FROM model_rows;
INSERT INTO model_kinds SELECT 'firth', propensity_fit(y, f, fit_options(firth => true, prior => 0.2, standard_errors => 'HC0')) FROM model_rows r, LATERAL (SELECT r.gpa, 1 AS one) f;
INSERT INTO model_kinds SELECT 'one class', propensity_fit(true, f) FROM model_rows r, LATERAL (SELECT r.gpa) f;

-- text and jsonb round trips are exact
SELECT kind, model::text::propensity_model = model AS text, model::jsonb::propensity_model = model AS jsonb FROM model_kinds ORDER BY kind;
-- so are binary ones
\copy (SELECT kind, model FROM model_kinds) TO '/tmp/cj_propensity_model.bin' WITH (FORMAT binary)
CREATE TABLE model_copy (kind text, model propensity_model);
\copy model_copy FROM '/tmp/cj_propensity_model.bin' WITH (FORMAT binary)
SELECT count(*), bool_and(a.model = b.model) AS same FROM model_kinds a JOIN model_copy b USING (kind);
\! rm -f /tmp/cj_propensity_model.bin
SELECT count(*) AS distinct_models FROM (SELECT model FROM model_kinds UNION ALL SELECT model FROM model_copy) m GROUP BY model HAVING count(*) <> 2;
SELECT count(*) AS distinct_models FROM (SELECT model FROM model_kinds GROUP BY model) m;
SELECT a.kind, b.kind FROM model_kinds a JOIN model_copy b ON a.model = b.model AND a.model <> (SELECT model FROM model_kinds WHERE kind = 'lasso') ORDER BY 1;

-- what the text form says
SELECT jsonb_object_keys(model::jsonb) FROM model_kinds WHERE kind = 'array' ORDER BY 1;
SELECT model::jsonb #> '{features,1}' AS category FROM model_kinds WHERE kind = 'plain';
SELECT t ->> 'term' AS term FROM model_kinds, jsonb_array_elements(model::jsonb -> 'terms') t WHERE kind = 'indicator';

-- a model may be written by hand: only kind, input, features and terms are needed
SELECT propensity_score(m, ROW(2)) FROM (SELECT '{"version": 1, "kind": "logistic", "input": "record", "features": [{"name": "a", "column": "a", "type": "number"}], "terms": [{"estimate": -1, "mean": 1, "sd": 0}, {"estimate": 0.5, "mean": 3, "sd": 1}]}'::propensity_model) v (m);
SELECT propensity_score(m, x) AS half, (SELECT sum(contribution) FROM propensity_explain(m, x)) AS link
FROM (SELECT '{"version": 1, "kind": "logistic", "input": "record", "features": [{"name": "a", "column": "a", "type": "number"}], "terms": [{"estimate": -1, "mean": 1, "sd": 0}, {"estimate": 0.5, "mean": 3, "sd": 1}]}'::propensity_model) v (m), (VALUES (2)) x (a);

-- what it refuses
CREATE FUNCTION model_fault(VARIADIC changes jsonb[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    document jsonb := '{"version": 1, "kind": "logistic", "input": "record", "features": [{"name": "a", "column": "a", "type": "number"}], "terms": [{"estimate": -1, "mean": 1, "sd": 0}, {"estimate": 0.5, "mean": 3, "sd": 1}]}';
    message text;
    code text;
BEGIN
    FOR i IN 1 .. cardinality(changes) / 2 LOOP
        document := jsonb_set(document, ARRAY(SELECT jsonb_array_elements_text(changes[2 * i - 1])), changes[2 * i]);
    END LOOP;
    RETURN 'accepted' WHERE document::propensity_model IS NOT NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, code = RETURNED_SQLSTATE;
    RETURN code || ': ' || message;
END $$;
SELECT model_fault(VARIADIC '{}');
SELECT model_fault('["version"]', '2');
SELECT model_fault('["kind"]', '"forest"');
SELECT model_fault('["kind"]', '7');
SELECT model_fault('["input"]', '"table"');
SELECT model_fault('["missing"]', '"never"');
SELECT model_fault('["features"]', '{}');
SELECT model_fault('["features"]', '[1]');
SELECT model_fault('["features", "0", "type"]', '"date"');
SELECT model_fault('["features", "0", "name"]', '""');
SELECT model_fault('["features", "0", "column"]', '""');
SELECT model_fault('["features", "0", "element"]', '-1');
SELECT model_fault('["features", "0", "element"]', '1.5');
SELECT model_fault('["features", "0", "sd"]', '-1');
SELECT model_fault('["features", "0", "counts"]', '[]', '["features", "0", "edges"]', '[]');
SELECT model_fault('["features", "0", "counts"]', '[1, 2, 0]', '["features", "0", "edges"]', '[1, 2]');
SELECT model_fault('["features", "0", "counts"]', '[1, 2, 3, 0]', '["features", "0", "edges"]', '[2, 1]');
SELECT model_fault('["features", "0", "counts"]', '[1, -2, 0]', '["features", "0", "edges"]', '[1]');
SELECT model_fault('["features", "0", "levels"]', '["x"]');
SELECT model_fault('["features", "0", "type"]', '"category"', '["features", "0", "levels"]', '["b", "a"]');
SELECT model_fault('["features", "0", "type"]', '"category"', '["features", "0", "levels"]', '["a", "b"]', '["features", "0", "reference"]', '2');
SELECT model_fault('["features", "0", "type"]', '"category"', '["features", "0", "levels"]', '["a", "b"]');
SELECT model_fault('["features", "0", "type"]', '"category"', '["features", "0", "levels"]', '["a", "b", "c"]');
SELECT model_fault('["features", "1"]', '{"name": "a", "column": "b", "type": "number"}', '["terms", "2"]', '{"estimate": 0, "mean": 0, "sd": 1}');
SELECT model_fault('["terms"]', '[]');
SELECT model_fault('["terms", "1", "estimate"]', '"x"');
SELECT model_fault('["terms", "1", "estimate"]', '1e400');
SELECT model_fault('["terms", "1", "mean"]', 'null');
SELECT model_fault('["covariance"]', '[[1]]');
SELECT model_fault('["covariance"]', '[[1], [1]]');
SELECT model_fault('["covariance"]', '[[1], [1, null]]');
SELECT model_fault('["link_quantiles"]', '[1, 2]');
SELECT model_fault('["fit"]', '{"rows": 1}');
SELECT model_fault('["fit"]', '{"rows": 1, "positives": 2, "class_weights": [1, 1]}');
SELECT model_fault('["fit"]', '{"rows": -1, "class_weights": [1, 1]}');
SELECT model_fault('["fit"]', '{"separation": "partial", "class_weights": [1, 1]}');
\set VERBOSITY terse
SELECT ''::propensity_model;
\set VERBOSITY default
SELECT '[]'::propensity_model;
SELECT '{}'::propensity_model;
SELECT '{"version": 1, "kind": "trees", "input": "array", "features": [{"name": "a", "type": "number"}], "base": 0, "trees": [[[1, 2, 0, 1, 1, true], [0, 1]]]}'::propensity_model;
SELECT '{"version": 1, "kind": "trees", "input": "array", "features": [{"name": "a", "type": "number"}], "base": 0, "trees": [[[1, 2, 3, 1, 2, true], [0, 1], [0, 1]]]}'::propensity_model;
SELECT '{"version": 1, "kind": "trees", "input": "array", "features": [{"name": "a", "type": "number"}], "base": 0, "trees": [[[1, 2, 0, 1, 2, true], [0, 1], [0, 1], [0, 1]]]}'::propensity_model;
SELECT '{"version": 1, "kind": "trees", "input": "array", "features": [{"name": "a", "type": "number"}], "base": 0, "trees": [[]]}'::propensity_model;
SELECT '{"version": 1, "kind": "trees", "input": "array", "features": [{"name": "a", "type": "number"}], "base": 0, "trees": [[[1, 2, 0]]]}'::propensity_model;

-- samples: a partial result that is stored, and read back
CREATE AGGREGATE model_sample(boolean, double precision) (SFUNC = propensity_scores_transfn, STYPE = propensity_sample);
CREATE TABLE model_samples AS SELECT rank, model_sample(admit = 1, p) AS sample FROM admissions GROUP BY rank;
SELECT count(*) AS groups, bool_and(propensity_metrics_finalfn(sample) = propensity_metrics_finalfn(sample::text::propensity_sample)) AS same FROM model_samples;
SELECT '\x01'::propensity_sample;
SELECT 'x'::propensity_sample;
SELECT '\x01000002000000010000000000000001000000000000000000000000000000000000000001'::propensity_sample IS NOT NULL AS accepted;
SELECT '\x01000002000000010000000000000002000000000000000000000000000000000000000001'::propensity_sample;
SELECT '\x010000020000000100000000000000010000000000000000000000007ff000000000000001'::propensity_sample;
SELECT '\x01000002000000010000000000000001000000000000000000000000000000000000000003'::propensity_sample;
SELECT '\x02000002000000010000000000000001000000000000000000000000000000000000000001'::propensity_sample;
SELECT propensity_fit_finalfn('\x01000002000000010000000000000001000000000000000000000000000000000000000001'::propensity_sample);
SELECT propensity_metrics_finalfn('\x01000001000000010000000000000001000000000000000000000000000000000000000001'::propensity_sample);
SELECT propensity_fit_finalfn('\x01000001000000010000000000000001000000000000000000000000000000000000000001'::propensity_sample);

DROP AGGREGATE model_sample(boolean, double precision);
DROP TABLE admissions, model_rows, model_kinds, model_copy, model_samples;
DROP FUNCTION model_fault;
