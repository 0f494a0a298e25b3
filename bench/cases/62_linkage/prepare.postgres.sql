DROP TABLE IF EXISTS people, people_spec;
CREATE TABLE people AS
WITH person AS (
    SELECT n, (n - CASE WHEN n % 5 < 3 THEN n % 5 ELSE 0 END)::bigint AS p FROM generate_series(1, 100000) n),
parts AS (
    SELECT n, p, md5('given' || p % 997) AS g, md5('first' || (p * 7919) % 5003) AS s1, md5('second' || (p * 104729) % 5009) AS s2, md5('error' || n) AS e FROM person)
SELECT n::text AS id, p AS person, translate(substr(g, 1, 6), '0123456789', 'aeioumnrst') AS given,
       translate(overlay(substr(s1, 1, 7) PLACING CASE WHEN e < '2' THEN substr(e, 2, 1) ELSE substr(s1, 3, 1) END FROM 3), '0123456789', 'aeioumnrst') AS surname1,
       CASE WHEN e > '2' THEN translate(substr(s2, 1, 7), '0123456789', 'aeioumnrst') END AS surname2,
       CASE WHEN e > '1' THEN '1940-01-01'::date + ((p * 31) % 24000)::int + CASE WHEN e < '18' THEN 1 ELSE 0 END END AS born,
       CASE WHEN e > '3' THEN substr(g, 1, 5) || p || '@example.es' END AS email,
       CASE WHEN e < 'a' THEN '6' || lpad(((p * 15485863::bigint) % 100000000)::text, 8, '0') END AS phone
FROM parts;
CREATE TABLE people_spec AS SELECT linkage_spec(ARRAY[
    linkage_comparison('given', 'name'), linkage_comparison('surname1,surname2', 'name', term_frequency => true), linkage_comparison('born', 'date'),
    linkage_comparison('email', 'email'), linkage_comparison('phone', 'phone')],
    ARRAY['email', 'phone', 'surname1 + born', 'given + born', 'surname2 + born']) AS s;
ANALYZE people;
