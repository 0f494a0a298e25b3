-- Where segments differ
SET timezone = 'UTC';
SET datestyle = 'ISO';

CREATE FUNCTION paths_two(n1 int, of1 int, n2 int, of2 int, options path_options DEFAULT path_options(min_count => 1, kind => 'all')) RETURNS SETOF path_contrast LANGUAGE sql AS
$$ SELECT p.* FROM unnest((SELECT contrast_paths(CASE WHEN i <= n THEN '{x 2026-01-01 00:00:00+00, z 2026-01-02 00:00:00+00}'::journey ELSE '{z 2026-01-01 00:00:00+00}' END, s, options)
   FROM (VALUES ('one', n1, of1), ('two', n2, of2)) v(s, n, m), generate_series(1, m) i)) p $$;

-- 24 of 40 against 15 of 60
SELECT segment, path, pattern, journeys, other_journeys, round(difference::numeric, 6) AS difference, round(lift::numeric, 6) AS lift, round(odds_ratio::numeric, 6) AS odds,
       round(odds_low::numeric, 6) AS low, round(odds_high::numeric, 6) AS high, test, round(statistic::numeric, 9) AS chi2, round(p_value::numeric, 9) AS p, round(q_value::numeric, 9) AS q
FROM paths_two(24, 40, 15, 60);
-- closed patterns only, unless others are asked for: x and x > z have the same journeys
SELECT segment, path, journeys FROM paths_two(24, 40, 15, 60, NULL);
-- small cells: Fisher's exact test, as R's fisher.test gives it
SELECT segment, journeys, other_journeys, test, round(p_value::numeric, 9) AS p FROM paths_two(3, 4, 1, 4) WHERE path = 'x';
SELECT segment, journeys, other_journeys, test, round(p_value::numeric, 9) AS p FROM paths_two(1, 10, 9, 10) WHERE path = 'x';
-- the same everywhere, absent in one, present in all
SELECT segment, path, odds_ratio, statistic, p_value, q_value FROM paths_two(10, 20, 10, 20) ORDER BY segment, path;
SELECT segment, lift, odds_ratio, round(odds_low::numeric, 3) AS low, round(odds_high::numeric, 3) AS high, test FROM paths_two(20, 40, 0, 40) WHERE path = 'x' ORDER BY segment;

-- three segments, options, q within a segment
SELECT p.segment, p.path, p.journeys, round(p.share::numeric, 2) AS share, round(p.other_share::numeric, 2) AS others, round(p.p_value::numeric, 6) AS p, round(p.q_value::numeric, 6) AS q
FROM unnest((SELECT contrast_paths(journey, segment, path_options(min_count => 2, max_gap => '1 day', top => 6))
    FROM (SELECT i, (ARRAY['a', 'b', 'c'])[1 + i % 3] AS segment,
                 journey_agg('2026-01-01'::timestamptz + k * interval '1 hour', 'e' || (i * k) % (2 + i % 3)) AS journey
          FROM generate_series(1, 60) i, generate_series(1, 3) k GROUP BY i) s)) p;
SELECT bool_and(p.q_value >= p.p_value), bool_and(p.q_value <= 1), count(*)
FROM unnest((SELECT contrast_paths(journey, segment, path_options(min_count => 1))
    FROM (SELECT i, (ARRAY['a', 'b', 'c'])[1 + i % 3] AS segment,
                 journey_agg('2026-01-01'::timestamptz + k * interval '1 hour', 'e' || (i * k) % (2 + i % 3)) AS journey
          FROM generate_series(1, 60) i, generate_series(1, 3) k GROUP BY i) s)) p;

-- within strata; known answers are those of R's mantelhaen.test(correct = FALSE)
CREATE TABLE paths_strata AS
    SELECT stratum, segment, CASE WHEN i <= n THEN '{x 2026-01-01 00:00:00+00}'::journey ELSE '{z 2026-01-01 00:00:00+00}' END AS journey
    FROM (VALUES ('young', 'one', 24, 40), ('young', 'two', 15, 60), ('middle', 'one', 10, 20), ('middle', 'two', 30, 40), ('old', 'one', 5, 50), ('old', 'two', 2, 20)) v(stratum, segment, n, m), generate_series(1, m) i;
SELECT p.segment, p.journeys, p.other_journeys, round(p.difference::numeric, 9) AS difference, round(p.odds_ratio::numeric, 9) AS odds, round(p.odds_low::numeric, 9) AS low, round(p.odds_high::numeric, 9) AS high,
       p.test, round(p.statistic::numeric, 9) AS chi2, round(p.p_value::numeric, 9) AS p
FROM unnest((SELECT contrast_paths(journey, segment, stratum, path_options(min_count => 1)) FROM paths_strata)) p WHERE p.path = 'x';
-- nobody of segment one without x: the ratio is infinite, its interval that of R with a half more in every cell
SELECT p.odds_ratio, round(p.odds_low::numeric, 9) AS low, round(p.odds_high::numeric, 9) AS high
FROM unnest((SELECT contrast_paths(journey, segment, stratum, NULL) FROM paths_strata WHERE segment = 'two' OR journey ~ 'x')) p WHERE p.path = 'x' AND p.segment = 'one';
-- one stratum: the ratio without strata, its chi-square times (n - 1) / n
SELECT bool_and(abs(a.odds_ratio / b.odds_ratio - 1) < 1e-12), bool_and(abs(a.statistic / b.statistic * 100 / 99 - 1) < 1e-12), bool_and((a.journeys, a.share, a.lift) = (b.journeys, b.share, b.lift)), count(*)
FROM unnest((SELECT contrast_paths(journey, segment, stratum, path_options()) FROM paths_strata WHERE stratum = 'young')) a
JOIN unnest((SELECT contrast_paths(journey, segment, path_options()) FROM paths_strata WHERE stratum = 'young')) b USING (path, segment);
-- the segments are the strata: nothing to compare; no strata, no rows
SELECT DISTINCT p.odds_ratio, p.statistic, p.p_value FROM unnest((SELECT contrast_paths(journey, segment, segment, path_options()) FROM paths_strata)) p;
SELECT contrast_paths(journey, segment, NULL::text, path_options()) FROM paths_strata;
SELECT contrast_paths(journey, segment, stratum, path_options()) FROM paths_strata WHERE false;
DROP TABLE paths_strata;

-- every row's pattern finds its journeys
WITH j AS (SELECT i, (ARRAY['a', 'b', 'c'])[1 + i % 3] AS segment, journey_agg('2026-01-01'::timestamptz + k * interval '1 hour', 'e' || (i * k) % (2 + i % 3)) AS journey
           FROM generate_series(1, 60) i, generate_series(1, 4) k GROUP BY i)
SELECT count(*), bool_and(p.journeys = (SELECT count(*) FROM j WHERE j.segment = p.segment AND journey ~ p.pattern)) AS same,
       bool_and(p.other_journeys = (SELECT count(*) FROM j WHERE j.segment <> p.segment AND journey ~ p.pattern)) AS others
FROM unnest((SELECT contrast_paths(journey, segment, path_options(min_count => 5, max_span => '2 hours')) FROM j)) p;

-- one segment, no rows, NULL
SELECT p.segment, p.path, p.journeys, p.share, p.other_journeys, p.p_value FROM unnest((SELECT contrast_paths('{x 2026-01-01 00:00:00+00}'::journey, 'only'))) p;
SELECT contrast_paths('{x 2026-01-01 00:00:00+00}'::journey, 'only') FROM generate_series(1, 0);
SELECT contrast_paths(j, s) FROM (VALUES (NULL::journey, 'a'), ('{}', NULL)) v(j, s);

-- errors
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT contrast_paths('{}', 'a', path_options(outcome => 'x'));
SELECT contrast_paths('{}', 'a', path_options(first => 1));
SELECT contrast_paths('{}', s, path_options(top => length(s))) FROM (VALUES ('a'), ('bb')) v(s);

DROP FUNCTION paths_two;
