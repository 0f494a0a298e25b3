# The forms of rows that GroupedScan keeps: with a code for what they have in common
# and in full, mixed, in memory and on disk, for every type of key, with values of
# every kind beside it, against plans without the node.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use PostgreSQL::Test::Utils;
use Test::More;

# without the node, rows come to an aggregate in the order of the table
my $off = 'SET customer_journey.enable_grouped_scan = off; SET enable_sort = off; SET work_mem = \'1GB\';';
my %with = (
	'in memory' => 'SET enable_hashagg = off;',
	'on disk' => 'SET enable_hashagg = off; SET hash_mem_multiplier = 1; SET work_mem = \'64kB\';',
	'with little memory' => 'SET enable_hashagg = off; SET hash_mem_multiplier = 1; SET work_mem = \'1MB\';');

my $node = start_node('scan_rows', "max_parallel_workers_per_gather = 0\njit = off\n");
$node->safe_psql('postgres', answering_functions() . q{
CREATE EXTENSION customer_journey;
CREATE TYPE color AS ENUM ('red', 'green', 'blue', 'grey');
CREATE FUNCTION random_of(n int, salt int, up_to int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT (hashint4(n * 31 + salt) & 1073741823) % up_to $$;
CREATE TABLE forms AS
SELECT n, 'x'::"char" AS same,
       CASE WHEN r % 23 > 0 THEN r::bigint * 1234567890123 END AS k8, CASE WHEN r % 23 > 0 THEN r - 300 END AS k4, CASE WHEN r % 23 > 0 THEN (r - 300)::smallint END AS k2,
       CASE WHEN r % 23 > 0 THEN date '2020-01-01' + r END AS kdate, CASE WHEN r % 23 > 0 THEN timestamptz '1999-12-01 00:00+00' + r * interval '1 hour' END AS ktime,
       CASE WHEN r % 23 > 0 THEN r::oid END AS koid, (enum_range(NULL::color))[r % 5] AS kenum, CASE WHEN r % 23 > 0 THEN chr(65 + r % 50)::"char" END AS kchar,
       CASE WHEN r % 23 > 0 THEN r % 2 = 0 END AS kbool, CASE WHEN r % 23 > 0 THEN md5(r::text)::uuid END AS kuuid, CASE WHEN r % 23 > 0 THEN 'k' || r END AS ktext,
       -- one key has most of the rows, or none
       CASE WHEN n % 9 = 0 THEN r::bigint WHEN n % 2 = 0 THEN 7 ELSE NULL END AS kmost,
       -- times near each other, sometimes far away, infinite, or none
       CASE random_of(n, 2, 40) WHEN 0 THEN NULL WHEN 1 THEN timestamptz '0900-01-01 00:00+00 BC' + n * interval '1 second' WHEN 2 THEN timestamptz '9900-01-01 00:00+00'
           WHEN 3 THEN 'infinity' WHEN 4 THEN '-infinity' ELSE timestamptz '2026-01-01 00:00+00' + random_of(n, 3, 8000000) * interval '1.000001 second' END AS occurred_at,
       CASE random_of(n, 4, 30) WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN repeat('long ', random_of(n, 5, 70)) WHEN 3 THEN repeat(md5(n::text), 400) WHEN 4 THEN 'name ' || n
           ELSE (ARRAY['view', 'cart', 'purchase', 'a name of some 20 bytes', 'a name of some 22 bytes', 'a name or some 22 bytes'])[1 + random_of(n, 6, 6)] END AS event,
       CASE WHEN random_of(n, 7, 3) > 0 THEN 'channel ' || random_of(n, 8, 4) END AS channel,
       CASE WHEN random_of(n, 9, 5) > 0 THEN random_of(n, 10, 1000000) / float8 '7' END AS value, CASE WHEN random_of(n, 11, 5) > 0 THEN random_of(n, 12, 50) - 25 END AS number,
       CASE WHEN random_of(n, 13, 5) > 0 THEN (random_of(n, 14, 60000) - 30000)::smallint END AS small, CASE WHEN random_of(n, 15, 5) > 0 THEN random_of(n, 16, 2) = 0 END AS usual,
       CASE WHEN random_of(n, 17, 9) > 0 THEN (hashint8extended(n, 5) >> random_of(n, 18, 64)) END AS big, CASE WHEN random_of(n, 19, 9) > 0 THEN date '2026-01-01' + random_of(n, 20, 90) END AS day,
       CASE WHEN random_of(n, 21, 9) > 0 THEN md5((n % 7)::text)::uuid END AS id, CASE WHEN random_of(n, 22, 9) > 0 THEN ('name ' || n % 9)::name END AS called
FROM (SELECT n, random_of(n, 1, 500) AS r FROM generate_series(1, 6000) n OFFSET 0) g;
ANALYZE forms;});

my $compared = 0;

sub compare
{
	my ($query, $name) = @_;
	my $plain = $node->safe_psql('postgres', "$off SELECT answer(\$q\$$query\$q\$)");
	foreach my $setting (sort keys %with)
	{
		my $told = $setting eq 'on disk' ? "plan(\$q\$$query\$q\$)" : "''";
		my ($plan, $answer) = split /\x01/, $node->safe_psql('postgres', "$with{$setting} SELECT $told || chr(1) || answer(\$q\$$query\$q\$)");
		like($plan, qr/GroupedScan.*Group Method: disk/s, "$name: the node is used, with the disk") if $setting eq 'on disk';
		is($answer, $plain, "$name: same answer $setting");
		$compared++;
	}
}

# ---- every type of key, NULL among them; rows of a group in their order ----

my $finite = 'FILTER (WHERE isfinite(occurred_at))';
my @kinds = (
	"journey_agg(occurred_at, event, channel) $finite AS j, array_agg(n) AS rows, array_agg(occurred_at) AS times",
	"journey_agg(occurred_at, event) $finite AS j, array_agg(value), array_agg(number), array_agg(small), array_agg(usual), array_agg(big), array_agg(day), array_agg(id), array_agg(called)",
	q{window_funnel('30 days', occurred_at, event = 'view', event = 'cart', event = 'purchase'), retention(number > 3, channel = 'channel 1'), sequence_count('(?1)(?2)', occurred_at, usual, event < 'b')},
	q{retention(event = 'view', number > 3, big IS NULL)});
foreach my $key (qw(k8 k4 k2 kdate ktime koid kenum kchar kbool kuuid ktext kmost))
{
	foreach my $kind (0 .. $#kinds)
	{
		compare("SELECT $key, $kinds[$kind] FROM forms GROUP BY $key", "key $key, aggregates $kind");
	}
}

# Two keys whose hashes, src/scan/scan.h's, are equal, with more rows than memory holds.
sub product
{
	use integer;
	return $_[0] * $_[1];
}

sub hash_of
{
	no warnings 'portable';
	my ($word) = @_;
	$word = product($word ^ $word >> 30, 0xbf58476d1ce4e5b9) & ~0;
	$word = product($word ^ $word >> 27, 0x94d049bb133111eb) & ~0;
	return ($word >> 32 ^ $word) & 0xffffffff;
}

my (%hashed, @twins);
for (my $key = 1; !@twins; $key++)
{
	my $hash = hash_of($key);
	@twins = ($hashed{$hash}, $key) if exists $hashed{$hash};
	$hashed{$hash} = $key;
}
note "twins: @twins";
foreach my $type ('bigint', 'int')
{
	compare("SELECT k, array_agg(n), array_agg(event), journey_agg(occurred_at, event) $finite FROM (SELECT *, (ARRAY[$twins[0], $twins[1], n % 20])[1 + random_of(n, 30, 3)]::$type AS k
        FROM forms OFFSET 0) f GROUP BY k", "two keys of one hash, $type");
}

# ---- which column is the number: a date, another time, one that varies in all its bits ----

compare(q{SELECT k8, window_funnel('3 days', day, event = 'view', event = 'cart', usual) FROM forms GROUP BY k8}, 'dates');
compare(q{SELECT k8, window_funnel(5000::bigint, big, event = 'view', event = 'cart', usual) FROM forms GROUP BY k8}, 'numbers');
compare(q{SELECT k8, window_funnel('3 days', occurred_at, event = 'view', event = 'cart'), window_funnel('3 days', day, event = 'cart', event = 'view'),
    window_funnel(5000::bigint, big, usual, event = 'cart'), sequence_match_events('(?1)(?2)', ktime, event = 'cart', event = 'view') FROM forms GROUP BY k8}, 'several times');
compare(q{SELECT ktime, window_funnel('3 days', ktime, event = 'view', event = 'cart'), min(n) FROM forms GROUP BY ktime}, 'the time is the key');
compare(q{SELECT ktime, window_funnel_events('3 days', ktime, event = 'view', event = 'cart', usual) FROM forms GROUP BY ktime}, 'the time is the key, and nothing else is asked');
compare(q{SELECT kdate, retention(usual, same = 'x') FROM forms GROUP BY kdate}, 'no number at all');
compare(q{SELECT kbool, retention(kbool, usual) FROM forms GROUP BY kbool}, 'the condition is the key');
compare(q{SELECT k4, retention(} . join(', ', map { "small > " . $_ * 900 } -15 .. 15) . q{), journey_agg(ktime, called::text) FROM forms GROUP BY k4}, 'a word of 8 bytes');

# more columns than there are bits to tell those that are NULL
my $columns = join ', ', map { "CASE WHEN n % (3 + $_) > 0 THEN n % 7 + $_ > 9 END AS c$_" } 1 .. 70;
$node->safe_psql('postgres', "CREATE TABLE many_columns AS SELECT n % 40 AS customer_id, n, $columns FROM generate_series(1, 2000) n; ANALYZE many_columns;");
compare('SELECT customer_id, ' . join(', ', map { "bool_or(c$_)" } 1 .. 70) . ', retention(n > 7) FROM many_columns GROUP BY customer_id', '72 columns');

# ---- names without end ----

$node->safe_psql('postgres', q{
CREATE TABLE names AS
SELECT n, random_of(n, 1, 5000)::bigint AS customer_id, timestamptz '2026-01-01 00:00+00' + n * interval '1 second' AS occurred_at,
       'name ' || random_of(n, 2, 60000) AS event, 'page ' || n AS page, repeat('p', 140) || n % 9 AS long, (ARRAY['view', 'cart'])[1 + n % 2] AS short,
       CASE WHEN n % 10 = 0 THEN repeat('p', 140) ELSE 'view' END AS mixed,
       -- many, but most rows have one of a few
       CASE WHEN random_of(n, 3, 4) = 0 THEN 'rare ' || n ELSE 'often ' || n % 40 END AS mostly
FROM generate_series(1, 120000) n;
ANALYZE names;});
is($node->safe_psql('postgres', 'SELECT count(DISTINCT event) > 40000 FROM names'), 't', 'more names than there are codes');
foreach my $name (qw(event page long mixed mostly))
{
	my $query = "SELECT customer_id, array_agg($name), window_funnel('1 day', occurred_at, short = 'view', short = 'cart') FROM names GROUP BY customer_id";
	my $plain = $node->safe_psql('postgres', "$off SELECT answer(\$q\$$query\$q\$)");
	foreach my $memory ('256kB', '3MB', '200MB')
	{
		is($node->safe_psql('postgres', "SET enable_hashagg = off; SET hash_mem_multiplier = 1; SET work_mem = '$memory'; SELECT answer(\$q\$$query\$q\$)"),
			$plain, "column $name with $memory");
	}
}

# ---- what rows take ----

sub memory_of
{
	my ($aggregates, $memory) = @_;
	my $plan = $node->safe_psql('postgres', "SET enable_hashagg = off; SET work_mem = '$memory'; SELECT plan('SELECT $aggregates FROM names GROUP BY customer_id')");
	$plan =~ /Group Method: (\w+).*Memory Usage: (\d+) kB/s or die $plan;
	return ($1, 1024 * $2 / 120000);
}

foreach (
	[ 'a time and a name', 16, 'journey_agg(occurred_at, short)' ], [ 'a time, a name and a number', 24, 'journey_agg(occurred_at, short), sum(n)' ],
	[ 'a time and answers', 16, "window_funnel(''1 day'', occurred_at, short = ''view'', event = ''cart'')" ],
	[ 'a time and names of which a tenth are long', 32, 'journey_agg(occurred_at, mixed)' ])
{
	my ($what, $expected, $aggregates) = @$_;
	my ($method, $bytes) = memory_of($aggregates, '200MB');
	is($method, 'memory', "$what: in memory");
	cmp_ok($bytes, '>=', $expected, "$what take $bytes bytes a row");
	cmp_ok($bytes, '<', $expected + 8, 'no more than that and some room in blocks');
}
foreach my $memory ('64kB', '1MB')
{
	my ($method, $bytes) = memory_of('max(page), journey_agg(occurred_at, short)', $memory);
	is($method, 'disk', "$memory are too little");
	cmp_ok($bytes * 120000, '<=', 2.6 * 1024 * ($memory eq '64kB' ? 64 : 1024) + 65536, 'and not much more is used');
}

note "$compared comparisons";
$node->stop;
done_testing();
