# Patterns against the brute-force reference: existence, as_of, the first match,
# all matches, their number, and printing, on random journeys and patterns, with
# alternatives and without.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $python = $ENV{PYTHON} // 'python3';
plan skip_all => 'needs python3' if system("$python -c 'import random' 2>/dev/null") != 0;

my $count = $ENV{CJ_ORACLE_COUNT} // 20000;
my $seed = $ENV{CJ_ORACLE_SEED} // int(rand(1_000_000));
note "seed $seed, $count cases; set CJ_ORACLE_SEED and CJ_ORACLE_COUNT to repeat";

my $file = tempdir(CLEANUP => 1) . '/answers.tsv';
my $oracle = dirname(__FILE__) . '/../oracle/pattern_oracle.py';
is(system("$python $oracle $seed $count > $file"), 0, 'the reference answers');
chmod 0644, $file;

my $node = PostgreSQL::Test::Cluster->new('pattern');
$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION customer_journey;
CREATE TABLE o (j text, p text, as_of timestamptz, m boolean, ma boolean, first journey[], found journey[], overlapping journey[]);
});
$node->safe_psql('postgres', "\\copy o FROM '$file'");
is($node->safe_psql('postgres', 'SELECT count(*) FROM o'), $count, 'all cases are in');
is($node->safe_psql('postgres', q{SELECT count(found) > 0.9 * count(*), count(*) FILTER (WHERE p LIKE '% | %' AND cardinality(found) > 0) > 0.05 * count(*) FROM o}),
	't|t', 'nearly all with their matches, and many of these with alternatives');

my %checks = (
	'existence' => 'm IS DISTINCT FROM (j::journey ~ p::journey_pattern)',
	'absence' => 'm IS NOT DISTINCT FROM (j::journey !~ p::journey_pattern)',
	'a first match' => 'm IS DISTINCT FROM (journey_match(j::journey, p) IS NOT NULL)',
	'existence as of a time' => 'ma IS DISTINCT FROM journey_is_match(j::journey, p, as_of)',
	'the first match' => 'first IS NOT NULL AND journey_match(j::journey, p) IS DISTINCT FROM first[1]',
	'all matches' => 'found <> ARRAY(SELECT m FROM journey_matches(j::journey, p) WITH ORDINALITY m(m, n) ORDER BY n)',
	'overlapping matches' => 'overlapping <> ARRAY(SELECT m FROM journey_matches(j::journey, p, overlapping => true) WITH ORDINALITY m(m, n) ORDER BY n)',
	'the number of matches' => 'cardinality(found) <> journey_match_count(j::journey, p)',
	'the number of overlapping matches' => 'cardinality(overlapping) <> journey_match_count(j::journey, p, overlapping => true)',
	'printing' => 'p::journey_pattern <> (p::journey_pattern::text)::journey_pattern',
);
for my $check (sort keys %checks)
{
	is($node->safe_psql('postgres', "SELECT j, p FROM o WHERE $checks{$check} LIMIT 3"), '', $check);
}

# The index finds what the scan finds, whatever the pattern.
$node->safe_psql('postgres', q{
CREATE TABLE journeys AS SELECT row_number() OVER () id, j::journey j FROM o;
CREATE INDEX ON journeys USING gin (j);
CREATE TABLE patterns AS SELECT row_number() OVER () id, p::journey_pattern p FROM (SELECT DISTINCT p FROM o ORDER BY p LIMIT 25) s;
ANALYZE;
});
my $query = 'SELECT count(*), sum(hashint8(j.id * 1000 + p.id)::bigint) FROM patterns p, LATERAL (SELECT id FROM journeys WHERE j ~ p.p OFFSET 0) j';
my $scan = $node->safe_psql('postgres', "SET enable_bitmapscan = off; $query");
my $index = $node->safe_psql('postgres', "SET enable_seqscan = off; $query");
is($index, $scan, 'index and scan agree');
$node->stop;
done_testing();
