# Servers die under live load, by turns a backend and the whole server: after
# recovery journeys are those of the events, in both modes, and sessions that
# waited go on.  CJ_ROUNDS says how often (test/tools/chaos.sh runs it at length).
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $rounds = $ENV{CJ_ROUNDS} // 2;
my $seed = $ENV{CJ_SEED} // int(time);
srand $seed;
diag("random seed $seed, $rounds rounds");
my $node = start_node('chaos', "fsync = on\nmax_connections = 60\nrestart_after_crash = on\nautovacuum = on\nautovacuum_naptime = 1s\ncheckpoint_timeout = 30s\n");
$node->safe_psql('postgres', q{
CREATE EXTENSION customer_journey;
CREATE TABLE events (customer_id bigint, occurred_at timestamptz, event text, channel text);
CREATE INDEX ON events (customer_id);
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', 'channel', target => 'now', chunk_events => 40);
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', 'channel', target => 'later', chunk_events => 40, mode => 'deferred');
SELECT journey_watch('bought', 'cart -> purchase', t), journey_watch('called', 'call{2,} WITHIN 3 days', t), journey_watch('left', 'cart !-[<= 1 day]-> purchase', t)
FROM unnest('{now,later}'::regclass[]) t;
CREATE INDEX ON now_head USING gin (journey);
CREATE INDEX ON later_head USING gin (journey);});
my $dir = PostgreSQL::Test::Utils::tempdir();
my @scripts = map { ('-f', $_) } split /\n/, qx{$^X $FindBin::RealBin/../tools/live_load.pl $dir};

# Sessions that write until the server goes.
sub start_load
{
	my ($output) = @_;
	return IPC::Run::start([ 'pgbench', '-n', '-c', 4, '-j', 2, '-T', 60, '--max-tries', 50, '-D', 'customers=300', '-D', 'backfilled=true',
		@scripts, $node->connstr('postgres') ], '>', $output, '2>', $output);
}

sub postmaster_pid
{
	return (slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/)[0];
}

# Waits for the server that ended all sessions itself.  A program that is given its
# query in its input, and finds no server, leaves a broken pipe behind.
sub wait_for_recovery
{
	foreach (1 .. 600)
	{
		return if run_log([ 'pg_isready', '-q', '-d', $node->connstr('postgres') ]);
		usleep(100_000);
	}
	die 'the server did not come back';
}

# The processes that serve the load.
sub backends
{
	my ($code, $out) = $node->psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()});
	return $code == 0 && defined $out ? split(/\n/, $out) : ();
}

my $events = 0;
foreach my $round (1 .. $rounds)
{
	my $output = '';
	my $load = start_load(\$output);
	usleep(800_000 + rand 1_500_000);
	my $what;
	if ($round % 2)
	{
		my @pids = backends();
		my $victim = $pids[ rand @pids ];
		$what = 'a backend';
		kill 'KILL', $victim or die 'nobody to kill';
		eval { $load->finish };
		wait_for_recovery();
	}
	else
	{
		my $pid = postmaster_pid();
		$what = 'the server';
		$node->kill9;
		eval { $load->finish };
		my $tries = 300;
		usleep(100_000) while kill(0, $pid) && $tries-- > 0;
		$node->start;
	}
	like($output, qr/abort|terminat|lost|closed|FATAL|could not/i, "round $round: sessions saw $what killed");
	foreach my $target ('now', 'later')
	{
		is($node->safe_psql('postgres', "SELECT problem, detail FROM journey_follow_check('$target', compare => true) WHERE problem <> 'events set aside'"),
			'', "round $round, $what killed: $target is that of the events");
	}
	# a look at everybody finds no match of which nothing is seen
	$node->safe_psql('postgres', q{CALL journey_catch_up(); SELECT journey_watch_due('infinity')});
	foreach my $target ('now', 'later')
	{
		is($node->safe_psql('postgres', qq{
SELECT v.customer, w.watch FROM $target v CROSS JOIN ${target}_watch w LEFT JOIN ${target}_watch_seen s ON s.customer = v.customer AND s.watch = w.watch,
LATERAL journey_watch_scan(v.journey, w.pattern, 'infinity', s.seen, NULL) l WHERE l.matched IS NOT NULL LIMIT 3}),
			'', "round $round: watches of $target have left nothing out");
		cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM ${target}_watch_queue"), '>', 0, "round $round: and queued it");
	}
	my $count = $node->safe_psql('postgres', 'SELECT count(*) FROM events');
	note("$count events");
	$events += $count;
}
cmp_ok($events, '>', 0, 'there was something to lose');
$node->safe_psql('postgres', 'CALL journey_catch_up()');
is($node->safe_psql('postgres', "SELECT count(*) FROM journey_follow_check('later', compare => true) WHERE problem <> 'events set aside'"), 0, 'all is folded');
is($node->safe_psql('postgres', q{SET enable_seqscan = off; SELECT count(*) FROM later WHERE journey ~ 'search -> call'}),
	$node->safe_psql('postgres', q{SET enable_bitmapscan = off; SELECT count(*) FROM later WHERE journey ~ 'search -> call'}), 'the index agrees');

done_testing();
