SELECT count(*), sum(length(event) + length(channel)), count(value),
    sum((extract(epoch FROM occurred_at) * 1000000)::bigint), sum(customer_id)
FROM events;
