-- The row that follows a chain of conditions
CREATE TEMP TABLE visits (u int, t int, page text);
INSERT INTO visits SELECT u, t, page FROM (VALUES (1, 'A A A B C'), (2, 'A B D'), (3, 'B A'), (4, 'Home Gift Exit'), (5, 'A B')) v(u, pages),
    regexp_split_to_table(pages, ' ') WITH ORDINALITY p(page, t);
SELECT u, sequence_next_node('forward', 'first_match', t, page, page = 'A', page = 'A', page = 'B') AS first,
       sequence_next_node('forward', 'head', t, page, page = 'A', page = 'A', page = 'B') AS head,
       sequence_next_node('backward', 'tail', t, page, true, page = 'B', page = 'A') AS tail,
       sequence_next_node('backward', 'last_match', t, page, true, page = 'B') AS before_b,
       sequence_next_node('forward', 'first_match', t, t, true, page = 'A') AS number
FROM visits GROUP BY u ORDER BY u;
SELECT sequence_next_node('forward', 'first_match', d, page, true, page = 'A') AS dates,
       sequence_next_node('forward', 'first_match', d::timestamptz, page, true, page = 'A') AS times,
       sequence_next_node('forward', 'first_match', NULL::timestamp, page, true, page = 'A') AS none
FROM (VALUES (date '2026-01-02', 'B'), ('2026-01-01', 'A'), ('2026-01-02', 'AB'), ('2026-01-01', NULL)) v(d, page);
SELECT sequence_next_node('sideways', 'head', 1, 'x'::text, true, true);
SELECT sequence_next_node('forward', 'tail', 1, 'x'::text, true, true);
SELECT sequence_next_node('forward', 'middle', 1, 'x'::text, true, true);
SET datestyle = iso;
SELECT sequence_next_node('forward', 'head', 1, 'x'::text, true, 1);

-- Cohort retention: periods of a time zone, incomplete ones unknown
SET timezone = 'UTC';
CREATE TEMP TABLE people (id int, j journey);
INSERT INTO people VALUES
    (1, '{signup 2026-01-05 10:00:00+00, visit 2026-01-06 10:00:00+00, visit 2026-01-20 10:00:00+00}'),
    (2, '{signup 2026-01-07 10:00:00+00, visit 2026-01-13 10:00:00+00}'),
    (3, '{signup 2026-01-11 23:30:00+00, visit 2026-01-12 00:30:00+00}'),
    (4, '{visit 2026-01-08 10:00:00+00}');
SELECT id, r.* FROM people, journey_retention(j, 'signup', 'visit', 'week', 4, '2026-01-28 00:00+00') r ORDER BY id, number;
SELECT id, r.* FROM people, journey_retention(j, 'signup', 'visit', 'week', 2, time_zone => 'Europe/Madrid') r WHERE id = 3 ORDER BY id, number;
SELECT number, avg(returned::int)::numeric(4, 3) AS share, count(returned) AS observed
FROM people, journey_retention(j, 'signup', 'visit', 'week', 4, '2026-01-28 00:00+00', on_or_after => true) r GROUP BY number ORDER BY number;

-- Lifecycle and stickiness
SELECT l.* FROM journey_lifecycle('{a 2026-01-05 10:00:00+00, a 2026-02-06 10:00:00+00, a 2026-05-01 00:30:00+00}', observed_until => '2026-06-15 00:00+00') l;
SELECT l.* FROM journey_lifecycle('{a 2026-01-05 10:00:00+00, b 2026-02-06 10:00:00+00}', 'b', 'week') l;
SELECT l.* FROM journey_lifecycle('{a 2026-01-05 10:00:00+00}', 'z') l;
SELECT s.* FROM journey_stickiness('{a 2026-01-05 10:00:00+00, a 2026-01-05 11:00:00+00, a 2026-01-09 10:00:00+00, a 2026-02-01 00:30:00+00}') s;
