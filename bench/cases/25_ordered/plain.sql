SET enable_hashagg = off;
SET enable_sort = off;
SELECT count(*), sum(cardinality(a)),
    count(*) FILTER (WHERE a[cardinality(a)] = 'purchase')
FROM (
    SELECT array_agg(event ORDER BY occurred_at) AS a
    FROM events_by_customer GROUP BY customer_id
) s;
