\echo
\echo ==== 6. Single customer view: who is the same person ====
\echo
SET client_min_messages = warning;
SET timezone = 'UTC';

\echo 5,000 records of Spanish customers from four sources, with typing errors, missing values, exchanged surnames and dates:
CREATE TABLE clientes (id int PRIMARY KEY, person int, source text, nombre text, apellido1 text, apellido2 text, nacimiento date,
    email text, telefono text, ciudad text, cp text, updated_at timestamptz);
\copy clientes FROM PROGRAM 'gzip -dc data/clientes.csv.gz' WITH (FORMAT csv, HEADER)
SELECT id, source, nombre, apellido1, apellido2, nacimiento, email, telefono FROM clientes ORDER BY person, id LIMIT 5 OFFSET 3;

\echo What to compare, and which pairs to look at:
CREATE TABLE identity_spec AS SELECT linkage_spec(
    ARRAY[linkage_comparison('nombre', 'name', term_frequency => true),
          linkage_comparison('apellido1,apellido2', 'name', term_frequency => true),
          linkage_comparison('nacimiento', 'date'), linkage_comparison('email', 'email', term_frequency => true),
          linkage_comparison('telefono', 'phone'), linkage_comparison('ciudad'), linkage_comparison('cp', 'postcode')],
    block_on => ARRAY['email', 'telefono', 'apellido1,apellido2:sorted + nombre', 'apellido1 + nacimiento',
                      'nombre:first + nacimiento', 'apellido2 + nacimiento']) AS spec;

\echo How many pairs is that? Counted before any is compared (of 12,497,500 possible):
SELECT rule, pairs, new_pairs AS "not found by earlier rules", largest_block AS "largest block", largest_key AS "its values"
FROM unnest((SELECT linkage_candidates(c, spec) FROM clientes c, identity_spec)) r;

\echo The model learns from the data alone how much each agreement weighs (in bits):
CREATE TABLE identity_model AS SELECT linkage_fit(c, spec) AS model FROM clientes c, identity_spec;
SELECT comparison, label, round(m::numeric, 3) AS "among matches", round(u::numeric, 5) AS "among all pairs", round(weight::numeric, 1) AS weight
FROM identity_model, linkage_levels(model) WHERE comparison IN ('nombre', 'nacimiento', 'email');

\echo The customers behind the records; the person column, which the model has not seen, tells how good they are:
CREATE TABLE identity_cluster AS
SELECT m.id::int AS id, m.cluster, m.members FROM unnest((SELECT linkage_resolve(c.id::text, c, model) FROM clientes c, identity_model)) m;
SELECT count(*) AS records, count(DISTINCT cluster) AS customers, (SELECT count(DISTINCT person) FROM clientes) AS "true persons",
       max(members) AS "most records"
FROM identity_cluster;
WITH cells AS (SELECT cluster, person, count(*) AS n FROM identity_cluster JOIN clientes USING (id) GROUP BY 1, 2),
found AS (SELECT sum(n * (n - 1) / 2) AS pairs FROM cells),
claimed AS (SELECT sum(n * (n - 1) / 2) AS pairs FROM (SELECT sum(n) AS n FROM cells GROUP BY cluster) c),
truth AS (SELECT sum(n * (n - 1) / 2) AS pairs FROM (SELECT sum(n) AS n FROM cells GROUP BY person) c)
SELECT round(100 * found.pairs / claimed.pairs, 1) AS "% of linked pairs right", round(100 * found.pairs / truth.pairs, 1) AS "% of true pairs found"
FROM found, claimed, truth;

\echo One pair explained: exchanged surnames and a date of birth written wrongly, and still one person:
WITH pair AS (
    SELECT a.id AS x, b.id AS y FROM clientes a JOIN clientes b ON a.person = b.person AND a.id < b.id
    WHERE a.apellido1 = b.apellido2 AND a.apellido2 = b.apellido1 AND a.apellido1 <> a.apellido2 ORDER BY (a.nacimiento <> b.nacimiento) DESC NULLS LAST, a.id LIMIT 1)
SELECT e.comparison, e.label, e.value_a AS "one record", e.value_b AS "the other", round((e.weight + coalesce(e.term_weight, 0))::numeric, 1) AS bits,
       round(e.running_probability::numeric, 6) AS "probability so far"
FROM pair JOIN clientes a ON a.id = x JOIN clientes b ON b.id = y, identity_model, linkage_explain(model, a, b) e;

\echo The same on 1,000 records of 251 English persons, without a blocking rule: all pairs
CREATE TABLE persons (unique_id int, first_name text, surname text, dob text, city text, email text, cluster int);
\copy persons FROM 'data/fake_1000.csv' WITH (FORMAT csv, HEADER)
SELECT (model).candidates AS pairs, round((model).threshold::numeric, 2) AS "threshold, bits", (model).iterations,
       round((model).expected_precision::numeric, 3) AS "expected precision"
FROM (SELECT linkage_fit(p, linkage_spec(ARRAY[
          linkage_comparison('first_name', 'jaro_winkler', term_frequency => true), linkage_comparison('surname', 'jaro_winkler', term_frequency => true),
          linkage_comparison('dob', 'levenshtein'), linkage_comparison('city', 'jaro_winkler', term_frequency => true),
          linkage_comparison('email', 'email', term_frequency => true)], ARRAY['*'])) AS model FROM persons p) f;

\echo A catalogue keeps customers in ordinary tables; two users of the shop become its first customers:
\o /dev/null
SELECT customer_catalogue_create(key_type => 'text');
SELECT customer_identifier_type_set('email', kind => 'email');
\o
SELECT customer_id, action FROM customer_identify('shop', 'user_0000', '{"name": "Lucía Vega", "email": "lucia.vega@example.es"}', '2024-03-01');
SELECT customer_id, action FROM customer_identify('app', 'user_0001', '{"name": "L. Vega Ríos", "phone": "612 34 56 70"}', '2024-04-01');
CREATE TABLE customer_journeys AS
SELECT CASE user_id WHEN 'user_0000' THEN '1' ELSE '2' END AS customer_id, journey
FROM journeys WHERE user_id IN ('user_0000', 'user_0001');
ALTER TABLE customer_journeys ADD PRIMARY KEY (customer_id);
\o /dev/null
SELECT customer_register('customer_journeys', 'customer_id', 'combine');
\o
CREATE TABLE journeys_before AS SELECT * FROM customer_journeys;
SELECT customer_id, journey_length(journey) AS events, journey_start(journey) FROM customer_journeys ORDER BY 1;

\echo A support agent sees that they are one person. What would a merge do?
SELECT status, changes -> 'before' AS "golden record before", changes -> 'after' AS after FROM customer_merge('1', ARRAY['2'], dry_run => true);
SELECT status, changes -> 'rows' AS rows FROM customer_merge('1', ARRAY['2'], 'confirmed by telephone', idempotency_key => 'ticket-881');
SELECT customer_id, journey_length(journey) AS events FROM customer_journeys;
SELECT attribute, value, source, rule FROM customer_golden('1');

\echo It was her mother. Undone, everything is as it was, byte for byte:
SELECT status FROM customer_catalogue.customer_merge m, customer_unmerge(m.merge_id) WHERE m.idempotency_key = 'ticket-881';
SELECT count(*) AS journeys, count(*) FILTER (WHERE journey_send(c.journey) = journey_send(b.journey)) AS "same bytes as before"
FROM customer_journeys c JOIN journeys_before b USING (customer_id);
SELECT customer_judge('1', '2', 'different', 'mother and daughter') IS NOT NULL AS "judged different";
SELECT status, changes ->> 'reason' AS reason FROM customer_merge('1', ARRAY['2']);
SELECT customer_id, kind, payload ->> 'reason' AS reason FROM customer_history('1');
