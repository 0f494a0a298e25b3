-- threads: 2
-- Partial hash aggregation, which the planner thinks dearer at its default
-- costs: it cannot know that a state travels as a packed journey.
SET customer_journey.enable_grouped_scan = off;
SET parallel_tuple_cost = 0.01;
SET parallel_setup_cost = 0;
SELECT count(*), sum(journey_length(j)),
    count(*) FILTER (WHERE journey_last(j, 'purchase') = journey_end(j))
FROM (SELECT journey_agg(occurred_at, event, channel) AS j FROM events GROUP BY customer_id) s;
