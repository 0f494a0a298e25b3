DROP TABLE IF EXISTS catalogue_times, incoming;
DROP SCHEMA IF EXISTS customer_catalogue CASCADE;
SELECT customer_catalogue_create();
SELECT customer_identifier_type_set('email', kind => 'email');
CREATE TABLE catalogue_times (what text, took float8);
CREATE TABLE incoming AS
WITH person AS (
    SELECT n, (n - CASE WHEN n % 5 < 3 THEN n % 5 ELSE 0 END)::bigint AS p FROM generate_series(1, :events / 10 + 20000) n),
parts AS (
    SELECT n, p, md5('given' || p % 997) AS g, md5('first' || (p * 7919) % 5003) AS s1, md5('second' || (p * 104729) % 5009) AS s2, md5('error' || n) AS e FROM person)
SELECT n, md5(n::text) < 'fae' OR n > :events / 10 + 100 AS first, jsonb_strip_nulls(jsonb_build_object('given', translate(substr(g, 1, 6), '0123456789', 'aeioumnrst'),
       'surname1', translate(overlay(substr(s1, 1, 7) PLACING CASE WHEN e < '2' THEN substr(e, 2, 1) ELSE substr(s1, 3, 1) END FROM 3), '0123456789', 'aeioumnrst'),
       'surname2', CASE WHEN e > '2' THEN translate(substr(s2, 1, 7), '0123456789', 'aeioumnrst') END,
       'born', CASE WHEN e > '1' THEN '1940-01-01'::date + ((p * 31) % 24000)::int + CASE WHEN e < '18' THEN 1 ELSE 0 END END,
       'email', CASE WHEN e > '3' THEN substr(g, 1, 5) || p || '@example.es' END,
       'phone', CASE WHEN e < 'a' THEN '6' || lpad(((p * 15485863::bigint) % 100000000)::text, 8, '0') END)) AS attributes
FROM parts;
CREATE TABLE people_catalogue_spec AS SELECT linkage_spec(ARRAY[
    linkage_comparison('given', 'name'), linkage_comparison('surname1,surname2', 'name', term_frequency => true), linkage_comparison('born', 'date'),
    linkage_comparison('email', 'email'), linkage_comparison('phone', 'phone')],
    ARRAY['email', 'phone', 'surname1 + born', 'given + born', 'surname2 + born']) AS s;
INSERT INTO customer_catalogue.customer_record (source, source_key, attributes, observed_at)
SELECT 'crm', n::text, attributes, '2026-01-01' FROM incoming WHERE first AND n <= :events / 10;
ANALYZE;
CREATE OR REPLACE PROCEDURE resolve_timed(label text) LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz := clock_timestamp();
BEGIN
  PERFORM customer_resolve(s) FROM people_catalogue_spec;
  COMMIT;
  INSERT INTO catalogue_times VALUES (label, extract(epoch FROM clock_timestamp() - started));
END $$;
CREATE OR REPLACE PROCEDURE identify_timed() LANGUAGE plpgsql AS $$
DECLARE
  r record;
  started timestamptz;
BEGIN
  FOR r IN SELECT n, attributes FROM incoming WHERE NOT first OR n > :events / 10 ORDER BY md5(n::text) LIMIT :events / 500 LOOP
    started := clock_timestamp();
    PERFORM customer_identify('web', r.n::text, r.attributes, '2026-06-01');
    COMMIT;
    INSERT INTO catalogue_times VALUES ('identify', extract(epoch FROM clock_timestamp() - started));
    COMMIT;
  END LOOP;
END $$;
CALL resolve_timed('resolved at first');
CALL resolve_timed('resolved again');
ANALYZE;
SET synchronous_commit = off;
CALL identify_timed();
