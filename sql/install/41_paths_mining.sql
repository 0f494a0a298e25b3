-- ---------------------------------------------------------------------------
-- Frequent sequential patterns
-- ---------------------------------------------------------------------------

CREATE TYPE path_pattern AS (
    path text,
    events text[],
    pattern journey_pattern,
    length integer,
    journeys bigint,
    share double precision,
    outcome_journeys bigint,
    outcome_rate double precision,
    outcome_lift double precision
);
COMMENT ON TYPE path_pattern IS
    'a frequent sequence of events: the pattern that finds its journeys, their number and share, how many of them have the outcome, their share, and that share over the share among all journeys';

CREATE FUNCTION mine_paths_transfn(internal, journey) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_mine_paths_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION mine_paths_transfn(internal, journey) IS 'transition function of mine_paths';

CREATE FUNCTION mine_paths_transfn(internal, journey, path_options) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_mine_paths_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION mine_paths_transfn(internal, journey, path_options) IS 'transition function of mine_paths';

CREATE FUNCTION mine_paths_finalfn(internal) RETURNS path_pattern[]
    AS 'MODULE_PATHNAME', 'cj_mine_paths_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION mine_paths_finalfn(internal) IS 'final function of mine_paths';

CREATE AGGREGATE mine_paths(journey) (
    SFUNC = mine_paths_transfn, STYPE = internal, SSPACE = 1048576,
    FINALFUNC = mine_paths_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE mine_paths(journey) IS
    'sequences of events that at least 1 % of the journeys have, most journeys first, then shorter, then by names; NULLs are skipped, no rows give NULL; more than customer_journey.max_patterns patterns or customer_journey.path_memory is an error (54000)';

CREATE AGGREGATE mine_paths(journey, path_options) (
    SFUNC = mine_paths_transfn, STYPE = internal, SSPACE = 1048576,
    FINALFUNC = mine_paths_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE mine_paths(journey, path_options) IS
    'the same by options: min_support (share) or min_count (journeys); kind ''all'', ''closed'' or ''maximal''; min_length, max_length (events); min_gap, max_gap, max_gap_events between two events; max_span; contains, starts_with, ends_with; top; by; collapse; same_time ''order'' or ''set''; outcome (a pattern)';

-- ---------------------------------------------------------------------------
-- Where segments differ
-- ---------------------------------------------------------------------------

CREATE TYPE path_contrast AS (
    path text,
    events text[],
    pattern journey_pattern,
    length integer,
    segment text,
    journeys bigint,
    share double precision,
    other_journeys bigint,
    other_share double precision,
    difference double precision,
    lift double precision,
    odds_ratio double precision,
    odds_low double precision,
    odds_high double precision,
    test text,
    statistic double precision,
    p_value double precision,
    q_value double precision
);
COMMENT ON TYPE path_contrast IS
    'a pattern in a segment against all other segments: journeys and shares of both, difference and ratio of the shares, odds ratio with its 95 % interval (of Haldane''s estimate where a cell is empty), chi-square without correction, its p-value (Fisher''s exact test where an expected count is below 5), and q by Benjamini and Hochberg among the segment''s patterns; with strata the odds ratio of Mantel and Haenszel with the interval of Robins, Breslow and Greenland, and the chi-square of Cochran, Mantel and Haenszel without correction, while journeys, shares, difference and lift are of all strata together';

CREATE FUNCTION contrast_paths_transfn(internal, journey, text) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_contrast_paths_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION contrast_paths_transfn(internal, journey, text) IS 'transition function of contrast_paths';

CREATE FUNCTION contrast_paths_transfn(internal, journey, text, path_options) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_contrast_paths_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION contrast_paths_transfn(internal, journey, text, path_options) IS 'transition function of contrast_paths';

CREATE FUNCTION contrast_paths_transfn(internal, journey, text, text, path_options) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_contrast_paths_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION contrast_paths_transfn(internal, journey, text, text, path_options) IS 'transition function of contrast_paths';

CREATE FUNCTION contrast_paths_finalfn(internal) RETURNS path_contrast[]
    AS 'MODULE_PATHNAME', 'cj_contrast_paths_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION contrast_paths_finalfn(internal) IS 'final function of contrast_paths';

CREATE AGGREGATE contrast_paths(journey, segment text) (
    SFUNC = contrast_paths_transfn, STYPE = internal, SSPACE = 1048576,
    FINALFUNC = contrast_paths_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE contrast_paths(journey, text) IS
    'where segments'' paths differ: a row a frequent closed pattern and segment, that segment against all others, least p-value first; rows with a NULL journey or segment are skipped, no rows give NULL';

CREATE AGGREGATE contrast_paths(journey, segment text, path_options) (
    SFUNC = contrast_paths_transfn, STYPE = internal, SSPACE = 1048576,
    FINALFUNC = contrast_paths_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE contrast_paths(journey, text, path_options) IS
    'the same by the options of mine_paths but outcome; kind is ''closed'' unless given; min_support is of all journeys together; top counts rows';

-- Not without options: a third argument of text would take an untyped NULL
-- from the form with options.
CREATE AGGREGATE contrast_paths(journey, segment text, stratum text, path_options) (
    SFUNC = contrast_paths_transfn, STYPE = internal, SSPACE = 1048576,
    FINALFUNC = contrast_paths_finalfn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE contrast_paths(journey, text, text, path_options) IS
    'the same within strata (of age, region, tenure: what makes segments differ and is not asked about): segments are compared with the others of their stratum and the comparisons pooled; rows with a NULL stratum are skipped too; NULL options are all defaults';
