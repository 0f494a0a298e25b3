# Citus: events and journeys distributed by customer over two workers.  Every
# aggregate gives what it gives on one node, and EXPLAIN says where it was
# computed.  Run by test/tools/citus.sh.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use Test::More;

my $settings = "shared_preload_libraries = 'citus'\nlisten_addresses = 'localhost'\nmax_connections = 200\nfsync = off\n"
  . "citus.enable_statistics_collection = off\nwal_level = logical\ntimezone = 'UTC'\n";
my ($coordinator, @workers) = map {
	my $node = start_node($_, $settings);
	$node->append_conf('pg_hba.conf', "host all all 127.0.0.1/32 trust\nhost all all ::1/128 trust");
	$node->reload;
	$node->safe_psql('postgres', 'CREATE EXTENSION citus');
	$node;
} qw(coordinator worker_1 worker_2);
note $coordinator->safe_psql('postgres', 'SELECT citus_version()');

$coordinator->safe_psql('postgres', "SELECT citus_set_coordinator_host('localhost', " . $coordinator->port . ');'
	. join('', map { "SELECT citus_add_node('localhost', " . $_->port . ');' } @workers)
	. 'SELECT citus_set_node_property(nodename, nodeport, $$shouldhaveshards$$, groupid > 0) FROM pg_dist_node;');
$coordinator->safe_psql('postgres', 'CREATE EXTENSION customer_journey');
$coordinator->safe_psql('postgres', sample_events(500, q(ARRAY['view', 'search', 'cart', 'purchase', 'complaint'])) =~ s/20000/300/r
	=~ s/CREATE TABLE events/CREATE TABLE one_events/r);
$coordinator->safe_psql('postgres', q{
CREATE TABLE one_journeys AS
SELECT customer_id, customer_id % 3 AS region, CASE WHEN customer_id % 3 = 0 THEN 'new' ELSE 'old' END AS segment,
       customer_id * 7 % 5 < 2 AS bought, ((customer_id * 37 % 101) / 101.0)::float8 AS score,
       journey_agg(occurred_at, event, channel, value, item) AS journey FROM one_events GROUP BY customer_id;
CREATE TABLE one_people AS SELECT customer_id, 'name ' || customer_id % 97 AS name, 'town ' || customer_id % 7 AS town FROM one_journeys;
CREATE TABLE events (LIKE one_events); CREATE TABLE journeys (LIKE one_journeys); CREATE TABLE people (LIKE one_people);
SET citus.shard_count = 8;
SELECT create_distributed_table('events', 'customer_id');
SELECT create_distributed_table('journeys', 'customer_id', colocate_with => 'events');
SELECT create_distributed_table('people', 'customer_id', colocate_with => 'events');
INSERT INTO events SELECT * FROM one_events;
INSERT INTO journeys SELECT * FROM one_journeys;
INSERT INTO people SELECT * FROM one_people;
ANALYZE;});
is($coordinator->safe_psql('postgres', q{SELECT count(DISTINCT nodeport), count(*) FROM citus_shards WHERE table_name = 'journeys'::regclass}),
	'2|8', 'journeys lie on two workers in eight shards');
is($_->safe_psql('postgres', q{SELECT count(*) FROM pg_extension WHERE extname = 'customer_journey'}), 1, 'workers have the extension')
  foreach @workers;

# Where an aggregate is computed: "pushed down" whole, "combined" from parts that
# the workers made, or "gathered", its rows brought to the coordinator.
sub place
{
	my ($query, $name) = @_;
	my $plan = $coordinator->safe_psql('postgres', "SET citus.explain_all_tasks = off; EXPLAIN (VERBOSE, COSTS OFF) $query");
	my ($above, $task) = $plan =~ /^(.*?)(\bTask Count.*)$/s;

	return "not distributed: $plan" unless defined $task;
	return 'combined' if $plan =~ /coord_combine_agg/ && $task =~ /worker_partial_agg/;
	return 'combined' if $above =~ /(\w*_merge)\(/ && $task =~ /\b$name\(/;
	return 'pushed down' if $task =~ /\b$name\(/ && $above !~ /\b$name\(/;
	return 'gathered';
}

# Answers of a query over distributed tables and over those of one node.
sub same
{
	my ($what, $query) = @_;
	my $shards = $coordinator->safe_psql('postgres', $query);
	my $one = $coordinator->safe_psql('postgres', $query =~ s/\b(?=(?:events|journeys|people)\b)/one_/gr);

	# sums of fitted numbers depend on the order of rows in their last digits
	s/(-?\d+\.\d+(?:e[-+]?\d+)?)/sprintf('%.9g', $1)/ge foreach $shards, $one;
	isnt($one, '', "$what: there is an answer");
	is($shards, $one, "$what: as on one node");
}

my %places;

# ---- within a customer ----

my $all = 'occurred_at, event, channel, value, item';
my $conditions = "occurred_at, event = 'view', event = 'cart', event = 'purchase'";
foreach my $call ("journey_agg($all)", 'journey_agg(occurred_at, event)', "window_funnel('7 days', $conditions)",
	"window_funnel_events('7 days', $conditions)", "sequence_match('(?1).*(?2)', $conditions)",
	"sequence_count('(?1)(?2)', $conditions)", "sequence_match_events('(?1).*(?2)', $conditions)",
	q{retention(event = 'view', event = 'cart', event = 'purchase')},
	"sequence_next_node('forward', 'first_match', occurred_at, event, event = 'view', event = 'view')",
	q{journey_merge(journey_of(occurred_at, event, channel, value, item))})
{
	my ($name) = $call =~ /^(\w+)/;
	my $query = "SELECT customer_id, $call AS r FROM events GROUP BY customer_id";

	$places{$name} = place($query, $name);
	is($places{$name}, 'pushed down', "$call by customer is pushed down");
	same($call, "SELECT count(*), md5(string_agg(customer_id || ' ' || r::text, ',' ORDER BY customer_id)) FROM ($query) q");
}

# ---- over a population ----

my $funnel = q{journey_funnel(journey, '{view,cart,purchase}'::journey_pattern[], within => '30 days')};
my $spec = q{linkage_spec(comparisons => ARRAY[linkage_comparison('name', 'name')], block_on => ARRAY['town'])};
my $model = "'" . $coordinator->safe_psql('postgres', 'SELECT propensity_fit(bought, ARRAY[score]) FROM one_journeys') . "'::propensity_model";
my $of_records = "'" . $coordinator->safe_psql('postgres', 'SELECT propensity_fit(bought, f) FROM one_journeys, LATERAL (SELECT score, segment) f') . "'::propensity_model";
my @population = (
	[ 'journey_graph_agg(journey)' ],
	[ q{journey_graph_agg(journey, graph_options(by => 'channel', depth => 2))} ],
	[ 'journey_merge(journey)' ],
	[ 'top_paths(journey)' ], [ q{top_paths(journey, path_options(top => 5))} ],
	[ 'journey_flow(journey)' ],
	[ q{attribution_agg(journey, attribution_options(conversion => 'purchase'))} ],
	[ "funnel_stats($funnel)" ],
	[ 'propensity_metrics(bought, score)' ], [ 'gains_table(bought, score, 5)' ], [ 'calibration_table(bought, score)' ],
	[ 'roc_curve(bought, score, 10)' ], [ 'confusion_matrix(bought, score, 0.5)' ], [ 'profit_curve(bought, score, 10, 1)' ],
	[ 'platt_calibration(bought, score)' ], [ 'isotonic_calibration(bought, score)' ],
	[ 'propensity_fit(bought, ARRAY[score, journey_length(journey)])' ],
	[ q{mine_paths(journey, path_options(min_support => 0.3, max_length => 3))} ],
	[ q{contrast_paths(journey, segment, path_options(min_support => 0.4, max_length => 3))} ],
	[ 'journey_medoid(journey)' ],
	[ "propensity_drift($model, ARRAY[score])" ], [ "propensity_effects($model, ARRAY[score])" ],
	[ "propensity_drift($of_records, journeys)" ], [ "propensity_effects($of_records, journeys)" ]);
# these see all journeys at once, or are of one customer, or have states that are of the server
my $whole = 'mine_paths|contrast_paths|journey_medoid|journey_merge|propensity_\w+(?=.*, journeys\))';
foreach my $case (@population)
{
	my ($call) = @$case;
	my ($name) = $call =~ /^(\w+)/;
	my $query = "SELECT $call AS r FROM journeys";

	my $shown = $call =~ s/'[^']{100,}'/'...'/r;
	$places{$shown} = place($query, $name);
	is($places{$shown}, $call =~ /^($whole)\b/s ? 'gathered' : 'combined', "$shown is computed where it should be");
	same($shown, "SELECT r FROM ($query) q");
	same("$shown by customer", "SELECT count(*), md5(string_agg(customer_id || ' ' || r::text, ',' ORDER BY customer_id))
		FROM (SELECT customer_id, $call AS r FROM journeys GROUP BY customer_id) q") unless $call =~ /fit|calibration|metrics|drift|effects/;
	same("$shown by segment", "SELECT segment, r FROM (SELECT segment, $call AS r FROM journeys GROUP BY segment) q ORDER BY 1");
}
note "$_: $places{$_}" foreach sort keys %places;

# ---- searches ----

foreach my $where (q{journey ~ 'view -> purchase'}, q{journey @> '{cart}'}, q{journey_match_count(journey, 'view') > 2})
{
	my $plan = $coordinator->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS OFF) SELECT count(*) FROM journeys WHERE $where");

	like($plan, qr/Task Count: 8.*journeys_\d+.*Filter:|Task Count: 8.*Filter:.*journey/s, "$where is checked on the workers");
	same($where, "SELECT count(*), min(customer_id) FROM journeys WHERE $where");
}
same('events to journeys to a graph', qq{SELECT journey_graph_agg(j) FROM (SELECT customer_id, journey_agg($all) AS j FROM events GROUP BY customer_id) q});
same('a join on the customer', q{SELECT count(*) FROM journeys JOIN people USING (customer_id) WHERE town = 'town 1' AND journey ~ 'cart'});
$coordinator->safe_psql('postgres', 'CREATE INDEX ON journeys USING gin (journey)');
same('an index on every shard', q{SELECT count(*) FROM journeys WHERE journey ~ 'cart -> complaint'});
$coordinator->safe_psql('postgres', q{CREATE TABLE folded (LIKE journeys); SELECT create_distributed_table('folded', 'customer_id', colocate_with => 'events');
INSERT INTO folded (customer_id, region, journey) SELECT customer_id, 0, journey_agg(occurred_at, event, channel, value, item) FROM events GROUP BY customer_id});
is($coordinator->safe_psql('postgres', q{SELECT count(*) FROM folded f JOIN journeys j USING (customer_id) WHERE f.journey = j.journey}), 500,
	'INSERT ... SELECT journey_agg where the events are');

# ---- measured, if asked: CJ_MEASURE customers of 20 events ----

if ($ENV{CJ_MEASURE})
{
	$coordinator->safe_psql('postgres', qq{
TRUNCATE events, journeys, one_events, one_journeys;
INSERT INTO one_events SELECT g % $ENV{CJ_MEASURE}, timestamptz '2026-01-01 00:00+00' + g * interval '1 second',
    (ARRAY['view', 'search', 'cart', 'purchase', 'complaint'])[1 + abs(hashint8(g)) % 5], (ARRAY['web', 'app'])[1 + g % 2]
FROM generate_series(1, 20 * $ENV{CJ_MEASURE}::bigint) g;
INSERT INTO one_journeys SELECT customer_id, 0, 'old', true, 0.5, journey_agg(occurred_at, event, channel) FROM one_events GROUP BY customer_id;
INSERT INTO events SELECT * FROM one_events;
INSERT INTO journeys SELECT * FROM one_journeys;
VACUUM ANALYZE one_events, one_journeys; VACUUM ANALYZE events; VACUUM ANALYZE journeys;});
	measure($coordinator, [
	'SELECT count(*), sum(journey_length(j)) FROM (SELECT customer_id, journey_agg(occurred_at, event, channel) AS j FROM events GROUP BY customer_id) q',
	q{SELECT count(*) FROM journeys WHERE journey ~ 'view -> cart -[<= 1 day]-> purchase'},
	'SELECT journey_graph_agg(journey) IS NULL FROM journeys', 'SELECT top_paths(journey) IS NULL FROM journeys',
	'SELECT top_paths(journey, path_options(first => 5)) IS NULL FROM journeys',
	"SELECT funnel_stats($funnel) IS NULL FROM journeys" ],
		'Citus' => sub { $_[0] },
		'one node' => sub { $_[0] =~ s/\b(?=(?:events|journeys)\b)/one_/gr });
}

done_testing();
