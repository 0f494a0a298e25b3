-- The event names alone, in order.
SET enable_hashagg = off;
SELECT count(*), sum(cardinality(a)),
    count(*) FILTER (WHERE a[cardinality(a)] = 'purchase')
FROM (SELECT array_agg(event ORDER BY occurred_at) AS a FROM events GROUP BY customer_id) s;
