SELECT level, count()
FROM (
    SELECT windowFunnel(604800000000)(toUInt64(toUnixTimestamp64Micro(occurred_at)),
               event = 'search', event = 'view', event = 'cart', event = 'purchase') AS level
    FROM events GROUP BY customer_id
) GROUP BY level ORDER BY level;
