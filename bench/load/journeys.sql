-- The stored journeys, and beside them their bytes as plain bytea.
CREATE TABLE journeys (
    customer_id bigint NOT NULL,
    journey journey NOT NULL
);
INSERT INTO journeys
    SELECT customer_id, journey_agg(occurred_at, event, channel)
    FROM events GROUP BY customer_id ORDER BY customer_id;
CREATE TABLE journey_bytes (
    customer_id bigint NOT NULL,
    bytes bytea NOT NULL
);
ALTER TABLE journey_bytes ALTER bytes SET STORAGE EXTERNAL;
INSERT INTO journey_bytes
    SELECT customer_id, journey_send(journey) FROM journeys ORDER BY customer_id;
VACUUM (FREEZE, ANALYZE) journeys;
VACUUM (FREEZE, ANALYZE) journey_bytes;
