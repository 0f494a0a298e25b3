-- An imported model of trees: scores, missing values and exact Shapley values
-- as the library that fitted it gives them
\getenv source PG_ABS_SRCDIR
\set file :source '/data/admissions.sql'
\set ECHO none
\i :file
\set ECHO all
\set content `cat "$PG_ABS_SRCDIR"/data/admissions_trees.json`
CREATE TABLE tree_model AS SELECT propensity_from_xgboost(:'content') AS model;

-- all 400 rows: margin, probability, contributions and their baseline
SELECT count(*), max(abs(propensity_link(model, a) - margin)) < 1e-6 AS margins, max(abs(propensity_score(model, a) - p)) < 1e-7 AS probabilities,
       max(abs(propensity_link(model, ARRAY[gre, gpa, rank]) - margin)) < 1e-6 AS by_position
FROM tree_model, admissions a;
SELECT e.feature, count(*), max(abs(contribution - CASE e.feature WHEN 'gre' THEN shap_gre WHEN 'gpa' THEN shap_gpa WHEN 'rank' THEN shap_rank ELSE shap_bias END)) < 1e-6 AS near
FROM tree_model, admissions a, propensity_explain(model, a) e GROUP BY 1 ORDER BY 1;
SELECT e.rank, feature, value, round(contribution::numeric, 5) AS contribution FROM tree_model, (VALUES (380, 3.61, 3)) x (gre, gpa, rank), propensity_explain(model, x) e;
SELECT round(propensity_score(model, x)::numeric, 7) AS missing_gre FROM tree_model, (VALUES (NULL::float8, 3.5, 2)) x (gre, gpa, rank);
SELECT round((propensity_metrics(admit = 1, propensity_score(model, a))).auc::numeric, 8) AS auc,
       round((propensity_metrics(admit = 1, propensity_score(model, a))).log_loss::numeric, 6) AS log_loss
FROM tree_model, admissions a;

-- Shapley values against their definition: all orders of the features, by hand
CREATE FUNCTION tree_expected(nodes jsonb, node int, x float8[], known boolean[]) RETURNS float8 LANGUAGE sql AS $$
    SELECT CASE WHEN jsonb_array_length(n) = 2 THEN (n ->> 0)::real::float8
                WHEN known[f + 1] AND x[f + 1]::real < (n ->> 0)::real THEN tree_expected(nodes, (n ->> 3)::int, x, known)
                WHEN known[f + 1] THEN tree_expected(nodes, (n ->> 4)::int, x, known)
                ELSE (tree_expected(nodes, (n ->> 3)::int, x, known) * (nodes -> (n ->> 3)::int ->> 1)::float8 +
                      tree_expected(nodes, (n ->> 4)::int, x, known) * (nodes -> (n ->> 4)::int ->> 1)::float8) / (n ->> 1)::float8 END
    FROM (SELECT nodes -> node AS n, (nodes -> node ->> 2)::int AS f) q $$;
SELECT max(abs(e.contribution - s.shapley)) < 1e-12 AS exact
FROM tree_model, (VALUES (380.0::float8, 3.61::float8, 3.0::float8), (800, 4, 1), (520, 2.9, 4), (610, 3.4, 2)) x (gre, gpa, rank),
     LATERAL (SELECT f, sum(weight * (tree_expected(t, 0, ARRAY[x.gre, x.gpa, x.rank], j.joined) - tree_expected(t, 0, ARRAY[x.gre, x.gpa, x.rank], known))) AS shapley
              FROM jsonb_array_elements(model::jsonb -> 'trees') t, generate_series(1, 3) f,
                   LATERAL (SELECT known, CASE cardinality(array_positions(known, true)) WHEN 1 THEN 1 / 6.0 ELSE 1 / 3.0 END AS weight
                            FROM (SELECT ARRAY[a, b, c] AS known FROM unnest('{t,f}'::boolean[]) a, unnest('{t,f}'::boolean[]) b, unnest('{t,f}'::boolean[]) c) k
                            WHERE NOT known[f]) k,
                   LATERAL (SELECT ARRAY(SELECT i = f OR k.known[i] FROM generate_series(1, 3) i) AS joined) j
              GROUP BY f) s,
     propensity_explain(model, x) e
WHERE e.feature = (ARRAY['gre', 'gpa', 'rank'])[s.f];

-- the value: round trips, what it says of itself, what it has not
SELECT model::text::propensity_model = model AS text, propensity_summary(model) AS summary FROM tree_model;
SELECT feature, type, terms, row_count FROM tree_model, propensity_features(model);
SELECT count(*) FROM tree_model, propensity_coefficients(model);
SELECT propensity_percentile(model, x) IS NULL AS percentile, low, high FROM tree_model, (VALUES (380, 3.61, 3)) x (gre, gpa, rank), propensity_interval(model, x);
SELECT * FROM tree_model, (VALUES (380, 3.61, 3)) x (gre, gpa, rank), propensity_explain(model, x, by_term => true);
SELECT propensity_score(model, x) FROM tree_model, (VALUES (380, 3.61)) x (gre, gpa);
SELECT propensity_score(model, x) FROM tree_model, (VALUES (380, 3.61, '3')) x (gre, gpa, rank);

-- what is not imported
SELECT propensity_from_xgboost('[]');
SELECT propensity_from_xgboost('{}');
SELECT propensity_from_xgboost(jsonb_set(:'content', '{learner,objective,name}', '"multi:softprob"'));
SELECT propensity_from_xgboost(jsonb_set(:'content', '{learner,gradient_booster,name}', '"dart"'));
SELECT propensity_from_xgboost(jsonb_set(:'content', '{learner,feature_types,1}', '"c"'));
SELECT propensity_from_xgboost(jsonb_set(:'content', '{learner,gradient_booster,model,trees,0,split_type,1}', '1'));
SELECT propensity_from_xgboost(jsonb_set(:'content', '{learner,gradient_booster,model,trees,0,left_children,0}', '9'));
SELECT propensity_from_xgboost(jsonb_set(:'content', '{learner,gradient_booster,model,trees,0,left_children,1}', '0'));
SELECT propensity_from_xgboost(jsonb_set(:'content', '{learner,gradient_booster,model,trees,0,split_indices,0}', '3'));
SELECT propensity_from_xgboost(jsonb_set(:'content', '{learner,gradient_booster,model,trees,0,sum_hessian}', '[1]'));
SELECT propensity_from_xgboost(jsonb_set(:'content', '{learner,learner_model_param,base_score}', '"2"'));
SELECT propensity_from_xgboost(jsonb_set(:'content', '{learner,learner_model_param,base_score}', '"half"'));
SELECT propensity_from_xgboost(jsonb_set(:'content', '{learner,feature_names}', '["a"]'));

DROP TABLE admissions, tree_model;
DROP FUNCTION tree_expected;
