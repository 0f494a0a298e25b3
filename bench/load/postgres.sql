-- The raw events in order of arrival.  The number of customers is told to the
-- planner, since it follows from the data and a sample guesses it badly.
CREATE TABLE events (
    customer_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    event text NOT NULL,
    channel text NOT NULL,
    value float8
);
ALTER TABLE events ALTER customer_id SET (n_distinct = :customers);
COPY events FROM ':csv' WITH (FORMAT csv);
VACUUM (FREEZE, ANALYZE) events;
-- What a journey holds of an event, for arrays.
CREATE TYPE event_row AS (occurred_at timestamptz, event text, channel text);
