SELECT count(), sum(length(a)), countIf(a[-1].2 = 'purchase')
FROM (
    SELECT arraySort(e -> e.1, groupArray((occurred_at, event, channel))) AS a
    FROM events_by_customer GROUP BY customer_id
);
