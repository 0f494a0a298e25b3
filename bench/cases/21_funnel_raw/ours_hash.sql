-- Hash aggregation: the planner's choice without our node.
SET customer_journey.enable_grouped_scan = off;
SELECT level, count(*)
FROM (SELECT window_funnel('7 days', occurred_at, event = 'search', event = 'view', event = 'cart', event = 'purchase') AS level
      FROM events GROUP BY customer_id) l
GROUP BY level ORDER BY level;
