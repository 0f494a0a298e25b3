# The format as journey.h describes it: test/oracle/journey_layout.py, written
# from that description alone, packs random sets of events and must arrive at
# the bytes that journey_send gives.
#
#   CJ_SEED   seed of the sets; printed, random if not given

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no python3' if system('python3 -c "import json, struct" 2>/dev/null') != 0;

my $seed = $ENV{CJ_SEED} || 1 + int(rand(1_000_000));
my $sets = 10000;
note "CJ_SEED=$seed";

my $node = PostgreSQL::Test::Cluster->new('layout');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "fsync = off\njit = off\nautovacuum = off\ntimezone = 'UTC'\n");
$node->start;

my $generator = slurp_file('test/oracle/journey_sets.sql');
$generator =~ s/:seed\b/$seed/g;
$generator =~ s/:sets\b/$sets/g;
$node->safe_psql('postgres', "CREATE EXTENSION customer_journey; $generator");

# Small sets, the 97 larger ones that they join to (counts are wide), all of them
# at once, and one with more names than a code of one byte holds.
my $lines = $node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION line(j journey, events json) RETURNS json LANGUAGE sql
    RETURN json_build_object('body', encode(journey_send(j), 'hex'), 'events', coalesce(events, '[]'));
CREATE FUNCTION event(occurred_at timestamptz, event text, channel text, value float8, item text) RETURNS json LANGUAGE sql
    RETURN json_build_array(('x' || encode(timestamptz_send(occurred_at), 'hex'))::bit(64)::bigint,
        event, channel, encode(float8send(value), 'hex'), item);
SELECT line(journey_agg(occurred_at, event, channel, value, item), json_agg(event(occurred_at, event, channel, value, item)))
    FROM event_row GROUP BY GROUPING SETS ((set_id), (bucket), (part), ());
SELECT line(journey_agg(occurred_at, event || n, channel || set_id % 300, set_id, item || set_id),
        json_agg(event(occurred_at, event || n, channel || set_id % 300, set_id, item || set_id)))
    FROM event_row GROUP BY part;
SELECT line(journey '{}', NULL);
SQL
my $count = () = $lines =~ /^\{/mg;
my $file = PostgreSQL::Test::Utils::tempdir() . '/lines';
append_to_file($file, "$lines\n");

my $output = `python3 test/oracle/journey_layout.py < '$file' 2>&1`;
is($?, 0, 'the description gives the same bytes') or diag substr($output, 0, 2000);
is($output, "$count journeys agreed\n", 'for every set');
cmp_ok($count, '>', 9000, "there were thousands of them: $count");

# The comparison itself can fail.
my ($some) = grep { length($_) > 100 } split /\n/, $lines;
$some =~ s/"body" : "01(..)/'"body" : "01' . sprintf('%02x', hex($1) ^ 1)/e;
append_to_file("$file.wrong", "$some\n");
isnt(system("python3 test/oracle/journey_layout.py < '$file.wrong' >/dev/null 2>&1"), 0, 'a wrong byte is noticed');

$node->stop;
done_testing();
