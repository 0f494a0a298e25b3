SELECT sum(journeys), max(journeys)
FROM (
    SELECT path, count(*) AS journeys
    FROM (SELECT list_transform(list_sort(list({'t': occurred_at, 'e': event})), lambda x: x.e) AS path FROM events_by_customer GROUP BY customer_id)
    GROUP BY path ORDER BY journeys DESC LIMIT 10
);
