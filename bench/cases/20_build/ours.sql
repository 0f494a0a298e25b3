-- The plan is the planner's choice: rows are partitioned, then grouped.
SELECT count(*), sum(journey_length(j)),
    count(*) FILTER (WHERE journey_last(j, 'purchase') = journey_end(j))
FROM (SELECT journey_agg(occurred_at, event, channel) AS j FROM events GROUP BY customer_id) s;
