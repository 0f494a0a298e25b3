-- sessionize as a window function
SET timezone = 'UTC';
SET datestyle = 'ISO';

CREATE TABLE session_events (customer int, occurred_at timestamptz);
INSERT INTO session_events VALUES
    (1, '2026-01-01 10:00+00'), (1, '2026-01-01 10:30+00'), (1, '2026-01-01 11:00:00.000001+00'), (1, '2026-01-01 11:00:00.000001+00'),
    (1, '2026-01-02 00:00+00'), (2, '2026-01-01 10:00+00'), (2, NULL), (2, NULL);

SELECT customer, occurred_at, sessionize(occurred_at, '30 minutes') OVER (PARTITION BY customer ORDER BY occurred_at)
FROM session_events ORDER BY customer, occurred_at;
SELECT customer, occurred_at, sessionize(occurred_at, gap => '0') OVER (PARTITION BY customer ORDER BY occurred_at)
FROM session_events ORDER BY customer, occurred_at;

-- NULL times do not interrupt, a NULL gap gives NULL
SELECT occurred_at, sessionize(occurred_at, '30 minutes') OVER (ORDER BY occurred_at NULLS FIRST) FROM session_events WHERE customer = 2;
SELECT sessionize(occurred_at, NULL) OVER (ORDER BY occurred_at) FROM session_events WHERE customer = 2;

-- infinite times are sessions of their own
SELECT t, sessionize(t, '1000 days') OVER (ORDER BY t) FROM unnest('{-infinity,-infinity,2026-01-01,infinity,infinity}'::timestamptz[]) t;

-- daylight saving does not matter: a day is 24 hours
SET timezone = 'Europe/Madrid';
SELECT sessionize(t, '1 day') OVER (ORDER BY t) FROM unnest('{2026-03-28 12:00,2026-03-29 12:00,2026-03-30 12:00:01}'::timestamptz[]) t;
SET timezone = 'UTC';

-- the same sessions as the journey's
SELECT (SELECT count(*) FROM (SELECT journey_agg(occurred_at, 'e') AS j FROM session_events GROUP BY customer) x, journey_sessions(j)) AS journeys,
       (SELECT count(*) FROM (SELECT DISTINCT customer, sessionize(occurred_at, '30 minutes') OVER (PARTITION BY customer ORDER BY occurred_at) AS n
                              FROM session_events) s WHERE n IS NOT NULL) AS rows;

-- errors
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT sessionize(occurred_at, '30 minutes') OVER (ORDER BY occurred_at DESC) FROM session_events;
SELECT sessionize(occurred_at, '1 month') OVER (ORDER BY occurred_at) FROM session_events;
SELECT sessionize(occurred_at, '-1 hour') OVER (ORDER BY occurred_at) FROM session_events;
SELECT sessionize(now(), '1 hour');

DROP TABLE session_events;
