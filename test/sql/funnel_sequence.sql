-- Sequences of conditions over rows: published cases.
CREATE TEMP TABLE data (t int, v int);
INSERT INTO data VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 1), (5, 2), (6, 0), (7, 0), (8, 0), (9, 0), (10, 1), (11, 1);
CREATE TEMP TABLE patterns (id text, pattern text);
INSERT INTO patterns VALUES
    ('SM-1', ''), ('SM-2', '.'), ('SM-3', '.*'), ('SM-4', '(?1)'), ('SM-5', '(?2)'), ('SM-6', '(?3)'), ('SM-7', '(?4)'),
    ('SM-8', '(?1)(?1)'), ('SM-9', '(?1)(?1)(?1)'), ('SM-10', '(?1)(?1)(?1)(?1)'), ('SM-11', '(?1)(?1)(?1)(?1)(?1)'),
    ('SM-12', '(?1)(?1)(?1)(?1)(?2)'), ('SM-13', '(?1)(?t>10)(?2)'), ('SM-14', '(?1)(?t>11)(?2)'), ('SM-15', '(?1)(?t<11)(?2)'),
    ('SM-16', '(?1)(?t<3)(?3)'), ('SM-17', '(?1)(?t<=2)(?3)'), ('SM-18', '(?1)(?t<2)(?3)'), ('SM-19', '(?2)(?t>=7)(?2)'),
    ('SM-20', '(?2)(?t>7)(?2)'), ('SM-21', '(?2)(?3)(?1)');
SELECT id, pattern, m::int AS match, c AS count, e AS events
FROM patterns, LATERAL (
    SELECT sequence_match(pattern, t, v = 0, v = 1, v = 2, v = 3) m,
           sequence_count(pattern, t, v = 0, v = 1, v = 2, v = 3) c,
           sequence_match_events(pattern, t, v = 0, v = 1, v = 2, v = 3) e FROM data) a
ORDER BY length(id), id;
SELECT sequence_match('(?1)(?t==2)(?2)', t, v = 1, v = 2) AS sm22, sequence_match_events('(?1)(?t==2)(?2)', t, v = 1, v = 2) AS sm22_events,
       sequence_match('(?1)(?t==1)(?2)', t, v = 1, v = 2) AS sm23, sequence_match_events('(?1)(?t==1)(?2)', t, v = 1, v = 2) AS sm23_events
FROM data;

-- Rows that satisfy no condition are invisible (SM-30 .. SM-33).
SELECT sequence_match('(?1)(?2)', t, v = 1, v = 2) AS sm30, sequence_match('(?1)(?2)', t, v = 1, v = 2, v = 3) AS sm31,
       sequence_match('(?1)(?2)', t, v = 1, v = 2, v = 4) AS sm32
FROM (VALUES (1, 1), (2, 3), (3, 2)) r(t, v);
SELECT sequence_count('(?1).*(?2)', t, v = 1, v = 2) AS sm33 FROM (VALUES (1, 1), (2, 3), (3, 2), (4, 1), (5, 3), (6, 2)) r(t, v);
-- A bound on the time runs from the condition before it to the one after it.
SELECT sequence_match('(?1)(?t<=10)(?2)(?3)', t, v = 'A', v = 'B', v = 'C') AS sm34,
       sequence_match_events('(?1)(?t<=10)(?2)(?3)', t, v = 'A', v = 'B', v = 'C') AS sm34_events
FROM (VALUES (0, 'A'), (5, 'B'), (100, 'B'), (101, 'C')) r(t, v);
SELECT sequence_match('(?1)(?2).*(?3)', t, v = 1, v = 2, v = 3) AS sm37 FROM (VALUES (1, 1), (2, 3), (3, 2), (4, 3)) r(t, v);
SELECT sequence_match('(?1)(?t<=10)(?2)', t, v = 1, v = 2) AS sm38a, sequence_match('(?1).*(?t<=10)(?2)', t, v = 1, v = 2) AS sm38b,
       sequence_match('(?1).*(?t>=50)(?2)', t, v = 1, v = 2) AS sm40a
FROM (VALUES (0, 1), (100, 2)) r(t, v);
SELECT sequence_match('(?1)(?t<=10).*(?2)', t, v = 1, v = 2, v = 3) AS sm39, sequence_match('(?1).*(?t>=50)(?2)', t, v = 1, v = 2, v = 3) AS sm40b
FROM (VALUES (0, 1), (5, 3), (100, 2)) r(t, v);
SELECT sequence_count('(?1)(?t<=5)(?2)', t, v = 1, v = 2) AS sm42 FROM (VALUES (0, 1), (3, 1), (4, 2), (6, 2)) r(t, v);
SELECT sequence_count('(?1).*(?2)', t, v = 1, v = 2) AS sm43 FROM (VALUES (0, 1), (1, 1), (2, 2), (3, 2)) r(t, v);
SELECT sequence_count('(?1)(?2)', t, v = 1, v = 2) AS sm44 FROM (VALUES (0, 1), (1, 2), (2, 1), (3, 2), (4, 1)) r(t, v);
SELECT u, sequence_match('(?1)(?2)(?3)', t, v = 'view', v = 'cart', v = 'purchase') AS sm45,
       sequence_match('(?1).*(?3)', t, v = 'view', v = 'cart', v = 'purchase') AS sm46a,
       sequence_count('(?1).*(?3)', t, v = 'view', v = 'cart', v = 'purchase') AS sm46b
FROM (VALUES (1, 1, 'view'), (1, 2, 'cart'), (1, 3, 'purchase'), (2, 1, 'view'), (2, 2, 'view'), (3, 1, 'view'), (3, 2, 'purchase')) r(u, t, v)
GROUP BY u ORDER BY u;
-- SM-47, SM-48; a chain that must be whole is asked for by sequence_match
SELECT u, sequence_match_events('(?1)(?2)(?3)', t, v = 1, v = 2, v = 3) AS sm47,
       CASE WHEN sequence_match('(?1)(?2)(?3)', t, v = 1, v = 2, v = 3) THEN sequence_match_events('(?1)(?2)(?3)', t, v = 1, v = 2, v = 3) END AS sm47_whole
FROM (VALUES (1, '00:00'::interval, 1), (1, '00:05', 2), (1, '00:10', 3), (2, '00:00', 1), (2, '00:05', 1)) r(u, i, v),
     LATERAL (SELECT extract(epoch FROM i)::int AS t) s
GROUP BY u ORDER BY u;
SELECT sequence_match('(?1)(?2)(?3)(?4)(?5)', t, t = 1, t = 2, t = 3, t = 4, t = 5) AS sm48 FROM generate_series(1, 5) t;
-- SM-35, SM-36
SELECT n / 150 AS g, sequence_match(p, n, n % 100 = 1, n % 100 = 10, n % 100 = 30, n % 100 = 40, n > 0) AS match,
       sequence_match_events(p, n, n % 100 = 1, n % 100 = 10, n % 100 = 30, n % 100 = 40, n > 0) AS events
FROM generate_series(0, 299) n, (VALUES ('.*(?1).*(?2).*(?5).*(?1).*(?5).*(?3).*(?4).*(?5)')) q(p) GROUP BY 1 ORDER BY 1;
-- SM-41: no limit of steps; 10^6 rows of one instant
SELECT sequence_match('(?1)(?t>1)(?2)', t, true, false) AS sm41 FROM generate_series(1, 1000) t;
SELECT sequence_match('(?1)(?t>1)(?2)', 1, true, false), sequence_count('(?1).*(?1)', 1, true, false) FROM generate_series(1, 1000000) t;
-- Gates are seconds for times
SELECT sequence_match('(?1)(?t<=60)(?2)', t::timestamptz, v = 1, v = 2) AS tz, sequence_match('(?1)(?t<60)(?2)', t::timestamp, v = 1, v = 2) AS ts,
       sequence_match('(?1)(?t<=86400)(?2)', t::date, v = 1, v = 2) AS d
FROM (VALUES ('2026-01-01 10:00', 1), ('2026-01-01 10:01', 2)) r(t, v);
SELECT sequence_match('(?1)', t, true), sequence_count('(?1)', t, true), sequence_match_events('(?1)', t, true) FROM generate_series(1, 3) t WHERE false;
-- Errors
SELECT sequence_match('(?3)', 1, true, true);
SELECT sequence_match('(?1)(?t<=5)', 1, true, true);
SELECT sequence_match('(?1)(?x)', 1, true, true);
SELECT sequence_match('(?1)(?t!=5)(?2)', 1, true, true);
SELECT sequence_match('(?1)', 1, 'x'::text);
SELECT sequence_match(NULL, 1, true);

-- Retention: the first condition, then the others, in any order.
SELECT u, retention(v = 'a', v = 'b', v = 'c') FROM (VALUES (1, 'a'), (1, 'b'), (2, 'b'), (2, 'c'), (3, 'c'), (3, 'a'), (4, NULL)) r(u, v) GROUP BY u ORDER BY u;
SELECT retention(true, false), retention(VARIADIC ARRAY[true, NULL, true]) FROM generate_series(1, 2);
SELECT retention(true, false) WHERE false;
SELECT retention(1, 2);
