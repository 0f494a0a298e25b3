# Aggregates in partial aggregation: whatever workers see, the bytes are those of
# one pass; for every arity, with FILTER, DISTINCT, joins, and without rows.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use Test::More;

my $node = start_node('parallel', "max_parallel_workers = 8\nmax_worker_processes = 16\n");
$node->safe_psql('postgres', 'CREATE EXTENSION customer_journey;' . sample_events(3000));
$node->safe_psql('postgres', q{
ALTER TABLE events ADD segment int GENERATED ALWAYS AS (customer_id % 7) STORED,
    ADD bucket int GENERATED ALWAYS AS (customer_id % 1500) STORED;
CREATE TABLE journeys AS SELECT customer_id, customer_id % 7 AS segment, customer_id % 100 AS bucket,
    journey_agg(occurred_at, event, channel, value, item) AS journey FROM events GROUP BY 1;
INSERT INTO journeys VALUES (0, 3, 1, '{}'), (-1, 3, 200, NULL), (-2, NULL, NULL, NULL);
CREATE TABLE pieces AS SELECT customer_id, segment, customer_id % 1500 AS bucket, s AS journey
    FROM journeys, journey_sessions(journey, '1 day') AS s;
CREATE TABLE customers AS SELECT customer_id, customer_id % 5 AS region FROM journeys;
INSERT INTO events SELECT customer_id, NULL, event FROM events LIMIT 50;
INSERT INTO events SELECT customer_id, occurred_at, NULL FROM events LIMIT 50;
ANALYZE;
CREATE TABLE nothing (LIKE events)});

my $serial = 'SET max_parallel_workers_per_gather = 0;';
my $parallel = q{SET max_parallel_workers_per_gather = 4; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0.1;
SET cpu_operator_cost = 1; SET customer_journey.enable_grouped_scan = off; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off;
ALTER TABLE events SET (parallel_workers = 4); ALTER TABLE pieces SET (parallel_workers = 4);
ALTER TABLE journeys SET (parallel_workers = 4); ALTER TABLE nothing SET (parallel_workers = 4);};

# Aggregate calls and the tables they run over.
my %calls = (
	'journey_agg of two' => [ 'journey_agg(occurred_at, event)', 'events' ],
	'journey_agg of three' => [ 'journey_agg(occurred_at, event, channel)', 'events' ],
	'journey_agg of four' => [ 'journey_agg(occurred_at, event, channel, value)', 'events' ],
	'journey_agg of five' => [ 'journey_agg(occurred_at, event, channel, value, item)', 'events' ],
	'journey_merge' => [ 'journey_merge(journey)', 'pieces' ],
	'journey_merge, NULL and empty' => [ 'journey_merge(journey)', 'journeys' ]);

sub same
{
	my ($what, $query, $partial) = @_;
	my $expected = $node->safe_psql('postgres', "$serial $query");

	isnt($expected, '', "$what: there is a result");
	$partial //= 1;
	is(plan_of($node, 'postgres', $query, $parallel) =~ /Partial (Hash|Group)?Aggregate/ ? 1 : 0, $partial,
		"$what: the plan " . ($partial ? 'splits' : 'does not split') . ' the aggregate');
	is($node->safe_psql('postgres', "$parallel SET parallel_leader_participation = $_; $query"), $expected,
		"$what: the same in parallel, leader $_") foreach qw(on off);
}

foreach my $name (sort keys %calls)
{
	my ($call, $table) = @{ $calls{$name} };

	same("$name, one group", "SELECT md5(journey_send($call)) FROM $table");
	same("$name, few groups", "SELECT segment, md5(journey_send($call)) FROM $table GROUP BY 1 ORDER BY 1");
	same("$name, many groups",
		"SELECT md5(string_agg(coalesce(h, 'none'), '' ORDER BY c))
		 FROM (SELECT bucket AS c, md5(journey_send($call)) AS h FROM $table GROUP BY 1) g");
	same("$name, FILTER", "SELECT segment, md5(journey_send($call FILTER (WHERE customer_id % 4 = 1))),
		journey_length($call FILTER (WHERE customer_id + 0 < -100)) FROM $table GROUP BY 1 ORDER BY 1");
	same("$name, no rows", "SELECT coalesce(($call)::text, 'none') FROM $table WHERE customer_id + 0 < -100");
	same("$name, join", "SELECT region, md5(journey_send($call)) FROM $table JOIN customers USING (customer_id) GROUP BY 1 ORDER BY 1");

	# DISTINCT and ORDER BY within the call forbid splitting, not being right.
	my $distinct = $call =~ s/\(/(DISTINCT /r;
	same("$name, DISTINCT", "SELECT md5(journey_send($distinct)) FROM $table WHERE customer_id <> 1", 0);
}
same('no table rows', 'SELECT coalesce(journey_agg(occurred_at, event)::text, $$none$$) FROM nothing WHERE customer_id IS NOT NULL');

# DISTINCT journeys mean what they say.
is($node->safe_psql('postgres', 'SELECT journey_merge(DISTINCT journey) = (SELECT journey_merge(journey) FROM (SELECT DISTINCT journey FROM pieces) d) FROM pieces'),
	't', 'DISTINCT leaves out equal journeys');
is($node->safe_psql('postgres', q{SELECT journey_agg(DISTINCT occurred_at, event) = journey_distinct(journey_agg(occurred_at, event)) FROM events WHERE customer_id < 300}),
	't', 'DISTINCT of events is journey_distinct');

# Functions in parallel scans, and parallel index builds.
foreach my $query (
	q{SELECT sum(journey_length(journey)), sum(journey_value(journey)) FILTER (WHERE journey_value(journey) < 'Infinity') FROM journeys},
	q{SELECT count(*), min(journey_start(journey)), max(journey_end(journey)) FROM journeys WHERE journey @> '{view}' AND NOT journey && '{purchase}'},
	q{SELECT count(*), sum(journey_length(journey_filter(journey, '{view,search}') || journey_collapse(journey))) FROM journeys},
	q{SELECT count(*) FROM journeys a JOIN pieces b USING (journey)})
{
	like(plan_of($node, 'postgres', $query, $parallel), qr/Parallel/, "parallel: $query");
	is($node->safe_psql('postgres', "$parallel $query"), $node->safe_psql('postgres', "$serial $query"), 'and the same');
}
$node->safe_psql('postgres', q{SET min_parallel_table_scan_size = 0; SET max_parallel_maintenance_workers = 2; SET maintenance_work_mem = '64MB';
CREATE INDEX journeys_gin ON journeys USING gin (journey);
CREATE INDEX journeys_btree ON journeys (journey, customer_id) WHERE customer_id <> 1;
CREATE INDEX journeys_first ON journeys (journey_start(journey)) WHERE journey_length(journey) < 100;});
is($node->safe_psql('postgres', q{SET enable_seqscan = off; SELECT count(*) FROM journeys WHERE journey @> '{view,purchase}'}),
	$node->safe_psql('postgres', q{SET enable_bitmapscan = off; SELECT count(*) FROM journeys WHERE journey @> '{view,purchase}'}),
	'an index built in parallel finds the same');

# A query that a limit or a cancellation ends while workers aggregate.
is(sqlstate_of($node, 'postgres', "$parallel SET customer_journey.max_events = 1000; SELECT journey_agg(occurred_at, event) FROM events"),
	'54000', 'the limit holds in workers');
is(sqlstate_of($node, 'postgres', "$parallel SET statement_timeout = '200ms';
SELECT journey_merge(journey) FROM pieces, generate_series(1, 2000)"), '57014', 'and can be cancelled');
is($node->safe_psql('postgres', 'SELECT 1'), 1, 'the server is there');

done_testing();
