# GroupedScan in several processes, which exchange their rows: in memory and on disk,
# with fewer processes than planned, with more than there are partitions, ended early,
# run again, cancelled, failing, and random keys and aggregates against plans without it.
#
#   CJ_SEED   seed of the random part; printed, random if not given
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seed = $ENV{CJ_SEED} || 1 + int(rand(1_000_000));
note "CJ_SEED=$seed";
srand($seed);

my $node = start_node('scan_parallel', "max_worker_processes = 16\nmax_parallel_workers = 16\n");
my $off = 'SET customer_journey.enable_grouped_scan = off; SET max_parallel_workers_per_gather = 0;';
my $serial = 'SET enable_hashagg = off; SET max_parallel_workers_per_gather = 0;';
my $parallel = q{SET enable_hashagg = off; SET enable_sort = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2; SET hash_mem_multiplier = 1;};

$node->safe_psql('postgres', answering_functions() . q{
CREATE EXTENSION customer_journey;
CREATE FUNCTION random_of(n int, salt int, up_to int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT (hashint4(n * 31 + salt) & 1073741823) % up_to $$;
CREATE TABLE events AS
SELECT CASE WHEN n % 50 > 0 THEN random_of(n, 1, 5000) END AS customer_id, 'customer ' || random_of(n, 1, 5000) AS customer,
       timestamptz '2026-01-01 00:00+00' + random_of(n, 2, 8000000) * interval '1 second' AS occurred_at,
       (ARRAY['view', 'cart', 'purchase', 'call'])[1 + random_of(n, 3, 4)] AS event, CASE WHEN n % 3 > 0 THEN 'channel ' || n % 7 END AS channel,
       'page ' || random_of(n, 4, 15000) AS page, CASE WHEN n % 20 = 0 THEN 1 ELSE random_of(n, 5, 6) * 1000 END AS skewed, n AS number
FROM generate_series(1, 60000) n;
CREATE TABLE small AS SELECT * FROM events LIMIT 7;
CREATE TABLE nothing AS SELECT * FROM events LIMIT 0;
CREATE TABLE one_group AS SELECT 1 AS customer_id, occurred_at, event, page, number FROM events WHERE number <= 20000;
CREATE TABLE parts (LIKE events) PARTITION BY HASH (number);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT * FROM events WHERE number <= 15000;
CREATE TABLE by_customer (LIKE events) PARTITION BY HASH (customer_id);
CREATE TABLE by_customer_0 PARTITION OF by_customer FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_customer_1 PARTITION OF by_customer FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO by_customer SELECT * FROM events WHERE number <= 15000;
CREATE FUNCTION fails(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1 AS $$ BEGIN IF n = 50000 THEN RAISE 'row % is not to be read', n; END IF; RETURN n; END $$;
VACUUM ANALYZE;});

my $build = 'SELECT customer_id, journey_agg(occurred_at, event, channel) AS journey FROM events GROUP BY customer_id';
my $funnel = q{SELECT customer_id, window_funnel('30 days', occurred_at, event = 'view', event = 'cart', event = 'purchase') AS level FROM events GROUP BY customer_id};
my $pages = q{SELECT customer, journey_agg(occurred_at, page) AS journey, count(*), sum(number), count(DISTINCT event) FROM events GROUP BY customer};
my $keyed_pages = q{SELECT customer_id, journey_agg(occurred_at, page) AS journey, min(channel) FROM events GROUP BY customer_id};

sub answer { my ($settings, $query) = @_; return $node->safe_psql('postgres', "$settings SELECT answer(\$q\$$query\$q\$)") }
sub explained { my ($settings, $query) = @_; return $node->safe_psql('postgres', "$settings SELECT plan(\$q\$$query\$q\$)") }
my %plain;
sub plain { my ($query) = @_; return $plain{$query} //= answer($off, $query) }

# ---- the plan ----

like(explained($parallel, $build), qr/Gather.*Workers Launched: [12].*GroupAggregate.*Parallel Custom Scan \(GroupedScan\).*Group Method: memory.*Parallel Seq Scan/s,
	'each process aggregates groups that are whole');
unlike(explained($parallel, $build), qr/Partial|Finalize/, 'so that nothing is combined');
like(explained($parallel, $funnel), qr/Gather.*Finalize GroupAggregate.*Custom Scan \(GroupedFunnel\).*Parallel Custom Scan \(GroupedScan\)/s, 'the node above it is as it is in one process');
like(explained($parallel, "SELECT count(*), sum(journey_length(journey)) FROM ($build) b"), qr/Finalize Aggregate.*Gather.*Partial Aggregate.*GroupAggregate.*Parallel Custom Scan/s,
	'what is above goes on in each process');
like(explained("$parallel SET enable_sort = on;", "$funnel ORDER BY customer_id LIMIT 5"), qr/Gather Merge.*Sort.*Parallel Custom Scan/s, 'sorting, too');
unlike(explained("$parallel SET customer_journey.enable_grouped_scan = off;", $build), qr/GroupedScan/, 'the setting turns it off');
unlike(explained($serial, $build), qr/Parallel/, 'without parallel workers it is not offered');
unlike(explained($parallel, 'SELECT customer_id, journey_agg(occurred_at, event), max(pg_my_temp_schema()::int) FROM events GROUP BY 1'), qr/Parallel Custom/,
	'nor where something is not to be done in parallel');
my ($left_out) = explained($serial, $funnel) =~ /Rows Left Out: (\d+)/;
my ($left_out_here) = explained($parallel, $funnel) =~ /Rows Left Out: (\d+)/;
cmp_ok(abs($left_out_here - $left_out), '<=', 5001, "as many rows are left out, but for those that come first in a group: $left_out_here, $left_out");

# A table that is large enough needs no persuasion.
$node->safe_psql('postgres', q{CREATE TABLE large AS SELECT e.* FROM events e, generate_series(1, 12); ANALYZE large});
like($node->safe_psql('postgres', "SET work_mem = '100MB'; EXPLAIN " . $build =~ s/events/large/r), qr/Gather.*Parallel Custom Scan/s, 'it is chosen by its costs');
$node->safe_psql('postgres', 'DROP TABLE large');

# ---- same answers, in memory and on disk ----

foreach my $query ($build, $funnel, $pages, $keyed_pages,
	'SELECT skewed, journey_agg(occurred_at, event), count(*) FROM events GROUP BY skewed',
	'SELECT customer_id, journey_agg(occurred_at, event), count(*) FROM one_group GROUP BY customer_id',
	'SELECT customer_id, journey_agg(occurred_at, event), count(*) FROM small GROUP BY customer_id',
	'SELECT customer_id, journey_agg(occurred_at, event) FROM nothing GROUP BY customer_id',
	"$build HAVING count(*) > 13", "SELECT e.customer_id, journey_agg(e.occurred_at, s.event), count(*) FROM events e JOIN small s USING (event) GROUP BY e.customer_id",
	'SELECT customer_id, journey_agg(occurred_at, event), count(*) FROM parts GROUP BY customer_id')
{
	my ($name) = $query =~ /SELECT (.{40})/;
	foreach my $memory ('64kB', '400kB', '100MB')
	{
		is(answer("$parallel SET work_mem = '$memory';", $query), plain($query), "$name ... with $memory");
	}
	is(answer("$parallel SET parallel_leader_participation = off;", $query), plain($query), "$name ... by workers alone");
	is(answer("$parallel SET max_parallel_workers = 0;", $query), plain($query), "$name ... by the leader alone");
	is(answer("$parallel SET max_parallel_workers = 1;", $query), plain($query), "$name ... by fewer than planned");
}
my $on_disk = explained("$parallel SET work_mem = '400kB';", $build);
like($on_disk, qr/Parallel Custom Scan.*Group Method: disk.*Disk Usage: \d+ kB/s, '400 kB are too little');
my ($batches) = $on_disk =~ /Batches: (\d+)/;
cmp_ok($batches, '<=', 200, "in $batches batches");
my ($used) = $on_disk =~ /Memory Usage: (\d+) kB/;
cmp_ok($used, '<=', 3 * (400 * 1.3 + 64), "and no more than three times as much is used: $used kB");
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), 0, 'no file is left');

# Many more processes than partitions, and each has few codes for what rows have in common.
foreach my $memory ('64kB', '4MB')
{
	my $many = "$parallel SET max_parallel_workers_per_gather = 12; SET work_mem = '$memory';";
	$node->safe_psql('postgres', 'ALTER TABLE events SET (parallel_workers = 12)');
	like(explained($many, $build), qr/Workers Planned: 12/, 'twelve workers');
	is(answer($many, $_), plain($_), "and the same answer with $memory") foreach $build, $funnel, $pages, $keyed_pages;
	$node->safe_psql('postgres', 'ALTER TABLE events RESET (parallel_workers)');
}

# Partitions that are aggregated each for itself.
my $partitionwise = 'SELECT customer_id, journey_agg(occurred_at, event), count(*) FROM by_customer GROUP BY customer_id';
like(explained("$parallel SET enable_partitionwise_aggregate = on;", $partitionwise), qr/GroupedScan.*GroupedScan/s, 'a node a partition');
is(answer("$parallel SET enable_partitionwise_aggregate = on;", $partitionwise), plain($partitionwise), 'has the same answer');
my $above = "SELECT count(*), sum(journey_length(journey_agg)) FROM ($partitionwise) p";
is(answer("$parallel SET enable_partitionwise_aggregate = on;", $above), plain($above), 'also where processes go from one to the next');

# ---- ended early, run again, in one process although planned for more ----

is($node->safe_psql('postgres', "$parallel SET work_mem = '$_'; SELECT count(*) FROM (SELECT customer_id FROM ($funnel) f LIMIT 3) l"), 3, "a limit ends it, $_")
  foreach '64kB', '64MB';
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), 0, 'no file is left');
foreach my $memory ('64kB', '64MB')
{
	my $again = "$parallel SET enable_material = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off; SET work_mem = '$memory';";
	my $loops = "SELECT x, count(level), sum(level) FROM (VALUES (1), (2), (3), (4)) v(x) LEFT JOIN ($funnel OFFSET 0) f ON level < x GROUP BY x";
	like(explained($again, $loops), qr/Gather \(actual rows=\d+(\.\d+)? loops=4\)/, "it is run four times, $memory");
	is(answer($again, $loops), plain($loops), 'with the same answer');
	my $partly = "SELECT x FROM (VALUES (1), (2), (3), (4)) v(x) WHERE EXISTS (SELECT FROM ($funnel OFFSET 0) f WHERE level < x)";
	is(answer($again, $partly), plain($partly), 'also when only its first rows are wanted');
}
$node->safe_psql('postgres', qq{CREATE FUNCTION levels() RETURNS SETOF int STABLE PARALLEL SAFE LANGUAGE sql SET enable_material = on AS \$\$ SELECT level FROM ($funnel) f \$\$;});
is($node->safe_psql('postgres', "$parallel SELECT count(l), sum(l) FROM (SELECT levels() AS l) s"),
	$node->safe_psql('postgres', "SELECT count(level), sum(level) FROM ($funnel) f"), 'row by row, where no other process may be begun');
is($node->safe_psql('postgres', "$parallel PREPARE p AS SELECT count(*), sum(level) FROM ($funnel) f; EXECUTE p; EXECUTE p; EXECUTE p;") =~ tr/\n//, 2, 'prepared');

# ---- failing and cancelled ----

my ($status, $out, $err) = $node->psql('postgres', "$parallel SELECT customer_id, journey_agg(occurred_at, event) FROM events WHERE fails(number) > 0 GROUP BY 1");
like($err, qr/ERROR:  row 50000 is not to be read/, 'an error of one process ends all');
($status, $out, $err) = $node->psql('postgres', "$parallel SET work_mem = '64kB'; SET temp_file_limit = '200kB'; $build");
like($err, qr/temporary file size exceeds "?temp_file_limit/, 'files count against temp_file_limit');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), 0, 'no file is left after errors');

my $slow = q{SELECT count(j) FROM (SELECT journey_agg(e.occurred_at, e.event) AS j FROM events e, generate_series(1, 600) g GROUP BY e.number * 7 + g) s};
like(plan_of($node, 'postgres', $slow, $parallel), qr/Parallel Custom Scan/, 'a long one');
foreach my $milliseconds (100, 900)
{
	foreach my $memory ('64kB', '500MB')
	{
		my $start = time;
		($status, $out, $err) = $node->psql('postgres', "$parallel SET work_mem = '$memory'; SET statement_timeout = $milliseconds; $slow");
		like($err, qr/canceling statement due to statement timeout/, "cancelled after $milliseconds ms with $memory");
		cmp_ok(time - $start, '<', $milliseconds / 1000 + 1.5, 'at once');
	}
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), 0, 'no file is left by cancelled queries');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}), 0, 'nor a process');

# ---- random keys and aggregates ----

sub pick { return $_[ int(rand(@_)) ] }

my @keys = ('customer_id', 'customer', 'skewed', 'number % 700', 'occurred_at', 'event', 'channel', 'page', 'customer_id::numeric / 3', 'customer_id::bigint * 1234567890123',
	'(customer_id % 300)::smallint', 'occurred_at::date', 'number % 2 = 0', 'md5(customer)::uuid', 'ARRAY[customer_id % 9, skewed]', 'ROW(skewed, event)');
my @aggregates = (
	'journey_agg(occurred_at, event)', 'journey_agg(occurred_at, event, channel)', 'journey_agg(occurred_at, page, channel, number, event)',
	q{window_funnel('2 hours', occurred_at, event = 'view', event = 'cart')}, q{window_funnel('9 days', 'strict_order', occurred_at, event = 'view', event = 'cart')},
	q{window_funnel('30 days', occurred_at, number % 2 = 0, number % 3 = 0, channel IS NULL, channel = 'channel 2')},
	q{window_funnel('20 days', occurred_at, VARIADIC ARRAY[event = 'view', number > 5])},
	q{sequence_match('(?1).*(?2)', occurred_at, event = 'view', event = 'cart')}, q{sequence_count('(?1).*(?2)', occurred_at, event = 'cart', channel IS DISTINCT FROM 'channel 1')},
	q{retention(event = 'view', page > 'page 5', number IS NULL)}, q{journey_agg(occurred_at, event) FILTER (WHERE channel IS NOT NULL)});
my @others = ('count(*)', 'sum(number)', 'count(DISTINCT event)', q{string_agg(event, ',' ORDER BY number)}, 'max(occurred_at)', 'min(channel)', 'count(DISTINCT page)');
my ($compared, $shared) = (0, 0);
for my $round (1 .. 25)
{
	my @by = map { pick(@keys) } 1 .. pick(1, 1, 1, 2);
	my @answers = (pick(@aggregates), map { pick(@aggregates, @others) } 1 .. pick(0, 0, 1, 2));
	my $from = pick('events', 'parts', '(SELECT * FROM events WHERE number % 10 < 3) e', '(SELECT e.* FROM events e JOIN small USING (skewed)) e') ;
	my $having = pick('', '', ' HAVING count(*) > 3');
	my $query = 'SELECT ' . join(', ', map { "($_)::text" } @by) . ', ' . join(', ', map { "$answers[$_] AS a$_" } 0 .. $#answers) . " FROM $from GROUP BY " . join(', ', @by) . $having;
	my $settings = "$parallel SET work_mem = '" . pick('64kB', '300kB', '5MB', '100MB') . "'; SET max_parallel_workers_per_gather = " . pick(1, 2, 4) . '; SET parallel_leader_participation = ' . pick('on', 'on', 'off') . ';';
	$compared++;
	$shared++ if plan_of($node, 'postgres', $query, $settings) =~ /Parallel Custom Scan \(GroupedScan\)/;
	is(answer($settings, $query), plain($query), "round $round") or diag "$settings\n$query";
}
note "$shared of $compared random queries were run by several processes";
cmp_ok($shared, '>', $compared / 2, 'most random queries were run by several processes');

$node->stop;
done_testing();
