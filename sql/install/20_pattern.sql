-- ---------------------------------------------------------------------------
-- The pattern type: what a sequence of events must look like
-- ---------------------------------------------------------------------------

CREATE TYPE journey_pattern;

CREATE FUNCTION journey_pattern_in(cstring) RETURNS journey_pattern
    AS 'MODULE_PATHNAME', 'cj_pattern_in'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_in(cstring) IS 'input function of type journey_pattern';

CREATE FUNCTION journey_pattern_out(journey_pattern) RETURNS cstring
    AS 'MODULE_PATHNAME', 'cj_pattern_out'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_out(journey_pattern) IS 'output function of type journey_pattern';

CREATE FUNCTION journey_pattern_recv(internal) RETURNS journey_pattern
    AS 'MODULE_PATHNAME', 'cj_pattern_recv'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_recv(internal) IS 'binary input function of type journey_pattern';

CREATE FUNCTION journey_pattern_send(journey_pattern) RETURNS bytea
    AS 'MODULE_PATHNAME', 'cj_pattern_send'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_send(journey_pattern) IS 'binary output function of type journey_pattern';

CREATE TYPE journey_pattern (
    INPUT = journey_pattern_in,
    OUTPUT = journey_pattern_out,
    RECEIVE = journey_pattern_recv,
    SEND = journey_pattern_send,
    STORAGE = extended
);
COMMENT ON TYPE journey_pattern IS 'what a sequence of events must look like, such as "cart -[<= 1 day, !complaint]-> purchase"; stored as a parse tree, printed canonically';

CREATE FUNCTION journey_pattern(text) RETURNS journey_pattern
    AS 'MODULE_PATHNAME', 'cj_pattern_from_text'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern(text) IS 'the pattern that a text describes; a syntax error (22P02) names the character and what was expected there';

CREATE FUNCTION journey_pattern(varchar) RETURNS journey_pattern
    AS 'MODULE_PATHNAME', 'cj_pattern_from_text'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern(varchar) IS 'the pattern that a text describes; a syntax error (22P02) names the character and what was expected there';

CREATE FUNCTION text(journey_pattern) RETURNS text
    AS 'MODULE_PATHNAME', 'cj_pattern_to_text'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION text(journey_pattern) IS 'the canonical text of a pattern';

-- Both, so that journey ~ $1 resolves whatever type a driver gives its strings.
CREATE CAST (text AS journey_pattern) WITH FUNCTION journey_pattern(text) AS IMPLICIT;
COMMENT ON CAST (text AS journey_pattern) IS 'reads the pattern';
CREATE CAST (varchar AS journey_pattern) WITH FUNCTION journey_pattern(varchar) AS IMPLICIT;
COMMENT ON CAST (varchar AS journey_pattern) IS 'reads the pattern';
CREATE CAST (journey_pattern AS text) WITH FUNCTION text(journey_pattern) AS ASSIGNMENT;
COMMENT ON CAST (journey_pattern AS text) IS 'canonical text';

CREATE FUNCTION pattern_quote(name text) RETURNS text
    AS 'MODULE_PATHNAME', 'cj_pattern_quote'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pattern_quote(text) IS 'the name as it is written in a pattern, in double quotes if it needs them; an empty name is an error (22023)';

-- ---------------------------------------------------------------------------
-- Comparing patterns
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_pattern_cmp(journey_pattern, journey_pattern) RETURNS integer
    AS 'MODULE_PATHNAME', 'cj_pattern_cmp'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_cmp(journey_pattern, journey_pattern) IS 'order of two patterns for sorting: negative, 0, positive';
CREATE FUNCTION journey_pattern_eq(journey_pattern, journey_pattern) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_pattern_eq'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_eq(journey_pattern, journey_pattern) IS 'implementation of =';
CREATE FUNCTION journey_pattern_ne(journey_pattern, journey_pattern) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_pattern_ne'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_ne(journey_pattern, journey_pattern) IS 'implementation of <>';
CREATE FUNCTION journey_pattern_lt(journey_pattern, journey_pattern) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_pattern_lt'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_lt(journey_pattern, journey_pattern) IS 'implementation of <';
CREATE FUNCTION journey_pattern_le(journey_pattern, journey_pattern) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_pattern_le'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_le(journey_pattern, journey_pattern) IS 'implementation of <=';
CREATE FUNCTION journey_pattern_gt(journey_pattern, journey_pattern) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_pattern_gt'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_gt(journey_pattern, journey_pattern) IS 'implementation of >';
CREATE FUNCTION journey_pattern_ge(journey_pattern, journey_pattern) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_pattern_ge'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_ge(journey_pattern, journey_pattern) IS 'implementation of >=';
CREATE FUNCTION journey_pattern_hash(journey_pattern) RETURNS integer
    AS 'MODULE_PATHNAME', 'cj_pattern_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_hash(journey_pattern) IS 'hash of a pattern';
CREATE FUNCTION journey_pattern_hash_extended(journey_pattern, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cj_pattern_hash_extended'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_hash_extended(journey_pattern, bigint) IS 'seeded hash of a pattern';

CREATE OPERATOR = (
    LEFTARG = journey_pattern, RIGHTARG = journey_pattern, FUNCTION = journey_pattern_eq,
    COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR = (journey_pattern, journey_pattern) IS 'the same pattern, however it was written';
CREATE OPERATOR <> (
    LEFTARG = journey_pattern, RIGHTARG = journey_pattern, FUNCTION = journey_pattern_ne,
    COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (journey_pattern, journey_pattern) IS 'not the same pattern';
CREATE OPERATOR < (
    LEFTARG = journey_pattern, RIGHTARG = journey_pattern, FUNCTION = journey_pattern_lt,
    COMMUTATOR = >, NEGATOR = >=, RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (journey_pattern, journey_pattern) IS 'before, in an order that only serves sorting';
CREATE OPERATOR <= (
    LEFTARG = journey_pattern, RIGHTARG = journey_pattern, FUNCTION = journey_pattern_le,
    COMMUTATOR = >=, NEGATOR = >, RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (journey_pattern, journey_pattern) IS 'before or equal, in an order that only serves sorting';
CREATE OPERATOR > (
    LEFTARG = journey_pattern, RIGHTARG = journey_pattern, FUNCTION = journey_pattern_gt,
    COMMUTATOR = <, NEGATOR = <=, RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (journey_pattern, journey_pattern) IS 'after, in an order that only serves sorting';
CREATE OPERATOR >= (
    LEFTARG = journey_pattern, RIGHTARG = journey_pattern, FUNCTION = journey_pattern_ge,
    COMMUTATOR = <=, NEGATOR = <, RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (journey_pattern, journey_pattern) IS 'after or equal, in an order that only serves sorting';

CREATE OPERATOR CLASS journey_pattern_ops DEFAULT FOR TYPE journey_pattern USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
    FUNCTION 1 journey_pattern_cmp(journey_pattern, journey_pattern);
COMMENT ON OPERATOR CLASS journey_pattern_ops USING btree IS 'an order of patterns for DISTINCT, GROUP BY and merge joins';

CREATE OPERATOR CLASS journey_pattern_ops DEFAULT FOR TYPE journey_pattern USING hash AS
    OPERATOR 1 =,
    FUNCTION 1 journey_pattern_hash(journey_pattern),
    FUNCTION 2 journey_pattern_hash_extended(journey_pattern, bigint);
COMMENT ON OPERATOR CLASS journey_pattern_ops USING hash IS 'hashing of patterns';

-- ---------------------------------------------------------------------------
-- Matching
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_pattern_sel(internal, oid, internal, integer) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_pattern_sel'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_sel(internal, oid, internal, integer) IS 'restriction selectivity of journey ~ journey_pattern';
CREATE FUNCTION journey_pattern_nsel(internal, oid, internal, integer) RETURNS double precision
    AS 'MODULE_PATHNAME', 'cj_pattern_nsel'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pattern_nsel(internal, oid, internal, integer) IS 'restriction selectivity of journey !~ journey_pattern';

CREATE FUNCTION journey_matches_pattern(journey, journey_pattern) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_matches_pattern'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION journey_matches_pattern(journey, journey_pattern) IS 'implementation of journey ~ journey_pattern';
CREATE FUNCTION journey_not_matches_pattern(journey, journey_pattern) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_not_matches_pattern'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION journey_not_matches_pattern(journey, journey_pattern) IS 'implementation of journey !~ journey_pattern';

CREATE OPERATOR ~ (
    LEFTARG = journey, RIGHTARG = journey_pattern, FUNCTION = journey_matches_pattern,
    NEGATOR = !~, RESTRICT = journey_pattern_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR ~ (journey, journey_pattern) IS 'the journey has a match of the pattern';
CREATE OPERATOR !~ (
    LEFTARG = journey, RIGHTARG = journey_pattern, FUNCTION = journey_not_matches_pattern,
    NEGATOR = ~, RESTRICT = journey_pattern_nsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR !~ (journey, journey_pattern) IS 'the journey has no match of the pattern';

ALTER OPERATOR FAMILY journey_gin_ops USING gin ADD
    OPERATOR 3 ~ (journey, journey_pattern);

CREATE FUNCTION journey_is_match(journey journey, pattern journey_pattern, as_of timestamptz DEFAULT 'infinity') RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_is_match'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION journey_is_match(journey, journey_pattern, timestamptz) IS
    'does the pattern match, seeing no event after as_of and taking an absence for certain only once its time is over at as_of; NULL for a NULL argument';

CREATE FUNCTION journey_match(journey journey, pattern journey_pattern) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_match'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION journey_match(journey, journey_pattern) IS
    'the events of the first match, those with a label under the label; NULL if there is none';
CREATE FUNCTION journey_match(journey journey, pattern journey_pattern, as_of timestamptz) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_match'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION journey_match(journey, journey_pattern, timestamptz) IS
    'the events of the first match as seen at as_of; NULL if there is none';

CREATE FUNCTION journey_matches(journey journey, pattern journey_pattern, overlapping boolean DEFAULT false) RETURNS SETOF journey
    AS 'MODULE_PATHNAME', 'cj_journey_matches'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 ROWS 3;
COMMENT ON FUNCTION journey_matches(journey, journey_pattern, boolean) IS
    'all matches from the start on, each beginning after the one before; with SAME around the whole pattern each item or channel on its own; overlapping: one for every event that a match can start at';

CREATE FUNCTION journey_match_count(journey journey, pattern journey_pattern, overlapping boolean DEFAULT false) RETURNS bigint
    AS 'MODULE_PATHNAME', 'cj_journey_match_count'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 40;
COMMENT ON FUNCTION journey_match_count(journey, journey_pattern, boolean) IS 'number of rows that journey_matches gives';

CREATE FUNCTION journey_before(journey journey, pattern journey_pattern) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_before'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 40;
COMMENT ON FUNCTION journey_before(journey, journey_pattern) IS 'the events before the first match; the whole journey if there is none';
CREATE FUNCTION journey_after(journey journey, pattern journey_pattern) RETURNS journey
    AS 'MODULE_PATHNAME', 'cj_journey_after'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 40;
COMMENT ON FUNCTION journey_after(journey, journey_pattern) IS 'the events after the first match; NULL if there is none';
