-- ---------------------------------------------------------------------------
-- Flows: step by step from or to an anchor
-- ---------------------------------------------------------------------------

CREATE TYPE flow_options AS (
    starts_with journey_pattern,
    ends_with journey_pattern,
    steps integer,
    top integer,
    occurrence text,
    within interval,
    by text,
    collapse boolean,
    links boolean
);
COMMENT ON TYPE flow_options IS 'options of journey_flow, made by flow_options()';

CREATE FUNCTION flow_options(starts_with journey_pattern DEFAULT NULL, ends_with journey_pattern DEFAULT NULL,
        steps integer DEFAULT NULL, top integer DEFAULT NULL, occurrence text DEFAULT NULL, within interval DEFAULT NULL,
        by text DEFAULT NULL, collapse boolean DEFAULT NULL, links boolean DEFAULT NULL)
    RETURNS flow_options
    AS 'MODULE_PATHNAME', 'cj_options_build'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION flow_options(journey_pattern, journey_pattern, integer, integer, text, interval, text, boolean, boolean) IS
    'options of journey_flow: starts_with, ends_with (patterns; both: between them); steps (5, up to 100) after the anchor; top names of a step (5), the rest is other; occurrence of the anchor ''first'' (default), ''last'' or ''every''; within, the time from the anchor; by, collapse; links between steps (false)';

CREATE TYPE flow_step AS (
    step integer,
    source text,
    event text,
    kind text,
    paths bigint,
    share_of_start double precision,
    share_of_previous double precision,
    mean_time interval,
    pattern journey_pattern
);
COMMENT ON TYPE flow_step IS
    'what paths have at a step: an event, (other), (dropped) or (completed), as kind says; how many, their share of all paths and of those at the step before, mean time since that; with a source, only those that had it at the step before; the pattern that finds the journeys, where one pattern can';

CREATE FUNCTION journey_flow_transfn(path_counts, journey) RETURNS path_counts
    AS 'MODULE_PATHNAME', 'cj_journey_flow_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_flow_transfn(path_counts, journey) IS 'transition function of journey_flow';

CREATE FUNCTION journey_flow_transfn(path_counts, journey, flow_options) RETURNS path_counts
    AS 'MODULE_PATHNAME', 'cj_journey_flow_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_flow_transfn(path_counts, journey, flow_options) IS 'transition function of journey_flow';

CREATE FUNCTION journey_flow_finalfn(path_counts) RETURNS flow_step[]
    AS 'MODULE_PATHNAME', 'cj_journey_flow_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION journey_flow_finalfn(path_counts) IS 'final function of journey_flow';

CREATE AGGREGATE journey_flow(journey) (
    SFUNC = journey_flow_transfn, STYPE = path_counts, SSPACE = 8192,
    FINALFUNC = journey_flow_finalfn, COMBINEFUNC = path_counts_combinefn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE journey_flow(journey) IS
    'the first five events of journeys, step by step: the five most frequent of each step, all others together, and the journeys that have ended; NULLs and journeys without events are skipped, no rows give NULL';

CREATE AGGREGATE journey_flow(journey, flow_options) (
    SFUNC = journey_flow_transfn, STYPE = path_counts, SSPACE = 8192,
    FINALFUNC = journey_flow_finalfn, COMBINEFUNC = path_counts_combinefn, PARALLEL = SAFE
);
COMMENT ON AGGREGATE journey_flow(journey, flow_options) IS
    'forwards from an anchor (step 0), backwards to one (steps below 0), between two, or from the start (step 1 is the first event)';
