SET enable_hashagg = off;
SET enable_sort = off;
SELECT count(*), sum(journey_length(j)),
    count(*) FILTER (WHERE journey_last(j, 'purchase') = journey_end(j))
FROM (
    SELECT journey_agg(occurred_at, event, channel) AS j
    FROM events_by_customer GROUP BY customer_id
) s;
