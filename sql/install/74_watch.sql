-- ---------------------------------------------------------------------------
-- Watches: the moment at which a live journey matches a pattern
--
-- journey_watch makes three ordinary tables beside live journeys, which belong
-- to their owner: <target>_watch (what is watched), <target>_watch_seen (a row a
-- customer and watch: the events that matches have used, and when the next match
-- falls due) and <target>_watch_queue (the matches).  Whoever changes a journey
-- holds the lock on the customer's row in <target>_head, or on the row of
-- <target>_follow, and so alone looks at the watches of that customer.
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_watch_scan(
    journey journey, pattern journey_pattern, as_of timestamptz, seen journey, INOUT seen_to timestamptz,
    OUT matched journey[], OUT true_at timestamptz[], OUT used journey, OUT due_at timestamptz) RETURNS record
    AS 'MODULE_PATHNAME', 'cj_journey_watch_scan'
    LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION journey_watch_scan(journey, journey_pattern, timestamptz, journey, timestamptz) IS
    'part of watches: the matches that a journey shows as it grows and that use none of the events seen. matched and true_at: they, in the order in which they came true; used: events to be added to those seen; seen_to: when the last match, old or new, came true; due_at: when the next one will if no event comes. as_of: absences whose time is not over then are due (NULL: all). seen_to given: nothing has changed up to it since the last look';

CREATE FUNCTION journey_watch_names(pattern journey_pattern) RETURNS text[]
    AS 'MODULE_PATHNAME', 'cj_journey_watch_names'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_watch_names(journey_pattern) IS
    'names of the events that can make a difference to a watch of the pattern; NULL: any event can. Error 22023 for a pattern that cannot be watched: with $, or with an absence without end';

CREATE FUNCTION journey_watch_by_time(pattern journey_pattern) RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_watch_by_time'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_watch_by_time(journey_pattern) IS 'has the pattern an absence, so that its matches fall due by time?';

CREATE FUNCTION journey_watch_changed(state regclass) RETURNS void
    AS 'MODULE_PATHNAME', 'cj_journey_watch_changed'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION journey_watch_changed(regclass) IS 'part of journey_watch: has every session write the statements of the triggers anew; error 42501 for others than the owner';

-- ---- what is watched ----

CREATE FUNCTION journey_watch_tables(state regclass) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN (SELECT jsonb_build_object('journeys', format('%I.%I', n.nspname, p.target), 'owner', pg_get_userbyid(c.relowner),
               'watch', format('%I.%I', n.nspname, p.target || '_watch'), 'seen', format('%I.%I', n.nspname, p.target || '_watch_seen'),
               'queue', format('%I.%I', n.nspname, p.target || '_watch_queue'),
               'made', (SELECT count(*) = 3 FROM pg_class w WHERE w.relnamespace = c.relnamespace AND w.relowner = c.relowner AND w.relkind IN ('r', 'p')
                          AND w.relname IN (p.target || '_watch', p.target || '_watch_seen', p.target || '_watch_queue')))
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, LATERAL (SELECT regexp_replace(c.relname, '_follow$', '') AS target) p
        WHERE c.oid = state);
COMMENT ON FUNCTION journey_watch_tables(regclass) IS
    'part of journey_watch: names of the tables of watches beside <target>_follow; made: whether they are there and have the same owner';

CREATE FUNCTION journey_watch_row(state regclass) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    result jsonb := @extschema@.journey_watch_tables(state);
    found jsonb;
BEGIN
    IF NOT (result ->> 'made')::boolean THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT jsonb_build_object(''list'', jsonb_agg(jsonb_build_object(''watch'', w.watch, ''pattern'', w.pattern::text, ''names'', w.names::text,
                                                              ''by_time'', w.by_time) ORDER BY w.watch),
        ''notify'', array_agg(w.watch ORDER BY w.watch) FILTER (WHERE w.notify),
        ''names'', (SELECT array_agg(DISTINCT n)::text FROM %1$s a, unnest(a.names) n WHERE NOT EXISTS (SELECT FROM %1$s b WHERE b.names IS NULL))) FROM %1$s w',
        result ->> 'watch') INTO found;
    RETURN CASE WHEN found ->> 'list' IS NOT NULL THEN result || found END;
END
$$;
COMMENT ON FUNCTION journey_watch_row(regclass) IS 'part of journey_watch: the tables of watches and what is watched; NULL if there is nothing';

CREATE FUNCTION journey_watch_list(watching jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN (SELECT '(VALUES ' || string_agg(format('(%L::text, %L::@extschema@.journey_pattern, %L::text[], %s)',
                                               w ->> 'watch', w ->> 'pattern', w ->> 'names', w ->> 'by_time'), ', ') || ') w (watch, pattern, names, by_time)'
        FROM jsonb_array_elements(watching -> 'list') w);
COMMENT ON FUNCTION journey_watch_list(jsonb) IS 'part of journey_watch: what is watched, as rows of a query';

-- ---- the statements ----

-- Looks at some customers (query touched: watch, pattern, by_time, customer, since
-- when it may have changed) and keeps and queues what it finds.
CREATE FUNCTION journey_watch_sql(watching jsonb, touched text, journey text, as_of text, is_queued boolean DEFAULT true) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('WITH touched AS MATERIALIZED (%1$s),
looked AS MATERIALIZED (
    SELECT t.watch, t.customer, s.due_at AS was_due, s.seen_to AS was_to, j.journey IS NULL AS gone, l.*
    FROM touched t LEFT JOIN %2$s s ON s.customer = t.customer AND s.watch = t.watch
    LEFT JOIN LATERAL (%3$s) j ON true
    CROSS JOIN LATERAL @extschema@.journey_watch_scan(j.journey, t.pattern, %4$s, s.seen, CASE WHEN t.since > s.seen_to THEN s.seen_to END) l),
forgotten AS (DELETE FROM %2$s s USING looked l WHERE l.gone AND s.customer = l.customer AND s.watch = l.watch),
kept AS (
    INSERT INTO %2$s AS s (customer, watch, seen, seen_to, due_at)
    SELECT l.customer, l.watch, coalesce(l.used, ''{}''), l.seen_to, l.due_at FROM looked l
    WHERE NOT l.gone AND (l.used IS NOT NULL OR l.due_at IS DISTINCT FROM l.was_due OR l.seen_to IS DISTINCT FROM l.was_to)
    ORDER BY l.customer, l.watch
    ON CONFLICT (customer, watch) DO UPDATE SET seen = s.seen OPERATOR(@extschema@.||) excluded.seen, seen_to = excluded.seen_to, due_at = excluded.due_at)',
    touched, watching ->> 'seen', journey, as_of)
    || CASE WHEN is_queued THEN format(',
queued AS (
    INSERT INTO %1$s (watch, customer, matched_at, true_at, matched)
    SELECT l.watch, l.customer, @extschema@.journey_end(m.matched), m.true_at, m.matched
    FROM looked l, unnest(l.matched, l.true_at) m (matched, true_at) ORDER BY m.true_at, l.customer, l.watch
    RETURNING watch)
SELECT (SELECT count(*) FROM queued)%2$s', watching ->> 'queue',
        CASE WHEN watching ->> 'notify' IS NOT NULL
            THEN format(', (SELECT pg_notify(''journey_watch'', %L) WHERE EXISTS (SELECT FROM queued q WHERE q.watch IN (SELECT jsonb_array_elements_text(%L))))',
                        watching ->> 'journeys', watching -> 'notify') ELSE '' END)
        ELSE ' SELECT 0::bigint' END;
COMMENT ON FUNCTION journey_watch_sql(jsonb, text, text, text, boolean) IS
    'part of journey_watch: looks at the customers that a query gives, whose journeys a query in terms of t.customer gives, as of a time; gives the number of matches queued';

CREATE FUNCTION journey_watch_journey(follow jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('SELECT CASE WHEN h.chunks = 0 THEN h.journey
        ELSE (SELECT @extschema@.journey_merge(p.journey) FROM (SELECT h.journey UNION ALL SELECT c.journey FROM %2$s c WHERE c.customer = h.customer) p) END AS journey
    FROM %1$s h WHERE h.customer = t.customer AND h.events > 0', follow ->> 'head', follow ->> 'chunk');
COMMENT ON FUNCTION journey_watch_journey(jsonb) IS 'part of journey_watch: the journey of t.customer without what awaits journey_catch_up';

-- After the fold of a statement in mode immediate.  A customer whose last event
-- goes is forgotten by all watches.
CREATE FUNCTION journey_watch_fold_sql(state regclass, follow jsonb, action text, relation regclass) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    watching jsonb := @extschema@.journey_watch_row(state);
BEGIN
    IF watching IS NULL OR action <> 'truncate' AND follow ->> 'mode' = 'deferred' THEN
        RETURN NULL;
    END IF;
    IF action = 'truncate' THEN
        RETURN CASE WHEN relation::text = follow ->> 'events' THEN 'TRUNCATE ' || (watching ->> 'seen') END;
    END IF;
    RETURN @extschema@.journey_watch_sql(watching,
        format('SELECT w.watch, w.pattern, w.by_time, e.customer, min(e.occurred_at) AS since
    FROM (%s) e JOIN %s ON w.names IS NULL OR e.event = ANY (w.names)%s
    WHERE e.fault IS NULL GROUP BY w.watch, w.pattern, w.by_time, e.customer',
            @extschema@.journey_follow_changes(follow, action), @extschema@.journey_watch_list(watching),
            CASE action WHEN 'insert' THEN '' ELSE format(' OR NOT EXISTS (SELECT FROM %s h WHERE h.customer = e.customer)', follow ->> 'head') END),
        @extschema@.journey_watch_journey(follow), 'NULL');
END
$$;
COMMENT ON FUNCTION journey_watch_fold_sql(regclass, jsonb, text, regclass) IS
    'part of journey_follow_sql: looks at the customers that a statement has changed; NULL if nothing is watched, and in mode deferred, where journey_catch_up looks';

CREATE FUNCTION journey_watch_matters_sql(state regclass, follow jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    watching jsonb := @extschema@.journey_watch_row(state);
BEGIN
    RETURN CASE WHEN watching ->> 'names' IS NOT NULL
        THEN format('SELECT 1 FROM (%s) e WHERE e.event = ANY (%L::text[]) LIMIT 1', @extschema@.journey_follow_changes(follow, 'insert'), watching ->> 'names') END;
END
$$;
COMMENT ON FUNCTION journey_watch_matters_sql(regclass, jsonb) IS
    'part of journey_follow_sql: gives a row if an INSERT has an event that can make a difference to a watch; NULL if nothing is watched or any event can';

-- An UPDATE that gives events to other customers takes along what is known of
-- them: what was queued for the one is not queued for the other.
CREATE FUNCTION journey_watch_carry_sql(state regclass, follow jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    watching jsonb := @extschema@.journey_watch_row(state);
BEGIN
    RETURN CASE WHEN watching IS NULL THEN NULL ELSE format('WITH net AS (
    SELECT e.customer, e.occurred_at, e.event, e.channel, e.value, e.item, sum(CASE WHEN e.removed THEN -1 ELSE 1 END) AS n
    FROM (%1$s) e WHERE e.fault IS NULL GROUP BY 1, 2, 3, 4, 5, 6, float8send(e.value)),
copies AS MATERIALIZED (
    SELECT n.*, row_number() OVER (PARTITION BY n.n > 0, n.occurred_at, n.event, n.channel, float8send(n.value), n.item ORDER BY n.customer) AS copy
    FROM net n, generate_series(1, abs(n.n))),
moved AS MATERIALIZED (
    SELECT l.customer AS giver, g.customer AS taker, @extschema@.journey_agg(l.occurred_at, l.event, l.channel, l.value, l.item) AS journey
    FROM copies l JOIN copies g ON g.occurred_at = l.occurred_at AND g.event = l.event AND g.copy = l.copy
     AND (g.channel, g.value, g.item) IS NOT DISTINCT FROM (l.channel, l.value, l.item)
    WHERE l.n < 0 AND g.n > 0 GROUP BY 1, 2),
carried AS MATERIALIZED (
    SELECT s.watch, m.giver, m.taker, s.seen OPERATOR(@extschema@.-) (s.seen OPERATOR(@extschema@.-) m.journey) AS part
    FROM moved m JOIN %2$s s ON s.customer = m.giver),
changed AS MATERIALIZED (
    SELECT c.customer, c.watch, @extschema@.journey_merge(c.plus) AS plus, @extschema@.journey_merge(c.minus) AS minus
    FROM (SELECT k.taker AS customer, k.watch, k.part AS plus, NULL AS minus FROM carried k
          UNION ALL SELECT k.giver, k.watch, NULL, k.part FROM carried k) c
    WHERE @extschema@.journey_length(coalesce(c.plus, c.minus)) > 0 GROUP BY c.customer, c.watch)
INSERT INTO %2$s AS s (customer, watch, seen)
SELECT c.customer, c.watch, coalesce(c.plus, ''{}'') FROM changed c ORDER BY c.customer, c.watch
ON CONFLICT (customer, watch) DO UPDATE SET seen = (s.seen OPERATOR(@extschema@.||) excluded.seen)
    OPERATOR(@extschema@.-) coalesce((SELECT c.minus FROM changed c WHERE c.customer = s.customer AND c.watch = s.watch), ''{}'')',
        @extschema@.journey_follow_changes(follow, 'update'), watching ->> 'seen') END;
END
$$;
COMMENT ON FUNCTION journey_watch_carry_sql(regclass, jsonb) IS
    'part of journey_follow_sql: of events that an UPDATE gives to other customers, moves what watches have seen; NULL if nothing is watched';

-- Looks at customers whose journeys have been changed by journey_catch_up or
-- built anew; since: the times of their earliest changes, if known.
CREATE FUNCTION journey_watch_look(state regclass, customers anyarray, since timestamptz[] DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET jit = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    watching jsonb := @extschema@.journey_watch_row(state);
    n bigint := 0;
BEGIN
    IF watching IS NOT NULL AND customers IS NOT NULL THEN
        EXECUTE @extschema@.journey_watch_sql(watching,
            format('SELECT w.watch, w.pattern, w.by_time, c.customer, c.since FROM unnest($1, $2) c (customer, since), %s', @extschema@.journey_watch_list(watching)),
            @extschema@.journey_watch_journey(@extschema@.journey_follow_row(state)), 'NULL') INTO n USING customers, since;
    END IF;
    RETURN n;
END
$$;
COMMENT ON FUNCTION journey_watch_look(regclass, anyarray, timestamptz[]) IS
    'part of journey_catch_up and journey_follow_check: looks at customers whose journeys have changed; the number of matches queued';

-- ---- what falls due by time ----

CREATE FUNCTION journey_watch_due_of(state regclass, as_of timestamptz, customers anyarray) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET jit = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    watching jsonb := @extschema@.journey_watch_row(state);
    follow jsonb := @extschema@.journey_follow_row(state);
    n bigint := 0;
BEGIN
    IF watching IS NOT NULL AND customers IS NOT NULL THEN
        EXECUTE @extschema@.journey_watch_sql(watching,
            format('SELECT w.watch, w.pattern, w.by_time, s.customer, NULL::timestamptz AS since FROM %s s JOIN %s ON w.watch = s.watch
                WHERE s.customer = ANY ($1) AND s.due_at <= $2', watching ->> 'seen', @extschema@.journey_watch_list(watching)),
            CASE follow ->> 'mode' WHEN 'immediate' THEN @extschema@.journey_watch_journey(follow)
                ELSE format('SELECT v.journey FROM %s v WHERE v.customer = t.customer', follow ->> 'journeys') END,
            '$2') INTO n USING customers, as_of;
    END IF;
    RETURN n;
END
$$;
COMMENT ON FUNCTION journey_watch_due_of(regclass, timestamptz, anyarray) IS 'part of journey_watch_due: of customers whose rows are locked';

CREATE FUNCTION journey_watch_due(as_of timestamptz DEFAULT now(), target regclass DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    live regclass;
    state regclass;
    follow jsonb;
    watching jsonb;
    n bigint;
    total bigint := 0;
BEGIN
    IF as_of IS NULL THEN
        RAISE EXCEPTION 'as_of is null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the time at which matches fall due, or leave it out for now.';
    END IF;
    FOREACH live IN ARRAY @extschema@.journey_follow_targets(target) LOOP
        state := @extschema@.journey_follow_state(live);
        watching := @extschema@.journey_watch_row(state);
        CONTINUE WHEN watching IS NULL;
        follow := @extschema@.journey_follow_row(state);
        IF follow ->> 'mode' = 'deferred' THEN
            PERFORM @extschema@.journey_follow_turn(state);
        END IF;
        -- what is read with the next snapshot has waited for the writers that had these locks
        EXECUTE format('SELECT @extschema@.journey_watch_due_of(%L, $1, (SELECT array_agg(c.customer) FROM (
                SELECT h.customer FROM %s h WHERE h.customer = ANY (ARRAY(SELECT s.customer FROM %s s WHERE s.due_at <= $1)) ORDER BY h.customer FOR UPDATE) c))',
            state, follow ->> 'head', watching ->> 'seen') INTO n USING as_of;
        total := total + n;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION journey_watch_due(timestamptz, regclass) IS
    'queues the matches of patterns with an absence that have come true up to as_of, of all live journeys that the caller has the rights of or of one; their number. Call it from any scheduler; in mode deferred after journey_catch_up. Costs what has fallen due. Error 22004 for no time';

-- ---- watching ----

CREATE FUNCTION journey_watch_lock(state regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT t.relation FROM @extschema@.journey_follow_triggered(state) t LOOP
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', part);
    END LOOP;
    EXECUTE format('SELECT FROM %s FOR UPDATE', state);
END
$$;
COMMENT ON FUNCTION journey_watch_lock(regclass) IS 'part of journey_watch and journey_unwatch: until the commit nobody writes to the events and nobody folds them';

CREATE FUNCTION journey_watch_make(state regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    names jsonb := @extschema@.journey_watch_tables(state);
    part text;
    key_type text := (SELECT format_type(a.atttypid, -1) || CASE WHEN a.attcollation <> t.typcollation
                          THEN (SELECT format(' COLLATE %I.%I', n.nspname, o.collname) FROM pg_collation o JOIN pg_namespace n ON n.oid = o.collnamespace
                                WHERE o.oid = a.attcollation) ELSE '' END
                      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = state AND a.attname = 'backfilled_to');
BEGIN
    IF (names ->> 'made')::boolean THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %s (
        watch text PRIMARY KEY,
        pattern @extschema@.journey_pattern NOT NULL,
        names text[],
        by_time boolean NOT NULL,
        notify boolean NOT NULL,
        watched_at timestamptz NOT NULL DEFAULT clock_timestamp())', names ->> 'watch');
    EXECUTE format('COMMENT ON TABLE %s IS ''what journey_watch watches; only the functions journey_watch and journey_unwatch change it''', names ->> 'watch');
    EXECUTE format('CREATE TABLE %s (
        customer %s,
        watch text,
        seen @extschema@.journey NOT NULL,
        seen_to timestamptz,
        due_at timestamptz,
        PRIMARY KEY (customer, watch)) WITH (fillfactor = 80)', names ->> 'seen', key_type);
    EXECUTE format('CREATE INDEX ON %s (due_at) WHERE due_at IS NOT NULL', names ->> 'seen');
    EXECUTE format('COMMENT ON TABLE %s IS ''events that matches of watches have used, and when the next one falls due; a row a customer and watch''', names ->> 'seen');
    EXECUTE format('CREATE TABLE %s (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        watch text NOT NULL,
        customer %s NOT NULL,
        matched_at timestamptz NOT NULL,
        true_at timestamptz NOT NULL,
        matched @extschema@.journey NOT NULL,
        queued_at timestamptz NOT NULL DEFAULT clock_timestamp())', names ->> 'queue', key_type);
    EXECUTE format('CREATE INDEX ON %s (customer)', names ->> 'queue');
    EXECUTE format('COMMENT ON TABLE %s IS ''matches of watches, each once; consumers delete what they have dealt with''', names ->> 'queue');
    FOREACH part IN ARRAY ARRAY['watch', 'seen', 'queue'] LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO %I', names ->> part, names ->> 'owner');
    END LOOP;
END
$$;
COMMENT ON FUNCTION journey_watch_make(regclass) IS 'part of journey_watch: makes its tables where there are none';

CREATE FUNCTION journey_watch(name text, pattern journey_pattern, target regclass, existing boolean DEFAULT false, notify boolean DEFAULT false) RETURNS regclass
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    state regclass := @extschema@.journey_follow_state(target);
    follow jsonb := @extschema@.journey_follow_row(state);
    names text[] := @extschema@.journey_watch_names(pattern);
    by_time boolean := @extschema@.journey_watch_by_time(pattern);
    watching jsonb;
BEGIN
    IF coalesce(name, '') = '' OR pattern IS NULL OR existing IS NULL OR notify IS NULL THEN
        RAISE EXCEPTION 'a watch needs a name, a pattern and settings that are not null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF NOT (follow ->> 'backfilled')::boolean THEN
        RAISE EXCEPTION 'live journeys "%" are not backfilled yet', target USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'CALL journey_backfill first.';
    END IF;
    PERFORM @extschema@.journey_watch_lock(state);
    PERFORM @extschema@.journey_watch_make(state);
    watching := @extschema@.journey_watch_tables(state);
    BEGIN
        EXECUTE format('INSERT INTO %s (watch, pattern, names, by_time, notify) VALUES ($1, $2, $3, $4, $5)', watching ->> 'watch')
        USING name, pattern, names, by_time, notify;
    EXCEPTION WHEN unique_violation THEN
        RAISE EXCEPTION 'watch "%" of "%" already exists', name, target USING ERRCODE = 'duplicate_object', HINT = 'journey_unwatch ends it.';
    END;
    PERFORM @extschema@.journey_watch_changed(state);
    watching := watching || jsonb_build_object('list', jsonb_build_array(jsonb_build_object(
        'watch', name, 'pattern', pattern::text, 'names', names::text, 'by_time', by_time)),
        'notify', CASE WHEN notify THEN jsonb_build_array(name) END);
    -- of what is there; matches that are old are queued, or seen and done with
    EXECUTE @extschema@.journey_watch_sql(watching,
        format('SELECT w.watch, w.pattern, w.by_time, v.customer, v.journey, NULL::timestamptz AS since FROM %s v, %s',
               follow ->> 'journeys', @extschema@.journey_watch_list(watching)),
        'SELECT t.journey', CASE WHEN existing THEN 'NULL' ELSE 'now()' END, existing);
    RETURN (watching ->> 'queue')::regclass;
END
$$;
COMMENT ON FUNCTION journey_watch(text, journey_pattern, regclass, boolean, boolean) IS
    'watches live journeys for matches of a pattern, each of which becomes one row of the table <target>_watch_queue, the result: in the transaction that changes the journey (mode immediate), in journey_catch_up (deferred), or, for a pattern with an absence, in journey_watch_due when its time is over. existing: whether matches that are there now are queued, or passed over. notify: whether statements that queue matches NOTIFY journey_watch with the name of the journeys. Errors: 22004 without a name or pattern, 22023 for a pattern that cannot be watched, 42710 for a name in use, 55000 before the backfill is over, 42501 for others than the owner, 42809 for a relation that journey_follow did not make';

CREATE FUNCTION journey_unwatch(name text, target regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    state regclass := @extschema@.journey_follow_state(target);
    watching jsonb := @extschema@.journey_watch_tables(state);
    n bigint := 0;
BEGIN
    IF (watching ->> 'made')::boolean THEN
        PERFORM @extschema@.journey_watch_lock(state);
        EXECUTE format('DELETE FROM %s w WHERE w.watch = $1', watching ->> 'watch') USING name;
        GET DIAGNOSTICS n = ROW_COUNT;
    END IF;
    IF n = 0 THEN
        RAISE EXCEPTION 'watch "%" of "%" does not exist', name, target USING ERRCODE = 'undefined_object', HINT = 'journey_watches() lists those there are.';
    END IF;
    EXECUTE format('DELETE FROM %s s WHERE s.watch = $1', watching ->> 'seen') USING name;
    PERFORM @extschema@.journey_watch_changed(state);
END
$$;
COMMENT ON FUNCTION journey_unwatch(text, regclass) IS
    'ends a watch of live journeys; what it has queued stays in the queue. Errors: 42704 for a watch that does not exist, 42501 for others than the owner';

CREATE FUNCTION journey_watches(
    target regclass DEFAULT NULL, OUT journeys regclass, OUT watch text, OUT pattern text, OUT by_time boolean, OUT notify boolean,
    OUT queued bigint, OUT pending bigint, OUT next_due timestamptz, OUT watched_at timestamptz) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    live regclass;
    watching jsonb;
BEGIN
    FOREACH live IN ARRAY @extschema@.journey_follow_targets(target) LOOP
        watching := @extschema@.journey_watch_tables(@extschema@.journey_follow_state(live));
        CONTINUE WHEN NOT (watching ->> 'made')::boolean;
        RETURN QUERY EXECUTE format('SELECT $1, w.watch, w.pattern::text, w.by_time, w.notify, (SELECT count(*) FROM %2$s q WHERE q.watch = w.watch),
                d.n, d.next, w.watched_at
            FROM %1$s w, LATERAL (SELECT count(*) AS n, min(s.due_at) AS next FROM %3$s s WHERE s.watch = w.watch AND s.due_at IS NOT NULL) d ORDER BY w.watch',
            watching ->> 'watch', watching ->> 'queue', watching ->> 'seen') USING live;
    END LOOP;
END
$$;
COMMENT ON FUNCTION journey_watches(regclass) IS
    'what is watched of live journeys that the caller has the rights of: journeys, watch, pattern, whether its matches fall due by time, whether it notifies, matches in the queue, customers with a match that falls due, when the next one does, and since when it is watched';

CREATE FUNCTION journey_watch_drop(state regclass, keep boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    watching jsonb := @extschema@.journey_watch_tables(state);
BEGIN
    IF (watching ->> 'made')::boolean THEN
        EXECUTE format('DROP TABLE %s, %s', watching ->> 'watch', watching ->> 'seen');
        IF NOT keep THEN
            EXECUTE format('DROP TABLE %s', watching ->> 'queue');
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION journey_watch_drop(regclass, boolean) IS 'part of journey_unfollow: drops the tables of watches; keep: but for the queue';
