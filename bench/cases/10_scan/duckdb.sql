SELECT count(*), sum(length(event) + length(channel)), count(value),
    sum(epoch_us(occurred_at)), sum(customer_id)
FROM events;
