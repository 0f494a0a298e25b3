-- not compared: the order among equal times is undefined in sequenceMatch
SELECT countIf(found)
FROM (
    SELECT sequenceMatch('(?1)(?t<=86400000000)(?2).*(?3)')(toUInt64(toUnixTimestamp64Micro(occurred_at)),
               event = 'view', event = 'cart', event = 'purchase') AS found
    FROM events_by_customer GROUP BY customer_id
);
