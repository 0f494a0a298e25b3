SELECT count(*), sum(len(a)), count(*) FILTER (WHERE a[-1].event = 'purchase')
FROM (
    SELECT list({'t': occurred_at, 'event': event, 'channel': channel} ORDER BY occurred_at) AS a
    FROM events GROUP BY customer_id
);
