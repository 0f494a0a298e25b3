-- Journeys from letters: 'a b@5#x' is a at second 1 and b about item x at second 5 of 2026.
CREATE FUNCTION pg_temp.j(source text) RETURNS journey LANGUAGE sql IMMUTABLE AS $$
    SELECT journey_agg('2026-01-01 00:00:00+00'::timestamptz +
                       (CASE WHEN w LIKE '%@%' THEN split_part(split_part(w, '@', 2), '#', 1)::float8 ELSE i END) * interval '1 s',
                       split_part(split_part(w, '@', 1), '#', 1), NULL, NULL, nullif(split_part(w, '#', 2), ''))
    FROM regexp_split_to_table(source, ' +') WITH ORDINALITY r(w, i) $$;
-- The matched events as letters with their seconds.
CREATE FUNCTION pg_temp.m(j journey) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(event || '@' || extract(epoch FROM occurred_at - '2026-01-01 00:00:00+00'::timestamptz)::float8 || coalesce('#' || item, ''), ' ' ORDER BY ordinality)
    FROM journey_events(j) $$;

SELECT s AS journey, p AS pattern, pg_temp.j(s) ~ p AS exists, pg_temp.m(journey_match(pg_temp.j(s), p)) AS first,
       journey_match_count(pg_temp.j(s), p) AS count, journey_match_count(pg_temp.j(s), p, overlapping => true) AS overlapping
FROM (VALUES
    -- direct succession, arrows
    ('a c b b', 'a b'), ('a c b b', 'a -> b'), ('cart cart purchase', 'cart -> purchase'), ('cart cart purchase', 'cart -[!cart]-> purchase'),
    -- greedy and lazy
    ('s s s p', 's+ -> p'), ('s s s p', 's+? -> p'), ('a b b c', 'a b* c'), ('a b b b', 'a b{1,2}'), ('a b b b', 'a b{2,}?'),
    ('a b a b', '(a b)+'), ('a c b c', 'a (-> b)? -> c'), ('a c b c', 'a (-> b)?? -> c'),
    -- alternatives: the earliest event, then the order written
    ('a c b', 'a -> (b | c)'), ('a b', 'b | a'), ('a x', '[^a]'), ('a x', '.'),
    -- anchors
    ('a b a', '^ a'), ('a b a', 'a $'), ('b a', '^ a'), ('a b', '^ a b $'),
    -- gaps
    ('a@0 b@10', 'a -[<= 10 s]-> b'), ('a@0 b@10', 'a -[< 10 s]-> b'), ('a@0 b@10', 'a -[> 9 s]-> b'), ('a@0 b@10', 'a -[>= 11 s]-> b'),
    ('a x b', 'a -[!x]-> b'), ('a x x b', 'a -[<= 2 events]-> b'), ('a x b', 'a -[<= 2 events]-> b'), ('a b@0 c', 'a -[1 s .. 2 s]-> c'),
    -- WITHIN, groups that begin with an arrow
    ('a@0 a@50 b@55', 'a -> b WITHIN 10 s'), ('a@0 b@5 b@20 c@25', 'a (-[<= 10 s]-> [b|c]){2} WITHIN 30 s'),
    ('call@0 call@5 call@9 call@30', 'call (-[<= 7 s]-> call){2,}'), ('a@0 b@3 c@4 d@9', 'a -> (b -> c WITHIN 1 s) -> d WITHIN 9 s'),
    ('a@0 b@3 b@5 c@6 d@9', 'a -> (b -> c WITHIN 1 s) -> d WITHIN 9 s'), ('a@0 b@3 b@5 c@6 d@9', 'a -> (b -> c WITHIN 1 s) -> d WITHIN 8 s'),
    -- absence
    ('a b', 'a !-> b'), ('b a', 'a !-> b'), ('a@0 b@50', 'a !-[<= 30 s]-> b'), ('a@0 b@30', 'a !-[<= 30 s]-> b'), ('b@1 a@1', 'b -> a !-> b'), ('a@1 b@1', 'a !-> b'),
    -- SAME, DIFFERENT
    ('v#x v#y c#y p#x', 'v -> p SAME item'), ('v#x v#y p#y p#x', 'v -> p SAME item'), ('v#x v#x p#y', 'v -> p DIFFERENT item'), ('v p', 'v -> p SAME item'),
    ('v#x r#y p#x', 'v -[!r SAME]-> p SAME item'), ('v#x r#x p#x', 'v -[!r SAME]-> p SAME item'),
    -- permute
    ('c a b d', 'permute(a, b, c) -> d'), ('c a d', 'permute(a, b, c) -> d'), ('a b', 'permute(a, a)'), ('a a', 'permute(a, a)'),
    -- labels
    ('a b', 'a AS first -> b'),
    -- ties: an arrow leads to the same instant whatever the stored order; a space does not
    ('b@5 a@5', 'b -> a'), ('b@5 a@5', 'a -> b'), ('b@5 a@5', 'b a'), ('a@5', 'a -> a'), ('a@5 a@5', 'a -> a'), ('a@5 a@5', 'a -> a -> a'),
    ('a@5 b@5 a@5', 'b -> a -> a'), ('a@5 b@5', 'b -> a -> b'),
    -- what is left out takes its connector along
    ('a c', 'a -> b? c'), ('a x c', 'a -> b? c'), ('a x c', 'a -> (b? c)')
) c(s, p);

-- as_of hides later events and leaves absences open.
SELECT t, journey_is_match(pg_temp.j('a@0 b@50'), 'a !-[<= 30 s]-> b', '2026-01-01 00:00:00+00'::timestamptz + t * interval '1 s') AS absent,
       journey_is_match(pg_temp.j('a@0 b@50'), 'a -> b', '2026-01-01 00:00:00+00'::timestamptz + t * interval '1 s') AS present,
       journey_is_match(pg_temp.j('a@0 b@50'), 'a !-> b', '2026-01-01 00:00:00+00'::timestamptz + t * interval '1 s') AS never,
       pg_temp.m(journey_match(pg_temp.j('a@0 b@50'), 'a -> b', '2026-01-01 00:00:00+00'::timestamptz + t * interval '1 s')) AS match
FROM unnest(ARRAY[-1, 0, 29, 30, 50]) t;

-- Before, after, all
SELECT pg_temp.m(journey_before(j, 'b -> c')) AS before, pg_temp.m(journey_after(j, 'b -> c')) AS after,
       pg_temp.m(journey_before(j, 'z')) AS no_before, journey_after(j, 'z') AS no_after,
       journey_length(journey_before(j, 'a')) AS nothing_before
FROM pg_temp.j('a b x c d') j;
SELECT pg_temp.m(x) FROM journey_matches(pg_temp.j('a b a b b'), 'a -> b') x;
SELECT pg_temp.m(x) FROM journey_matches(pg_temp.j('a b a b b'), 'a -> b', overlapping => true) x;
SELECT pg_temp.m(x) FROM journey_matches(pg_temp.j('a a b'), 'a -> b', overlapping => true) x;
SELECT pg_temp.m(x) FROM journey_matches(pg_temp.j('v#x v#y p#y p#x'), 'v -> p SAME item') x;

-- Conditions on channel, value, item and time
SELECT p, j ~ p AS found FROM (VALUES ('{a@web(10)#x 2026-01-01 00:00:00+00, a@app 2026-01-02 00:00:00+00, b 2026-01-03 00:00:00+00}'::journey)) v(j),
    unnest(ARRAY['a@web', 'a@[web|app] a@app', 'b@[^web]', 'a@[^web]', 'a(value >= 10)', 'a(value > 10)', 'b(value <> 1)', 'a(value between 5 and 15)',
                 'a#x', 'a#y', '.@app', '[a|b]#[x|y]', 'a(time >= ''2026-01-02'')', 'a(time > ''2026-01-02'')', 'b(time < ''2026-01-03 01:00+01'')',
                 'a@web(value >= 10, time < ''2026-01-02'')#x']) p;
-- Names with spaces, dots, hyphens, accents, quotes, keywords
SELECT n, journey_of('2026-01-01 00:00:00+00', n) ~ pattern_quote(n) AS quoted, journey_of('2026-01-01 00:00:00+00', n || '!') ~ pattern_quote(n) AS other
FROM unnest(ARRAY['add to cart', 'page.view', 'add-to-cart', 'añadir', 'dit "oui"', 'it''s', 'WITHIN', 'permute', '.', 'a|b']) n;

-- Empty and NULL
SELECT '{}'::journey ~ 'a' AS empty, '{}'::journey ~ '.*' AS nothing, '{}'::journey ~ 'a !-> b' AS absent, NULL::journey ~ 'a' AS unknown,
       journey_match('{}', 'a') IS NULL AS no_match, journey_match_count('{}', 'a') AS count;

-- 10^6 events at one instant, and with distinct times
SELECT j ~ 'a -[> 1 s]-> b' AS gap, j ~ '(a|a)* b' AS nested, j ~ 'a -> a -> a' AS three, journey_length(journey_match(j, 'a (-> a)*')) AS all_of_them
FROM (SELECT journey_agg('2026-01-01 00:00:00+00'::timestamptz, 'a') j FROM generate_series(1, 1000000)) s;
SELECT j ~ 'a -[> 1 s]-> b' AS gap, j ~ '(a|a)* b' AS nested, journey_match_count(j, 'a -> a') AS pairs, journey_match_count(j, 'a -> b?') AS ones
FROM (SELECT journey_agg('2026-01-01 00:00:00+00'::timestamptz + i * interval '1 s', 'a') j FROM generate_series(1, 1000000) i) s;
-- Nothing in a crowded instant is searched one by one.
SELECT j ~ 'b c -> a -> b' FROM (SELECT journey_agg('2026-01-01 00:00:00+00'::timestamptz, CASE i WHEN 1 THEN 'b' WHEN 2 THEN 'c' ELSE 'a' END) j
                                 FROM generate_series(1, 100000) i) s;
-- What only pairs of a crowded instant's events can tell is an error beyond a bound.
SELECT journey_agg('2026-01-01 00:00:00+00'::timestamptz, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, NULL, NULL, i::text) AS crowd
FROM generate_series(1, 20000) i \gset
SELECT :'crowd'::journey ~ 'a -> b SAME item';
\set VERBOSITY sqlstate
SELECT journey_match_count(:'crowd', 'a -> b SAME item');
\set VERBOSITY default
SELECT :'crowd'::journey ~ 'a -> b -> a' AS without_pairs;
