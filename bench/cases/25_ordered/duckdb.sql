SELECT count(*), sum(len(a)), count(*) FILTER (WHERE a[-1].event = 'purchase')
FROM (
    SELECT list_sort(list({'t': occurred_at, 'event': event, 'channel': channel})) AS a
    FROM events_by_customer GROUP BY customer_id
);
