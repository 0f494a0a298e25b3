\echo
\echo ==== 1. Journeys: who did what, when, where ====
\echo
\echo 31,106 events of 600 shop users, loaded with COPY into an ordinary table:
SET client_min_messages = warning;
CREATE EXTENSION customer_journey;
SET timezone = 'UTC';

CREATE TABLE events (
    user_id text NOT NULL,
    session_id text NOT NULL,
    event text NOT NULL,
    occurred_at timestamptz NOT NULL,
    platform text,
    acquisition_channel text,
    user_cohort text,
    user_lifecycle text
);
\copy events FROM PROGRAM 'gzip -dc data/ecom.csv.gz' WITH (FORMAT csv, HEADER)

SELECT user_id, occurred_at, event, platform FROM events ORDER BY 1, 2 LIMIT 4;

\echo One aggregate turns them into journeys, one value a user; the platform is the channel:
CREATE TABLE journeys AS
    SELECT user_id, min(acquisition_channel) AS acquisition_channel,
           journey_agg(occurred_at, event, platform) AS journey
    FROM events
    GROUP BY user_id;
ALTER TABLE journeys ADD PRIMARY KEY (user_id);
CREATE INDEX ON journeys USING gin (journey);
ANALYZE events;
ANALYZE journeys;

SELECT user_id, journey_slice(journey, '[2024-03-13, 2024-03-13 10:24)') AS "the first minutes of one journey"
FROM journeys WHERE user_id = 'user_0000';

\echo How long are journeys? Half of the users have the events and days of the middle row or fewer:
SELECT what, round(p10::numeric, 1) AS "10 %", round(median::numeric, 1) AS median,
       round(p90::numeric, 1) AS "90 %", round(longest::numeric, 1) AS longest
FROM (
    SELECT 'events' AS what, percentile_cont(0.1) WITHIN GROUP (ORDER BY n) AS p10,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS median,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY n) AS p90, max(n) AS longest
    FROM (SELECT journey_length(journey)::float8 AS n FROM journeys) j
    UNION ALL
    SELECT 'sessions', percentile_cont(0.1) WITHIN GROUP (ORDER BY n),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY n),
           percentile_cont(0.9) WITHIN GROUP (ORDER BY n), max(n)
    FROM (SELECT count(*)::float8 AS n FROM journeys, journey_sessions(journey) GROUP BY user_id) j
    UNION ALL
    SELECT 'days', percentile_cont(0.1) WITHIN GROUP (ORDER BY n),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY n),
           percentile_cont(0.9) WITHIN GROUP (ORDER BY n), max(n)
    FROM (SELECT extract(epoch FROM journey_duration(journey)) / 86400 AS n FROM journeys) j
) summary;

\echo Which channels do customers use, and how much time do they spend in each? (pauses count for 30 minutes at most)
SELECT channel, count(*) AS users, sum(c.events) AS events,
       justify_hours(date_trunc('minute', sum(time_spent))) AS "time spent",
       date_trunc('minute', sum(time_spent) / count(*)) AS "a user"
FROM journeys, journey_channels(journey) c
GROUP BY channel ORDER BY events DESC;

\echo What do users do first? The most common openings of their sessions, repeats collapsed:
SELECT journey_path(opening) AS opening, count(*) AS sessions,
       round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS "% of sessions"
FROM journeys, journey_sessions(journey) s,
     LATERAL (SELECT journey_slice(c, tstzrange(journey_start(c), (journey_event(c, 3)).occurred_at, '[]')) AS opening
              FROM journey_collapse(s) c) o
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 8;

\echo How long from the first event to the first purchase?
SELECT acquisition_channel, count(*) AS users,
       count(journey_first(journey, 'purchase')) AS buyers,
       round(100.0 * count(journey_first(journey, 'purchase')) / count(*), 1) AS "% buy",
       date_trunc('minute', percentile_cont(0.5) WITHIN GROUP (
           ORDER BY journey_first(journey, 'purchase') - journey_start(journey))) AS "median time to purchase"
FROM journeys
GROUP BY 1 ORDER BY 3 DESC;
