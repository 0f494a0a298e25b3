-- A catalogue for customers with numbers
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT customer_canonical('1');
SELECT customer_catalogue_create(key_type => 'integer');
SELECT customer_catalogue_create();
SELECT customer_catalogue_create();
SELECT customer_identifier_type_set('user_id', priority => 1, max_per_customer => 1);
SELECT customer_identifier_type_set('email', kind => 'email', priority => 2);
SELECT customer_identifier_type_set('phone', kind => 'phone', priority => 3, generic_after => 3);
INSERT INTO customer_catalogue.customer_blocked_value VALUES ('user_id', '^[0-]*$', 'zeros'), ('*', '^(-1|null|anonymous)$', 'robots');
INSERT INTO customer_catalogue.customer_source VALUES ('crm', 1), ('web', 2);

-- One record at a time
SELECT customer_id, action, merge_id, detail FROM customer_identify('crm', 'a1', '{"name": "Ana Gil", "email": "ana@x.es"}', '2026-01-01 10:00+00');
SELECT customer_id, action, detail FROM customer_identify('web', 'w1', '{"name": "ANA GIL", "email": "Ana@X.es", "phone": "612345670"}', '2026-01-02 10:00+00');
SELECT customer_id, action, detail FROM customer_identify('crm', 'b1', '{"name": "A. Gil", "phone": "+34 698 11 22 30"}', '2026-01-03 10:00+00');
-- it shows that 1 and 2 are one
SELECT customer_id, action, merge_id, detail FROM customer_identify('web', 'w2', '{"email": "ana@x.es", "phone": "698112230"}', '2026-01-04 10:00+00');
-- a newer and an older version of a record
SELECT customer_id, action, detail FROM customer_identify('crm', 'a1', '{"name": "Ana Gil Ruiz", "email": "ana@x.es"}', '2026-01-05 10:00+00');
SELECT customer_id, action, detail FROM customer_identify('crm', 'a1', '{"name": "Old", "email": "old@x.es"}', '2025-01-05 10:00+00');
-- a unique identifier: the e-mail address is demoted, a new customer made
SELECT customer_id, action, detail FROM customer_identify('web', 'u1', '{"user_id": "abc123", "email": "jane@e.com"}');
SELECT customer_id, action, detail FROM customer_identify('web', 'u2', '{"user_id": "abc456", "email": "jane@e.com"}');
SELECT identifier, value, state FROM customer_catalogue.customer_identifier WHERE value IN ('abc456', 'jane@e.com') ORDER BY record_id, identifier;
-- blocked values never link
SELECT customer_id, action, detail FROM customer_identify('web', 'z1', '{"user_id": "0000-00"}');
SELECT customer_id, action, detail FROM customer_identify('web', 'z2', '{"user_id": "0000-00"}');
SELECT customer_id, action, detail FROM customer_identify('web', 'z3', '{"email": "test@test.com", "user_id": "-1"}');
-- a value that too many have becomes generic: the fifth customer is not linked by it
SELECT n, (customer_identify('pos', 'g' || n, jsonb_build_object('user_id', 'g' || n, 'phone', '655511223'))).action FROM generate_series(1, 5) n;
SELECT (customer_identify('pos', 'g9', '{"phone": "655511223"}')).action;
-- ambiguous: it could be two who may not be one
SELECT customer_judge(x.customer_id, y.customer_id, 'different', 'father and son') FROM
  (SELECT * FROM customer_identify('pos', 'f1', '{"name": "Juan Sanz", "email": "juan1@x.es"}')) x,
  (SELECT * FROM customer_identify('pos', 'f2', '{"name": "Juan Sanz", "email": "juan2@x.es", "phone": "633333331"}')) y;
SELECT customer_id, action, detail FROM customer_identify('pos', 'f3', '{"name": "Juan Sanz", "email": "juan1@x.es", "phone": "633333331"}');
SELECT kind, customers FROM customer_catalogue.customer_review ORDER BY review_id;
SELECT customer_identify('web', NULL, '{}');
SELECT customer_identify('web', 'x', '[]');

-- The golden record, with where each value comes from
SELECT attribute, value, source, rule, round(confidence::numeric, 2) AS confidence, losers FROM customer_golden('1');
INSERT INTO customer_catalogue.customer_survivorship VALUES ('name', 'source_order'), ('email', 'most_frequent');
SELECT attribute, value, rule FROM customer_golden('1') WHERE attribute IN ('name', 'email');
UPDATE customer_catalogue.customer_survivorship SET rule = 'longest' WHERE attribute = 'name';
SELECT value FROM customer_golden('1') WHERE attribute = 'name';
UPDATE customer_catalogue.customer_survivorship SET rule = 'unanimous' WHERE attribute = 'name';
SELECT value FROM customer_golden('1') WHERE attribute = 'name';
UPDATE customer_catalogue.customer_survivorship SET rule = 'most_complete' WHERE attribute = 'name';
SELECT value FROM customer_golden('1') WHERE attribute = 'name';
INSERT INTO customer_catalogue.customer_pin VALUES ('1', 'name', 'Ana María Gil');
SELECT value, rule FROM customer_golden('1') WHERE attribute = 'name';
DELETE FROM customer_catalogue.customer_pin;
DELETE FROM customer_catalogue.customer_survivorship;

-- What hangs on customers: rows repointed, a journey combined, facts joined through the view
CREATE TABLE orders (order_id integer PRIMARY KEY, customer_id bigint, total numeric);
CREATE TABLE journeys (customer_id bigint PRIMARY KEY, journey journey, note text);
CREATE TABLE visits (customer_id bigint);
CREATE TABLE wishlists (customer_id bigint UNIQUE, item text PRIMARY KEY);
SELECT customer_register('orders', 'customer_id'), customer_register('journeys', 'customer_id', 'combine'), customer_register('visits', 'customer_id', 'map');
CREATE TABLE both_ids AS SELECT a.customer_id AS a, b.customer_id AS b FROM
  (SELECT * FROM customer_identify('crm', 'm1', '{"name": "Eva Polo", "email": "eva@x.es", "city": "Vigo"}', '2026-02-01 00:00+00')) a,
  (SELECT * FROM customer_identify('web', 'm2', '{"name": "Eva Polo Ruiz", "email": "evap@y.es"}', '2026-02-02 00:00+00')) b;
INSERT INTO orders SELECT n, CASE WHEN n % 2 = 0 THEN a ELSE b END::bigint, n * 10 FROM both_ids, generate_series(1, 4) n;
INSERT INTO journeys SELECT a::bigint, '{view@web 2026-01-01 10:00:00+00, purchase@store(59.9) 2026-01-03 18:00:00+00}'::journey, 'first' FROM both_ids;
INSERT INTO journeys SELECT b::bigint, '{search@app 2026-01-02 09:00:00+00, view@web 2026-01-01 10:00:00+00}'::journey, 'second' FROM both_ids;
INSERT INTO visits SELECT unnest(ARRAY[a, b]::bigint[]) FROM both_ids;
CREATE FUNCTION state_of_all() RETURNS TABLE (what text, digest text) LANGUAGE sql AS $$
  SELECT 'orders', md5(string_agg(o::text, ';' ORDER BY o.order_id)) FROM orders o
  UNION ALL SELECT 'journeys', md5(string_agg(j::text || encode(journey_send(j.journey), 'hex'), ';' ORDER BY customer_id)) FROM journeys j
  UNION ALL SELECT 'visits', md5(string_agg(v::text, ';' ORDER BY customer_id)) FROM visits v
  UNION ALL SELECT 'records', md5(string_agg(r::text, ';' ORDER BY r.record_id)) FROM customer_catalogue.customer_record r
  UNION ALL SELECT 'customers', md5(string_agg(c::text, ';' ORDER BY c.customer_id)) FROM customer_catalogue.customer c
  UNION ALL SELECT 'golden', md5(string_agg(g::text, ';' ORDER BY c.customer_id, g.attribute)) FROM customer_catalogue.customer c, customer_golden(c.customer_id) g
  UNION ALL SELECT 'identifiers', md5(string_agg(i::text, ';' ORDER BY i::text)) FROM customer_catalogue.customer_identifier i $$;
CREATE TABLE before AS SELECT * FROM state_of_all();

-- tried, done, done again with the same key, again without
SELECT m.merge_id IS NULL AS nothing_done, m.status, m.changes FROM both_ids, customer_merge(a, ARRAY[b], dry_run => true) m;
SELECT count(*) AS changed FROM before JOIN state_of_all() s USING (what) WHERE s.digest <> before.digest;
SELECT m.customer_id = a AS survivor, m.status, m.changes -> 'rows' AS rows FROM both_ids, customer_merge(a, ARRAY[b], 'same mailbox owner', 'key-1') m;
SELECT m.status FROM both_ids, customer_merge(a, ARRAY[b], 'again', 'key-1') m;
SELECT m.status FROM both_ids, customer_merge(b::bigint, ARRAY[a::bigint]) m;
SELECT count(*) FROM customer_catalogue.customer_merge WHERE idempotency_key = 'key-1';
SELECT customer_canonical(b) = a AS text_key, customer_canonical(b::bigint) = a::bigint AS number_key FROM both_ids;
SELECT order_id, customer_id = a::bigint AS with_survivor FROM orders, both_ids ORDER BY 1;
SELECT journey, note FROM journeys;
SELECT count(*), count(DISTINCT canonical_id) FROM visits JOIN customer_catalogue.customer_canonical USING (customer_id);
SELECT attribute, value FROM both_ids, customer_golden(a);
SELECT customer_as_of(b, '-infinity') = b AS before, customer_as_of(b, 'infinity') = a AS after FROM both_ids;

-- undone: everything is as before, byte for byte
SELECT u.status, u.changes -> 'rows' AS rows FROM (SELECT max(merge_id) AS id FROM customer_catalogue.customer_merge) m, customer_unmerge(m.id, dry_run => true) u;
SELECT u.status FROM (SELECT max(merge_id) AS id FROM customer_catalogue.customer_merge) m, customer_unmerge(m.id) u;
SELECT what FROM before JOIN state_of_all() s USING (what) WHERE s.digest <> before.digest;
SELECT u.status FROM (SELECT max(merge_id) AS id FROM customer_catalogue.customer_merge) m, customer_unmerge(m.id) u;
SELECT status, changes FROM customer_unmerge(-1);

-- merged again, with rows and records in between: each goes to its owner
SELECT m.status FROM both_ids, customer_merge(a, ARRAY[b]) m;
INSERT INTO orders SELECT 5, a::bigint, 50 FROM both_ids UNION ALL SELECT 6, b::bigint, 60 FROM both_ids;
UPDATE journeys SET journey = journey || journey_of('2026-03-01 00:00+00', 'return') WHERE customer_id = (SELECT a::bigint FROM both_ids);
SELECT i.action, i.customer_id = a AS with_survivor FROM both_ids, customer_identify('pos', 'm3', '{"email": "evap@y.es", "phone": "644444441"}') i;
SELECT u.status FROM (SELECT max(merge_id) AS id FROM customer_catalogue.customer_merge) m, customer_unmerge(m.id) u;
SELECT order_id, CASE customer_id WHEN a::bigint THEN 'survivor' WHEN b::bigint THEN 'duplicate' END AS owner FROM orders, both_ids ORDER BY 1;
SELECT CASE customer_id WHEN a::bigint THEN 'survivor' WHEN b::bigint THEN 'duplicate' END AS owner, journey, note FROM journeys, both_ids ORDER BY 1;
SELECT source_key, CASE customer_id WHEN a THEN 'survivor' WHEN b THEN 'duplicate' END AS owner
FROM customer_catalogue.customer_record, both_ids WHERE source_key LIKE 'm_' ORDER BY 1;

-- a survivor without a row takes over the duplicate's, and gives it back
DELETE FROM journeys WHERE customer_id = (SELECT a::bigint FROM both_ids);
DELETE FROM before; INSERT INTO before SELECT * FROM state_of_all();
SELECT m.status FROM both_ids, customer_merge(a, ARRAY[b]) m;
SELECT customer_id = a::bigint AS with_survivor FROM journeys, both_ids;
SELECT u.status FROM (SELECT max(merge_id) AS id FROM customer_catalogue.customer_merge) m, customer_unmerge(m.id) u;
SELECT what FROM before JOIN state_of_all() s USING (what) WHERE s.digest <> before.digest;

-- three in a row: the later merge must be undone first
CREATE TABLE third AS SELECT customer_id AS c FROM customer_identify('crm', 'm4', '{"name": "Eva P."}');
SELECT m.status FROM both_ids, customer_merge(a, ARRAY[b]) m;
SELECT m.status, m.customer_id = c AS survivor FROM both_ids, third, customer_merge(c, ARRAY[b]) m;
SELECT customer_canonical(b) = c AS both_moved FROM both_ids, third;
SELECT u.status, regexp_replace(u.changes ->> 'reason', '\d+', 'N', 'g') AS reason FROM (SELECT max(merge_id) - 1 AS id FROM customer_catalogue.customer_merge) m, customer_unmerge(m.id) u;
SELECT u.status FROM (SELECT max(merge_id) AS id FROM customer_catalogue.customer_merge) m, customer_unmerge(m.id) u;
SELECT customer_canonical(b) = a AS inner_merge_holds FROM both_ids;
SELECT u.status FROM (SELECT max(merge_id) - 1 AS id FROM customer_catalogue.customer_merge) m, customer_unmerge(m.id) u;

-- refused: judged different, unique keys in the way, limits, unknown
SELECT customer_judge(a, b, 'different') IS NOT NULL FROM both_ids;
SELECT m.status, m.changes ->> 'reason' LIKE 'judged different%' AS why FROM both_ids, customer_merge(a, ARRAY[b]) m;
SELECT m.status FROM both_ids, third, customer_merge(c, ARRAY[a]) m;
SELECT m.status AS through_another FROM both_ids, third, customer_merge(c, ARRAY[b]) m;
SELECT u.status FROM (SELECT max(merge_id) AS id FROM customer_catalogue.customer_merge) m, customer_unmerge(m.id) u;
UPDATE customer_catalogue.customer_judgement SET revoked_at = now();
SELECT customer_register('wishlists', 'customer_id');
INSERT INTO wishlists SELECT c::bigint, 'lamp' FROM third UNION ALL SELECT b::bigint, 'chair' FROM both_ids;
SELECT m.status, m.changes ->> 'reason' AS reason FROM both_ids, third, customer_merge(c, ARRAY[b]) m;
SELECT m.status, m.changes ->> 'reason' AS reason FROM
  (SELECT customer_id FROM customer_catalogue.customer_record WHERE source_key = 'u1') x,
  (SELECT customer_id FROM customer_catalogue.customer_record WHERE source_key = 'u2') y, customer_merge(x.customer_id, ARRAY[y.customer_id]) m;
SELECT status, changes FROM customer_merge('1', ARRAY['nobody']);
SELECT customer_judge('1', '1', 'same');
SELECT customer_register('orders', 'customer');
SELECT customer_register('visits', 'customer_id', 'repoint');
SELECT customer_register('visits', 'customer_id', 'combine');
SELECT customer_register('visits', 'customer_id', 'other');

DELETE FROM wishlists;

-- why not, history, everything
SELECT step, answer FROM (SELECT customer_id FROM customer_catalogue.customer_record WHERE source_key = 'f1') x,
  (SELECT customer_id FROM customer_catalogue.customer_record WHERE source_key = 'f3') y, customer_why_not(x.customer_id, y.customer_id);
SELECT step, answer FROM customer_why_not('1', '2');
SELECT step, answer FROM customer_why_not('1', 'nobody');
SELECT kind FROM customer_history('2');
SELECT jsonb_object_keys(customer_360('2')), customer_360('nobody') IS NULL AS unknown;
SELECT customer_360('2') -> 'golden', jsonb_array_length(customer_360('2') -> 'records') AS records, customer_360('2') -> 'members' AS members;
SELECT jsonb_object_keys(customer_export((SELECT a FROM both_ids)));

-- Erasure: nothing of the person is left, history still verifies, the person is not taken in again
SELECT cardinality(e.erased) AS erased, e.rows_deleted FROM both_ids, customer_erase(b, 'asked by letter') e;
CREATE FUNCTION mentions(needle text) RETURNS TABLE (relation name) LANGUAGE plpgsql AS $$
DECLARE t name; found boolean;
BEGIN
  FOR t IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'customer_catalogue'::regnamespace AND c.relkind = 'r' ORDER BY 1 LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM customer_catalogue.%I x WHERE x::text LIKE %L)', t, '%' || needle || '%') INTO found;
    IF found THEN relation := t; RETURN NEXT; END IF;
  END LOOP;
END $$;
SELECT * FROM mentions('evap@y.es');
SELECT count(*) FROM journeys, both_ids WHERE customer_id = b::bigint;
SELECT customer_id, action FROM customer_identify('web', 'new', '{"name": "Eva Polo Ruiz", "email": "EVAP@y.es"}');
SELECT customer_unsuppress('email', 'evap@y.es'), customer_unsuppress('email', 'evap@y.es');
SELECT action FROM customer_identify('web', 'new', '{"name": "Eva Polo Ruiz", "email": "EVAP@y.es"}');
SELECT m.status, m.changes FROM both_ids, customer_merge(a, ARRAY[b]) m;
SELECT * FROM customer_history_verify();
-- a part alone: its events leave the survivor's journey
INSERT INTO journeys SELECT a::bigint, '{view 2026-01-01 10:00:00+00}'::journey FROM both_ids;
INSERT INTO journeys SELECT c::bigint, '{call 2026-01-02 10:00:00+00}'::journey FROM third;
SELECT m.status FROM both_ids, third, customer_merge(a, ARRAY[c]) m;
SELECT cardinality(e.erased) FROM third, customer_erase(c) e;
SELECT journey FROM journeys;
SELECT * FROM customer_history_verify();
UPDATE customer_catalogue.customer_history SET payload = '{"changed": true}' WHERE customer_id = '1' AND sequence = 1;
SELECT * FROM customer_history_verify();
DROP TABLE orders, journeys, visits, wishlists, both_ids, third, before;
DROP FUNCTION state_of_all(), mentions(text);
DROP SCHEMA customer_catalogue CASCADE;

-- A part of a part is erased: its events leave all rows and all rows kept, others' stay and can still be unmerged
SELECT customer_catalogue_create();
CREATE TABLE journeys (customer_id bigint PRIMARY KEY, journey journey);
SELECT customer_register('journeys', 'customer_id', 'combine');
SELECT customer_id FROM unnest(ARRAY['a', 'b', 'c', 'd']) k, customer_identify('crm', k, jsonb_build_object('name', k));
INSERT INTO journeys VALUES (1, '{a 2026-01-01 00:00:00+00}'), (2, '{secret 2026-01-02 00:00:00+00}'), (3, '{c 2026-01-03 00:00:00+00}'), (4, '{d 2026-01-04 00:00:00+00}');
SELECT (customer_merge('2', ARRAY['4'])).status, (customer_merge('1', ARRAY['2'])).status, (customer_merge('3', ARRAY['1'])).status;
SELECT * FROM journeys;
SELECT erased, merges_affected FROM customer_erase('2');
SELECT * FROM journeys;
SELECT count(*) AS kept_rows, count(*) FILTER (WHERE w::text LIKE '%secret%') AS with_the_secret FROM customer_catalogue.customer_merge_row w;
SELECT status FROM customer_unmerge(3);
SELECT * FROM journeys ORDER BY 1;
SELECT status FROM customer_unmerge(2);
DROP TABLE journeys;
DROP SCHEMA customer_catalogue CASCADE;

-- All records at once: resolved, and again with more of them; ids stay
SELECT customer_catalogue_create();
INSERT INTO customer_catalogue.customer_record (source, source_key, attributes, observed_at)
SELECT 'crm', k, a::jsonb, '2026-01-01' FROM (VALUES
    ('1', '{"name": "María García López", "born": "1980-05-06", "email": "maria.garcia@x.es", "city": "Vigo"}'),
    ('2', '{"name": "Mª Garcia Lopez", "born": "1980-05-06", "email": "maria.garcia@x.es"}'),
    ('3', '{"name": "José Ruiz Sanz", "born": "1975-11-30", "email": "jruiz@y.es", "city": "Lugo"}'),
    ('4', '{"name": "Jose Ruiz", "born": "1975-11-30", "city": "Lugo"}'),
    ('5', '{"name": "Ana Polo Gil", "born": "1990-02-01", "email": "ana@z.es", "city": "Vigo"}'),
    ('6', '{"name": "Luis Mora Paz", "born": "1961-07-19", "email": "luis@z.es", "city": "Ourense"}')) v(k, a);
INSERT INTO customer_catalogue.customer_record (source, source_key, attributes, observed_at)
SELECT 'web', n::text, jsonb_build_object('name', 'Persona' || chr(97 + n % 26) || chr(97 + n % 7) || ' Apellido' || chr(97 + n % 23) || chr(97 + n % 11),
       'born', ('1950-01-01'::date + n * 37)::text, 'email', 'p' || n || '@w.es', 'city', 'C' || n % 9), '2026-01-01' FROM generate_series(1, 200) n;
CREATE TABLE spec AS SELECT linkage_spec(ARRAY[linkage_comparison('name', 'name'), linkage_comparison('born', 'date'),
    linkage_comparison('email', 'email'), linkage_comparison('city')], ARRAY['email', 'born', 'name:phonetic']) AS s;
SELECT records, pairs, customers_created, records_linked, customers_merged, merges_refused, model_version FROM spec, customer_resolve(s);
SELECT string_agg(source_key, ' ' ORDER BY record_id) AS records FROM customer_catalogue.customer_record WHERE source = 'crm' GROUP BY customer_id ORDER BY 1;
CREATE TABLE ids AS SELECT record_id, customer_id FROM customer_catalogue.customer_record;
SELECT records, pairs, customers_created, records_linked, customers_merged, merges_refused, model_version FROM spec, customer_resolve(s);
SELECT count(*) AS moved FROM ids JOIN customer_catalogue.customer_record r USING (record_id) WHERE r.customer_id <> ids.customer_id;
-- one record at a time by the model; a bridge between two customers makes the next resolve merge them
SELECT i.action, i.detail, c.source_key FROM customer_identify('pos', 'x1', '{"name": "Jose Ruiz Sanz", "born": "1975-11-30", "email": "jruiz@y.es"}') i
JOIN customer_catalogue.customer_record c ON c.customer_id = i.customer_id WHERE c.source_key = '3';
INSERT INTO customer_catalogue.customer_record (source, source_key, attributes) VALUES
    ('pos', '7', '{"name": "Ana Polo Gil", "born": "1990-02-01", "email": "ana@z.es", "city": "Vigo"}'), ('pos', '8', '{"name": "Nadie Nuevo", "born": "2001-09-09"}');
SELECT records, customers_created, records_linked, customers_merged, merges_refused FROM spec, customer_resolve(s);
SELECT a.customer_id = b.customer_id AS joined FROM customer_catalogue.customer_record a, customer_catalogue.customer_record b
WHERE a.source_key = '5' AND a.source = 'crm' AND b.source_key = '7' AND b.source = 'pos';
-- judged the same: merged by the next resolve; judged different: kept apart although alike
SELECT customer_judge(a.customer_id, b.customer_id, 'same') IS NOT NULL AS judged FROM customer_catalogue.customer_record a, customer_catalogue.customer_record b
WHERE a.source = 'crm' AND b.source = 'crm' AND a.source_key = '5' AND b.source_key = '6';
SELECT customers_created, customers_merged FROM spec, customer_resolve(s);
SELECT step, answer, detail ->> 'common_keys' AS keys FROM customer_catalogue.customer_record a, customer_catalogue.customer_record b,
    customer_why_not(a.customer_id, b.customer_id) WHERE a.source = 'crm' AND b.source = 'crm' AND a.source_key = '1' AND b.source_key = '3';
SELECT count(*) AS problems FROM customer_history_verify();
DROP TABLE spec, ids;
DROP SCHEMA customer_catalogue CASCADE;

-- Survivorship as aggregates, on any table
SELECT customer_most_recent(v, at), customer_most_frequent(v), customer_longest(v), customer_unanimous(v), customer_unanimous('x')
FROM (VALUES ('b', '2026-01-02'::timestamptz), ('a', '2026-01-02'), ('ccc', '2026-01-01'), ('ccc', '2025-01-01'), (NULL, '2027-01-01'), ('z', NULL)) t(v, at);
SELECT customer_most_recent(v, now()), customer_most_frequent(v), customer_longest(v), customer_unanimous(v) FROM (SELECT NULL::text) t(v);
SELECT g, string_agg(w, '') AS longest_so_far FROM (
  SELECT g, customer_longest(v) OVER (PARTITION BY g ORDER BY n) AS w, n FROM (VALUES (1, 1, 'a'), (1, 2, 'ccc'), (1, 3, 'bb')) t(g, n, v)) s GROUP BY g;

-- Roles: a reader sees, a steward merges, nobody else does either
CREATE ROLE regress_identity_reader;
CREATE ROLE regress_identity_steward;
SELECT customer_catalogue_create();
SELECT customer_catalogue_grant('regress_identity_reader', 'reader'), customer_catalogue_grant('regress_identity_steward', 'steward');
SELECT customer_catalogue_grant('regress_identity_reader', 'owner');
SET ROLE regress_identity_steward;
SELECT customer_id, action FROM customer_identify('crm', '1', '{"name": "Ana"}');
SELECT customer_id, action FROM customer_identify('crm', '2', '{"name": "Anna"}');
SELECT status FROM customer_merge('1', ARRAY['2']);
SELECT customer_erase('1');
SET ROLE regress_identity_reader;
SELECT customer_canonical('2');
SELECT customer_merge('1', ARRAY['2']);
SELECT salt FROM customer_catalogue.customer_secret;
RESET ROLE;
DROP SCHEMA customer_catalogue CASCADE;
DROP ROLE regress_identity_reader, regress_identity_steward;

-- Keys that are uuids, in a schema of another name
SELECT customer_catalogue_create('crm data', 'uuid');
SET customer_journey.catalogue = 'crm data';
SELECT customer_identifier_type_set('email', kind => 'email');
CREATE TABLE u AS SELECT (customer_identify('a', n::text, jsonb_build_object('email', n || '@x.es', 'name', 'n' || n))).customer_id::uuid AS id, n FROM generate_series(1, 2) n;
SELECT m.status FROM u x, u y, customer_merge(x.id, ARRAY[y.id]) m WHERE x.n = 1 AND y.n = 2;
SELECT count(*), count(DISTINCT canonical_id), pg_typeof(min(canonical_id::text)::uuid) FROM "crm data".customer_canonical;
SELECT customer_canonical(y.id) = x.id FROM u x, u y WHERE x.n = 1 AND y.n = 2;
DROP TABLE u;
DROP SCHEMA "crm data" CASCADE;
RESET customer_journey.catalogue;
