-- Values out of line are those with a first chunk in the toast table.
CREATE FUNCTION pg_temp.toasted(of_table regclass) RETURNS bigint LANGUAGE plpgsql AS
$$ DECLARE
    toast regclass := (SELECT reltoastrelid FROM pg_class WHERE oid = of_table);
    result bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s WHERE chunk_seq = 0', toast) INTO result;
    RETURN result;
END $$;
SELECT 'journeys', count(*)::text, '' FROM journeys
UNION ALL
SELECT 'toasted_share', round(pg_temp.toasted('journeys') * 100.0 / count(*), 3)::text, '% of the journeys' FROM journeys
UNION ALL
SELECT 'toasted_share_bytea', round(pg_temp.toasted('journey_bytes') * 100.0 / count(*), 3)::text, '% of the values' FROM journey_bytes
UNION ALL
SELECT 'toasted_events', round(sum(journey_length(journey)) FILTER (WHERE pg_column_size(journey) > 2000) * 100.0
    / sum(journey_length(journey)), 3)::text, '% of the events' FROM journeys;
