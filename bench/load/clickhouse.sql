-- The raw events in order of arrival.
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
