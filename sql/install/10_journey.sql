-- ---------------------------------------------------------------------------
-- The journey type: one customer's events in time order
-- ---------------------------------------------------------------------------

CREATE TYPE journey;

CREATE FUNCTION journey_in(cstring) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_in(cstring) IS 'input function of type journey';

CREATE FUNCTION journey_out(journey) RETURNS cstring
    AS 'MODULE_PATHNAME', 'cj_journey_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_out(journey) IS 'output function of type journey';

CREATE FUNCTION journey_recv(internal) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_recv(internal) IS 'binary input function of type journey';

CREATE FUNCTION journey_send(journey) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_journey_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_send(journey) IS 'binary output function of type journey';

CREATE FUNCTION journey_typanalyze(internal) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_typanalyze'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_typanalyze(internal) IS 'ANALYZE of journey columns: most common events, mean number of events';

CREATE TYPE journey (
    INPUT = journey_in,
    OUTPUT = journey_out,
    RECEIVE = journey_recv,
    SEND = journey_send,
    ANALYZE = journey_typanalyze,
    STORAGE = external
);
COMMENT ON TYPE journey IS 'one customer''s events in time order, packed: each has a time and a name, and may have a channel, a value and an item';

-- ---------------------------------------------------------------------------
-- Planner support
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_journey_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_support(internal) IS 'planner support of transition functions: loads the library while a query is planned';

CREATE FUNCTION journey_events_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_journey_events_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_events_support(internal) IS 'planner support of journey_events: rows are the mean number of events';

CREATE FUNCTION journey_contains_sel(internal, oid, internal, integer) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_journey_contains_sel'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_contains_sel(internal, oid, internal, integer) IS 'restriction selectivity of journey @> text[]';

CREATE FUNCTION journey_overlaps_sel(internal, oid, internal, integer) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_journey_overlaps_sel'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_overlaps_sel(internal, oid, internal, integer) IS 'restriction selectivity of journey && text[]';

-- ---------------------------------------------------------------------------
-- Making journeys
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_agg_transfn(internal, timestamptz, text) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_journey_agg_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_agg_transfn(internal, timestamptz, text) IS 'transition function of journey_agg';

CREATE FUNCTION journey_agg_transfn(internal, timestamptz, text, text) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_journey_agg_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_agg_transfn(internal, timestamptz, text, text) IS 'transition function of journey_agg';

CREATE FUNCTION journey_agg_transfn(internal, timestamptz, text, text, double precision) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_journey_agg_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_agg_transfn(internal, timestamptz, text, text, double precision) IS 'transition function of journey_agg';

CREATE FUNCTION journey_agg_transfn(internal, timestamptz, text, text, double precision, text) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_journey_agg_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_agg_transfn(internal, timestamptz, text, text, double precision, text) IS 'transition function of journey_agg';

CREATE FUNCTION journey_merge_transfn(internal, journey) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_journey_merge_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_merge_transfn(internal, journey) IS 'transition function of journey_merge';

CREATE FUNCTION journey_agg_combinefn(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_journey_agg_combinefn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION journey_agg_combinefn(internal, internal) IS 'combine function of journey_agg and journey_merge';

CREATE FUNCTION journey_agg_serialfn(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_journey_agg_serialfn'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_agg_serialfn(internal) IS 'serialization function of journey_agg and journey_merge';

CREATE FUNCTION journey_agg_deserialfn(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_journey_agg_deserialfn'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_agg_deserialfn(bytea, internal) IS 'deserialization function of journey_agg and journey_merge';

CREATE FUNCTION journey_agg_finalfn(internal) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_agg_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION journey_agg_finalfn(internal) IS 'final function of journey_agg and journey_merge';

-- SSPACE: a group of 20 events is one chunk of 512 bytes.
CREATE AGGREGATE journey_agg(occurred_at timestamptz, event text) (
    SFUNC = journey_agg_transfn, STYPE = internal, SSPACE = 512,
    FINALFUNC = journey_agg_finalfn, COMBINEFUNC = journey_agg_combinefn,
    SERIALFUNC = journey_agg_serialfn, DESERIALFUNC = journey_agg_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE journey_agg(timestamptz, text) IS
    'journey of the rows'' events, whatever their order; rows with a NULL time or event are skipped, no rows give NULL; infinite times (22008) and more than customer_journey.max_events events (54000) are errors';

CREATE AGGREGATE journey_agg(occurred_at timestamptz, event text, channel text) (
    SFUNC = journey_agg_transfn, STYPE = internal, SSPACE = 512,
    FINALFUNC = journey_agg_finalfn, COMBINEFUNC = journey_agg_combinefn,
    SERIALFUNC = journey_agg_serialfn, DESERIALFUNC = journey_agg_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE journey_agg(timestamptz, text, text) IS
    'journey of the rows'' events with their channels; a NULL channel is an event without one';

CREATE AGGREGATE journey_agg(occurred_at timestamptz, event text, channel text, value double precision) (
    SFUNC = journey_agg_transfn, STYPE = internal, SSPACE = 1024,
    FINALFUNC = journey_agg_finalfn, COMBINEFUNC = journey_agg_combinefn,
    SERIALFUNC = journey_agg_serialfn, DESERIALFUNC = journey_agg_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE journey_agg(timestamptz, text, text, double precision) IS
    'journey of the rows'' events with their channels and values; NULL is an event without one';

CREATE AGGREGATE journey_agg(occurred_at timestamptz, event text, channel text, value double precision, item text) (
    SFUNC = journey_agg_transfn, STYPE = internal, SSPACE = 1024,
    FINALFUNC = journey_agg_finalfn, COMBINEFUNC = journey_agg_combinefn,
    SERIALFUNC = journey_agg_serialfn, DESERIALFUNC = journey_agg_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE journey_agg(timestamptz, text, text, double precision, text) IS
    'journey of the rows'' events with their channels, values and items; NULL is an event without one';

CREATE AGGREGATE journey_merge(journey) (
    SFUNC = journey_merge_transfn, STYPE = internal, SSPACE = 512,
    FINALFUNC = journey_agg_finalfn, COMBINEFUNC = journey_agg_combinefn,
    SERIALFUNC = journey_agg_serialfn, DESERIALFUNC = journey_agg_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE journey_merge(journey) IS
    'all events of the journeys as one journey; NULLs are skipped, no rows give NULL; duplicates are kept';

CREATE FUNCTION journey_of(occurred_at timestamptz, event text, channel text DEFAULT NULL,
                           value double precision DEFAULT NULL, item text DEFAULT NULL)
    RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_of'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION journey_of(timestamptz, text, text, double precision, text) IS
    'journey of one event; NULL if its time or name is NULL';

-- ---------------------------------------------------------------------------
-- Casts
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_to_jsonb(journey) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'cj_journey_to_jsonb'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION journey_to_jsonb(journey) IS
    'array of objects with occurred_at, event, and channel, value, item where present';

CREATE FUNCTION jsonb_to_journey(jsonb) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_jsonb_to_journey'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION jsonb_to_journey(jsonb) IS
    'journey from an array of objects with occurred_at (ISO text with offset), event, and channel, value, item where present; anything else is an error (22023)';

CREATE CAST (journey AS jsonb) WITH FUNCTION journey_to_jsonb(journey);
COMMENT ON CAST (journey AS jsonb) IS
    'array of objects with occurred_at, event, and channel, value, item where present';
CREATE CAST (jsonb AS journey) WITH FUNCTION jsonb_to_journey(jsonb);
COMMENT ON CAST (jsonb AS journey) IS
    'journey from an array of objects, as the cast to jsonb gives it; anything else is an error (22023)';

-- ---------------------------------------------------------------------------
-- Reading journeys
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_length(journey) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cj_journey_length'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_length(journey) IS 'number of events';

CREATE FUNCTION journey_start(journey) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'cj_journey_start'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_start(journey) IS 'time of the first event; NULL if there is none';

CREATE FUNCTION journey_end(journey) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'cj_journey_end'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_end(journey) IS 'time of the last event; NULL if there is none';

CREATE FUNCTION journey_duration(journey) RETURNS interval
    AS 'MODULE_PATHNAME', 'cj_journey_duration'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_duration(journey) IS 'time from the first event to the last, in days of 24 hours; NULL without events';

CREATE FUNCTION journey_path(journey, separator text DEFAULT ' > ') RETURNS text
    AS 'MODULE_PATHNAME', 'cj_journey_path'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_path(journey, text) IS 'names of the events in order, joined by the separator';

CREATE FUNCTION journey_count(journey, event text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cj_journey_count'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_count(journey, text) IS 'how often the event occurs';

CREATE TYPE journey_event AS (
    occurred_at timestamptz,
    event text,
    channel text,
    value double precision,
    item text
);
COMMENT ON TYPE journey_event IS 'one event of a journey';

CREATE FUNCTION journey_event(journey, n integer) RETURNS journey_event
    AS 'MODULE_PATHNAME', 'cj_journey_event'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_event(journey, integer) IS 'event n, counted from 1, or from the end if negative; NULL if there is none';

CREATE FUNCTION journey_first(journey, event text) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'cj_journey_first'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_first(journey, text) IS 'time of the event''s first occurrence; NULL if absent';

CREATE FUNCTION journey_last(journey, event text) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'cj_journey_last'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_last(journey, text) IS 'time of the event''s last occurrence; NULL if absent';

CREATE FUNCTION journey_value(journey) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_journey_value'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_value(journey) IS 'sum of all events'' values; NULL if none has one';

CREATE FUNCTION journey_value(journey, event text) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_journey_value_of'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_value(journey, text) IS 'sum of the values of the event''s occurrences; NULL if none has one';

CREATE FUNCTION journey_events(journey,
        OUT ordinality bigint, OUT occurred_at timestamptz, OUT event text,
        OUT channel text, OUT value double precision, OUT item text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cj_journey_events'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 20 SUPPORT journey_events_support;
COMMENT ON FUNCTION journey_events(journey) IS 'a row an event, in order, numbered from 1';

CREATE FUNCTION journey_channels(journey, idle interval DEFAULT '30 minutes',
        OUT channel text, OUT events bigint, OUT share double precision,
        OUT first_at timestamptz, OUT last_at timestamptz, OUT time_spent interval)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cj_journey_channels'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 3;
COMMENT ON FUNCTION journey_channels(journey, interval) IS
    'a row a channel, ordered by name, the events without one last; share is of the journey''s events; the time to the next event counts as spent in the earlier event''s channel, but no more than idle';

-- ---------------------------------------------------------------------------
-- Journeys from journeys
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_slice(journey, during tstzrange) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_slice'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION journey_slice(journey, tstzrange) IS 'the events within the range';

CREATE FUNCTION journey_filter(journey, events text[]) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_filter'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION journey_filter(journey, text[]) IS 'the events that have one of these names';

CREATE FUNCTION journey_exclude(journey, events text[]) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_exclude'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION journey_exclude(journey, text[]) IS 'the events that have none of these names';

CREATE FUNCTION journey_collapse(journey) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_collapse'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION journey_collapse(journey) IS 'of events of one name that follow each other directly, the first';

CREATE FUNCTION journey_distinct(journey) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_distinct'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION journey_distinct(journey) IS 'of events that are the same in everything, one';

CREATE FUNCTION journey_rename(journey, names jsonb) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_rename'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION journey_rename(journey, jsonb) IS 'events renamed by an object {"old name": "new name"}; other names stay';

CREATE FUNCTION journey_sessions(journey, gap interval DEFAULT '30 minutes') RETURNS SETOF journey
    AS 'MODULE_PATHNAME', 'cj_journey_sessions'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5 ROWS 5;
COMMENT ON FUNCTION journey_sessions(journey, interval) IS 'a journey a session: strictly more than the gap between two events starts a new one';

CREATE FUNCTION journey_concat(journey, journey) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_concat'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION journey_concat(journey, journey) IS 'implementation of || operator';

CREATE OPERATOR || (
    LEFTARG = journey, RIGHTARG = journey, FUNCTION = journey_concat,
    COMMUTATOR = ||
);
COMMENT ON OPERATOR || (journey, journey) IS 'the events of both journeys; duplicates are kept';

CREATE FUNCTION journey_subtract(journey, journey) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_subtract'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION journey_subtract(journey, journey) IS 'implementation of - operator';

CREATE OPERATOR - (
    LEFTARG = journey, RIGHTARG = journey, FUNCTION = journey_subtract
);
COMMENT ON OPERATOR - (journey, journey) IS 'the left journey without the right one''s events, each removing one that is the same in everything';

-- ---------------------------------------------------------------------------
-- Sessions of rows
-- ---------------------------------------------------------------------------

CREATE FUNCTION sessionize(occurred_at timestamptz, gap interval) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cj_sessionize'
    LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE;
COMMENT ON FUNCTION sessionize(timestamptz, interval) IS
    'number of the row''s session, from 1: strictly more than the gap since the row before starts a new one; NULL for a NULL time; rows must come in time order (error 42P20 otherwise)';

-- ---------------------------------------------------------------------------
-- Equality, order, hash
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_eq(journey, journey) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_eq' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION journey_eq(journey, journey) IS 'implementation of = operator';
CREATE FUNCTION journey_ne(journey, journey) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_ne' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION journey_ne(journey, journey) IS 'implementation of <> operator';
CREATE FUNCTION journey_lt(journey, journey) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_lt' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION journey_lt(journey, journey) IS 'implementation of < operator';
CREATE FUNCTION journey_le(journey, journey) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_le' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION journey_le(journey, journey) IS 'implementation of <= operator';
CREATE FUNCTION journey_gt(journey, journey) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_gt' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION journey_gt(journey, journey) IS 'implementation of > operator';
CREATE FUNCTION journey_ge(journey, journey) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_ge' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION journey_ge(journey, journey) IS 'implementation of >= operator';
CREATE FUNCTION journey_cmp(journey, journey) RETURNS integer
    AS 'MODULE_PATHNAME', 'cj_journey_cmp' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION journey_cmp(journey, journey) IS 'less, equal or greater, for btree';
CREATE FUNCTION journey_hash(journey) RETURNS integer
    AS 'MODULE_PATHNAME', 'cj_journey_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_hash(journey) IS 'hash, for hash joins and hash aggregation';
CREATE FUNCTION journey_hash_extended(journey, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cj_journey_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_hash_extended(journey, bigint) IS 'hash with a seed, for hash partitioning';

CREATE OPERATOR = (
    LEFTARG = journey, RIGHTARG = journey, FUNCTION = journey_eq,
    COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR = (journey, journey) IS 'the same events';
CREATE OPERATOR <> (
    LEFTARG = journey, RIGHTARG = journey, FUNCTION = journey_ne,
    COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (journey, journey) IS 'not the same events';
CREATE OPERATOR < (
    LEFTARG = journey, RIGHTARG = journey, FUNCTION = journey_lt,
    COMMUTATOR = >, NEGATOR = >=, RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (journey, journey) IS 'before, in an order that only serves sorting';
CREATE OPERATOR <= (
    LEFTARG = journey, RIGHTARG = journey, FUNCTION = journey_le,
    COMMUTATOR = >=, NEGATOR = >, RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (journey, journey) IS 'before or equal, in an order that only serves sorting';
CREATE OPERATOR > (
    LEFTARG = journey, RIGHTARG = journey, FUNCTION = journey_gt,
    COMMUTATOR = <, NEGATOR = <=, RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (journey, journey) IS 'after, in an order that only serves sorting';
CREATE OPERATOR >= (
    LEFTARG = journey, RIGHTARG = journey, FUNCTION = journey_ge,
    COMMUTATOR = <=, NEGATOR = <, RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (journey, journey) IS 'after or equal, in an order that only serves sorting';

CREATE OPERATOR CLASS journey_ops DEFAULT FOR TYPE journey USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
    FUNCTION 1 journey_cmp(journey, journey);
COMMENT ON OPERATOR CLASS journey_ops USING btree IS 'an order of journeys for DISTINCT, GROUP BY and merge joins';

CREATE OPERATOR CLASS journey_ops DEFAULT FOR TYPE journey USING hash AS
    OPERATOR 1 =,
    FUNCTION 1 journey_hash(journey),
    FUNCTION 2 journey_hash_extended(journey, bigint);
COMMENT ON OPERATOR CLASS journey_ops USING hash IS 'hashing of journeys';

-- ---------------------------------------------------------------------------
-- Which events a journey has, and the index for it
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_contains(journey, events text[]) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_contains'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION journey_contains(journey, text[]) IS 'implementation of @> operator';
CREATE FUNCTION journey_contained(events text[], journey) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_contained'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION journey_contained(text[], journey) IS 'implementation of <@ operator';
CREATE FUNCTION journey_overlaps(journey, events text[]) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_overlaps'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION journey_overlaps(journey, text[]) IS 'implementation of && operator';

CREATE OPERATOR @> (
    LEFTARG = journey, RIGHTARG = text[], FUNCTION = journey_contains,
    COMMUTATOR = <@, RESTRICT = journey_contains_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @> (journey, text[]) IS 'has events of all these names';
CREATE OPERATOR <@ (
    LEFTARG = text[], RIGHTARG = journey, FUNCTION = journey_contained,
    COMMUTATOR = @>, RESTRICT = journey_contains_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR <@ (text[], journey) IS 'are all names of events of the journey';
CREATE OPERATOR && (
    LEFTARG = journey, RIGHTARG = text[], FUNCTION = journey_overlaps,
    RESTRICT = journey_overlaps_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR && (journey, text[]) IS 'has events of any of these names';

CREATE FUNCTION journey_gin_extract_value(journey, internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_journey_gin_extract_value'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_gin_extract_value(journey, internal, internal) IS 'GIN support: the keys of a journey';
-- By GIN's convention the query is declared as the indexed type, whatever the
-- operator's right argument is.
CREATE FUNCTION journey_gin_extract_query(journey, internal, smallint, internal, internal, internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_journey_gin_extract_query'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_gin_extract_query(journey, internal, smallint, internal, internal, internal, internal) IS 'GIN support: the keys of a search';
CREATE FUNCTION journey_gin_consistent(internal, smallint, journey, integer, internal, internal, internal, internal) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_gin_consistent'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_gin_consistent(internal, smallint, journey, integer, internal, internal, internal, internal) IS 'GIN support: may a journey with these keys match';
CREATE FUNCTION journey_gin_triconsistent(internal, smallint, journey, integer, internal, internal, internal) RETURNS "char"
    AS 'MODULE_PATHNAME', 'cj_journey_gin_triconsistent'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_gin_triconsistent(internal, smallint, journey, integer, internal, internal, internal) IS 'GIN support: the same with keys not known';

CREATE OPERATOR CLASS journey_gin_ops DEFAULT FOR TYPE journey USING gin AS
    OPERATOR 1 @> (journey, text[]),
    OPERATOR 2 && (journey, text[]),
    FUNCTION 1 byteacmp(bytea, bytea),
    FUNCTION 2 journey_gin_extract_value(journey, internal, internal),
    FUNCTION 3 journey_gin_extract_query(journey, internal, smallint, internal, internal, internal, internal),
    FUNCTION 4 journey_gin_consistent(internal, smallint, journey, integer, internal, internal, internal, internal),
    FUNCTION 6 journey_gin_triconsistent(internal, smallint, journey, integer, internal, internal, internal),
    STORAGE bytea;
COMMENT ON OPERATOR CLASS journey_gin_ops USING gin IS 'finds journeys by the events they have';

