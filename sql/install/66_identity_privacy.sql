/* The whole customer: seen, exported, erased */

CREATE FUNCTION customer_history(customer text, OUT happened_at timestamptz, OUT customer_id text, OUT kind text, OUT actor text, OUT payload jsonb)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  RETURN QUERY
    SELECT h.happened_at, h.customer_id, h.kind, h.actor, h.payload
    FROM customer_history h JOIN customer c ON c.customer_id = h.customer_id
    WHERE c.customer_id = customer_history.customer OR (c.status = 'merged' AND c.canonical_id = customer_history.customer)
    ORDER BY h.happened_at, h.customer_id, h.sequence;
END $$;
COMMENT ON FUNCTION customer_history(text) IS 'All that was decided about a customer and those merged into it, in order.';

-- What registered relations hold of some customers
CREATE FUNCTION customer_rows_of(ids text[], journeys_only boolean) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ref record;
  found jsonb;
  result jsonb := '{}';
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  FOR ref IN SELECT r.relation, r.column_name, r.mode FROM customer_reference r
             WHERE NOT journeys_only OR r.mode = 'combine' ORDER BY r.relation::text, r.column_name LOOP
    EXECUTE format('SELECT jsonb_agg(to_jsonb(r) ORDER BY r::text) FROM %s r WHERE r.%I::text = ANY ($1)', ref.relation, ref.column_name)
    INTO found USING ids;
    IF found IS NOT NULL THEN
      result := result || jsonb_build_object(ref.relation::text, coalesce(result -> ref.relation::text, '[]') || found);
    END IF;
  END LOOP;
  RETURN result;
END $$;
COMMENT ON FUNCTION customer_rows_of(text[], boolean) IS 'The rows of registered relations that belong to customers, as jsonb by relation.';

CREATE FUNCTION customer_360(customer text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  canonical text;
  ids text[];
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  canonical := (SELECT c.canonical_id FROM customer c WHERE c.customer_id = customer);
  IF canonical IS NULL THEN RETURN NULL; END IF;
  SELECT array_agg(c.customer_id ORDER BY c.created_at, c.customer_id) INTO ids FROM customer c
  WHERE c.customer_id = canonical OR (c.status = 'merged' AND c.canonical_id = canonical);
  RETURN jsonb_build_object(
    'customer_id', canonical, 'status', (SELECT c.status FROM customer c WHERE c.customer_id = canonical), 'members', to_jsonb(ids),
    'golden', customer_golden_values(canonical),
    'identifiers', (SELECT coalesce(jsonb_agg(jsonb_build_object('identifier', i.identifier, 'value', i.value, 'state', i.state, 'records', i.n)
                                              ORDER BY i.identifier, i.value, i.state), '[]')
                    FROM (SELECT i.identifier, i.value, i.state, count(*) AS n FROM customer_identifier i JOIN customer_record r USING (record_id)
                          WHERE r.customer_id = ANY (ids) GROUP BY 1, 2, 3) i),
    'records', (SELECT coalesce(jsonb_agg(jsonb_build_object('source', r.source, 'source_key', r.source_key, 'customer_id', r.customer_id,
                                          'observed_at', r.observed_at, 'attributes', r.attributes) ORDER BY r.record_id), '[]')
                FROM customer_record r WHERE r.customer_id = ANY (ids)),
    'journeys', customer_rows_of(ids, true),
    'history', (SELECT coalesce(jsonb_agg(jsonb_build_object('at', h.happened_at, 'customer_id', h.customer_id, 'kind', h.kind) ORDER BY h.happened_at, h.customer_id), '[]')
                FROM customer_history(canonical) h));
END $$;
COMMENT ON FUNCTION customer_360(text) IS
'Everything about a customer in one jsonb object: golden record, identifiers, records, journeys (rows of relations registered with mode combine), those merged into it, history. NULL for an unknown customer.';

CREATE FUNCTION customer_export(customer text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ids text[];
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  SELECT array_agg(c.customer_id) INTO ids FROM customer c
  WHERE c.canonical_id = (SELECT x.canonical_id FROM customer x WHERE x.customer_id = customer);
  IF ids IS NULL THEN RETURN NULL; END IF;
  RETURN customer_360(customer) || jsonb_build_object(
    'rows', customer_rows_of(ids, false),
    'decisions', (SELECT coalesce(jsonb_agg(to_jsonb(h) ORDER BY h.happened_at, h.customer_id), '[]') FROM customer_history(ids[1]) h),
    'judgements', (SELECT coalesce(jsonb_agg(to_jsonb(j) ORDER BY j.judgement_id), '[]') FROM customer_judgement j
                   WHERE j.customer_a = ANY (ids) OR j.customer_b = ANY (ids)),
    'merges', (SELECT coalesce(jsonb_agg(to_jsonb(m) ORDER BY m.merge_id), '[]') FROM customer_merge m
               WHERE m.members && ids));
END $$;
COMMENT ON FUNCTION customer_export(text) IS
'All data held about a customer, for an access request: customer_360, rows of every registered relation, decisions with their details, judgements, merges. NULL for an unknown customer.';

-- A part's events leave the rows that they were combined into, and the rows kept of those; what others had brought
-- into the part stays
CREATE FUNCTION customer_erase_events(erased text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ref record;
  kept record;
  own text;
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  FOR ref IN SELECT w.step, w.relation, w.column_name, w.customer_id, w.saved_row, c.canonical_id
             FROM customer_merge_row w JOIN customer c ON c.customer_id = w.customer_id JOIN customer_reference r USING (relation, column_name)
             WHERE w.customer_id = ANY (erased) AND c.canonical_id <> ALL (erased) AND w.action <> 'repoint' AND r.on_erase = 'delete'
             ORDER BY w.step LOOP
    own := ref.saved_row;
    FOR kept IN SELECT w.saved_row FROM customer_merge_row w JOIN customer_merge m USING (merge_id)
                WHERE m.survivor = ref.customer_id AND w.relation = ref.relation AND w.column_name = ref.column_name
                  AND w.action <> 'repoint' AND w.customer_id <> ALL (erased) LOOP
      own := customer_row_combine(ref.relation, own, kept.saved_row, true);
    END LOOP;
    PERFORM customer_row_write(ref.relation, ref.column_name, ref.canonical_id,
      customer_row_combine(ref.relation, customer_row_read(ref.relation, ref.column_name, ref.canonical_id), own, true));
    UPDATE customer_merge_row w SET saved_row = customer_row_combine(ref.relation, w.saved_row, own, true), survivor_row = NULL, after_row = NULL
    FROM customer_merge m
    WHERE m.merge_id = w.merge_id AND m.members @> ARRAY[ref.customer_id] AND w.relation = ref.relation AND w.column_name = ref.column_name
      AND w.action <> 'repoint' AND w.customer_id <> ALL (erased) AND w.step > ref.step;
    UPDATE customer_merge_row w SET survivor_row = NULL, after_row = NULL
    FROM customer_merge m WHERE m.merge_id = w.merge_id AND m.members && erased AND w.relation = ref.relation AND w.action <> 'repoint';
  END LOOP;
END $$;
COMMENT ON FUNCTION customer_erase_events(text[]) IS 'Part of customer_erase for relations registered with mode combine.';

CREATE FUNCTION customer_erase(customer text, reason text DEFAULT NULL, suppress boolean DEFAULT true, OUT erased text[], OUT rows_deleted jsonb, OUT merges_affected bigint[]) RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  ref record;
  ids bigint[];
  n bigint;
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  -- a customer goes with all that was merged into it; a merged one is a part and goes alone
  SELECT array_agg(c.customer_id ORDER BY c.customer_id) INTO erased FROM (
    SELECT c.customer_id FROM customer c
    WHERE c.customer_id = customer OR (c.status = 'merged' AND c.canonical_id = customer)
    ORDER BY c.customer_id FOR UPDATE) c;
  rows_deleted := '{}';
  IF erased IS NULL THEN RETURN; END IF;
  SELECT coalesce(array_agg(r.record_id), '{}') INTO ids FROM customer_record r WHERE r.customer_id = ANY (erased);
  IF suppress THEN
    INSERT INTO customer_suppression (digest, reason)
    SELECT DISTINCT customer_digest(k.salt, i.identifier, i.value), 'erasure' FROM customer_identifier i, customer_secret k
    WHERE i.record_id = ANY (ids) AND i.state = 'active'
    UNION SELECT customer_digest(k.salt, 'source/' || r.source, r.source_key), 'erasure' FROM customer_record r, customer_secret k WHERE r.record_id = ANY (ids)
    ON CONFLICT DO NOTHING;
  END IF;
  FOR ref IN SELECT r.relation, r.column_name FROM customer_reference r WHERE r.on_erase = 'delete' AND r.mode <> 'map' ORDER BY r.relation::oid, r.column_name LOOP
    EXECUTE format('DELETE FROM %s r WHERE r.%I::text = ANY ($1)', ref.relation, ref.column_name) USING erased;
    GET DIAGNOSTICS n = ROW_COUNT;
    rows_deleted := rows_deleted || jsonb_build_object(ref.relation::text, n);
  END LOOP;
  PERFORM customer_erase_events(erased);
  SELECT array_agg(m.merge_id ORDER BY m.merge_id) INTO merges_affected FROM customer_merge m
  WHERE m.undone_at IS NULL AND m.members && erased;
  UPDATE customer_merge m SET changes = '{}', reason = NULL WHERE m.members && erased;
  DELETE FROM customer_merge_row w WHERE w.customer_id = ANY (erased);
  DELETE FROM customer_evidence e WHERE e.record_a = ANY (ids) OR e.record_b = ANY (ids);
  DELETE FROM customer_key k USING customer_record r, unnest(r.block_keys) b(key)
  WHERE r.record_id = ANY (ids) AND k.key = b.key AND k.record_id = r.record_id;
  UPDATE customer_review v SET detail = NULL, closed_at = coalesce(v.closed_at, now()) WHERE v.customers && erased OR v.record_id = ANY (ids);
  DELETE FROM customer_pin p WHERE p.customer_id = ANY (erased);
  UPDATE customer_judgement j SET reason = NULL, revoked_at = coalesce(j.revoked_at, now()) WHERE j.customer_a = ANY (erased) OR j.customer_b = ANY (erased);
  DELETE FROM customer_record r WHERE r.record_id = ANY (ids);
  UPDATE customer_history h SET payload = NULL WHERE h.customer_id = ANY (erased);
  UPDATE customer c SET status = 'erased' WHERE c.customer_id = ANY (erased);
  PERFORM customer_note(x, 'erased', jsonb_build_object('reason', reason)) FROM unnest(erased) x;
END $$;
COMMENT ON FUNCTION customer_erase(text, text, boolean) IS
'Erases a customer with all merged into it (or, given a merged one, that part alone) in one transaction: records, identifiers, keys, evidence, kept rows, details of history and merges, and rows of relations registered with on_erase delete; a part''s events leave the survivor''s journey. With suppress, salted hashes of its identifiers stay so that customer_identify does not take it in again. Ids stay, so that references and history hold. merges_affected: merges that rested on it, to look at.';

CREATE FUNCTION customer_unsuppress(identifier text, value text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  DELETE FROM customer_suppression s USING customer_secret k WHERE s.digest = customer_digest(k.salt, identifier, value);
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION customer_unsuppress(text, text) IS 'Lets an identifier (its normalised value) be taken in again after an erasure; false if it was not suppressed.';
