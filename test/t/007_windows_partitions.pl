# Aggregates wherever the executor may put them: over window frames, grouping
# sets, partitions, spilling hash tables, and with JIT; sessionize, too.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use Test::More;

my $node = start_node('executor');
$node->safe_psql('postgres', 'CREATE EXTENSION customer_journey;' . sample_events(600));
$node->safe_psql('postgres', q{
DELETE FROM events WHERE customer_id = 1 AND hashint8(extract(epoch FROM occurred_at)::bigint) % 40 <> 0;
CREATE TABLE numbered AS SELECT customer_id, customer_id % 6 AS segment, occurred_at, event, channel, value, item,
    row_number() OVER (PARTITION BY customer_id ORDER BY occurred_at, event, channel, item, value) AS n FROM events;
ALTER TABLE numbered ADD PRIMARY KEY (customer_id, n);
CREATE TABLE journeys AS SELECT customer_id, customer_id % 6 AS segment, customer_id % 4 AS region,
    journey_agg(occurred_at, event, channel, value, item) AS journey FROM events GROUP BY 1;
INSERT INTO journeys VALUES (0, 0, 0, '{}'), (-1, 1, 1, NULL);
ANALYZE;});

my $all = 'occurred_at, event, channel, value, item';

# ---- window frames, against the same rows aggregated one by one ----

my %frames = (
	'ORDER BY n' => 'b.n <= a.n',
	'ORDER BY n ROWS BETWEEN 2 PRECEDING AND CURRENT ROW' => 'b.n BETWEEN a.n - 2 AND a.n',
	'ORDER BY n ROWS BETWEEN 1 PRECEDING AND 3 FOLLOWING' => 'b.n BETWEEN a.n - 1 AND a.n + 3',
	'ORDER BY n ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING' => 'b.n >= a.n',
	'ORDER BY n ROWS BETWEEN 4 PRECEDING AND 2 PRECEDING' => 'b.n BETWEEN a.n - 4 AND a.n - 2',
	'ORDER BY n DESC' => 'b.n >= a.n',
	q(ORDER BY occurred_at RANGE BETWEEN '7 days' PRECEDING AND CURRENT ROW)
		=> q(b.occurred_at BETWEEN a.occurred_at - interval '7 days' AND a.occurred_at),
	'ORDER BY occurred_at GROUPS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW'
		=> 'b.occurred_at <= a.occurred_at AND b.n <> a.n',
	'' => 'true');
foreach my $frame (sort keys %frames)
{
	foreach my $filter ('', q{FILTER (WHERE event <> 'view')})
	{
		my $condition = $filter eq '' ? 'true' : q{b.event <> 'view'};
		is($node->safe_psql('postgres', qq{
SELECT count(*), count(*) FILTER (WHERE j IS DISTINCT FROM (
        SELECT journey_agg(b.occurred_at, b.event, b.channel, b.value, b.item)
        FROM numbered b WHERE b.customer_id = a.customer_id AND $frames{$frame} AND $condition))
FROM (SELECT *, journey_agg($all) $filter OVER (PARTITION BY customer_id $frame) AS j
      FROM numbered WHERE customer_id BETWEEN 2 AND 60) AS a}) =~ s/.*\|//r, 0, "journey_agg $filter OVER ($frame)");
	}
}
is($node->safe_psql('postgres', q{
SELECT count(*) > 100, bool_and(j IS NOT DISTINCT FROM (SELECT journey_merge(b.journey) FROM journeys b
    WHERE b.segment = a.segment AND b.customer_id BETWEEN a.customer_id - 12 AND a.customer_id))
FROM (SELECT *, journey_merge(journey) OVER (PARTITION BY segment ORDER BY customer_id RANGE BETWEEN 12 PRECEDING AND CURRENT ROW) AS j
      FROM journeys) a}), 't|t', 'journey_merge over a moving window');

# Results stay as they were while the state behind them goes on.
is($node->safe_psql('postgres', q{
SELECT bool_and(journey_length(j) = n), bool_and(journey_length(lag) = n - 1 OR n = 1) FROM (
    SELECT n, j, lag(j) OVER (PARTITION BY customer_id ORDER BY n) AS lag FROM (
        SELECT customer_id, n, journey_agg(occurred_at, event) OVER (PARTITION BY customer_id ORDER BY n) AS j FROM numbered) i) o}),
	't|t', 'running journeys grow by one');

# Two aggregates over the same input share a state; different ones do not mix.
is($node->safe_psql('postgres', qq{
SELECT bool_and(a = b AND journey_length(c) = journey_length(a) AND journey_length(d) <= journey_length(a) AND e = a) FROM (
    SELECT journey_agg($all) AS a, journey_agg($all) AS b, journey_agg(occurred_at, event) AS c,
           journey_agg($all) FILTER (WHERE channel = 'web') AS d, journey_merge(journey_of($all)) AS e
    FROM numbered GROUP BY customer_id) g}), 't', 'several aggregates in one query');

# ---- sessionize against its definition ----

foreach my $gap ('1 hour', '1 day', '0', '20 days')
{
	is($node->safe_psql('postgres', qq{
SELECT count(*) FROM (
    SELECT sessionize(occurred_at, '$gap') OVER w AS session, sum(starts) OVER w + 1 AS expected
    FROM (SELECT *, CASE WHEN occurred_at - lag(occurred_at) OVER (PARTITION BY customer_id ORDER BY n) > interval '$gap' THEN 1 ELSE 0 END AS starts
          FROM numbered) s
    WINDOW w AS (PARTITION BY customer_id ORDER BY n)) t
WHERE session <> expected}), 0, "sessionize, gap $gap");
	is($node->safe_psql('postgres', qq{
SELECT count(*) FROM (
    SELECT customer_id, (SELECT count(*) FROM journey_sessions(journey, '$gap')) AS sessions,
           (SELECT count(*) FROM journey_sessions(journey, '$gap') s, journey_events(s)) AS events FROM journeys) j
JOIN (SELECT customer_id, max(session) AS sessions, count(*) AS events FROM (
          SELECT customer_id, sessionize(occurred_at, '$gap') OVER (PARTITION BY customer_id ORDER BY occurred_at) AS session FROM numbered) s
      GROUP BY 1) r USING (customer_id)
WHERE j.sessions <> r.sessions OR j.events <> r.events}), 0, "journey_sessions agrees, gap $gap");
}

# ---- grouping sets ----

my $sets = qq{
SELECT segment, event, grouping(segment, event), md5(journey_send(journey_agg($all))), count(*) FROM numbered
GROUP BY CUBE (segment, event) ORDER BY 1, 2, 3};
my $separately = qq{
SELECT * FROM (
    SELECT segment, event, 0 AS g, md5(journey_send(journey_agg($all))), count(*) FROM numbered GROUP BY segment, event
    UNION ALL SELECT segment, NULL, 1, md5(journey_send(journey_agg($all))), count(*) FROM numbered GROUP BY segment
    UNION ALL SELECT NULL, event, 2, md5(journey_send(journey_agg($all))), count(*) FROM numbered GROUP BY event
    UNION ALL SELECT NULL, NULL, 3, md5(journey_send(journey_agg($all))), count(*) FROM numbered) u ORDER BY 1, 2, 3};
my $cube = $node->safe_psql('postgres', $separately);
foreach my $setting ('enable_sort = off', 'enable_hashagg = off', q(work_mem = '64kB'))
{
	is($node->safe_psql('postgres', "SET $setting; $sets"), $cube, "CUBE, $setting");
}
like(plan_of($node, 'postgres', $sets), qr/MixedAggregate|GroupAggregate/, 'grouping sets in one node');

# ---- spilling ----

my $grouped = qq{SELECT md5(string_agg(md5(journey_send(j)), '' ORDER BY c)), count(*) FROM (
    SELECT customer_id AS c, journey_agg($all) AS j FROM events GROUP BY 1) g};
my $merged = q{SELECT md5(string_agg(md5(journey_send(j)), '' ORDER BY c)), count(*) FROM (
    SELECT customer_id AS c, journey_merge(journey_of(occurred_at, event, channel, value, item)) AS j FROM events GROUP BY 1) g};
my $core = 'SET customer_journey.enable_grouped_scan = off;';
my $in_memory = qq{$core SET work_mem = '256MB'; SET enable_sort = off;};
my $spilling = qq{$core SET work_mem = '64kB'; SET hash_mem_multiplier = 1; SET enable_sort = off;};
my $sorted = "$core SET enable_hashagg = off;";

sub batches
{
	my ($settings) = @_;
	my ($batches) = $node->safe_psql('postgres', "$settings EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)
		SELECT customer_id, journey_agg($all) FROM events GROUP BY 1") =~ /Batches: (\d+)/;
	return $batches // 0;
}
is(batches($in_memory), 1, 'a hash table in memory');
cmp_ok(batches($spilling), '>', 1, 'a hash table that spills');
foreach my $query ($grouped, $merged)
{
	my $expected = $node->safe_psql('postgres', "$sorted $query");
	is($node->safe_psql('postgres', "$in_memory $query"), $expected, 'hashed in memory as sorted');
	is($node->safe_psql('postgres', "$spilling $query"), $expected, 'spilled as sorted');
}

# A plan that starts over, state and all.
is($node->safe_psql('postgres', qq{
$spilling SET enable_memoize = off; SET enable_material = off;
SELECT bool_and(j.journey = l.journey), count(*) FROM journeys j, LATERAL (
    SELECT journey_agg($all) AS journey FROM numbered WHERE numbered.customer_id = j.customer_id GROUP BY segment) l}),
	't|600', 'rescanned for each outer row');
is($node->safe_psql('postgres', qq{
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT customer_id, journey_length(journey_agg($all)) FROM events GROUP BY 1 ORDER BY 1;
MOVE FORWARD 10 IN c; FETCH BACKWARD 2 FROM c; MOVE FIRST FROM c; FETCH FORWARD 2 FROM c;
COMMIT}), "9|10\n8|9\n2|3\n3|4", 'a cursor that goes back');

# ---- partitions ----

$node->safe_psql('postgres', q{
CREATE TABLE parted (LIKE numbered) PARTITION BY LIST (segment);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES IN (0, 1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2, 3);
CREATE TABLE parted_4 PARTITION OF parted FOR VALUES IN (4, 5);
INSERT INTO parted SELECT * FROM numbered;
CREATE TABLE by_journey (customer_id int, journey journey) PARTITION BY HASH (journey);
CREATE TABLE by_journey_0 PARTITION OF by_journey FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE by_journey_1 PARTITION OF by_journey FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE by_journey_2 PARTITION OF by_journey FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO by_journey SELECT customer_id, journey FROM journeys;
CREATE INDEX ON by_journey USING gin (journey);
ANALYZE;});
my $partitionwise = 'SET enable_partitionwise_aggregate = on; SET enable_partitionwise_join = on;
SET max_parallel_workers_per_gather = 0;';
my $whole = qq{SELECT segment, md5(journey_send(journey_agg($all))) FROM parted GROUP BY 1 ORDER BY 1};
my $split = qq{SELECT event, md5(journey_send(journey_agg($all))) FROM parted GROUP BY 1 ORDER BY 1};
like(plan_of($node, 'postgres', $whole, $partitionwise), qr/Append.*Aggregate.*parted_0.*Aggregate.*parted_2/s,
	'groups within partitions');
like(plan_of($node, 'postgres', $split, "$partitionwise"), qr/Finalize.*Append.*Partial/s,
	'groups across partitions');
foreach my $query ($whole, $split)
{
	is($node->safe_psql('postgres', "$partitionwise $query"),
		$node->safe_psql('postgres', $query =~ s/parted/numbered/r), 'partition-wise as over one table');
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM by_journey b WHERE NOT EXISTS (
	SELECT FROM journeys j WHERE j.customer_id = b.customer_id AND j.journey IS NOT DISTINCT FROM b.journey)}), 0,
	'journeys as a partition key');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT tableoid) FROM by_journey}), 3, 'spread over all partitions');
is($node->safe_psql('postgres', q{SELECT count(*) FROM journeys j JOIN by_journey b USING (journey)}),
	$node->safe_psql('postgres', q{SELECT sum(n * n) FROM (SELECT count(*) AS n FROM journeys WHERE journey IS NOT NULL GROUP BY journey) g}),
	'a join on the journey');
$node->safe_psql('postgres', q{UPDATE by_journey SET journey = journey || journey_of('2027-01-01 00:00+00', 'moved') WHERE customer_id > 0});
is($node->safe_psql('postgres', q{SET enable_seqscan = off; SELECT count(*) FROM by_journey WHERE journey @> '{moved}'}), 600,
	'updated rows move between partitions and are found');

# ---- JIT ----

SKIP:
{
	skip 'this server compiles nothing', 2 unless $node->safe_psql('postgres', 'SET jit = on; SELECT pg_jit_available()') eq 't';
	my $jit = 'SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; SET jit_optimize_above_cost = 0;';
	my $query = qq{SELECT customer_id % 3, md5(journey_send(journey_agg($all))), sum(journey_count(journey_of($all), 'view')),
		count(*) FILTER (WHERE journey_of(occurred_at, event) \@> '{view}') FROM events GROUP BY 1 ORDER BY 1};
	like($node->safe_psql('postgres', "$jit EXPLAIN (ANALYZE) $query"), qr/JIT:/, 'compiled');
	is($node->safe_psql('postgres', "$jit $query"), $node->safe_psql('postgres', $query), 'compiled and inlined as interpreted');
}

done_testing();
