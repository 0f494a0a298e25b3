# The largest things: journeys of a million events through everything, names and
# journeys beyond what is allowed, the memory of hash aggregation, and cancelling
# what takes long. No timings, except that a cancel must not wait.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use CustomerJourney;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = start_node('limits', <<'CONF');
fsync = off
timezone = 'UTC'
max_wal_size = 4GB
wal_level = minimal
max_wal_senders = 0
max_parallel_workers_per_gather = 0
CONF
$node->safe_psql('postgres', 'CREATE EXTENSION customer_journey');

sub query { return $node->safe_psql('postgres', $_[0]); }

# ---- a million events ----

my $million = 1_000_000;
query(<<"SQL");
CREATE UNLOGGED TABLE big AS
    SELECT g, timestamptz '2026-01-01 00:00+00' + g * interval '1 second' AS at, 'event ' || g % 12 AS event,
        CASE WHEN g % 3 > 0 THEN 'channel ' || g % 5 END AS channel,
        CASE WHEN g % 2 = 0 THEN (g % 1000) / 4.0 END::float8 AS value,
        'item ' || (g * 7919) % 50021 AS item
    FROM generate_series(1, $million\::bigint) g;
CREATE UNLOGGED TABLE long (kind text PRIMARY KEY, j journey);
INSERT INTO long SELECT 'sorted', journey_agg(at, event, channel, value, item) FROM big;
SQL

# All sort the same events: nothing but time could show a bad order, and a sort
# that is quadratic in any of these would not end.
foreach my $order (
	[ 'reverse', 'g DESC' ],
	[ 'sawtooth', 'g % 1000, g' ],
	[ 'two interleaved', 'g % 2, CASE g % 2 WHEN 0 THEN g ELSE -g END' ],
	[ 'organ pipe', "abs(g - $million / 2), g" ],
	[ 'shuffled', 'hashint8(g)' ])
{
	my ($name, $by) = @$order;
	is(query("SELECT j = (SELECT journey_agg(at, event, channel, value, item) FROM (SELECT * FROM big ORDER BY $by) b) FROM long"),
		't', "a million events in $name order");
}
is(query(<<'SQL'), '1000000|1000000|t', 'a million events at one instant, forwards and backwards');
SELECT journey_length(a), journey_length(b), a = b
FROM (SELECT journey_agg('2026-01-01 00:00+00', event, channel, value, item) AS a FROM big) a,
    (SELECT journey_agg('2026-01-01 00:00+00', event, channel, value, item) AS b FROM (SELECT * FROM big ORDER BY g DESC) r) b
SQL
is(query(<<'SQL'), '1000000|t|1|1', 'a million equal events are counted, not listed');
SELECT journey_length(j), octet_length(journey_send(j)) < 64, journey_length(journey_distinct(j)), journey_length(journey_collapse(j))
FROM (SELECT journey_agg('2026-01-01 00:00+00', 'e', 'c', 1, 'i') AS j FROM big) x
SQL

is(query(<<'SQL'), '1000000|2026-01-01 00:00:01+00|2026-01-12 13:46:40+00|172800|83334', 'a million events are read');
SELECT journey_length(j), journey_start(j), journey_end(j),
    journey_length(journey_slice(j, '[2026-01-03 00:00+00, 2026-01-05 00:00+00)')), journey_count(j, 'event 4')
FROM long
SQL
is(query('SELECT count(*), count(DISTINCT item), sum(e.value) = (SELECT journey_value(j) FROM long) FROM long, journey_events(j) e'),
	'1000000|50021|t', 'a million events as rows');
is(query("SELECT count(*) FROM long, journey_sessions(j, '0')"), '1000000', 'a million sessions of one event');
is(query("SELECT count(*) FROM long, journey_sessions(j, '1 second')"), '1', 'one session of a million events');
is(query(<<'SQL'), 't|t|t|t|0|t', 'a million events through the operations');
SELECT journey_length(j || j) = 2000000, (j || j) - j = j, journey_distinct(j || j) = j,
    journey_filter(j, ARRAY['event 1', 'event 2']) || journey_exclude(j, ARRAY['event 1', 'event 2']) = j,
    journey_length(j - j), journey_rename(journey_rename(j, '{"event 1": "x"}'), '{"x": "event 1"}') = j
FROM long
SQL
is(query('SELECT journey_length(journey_merge(j)) FROM long, generate_series(1, 3)'), '3000000', 'journey_merge of millions');
is(query('SELECT j::text::journey = j FROM long'), 't', 'a million events as text and back');
is(query('SELECT j::jsonb::journey = j FROM long'), 't', 'a million events as jsonb and back');
my $file = PostgreSQL::Test::Utils::tempdir() . '/long';
is(query("COPY long TO '$file' (FORMAT binary); CREATE UNLOGGED TABLE back (LIKE long); COPY back FROM '$file' (FORMAT binary); "
	  . 'SELECT back.j = long.j FROM back, long'), 't', 'a million events through send and recv');

# ---- what is refused ----

sub refused
{
	my ($statement, $sqlstate, $message, $name) = @_;
	my ($code, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$statement");
	like($err, qr/ERROR: +$sqlstate: $message/, $name);
	return;
}

my $few = 'SET customer_journey.max_events = 3;';
my $hint = 'journey would have more than 3 events\nHINT:  Raise customer_journey\.max_events, or leave out keys that are not one customer';
refused("$few SELECT journey_agg(at, event) FROM big WHERE g <= 4", '54000', $hint, 'max_events in journey_agg');
refused("$few SELECT journey_merge(journey_of(at, event)) FROM big WHERE g <= 4", '54000', $hint, 'max_events in journey_merge');
refused("$few SELECT j || j FROM (SELECT journey_agg(at, event) AS j FROM big WHERE g <= 2) x", '54000', $hint, 'max_events in ||');
refused("$few SELECT ('{' || repeat('a 2026-01-01Z, ', 3) || 'a 2026-01-01Z}')::journey", '54000', $hint, 'max_events in text');
refused("$few SELECT jsonb_agg(jsonb_build_object('occurred_at', '2026-01-01T00:00:00Z', 'event', 'a'))::journey FROM generate_series(1, 4)",
	'54000', $hint, 'max_events in jsonb');
refused("$few CREATE TEMP TABLE t (LIKE long); COPY t FROM '$file' (FORMAT binary)", '54000', $hint, 'max_events in recv');
is(query("$few SELECT journey_length(journey_agg(at, event)) FROM big WHERE g <= 3"), '3', 'max_events events are allowed');
is(query("$few SELECT journey_length(j), journey_length(journey_slice(j, '(,2026-01-02)')) FROM long"), '1000000|86399',
	'a stored journey beyond max_events is still read');

my $longest = "repeat('x', 65535)";
is(query("SELECT journey_length(j), octet_length(journey_path(j)), j::text::journey = j, j::jsonb::journey = j "
	  . "FROM (SELECT journey_agg('2026-01-01Z', $longest, $longest, 1, $longest) AS j) x"),
	'1|65535|t|t', 'names of 65535 bytes are allowed');
foreach my $too_long ([ 'event', "$longest || 'x'" ], [ 'channel', "'a', $longest || 'x'" ], [ 'item', "'a', 'b', 1, $longest || 'x'" ])
{
	my ($kind, $arguments) = @$too_long;
	my $message = "$kind name of 65536 bytes is too long\nDETAIL:  Names may have up to 65535 bytes\\.\nHINT:  Name events, channels and items by a short key";
	refused("SELECT journey_agg('2026-01-01Z', $arguments)", '22001', $message, "$kind name too long for journey_agg");
	refused("SELECT journey_of('2026-01-01Z', $arguments)", '22001', $message, "$kind name too long for journey_of");
}
refused(q[SELECT journey_agg('infinity', 'a')], '22008', q[an event's time must be finite, not "infinity"], 'infinite time');
refused(q[SELECT journey_of('-infinity', 'a')], '22008', q[an event's time must be finite, not "-infinity"], 'minus infinite time');

# A few bytes that claim more names than there could be are refused before
# anything is done for each of them.
my $claim = pack('C4 V q< V C x20', 1, 0x40, 0, 0, 1, 0, 0x7fffffff, 0);
foreach my $hostile (
	[ $claim, 'two thousand million names' ],
	[ '', 'nothing' ],
	[ "\2" . "\0" x 20, 'another version', 'journey has unknown format version 2' ],
	[ "\1\0\0\0\0" . "\0", 'an empty journey and more' ])
{
	my ($body, $name, $message) = @$hostile;
	open my $copy, '>:raw', "$file.hostile" or die $!;
	print $copy "PGCOPY\n\377\r\n\0", pack('N N n N a* n', 0, 0, 1, length($body), $body, 0xffff);
	close $copy;
	refused("SET statement_timeout = '2s'; CREATE TEMP TABLE t (j journey); COPY t FROM '$file.hostile' (FORMAT binary)",
		'22P03', $message // 'invalid binary representation of a journey', "recv of $name");
}

# ---- memory of hash aggregation ----

# Memory that HashAggregate says it used, against what it may use. It takes no new
# groups once it is full, but those that are there grow with their later rows:
# not at all where a customer's rows come together, from three events to twenty
# where they come in any order. That is the slack, and it stays below 1.5 times
# what is allowed.
query(<<'SQL');
CREATE UNLOGGED TABLE rows AS
    SELECT g * 7919 % 150001 AS customer, timestamptz '2026-01-01 00:00+00' + g * interval '1.000001 second' AS at,
        'event ' || g % 12 AS event, 'channel ' || g % 5 AS channel
    FROM generate_series(1, 3000000::bigint) g;
ANALYZE rows;
SQL
query('CREATE UNLOGGED TABLE rows_together AS SELECT * FROM rows ORDER BY customer; ANALYZE rows_together');
foreach my $case ([ 8, 'rows', 2.5 ], [ 32, 'rows', 2.5 ], [ 8, 'rows_together', 1.1 ], [ 32, 'rows_together', 1.1 ])
{
	my ($work_mem, $table, $most) = @$case;
	my $plan = query(<<"SQL");
SET customer_journey.enable_grouped_scan = off;
SET work_mem = '${work_mem}MB'; SET hash_mem_multiplier = 2; SET enable_sort = off;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT customer, journey_agg(at, event, channel) FROM $table GROUP BY customer;
SQL
	my ($batches, $used) = $plan =~ /Batches: (\d+) +Memory Usage: (\d+)kB/;
	my $allowed = 2 * $work_mem * 1024;
	ok($used && $batches > 1 && $used <= $most * $allowed,
		"hash aggregation of 3,000,000 $table in $batches batches uses $used kB, allowed $allowed kB")
	  or diag $plan;
}

# ---- cancelling ----

# A cancel is seen within a second, wherever in a long call it comes. Steps of the
# machine's own speed: a third, a half ... of what the whole call takes.
query("CREATE UNLOGGED TABLE many AS SELECT at, event, channel, value, 'item ' || (g * 7919) % 1000003 AS item FROM big");
query('CREATE UNLOGGED TABLE long_many AS SELECT journey_agg(at, event, channel, value, item) AS j FROM many');
query('CREATE UNLOGGED TABLE long_text AS SELECT j::text AS t FROM long_many');
foreach my $call (
	[ 'journey_agg', 'SELECT journey_agg(at, event, channel, value, item) IS NULL FROM many' ],
	[ '||', 'SELECT (j || j) IS NULL FROM long_many' ],
	[ '-', 'SELECT (j - j) IS NULL FROM long_many' ],
	[ 'text output', 'SELECT j::text IS NULL FROM long_many' ],
	[ 'text input', 'SELECT t::journey IS NULL FROM long_text' ],
	[ 'journey_distinct', 'SELECT journey_distinct(j) IS NULL FROM long_many, generate_series(1, 3)' ])
{
	my ($name, $statement) = @$call;
	my $start = time;
	query($statement);
	my $whole = time - $start;
	my $worst = 0;
	foreach my $part (0.2, 0.35, 0.5, 0.65, 0.8)
	{
		my $timeout = int(1 + 1000 * $part * $whole);
		$start = time;
		my ($code, $out, $err) = $node->psql('postgres', "SET statement_timeout = $timeout; $statement");
		my $late = time - $start - $timeout / 1000;
		$worst = $late if $code != 0 && $late > $worst;
	}
	cmp_ok($worst, '<', 1, sprintf('%s is cancelled at once (%.0f ms late at worst, of %.1f s)', $name, 1000 * $worst, $whole));
}

$node->stop;
done_testing();
