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
