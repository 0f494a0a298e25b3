-- Times, event names and channels, as the journeys have them.
SET enable_hashagg = off;
SET enable_sort = off;
SELECT count(*), sum(cardinality(a)),
    count(*) FILTER (WHERE (a[cardinality(a)]).event = 'purchase')
FROM (
    SELECT array_agg((occurred_at, event, channel)::event_row ORDER BY occurred_at) AS a
    FROM events_by_customer GROUP BY customer_id
) s;
