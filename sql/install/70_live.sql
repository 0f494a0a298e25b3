-- ---------------------------------------------------------------------------
-- Live journeys: journeys that follow a table of events
--
-- journey_follow makes ordinary tables, a view and triggers, which belong to
-- the owner of the events.  What follows what stands in one row of the table
-- <target>_follow, which the triggers name in their argument; the statements
-- that keep journeys up to date are written from that row (71_live_sql).
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_follow_fold() RETURNS trigger
    AS 'MODULE_PATHNAME', 'cj_journey_follow_fold'
    LANGUAGE C VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION journey_follow_fold() IS
    'trigger function that journey_follow puts on events: brings the changed customers'' journeys up to date with the rights of their owner; its argument names the table <target>_follow, which must name the events in turn';

CREATE FUNCTION journey_follow_wait(events regclass) RETURNS void
    AS 'MODULE_PATHNAME', 'cj_journey_follow_wait'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION journey_follow_wait(regclass) IS
    'waits for the transactions that have written to a table or its partitions so far; holds up nobody else';

-- ---- customers in the tail ----

CREATE FUNCTION journey_bucket(customer anyelement) RETURNS integer
    AS 'MODULE_PATHNAME', 'cj_journey_bucket'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_bucket(anyelement) IS
    'mode deferred: the number of the bucket that a customer''s key hashes to, one of 512, by the hash function that its type has by default; the first one for types that have none. Numbers are multiples of 16: those that follow are of the bucket''s eight parts';

CREATE FUNCTION journey_buckets(customers anyarray) RETURNS integer[]
    AS 'MODULE_PATHNAME', 'cj_journey_buckets'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_buckets(anyarray) IS
    'mode deferred: of each element of an array that is not NULL, the number of the bucket and that of the part of it that its key hashes to: where rows of the tail may hold the customer';

CREATE FUNCTION journey_bucket_parts(customers anyarray, most integer) RETURNS integer[]
    AS 'MODULE_PATHNAME', 'cj_journey_bucket_parts'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_bucket_parts(anyarray, integer) IS
    'part of journey_catch_up: labels for journey_split, one for each customer: modulo 16, by how much the number of the part is above that of the bucket; no more than "most" have the same. Error 22023 for a number below 1';

CREATE FUNCTION journey_split(elements anyarray, labels integer[]) RETURNS SETOF anyarray
    AS 'MODULE_PATHNAME', 'cj_journey_split'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 16;
COMMENT ON FUNCTION journey_split(anyarray, integer[]) IS
    'part of journey_catch_up: for each label from 1 to the highest, the elements of an array that have it, in their order. Errors: 2202E if there is not a label for each element, 22004 for a label that is NULL, 22023 for one below 1 or far above the number of elements';

CREATE FUNCTION journey_bucket_keys(customers anyarray, bucket integer) RETURNS anyarray
    AS 'MODULE_PATHNAME', 'cj_journey_bucket_keys'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE SUPPORT journey_support;
COMMENT ON FUNCTION journey_bucket_keys(anyarray, integer) IS
    'mode deferred: customers as they are; tells the planner that each is of the bucket, so that a query that unnests them and asks for one can look by the bucket';

CREATE FUNCTION journey_pick(elements anyarray, keys "any", value "any", equal oid) RETURNS anyarray
    AS 'MODULE_PATHNAME', 'cj_journey_pick'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION journey_pick(anyarray, "any", "any", oid) IS
    'mode deferred: the elements of an array for which the key in the same place of another array is equal to a value, by an operator given by its number. Errors: 2202E for arrays of different lengths, 42804 if keys are no array or the operator compares other types, 42883 if there is no such operator';

CREATE AGGREGATE journey_concat_agg(anycompatiblearray) (
    sfunc = array_cat, stype = anycompatiblearray, combinefunc = array_cat, parallel = safe);
COMMENT ON AGGREGATE journey_concat_agg(anycompatiblearray) IS 'part of journey_catch_up: the elements of all arrays, in one; NULL for no rows, or none but NULL';

CREATE FUNCTION journey_catch_up_rest() RETURNS boolean
    AS 'MODULE_PATHNAME', 'cj_journey_catch_up_rest'
    LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION journey_catch_up_rest() IS
    'part of journey_catch_up: true; rests now and then, so that it takes no more than the share customer_journey.catch_up_share of a processor''s time';

-- ---- what follows what ----

CREATE FUNCTION journey_follow_state(target regclass) RETURNS regclass
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    found regclass;
BEGIN
    SELECT s.oid INTO found
    FROM pg_class v JOIN pg_class s ON s.relnamespace = v.relnamespace AND s.relname = v.relname || '_follow'
    WHERE v.oid = target AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = s.oid AND a.attname = 'chunk_events');
    IF found IS NULL THEN
        RAISE EXCEPTION 'relation "%" is not one that journey_follow made', target
            USING ERRCODE = 'wrong_object_type', HINT = 'journey_follow_status() lists those there are.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION journey_follow_state(regclass) IS
    'the table <target>_follow that says what the journeys follow; error 42809 for a relation that journey_follow did not make';

CREATE FUNCTION journey_follow_row(state regclass) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    result jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(f) FROM %s f', state) INTO STRICT result;
    RETURN result;
END
$$;
COMMENT ON FUNCTION journey_follow_row(regclass) IS 'what journeys follow, and how: the row of the table <target>_follow as jsonb, relations by their qualified names';

CREATE FUNCTION journey_follow_states() RETURNS SETOF regclass
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT DISTINCT c.oid::regclass
    FROM (SELECT convert_from(substr(t.tgargs, 1, length(t.tgargs) - 1), getdatabaseencoding()) AS argument
          FROM pg_trigger t
          WHERE t.tgfoid = '@extschema@.journey_follow_fold()'::regprocedure AND t.tgnargs = 1) t
    JOIN pg_class c ON c.oid = CASE WHEN t.argument ~ '^("([^"]|"")+"|[^".[:space:]()]+)\.("([^"]|"")+"|[^".[:space:]()]+)$'
                                    THEN to_regclass(t.argument) END
    WHERE pg_has_role(c.relowner, 'USAGE')
      AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'chunk_events')
    ORDER BY 1;
END
$$;
COMMENT ON FUNCTION journey_follow_states() IS 'tables <target>_follow that triggers name and that the caller has the rights of';

CREATE FUNCTION journey_is_followed(relation regclass) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    state regclass;
    found boolean;
BEGIN
    FOR state IN
        SELECT s.oid FROM pg_class c
        JOIN pg_class s ON s.relnamespace = c.relnamespace AND s.relkind = 'r'
         AND s.relname = regexp_replace(c.relname, '_(head|chunk|tail|aside|follow)$', '') || '_follow'
        WHERE c.oid = relation
          AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = s.oid AND a.attname = 'chunk_events')
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s f WHERE $1 IN (f.journeys, f.head, f.chunk, f.tail, f.aside))', state)
            INTO found USING relation;
        IF found THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;
COMMENT ON FUNCTION journey_is_followed(regclass) IS 'does the relation hold journeys that follow events, so that nobody else may change them?';

-- ---- following ----

-- The triggers of one table: the events themselves or a partition.
CREATE FUNCTION journey_follow_trigger(state regclass, events regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    name text := (SELECT c.relname FROM pg_class c WHERE c.oid = state);
    is_root boolean := @extschema@.journey_follow_row(state) ->> 'events' = events::text;
    action text := format('FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.journey_follow_fold(%L)', state);
BEGIN
    IF (SELECT c.relkind FROM pg_class c WHERE c.oid = events) = 'f' THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %s REFERENCING NEW TABLE AS journey_new %s', name || '_insert', events, action);
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %s REFERENCING OLD TABLE AS journey_old NEW TABLE AS journey_new %s', name || '_update', events, action);
    EXECUTE format('CREATE TRIGGER %I AFTER DELETE ON %s REFERENCING OLD TABLE AS journey_old %s', name || '_delete', events, action);
    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %s %s', name || '_truncate', events, action);
    IF NOT is_root THEN
        EXECUTE format('CREATE TRIGGER %I AFTER TRUNCATE ON %s %s', name || '_truncated', events, action);
    END IF;
END
$$;
COMMENT ON FUNCTION journey_follow_trigger(regclass, regclass) IS 'part of journey_follow: makes the triggers of the events or of one partition';

-- What the journeys are made of, or an error that says what is wrong.
CREATE FUNCTION journey_follow_column(events regclass, column_name name, use text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    type_oid oid;
    result text;
BEGIN
    SELECT a.atttypid,
           format_type(a.atttypid, -1) || CASE WHEN a.attcollation <> t.typcollation
               THEN (SELECT format(' COLLATE %I.%I', n.nspname, o.collname) FROM pg_collation o JOIN pg_namespace n ON n.oid = o.collnamespace
                     WHERE o.oid = a.attcollation) ELSE '' END
    INTO type_oid, result
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = events AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'column "%" of relation "%" does not exist', column_name, events USING ERRCODE = 'undefined_column';
    END IF;
    IF NOT (CASE use
           WHEN 'customer' THEN EXISTS (
               SELECT FROM pg_opclass c JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree'
               WHERE c.opcdefault AND (c.opcintype = type_oid OR EXISTS (
                   SELECT FROM pg_cast k WHERE k.castsource = type_oid AND k.casttarget = c.opcintype AND k.castmethod = 'b')))
           WHEN 'occurred_at' THEN type_oid = 'timestamptz'::regtype
           WHEN 'value' THEN type_oid IN ('float8'::regtype, 'float4'::regtype, 'numeric'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype)
           ELSE (SELECT t.typcategory IN ('S', 'E') OR t.oid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype)
                 FROM pg_type t WHERE t.oid = type_oid) END) THEN
        RAISE EXCEPTION 'column "%" of relation "%" has type %, which cannot be a journey''s %', column_name, events, result, use
            USING ERRCODE = 'datatype_mismatch',
                  HINT = CASE use WHEN 'customer' THEN 'Customers'' keys are of a type that btree can order.'
                                  WHEN 'occurred_at' THEN 'Times are of type timestamptz: others would depend on the session''s time zone.'
                                  WHEN 'value' THEN 'Values are numbers.'
                                  ELSE 'Names are of type text, varchar, char or an enum, a whole number or a uuid.' END;
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION journey_follow_column(regclass, name, text) IS
    'part of journey_follow: type of a column of the events, to be used as customer, occurred_at, event, channel, value or item; errors: 42703 if absent, 42804 for a type that cannot be that';

-- The tail grows and empties all the time, and is to be vacuumed as often as it
-- empties: readers pass over its dead rows.  It keeps its pages, so that vacuum
-- takes no lock that readers wait for, and that no plan made while it is empty
-- reads it from end to end when it is full.  Nobody needs statistics of it, and a
-- sample of such large rows would take autovacuum a second each time.
CREATE FUNCTION journey_follow_tables(target_schema name, target_name name, key_type text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    suffix text;
    ddl text := $ddl$
CREATE TABLE #head (
    customer $ PRIMARY KEY,
    journey @.journey NOT NULL,
    events bigint NOT NULL,
    chunks integer NOT NULL DEFAULT 0,
    complete boolean NOT NULL) WITH (fillfactor = 80);
CREATE INDEX ON #head (customer) WHERE NOT complete;
CREATE INDEX ON #head (customer) WHERE chunks > 0;
COMMENT ON TABLE #head IS 'live journeys, a row a customer: the latest part, the number of events in all parts, the number of earlier parts';
CREATE TABLE #chunk (
    customer $,
    chunk integer,
    journey @.journey NOT NULL,
    PRIMARY KEY (customer, chunk));
COMMENT ON TABLE #chunk IS 'earlier parts of long live journeys';
CREATE TABLE #aside (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer $ NOT NULL,
    occurred_at timestamptz,
    event text,
    channel text,
    value double precision,
    item text,
    reason text NOT NULL,
    set_aside_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX ON #aside (customer);
COMMENT ON TABLE #aside IS 'events that a journey cannot hold';
CREATE TABLE #tail (
    bucket integer NOT NULL,
    removed boolean NOT NULL,
    customers $[] NOT NULL,
    occurred_at timestamptz[] NOT NULL,
    event text[] NOT NULL,
    channel text[],
    value double precision[],
    item text[]) WITH (vacuum_truncate = off, toast_tuple_target = 8160, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_scale_factor = 0);
ALTER TABLE #tail ALTER bucket SET STATISTICS 1, ALTER removed SET STATISTICS 1, ALTER customers SET STATISTICS 0,
    ALTER occurred_at SET STATISTICS 0, ALTER event SET STATISTICS 0, ALTER channel SET STATISTICS 0,
    ALTER value SET STATISTICS 0, ALTER item SET STATISTICS 0;
CREATE INDEX ON #tail (bucket);
CREATE INDEX ON #tail (bucket) WHERE removed;
COMMENT ON TABLE #tail IS 'events added and removed since the last journey_catch_up, many to a row: arrays of a place an event, of customers whose keys hash to one bucket, or part of one';
CREATE TABLE #follow (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    events regclass NOT NULL,
    journeys regclass NOT NULL,
    head regclass NOT NULL,
    chunk regclass NOT NULL,
    aside regclass NOT NULL,
    tail regclass NOT NULL,
    mode text NOT NULL CHECK (mode IN ('immediate', 'deferred')),
    customer name NOT NULL,
    occurred_at name NOT NULL,
    event name NOT NULL,
    channel name,
    value name,
    item name,
    filter text,
    chunk_events integer NOT NULL CHECK (chunk_events > 0),
    backfilled boolean NOT NULL DEFAULT false,
    backfilled_to $,
    backfilled_customers bigint NOT NULL DEFAULT 0,
    followed_at timestamptz NOT NULL DEFAULT clock_timestamp());
COMMENT ON TABLE #follow IS 'what the live journeys follow; only the functions journey_follow... change it';
$ddl$;
BEGIN
    FOREACH suffix IN ARRAY ARRAY['head', 'chunk', 'aside', 'tail', 'follow'] LOOP
        ddl := replace(ddl, '#' || suffix, format('%I.%I', target_schema, target_name || '_' || suffix));
    END LOOP;
    EXECUTE replace(replace(replace(ddl, '$[]', regexp_replace(key_type, '( COLLATE .+)?$', '[]\1')), '$', key_type), '@.', '@extschema@.');
END
$$;
COMMENT ON FUNCTION journey_follow_tables(name, name, text) IS 'part of journey_follow: makes its tables';

-- Schema and name of the journeys to be, or an error that says why there can be none.
CREATE FUNCTION journey_follow_names(events regclass, target text, mode text, chunk_events integer) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    source record;
    parts text[];
BEGIN
    SELECT c.relname, n.nspname, c.relkind, c.relowner, c.relpersistence INTO source
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = events;
    IF events IS NULL OR source.relkind NOT IN ('r', 'p') OR source.relpersistence <> 'p' THEN
        RAISE EXCEPTION 'relation "%" cannot be followed', events USING ERRCODE = 'wrong_object_type',
            HINT = 'Follow an ordinary or a partitioned table that is neither temporary nor unlogged.';
    END IF;
    IF EXISTS (SELECT FROM pg_class c WHERE c.oid = events AND c.relispartition)
       OR source.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE events IN (i.inhparent, i.inhrelid)) THEN
        RAISE EXCEPTION 'relation "%" has a parent or inheriting tables', events USING ERRCODE = 'feature_not_supported',
            HINT = 'Follow the root of a partitioned table.';
    END IF;
    IF NOT pg_has_role(source.relowner, 'USAGE') THEN
        RAISE EXCEPTION 'must be owner of table %', events USING ERRCODE = 'insufficient_privilege',
            HINT = 'Live journeys belong to the owner of the events.';
    END IF;
    IF mode NOT IN ('immediate', 'deferred') THEN
        RAISE EXCEPTION 'unknown mode "%"', mode USING ERRCODE = 'invalid_parameter_value', HINT = 'Use immediate or deferred.';
    END IF;
    IF NOT chunk_events BETWEEN 1 AND 1000000 THEN
        RAISE EXCEPTION 'chunk_events is %, outside 1 to 1000000', chunk_events USING ERRCODE = 'invalid_parameter_value';
    END IF;
    parts := parse_ident(coalesce(target, quote_ident(source.relname || '_journeys')));
    IF cardinality(parts) = 1 THEN
        parts := ARRAY[source.nspname, parts[1]];
    ELSIF cardinality(parts) <> 2 THEN
        RAISE EXCEPTION 'invalid name "%"', target USING ERRCODE = 'invalid_name';
    END IF;
    IF octet_length(parts[2]) > 40 THEN
        RAISE EXCEPTION 'name "%" is too long', parts[2] USING ERRCODE = 'name_too_long',
            HINT = 'It is the beginning of other names: take 40 bytes at most, with the argument target.';
    END IF;
    RETURN parts;
END
$$;
COMMENT ON FUNCTION journey_follow_names(regclass, text, text, integer) IS
    'part of journey_follow: schema and name of the target; errors: 42809, 0A000, 42501 for events that cannot be followed, 22023 for a mode or chunk_events, 42602 and 42622 for a name';

CREATE FUNCTION journey_follow(
    events regclass, customer name, occurred_at name, event name,
    channel name DEFAULT NULL, value name DEFAULT NULL, item name DEFAULT NULL,
    target text DEFAULT NULL, mode text DEFAULT 'immediate', filter text DEFAULT NULL,
    chunk_events integer DEFAULT 256, backfill boolean DEFAULT true) RETURNS regclass
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    owner text := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = events);
    parts text[];
    state regclass;
    part regclass;
    suffix text;
    key_type text;
BEGIN
    parts := @extschema@.journey_follow_names(events, target, mode, chunk_events);
    key_type := @extschema@.journey_follow_column(events, customer, 'customer');
    PERFORM @extschema@.journey_follow_column(events, c.column_name, c.use)
    FROM (VALUES (occurred_at, 'occurred_at'), (event, 'event'), (channel, 'channel'), (value, 'value'), (item, 'item')) c (column_name, use)
    WHERE c.column_name IS NOT NULL OR c.use IN ('occurred_at', 'event');

    -- nobody writes from here to the commit: what the triggers do not see is there to be read
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', events);
    PERFORM @extschema@.journey_follow_tables(parts[1], parts[2], key_type);
    EXECUTE format('CREATE VIEW %1$I.%2$I AS SELECT customer, journey FROM %1$I.%3$I', parts[1], parts[2], parts[2] || '_head');
    state := format('%I.%I', parts[1], parts[2] || '_follow')::regclass;
    EXECUTE format('INSERT INTO %s (events, journeys, head, chunk, aside, tail, mode, customer, occurred_at, event, channel, value, item, filter, chunk_events)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)', state)
    USING events, format('%I.%I', parts[1], parts[2])::regclass, format('%I.%I', parts[1], parts[2] || '_head')::regclass,
          format('%I.%I', parts[1], parts[2] || '_chunk')::regclass, format('%I.%I', parts[1], parts[2] || '_aside')::regclass,
          format('%I.%I', parts[1], parts[2] || '_tail')::regclass,
          mode, customer, occurred_at, event, channel, value, item, filter, chunk_events;
    EXECUTE @extschema@.journey_follow_sql(state, 'view');
    EXECUTE format('COMMENT ON VIEW %I.%I IS %L', parts[1], parts[2], format('live journeys of the customers in %s', events));
    FOREACH suffix IN ARRAY ARRAY['', '_head', '_chunk', '_aside', '_tail', '_follow'] LOOP
        EXECUTE format('ALTER TABLE %I.%I OWNER TO %I', parts[1], parts[2] || suffix, owner);
    END LOOP;
    FOR part IN SELECT p.relid FROM pg_partition_tree(events) p UNION SELECT events LOOP
        PERFORM @extschema@.journey_follow_trigger(state, part);
    END LOOP;
    IF backfill THEN
        EXECUTE format('SELECT @extschema@.journey_follow_fill(%L, (SELECT array_agg(o.customer) FROM (
                SELECT e.customer FROM (%s) e WHERE e.fault IS NULL GROUP BY e.customer HAVING count(*) > $1) o))',
            state, @extschema@.journey_follow_source(@extschema@.journey_follow_row(state), events::text)) USING @extschema@.journey_follow_limit();
    END IF;
    RETURN format('%I.%I', parts[1], parts[2])::regclass;
END
$$;
COMMENT ON FUNCTION journey_follow(regclass, name, name, name, name, name, name, text, text, text, integer, boolean) IS
    'makes journeys that follow a table of events, by its columns: a view <target> (customer, journey), by default <events>_journeys in the schema of the events, the tables below it, and triggers on the events and their partitions. mode immediate: a statement that changes events changes the journeys; deferred: it notes the events, which the view adds and journey_catch_up folds. filter: a condition on the columns of the events. chunk_events: more events than that begin a new part. backfill: whether to take the events there are now, while nobody may write; else call journey_backfill. All belongs to the owner of the events, whose rights the caller must have (42501). Other errors: 42809 and 0A000 for relations that cannot be followed, 42703 and 42804 for columns, 22023 for other arguments, 42P07 for names in use';
