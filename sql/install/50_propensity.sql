-- ---------------------------------------------------------------------------
-- Propensity models: the value
-- ---------------------------------------------------------------------------

CREATE TYPE propensity_model;

CREATE FUNCTION propensity_model_in(cstring) RETURNS propensity_model
    AS 'MODULE_PATHNAME', 'cj_model_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_model_in(cstring) IS 'input function of type propensity_model: JSON';

CREATE FUNCTION propensity_model_out(propensity_model) RETURNS cstring
    AS 'MODULE_PATHNAME', 'cj_model_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_model_out(propensity_model) IS 'output function of type propensity_model: JSON';

CREATE FUNCTION propensity_model_recv(internal) RETURNS propensity_model
    AS 'MODULE_PATHNAME', 'cj_model_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_model_recv(internal) IS 'binary input function of type propensity_model';

CREATE FUNCTION propensity_model_send(propensity_model) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_model_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_model_send(propensity_model) IS 'binary output function of type propensity_model';

CREATE TYPE propensity_model (
    INPUT = propensity_model_in,
    OUTPUT = propensity_model_out,
    RECEIVE = propensity_model_recv,
    SEND = propensity_model_send,
    STORAGE = external
);
COMMENT ON TYPE propensity_model IS 'a fitted or imported model with everything that scoring, explaining and watching it needs; text form JSON';

CREATE CAST (propensity_model AS jsonb) WITH INOUT;
COMMENT ON CAST (propensity_model AS jsonb) IS 'the model as a JSON document, complete';
CREATE CAST (jsonb AS propensity_model) WITH INOUT;
COMMENT ON CAST (jsonb AS propensity_model) IS 'the model that a JSON document describes; anything inconsistent is an error (22P02)';

CREATE FUNCTION propensity_model_eq(propensity_model, propensity_model) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_model_eq'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_model_eq(propensity_model, propensity_model) IS 'implementation of = operator: the same in every bit';

CREATE FUNCTION propensity_model_ne(propensity_model, propensity_model) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_model_ne'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_model_ne(propensity_model, propensity_model) IS 'implementation of <> operator';

CREATE FUNCTION propensity_model_hash(propensity_model) RETURNS integer
    AS 'MODULE_PATHNAME', 'cj_model_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_model_hash(propensity_model) IS 'hash';

CREATE FUNCTION propensity_model_hash_extended(propensity_model, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cj_model_hash_extended'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_model_hash_extended(propensity_model, bigint) IS 'hash with a seed';

CREATE OPERATOR = (
    LEFTARG = propensity_model, RIGHTARG = propensity_model,
    FUNCTION = propensity_model_eq, COMMUTATOR = =, NEGATOR = <>,
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES
);
COMMENT ON OPERATOR = (propensity_model, propensity_model) IS 'equal: the same in every bit';

CREATE OPERATOR <> (
    LEFTARG = propensity_model, RIGHTARG = propensity_model,
    FUNCTION = propensity_model_ne, COMMUTATOR = <>, NEGATOR = =,
    RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (propensity_model, propensity_model) IS 'not equal';

CREATE OPERATOR CLASS propensity_model_hash_ops DEFAULT FOR TYPE propensity_model USING hash AS
    OPERATOR 1 = (propensity_model, propensity_model),
    FUNCTION 1 propensity_model_hash(propensity_model),
    FUNCTION 2 propensity_model_hash_extended(propensity_model, bigint);
COMMENT ON OPERATOR CLASS propensity_model_hash_ops USING hash IS 'equality of models, for GROUP BY and DISTINCT';

-- ---------------------------------------------------------------------------
-- Samples: rows collected for a fit or an evaluation
-- ---------------------------------------------------------------------------

CREATE TYPE propensity_sample;

CREATE FUNCTION propensity_sample_in(cstring) RETURNS propensity_sample
    AS 'MODULE_PATHNAME', 'cj_sample_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_sample_in(cstring) IS 'input function of type propensity_sample: hexadecimal';

CREATE FUNCTION propensity_sample_out(propensity_sample) RETURNS cstring
    AS 'MODULE_PATHNAME', 'cj_sample_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_sample_out(propensity_sample) IS 'output function of type propensity_sample: hexadecimal';

CREATE FUNCTION propensity_sample_recv(internal) RETURNS propensity_sample
    AS 'MODULE_PATHNAME', 'cj_sample_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_sample_recv(internal) IS 'binary input function of type propensity_sample';

CREATE FUNCTION propensity_sample_send(propensity_sample) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_sample_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_sample_send(propensity_sample) IS 'binary output function of type propensity_sample';

CREATE TYPE propensity_sample (
    INPUT = propensity_sample_in,
    OUTPUT = propensity_sample_out,
    RECEIVE = propensity_sample_recv,
    SEND = propensity_sample_send,
    ALIGNMENT = double,
    STORAGE = external
);
COMMENT ON TYPE propensity_sample IS 'outcomes with numbers, row by row: the state of the propensity aggregates, so that partial results can be combined anywhere';

CREATE FUNCTION propensity_sample_combine(propensity_sample, propensity_sample) RETURNS propensity_sample
    AS 'MODULE_PATHNAME', 'cj_sample_combine'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION propensity_sample_combine(propensity_sample, propensity_sample) IS 'combine function of the propensity aggregates';

-- ---------------------------------------------------------------------------
-- Fitting
-- ---------------------------------------------------------------------------

CREATE TYPE fit_options AS (
    names text[],
    exclude text[],
    reference jsonb,
    l1 double precision,
    l2 double precision,
    standardize boolean,
    firth boolean,
    balanced boolean,
    class_weights double precision[],
    prior double precision,
    intercept boolean,
    standard_errors text,
    missing text,
    min_count integer,
    max_levels integer,
    max_iterations integer,
    tolerance double precision,
    bins integer,
    cluster text,
    profile double precision
);
COMMENT ON TYPE fit_options IS 'options of propensity_fit, made by the function fit_options';

CREATE FUNCTION fit_options(
    names text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    reference jsonb DEFAULT NULL,
    l1 double precision DEFAULT NULL,
    l2 double precision DEFAULT NULL,
    standardize boolean DEFAULT NULL,
    firth boolean DEFAULT NULL,
    balanced boolean DEFAULT NULL,
    class_weights double precision[] DEFAULT NULL,
    prior double precision DEFAULT NULL,
    intercept boolean DEFAULT NULL,
    standard_errors text DEFAULT NULL,
    missing text DEFAULT NULL,
    min_count integer DEFAULT NULL,
    max_levels integer DEFAULT NULL,
    max_iterations integer DEFAULT NULL,
    tolerance double precision DEFAULT NULL,
    bins integer DEFAULT NULL,
    cluster text DEFAULT NULL,
    profile double precision DEFAULT NULL
) RETURNS fit_options
    AS 'MODULE_PATHNAME', 'cj_options_build'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION fit_options(text[], text[], jsonb, double precision, double precision, boolean, boolean, boolean, double precision[], double precision, boolean, text, text, integer, integer, integer, double precision, integer, text, double precision) IS
    'options of propensity_fit: names (of array elements), exclude (columns), reference (levels, {"column": "level"}), l1 and l2 (penalties a row), standardize (true), firth, balanced, class_weights (of false, of true), prior (true rate of the outcome), intercept (true), standard_errors (model, HC0, HC1, CR0, CR1), missing (mean, zero, indicator, skip, error), min_count (rarer levels are joined), max_levels (100), max_iterations (100), tolerance (1e-10), bins (10), cluster (column, or array element by its name, whose rows may depend on each other: no feature, standard errors CR1 unless CR0 is asked for), profile (level, such as 0.95, of intervals by profile likelihood)';

CREATE FUNCTION propensity_fit_transfn(internal, boolean, record) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_fit_record_transition'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_fit_transfn(internal, boolean, record) IS 'transition function of propensity_fit';

CREATE FUNCTION propensity_fit_transfn(internal, boolean, record, fit_options) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_fit_record_transition'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_fit_transfn(internal, boolean, record, fit_options) IS 'transition function of propensity_fit';

CREATE FUNCTION propensity_fit_transfn(internal, boolean, record, double precision, fit_options) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_fit_record_transition'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_fit_transfn(internal, boolean, record, double precision, fit_options) IS 'transition function of propensity_fit';

CREATE FUNCTION propensity_fit_combinefn(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_fit_record_combine'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION propensity_fit_combinefn(internal, internal) IS 'combine function of propensity_fit';

CREATE FUNCTION propensity_fit_serialfn(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_fit_record_serialize'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_fit_serialfn(internal) IS 'serialization function of propensity_fit';

CREATE FUNCTION propensity_fit_deserialfn(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_fit_record_deserialize'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_fit_deserialfn(bytea, internal) IS 'deserialization function of propensity_fit';

CREATE FUNCTION propensity_fit_finalfn(internal) RETURNS propensity_model
    AS 'MODULE_PATHNAME', 'cj_fit_record_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION propensity_fit_finalfn(internal) IS 'final function of propensity_fit';

CREATE FUNCTION propensity_fit_transfn(propensity_sample, boolean, double precision[]) RETURNS propensity_sample
    AS 'MODULE_PATHNAME', 'cj_fit_array_transition'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_fit_transfn(propensity_sample, boolean, double precision[]) IS 'transition function of propensity_fit';

CREATE FUNCTION propensity_fit_transfn(propensity_sample, boolean, double precision[], fit_options) RETURNS propensity_sample
    AS 'MODULE_PATHNAME', 'cj_fit_array_transition'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_fit_transfn(propensity_sample, boolean, double precision[], fit_options) IS 'transition function of propensity_fit';

CREATE FUNCTION propensity_fit_transfn(propensity_sample, boolean, double precision[], double precision, fit_options) RETURNS propensity_sample
    AS 'MODULE_PATHNAME', 'cj_fit_array_transition'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_fit_transfn(propensity_sample, boolean, double precision[], double precision, fit_options) IS 'transition function of propensity_fit';

CREATE FUNCTION propensity_fit_finalfn(propensity_sample) RETURNS propensity_model
    AS 'MODULE_PATHNAME', 'cj_fit_array_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION propensity_fit_finalfn(propensity_sample) IS 'final function of propensity_fit';

-- SSPACE: a group of 64 rows of 10 features, with its room to grow.
CREATE AGGREGATE propensity_fit(outcome boolean, features record) (
    SFUNC = propensity_fit_transfn, STYPE = internal, SSPACE = 16384,
    FINALFUNC = propensity_fit_finalfn, COMBINEFUNC = propensity_fit_combinefn,
    SERIALFUNC = propensity_fit_serialfn, DESERIALFUNC = propensity_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE propensity_fit(boolean, record) IS
    'logistic regression of the outcome on the record''s columns: numbers, booleans, text and enums as categories, float8[] as several numbers; rows with a NULL outcome are skipped, no rows give NULL; NaN, infinities (22003) and columns of other types (42804) are errors';

CREATE AGGREGATE propensity_fit(outcome boolean, features record, options fit_options) (
    SFUNC = propensity_fit_transfn, STYPE = internal, SSPACE = 16384,
    FINALFUNC = propensity_fit_finalfn, COMBINEFUNC = propensity_fit_combinefn,
    SERIALFUNC = propensity_fit_serialfn, DESERIALFUNC = propensity_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE propensity_fit(boolean, record, fit_options) IS
    'logistic regression of the outcome on the record''s columns, with options';

CREATE AGGREGATE propensity_fit(outcome boolean, features record, weight double precision, options fit_options) (
    SFUNC = propensity_fit_transfn, STYPE = internal, SSPACE = 16384,
    FINALFUNC = propensity_fit_finalfn, COMBINEFUNC = propensity_fit_combinefn,
    SERIALFUNC = propensity_fit_serialfn, DESERIALFUNC = propensity_fit_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE propensity_fit(boolean, record, double precision, fit_options) IS
    'logistic regression of the outcome on the record''s columns, each row counting as often as its weight says; rows whose weight is NULL or 0 are skipped, a negative weight is an error (22023)';

CREATE AGGREGATE propensity_fit(outcome boolean, features double precision[]) (
    SFUNC = propensity_fit_transfn, STYPE = propensity_sample, SSPACE = 16384,
    FINALFUNC = propensity_fit_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE propensity_fit(boolean, double precision[]) IS
    'logistic regression of the outcome on the array''s elements; a NULL element is a missing value, a NULL array or outcome skips the row, no rows give NULL; arrays of another length (22023), NaN and infinities (22003) are errors';

CREATE AGGREGATE propensity_fit(outcome boolean, features double precision[], options fit_options) (
    SFUNC = propensity_fit_transfn, STYPE = propensity_sample, SSPACE = 16384,
    FINALFUNC = propensity_fit_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE propensity_fit(boolean, double precision[], fit_options) IS
    'logistic regression of the outcome on the array''s elements, with options';

CREATE AGGREGATE propensity_fit(outcome boolean, features double precision[], weight double precision, options fit_options) (
    SFUNC = propensity_fit_transfn, STYPE = propensity_sample, SSPACE = 16384,
    FINALFUNC = propensity_fit_finalfn, COMBINEFUNC = propensity_sample_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE propensity_fit(boolean, double precision[], double precision, fit_options) IS
    'logistic regression of the outcome on the array''s elements, each row counting as often as its weight says';

-- ---------------------------------------------------------------------------
-- What a model says of itself
-- ---------------------------------------------------------------------------

CREATE FUNCTION propensity_coefficients(model propensity_model, level double precision DEFAULT 0.95)
    RETURNS TABLE (term text, feature text, level_name text, estimate double precision,
                   std_error double precision, z double precision, p double precision,
                   odds_ratio double precision, odds_low double precision, odds_high double precision,
                   standardized double precision, profile_low double precision, profile_high double precision)
    AS 'MODULE_PATHNAME', 'cj_coefficients'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION propensity_coefficients(propensity_model, double precision) IS
    'the model''s terms with estimate, standard error, z, two-sided p, odds ratio and its interval at the level, the estimate for one standard deviation, and the estimate''s interval by profile likelihood if the model was fitted with it at the same level (else NULL); NULL estimates are of terms that are constant or combinations of others; NULL errors mean that the fit gives none (l1 penalty); no rows for trees';

CREATE FUNCTION propensity_covariance(model propensity_model)
    RETURNS TABLE (term text, other_term text, covariance double precision)
    AS 'MODULE_PATHNAME', 'cj_covariances'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 400;
COMMENT ON FUNCTION propensity_covariance(propensity_model) IS
    'covariance of every two coefficients, for tests of one''s own; no rows when the fit gives none';

CREATE FUNCTION propensity_features(model propensity_model)
    RETURNS TABLE (feature text, type text, terms integer, row_count bigint, missing bigint,
                   mean double precision, sd double precision, levels text[], reference text,
                   wald_chi2 double precision, wald_df integer, wald_p double precision)
    AS 'MODULE_PATHNAME', 'cj_features'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION propensity_features(propensity_model) IS
    'the model''s inputs: type (number, boolean, category), terms, training rows and how many lacked the value (NULL with bins => 0), mean and standard deviation, levels, and Wald''s test that all of its terms are zero';

CREATE FUNCTION propensity_summary(model propensity_model) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'cj_summary'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_summary(propensity_model) IS
    'the fit as a whole: rows, likelihood, AIC and BIC, convergence, separation, aliased terms, condition number, options, and warnings in words';

-- ---------------------------------------------------------------------------
-- Scoring
-- ---------------------------------------------------------------------------

CREATE FUNCTION propensity_score(model propensity_model, features record) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_score_record'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION propensity_score(propensity_model, record) IS
    'probability of the outcome, 0 to 1; columns are found by name, others ignored; a missing column (42703) or one of another kind (42804) is an error; a NULL record has all values missing; a NULL model gives NULL';

CREATE FUNCTION propensity_score(model propensity_model, features double precision[]) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_score_array'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION propensity_score(propensity_model, double precision[]) IS
    'probability of the outcome, 0 to 1, for a model fitted on arrays or imported; NULL elements are missing values, a NULL array gives NULL';

CREATE FUNCTION propensity_link(model propensity_model, features record) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_link_record'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION propensity_link(propensity_model, record) IS 'log-odds of the score';

CREATE FUNCTION propensity_link(model propensity_model, features double precision[]) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_link_array'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION propensity_link(propensity_model, double precision[]) IS 'log-odds of the score';

CREATE FUNCTION propensity_class(model propensity_model, features record, threshold double precision DEFAULT 0.5) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_class_record'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION propensity_class(propensity_model, record, double precision) IS 'is the score at least the threshold (0 to 1)?';

CREATE FUNCTION propensity_class(model propensity_model, features double precision[], threshold double precision DEFAULT 0.5) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_class_array'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION propensity_class(propensity_model, double precision[], double precision) IS 'is the score at least the threshold (0 to 1)?';

CREATE FUNCTION propensity_percentile(model propensity_model, features record) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_percentile_record'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION propensity_percentile(propensity_model, record) IS
    'share of the training rows with a lower score, 0 to 1, to a hundredth or better; NULL for imported models';

CREATE FUNCTION propensity_percentile(model propensity_model, features double precision[]) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_percentile_array'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5;
COMMENT ON FUNCTION propensity_percentile(propensity_model, double precision[]) IS
    'share of the training rows with a lower score, 0 to 1, to a hundredth or better; NULL for imported models';

CREATE FUNCTION propensity_interval(model propensity_model, features record, level double precision DEFAULT 0.95,
                                    OUT low double precision, OUT score double precision, OUT high double precision)
    AS 'MODULE_PATHNAME', 'cj_interval_record'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20;
COMMENT ON FUNCTION propensity_interval(propensity_model, record, double precision) IS
    'the score with its confidence interval (of the log-odds, turned into probabilities); low and high are NULL when the fit gives no standard errors';

CREATE FUNCTION propensity_interval(model propensity_model, features double precision[], level double precision DEFAULT 0.95,
                                    OUT low double precision, OUT score double precision, OUT high double precision)
    AS 'MODULE_PATHNAME', 'cj_interval_array'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20;
COMMENT ON FUNCTION propensity_interval(propensity_model, double precision[], double precision) IS
    'the score with its confidence interval (of the log-odds, turned into probabilities); low and high are NULL when the fit gives no standard errors';

CREATE FUNCTION propensity_explain(model propensity_model, features record, top integer DEFAULT NULL, by_term boolean DEFAULT false)
    RETURNS TABLE (rank integer, feature text, value text, contribution double precision, odds_factor double precision)
    AS 'MODULE_PATHNAME', 'cj_explain_record'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20 ROWS 10;
COMMENT ON FUNCTION propensity_explain(propensity_model, record, integer, boolean) IS
    'why this score: what each feature adds to the log-odds against the average training row, strongest first; rows "(others)" (beyond top) and "(baseline)" complete the sum; Shapley values for trees';

CREATE FUNCTION propensity_explain(model propensity_model, features double precision[], top integer DEFAULT NULL, by_term boolean DEFAULT false)
    RETURNS TABLE (rank integer, feature text, value text, contribution double precision, odds_factor double precision)
    AS 'MODULE_PATHNAME', 'cj_explain_array'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20 ROWS 10;
COMMENT ON FUNCTION propensity_explain(propensity_model, double precision[], integer, boolean) IS
    'why this score: what each feature adds to the log-odds against the average training row, strongest first; rows "(others)" (beyond top) and "(baseline)" complete the sum; Shapley values for trees';
