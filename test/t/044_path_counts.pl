# The states of journey_flow, attribution_agg and top_paths: however the journeys are split,
# combining gives the bytes of one pass; parallel plans give the same rows; sums
# of values are exact; bytes from outside are refused or are a state.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use Test::More;

my $seed = $ENV{CJ_SEED} // 1 + int(rand(1_000_000));
note "CJ_SEED=$seed";
srand($seed);
my $node = start_node('path_counts', "max_parallel_workers = 8\nmax_worker_processes = 16\n");
$node->safe_psql('postgres', 'CREATE EXTENSION customer_journey;' . sample_events(2000));
$node->safe_psql('postgres', "CREATE TABLE journeys AS " . journeys_of() . ";
INSERT INTO journeys VALUES (-1, '{}'), (-2, NULL);
ALTER TABLE journeys ADD part int GENERATED ALWAYS AS (abs(hashint8(customer_id::bigint + $seed)) % 5) STORED;
ANALYZE journeys;
CREATE AGGREGATE flow_counts(journey, flow_options) (SFUNC = journey_flow_transfn, STYPE = path_counts, COMBINEFUNC = path_counts_combinefn, PARALLEL = SAFE);
CREATE AGGREGATE attribution_counts(journey, attribution_options) (SFUNC = attribution_agg_transfn, STYPE = path_counts, COMBINEFUNC = path_counts_combinefn, PARALLEL = SAFE);
CREATE AGGREGATE paths_counts(journey, path_options) (SFUNC = top_paths_transfn, STYPE = path_counts, COMBINEFUNC = path_counts_combinefn, PARALLEL = SAFE);
CREATE AGGREGATE merged(path_counts) (SFUNC = path_counts_combinefn, STYPE = path_counts, COMBINEFUNC = path_counts_combinefn, PARALLEL = SAFE);
CREATE AGGREGATE merged_flow(path_counts) (SFUNC = path_counts_combinefn, STYPE = path_counts, FINALFUNC = journey_flow_finalfn);
CREATE AGGREGATE merged_attribution(path_counts) (SFUNC = path_counts_combinefn, STYPE = path_counts, FINALFUNC = attribution_agg_finalfn);
CREATE AGGREGATE merged_paths(path_counts) (SFUNC = path_counts_combinefn, STYPE = path_counts, FINALFUNC = top_paths_finalfn);
CREATE TABLE states (name text, kind text, state path_counts);");

my %options = (
	flow => [
		"NULL", "flow_options(links => true, steps => 100)", "flow_options(starts_with => 'view', links => true, top => 2)",
		"flow_options(ends_with => '[purchase|search]', occurrence => 'every', within => '20 days', by => 'event')",
		"flow_options(starts_with => 'view', ends_with => 'purchase', occurrence => 'last', collapse => true)",
		"flow_options(by => 'channel', collapse => true, links => true)" ],
	attribution => [
		"attribution_options('purchase')", "attribution_options('purchase', depth => 3, lookback => '30 days')",
		"attribution_options('view -> purchase', by => 'event', depth => 2, half_life => '1 hour')",
		"attribution_options('purchase(value >= 10)', models => '{first,decay,shapley}')",
		"attribution_options('purchase', lookback => '3 days', models => '{counterfactual,last}', transforms => '{exposure,remove_if_not_all}', direct => 'web')",
		"attribution_options('purchase', by => 'item', models => '{markov,linear}')" ],
	paths => [
		"path_options(top => 100000)", "path_options(by => 'channel', collapse => true, top => 7)", "path_options(first => 2)",
		"path_options(by => 'item', top => 50)" ]);
my %aggregate = (flow => 'journey_flow', attribution => 'attribution_agg', paths => 'top_paths');

my $parallel = q{SET max_parallel_workers_per_gather = 4; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
SET cpu_operator_cost = 1; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off;
ALTER TABLE journeys SET (parallel_workers = 4);};
my $serial = 'SET max_parallel_workers_per_gather = 0;';

foreach my $kind (sort keys %options)
{
	foreach my $options (@{ $options{$kind} })
	{
		my $counts = "${kind}_counts(journey, $options)";
		my $whole = $node->safe_psql('postgres', "$serial INSERT INTO states SELECT \$\$$options\$\$, '$kind', $counts FROM journeys RETURNING md5(path_counts_send(state))");

		is($node->safe_psql('postgres', "$serial SELECT md5(path_counts_send($counts)) FROM (SELECT * FROM journeys ORDER BY hashint8(customer_id + $seed)) j"),
			$whole, "$options: in another order of rows");
		is($node->safe_psql('postgres', "$serial SELECT md5(path_counts_send(merged(s ORDER BY part DESC))) FROM (SELECT part, $counts AS s FROM journeys GROUP BY part) p"),
			$whole, "$options: merged from parts");
		is($node->safe_psql('postgres', "$serial SELECT md5(path_counts_send(merged(s::text::path_counts))) FROM (SELECT customer_id % 300, $counts AS s FROM journeys GROUP BY 1) p"),
			$whole, "$options: merged from many parts that were sent as text");
		like(plan_of($node, 'postgres', "SELECT $counts FROM journeys", $parallel), qr/Partial Aggregate/, "$options: the plan is parallel");
		is($node->safe_psql('postgres', "$parallel SELECT md5(path_counts_send($counts)) FROM journeys"), $whole, "$options: in parallel");
		my $rows = "SELECT md5(string_agg(r::text, E'\\n' ORDER BY n)), count(*) FROM unnest((SELECT $aggregate{$kind}(journey, $options) FROM journeys)) WITH ORDINALITY r";
		$rows =~ s/r::text/r.*::text/;
		$rows =~ s/r\.\*::text/ROW(r.*)::text/;
		$rows =~ s/ORDER BY n/ORDER BY r.ordinality/;
		my $expected = $node->safe_psql('postgres', "$serial $rows");
		like($expected, qr/\|[1-9]/, "$options: there are rows");
		is($node->safe_psql('postgres', "$parallel $rows"), $expected, "$options: the same rows in parallel");
		like(plan_of($node, 'postgres', "SELECT $aggregate{$kind}(journey, $options) FROM journeys", $parallel), qr/Partial Aggregate/, "$options: for that plan is parallel too");
	}
}
is($node->safe_psql('postgres', "SELECT merged_flow(flow_counts) = (SELECT journey_flow(journey, flow_options(links => true)) FROM journeys)
	FROM (SELECT flow_counts(journey, flow_options(links => true)) FROM journeys GROUP BY part) s"), 't', 'merged states end as one pass does');
is($node->safe_psql('postgres', "SELECT merged_paths(s) = (SELECT top_paths(journey) FROM journeys), count(*)
	FROM (SELECT paths_counts(journey, NULL) AS s FROM journeys GROUP BY part) p"), 't|5', 'merged states of top_paths too');
is($node->safe_psql('postgres', "SELECT bool_and((journey_flow)[1].paths > 0), count(*) FROM (SELECT part, journey_flow(journey) OVER (PARTITION BY part ORDER BY customer_id) FROM journeys WHERE journey <> '{}') w"),
	$node->safe_psql('postgres', "SELECT true, count(*) FROM journeys WHERE journey <> '{}'"), 'over a window');


# ---- whole paths, whose large states are held ----

# as SQL counts them; names as they come, more than a byte of code tells apart
$node->safe_psql('postgres', "CREATE TABLE varied AS SELECT c, c % 3 AS part, journey_agg('2026-01-01'::timestamptz + i * interval '1 minute' * (1 + c % 5), 'event ' || abs(hashint4(c % 7000 * 31 + i * 7 + $seed)) % (CASE WHEN i % 2 = 0 THEN 3 ELSE 700 END)) AS journey
	FROM generate_series(1, 9000) c, generate_series(1, 5) i GROUP BY c;
CREATE TABLE expected AS SELECT p.part, p.path, p.journeys, p.took / p.journeys AS took FROM (SELECT part, journey_path(journey) AS path, count(*) AS journeys, sum(journey_duration(journey)) AS took FROM varied GROUP BY GROUPING SETS ((part, journey_path(journey)), (journey_path(journey)))) p;
ANALYZE varied;
ALTER TABLE varied SET (parallel_workers = 4);");
foreach my $plan ($serial, "$serial SET enable_hashagg = off;", "$serial SET work_mem = '64kB'; SET hash_mem_multiplier = 1;", $parallel)
{
	my $found = "SELECT f.part, p.path, p.journeys, p.mean_duration FROM (SELECT part, top_paths(journey, path_options(top => 100000)) AS found
		FROM varied GROUP BY GROUPING SETS ((part), ())) f, unnest(f.found) p";
	$found =~ s/GROUPING SETS \(\(part\), \(\)\)/part/ if $plan eq $parallel;
	my $wanted = 'SELECT * FROM expected' . ($plan eq $parallel ? ' WHERE part IS NOT NULL' : '');
	like(plan_of($node, 'postgres', $found, $plan), qr/Partial (Hash|Group)?Aggregate/, 'the plan is parallel') if $plan eq $parallel;
	is($node->safe_psql('postgres', "$plan SELECT (SELECT count(*) > 6000 FROM ($found) f), count(*) FROM (($found EXCEPT ALL $wanted) UNION ALL ($wanted EXCEPT ALL $found)) d"),
		't|0', 'every path as SQL counts it');
}
# a state that another aggregate shares, one that a window has, and one without a final function stay values
is($node->safe_psql('postgres', "CREATE AGGREGATE default_counts(journey) (SFUNC = top_paths_transfn, STYPE = path_counts);
SELECT (SELECT merged_paths(v.x) FROM (SELECT s) v (x)) = t, cardinality(t) FROM (SELECT top_paths(journey) AS t, default_counts(journey) AS s FROM varied GROUP BY part) x"),
	"t|100\nt|100\nt|100", 'a shared state is a value');
is($node->safe_psql('postgres', "$serial SELECT count(*), bool_and(w.found = g.found) FROM (SELECT DISTINCT part, top_paths(journey) OVER (PARTITION BY part) AS found FROM varied) w
	JOIN (SELECT part, top_paths(journey) AS found FROM varied GROUP BY part) g USING (part)"), '3|t', 'so is one of a window');
is($node->safe_psql('postgres', "SELECT length(sent) > 100000, (SELECT merged_paths(v.x::path_counts) FROM (SELECT sent) v (x)) = (SELECT top_paths(journey) FROM varied)
	FROM (SELECT merged(s)::text AS sent FROM (SELECT default_counts(journey) AS s FROM varied GROUP BY part) p) m"), 't|t', 'a large state as text');
is($node->safe_psql('postgres', "SELECT cardinality(merged_paths(s)) FROM (SELECT default_counts(NULL) AS s) e"), '0', 'a state of nothing');

# ---- the medoid, whose state is of the server ----

foreach my $call ('journey_medoid(journey)', "journey_medoid(journey, 'matching', 1, 3)")
{
	my $query = "SELECT part, $call FROM journeys WHERE customer_id > 1700 GROUP BY part ORDER BY part";
	my $expected = $node->safe_psql('postgres', "$serial $query");
	like(plan_of($node, 'postgres', $query, $parallel), qr/Partial (Hash|Group)?Aggregate/, "$call: the plan is parallel");
	is($node->safe_psql('postgres', "$parallel $query"), $expected, "$call: the same in parallel");
}

# ---- options ----

is(sqlstate_of($node, 'postgres', "SELECT merged(s) FROM (VALUES ((SELECT flow_counts(journey, flow_options(top => 1)) FROM journeys)), ((SELECT flow_counts(journey, flow_options(top => 2)) FROM journeys))) v(s)"),
	'22023', 'states of different options do not combine');
is(sqlstate_of($node, 'postgres', "SELECT merged(state) FROM states"), '22023', 'nor of different aggregates');
is(sqlstate_of($node, 'postgres', "SELECT merged_attribution(state) FROM states WHERE kind = 'flow' AND name = 'NULL'"), 'XX001', 'one does not end as the other');
is(sqlstate_of($node, 'postgres', "SELECT merged_paths(state) FROM states WHERE kind = 'flow' AND name = 'NULL'"), 'XX001', 'nor as a third');
foreach my $other ('first => 3', 'collapse => true', 'top => 5', "by => 'channel'")
{
	is(sqlstate_of($node, 'postgres', "SELECT merged_paths(s) FROM (SELECT paths_counts(journey, path_options(first => 2)) AS s FROM journeys UNION ALL SELECT paths_counts(journey, path_options($other)) FROM journeys) p"),
		'22023', "states of top_paths with $other and without do not combine");
}
is(sqlstate_of($node, 'postgres', "SELECT path_counts_combinefn(state, state) FROM states"), '0A000', 'combining is for aggregates');
is(sqlstate_of($node, 'postgres', "SELECT flow_counts(journey, flow_options(top => 1 + customer_id % 2)) FROM journeys"), '22023', 'options are constant');
is($node->safe_psql('postgres', "SELECT string_agg(cardinality(journey_flow)::text, ' ' ORDER BY top) FROM (SELECT top, journey_flow(journey, flow_options(top => top, steps => 1)) FROM journeys, generate_series(1, 3) top GROUP BY top) s"),
	'2 3 4', 'each group has its own');
is(sqlstate_of($node, 'postgres', "SET customer_journey.path_memory = '64kB'; SELECT journey_flow(journey, flow_options(steps => 100, by => 'item')) FROM journeys"), '54000', 'memory is bounded');

is(sqlstate_of($node, 'postgres', "SET customer_journey.path_memory = '256kB'; SELECT merged_paths(s) FROM (SELECT default_counts(journey) AS s FROM varied GROUP BY c % 50) p"), '54000', 'of merged states too');

# ---- exact sums ----

$node->safe_psql('postgres', "CREATE TABLE valued AS SELECT i, journey_agg(at, event, channel, value) AS journey FROM (
	SELECT i, '2026-01-01'::timestamptz AS at, 'visit' AS event, 'web' AS channel, NULL::float8 AS value FROM generate_series(1, 6) i
	UNION ALL SELECT i, '2026-01-02', 'buy', NULL, (ARRAY[1e300, 1, -1e300, 0.1, 4.9e-324, 0.2])[i] FROM generate_series(1, 6) i) e GROUP BY i");
is($node->safe_psql('postgres', "SELECT DISTINCT a.value FROM unnest((SELECT attribution_agg(journey, attribution_options('buy', models => '{first,last,linear,position,decay,shapley}')) FROM valued)) a"),
	'1.3', 'a sum loses nothing: 1e300 + 1 - 1e300 + 0.1 + 5e-324 + 0.2');
is($node->safe_psql('postgres', "SELECT a.value FROM unnest((SELECT attribution_agg(journey, attribution_options('buy', models => '{first}')) FROM valued WHERE i IN (1, 3))) a"), '0', 'opposites cancel');
# multiples of powers of two, whose sum numerics of whole numbers have exactly
$node->safe_psql('postgres', "SELECT setseed($seed / 1000000.0);
CREATE TABLE numbers AS SELECT m * 2 ^ (e - 80.0::float8) AS v, m * 2::numeric ^ e AS exact
FROM (SELECT ((random() - 0.5) * 2 ^ 50)::bigint AS m, (random() * 120)::int AS e FROM generate_series(1, 3000) OFFSET 0) r");
is($node->safe_psql('postgres', "SELECT a.value * 2 ^ 80.0::float8 = (SELECT sum(exact)::text::float8 FROM numbers) FROM unnest((SELECT attribution_agg(
	journey_of('2026-01-01', 'visit', 'web') || journey_of('2026-01-02', 'buy', NULL, v), attribution_options('buy', models => '{last}')) FROM numbers)) a"), 't', 'and is rounded once');
is($node->safe_psql('postgres', "SELECT string_agg(a.value::text, ',' ORDER BY x) FROM (SELECT x, attribution_agg(journey_of('2026-01-01', 'visit', 'web') || journey_of('2026-01-02', 'buy', NULL, v), attribution_options('buy', models => '{last}')) AS c
	FROM (VALUES (1, 'Infinity'::float8), (1, 1), (2, '-Infinity'), (2, 5), (3, 'Infinity'), (3, '-Infinity'), (4, 'NaN'), (4, 1)) v(x, v) GROUP BY x) s, unnest(c) a"), 'Infinity,-Infinity,NaN,NaN', 'infinities and NaN');

# ---- hostile input ----

is($node->safe_psql('postgres', "SELECT count(*) FROM states WHERE path_counts_send(state::text::path_counts) <> path_counts_send(state)"), '0', 'text round trip');
$node->safe_psql('postgres', "\\copy states TO '" . $node->basedir . "/states' WITH (FORMAT binary)");
is($node->safe_psql('postgres', "CREATE TABLE again (LIKE states);
\\copy again FROM '" . $node->basedir . "/states' WITH (FORMAT binary)
SELECT count(*) FROM states s JOIN again a USING (name) WHERE path_counts_send(s.state) = path_counts_send(a.state)"), '16', 'binary round trip');
is(sqlstate_of($node, 'postgres', "SELECT '$_'::path_counts"), '22P02', "refused: $_")
  foreach '', '\x', '\x0', '\x02', '\x01', '\x0101', '\x010105', '\xzz', 'x', '\x0103050000', '\x01010500000000';
# of whole paths: options (by, collapse, first, top), names, then paths of 1 or 2 names
my %hex = (
	'a name that no path has' => '0400000064 010161 00', 'top 0' => '0400000000 00 00', 'by a fourth' => '0403000064 00 00',
	'collapse 2' => '0400020064 00 00', 'another width' => 'width 0400000064 00 00', 'options that go on' => '050000006400 00 00',
	'a code of no name' => '0400000064 010161 01 0101 01000a', 'an empty path' => '0400000064 010161 02 00 010000 0100 010000',
	'no journeys' => '0400000064 010161 01 0100 000000', 'more time than journeys could take' => '0400000064 010161 01 0100 010100',
	'a path twice' => '0400000064 010161 02 0100 010000 0100 010000', 'paths out of order' => '0400000064 0201610162 02 020100 070007 0100 0100ff01',
	'a code too long' => '0400000064 010161 01 028000 01000a', 'a count too long' => '0400000064 010161 01 0100 8100000a',
	'more events than the first' => '0400000164 010161 01 020000 010000', 'a repeat where there is none' => '0400010064 010161 01 020000 010000',
	'more journeys than there can be' => '0400000064 010161 02 0100 ffffffffffffffff7f0000 020000 010000', 'something behind' => '0400000064 010161 01 0100 010000 00',
	'an end too early' => '0400000064 010161 01 0100 0100');
foreach my $what (sort keys %hex)
{
	my $bytes = '\x0103' . ($hex{$what} =~ s/^width // ? '05' : '00') . $hex{$what} =~ s/ //gr;
	is(sqlstate_of($node, 'postgres', "SELECT '$bytes'::path_counts"), '22P02', "refused: $what");
}
is($node->safe_psql('postgres', "SELECT p.* FROM unnest((SELECT merged_paths(s::path_counts) FROM unnest('{\\\\x01030004000000640201610162020100" . "0100ff01" . "020100070007}'::text[]) s)) p"),
	"b > a|{b,a}|2|7|0.875|0.875|00:00:00.000001\na|{a}|1|1|0.125|1|00:00:00.000255", 'what is right is read');
is($node->safe_psql('postgres', "SELECT merged_paths('\\x01030004000000640000')"), '{}', 'or has no paths');
# bytes changed, left out, put in, and numbers made large: an error, or a state
# that is its own bytes and that ends without harm
my $tried = $ENV{CJ_FUZZ_RUNS} // 6000;
my ($accepted, $ended) = split /\|/, $node->safe_psql('postgres', "SELECT setseed($seed / 1000000.0);
CREATE FUNCTION mutated(b bytea) RETURNS bytea LANGUAGE plpgsql AS \$\$
DECLARE at int := random() * (length(b) - 1); many int := random() * 4;
BEGIN
	-- half of them where the first entries are
	IF random() < 0.5 THEN at := at % least(length(b), 120); END IF;
	CASE floor(random() * 5)::int
	WHEN 0 THEN RETURN set_byte(b, at, (random() * 255)::int);
	WHEN 1 THEN RETURN set_byte(b, at, get_byte(b, at) # (1 << (random() * 7)::int));
	WHEN 2 THEN RETURN substr(b, 1, at) || substr(b, at + 1 + many);
	WHEN 3 THEN RETURN substr(b, 1, at) || substr('\\xffffffffff01'::bytea, 1, many + 1) || substr(b, at + 1);
	ELSE RETURN substr(b, 1, at) || set_byte(substr(b, at + 1), 0, least(255, get_byte(b, at) + 1 + many));
	END CASE;
END \$\$;
CREATE FUNCTION attacked(tries int, OUT accepted int, OUT ended int) LANGUAGE plpgsql AS \$\$
DECLARE s states; t path_counts; b bytea; r int;
BEGIN
	accepted := 0; ended := 0;
	FOR i IN 1 .. tries LOOP
		SELECT * INTO s FROM small_states ORDER BY random() LIMIT 1;
		b := path_counts_send(s.state);
		FOR k IN 0 .. (random() * 2)::int LOOP b := mutated(b); END LOOP;
		BEGIN
			t := ('\\x' || encode(b, 'hex'))::path_counts;
			accepted := accepted + 1;
			IF path_counts_send(t) <> b THEN RAISE EXCEPTION 'not its own bytes: %', b USING ERRCODE = 'XX000'; END IF;
			-- text of anchors may be no pattern
			IF s.kind = 'flow' THEN SELECT cardinality(merged_flow(x)) INTO r FROM unnest(ARRAY[t, t]) x;
			ELSIF s.kind = 'paths' THEN SELECT cardinality(merged_paths(x)) INTO r FROM unnest(ARRAY[t, t]) x;
			ELSE SELECT cardinality(merged_attribution(x)) INTO r FROM unnest(ARRAY[t, t]) x; END IF;
			ended := ended + 1;
		EXCEPTION WHEN invalid_text_representation OR syntax_error OR numeric_value_out_of_range OR program_limit_exceeded THEN
		END;
	END LOOP;
END \$\$;
CREATE TABLE small_states AS SELECT 'f' || o AS name, 'flow' AS kind, flow_counts(journey, CASE o WHEN 1 THEN flow_options(links => true) ELSE flow_options(starts_with => 'view', ends_with => 'purchase', top => 2) END) AS state
	FROM journeys, generate_series(1, 2) o WHERE customer_id BETWEEN 2 AND 12 GROUP BY o
UNION ALL SELECT 'a' || o, 'attribution', attribution_counts(journey, CASE o WHEN 3 THEN attribution_options('purchase', models => '{counterfactual}', transforms => '{first}') ELSE attribution_options('purchase', depth => o) END) FROM journeys, generate_series(1, 3) o WHERE customer_id BETWEEN 2 AND 12 GROUP BY o
UNION ALL SELECT 'p' || o, 'paths', paths_counts(journey, CASE o WHEN 1 THEN path_options(collapse => true) ELSE path_options(first => 3, by => 'channel') END) FROM journeys, generate_series(1, 2) o WHERE customer_id BETWEEN 2 AND 12 GROUP BY o;
SELECT accepted, ended FROM attacked($tried)");
note "$tried tried, $accepted accepted, $ended ended";
cmp_ok($accepted, '>', 0, 'some changed bytes are states');
cmp_ok($accepted, '<', $tried / 2, 'most are not');
is($node->safe_psql('postgres', 'SELECT 1'), 1, 'the server is there');

$node->stop;
done_testing();
