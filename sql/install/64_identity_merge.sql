/* Merging customers, everything that hangs on them, and the exact inverse */

-- Can a merge handle this column in this mode?  The one place where a relation is refused.
CREATE FUNCTION customer_register_check(relation regclass, column_name name, mode text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  IF mode NOT IN ('repoint', 'combine', 'map') THEN
    RAISE EXCEPTION 'unknown mode "%"', mode USING ERRCODE = 'invalid_parameter_value', HINT = 'Use repoint, combine or map.';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped) THEN
    RAISE EXCEPTION 'relation "%" has no column "%"', relation, column_name USING ERRCODE = 'undefined_column';
  END IF;
  IF @extschema@.journey_is_followed(relation) THEN
    RAISE EXCEPTION 'relation "%" holds live journeys', relation
      USING ERRCODE = 'wrong_object_type', HINT = 'Register the events: the journeys follow them.';
  END IF;
  IF mode = 'repoint' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = relation AND i.indisprimary) THEN
    RAISE EXCEPTION 'relation "%" has no primary key', relation
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Rows are found again by it when a merge is undone.';
  END IF;
  IF mode = 'combine' AND NOT EXISTS (
      SELECT FROM pg_index i WHERE i.indrelid = relation AND i.indisunique AND i.indpred IS NULL AND i.indnkeyatts = 1
        AND i.indkey[0] = (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = column_name)) THEN
    RAISE EXCEPTION 'column "%" of relation "%" is not unique', column_name, relation
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Mode combine is for one row a customer.';
  END IF;
END $$;
COMMENT ON FUNCTION customer_register_check(regclass, name, text) IS
'Errors unless customer_register can take the column in that mode: 22023 for an unknown mode, 42703 without such a column, 55000 where rows could not be found or combined.';

CREATE FUNCTION customer_register(relation regclass, column_name name, mode text DEFAULT 'repoint', on_erase text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  PERFORM customer_register_check(relation, column_name, mode);
  INSERT INTO customer_reference (relation, column_name, mode, on_erase)
  VALUES (relation, column_name, mode, coalesce(on_erase, CASE mode WHEN 'combine' THEN 'delete' ELSE 'keep' END))
  ON CONFLICT ON CONSTRAINT customer_reference_pkey DO UPDATE SET mode = excluded.mode, on_erase = excluded.on_erase;
END $$;
COMMENT ON FUNCTION customer_register(regclass, name, text, text) IS
'Registers a column that holds customers'' keys. mode repoint: a merge changes the duplicates'' rows to the survivor, an unmerge changes back just those (needs a primary key); combine: one row a customer, journeys become survivor || duplicate, the duplicate''s row is kept for the unmerge; map: rows stay as they are and queries join the view customer_canonical. on_erase: delete or keep the rows of an erased customer (combine: delete, else keep). Errors: 22023, 42703, 55000, 42809 for live journeys, which follow the events registered.';

-- The primary key of a row of the relation as an expression giving jsonb
CREATE FUNCTION customer_row_key(relation regclass, alias text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE STRICT SET search_path = pg_catalog, pg_temp
RETURN (SELECT 'jsonb_build_array(' || string_agg(format('%s.%I::text', alias, a.attname), ', ' ORDER BY k.n) || ')'
  FROM pg_index i, unnest(i.indkey::smallint[]) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attnum = k.attnum
  WHERE i.indrelid = relation AND i.indisprimary AND a.attrelid = relation);
COMMENT ON FUNCTION customer_row_key(regclass, text) IS 'SQL expression for the primary key of a relation''s row as a jsonb array of texts.';

CREATE FUNCTION customer_column_type(relation regclass, column_name name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE STRICT SET search_path = pg_catalog, pg_temp
RETURN (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = column_name);
COMMENT ON FUNCTION customer_column_type(regclass, name) IS 'Type of a column, to cast to.';

CREATE FUNCTION customer_journey_columns(relation regclass) RETURNS name[]
LANGUAGE sql STABLE PARALLEL SAFE STRICT SET search_path = pg_catalog, pg_temp
RETURN (SELECT coalesce(array_agg(a.attname ORDER BY a.attnum), '{}') FROM pg_attribute a
  WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    AND a.atttypid = '@extschema@.journey'::regtype);
COMMENT ON FUNCTION customer_journey_columns(regclass) IS 'Columns of type journey.';

-- Repoints a relation's rows of one duplicate; says how many
CREATE FUNCTION customer_repoint(merge bigint, relation regclass, column_name name, survivor text, duplicate text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
  type_name text := @extschema@.customer_column_type(relation, column_name);
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  EXECUTE format(
    'WITH moved AS (UPDATE %s r SET %I = $2::%s WHERE r.%I = $3::%s RETURNING %s AS row_key)
     INSERT INTO customer_merge_row (merge_id, relation, column_name, action, customer_id, row_key)
     SELECT $1, $4, $5, ''repoint'', $3, row_key FROM moved',
    relation, column_name, type_name, column_name, type_name, customer_row_key(relation, 'r'))
  USING merge, survivor, duplicate, relation, column_name;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;
COMMENT ON FUNCTION customer_repoint(bigint, regclass, name, text, text) IS 'Part of customer_merge for relations registered with mode repoint.';

-- A row's text with the journeys of another row added or taken away
CREATE FUNCTION customer_row_combine(relation regclass, one text, other text, subtract boolean) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  changes text;
  result text;
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  SELECT string_agg(format(CASE WHEN subtract
      THEN '%1$L, CASE WHEN (r.b).%2$I IS NULL OR (r.a).%2$I IS NULL THEN (r.a).%2$I ELSE (r.a).%2$I - (r.b).%2$I END::text'
      ELSE '%1$L, CASE WHEN (r.a).%2$I IS NULL THEN (r.b).%2$I WHEN (r.b).%2$I IS NULL THEN (r.a).%2$I ELSE (r.a).%2$I || (r.b).%2$I END::text' END, j, j), ', ')
  INTO changes FROM unnest(customer_journey_columns(relation)) j;
  IF changes IS NULL THEN RETURN one; END IF;
  EXECUTE format('SELECT jsonb_populate_record(r.a, jsonb_build_object(%s))::text FROM (SELECT $1::%s AS a, $2::%s AS b) r', changes, relation, relation)
  INTO result USING one, other;
  RETURN result;
END $$;
COMMENT ON FUNCTION customer_row_combine(regclass, text, text, boolean) IS 'A row, written as text, whose journeys have those of another row of the relation added or taken away.';

-- Writes journeys from a row's text into the customer's row
CREATE FUNCTION customer_row_write(relation regclass, column_name name, customer text, row_text text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  assignments text;
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  SELECT string_agg(format('%I = (o.o).%I', j, j), ', ') INTO assignments FROM unnest(customer_journey_columns(relation)) j;
  IF assignments IS NULL THEN RETURN; END IF;
  EXECUTE format('UPDATE %s s SET %s FROM (SELECT $2::%s AS o) o WHERE s.%I = $1::%s', relation, assignments, relation,
                 column_name, customer_column_type(relation, column_name))
  USING customer, row_text;
END $$;
COMMENT ON FUNCTION customer_row_write(regclass, name, text, text) IS 'Sets the journeys of a customer''s row to those of a row written as text.';

-- A customer's row as text, locked
CREATE FUNCTION customer_row_read(relation regclass, column_name name, customer text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  result text;
BEGIN
  EXECUTE format('SELECT r::text FROM %s r WHERE r.%I = $1::%s FOR UPDATE', relation, column_name, @extschema@.customer_column_type(relation, column_name))
  INTO result USING customer;
  RETURN result;
END $$;
COMMENT ON FUNCTION customer_row_read(regclass, name, text) IS 'The row of a customer in a relation with one row a customer, as text; NULL if there is none.';

-- Combines the duplicate's row into the survivor's; all rows concerned are kept as text
CREATE FUNCTION customer_combine(merge bigint, relation regclass, column_name name, survivor text, duplicate text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  saved text;
  kept text;
  type_name text := @extschema@.customer_column_type(relation, column_name);
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  saved := customer_row_read(relation, column_name, duplicate);
  IF saved IS NULL THEN RETURN 0; END IF;
  kept := customer_row_read(relation, column_name, survivor);
  IF kept IS NULL THEN
    EXECUTE format('UPDATE %s r SET %I = $1::%s WHERE r.%I = $2::%s', relation, column_name, type_name, column_name, type_name)
    USING survivor, duplicate;
  ELSE
    PERFORM customer_row_write(relation, column_name, survivor, customer_row_combine(relation, kept, saved, false));
    EXECUTE format('DELETE FROM %s r WHERE r.%I = $1::%s', relation, column_name, type_name) USING duplicate;
  END IF;
  INSERT INTO customer_merge_row (merge_id, relation, column_name, action, customer_id, saved_row, survivor_row, after_row)
  VALUES (merge, relation, column_name, CASE WHEN kept IS NULL THEN 'move' ELSE 'combine' END, duplicate, saved, kept,
          customer_row_read(relation, column_name, survivor));
  RETURN 1;
END $$;
COMMENT ON FUNCTION customer_combine(bigint, regclass, name, text, text) IS 'Part of customer_merge for relations registered with mode combine.';

-- Takes the duplicate's row out of the survivor's again.  If nothing came in between, the survivor's row is put
-- back as it was; else the duplicate's events are taken away and what is new stays.
CREATE FUNCTION customer_uncombine(
  relation regclass, column_name name, survivor text, duplicate text, was_moved boolean, saved text, kept text, after text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  type_name text := @extschema@.customer_column_type(relation, column_name);
  now_there text;
  new_there text;
  columns_all text;
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  now_there := customer_row_read(relation, column_name, survivor);
  new_there := customer_row_read(relation, column_name, duplicate);
  IF now_there = after AND was_moved AND new_there IS NULL THEN
    EXECUTE format('UPDATE %s r SET %I = $1::%s WHERE r.%I = $2::%s', relation, column_name, type_name, column_name, type_name)
    USING duplicate, survivor;
    RETURN;
  END IF;
  IF now_there IS NOT NULL THEN
    PERFORM customer_row_write(relation, column_name, survivor,
      CASE WHEN now_there = after AND kept IS NOT NULL THEN kept ELSE customer_row_combine(relation, now_there, saved, true) END);
  END IF;
  IF new_there IS NOT NULL THEN
    PERFORM customer_row_write(relation, column_name, duplicate, customer_row_combine(relation, saved, new_there, false));
    RETURN;
  END IF;
  SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns_all FROM pg_attribute a
  WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
  EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM (SELECT ($1::%s).*) o', relation, columns_all, columns_all, relation)
  USING saved;
END $$;
COMMENT ON FUNCTION customer_uncombine(regclass, name, text, text, boolean, text, text, text) IS 'Part of customer_unmerge for relations registered with mode combine.';

-- Locks everyone concerned in one order; what they are now is to be read after the locks are held
CREATE FUNCTION customer_lock(customers text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ids text[];
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  LOOP
    SELECT array_agg(DISTINCT x.id) INTO ids
    FROM (SELECT unnest(customers) AS id
          UNION SELECT c.canonical_id FROM customer c WHERE c.customer_id = ANY (customers)) x;
    PERFORM 1 FROM (SELECT c.customer_id FROM customer c WHERE c.customer_id = ANY (ids) ORDER BY c.customer_id FOR NO KEY UPDATE) l;
    EXIT WHEN NOT EXISTS (SELECT FROM customer c WHERE c.customer_id = ANY (customers) AND c.canonical_id <> ALL (ids));
  END LOOP;
END $$;
COMMENT ON FUNCTION customer_lock(text[]) IS
'Locks customers, and those that they are now, in the order of their ids until the end of the transaction.';

-- Why the customers (canonical) may not all be one, or NULL
CREATE FUNCTION customer_merge_obstacle(customers text[]) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  obstacle text;
BEGIN
  FOR n IN 2 .. cardinality(customers) LOOP
    FOR k IN 1 .. n - 1 LOOP
      obstacle := @extschema@.customer_obstacle(customers[k], customers[n]);
      IF obstacle IS NOT NULL THEN RETURN obstacle; END IF;
    END LOOP;
  END LOOP;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION customer_merge_obstacle(text[]) IS 'The first customer_obstacle between any two of several customers; NULL if there is none.';

-- What registered relations hold of a duplicate goes to the survivor: this is the one place where they are touched
CREATE FUNCTION customer_merge_rows(merge bigint, survivor text, duplicate text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ref record;
  n bigint;
  changed jsonb := '{}';
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  FOR ref IN SELECT r.relation, r.column_name, r.mode FROM customer_reference r WHERE r.mode <> 'map' ORDER BY r.relation::oid, r.column_name LOOP
    n := CASE ref.mode WHEN 'repoint' THEN customer_repoint(merge, ref.relation, ref.column_name, survivor, duplicate)
                       ELSE customer_combine(merge, ref.relation, ref.column_name, survivor, duplicate) END;
    changed := customer_count_rows(changed, ref.relation, n);
  END LOOP;
  RETURN changed;
END $$;
COMMENT ON FUNCTION customer_merge_rows(bigint, text, text) IS 'Part of customer_merge: rows of registered relations follow; how many, by relation.';

CREATE FUNCTION customer_count_rows(counts jsonb, relation regclass, n bigint) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN counts || pg_catalog.jsonb_build_object(relation::text, n + coalesce((counts ->> relation::text)::bigint, 0));
COMMENT ON FUNCTION customer_count_rows(jsonb, regclass, bigint) IS 'Adds a number of rows to counts by relation.';

-- Makes the duplicates (canonical) parts of the survivor; gives the number of rows that followed
CREATE FUNCTION customer_merge_apply(merge bigint, survivor text, duplicates text[]) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  d text;
  changed jsonb := '{}';
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  FOREACH d IN ARRAY duplicates LOOP
    UPDATE customer c SET status = 'merged', merged_into = survivor WHERE c.customer_id = d;
    UPDATE customer c SET canonical_id = survivor WHERE c.customer_id = d OR (c.status = 'merged' AND c.canonical_id = d);
    SELECT coalesce(jsonb_object_agg(x.key, x.n), '{}') INTO changed FROM (
      SELECT y.key, sum(y.value::bigint) AS n
      FROM (SELECT * FROM jsonb_each_text(changed) UNION ALL SELECT * FROM jsonb_each_text(customer_merge_rows(merge, survivor, d))) y GROUP BY 1) x;
  END LOOP;
  RETURN changed;
END $$;
COMMENT ON FUNCTION customer_merge_apply(bigint, text, text[]) IS 'Part of customer_merge: changes customers and registered relations.';

CREATE FUNCTION customer_members(customers text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  RETURN (SELECT array_agg(c.customer_id ORDER BY c.customer_id) FROM customer c
          WHERE c.customer_id = ANY (customers) OR (c.status = 'merged' AND c.canonical_id = ANY (customers)));
END $$;
COMMENT ON FUNCTION customer_members(text[]) IS 'Customers with all that were merged into them, in order.';

-- An earlier merge that makes this one unnecessary: by its key, or because all are one already
CREATE FUNCTION customer_merge_earlier(key text, customers text[], OUT merge_id bigint, OUT survivor text, OUT changes jsonb) RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  IF key IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('customer_merge/' || key, 0));
    SELECT m.merge_id, m.survivor, m.changes INTO merge_id, survivor, changes FROM customer_merge m WHERE m.idempotency_key = key;
  ELSE
    SELECT m.merge_id, m.survivor, m.changes INTO merge_id, survivor, changes FROM customer_merge m
    WHERE m.duplicates && customers AND m.undone_at IS NULL ORDER BY m.merge_id DESC LIMIT 1;
  END IF;
END $$;
COMMENT ON FUNCTION customer_merge_earlier(text, text[]) IS
'The merge that was done with an idempotency key (whose users take turns), or, without one, the last that holds of these customers; NULLs if none.';

CREATE FUNCTION customer_merge(
  survivor text, duplicates text[], reason text DEFAULT NULL, idempotency_key text DEFAULT NULL, dry_run boolean DEFAULT false,
  OUT merge_id bigint, OUT customer_id text, OUT status text, OUT changes jsonb) RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  earlier record;
  losing text[];
  obstacle text;
  before jsonb;
  others jsonb;
  rows_changed jsonb;
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  IF idempotency_key IS NOT NULL THEN
    earlier := customer_merge_earlier(idempotency_key, NULL);
    IF earlier.merge_id IS NOT NULL THEN
      merge_id := earlier.merge_id; customer_id := earlier.survivor; status := 'already_done'; changes := earlier.changes;
      RETURN;
    END IF;
  END IF;
  PERFORM customer_lock(survivor || duplicates);
  SELECT c.canonical_id INTO customer_id FROM customer c WHERE c.customer_id = survivor AND c.status <> 'erased';
  SELECT array_agg(DISTINCT c.canonical_id ORDER BY c.canonical_id) FILTER (WHERE c.canonical_id <> customer_merge.customer_id),
         CASE WHEN count(*) <> (SELECT count(DISTINCT x) FROM unnest(duplicates) x) THEN 'unknown or erased customer' END
  INTO losing, obstacle FROM customer c WHERE c.customer_id = ANY (duplicates) AND c.status <> 'erased';
  IF customer_id IS NULL THEN obstacle := 'unknown or erased customer'; END IF;
  IF obstacle IS NULL AND losing IS NULL THEN
    earlier := customer_merge_earlier(NULL, duplicates || survivor);
    merge_id := earlier.merge_id; status := 'already_merged'; changes := earlier.changes;
    RETURN;
  END IF;
  obstacle := coalesce(obstacle, customer_merge_obstacle(customer_id || losing));
  IF obstacle IS NOT NULL THEN
    status := 'refused'; changes := jsonb_build_object('reason', obstacle);
    RETURN;
  END IF;
  before := customer_golden_values(customer_id);
  SELECT jsonb_object_agg(d, customer_golden_values(d)) INTO others FROM unnest(losing) d;
  BEGIN
    -- undone as a whole for a dry run and on collisions of unique keys
    INSERT INTO customer_merge (survivor, duplicates, members, reason, idempotency_key, changes)
    VALUES (customer_id, losing, customer_members(customer_id || losing), reason, idempotency_key, '{}')
    RETURNING customer_merge.merge_id INTO merge_id;
    rows_changed := customer_merge_apply(merge_id, customer_id, losing);
    changes := jsonb_build_object('before', before, 'duplicates', others, 'after', customer_golden_values(customer_id), 'rows', rows_changed);
    IF dry_run THEN
      RAISE EXCEPTION 'dry run' USING ERRCODE = 'CJ001';
    END IF;
    UPDATE customer_merge m SET changes = customer_merge.changes WHERE m.merge_id = customer_merge.merge_id;
    PERFORM customer_note(customer_id, 'merged', jsonb_build_object('merge_id', merge_id, 'duplicates', losing, 'reason', reason));
    PERFORM customer_note(d, 'merged_into', jsonb_build_object('merge_id', merge_id, 'survivor', customer_id, 'reason', reason)) FROM unnest(losing) d;
    status := 'merged';
  EXCEPTION
    WHEN SQLSTATE 'CJ001' THEN
      status := 'dry_run'; merge_id := NULL;
    WHEN unique_violation THEN
      status := 'refused'; merge_id := NULL; changes := jsonb_build_object('reason', 'unique key: ' || SQLERRM);
  END;
END $$;
COMMENT ON FUNCTION customer_merge(text, text[], text, text, boolean) IS
'Makes one customer of several: the survivor and the duplicates (whatever they were merged into before). Registered relations follow in the same transaction. status: merged; already_merged (nothing to do); already_done (the idempotency key was used: its result again); dry_run (changes shows what would be); refused (changes.reason: judged different, limits of identifiers, a unique key in the way, unknown customer). changes: golden values before and after, rows changed. Locks the customers in the order of their ids; two sessions merging each other''s customers do it once.';

-- Rows of registered relations go back to the duplicates of a merge; how many, by relation
CREATE FUNCTION customer_unmerge_rows(merge bigint, survivor text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  back record;
  type_name text;
  n bigint;
  changed jsonb := '{}';
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  FOR back IN SELECT * FROM customer_merge_row r WHERE r.merge_id = merge AND r.action <> 'repoint' ORDER BY r.step DESC LOOP
    PERFORM customer_uncombine(back.relation, back.column_name, survivor, back.customer_id, back.action = 'move',
                               back.saved_row, back.survivor_row, back.after_row);
    changed := customer_count_rows(changed, back.relation, 1);
  END LOOP;
  FOR back IN SELECT r.relation, r.column_name, r.customer_id FROM customer_merge_row r
              WHERE r.merge_id = merge AND r.action = 'repoint' GROUP BY 1, 2, 3 LOOP
    type_name := customer_column_type(back.relation, back.column_name);
    EXECUTE format('UPDATE %s r SET %I = $1::%s FROM customer_merge_row k
                    WHERE k.merge_id = $2 AND k.relation = $3 AND k.column_name = $4 AND k.customer_id = $1 AND k.action = ''repoint''
                      AND k.row_key = %s AND r.%I = $5::%s',
                   back.relation, back.column_name, type_name, customer_row_key(back.relation, 'r'), back.column_name, type_name)
    USING back.customer_id, merge, back.relation, back.column_name, survivor;
    GET DIAGNOSTICS n = ROW_COUNT;
    changed := customer_count_rows(changed, back.relation, n);
  END LOOP;
  RETURN changed;
END $$;
COMMENT ON FUNCTION customer_unmerge_rows(bigint, text) IS 'Part of customer_unmerge for registered relations.';

-- The customer, and those below it, are themselves again
CREATE FUNCTION customer_restore(customer text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  UPDATE customer c SET status = 'active', merged_into = NULL, canonical_id = c.customer_id WHERE c.customer_id = customer_restore.customer;
  WITH RECURSIVE below AS (
    SELECT c.customer_id FROM customer c WHERE c.merged_into = customer_restore.customer
    UNION ALL SELECT c.customer_id FROM customer c JOIN below b ON c.merged_into = b.customer_id)
  UPDATE customer c SET canonical_id = customer_restore.customer FROM below b WHERE c.customer_id = b.customer_id;
END $$;
COMMENT ON FUNCTION customer_restore(text) IS 'Part of customer_unmerge: a duplicate is a customer again, with all that had been merged into it.';

-- Why a merge cannot be undone, or NULL
CREATE FUNCTION customer_unmerge_obstacle(merge bigint, survivor text, duplicates text[]) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  later bigint;
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  IF EXISTS (SELECT FROM customer c WHERE c.customer_id = ANY (survivor || duplicates) AND c.status = 'erased') THEN
    RETURN 'a customer of this merge was erased';
  END IF;
  -- merges on top come off first, or rows would go back to the wrong customer
  SELECT x.merge_id INTO later FROM customer_merge x
  WHERE x.merge_id > merge AND x.undone_at IS NULL AND x.duplicates @> ARRAY[survivor] ORDER BY x.merge_id DESC LIMIT 1;
  RETURN CASE WHEN later IS NOT NULL THEN format('undo merge %s first: it merged %s away', later, survivor) END;
END $$;
COMMENT ON FUNCTION customer_unmerge_obstacle(bigint, text, text[]) IS 'Why a merge cannot be undone now; NULL if it can.';

CREATE FUNCTION customer_unmerge(
  merge_id bigint, dry_run boolean DEFAULT false, reason text DEFAULT NULL,
  OUT customer_id text, OUT status text, OUT changes jsonb) RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  m record;
  obstacle text;
  rows_changed jsonb;
BEGIN
  PERFORM set_config('search_path', @extschema@.customer_catalogue_path(), true);
  SELECT * INTO m FROM customer_merge x WHERE x.merge_id = customer_unmerge.merge_id;
  IF NOT FOUND THEN
    status := 'refused'; changes := jsonb_build_object('reason', 'no such merge');
    RETURN;
  END IF;
  customer_id := m.survivor;
  PERFORM customer_lock(m.survivor || m.duplicates);
  SELECT x.undone_at INTO m.undone_at FROM customer_merge x WHERE x.merge_id = customer_unmerge.merge_id;
  IF m.undone_at IS NOT NULL THEN
    status := 'already_undone';
    RETURN;
  END IF;
  obstacle := customer_unmerge_obstacle(merge_id, m.survivor, m.duplicates);
  IF obstacle IS NOT NULL THEN
    status := 'refused'; changes := jsonb_build_object('reason', obstacle);
    RETURN;
  END IF;
  BEGIN
    rows_changed := customer_unmerge_rows(merge_id, m.survivor);
    PERFORM customer_restore(d) FROM unnest(m.duplicates) d;
    changes := jsonb_build_object('restored', (SELECT jsonb_object_agg(x, customer_golden_values(x)) FROM unnest(m.survivor || m.duplicates) x), 'rows', rows_changed);
    IF dry_run THEN
      RAISE EXCEPTION 'dry run' USING ERRCODE = 'CJ001';
    END IF;
    DELETE FROM customer_merge_row r WHERE r.merge_id = customer_unmerge.merge_id;
    UPDATE customer_merge x SET undone_at = clock_timestamp(), undone_by = current_user WHERE x.merge_id = customer_unmerge.merge_id;
    PERFORM customer_note(m.survivor, 'unmerged', jsonb_build_object('merge_id', merge_id, 'duplicates', m.duplicates, 'reason', reason));
    PERFORM customer_note(d, 'restored', jsonb_build_object('merge_id', merge_id, 'survivor', m.survivor, 'reason', reason)) FROM unnest(m.duplicates) d;
    status := 'unmerged';
  EXCEPTION
    WHEN SQLSTATE 'CJ001' THEN
      status := 'dry_run';
  END;
END $$;
COMMENT ON FUNCTION customer_unmerge(bigint, boolean, text) IS
'Undoes a merge exactly: customers, golden values, journeys and registered rows are as before; records and rows that came in between belong to whom they were given. status: unmerged, already_undone, dry_run, refused (changes.reason: merges on top must be undone first, somebody was erased, no such merge).';

-- The same for keys that are numbers or uuids
CREATE FUNCTION customer_merge(
  survivor bigint, duplicates bigint[], reason text DEFAULT NULL, idempotency_key text DEFAULT NULL, dry_run boolean DEFAULT false,
  OUT merge_id bigint, OUT customer_id text, OUT status text, OUT changes jsonb) RETURNS record
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT m.merge_id, m.customer_id, m.status, m.changes FROM customer_merge(survivor::text, duplicates::text[], reason, idempotency_key, dry_run) m;
END;
COMMENT ON FUNCTION customer_merge(bigint, bigint[], text, text, boolean) IS 'customer_merge for keys of type bigint.';
CREATE FUNCTION customer_merge(
  survivor uuid, duplicates uuid[], reason text DEFAULT NULL, idempotency_key text DEFAULT NULL, dry_run boolean DEFAULT false,
  OUT merge_id bigint, OUT customer_id text, OUT status text, OUT changes jsonb) RETURNS record
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT m.merge_id, m.customer_id, m.status, m.changes FROM customer_merge(survivor::text, duplicates::text[], reason, idempotency_key, dry_run) m;
END;
COMMENT ON FUNCTION customer_merge(uuid, uuid[], text, text, boolean) IS 'customer_merge for keys of type uuid.';
CREATE FUNCTION customer_canonical(customer bigint) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE STRICT
BEGIN ATOMIC
  SELECT customer_canonical(customer::text)::bigint;
END;
COMMENT ON FUNCTION customer_canonical(bigint) IS 'customer_canonical for keys of type bigint.';
CREATE FUNCTION customer_canonical(customer uuid) RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL UNSAFE STRICT
BEGIN ATOMIC
  SELECT customer_canonical(customer::text)::uuid;
END;
COMMENT ON FUNCTION customer_canonical(uuid) IS 'customer_canonical for keys of type uuid.';
