# Funnels against the brute-force reference: journey_funnel with every
# combination of options, window_funnel in the modes that try every attempt.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $python = $ENV{PYTHON} // 'python3';
plan skip_all => 'needs python3' if system("$python -c 'import random' 2>/dev/null") != 0;

my $count = $ENV{CJ_ORACLE_COUNT} // 40000;
my $seed = $ENV{CJ_ORACLE_SEED} // int(rand(1_000_000));
note "seed $seed, $count cases; set CJ_ORACLE_SEED and CJ_ORACLE_COUNT to repeat";

my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;
my $oracle = dirname(__FILE__) . '/../oracle/funnel_oracle.py';
is(system("$python $oracle $seed $count > $dir/answers.tsv"), 0, 'the reference answers');

my $node = PostgreSQL::Test::Cluster->new('funnel');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION customer_journey;
CREATE TABLE o (kind text, a text, b text, c text, d text, e text, f text, g text, h text, i text, k text, l text, n serial);
});
$node->safe_psql('postgres', "\\copy o (kind, a, b, c, d, e, f, g, h, i, k, l) FROM '$dir/answers.tsv'");
is($node->safe_psql('postgres', 'SELECT count(*) FROM o'), $count, 'all cases are in');
is($node->safe_psql('postgres', q{
SELECT * FROM o
WHERE kind = 'J' AND l::int IS DISTINCT FROM
      (journey_funnel(a::journey, b::journey_pattern[], c::interval, d, e::interval[], f::interval[], g, h::journey_pattern[], i, k)).level
LIMIT 3}), '', 'journey_funnel');
is($node->safe_psql('postgres', q{
SELECT * FROM o
WHERE kind = 'J' AND d = 'ordered' AND coalesce(e, f, g, h, i) IS NULL AND k = 'best' AND b NOT LIKE '%?%' AND l::int IS DISTINCT FROM
      journey_funnel_level(a::journey, b::journey_pattern[], c::interval)
LIMIT 3}), '', 'journey_funnel_level');
is($node->safe_psql('postgres', q{
SELECT n, min(a), min(b), e, min(f), window_funnel(d::bigint, e, t, VARIADIC m), cardinality(window_funnel_events(d::bigint, e, t, VARIADIC m))
FROM o, LATERAL (SELECT t, ARRAY(SELECT (mask >> s) & 1 = 1 FROM generate_series(0, c::int - 1) s) m
                 FROM unnest(a::bigint[], b::int[]) u(t, mask)) r
WHERE kind = 'W' GROUP BY n, d, e, f
HAVING window_funnel(d::bigint, e, t, VARIADIC m) <> f::int
    OR cardinality(window_funnel_events(d::bigint, e, t, VARIADIC m)) <> f::int
LIMIT 3}), '', 'window_funnel');
$node->stop;
done_testing();
