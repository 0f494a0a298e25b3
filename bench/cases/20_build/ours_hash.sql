-- Hash aggregation: the planner's choice without our node.
SET customer_journey.enable_grouped_scan = off;
SELECT count(*), sum(journey_length(j)),
    count(*) FILTER (WHERE journey_last(j, 'purchase') = journey_end(j))
FROM (SELECT journey_agg(occurred_at, event, channel) AS j FROM events GROUP BY customer_id) s;
