/* Golden records: one value for each attribute, by rules, with where it comes from */

-- ---- as aggregates, for any table ----

CREATE TYPE customer_dated_value AS (value text, at timestamptz);
COMMENT ON TYPE customer_dated_value IS 'A value and when it was observed: state of customer_most_recent.';

CREATE FUNCTION customer_most_recent_transfn(state customer_dated_value, value text, at timestamptz) RETURNS customer_dated_value
LANGUAGE sql IMMUTABLE PARALLEL SAFE SUPPORT journey_support
RETURN CASE WHEN value IS NULL OR at IS NULL THEN state
            WHEN (state).at IS NULL OR at > (state).at OR (at = (state).at AND value COLLATE "C" < (state).value COLLATE "C")
            THEN ROW(value, at)::customer_dated_value ELSE state END;
COMMENT ON FUNCTION customer_most_recent_transfn(customer_dated_value, text, timestamptz) IS 'Transition function of customer_most_recent.';
CREATE FUNCTION customer_most_recent_combinefn(a customer_dated_value, b customer_dated_value) RETURNS customer_dated_value
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN customer_most_recent_transfn(a, (b).value, (b).at);
COMMENT ON FUNCTION customer_most_recent_combinefn(customer_dated_value, customer_dated_value) IS 'Combine function of customer_most_recent.';
CREATE FUNCTION customer_most_recent_finalfn(state customer_dated_value) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (state).value;
COMMENT ON FUNCTION customer_most_recent_finalfn(customer_dated_value) IS 'Final function of customer_most_recent.';
CREATE AGGREGATE customer_most_recent(value text, at timestamptz) (
  SFUNC = customer_most_recent_transfn, STYPE = customer_dated_value, FINALFUNC = customer_most_recent_finalfn,
  COMBINEFUNC = customer_most_recent_combinefn, PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_most_recent(text, timestamptz) IS
'The value observed last; of several at that time the first in byte order. NULL values and times are skipped.';

CREATE FUNCTION customer_longest_transfn(state text, value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SUPPORT journey_support
RETURN CASE WHEN value IS NULL THEN state
            WHEN state IS NULL OR pg_catalog.length(value) > pg_catalog.length(state)
              OR (pg_catalog.length(value) = pg_catalog.length(state) AND value COLLATE "C" < state COLLATE "C") THEN value ELSE state END;
COMMENT ON FUNCTION customer_longest_transfn(text, text) IS 'Transition and combine function of customer_longest.';
CREATE AGGREGATE customer_longest(value text) (
  SFUNC = customer_longest_transfn, STYPE = text, COMBINEFUNC = customer_longest_transfn, PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_longest(text) IS 'The value with most characters; of several the first in byte order. NULL is skipped.';

CREATE FUNCTION customer_values_transfn(state text[], value text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SUPPORT journey_support
RETURN CASE WHEN value IS NULL THEN state ELSE pg_catalog.array_append(state, value) END;
COMMENT ON FUNCTION customer_values_transfn(text[], text) IS 'Transition function of customer_most_frequent and customer_unanimous.';
CREATE FUNCTION customer_most_frequent_finalfn(state text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT v FROM pg_catalog.unnest(state) v GROUP BY v ORDER BY pg_catalog.count(*) DESC, v COLLATE "C" LIMIT 1);
COMMENT ON FUNCTION customer_most_frequent_finalfn(text[]) IS 'Final function of customer_most_frequent.';
CREATE FUNCTION customer_unanimous_finalfn(state text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT CASE WHEN pg_catalog.count(DISTINCT v) = 1 THEN pg_catalog.min(v) END FROM pg_catalog.unnest(state) v);
COMMENT ON FUNCTION customer_unanimous_finalfn(text[]) IS 'Final function of customer_unanimous.';
CREATE AGGREGATE customer_most_frequent(value text) (
  SFUNC = customer_values_transfn, STYPE = text[], COMBINEFUNC = array_cat, FINALFUNC = customer_most_frequent_finalfn, PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_most_frequent(text) IS 'The value that occurs most often; of several the first in byte order. NULL is skipped.';
CREATE AGGREGATE customer_unanimous(value text) (
  SFUNC = customer_values_transfn, STYPE = text[], COMBINEFUNC = array_cat, FINALFUNC = customer_unanimous_finalfn, PARALLEL = SAFE);
COMMENT ON AGGREGATE customer_unanimous(text) IS 'The value that all rows have; NULL if they differ. NULL is skipped.';

-- ---- of the catalogue's customers ----

CREATE FUNCTION customer_golden(
  customer text, OUT attribute text, OUT value text, OUT record_id bigint, OUT source text, OUT rule text,
  OUT confidence float8, OUT losers jsonb) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  RETURN QUERY
  WITH members AS (
    SELECT c.customer_id FROM customer c
    WHERE c.customer_id = customer_golden.customer OR (c.status = 'merged' AND c.canonical_id = customer_golden.customer)
  ), cells AS (
    SELECT a.key, a.value, r.record_id, r.source, r.source_key, r.observed_at, coalesce(s.rank, 1000) AS rank,
           count(*) OVER (PARTITION BY a.key, a.value) AS same, count(*) OVER (PARTITION BY a.key) AS present,
           count(*) OVER (PARTITION BY r.record_id) AS filled, coalesce(v.rule, 'most_recent') AS rule
    FROM customer_record r JOIN members USING (customer_id) LEFT JOIN customer_source s USING (source),
         LATERAL jsonb_each_text(r.attributes) a(key, value) LEFT JOIN customer_survivorship v ON v.attribute = a.key
    WHERE a.value IS NOT NULL AND a.value <> ''
  ), placed AS (
    SELECT *, row_number() OVER (PARTITION BY key ORDER BY
        CASE rule WHEN 'most_frequent' THEN same WHEN 'longest' THEN length(value) WHEN 'most_complete' THEN filled
                  WHEN 'source_order' THEN -rank END DESC NULLS LAST,
        observed_at DESC, rank, source COLLATE "C", source_key COLLATE "C") AS place
    FROM cells
  ), losing AS (
    SELECT key, jsonb_agg(jsonb_build_object('value', value, 'record_id', record_id, 'source', source) ORDER BY place)
                  FILTER (WHERE place > 1) AS losers
    FROM placed GROUP BY key
  ), chosen AS (
    SELECT p.key, CASE WHEN p.rule <> 'unanimous' OR p.same = p.present THEN p.value END AS value, p.record_id, p.source, p.rule,
           p.same::float8 / p.present AS confidence, l.losers
    FROM placed p JOIN losing l USING (key) WHERE p.place = 1
  )
  SELECT coalesce(c.key, p.attribute), CASE WHEN p.attribute IS NULL THEN c.value ELSE p.value END,
         CASE WHEN p.attribute IS NULL THEN c.record_id END, CASE WHEN p.attribute IS NULL THEN c.source END,
         CASE WHEN p.attribute IS NULL THEN c.rule ELSE 'pinned' END, CASE WHEN p.attribute IS NULL THEN c.confidence ELSE 1 END, c.losers
  FROM chosen c FULL JOIN (
    -- a pin of the customer itself goes before pins of those merged into it
    SELECT DISTINCT ON (p.attribute) p.attribute, p.value FROM customer_pin p JOIN members m USING (customer_id)
    ORDER BY p.attribute, (p.customer_id = customer_golden.customer) DESC, p.customer_id) p ON p.attribute = c.key
  ORDER BY 1;
END $$;
COMMENT ON FUNCTION customer_golden(text) IS
'The golden record of a customer with all that was merged into it: for each attribute the value that its rule chooses among the records, whence it comes, the share of records that have it (confidence) and the values that lost. Rules are set in customer_survivorship: most_recent (the default), most_frequent, source_order (by customer_source.rank), longest, most_complete (of the fullest record), unanimous (NULL if records differ); ties go to the most recent record, then the source''s rank, then the first source and key in byte order. customer_pin overrides. Nothing is stored: it is a function of records, rules and pins.';

CREATE FUNCTION customer_golden_values(customer text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT coalesce(jsonb_object_agg(g.attribute, g.value), '{}') FROM @extschema@.customer_golden(customer) g WHERE g.value IS NOT NULL);
END $$;
COMMENT ON FUNCTION customer_golden_values(text) IS 'The golden record as one jsonb object of attributes and values.';
