-- Flows: step by step from or to an anchor
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

CREATE TABLE paths_t6 AS
    SELECT customer, journey_agg('2026-01-01 00:00+00'::timestamptz + minute * interval '1 minute', event, CASE WHEN minute > 3 THEN 'app' ELSE 'web' END) AS journey
    FROM (VALUES
        ('c1', 'home', 0), ('c1', 'search', 1), ('c1', 'product', 3), ('c1', 'cart', 6), ('c1', 'pay', 10),
        ('c2', 'home', 0), ('c2', 'product', 2), ('c2', 'product', 4), ('c2', 'cart', 5),
        ('c3', 'search', 0), ('c3', 'product', 5), ('c3', 'home', 6), ('c3', 'product', 9), ('c3', 'cart', 20), ('c3', 'pay', 21),
        ('c4', 'home', 0), ('c4', 'home', 1),
        ('c5', 'product', 0), ('c5', 'cart', 1), ('c5', 'product', 2), ('c5', 'cart', 4), ('c5', 'pay', 30),
        ('c6', 'home', 0), ('c6', 'search', 2), ('c6', 'search', 3), ('c6', 'product', 8))
        v(customer, event, minute)
    GROUP BY customer;
CREATE FUNCTION paths_flow(flow_options) RETURNS TABLE (step int, flow text) LANGUAGE sql AS
$$ SELECT step, string_agg(coalesce(source || ' > ', '') || event || ' ' || paths, ', ' ORDER BY ordinality)
   FROM unnest((SELECT journey_flow(journey, $1) FROM paths_t6)) WITH ORDINALITY f GROUP BY step ORDER BY abs(step) $$;

-- forwards from the first home, repeats collapsed
SELECT step, event, kind, paths, round(share_of_start::numeric, 4) AS of_start, round(share_of_previous::numeric, 4) AS of_previous, mean_time, pattern
FROM unnest((SELECT journey_flow(journey, flow_options(starts_with => 'home', collapse => true, steps => 3)) FROM paths_t6)) f;
SELECT * FROM paths_flow(flow_options(starts_with => 'home', collapse => true, steps => 1, top => 1));
SELECT * FROM paths_flow(flow_options(starts_with => 'home', collapse => true, steps => 2, links => true));

-- backwards from pay
SELECT * FROM paths_flow(flow_options(ends_with => 'pay', collapse => true, steps => 3));

-- after product: every, the first, the last occurrence
SELECT o, f.* FROM unnest('{every,first,last}'::text[]) o, paths_flow(flow_options(starts_with => 'product', steps => 1, occurrence => o)) f;

-- from the start of the journey; by channel
SELECT * FROM paths_flow(NULL);
SELECT * FROM paths_flow(flow_options(steps => 2, top => 1, links => true));
SELECT * FROM paths_flow(flow_options(by => 'channel', collapse => true));

-- between two anchors: only paths that have both
SELECT * FROM paths_flow(flow_options(starts_with => 'home', ends_with => 'pay', steps => 6));
SELECT * FROM paths_flow(flow_options(starts_with => 'search', ends_with => 'cart', steps => 2));

-- a time limit: what comes later is not followed
SELECT * FROM paths_flow(flow_options(starts_with => 'home', steps => 2, within => '2 minutes'));

-- Add in Home > Products > Add > Products > Add > Billing > Order
CREATE FUNCTION paths_add(flow_options) RETURNS TABLE (step int, flow text) LANGUAGE sql AS
$$ SELECT step, string_agg(event || ' ' || paths, ', ' ORDER BY ordinality) FROM unnest((
     SELECT journey_flow(j, $1) FROM (SELECT journey_agg('2026-01-01'::timestamptz + n * interval '1 minute', e) AS j
       FROM unnest('{Home,Products,Add,Products,Add,Billing,Order}'::text[]) WITH ORDINALITY u(e, n)) s)) WITH ORDINALITY f GROUP BY step ORDER BY abs(step) $$;
SELECT * FROM paths_add(flow_options(starts_with => 'Add', steps => 1, occurrence => 'every'));
SELECT * FROM paths_add(flow_options(starts_with => 'Add', steps => 1, occurrence => 'first'));
SELECT * FROM paths_add(flow_options(ends_with => 'Add', steps => 1, occurrence => 'every'));
SELECT * FROM paths_add(flow_options(ends_with => 'Add', steps => 1, occurrence => 'last'));

-- laws: what was at a step is at the next, or other, or dropped; links add up to totals; patterns find the journeys
CREATE TABLE paths_many AS
    SELECT c, journey_agg('2026-01-01'::timestamptz + (i * i * c % 97) * interval '1 minute' + i * interval '1 second', chr(97 + (i * i + c * i * i) % 7)) AS journey
    FROM generate_series(1, 200) c, generate_series(1, 9) i WHERE (i * c) % 11 <> 3 GROUP BY c;
CREATE TABLE paths_rows AS
    SELECT n, f.* FROM (VALUES (1, flow_options(links => true, top => 3)), (2, flow_options(starts_with => 'a', links => true, top => 2, steps => 6)), (3, flow_options(starts_with => 'c', links => true)),
            (4, flow_options(ends_with => 'b', links => true, top => 2, occurrence => 'every')), (5, flow_options(starts_with => 'a', ends_with => 'e', links => true, top => 1))) v(n, o),
        unnest((SELECT journey_flow(journey, o) FROM paths_many)) f;
SELECT n, count(*), bool_and(going + gone = before) AS nothing_is_lost
FROM (SELECT n, step, sum(paths) FILTER (WHERE kind IN ('event', 'other')) AS going, coalesce(sum(paths) FILTER (WHERE kind IN ('dropped', 'completed')), 0) AS gone,
             lag(sum(paths) FILTER (WHERE kind IN ('event', 'other'))) OVER (PARTITION BY n ORDER BY abs(step)) AS before
      FROM paths_rows WHERE source IS NULL GROUP BY 1, 2) s GROUP BY 1 ORDER BY 1;
SELECT n, bool_and(t.paths = l.paths) AS links_add_up FROM paths_rows t JOIN (SELECT n, step, event, sum(paths) AS paths FROM paths_rows WHERE source IS NOT NULL GROUP BY 1, 2, 3) l USING (n, step, event) WHERE t.source IS NULL GROUP BY 1 ORDER BY 1;
-- of every occurrence, a journey is counted as often as its pattern matches
SELECT n, count(*), bool_and(paths = (SELECT sum(CASE WHEN n = 4 THEN journey_match_count(journey, pattern, overlapping => true) ELSE (journey ~ pattern)::int END) FROM paths_many)) AS found FROM paths_rows GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM (SELECT event, paths FROM unnest((SELECT journey_flow(journey, flow_options(top => 100, steps => 1)) FROM paths_many)) f
    EXCEPT ALL SELECT node, entries FROM graph_nodes((SELECT journey_graph_agg(journey) FROM paths_many)) WHERE entries > 0) not_the_starts_of_the_graph;

-- empty input
SELECT journey_flow(journey) FROM paths_t6 WHERE false;
SELECT journey_flow(j), journey_flow(j, flow_options(starts_with => 'a')) FROM (VALUES ('{}'::journey), (NULL)) v(j);

-- errors
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT journey_flow(journey, flow_options(occurrence => 'some')) FROM paths_t6;
SELECT journey_flow(journey, flow_options(steps => 0)) FROM paths_t6;
SELECT journey_flow(journey, flow_options(steps => 101)) FROM paths_t6;
SELECT journey_flow(journey, flow_options(within => '-1 day')) FROM paths_t6;
SELECT journey_flow(journey, flow_options(steps => journey_length(journey)::int)) FROM paths_t6;

DROP FUNCTION paths_flow, paths_add;
DROP TABLE paths_t6, paths_many, paths_rows;
