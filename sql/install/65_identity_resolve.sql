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

-- Evidence between records sharing an active identifier: each with the first record that has it
CREATE FUNCTION customer_index_records(fitted linkage_model) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  IF EXISTS (SELECT FROM customer_identifier_type) THEN
    -- as customer_identifiers_of does for one record
    INSERT INTO customer_identifier (identifier, value, record_id, state)
    SELECT t.identifier, coalesce(n.value, a.raw), r.record_id,
           CASE WHEN n.value IS NULL OR text_is_placeholder(a.raw, t.kind) OR EXISTS (
                  SELECT FROM customer_blocked_value b WHERE b.identifier IN (t.identifier, '*') AND (a.raw ~ b.pattern OR n.value ~ b.pattern))
                THEN 'blocked' ELSE 'active' END
    FROM customer_record r CROSS JOIN customer_identifier_type t,
         LATERAL (SELECT nullif(btrim(r.attributes ->> t.attribute), '') AS raw) a,
         LATERAL (SELECT customer_normalize_identifier(t.kind, t.region, a.raw) AS value) n
    WHERE a.raw IS NOT NULL AND NOT EXISTS (SELECT FROM customer_identifier x WHERE x.record_id = r.record_id);
  END IF;
  DELETE FROM customer_key;
  UPDATE customer_record r SET block_keys = linkage_keys(fitted, r.attributes);
  INSERT INTO customer_key (key, record_id) SELECT k, r.record_id FROM customer_record r, unnest(r.block_keys) k ORDER BY 1;
END $$;
COMMENT ON FUNCTION customer_index_records(linkage_model) IS 'Finds the identifiers of records that have none yet, and blocking keys of all records for a model.';

CREATE FUNCTION customer_resolve(
  spec linkage_spec, OUT records bigint, OUT pairs bigint, OUT customers_created bigint, OUT records_linked bigint,
  OUT customers_merged bigint, OUT merges_refused bigint, OUT model_version integer) RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  fitted @extschema@.linkage_model;
  setting record;
  g record;
  merged record;
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  LOCK TABLE customer_model IN EXCLUSIVE MODE;
  SELECT * INTO setting FROM customer_setting;
  SELECT count(*) INTO records FROM customer_record;
  SELECT (linkage_fit(r.attributes, customer_resolve.spec)).* INTO fitted FROM customer_record r;
  UPDATE customer_model SET is_active = false WHERE is_active;
  INSERT INTO customer_model (model, is_active) VALUES (fitted, true) RETURNING version INTO model_version;
  PERFORM customer_index_records(fitted);
  DELETE FROM customer_evidence e WHERE e.kind = 'model';
  CREATE TEMP TABLE customer_resolve_pair ON COMMIT DROP AS
  SELECT p.a::bigint AS a, p.b::bigint AS b, p.weight
  FROM unnest((SELECT linkage_pairs(r.record_id::text, r.attributes, fitted, '-infinity') FROM customer_record r)) p
  WHERE p.weight >= fitted.threshold OR p.weight < coalesce((customer_resolve.spec).conflict_weight, -6);
  INSERT INTO customer_evidence (record_a, record_b, kind, weight)
  SELECT least(p.a, p.b), greatest(p.a, p.b), 'model', p.weight FROM customer_resolve_pair p WHERE p.weight >= fitted.threshold;
  GET DIAGNOSTICS pairs = ROW_COUNT;
  INSERT INTO customer_evidence (record_a, record_b, kind, weight)
  SELECT v.first, i.record_id, i.identifier, 100
  FROM customer_identifier i JOIN (
    SELECT x.identifier, x.value, min(x.record_id) AS first FROM customer_identifier x JOIN customer_identifier_type t USING (identifier)
    WHERE x.state = 'active' GROUP BY x.identifier, x.value, t.generic_after
    HAVING count(*) BETWEEN 2 AND coalesce(t.generic_after, setting.generic_after)) v USING (identifier, value)
  WHERE i.state = 'active' AND i.record_id <> v.first
  ON CONFLICT DO NOTHING;
  CREATE TEMP TABLE customer_resolve_result ON COMMIT DROP AS
  WITH home AS (SELECT r.record_id, c.canonical_id FROM customer_record r LEFT JOIN customer c ON c.customer_id = r.customer_id),
  edges AS (
    SELECT e.record_a::text AS a, e.record_b::text AS b, e.weight FROM customer_evidence e
    UNION ALL SELECT record_id::text, NULL, NULL FROM home
    -- records that surely differ do not meet
    UNION ALL SELECT p.a::text, p.b::text, '-infinity' FROM customer_resolve_pair p WHERE p.weight < fitted.threshold
    -- what is one customer stays one; judgements hold
    UNION ALL SELECT h.record_id::text, (min(h.record_id) OVER (PARTITION BY h.canonical_id))::text, 'infinity' FROM home h WHERE h.canonical_id IS NOT NULL
    UNION ALL SELECT a.record_id::text, b.record_id::text, CASE j.verdict WHEN 'same' THEN 'infinity'::float8 ELSE '-infinity' END
      FROM customer_judgement j, LATERAL (SELECT min(r.record_id) AS record_id FROM customer_record r WHERE r.customer_id = j.customer_a) a,
           LATERAL (SELECT min(r.record_id) AS record_id FROM customer_record r WHERE r.customer_id = j.customer_b) b
      WHERE j.revoked_at IS NULL AND a.record_id IS NOT NULL AND b.record_id IS NOT NULL)
  SELECT m.id::bigint AS record_id, m.cluster::bigint AS cluster
  FROM unnest((SELECT linkage_clusters(a, b, weight, cluster_options(max_size => setting.max_customer_records)) FROM edges)) m;
  -- clusters of new records only: a customer each
  CREATE TEMP TABLE customer_resolve_new ON COMMIT DROP AS
  SELECT n.cluster, CASE WHEN setting.id_sequence IS NULL THEN gen_random_uuid()::text ELSE nextval(setting.id_sequence)::text END AS customer_id
  FROM (SELECT x.cluster FROM customer_resolve_result x JOIN customer_record r USING (record_id)
        GROUP BY x.cluster HAVING count(r.customer_id) = 0 ORDER BY min(x.record_id)) n;
  INSERT INTO customer (customer_id, canonical_id) SELECT n.customer_id, n.customer_id FROM customer_resolve_new n;
  GET DIAGNOSTICS customers_created = ROW_COUNT;
  UPDATE customer_record r SET customer_id = n.customer_id
  FROM customer_resolve_result x JOIN customer_resolve_new n USING (cluster) WHERE r.record_id = x.record_id;
  INSERT INTO customer_history (customer_id, sequence, kind, payload, payload_hash, hash)
  SELECT n.customer_id, 1, 'resolved', p.payload, d.digest, sha256(convert_to(n.customer_id || '/resolved', 'UTF8') || d.digest)
  FROM (SELECT n.customer_id, array_agg(x.record_id ORDER BY x.record_id) AS ids
        FROM customer_resolve_new n JOIN customer_resolve_result x USING (cluster) GROUP BY 1) n,
       LATERAL (SELECT jsonb_build_object('records', to_jsonb(n.ids), 'model', model_version) AS payload) p,
       LATERAL (SELECT sha256(convert_to(p.payload::text, 'UTF8')) AS digest) d;
  -- new records in a customer's cluster; then customers in one cluster
  UPDATE customer_record r SET customer_id = k.customer_id
  FROM customer_resolve_result x JOIN (
    SELECT y.cluster, min(o.customer_id) AS customer_id FROM customer_resolve_result y JOIN customer_record o USING (record_id)
    WHERE o.customer_id IS NOT NULL GROUP BY y.cluster) k USING (cluster)
  WHERE r.record_id = x.record_id AND r.customer_id IS NULL;
  GET DIAGNOSTICS records_linked = ROW_COUNT;
  customers_merged := 0;
  merges_refused := 0;
  FOR g IN
    SELECT (array_agg(c.customer_id ORDER BY c.created_at, length(c.customer_id), c.customer_id))[1] AS survivor, array_agg(c.customer_id) AS ids
    FROM (SELECT DISTINCT x.cluster, h.canonical_id FROM customer_resolve_result x JOIN customer_record r USING (record_id)
          JOIN customer h ON h.customer_id = r.customer_id) k JOIN customer c ON c.customer_id = k.canonical_id
    GROUP BY k.cluster HAVING count(*) > 1 ORDER BY 1
  LOOP
    SELECT * INTO merged FROM customer_merge(g.survivor, array_remove(g.ids, g.survivor), 'resolved by model ' || model_version);
    IF merged.status = 'refused' THEN
      merges_refused := merges_refused + 1;
      INSERT INTO customer_review (kind, customers, detail) VALUES ('possible duplicates', g.ids, merged.changes);
    ELSE
      customers_merged := customers_merged + cardinality(g.ids) - 1;
    END IF;
  END LOOP;
  DROP TABLE customer_resolve_result, customer_resolve_new, customer_resolve_pair;
END $$;
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
