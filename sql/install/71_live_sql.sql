-- ---------------------------------------------------------------------------
-- Live journeys: the statements that keep them up to date
--
-- All are written here, from the row of <target>_follow, with qualified names:
-- the trigger function (in C) plans and runs them, and so do the functions of
-- 72_live_upkeep.  Their parameters: $1 customers, $2 customer_journey.max_events,
-- $3 whether the backfill is over.
--
-- The row of a customer in <target>_head is also the lock on the customer.  All
-- statements take these locks in the order of the keys.
-- ---------------------------------------------------------------------------

-- Events as journeys have them, with a column that says what is wrong with them.
CREATE FUNCTION journey_follow_source(follow jsonb, relation text, extra text DEFAULT '') RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('SELECT s.%1$I AS customer, s.%2$I AS occurred_at, s.%3$I::text AS event, %4$s AS channel, %5$s AS value, %6$s AS item,
        CASE WHEN s.%2$I IS NULL THEN ''time is null'' WHEN NOT isfinite(s.%2$I) THEN ''time is infinite''
             WHEN s.%3$I IS NULL THEN ''name is null'' WHEN octet_length(s.%3$I::text) > 65535%7$s THEN ''name is too long'' END AS fault%8$s
    FROM %9$s s WHERE s.%1$I IS NOT NULL%10$s',
    follow ->> 'customer', follow ->> 'occurred_at', follow ->> 'event',
    coalesce('s.' || quote_ident(follow ->> 'channel') || '::text', 'NULL::text'),
    coalesce('s.' || quote_ident(follow ->> 'value') || '::double precision', 'NULL::double precision'),
    coalesce('s.' || quote_ident(follow ->> 'item') || '::text', 'NULL::text'),
    coalesce(' OR octet_length(s.' || quote_ident(follow ->> 'channel') || '::text) > 65535', '')
        || coalesce(' OR octet_length(s.' || quote_ident(follow ->> 'item') || '::text) > 65535', ''),
    extra, relation, coalesce(' AND (' || (follow ->> 'filter') || ')', ''));
COMMENT ON FUNCTION journey_follow_source(jsonb, text, text) IS
    'part of journey_follow_sql: a query for the events of a relation that are followed, with the column fault: why no journey can hold the event, or NULL';

CREATE FUNCTION journey_follow_agg(follow jsonb, condition text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN '@extschema@.journey_agg(e.occurred_at, e.event'
    || CASE WHEN follow ->> 'item' IS NOT NULL THEN ', e.channel, e.value, e.item'
            WHEN follow ->> 'value' IS NOT NULL THEN ', e.channel, e.value'
            WHEN follow ->> 'channel' IS NOT NULL THEN ', e.channel' ELSE '' END
    || ')' || coalesce(' FILTER (WHERE ' || condition || ')', '');
COMMENT ON FUNCTION journey_follow_agg(jsonb, text) IS 'part of journey_follow_sql: aggregates the events e, or those that meet a condition';

-- The events that a statement added and removed.
CREATE FUNCTION journey_follow_changes(follow jsonb, action text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN concat_ws(' UNION ALL ',
    CASE WHEN action IN ('insert', 'update') THEN @extschema@.journey_follow_source(follow, 'journey_new', ', false AS removed') END,
    CASE WHEN action IN ('delete', 'update') THEN @extschema@.journey_follow_source(follow, 'journey_old', ', true AS removed') END,
    CASE WHEN action = 'truncate' THEN @extschema@.journey_follow_source(follow, 'ONLY #events', ', true AS removed') END);
COMMENT ON FUNCTION journey_follow_changes(jsonb, text) IS 'part of journey_follow_sql: the events that an insert, update or delete adds and removes';

-- What a fold reports: arrays of the customers that need more than it did.
CREATE FUNCTION journey_follow_report() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN 'SELECT array_agg(r.customer) FILTER (WHERE r.need = ''seal'') AS seal,
        array_agg(r.customer) FILTER (WHERE r.need = ''refuse'') AS refuse,
        array_agg(r.customer) FILTER (WHERE r.need = ''fault'') AS fault,
        array_agg(r.customer) FILTER (WHERE r.need = ''empty'') AS empty FROM report r';
COMMENT ON FUNCTION journey_follow_report() IS 'part of journey_follow_sql: one row of arrays, each NULL or the customers that need that';

-- Added events go into the customers' rows in one statement.
CREATE FUNCTION journey_follow_insert_sql(follow jsonb, excess text DEFAULT NULL) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('WITH given AS MATERIALIZED (
    SELECT e.customer, %1$s AS plus, bool_or(e.fault IS NOT NULL) AS faulty
    FROM (%2$s) e WHERE %6$s GROUP BY e.customer),
folded AS (
    INSERT INTO %3$s AS h (customer, journey, events, complete)
    SELECT g.customer, g.plus, @extschema@.journey_length(g.plus), $3 FROM given g WHERE g.plus IS NOT NULL ORDER BY g.customer
    ON CONFLICT (customer) DO UPDATE
    SET journey = h.journey OPERATOR(@extschema@.||) excluded.journey, events = h.events + excluded.events
    WHERE h.complete AND h.events + excluded.events <= $2
    RETURNING h.customer, @extschema@.journey_length(h.journey) > %4$s AS is_long),
report AS (
    SELECT f.customer, ''seal'' AS need FROM folded f WHERE f.is_long
    UNION ALL SELECT g.customer, ''refuse'' FROM given g WHERE g.plus IS NOT NULL AND NOT EXISTS (SELECT FROM folded f WHERE f.customer = g.customer)
    UNION ALL SELECT g.customer, ''fault'' FROM given g WHERE g.faulty%7$s)
%5$s',
    @extschema@.journey_follow_agg(follow, 'e.fault IS NULL'), @extschema@.journey_follow_changes(follow, 'insert'),
    follow ->> 'head', follow ->> 'chunk_events', @extschema@.journey_follow_report(),
    CASE WHEN excess IS NULL THEN 'true' ELSE format('e.customer NOT IN (%s)', excess) END,
    CASE WHEN excess IS NULL THEN '' ELSE format(' UNION ALL SELECT x.customer, ''refuse'' FROM (%s) x', excess) END);
COMMENT ON FUNCTION journey_follow_insert_sql(jsonb, text) IS
    'part of journey_follow_sql: folds the events that an INSERT added, but for the customers that a query "excess" gives, which it reports as refused';

-- A statement of more events than a journey may have looks first who has so many.
CREATE FUNCTION journey_follow_burst_sql(follow jsonb, action text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN CASE action WHEN 'insert'
    THEN @extschema@.journey_follow_insert_sql(follow,
        format('SELECT e.customer FROM (%s) e GROUP BY e.customer HAVING count(*) > $2', @extschema@.journey_follow_changes(follow, 'insert')))
    ELSE format('SELECT NULL, array_agg(DISTINCT e.customer), array_agg(e.customer) FILTER (WHERE e.fault IS NOT NULL), NULL FROM (%s) e',
        @extschema@.journey_follow_changes(follow, action)) END;
COMMENT ON FUNCTION journey_follow_burst_sql(jsonb, text) IS
    'part of journey_follow_sql: the fold of a statement that changes more than $2 events, of customers whose rows are locked';

-- Updates and deletes first lock the customers' rows ...
CREATE FUNCTION journey_follow_lock_sql(follow jsonb, customers text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('INSERT INTO %1$s AS h (customer, journey, events, complete)
SELECT DISTINCT c.customer, ''{}''::@extschema@.journey, 0, $3 FROM (%2$s) c ORDER BY c.customer
ON CONFLICT (customer) DO UPDATE SET events = 0 WHERE false', follow ->> 'head', customers);
COMMENT ON FUNCTION journey_follow_lock_sql(jsonb, text) IS
    'part of journey_follow_sql: locks the rows of customers, given by a query, in the order of their keys, and makes those that are missing';

-- ... and then, with a new snapshot, add and subtract.  Events of earlier parts
-- cannot be subtracted here: those customers are refused, and built anew.
CREATE FUNCTION journey_follow_change_sql(follow jsonb, action text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('WITH given AS MATERIALIZED (
    SELECT e.customer, coalesce(%1$s, ''{}'') AS plus, coalesce(%2$s, ''{}'') AS minus, bool_or(e.fault IS NOT NULL) AS faulty
    FROM (%3$s) e GROUP BY e.customer),
folded AS (
    UPDATE %4$s h
    SET journey = (h.journey OPERATOR(@extschema@.||) g.plus) OPERATOR(@extschema@.-) g.minus,
        events = h.events + @extschema@.journey_length(g.plus) - @extschema@.journey_length(g.minus)
    FROM given g
    WHERE h.customer = g.customer AND h.complete AND g.plus OPERATOR(@extschema@.<>) g.minus
      AND (@extschema@.journey_length(g.minus) = 0
           OR h.chunks = 0 AND NOT EXISTS (SELECT FROM %5$s a WHERE a.customer = h.customer AND a.reason = ''too many events''))
      AND h.events + @extschema@.journey_length(g.plus) <= $2
    RETURNING h.customer, @extschema@.journey_length(h.journey) > %6$s AS is_long, h.events = 0 AS is_empty),
report AS (
    SELECT f.customer, ''seal'' AS need FROM folded f WHERE f.is_long
    UNION ALL SELECT f.customer, ''empty'' FROM folded f WHERE f.is_empty
    UNION ALL SELECT g.customer, ''refuse'' FROM given g
    WHERE g.plus OPERATOR(@extschema@.<>) g.minus AND NOT EXISTS (SELECT FROM folded f WHERE f.customer = g.customer)
    UNION ALL SELECT g.customer, ''empty'' FROM given g WHERE g.plus OPERATOR(@extschema@.=) g.minus
    UNION ALL SELECT g.customer, ''fault'' FROM given g WHERE g.faulty)
%7$s',
    @extschema@.journey_follow_agg(follow, 'e.fault IS NULL AND NOT e.removed'),
    @extschema@.journey_follow_agg(follow, 'e.fault IS NULL AND e.removed'),
    @extschema@.journey_follow_changes(follow, action), follow ->> 'head', follow ->> 'aside', follow ->> 'chunk_events',
    @extschema@.journey_follow_report());
COMMENT ON FUNCTION journey_follow_change_sql(jsonb, text) IS 'part of journey_follow_sql: folds what an UPDATE or DELETE added and removed, of customers whose rows are locked';

-- Events that no journey holds come and go in the table <target>_aside.  Customers
-- who are built anew have theirs already.
CREATE FUNCTION journey_follow_aside_sql(follow jsonb, action text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('WITH changed AS MATERIALIZED (
    SELECT e.* FROM (%2$s) e WHERE %3$s),
removed AS (
    DELETE FROM %1$s WHERE id IN (
        SELECT a.id
        FROM (SELECT a.*, row_number() OVER (PARTITION BY a.customer, a.occurred_at, a.event, a.channel, a.value, a.item) AS place
              FROM %1$s a WHERE a.customer IN (SELECT c.customer FROM changed c WHERE c.removed)) a
        JOIN (SELECT c.customer, c.occurred_at, c.event, c.channel, c.value, c.item, count(*) AS copies
              FROM changed c WHERE c.removed GROUP BY 1, 2, 3, 4, 5, 6) c
          ON c.customer = a.customer AND a.place <= c.copies
         AND (c.occurred_at, c.event, c.channel, c.value, c.item) IS NOT DISTINCT FROM (a.occurred_at, a.event, a.channel, a.value, a.item))
    RETURNING 1)
INSERT INTO %1$s (customer, occurred_at, event, channel, value, item, reason)
SELECT c.customer, c.occurred_at, c.event, c.channel, c.value, c.item, coalesce(c.fault, ''too many events'') FROM changed c WHERE NOT c.removed',
    follow ->> 'aside', @extschema@.journey_follow_changes(follow, CASE action WHEN 'refuse' THEN 'insert' ELSE action END),
    CASE action WHEN 'refuse' THEN format('e.fault IS NULL AND e.customer = ANY ($1) AND EXISTS (SELECT FROM %s h WHERE h.customer = e.customer AND h.complete)', follow ->> 'head')
                WHEN 'insert' THEN 'e.fault IS NOT NULL'
                ELSE 'e.fault IS NOT NULL AND ($1 IS NULL OR e.customer <> ALL ($1))' END);
COMMENT ON FUNCTION journey_follow_aside_sql(jsonb, text) IS
    'part of journey_follow_sql: sets aside the faulty events that a statement added and takes back those it removed, but of the customers $1, who have been built anew; with action refuse sets aside what was added for the customers $1, who have too many';

-- A part that has grown long is put away, and a new one begun.
CREATE FUNCTION journey_follow_seal_sql(follow jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('WITH long AS MATERIALIZED (
    SELECT h.customer, h.journey, h.chunks FROM %1$s h WHERE h.customer = ANY ($1) AND @extschema@.journey_length(h.journey) > %3$s),
sealed AS (INSERT INTO %2$s (customer, chunk, journey) SELECT l.customer, l.chunks + 1, l.journey FROM long l)
UPDATE %1$s h SET journey = ''{}'', chunks = h.chunks + 1 FROM long l WHERE h.customer = l.customer',
    follow ->> 'head', follow ->> 'chunk', follow ->> 'chunk_events');
COMMENT ON FUNCTION journey_follow_seal_sql(jsonb) IS 'part of journey_follow_sql: moves the latest part of the customers $1 among the earlier ones where it has grown long';

-- Many small parts become one: reading a long journey, and keeping it, costs a row a part.
CREATE FUNCTION journey_follow_compact_sql(follow jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('WITH small AS (
    SELECT c.customer, c.chunk, c.journey FROM %1$s c WHERE c.customer = ANY ($1) AND @extschema@.journey_length(c.journey) < 16 * %2$s),
many AS MATERIALIZED (
    SELECT s.customer, @extschema@.journey_merge(s.journey) AS journey, min(s.chunk) AS first, array_agg(s.chunk) AS chunks
    FROM small s GROUP BY s.customer HAVING count(*) >= 32 AND sum(@extschema@.journey_length(s.journey)) <= $2),
gone AS (DELETE FROM %1$s c USING many m WHERE c.customer = m.customer AND c.chunk = ANY (m.chunks) AND c.chunk <> m.first)
UPDATE %1$s c SET journey = m.journey FROM many m WHERE c.customer = m.customer AND c.chunk = m.first',
    follow ->> 'chunk', follow ->> 'chunk_events');
COMMENT ON FUNCTION journey_follow_compact_sql(jsonb) IS 'part of journey_follow_sql: of the customers $1, makes one part of 32 small ones';

-- Mode deferred: a statement's events are noted as they are, many to a row of the
-- tail: those of one bucket of customers, and of 65536 events of the query.  An
-- event with a long name has a row of its own: no array becomes too large.
CREATE FUNCTION journey_follow_columns(follow jsonb, form text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN (SELECT string_agg(format(form, c.name), ', ' ORDER BY c.place)
        FROM unnest(ARRAY['occurred_at', 'event', 'channel', 'value', 'item']) WITH ORDINALITY c (name, place)
        WHERE c.place <= CASE WHEN follow ->> 'item' IS NOT NULL THEN 5 WHEN follow ->> 'value' IS NOT NULL THEN 4
                              WHEN follow ->> 'channel' IS NOT NULL THEN 3 ELSE 2 END);
COMMENT ON FUNCTION journey_follow_columns(jsonb, text) IS 'part of journey_follow_sql: a list of what is known of an event, up to the last column that is followed, each in a form of the function format';

CREATE FUNCTION journey_follow_note_sql(follow jsonb, events text, is_large boolean DEFAULT false) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('INSERT INTO %1$s (bucket, removed, customers, %2$s)
SELECT b.bucket, b.removed, array_agg(b.customer), %3$s
FROM (SELECT @extschema@.journey_bucket(g.customer) AS bucket, CASE WHEN %4$s THEN random() ELSE 0 END AS part, g.*%5$s FROM (%6$s) g) b
GROUP BY b.bucket, b.removed, b.part%7$s',
    follow ->> 'tail', @extschema@.journey_follow_columns(follow, '%s'), @extschema@.journey_follow_columns(follow, 'array_agg(b.%s)'),
    concat_ws(' OR ', 'octet_length(g.event) > 1000', CASE WHEN follow ->> 'channel' IS NOT NULL THEN 'octet_length(g.channel) > 1000' END,
        CASE WHEN follow ->> 'item' IS NOT NULL THEN 'octet_length(g.item) > 1000' END),
    CASE WHEN is_large THEN ', row_number() OVER () / 65536 AS slab' ELSE '' END, events, CASE WHEN is_large THEN ', b.slab' ELSE '' END);
COMMENT ON FUNCTION journey_follow_note_sql(jsonb, text, boolean) IS
    'part of journey_follow_sql: writes into the tail the events that a query gives, with the column removed; is_large: of very many, not all of a bucket into one row';

-- What is noted, an event a row.
CREATE FUNCTION journey_follow_tail(follow jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('%s t, unnest(@extschema@.journey_bucket_keys(t.customers, t.bucket), %s) e (customer, %s)',
    follow ->> 'tail', @extschema@.journey_follow_columns(follow, 't.%s'), @extschema@.journey_follow_columns(follow, '%s'));
COMMENT ON FUNCTION journey_follow_tail(jsonb) IS 'part of journey_follow_sql: tables for FROM that give the events e in the rows t of the tail';

-- The same of rows that are all wanted: quicker, but not searched.
CREATE FUNCTION journey_follow_noted(follow jsonb, noted text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('(SELECT t.removed, unnest(t.customers) AS customer, %s%s FROM %s t)',
    @extschema@.journey_follow_columns(follow, 'unnest(t.%1$s) AS %1$s'),
    CASE WHEN coalesce(follow ->> 'channel', follow ->> 'value', follow ->> 'item') IS NULL THEN ', NULL::text AS channel' ELSE '' END
        || CASE WHEN coalesce(follow ->> 'value', follow ->> 'item') IS NULL THEN ', NULL::double precision AS value' ELSE '' END
        || CASE WHEN follow ->> 'item' IS NULL THEN ', NULL::text AS item' ELSE '' END, noted);
COMMENT ON FUNCTION journey_follow_noted(jsonb, text) IS 'part of journey_follow_sql: a query in parentheses for all events that some rows of the tail hold';

-- Those that a statement both added and removed cancel out.
CREATE FUNCTION journey_follow_append_sql(follow jsonb, action text, is_large boolean) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN CASE action WHEN 'update' THEN format('WITH given AS MATERIALIZED (%1$s),
kept AS (%2$s)
SELECT NULL, NULL, array_agg(g.customer), NULL FROM given g WHERE g.fault IS NOT NULL',
        @extschema@.journey_follow_changes(follow, action),
        @extschema@.journey_follow_note_sql(follow, 'SELECT n.customer, n.occurred_at, n.value, n.sum < 0 AS removed, n.event, n.channel, n.item
    FROM (SELECT g.customer, g.occurred_at, g.event, g.channel, g.value, g.item, sum(CASE WHEN g.removed THEN -1 ELSE 1 END) AS sum
          FROM given g WHERE g.fault IS NULL GROUP BY 1, 2, 3, 4, 5, 6, float8send(g.value)) n, generate_series(1, abs(n.sum))', is_large))
    ELSE @extschema@.journey_follow_note_sql(follow, format('SELECT n.* FROM (%s) n WHERE n.fault IS NULL', @extschema@.journey_follow_changes(follow, action)), is_large)
        || ' RETURNING cardinality(customers)' END;
COMMENT ON FUNCTION journey_follow_append_sql(jsonb, text, boolean) IS
    'part of journey_follow_sql: notes what a statement added and removed, for journey_catch_up; reports, or gives the numbers of events noted';

-- Which of them were left out.
CREATE FUNCTION journey_follow_faults_sql(follow jsonb, action text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('SELECT NULL, NULL, array_agg(e.customer), NULL FROM (%s) e WHERE e.fault IS NOT NULL', @extschema@.journey_follow_changes(follow, action));
COMMENT ON FUNCTION journey_follow_faults_sql(jsonb, text) IS 'part of journey_follow_sql: reports, after fewer events were noted than there are, those that no journey can hold';

-- Truncating the events empties everything.  Truncating a partition marks the
-- customers it holds, with -1 events, to be built anew when it is done; or it
-- notes all that goes.  After the whole has been emptied there is nothing to do.
CREATE FUNCTION journey_follow_truncate_sql(follow jsonb, is_root boolean) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN is_root THEN format('TRUNCATE %s, %s, %s, %s', follow ->> 'head', follow ->> 'chunk', follow ->> 'aside', follow ->> 'tail')
    WHEN follow ->> 'mode' = 'deferred' THEN @extschema@.journey_follow_note_sql(follow,
        format('SELECT e.* FROM (%1$s) e WHERE e.fault IS NULL AND (EXISTS (SELECT FROM %2$s) OR EXISTS (SELECT FROM %3$s))',
            @extschema@.journey_follow_changes(follow, 'truncate'), follow ->> 'tail', follow ->> 'head'), true)
    ELSE format('INSERT INTO %1$s AS h (customer, journey, events, complete)
SELECT DISTINCT e.customer, ''{}''::@extschema@.journey, -1, false FROM (%2$s) e WHERE EXISTS (SELECT FROM %1$s) ORDER BY e.customer
ON CONFLICT (customer) DO UPDATE SET events = -1, complete = false',
        follow ->> 'head', @extschema@.journey_follow_changes(follow, 'truncate')) END;
COMMENT ON FUNCTION journey_follow_truncate_sql(jsonb, boolean) IS 'part of journey_follow_sql: before a TRUNCATE of the events or of one partition';

-- Rows of the tail that hold events of the customers $1 are written again without.
CREATE FUNCTION journey_follow_forget_sql(follow jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('untailed AS (
    DELETE FROM %1$s t WHERE t.bucket = ANY (@extschema@.journey_buckets($1))
      AND EXISTS (SELECT FROM unnest(t.customers) c (customer) WHERE c.customer = ANY ($1)) RETURNING t.*),
retailed AS (%2$s)',
    follow ->> 'tail', @extschema@.journey_follow_note_sql(follow, format('SELECT e.* FROM %s e WHERE e.customer <> ALL ($1)', @extschema@.journey_follow_noted(follow, 'untailed'))));
COMMENT ON FUNCTION journey_follow_forget_sql(jsonb) IS 'part of journey_follow_rebuild_sql: takes the customers $1 out of the tail';

-- Customers built anew from the events, in one statement: one snapshot, of which
-- the tail has nothing to add.
CREATE FUNCTION journey_follow_rebuild_sql(follow jsonb, is_limited boolean) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('WITH source AS MATERIALIZED (%1$s),
whole AS (SELECT e.customer, %2$s AS journey FROM source e GROUP BY e.customer),
%3$s,
unchunked AS (DELETE FROM %4$s c WHERE c.customer = ANY ($1)),
unset AS (DELETE FROM %5$s a WHERE a.customer = ANY ($1)),
aside AS (
    INSERT INTO %5$s (customer, occurred_at, event, channel, value, item, reason)
    SELECT e.customer, e.occurred_at, e.event, e.channel, e.value, e.item, e.fault FROM source e WHERE e.fault IS NOT NULL),
folded AS (
    INSERT INTO %6$s AS h (customer, journey, events, complete)
    SELECT k.customer, coalesce(w.journey, ''{}''), coalesce(@extschema@.journey_length(w.journey), 0), true
    FROM (SELECT DISTINCT unnest($1) AS customer) k LEFT JOIN whole w ON w.customer = k.customer
    ORDER BY k.customer
    ON CONFLICT (customer) DO UPDATE SET journey = excluded.journey, events = excluded.events, chunks = 0, complete = true
    RETURNING h.customer, h.events),
report AS (
    SELECT f.customer, ''seal'' AS need FROM folded f WHERE f.events > %7$s
    UNION ALL SELECT f.customer, ''empty'' FROM folded f WHERE f.events = 0)
%8$s',
    CASE WHEN is_limited
        THEN format('SELECT e.customer, e.occurred_at, e.event, e.channel, e.value, e.item,
            CASE WHEN e.fault IS NULL AND row_number() OVER (PARTITION BY e.customer, e.fault IS NULL
                ORDER BY e.occurred_at, e.event, e.channel, e.item, e.value) > $2 THEN ''too many events'' ELSE e.fault END AS fault FROM (%s) e',
            @extschema@.journey_follow_source(follow, follow ->> 'events') || ' AND s.' || quote_ident(follow ->> 'customer') || ' = ANY ($1)')
        ELSE @extschema@.journey_follow_source(follow, follow ->> 'events') || ' AND s.' || quote_ident(follow ->> 'customer') || ' = ANY ($1)' END,
    @extschema@.journey_follow_agg(follow, 'e.fault IS NULL'),
    @extschema@.journey_follow_forget_sql(follow), follow ->> 'chunk', follow ->> 'aside', follow ->> 'head', follow ->> 'chunk_events',
    @extschema@.journey_follow_report());
COMMENT ON FUNCTION journey_follow_rebuild_sql(jsonb, boolean) IS
    'part of journey_follow_sql: builds the journeys of the customers $1 anew; is_limited: sets aside all but the first $2 events of each';

CREATE FUNCTION journey_follow_range() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN '($1 IS NULL OR t.bucket > $1) AND ($2 IS NULL OR t.bucket <= $2)';
COMMENT ON FUNCTION journey_follow_range() IS 'part of journey_catch_up: a condition for rows t of the tail: of the buckets after $1, up to $2';

-- What journey_catch_up tells watches: the customers whose changes may matter, since when.
CREATE FUNCTION journey_watch_touched_sql(watching jsonb, events text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN watching IS NULL THEN '' ELSE format('
touched AS MATERIALIZED (
    SELECT e.customer, min(e.occurred_at) AS since FROM %s e GROUP BY e.customer%s),',
    events, coalesce(' HAVING bool_or(e.removed OR e.event = ANY (' || quote_literal(watching ->> 'names') || '::text[]))', '')) END;
COMMENT ON FUNCTION journey_watch_touched_sql(jsonb, text) IS 'part of journey_follow_catch_up_sql: a part of the statement; empty if nothing is watched';

-- Of customers whose backfill is to come, the events stay in the tail.
CREATE FUNCTION journey_follow_ready_sql(follow jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN (follow ->> 'backfilled')::boolean THEN format('ready AS NOT MATERIALIZED (SELECT e.* FROM %s e)', @extschema@.journey_follow_noted(follow, 'gone'))
    ELSE format('noted AS MATERIALIZED (
    SELECT e.*, EXISTS (SELECT FROM %s h WHERE h.customer = e.customer AND h.complete) AS is_ready FROM %s e),
ready AS NOT MATERIALIZED (SELECT e.* FROM noted e WHERE e.is_ready),
kept AS (%s)',
        follow ->> 'head', @extschema@.journey_follow_noted(follow, 'gone'), @extschema@.journey_follow_note_sql(follow, 'SELECT e.* FROM noted e WHERE NOT e.is_ready')) END;
COMMENT ON FUNCTION journey_follow_ready_sql(jsonb) IS 'part of journey_follow_catch_up_sql: the events that can be folded';

-- Mode deferred: folds what the tail holds of the buckets after $1, up to $2 (NULL:
-- from the first, to the last).  Nobody else changes rows of customers meanwhile:
-- the row of <target>_follow is locked.  So there is an UPDATE, and an INSERT of those
-- who have no row yet, where ON CONFLICT would lock each row before it changes it.
CREATE FUNCTION journey_follow_catch_up_sql(follow jsonb, has_removed boolean, watching jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('WITH gone AS (
    DELETE FROM %1$s t WHERE %2$s%3$s AND @extschema@.journey_catch_up_rest()
    RETURNING t.*),
%4$s,
given AS MATERIALIZED (
    SELECT e.customer, count(*) AS n, %5$s FROM ready e GROUP BY e.customer ORDER BY e.customer),
changed AS (
    UPDATE %6$s h
    SET journey = %7$s,
        events = h.events + @extschema@.journey_length(g.plus)%8$s
    FROM given g
    WHERE h.customer = g.customer AND h.events + @extschema@.journey_length(g.plus) <= $3 AND @extschema@.journey_catch_up_rest()%9$s
    RETURNING h.customer, @extschema@.journey_length(h.journey) > %10$s AS is_long, h.events = 0 AS is_empty),
missed AS MATERIALIZED (
    SELECT g.* FROM given g
    WHERE (SELECT count(*) FROM changed) < (SELECT count(*) FROM given) AND NOT EXISTS (SELECT FROM changed c WHERE c.customer = g.customer)),
added AS (
    INSERT INTO %6$s (customer, journey, events, complete)
    SELECT m.customer, m.plus, @extschema@.journey_length(m.plus), true FROM missed m
    WHERE m.minus IS NULL AND NOT EXISTS (SELECT FROM %6$s h WHERE h.customer = m.customer)
    ORDER BY m.customer
    RETURNING customer, @extschema@.journey_length(journey) > %10$s AS is_long, false AS is_empty),
folded AS (SELECT * FROM changed UNION ALL SELECT * FROM added),%11$s
refused AS MATERIALIZED (
    SELECT m.customer, m.minus IS NULL AS added_only FROM missed m WHERE NOT EXISTS (SELECT FROM added a WHERE a.customer = m.customer)),
aside AS (
    INSERT INTO %12$s (customer, occurred_at, event, channel, value, item, reason)
    SELECT e.customer, e.occurred_at, e.event, e.channel, e.value, e.item, ''too many events''
    FROM ready e WHERE e.customer IN (SELECT r.customer FROM refused r WHERE r.added_only))
SELECT s.*, (SELECT array_agg(r.customer) FROM refused r WHERE NOT r.added_only) AS refuse, (SELECT sum(g.n)::bigint FROM given g) AS n%13$s
FROM (SELECT array_agg(f.customer) FILTER (WHERE f.is_long) AS seal, array_agg(f.customer) FILTER (WHERE f.is_empty) AS empty FROM folded f) s',
    follow ->> 'tail', @extschema@.journey_follow_range(),
    -- what is removed after one has looked stays in the tail
    CASE WHEN has_removed THEN '' ELSE ' AND NOT t.removed' END,
    @extschema@.journey_follow_ready_sql(follow),
    CASE WHEN has_removed THEN format('coalesce(%s, ''{}'') AS plus, %s AS minus', @extschema@.journey_follow_agg(follow, 'NOT e.removed'), @extschema@.journey_follow_agg(follow, 'e.removed'))
         ELSE format('%s AS plus, NULL::@extschema@.journey AS minus', @extschema@.journey_follow_agg(follow, NULL)) END,
    follow ->> 'head',
    CASE WHEN has_removed THEN '(h.journey OPERATOR(@extschema@.||) g.plus) OPERATOR(@extschema@.-) coalesce(g.minus, ''{}'')' ELSE 'h.journey OPERATOR(@extschema@.||) g.plus' END,
    CASE WHEN has_removed THEN ' - coalesce(@extschema@.journey_length(g.minus), 0)' ELSE '' END,
    CASE WHEN has_removed THEN format('
      AND (g.minus IS NULL OR h.chunks = 0 AND NOT EXISTS (SELECT FROM %s a WHERE a.customer = h.customer AND a.reason = ''too many events''))', follow ->> 'aside')
         ELSE '' END,
    follow ->> 'chunk_events', @extschema@.journey_watch_touched_sql(watching, 'ready'), follow ->> 'aside',
    CASE WHEN watching IS NULL THEN ', NULL AS touched, NULL AS since'
         ELSE ', (SELECT array_agg(t.customer ORDER BY t.customer) FROM touched t) AS touched, (SELECT array_agg(t.since ORDER BY t.customer) FROM touched t) AS since' END);
COMMENT ON FUNCTION journey_follow_catch_up_sql(jsonb, boolean, jsonb) IS
    'part of journey_catch_up: folds the tail of the buckets after $1 up to $2, at most $3 events a customer; has_removed: some of it are events removed; watching: what is watched, if anything: reports the customers to be looked at';

-- Small rows of a bucket become one or some of each of its parts.  A page can hold
-- these; toast_tuple_target of the tail lets them stay there whole.  Concatenating
-- takes time by the square of the number of rows, so that 64 are enough at a time.
CREATE FUNCTION journey_follow_small(follow jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('pg_column_size(t.customers) + %s < 2000', replace(@extschema@.journey_follow_columns(follow, 'coalesce(pg_column_size(t.%s), 0)'), '), ', ') + '));
COMMENT ON FUNCTION journey_follow_small(jsonb) IS 'part of journey_follow_split_sql: a condition for rows t of the tail that are to be split with others';

CREATE FUNCTION journey_follow_split_sql(follow jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN format('WITH small AS (
    DELETE FROM %1$s t WHERE t.bucket = ANY ($1) AND %2$s AND @extschema@.journey_catch_up_rest() RETURNING t.*, pg_column_size(t.*) AS bytes),
whole AS (
    SELECT s.bucket, s.removed, sum(s.bytes) AS bytes, @extschema@.journey_concat_agg(s.customers) AS customers, %4$s
    FROM (SELECT t.*, row_number() OVER (PARTITION BY t.bucket, t.removed) / 64 AS slab FROM small t) s
    GROUP BY s.bucket, s.removed, s.slab),
split AS (
    SELECT w.bucket, w.removed, @extschema@.journey_split(w.parts, w.parts) AS parts, @extschema@.journey_split(w.customers, w.parts) AS customers, %5$s
    FROM (SELECT w.*, @extschema@.journey_bucket_parts(w.customers, greatest(6000 * cardinality(w.customers) / w.bytes, 1)::integer) AS parts FROM whole w OFFSET 0) w),
written AS (
    INSERT INTO %1$s (bucket, removed, customers, %3$s)
    SELECT p.bucket + p.parts[1] %% 16, p.removed, p.customers, %6$s FROM split p WHERE cardinality(p.customers) > 0)
SELECT count(*) FROM small',
    follow ->> 'tail', @extschema@.journey_follow_small(follow), @extschema@.journey_follow_columns(follow, '%s'),
    @extschema@.journey_follow_columns(follow, '@extschema@.journey_concat_agg(s.%1$s) AS %1$s'),
    @extschema@.journey_follow_columns(follow, '@extschema@.journey_split(w.%1$s, w.parts) AS %1$s'),
    @extschema@.journey_follow_columns(follow, 'p.%s'));
COMMENT ON FUNCTION journey_follow_split_sql(jsonb) IS 'part of journey_catch_up: writes small rows of the buckets $1 anew, as rows of their parts; the number of small rows';

-- The journeys as their readers see them.  Where nothing is to be merged the
-- stored journey is passed on as it is, so that its indexes can be used; OFFSET 0
-- has what is put together put together once.
CREATE FUNCTION journey_follow_view_sql(follow jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN CASE follow ->> 'mode' WHEN 'immediate' THEN format('CREATE OR REPLACE VIEW %1$s (customer, journey) AS
SELECT h.customer, h.journey FROM %2$s h WHERE h.complete AND h.chunks = 0 AND h.events > 0
UNION ALL
SELECT h.customer, (SELECT @extschema@.journey_merge(p.journey) FROM (
           SELECT h.journey UNION ALL SELECT c.journey FROM %3$s c WHERE c.customer = h.customer) p)
FROM %2$s h WHERE h.complete AND h.chunks > 0',
        follow ->> 'journeys', follow ->> 'head', follow ->> 'chunk')
    ELSE format('CREATE OR REPLACE VIEW %1$s (customer, journey) AS
SELECT h.customer, h.journey FROM %2$s h
WHERE h.complete AND h.chunks = 0 AND h.events > 0 AND NOT EXISTS (%8$s)
UNION ALL
SELECT h.customer, (SELECT @extschema@.journey_merge(p.journey) FROM (
           SELECT h.journey UNION ALL SELECT c.journey FROM %3$s c WHERE c.customer = h.customer) p)
FROM %2$s h WHERE h.complete AND h.chunks > 0 AND NOT EXISTS (%8$s)
UNION ALL
SELECT e.customer, j.journey
FROM (SELECT e.customer, %5$s AS plus, %6$s AS minus FROM %4$s GROUP BY e.customer) e
LEFT JOIN %2$s h ON h.customer = e.customer
CROSS JOIN LATERAL (
    SELECT CASE WHEN e.minus IS NULL THEN w.whole ELSE w.whole OPERATOR(@extschema@.-) e.minus END AS journey
    FROM (SELECT CASE WHEN h.chunks > 0
                     THEN (SELECT @extschema@.journey_merge(p.journey) FROM (
                              SELECT h.journey UNION ALL SELECT e.plus UNION ALL SELECT c.journey FROM %3$s c WHERE c.customer = e.customer) p)
                     ELSE coalesce(h.journey OPERATOR(@extschema@.||) e.plus, e.plus, h.journey) END AS whole
          OFFSET 0) w
    OFFSET 0) j
WHERE (h.complete OR h.complete IS NULL AND (SELECT f.backfilled FROM %7$s f)) AND @extschema@.journey_length(j.journey) > 0',
        follow ->> 'journeys', follow ->> 'head', follow ->> 'chunk', @extschema@.journey_follow_tail(follow),
        @extschema@.journey_follow_agg(follow, 'NOT t.removed'), @extschema@.journey_follow_agg(follow, 't.removed'), follow ->> 'follow',
        format('SELECT FROM %s WHERE t.bucket = ANY (@extschema@.journey_buckets(ARRAY[h.customer])) AND e.customer = h.customer', @extschema@.journey_follow_tail(follow))) END;
COMMENT ON FUNCTION journey_follow_view_sql(jsonb) IS 'part of journey_follow_sql: the definition of the view of live journeys';

CREATE FUNCTION journey_follow_sql(state regclass, purpose text, relation regclass DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    follow jsonb := @extschema@.journey_follow_row(state) || jsonb_build_object('follow', state::text);
    action text := split_part(purpose, ' ', 2);
BEGIN
    RETURN CASE split_part(purpose, ' ', 1)
        WHEN 'view' THEN @extschema@.journey_follow_view_sql(follow)
        WHEN 'fold' THEN CASE WHEN follow ->> 'mode' = 'deferred' THEN @extschema@.journey_follow_append_sql(follow, action, false)
                              WHEN action = 'insert' THEN @extschema@.journey_follow_insert_sql(follow)
                              ELSE @extschema@.journey_follow_change_sql(follow, action) END
        WHEN 'burst' THEN CASE follow ->> 'mode' WHEN 'immediate' THEN @extschema@.journey_follow_burst_sql(follow, action)
                                                 ELSE @extschema@.journey_follow_append_sql(follow, action, true) END
        WHEN 'lock' THEN CASE WHEN action = 'truncate' THEN CASE WHEN relation::text = follow ->> 'events' THEN format('SELECT FROM %s FOR UPDATE', state) END
                              WHEN follow ->> 'mode' = 'immediate'
                              THEN @extschema@.journey_follow_lock_sql(follow, @extschema@.journey_follow_changes(follow, action)) END
        WHEN 'seal' THEN @extschema@.journey_follow_seal_sql(follow)
        WHEN 'compact' THEN @extschema@.journey_follow_compact_sql(follow)
        WHEN 'refuse' THEN CASE action WHEN 'insert' THEN @extschema@.journey_follow_aside_sql(follow, 'refuse')
                                       ELSE format('SELECT @extschema@.journey_follow_rebuild(%L, array_agg(h.customer)) FROM %s h
                                                    WHERE h.customer = ANY ($1) AND h.complete', state, follow ->> 'head') END
        WHEN 'faults' THEN @extschema@.journey_follow_faults_sql(follow, action)
        WHEN 'fault' THEN @extschema@.journey_follow_aside_sql(follow, action)
        -- who builds customers anew takes what was set aside from one snapshot
        WHEN 'turn' THEN CASE WHEN follow ->> 'mode' = 'deferred' AND action <> 'insert' THEN format('SELECT FROM %s FOR SHARE', state) END
        WHEN 'empty' THEN format('DELETE FROM %s h WHERE h.customer = ANY ($1) AND h.events = 0 AND h.complete', follow ->> 'head')
        WHEN 'truncate' THEN replace(@extschema@.journey_follow_truncate_sql(follow, relation::text = follow ->> 'events'), '#events', relation::text)
        WHEN 'truncated' THEN CASE WHEN follow ->> 'mode' = 'immediate'
            THEN format('SELECT @extschema@.journey_follow_rebuild(%L, array_agg(h.customer)) FROM %s h WHERE NOT h.complete AND h.events = -1', state, follow ->> 'head') END
        WHEN 'emptied' THEN CASE WHEN relation::text = follow ->> 'events'
            THEN format('UPDATE %s SET backfilled = true, backfilled_to = NULL WHERE NOT backfilled', state) END
        WHEN 'rebuild' THEN @extschema@.journey_follow_rebuild_sql(follow, action = 'limited')
        WHEN 'carry' THEN CASE action WHEN 'update' THEN @extschema@.journey_watch_carry_sql(state, follow) END
        WHEN 'matters' THEN @extschema@.journey_watch_matters_sql(state, follow)
        WHEN 'watch' THEN @extschema@.journey_watch_fold_sql(state, follow, action, relation) END;
END
$$;
COMMENT ON FUNCTION journey_follow_sql(regclass, text, regclass) IS
    'statement for a purpose (view; lock, fold, burst, refuse, turn, fault, carry, matters or watch, and insert, update or delete; seal, empty, truncate, truncated, emptied, rebuild) as the triggers and functions of live journeys run it; NULL if there is nothing to do';
