/* Record linkage: specification, model, candidates, pairs, clusters */

-- ---- specification ----

CREATE TYPE linkage_comparison AS (
  column_name text, kind text, levels float8[], term_frequency boolean, term_weight float8,
  term_minimum float8, normalizer text, region text, m float8[], u float8[]);
COMMENT ON TYPE linkage_comparison IS 'How two records are compared in one respect; made by the function of the same name.';

CREATE FUNCTION linkage_comparison(
  column_name text, kind text DEFAULT 'exact', levels float8[] DEFAULT NULL, term_frequency boolean DEFAULT false,
  term_weight float8 DEFAULT NULL, term_minimum float8 DEFAULT NULL, normalizer text DEFAULT NULL,
  region text DEFAULT NULL, m float8[] DEFAULT NULL, u float8[] DEFAULT NULL)
RETURNS linkage_comparison
AS 'MODULE_PATHNAME', 'cj_options_build' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION linkage_comparison(text, text, float8[], boolean, float8, float8, text, text, float8[], float8[]) IS
'A comparison of a column (or of several joined, "a,b"). kind: exact, jaro_winkler, jaro, levenshtein, osa (of the values as they are), text, name, email, date, phone, document, postcode (each normalised in its way). levels: similarities falling from alike to different, or distances rising, one level each between equal and different. term_frequency: rare values weigh more when equal, by term_weight (1) and frequencies of at least term_minimum. normalizer: another than the kind''s. m, u: shares to start from, best level first; u given is not counted.';

CREATE TYPE linkage_spec AS (
  comparisons linkage_comparison[], block_on text[], max_block integer, max_pairs bigint, match_rate float8,
  candidates_only boolean, max_iterations integer, tolerance float8, fix_m boolean, fix_u boolean,
  train_terms boolean, prior float8, u_pairs bigint, max_terms integer, max_cluster integer, conflict_weight float8);
COMMENT ON TYPE linkage_spec IS 'What to compare, which pairs to look at and how to fit; made by the function of the same name.';

CREATE FUNCTION linkage_spec(
  comparisons linkage_comparison[], block_on text[] DEFAULT NULL, max_block integer DEFAULT NULL,
  max_pairs bigint DEFAULT NULL, match_rate float8 DEFAULT NULL, candidates_only boolean DEFAULT NULL,
  max_iterations integer DEFAULT NULL, tolerance float8 DEFAULT NULL, fix_m boolean DEFAULT NULL,
  fix_u boolean DEFAULT NULL, train_terms boolean DEFAULT NULL, prior float8 DEFAULT NULL,
  u_pairs bigint DEFAULT NULL, max_terms integer DEFAULT NULL, max_cluster integer DEFAULT NULL,
  conflict_weight float8 DEFAULT NULL)
RETURNS linkage_spec
AS 'MODULE_PATHNAME', 'cj_options_build' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION linkage_spec(linkage_comparison[], text[], integer, bigint, float8, boolean, integer, float8, boolean, boolean, boolean, float8, bigint, integer, integer, float8) IS
'A linkage specification. block_on: rules such as ''email'', ''surname + birth_date'', ''surname:phonetic + postcode:2'' or ''*'' (all pairs); records with equal, present parts are candidates. max_block (2000): larger blocks are left out and reported, 0 no limit; max_pairs (50 million): more is an error before any is made. match_rate: to start from (1 / records); candidates_only: fit it among candidates, not all pairs. max_iterations (100) and tolerance (1e-6, largest change of a parameter) of EM; fix_m (false), fix_u (true); train_terms: use frequencies of values while fitting (false); prior (1): pseudo-pairs a comparison. u_pairs (1 million): pairs of values up to which u is counted exactly, else a quarter as many pairs are drawn. max_terms (10000): frequencies kept in the model. max_cluster (100): records a cluster, 0 no limit. conflict_weight (-6): candidates that weigh less surely differ, and no chain of others brings them into one cluster.';

-- ---- model ----

CREATE TYPE linkage_level AS (
  comparison text, level integer, label text, m float8, u float8, weight float8, u_pairs float8, u_exact boolean);
COMMENT ON TYPE linkage_level IS 'One level of a comparison: its shares among matches (m) and among all pairs (u), weight log2(m/u), the pairs of records counted for u, and whether that count is exact or drawn.';

CREATE TYPE linkage_terms AS (
  comparison integer, records bigint, other_share float8, terms text[], shares float8[]);
COMMENT ON TYPE linkage_terms IS 'Shares of the frequent values of a comparison (by number) among the records that have one; other_share is the average of the rest.';

CREATE TYPE linkage_iteration AS (
  iteration integer, match_rate float8, change float8, log_likelihood float8, m float8[], u float8[]);
COMMENT ON TYPE linkage_iteration IS 'State of a fit after an iteration (0: at the start): match rate, largest change, log-likelihood before the step, m and u of all levels in the order of linkage_levels.';

CREATE TYPE linkage_model AS (
  version integer, spec linkage_spec, records bigint, candidates bigint, match_rate float8, threshold float8,
  expected_matches float8, expected_precision float8, expected_recall float8, iterations integer,
  converged boolean, warnings text[], levels linkage_level[], terms linkage_terms[], trace linkage_iteration[]);
COMMENT ON TYPE linkage_model IS 'A fitted linkage model: parameters, frequencies, the weight at which the expected F1 is largest (threshold) with what precision and recall to expect among candidates there, and how the fit went.';

CREATE FUNCTION linkage_levels(model linkage_model) RETURNS SETOF linkage_level
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  SELECT comparison, level, label, m, u, weight, u_pairs, u_exact FROM pg_catalog.unnest((model).levels);
END;
COMMENT ON FUNCTION linkage_levels(linkage_model) IS 'The levels of all comparisons of a model, best first.';

CREATE FUNCTION linkage_trace(model linkage_model) RETURNS SETOF linkage_iteration
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 30
BEGIN ATOMIC
  SELECT iteration, match_rate, change, log_likelihood, m, u FROM pg_catalog.unnest((model).trace);
END;
COMMENT ON FUNCTION linkage_trace(linkage_model) IS 'The iterations of a model''s fit.';

-- ---- fitting ----

CREATE FUNCTION linkage_fit_transfn(internal, record, linkage_spec) RETURNS internal
AS 'MODULE_PATHNAME', 'cj_linkage_fit_transfn' LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
CREATE FUNCTION linkage_fit_transfn(internal, jsonb, linkage_spec) RETURNS internal
AS 'MODULE_PATHNAME', 'cj_linkage_fit_transfn' LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
CREATE FUNCTION linkage_fit_finalfn(internal) RETURNS linkage_model
AS 'MODULE_PATHNAME', 'cj_linkage_fit_finalfn' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION linkage_fit_transfn(internal, record, linkage_spec) IS 'Transition function of linkage_fit and linkage_candidates.';
COMMENT ON FUNCTION linkage_fit_transfn(internal, jsonb, linkage_spec) IS 'Transition function of linkage_fit and linkage_candidates.';
COMMENT ON FUNCTION linkage_fit_finalfn(internal) IS 'Final function of linkage_fit.';

CREATE AGGREGATE linkage_fit(record, linkage_spec) (
  SFUNC = linkage_fit_transfn, STYPE = internal, SSPACE = 1000000,
  FINALFUNC = linkage_fit_finalfn, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_fit(record, linkage_spec) IS
'Fits a linkage model to records without knowing which match: u from frequencies of values, m and the match rate by EM on agreement patterns of candidate pairs. NULL records are skipped; no rows give NULL. Columns are found by name (error 42703). The order of rows has no influence. Memory: a few dozen bytes a record and column, 12 bytes a candidate pair.';
CREATE AGGREGATE linkage_fit(jsonb, linkage_spec) (
  SFUNC = linkage_fit_transfn, STYPE = internal, SSPACE = 1000000,
  FINALFUNC = linkage_fit_finalfn, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_fit(jsonb, linkage_spec) IS 'Like linkage_fit(record, linkage_spec) for records that are jsonb objects; absent keys are missing values.';

CREATE FUNCTION linkage_train_transfn(internal, record, record, boolean, linkage_model) RETURNS internal
AS 'MODULE_PATHNAME', 'cj_linkage_train_transfn' LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
CREATE FUNCTION linkage_train_finalfn(internal) RETURNS linkage_model
AS 'MODULE_PATHNAME', 'cj_linkage_train_finalfn' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION linkage_train_transfn(internal, record, record, boolean, linkage_model) IS 'Transition function of linkage_train.';
COMMENT ON FUNCTION linkage_train_finalfn(internal) IS 'Final function of linkage_train.';
CREATE AGGREGATE linkage_train(record, record, boolean, linkage_model) (
  SFUNC = linkage_train_transfn, STYPE = internal, SSPACE = 1000000,
  FINALFUNC = linkage_train_finalfn, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_train(record, record, boolean, linkage_model) IS
'A model whose m is counted from labelled pairs: rows are (a, b, is_match, model); only matches count, prior pseudo-pairs are added. Everything else stays as in the model. No rows give NULL.';

CREATE FUNCTION linkage_em(spec linkage_spec, levels integer[], counts float8[]) RETURNS SETOF linkage_iteration
AS 'MODULE_PATHNAME', 'cj_linkage_em' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 30;
COMMENT ON FUNCTION linkage_em(linkage_spec, integer[], float8[]) IS
'EM on counted agreement patterns: levels holds one row of levels (NULL where missing) for each count; every comparison of the specification needs u. Error 22023 where numbers do not fit.';

-- ---- pairs of rows ----

CREATE FUNCTION linkage_probability(weight float8) RETURNS float8
AS 'MODULE_PATHNAME', 'cj_linkage_probability' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION linkage_probability(float8) IS 'The probability of a weight in bits: 1 / (1 + 2^-weight).';

CREATE FUNCTION linkage_weight(model linkage_model, a record, b record) RETURNS float8
AS 'MODULE_PATHNAME', 'cj_linkage_weight' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION linkage_weight(linkage_model, record, record) IS 'Weight in bits (log2 odds) of two records being the same person, prior included.';
CREATE FUNCTION linkage_weight(model linkage_model, a jsonb, b jsonb) RETURNS float8
AS 'MODULE_PATHNAME', 'cj_linkage_weight' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION linkage_weight(linkage_model, jsonb, jsonb) IS 'Weight in bits (log2 odds) of two jsonb records being the same person, prior included.';

CREATE FUNCTION linkage_compare(spec linkage_spec, a record, b record) RETURNS integer[]
AS 'MODULE_PATHNAME', 'cj_linkage_compare' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION linkage_compare(linkage_spec, record, record) IS 'Levels of agreement of two records, one a comparison, NULL where a value is missing.';

CREATE FUNCTION linkage_explain(
  model linkage_model, a record, b record, OUT step integer, OUT comparison text, OUT level integer, OUT label text,
  OUT value_a text, OUT value_b text, OUT m float8, OUT u float8, OUT weight float8, OUT term_weight float8,
  OUT running_weight float8, OUT running_probability float8) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cj_linkage_explain' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION linkage_explain(linkage_model, record, record) IS
'Why two records match or not: a row for the match rate and one for each comparison, with normalised values, level, m, u, weight, the adjustment for the value''s frequency, and the sum so far as weight and probability.';
CREATE FUNCTION linkage_explain(
  model linkage_model, a jsonb, b jsonb, OUT step integer, OUT comparison text, OUT level integer, OUT label text,
  OUT value_a text, OUT value_b text, OUT m float8, OUT u float8, OUT weight float8, OUT term_weight float8,
  OUT running_weight float8, OUT running_probability float8) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cj_linkage_explain' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION linkage_explain(linkage_model, jsonb, jsonb) IS 'Like linkage_explain(linkage_model, record, record) for jsonb records.';

CREATE FUNCTION linkage_keys(model linkage_model, row_data jsonb) RETURNS bigint[]
AS 'MODULE_PATHNAME', 'cj_linkage_keys' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION linkage_keys(linkage_model, jsonb) IS
'A record''s blocking keys, one for each rule whose parts are present: records that share one are candidates. For storing and indexing.';

-- ---- candidates, pairs, clusters ----

CREATE TYPE linkage_block_count AS (
  rule text, pairs bigint, new_pairs bigint, blocks bigint, largest_block bigint, largest_key text,
  skipped_blocks bigint, skipped_pairs bigint);
COMMENT ON TYPE linkage_block_count IS 'What a blocking rule makes: pairs, those no earlier rule makes (NULL where pairs exceed the budget), blocks of two or more records, the largest and its values, blocks beyond max_block and the pairs in them.';

CREATE FUNCTION linkage_candidates_finalfn(internal) RETURNS linkage_block_count[]
AS 'MODULE_PATHNAME', 'cj_linkage_candidates_finalfn' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION linkage_candidates_finalfn(internal) IS 'Final function of linkage_candidates.';
CREATE AGGREGATE linkage_candidates(record, linkage_spec) (
  SFUNC = linkage_fit_transfn, STYPE = internal, SSPACE = 1000000,
  FINALFUNC = linkage_candidates_finalfn, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_candidates(record, linkage_spec) IS
'Counts the candidate pairs of a specification''s blocking rules, without comparing any.';
CREATE AGGREGATE linkage_candidates(jsonb, linkage_spec) (
  SFUNC = linkage_fit_transfn, STYPE = internal, SSPACE = 1000000,
  FINALFUNC = linkage_candidates_finalfn, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_candidates(jsonb, linkage_spec) IS 'Like linkage_candidates(record, linkage_spec) for jsonb records.';

CREATE TYPE linkage_pair AS (a text, b text, weight float8, probability float8);
COMMENT ON TYPE linkage_pair IS 'Two records by id (a before b in byte order), their weight in bits and its probability.';
CREATE TYPE linkage_member AS (id text, cluster text, members integer);
COMMENT ON TYPE linkage_member IS 'A record by id, its cluster (the smallest id in it, in byte order) and the cluster''s size.';

CREATE FUNCTION linkage_records_transfn(internal, text, record, linkage_spec) RETURNS internal
AS 'MODULE_PATHNAME', 'cj_linkage_records_transfn' LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
CREATE FUNCTION linkage_records_transfn(internal, text, jsonb, linkage_spec) RETURNS internal
AS 'MODULE_PATHNAME', 'cj_linkage_records_transfn' LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
CREATE FUNCTION linkage_records_transfn(internal, text, record, linkage_model) RETURNS internal
AS 'MODULE_PATHNAME', 'cj_linkage_records_transfn' LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
CREATE FUNCTION linkage_records_transfn(internal, text, jsonb, linkage_model) RETURNS internal
AS 'MODULE_PATHNAME', 'cj_linkage_records_transfn' LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
CREATE FUNCTION linkage_records_transfn(internal, text, record, linkage_model, float8) RETURNS internal
AS 'MODULE_PATHNAME', 'cj_linkage_records_transfn' LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
CREATE FUNCTION linkage_records_transfn(internal, text, jsonb, linkage_model, float8) RETURNS internal
AS 'MODULE_PATHNAME', 'cj_linkage_records_transfn' LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
CREATE FUNCTION linkage_pairs_finalfn(internal) RETURNS linkage_pair[]
AS 'MODULE_PATHNAME', 'cj_linkage_pairs_finalfn' LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION linkage_resolve_finalfn(internal) RETURNS linkage_member[]
AS 'MODULE_PATHNAME', 'cj_linkage_resolve_finalfn' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION linkage_records_transfn(internal, text, record, linkage_spec) IS 'Transition function of linkage_pairs and linkage_resolve.';
COMMENT ON FUNCTION linkage_records_transfn(internal, text, jsonb, linkage_spec) IS 'Transition function of linkage_pairs and linkage_resolve.';
COMMENT ON FUNCTION linkage_records_transfn(internal, text, record, linkage_model) IS 'Transition function of linkage_pairs and linkage_resolve.';
COMMENT ON FUNCTION linkage_records_transfn(internal, text, jsonb, linkage_model) IS 'Transition function of linkage_pairs and linkage_resolve.';
COMMENT ON FUNCTION linkage_records_transfn(internal, text, record, linkage_model, float8) IS 'Transition function of linkage_pairs.';
COMMENT ON FUNCTION linkage_records_transfn(internal, text, jsonb, linkage_model, float8) IS 'Transition function of linkage_pairs.';
COMMENT ON FUNCTION linkage_pairs_finalfn(internal) IS 'Final function of linkage_pairs.';
COMMENT ON FUNCTION linkage_resolve_finalfn(internal) IS 'Final function of linkage_resolve.';

CREATE AGGREGATE linkage_pairs(text, record, linkage_model) (
  SFUNC = linkage_records_transfn, STYPE = internal, SSPACE = 1000000,
  FINALFUNC = linkage_pairs_finalfn, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_pairs(text, record, linkage_model) IS
'Candidate pairs of records (id, row, model) whose weight reaches the model''s threshold, ordered by ids. Ids must be unique (error 23505) and not NULL (22004).';
CREATE AGGREGATE linkage_pairs(text, record, linkage_model, float8) (
  SFUNC = linkage_records_transfn, STYPE = internal, SSPACE = 1000000,
  FINALFUNC = linkage_pairs_finalfn, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_pairs(text, record, linkage_model, float8) IS 'linkage_pairs with a least weight of one''s own.';
CREATE AGGREGATE linkage_pairs(text, jsonb, linkage_model) (
  SFUNC = linkage_records_transfn, STYPE = internal, SSPACE = 1000000,
  FINALFUNC = linkage_pairs_finalfn, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_pairs(text, jsonb, linkage_model) IS 'linkage_pairs for jsonb records.';
CREATE AGGREGATE linkage_pairs(text, jsonb, linkage_model, float8) (
  SFUNC = linkage_records_transfn, STYPE = internal, SSPACE = 1000000,
  FINALFUNC = linkage_pairs_finalfn, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_pairs(text, jsonb, linkage_model, float8) IS 'linkage_pairs for jsonb records with a least weight of one''s own.';

CREATE AGGREGATE linkage_resolve(text, record, linkage_spec) (
  SFUNC = linkage_records_transfn, STYPE = internal, SSPACE = 1000000,
  FINALFUNC = linkage_resolve_finalfn, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_resolve(text, record, linkage_spec) IS
'All in one: fits a model, weighs candidate pairs, joins those above its threshold into clusters of at most max_cluster records (cut at their weakest link), and gives every record its cluster, ordered by ids.';
CREATE AGGREGATE linkage_resolve(text, record, linkage_model) (
  SFUNC = linkage_records_transfn, STYPE = internal, SSPACE = 1000000,
  FINALFUNC = linkage_resolve_finalfn, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_resolve(text, record, linkage_model) IS 'linkage_resolve with a model fitted before.';
CREATE AGGREGATE linkage_resolve(text, jsonb, linkage_spec) (
  SFUNC = linkage_records_transfn, STYPE = internal, SSPACE = 1000000,
  FINALFUNC = linkage_resolve_finalfn, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_resolve(text, jsonb, linkage_spec) IS 'linkage_resolve for jsonb records.';
CREATE AGGREGATE linkage_resolve(text, jsonb, linkage_model) (
  SFUNC = linkage_records_transfn, STYPE = internal, SSPACE = 1000000,
  FINALFUNC = linkage_resolve_finalfn, FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_resolve(text, jsonb, linkage_model) IS 'linkage_resolve for jsonb records with a model fitted before.';

CREATE TYPE cluster_options AS (threshold float8, max_size integer, source_separator text);
COMMENT ON TYPE cluster_options IS 'Options of linkage_clusters; made by the function of the same name.';
CREATE FUNCTION cluster_options(threshold float8 DEFAULT NULL, max_size integer DEFAULT NULL, source_separator text DEFAULT NULL)
RETURNS cluster_options
AS 'MODULE_PATHNAME', 'cj_options_build' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION cluster_options(float8, integer, text) IS
'threshold: edges below it are left out; max_size: larger clusters are cut at their weakest link; source_separator: ids begin with their source and this character, and a cluster has at most one id of a source.';

CREATE FUNCTION linkage_clusters_transfn(internal, text, text, float8) RETURNS internal
AS 'MODULE_PATHNAME', 'cj_linkage_clusters_transfn' LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
CREATE FUNCTION linkage_clusters_transfn(internal, text, text, float8, cluster_options) RETURNS internal
AS 'MODULE_PATHNAME', 'cj_linkage_clusters_transfn' LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT journey_support;
CREATE FUNCTION linkage_clusters_finalfn(internal) RETURNS linkage_member[]
AS 'MODULE_PATHNAME', 'cj_linkage_clusters_finalfn' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION linkage_clusters_transfn(internal, text, text, float8) IS 'Transition function of linkage_clusters.';
COMMENT ON FUNCTION linkage_clusters_transfn(internal, text, text, float8, cluster_options) IS 'Transition function of linkage_clusters.';
COMMENT ON FUNCTION linkage_clusters_finalfn(internal) IS 'Final function of linkage_clusters.';
CREATE AGGREGATE linkage_clusters(text, text, float8) (
  SFUNC = linkage_clusters_transfn, STYPE = internal, SSPACE = 100000,
  FINALFUNC = linkage_clusters_finalfn, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_clusters(text, text, float8) IS
'Connected components of weighed pairs (a, b, weight), joined from the strongest pair down. Weight infinity: must be together; -infinity: may not be together, and no chain of others joins them. A NULL b makes a lone a known; a NULL weight is 0; NaN is an error. Every id that occurs gets a row.';
CREATE AGGREGATE linkage_clusters(text, text, float8, cluster_options) (
  SFUNC = linkage_clusters_transfn, STYPE = internal, SSPACE = 100000,
  FINALFUNC = linkage_clusters_finalfn, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE);
COMMENT ON AGGREGATE linkage_clusters(text, text, float8, cluster_options) IS 'linkage_clusters with options.';
