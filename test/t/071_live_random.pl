# Several sessions write to followed events at random, in both modes, with
# backfills and catch-ups between: every snapshot agrees with its events, and in
# the end journeys are those of the events, byte for byte.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{CJ_SEED} // time;
my $seconds = $ENV{CJ_SECONDS} // 5;
diag("random seed $seed");
my $node = start_node('random', "max_connections = 40\nfsync = off\nautovacuum = on\nautovacuum_naptime = 1s\n");

sub load
{
	my ($variables, @options) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my @scripts = split /\n/, qx{$^X $FindBin::RealBin/../tools/live_load.pl $dir @options};

	# a script may meet another's lock in the other order, or a row that is gone
	return [ 'pgbench', '-n', '-c', 5, '-j', 2, '-T', $seconds, '--max-tries', 50, "--random-seed=$seed",
		(map { ('-D', $_) } @$variables), (map { ('-f', $_) } @scripts), $node->connstr('postgres') ];
}

sub agree
{
	my ($what) = @_;
	foreach my $target ('now', 'later')
	{
		is($node->safe_psql('postgres', "SELECT problem, detail FROM journey_follow_check('$target', compare => true) WHERE problem <> 'events set aside'"),
			'', "$what: $target");
		is($node->safe_psql('postgres', "SELECT count(*) FROM ${target}_aside"),
			$node->safe_psql('postgres', 'SELECT count(*) FROM events WHERE NOT isfinite(occurred_at) AND customer_id IS NOT NULL'), "$what: events set aside");
	}
	return;
}

foreach my $partitioned (0, 1)
{
	my $what = $partitioned ? 'partitioned' : 'one table';
	$node->safe_psql('postgres', 'CREATE EXTENSION IF NOT EXISTS customer_journey;
CREATE TABLE events (customer_id bigint, occurred_at timestamptz, event text, channel text)'
		. ($partitioned ? q{ PARTITION BY RANGE (occurred_at);
CREATE TABLE early PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('2026-02-01 00:00+00');
CREATE TABLE late PARTITION OF events FOR VALUES FROM ('2026-02-01 00:00+00') TO (MAXVALUE);
CREATE TABLE other PARTITION OF events DEFAULT;} : ';') . q{
CREATE INDEX ON events (customer_id);
INSERT INTO events SELECT i % 300, '2026-01-01 00:00+00'::timestamptz + i * interval '7 minutes', 'before' FROM generate_series(1, 6000) i;
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', 'channel', target => 'now', backfill => false, chunk_events => 40);
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', 'channel', target => 'later', backfill => false, chunk_events => 40, mode => 'deferred');});

	# while the backfill runs
	my $output = '';
	my $writers = IPC::Run::start(load([ 'customers=320', 'backfilled=false' ]), '>', \$output, '2>', \$output);
	foreach my $target ('now', 'later')
	{
		$node->safe_psql('postgres', "CALL journey_backfill('$target', 7)");
	}
	ok($writers->finish, "$what: the load ends well") or diag($output);
	like($output, qr/number of failed transactions: 0 /, "$what: and none fails") or diag($output);
	is($node->safe_psql('postgres', 'SELECT bool_and(backfilled), sum(incomplete) FROM journey_follow_status()'), 't|0', "$what: all is backfilled");
	agree("$what: after the backfill");

	# afterwards, with truncates
	$output = '';
	$writers = IPC::Run::start(load([ 'customers=320', 'backfilled=true' ], 'truncate'), '>', \$output, '2>', \$output);
	ok($writers->finish, "$what: the load with truncates ends well") or diag($output);
	agree("$what: with truncates");
	$node->safe_psql('postgres', 'CALL journey_catch_up()');
	is($node->safe_psql('postgres', 'SELECT sum(unfolded) FROM journey_follow_status()'), 0, "$what: all is folded");
	agree("$what: caught up");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM now_head h WHERE NOT complete OR events <= 0 OR events <> journey_length(journey)
		+ (SELECT coalesce(sum(journey_length(c.journey)), 0) FROM now_chunk c WHERE c.customer = h.customer)'), 0, "$what: counts are those of the journeys");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM later_head h WHERE NOT complete OR events <= 0 OR events <> journey_length(journey)
		+ (SELECT coalesce(sum(journey_length(c.journey)), 0) FROM later_chunk c WHERE c.customer = h.customer)'), 0, "$what: in mode deferred too");
	$node->safe_psql('postgres', q{DROP TABLE events; SELECT journey_unfollow('now'); SELECT journey_unfollow('later')});
}

done_testing();
