SELECT count(*), count(DISTINCT event), count(value),
    sum(epoch_us(occurred_at)), sum(customer_id)
FROM events;
