DROP INDEX IF EXISTS journeys_pattern;
CREATE INDEX journeys_pattern ON journeys USING gin (journey);
VACUUM ANALYZE journeys;
