CREATE OR REPLACE TABLE events_by_customer AS
    SELECT * FROM events ORDER BY customer_id, occurred_at;
CHECKPOINT;
