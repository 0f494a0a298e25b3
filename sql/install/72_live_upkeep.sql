-- ---------------------------------------------------------------------------
-- Live journeys: building, backfilling, catching up, looking after
--
-- Functions that carry customers' keys are polymorphic, so that a session may
-- work on several tables whose keys are of different types.
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_follow_limit() RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN coalesce(current_setting('customer_journey.max_events', true)::integer, 10000000);
COMMENT ON FUNCTION journey_follow_limit() IS 'customer_journey.max_events, whether the library is loaded or not';

CREATE FUNCTION journey_follow_meet(state regclass, seal anyarray, refuse anyarray, empty anyarray) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    IF seal IS NOT NULL THEN
        EXECUTE @extschema@.journey_follow_sql(state, 'seal') USING seal;
        EXECUTE @extschema@.journey_follow_sql(state, 'compact') USING seal, @extschema@.journey_follow_limit();
    END IF;
    IF refuse IS NOT NULL THEN
        PERFORM @extschema@.journey_follow_rebuild(state, refuse);
    END IF;
    IF empty IS NOT NULL THEN
        EXECUTE @extschema@.journey_follow_sql(state, 'empty') USING empty;
    END IF;
END
$$;
COMMENT ON FUNCTION journey_follow_meet(regclass, anyarray, anyarray, anyarray) IS
    'part of journey_catch_up and journey_backfill: does for some customers what a fold could not: seals long parts, builds anew, removes empty journeys';

CREATE FUNCTION journey_follow_rebuild(state regclass, customers anyarray) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    limit_events integer := @extschema@.journey_follow_limit();
    report record;
BEGIN
    IF customers IS NULL THEN
        RETURN 0;
    END IF;
    BEGIN
        EXECUTE @extschema@.journey_follow_sql(state, 'rebuild') INTO report USING customers, limit_events;
    EXCEPTION WHEN program_limit_exceeded THEN
        EXECUTE @extschema@.journey_follow_sql(state, 'rebuild limited') INTO report USING customers, limit_events;
    END;
    PERFORM @extschema@.journey_follow_meet(state, report.seal, NULL, report.empty);
    PERFORM @extschema@.journey_watch_look(state, customers);
    RETURN cardinality(customers);
END
$$;
COMMENT ON FUNCTION journey_follow_rebuild(regclass, anyarray) IS
    'builds live journeys of some customers anew from the events, and says how many; the caller has locked their rows (mode immediate) or the row of <target>_follow (deferred)';

-- Everything at once, while nobody can write.
CREATE FUNCTION journey_follow_fill(state regclass, overgrown anyarray) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    follow jsonb := @extschema@.journey_follow_row(state);
    source text := format('SELECT e.* FROM (%s) e WHERE $1 IS NULL OR e.customer <> ALL ($1)',
                          @extschema@.journey_follow_source(follow, follow ->> 'events'));
    report record;
    n bigint;
BEGIN
    EXECUTE format('INSERT INTO %s (customer, journey, events, complete)
        SELECT g.customer, g.journey, @extschema@.journey_length(g.journey), true
        FROM (SELECT e.customer, %s AS journey FROM (%s) e GROUP BY e.customer) g
        WHERE g.journey IS NOT NULL ORDER BY g.customer',
        follow ->> 'head', @extschema@.journey_follow_agg(follow, 'e.fault IS NULL'), source) USING overgrown;
    GET DIAGNOSTICS n = ROW_COUNT;
    EXECUTE format('INSERT INTO %s (customer, occurred_at, event, channel, value, item, reason)
        SELECT e.customer, e.occurred_at, e.event, e.channel, e.value, e.item, e.fault FROM (%s) e WHERE e.fault IS NOT NULL',
        follow ->> 'aside', source) USING overgrown;
    n := n + @extschema@.journey_follow_rebuild(state, overgrown);
    EXECUTE format('SELECT array_agg(h.customer) AS seal FROM %s h WHERE h.chunks = 0 AND h.events > %s',
                   follow ->> 'head', follow ->> 'chunk_events') INTO report;
    PERFORM @extschema@.journey_follow_meet(state, report.seal, NULL, NULL);
    EXECUTE format('UPDATE %s SET backfilled = true, backfilled_customers = $1', state) USING n;
END
$$;
COMMENT ON FUNCTION journey_follow_fill(regclass, anyarray) IS
    'part of journey_follow: takes all events there are; overgrown: customers that have more than customer_journey.max_events';

-- Backfills and catch-ups of one target take turns.  They read the events, which
-- a TRUNCATE locks before it waits for this row: so must they.
CREATE FUNCTION journey_follow_turn(state regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    EXECUTE format('LOCK TABLE %s IN ACCESS SHARE MODE', @extschema@.journey_follow_row(state) ->> 'events');
    EXECUTE format('SELECT FROM %s FOR UPDATE', state);
END
$$;
COMMENT ON FUNCTION journey_follow_turn(regclass) IS 'part of journey_backfill and journey_catch_up: waits for its turn, which lasts to the end of the transaction';

-- ---- backfill ----

CREATE FUNCTION journey_backfill_customers(state regclass, customers anyarray) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    follow jsonb := @extschema@.journey_follow_row(state);
BEGIN
    IF customers IS NULL THEN
        RETURN 0;
    END IF;
    -- what is read with the next snapshot has waited for the writers that had these locks
    IF follow ->> 'mode' = 'immediate' THEN
        EXECUTE replace(@extschema@.journey_follow_lock_sql(follow, 'SELECT unnest($1) AS customer'), '$3', 'false') USING customers;
    END IF;
    RETURN @extschema@.journey_follow_rebuild(state, customers);
END
$$;
COMMENT ON FUNCTION journey_backfill_customers(regclass, anyarray) IS
    'locks customers in the order of their keys and builds their live journeys anew; the row of <target>_follow is locked';

CREATE FUNCTION journey_backfill_step(target regclass, batch_customers integer) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off AS
$$
DECLARE
    state regclass := @extschema@.journey_follow_state(target);
    follow jsonb;
    n bigint := 0;
BEGIN
    IF batch_customers < 1 THEN
        RAISE EXCEPTION 'a batch cannot have % customers', batch_customers USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM @extschema@.journey_follow_turn(state);
    follow := @extschema@.journey_follow_row(state);
    IF NOT (follow ->> 'backfilled')::boolean THEN
        EXECUTE format('WITH batch AS MATERIALIZED (SELECT DISTINCT e.customer FROM (%1$s) e%2$s ORDER BY e.customer LIMIT %3$s),
            last AS (UPDATE %4$s f SET backfilled_to = b.customer, backfilled_customers = backfilled_customers + b.n
                     FROM (SELECT b.customer, count(*) OVER () AS n FROM batch b ORDER BY b.customer DESC LIMIT 1) b)
            SELECT @extschema@.journey_backfill_customers(%4$L, (SELECT array_agg(b.customer ORDER BY b.customer) FROM batch b))',
            -- who has lost all his events since is in the tail alone, which is to be forgotten
            format('SELECT c.customer FROM (%s) c', @extschema@.journey_follow_source(follow, follow ->> 'events'))
                || format(' UNION ALL SELECT unnest(t.customers) FROM %s t', follow ->> 'tail'),
            CASE WHEN follow ->> 'backfilled_to' IS NULL THEN '' ELSE format(' WHERE e.customer > (SELECT f.backfilled_to FROM %s f)', state) END,
            batch_customers, state) INTO n;
    END IF;
    -- then those that writers met ahead of it
    IF n = 0 THEN
        EXECUTE format('SELECT @extschema@.journey_backfill_customers(%L, (SELECT array_agg(b.customer ORDER BY b.customer) FROM (
                SELECT h.customer FROM %s h WHERE NOT h.complete ORDER BY h.customer LIMIT %s) b))', state, follow ->> 'head', batch_customers) INTO n;
    END IF;
    IF n > 0 THEN
        RETURN true;
    END IF;
    EXECUTE format('UPDATE %s SET backfilled = true, backfilled_to = NULL WHERE NOT backfilled', state);
    RETURN false;
END
$$;
COMMENT ON FUNCTION journey_backfill_step(regclass, integer) IS
    'one batch of journey_backfill, in the caller''s transaction; false when there is nothing left to do. Error 22023 for a batch of no customers';

CREATE PROCEDURE journey_backfill(target regclass, batch_customers integer DEFAULT 10000)
    LANGUAGE plpgsql AS
$$
BEGIN
    FOR round IN 1 .. 2 LOOP
        LOOP
            EXIT WHEN NOT @extschema@.journey_backfill_step(target, batch_customers);
            COMMIT;
        END LOOP;
        COMMIT;
        -- writers that began before this was known may meet more customers
        PERFORM @extschema@.journey_follow_wait(@extschema@.journey_follow_events(target));
        COMMIT;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE journey_backfill(regclass, integer) IS
    'takes the events that were there before journey_follow(..., backfill => false), a batch of customers and a transaction at a time; interrupted, it goes on where it was when called again, and journey_follow_status shows how far it is. An index on the events'' customer column makes batches cheap';

CREATE FUNCTION journey_follow_events(target regclass) RETURNS regclass
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    RETURN @extschema@.journey_follow_row(@extschema@.journey_follow_state(target)) ->> 'events';
END
$$;
COMMENT ON FUNCTION journey_follow_events(regclass) IS 'the events that live journeys follow';

-- ---- catching up ----

CREATE FUNCTION journey_catch_up_fold(state regclass, key anyelement, after integer, upto integer) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    follow jsonb := @extschema@.journey_follow_row(state);
    watching jsonb := @extschema@.journey_watch_row(state);
    fold text;
    has_removed boolean;
    limit_events integer := @extschema@.journey_follow_limit();
    report record;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s t WHERE %s AND t.removed)', follow ->> 'tail', @extschema@.journey_follow_range())
    INTO has_removed USING after, upto;
    fold := @extschema@.journey_follow_catch_up_sql(follow, has_removed, watching);
    BEGIN
        EXECUTE fold INTO report USING after, upto, limit_events;
    EXCEPTION WHEN program_limit_exceeded THEN
        -- some customer has more in the tail alone
        EXECUTE format('SELECT @extschema@.journey_follow_rebuild(%L, (SELECT array_agg(c.customer) FROM (
            SELECT e.customer FROM %s WHERE %s
            GROUP BY e.customer HAVING count(*) > $3) c))', state, @extschema@.journey_follow_tail(follow), @extschema@.journey_follow_range()) USING after, upto, limit_events;
        EXECUTE fold INTO report USING after, upto, limit_events;
    END;
    PERFORM @extschema@.journey_follow_meet(state, report.seal, report.refuse, report.empty);
    IF watching IS NOT NULL THEN
        PERFORM @extschema@.journey_watch_look(state, report.touched, report.since);
    END IF;
    RETURN coalesce(report.n, 0);
END
$$;
COMMENT ON FUNCTION journey_catch_up_fold(regclass, anyelement, integer, integer) IS 'part of journey_catch_up: folds the tail of the buckets after one, up to another; the number of events. key: any, of the type of the customers'' keys';

CREATE FUNCTION journey_catch_up_step(target regclass, batch_events integer, INOUT after integer, OUT folded bigint) RETURNS record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off AS
$$
DECLARE
    state regclass := @extschema@.journey_follow_state(target);
    key_type text := (SELECT format_type(a.atttypid, -1) FROM pg_attribute a WHERE a.attrelid = state AND a.attname = 'backfilled_to');
    upto integer;
BEGIN
    IF batch_events < 1 THEN
        RAISE EXCEPTION 'a batch cannot have % events', batch_events USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM @extschema@.journey_follow_turn(state);
    -- all parts of a bucket are folded together: 15 is that of the last there may be
    EXECUTE format('SELECT s.bucket | 15 FROM (
            SELECT t.bucket, sum(cardinality(t.customers)) OVER (ORDER BY t.bucket ROWS UNBOUNDED PRECEDING) AS events
            FROM %s t WHERE $1 IS NULL OR t.bucket > $1) s WHERE s.events > $2 LIMIT 1', @extschema@.journey_follow_row(state) ->> 'tail')
    INTO upto USING after, batch_events;
    EXECUTE format('SELECT @extschema@.journey_catch_up_fold(%L, NULL::%s, $1, $2)', state, key_type) INTO folded USING after, upto;
    after := upto;
END
$$;
COMMENT ON FUNCTION journey_catch_up_step(regclass, integer, integer) IS
    'one batch of journey_catch_up, in the caller''s transaction: folds the buckets of customers after one, of about so many events; the last bucket, NULL if that was the end, and the number of events folded. Error 22023 for a batch of no events';

-- A reader reads a row of the tail for each statement that is not folded yet, from
-- anywhere in memory, with all customers of a bucket.  While much is to be folded,
-- those of many statements become few, each of an eighth of the customers: eight
-- buckets of those to come next tell how many there are.
CREATE FUNCTION journey_catch_up_split(target regclass, after integer DEFAULT NULL, small_rows integer DEFAULT 28) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off SET enable_seqscan = off AS
$$
DECLARE
    state regclass := @extschema@.journey_follow_state(target);
    follow jsonb;
    buckets integer[] := ARRAY(SELECT generate_series(0, 511) * 16);
    first integer := least(coalesce(after / 16 + 1, 0), 504);
    n bigint;
BEGIN
    PERFORM @extschema@.journey_follow_turn(state);
    follow := @extschema@.journey_follow_row(state);
    EXECUTE format('SELECT count(*) FROM %s t WHERE t.bucket = ANY ($1) AND %s', follow ->> 'tail', @extschema@.journey_follow_small(follow))
    INTO n USING buckets[first + 1 : first + 8];
    IF n < 8::bigint * small_rows THEN
        RETURN 0;
    END IF;
    EXECUTE @extschema@.journey_follow_split_sql(follow) INTO n USING buckets;
    RETURN n;
END
$$;
COMMENT ON FUNCTION journey_catch_up_split(regclass, integer, integer) IS
    'part of journey_catch_up, in the caller''s transaction: writes the small rows of all buckets of the tail anew, as rows of parts of buckets, if the eight buckets after one have so many small rows each on average; the number of these rows';

CREATE PROCEDURE journey_catch_up(target regclass DEFAULT NULL, batch_events integer DEFAULT 80000)
    LANGUAGE plpgsql AS
$$
DECLARE
    live regclass;
    last integer;
    n bigint;
BEGIN
    FOREACH live IN ARRAY @extschema@.journey_follow_targets(target) LOOP
        last := NULL;
        LOOP
            SELECT s.after, s.folded INTO last, n FROM @extschema@.journey_catch_up_step(live, batch_events, last) s;
            COMMIT;
            EXIT WHEN last IS NULL;
            PERFORM @extschema@.journey_catch_up_split(live, last);
            COMMIT;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE journey_catch_up(regclass, integer) IS
    'mode deferred: folds what the tail of live journeys holds into the customers'' rows, about batch_events a transaction, and in each in the order of their keys; without a target, of all live journeys that the caller has the rights of. Readers and writers are not held up; two at once take turns';

CREATE FUNCTION journey_follow_targets(target regclass) RETURNS regclass[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    IF target IS NOT NULL THEN
        RETURN ARRAY[@extschema@.journey_follow_row(@extschema@.journey_follow_state(target)) ->> 'journeys']::regclass[];
    END IF;
    RETURN ARRAY(SELECT (@extschema@.journey_follow_row(s) ->> 'journeys')::regclass FROM @extschema@.journey_follow_states() s);
END
$$;
COMMENT ON FUNCTION journey_follow_targets(regclass) IS 'the live journeys named, or all that the caller has the rights of';

-- ---- looking after ----

CREATE FUNCTION journey_follow_status(
    target regclass DEFAULT NULL, OUT journeys regclass, OUT events regclass, OUT mode text, OUT customers bigint, OUT unfolded bigint, OUT set_aside bigint,
    OUT backfilled boolean, OUT backfilled_customers bigint, OUT incomplete bigint, OUT followed_at timestamptz) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    live regclass;
    state regclass;
    follow jsonb;
BEGIN
    FOREACH live IN ARRAY @extschema@.journey_follow_targets(target) LOOP
        state := @extschema@.journey_follow_state(live);
        follow := @extschema@.journey_follow_row(state);
        EXECUTE format('SELECT f.journeys, f.events, f.mode,
                (SELECT count(*) FROM %2$s h WHERE h.complete), (SELECT coalesce(sum(cardinality(t.customers)), 0) FROM %3$s t), (SELECT count(*) FROM %4$s a),
                f.backfilled, f.backfilled_customers, (SELECT count(*) FROM %2$s h WHERE NOT h.complete), f.followed_at FROM %1$s f',
            state, follow ->> 'head', follow ->> 'tail', follow ->> 'aside')
        INTO journeys, events, mode, customers, unfolded, set_aside, backfilled, backfilled_customers, incomplete, followed_at;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION journey_follow_status(regclass) IS
    'live journeys that the caller has the rights of: events they follow, mode, customers with a row, events that await journey_catch_up, events set aside, whether the backfill is over, customers it has built, customers that await it';

CREATE FUNCTION journey_follow_drop_triggers(state regclass, relation regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT t.tgname FROM pg_trigger t
                WHERE t.tgrelid = relation AND t.tgfoid = '@extschema@.journey_follow_fold()'::regprocedure
                  AND t.tgargs = convert_to(state::text, getdatabaseencoding()) || '\x00' LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', name, relation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION journey_follow_drop_triggers(regclass, regclass) IS 'part of journey_unfollow: drops the triggers of one table for one target';

-- The tables that have triggers for a target, and how many of them fire.
CREATE FUNCTION journey_follow_triggered(state regclass, OUT relation regclass, OUT triggers bigint) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT t.tgrelid::regclass, count(*) FILTER (WHERE t.tgenabled IN ('O', 'A'))
    FROM pg_trigger t
    WHERE t.tgfoid = '@extschema@.journey_follow_fold()'::regprocedure
      AND t.tgargs = convert_to(state::text, getdatabaseencoding()) || '\x00'
    GROUP BY 1 ORDER BY 1;
END
$$;
COMMENT ON FUNCTION journey_follow_triggered(regclass) IS 'the tables that have triggers of live journeys, and how many of these are enabled';

CREATE FUNCTION journey_unfollow(target regclass, keep boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    state regclass := @extschema@.journey_follow_state(target);
    follow jsonb := @extschema@.journey_follow_row(state);
    names record;
BEGIN
    SELECT n.nspname AS schema, c.relname AS name, pg_get_userbyid(c.relowner) AS owner INTO names
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target;
    PERFORM @extschema@.journey_follow_drop_triggers(state, t.relation) FROM @extschema@.journey_follow_triggered(state) t;
    IF keep THEN
        EXECUTE format('CREATE TABLE %I.%I AS SELECT v.customer, v.journey FROM %s v', names.schema, names.name || '_kept', target);
        EXECUTE format('ALTER TABLE %I.%I ADD PRIMARY KEY (customer)', names.schema, names.name || '_kept');
        EXECUTE format('ALTER TABLE %I.%I OWNER TO %I', names.schema, names.name || '_kept', names.owner);
    END IF;
    EXECUTE format('DROP VIEW %s', target);
    PERFORM @extschema@.journey_watch_drop(state, keep);
    EXECUTE format('DROP TABLE %s, %s, %s, %s, %s', follow ->> 'head', follow ->> 'chunk', follow ->> 'aside', follow ->> 'tail', state);
    IF keep THEN
        EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', names.schema, names.name || '_kept', names.name);
        EXECUTE format('ALTER INDEX %I.%I RENAME TO %I', names.schema, names.name || '_kept_pkey', names.name || '_pkey');
    END IF;
END
$$;
COMMENT ON FUNCTION journey_unfollow(regclass, boolean) IS
    'ends live journeys: drops the triggers, the view and the tables; keep: leaves a table (customer, journey) of the journeys as they are in place of the view, and the queue of watches. Error 2BP01 while other views need them';

CREATE FUNCTION journey_follow_mode(target regclass, mode text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off SET customer_journey.catch_up_share = 1 AS
$$
#variable_conflict use_variable
DECLARE
    state regclass := @extschema@.journey_follow_state(target);
    follow jsonb := @extschema@.journey_follow_row(state);
    tables regclass[] := ARRAY(SELECT t.relation FROM @extschema@.journey_follow_triggered(state) t);
    part regclass;
    last integer;
BEGIN
    IF mode NOT IN ('immediate', 'deferred') THEN
        RAISE EXCEPTION 'unknown mode "%"', mode USING ERRCODE = 'invalid_parameter_value', HINT = 'Use immediate or deferred.';
    END IF;
    IF NOT (follow ->> 'backfilled')::boolean THEN
        RAISE EXCEPTION 'live journeys "%" are not backfilled yet', target USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'CALL journey_backfill first.';
    END IF;
    -- nobody writes from here to the commit
    FOREACH part IN ARRAY tables LOOP
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', part);
    END LOOP;
    LOOP
        SELECT s.after INTO last FROM @extschema@.journey_catch_up_step(target, 1000000, last) s;
        EXIT WHEN last IS NULL;
    END LOOP;
    EXECUTE format('UPDATE %s SET mode = $1', state) USING mode;
    EXECUTE @extschema@.journey_follow_sql(state, 'view');
    FOREACH part IN ARRAY tables LOOP
        PERFORM @extschema@.journey_follow_drop_triggers(state, part);
        PERFORM @extschema@.journey_follow_trigger(state, part);
    END LOOP;
END
$$;
COMMENT ON FUNCTION journey_follow_mode(regclass, text) IS
    'changes the mode of live journeys to immediate or deferred; nobody writes to the events meanwhile. Errors: 22023 for another mode, 55000 before the backfill is over';

-- What is wrong with tables and triggers: one row a relation.
CREATE FUNCTION journey_follow_faults(state regclass, OUT fault text, OUT relation regclass, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    follow jsonb := @extschema@.journey_follow_row(state);
    root regclass := (follow ->> 'events')::regclass;
BEGIN
    RETURN QUERY
    WITH tree AS (
        SELECT p.relid AS relation FROM pg_partition_tree(root) p UNION SELECT root),
    expected AS (
        SELECT t.relation, CASE WHEN t.relation = root THEN 4 ELSE 5 END AS triggers
        FROM tree t JOIN pg_class c ON c.oid = t.relation AND c.relkind <> 'f')
    SELECT CASE WHEN e.relation IS NULL THEN 'no partition any more' WHEN t.relation IS NULL THEN 'no triggers' ELSE 'triggers off' END,
           coalesce(e.relation, t.relation)::regclass,
           CASE WHEN e.relation IS NULL THEN 'its events are still in the journeys' WHEN t.relation IS NULL THEN 'its events are missing in the journeys'
                ELSE 'writes may have been missed' END
    FROM expected e FULL JOIN @extschema@.journey_follow_triggered(state) t ON t.relation = e.relation
    WHERE e.relation IS NULL OR t.relation IS NULL OR t.triggers < e.triggers
    ORDER BY 2;
    RETURN QUERY
    SELECT 'another owner', t.relation::regclass, format('it belongs to %s, the journeys to %s', pg_get_userbyid(c.relowner), pg_get_userbyid(s.relowner))
    FROM (SELECT p.relid AS relation FROM pg_partition_tree(root) p UNION SELECT root
          UNION SELECT (follow ->> k)::regclass FROM unnest(ARRAY['head', 'chunk', 'aside', 'tail', 'journeys']) k) t
    JOIN pg_class c ON c.oid = t.relation JOIN pg_class s ON s.oid = state WHERE c.relowner <> s.relowner ORDER BY 2;
    RETURN QUERY
    SELECT 'no index', root, format('without an index that begins with column "%s", building customers anew reads the whole table', follow ->> 'customer')
    WHERE NOT EXISTS (
        SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = root AND i.indisvalid AND i.indpred IS NULL AND a.attname = follow ->> 'customer');
END
$$;
COMMENT ON FUNCTION journey_follow_faults(regclass) IS 'part of journey_follow_check: what is wrong with the tables and triggers';

CREATE FUNCTION journey_follow_compare_sql(follow jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('SELECT coalesce(v.customer, g.customer) AS customer
FROM (SELECT e.customer, %1$s AS journey FROM (%2$s) e GROUP BY e.customer) g
FULL JOIN %3$s v ON v.customer = g.customer
WHERE NOT coalesce(v.journey OPERATOR(@extschema@.=) g.journey, v.journey IS NULL AND g.journey IS NULL)
  AND NOT EXISTS (SELECT FROM %4$s a WHERE a.customer = g.customer AND a.reason = ''too many events'')
  AND NOT EXISTS (SELECT FROM %5$s h WHERE h.customer = g.customer AND NOT h.complete)%6$s',
    @extschema@.journey_follow_agg(follow, 'e.fault IS NULL'), @extschema@.journey_follow_source(follow, follow ->> 'events'),
    follow ->> 'journeys', follow ->> 'aside', follow ->> 'head',
    CASE WHEN (follow ->> 'backfilled')::boolean THEN '' ELSE format(' AND EXISTS (SELECT FROM %s h WHERE h.customer = g.customer)', follow ->> 'head') END);
COMMENT ON FUNCTION journey_follow_compare_sql(jsonb) IS
    'part of journey_follow_check: customers whose live journey is not what journey_agg makes of the events; without those who await the backfill or have too many events';

CREATE FUNCTION journey_follow_check(
    target regclass, repair boolean DEFAULT false, compare boolean DEFAULT false,
    OUT problem text, OUT relation regclass, OUT detail text, OUT repaired boolean) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10 SET search_path = pg_catalog, pg_temp SET row_security = off AS
$$
#variable_conflict use_variable
DECLARE
    state regclass := @extschema@.journey_follow_state(target);
    follow jsonb;
    fault record;
    n bigint;
BEGIN
    IF repair THEN
        PERFORM @extschema@.journey_follow_turn(state);
    END IF;
    follow := @extschema@.journey_follow_row(state);
    FOR fault IN SELECT f.* FROM @extschema@.journey_follow_faults(state) f LOOP
        problem := fault.fault;
        relation := fault.relation;
        detail := fault.detail;
        repaired := repair AND problem IN ('no partition any more', 'no triggers', 'triggers off');
        IF repaired THEN
            PERFORM @extschema@.journey_follow_drop_triggers(state, relation);
            IF problem <> 'no partition any more' THEN
                PERFORM @extschema@.journey_follow_trigger(state, relation);
            END IF;
            EXECUTE format('SELECT @extschema@.journey_backfill_customers(%L, (SELECT array_agg(DISTINCT e.customer) FROM (%s) e))',
                           state, @extschema@.journey_follow_source(follow, 'ONLY ' || relation));
            compare := compare OR problem = 'triggers off';
        END IF;
        RETURN NEXT;
    END LOOP;
    relation := follow ->> 'journeys';
    IF compare THEN
        -- with the next snapshot, which sees what was repaired so far
        EXECUTE format('SELECT count(*) FROM (%s) d', @extschema@.journey_follow_compare_sql(follow)) INTO n;
        IF n > 0 THEN
            problem := 'journeys differ';
            detail := format('%s customers', n);
            repaired := repair;
            IF repair THEN
                EXECUTE format('SELECT @extschema@.journey_backfill_customers(%L, (SELECT array_agg(d.customer) FROM (%s) d))',
                               state, @extschema@.journey_follow_compare_sql(follow));
            END IF;
            RETURN NEXT;
        END IF;
    END IF;
    repaired := false;
    IF NOT (follow ->> 'backfilled')::boolean THEN
        problem := 'not backfilled';
        detail := format('%s customers so far', follow ->> 'backfilled_customers');
        RETURN NEXT;
    END IF;
    EXECUTE format('SELECT count(*) FROM %s', follow ->> 'aside') INTO n;
    IF n > 0 THEN
        problem := 'events set aside';
        relation := follow ->> 'aside';
        detail := format('%s events', n);
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION journey_follow_check(regclass, boolean, boolean) IS
    'what is wrong with live journeys: partitions attached since (no triggers) or detached (no partition any more), triggers off, another owner, no index for building customers anew, not backfilled, events set aside, and with compare journeys that differ from the events (reads all of them). repair: makes and drops triggers and builds the customers concerned anew. No rows if all is well';
