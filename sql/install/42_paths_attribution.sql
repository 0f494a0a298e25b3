-- ---------------------------------------------------------------------------
-- Attribution of conversions
-- ---------------------------------------------------------------------------

CREATE TYPE attribution_options AS (
    conversion journey_pattern,
    models text[],
    by text,
    depth integer,
    lookback interval,
    half_life interval,
    direct text,
    transforms text[]
);
COMMENT ON TYPE attribution_options IS 'options of attribution_agg, made by attribution_options()';

CREATE FUNCTION attribution_options(conversion journey_pattern DEFAULT NULL, models text[] DEFAULT NULL, by text DEFAULT NULL,
        depth integer DEFAULT NULL, lookback interval DEFAULT NULL, half_life interval DEFAULT NULL, direct text DEFAULT NULL,
        transforms text[] DEFAULT NULL)
    RETURNS attribution_options
    AS 'MODULE_PATHNAME', 'cj_options_build'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION attribution_options(journey_pattern, text[], text, integer, interval, interval, text, text[]) IS
    'options of attribution_agg: the conversion (required); models (all but counterfactual unless given); by ''channel'' (default), ''event'' or ''item''; depth of the Markov chain (1); lookback before a conversion (none); half_life of decay (7 days); the name of direct traffic (direct); transforms of paths, in order, of exposure, first, remove_if_last_and_not_all, remove_if_not_all (none)';

CREATE TYPE attribution_credit AS (
    model text,
    channel text,
    conversions double precision,
    value double precision,
    share double precision,
    removal_effect double precision
);
COMMENT ON TYPE attribution_credit IS
    'what a model credits a channel with: conversions, their value, share of all conversions; for the Markov model the share of conversions lost without the channel; a NULL channel has the conversions that nothing went before';

CREATE FUNCTION attribution_agg_transfn(path_counts, journey, attribution_options) RETURNS path_counts
    AS 'MODULE_PATHNAME', 'cj_attribution_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION attribution_agg_transfn(path_counts, journey, attribution_options) IS 'transition function of attribution_agg';

CREATE FUNCTION attribution_agg_finalfn(path_counts) RETURNS attribution_credit[]
    AS 'MODULE_PATHNAME', 'cj_attribution_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION attribution_agg_finalfn(path_counts) IS 'final function of attribution_agg';

CREATE AGGREGATE attribution_agg(journey, attribution_options) (
    SFUNC = attribution_agg_transfn, STYPE = path_counts, SSPACE = 8192,
    FINALFUNC = attribution_agg_finalfn, COMBINEFUNC = path_counts_combinefn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE attribution_agg(journey, attribution_options) IS
    'conversions credited to the channels before them, by several models at once; each model''s credits add up to the conversions; each match of the conversion is one, its path is what lies after the previous one and within the lookback, the rest is a path that led to nothing; NULL journeys are skipped, no rows give NULL; a Markov chain of more than 3000 states is an error (54000)';
