# Long calls are seen from other sessions while they last, by those who may see
# them, and not a moment longer.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use IPC::Run;
use Test::More;
use Time::HiRes qw(time sleep);

my $node = start_node('progress', "fsync = off\nwork_mem = '256MB'\nmax_parallel_workers_per_gather = 0\n");
$node->safe_psql('postgres', 'CREATE EXTENSION customer_journey;' . q{
CREATE UNLOGGED TABLE rows AS
    SELECT g, timestamptz '2026-01-01 00:00+00' + g * interval '1 second' AS at, 'e' || abs(hashint8(g)) % 40 AS event,
           hashint8(g + 3) % 2 = 0 AS y, (abs(hashint8(g + 4)::bigint) / 2147483648.0)::float8 AS score
    FROM generate_series(1, 300000::bigint) g;
CREATE UNLOGGED TABLE js AS SELECT g % 3000 AS id, CASE g % 2 WHEN 0 THEN 'x' ELSE 'y' END AS segment,
    journey_agg(at, event) AS j FROM rows GROUP BY 1, 2;
CREATE UNLOGGED TABLE people AS
    SELECT g::text AS id, 'name ' || md5((g % 30011)::text) AS name, 'town ' || g % 100 AS town FROM generate_series(1, 60000) g;
CREATE ROLE other LOGIN;
CREATE ROLE watcher LOGIN;
GRANT pg_read_all_stats TO watcher;
ANALYZE;});

is($node->safe_psql('postgres', 'SELECT count(*) FROM journey_progress()'), 0, 'nothing is under way');

# Starts a statement in a session of its own, looks on until it has seen the
# command do something, and cancels it. Gives what was seen, row by row.
sub watch
{
	my ($command, $statement) = @_;
	my ($in, $out) = ('', '');
	my @seen;
	my $session = IPC::Run::start([ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', $statement ],
		'<', \$in, '>', \$out, '2>', \$out);
	my $until = time + 60;

	while (time < $until && $session->pumpable)
	{
		my $row = $node->safe_psql('postgres', 'SELECT command, phase, done, total, pid FROM journey_progress()');

		push @seen, [ split /\|/, $row ] if $row ne '';
		last if @seen && $seen[-1][1] ne 'preparing' && @seen >= 3;
		sleep 0.02;
	}
	if (@seen)
	{
		is($node->safe_psql('postgres', "SELECT p.pid = $seen[-1][4], p.datid = (SELECT oid FROM pg_database WHERE datname = 'postgres'),
			p.usesysid = current_user::regrole, started_at BETWEEN query_start AND now()
			FROM pg_stat_activity JOIN journey_progress() p USING (pid)"), 't|t|t|t', "$command: the session, where, whose and since when");
		is($node->safe_psql('postgres', 'SELECT count(*) FROM journey_progress()', connstr => connection($node, 'postgres', 'other')),
			0, "$command: not seen by others");
		is($node->safe_psql('postgres', 'SELECT count(*) FROM journey_progress()', connstr => connection($node, 'postgres', 'watcher')),
			1, "$command: seen by those who may read all statistics");
		$node->safe_psql('postgres', "SELECT pg_cancel_backend($seen[-1][4])");
	}
	$session->finish;
	is($node->safe_psql('postgres', 'SELECT count(*) FROM journey_progress()'), 0, "$command: gone when cancelled");
	return @seen;
}

foreach my $call (
	[ 'mine_paths', 'SELECT mine_paths(j, path_options(min_support => 0.01, max_length => 6)) IS NULL FROM js' ],
	[ 'contrast_paths', 'SELECT contrast_paths(j, segment, path_options(min_support => 0.01, max_length => 6)) IS NULL FROM js' ],
	[ 'journey_medoid', 'SELECT journey_medoid(j) IS NULL FROM js' ],
	[ 'propensity_fit', 'SELECT propensity_fit(y, ARRAY[score, score ^ 2, k, score * k, sqrt(score), ln(1 + score)], fit_options(profile => 0.95))
		IS NULL FROM rows, generate_series(1, 4) k' ],
	[ 'linkage_fit', q{SELECT linkage_fit(p, linkage_spec(comparisons => ARRAY[linkage_comparison('name', 'name')],
		block_on => ARRAY['town'])) IS NULL FROM people p} ],
	[ 'linkage_resolve', q{SELECT linkage_resolve(id, p, linkage_spec(comparisons => ARRAY[linkage_comparison('name', 'name')],
		block_on => ARRAY['town'])) IS NULL FROM people p} ])
{
	my ($command, $statement) = @$call;
	my @seen = watch($command, $statement);

	cmp_ok(scalar(@seen), '>', 0, "$command is seen");
	is_deeply([ grep { $_->[0] ne $command } @seen ], [], "$command: under that name");
	is_deeply([ grep { $_->[3] ne '' && $_->[2] > $_->[3] } @seen ], [], "$command: no more steps done than there are");
	note join "\n", map { join ' ', @$_[ 1 .. 3 ] } @seen;
}

# ---- it ends with the call, the error, the savepoint ----

my $short = q{SELECT cardinality(mine_paths(j, path_options(min_support => 0.5, max_length => 1))) > 0 FROM js};
my $count = 'SELECT count(*) FROM journey_progress()';
is($node->safe_psql('postgres', "BEGIN; $short; $count; COMMIT"), "t\n0", 'gone when it ends, though the transaction goes on');
is($node->safe_psql('postgres', qq{
SET customer_journey.max_patterns = 10;
DO \$\$ BEGIN
    PERFORM mine_paths(j, path_options(min_support => 0.5, max_length => 2)) FROM js;
EXCEPTION WHEN program_limit_exceeded THEN
    IF EXISTS (SELECT FROM journey_progress()) THEN RAISE 'still there'; END IF;
END \$\$;
RESET customer_journey.max_patterns; $short; $count}), "t\n0", 'gone when an error is caught, and the next call is seen off as well');
is($node->safe_psql('postgres', "SET customer_journey.track_progress = off; $short; $count"), "t\n0", 'calls are not shown if so set');

# ---- more sessions than there are places ----

my $sessions = 40;
$node->safe_psql('postgres', 'CREATE UNLOGGED TABLE few AS SELECT * FROM js LIMIT 300');
my @many = map {
	my ($in, $out) = ('', '');
	{ out => \$out, run => IPC::Run::start([ 'psql', '-XAt', '-d', $node->connstr('postgres'), '-c',
		'SELECT cardinality(mine_paths(j, path_options(min_support => 0.1, max_length => 2))) FROM few' ], '<', \$in, '>', \$out, '2>', \$out) }
} 1 .. $sessions;
my $most = 0;
while (grep { $_->{run}->pumpable } @many)
{
	my $now = $node->safe_psql('postgres', $count);

	$most = $now if $now > $most;
	$_->{run}->pump_nb foreach grep { $_->{run}->pumpable } @many;
	sleep 0.02;
}
$_->{run}->finish foreach @many;
cmp_ok($most, '<=', 32, "at most 32 are shown at once ($most were seen)");
my %answers = map { ${ $_->{out} } => 1 } @many;
is(scalar(keys %answers), 1, 'and all have the same answer');
like((keys %answers)[0], qr/^\d+\n$/, 'which is a number');
is($node->safe_psql('postgres', $count), 0, 'nothing is left of them');

done_testing();
