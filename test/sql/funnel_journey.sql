-- Funnels over journeys. 'a b@5#x' is a at second 1 and b about item x at second 5 of 2026.
CREATE FUNCTION pg_temp.j(source text) RETURNS journey LANGUAGE sql IMMUTABLE AS $$
    SELECT journey_agg('2026-01-01 00:00:00+00'::timestamptz +
                       (CASE WHEN w LIKE '%@%' THEN split_part(split_part(w, '@', 2), '#', 1)::float8 ELSE i END) * interval '1 s',
                       split_part(split_part(w, '@', 1), '#', 1), NULL, NULL, nullif(split_part(w, '#', 2), ''))
    FROM regexp_split_to_table(source, ' +') WITH ORDINALITY r(w, i) $$;
-- level, seconds of the steps, reason, seconds until which it is open
CREATE FUNCTION pg_temp.show(f funnel_result) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT f.level || CASE WHEN f.completed THEN ' completed' ELSE '' END ||
           ' {' || (SELECT string_agg(coalesce(extract(epoch FROM t - '2026-01-01 00:00:00+00'::timestamptz)::float8::text, '-'), ',' ORDER BY i)
                    FROM unnest(f.step_times) WITH ORDINALITY u(t, i)) || '}' ||
           coalesce(' ' || f.drop_reason, '') ||
           coalesce(' until ' || CASE WHEN f.open_until = 'infinity' THEN 'ever' ELSE extract(epoch FROM f.open_until - '2026-01-01 00:00:00+00'::timestamptz)::float8::text END, '') $$;

-- Published cases: windows between steps, minimum gaps, exclusions, re-entry
SELECT pg_temp.show(journey_funnel(pg_temp.j('a@0 b@5 b@20 c@25'), '{a,b,c}', '30 s', step_within => '{10 s}')) AS wf61,
       pg_temp.show(journey_funnel(pg_temp.j('a@0 a@12 b@20 c@25'), '{a,b,c}', '30 s', step_within => '{10 s}')) AS wf62,
       pg_temp.show(journey_funnel(pg_temp.j('a@0 b@1 b@6 c@7'), '{a,b,c}', min_gap => '{5 s,NULL}', step_within => '{NULL,5 s}')) AS wf63;
SELECT pg_temp.show(journey_funnel(pg_temp.j('a@0 x@1 b@2'), '{a,b}', step_exclude => '{x}')) AS wf64a,
       pg_temp.show(journey_funnel(pg_temp.j('a@0 x@1 b@2 a@3 b@4'), '{a,b}', exclude => 'x')) AS wf64b,
       pg_temp.show(journey_funnel(pg_temp.j('a@0 b@10'), '{a,b}', '10 s')) AS wf59a,
       pg_temp.show(journey_funnel(pg_temp.j('a@0 b@10'), '{a,b}', '9 s')) AS wf59b,
       pg_temp.show(journey_funnel(pg_temp.j('b@5 a@5'), '{a,b}')) AS wf53;
SELECT e, pg_temp.show(journey_funnel(pg_temp.j('a@0 a@50 b@55'), '{a,b}', '10 s', entry => e)) AS wf60,
       pg_temp.show(journey_funnel(pg_temp.j('a@0 b@5 a@50'), '{a,b}', '10 s', entry => e)) AS other
FROM unnest('{best,first,last}'::text[]) e;

-- Orderings
SELECT s, o, pg_temp.show(journey_funnel(pg_temp.j(s), '{a,b,c}', ordering => o))
FROM unnest('{a b c,a d b c,a a b b c c,c b a,a b a c,a b a b c,a d a b c}'::text[]) s, unnest('{ordered,strict,exact,any}'::text[]) o;
SELECT pg_temp.show(journey_funnel(pg_temp.j('c@0 a@3 b@9'), '{a,b,c}', '8 s', 'any')) AS outside,
       pg_temp.show(journey_funnel(pg_temp.j('c@0 x@1 a@3 c@4 b@9'), '{a,b,c}', '8 s', 'any', exclude => 'x')) AS excluded,
       pg_temp.show(journey_funnel(pg_temp.j('a b'), '{[a|b],a}', NULL, 'any')) AS one_event_one_step;
SELECT pg_temp.show(journey_funnel(pg_temp.j('x@0 b@1 a@3'), '{a,x?,b}', NULL, 'any')) AS entry_is_required,
       pg_temp.show(journey_funnel(pg_temp.j('b@1 x@2 a@3 y@4'), '{a,x?,b,y?,z?}', '9 s', 'any')) AS taken,
       pg_temp.show(journey_funnel(pg_temp.j('a@1 b@2'), '{[a|b]?,a,b}', NULL, 'any')) AS required_first,
       pg_temp.show(journey_funnel(pg_temp.j('a@1 b@2 a@3'), '{[a|b]?,[a|c],b}', NULL, 'any')) AS then_optional;

-- Optional steps, alternatives, conditions, SAME
SELECT pg_temp.show(journey_funnel(pg_temp.j('a b c'), '{a,x?,b,c}')) AS skipped, pg_temp.show(journey_funnel(pg_temp.j('a x b c'), '{a,x?,b,c,y?}')) AS taken,
       pg_temp.show(journey_funnel(pg_temp.j('a w c'), '{a,b|w,c}')) AS alternative, pg_temp.show(journey_funnel(pg_temp.j('a a b'), '{a,a,b}')) AS repeated;
SELECT pg_temp.show(journey_funnel(pg_temp.j('v#x v#y c#y p#x'), '{v,c,p}', same => 'item')) AS same_item,
       pg_temp.show(journey_funnel(pg_temp.j('v#x v#y c#y p#x'), '{v,c,p}')) AS any_item,
       pg_temp.show(journey_funnel(pg_temp.j('v#x c#y'), '{v#x,c#y}')) AS conditions;

-- Grace: each step may precede earlier ones by so much
SELECT g, pg_temp.show(journey_funnel(pg_temp.j('b@0 a@2 c@3'), '{a,b,c}', grace => g)) AS early, pg_temp.show(journey_funnel(pg_temp.j('c@0 b@2 a@4'), '{a,b,c}', grace => g)) AS reversed,
       pg_temp.show(journey_funnel(pg_temp.j('b@0 a@1 b@8 c@9'), '{a,b,c}', '7 s', grace => g)) AS chosen, pg_temp.show(journey_funnel(pg_temp.j('a@1 a@2'), '{a,a}', grace => g)) AS one_event_one_step
FROM unnest('{NULL,0 s,1.999999 s,2 s,3 s,4 s}'::interval[]) g;
SELECT pg_temp.show(journey_funnel(pg_temp.j('b@0 x@1 a@2'), '{a,b}', grace => '2 s', exclude => 'x')) AS excluded,
       pg_temp.show(journey_funnel(pg_temp.j('b@0 x@0 a@2 x@2'), '{a,b}', grace => '2 s', step_exclude => '{x}')) AS not_between,
       pg_temp.show(journey_funnel(pg_temp.j('b@0 a@2'), '{a,b}', grace => '2 s', min_gap => '{0 s}')) AS min_gap,
       pg_temp.show(journey_funnel(pg_temp.j('b@0 a@2 c@5'), '{a,b,c}', grace => '2 s', step_within => '{NULL,4 s}')) AS step_within,
       pg_temp.show(journey_funnel(pg_temp.j('b@0#x b@1#y a@2#y'), '{a,b}', grace => '2 s', same => 'item')) AS same,
       pg_temp.show(journey_funnel(pg_temp.j('x@0 a@1 c@2 b@3'), '{a,x?,b,c,b?}', grace => '1 s')) AS optional;
SELECT t, pg_temp.show(journey_funnel(pg_temp.j('b@0 a@1 c@12'), '{a,b,c}', '10 s', grace => '2 s', as_of => '2026-01-01 00:00:00+00'::timestamptz + t * interval '1 s')) AS open
FROM unnest('{0,1,10,11}'::int[]) t;
-- many events within the grace, and at one instant
SELECT (f).level, (f).drop_reason FROM (
    SELECT journey_funnel(journey_agg('2026-01-01 00:00:00+00'::timestamptz + i / 1000 * interval '1 s', substr('abc', 1 + i % 3, 1)), s::journey_pattern[], grace => '5 s') AS f
    FROM generate_series(1, 30000) i, unnest('{"{a,b,c,a,b,c}","{c,b,a,d}","{[a|b],[b|c],a}"}'::text[]) s GROUP BY s ORDER BY s) x;

-- A window that is still open
SELECT t, pg_temp.show(journey_funnel(pg_temp.j('a@0 a@50 b@70'), '{a,b}', '10 s', as_of => '2026-01-01 00:00:00+00'::timestamptz + t * interval '1 s')) AS window,
       pg_temp.show(journey_funnel(pg_temp.j('a@0 x@52'), '{a,b}', exclude => 'x', as_of => '2026-01-01 00:00:00+00'::timestamptz + t * interval '1 s')) AS excluded
FROM unnest('{-1,5,11,55,61}'::int[]) t;

-- journey_funnel_level is the level; both agree with the row-level function where events serve one step
SELECT count(*) AS journeys, count(*) FILTER (WHERE l <> (f).level) AS level_differs, count(*) FILTER (WHERE l <> w) AS rows_differ
FROM (SELECT journey_funnel_level(j, '{a,b,a,c}', '6 s') l, journey_funnel(j, '{a,b,a,c}', '6 s') f, w
      FROM (SELECT g, journey_agg(t, e) j, window_funnel('6 s', 'strict_once', t, e = 'a', e = 'b', e = 'a', e = 'c') w
            FROM (SELECT g, '2026-01-01 00:00:00+00'::timestamptz + (hashint4(g * 50 + i) & 15) * interval '1 s' t,
                         substr('abcd', 1 + (hashint4(g * 77 + i) & 3), 1) e
                  FROM generate_series(1, 5000) g, generate_series(1, 10) i) r GROUP BY g) s) x;

-- Statistics and comparison
CREATE TEMP TABLE results AS
SELECT g % 2 AS half, journey_funnel(journey_agg('2026-01-01 00:00:00+00'::timestamptz + i * interval '1 s', e), '{a,b,c}', '4 s', exclude => 'x',
                                     as_of => CASE WHEN g % 50 = 0 THEN '2026-01-01 00:00:02+00'::timestamptz ELSE 'infinity' END) AS f
FROM generate_series(1, 1000) g, LATERAL (VALUES (1, 'a'), (2, CASE WHEN g % 5 = 0 THEN 'x' ELSE 'd' END), (3, 'b'), (CASE WHEN g % 2 = 0 AND g % 3 = 0 THEN 9 ELSE 4 END, 'c')) r(i, e)
GROUP BY g;
SELECT step, customers, share, round(share_low::numeric, 4) AS low, round(share_high::numeric, 4) AS high, round(step_share::numeric, 4) AS step_share,
       mean_time, median_time, p90_time FROM unnest((SELECT funnel_stats(f) FROM results)) s;
SELECT step, dropped, dropped_window, dropped_exclusion, dropped_violation, dropped_same, dropped_no_step, open FROM unnest((SELECT funnel_stats(f) FROM results)) s;
SELECT step, customers_a, customers_b, round(difference::numeric, 4) AS difference, round(difference_low::numeric, 4) AS low, round(difference_high::numeric, 4) AS high,
       round(z::numeric, 3) AS z, p_value < 0.001 AS significant
FROM funnel_compare((SELECT funnel_stats(f) FROM results WHERE half = 0), (SELECT funnel_stats(f) FROM results WHERE half = 1));
SELECT funnel_stats(f) FROM results WHERE false;

-- More steps than a word has bits: 120 come in order, the others after them and backwards.
SELECT array_agg('s' || i ORDER BY i)::journey_pattern[] AS steps, string_agg('s' || i, ' -> ' ORDER BY i) AS chain
FROM generate_series(1, 150) i \gset
SELECT pg_temp.j(string_agg('s' || i, ' ' ORDER BY i > 120, CASE WHEN i > 120 THEN -i ELSE i END)) AS j FROM generate_series(1, 150) i \gset
SELECT o, (f).level, (f).completed, (f).drop_reason, extract(epoch FROM (f).step_times[120] - (f).entered_at)::int AS seconds
FROM unnest('{ordered,strict,exact,any}'::text[]) o, LATERAL (SELECT journey_funnel(:'j', :'steps', ordering => o) f) x;
SELECT (f).level AS with_grace, journey_funnel_level(:'j', :'steps', '1 day') AS level, journey_funnel_level(:'j', :'steps', '50 s') AS windowed,
       :'j'::journey ~ :'chain' AS chain, journey_length(journey_match(:'j', (:'chain')::journey_pattern)) AS matched
FROM journey_funnel(:'j', :'steps', grace => '1 s') f;
SELECT step, customers FROM unnest((SELECT funnel_stats(journey_funnel(:'j', :'steps')) FROM generate_series(1, 3))) s WHERE step IN (1, 121, 122, 123, 150);

-- Errors
SELECT journey_funnel_level('{}', array_agg('s' || i)::journey_pattern[], '1 day') FROM generate_series(1, 257) i;
SELECT funnel_stats(ROW(1, false, now(), NULL, array_fill(now(), ARRAY[257]), 'window', NULL)::funnel_result);
SELECT journey_funnel('{}', '{}');
SELECT journey_funnel('{}', '{a -> b}');
SELECT journey_funnel('{}', '{a?}');
SELECT journey_funnel('{}', '{a,NULL}');
SELECT journey_funnel('{}', '{a,b}', ordering => 'loose');
SELECT journey_funnel('{}', '{a,b}', within => '1 month');
SELECT journey_funnel('{}', '{a,b,c}', step_exclude => '{x}');
SELECT journey_funnel('{}', '{a,b,c,d}', step_within => '{1 s,1 s}');
SELECT journey_funnel('{}', '{a,b}', ordering => 'any', min_gap => '{1 s}');
SELECT journey_funnel('{}', '{a,b}', ordering => 'strict', grace => '1 s');
SELECT journey_funnel('{}', '{a,b}', grace => '-1 s');
SELECT journey_funnel(NULL, '{a}') IS NULL AS unknown, pg_temp.show(journey_funnel('{}', '{a,b}')) AS empty;
