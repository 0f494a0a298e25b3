# Funnels, sequences and retention in parallel plans: each aggregate gives in
# parallel what it gives in one pass; sequence_next_node with values of any type.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use Test::More;

my $node = start_node('funnel_parallel', "max_parallel_workers = 8\nmax_worker_processes = 16\n");
$node->safe_psql('postgres', 'CREATE EXTENSION customer_journey;' . sample_events(2000));
$node->safe_psql('postgres', q{
ALTER TABLE events ADD bucket int GENERATED ALWAYS AS (customer_id % 700) STORED,
    ADD segment int GENERATED ALWAYS AS (customer_id % 5) STORED;
INSERT INTO events SELECT customer_id, NULL, event FROM events LIMIT 50;
INSERT INTO events SELECT customer_id, occurred_at, NULL FROM events LIMIT 50;
CREATE TABLE journeys AS SELECT customer_id AS bucket, journey_agg(occurred_at, event, channel, value, item) AS journey
    FROM events WHERE occurred_at IS NOT NULL AND event IS NOT NULL GROUP BY 1;
INSERT INTO journeys VALUES (0, '{}'), (-1, NULL);
CREATE TABLE results AS SELECT bucket, bucket % 5 AS segment, journey_funnel(journey, '{view,search,purchase}', '2 days', grace => '1 minute') AS result FROM journeys;
ANALYZE});

my $serial = 'SET max_parallel_workers_per_gather = 0;';
my $parallel = q{SET max_parallel_workers_per_gather = 4; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0.1;
SET cpu_operator_cost = 1; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off;
ALTER TABLE events SET (parallel_workers = 4); ALTER TABLE results SET (parallel_workers = 4);};

my $steps = q{event = 'view', event = 'search', event = 'purchase'};
my %calls = (
	'window_funnel' => "window_funnel('2 days', occurred_at, $steps)",
	(map { ("window_funnel, $_" => "window_funnel('2 days', '$_', occurred_at, $steps)") }
		qw(strict_order strict_once strict_increase strict_deduplication),
		'strict_order, allow_reentry', 'strict_order, first_violation'),
	'window_funnel_events' => "window_funnel_events('2 days', occurred_at, $steps)",
	'sequence_match' => "sequence_match('(?1).*(?t<=86400)(?2).*(?3)', occurred_at, $steps)",
	'sequence_count' => "sequence_count('(?1).*(?2)', occurred_at, $steps)",
	'sequence_match_events' => "sequence_match_events('(?1).*(?2).*(?3)', occurred_at, $steps)",
	'sequence_next_node' => "sequence_next_node('forward', 'first_match', occurred_at, event, true, event = 'view')",
	'sequence_next_node of numbers' => "sequence_next_node('backward', 'last_match', occurred_at, value, true, event = 'purchase')",
	'sequence_next_node of arrays' => "sequence_next_node('forward', 'head', occurred_at, ARRAY[event, channel], event IS NOT NULL, event IS NOT NULL)",
	'retention' => "retention($steps)",
	'funnel_stats' => 'funnel_stats(result)');

foreach my $name (sort keys %calls)
{
	my $table = $name eq 'funnel_stats' ? 'results' : 'events';
	my %queries = (
		'one group' => "SELECT coalesce(($calls{$name})::text, 'none') FROM $table",
		'groups' => "SELECT segment, coalesce(($calls{$name})::text, 'none') FROM $table GROUP BY 1 ORDER BY 1",
		'no rows' => "SELECT coalesce(($calls{$name})::text, 'none') FROM $table WHERE bucket + 0 < -100");

	foreach my $kind (sort keys %queries)
	{
		my $expected = $node->safe_psql('postgres', "$serial $queries{$kind}");

		isnt($expected, '', "$name, $kind: there is a result");
		like(plan_of($node, 'postgres', $queries{$kind}, $parallel),
			qr/Partial (Hash|Group)?Aggregate/, "$name, $kind: the plan is split");
		is($node->safe_psql('postgres', "$parallel SET parallel_leader_participation = $_; $queries{$kind}"), $expected,
			"$name, $kind: the same in parallel, leader $_") foreach qw(on off);
	}
	my $distinct = $node->safe_psql('postgres', "SELECT count(DISTINCT a) FROM (SELECT ($calls{$name})::text AS a FROM $table GROUP BY bucket) g");
	cmp_ok($distinct, '>', 1, "$name: not every group has the same answer");
}
done_testing();
