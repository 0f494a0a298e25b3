WITH stored AS (
    SELECT journey_length(journey) AS n, pg_column_size(journey) AS size FROM journeys
), raw AS (
    SELECT count(*) AS n, sum(pg_column_size(occurred_at) + pg_column_size(event) + pg_column_size(channel)) AS size
    FROM events
)
SELECT 'journeys_of_20', count(*)::text, 'journeys' FROM stored WHERE n = 20
UNION ALL
SELECT 'bytes_per_event_of_20', round(avg(size) / 20, 3)::text, 'bytes' FROM stored WHERE n = 20
UNION ALL
SELECT 'largest_of_20', round(max(size) / 20.0, 3)::text, 'bytes an event' FROM stored WHERE n = 20
UNION ALL
SELECT 'bytes_per_event', round(sum(size)::numeric / sum(n), 3)::text, 'bytes' FROM stored
UNION ALL
SELECT 'raw_columns_per_event', round(size::numeric / n, 3)::text, 'bytes' FROM raw
UNION ALL
SELECT 'raw_table_per_event', round(pg_table_size('events')::numeric / n, 3)::text, 'bytes' FROM raw
UNION ALL
SELECT 'journeys_table_per_event', round(pg_table_size('journeys')::numeric / n, 3)::text, 'bytes' FROM raw
UNION ALL
SELECT 'raw_table', round(pg_table_size('events') / 1048576.0, 1)::text, 'MB'
UNION ALL
SELECT 'journeys_table', round(pg_table_size('journeys') / 1048576.0, 1)::text, 'MB';
