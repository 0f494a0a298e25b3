DROP TABLE IF EXISTS events_by_customer;
CREATE TABLE events_by_customer ENGINE = MergeTree ORDER BY (customer_id, occurred_at)
    AS SELECT * FROM events;
OPTIMIZE TABLE events_by_customer FINAL;
