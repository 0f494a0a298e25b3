# Beyond one machine with what PostgreSQL ships: events and journeys partitioned
# over two more servers by postgres_fdw. Searches, per-customer aggregates and
# whole shards' aggregates run where the rows are; answers are those of one node.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use Test::More;

my $coordinator = start_node('coordinator', "enable_partitionwise_aggregate = on\nenable_partitionwise_join = on\n");
my $major = int($coordinator->safe_psql('postgres', 'SHOW server_version_num') / 10000);
if ($coordinator->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) == 0)
{
	plan skip_all => 'postgres_fdw is not installed';
}

# ---- three servers ----

# Another schema than the workers': what is shipped is qualified by the local
# name of its schema, so both sides must agree on it.
my $schema = q{CREATE SCHEMA cj; CREATE EXTENSION customer_journey SCHEMA cj;};
my $tables = q{
CREATE TABLE events (customer_id bigint NOT NULL, occurred_at timestamptz, event text, channel text, value float8, item text);
CREATE TABLE journeys (shard int NOT NULL, customer_id bigint NOT NULL, segment text, bought boolean, score float8, journey cj.journey);};
my @workers = map { start_node("worker_$_") } 0 .. 1;
$_->safe_psql('postgres', "$schema $tables") foreach @workers;

$coordinator->safe_psql('postgres', "$schema CREATE EXTENSION postgres_fdw;" . q{
CREATE TABLE events (customer_id bigint NOT NULL, occurred_at timestamptz, event text, channel text, value float8, item text)
    PARTITION BY HASH (customer_id);
CREATE TABLE journeys (shard int NOT NULL, customer_id bigint NOT NULL, segment text, bought boolean, score float8, journey cj.journey)
    PARTITION BY LIST (shard);});
foreach my $i (0 .. 1)
{
	my ($host, $port) = ($workers[$i]->host, $workers[$i]->port);
	$coordinator->safe_psql('postgres', qq{
CREATE SERVER worker_$i FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres',
    extensions 'customer_journey', use_remote_estimate 'true', async_capable 'true', batch_size '1000');
CREATE USER MAPPING FOR CURRENT_USER SERVER worker_$i;
CREATE FOREIGN TABLE events_$i PARTITION OF events FOR VALUES WITH (MODULUS 2, REMAINDER $i)
    SERVER worker_$i OPTIONS (table_name 'events');
CREATE FOREIGN TABLE journeys_$i PARTITION OF journeys FOR VALUES IN ($i) SERVER worker_$i OPTIONS (table_name 'journeys');});
}

# The same rows on one node, and through the root into the shards.
my $path = 'SET search_path = public, cj;';
$coordinator->safe_psql('postgres', "CREATE SCHEMA one; SET search_path = one, public, cj;"
	. (sample_events(400, q(ARRAY['view', 'search', 'cart', 'purchase', 'complaint'])) =~ s/20000/300/r) . q{
CREATE TABLE one.journeys AS
SELECT customer_id % 2 AS shard, customer_id::bigint, CASE WHEN customer_id % 3 = 0 THEN 'new' ELSE 'old' END AS segment,
       customer_id * 7 % 5 < 2 AS bought, (customer_id * 37 % 101) / 101.0::float8 AS score,
       journey_agg(occurred_at, event, channel, value, item) AS journey FROM one.events GROUP BY customer_id;
INSERT INTO public.events SELECT * FROM one.events;
INSERT INTO public.journeys SELECT * FROM one.journeys;});
is($workers[0]->safe_psql('postgres', 'SELECT count(*) FROM journeys')
	. '+' . $workers[1]->safe_psql('postgres', 'SELECT count(*) FROM journeys'), '200+200', 'journeys are spread over both servers');
is($workers[0]->safe_psql('postgres', 'SELECT count(DISTINCT customer_id) > 150 FROM events')
	. $workers[1]->safe_psql('postgres', 'SELECT count(DISTINCT customer_id) > 150 FROM events'), 'tt', 'and so are events');
$_->safe_psql('postgres', 'CREATE INDEX ON journeys USING gin (journey); ANALYZE') foreach @workers;
$coordinator->safe_psql('postgres', 'ANALYZE');

# Remote SQL of a query's plan.
sub remote_sql
{
	my ($query, $settings) = @_;
	my $plan = $coordinator->safe_psql('postgres', "$path " . ($settings // '') . " EXPLAIN (VERBOSE, COSTS OFF) $query");
	return (join("\n", $plan =~ /Remote SQL: (.*)/g), $plan);
}

# The query, which names no schema, over the shards and over one node.
sub same
{
	my ($what, $query) = @_;
	my $shards = $coordinator->safe_psql('postgres', "$path $query");
	my $one = $coordinator->safe_psql('postgres', "SET search_path = one, cj; $query");

	# sums of fitted numbers depend on the order of rows in their last digits
	s/(-?\d+\.\d+(?:e[-+]?\d+)?)/sprintf('%.9g', $1)/ge foreach $shards, $one;
	isnt($one, '', "$what: there is an answer");
	is($shards, $one, "$what: as on one node");
}

# ---- searches ----

foreach my $condition (
	[ q{journey ~ 'view -> purchase'}, qr/OPERATOR\(cj\.~\)/ ],
	[ q{journey !~ 'cart -[<= 1 day, !complaint]-> purchase'}, qr/OPERATOR\(cj\.!~\)/ ],
	[ q{journey ~ 'permute(purchase, complaint)'}, qr/OPERATOR\(cj\.~\)/ ],
	[ q{journey_match(journey, 'view -> cart') IS NOT NULL}, qr/cj\.journey_match/ ],
	[ q{journey_length(journey) > 10}, qr/cj\.journey_length/ ],
	[ q{journey_match_count(journey, 'view') > 2}, qr/cj\.journey_match_count/ ],
	[ q{journey_is_match(journey, 'cart !-[<= 1 day]-> purchase', '2026-03-01 00:00+00')}, qr/cj\.journey_is_match/ ])
{
	my ($where, $shipped) = @$condition;
	my ($remote, $plan) = remote_sql("SELECT customer_id FROM journeys WHERE $where");

	is(scalar(() = $remote =~ /$shipped/g), 2, "$where is shipped to both servers") or diag $plan;
	unlike($plan, qr/Filter:/, "$where: nothing is left to check here");
	same($where, "SELECT count(*), min(customer_id) FROM journeys WHERE $where");
}
# What has a text that is no column's is not shipped: postgres_fdw cannot know
# that the collation is the same there. Answers do not depend on it.
same($_, "SELECT count(*) FROM journeys WHERE $_")
  foreach q{journey @> '{purchase,complaint}'}, q{journey && '{complaint}'}, q{journey_count(journey, 'view') > 3};
my ($counted) = remote_sql(q{SELECT shard, count(*) FROM journeys WHERE journey ~ 'view -> purchase' GROUP BY shard});
like($counted, qr/count\(\*\).*WHERE.*OPERATOR\(cj\.~\)/, 'and is counted there');
my $prepared = $coordinator->safe_psql('postgres', "$path SET plan_cache_mode = force_generic_plan;
PREPARE p(journey_pattern) AS SELECT count(*) FROM journeys WHERE journey ~ \$1; EXPLAIN (VERBOSE, COSTS OFF) EXECUTE p('view -> purchase')");
like($prepared, qr/Remote SQL: .*OPERATOR\(cj\.~\) .*\$1/, 'a pattern that is a parameter is shipped as one');
like(join("\n", map { $_->safe_psql('postgres', q{SET enable_seqscan = off; EXPLAIN (COSTS OFF)
	SELECT * FROM journeys WHERE journey OPERATOR(cj.~) 'view -> purchase'}) } @workers), qr/Bitmap Index Scan.*Bitmap Index Scan/s,
	'there an index can find them');

# ---- aggregates within a customer ----

my $all = 'occurred_at, event, channel, value, item';
foreach my $call ("journey_agg($all)", 'journey_agg(occurred_at, event)',
	q{window_funnel('7 days', occurred_at, event = 'view', event = 'cart', event = 'purchase')},
	q{retention(event = 'view', event = 'cart', event = 'purchase')})
{
	my ($name) = $call =~ /^(\w+)/;
	my $query = "SELECT customer_id, $call AS r FROM events GROUP BY customer_id";
	my ($remote, $plan) = remote_sql($query);

	is(scalar(() = $remote =~ /cj\.$name\(.*GROUP BY/g), 2, "$call is computed on both servers") or diag $plan;
	same($call, "SELECT count(*), md5(string_agg(customer_id || ' ' || r::text, ',' ORDER BY customer_id)) FROM ($query) q");
}
foreach my $call (q{sequence_match('(?1).*(?2)', occurred_at, event = 'view', event = 'purchase')},
	q{sequence_count('(?1)(?2)', occurred_at, event = 'view', event = 'search')})
{
	same($call, "SELECT count(*), md5(string_agg(customer_id || ' ' || r::text, ',' ORDER BY customer_id))
		FROM (SELECT customer_id, $call AS r FROM events GROUP BY customer_id) q");
}
my ($searched) = remote_sql(qq{SELECT customer_id FROM events GROUP BY customer_id HAVING journey_agg($all) ~ 'view -> purchase'});
like($searched, qr/HAVING.*OPERATOR\(cj\.~\)/, 'so is HAVING with a pattern');

# ---- aggregates over a population ----

# A shard is a group, whose rows are all on one server: there the aggregate runs
# whole, and its value is merged here.
sub merged
{
	my ($what, $aggregate, $merge, $show) = @_;
	my $groups = "SELECT shard, $aggregate AS part FROM journeys GROUP BY shard";
	my ($remote, $plan) = remote_sql($groups);
	my ($name) = $aggregate =~ /^(\w+)/;

	is(scalar(() = $remote =~ /cj\.$name\(/g), 2, "$what is computed on both servers") or diag $plan;
	same("$what, a shard", "SELECT shard, md5(part::text) FROM ($groups) g ORDER BY 1");
	my $shards = $coordinator->safe_psql('postgres', "$path SELECT md5(($merge)::text) FROM ($groups) g");
	my $one = $coordinator->safe_psql('postgres', "SET search_path = one, cj; SELECT md5(($aggregate)::text) FROM journeys");
	is($shards, $one, "$what: shards merged are the whole");
}
merged('journey_graph_agg', 'journey_graph_agg(journey)', 'journey_graph_merge(part)');
merged('journey_graph_agg with options', q{journey_graph_agg(journey, graph_options(by => 'channel', depth => 2))},
	'journey_graph_merge(part)');
merged('journey_merge', 'journey_merge(journey)', 'journey_merge(part)');

# Results and constants that are arrays of the extension's types: until 16 array
# types are no members of an extension, and postgres_fdw does not trust them
# before somebody makes them so.
my $funnel = q{funnel_stats(journey_funnel(journey, ARRAY['view', 'cart', 'purchase']::journey_pattern[], within => '30 days'))};
my ($before) = remote_sql("SELECT shard, $funnel FROM journeys GROUP BY shard");
is(scalar(() = $before =~ /cj\.funnel_stats\(/g), $major >= 17 ? 2 : 0, 'arrays of the extension\'s types, as they come');
same('funnel_stats by shard, computed here', "SELECT shard, md5($funnel\::text) FROM journeys GROUP BY shard ORDER BY shard");
$coordinator->safe_psql('postgres', q{
SELECT format('ALTER EXTENSION customer_journey ADD TYPE %s', typarray::regtype)
FROM pg_depend AS d JOIN pg_type ON objid = pg_type.oid
WHERE classid = 'pg_type'::regclass AND refclassid = 'pg_extension'::regclass AND deptype = 'e' AND typarray <> 0
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'customer_journey')
  AND NOT EXISTS (SELECT FROM pg_depend AS a WHERE a.classid = d.classid AND a.objid = typarray AND a.refclassid = d.refclassid
                  AND a.deptype = 'e') \gexec});

foreach my $call ($funnel, 'propensity_metrics(bought, score)', 'top_paths(journey)', q{top_paths(journey, path_options(top => 5))},
	q{mine_paths(journey, path_options(min_support => 0.3, max_length => 3))}, 'gains_table(bought, score, 5)',
	'roc_curve(bought, score)', q{contrast_paths(journey, segment, path_options(min_support => 0.4, max_length => 3))}, 'propensity_fit(bought, ARRAY[score])',
	q{attribution_agg(journey, attribution_options(conversion => 'purchase'))}, 'journey_flow(journey)')
{
	my ($name) = $call =~ /^(\w+)/;
	my ($remote, $plan) = remote_sql("SELECT shard, $call FROM journeys GROUP BY shard");

	is(scalar(() = $remote =~ /cj\.$name\(/g), 2, "$call by shard is computed on both servers") or diag $plan;
	same("$call by shard", "SELECT shard, $call FROM journeys GROUP BY shard ORDER BY shard");
	same("$call over all", "SELECT $call FROM journeys");
}

# top_paths over all shards from parts, as growing.md says
$_->safe_psql('postgres', q{SET search_path = cj;
CREATE AGGREGATE path_parts(journey) (SFUNC = top_paths_transfn, STYPE = path_counts, COMBINEFUNC = path_counts_combinefn, PARALLEL = SAFE);
CREATE AGGREGATE path_merge(path_counts) (SFUNC = path_counts_combinefn, STYPE = path_counts, FINALFUNC = top_paths_finalfn);
ALTER EXTENSION customer_journey ADD AGGREGATE path_parts(journey);}) foreach $coordinator, @workers;
my $by_hand = 'SELECT path_merge(part) FROM (SELECT shard, path_parts(journey) AS part FROM journeys GROUP BY shard) p';
my ($parts, $parts_plan) = remote_sql($by_hand);
is(scalar(() = $parts =~ /cj\.path_parts\(/g), 2, 'parts of top_paths are made on both servers') or diag $parts_plan;
same('top_paths from parts', $by_hand);
is($coordinator->safe_psql('postgres', "$path $by_hand"), $coordinator->safe_psql('postgres', "$path SELECT top_paths(journey) FROM journeys"),
	'they end as top_paths over all does');
my ($split) = remote_sql('SELECT top_paths(journey) FROM journeys');
unlike($split, qr/top_paths/, 'which PostgreSQL itself does not split');

# ---- asynchronously, joined, and without the option ----

my (undef, $async) = remote_sql(q{SELECT journey_graph_merge(part) FROM (SELECT shard, journey_graph_agg(journey) AS part
	FROM journeys GROUP BY shard) g});
like($async, qr/Async Foreign Scan.*Async Foreign Scan/s, 'both servers work at once');

# ---- measured, if asked: CJ_MEASURE customers of 20 events ----

if ($ENV{CJ_MEASURE})
{
	$coordinator->safe_psql('postgres', qq{
TRUNCATE events, journeys, one.events, one.journeys;
INSERT INTO one.events SELECT g % $ENV{CJ_MEASURE}, timestamptz '2026-01-01 00:00+00' + g * interval '1 second',
    (ARRAY['view', 'search', 'cart', 'purchase', 'complaint'])[1 + abs(hashint8(g)) % 5], (ARRAY['web', 'app'])[1 + g % 2]
FROM generate_series(1, 20 * $ENV{CJ_MEASURE}::bigint) g;
INSERT INTO one.journeys SELECT customer_id % 2, customer_id, 'old', true, 0.5, cj.journey_agg(occurred_at, event, channel) FROM one.events GROUP BY customer_id;
INSERT INTO public.events SELECT * FROM one.events;
INSERT INTO public.journeys SELECT * FROM one.journeys;});
	$_->safe_psql('postgres', 'VACUUM ANALYZE') foreach @workers, $coordinator;
	measure($coordinator, [
	'SELECT count(*), sum(journey_length(j)) FROM (SELECT customer_id, journey_agg(occurred_at, event, channel) AS j FROM events GROUP BY customer_id) q',
	q{SELECT count(*) FROM journeys WHERE journey ~ 'view -> cart -[<= 1 day]-> purchase'},
	'SELECT journey_graph_merge(part) IS NULL FROM (SELECT shard, journey_graph_agg(journey) AS part FROM journeys GROUP BY shard) g',
	'SELECT journey_graph_agg(journey) IS NULL FROM journeys', 'SELECT top_paths(journey) IS NULL FROM journeys' ],
		'postgres_fdw' => sub { "$path $_[0]" },
		'one node' => sub { "SET search_path = one, cj; $_[0]" });
}

$coordinator->safe_psql('postgres', q{ALTER SERVER worker_0 OPTIONS (DROP extensions); ALTER SERVER worker_1 OPTIONS (DROP extensions);});
my ($kept, $local) = remote_sql(q{SELECT customer_id FROM journeys WHERE journey ~ 'view -> purchase'});
unlike($kept, qr/OPERATOR/, 'without the extensions option nothing of it is shipped');
same('without the option', q{SELECT count(*), min(customer_id) FROM journeys WHERE journey ~ 'view -> purchase'});

done_testing();
