-- Window funnels over rows: cases published by ClickHouse and its users, the
-- answers its 26.7 gives (mode words with first_violation) and ours.
CREATE TEMP TABLE cases (id text, events text, steps text, clickhouse text, ours text);
INSERT INTO cases VALUES
    ('WF-1', 'abc', 'abc', '3/3/3/3/3', '3/3/3/3/3'),
    ('WF-2', 'adbc', 'abc', '3/3/1/1/1', '3/3/1/1/1'),
    ('WF-3', 'aabbcc', 'abc', '3/2/3/2/3', '3/2/3/2/3'),
    ('WF-4', 'aaaabbcc', 'abc', '3/2/3/2/3', '3/2/3/2/3'),
    ('WF-5', 'aabbdcc', 'abc', '3/2/2/2/2', '3/2/2/2/2'),
    ('WF-6', 'ccbbaa', 'abc', '1/1/1/1/1', '1/1/1/1/1'),
    ('WF-7', 'acb', 'abc', '2/2/1/1/2', '2/2/1/1/2'),
    ('WF-8', 'abcbd', 'abcd', '4/3/4/3/4', '4/3/3/3/4'),
    ('WF-9', 'abcbd', 'abc', '3/3/3/3/3', '3/3/3/3/3'),
    ('WF-10', 'abac', 'abc', '3/3/3/3/3', '3/2/2/2/3'),
    ('WF-11', 'abac', 'abcd', '3/3/3/3/3', '3/2/2/2/3'),
    ('WF-12', 'ababc', 'abc', '3/2/3/2/3', '3/3/3/3/3'),
    ('WF-13', 'ababc', 'abcd', '3/2/3/2/3', '3/3/3/3/3'),
    ('WF-14', 'acb', 'abcd', '2/2/1/1/2', '2/2/1/1/2'),
    ('WF-15', 'abcabcd', 'abc', '3/3/3/3/3', '3/3/3/3/3'),
    ('WF-16', 'abcabcd', 'abcd', '4/3/4/3/4', '4/4/4/4/4'),
    ('WF-17', 'CVCP', 'CVP', '3/3/3/3/3', '3/2/2/2/3'),
    ('WF-18', 'CVVCP', 'CVP', '3/2/3/2/3', '3/2/2/2/3'),
    ('WF-19', 'CVP', 'CVP', '3/3/3/3/3', '3/3/3/3/3'),
    ('WF-20', 'CVCP', 'CVCP', '4/4/1/1/4', '4/4/4/4/4'),
    ('WF-21', 'adabc', 'abc', '3/3/1/1/1', '3/3/3/3/3'),
    ('WF-22', 'acabc', 'abc', '3/3/1/1/3', '3/3/3/3/3'),
    ('WF-23', 'aXbXc', 'abc', '3/3/1/1/1', '3/3/1/1/1'),
    ('WF-24', 'abdc', 'abcd', '3/3/2/2/3', '3/3/2/2/3'),
    ('WF-25', 'aab', 'aab', '3/2/3/2/3', '3/3/3/3/3'),
    ('WF-26', 'ab', 'aab', '3/3/3/3/3', '3/3/3/3/3'),
    ('WF-27', 'abab', 'abab', '4/3/1/1/4', '4/4/4/4/4'),
    ('WF-28', 'SAPSAF', 'SAF', '3/2/2/2/2', '3/3/3/3/3'),
    ('WF-29', 'islisisle', 'isle', '4/3/4/3/4', '4/4/4/4/4');

-- One row a letter; the condition of a step is that the letter is the step's.
CREATE TEMP TABLE answers AS
SELECT id, events, steps,
       concat_ws('/',
                 window_funnel(100, t, VARIADIC c),
                 window_funnel(100, 'strict_deduplication,first_violation', t, VARIADIC c),
                 window_funnel(100, 'strict_order,first_violation', t, VARIADIC c),
                 window_funnel(100, 'strict_order,strict_deduplication,first_violation', t, VARIADIC c),
                 window_funnel(100, 'strict_order,allow_reentry,first_violation', t, VARIADIC c)) AS clickhouse,
       concat_ws('/',
                 window_funnel(100, t, VARIADIC c),
                 window_funnel(100, 'strict_deduplication', t, VARIADIC c),
                 window_funnel(100, 'strict_order', t, VARIADIC c),
                 window_funnel(100, 'strict_order,strict_deduplication', t, VARIADIC c),
                 window_funnel(100, 'strict_order,allow_reentry', t, VARIADIC c)) AS ours
FROM cases,
     LATERAL (SELECT t, ARRAY(SELECT substr(steps, s, 1) = substr(events, t, 1)
                              FROM generate_series(1, length(steps)) s ORDER BY s) AS c
              FROM generate_series(1, length(events)) t) r
GROUP BY id, events, steps;
SELECT a.*, a.clickhouse = c.clickhouse AS as_clickhouse, a.ours = c.ours AS as_wanted
FROM answers a JOIN cases c USING (id)
ORDER BY length(id), id;

-- Windows are inclusive and in the unit of the time; N:1000 of events 1000 .. 1008 at 0 .. 8.
SELECT window_funnel(10000, t, e = 1000) AS w30,
       window_funnel(10000, t, e = 1000, e = 1001) AS w31a,
       window_funnel(10000, t, e = 1000, e = 1001, e = 1002) AS w31b,
       window_funnel(10000, t, e = 1000, e = 1001, e = 1002, e = 1008) AS w31c,
       window_funnel(1, t, e = 1000) AS w32,
       window_funnel(2, t, e = 1003, e = 1004, e = 1005, e = 1006, e = 1007) AS w33a,
       window_funnel(3, t, e = 1003, e = 1004, e = 1005, e = 1006, e = 1007) AS w33b,
       window_funnel(4, t, e = 1003, e = 1004, e = 1005, e = 1006, e = 1007) AS w33c,
       window_funnel(10000, t, e = 1001, e = 1008) AS w34a,
       window_funnel(10000, t, e = 1008, e = 1001) AS w34b,
       window_funnel(4, t, e <= 1007, e >= 1002, e <= 1006, e >= 1004) FILTER (WHERE t > 0) AS w35
FROM (SELECT t, 1000 + t AS e FROM generate_series(0, 8) t) r;

-- WF-36 .. WF-38: ties
SELECT window_funnel(10000, t, e = 1000, e = 1001, e = 1002, e = 1003, e = 1004, e = 1005, e = 1006) AS w36a,
       window_funnel(10000, 'strict_deduplication,first_violation', t, e = 1000, e = 1001, e = 1002, e = 1003, e = 1004, e = 1005, e = 1006) AS w36b
FROM (VALUES (1000, 0), (1001, 10), (1002, 20), (1003, 30), (1004, 40), (1005, 50), (1005, 51), (1006, 60)) r(e, t);
SELECT window_funnel(10000, t, e = 1000, e = 1001, e = 1002, e = 1003, e = 1004) AS w37a,
       window_funnel(10000, 'strict_increase', t, e = 1000, e = 1001, e = 1002, e = 1003, e = 1004) AS w37b,
       window_funnel(10000, t, e = 1004, e = 1004, e = 1004) AS w38a,
       window_funnel(10000, 'strict_once', t, e = 1004, e = 1004, e = 1004) AS w38b,
       window_funnel(10000, 'strict_increase', t, e = 1004, e = 1004, e = 1004) AS w38c
FROM (VALUES (1000, 0), (1001, 1), (1002, 1), (1003, 1), (1004, 2)) r(e, t);
-- WF-39
SELECT u, window_funnel(200, 'strict_once', t, e = 'f', e = 'f', e = 's') AS once,
       window_funnel(200, t, e = 'f', e = 'f', e = 's') AS plain
FROM (VALUES (123, 'f', 180), (123, 'f', 220), (123, 's', 250), (234, 'f', 100), (234, 'f', 250),
             (345, 's', 200), (345, 'f', 210), (345, 's', 230)) r(u, e, t)
GROUP BY u ORDER BY u;
-- WF-40 .. WF-44: NULL is false
SELECT u, window_funnel(10, t, a = 'a1', a = 'a2') AS w40, window_funnel(10, t, a = 'a1', b = 'b2') AS w41,
       window_funnel(10, t, a IS NULL AND b IS NULL) AS w42, window_funnel(10, t, a IS NULL, b = 'b3') AS w43,
       window_funnel(10, 'strict_order', t, a IS NULL, b = 'b3') AS w44,
       window_funnel(10, 'strict_order,first_violation', t, a IS NULL, b = 'b3') AS w44_clickhouse
FROM (VALUES (1, 1, 'a1', 'b1'), (1, 2, 'a2', 'b2'), (2, 1, 'a1', NULL), (2, 2, 'a2', NULL),
             (3, 1, NULL, NULL), (3, 2, NULL, NULL), (4, 1, NULL, 'b1'), (4, 2, 'a2', NULL), (4, 3, NULL, 'b3')) r(u, t, a, b)
GROUP BY u ORDER BY u;
-- WF-46, WF-51: an attempt at the same instant does not replace an older one
SELECT window_funnel(10, 'strict_increase', t, v = 0, v = 1, v = 2, v = 3) AS w46,
       window_funnel(10, 'strict_increase,first_violation', t, v = 0, v = 1, v = 2, v = 3) AS clickhouse
FROM (VALUES (0, 1), (1, 2), (2, 2), (3, 2), (1, 3), (2, 3), (3, 3), (1, 4), (2, 4), (3, 4)) r(v, t);
SELECT window_funnel(10, 'strict_increase', t, v = 'a', v = 'b') AS w51,
       window_funnel(10, 'strict_increase,first_violation', t, v = 'a', v = 'b') AS clickhouse
FROM (VALUES ('a', 0), ('a', 1), ('b', 1)) r(v, t);
-- WF-52, WF-54: one row, several steps
SELECT window_funnel(1, 5, true, true, true) AS w52a, window_funnel(1, 'strict_once', 5, true, true, true) AS w52b;
SELECT window_funnel(1, 'strict_once', 5, a, b) AS w54 FROM (VALUES (true, true), (true, false)) r(a, b);
-- WF-53, WF-55, WF-56, WF-60
SELECT window_funnel(1, 5, v = 'a', v = 'b') AS w53a, window_funnel(1, 'strict_increase', 5, v = 'a', v = 'b') AS w53b
FROM (VALUES ('b'), ('a')) r(v);
SELECT window_funnel(1, 5, true) AS w55 WHERE false;
SELECT window_funnel(5, t, v = 'a', v = 'b') AS w56 FROM (VALUES ('a', NULL), ('a', 1), ('b', 2)) r(v, t);
SELECT window_funnel(10, t, v = 'a', v = 'b') AS w60, window_funnel_events(10, t, v = 'a', v = 'b') AS times
FROM (VALUES ('a', 0), ('a', 50), ('b', 55)) r(v, t);

-- WF-45, WF-47 .. WF-50, WF-57, WF-58
SELECT u, window_funnel(50, t, v = 'e1', v = 'e2') AS w45
FROM (VALUES (123, 'e1', 100), (123, 'e2', 99), (345, 'e1', 200), (345, 'e1', 210), (345, 'e2', 230), (345, 'e2', 240), (234, 'e2', 250)) r(u, v, t)
GROUP BY u ORDER BY u;
SELECT window_funnel(60, 'strict_deduplication', t, v = 'i', v = 's', v = 'l', v = 'e') AS w47
FROM (VALUES ('i', 0), ('s', 5), ('l', 10), ('i', 15)) r(v, t);
SELECT window_funnel(1800, t, v = 'a', v = 'b', v = 'c', v = 'd') AS w48a,
       window_funnel(1800, 'strict_deduplication', t, v = 'a', v = 'b', v = 'c', v = 'd') AS w48b,
       window_funnel(1800, 'strict_order', t, v = 'a', v = 'b', v = 'c', v = 'd') AS w48c
FROM (VALUES ('a', 0), ('b', 600), ('d', 1800), ('b', 2400)) r(v, t);
SELECT window_funnel(10, 'strict_deduplication', t, v = 'A', v = 'B', v = 'C', v = 'D') AS w49
FROM unnest('{A,B,C,B,D}'::text[]) WITH ORDINALITY r(v, t);
SELECT window_funnel(100, t, v = 1003, v = 1007, v = 1009, v = 1010) AS w50
FROM unnest('{1001,1003,1005,1007,1008,1009,1010,1011}'::int[]) WITH ORDINALITY r(v, t);
SELECT u, w || coalesce(' ' || m, '') AS call, window_funnel(w, m, t, v = 'view', v = 'cart', v = 'purchase') AS w57
FROM (VALUES (1, 'view', 0), (1, 'cart', 300), (1, 'purchase', 600), (2, 'view', 0), (2, 'cart', 300), (3, 'view', 0), (3, 'cart', 18000)) r(u, v, t),
     (VALUES (3600, ''), (1800, ''), (3600, 'strict_deduplication'), (3600, 'strict_order'), (3600, 'strict_increase')) c(w, m)
GROUP BY w, m, u ORDER BY u, w, m;
SELECT window_funnel(10, t, v = 'nonexistent', v = 'cart') AS w58 FROM unnest('{view,cart,purchase}'::text[]) WITH ORDINALITY r(v, t);

-- Every type of time; the mode comes before the time.
SET datestyle = iso;
SELECT window_funnel('1 day', t::timestamptz, v = 'a', v = 'b') AS tz, window_funnel('1 day', t::timestamp, v = 'a', v = 'b') AS ts,
       window_funnel('1 day', t::date, v = 'a', v = 'b') AS d, window_funnel('23 hours', 'strict_once', t::timestamp, v = 'a', v = 'b') AS mode,
       window_funnel_events('1 day', t::date, v = 'a', v = 'b') AS dates
FROM (VALUES ('a', '2026-01-01 10:00'), ('b', '2026-01-02 10:00')) r(v, t);
SELECT window_funnel('1 day', now(), 'strict', true);
SELECT window_funnel('1 day', now(), 'strict_order'::text, true);
SELECT window_funnel('1 day', 'strict', now(), true);
SELECT window_funnel('1 day', 'allow_reentry', now(), true);
SELECT window_funnel('1 month', now(), true);
SELECT window_funnel(-1, 1, true);
SELECT window_funnel(1, 1, VARIADIC array_fill(true, ARRAY[64])) AS conditions_64;
SELECT window_funnel(1, 1, VARIADIC array_fill(true, ARRAY[65]));

-- Moving windows, FILTER, and splitting in any way give the same as one pass.
SELECT t, window_funnel(3, t, t % 3 = 0, t % 3 = 1) OVER (ORDER BY t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS moving,
       window_funnel(3, t, t % 3 = 0, t % 3 = 1) FILTER (WHERE t <> 1) OVER (ORDER BY t) AS filtered
FROM generate_series(0, 4) t;
