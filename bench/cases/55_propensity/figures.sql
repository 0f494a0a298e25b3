SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE figure (place serial, name text, value float8, unit text);
CREATE TEMP TABLE floor AS
SELECT propensity_seconds('SELECT count(y), count(x) FROM propensity_arrays') AS of_arrays,
	propensity_seconds('SELECT count(y), count(f) FROM propensity_rows, LATERAL (SELECT x1, x2, x3, x4, x5, x6, x7, x8, x9, x10) f') AS of_records,
	propensity_seconds('SELECT count(y), count(p) FROM propensity_scores') AS of_scores;
INSERT INTO figure (name, value, unit)
SELECT 'fit_array', propensity_seconds('SELECT propensity_fit(y, x) FROM propensity_arrays') - of_arrays, 's' FROM floor;
INSERT INTO figure (name, value, unit)
SELECT 'fit_record', propensity_seconds('SELECT propensity_fit(y, f) FROM propensity_rows, LATERAL (SELECT x1, x2, x3, x4, x5, x6, x7, x8, x9, x10) f') - of_records, 's' FROM floor;
INSERT INTO figure (name, value, unit)
SELECT 'score_array', propensity_seconds('SELECT count(propensity_score((SELECT on_array FROM propensity_bench), x)), count(y) FROM propensity_arrays') - of_arrays, 's' FROM floor;
INSERT INTO figure (name, value, unit)
SELECT 'score_record', propensity_seconds('SELECT count(propensity_score((SELECT on_record FROM propensity_bench), f)), count(y) FROM propensity_rows, LATERAL (SELECT x1, x2, x3, x4, x5, x6, x7, x8, x9, x10) f') - of_records, 's' FROM floor;
INSERT INTO figure (name, value, unit)
SELECT 'evaluation', propensity_seconds('SELECT propensity_metrics(y, p), gains_table(y, p), calibration_table(y, p) FROM propensity_scores') - of_scores, 's' FROM floor;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
INSERT INTO figure (name, value, unit)
SELECT 'fit_array_2_workers', propensity_seconds('SELECT propensity_fit(y, x) FROM propensity_arrays'), 's with the scan';
INSERT INTO figure (name, value, unit)
SELECT 'fit_record_2_workers', propensity_seconds('SELECT propensity_fit(y, f) FROM propensity_rows, LATERAL (SELECT x1, x2, x3, x4, x5, x6, x7, x8, x9, x10) f'), 's with the scan';

-- other programs on the same rows, timed by themselves once they have read them
CREATE TEMP TABLE peer (name text, value float8);
COPY (SELECT y::int, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10 FROM propensity_rows) TO PROGRAM 'cat > propensity_bench.csv' WITH (FORMAT csv);
COPY peer FROM PROGRAM $$command -v Rscript >/dev/null || exit 0; Rscript -e 'm <- matrix(scan("propensity_bench.csv", sep = ",", quiet = TRUE), ncol = 11, byrow = TRUE); x <- cbind(1, m[, -1]); t <- median(sapply(1:3, function(i) system.time(glm.fit(x, m[, 1], family = binomial()))[["elapsed"]])); cat("R_glm_fit,", t, "\n", sep = "")'$$ WITH (FORMAT csv);
COPY peer FROM PROGRAM $$for p in python3 /usr/bin/python3; do $p -c 'import sklearn' 2>/dev/null && break; done; $p -c 'import sklearn' 2>/dev/null || exit 0; OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $p -c '
import time, numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, log_loss, brier_score_loss
m = np.loadtxt("propensity_bench.csv", delimiter=",")
y, x = m[:, 0], m[:, 1:]
def timed(f):
    taken = []
    for i in range(3):
        began = time.perf_counter(); r = f(); taken.append(time.perf_counter() - began)
    return sorted(taken)[1], r
t, fit = timed(lambda: LogisticRegression(penalty="none", solver="lbfgs", tol=1e-8, max_iter=1000).fit(x, y))
print("sklearn_lbfgs,%.3f" % t)
t, p = timed(lambda: fit.predict_proba(x)[:, 1])
print("sklearn_score,%.3f" % t)
t, p = timed(lambda: (roc_auc_score(y, p), log_loss(y, p), brier_score_loss(y, p)))
print("sklearn_auc_logloss_brier,%.3f" % t)
'$$ WITH (FORMAT csv);
INSERT INTO figure (name, value, unit) SELECT name, value, 's, data in memory' FROM peer;
COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; rm -f propensity_bench.csv';
SELECT name, round(value::numeric, 3), unit FROM figure ORDER BY place;
