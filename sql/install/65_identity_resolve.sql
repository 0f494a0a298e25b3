/* Who is it: one record at a time, and all of them */

CREATE FUNCTION customer_identifier_type_set(
  identifier text, attribute text DEFAULT NULL, kind text DEFAULT 'text', region text DEFAULT 'ES', priority integer DEFAULT 100,
  max_per_customer integer DEFAULT NULL, within interval DEFAULT NULL, generic_after integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  INSERT INTO customer_identifier_type VALUES (identifier, coalesce(attribute, identifier), kind, region, priority, max_per_customer, within, generic_after)
  ON CONFLICT ON CONSTRAINT customer_identifier_type_pkey DO UPDATE SET attribute = excluded.attribute, kind = excluded.kind,
    region = excluded.region, priority = excluded.priority, max_per_customer = excluded.max_per_customer,
    within = excluded.within, generic_after = excluded.generic_after;
END $$;
COMMENT ON FUNCTION customer_identifier_type_set(text, text, text, text, integer, integer, interval, integer) IS
'Declares that an attribute (of the same name unless given) identifies customers. kind: text, email, phone or document, which says how it is normalised; priority: smaller goes first when identifiers disagree; max_per_customer: how many different values one customer may have (1 for a unique identifier), within a time if given; generic_after: a value that more customers have no longer links (25 unless set).';

-- Statements name their tables with schemas, and use indexes whatever the statistics of young tables say
CREATE FUNCTION customer_identify(
  source text, source_key text, attributes jsonb, observed_at timestamptz DEFAULT now(),
  OUT customer_id text, OUT action text, OUT merge_id bigint, OUT detail jsonb) RETURNS record
AS 'MODULE_PATHNAME', 'cj_customer_identify' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off;
COMMENT ON FUNCTION customer_identify(text, text, jsonb, timestamptz) IS
'Stores one record (or a newer version of it) and says whose it is, in the caller''s transaction. action: created (a new customer), linked (an existing one), merged (the record shows that several customers are one; merge_id), ambiguous (it could be several that may not be one; kept apart and put up for review), conflict (an identifier''s limit forbids the match; the identifier that led there is demoted, a new customer is made), blocked (nothing but placeholders or blocked values; a new customer), suppressed (erased before; nothing is stored and customer_id is NULL). A record that belongs to a merged customer keeps the part it belongs to, so an unmerge sends it there. Sessions that meet the same identifiers at once take turns.';

CREATE FUNCTION customer_resolve(
  spec linkage_spec, OUT records bigint, OUT pairs bigint, OUT customers_created bigint, OUT records_linked bigint,
  OUT customers_merged bigint, OUT merges_refused bigint, OUT model_version integer) RETURNS record
AS 'MODULE_PATHNAME', 'cj_customer_resolve' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp SET jit = off;
COMMENT ON FUNCTION customer_resolve(linkage_spec) IS
'Resolves all records of the catalogue: fits the specification''s model to their attributes (it becomes the active one), weighs candidate pairs, adds shared identifiers and judgements, and clusters. Records without a customer get one, those in an existing customer''s cluster join it, customers in one cluster are merged as by customer_merge (refusals go to review). Existing ids stay; customers are not taken apart. The same records give the same customers whatever their order.';

CREATE FUNCTION customer_why_not(a text, b text, OUT step text, OUT answer text, OUT detail jsonb) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 5 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  ca text := @extschema@.customer_canonical(a);
  cb text := @extschema@.customer_canonical(b);
  active @extschema@.linkage_model;
  obstacle text;
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  step := 'customers';
  IF ca IS NULL OR cb IS NULL THEN
    answer := 'unknown customer'; RETURN NEXT; RETURN;
  ELSIF ca = cb THEN
    answer := 'they are one customer'; detail := jsonb_build_object('customer_id', ca); RETURN NEXT; RETURN;
  END IF;
  obstacle := customer_obstacle(ca, cb);
  IF obstacle IS NOT NULL THEN
    step := 'obstacle'; answer := obstacle; RETURN NEXT;
  END IF;
  RETURN QUERY
    SELECT 'identifier'::text,
           CASE WHEN x.state <> 'active' OR y.state <> 'active' THEN x.identifier || ' is shared, but ' || CASE WHEN x.state <> 'active' THEN x.state ELSE y.state END
                WHEN n.holders > coalesce(t.generic_after, s.generic_after) THEN x.identifier || ' is shared, but generic'
                ELSE x.identifier || ' is shared' END,
           jsonb_build_object('value', x.value, 'customers', n.holders)
    FROM customer ka JOIN customer_record ra ON ra.customer_id = ka.customer_id JOIN customer_identifier x ON x.record_id = ra.record_id
    JOIN customer_identifier y ON y.identifier = x.identifier AND y.value = x.value JOIN customer_record rb ON rb.record_id = y.record_id
    JOIN customer kb ON kb.customer_id = rb.customer_id JOIN customer_identifier_type t ON t.identifier = x.identifier CROSS JOIN customer_setting s,
    LATERAL (SELECT count(DISTINCT c.canonical_id) AS holders FROM customer_identifier i JOIN customer_record r USING (record_id)
             JOIN customer c ON c.customer_id = r.customer_id WHERE i.identifier = x.identifier AND i.value = x.value) n
    WHERE ka.canonical_id = ca AND kb.canonical_id = cb
    GROUP BY x.identifier, x.value, x.state, y.state, n.holders, t.generic_after, s.generic_after ORDER BY 2, 3;
  IF NOT FOUND THEN
    step := 'identifier'; answer := 'no identifier is shared'; detail := NULL; RETURN NEXT;
  END IF;
  SELECT (m.model).* INTO active FROM customer_model m WHERE m.is_active;
  step := 'model';
  IF NOT FOUND THEN
    answer := 'there is no model'; RETURN NEXT; RETURN;
  END IF;
  RETURN QUERY
    SELECT 'model'::text, CASE WHEN w.weight < active.threshold THEN 'the weight is below the threshold' WHEN k.n = 0 THEN 'no blocking key in common'
                               ELSE 'the weight reaches the threshold' END,
           jsonb_build_object('record_a', w.x, 'record_b', w.y, 'weight', round(w.weight::numeric, 3), 'threshold', round(active.threshold::numeric, 3), 'common_keys', k.n)
    FROM (SELECT ra.record_id AS x, rb.record_id AS y, linkage_weight(active, ra.attributes, rb.attributes) AS weight,
                 ra.block_keys AS keys_a, rb.block_keys AS keys_b
          FROM customer ka JOIN customer_record ra ON ra.customer_id = ka.customer_id, customer kb JOIN customer_record rb ON rb.customer_id = kb.customer_id
          WHERE ka.canonical_id = ca AND kb.canonical_id = cb ORDER BY 3 DESC, 1, 2 LIMIT 1) w,
    LATERAL (SELECT count(*) AS n FROM unnest(w.keys_a) a(key) JOIN unnest(w.keys_b) b(key) USING (key)) k;
END $$;
COMMENT ON FUNCTION customer_why_not(text, text) IS
'Why two customers are not one: judgements and limits in the way, identifiers they share and why those do not link, and the weight of their most similar records against the model''s threshold.';
