-- Published cases of row pattern recognition, as far as they say something of
-- sequences: values become events named by how they compare with the value
-- before, and the row's number is its second.
CREATE FUNCTION pg_temp.rows(source int[]) RETURNS journey LANGUAGE sql AS $$
    SELECT journey_agg('2026-01-01 00:00:00+00'::timestamptz + i * interval '1 s',
                       CASE sign(v - p) WHEN 1 THEN 'up' WHEN 0 THEN 'even' WHEN -1 THEN 'down' ELSE 'start' END, NULL, v)
    FROM (SELECT v, i, lag(v) OVER (ORDER BY i) p FROM unnest(source) WITH ORDINALITY u(v, i)) s $$;
-- Rows and labels of all matches
CREATE FUNCTION pg_temp.found(j journey, p journey_pattern, overlapping boolean) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg((SELECT string_agg(extract(epoch FROM occurred_at - '2026-01-01 00:00:00+00'::timestamptz)::int || event, ' ' ORDER BY ordinality)
                       FROM journey_events(m)), ' / ' ORDER BY n)
    FROM journey_matches(j, p, overlapping) WITH ORDINALITY f(m, n) $$;

-- After a match the search goes on after its last row, or at the next row (overlapping).
SELECT id, v, p, pg_temp.found(pg_temp.rows(v), p, false) AS past_last_row, pg_temp.found(pg_temp.rows(v), p, true) AS next_row
FROM (VALUES
    ('MR-1', '{90,80,70,80,90,50,40,60}'::int[], '(. AS A) (down AS B)+ (up AS C)+'),
    ('MR-3', '{90,80,70,70}', '^ (. AS A)'), ('MR-3', '{90,80,70,70}', '(. AS A) $'),
    ('MR-4', '{90,80,70,70}', '(. AS A) (down AS B) (even AS C)'),
    ('MR-5', '{90,80,70,70}', 'down AS B | [down|even] AS C | . AS A'),
    ('MR-6', '{90,80,70,70}', '(down AS B) (down AS C) | (down AS C) (down AS B)'),
    ('MR-7', '{90,80,70,70}', '([down|even] AS B)*'), ('MR-9', '{90,80,70,70}', '([down|even] AS B)+'),
    ('MR-9', '{90,80,70,70}', '([down|even] AS B)+?'), ('MR-10', '{90,80,70,70}', '([down|even] AS B)?'),
    ('MR-11', '{90,80,70,70}', '([down|even] AS B){2,}'), ('MR-11', '{90,80,70,70}', '([down|even] AS B){2,}?'),
    ('MR-12', '{90,80,70,70}', '([down|even] AS B){1,2}'),
    ('MR-13', '{90,80,70,70}', '([down|even] AS B){5,}'), ('MR-13', '{90,80,70,70}', '([down|even] AS B){5}'),
    ('MR-27, MR-28', '{90,80,70,80,70,80}', '(. AS A) (down AS B)+ (up AS C)+ (never AS D)?'),
    ('MR-31', '{100,100,90,80,70,100}', '(. AS A) (down AS B){2}'),
    ('MR-37', '{90,80,70,80,90,80}', '(down AS B)+'), ('MR-37', '{20,20,10}', '(down AS B)+'), ('MR-37', '{50,60,70}', '(down AS B)+'),
    ('MR-38', '{90,80,70,80}', '(.(value < 80) AS L | .(value > 80) AS H) (.(value between 80 and 80) AS A)'),
    ('RPR-1', '{1,2,3,4}', '(.(value <= 2) AS A) (.(value <= 3) AS B)')) c(id, v, p);

-- FL-1: next; followed by; the third counts every pair, and a match here is the first for each begin
SELECT journey_match_count(j, 'a b') AS next, journey_match_count(j, 'a -> b') AS followed_by,
       (SELECT count(*) FROM journey_events(j) e WHERE journey_of('2026-01-01 00:00:00+00', 'a') || journey_of(occurred_at, event) ~ 'a -> b') AS followed_by_any
FROM (SELECT journey_agg('2026-01-01 00:00:00+00'::timestamptz + i * interval '1 s', v) j FROM unnest('{a,c,b,b}'::text[]) WITH ORDINALITY u(v, i)) s;
