-- ---------------------------------------------------------------------------
-- Propensity models: a registry in tables of one's own
--
-- propensity_registry_create makes the tables; they belong to whoever calls
-- it.  Everything else runs with the caller's rights on them.  The argument
-- "registry" names their schema; its default looks along the search path of
-- the caller, which the functions themselves do not use.
-- ---------------------------------------------------------------------------

CREATE FUNCTION propensity_registry_schema() RETURNS name
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT n.nspname
    FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS s (nspname, place)
    JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.=) s.nspname
    JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) n.oid
    WHERE c.relname OPERATOR(pg_catalog.=) 'propensity_registry'
    ORDER BY s.place
    LIMIT 1;
END;
COMMENT ON FUNCTION propensity_registry_schema() IS 'schema of the first model registry on the search path; NULL if there is none';

CREATE FUNCTION propensity_registry_log() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    before text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        before := OLD.status;
    END IF;
    IF before IS DISTINCT FROM NEW.status THEN
        EXECUTE format('INSERT INTO %I.propensity_registry_history (name, version, old_status, new_status, note) VALUES ($1, $2, $3, $4, $5)', TG_TABLE_SCHEMA)
            USING NEW.name, NEW.version, before, NEW.status, NEW.note;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION propensity_registry_log() IS 'trigger function of propensity_registry: writes changes of status into the history';

CREATE FUNCTION propensity_registry_create(schema name) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = schema) THEN
        EXECUTE format('CREATE SCHEMA %I', schema);
    END IF;
    EXECUTE format('CREATE TABLE %I.propensity_registry (
        name text NOT NULL,
        version integer NOT NULL CHECK (version > 0),
        status text NOT NULL DEFAULT ''candidate'' CHECK (status IN (''candidate'', ''production'', ''archived'')),
        model @extschema@.propensity_model NOT NULL,
        metrics jsonb,
        note text,
        registered_at timestamptz NOT NULL DEFAULT now(),
        registered_by name NOT NULL DEFAULT current_user,
        PRIMARY KEY (name, version))', schema);
    EXECUTE format('CREATE UNIQUE INDEX propensity_registry_production ON %I.propensity_registry (name) WHERE status = ''production''', schema);
    EXECUTE format('CREATE TABLE %I.propensity_registry_history (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL,
        version integer NOT NULL,
        old_status text,
        new_status text NOT NULL,
        changed_at timestamptz NOT NULL DEFAULT now(),
        changed_by name NOT NULL DEFAULT current_user,
        note text)', schema);
    EXECUTE format('CREATE INDEX ON %I.propensity_registry_history (name, id)', schema);
    EXECUTE format('CREATE TRIGGER propensity_registry_log AFTER INSERT OR UPDATE OF status ON %I.propensity_registry FOR EACH ROW EXECUTE FUNCTION @extschema@.propensity_registry_log()', schema);
    EXECUTE format('COMMENT ON TABLE %I.propensity_registry IS ''models by name and version; at most one of a name is in production''', schema);
    EXECUTE format('COMMENT ON TABLE %I.propensity_registry_history IS ''who changed the status of which model, and when''', schema);
END
$$;
COMMENT ON FUNCTION propensity_registry_create(name) IS
    'makes the tables of a model registry in a schema (made if it is not there), owned by the caller: propensity_registry and propensity_registry_history; existing ones are an error (42P07)';

CREATE FUNCTION propensity_registry_table(registry name) RETURNS regclass
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    found regclass := to_regclass(format('%I.propensity_registry', coalesce(registry, '')));
BEGIN
    IF found IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table',
            MESSAGE = CASE WHEN registry IS NULL THEN 'there is no model registry on the search path'
                      ELSE format('there is no model registry in schema "%s"', registry) END,
            HINT = 'Make one with propensity_registry_create(schema), or name its schema: registry => ''...''.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION propensity_registry_table(name) IS 'the registry''s table in a schema; none is an error (42P01)';

CREATE FUNCTION propensity_register(name text, model propensity_model, metrics jsonb DEFAULT NULL, note text DEFAULT NULL,
                                    registry name DEFAULT propensity_registry_schema()) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    models regclass := @extschema@.propensity_registry_table(registry);
    added integer;
BEGIN
    -- versions of one name are given out one after the other
    PERFORM pg_advisory_xact_lock(hashtextextended(name, models::oid::bigint));
    EXECUTE format('INSERT INTO %s (name, version, model, metrics, note)
        SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4 FROM %1$s WHERE name = $1 RETURNING version', models)
        INTO added USING name, model, metrics, note;
    RETURN added;
END
$$;
COMMENT ON FUNCTION propensity_register(text, propensity_model, jsonb, text, name) IS
    'adds a model under a name as a candidate and returns its version, 1 for the first; a NULL name or model is an error (23502)';

CREATE FUNCTION propensity_publish(name text, version integer DEFAULT NULL, note text DEFAULT NULL,
                                   registry name DEFAULT propensity_registry_schema()) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    models regclass := @extschema@.propensity_registry_table(registry);
    chosen integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(name, models::oid::bigint));
    EXECUTE format('SELECT max(version) FROM %s WHERE name = $1 AND CASE WHEN $2 IS NULL THEN status = ''candidate'' ELSE version = $2 END', models)
        INTO chosen USING name, version;
    IF chosen IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found',
            MESSAGE = CASE WHEN version IS NULL THEN format('there is no candidate named "%s"', name)
                      ELSE format('there is no version %s of "%s"', version, name) END,
            HINT = 'Register a model first: propensity_register(name, model).';
    END IF;
    EXECUTE format('UPDATE %s SET status = ''archived'' WHERE name = $1 AND status = ''production'' AND version <> $2', models)
        USING name, chosen;
    EXECUTE format('UPDATE %s SET status = ''production'', note = coalesce($3, note) WHERE name = $1 AND version = $2', models)
        USING name, chosen, note;
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION propensity_publish(text, integer, text, name) IS
    'puts a version (NULL: the latest candidate) into production and archives the one that was; returns the version; none is an error (P0002)';

CREATE FUNCTION propensity_rollback(name text, note text DEFAULT NULL,
                                    registry name DEFAULT propensity_registry_schema()) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    models regclass := @extschema@.propensity_registry_table(registry);
    current_version integer;
    previous integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(name, models::oid::bigint));
    EXECUTE format('SELECT version FROM %s WHERE name = $1 AND status = ''production''', models)
        INTO current_version USING name;
    EXECUTE format('SELECT h.version FROM %1$I.propensity_registry_history h JOIN %1$I.propensity_registry m USING (name, version)
        WHERE name = $1 AND h.new_status = ''production'' AND m.status <> ''production''
            AND ($2 IS NULL OR h.id < (SELECT max(l.id) FROM %1$I.propensity_registry_history l
                WHERE l.name = $1 AND l.version = $2 AND l.new_status = ''production''))
        ORDER BY h.id DESC LIMIT 1', registry)
        INTO previous USING name, current_version;
    IF previous IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found',
            MESSAGE = format('no earlier version of "%s" has been in production', name),
            HINT = 'Publish a version by its number: propensity_publish(name, version).';
    END IF;
    RETURN @extschema@.propensity_publish(name, previous, note, registry);
END
$$;
COMMENT ON FUNCTION propensity_rollback(text, text, name) IS
    'puts the version back into production that was there before the current one, and archives that; returns the version; none is an error (P0002)';

CREATE FUNCTION propensity_production(name text, registry name DEFAULT propensity_registry_schema()) RETURNS propensity_model
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    models regclass := @extschema@.propensity_registry_table(registry);
    found @extschema@.propensity_model;
BEGIN
    EXECUTE format('SELECT model FROM %s WHERE name = $1 AND status = ''production''', models)
        INTO found USING name;
    IF found IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found',
            MESSAGE = format('no model named "%s" is in production', name),
            HINT = 'Publish one: propensity_publish(name).';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION propensity_production(text, name) IS
    'the model of this name that is in production; none is an error (P0002); for many rows fetch it once: propensity_score((SELECT propensity_production(''...'')), features)';

CREATE FUNCTION propensity(name text, features record, registry name DEFAULT propensity_registry_schema()) RETURNS double precision
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    RETURN @extschema@.propensity_score(@extschema@.propensity_production(name, registry), features);
END
$$;
COMMENT ON FUNCTION propensity(text, record, name) IS
    'score of one row by the model of this name in production, for stored procedures; errors are those of propensity_production and propensity_score';

CREATE FUNCTION propensity(name text, features double precision[], registry name DEFAULT propensity_registry_schema()) RETURNS double precision
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    RETURN @extschema@.propensity_score(@extschema@.propensity_production(name, registry), features);
END
$$;
COMMENT ON FUNCTION propensity(text, double precision[], name) IS
    'score of one row by the model of this name in production, for models of arrays';
