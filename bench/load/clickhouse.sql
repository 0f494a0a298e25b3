-- The raw events twice: in order of arrival, and sorted by customer and time.
CREATE TABLE events (
    customer_id Int64,
    occurred_at DateTime64(6, 'UTC'),
    event LowCardinality(String),
    channel LowCardinality(String),
    value Nullable(Float64)
) ENGINE = MergeTree ORDER BY tuple();
INSERT INTO events SELECT * FROM file(':csv', 'CSV',
    'customer_id Int64, occurred_at DateTime64(6, ''UTC''), event LowCardinality(String), channel LowCardinality(String), value Nullable(Float64)');
OPTIMIZE TABLE events FINAL;
CREATE TABLE events_sorted ENGINE = MergeTree ORDER BY (customer_id, occurred_at)
    AS SELECT * FROM events;
OPTIMIZE TABLE events_sorted FINAL;
