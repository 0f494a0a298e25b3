-- ---------------------------------------------------------------------------
-- Views for tools that know no types but SQL's own
--
-- A view a capability over a table of journeys, with columns of type text,
-- bigint, double precision, boolean and timestamptz only; durations are
-- seconds.  The views are the caller's and read with the rights of whoever
-- reads them (security_invoker).  Those made here begin their comment with a
-- mark, and only views that have it are replaced or dropped.
-- ---------------------------------------------------------------------------

CREATE FUNCTION journey_view_queries(source text, key text, journey text, steps text, within text, conversion text,
        events text, model text, as_of text, session_gap text, min_support text,
        OUT name text, OUT query text, OUT question text, OUT needs text)
    RETURNS SETOF record
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 16 SET search_path = pg_catalog, pg_temp AS
$$
WITH graph (query) AS (
    SELECT format('(SELECT @extschema@.journey_graph_agg(j.%s) AS graph FROM %s j) g', journey, source))
SELECT v.name, v.query, v.question, v.needs
FROM graph, LATERAL (VALUES
    ('customers', NULL::text, 'what is known of each customer''s journey?',
     format('SELECT %1$s AS customer, @extschema@.journey_length(j.%2$s)::bigint AS events,
         @extschema@.journey_start(j.%2$s) AS first_at, @extschema@.journey_end(j.%2$s) AS last_at,
         extract(epoch FROM @extschema@.journey_duration(j.%2$s))::float8 AS duration_seconds,
         @extschema@.journey_value(j.%2$s) AS value,
         (@extschema@.journey_event(j.%2$s, 1)).event AS first_event,
         (@extschema@.journey_event(j.%2$s, -1)).event AS last_event,
         @extschema@.journey_path(j.%2$s) AS path FROM %3$s j', key, journey, source)),
    ('events', NULL, 'what happened, event by event?',
     format('SELECT %1$s AS customer, e.ordinality, e.occurred_at, e.event, e.channel, e.value, e.item
         FROM %3$s j, @extschema@.journey_events(j.%2$s) e', key, journey, source)),
    ('sessions', NULL, 'when did customers come, and for how long?',
     format('SELECT %1$s AS customer, s.ordinality, @extschema@.journey_start(s.session) AS started_at,
         @extschema@.journey_end(s.session) AS ended_at, @extschema@.journey_length(s.session)::bigint AS events,
         extract(epoch FROM @extschema@.journey_duration(s.session))::float8 AS duration_seconds,
         @extschema@.journey_path(s.session) AS path
         FROM %3$s j, @extschema@.journey_sessions(j.%2$s, %4$s) WITH ORDINALITY s (session, ordinality)',
         key, journey, source, session_gap)),
    ('channels', NULL, 'where were they?',
     format('SELECT %1$s AS customer, c.channel, c.events, c.share, c.first_at, c.last_at,
         extract(epoch FROM c.time_spent)::float8 AS seconds_spent
         FROM %3$s j, @extschema@.journey_channels(j.%2$s) c', key, journey, source)),
    ('nodes', NULL, 'which events are there, and how long do customers stay at them?',
     format('SELECT n.node, n.events, n.journeys, n.share, n.entries, n.exits, n.repeats, n.repeating_journeys, n.tied_events,
         extract(epoch FROM n.mean_stay)::float8 AS mean_stay_seconds,
         extract(epoch FROM n.median_stay)::float8 AS median_stay_seconds,
         extract(epoch FROM n.p90_stay)::float8 AS p90_stay_seconds
         FROM %s, @extschema@.graph_nodes(g.graph) n', graph.query)),
    ('edges', NULL, 'who goes where next?',
     format('SELECT e.source, e.target, e.transitions, e.journeys, e.share, e.source_share, e.target_share,
         extract(epoch FROM e.mean_time)::float8 AS mean_seconds,
         extract(epoch FROM e.median_time)::float8 AS median_seconds,
         extract(epoch FROM e.p90_time)::float8 AS p90_seconds
         FROM %s, @extschema@.graph_edges(g.graph) e', graph.query)),
    ('bottlenecks', NULL, 'where is the time spent?',
     format('SELECT b.source, b.target, b.transitions, b.total_days, b.share_of_time, b.cumulative_share,
         extract(epoch FROM b.mean_time)::float8 AS mean_seconds
         FROM %s, @extschema@.graph_bottlenecks(g.graph) b', graph.query)),
    ('paths', NULL, 'which whole paths are most frequent?',
     format('SELECT p.path, p.length::bigint, p.journeys, p.share, p.cumulative_share,
         extract(epoch FROM p.mean_duration)::float8 AS mean_duration_seconds
         FROM unnest((SELECT @extschema@.top_paths(j.%s) FROM %s j)) p', journey, source)),
    ('patterns', NULL, 'which sequences do many have in common?',
     format('SELECT p.path, p.pattern::text AS pattern, p.length::bigint, p.journeys, p.share
         FROM unnest((SELECT @extschema@.mine_paths(j.%s, @extschema@.path_options(
             min_support => %s, kind => ''closed'', max_length => 5, top => 1000)) FROM %s j)) p', journey, min_support, source)),
    ('flow', NULL, 'what do customers do first, second, third? (rows with a source are the links between steps)',
     format('SELECT f.step::bigint, f.source, f.event, f.kind, f.paths, f.share_of_start, f.share_of_previous,
         extract(epoch FROM f.mean_time)::float8 AS mean_seconds
         FROM unnest((SELECT @extschema@.journey_flow(j.%s, @extschema@.flow_options(links => true)) FROM %s j)) f', journey, source)),
    ('next_events', NULL, 'what will each customer probably do next?',
     format('SELECT %1$s AS customer, n.ordinality AS rank, n.event, n.probability,
         extract(epoch FROM n.expected_wait)::float8 AS expected_wait_seconds
         FROM %2$s, %3$s j, @extschema@.journey_next(g.graph, j.%4$s, 3) WITH ORDINALITY n', key, graph.query, source, journey)),
    ('funnel', 'steps', 'how many get how far in the funnel?',
     format('SELECT s.step::bigint, (%1$s)[s.step]::text AS pattern, s.customers, s.share, s.share_low, s.share_high, s.step_share,
         extract(epoch FROM s.mean_time)::float8 AS mean_seconds,
         extract(epoch FROM s.median_time)::float8 AS median_seconds,
         extract(epoch FROM s.p90_time)::float8 AS p90_seconds, s.dropped, s.dropped_window, s.open
         FROM unnest((SELECT @extschema@.funnel_stats(@extschema@.journey_funnel(j.%2$s, %1$s, within => %3$s, as_of => %4$s))
             FROM %5$s j)) s', steps, journey, within, as_of, source)),
    ('funnel_customers', 'steps', 'who gets how far in the funnel?',
     format('SELECT %1$s AS customer, f.level::bigint, f.completed, f.entered_at, f.completed_at, f.drop_reason,
         nullif(f.open_until, ''infinity'') AS open_until
         FROM %5$s j, @extschema@.journey_funnel(j.%2$s, %3$s, within => %4$s, as_of => %6$s) f', key, journey, steps, within, source, as_of)),
    ('attribution', 'conversion', 'which channels are the conversions owed to?',
     format('SELECT a.model, a.channel, a.conversions, a.value, a.share, a.removal_effect
         FROM unnest((SELECT @extschema@.attribution_agg(j.%s, @extschema@.attribution_options(conversion => %s)) FROM %s j)) a',
         journey, conversion, source)),
    ('features', NULL, 'each customer in numbers, a row a number',
     format('SELECT %1$s AS customer, f.feature, f.value FROM %3$s j,
         ROWS FROM (unnest(@extschema@.journey_feature_names(%5$s)), unnest(@extschema@.journey_features(j.%2$s, %4$s, events => %5$s)))
             AS f (feature, value) WHERE j.%2$s IS NOT NULL', key, journey, source, as_of, events)),
    ('scores', 'model', 'how probable is it, by the registered model?',
     format('SELECT %1$s AS customer, @extschema@.propensity_score((SELECT %6$s),
             @extschema@.journey_features(j.%2$s, %4$s, events => %5$s)) AS score
         FROM %3$s j', key, journey, source, as_of, events, model))
) AS v (name, needs, question, query)
$$;
COMMENT ON FUNCTION journey_view_queries(text, text, text, text, text, text, text, text, text, text, text) IS
    'queries of the views that journey_views makes, from SQL expressions; with the argument of that function that a query needs, if it needs one that has no default';

CREATE FUNCTION journey_view_columns(journeys regclass, customer name, journey name, OUT key_column text, OUT journey_column text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    found name[];
BEGIN
    found := ARRAY(SELECT attname FROM pg_attribute
        WHERE attrelid = journeys AND attnum > 0 AND NOT attisdropped AND atttypid = '@extschema@.journey'::regtype
          AND attname = coalesce(journey, attname));
    IF cardinality(found) <> 1 THEN
        RAISE EXCEPTION 'relation "%" has % columns of type journey%', journeys, cardinality(found),
            coalesce(' named "' || journey || '"', '')
            USING ERRCODE = 'undefined_column', HINT = 'Name one of them by the argument "journey".';
    END IF;
    journey_column := quote_ident(found[1]);
    -- the customer: as named, or the only column of the primary key, or the first
    SELECT CASE WHEN atttypid IN ('bigint'::regtype, 'integer'::regtype, 'smallint'::regtype) THEN format('j.%I::bigint', attname)
                ELSE format('j.%I::text', attname) END
    INTO key_column
    FROM pg_attribute LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary AND indnkeyatts = 1 AND indkey[0] = attnum
    WHERE attrelid = journeys AND attnum > 0 AND NOT attisdropped AND attname <> found[1] AND attname = coalesce(customer, attname)
    ORDER BY indrelid IS NULL, attnum LIMIT 1;
    IF key_column IS NULL THEN
        RAISE EXCEPTION 'relation "%" has no column for the customer%', journeys, coalesce(' named "' || customer || '"', '')
            USING ERRCODE = 'undefined_column', HINT = 'Name it by the argument "customer".';
    END IF;
END
$$;
COMMENT ON FUNCTION journey_view_columns(regclass, name, name) IS
    'the columns that journey_views reads, as SQL: the customer''s, by default the primary key''s or the first, as bigint or text; the journey''s, by default the only one of that type';

CREATE FUNCTION journey_views_of(journeys regclass) RETURNS SETOF regclass
    LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 16
BEGIN ATOMIC
    SELECT DISTINCT r.ev_class::pg_catalog.regclass
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid OPERATOR(pg_catalog.=) d.objid
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refobjid OPERATOR(pg_catalog.=) journeys
      AND pg_catalog.starts_with(pg_catalog.obj_description(r.ev_class, 'pg_class'), 'journey_views: ');
END;
COMMENT ON FUNCTION journey_views_of(regclass) IS 'the views that journey_views made over this table and that are still there';

CREATE FUNCTION journey_view_make(journeys regclass, schema name, view text, query text, question text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    existing regclass := to_regclass(format('%I.%I', schema, view));
BEGIN
    IF octet_length(view) > 63 THEN
        RAISE EXCEPTION 'name of a view "%" is too long', view USING ERRCODE = 'name_too_long', HINT = 'Give a shorter prefix.';
    END IF;
    IF existing IS NOT NULL AND existing NOT IN (SELECT @extschema@.journey_views_of(journeys)) THEN
        RAISE EXCEPTION 'relation "%" exists and is no view that journey_views made over "%"', existing, journeys
            USING ERRCODE = 'duplicate_table', HINT = 'Give another prefix or schema, or say which views to make.';
    END IF;
    EXECUTE format('CREATE OR REPLACE VIEW %I.%I WITH (security_invoker = true) AS %s', schema, view, query);
    EXECUTE format('COMMENT ON VIEW %I.%I IS %L', schema, view, 'journey_views: ' || question);
    RETURN format('%I.%I', schema, view);
END
$$;
COMMENT ON FUNCTION journey_view_make(regclass, name, text, text, text) IS
    'makes a view of journey_views, or replaces it, if journey_views made it over the same table; gives its name';

CREATE FUNCTION journey_views(journeys regclass, customer name DEFAULT NULL, journey name DEFAULT NULL,
        schema name DEFAULT NULL, prefix text DEFAULT NULL, views text[] DEFAULT NULL,
        steps journey_pattern[] DEFAULT NULL, within interval DEFAULT NULL, conversion journey_pattern DEFAULT NULL,
        events text[] DEFAULT NULL, model text DEFAULT NULL, registry name DEFAULT propensity_registry_schema(),
        as_of timestamptz DEFAULT NULL, session_gap interval DEFAULT '30 minutes', min_support double precision DEFAULT 0.05,
        OUT view_name text, OUT question text)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 16 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    columns record := @extschema@.journey_view_columns(journeys, customer, journey);
    given text[] := array_remove(ARRAY[CASE WHEN steps IS NOT NULL THEN 'steps' END,
                                       CASE WHEN conversion IS NOT NULL THEN 'conversion' END,
                                       CASE WHEN model IS NOT NULL THEN 'model' END], NULL);
    known text[] := '{}';
    home name;
    stem text;
    v record;
BEGIN
    SELECT coalesce(schema, nspname), coalesce(prefix, relname || '_') INTO home, stem
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE pg_class.oid = journeys;
    IF model IS NOT NULL THEN
        PERFORM @extschema@.propensity_production(model, registry);
    END IF;
    FOR v IN SELECT * FROM @extschema@.journey_view_queries(journeys::text, columns.key_column, columns.journey_column,
            format('%L::@extschema@.journey_pattern[]', steps), format('%L::interval', within),
            format('%L::@extschema@.journey_pattern', conversion), format('%L::text[]', events),
            format('@extschema@.propensity_production(%L, %L)', model, registry),
            CASE WHEN as_of IS NULL THEN 'now()' ELSE format('%L::timestamptz', as_of) END, format('%L::interval', session_gap), min_support::text)
    LOOP
        known := known || v.name;
        CONTINUE WHEN NOT coalesce(v.name = ANY (views), v.needs IS NULL OR v.needs = ANY (given));
        IF v.needs IS NOT NULL AND v.needs <> ALL (given) THEN
            RAISE EXCEPTION 'view "%" needs the argument "%"', v.name, v.needs USING ERRCODE = 'invalid_parameter_value';
        END IF;
        view_name := @extschema@.journey_view_make(journeys, home, stem || v.name, v.query, v.question);
        question := v.question;
        RETURN NEXT;
    END LOOP;
    IF NOT views <@ known THEN
        RAISE EXCEPTION 'there is no view "%"', (SELECT name FROM unnest(views) AS n (name) WHERE NOT coalesce(name = ANY (known), false) LIMIT 1)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Views are ' || array_to_string(known, ', ') || '.';
    END IF;
END
$$;
COMMENT ON FUNCTION journey_views(regclass, name, name, name, text, text[], journey_pattern[], interval, journey_pattern, text[], text, name, timestamptz, interval, double precision) IS
    'makes views over a table of journeys, named prefix (by default the table''s name and _) and view, with columns of type text, bigint, double precision, boolean and timestamptz only: customers, events, sessions, channels, nodes, edges, bottlenecks, paths, patterns, flow, next_events, features; with steps, funnel and funnel_customers; with a conversion, attribution; with a registered model of such features, scores. They are the caller''s, are read with the reader''s rights, and are replaced when made again; relations that it did not make are not (42P07). as_of is now when read, unless given';

CREATE FUNCTION journey_views_drop(journeys regclass) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    views regclass[] := ARRAY(SELECT @extschema@.journey_views_of(journeys));
BEGIN
    IF cardinality(views) > 0 THEN
        EXECUTE 'DROP VIEW ' || array_to_string(views, ', ');
    END IF;
    RETURN cardinality(views);
END
$$;
COMMENT ON FUNCTION journey_views_drop(regclass) IS
    'drops the views that journey_views made over this table, and says how many; others that depend on them are an error (2BP01)';
