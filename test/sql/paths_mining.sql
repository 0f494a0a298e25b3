-- Frequent sequential patterns
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
CREATE FUNCTION paths_mined(path_options) RETURNS TABLE (n bigint, patterns text) LANGUAGE sql AS
$$ SELECT count(*), string_agg(p.path || ' ' || p.journeys, ', ' ORDER BY ordinality)
   FROM unnest((SELECT mine_paths(journey, $1) FROM paths_t6)) WITH ORDINALITY p $$;

-- all, closed, maximal
SELECT * FROM paths_mined(path_options(min_count => 3));
SELECT * FROM paths_mined(path_options(min_count => 3, kind => 'closed'));
SELECT * FROM paths_mined(path_options(min_count => 3, kind => 'maximal'));
SELECT kind, n FROM unnest('{all,closed,maximal}'::text[]) kind, paths_mined(path_options(min_count => 2, kind => kind));
SELECT n FROM paths_mined(path_options(min_count => 1));
SELECT n FROM paths_mined(NULL);

-- constraints
SELECT * FROM paths_mined(path_options(min_count => 3, max_gap_events => 1));
SELECT n FROM paths_mined(path_options(min_count => 3, max_gap_events => 2));
SELECT * FROM paths_mined(path_options(min_count => 3, max_gap => '5 minutes'));
SELECT * FROM paths_mined(path_options(min_count => 3, max_span => '10 minutes', min_length => 2));
SELECT * FROM paths_mined(path_options(min_count => 3, min_gap => '3 minutes', min_length => 2));
SELECT n FROM paths_mined(path_options(min_count => 3, max_length => 2));
SELECT * FROM paths_mined(path_options(min_count => 3, top => 5));
SELECT * FROM paths_mined(path_options(min_count => 3, contains => '{cart,product}'));
SELECT * FROM paths_mined(path_options(min_count => 3, starts_with => 'home', ends_with => 'cart'));
SELECT * FROM paths_mined(path_options(min_count => 3, contains => '{nothing}'));
SELECT * FROM paths_mined(path_options(min_count => 3, collapse => true, min_length => 2));
SELECT * FROM paths_mined(path_options(min_count => 3, by => 'channel'));

-- an early match does not hide a later one
SELECT p.path, p.journeys, p.pattern
FROM unnest((SELECT mine_paths(j, path_options(min_count => 2, max_gap_events => 1)) FROM (SELECT '{a 2026-01-01 00:00:00+00, a 2026-01-01 00:01:00+00, a 2026-01-01 00:02:00+00, b 2026-01-01 00:03:00+00}'::journey AS j FROM generate_series(1, 2)) s)) p;

-- rows say how to find their journeys
SELECT p.path, p.events, p.pattern, p.length, p.journeys, round(p.share::numeric, 4) AS share, (SELECT string_agg(customer, ',' ORDER BY customer) FROM paths_t6 WHERE journey ~ p.pattern) AS customers
FROM unnest((SELECT mine_paths(journey, path_options(min_count => 3, kind => 'maximal', max_gap => '1 hour', max_span => '2 hours')) FROM paths_t6)) p;
SELECT o, bool_and(p.journeys = (SELECT count(*) FROM paths_t6 WHERE journey ~ p.pattern)) AS same, count(*)
FROM (VALUES (path_options(min_count => 1)), (path_options(min_count => 1, max_gap => '4 minutes')), (path_options(min_count => 1, max_gap_events => 2)),
             (path_options(min_count => 1, min_gap => '2 minutes', max_gap => '9 minutes')), (path_options(min_count => 1, max_span => '6 minutes', max_gap_events => 3)),
             (path_options(min_count => 1, by => 'channel', min_gap => '90 seconds')), (path_options(min_count => 1, same_time => 'set'))) v(o),
     LATERAL unnest((SELECT mine_paths(journey, o) FROM paths_t6)) p GROUP BY 1 ORDER BY 3;
SELECT DISTINCT p.pattern IS NULL AS no_words FROM unnest((SELECT mine_paths(journey, path_options(min_count => 3, by => 'channel', max_gap_events => 2)) FROM paths_t6)) p;

-- what comes of it
SELECT p.path, p.journeys, p.outcome_journeys, round(p.outcome_rate::numeric, 4) AS rate, round(p.outcome_lift::numeric, 4) AS lift
FROM unnest((SELECT mine_paths(journey, path_options(min_count => 4, outcome => 'pay')) FROM paths_t6)) p;
SELECT p.path, p.outcome_journeys, p.outcome_rate, p.outcome_lift
FROM unnest((SELECT mine_paths(journey, path_options(min_count => 5, outcome => 'nothing')) FROM paths_t6)) p;

-- the events of one instant as a set
SELECT string_agg(p.path || ' ' || p.journeys, ', ')
FROM unnest((SELECT mine_paths(j, path_options(min_count => 2, same_time => 'set')) FROM (SELECT '{a 2026-01-01 00:00:00+00, b 2026-01-01 00:00:00+00, c 2026-01-01 00:01:00+00}'::journey AS j FROM generate_series(1, 2)) s)) p;
CREATE TABLE paths_sets AS
    SELECT s, journey_agg('2026-01-01'::timestamptz + t * interval '1 day', i) AS journey
    FROM (VALUES (1, '{1,"1 2 3","1 3",4,"3 6"}'::text[]), (2, '{"1 4",3,"2 3","1 5"}'), (3, '{"5 6","1 2","4 6",3,2}'), (4, '{5,7,"1 6",3,2,3}')) v(s, elements),
         unnest(elements) WITH ORDINALITY e(element, t), regexp_split_to_table(element, ' ') i GROUP BY s;
SELECT kind, min_count, cardinality(mine_paths(journey, path_options(min_count => min_count, kind => kind, same_time => 'set')))
FROM paths_sets, (VALUES ('all', 2), ('closed', 2), ('maximal', 2), ('all', 3), ('all', 4)) v(kind, min_count) GROUP BY 1, 2 ORDER BY 2, 1;
SELECT g, cardinality(mine_paths(journey, path_options(min_count => 2, same_time => 'set', max_gap_events => g))) AS max_gap,
       cardinality(mine_paths(journey, path_options(min_count => 2, same_time => 'set', max_length => g))) AS max_length,
       cardinality(mine_paths(journey, path_options(min_count => 2, same_time => 'set', max_span => g * interval '1 day'))) AS max_span
FROM paths_sets, generate_series(1, 3) g GROUP BY g ORDER BY g;
SELECT p.path, p.pattern, p.journeys FROM unnest((SELECT mine_paths(journey, path_options(min_count => 2, kind => 'maximal', same_time => 'set', max_gap => '3 days')) FROM paths_sets)) p;

-- shares are exact decimals: 0.07 of 100 is 7
SELECT cardinality(mine_paths(j, path_options(min_support => 0.07))) AS seven_of_100
FROM (SELECT journey_of('2026-01-01 00:00+00', CASE WHEN i <= 7 THEN 'a' WHEN i <= 13 THEN 'b' ELSE 'e' || i END) AS j FROM generate_series(1, 100) i) s;

-- empty input
SELECT mine_paths(journey) FROM paths_t6 WHERE false;
SELECT mine_paths(j), mine_paths(j, path_options(min_count => 1, max_gap => '1 day', same_time => 'set')) FROM (VALUES ('{}'::journey), (NULL)) v(j);
SELECT mine_paths(NULL::journey), mine_paths(NULL::journey, path_options(max_gap => '1 day', same_time => 'set'));
SELECT (mine_paths('{a 2026-01-01 00:00:00+00}'::journey))[1].share;
SELECT customer, cardinality(mine_paths(journey, path_options(min_count => 2)) OVER (ORDER BY customer)) AS patterns FROM paths_t6 ORDER BY 1;

-- errors
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT mine_paths(journey, path_options(first => 3)) FROM paths_t6;
SELECT mine_paths(journey, path_options(kind => 'some')) FROM paths_t6;
SELECT mine_paths(journey, path_options(same_time => 'now')) FROM paths_t6;
SELECT mine_paths(journey, path_options(min_support => 0)) FROM paths_t6;
SELECT mine_paths(journey, path_options(min_support => 1.5)) FROM paths_t6;
SELECT mine_paths(journey, path_options(min_support => 'NaN')) FROM paths_t6;
SELECT mine_paths(journey, path_options(min_count => 0)) FROM paths_t6;
SELECT mine_paths(journey, path_options(min_count => 1, min_support => 1)) FROM paths_t6;
SELECT mine_paths(journey, path_options(max_gap => '1 month')) FROM paths_t6;
SELECT mine_paths(journey, path_options(max_span => '-1 day')) FROM paths_t6;
SELECT mine_paths(journey, path_options(contains => ARRAY['a', NULL])) FROM paths_t6;
SELECT mine_paths(journey, path_options(outcome => 'a ->')) FROM paths_t6;
SELECT mine_paths(journey, path_options(min_count => length(customer) + (customer = 'c4')::int)) FROM paths_t6;
SET customer_journey.max_patterns = 10;
SELECT mine_paths(journey, path_options(min_count => 1)) FROM paths_t6;
RESET customer_journey.max_patterns;
SET customer_journey.path_memory = '64kB';
SELECT mine_paths(j, path_options(min_count => 1)) FROM (SELECT journey_agg('2026-01-01'::timestamptz + i * interval '1 second', i::text) AS j FROM generate_series(1, 3000) i) s;
RESET customer_journey.path_memory;

DROP FUNCTION paths_mined;
DROP TABLE paths_t6, paths_sets;
