-- ---------------------------------------------------------------------------
-- Propensity models: how good are the scores?
-- ---------------------------------------------------------------------------

CREATE FUNCTION propensity_scores_transfn(propensity_sample, boolean, double precision) RETURNS propensity_sample
    AS 'MODULE_PATHNAME', 'cj_scores_transition'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_scores_transfn(propensity_sample, boolean, double precision) IS 'transition function of aggregates over outcomes and scores';

CREATE FUNCTION propensity_scores_transfn(propensity_sample, boolean, double precision, integer) RETURNS propensity_sample
    AS 'MODULE_PATHNAME', 'cj_scores_transition_bins'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_scores_transfn(propensity_sample, boolean, double precision, integer) IS 'transition function of aggregates over outcomes and scores';

CREATE FUNCTION propensity_scores_transfn(propensity_sample, boolean, double precision, integer, text) RETURNS propensity_sample
    AS 'MODULE_PATHNAME', 'cj_scores_transition_method'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_scores_transfn(propensity_sample, boolean, double precision, integer, text) IS 'transition function of aggregates over outcomes and scores';

CREATE FUNCTION propensity_scores_transfn(propensity_sample, boolean, double precision, double precision) RETURNS propensity_sample
    AS 'MODULE_PATHNAME', 'cj_scores_transition_threshold'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_scores_transfn(propensity_sample, boolean, double precision, double precision) IS 'transition function of aggregates over outcomes and scores';

CREATE FUNCTION propensity_scores_transfn(propensity_sample, boolean, double precision, double precision, double precision) RETURNS propensity_sample
    AS 'MODULE_PATHNAME', 'cj_scores_transition_profit'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_scores_transfn(propensity_sample, boolean, double precision, double precision, double precision) IS 'transition function of aggregates over outcomes and scores';

-- ---------------------------------------------------------------------------
-- One row of numbers
-- ---------------------------------------------------------------------------

CREATE TYPE propensity_quality AS (
    row_count bigint,
    positives bigint,
    base_rate double precision,
    auc double precision,
    auc_se double precision,
    gini double precision,
    ks double precision,
    ks_score double precision,
    pr_auc double precision,
    log_loss double precision,
    brier double precision,
    brier_skill double precision,
    ece double precision,
    calibration_slope double precision,
    calibration_intercept double precision,
    hl_chi2 double precision,
    hl_df integer,
    hl_p double precision
);
COMMENT ON TYPE propensity_quality IS 'result of propensity_metrics';
COMMENT ON COLUMN propensity_quality.base_rate IS 'share of positive outcomes';
COMMENT ON COLUMN propensity_quality.auc IS 'share of pairs of a positive and a negative row in the right order, equal scores counting half';
COMMENT ON COLUMN propensity_quality.auc_se IS 'DeLong''s standard error of auc';
COMMENT ON COLUMN propensity_quality.gini IS '2 auc - 1';
COMMENT ON COLUMN propensity_quality.ks IS 'greatest distance between the two classes'' distributions of scores';
COMMENT ON COLUMN propensity_quality.ks_score IS 'the highest score at which ks is reached';
COMMENT ON COLUMN propensity_quality.pr_auc IS 'average precision: precision at each positive row, from the highest score down';
COMMENT ON COLUMN propensity_quality.log_loss IS 'mean of -ln(probability of what happened); Infinity if a score of 0 or 1 was wrong';
COMMENT ON COLUMN propensity_quality.brier IS 'mean squared difference of score and outcome';
COMMENT ON COLUMN propensity_quality.brier_skill IS '1 - brier / brier of the base rate';
COMMENT ON COLUMN propensity_quality.ece IS 'expected calibration error: mean distance of mean score and observed rate over the bins [0, 0.1), [0.1, 0.2), ... [0.9, 1], weighted by rows';
COMMENT ON COLUMN propensity_quality.calibration_slope IS 'of a logistic regression of the outcome on the score''s log-odds; 1 is ideal, below 1 is overfitted';
COMMENT ON COLUMN propensity_quality.calibration_intercept IS 'of the same regression; 0 is ideal';
COMMENT ON COLUMN propensity_quality.hl_chi2 IS 'Hosmer and Lemeshow''s statistic over 10 groups of equal size, equal scores together';

CREATE FUNCTION propensity_metrics_finalfn(propensity_sample) RETURNS propensity_quality
    AS 'MODULE_PATHNAME', 'cj_metrics_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION propensity_metrics_finalfn(propensity_sample) IS 'final function of propensity_metrics';

CREATE AGGREGATE propensity_metrics(outcome boolean, score double precision) (
    SFUNC = propensity_scores_transfn, STYPE = propensity_sample, SSPACE = 8192,
    FINALFUNC = propensity_metrics_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE propensity_metrics(boolean, double precision) IS
    'how good scores are, in one pass: ranking (auc, gini, ks, pr_auc), probabilities (log_loss, brier, ece) and calibration; rows with a NULL are skipped, no rows give NULL; with one class only, ranking is NULL; with scores outside 0 to 1, the rest is';

-- ---------------------------------------------------------------------------
-- Tables
-- ---------------------------------------------------------------------------

CREATE TYPE gains_row AS (
    bin integer,
    row_count bigint,
    positives double precision,
    score_low double precision,
    score_high double precision,
    response_rate double precision,
    lift double precision,
    cumulative_rows bigint,
    cumulative_positives double precision,
    cumulative_share double precision,
    cumulative_rate double precision,
    cumulative_lift double precision
);
COMMENT ON TYPE gains_row IS 'a row of gains_table: rows by falling score, the best first';
COMMENT ON COLUMN gains_row.positives IS 'positive rows; where equal scores are cut, each bin gets its share of theirs';
COMMENT ON COLUMN gains_row.lift IS 'response_rate / overall rate';
COMMENT ON COLUMN gains_row.cumulative_share IS 'share of all positive rows that are in this bin or a better one';

CREATE FUNCTION gains_table_finalfn(propensity_sample) RETURNS gains_row[]
    AS 'MODULE_PATHNAME', 'cj_gains_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gains_table_finalfn(propensity_sample) IS 'final function of gains_table';

CREATE AGGREGATE gains_table(outcome boolean, score double precision) (
    SFUNC = propensity_scores_transfn, STYPE = propensity_sample, SSPACE = 8192,
    FINALFUNC = gains_table_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE gains_table(boolean, double precision) IS
    'ten bins of rows by falling score with response, lift and their cumulative forms; read it with unnest';

CREATE AGGREGATE gains_table(outcome boolean, score double precision, bins integer) (
    SFUNC = propensity_scores_transfn, STYPE = propensity_sample, SSPACE = 8192,
    FINALFUNC = gains_table_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE gains_table(boolean, double precision, integer) IS
    'gains table of so many bins (1 to 10000, else 22023)';

CREATE TYPE calibration_row AS (
    bin integer,
    bin_low double precision,
    bin_high double precision,
    row_count bigint,
    positives bigint,
    mean_score double precision,
    observed_rate double precision,
    rate_low double precision,
    rate_high double precision
);
COMMENT ON TYPE calibration_row IS 'a row of calibration_table; a bin holds its upper edge, the first its lower one too; rate_low and rate_high are Wilson''s 95 % interval of observed_rate; empty bins are left out';

CREATE FUNCTION calibration_table_finalfn(propensity_sample) RETURNS calibration_row[]
    AS 'MODULE_PATHNAME', 'cj_reliability_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION calibration_table_finalfn(propensity_sample) IS 'final function of calibration_table';

CREATE AGGREGATE calibration_table(outcome boolean, score double precision) (
    SFUNC = propensity_scores_transfn, STYPE = propensity_sample, SSPACE = 8192,
    FINALFUNC = calibration_table_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE calibration_table(boolean, double precision) IS
    'mean score beside observed rate in ten bins of equal width; scores outside 0 to 1 are an error (22023)';

CREATE AGGREGATE calibration_table(outcome boolean, score double precision, bins integer, method text) (
    SFUNC = propensity_scores_transfn, STYPE = propensity_sample, SSPACE = 8192,
    FINALFUNC = calibration_table_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE calibration_table(boolean, double precision, integer, text) IS
    'mean score beside observed rate in so many bins of equal width (method ''width'') or equal size (''quantile'', equal scores together)';

CREATE TYPE roc_point AS (
    threshold double precision,
    true_positives bigint,
    false_positives bigint,
    true_negatives bigint,
    false_negatives bigint,
    true_positive_rate double precision,
    false_positive_rate double precision,
    "precision" double precision
);
COMMENT ON TYPE roc_point IS 'a row of roc_curve: rows with a score of at least threshold count as positive';

CREATE FUNCTION roc_curve_finalfn(propensity_sample) RETURNS roc_point[]
    AS 'MODULE_PATHNAME', 'cj_roc_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION roc_curve_finalfn(propensity_sample) IS 'final function of roc_curve';

CREATE AGGREGATE roc_curve(outcome boolean, score double precision) (
    SFUNC = propensity_scores_transfn, STYPE = propensity_sample, SSPACE = 8192,
    FINALFUNC = roc_curve_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE roc_curve(boolean, double precision) IS
    'every distinct score as a threshold, from the highest down, thinned to about 1000 where there are more; also the points of a precision-recall curve';

CREATE AGGREGATE roc_curve(outcome boolean, score double precision, points integer) (
    SFUNC = propensity_scores_transfn, STYPE = propensity_sample, SSPACE = 8192,
    FINALFUNC = roc_curve_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE roc_curve(boolean, double precision, integer) IS
    'ROC curve of about so many points (1 to 10000, else 22023)';

CREATE TYPE confusion_row AS (
    threshold double precision,
    true_positives bigint,
    false_positives bigint,
    true_negatives bigint,
    false_negatives bigint,
    accuracy double precision,
    "precision" double precision,
    recall double precision,
    specificity double precision,
    f1 double precision,
    mcc double precision
);
COMMENT ON TYPE confusion_row IS 'result of confusion_matrix; ratios whose denominator is 0 are NULL';

CREATE FUNCTION confusion_matrix_finalfn(propensity_sample) RETURNS confusion_row
    AS 'MODULE_PATHNAME', 'cj_confusion_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION confusion_matrix_finalfn(propensity_sample) IS 'final function of confusion_matrix';

CREATE AGGREGATE confusion_matrix(outcome boolean, score double precision, threshold double precision) (
    SFUNC = propensity_scores_transfn, STYPE = propensity_sample, SSPACE = 8192,
    FINALFUNC = confusion_matrix_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE confusion_matrix(boolean, double precision, double precision) IS
    'counts of right and wrong when scores of at least the threshold (NULL: 0.5) count as positive, with accuracy, precision, recall, specificity, F1 and Matthews'' correlation';

CREATE TYPE profit_row AS (
    contacted_share double precision,
    contacted bigint,
    threshold double precision,
    positives double precision,
    profit double precision,
    best boolean
);
COMMENT ON TYPE profit_row IS 'a row of profit_curve: the best-scored share of the rows is contacted';

CREATE FUNCTION profit_curve_finalfn(propensity_sample) RETURNS profit_row[]
    AS 'MODULE_PATHNAME', 'cj_profit_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION profit_curve_finalfn(propensity_sample) IS 'final function of profit_curve';

CREATE AGGREGATE profit_curve(outcome boolean, score double precision, benefit double precision, cost double precision) (
    SFUNC = propensity_scores_transfn, STYPE = propensity_sample, SSPACE = 8192,
    FINALFUNC = profit_curve_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE profit_curve(boolean, double precision, double precision, double precision) IS
    'what contacting the best 1 %, 2 %, ... 100 % earns: benefit for each positive outcome less cost for each contact; best marks the highest profit, none when all lose';

-- ---------------------------------------------------------------------------
-- Calibration
-- ---------------------------------------------------------------------------

CREATE TYPE propensity_calibrator;

CREATE FUNCTION propensity_calibrator_in(cstring) RETURNS propensity_calibrator
    AS 'MODULE_PATHNAME', 'cj_calibrator_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_calibrator_in(cstring) IS 'input function of type propensity_calibrator: JSON';

CREATE FUNCTION propensity_calibrator_out(propensity_calibrator) RETURNS cstring
    AS 'MODULE_PATHNAME', 'cj_calibrator_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_calibrator_out(propensity_calibrator) IS 'output function of type propensity_calibrator: JSON';

CREATE FUNCTION propensity_calibrator_recv(internal) RETURNS propensity_calibrator
    AS 'MODULE_PATHNAME', 'cj_calibrator_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_calibrator_recv(internal) IS 'binary input function of type propensity_calibrator';

CREATE FUNCTION propensity_calibrator_send(propensity_calibrator) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_calibrator_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_calibrator_send(propensity_calibrator) IS 'binary output function of type propensity_calibrator';

CREATE TYPE propensity_calibrator (
    INPUT = propensity_calibrator_in,
    OUTPUT = propensity_calibrator_out,
    RECEIVE = propensity_calibrator_recv,
    SEND = propensity_calibrator_send,
    STORAGE = extended
);
COMMENT ON TYPE propensity_calibrator IS 'a map from scores to probabilities, learnt from outcomes; text form JSON';

CREATE FUNCTION platt_calibration_finalfn(propensity_sample) RETURNS propensity_calibrator
    AS 'MODULE_PATHNAME', 'cj_platt_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION platt_calibration_finalfn(propensity_sample) IS 'final function of platt_calibration';

CREATE AGGREGATE platt_calibration(outcome boolean, score double precision) (
    SFUNC = propensity_scores_transfn, STYPE = propensity_sample, SSPACE = 8192,
    FINALFUNC = platt_calibration_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE platt_calibration(boolean, double precision) IS
    'Platt''s calibration: probability = expit(intercept + slope * log-odds of the score), fitted to smoothed outcomes; keeps the order; scores outside 0 to 1 are an error (22023)';

CREATE FUNCTION isotonic_calibration_finalfn(propensity_sample) RETURNS propensity_calibrator
    AS 'MODULE_PATHNAME', 'cj_isotonic_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION isotonic_calibration_finalfn(propensity_sample) IS 'final function of isotonic_calibration';

CREATE AGGREGATE isotonic_calibration(outcome boolean, score double precision) (
    SFUNC = propensity_scores_transfn, STYPE = propensity_sample, SSPACE = 8192,
    FINALFUNC = isotonic_calibration_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE isotonic_calibration(boolean, double precision) IS
    'isotonic calibration: the best non-falling fit of outcomes to scores (any numbers), linear between the points, flat beyond them';

CREATE FUNCTION propensity_calibrate(calibrator propensity_calibrator, score double precision) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_calibrate_score'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION propensity_calibrate(propensity_calibrator, double precision) IS 'the probability that a score stands for';

CREATE FUNCTION isotonic_regression(y double precision[], weights double precision[] DEFAULT NULL) RETURNS double precision[]
    AS 'MODULE_PATHNAME', 'cj_isotonic_regression'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION isotonic_regression(double precision[], double precision[]) IS
    'the non-falling sequence nearest to y in (weighted) squares; NULL elements and weights of 0 or less are errors (22023)';
