# Row-level functions against ClickHouse: 10^5 groups with many ties, and 10^5
# with distinct times.  Skipped where the npm package chdb is not at hand; say
# where its node_modules is in CHDB_MODULES.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $modules = $ENV{CHDB_MODULES} // '';
plan skip_all => 'needs node and the npm package chdb (CHDB_MODULES)'
  if $modules eq '' || system("node -e \"require('$modules/chdb')\" >/dev/null 2>&1") != 0;

my $groups = $ENV{CJ_ORACLE_COUNT} // 100000;
my $seed = $ENV{CJ_ORACLE_SEED} // int(rand(1_000_000));
note "seed $seed, $groups groups";

my $dir = tempdir(CLEANUP => 1);
chmod 0777, $dir;
my $node = PostgreSQL::Test::Cluster->new('clickhouse');
$node->init;
$node->start;
$node->safe_psql('postgres', qq{
CREATE EXTENSION customer_journey;
SELECT setseed($seed / 1000000.0);
CREATE TABLE r (g int, kind int, t int, a boolean, b boolean, c boolean);
INSERT INTO r SELECT g, 0, (random() * 8)::int, random() < 0.35, random() < 0.35, random() < 0.35
FROM generate_series(1, $groups) g, LATERAL generate_series(1, 1 + (random() * 8 + g * 0)::int);
INSERT INTO r SELECT g, 1, (i * 3 + random() * 2)::int, x < 0.4, x >= 0.4 AND x < 0.75 OR y < 0.1, x >= 0.75 AND x < 0.95 OR y > 0.9
FROM generate_series($groups + 1, 2 * $groups) g,
     LATERAL (SELECT i, random() x, random() y FROM generate_series(1, 1 + (random() * 8 + g * 0)::int) i) i;
});
$node->safe_psql('postgres', "\\copy (SELECT g, kind, t, a::int, b::int, c::int FROM r) TO '$dir/rows.tsv'");
my $script = dirname(__FILE__) . '/../oracle/clickhouse_answers.js';
is(system("CHDB_MODULES=$modules node $script $dir/rows.tsv $dir/answers.tsv"), 0, 'ClickHouse answers');
$node->safe_psql('postgres', 'CREATE TABLE theirs (g int, wf int, once int, m1 int, m2 int, c1 int, c2 int, c3 int, ret text, so int, dd int, si int, sodd int, re int)');
$node->safe_psql('postgres', "\\copy theirs FROM '$dir/answers.tsv'");
$node->safe_psql('postgres', q{
CREATE TABLE ours AS
SELECT g, min(kind) AS kind, window_funnel(5, t, a, b, c) AS wf, window_funnel(5, 'strict_once', t, a, b, c) AS once,
       sequence_match('(?1)(?2)', t, a, b, c)::int AS m1, sequence_match('(?1).*(?2).(?3)', t, a, b, c)::int AS m2,
       sequence_count('(?1).*(?2)', t, a, b, c) AS c1, sequence_count('(?1)(?1).*(?3)', t, a, b, c) AS c2,
       sequence_count('(?2).(?1)', t, a, b, c) AS c3,
       '[' || array_to_string(retention(a, b, c)::int[], ',') || ']' AS ret,
       window_funnel(5, 'strict_order,first_violation', t, a, b, c) AS so,
       window_funnel(5, 'strict_deduplication,first_violation', t, a, b, c) AS dd,
       window_funnel(5, 'strict_increase,first_violation', t, a, b, c) AS si,
       window_funnel(5, 'strict_order,strict_deduplication,first_violation', t, a, b, c) AS sodd,
       window_funnel(5, 'strict_order,allow_reentry,first_violation', t, a, b, c) AS re
FROM r GROUP BY g;
ANALYZE ours, theirs;
});
for my $column (qw(wf once ret so dd si sodd re))
{
	is($node->safe_psql('postgres', "SELECT g, o.$column, t.$column FROM ours o JOIN theirs t USING (g) WHERE o.$column <> t.$column LIMIT 3"),
		'', "$column, with ties");
}
for my $column (qw(m1 m2 c1 c2 c3))
{
	is($node->safe_psql('postgres', "SELECT g, o.$column, t.$column FROM ours o JOIN theirs t USING (g) WHERE kind = 1 AND o.$column <> t.$column LIMIT 3"),
		'', "$column, distinct times");
}
$node->stop;
done_testing();
