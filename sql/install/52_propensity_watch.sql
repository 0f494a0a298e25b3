-- ---------------------------------------------------------------------------
-- Propensity models: splits, drift, import
-- ---------------------------------------------------------------------------

CREATE FUNCTION holdout(key text, share double precision DEFAULT 0.2, salt text DEFAULT '') RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_holdout_text'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION holdout(text, double precision, text) IS
    'is this key in the share (0 to 1) that is held out? by a hash that is the same on every server; another salt splits independently';

CREATE FUNCTION holdout(key bigint, share double precision DEFAULT 0.2, salt text DEFAULT '') RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_holdout_bigint'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION holdout(bigint, double precision, text) IS 'the same for a number: as for its decimal text';

CREATE FUNCTION holdout(key uuid, share double precision DEFAULT 0.2, salt text DEFAULT '') RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_holdout_uuid'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION holdout(uuid, double precision, text) IS 'the same for a uuid: as for its text';

CREATE FUNCTION fold(key text, folds integer DEFAULT 5, salt text DEFAULT '') RETURNS integer
    AS 'MODULE_PATHNAME', 'cj_fold_text'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION fold(text, integer, text) IS 'which of so many folds, 1 to folds, a key is in, for cross-validation; by the same hash as holdout';

CREATE FUNCTION fold(key bigint, folds integer DEFAULT 5, salt text DEFAULT '') RETURNS integer
    AS 'MODULE_PATHNAME', 'cj_fold_bigint'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION fold(bigint, integer, text) IS 'the same for a number: as for its decimal text';

CREATE FUNCTION fold(key uuid, folds integer DEFAULT 5, salt text DEFAULT '') RETURNS integer
    AS 'MODULE_PATHNAME', 'cj_fold_uuid'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION fold(uuid, integer, text) IS 'the same for a uuid: as for its text';

CREATE FUNCTION propensity_psi(expected double precision[], actual double precision[]) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_psi_arrays'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_psi(double precision[], double precision[]) IS
    'population stability index of two histograms (counts or shares, bin by bin); shares below 0.0001 count as that; below 0.1 is stable, above 0.25 a large change; NULL if either is all zero';

-- ---------------------------------------------------------------------------
-- Sums over rows that a model scored
-- ---------------------------------------------------------------------------

CREATE TYPE propensity_sums;

CREATE FUNCTION propensity_sums_in(cstring) RETURNS propensity_sums
    AS 'MODULE_PATHNAME', 'cj_sums_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_sums_in(cstring) IS 'input function of type propensity_sums: hexadecimal';

CREATE FUNCTION propensity_sums_out(propensity_sums) RETURNS cstring
    AS 'MODULE_PATHNAME', 'cj_sums_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_sums_out(propensity_sums) IS 'output function of type propensity_sums: hexadecimal';

CREATE FUNCTION propensity_sums_recv(internal) RETURNS propensity_sums
    AS 'MODULE_PATHNAME', 'cj_sums_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_sums_recv(internal) IS 'binary input function of type propensity_sums';

CREATE FUNCTION propensity_sums_send(propensity_sums) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_sums_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_sums_send(propensity_sums) IS 'binary output function of type propensity_sums';

CREATE TYPE propensity_sums (
    INPUT = propensity_sums_in,
    OUTPUT = propensity_sums_out,
    RECEIVE = propensity_sums_recv,
    SEND = propensity_sums_send,
    ALIGNMENT = double,
    STORAGE = external
);
COMMENT ON TYPE propensity_sums IS 'a model and what was counted of rows given to it: the state of propensity_drift and propensity_effects over float8[], so that partial results can be combined anywhere';

CREATE FUNCTION propensity_sums_combine(propensity_sums, propensity_sums) RETURNS propensity_sums
    AS 'MODULE_PATHNAME', 'cj_sums_combine'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION propensity_sums_combine(propensity_sums, propensity_sums) IS 'combine function of propensity_drift and propensity_effects; sums of different models are an error (22023)';

CREATE FUNCTION propensity_sums_combine(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_sums_combine_internal'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION propensity_sums_combine(internal, internal) IS 'combine function of propensity_drift and propensity_effects over records';

CREATE FUNCTION propensity_sums_serialfn(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_sums_serialize'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_sums_serialfn(internal) IS 'serialization function of propensity_drift and propensity_effects over records';

CREATE FUNCTION propensity_sums_deserialfn(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_sums_deserialize'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_sums_deserialfn(bytea, internal) IS 'deserialization function of propensity_drift and propensity_effects over records';

-- ---------------------------------------------------------------------------
-- Propensity models: how far rows are from those a model was fitted on
-- ---------------------------------------------------------------------------

CREATE TYPE drift_row AS (
    feature text,
    psi double precision,
    status text,
    row_count bigint,
    missing_share double precision,
    training_missing_share double precision
);
COMMENT ON TYPE drift_row IS 'a row of propensity_drift: status is stable (psi below 0.1), moderate, or large (0.25 and more)';

CREATE FUNCTION propensity_drift_transfn(internal, propensity_model, record) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_drift_record_transition'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_drift_transfn(internal, propensity_model, record) IS 'transition function of propensity_drift';

CREATE FUNCTION propensity_drift_transfn(propensity_sums, propensity_model, double precision[]) RETURNS propensity_sums
    AS 'MODULE_PATHNAME', 'cj_drift_array_transition'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_drift_transfn(propensity_sums, propensity_model, double precision[]) IS 'transition function of propensity_drift';

CREATE FUNCTION propensity_drift_finalfn(internal) RETURNS drift_row[]
    AS 'MODULE_PATHNAME', 'cj_drift_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION propensity_drift_finalfn(internal) IS 'final function of propensity_drift';

CREATE FUNCTION propensity_drift_finalfn(propensity_sums) RETURNS drift_row[]
    AS 'MODULE_PATHNAME', 'cj_drift_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION propensity_drift_finalfn(propensity_sums) IS 'final function of propensity_drift';

CREATE AGGREGATE propensity_drift(model propensity_model, features record) (
    SFUNC = propensity_drift_transfn, STYPE = internal, SSPACE = 8192,
    FINALFUNC = propensity_drift_finalfn, COMBINEFUNC = propensity_sums_combine,
    SERIALFUNC = propensity_sums_serialfn, DESERIALFUNC = propensity_sums_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE propensity_drift(propensity_model, record) IS
    'how far today''s rows are from those the model was fitted on, feature by feature and for the score, by the histograms in the model; rows with a NULL model are skipped, no rows give NULL; read it with unnest';

CREATE AGGREGATE propensity_drift(model propensity_model, features double precision[]) (
    SFUNC = propensity_drift_transfn, STYPE = propensity_sums, SSPACE = 8192,
    FINALFUNC = propensity_drift_finalfn, COMBINEFUNC = propensity_sums_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE propensity_drift(propensity_model, double precision[]) IS
    'how far today''s rows are from those the model was fitted on, for models of arrays; NULL arrays are skipped';

-- ---------------------------------------------------------------------------
-- Propensity models: average marginal effects
-- ---------------------------------------------------------------------------

CREATE TYPE effect_row AS (
    term text,
    feature text,
    level_name text,
    effect double precision,
    std_error double precision,
    z double precision,
    p double precision
);
COMMENT ON TYPE effect_row IS 'a row of propensity_effects: the average effect on the probability, its standard error (delta method), z and two-sided p';

CREATE FUNCTION propensity_effects_transfn(internal, propensity_model, record) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_effects_record_transition'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_effects_transfn(internal, propensity_model, record) IS 'transition function of propensity_effects';

CREATE FUNCTION propensity_effects_transfn(propensity_sums, propensity_model, double precision[]) RETURNS propensity_sums
    AS 'MODULE_PATHNAME', 'cj_effects_array_transition'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION propensity_effects_transfn(propensity_sums, propensity_model, double precision[]) IS 'transition function of propensity_effects';

CREATE FUNCTION propensity_effects_finalfn(internal) RETURNS effect_row[]
    AS 'MODULE_PATHNAME', 'cj_effects_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION propensity_effects_finalfn(internal) IS 'final function of propensity_effects';

CREATE FUNCTION propensity_effects_finalfn(propensity_sums) RETURNS effect_row[]
    AS 'MODULE_PATHNAME', 'cj_effects_final'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION propensity_effects_finalfn(propensity_sums) IS 'final function of propensity_effects';

CREATE AGGREGATE propensity_effects(model propensity_model, features record) (
    SFUNC = propensity_effects_transfn, STYPE = internal, SSPACE = 8192,
    FINALFUNC = propensity_effects_finalfn, COMBINEFUNC = propensity_sums_combine,
    SERIALFUNC = propensity_sums_serialfn, DESERIALFUNC = propensity_sums_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE propensity_effects(propensity_model, record) IS
    'average marginal effects over the rows: of a number, the change of the probability for a unit more (the derivative); of a boolean, true less false; of a level, that level less the reference; with standard errors by the delta method from the model''s covariance (NULL without one). Rows with a NULL model, or that the model''s missing option skips, are left out; no rows give NULL; trees are an error (0A000); read it with unnest';

CREATE AGGREGATE propensity_effects(model propensity_model, features double precision[]) (
    SFUNC = propensity_effects_transfn, STYPE = propensity_sums, SSPACE = 8192,
    FINALFUNC = propensity_effects_finalfn, COMBINEFUNC = propensity_sums_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE propensity_effects(propensity_model, double precision[]) IS
    'average marginal effects over the rows, for models of arrays; NULL arrays are skipped';

CREATE FUNCTION propensity_from_xgboost(document jsonb) RETURNS propensity_model
    AS 'MODULE_PATHNAME', 'cj_model_from_xgboost'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION propensity_from_xgboost(jsonb) IS
    'the model that XGBoost saved as JSON: boosted trees with a logistic objective and numeric features; other kinds are errors (0A000)';
