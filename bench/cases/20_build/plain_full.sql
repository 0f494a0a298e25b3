-- Times, event names and channels, as the journeys have them.
SET enable_hashagg = off;
SELECT count(*), sum(cardinality(a)),
    count(*) FILTER (WHERE (a[cardinality(a)]).event = 'purchase')
FROM (
    SELECT array_agg((occurred_at, event, channel)::event_row ORDER BY occurred_at) AS a
    FROM events GROUP BY customer_id
) s;
