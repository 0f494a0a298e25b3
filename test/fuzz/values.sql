-- Hostile texts for the types that only the server can read, and random values
-- for every option: what is accepted is used, and must keep the type's laws;
-- what is refused must be refused as a user's error. Run by
-- test/tools/value_fuzz.sh in a database of its own.

CREATE TABLE fuzz_fault (what text, input text, code text, message text);
CREATE TABLE fuzz_count (what text PRIMARY KEY, tried bigint, accepted bigint);

-- A word or a sign put in, some taken out, one changed, a part doubled, the end
-- cut off, the end of another.
CREATE FUNCTION fuzz_mutate(value text, other text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    words text[] := string_to_array('-1 0 1 2 255 65536 2147483647 4294967296 9223372036854775807 1e308 -1e-300 null true "" "x" NaN Infinity [] ff 00 7f 80 \ , " { } [ ] : . -', ' ');
    at int;
    n int;
BEGIN
    FOR i IN 1 .. 1 + floor(random() * 3)::int LOOP
        n := length(value);
        at := 1 + floor(random() * (n + 1))::int;
        value := CASE floor(random() * 7)::int
            WHEN 0 THEN overlay(value placing words[1 + floor(random() * cardinality(words))::int] from at for 1)
            WHEN 1 THEN left(value, at - 1) || words[1 + floor(random() * cardinality(words))::int] || substr(value, at)
            WHEN 2 THEN left(value, at - 1) || substr(value, at + 1 + floor(random() * 8)::int)
            WHEN 3 THEN left(value, at) || substr(value, 1 + at / 2)
            WHEN 4 THEN left(value, at)
            WHEN 5 THEN left(value, at) || substr(other, 1 + floor(random() * (length(other) + 1))::int)
            ELSE overlay(value placing substr('0123456789abcdef', 1 + floor(random() * 16)::int, 1) from at for 1)
        END;
    END LOOP;
    RETURN value;
END $$;

-- Is it a fault of ours? Anything internal is; so is a law that does not hold.
CREATE PROCEDURE fuzz_refused(what text, input text, code text, message text) LANGUAGE plpgsql AS $$
BEGIN
    IF code ~ '^(XX|P0004|58|38|39)' THEN
        INSERT INTO fuzz_fault VALUES (what, input, code, message);
    END IF;
END $$;

CREATE PROCEDURE fuzz_type(type text, seeds text[], law text, runs bigint) LANGUAGE plpgsql AS $$
DECLARE
    input text;
    held boolean;
    good bigint := 0;
BEGIN
    FOR i IN 1 .. runs LOOP
        input := fuzz_mutate(seeds[1 + floor(random() * cardinality(seeds))::int], seeds[1 + floor(random() * cardinality(seeds))::int]);
        BEGIN
            EXECUTE format('SELECT %s FROM (SELECT $1::%s AS v OFFSET 0) s', law, type) INTO held USING input;
            good := good + 1;
            IF NOT coalesce(held, true) THEN
                INSERT INTO fuzz_fault VALUES (type, input, 'law', law);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            CALL fuzz_refused(type, input, SQLSTATE, SQLERRM);
        END;
        IF i % 1000 = 0 THEN
            COMMIT;
        END IF;
    END LOOP;
    INSERT INTO fuzz_count VALUES (type, runs, good)
    ON CONFLICT (what) DO UPDATE SET tried = fuzz_count.tried + runs, accepted = fuzz_count.accepted + good;
    COMMIT;
END $$;

-- A literal of an option's type, now and then NULL, often absurd.
CREATE FUNCTION fuzz_literal(type regtype, name text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    pool text[] := CASE type::text
        WHEN 'integer' THEN '{-2147483648,-1,0,1,2,3,5,16,17,100,2147483647}'
        WHEN 'bigint' THEN '{-9223372036854775808,-1,0,1,2,10,1000,9223372036854775807}'
        WHEN 'double precision' THEN '{-Infinity,-1,-1e-300,0,1e-300,0.01,0.3,0.5,0.95,1,2,1e308,Infinity,NaN}'
        WHEN 'boolean' THEN '{true,false}'
        WHEN 'interval' THEN '{-1 day,0,1 microsecond,1 hour,2 days,1 month,100000000 days,-178000000 years}'
        WHEN 'text' THEN ARRAY['', 'event', 'channel', 'item', 'all', 'closed', 'maximal', 'order', 'set', 'first', 'last', 'every', 'a', 'b', 'name',
            'markov', 'none', 'mean', 'indicator', 'error', 'balanced', 'exact', 'jaro_winkler', 'text', 'email', 'phone', 'date', 'number', repeat('x', 3000)]
        WHEN 'text[]' THEN ARRAY['{}', '{a}', '{a,b}', '{a,a}', '{NULL}', '{first,last,markov,shapley}', '{{a,b},{c,d}}', '{name}', '{town,name}', '{x1}']
        WHEN 'double precision[]' THEN ARRAY['{}', '{0.9}', '{0.9,0.5}', '{0.5,0.9}', '{NULL}', '{NaN}', '{1e308,-1}', '{{1,2},{3,4}}']
        WHEN 'journey_pattern' THEN ARRAY['a', 'a -> b', '. !-> b', '^ a', 'permute(a, b, c)', '(a | b)+', 'a -[<= 1 day]-> b SAME channel', 'nothing']
        WHEN 'jsonb' THEN ARRAY['{}', '[]', 'null', '{"x1": 1}', '{"x1": "a", "y": [1]}', '1']
    END;
    usual text := CASE name
        WHEN 'column_name' THEN quote_literal((ARRAY['name', 'town'])[1 + floor(random() * 2)::int])
        WHEN 'conversion' THEN $l$'a'::journey_pattern$l$
        WHEN 'block_on' THEN $l$ARRAY['town']$l$
        WHEN 'comparisons' THEN $l$ARRAY[linkage_comparison('name', 'name')]$l$
    END;
BEGIN
    IF usual IS NOT NULL AND random() < 0.9 THEN
        RETURN usual;
    END IF;
    IF name = 'comparisons' THEN
        RETURN CASE floor(random() * 3)::int WHEN 0 THEN 'NULL' WHEN 1 THEN $l$'{}'::linkage_comparison[]$l$
            ELSE 'ARRAY[' || fuzz_call('linkage_comparison') || ']' END;
    END IF;
    IF pool IS NULL OR random() < 0.1 THEN
        RETURN format('NULL::%s', type);
    END IF;
    RETURN format('%L::%s', pool[1 + floor(random() * cardinality(pool))::int], type);
END $$;

-- A call of an option builder with a few of its options.
CREATE FUNCTION fuzz_call(builder text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    given text;
BEGIN
    SELECT string_agg(format('%I => %s', a.name, fuzz_literal(a.type::regtype, a.name)), ', ') INTO given
    FROM pg_proc p, unnest(proargnames, proargtypes::oid[]) AS a (name, type)
    WHERE proname = builder AND prosrc = 'cj_options_build' AND a.type IS NOT NULL
      AND (random() < 1.5 / pronargs OR a.name IN ('conversion', 'comparisons', 'block_on', 'column_name')
           OR a.name = 'kind' AND builder = 'linkage_comparison');
    RETURN format('%s(%s)', builder, given);
END $$;

CREATE PROCEDURE fuzz_options(builder text, statement text, runs bigint) LANGUAGE plpgsql AS $$
DECLARE
    call text;
    good bigint := 0;
BEGIN
    FOR i IN 1 .. runs LOOP
        call := fuzz_call(builder);
        BEGIN
            EXECUTE format(statement, call);
            good := good + 1;
        EXCEPTION WHEN OTHERS THEN
            CALL fuzz_refused(builder, format(statement, call), SQLSTATE, SQLERRM);
        END;
        IF i % 100 = 0 THEN
            COMMIT;
        END IF;
    END LOOP;
    INSERT INTO fuzz_count VALUES (builder || ': ' || substring(statement from '\w+'), runs, good)
    ON CONFLICT (what) DO UPDATE SET tried = fuzz_count.tried + runs, accepted = fuzz_count.accepted + good;
    COMMIT;
END $$;

CREATE TABLE fuzz_rows AS
SELECT g % 40 AS customer, timestamptz '2026-01-01 00:00+00' + g * interval '1 hour' AS at, chr(97 + g * 7 % 5) AS event,
       chr(120 + g % 3) AS channel, (g % 11)::float8 AS value, 'i' || g % 4 AS item FROM generate_series(1, 400) g;
CREATE TABLE fuzz_journeys AS SELECT customer, chr(65 + customer % 3) AS segment, journey_agg(at, event, channel, value, item) AS j FROM fuzz_rows GROUP BY 1;
CREATE TABLE fuzz_people AS SELECT g::text AS id, 'name ' || g % 13 AS name, 'town ' || g % 4 AS town FROM generate_series(1, 60) g;

\set ON_ERROR_STOP 1
SELECT setseed(:seed / 1000000.0);
SET client_min_messages = error;
SELECT sum(total_bytes) AS memory_before FROM pg_backend_memory_contexts \gset

SELECT array_agg(g::text) AS seeds FROM (
    SELECT journey_graph_agg(j) FROM fuzz_journeys UNION ALL SELECT journey_graph_agg(j) FROM fuzz_journeys WHERE customer < 2
    UNION ALL SELECT journey_graph_agg(j, graph_options(depth => 3, by => 'channel', collapse => true)) FROM fuzz_journeys
    UNION ALL SELECT journey_graph_agg(journey_of('2026-01-01 00:00+00', 'a'))) s (g) \gset
CALL fuzz_type('journey_graph', :'seeds', $$v = v::text::journey_graph AND v + v - v = v AND (SELECT count(*) >= 0 FROM graph_nodes(v))
    AND (SELECT count(*) >= 0 FROM graph_edges(v)) AND (SELECT count(*) >= 0 FROM graph_bottlenecks(v)) AND (SELECT count(*) >= 0 FROM graph_loops(v))
    AND length(graph_to_dot(v)) > 0 AND length(graph_to_sankey(v)) > 0
    AND (SELECT count(*) >= 0 FROM journey_next(v, '{a 2026-01-01 00:00:00+00}')) AND coalesce(journey_reach(v, '{}', 'a'), 0) <= 1.000001$$, :runs);

SELECT array_agg(m::text) AS seeds FROM (
    SELECT propensity_fit(i % 3 = 0, ARRAY[i % 7, i % 2]::float8[]) FROM generate_series(1, 50) i
    UNION ALL SELECT propensity_fit(i % 3 = 0, ARRAY[(i % 7)::float8, NULL], fit_options(missing => 'indicator')) FROM generate_series(1, 50) i
    UNION ALL SELECT propensity_fit(true, ARRAY[1.0::float8])) s (m) \gset
CALL fuzz_type('propensity_model', :'seeds', $$v::text = (v::text::propensity_model)::text AND (SELECT count(*) >= 0 FROM propensity_coefficients(v))
    AND propensity_summary(v) IS NOT NULL AND (SELECT count(*) >= 0 FROM propensity_features(v))
    AND coalesce(propensity_score(v, ARRAY[1, 2]::float8[]) BETWEEN 0 AND 1, true)
    AND (SELECT count(*) >= 0 FROM propensity_explain(v, ARRAY[1, 2]::float8[]))$$, :runs);

SELECT array_agg(c::text) AS seeds FROM (
    SELECT platt_calibration(i % 3 = 0, i / 60.0) FROM generate_series(1, 50) i
    UNION ALL SELECT isotonic_calibration(i % 3 = 0, i / 60.0) FROM generate_series(1, 50) i) s (c) \gset
CALL fuzz_type('propensity_calibrator', :'seeds', $$v::text = (v::text::propensity_calibrator)::text
    AND coalesce(propensity_calibrate(v, 0.3) BETWEEN 0 AND 1, true)$$, :runs);

CREATE AGGREGATE fuzz_sample(boolean, float8) (SFUNC = propensity_scores_transfn, STYPE = propensity_sample);
SELECT ARRAY[fuzz_sample(i % 3 = 0, i / 9.0)::text, fuzz_sample(i > 5, 1)::text, fuzz_sample(NULL, i)::text] AS seeds FROM generate_series(1, 8) i \gset
CALL fuzz_type('propensity_sample', :'seeds', $$v::text = (v::text::propensity_sample)::text AND coalesce((propensity_metrics_finalfn(v)).row_count, 0) >= 0$$, :runs);

-- with the model inside: what is taken is added to itself, and ends as rows
CREATE AGGREGATE fuzz_drift(propensity_model, float8[]) (SFUNC = propensity_drift_transfn, STYPE = propensity_sums);
CREATE AGGREGATE fuzz_effects(propensity_model, float8[]) (SFUNC = propensity_effects_transfn, STYPE = propensity_sums);
CREATE AGGREGATE fuzz_sums(propensity_sums) (SFUNC = propensity_sums_combine, STYPE = propensity_sums);
SELECT array_agg(s::text) AS seeds FROM (SELECT propensity_fit(i % 3 = 0, ARRAY[i % 7, i % 2]::float8[], fit_options(bins => 3)) AS m FROM generate_series(1, 50) i) f,
    LATERAL (SELECT fuzz_drift(m, ARRAY[i, 1]::float8[]) FROM generate_series(1, 9) i
    UNION ALL SELECT fuzz_effects(m, ARRAY[i, 1]::float8[]) FROM generate_series(1, 9) i) s (s) \gset
CALL fuzz_type('propensity_sums', :'seeds', $$v::text = (v::text::propensity_sums)::text AND (SELECT fuzz_sums(x) IS NOT NULL FROM unnest(ARRAY[v, v]) x)
    AND CASE WHEN get_byte(propensity_sums_send(v), 1) = 1 THEN cardinality(propensity_drift_finalfn(v)) ELSE coalesce(cardinality(propensity_effects_finalfn(v)), 0) END >= 0$$, :runs);

CREATE AGGREGATE fuzz_funnel(funnel_result) (SFUNC = funnel_stats_transfn, STYPE = funnel_counts);
SELECT array_agg(c::text) AS seeds FROM (
    SELECT fuzz_funnel(journey_funnel(j, '{a,b,c}', within => '20 hours')) FROM fuzz_journeys WHERE customer < 5
    UNION ALL SELECT fuzz_funnel(journey_funnel(j, '{a}', as_of => '2026-01-02 00:00+00')) FROM fuzz_journeys WHERE customer < 2) s (c) \gset
CALL fuzz_type('funnel_counts', :'seeds', $$v::text = (v::text::funnel_counts)::text AND funnel_stats_finalfn(v) IS NOT NULL$$, :runs);

CREATE AGGREGATE fuzz_flow(journey) (SFUNC = journey_flow_transfn, STYPE = path_counts);
CREATE AGGREGATE fuzz_paths(journey, path_options) (SFUNC = top_paths_transfn, STYPE = path_counts);
CREATE AGGREGATE fuzz_attribution(journey, attribution_options) (SFUNC = attribution_agg_transfn, STYPE = path_counts);
SELECT array_agg(c::text) AS seeds FROM (
    SELECT fuzz_flow(j) FROM fuzz_journeys WHERE customer < 3
    UNION ALL SELECT fuzz_attribution(j, attribution_options(conversion => 'a')) FROM fuzz_journeys WHERE customer < 3
    UNION ALL SELECT fuzz_paths(j, path_options(first => 4)) FROM fuzz_journeys WHERE customer < 5
    UNION ALL SELECT fuzz_paths(j, path_options(by => 'channel', collapse => true, top => 2)) FROM fuzz_journeys WHERE customer < 5) s (c) \gset
CALL fuzz_type('path_counts', :'seeds', $$v::text = (v::text::path_counts)::text$$, :runs);

-- of whole paths, which end as rows; merged with themselves they have twice as many journeys
CREATE AGGREGATE fuzz_top(path_counts) (SFUNC = path_counts_combinefn, STYPE = path_counts, FINALFUNC = top_paths_finalfn);
SELECT array_agg(c::text) AS seeds FROM (
    SELECT fuzz_paths(j, path_options(first => customer % 4 + 1)) FROM fuzz_journeys WHERE customer < 8 GROUP BY customer % 4
    UNION ALL SELECT fuzz_paths(j, path_options(by => 'channel', collapse => true, top => 2)) FROM fuzz_journeys WHERE customer < 5) s (c) \gset
CALL fuzz_type('path_counts', :'seeds', $$v::text = (v::text::path_counts)::text
    AND (SELECT array_agg((p.path, p.journeys * 2)) FROM unnest((SELECT fuzz_top(x) FROM unnest(ARRAY[v]) x)) p)
     IS NOT DISTINCT FROM (SELECT array_agg((p.path, p.journeys)) FROM unnest((SELECT fuzz_top(x) FROM unnest(ARRAY[v, v]) x)) p)$$, :runs);

SELECT array_agg(j::text) AS seeds FROM (SELECT j FROM fuzz_journeys LIMIT 5) s \gset
CALL fuzz_type('journey', :'seeds', $$v = v::text::journey AND v = v::jsonb::journey AND (v || v) - v = v$$, :runs);

SELECT ARRAY['a -> b', 'a+ (b | c){2,3} -[<= 1 day, !x]-> d SAME item', '^ a@web(value >= 3)#i $ WITHIN 3 days', 'permute(a, b, c) !-[< 2 hours]-> [d|e]'] AS seeds \gset
CALL fuzz_type('journey_pattern', :'seeds', $$v::text = (v::text::journey_pattern)::text AND (SELECT bool_and((journey_match_count(j, v) > 0) = (j ~ v)) FROM (SELECT j FROM fuzz_journeys LIMIT 3) s)$$, :runs);

\set some (:runs / 20 + 1)
CALL fuzz_options('graph_options', 'SELECT journey_graph_agg(j, %s) FROM fuzz_journeys', :some);
CALL fuzz_options('path_options', 'SELECT top_paths(j, %s) FROM fuzz_journeys', :some);
CALL fuzz_options('path_options', 'SELECT mine_paths(j, %s) FROM fuzz_journeys WHERE customer < 12', :some);
CALL fuzz_options('path_options', 'SELECT contrast_paths(j, segment, %s) FROM fuzz_journeys WHERE customer < 12', :some);
CALL fuzz_options('attribution_options', 'SELECT attribution_agg(j, %s) FROM fuzz_journeys', :some);
CALL fuzz_options('flow_options', 'SELECT journey_flow(j, %s) FROM fuzz_journeys', :some);
CALL fuzz_options('fit_options', 'SELECT propensity_fit(customer %% 3 = 0, ARRAY[journey_length(j), journey_value(j)], %s) FROM fuzz_journeys', :some);
CALL fuzz_options('linkage_comparison', 'SELECT linkage_fit(p, linkage_spec(comparisons => ARRAY[%s], block_on => ARRAY[''town''])) FROM fuzz_people p', :some);
CALL fuzz_options('linkage_spec', 'SELECT linkage_resolve(id, p, %s) FROM fuzz_people p', :some);
CALL fuzz_options('cluster_options', 'SELECT linkage_clusters(id, name, 1.5::float8, %s) FROM fuzz_people', :some);

SELECT format('%s: %s tried, %s accepted', what, tried, accepted) FROM fuzz_count ORDER BY what;
SELECT format('fault: %s: %s %s: %s', what, code, message, left(input, 300)) FROM fuzz_fault LIMIT 20;
SELECT format('memory of the session grew by %s kB', (sum(total_bytes) - :memory_before) / 1024) FROM pg_backend_memory_contexts;
SELECT format('values: %s tried, %s faults', sum(tried), (SELECT count(*) FROM fuzz_fault)) FROM fuzz_count;
