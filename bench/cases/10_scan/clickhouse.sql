SELECT count(), sum(length(event) + length(channel)), count(value),
    sum(toInt128(toUnixTimestamp64Micro(occurred_at))), sum(customer_id)
FROM events;
