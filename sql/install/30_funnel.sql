-- ---------------------------------------------------------------------------
-- Rows with conditions: funnels
--
-- A transition function for each type of time; SSPACE: a group of 16 rows.
-- ---------------------------------------------------------------------------

CREATE FUNCTION funnel_rows_combinefn(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_rows_combinefn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION funnel_rows_combinefn(internal, internal) IS 'combine function of the aggregates over rows with conditions';
CREATE FUNCTION funnel_rows_serialfn(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_rows_serialfn'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel_rows_serialfn(internal) IS 'serialization function of the aggregates over rows with conditions';
CREATE FUNCTION funnel_rows_deserialfn(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_rows_deserialfn'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel_rows_deserialfn(bytea, internal) IS 'deserialization function of the aggregates over rows with conditions';
CREATE FUNCTION window_funnel_finalfn(internal) RETURNS integer
    AS 'MODULE_PATHNAME', 'cj_window_funnel_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION window_funnel_finalfn(internal) IS 'final function of window_funnel';
CREATE FUNCTION window_funnel_events_timestamptz_finalfn(internal) RETURNS timestamptz[]
    AS 'MODULE_PATHNAME', 'cj_window_funnel_events_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION window_funnel_events_timestamptz_finalfn(internal) IS 'final function of window_funnel_events';
CREATE FUNCTION window_funnel_events_timestamp_finalfn(internal) RETURNS timestamp[]
    AS 'MODULE_PATHNAME', 'cj_window_funnel_events_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION window_funnel_events_timestamp_finalfn(internal) IS 'final function of window_funnel_events';
CREATE FUNCTION window_funnel_events_date_finalfn(internal) RETURNS date[]
    AS 'MODULE_PATHNAME', 'cj_window_funnel_events_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION window_funnel_events_date_finalfn(internal) IS 'final function of window_funnel_events';
CREATE FUNCTION window_funnel_events_bigint_finalfn(internal) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'cj_window_funnel_events_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION window_funnel_events_bigint_finalfn(internal) IS 'final function of window_funnel_events';

CREATE FUNCTION window_funnel_transfn(internal, interval, timestamptz, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_window_funnel_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION window_funnel_transfn(internal, interval, timestamptz, VARIADIC "any") IS 'transition function of window_funnel and window_funnel_events';
CREATE AGGREGATE window_funnel(within interval, occurred_at timestamptz, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel(interval, timestamptz, VARIADIC "any") IS
    'number of consecutive steps reached within the window of a step 1, 0 if none; conditions are boolean and NULL is false, rows with a NULL time are ignored';
CREATE AGGREGATE window_funnel_events(within interval, occurred_at timestamptz, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_events_timestamptz_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel_events(interval, timestamptz, VARIADIC "any") IS
    'times of the steps that window_funnel counts, of the attempt that first got so far; empty if none';

CREATE FUNCTION window_funnel_transfn(internal, interval, text, timestamptz, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_window_funnel_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION window_funnel_transfn(internal, interval, text, timestamptz, VARIADIC "any") IS 'transition function of window_funnel and window_funnel_events';
CREATE AGGREGATE window_funnel(within interval, mode text, occurred_at timestamptz, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel(interval, text, timestamptz, VARIADIC "any") IS
    'number of consecutive steps reached within the window of a step 1, 0 if none; conditions are boolean and NULL is false, rows with a NULL time are ignored; modes: strict_order, strict_deduplication, strict_increase, strict_once, allow_reentry, first_violation';
CREATE AGGREGATE window_funnel_events(within interval, mode text, occurred_at timestamptz, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_events_timestamptz_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel_events(interval, text, timestamptz, VARIADIC "any") IS
    'times of the steps that window_funnel counts, of the attempt that first got so far; empty if none';

CREATE FUNCTION window_funnel_transfn(internal, interval, timestamp, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_window_funnel_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION window_funnel_transfn(internal, interval, timestamp, VARIADIC "any") IS 'transition function of window_funnel and window_funnel_events';
CREATE AGGREGATE window_funnel(within interval, occurred_at timestamp, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel(interval, timestamp, VARIADIC "any") IS
    'number of consecutive steps reached within the window of a step 1, 0 if none; conditions are boolean and NULL is false, rows with a NULL time are ignored';
CREATE AGGREGATE window_funnel_events(within interval, occurred_at timestamp, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_events_timestamp_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel_events(interval, timestamp, VARIADIC "any") IS
    'times of the steps that window_funnel counts, of the attempt that first got so far; empty if none';

CREATE FUNCTION window_funnel_transfn(internal, interval, text, timestamp, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_window_funnel_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION window_funnel_transfn(internal, interval, text, timestamp, VARIADIC "any") IS 'transition function of window_funnel and window_funnel_events';
CREATE AGGREGATE window_funnel(within interval, mode text, occurred_at timestamp, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel(interval, text, timestamp, VARIADIC "any") IS
    'number of consecutive steps reached within the window of a step 1, 0 if none; conditions are boolean and NULL is false, rows with a NULL time are ignored; modes: strict_order, strict_deduplication, strict_increase, strict_once, allow_reentry, first_violation';
CREATE AGGREGATE window_funnel_events(within interval, mode text, occurred_at timestamp, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_events_timestamp_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel_events(interval, text, timestamp, VARIADIC "any") IS
    'times of the steps that window_funnel counts, of the attempt that first got so far; empty if none';

CREATE FUNCTION window_funnel_transfn(internal, interval, date, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_window_funnel_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION window_funnel_transfn(internal, interval, date, VARIADIC "any") IS 'transition function of window_funnel and window_funnel_events';
CREATE AGGREGATE window_funnel(within interval, occurred_at date, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel(interval, date, VARIADIC "any") IS
    'number of consecutive steps reached within the window of a step 1, 0 if none; conditions are boolean and NULL is false, rows with a NULL time are ignored';
CREATE AGGREGATE window_funnel_events(within interval, occurred_at date, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_events_date_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel_events(interval, date, VARIADIC "any") IS
    'times of the steps that window_funnel counts, of the attempt that first got so far; empty if none';

CREATE FUNCTION window_funnel_transfn(internal, interval, text, date, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_window_funnel_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION window_funnel_transfn(internal, interval, text, date, VARIADIC "any") IS 'transition function of window_funnel and window_funnel_events';
CREATE AGGREGATE window_funnel(within interval, mode text, occurred_at date, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel(interval, text, date, VARIADIC "any") IS
    'number of consecutive steps reached within the window of a step 1, 0 if none; conditions are boolean and NULL is false, rows with a NULL time are ignored; modes: strict_order, strict_deduplication, strict_increase, strict_once, allow_reentry, first_violation';
CREATE AGGREGATE window_funnel_events(within interval, mode text, occurred_at date, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_events_date_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel_events(interval, text, date, VARIADIC "any") IS
    'times of the steps that window_funnel counts, of the attempt that first got so far; empty if none';

CREATE FUNCTION window_funnel_transfn(internal, bigint, bigint, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_window_funnel_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION window_funnel_transfn(internal, bigint, bigint, VARIADIC "any") IS 'transition function of window_funnel and window_funnel_events';
CREATE AGGREGATE window_funnel(within bigint, occurred_at bigint, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel(bigint, bigint, VARIADIC "any") IS
    'number of consecutive steps reached within the window of a step 1, 0 if none; conditions are boolean and NULL is false, rows with a NULL time are ignored';
CREATE AGGREGATE window_funnel_events(within bigint, occurred_at bigint, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_events_bigint_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel_events(bigint, bigint, VARIADIC "any") IS
    'times of the steps that window_funnel counts, of the attempt that first got so far; empty if none';

CREATE FUNCTION window_funnel_transfn(internal, bigint, text, bigint, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_window_funnel_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION window_funnel_transfn(internal, bigint, text, bigint, VARIADIC "any") IS 'transition function of window_funnel and window_funnel_events';
CREATE AGGREGATE window_funnel(within bigint, mode text, occurred_at bigint, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel(bigint, text, bigint, VARIADIC "any") IS
    'number of consecutive steps reached within the window of a step 1, 0 if none; conditions are boolean and NULL is false, rows with a NULL time are ignored; modes: strict_order, strict_deduplication, strict_increase, strict_once, allow_reentry, first_violation';
CREATE AGGREGATE window_funnel_events(within bigint, mode text, occurred_at bigint, VARIADIC conditions "any") (
    SFUNC = window_funnel_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = window_funnel_events_bigint_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE window_funnel_events(bigint, text, bigint, VARIADIC "any") IS
    'times of the steps that window_funnel counts, of the attempt that first got so far; empty if none';

-- ---------------------------------------------------------------------------
-- Rows with conditions: sequences
-- ---------------------------------------------------------------------------

CREATE FUNCTION sequence_match_finalfn(internal) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_sequence_match_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sequence_match_finalfn(internal) IS 'final function of sequence_match';
CREATE FUNCTION sequence_count_finalfn(internal) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cj_sequence_count_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sequence_count_finalfn(internal) IS 'final function of sequence_count';
CREATE FUNCTION sequence_match_events_timestamptz_finalfn(internal) RETURNS timestamptz[]
    AS 'MODULE_PATHNAME', 'cj_sequence_events_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sequence_match_events_timestamptz_finalfn(internal) IS 'final function of sequence_match_events';
CREATE FUNCTION sequence_match_events_timestamp_finalfn(internal) RETURNS timestamp[]
    AS 'MODULE_PATHNAME', 'cj_sequence_events_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sequence_match_events_timestamp_finalfn(internal) IS 'final function of sequence_match_events';
CREATE FUNCTION sequence_match_events_date_finalfn(internal) RETURNS date[]
    AS 'MODULE_PATHNAME', 'cj_sequence_events_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sequence_match_events_date_finalfn(internal) IS 'final function of sequence_match_events';
CREATE FUNCTION sequence_match_events_bigint_finalfn(internal) RETURNS bigint[]
    AS 'MODULE_PATHNAME', 'cj_sequence_events_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sequence_match_events_bigint_finalfn(internal) IS 'final function of sequence_match_events';
CREATE FUNCTION sequence_transfn(internal, text, timestamptz, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_sequence_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION sequence_transfn(internal, text, timestamptz, VARIADIC "any") IS 'transition function of sequence_match, sequence_count and sequence_match_events';
CREATE AGGREGATE sequence_match(pattern text, occurred_at timestamptz, VARIADIC conditions "any") (
    SFUNC = sequence_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = sequence_match_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_match(text, timestamptz, VARIADIC "any") IS
    'do rows match a sequence such as (?1)(?t<=3600)(?2).*(?3); rows that satisfy no condition are invisible; times between are in seconds';
CREATE AGGREGATE sequence_count(pattern text, occurred_at timestamptz, VARIADIC conditions "any") (
    SFUNC = sequence_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = sequence_count_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_count(text, timestamptz, VARIADIC "any") IS
    'number of matches of the sequence that do not overlap';
CREATE AGGREGATE sequence_match_events(pattern text, occurred_at timestamptz, VARIADIC conditions "any") (
    SFUNC = sequence_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = sequence_match_events_timestamptz_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_match_events(text, timestamptz, VARIADIC "any") IS
    'times of the rows that satisfy the conditions of the longest beginning of the sequence that matches';

CREATE FUNCTION sequence_transfn(internal, text, timestamp, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_sequence_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION sequence_transfn(internal, text, timestamp, VARIADIC "any") IS 'transition function of sequence_match, sequence_count and sequence_match_events';
CREATE AGGREGATE sequence_match(pattern text, occurred_at timestamp, VARIADIC conditions "any") (
    SFUNC = sequence_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = sequence_match_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_match(text, timestamp, VARIADIC "any") IS
    'do rows match a sequence such as (?1)(?t<=3600)(?2).*(?3); rows that satisfy no condition are invisible; times between are in seconds';
CREATE AGGREGATE sequence_count(pattern text, occurred_at timestamp, VARIADIC conditions "any") (
    SFUNC = sequence_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = sequence_count_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_count(text, timestamp, VARIADIC "any") IS
    'number of matches of the sequence that do not overlap';
CREATE AGGREGATE sequence_match_events(pattern text, occurred_at timestamp, VARIADIC conditions "any") (
    SFUNC = sequence_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = sequence_match_events_timestamp_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_match_events(text, timestamp, VARIADIC "any") IS
    'times of the rows that satisfy the conditions of the longest beginning of the sequence that matches';

CREATE FUNCTION sequence_transfn(internal, text, date, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_sequence_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION sequence_transfn(internal, text, date, VARIADIC "any") IS 'transition function of sequence_match, sequence_count and sequence_match_events';
CREATE AGGREGATE sequence_match(pattern text, occurred_at date, VARIADIC conditions "any") (
    SFUNC = sequence_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = sequence_match_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_match(text, date, VARIADIC "any") IS
    'do rows match a sequence such as (?1)(?t<=3600)(?2).*(?3); rows that satisfy no condition are invisible; times between are in seconds';
CREATE AGGREGATE sequence_count(pattern text, occurred_at date, VARIADIC conditions "any") (
    SFUNC = sequence_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = sequence_count_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_count(text, date, VARIADIC "any") IS
    'number of matches of the sequence that do not overlap';
CREATE AGGREGATE sequence_match_events(pattern text, occurred_at date, VARIADIC conditions "any") (
    SFUNC = sequence_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = sequence_match_events_date_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_match_events(text, date, VARIADIC "any") IS
    'times of the rows that satisfy the conditions of the longest beginning of the sequence that matches';

CREATE FUNCTION sequence_transfn(internal, text, bigint, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_sequence_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION sequence_transfn(internal, text, bigint, VARIADIC "any") IS 'transition function of sequence_match, sequence_count and sequence_match_events';
CREATE AGGREGATE sequence_match(pattern text, occurred_at bigint, VARIADIC conditions "any") (
    SFUNC = sequence_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = sequence_match_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_match(text, bigint, VARIADIC "any") IS
    'do rows match a sequence such as (?1)(?t<=3600)(?2).*(?3); rows that satisfy no condition are invisible; times between are in the unit of the times';
CREATE AGGREGATE sequence_count(pattern text, occurred_at bigint, VARIADIC conditions "any") (
    SFUNC = sequence_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = sequence_count_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_count(text, bigint, VARIADIC "any") IS
    'number of matches of the sequence that do not overlap';
CREATE AGGREGATE sequence_match_events(pattern text, occurred_at bigint, VARIADIC conditions "any") (
    SFUNC = sequence_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = sequence_match_events_bigint_finalfn, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_match_events(text, bigint, VARIADIC "any") IS
    'times of the rows that satisfy the conditions of the longest beginning of the sequence that matches';

-- ---------------------------------------------------------------------------
-- Rows with conditions: retention
-- ---------------------------------------------------------------------------

CREATE FUNCTION retention_transfn(internal, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_retention_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION retention_transfn(internal, VARIADIC "any") IS 'transition function of retention';
CREATE FUNCTION retention_finalfn(internal, VARIADIC "any") RETURNS boolean[]
    AS 'MODULE_PATHNAME', 'cj_retention_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION retention_finalfn(internal, VARIADIC "any") IS 'final function of retention';
CREATE AGGREGATE retention(VARIADIC conditions "any") (
    SFUNC = retention_transfn, STYPE = internal, SSPACE = 384,
    FINALFUNC = retention_finalfn, FINALFUNC_EXTRA, COMBINEFUNC = funnel_rows_combinefn,
    SERIALFUNC = funnel_rows_serialfn, DESERIALFUNC = funnel_rows_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE retention(VARIADIC "any") IS
    'for each condition whether some row satisfied it and some row satisfied the first one; all false without rows';

-- ---------------------------------------------------------------------------
-- Funnels over journeys
-- ---------------------------------------------------------------------------

CREATE TYPE funnel_result AS (
    level integer,
    completed boolean,
    entered_at timestamptz,
    completed_at timestamptz,
    step_times timestamptz[],
    drop_reason text,
    open_until timestamptz
);
COMMENT ON TYPE funnel_result IS 'what became of a journey in a funnel';
COMMENT ON COLUMN funnel_result.level IS 'required steps reached by the best attempt';
COMMENT ON COLUMN funnel_result.completed IS 'all required steps were reached';
COMMENT ON COLUMN funnel_result.entered_at IS 'time of the best attempt''s first event; NULL if there was none';
COMMENT ON COLUMN funnel_result.completed_at IS 'time of the last required step; NULL if not completed';
COMMENT ON COLUMN funnel_result.step_times IS 'time of each step; NULL for steps not taken';
COMMENT ON COLUMN funnel_result.drop_reason IS 'NULL if completed, else no entry, open, exclusion, violation (of the ordering), same, window or no step: the first kind of condition without which the next step would have been reached';
COMMENT ON COLUMN funnel_result.open_until IS 'until when the journey can still go on, if that is after as_of; infinity without a window';

CREATE FUNCTION journey_funnel(
    journey journey,
    steps journey_pattern[],
    within interval DEFAULT NULL,
    ordering text DEFAULT 'ordered',
    step_within interval[] DEFAULT NULL,
    min_gap interval[] DEFAULT NULL,
    exclude journey_pattern DEFAULT NULL,
    step_exclude journey_pattern[] DEFAULT NULL,
    same text DEFAULT NULL,
    entry text DEFAULT 'best',
    as_of timestamptz DEFAULT 'infinity',
    grace interval DEFAULT NULL
) RETURNS funnel_result
    AS 'MODULE_PATHNAME', 'cj_journey_funnel'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION journey_funnel(journey, journey_pattern[], interval, text, interval[], interval[], journey_pattern, journey_pattern[], text, text, timestamptz, interval) IS
    'how far the journey gets in a funnel, each step one event ("?" after it: optional); every attempt is tried and the best wins, one event serves one step; with grace a step may precede earlier ones by so much; NULL for a NULL journey';

CREATE FUNCTION journey_funnel_level(journey journey, steps journey_pattern[], within interval DEFAULT NULL) RETURNS integer
    AS 'MODULE_PATHNAME', 'cj_journey_funnel_level'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 20;
COMMENT ON FUNCTION journey_funnel_level(journey, journey_pattern[], interval) IS
    'required steps reached: the level of journey_funnel alone, and quicker';

-- ---------------------------------------------------------------------------
-- Many journeys in a funnel
-- ---------------------------------------------------------------------------

CREATE TYPE funnel_step AS (
    step integer,
    customers bigint,
    share double precision,
    share_low double precision,
    share_high double precision,
    step_share double precision,
    mean_time interval,
    median_time interval,
    p90_time interval,
    dropped bigint,
    dropped_window bigint,
    dropped_exclusion bigint,
    dropped_violation bigint,
    dropped_same bigint,
    dropped_no_step bigint,
    open bigint
);
COMMENT ON TYPE funnel_step IS 'a step of a funnel over many journeys; those whose window is still open are counted in "open" alone';
COMMENT ON COLUMN funnel_step.customers IS 'journeys that took the step';
COMMENT ON COLUMN funnel_step.share IS 'of those that took the first step, 0 to 1; share_low and share_high are its 95 % Wilson interval';
COMMENT ON COLUMN funnel_step.step_share IS 'of those that took the step before';
COMMENT ON COLUMN funnel_step.mean_time IS 'from the first step; so are median_time and p90_time';
COMMENT ON COLUMN funnel_step.dropped IS 'journeys for which this was the last step, the following columns by reason';
COMMENT ON COLUMN funnel_step.open IS 'journeys that are at this step and may still go on';

CREATE TYPE funnel_counts;

CREATE FUNCTION funnel_counts_in(cstring) RETURNS funnel_counts
    AS 'MODULE_PATHNAME', 'cj_funnel_counts_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel_counts_in(cstring) IS 'input function of type funnel_counts: everything is checked';

CREATE FUNCTION funnel_counts_out(funnel_counts) RETURNS cstring
    AS 'MODULE_PATHNAME', 'cj_funnel_counts_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel_counts_out(funnel_counts) IS 'output function of type funnel_counts';

CREATE FUNCTION funnel_counts_recv(internal) RETURNS funnel_counts
    AS 'MODULE_PATHNAME', 'cj_funnel_counts_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel_counts_recv(internal) IS 'binary input function of type funnel_counts: everything is checked';

CREATE FUNCTION funnel_counts_send(funnel_counts) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_funnel_counts_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel_counts_send(funnel_counts) IS 'binary output function of type funnel_counts';

CREATE TYPE funnel_counts (
    INPUT = funnel_counts_in,
    OUTPUT = funnel_counts_out,
    RECEIVE = funnel_counts_recv,
    SEND = funnel_counts_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE funnel_counts IS
    'what funnel_stats has counted: drop-offs by step and reason, and each journey''s times; a type of its own, so that the counts of parts can be sent and added up';

CREATE FUNCTION funnel_stats_transfn(funnel_counts, funnel_result) RETURNS funnel_counts
    AS 'MODULE_PATHNAME', 'cj_funnel_stats_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION funnel_stats_transfn(funnel_counts, funnel_result) IS 'transition function of funnel_stats';
CREATE FUNCTION funnel_stats_combinefn(funnel_counts, funnel_counts) RETURNS funnel_counts
    AS 'MODULE_PATHNAME', 'cj_funnel_stats_combinefn'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel_stats_combinefn(funnel_counts, funnel_counts) IS
    'combine function of funnel_stats: the counts of both; those of funnels with other numbers of steps are an error (22023)';
CREATE FUNCTION funnel_stats_finalfn(funnel_counts) RETURNS funnel_step[]
    AS 'MODULE_PATHNAME', 'cj_funnel_stats_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION funnel_stats_finalfn(funnel_counts) IS 'final function of funnel_stats';

CREATE AGGREGATE funnel_stats(result funnel_result) (
    SFUNC = funnel_stats_transfn, STYPE = funnel_counts, SSPACE = 8192,
    FINALFUNC = funnel_stats_finalfn, COMBINEFUNC = funnel_stats_combinefn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE funnel_stats(funnel_result) IS
    'the funnel step by step: customers, shares with their intervals, time to get there, drop-offs by reason, open windows apart; use it as unnest((SELECT funnel_stats(f) FROM ...))';

CREATE FUNCTION funnel_two_sided_p(z double precision) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_two_sided_p'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION funnel_two_sided_p(double precision) IS 'probability that a standard normal deviate is at least this far from 0';

CREATE FUNCTION funnel_compare(a funnel_step[], b funnel_step[])
    RETURNS TABLE (step integer, customers_a bigint, customers_b bigint, share_a double precision, share_b double precision,
                   difference double precision, difference_low double precision, difference_high double precision,
                   z double precision, p_value double precision)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 5
BEGIN ATOMIC
    SELECT x.step, x.customers, y.customers, x.share, y.share, y.share OPERATOR(pg_catalog.-) x.share,
           (y.share OPERATOR(pg_catalog.-) x.share) OPERATOR(pg_catalog.-) (1.959963984540054 OPERATOR(pg_catalog.*) t.apart),
           (y.share OPERATOR(pg_catalog.-) x.share) OPERATOR(pg_catalog.+) (1.959963984540054 OPERATOR(pg_catalog.*) t.apart),
           t.z, funnel_two_sided_p(t.z)
    FROM pg_catalog.unnest(a) x JOIN pg_catalog.unnest(b) y ON x.step OPERATOR(pg_catalog.=) y.step,
         LATERAL (SELECT a[1].customers::double precision AS m, b[1].customers::double precision AS n) s,
         LATERAL (SELECT pg_catalog.sqrt(x.share * (1 - x.share) / nullif(s.m, 0) + y.share * (1 - y.share) / nullif(s.n, 0)) AS apart,
                         (y.share - x.share) / nullif(pg_catalog.sqrt(p.pooled * (1 - p.pooled) * (1 / nullif(s.m, 0) + 1 / nullif(s.n, 0))), 0) AS z
                  FROM (SELECT (x.customers + y.customers) / nullif(s.m + s.n, 0) AS pooled) p) t
    ORDER BY x.step;
END;
COMMENT ON FUNCTION funnel_compare(funnel_step[], funnel_step[]) IS
    'two funnels step by step: the difference b - a of the shares with its 95 % interval, and the two-sided test of two proportions (z, p_value; NULL where the shares are both 0 or both 1)';

-- ---------------------------------------------------------------------------
-- Rows with conditions: what comes next
-- ---------------------------------------------------------------------------

CREATE FUNCTION sequence_next_node_combinefn(internal, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_next_node_combinefn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sequence_next_node_combinefn(internal, internal) IS 'combine function of sequence_next_node';
CREATE FUNCTION sequence_next_node_serialfn(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_next_node_serialfn'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sequence_next_node_serialfn(internal) IS 'serialization function of sequence_next_node';
CREATE FUNCTION sequence_next_node_deserialfn(bytea, internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_next_node_deserialfn'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sequence_next_node_deserialfn(bytea, internal) IS 'deserialization function of sequence_next_node';

CREATE FUNCTION sequence_next_node_transfn(internal, text, text, timestamptz, anyelement, boolean, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_next_node_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION sequence_next_node_transfn(internal, text, text, timestamptz, anyelement, boolean, VARIADIC "any") IS 'transition function of sequence_next_node';
CREATE FUNCTION sequence_next_node_finalfn(internal, text, text, timestamptz, anyelement, boolean, VARIADIC "any") RETURNS anyelement
    AS 'MODULE_PATHNAME', 'cj_next_node_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sequence_next_node_finalfn(internal, text, text, timestamptz, anyelement, boolean, VARIADIC "any") IS 'final function of sequence_next_node';
CREATE AGGREGATE sequence_next_node(direction text, base text, occurred_at timestamptz, value anyelement, base_condition boolean, VARIADIC conditions "any") (
    SFUNC = sequence_next_node_transfn, STYPE = internal, SSPACE = 512,
    FINALFUNC = sequence_next_node_finalfn, FINALFUNC_EXTRA, COMBINEFUNC = sequence_next_node_combinefn,
    SERIALFUNC = sequence_next_node_serialfn, DESERIALFUNC = sequence_next_node_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_next_node(text, text, timestamptz, anyelement, boolean, VARIADIC "any") IS
    'value of the row that follows (direction forward) or precedes (backward) adjacent rows that satisfy the conditions in turn, from the head, tail, first_match or last_match that satisfies base_condition; every match is tried; rows with a NULL time or value are ignored; NULL if there is none';

CREATE FUNCTION sequence_next_node_transfn(internal, text, text, timestamp, anyelement, boolean, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_next_node_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION sequence_next_node_transfn(internal, text, text, timestamp, anyelement, boolean, VARIADIC "any") IS 'transition function of sequence_next_node';
CREATE FUNCTION sequence_next_node_finalfn(internal, text, text, timestamp, anyelement, boolean, VARIADIC "any") RETURNS anyelement
    AS 'MODULE_PATHNAME', 'cj_next_node_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sequence_next_node_finalfn(internal, text, text, timestamp, anyelement, boolean, VARIADIC "any") IS 'final function of sequence_next_node';
CREATE AGGREGATE sequence_next_node(direction text, base text, occurred_at timestamp, value anyelement, base_condition boolean, VARIADIC conditions "any") (
    SFUNC = sequence_next_node_transfn, STYPE = internal, SSPACE = 512,
    FINALFUNC = sequence_next_node_finalfn, FINALFUNC_EXTRA, COMBINEFUNC = sequence_next_node_combinefn,
    SERIALFUNC = sequence_next_node_serialfn, DESERIALFUNC = sequence_next_node_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_next_node(text, text, timestamp, anyelement, boolean, VARIADIC "any") IS
    'value of the row that follows (direction forward) or precedes (backward) adjacent rows that satisfy the conditions in turn, from the head, tail, first_match or last_match that satisfies base_condition; every match is tried; rows with a NULL time or value are ignored; NULL if there is none';

CREATE FUNCTION sequence_next_node_transfn(internal, text, text, date, anyelement, boolean, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_next_node_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION sequence_next_node_transfn(internal, text, text, date, anyelement, boolean, VARIADIC "any") IS 'transition function of sequence_next_node';
CREATE FUNCTION sequence_next_node_finalfn(internal, text, text, date, anyelement, boolean, VARIADIC "any") RETURNS anyelement
    AS 'MODULE_PATHNAME', 'cj_next_node_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sequence_next_node_finalfn(internal, text, text, date, anyelement, boolean, VARIADIC "any") IS 'final function of sequence_next_node';
CREATE AGGREGATE sequence_next_node(direction text, base text, occurred_at date, value anyelement, base_condition boolean, VARIADIC conditions "any") (
    SFUNC = sequence_next_node_transfn, STYPE = internal, SSPACE = 512,
    FINALFUNC = sequence_next_node_finalfn, FINALFUNC_EXTRA, COMBINEFUNC = sequence_next_node_combinefn,
    SERIALFUNC = sequence_next_node_serialfn, DESERIALFUNC = sequence_next_node_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_next_node(text, text, date, anyelement, boolean, VARIADIC "any") IS
    'value of the row that follows (direction forward) or precedes (backward) adjacent rows that satisfy the conditions in turn, from the head, tail, first_match or last_match that satisfies base_condition; every match is tried; rows with a NULL time or value are ignored; NULL if there is none';

CREATE FUNCTION sequence_next_node_transfn(internal, text, text, bigint, anyelement, boolean, VARIADIC "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'cj_next_node_transfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION sequence_next_node_transfn(internal, text, text, bigint, anyelement, boolean, VARIADIC "any") IS 'transition function of sequence_next_node';
CREATE FUNCTION sequence_next_node_finalfn(internal, text, text, bigint, anyelement, boolean, VARIADIC "any") RETURNS anyelement
    AS 'MODULE_PATHNAME', 'cj_next_node_finalfn'
    LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION sequence_next_node_finalfn(internal, text, text, bigint, anyelement, boolean, VARIADIC "any") IS 'final function of sequence_next_node';
CREATE AGGREGATE sequence_next_node(direction text, base text, occurred_at bigint, value anyelement, base_condition boolean, VARIADIC conditions "any") (
    SFUNC = sequence_next_node_transfn, STYPE = internal, SSPACE = 512,
    FINALFUNC = sequence_next_node_finalfn, FINALFUNC_EXTRA, COMBINEFUNC = sequence_next_node_combinefn,
    SERIALFUNC = sequence_next_node_serialfn, DESERIALFUNC = sequence_next_node_deserialfn,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sequence_next_node(text, text, bigint, anyelement, boolean, VARIADIC "any") IS
    'value of the row that follows (direction forward) or precedes (backward) adjacent rows that satisfy the conditions in turn, from the head, tail, first_match or last_match that satisfies base_condition; every match is tried; rows with a NULL time or value are ignored; NULL if there is none';


-- ---------------------------------------------------------------------------
-- Retention and rhythm of journeys, by calendar periods
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_retention(
    journey journey,
    started journey_pattern,
    returned journey_pattern,
    period text DEFAULT 'week',
    periods integer DEFAULT 12,
    observed_until timestamptz DEFAULT 'infinity',
    on_or_after boolean DEFAULT false,
    time_zone text DEFAULT 'UTC'
) RETURNS TABLE (cohort timestamptz, number integer, returned boolean)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 12
BEGIN ATOMIC
    SELECT c.cohort, n.number,
           CASE WHEN w.until OPERATOR(pg_catalog.>) observed_until THEN NULL
                ELSE EXISTS (SELECT 1 FROM journey_matches($1, $3, true) m
                             WHERE journey_start(m) OPERATOR(pg_catalog.>=) greatest(w.since, c.first)
                               AND (on_or_after OR journey_start(m) OPERATOR(pg_catalog.<) w.until)
                               AND journey_start(m) OPERATOR(pg_catalog.<=) observed_until)
           END
    FROM (SELECT journey_start(journey_match($1, started)) AS first,
                 pg_catalog.date_trunc(period, journey_start(journey_match($1, started)), time_zone) AS cohort) c,
         pg_catalog.generate_series(0, periods OPERATOR(pg_catalog.-) 1) n(number),
         LATERAL (SELECT pg_catalog.timezone(time_zone, pg_catalog.timezone(time_zone, c.cohort) OPERATOR(pg_catalog.+) (n.number OPERATOR(pg_catalog.*) ('1 ' OPERATOR(pg_catalog.||) period)::interval)) AS since,
                         pg_catalog.timezone(time_zone, pg_catalog.timezone(time_zone, c.cohort) OPERATOR(pg_catalog.+) ((n.number OPERATOR(pg_catalog.+) 1) OPERATOR(pg_catalog.*) ('1 ' OPERATOR(pg_catalog.||) period)::interval)) AS until) w
    WHERE c.first IS NOT NULL
    ORDER BY n.number;
END;
COMMENT ON FUNCTION journey_retention(journey, journey_pattern, journey_pattern, text, integer, timestamptz, boolean, text) IS
    'for each period (day, week, month, quarter, year) from that of the first match of started on, numbered from 0, whether a match of returned began in it, or with on_or_after in it or later; NULL for periods not over at observed_until; no rows without a start';

CREATE FUNCTION journey_lifecycle(
    journey journey,
    active journey_pattern DEFAULT '.',
    period text DEFAULT 'month',
    observed_until timestamptz DEFAULT NULL,
    time_zone text DEFAULT 'UTC'
) RETURNS TABLE (period_start timestamptz, state text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 12
BEGIN ATOMIC
    WITH active_in AS MATERIALIZED (
        SELECT DISTINCT pg_catalog.date_trunc(period, pg_catalog.timezone(time_zone, journey_start(m))) AS start
        FROM journey_matches($1, active, true) m
        WHERE journey_start(m) OPERATOR(pg_catalog.<=) coalesce(observed_until, 'infinity'::timestamptz)
    ), all_periods AS (
        SELECT g.start, EXISTS (SELECT 1 FROM active_in a WHERE a.start OPERATOR(pg_catalog.=) g.start) AS active,
               EXISTS (SELECT 1 FROM active_in a WHERE a.start OPERATOR(pg_catalog.=) (g.start OPERATOR(pg_catalog.-) ('1 ' OPERATOR(pg_catalog.||) period)::interval)) AS active_before,
               g.start OPERATOR(pg_catalog.=) b.first AS is_first
        FROM (SELECT min(start) AS first, max(start) AS last FROM active_in) b,
             LATERAL pg_catalog.generate_series(b.first, coalesce(pg_catalog.date_trunc(period, pg_catalog.timezone(time_zone, observed_until)), b.last),
                                                ('1 ' OPERATOR(pg_catalog.||) period)::interval) g(start)
    )
    SELECT pg_catalog.timezone(time_zone, start),
           CASE WHEN is_first THEN 'new' WHEN active AND active_before THEN 'returning' WHEN active THEN 'resurrecting' ELSE 'dormant' END
    FROM all_periods
    ORDER BY start;
END;
COMMENT ON FUNCTION journey_lifecycle(journey, journey_pattern, text, timestamptz, text) IS
    'state of the customer in each period from the first active one to that of observed_until (or the last active one): new, returning (active in the period before too), resurrecting (active again after a pause), dormant';

CREATE FUNCTION journey_stickiness(
    journey journey,
    active journey_pattern DEFAULT '.',
    period text DEFAULT 'month',
    unit text DEFAULT 'day',
    time_zone text DEFAULT 'UTC'
) RETURNS TABLE (period_start timestamptz, active_units bigint)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 12
BEGIN ATOMIC
    SELECT pg_catalog.date_trunc(period, journey_start(m), time_zone),
           count(DISTINCT pg_catalog.date_trunc(unit, journey_start(m), time_zone))
    FROM journey_matches($1, active, true) m
    GROUP BY 1
    ORDER BY 1;
END;
COMMENT ON FUNCTION journey_stickiness(journey, journey_pattern, text, text, text) IS
    'number of units (days) of each period in which the customer was active; periods without activity have no row';
