SELECT sum(journeys), max(journeys)
FROM (
    SELECT path, count() AS journeys
    FROM (SELECT arrayMap(e -> e.2, arraySort(groupArray((occurred_at, event)))) AS path FROM events_by_customer GROUP BY customer_id)
    GROUP BY path ORDER BY journeys DESC LIMIT 10
);
