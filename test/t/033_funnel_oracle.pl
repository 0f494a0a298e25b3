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
CREATE TABLE o (kind text, a text, b text, c text, d text, e text, f text, g text, h text, i text, k text, l text, m text, n serial);
});
$node->safe_psql('postgres', "\\copy o (kind, a, b, c, d, e, f, g, h, i, k, l, m) FROM '$dir/answers.tsv'");
is($node->safe_psql('postgres', 'SELECT count(*) FROM o'), $count, 'all cases are in');
is($node->safe_psql('postgres', q{
SELECT * FROM o
WHERE kind = 'J' AND m::int IS DISTINCT FROM
      (journey_funnel(a::journey, b::journey_pattern[], c::interval, d, e::interval[], f::interval[], g, h::journey_pattern[], i, k, grace => l::interval)).level
LIMIT 3}), '', 'journey_funnel');
is($node->safe_psql('postgres', q{
SELECT * FROM o
WHERE kind = 'J' AND d = 'ordered' AND coalesce(e, f, g, h, i, l) IS NULL AND k = 'best' AND b NOT LIKE '%?%' AND m::int IS DISTINCT FROM
      journey_funnel_level(a::journey, b::journey_pattern[], c::interval)
LIMIT 3}), '', 'journey_funnel_level');
is($node->safe_psql('postgres', q{
SELECT o.* FROM o, LATERAL (SELECT journey_funnel(a::journey, b::journey_pattern[], c::interval, d, e::interval[], f::interval[], g, h::journey_pattern[], i, k,
                                                  grace => l::interval) AS r) f,
     LATERAL (SELECT count(*) FILTER (WHERE p NOT LIKE '%?') AS required,
                     bool_and(t >= latest - l::interval AND (c IS NULL OR t <= (r).entered_at + c::interval)) AS timely,
                     bool_and(a::journey ~ format('%s(time = %L)', rtrim(p, '?'), t)::journey_pattern) AS there
              FROM (SELECT p, t, max(t) OVER (ORDER BY s) AS latest FROM unnest(b::text[], (r).step_times) WITH ORDINALITY u(p, t, s) WHERE t IS NOT NULL) taken) x
WHERE kind = 'J' AND l IS NOT NULL AND (required <> m::int OR NOT timely OR NOT there OR (m::int > 0) <> ((r).entered_at IS NOT NULL))
LIMIT 3}), '', 'step times with grace are those of events of their steps, in an order that the grace allows');
is($node->safe_psql('postgres', q{
SELECT n, min(a), min(b), e, min(f), window_funnel(d::bigint, e, t, VARIADIC held), cardinality(window_funnel_events(d::bigint, e, t, VARIADIC held))
FROM o, LATERAL (SELECT t, ARRAY(SELECT (mask >> s) & 1 = 1 FROM generate_series(0, c::int - 1) s) held
                 FROM unnest(a::bigint[], b::int[]) u(t, mask)) r
WHERE kind = 'W' GROUP BY n, d, e, f
HAVING window_funnel(d::bigint, e, t, VARIADIC held) <> f::int
    OR cardinality(window_funnel_events(d::bigint, e, t, VARIADIC held)) <> f::int
LIMIT 3}), '', 'window_funnel');
$node->stop;
done_testing();
