DROP TABLE IF EXISTS events_by_customer;
CREATE TABLE events_by_customer AS
    SELECT * FROM events ORDER BY customer_id, occurred_at;
ALTER TABLE events_by_customer ALTER customer_id SET (n_distinct = :customers);
CREATE INDEX ON events_by_customer (customer_id, occurred_at);
VACUUM (FREEZE, ANALYZE) events_by_customer;
