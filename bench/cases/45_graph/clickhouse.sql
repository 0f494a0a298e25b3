SELECT count(), sum(transitions), max(transitions), sum(customers), count(mean_time), count(median_time)
FROM (
    SELECT event, next, count() AS transitions, uniqExact(customer_id) AS customers,
        avg(took) AS mean_time, quantile(0.5)(took) AS median_time
    FROM (
        SELECT customer_id, event, leadInFrame(event) OVER w AS next, leadInFrame(toUnixTimestamp64Micro(occurred_at)) OVER w - toUnixTimestamp64Micro(occurred_at) AS took
        FROM events_by_customer
        WINDOW w AS (PARTITION BY customer_id ORDER BY occurred_at, event ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
    )
    WHERE next <> '' GROUP BY event, next
);
