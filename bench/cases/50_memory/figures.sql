SET work_mem = ':hash_work_mem kB';
SET enable_sort = off;
SET customer_journey.enable_grouped_scan = off;
CREATE FUNCTION pg_temp.explain(query text) RETURNS jsonb LANGUAGE plpgsql AS
$$ DECLARE plan jsonb; BEGIN EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON) ' || query INTO plan; RETURN plan; END $$;
WITH hash AS (
    SELECT jsonb_path_query(pg_temp.explain($q$
        SELECT customer_id, journey_agg(occurred_at, event, channel) FROM events GROUP BY customer_id
    $q$), 'strict $.** ? (@."Node Type" == "Aggregate")') AS node
), found AS (
    SELECT node ->> 'Strategy' AS strategy,
        (node ->> 'Peak Memory Usage')::numeric / 1024 AS peak,
        node ->> 'HashAgg Batches' AS batches,
        (node ->> 'Disk Usage')::numeric / 1024 AS disk,
        :hash_work_mem / 1024.0 * current_setting('hash_mem_multiplier')::numeric AS hash_mem
    FROM hash
)
SELECT name, figure, unit FROM found, LATERAL (VALUES
    ('strategy', strategy, ''),
    ('work_mem', round(:hash_work_mem / 1024.0, 2)::text, 'MB'),
    ('hash_mem', round(hash_mem, 2)::text, 'MB'),
    ('hash_peak', round(peak, 2)::text, 'MB'),
    ('hash_batches', batches, ''),
    ('hash_spilled', round(disk, 2)::text, 'MB')) AS f (name, figure, unit);
