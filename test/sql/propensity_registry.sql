-- The registry: versions, one production model a name, publish, rollback, history
\set SHOW_CONTEXT never
CREATE TABLE reg_rows AS SELECT n % 7 < 3 AS y, (n * 37 % 11)::float8 AS a, chr(97 + n % 3) AS b FROM generate_series(1, 300) n;
SELECT propensity_production('churn');
SELECT propensity_production('churn', registry => 'nowhere');
SELECT propensity_registry_create('Reg "models"');
SELECT propensity_registry_create('Reg "models"');
SET search_path = "Reg ""models""", public;
SELECT propensity_registry_schema(), propensity_registry_table(propensity_registry_schema());

SELECT propensity_register('churn', propensity_fit(y, f), note => 'first') AS version FROM reg_rows, LATERAL (SELECT a) f;
SELECT propensity_register('churn', propensity_fit(y, f), to_jsonb(1), 'second') AS version FROM reg_rows, LATERAL (SELECT a, b) f;
SELECT propensity_register('upsell', propensity_fit(y, ARRAY[a])) AS version FROM reg_rows;
SELECT propensity_production('churn');
SELECT propensity_publish('churn', 1) AS published;
SELECT name, version, status, metrics, note, registered_by = current_user AS by_me FROM propensity_registry ORDER BY 1, 2;
-- a stored procedure scores a customer through the registry; publishing changes its answers, its columns are checked
CREATE FUNCTION reg_score(a float8, b text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    customer record;
BEGIN
    SELECT a AS a, b AS b INTO customer;
    RETURN round(propensity('churn', customer)::numeric, 6);
END $$;
SELECT reg_score(3, 'a') AS version_1, reg_score(3, 'b') = reg_score(3, 'a') AS ignores_b;
SELECT propensity_publish('churn') AS published;
SELECT reg_score(3, 'a') AS version_2, reg_score(3, 'b') = reg_score(3, 'a') AS ignores_b;
SELECT propensity('churn', x) FROM (VALUES (3.0)) x (a);
SELECT propensity('upsell', '{3}'::float8[]);
SELECT propensity_publish('upsell') AS published;
SELECT round(propensity('upsell', '{3}'::float8[])::numeric, 6) AS score;
SELECT bool_and(propensity_score((SELECT propensity_production('churn')), r) = propensity('churn', r, registry => 'Reg "models"')) AS same FROM reg_rows r;
-- back, and back again
SELECT propensity_rollback('churn', 'second was worse') AS version;
SELECT reg_score(3, 'a') AS version_1;
SELECT propensity_register('churn', (SELECT model FROM propensity_registry WHERE name = 'churn' AND version = 2)) AS version;
SELECT propensity_publish('churn', 3) AS published;
SELECT propensity_rollback('churn') AS version;
SELECT propensity_rollback('upsell');
SELECT name, version, status, note FROM propensity_registry ORDER BY 1, 2;
SELECT name, version, old_status, new_status, note, changed_by = current_user AS by_me FROM propensity_registry_history ORDER BY id;
-- publishing what is in production changes nothing
SELECT propensity_publish('churn', version) = version AS same FROM propensity_registry WHERE name = 'churn' AND status = 'production';
SELECT count(*) FROM propensity_registry_history;
-- errors
SELECT propensity_publish('churn', 9);
SELECT propensity_publish('nothing');
\set VERBOSITY terse
SELECT propensity_register('churn', NULL);
INSERT INTO propensity_registry (name, version, status, model) SELECT name, 99, 'production', model FROM propensity_registry WHERE name = 'churn' LIMIT 1;
UPDATE propensity_registry SET status = 'deleted';
\set VERBOSITY default
-- ordinary tables, no members of the extension; rights are the caller's
SELECT c.relname, d.objid IS NULL AS not_member FROM pg_class c LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
WHERE c.relname LIKE 'propensity_registry%' AND c.relkind = 'r' ORDER BY 1;
CREATE ROLE regress_reg_reader;
GRANT USAGE ON SCHEMA "Reg ""models""" TO regress_reg_reader;
SET ROLE regress_reg_reader;
SELECT propensity('upsell', '{3}'::float8[]);
RESET ROLE;
GRANT SELECT ON propensity_registry TO regress_reg_reader;
SET ROLE regress_reg_reader;
SELECT round(propensity('upsell', '{3}'::float8[])::numeric, 6) AS score;
SELECT propensity_publish('upsell', 1);
RESET ROLE;
SELECT count(*) AS definers FROM pg_proc WHERE prosecdef AND proname LIKE 'propensity%';

DROP OWNED BY regress_reg_reader;
DROP ROLE regress_reg_reader;
SET client_min_messages = warning;
DROP SCHEMA "Reg ""models""" CASCADE;
DROP TABLE reg_rows;
