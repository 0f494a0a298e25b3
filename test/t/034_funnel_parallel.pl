# Funnels, sequences and retention in parallel plans: each aggregate gives in
# parallel what it gives in one pass; sequence_next_node with values of any type;
# states as bytes, whole and damaged.
#
#   CJ_SEED   seed of the damage; printed, random if not given
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

# ---- states as bytes ----

# Pointers go as numbers from one call to the next, within one expression.
$node->safe_psql('postgres', q{
CREATE AGGREGATE window_state(interval, text, timestamptz, VARIADIC "any") (SFUNC = window_funnel_transfn, STYPE = internal, FINALFUNC = funnel_rows_serialfn);
CREATE AGGREGATE sequence_state(text, timestamptz, VARIADIC "any") (SFUNC = sequence_transfn, STYPE = internal, FINALFUNC = funnel_rows_serialfn);
CREATE AGGREGATE retention_state(VARIADIC "any") (SFUNC = retention_transfn, STYPE = internal, FINALFUNC = funnel_rows_serialfn);
CREATE FUNCTION state(bytea) RETURNS bigint AS '$libdir/customer_journey', 'cj_rows_deserialfn' LANGUAGE C STRICT;
CREATE FUNCTION bytes(bigint) RETURNS bytea AS '$libdir/customer_journey', 'cj_rows_serialfn' LANGUAGE C STRICT;
CREATE FUNCTION level(bigint) RETURNS int AS '$libdir/customer_journey', 'cj_window_funnel_finalfn' LANGUAGE C STRICT;
CREATE FUNCTION match(bigint) RETURNS boolean AS '$libdir/customer_journey', 'cj_sequence_match_finalfn' LANGUAGE C STRICT;
CREATE FUNCTION came(bigint) RETURNS boolean[] AS '$libdir/customer_journey', 'cj_retention_finalfn' LANGUAGE C STRICT;} . qq{
CREATE TABLE states AS SELECT bucket, window_funnel('2 days', 'strict_once', occurred_at, $steps) AS level, sequence_match('(?1).*(?t<=86400)(?2).*(?3)', occurred_at, $steps) AS match,
    retention($steps) AS came, window_state('2 days', 'strict_once', occurred_at, $steps) AS w, sequence_state('(?1).*(?t<=86400)(?2).*(?3)', occurred_at, $steps) AS s, retention_state($steps) AS r
FROM events GROUP BY bucket});
is($node->safe_psql('postgres', q{
SELECT count(*) FILTER (WHERE level(state(w)) = level AND bytes(state(w)) = w), count(*) FILTER (WHERE match(state(s)) = match AND bytes(state(s)) = s),
    count(*) FILTER (WHERE came(state(r)) = came AND bytes(state(r)) = r), count(DISTINCT level) > 1, count(DISTINCT match) > 1, count(DISTINCT came) > 1 FROM states}),
	$node->safe_psql('postgres', 'SELECT count(*), count(*), count(*), true, true, true FROM states'), 'states are the same as bytes');

my $seed = $ENV{CJ_SEED} || 1 + int(rand(1_000_000));
note "CJ_SEED=$seed";
my $damaged = $node->safe_psql('postgres', q{
CREATE FUNCTION damage(given bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE b bytea = given;
BEGIN
    FOR i IN 0 .. (random() * 3)::int LOOP
        -- most of it in what comes before the rows
        b = set_byte(b, least(floor(random() * CASE WHEN random() < 0.7 THEN 60 ELSE length(b) END)::int, length(b) - 1), floor(random() * 256)::int);
        IF random() < 0.2 THEN b = substr(b, 1, (random() * length(b))::int); END IF;
        IF random() < 0.1 THEN b = b || substr(given, 1 + (random() * length(given))::int); END IF;
        EXIT WHEN length(b) = 0;
    END LOOP;
    RETURN b;
END $$;
CREATE FUNCTION damaged(given bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE WHEN level(state(given)) IS NULL OR came(state(given)) IS NULL OR match(state(given)) IS NULL THEN 'none' ELSE 'fine' END;
EXCEPTION WHEN data_exception OR program_limit_exceeded OR feature_not_supported THEN
    RETURN sqlstate;
END $$;} . qq{
SET statement_timeout = '60s';
SELECT setseed(1.0 / $seed) \\g /dev/null
SELECT string_agg(answer || ' ' || n, ' ' ORDER BY answer) FROM (SELECT damaged(damage(given)) AS answer, count(*) AS n
FROM states, generate_series(1, 8), LATERAL (VALUES (w), (s), (r)) v(given) GROUP BY 1) d});
like($damaged, qr/22P03 \d{4}/, "damaged states are refused: $damaged");
like($damaged, qr/fine \d/, 'or are states');
done_testing();
