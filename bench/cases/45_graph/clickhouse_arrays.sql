-- The same with arrays in the place of window functions, from the ordered table.
SELECT count(), sum(transitions), max(transitions), sum(customers), count(mean_time), count(median_time)
FROM (
    SELECT step.1 AS event, step.2 AS next, count() AS transitions, uniqExact(customer_id) AS customers,
        avg(step.3) AS mean_time, quantile(0.5)(step.3) AS median_time
    FROM (
        SELECT customer_id, arraySort(groupArray((toUnixTimestamp64Micro(occurred_at), event))) AS e,
            arrayJoin(arrayMap((a, b) -> (a.2, b.2, b.1 - a.1), arrayPopBack(e), arrayPopFront(e))) AS step
        FROM events_by_customer GROUP BY customer_id
    )
    GROUP BY event, next
);
