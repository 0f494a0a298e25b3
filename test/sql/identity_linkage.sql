-- Data: 1,000 records of 251 synthetic persons, and an older edition with reference results of EM
CREATE TABLE fake (unique_id integer, first_name text, surname text, dob text, city text, email text, cluster integer);
CREATE TABLE fake_old (LIKE fake);
\set content `cat "$PG_ABS_SRCDIR/../demo/data/fake_1000.csv"`
INSERT INTO fake SELECT c[1]::integer, nullif(c[2], ''), nullif(c[3], ''), nullif(c[4], ''), nullif(c[5], ''), nullif(c[6], ''), c[7]::integer
FROM (SELECT string_to_array(trim(E'\r' FROM l), ',') FROM string_to_table(:'content', E'\n') WITH ORDINALITY t(l, n) WHERE n > 1 AND l <> '') r(c);
\set content `cat "$PG_ABS_SRCDIR/data/identity_em_1000.csv"`
INSERT INTO fake_old SELECT c[1]::integer, nullif(c[2], ''), nullif(c[3], ''), nullif(c[4], ''), nullif(c[5], ''), nullif(c[6], ''), c[7]::integer
FROM (SELECT string_to_array(trim(E'\r' FROM l), ',') FROM string_to_table(:'content', E'\n') WITH ORDINALITY t(l, n) WHERE n > 1 AND l <> '') r(c);
SELECT (SELECT count(*) FROM fake), (SELECT count(*) FROM fake_old);

-- u counted exactly: the pairs of each level among all 499,500
CREATE TABLE fitted AS
SELECT linkage_fit(f, linkage_spec(ARRAY[
    linkage_comparison('first_name', 'jaro_winkler'), linkage_comparison('surname', 'jaro_winkler'),
    linkage_comparison('dob', 'levenshtein', '{1}'), linkage_comparison('city'), linkage_comparison('email', 'email')],
    ARRAY['*'])) AS model
FROM fake f;
SELECT comparison, level, label, u_pairs, u_exact, round(u::numeric, 8) AS u FROM fitted, linkage_levels(model);
SELECT (model).records, (model).candidates, (model).converged, (model).warnings,
       round((model).match_rate::numeric, 6) AS match_rate, (model).threshold FROM fitted;

-- EM, frequencies of first names included, against a published history of two iterations
CREATE TABLE em AS
SELECT fix_u, linkage_fit(f, linkage_spec(ARRAY[
    linkage_comparison('first_name', 'levenshtein', '{2}', term_frequency => true, term_weight => 0.6,
                       m => '{0.7,0.2,0.1}', u => '{0.1,0.1,0.8}'),
    linkage_comparison('dob', m => '{0.9,0.1}', u => '{0.1,0.9}'),
    linkage_comparison('city', m => '{0.9,0.1}', u => '{0.1,0.9}'),
    linkage_comparison('email', m => '{0.9,0.1}', u => '{0.1,0.9}')],
    ARRAY['surname'], match_rate => 0.3, candidates_only => true, max_iterations => 2, tolerance => 0,
    fix_u => fix_u, train_terms => true, prior => 0)) AS model
FROM fake_old f, unnest(ARRAY[true, false]) fix_u GROUP BY fix_u;
SELECT t.fix_u, (model).candidates, iteration, expected, abs(found - expected) < 1e-10 AS agrees
FROM (VALUES (true, 1, 'match rate', 0.2588110991484573), (true, 2, 'match rate', 0.2823831219907477),
    (true, 1, 'm equal', 0.7434598848605759), (true, 1, 'm similar', 0.1422119783401823),
    (true, 1, 'm different', 0.1143281367992416), (true, 2, 'm equal', 0.7459410675398277),
    (false, 2, 'match rate', 0.2954053465070163), (false, 2, 'm equal', 0.7220904321527868),
    (false, 2, 'u equal', 0.0349938006465553)) AS r(fix_u, iteration, what, expected)
JOIN em t USING (fix_u),
LATERAL (SELECT CASE what WHEN 'match rate' THEN i.match_rate WHEN 'm equal' THEN i.m[1] WHEN 'm similar' THEN i.m[2]
                WHEN 'm different' THEN i.m[3] ELSE i.u[1] END AS found
         FROM linkage_trace(t.model) i WHERE i.iteration = r.iteration) f
ORDER BY 1 DESC, 3, 4;

-- EM on counted patterns: 4,000 pairs of known parameters
CREATE FUNCTION known(tolerance float8, max_iterations integer) RETURNS SETOF linkage_iteration LANGUAGE sql AS $$
  SELECT * FROM linkage_em(linkage_spec(ARRAY[
      linkage_comparison('a', m => '{0.95,0.05}', u => ARRAY[0.95 / 1024, 1.6]),
      linkage_comparison('b', m => '{0.95,0.05}', u => ARRAY[0.95 / 1024, 1.6]),
      linkage_comparison('c', m => '{0.95,0.05}', u => ARRAY[0.95 / 1024, 1.6])],
      match_rate => 1e-4, fix_u => false, prior => 0, tolerance => $1, max_iterations => $2),
    '{{0,0,0},{0,0,1},{0,1,0},{0,1,1},{1,0,0},{1,0,1},{1,1,0},{1,1,1}}', '{1407,408,63,522,163,172,67,1198}') $$;
SELECT iteration, round(match_rate::numeric, 7) AS match_rate, round(m[1]::numeric, 7) AS m1, round(m[3]::numeric, 7) AS m2,
       round(m[5]::numeric, 7) AS m3, round(u[1]::numeric, 7) AS u1, round(u[3]::numeric, 7) AS u2, round(u[5]::numeric, 7) AS u3
FROM known(1e-5, 200) ORDER BY iteration DESC LIMIT 1;
SELECT iteration, round(match_rate::numeric, 7) AS match_rate FROM known(1e-4, 25) ORDER BY iteration DESC LIMIT 1;
DROP FUNCTION known(float8, integer);

-- Arithmetic of weights
SELECT w, round(linkage_probability(w)::numeric, 6) FROM unnest('{0,2,3,4,7,-5,9.48,infinity,-infinity,NaN,2000,-2000}'::float8[]) w;

-- A pair weighed and explained: match rate 0.3, first name equal with its frequency, date equal, the rest different
CREATE TABLE one AS
SELECT linkage_fit(f, linkage_spec(ARRAY[
    linkage_comparison('first_name', 'levenshtein', '{2}', term_frequency => true, term_weight => 0.6, m => '{0.7,0.2,0.1}', u => '{0.1,0.1,0.8}'),
    linkage_comparison('dob', m => '{0.9,0.1}', u => '{0.1,0.9}'),
    linkage_comparison('city', m => '{0.9,0.1}', u => '{0.1,0.9}'),
    linkage_comparison('email', m => '{0.9,0.1}', u => '{0.1,0.9}')],
    ARRAY['surname'], match_rate => 0.3, candidates_only => true, max_iterations => 0)) AS model FROM fake_old f;
SELECT abs(linkage_weight(model, a, b) - 0.5101493570766487) < 1e-10 AS weight_agrees,
       abs(linkage_probability(linkage_weight(model, a, b)) - 0.5874923778509089) < 1e-10 AS probability_agrees,
       linkage_weight(model, to_jsonb(a), to_jsonb(b)) = linkage_weight(model, a, b) AS jsonb_agrees,
       linkage_weight(model, b, a) = linkage_weight(model, a, b) AS symmetric
FROM one, fake_old a, fake_old b WHERE a.unique_id = 479 AND b.unique_id = 481;
SELECT e.step, e.comparison, e.level, e.label, e.value_a, e.value_b, e.m, e.u, round(e.weight::numeric, 4) AS weight,
       round(e.term_weight::numeric, 4) AS term, round(e.running_weight::numeric, 4) AS running, round(e.running_probability::numeric, 4) AS probability
FROM one, fake_old a, fake_old b, linkage_explain(model, a, b) e WHERE a.unique_id = 479 AND b.unique_id = 481;
SELECT linkage_compare((model).spec, a, b) FROM one, fake_old a, fake_old b WHERE a.unique_id = 0 AND b.unique_id = 1;

-- Pairs and clusters of the 251 persons, unsupervised, at the model's own threshold
CREATE TABLE spec AS SELECT linkage_spec(ARRAY[
    linkage_comparison('first_name', 'jaro_winkler', term_frequency => true),
    linkage_comparison('surname', 'jaro_winkler', term_frequency => true),
    linkage_comparison('dob', 'levenshtein'), linkage_comparison('city', 'jaro_winkler', term_frequency => true),
    linkage_comparison('email', 'email', term_frequency => true)], ARRAY['*']) AS s;
CREATE TABLE members AS SELECT m.* FROM unnest((SELECT linkage_resolve(unique_id::text, f, s) FROM fake f, spec)) m;
SELECT round(2.0 * found / (linked + true_pairs), 2) >= 0.92 AS f1_reached, true_pairs
FROM (SELECT count(*) FILTER (WHERE x.cluster = y.cluster AND a.cluster = b.cluster) AS found,
             count(*) FILTER (WHERE x.cluster = y.cluster) AS linked, count(*) FILTER (WHERE a.cluster = b.cluster) AS true_pairs
      FROM fake a JOIN fake b ON a.unique_id < b.unique_id JOIN members x ON x.id = a.unique_id::text JOIN members y ON y.id = b.unique_id::text) s;

-- given name and surname as one name, since some are swapped: pairs alone, and clusters, at the threshold that the fit chose
CREATE TABLE whole_name AS SELECT linkage_spec(ARRAY[
    linkage_comparison('first_name,surname', 'name', term_frequency => true), linkage_comparison('dob', 'levenshtein'),
    linkage_comparison('city', 'jaro_winkler', term_frequency => true), linkage_comparison('email', 'email', term_frequency => true)],
    ARRAY['*']) AS s;
SELECT round(2.0 * found / (linked + 2031), 4) >= 0.92 AS f1_reached, round(found * 1.0 / linked, 2) >= 0.95 AS precise
FROM (SELECT count(*) FILTER (WHERE a.cluster = b.cluster) AS found, count(*) AS linked
      FROM unnest((SELECT linkage_pairs(unique_id::text, f, m) FROM fake f, (SELECT linkage_fit(f, s) AS m FROM fake f, whole_name OFFSET 0) x)) p
      JOIN fake a ON a.unique_id = p.a::integer JOIN fake b ON b.unique_id = p.b::integer) pairs;
SELECT round(2.0 * found / (linked + 2031), 4) >= 0.95 AS f1_reached
FROM (WITH m AS (SELECT * FROM unnest((SELECT linkage_resolve(unique_id::text, f, s) FROM fake f, whole_name)))
      SELECT count(*) FILTER (WHERE a.cluster = b.cluster) AS found, count(*) AS linked
      FROM m x JOIN m y ON x.cluster = y.cluster AND x.id < y.id
      JOIN fake a ON a.unique_id = x.id::integer JOIN fake b ON b.unique_id = y.id::integer) clusters;
DROP TABLE whole_name;

-- The order of rows, and workers that read them, make no difference
CREATE TABLE digests AS SELECT 'as stored' AS how, md5(linkage_resolve(unique_id::text, f, s)::text) AS digest FROM fake f, spec;
INSERT INTO digests SELECT 'shuffled', md5(linkage_resolve(unique_id::text, f, s)::text) FROM (SELECT * FROM fake ORDER BY md5(unique_id::text)) f, spec;
INSERT INTO digests SELECT 'jsonb', md5(linkage_resolve(unique_id::text, to_jsonb(f), s)::text) FROM fake f, spec;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
INSERT INTO digests SELECT 'workers', md5(linkage_resolve(unique_id::text, f, s)::text) FROM fake f, (SELECT s FROM spec OFFSET 0) s;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;
SELECT count(*), count(DISTINCT digest) FROM digests;
-- fit, then resolve with the model = all in one
SELECT (SELECT linkage_resolve(unique_id::text, f, m) FROM fake f) = (SELECT linkage_resolve(unique_id::text, f, s) FROM fake f) AS same
FROM spec, LATERAL (SELECT linkage_fit(f, s) AS m FROM fake f) x;
-- weighing pair by pair = weighing in bulk
SELECT count(*) AS pairs, count(*) FILTER (WHERE abs(p.weight - linkage_weight(m, x, y)) > 1e-9) AS differ
FROM (SELECT linkage_fit(f, s) AS m FROM fake f, spec) fit, unnest((SELECT linkage_pairs(unique_id::text, f, m) FROM fake f)) p,
     fake x, fake y WHERE x.unique_id = p.a::integer AND y.unique_id = p.b::integer;
-- training from labels
SELECT l.comparison, l.level, round(l.m::numeric, 4) AS m
FROM (SELECT linkage_train(a, b, a.cluster = b.cluster, model) AS m FROM fake a, fake b, fitted
      WHERE a.unique_id < b.unique_id AND a.cluster = b.cluster) t, linkage_levels(t.m) l WHERE l.comparison IN ('first_name', 'city');

-- Candidates: counted before any pair is made
SELECT c.* FROM unnest((SELECT linkage_candidates(f, linkage_spec(ARRAY[linkage_comparison('surname')],
    ARRAY['email', 'first_name + surname', 'first_name + dob', 'surname:phonetic + dob:year', 'city:3'], max_block => 100)) FROM fake f)) c;
-- and every pair once: the rules' new pairs add up to the pairs that agree on any rule
SELECT sum(c.new_pairs) AS new_pairs,
       (SELECT count(*) FROM fake a JOIN fake b ON a.unique_id < b.unique_id
        AND (a.email = b.email OR (a.first_name = b.first_name AND a.surname = b.surname) OR a.dob = b.dob)) AS brute_force
FROM unnest((SELECT linkage_candidates(f, linkage_spec(ARRAY[linkage_comparison('surname')],
    ARRAY['email', 'first_name + surname', 'dob'])) FROM fake f)) c;
-- NULLs and placeholders make no block
SELECT c.pairs, c.blocks FROM unnest((SELECT linkage_candidates(f, linkage_spec(ARRAY[linkage_comparison('phone', 'phone')], ARRAY['phone']))
    FROM (VALUES (NULL), (NULL), ('N/A'), ('n/a'), ('+34600000000'), ('600 000 000'), (''), (''), ('612345670'), ('+34 612 34 56 70')) f(phone))) c;
-- keys for finding candidates by index agree where values do
SELECT cardinality(linkage_keys(m, '{"email": "A.B@gmail.com"}')) AS keys,
       linkage_keys(m, '{"email": "A.B@gmail.com", "name": "x"}') = linkage_keys(m, '{"email": "ab@googlemail.com"}') AS same,
       linkage_keys(m, '{}') AS none
FROM (SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('email', 'email')], ARRAY['email'])) AS m FROM (SELECT 'a@b.es' AS email) f) x;

-- Clusters
CREATE TABLE edges (a text, b text, weight float8);
INSERT INTO edges VALUES ('1', '2', .45), ('2', '3', .55), ('3', '4', .65), ('4', '5', .75), ('6', '7', .9);
SELECT threshold, (SELECT string_agg(members, ' ' ORDER BY members COLLATE "C")
                   FROM (SELECT string_agg(m.id, '' ORDER BY m.id COLLATE "C") AS members FROM unnest(clusters) m GROUP BY m.cluster) g) AS clusters
FROM (SELECT threshold, linkage_clusters(a, b, weight, cluster_options(threshold => threshold)) AS clusters
      FROM edges, unnest('{.4,.5,.6,.7,.99}'::float8[]) threshold GROUP BY threshold) c ORDER BY threshold;
CREATE FUNCTION groups(m linkage_member[]) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(members, ' ' ORDER BY members COLLATE "C")
  FROM (SELECT string_agg(id, '' ORDER BY id COLLATE "C") AS members FROM unnest(m) GROUP BY cluster) g $$;
SELECT groups(linkage_clusters(a, b, w)) FROM (VALUES ('1', '2', .8), ('3', '2', .9), ('4', '5', .99), ('6', NULL, NULL)) e(a, b, w);
-- a chain; and the same with its ends forbidden to meet, or forced to
SELECT groups(linkage_clusters(a, b, w)) AS chain FROM (VALUES ('A', 'B', .9), ('B', 'C', .8)) e(a, b, w);
SELECT groups(linkage_clusters(a, b, w)) AS cannot_link FROM (VALUES ('A', 'B', .9), ('B', 'C', .8), ('C', 'A', '-infinity')) e(a, b, w);
SELECT groups(linkage_clusters(a, b, w, cluster_options(threshold => 1, max_size => 2))) AS must_link
FROM (VALUES ('A', 'B', .9), ('B', 'C', 'infinity'), ('C', 'D', 'infinity'), ('D', 'E', 3)) e(a, b, w);
-- too large: cut at the weakest link, and again
SELECT n, groups(linkage_clusters(a, b, w, cluster_options(max_size => n)))
FROM (VALUES ('A', 'B', 5), ('B', 'C', 4), ('C', 'D', 1), ('D', 'E', 3), ('E', 'F', 2)) e(a, b, w), generate_series(1, 6) n GROUP BY n ORDER BY n;
-- one record a source
SELECT string_agg(m.id || '=' || m.cluster, ' ') FROM unnest((SELECT linkage_clusters(a, b, w, cluster_options(source_separator => ':'))
  FROM (VALUES ('crm:1', 'web:1', 9), ('web:1', 'crm:2', 8), ('crm:2', 'pos:1', 7), ('pos:1', 'web:1', 6)) e(a, b, w))) m;
SELECT linkage_clusters(NULL, NULL, 1) AS nobody, linkage_clusters('a', 'a', 1) AS alone;
-- random graphs against a recursive query
SELECT count(*) AS nodes, count(*) FILTER (WHERE m.cluster IS DISTINCT FROM r.cluster) AS differ
FROM (SELECT linkage_clusters(lpad(a::text, 3, '0'), lpad(b::text, 3, '0'), (a * b) % 7) AS found FROM (SELECT (n * 7919) % 300 AS a, (n * n * 31 + 17) % 300 AS b FROM generate_series(1, 220) n) e) c,
     unnest(found) m,
     LATERAL (WITH RECURSIVE e AS (SELECT lpad(a::text, 3, '0') AS a, lpad(b::text, 3, '0') AS b FROM (SELECT (n * 7919) % 300 AS a, (n * n * 31 + 17) % 300 AS b FROM generate_series(1, 220) n) x),
                reach AS (SELECT m.id AS node UNION SELECT CASE WHEN e.a = reach.node THEN e.b ELSE e.a END FROM reach JOIN e ON reach.node IN (e.a, e.b))
              SELECT min(node COLLATE "C") AS cluster FROM reach) r;

-- Empty and NULL input
SELECT linkage_fit(f, s) IS NULL AS no_rows FROM fake f, spec WHERE false;
SELECT (linkage_fit(NULL::fake, s)).records FROM spec;
SELECT (m).records, (m).candidates, (m).warnings FROM (SELECT linkage_fit(f, s) AS m FROM fake f, spec WHERE unique_id = 1) x;

-- Errors
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('name')])) FROM fake f;
SELECT linkage_fit(ROW(1, 2), linkage_spec(ARRAY[linkage_comparison('name')]));
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('at')])) FROM (SELECT now() AS at) f;
SELECT linkage_fit(f, linkage_spec('{}')) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison(NULL)])) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city', 'fuzzy')])) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city', levels => '{0.5}')])) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city', 'jaro', levels => '{0.5,0.7}')])) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city', m => '{0.5,0.4,0.1}')])) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city', u => '{0.5,0}')])) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city', normalizer => 'upper')])) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city', 'phone', region => 'ZZ')])) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city', term_minimum => 2)])) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city,,dob')])) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city')], ARRAY['city:upper'])) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city')], ARRAY['*'], max_pairs => 1000)) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city')], ARRAY['city'], max_pairs => 10)) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city')], max_block => -1)) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city')], match_rate => 2)) FROM fake f;
SELECT linkage_fit(f, linkage_spec(ARRAY[linkage_comparison('city')], max_iterations => f.unique_id)) FROM fake f;
SELECT linkage_fit('[1]'::jsonb, s) FROM spec;
SELECT linkage_pairs(NULL::text, f, model) FROM fake f, fitted;
SELECT linkage_pairs('1'::text, f, model) FROM fake f, fitted;
SELECT linkage_em(s, '{0}', '{1}') FROM spec;
SELECT linkage_em(linkage_spec(ARRAY[linkage_comparison('a', u => '{0.1,0.9}')]), '{2}', '{1}');
SELECT linkage_em(linkage_spec(ARRAY[linkage_comparison('a', u => '{0.1,0.9}')]), '{1}', '{-1}');
SELECT linkage_em(linkage_spec(ARRAY[linkage_comparison('a')]), '{1}', '{1}');
SELECT linkage_clusters('a', 'b', 'NaN');
SELECT linkage_clusters('a', 'b', 1, cluster_options(max_size => -1));
SELECT linkage_clusters('a', 'b', 1, cluster_options(source_separator => '::'));
DROP TABLE fake, fake_old, fitted, em, one, spec, members, digests, edges;
DROP FUNCTION groups(linkage_member[]);
