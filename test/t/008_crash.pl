# The server is killed amid writes: what was committed is there, what was not
# is not, and the indexes agree with the table.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

# Data is flushed for real here, and the WAL is all that remains of it.
my $node = start_node('crash', "fsync = on\ncheckpoint_timeout = 1h\nmax_wal_size = 4GB\nrestart_after_crash = on\n");
$node->safe_psql('postgres', 'CREATE EXTENSION customer_journey;' . sample_events(500));
$node->safe_psql('postgres', q{
CREATE TABLE journeys (customer_id int PRIMARY KEY, journey journey NOT NULL);
INSERT INTO journeys } . journeys_of() . q{;
CREATE INDEX journeys_gin ON journeys USING gin (journey);
CREATE INDEX journeys_hash ON journeys USING hash (journey);
CREATE INDEX journeys_start ON journeys (journey_start(journey));
CHECKPOINT;});

# Indexes and scans must give the same rows for every event.
sub agree
{
	my ($what) = @_;
	my $query = q{
SELECT count(*), sum(customer_id) FROM journeys WHERE journey @> '{view,purchase}';
SELECT count(*), sum(customer_id) FROM journeys WHERE journey && ARRAY['購入', 'call centre'];
SELECT count(*), sum(customer_id) FROM journeys WHERE journey ~ 'purchase -> tick';
SELECT count(*), sum(customer_id) FROM journeys WHERE journey @> '{tick}';
SELECT count(*), sum(customer_id) FROM journeys WHERE journey @> '{lost}';
SELECT count(*) FROM journeys WHERE journey = (SELECT journey FROM journeys WHERE customer_id = 7);
SELECT count(*) FROM journeys WHERE journey_start(journey) < '2026-01-05 00:00+00';};
	is($node->safe_psql('postgres', "SET enable_seqscan = off; $query"),
		$node->safe_psql('postgres', "SET enable_indexscan = off; SET enable_bitmapscan = off; $query"),
		"$what: indexes and scans agree");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM journeys WHERE journey @> '{lost}'}), 0,
		"$what: what was not committed is not there");
	is($node->safe_psql('postgres', q{
SELECT count(*) FROM journeys WHERE journey IS DISTINCT FROM journey::text::journey
   OR journey_length(journey) <> (SELECT count(*) FROM journey_events(journey))}), 0, "$what: every journey reads back");
}

foreach my $round (1 .. 3)
{
	# Committed work, never written out by a checkpoint.
	$node->safe_psql('postgres', qq{
UPDATE journeys SET journey = journey || journey_of(timestamptz '2026-06-01 00:00+00' + $round * interval '1 day', 'tick', 'web', $round)
WHERE customer_id % 3 = $round % 3 OR customer_id = 1;
INSERT INTO journeys SELECT customer_id + 1000 * $round, journey FROM journeys WHERE customer_id BETWEEN 1 AND 50;
DELETE FROM journeys WHERE customer_id = 100 + $round;});
	my $committed = contents_of($node, 'postgres', 'journeys');

	# And a transaction that has written much when the server goes.
	my ($in, $out, $err) = ('', '', '');
	my $session = IPC::Run::start(
		[ 'psql', '-qAtX', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err,
		IPC::Run::timeout(60));
	$in .= q{BEGIN;
UPDATE journeys SET journey = journey || journey_of('2026-12-24 00:00+00', 'lost');
INSERT INTO journeys SELECT customer_id + 100000, journey FROM journeys;
SELECT 'written';
};
	$session->pump until $out =~ /written/;
	if ($round == 3)
	{
		# One backend killed: the others start over with it.
		my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'});
		kill 'KILL', $pid;
		eval { $session->finish };
		$node->poll_query_until('postgres', 'SELECT 1', '1') or die 'the server did not come back';
	}
	else
	{
		my ($pid) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
		$node->kill9;
		eval { $session->finish };

		# The dead server counts as running until its parent has noticed.
		my $tries = 300;
		usleep(100_000) while kill(0, $pid) && $tries-- > 0;
		$node->start;
	}
	is(contents_of($node, 'postgres', 'journeys'), $committed, "round $round: all that was committed, to the byte");
	agree("round $round");
}
$node->safe_psql('postgres', 'VACUUM ANALYZE journeys');
agree('vacuumed');

done_testing();
