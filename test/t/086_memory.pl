# Memory: settings that bound it hold, and where the machine has no more to give,
# a call ends with an error and the server goes on. Prints what was measured.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'needs /proc and prlimit' unless -r '/proc/self/status' && system('prlimit --version >/dev/null 2>&1') == 0;

my $node = PostgreSQL::Test::Cluster->new('memory');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\njit = off\nshared_buffers = 32MB\nmax_parallel_workers_per_gather = 0\nwork_mem = '64MB'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION customer_journey;' . q{
CREATE UNLOGGED TABLE rows AS
    SELECT g, timestamptz '2026-01-01 00:00+00' + g * interval '1 second' AS at, 'e' || abs(hashint8(g)) % 40 AS event,
           hashint8(g + 3) % 2 = 0 AS y, (abs(hashint8(g + 4)::bigint) / 2147483648.0)::float8 AS score
    FROM generate_series(1, 100000::bigint) g;
CREATE UNLOGGED TABLE js AS SELECT g % 2000 AS id, journey_agg(at, event) AS j FROM rows GROUP BY 1;
CREATE UNLOGGED TABLE people AS
    SELECT g::text AS id, 'name ' || md5((g % 30011)::text) AS name, 'town ' || g % 20 AS town FROM generate_series(1, 60000) g;
ANALYZE;});

# Every process of the server may have 64 MB of address space beyond what a
# session has that has done little.
my $usual = $node->safe_psql('postgres', q{SELECT journey_length('{}'); SELECT substring(pg_read_file('/proc/self/status') FROM 'VmPeak:\s+(\d+) kB')});
$usual =~ s/.*\n//s;
my $space = ($usual + 64 * 1024) * 1024;
note "a session has $usual kB of address space";
$node->stop;
system("prlimit --pid $$ --as=$space") == 0 or die "cannot set a limit\n";
$node->start;
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

# Runs a statement in a session of its own: its SQLSTATE, and by how many kB the
# session's memory grew at most.
my $seen = q{SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s+(\d+) kB')};
sub grown
{
	my ($settings, $statement) = @_;
	my ($code, $out, $err) = $node->psql('postgres', qq{
SELECT journey_length('{}');
$settings
\\set VERBOSITY sqlstate
$seen;
$statement;
$seen;}, on_error_stop => 0);
	my @lines = split /\n/, $out;
	my ($before, $after) = (grep { /^\d{4,}$/ } @lines)[ 0, -1 ];

	return ($err =~ /ERROR:\s+([0-9A-Z]{5})/ ? $1 : $err eq '' ? '00000' : $err, defined $after ? $after - $before : undef);
}

# ---- settings ----

foreach my $case (
	# statement, setting, MB it allows, what else the call holds: the collected rows' own arrays and the result
	[ 'mine_paths', 'SELECT cardinality(mine_paths(j, path_options(min_support => 0.005))) FROM js', 'customer_journey.path_memory', 24, '54000' ],
	[ 'mine_paths with gaps', q{SELECT cardinality(mine_paths(j, path_options(min_support => 0.005, max_gap => '1 day'))) FROM js},
		'customer_journey.path_memory', 24, '54000' ],
	[ 'top_paths', 'SELECT cardinality(top_paths(j || journey_of(at, event))) FROM js, rows WHERE g < 300', 'customer_journey.path_memory', 6, '54000' ],
	[ 'propensity_fit', 'SELECT propensity_fit(y, ARRAY[score, g, k]) IS NULL FROM rows, generate_series(1, 20) k',
		'customer_journey.max_fit_memory', 12, '54000' ])
{
	my ($name, $statement, $setting, $megabytes, $expected) = @$case;
	my ($state, $kilobytes) = grown("SET $setting = '${megabytes}MB';", $statement);

	is($state, $expected, "$name stops at $setting");
	cmp_ok($kilobytes, '<', 3 * $megabytes * 1024 + 16 * 1024,
		sprintf('%s: the session grew by %d MB, allowed are %d MB', $name, $kilobytes / 1024, $megabytes));
}
my ($state, $kilobytes) = grown('SET customer_journey.max_events = 50000;', 'SELECT journey_agg(at, event) IS NULL FROM rows');
is($state, '54000', 'journey_agg stops at customer_journey.max_events');
cmp_ok($kilobytes, '<', 32 * 1024, sprintf('journey_agg: the session grew by %d MB for 50,000 events', $kilobytes / 1024));

# ---- no more memory ----

foreach my $case (
	[ 'journey_agg', 'SELECT journey_agg(at + k * interval \'1 day\', event || k * g) IS NULL FROM rows, generate_series(1, 60) k' ],
	[ 'journey_merge', 'SELECT journey_merge(journey_of(at + k * interval \'1 day\', event || k * g)) IS NULL FROM rows, generate_series(1, 60) k' ],
	[ 'mine_paths', q{SET customer_journey.path_memory = '1000MB'; SET customer_journey.max_patterns = 100000000;
		SELECT cardinality(mine_paths(j, path_options(min_support => 0.001, max_gap => '10 days'))) FROM js} ],
	[ 'propensity_fit', q{SET customer_journey.max_fit_memory = '1000MB';
		SELECT propensity_fit(y, ARRAY(SELECT score * i FROM generate_series(1, 200) i)) IS NULL FROM rows, generate_series(1, 9) k} ],
	[ 'propensity_metrics', 'SELECT propensity_metrics(y, score * k) IS NULL FROM rows, generate_series(1, 200) k' ],
	[ 'journey_graph_agg', q{SELECT journey_graph_agg(journey_of(at, event || g * k) || journey_of(at + '1 day', event || k), graph_options(depth => 8)) IS NULL
		FROM rows, generate_series(1, 30) k} ],
	[ 'window_funnel', q{SELECT window_funnel('1 day', at, event <> '', event <> 'x') FROM rows, generate_series(1, 300) k} ],
	[ 'linkage_clusters', 'SELECT linkage_clusters((g * k)::text, (g + k)::text, 1.0::float8) IS NULL FROM rows, generate_series(1, 30) k' ],
	[ 'linkage_resolve', q{SELECT linkage_resolve(id || k, p, linkage_spec(comparisons => ARRAY[linkage_comparison('name', 'name')],
		block_on => ARRAY['name'])) IS NULL FROM people p, generate_series(1, 60) k} ],
	[ 'journey as jsonb', 'SELECT length(journey_agg(at, event)::jsonb::text) FROM rows, generate_series(1, 30) k' ])
{
	my ($name, $statement) = @$case;
	my ($state, $kilobytes) = grown("SET statement_timeout = '6s';", $statement);

	like($state, qr/^(53200|54000)$/, "$name: ends with an error, $state, at " . int($kilobytes / 1024) . ' MB');
}
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server has been running all the while');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|server process .* exited/, 'and no session was killed');
is($node->safe_psql('postgres', 'SELECT count(*) FROM js WHERE journey_length(j) = 50'), 2000, 'answers are what they were');

done_testing();
