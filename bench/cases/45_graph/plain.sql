SELECT count(*), sum(transitions), max(transitions), sum(customers), count(mean_time), count(median_time)
FROM (
    SELECT event, next, count(*) AS transitions, count(DISTINCT customer_id) AS customers,
        avg(after - occurred_at) AS mean_time, percentile_disc(0.5) WITHIN GROUP (ORDER BY after - occurred_at) AS median_time
    FROM (
        SELECT customer_id, event, occurred_at, lead(event) OVER w AS next, lead(occurred_at) OVER w AS after
        FROM events WINDOW w AS (PARTITION BY customer_id ORDER BY occurred_at, event COLLATE "C")
    ) s
    WHERE next IS NOT NULL GROUP BY 1, 2
) t;
