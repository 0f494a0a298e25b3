SELECT sum(journeys), max(journeys)
FROM (
    SELECT count(*) AS journeys
    FROM (SELECT array_agg(event ORDER BY occurred_at, event COLLATE "C") AS path FROM events GROUP BY customer_id) s
    GROUP BY path ORDER BY 1 DESC LIMIT 10
) t;
