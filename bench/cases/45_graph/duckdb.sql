SELECT count(*), sum(transitions), max(transitions), sum(customers), count(mean_time), count(median_time)
FROM (
    SELECT event, next, count(*) AS transitions, count(DISTINCT customer_id) AS customers,
        avg(took) AS mean_time, approx_quantile(took, 0.5) AS median_time
    FROM (
        SELECT customer_id, event, lead(event) OVER w AS next, epoch_us(lead(occurred_at) OVER w) - epoch_us(occurred_at) AS took
        FROM events_by_customer WINDOW w AS (PARTITION BY customer_id ORDER BY occurred_at, event)
    )
    WHERE next IS NOT NULL GROUP BY 1, 2
);
