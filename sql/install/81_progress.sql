-- ---------------------------------------------------------------------------
-- Long calls, seen from other sessions
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_progress(
        OUT pid integer, OUT datid oid, OUT usesysid oid, OUT started_at timestamptz,
        OUT command text, OUT phase text, OUT done bigint, OUT total bigint)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'cj_journey_progress'
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 4;
COMMENT ON FUNCTION journey_progress() IS
    'long calls of this extension under way on this server: the session''s process, its database and role, since when, what is called and what it does now, how many steps of that it has done, and of how many (NULL if not known); without pg_read_all_stats only those of roles that the caller belongs to; 32 at most are shown at once';
