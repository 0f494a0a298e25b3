-- The raw events in order of arrival.
CREATE TABLE events (
    customer_id BIGINT NOT NULL,
    occurred_at TIMESTAMP NOT NULL,
    event VARCHAR NOT NULL,
    channel VARCHAR NOT NULL,
    value DOUBLE
);
COPY events FROM ':csv' (FORMAT csv, HEADER false);
CHECKPOINT;
