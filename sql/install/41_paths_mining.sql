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
