-- Evaluation: reference facts from Fawcett's twenty cases and scikit-learn
SET extra_float_digits = 0;
CREATE TABLE eval_cases AS
    SELECT o = 'p' AS y, s AS p
    FROM unnest(string_to_array('p p n p p p n n p n p n p n n n p n p n', ' '),
                '{.9,.8,.7,.6,.55,.54,.53,.52,.51,.505,.4,.39,.38,.37,.36,.35,.34,.33,.30,.1}'::float8[]) AS t (o, s);
SELECT round(auc::numeric, 10) AS auc, round(gini::numeric, 10) AS gini, round(pr_auc::numeric, 10) AS pr_auc, round(brier::numeric, 10) AS brier,
       round(log_loss::numeric, 10) AS log_loss, ks, ks_score, round(ece::numeric, 10) AS ece, row_count, positives, base_rate
FROM (SELECT (propensity_metrics(y, p)).* FROM eval_cases) m;
-- DeLong's error against its definition
SELECT abs(auc_se ^ 2 - v) < 1e-15 AS delong FROM (SELECT (propensity_metrics(y, p)).* FROM eval_cases) m,
    (SELECT sum(v) AS v FROM (
        SELECT var_samp(share) / count(*) AS v
        FROM eval_cases a, LATERAL (SELECT avg(CASE WHEN (a.p > b.p) = a.y THEN 1.0 ELSE 0 END) AS share FROM eval_cases b WHERE b.y <> a.y) s GROUP BY a.y) q) d;
SELECT accuracy, "precision", recall, f1, round(mcc::numeric, 10) AS mcc, true_positives AS tp, false_positives AS fp, true_negatives AS tn, false_negatives AS fn
FROM (SELECT (confusion_matrix(y, p, 0.5)).* FROM eval_cases) c;
SELECT bin, row_count, positives, response_rate, lift, cumulative_rows, cumulative_share, round(cumulative_lift::numeric, 6) AS cumulative_lift, score_low, score_high
FROM unnest((SELECT gains_table(y, p) FROM eval_cases)) g;
SELECT bin, bin_low, bin_high, row_count, positives, round(mean_score::numeric, 7) AS mean_score, round(observed_rate::numeric, 6) AS observed
FROM unnest((SELECT calibration_table(y, p, 5, 'width') FROM eval_cases)) c;
SELECT bin, row_count, positives, round(mean_score::numeric, 6) AS mean_score, round(rate_low::numeric, 6) AS rate_low, round(rate_high::numeric, 6) AS rate_high
FROM unnest((SELECT calibration_table(y, p, 4, 'quantile') FROM eval_cases)) c;
SELECT count(*) FROM unnest((SELECT calibration_table(y, p) FROM eval_cases)) c;
SELECT threshold, true_positives AS tp, false_positives AS fp, true_positive_rate AS tpr, false_positive_rate AS fpr, round("precision"::numeric, 6) AS "precision"
FROM unnest((SELECT roc_curve(y, p) FROM eval_cases)) r;
SELECT count(*), min(threshold), max(true_positives) FROM unnest((SELECT roc_curve(y, p, 5) FROM eval_cases)) r;
-- the area below the ROC curve is the AUC
SELECT round(sum((false_positive_rate - f) * (true_positive_rate + t) / 2)::numeric, 10) AS auc
FROM (SELECT *, lag(false_positive_rate) OVER w AS f, lag(true_positive_rate) OVER w AS t
      FROM unnest((SELECT roc_curve(y, p) FROM eval_cases)) WITH ORDINALITY r WINDOW w AS (ORDER BY ordinality)) q;
SELECT contacted, threshold, positives, profit FROM unnest((SELECT profit_curve(y, p, 10, 4) FROM eval_cases)) c WHERE best;
SELECT count(*), bool_or(best) AS best FROM unnest((SELECT profit_curve(y, p, 1, 4) FROM eval_cases)) c;

-- small cases with known answers
SELECT (propensity_metrics(y, p)).auc, round((propensity_metrics(y, p)).pr_auc::numeric, 10) AS pr_auc FROM (VALUES (false, .1), (false, .4), (true, .35), (true, .8)) v (y, p);
SELECT (propensity_metrics(y, p)).auc AS ties FROM (VALUES (true, .6), (true, .2), (false, .2)) v (y, p);
SELECT round((propensity_metrics(y, p)).log_loss::numeric, 11) AS log_loss FROM (VALUES (true, .9), (false, .1), (false, .2), (true, .65)) v (y, p);
SELECT (propensity_metrics(y, p)).brier FROM (VALUES (false, .1), (true, .9), (true, .8), (false, .3)) v (y, p);
SELECT (propensity_metrics(y, p)).log_loss AS sure_and_wrong FROM (VALUES (true, 0.0), (false, .1)) v (y, p);
-- any number ranks; only probabilities are measured as such
SELECT auc, ks, log_loss, brier, calibration_slope, hl_chi2 FROM (SELECT (propensity_metrics(y, p)).* FROM (VALUES (true, 3.5), (false, -1), (true, 2), (false, 2.5)) v (y, p)) m;
-- one class, one row, no rows, NULLs
SELECT row_count, positives, auc, ks, pr_auc, round(log_loss::numeric, 6) AS log_loss, brier, brier_skill FROM (SELECT (propensity_metrics(true, p)).* FROM eval_cases) m;
SELECT row_count, auc, auc_se FROM (SELECT (propensity_metrics(true, 0.5)).*) m;
SELECT propensity_metrics(y, p) IS NULL AS metrics, gains_table(y, p) IS NULL AS gains, roc_curve(y, p) IS NULL AS roc, platt_calibration(y, p) IS NULL AS platt FROM eval_cases WHERE false;
SELECT (propensity_metrics(y, p)).row_count FROM (SELECT y, p FROM eval_cases UNION ALL VALUES (NULL, .5), (true, NULL)) v;
-- fewer rows than bins; equal scores across bins
SELECT bin, row_count, positives FROM unnest((SELECT gains_table(y, p) FROM (VALUES (true, .9), (false, .5), (true, .1)) v (y, p))) g;
SELECT bin, row_count, positives, cumulative_share FROM unnest((SELECT gains_table(y, 0.5, 4) FROM (SELECT n % 5 = 0 AS y FROM generate_series(1, 10) n) v)) g;
SELECT bin, row_count FROM unnest((SELECT gains_table(y, p, 3) FROM eval_cases)) g;

-- a well calibrated score: slope 1, intercept 0, and Hosmer-Lemeshow content
SELECT round(calibration_slope::numeric, 8) AS slope, abs(calibration_intercept) < 1e-8 AS intercept_0, hl_df, hl_p > 0.01 AS hl
FROM (SELECT (propensity_metrics(y, propensity_score(m, ARRAY[x]))).*
      FROM (SELECT n, (n * 7919 % 1000) / 1000.0 < 1 / (1 + exp(1 - n / 500.0)) AS y, n / 500.0 AS x FROM generate_series(1, 2000) n) d,
           (SELECT propensity_fit((n * 7919 % 1000) / 1000.0 < 1 / (1 + exp(1 - n / 500.0)), ARRAY[n / 500.0]) AS m FROM generate_series(1, 2000) n) f) q;

-- calibration
SELECT isotonic_regression('{1,2,1,3,4,3,6,5,8,7}') AS pooled, isotonic_regression('{3,1}', '{1,3}') AS weighted, isotonic_regression('{}') AS none, isotonic_regression(NULL) AS nothing;
SELECT p, round(propensity_calibrate(c, p)::numeric, 6) AS calibrated
FROM eval_cases, (SELECT isotonic_calibration(y, p) AS c FROM eval_cases) i ORDER BY p;
SELECT propensity_calibrate(c, -5) AS below, propensity_calibrate(c, 5) AS above, round(propensity_calibrate(c, 0.2)::numeric, 6) AS between
FROM (SELECT isotonic_calibration(y, p) AS c FROM eval_cases) i;
SELECT abs(sum(propensity_calibrate(c, p)) - 10) < 0.2 AS in_the_large, bool_and(propensity_calibrate(c, p) BETWEEN 0.1 AND 0.9) AS moderate
FROM eval_cases, (SELECT platt_calibration(y, p) AS c FROM eval_cases) i;
SELECT round((c::text::jsonb ->> 'slope')::numeric, 8) AS slope, round((c::text::jsonb ->> 'intercept')::numeric, 8) AS intercept FROM (SELECT platt_calibration(y, p) AS c FROM eval_cases) i;
SELECT c::text = c::text::propensity_calibrator::text AS platt, i::text = i::text::propensity_calibrator::text AS isotonic
FROM (SELECT platt_calibration(y, p) AS c, isotonic_calibration(y, p) AS i FROM eval_cases) q;
SELECT propensity_calibrate('{"kind": "platt", "slope": 1, "intercept": 0}', 0.25) AS same, propensity_calibrate(NULL, 0.5) AS nothing;
-- scores all the same
SELECT round(propensity_calibrate(platt_calibration(y, 0.5), 0.7)::numeric, 6) AS platt, propensity_calibrate(isotonic_calibration(y, 0.5), 0.7) AS isotonic FROM eval_cases;

-- parallel = serial, to the last bit, and row order does not matter
CREATE TABLE eval_big AS SELECT n, n % 7 = 0 AS y, (n * 7919 % 10007) / 10007.0::float8 AS p FROM generate_series(1, 30000) n;
ALTER TABLE eval_big SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT propensity_metrics(y, p) FROM eval_big;
SELECT propensity_metrics(y, p)::text AS metrics, gains_table(y, p)::text AS gains, calibration_table(y, p)::text AS calibration, roc_curve(y, p, 7)::text AS roc,
       confusion_matrix(y, p, 0.3)::text AS confusion, profit_curve(y, p, 10, 1)::text AS profit, platt_calibration(y, p)::text AS platt, isotonic_calibration(y, p)::text AS isotonic
FROM eval_big \gset parallel_
SET max_parallel_workers_per_gather = 0;
SELECT propensity_metrics(y, p ORDER BY n DESC)::text = :'parallel_metrics' AS metrics, gains_table(y, p)::text = :'parallel_gains' AS gains,
       calibration_table(y, p)::text = :'parallel_calibration' AS calibration, roc_curve(y, p, 7)::text = :'parallel_roc' AS roc,
       confusion_matrix(y, p, 0.3)::text = :'parallel_confusion' AS confusion, profit_curve(y, p, 10, 1)::text = :'parallel_profit' AS profit,
       platt_calibration(y, p)::text = :'parallel_platt' AS platt, isotonic_calibration(y, p ORDER BY p DESC)::text = :'parallel_isotonic' AS isotonic
FROM eval_big;
SET max_parallel_workers_per_gather = 0;

-- groups, FILTER, windows
SELECT n % 3 AS g, (propensity_metrics(y, p)).row_count, (propensity_metrics(y, p) FILTER (WHERE n <= 300)).row_count AS filtered FROM eval_big GROUP BY 1 ORDER BY 1;
SELECT n, (propensity_metrics(y, p) OVER (ORDER BY n)).row_count, (propensity_metrics(y, p) OVER (ORDER BY n ROWS 2 PRECEDING)).row_count AS moving FROM eval_big WHERE n <= 5;

-- errors
SELECT propensity_metrics(y, 'NaN') FROM eval_cases;
SELECT propensity_metrics(y, '-Infinity') FROM eval_cases;
SELECT gains_table(y, p, 0) FROM eval_cases;
SELECT gains_table(y, p, 1 + (p * 10)::int) FROM eval_cases;
SELECT calibration_table(y, p * 2) FROM eval_cases;
SELECT calibration_table(y, p, 5, 'equal') FROM eval_cases;
SELECT confusion_matrix(y, p, 'NaN') FROM eval_cases;
SELECT profit_curve(y, p, 1, NULL) FROM eval_cases;
SELECT platt_calibration(y, p * 2) FROM eval_cases;
SELECT propensity_calibrate('{"kind": "platt", "slope": 1, "intercept": 0}', 1.5);
SELECT propensity_calibrate('{"kind": "isotonic", "scores": [0, 1], "values": [0, 1]}', 'NaN');
SELECT '{"kind": "beta"}'::propensity_calibrator;
SELECT '{"kind": "platt", "slope": 1}'::propensity_calibrator;
SELECT '{"kind": "isotonic", "scores": [], "values": []}'::propensity_calibrator;
SELECT '{"kind": "isotonic", "scores": [1, 0], "values": [0, 1]}'::propensity_calibrator;
SELECT '{"kind": "isotonic", "scores": [0, 1], "values": [0, 2]}'::propensity_calibrator;
SELECT '{"kind": "isotonic", "scores": [0, 1], "values": [0]}'::propensity_calibrator;
SELECT isotonic_regression('{1,NULL}');
SELECT isotonic_regression('{1,2}', '{1,0}');
SELECT isotonic_regression('{1,2}', '{1}');
SELECT propensity_scores_transfn(NULL, true, 0.5);

DROP TABLE eval_cases, eval_big;
