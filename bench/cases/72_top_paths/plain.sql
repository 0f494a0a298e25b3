WITH paths AS (
    SELECT array_agg(event ORDER BY occurred_at, event COLLATE "C") AS path FROM events GROUP BY customer_id
)
SELECT (SELECT count(*) FROM paths GROUP BY path ORDER BY 1 DESC LIMIT 1), (SELECT count(DISTINCT path[1:5]) FROM paths);
