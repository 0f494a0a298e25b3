-- 64 MB at 10 million events, in proportion for others.
SET work_mem = ':hash_work_mem kB';
SET enable_sort = off;
SET customer_journey.enable_grouped_scan = off;
SELECT count(*), sum(journey_length(j))
FROM (SELECT journey_agg(occurred_at, event, channel) AS j FROM events GROUP BY customer_id) s;
