-- 1 million rows of ten numbers of different shapes and an outcome that depends on them
SELECT setseed(0.42);
CREATE UNLOGGED TABLE propensity_rows AS
SELECT u < 1 / (1 + exp(2.5 - 0.3 * x1 - 0.8 * x2 + 0.4 * x3 - 0.005 * x4 - 0.2 * x5 - x6 - 0.1 * x7 + 0.2 * x8 - 0.3 * x9 + 0.1 * x10)) AS y, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10
FROM (SELECT random() AS u, -ln(1 - random()) AS x1, random() * 2 - 1 AS x2, random() AS x3, floor(random() * 100) AS x4, random() AS x5,
		(random() - 0.5) * (random() - 0.5) AS x6, random() AS x7, random() AS x8, random() * random() AS x9, sqrt(random()) AS x10
	  FROM generate_series(1, 1000000)) r;
CREATE UNLOGGED TABLE propensity_arrays AS
SELECT y, ARRAY[x1, x2, x3, x4, x5, x6, x7, x8, x9, x10] AS x FROM propensity_rows;
VACUUM ANALYZE propensity_rows;
VACUUM ANALYZE propensity_arrays;
CREATE TABLE propensity_bench AS SELECT propensity_fit(y, x) AS on_array FROM propensity_arrays;
ALTER TABLE propensity_bench ADD on_record propensity_model;
UPDATE propensity_bench SET on_record = (SELECT propensity_fit(y, f) FROM propensity_rows, LATERAL (SELECT x1, x2, x3, x4, x5, x6, x7, x8, x9, x10) f);
CREATE UNLOGGED TABLE propensity_scores AS SELECT y, propensity_score((SELECT on_array FROM propensity_bench), x) AS p FROM propensity_arrays;
VACUUM ANALYZE propensity_scores;

-- the median of five runs of a query, in seconds
CREATE FUNCTION propensity_seconds(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz;
    taken float8[] := '{}';
BEGIN
    FOR round IN 0 .. 5 LOOP
        began := clock_timestamp();
        EXECUTE query;
        -- the first run warms caches
        IF round > 0 THEN
            taken := taken || extract(epoch FROM clock_timestamp() - began)::float8;
        END IF;
    END LOOP;
    RETURN (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) FROM unnest(taken) t);
END $$;
