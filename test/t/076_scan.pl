# Rows brought together group by group (GroupedScan): in the first query of a
# session, under row security and column privileges, on disk, cancelled, behind
# cursors, and with random keys and aggregates against plans without it.
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

my $node = start_node('scan', "max_parallel_workers_per_gather = 0\n");
my $icu = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_collation WHERE collname = 'und-x-icu'});

$node->safe_psql('postgres', answering_functions() . q{
CREATE EXTENSION customer_journey;
CREATE TABLE events AS
SELECT 1 + hashint4(n) & 32767 AS customer_id, timestamptz '2026-01-01 00:00+00' + hashint4(n + 1) % 8000000 * interval '1 second' AS occurred_at,
       (ARRAY['view', 'cart', 'purchase', 'call'])[1 + (hashint4(n + 2) & 3)] AS event,
       CASE WHEN n % 3 > 0 THEN 'channel ' || n % 7 END AS channel, n AS number, NULL::text AS secret
FROM generate_series(1, 150000) n;
ALTER TABLE events ADD PRIMARY KEY (number);
VACUUM ANALYZE events;
CREATE ROLE analyst;
CREATE ROLE outsider;
GRANT SELECT (customer_id, occurred_at, event) ON events TO analyst;
GRANT EXECUTE ON FUNCTION answer(text) TO PUBLIC;});

my $build = 'SELECT customer_id, journey_agg(occurred_at, event) AS journey FROM events GROUP BY customer_id';
my $funnel = q{SELECT customer_id, window_funnel('30 days', occurred_at, event = 'view', event = 'cart', event = 'purchase') AS level FROM events GROUP BY customer_id};
my $off = 'SET customer_journey.enable_grouped_scan = off;';

# ---- the library comes with the first query that needs it ----

unlike($node->safe_psql('postgres', 'SHOW shared_preload_libraries'), qr/customer_journey/, 'the library is not preloaded');
like($node->safe_psql('postgres', "EXPLAIN $build"), qr/Custom Scan \(GroupedScan\)/, 'the first query of a session has the node');
like($node->safe_psql('postgres', "EXPLAIN $funnel"), qr/Finalize GroupAggregate.*Custom Scan \(GroupedFunnel\).*Custom Scan \(GroupedScan\)/s, 'for funnels, too, and one above it, beneath the aggregation');
unlike($node->safe_psql('postgres', "$off EXPLAIN $build"), qr/GroupedScan/, 'the setting is heeded before the library is there');
like($node->safe_psql('postgres', "PREPARE p AS $build; EXPLAIN EXECUTE p"), qr/GroupedScan/, 'prepared statements have it');

my %plain = map { $_ => $node->safe_psql('postgres', "$off SELECT answer(\$q\$$_\$q\$)") } $build, $funnel;
is($node->safe_psql('postgres', "SELECT answer(\$q\$$_\$q\$)"), $plain{$_}, 'same answer') foreach $build, $funnel;

# In a parallel worker it is as it is in the leader.
my $worker = ($node->safe_psql('postgres', 'SHOW server_version_num') >= 160000 ? 'SET debug_parallel_query = on;' : 'SET force_parallel_mode = on;')
  . 'SET max_parallel_workers_per_gather = 2;';
like($node->safe_psql('postgres', "$worker EXPLAIN $build"), qr/Gather.*GroupedScan/s, 'a worker can run it');
is($node->safe_psql('postgres', "$worker SELECT count(journey), sum(journey_length(journey)) FROM ($build) b"),
	$node->safe_psql('postgres', "$off SELECT count(journey), sum(journey_length(journey)) FROM ($build) b"), 'with the same answer');
like($node->safe_psql('postgres', "$worker EXPLAIN $funnel"), qr/Gather.*Finalize.*GroupedFunnel.*GroupedScan/s, 'and both nodes');
is($node->safe_psql('postgres', "$worker SELECT count(level), sum(level) FROM ($funnel) f"),
	$node->safe_psql('postgres', "$off SELECT count(level), sum(level) FROM ($funnel) f"), 'likewise');

# A column that was dropped, and one that rows are too old to have.
$node->safe_psql('postgres', q{
CREATE TABLE altered AS SELECT number, secret, customer_id % 900 AS customer_id, occurred_at, event FROM events WHERE number < 9000;
ALTER TABLE altered DROP COLUMN secret;
ALTER TABLE altered ADD COLUMN note text DEFAULT 'view';
ANALYZE altered;});
my $altered = q{SELECT customer_id, window_funnel('30 days', occurred_at, event = note, event = 'cart', note = 'view'), journey_agg(occurred_at, event, note) FROM altered GROUP BY 1};
like($node->safe_psql('postgres', "SET enable_hashagg = off; EXPLAIN $altered"), qr/GroupedScan/, 'an altered table');
is($node->safe_psql('postgres', "SET enable_hashagg = off; SELECT answer(\$q\$$altered\$q\$)"),
	$node->safe_psql('postgres', "$off SELECT answer(\$q\$$altered\$q\$)"), 'has the same answer');

# ---- permissions and row security are the executor's ----

sub as_role
{
	my ($role, $query) = @_;
	return $node->safe_psql('postgres', "SET ROLE $role; $query");
}

is(as_role('analyst', "SELECT answer(\$q\$$build\$q\$)"), $plain{$build}, 'rights on the columns used are enough');
my ($status, $out, $err) = $node->psql('postgres', "SET ROLE analyst; SELECT customer_id, journey_agg(occurred_at, channel) FROM events GROUP BY 1");
like($err, qr/permission denied/, 'rights on other columns are missed');
($status, $out, $err) = $node->psql('postgres', "SET ROLE outsider; $funnel");
like($err, qr/permission denied/, 'so are rights on the table');

$node->safe_psql('postgres', q{
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON events FOR SELECT TO analyst USING (customer_id % 10 < 3);});
like(as_role('analyst', "SET enable_hashagg = off; EXPLAIN $build"), qr/GroupedScan.*Seq Scan.*Filter: \(\(customer_id % 10\) < 3\)/s,
	'the policy filters below the node');
is(as_role('analyst', "SELECT answer(\$q\$$build\$q\$)"),
	$node->safe_psql('postgres', "$off SELECT answer('SELECT customer_id, journey_agg(occurred_at, event) FROM events WHERE customer_id % 10 < 3 GROUP BY 1')"),
	'and only its rows are grouped');
$node->safe_psql('postgres', 'ALTER TABLE events DISABLE ROW LEVEL SECURITY');

# ---- on disk ----

my $little = "SET work_mem = '64kB'; SET hash_mem_multiplier = 1; SET enable_hashagg = off;";
foreach my $memory ('64kB', '200kB', '1MB', '2MB')
{
	foreach my $query ($build, $funnel)
	{
		my $set = "$little SET work_mem = '$memory';";
		is($node->safe_psql('postgres', "$set SELECT answer(\$q\$$query\$q\$)"), $plain{$query}, "same answer with $memory");
	}
	my $told = $node->safe_psql('postgres', "$little SET work_mem = '$memory'; SELECT plan(\$q\$$build\$q\$)");
	like($told, qr/Group Method: disk\n.*Disk Usage: \d+ kB/s, "$memory are too little");
	my ($used) = $told =~ /Memory Usage: (\d+) kB/;
	my ($limit) = $node->safe_psql('postgres', "SELECT pg_size_bytes('$memory') / 1024");
	cmp_ok($used, '<=', $limit * 1.3 + 64, "and no more than $memory is used: $used kB");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), 0, 'no file is left');
($status, $out, $err) = $node->psql('postgres', "$little SET temp_file_limit = '1MB'; $build");
like($err, qr/temporary file size exceeds "?temp_file_limit/, 'files count against temp_file_limit');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), 0, 'no file is left after an error');

# Groups larger than memory: one, and two whose keys have one hash.
$node->safe_psql('postgres', q{
CREATE TABLE large AS
WITH twins AS (SELECT min(n::text) AS a, max(n::text) AS b FROM generate_series(1, 400000) n GROUP BY hashtext(n::text) HAVING count(*) > 1 ORDER BY 1 LIMIT 1)
SELECT CASE WHEN n % 7 = 0 THEN 'small ' || n % 50 WHEN n % 2 = 0 THEN a ELSE b END AS customer_id, n AS number,
       timestamptz '2026-01-01 00:00+00' + n * interval '1 second' AS occurred_at, CASE WHEN n % 3 = 0 THEN 'view' ELSE repeat('x', n % 60) END AS event
FROM twins, generate_series(1, 40000) n;
ANALYZE large;});
is($node->safe_psql('postgres', q{SELECT count(DISTINCT customer_id) FROM large}), 52, 'two keys of one hash, and 50 more');
foreach my $query ('SELECT customer_id, journey_agg(occurred_at, event), count(*) FROM large GROUP BY 1',
	q{SELECT customer_id, window_funnel('1 hour', occurred_at, event = 'view', event = 'xx') FROM large GROUP BY 1},
	q{SELECT 1 FROM large GROUP BY customer_id HAVING journey_agg(occurred_at, repeat(event, 100)) IS NULL},
	q{SELECT number % 3, journey_agg(occurred_at, event) FROM large GROUP BY 1})
{
	my $plain = $node->safe_psql('postgres', "$off SELECT answer(\$q\$$query\$q\$)");
	like($node->safe_psql('postgres', "$little EXPLAIN $query"), qr/GroupedScan/, 'large groups are grouped by the node');
	is($node->safe_psql('postgres', "$little SELECT answer(\$q\$$query\$q\$)"), $plain, 'same answer on disk');
	is($node->safe_psql('postgres', "SET enable_hashagg = off; SELECT answer(\$q\$$query\$q\$)"), $plain, 'same answer in memory');
}

# Rows larger than a block, out of line, and larger than memory.
$node->safe_psql('postgres', q{
CREATE TABLE wide AS SELECT n % 30 AS customer_id, timestamptz '2026-01-01 00:00+00' + n * interval '1 second' AS occurred_at, 'e' || n % 5 AS event,
    repeat(md5(n::text), n % 300 * 10) AS note FROM generate_series(1, 900) n;
ALTER TABLE wide ALTER note SET STORAGE EXTERNAL;
INSERT INTO wide SELECT customer_id, occurred_at, event, note || 'again' FROM wide;});
foreach my $setting ($little, 'SET enable_hashagg = off;')
{
	foreach my $rows ('wide', q{(SELECT customer_id, occurred_at, event, note || 'made' AS note FROM wide OFFSET 0) w})
	{
		my $query = "SELECT customer_id, journey_agg(occurred_at, event), sum(length(note)), md5(max(note)) FROM $rows GROUP BY 1";
		is($node->safe_psql('postgres', "$setting SELECT answer(\$q\$$query\$q\$)"),
			$node->safe_psql('postgres', "$off SELECT answer(\$q\$$query\$q\$)"), 'long values');
	}
}

# ---- cancelled within a second ----

my $long = q{SELECT count(j) FROM (SELECT journey_agg(timestamptz '2026-01-01 00:00+00' + n * interval '1 second', 'view') AS j
    FROM generate_series(1, 50000000) n GROUP BY n % 700000) s};
foreach my $milliseconds (150, 600, 1200)
{
	foreach my $memory ('64kB', '1GB')
	{
		my $start = time;
		($status, $out, $err) = $node->psql('postgres',
			"SET enable_hashagg = off; SET work_mem = '$memory'; SET statement_timeout = $milliseconds; $long");
		like($err, qr/canceling statement due to statement timeout/, "cancelled after $milliseconds ms with $memory");
		cmp_ok(time - $start, '<', $milliseconds / 1000 + 1.5, 'at once');
	}
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), 0, 'no file is left by cancelled queries');

# ---- cursors ----

foreach my $setting ($little, 'SET enable_hashagg = off;')
{
	is($node->safe_psql('postgres', qq{$setting
CREATE TEMP TABLE fetched (customer_id int, level int);
CREATE FUNCTION pg_temp.fetch_all(c refcursor) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE r record;
BEGIN LOOP FETCH c INTO r; EXIT WHEN NOT FOUND; INSERT INTO fetched VALUES (r.customer_id, r.level); END LOOP; END \$\$;
BEGIN;
SAVEPOINT s;
DECLARE c CURSOR FOR $funnel;
RELEASE s;
SAVEPOINT s;
MOVE 1 IN c;
ROLLBACK TO s;
MOVE 10 IN c;
SELECT pg_temp.fetch_all('c');
COMMIT;
SELECT count(*) >= 20000, count(*) = count(DISTINCT customer_id),
       count(*) = (SELECT count(*) - 11 FROM ($funnel) f), bool_and(f.level = e.level)
FROM fetched f JOIN ($funnel) e USING (customer_id)}) =~ s/^\n+//r, 't|t|t|t', 'a cursor goes on after a savepoint');
	is($node->safe_psql('postgres', qq{$setting
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT level FROM ($funnel) f ORDER BY customer_id;
MOVE 5 IN c;
FETCH BACKWARD 4 FROM c;
COMMIT;}), join("\n", reverse split /\n/,
			$node->safe_psql('postgres', "$off SELECT level FROM ($funnel) f ORDER BY customer_id LIMIT 4")), 'a scrolling cursor goes back');
	is($node->safe_psql('postgres', qq{$setting
BEGIN;
DECLARE c SCROLL CURSOR FOR $build;
MOVE 100 IN c;
MOVE BACKWARD 99 IN c;
FETCH BACKWARD ALL FROM c;
MOVE FORWARD ALL IN c;
CLOSE c;
DECLARE h CURSOR WITH HOLD FOR $build;
COMMIT;
MOVE 3 IN h;
CLOSE h;}) =~ tr/\n//, 0, 'back to before the first row of an unsorted one');
}
is($node->safe_psql('postgres', "$little $funnel LIMIT 3") =~ tr/\n//, 2, 'a limit ends it early');

# ---- random keys and aggregates ----

sub pick { return $_[ int(rand(@_)) ] }

my $nondeterministic = '';
if ($icu)
{
	$node->safe_psql('postgres', q{CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)});
	$nondeterministic = ' COLLATE anycase';
}
my @types = (
	[ 'bigint', '(r / 7)::bigint * 123456789012' ], [ 'integer', 'r' ], [ 'smallint', 'r::smallint' ],
	[ 'boolean', 'r % 2 = 0' ], [ 'numeric', q{(r::text || repeat('0', r % 3))::numeric / 100 * CASE WHEN r % 5 = 0 THEN 1.000 ELSE 1 END} ],
	[ 'float8', q{CASE r % 6 WHEN 0 THEN float8 '-0' WHEN 1 THEN 0 WHEN 2 THEN 'NaN' ELSE r / 4 END} ],
	[ "text$nondeterministic", q{CASE WHEN r % 2 = 0 THEN 'Key' ELSE 'kEY' END || r / 4} ],
	[ 'text COLLATE "C"', q{repeat('k', r % 9) || r % 3} ], [ 'char(6)', q{'x' || r} ], [ '"char"', 'chr(65 + r % 20)::"char"' ],
	[ 'uuid', 'md5((r / 2)::text)::uuid' ], [ 'date', q{date '2026-01-01' + r} ], [ 'interval', q{CASE WHEN r % 2 = 0 THEN interval '1 day' ELSE '24 hours' END * (r / 2)} ],
	[ 'name', q{('n' || r)::name} ], [ 'int[]', 'ARRAY[r % 3, r / 5]' ], [ 'jsonb', q{jsonb_build_object('k', r % 10)} ], [ 'timestamptz', q{timestamptz '2026-01-01' + r * interval '1 hour'} ],
	[ 'bytea', q{decode(md5(r::text), 'hex')} ]);
my @aggregates = (
	'journey_agg(occurred_at, event)', 'journey_agg(occurred_at, event, channel)', 'journey_agg(occurred_at, event, channel, number, channel)',
	q{window_funnel('2 hours', occurred_at, event = 'view', event = 'cart')}, q{window_funnel('2 hours', 'strict_order', occurred_at, event = 'view', event = 'cart')},
	q{window_funnel('3 hours', occurred_at, number % 2 = 0, number % 3 = 0, channel IS NULL, channel = 'web')},
	q{window_funnel('2 hours', occurred_at, VARIADIC ARRAY[event = 'view', number > 5])},
	q{window_funnel('2 hours', occurred_at, event = 'call', event > channel)},
	q{sequence_match('(?1).*(?2)', occurred_at, event = 'view', event = 'cart')}, q{sequence_count('(?1).*(?2)', occurred_at, event = 'cart', event IS DISTINCT FROM 'view')},
	q{sequence_match_events('(?1).*(?2)', occurred_at, channel IS NULL, event = 'cart')}, q{retention(event = 'view', event = 'none')},
	q{sequence_next_node('forward', 'head', occurred_at, event, event = 'view', event = 'view')},
	q{journey_agg(occurred_at, event) FILTER (WHERE channel IS NOT NULL)}, q{window_funnel('2 hours', occurred_at, event = 'view', 10 / number > 1) FILTER (WHERE number > 0)},
	q{retention(event LIKE 'c%', number = 3, number IS NULL)},
	'count(*)', 'sum(number)', 'count(DISTINCT event)', q{string_agg(event, ',' ORDER BY number, event, channel, occurred_at)}, 'max(occurred_at)', 'min(channel)');

# those whose partial states a node above GroupedScan may make
my @collected = (
	q{window_funnel('2 hours', occurred_at, event = 'view', event = 'cart')}, q{window_funnel('2 hours', 'strict_order', occurred_at, event = 'view', event = 'cart')},
	q{window_funnel('3 hours', 'strict_once', occurred_at, number % 2 = 0, number % 3 = 0, channel IS NULL, channel = 'web', event > 'd')},
	q{window_funnel_events('2 hours', occurred_at, event = 'view', event = 'cart')}, q{window_funnel_events('2 hours', 'strict_order, first_violation', occurred_at, event = 'call', number > 2)},
	q{sequence_match('(?1).*(?2)', occurred_at, event = 'view', event = 'cart')}, q{sequence_count('(?1).*(?2)', occurred_at, event = 'cart', event IS DISTINCT FROM 'view')},
	q{sequence_match_events('(?1).*(?2)', occurred_at, channel IS NULL, event = 'cart')}, q{retention(event = 'view', event = 'none')}, q{retention(event LIKE 'c%', number = 3, number IS NULL)});
my ($used, $compared, $above) = (0, 0, 0);
for my $round (1 .. 45)
{
	my $keys = pick(1, 1, 2, 3);
	my @keys = map { pick(@types) } 1 .. $keys;
	my ($rows, $groups, $nulls) = (pick(0, 1, 300, 1000, 2500, 2500), pick(1, 5, 60, 900), pick(0, 1));
	my $columns = join ', ', map { "k$_ $keys[$_ - 1][0]" } 1 .. $keys;
	my $values = join ', ', map { my $e = $keys[ $_ - 1 ][1];
		my $type = $keys[ $_ - 1 ][0] =~ s/ COLLATE.*//r;
		"(SELECT CASE WHEN $nulls = 1 AND r % 11 = 3 THEN NULL ELSE ($e)::$type END FROM (SELECT (abs(hashint4($round + g + $_)) % 300)::int AS r) x)" } 1 .. $keys;
	$node->safe_psql('postgres', qq{
DROP TABLE IF EXISTS random_rows;
CREATE TABLE random_rows ($columns, occurred_at timestamptz, event text, channel text, number int);
INSERT INTO random_rows SELECT $values,
    CASE WHEN n % 17 > 0 THEN timestamptz '2026-01-01 00:00+00' + abs(hashint4(n * 3 + $seed)) % 20000 * interval '1 second' END,
    (ARRAY['view', 'cart', 'call', NULL])[1 + abs(hashint4(n * 5 + $seed)) % 4], (ARRAY['web', 'app', NULL])[1 + abs(hashint4(n * 7 + $seed)) % 3],
    NULLIF(abs(hashint4(n * 11 + $seed)) % 9, 8)
FROM (SELECT n, (abs(hashint4(n + $seed)) % $groups)::int AS g FROM generate_series(1, $rows) n OFFSET 0) r;
ANALYZE random_rows;});
	my $list = join ', ', map { "k$_" } 1 .. $keys;
	my @from = $round % 2 == 0 ? @aggregates : @collected;
	my $answers = join ', ', map { pick(@from) . " AS a$_" } 1 .. pick(1, 1, 2, 4);
	my $where = pick('', '', ' WHERE number > 2');
	my $having = pick('', '', $round % 2 == 0 ? ' HAVING count(*) > 2' : '', q{ HAVING window_funnel('1 hour', occurred_at, event = 'view', event = 'call') > 0});

	# of equal keys that look different, any may be shown; in every other round nothing else may be asked of them
	my $hidden = $round % 2 == 0 ? 'count(k%d) > 0' : '%d';
	my $shown = join ', ', map { sprintf($keys[ $_ - 1 ][0] =~ /numeric|interval|float8|char\(|anycase/ ? $hidden : 'k%d', $_) } 1 .. $keys;
	my $query = "SELECT $shown, $answers FROM random_rows$where GROUP BY $list$having";
	my $plain = $node->safe_psql('postgres', "$off SELECT answer(\$q\$$query\$q\$)");
	foreach my $setting ('SET enable_hashagg = off;', $little)
	{
		$compared++;
		my $plan = $node->safe_psql('postgres', "$setting EXPLAIN $query");
		$used++ if $plan =~ /GroupedScan/;
		$above++ if $plan =~ /GroupedFunnel/;
		is($node->safe_psql('postgres', "$setting SELECT answer(\$q\$$query\$q\$)"), $plain, "round $round")
		  or diag "$columns\n$query";
	}
}
note "$used of $compared random queries had the node, $above GroupedFunnel above it";
cmp_ok($used, '>', $compared / 4, 'many random queries had the node');
cmp_ok($above, '>', $compared / 20, 'and some the one above it');

$node->stop;
done_testing();
