# A streaming standby: the same journeys, index searches and parallel
# aggregates on it, then promoted and written to.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use PostgreSQL::Test::Cluster;
use Test::More;

my $primary = start_node('primary', "full_page_writes = on\n", allows_streaming => 1);
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# Everything happens after the backup, so that the standby has it from WAL alone.
$primary->safe_psql('postgres', 'CREATE EXTENSION customer_journey;' . sample_events(2000));
$primary->safe_psql('postgres', 'CREATE TABLE journeys AS ' . journeys_of() . q{;
CREATE INDEX journeys_gin ON journeys USING gin (journey);
CREATE INDEX journeys_hash ON journeys USING hash (journey);
CREATE INDEX journeys_btree ON journeys (journey_start(journey));
ANALYZE;});

my $parallel = q{SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;};
my $aggregate = q{SELECT md5(string_agg(journey_send(journey), '' ORDER BY customer_id)) FROM (
    SELECT customer_id, journey_agg(occurred_at, event, channel, value, item) AS journey FROM events GROUP BY 1) j};
my $searches = q{SET enable_seqscan = off;
SELECT count(*), sum(customer_id) FROM journeys WHERE journey @> '{purchase,view}';
SELECT count(*), sum(customer_id) FROM journeys WHERE journey && ARRAY['購入', 'call centre'];
SELECT count(*), sum(customer_id) FROM journeys WHERE journey ~ 'view -[<= 2 days]-> purchase@web';
SELECT count(*) FROM journeys WHERE journey @> '{tick}';
SELECT count(*), sum(customer_id) FROM journeys WHERE journey @> '{}';
SELECT count(*) FROM journeys WHERE journey = (SELECT journey FROM journeys WHERE customer_id = 17);
SELECT count(*) FROM journeys WHERE journey_start(journey) < '2026-01-10 00:00+00';};
my $scans = q{SET enable_indexscan = off; SET enable_bitmapscan = off;} . $searches =~ s/^SET enable_seqscan = off;//r;

sub same
{
	my ($what) = @_;
	$primary->wait_for_catchup($standby);
	is(contents_of($standby, 'postgres', 'journeys'), contents_of($primary, 'postgres', 'journeys'), "$what: same bytes");
	my $found = $standby->safe_psql('postgres', $searches);
	is($found, $primary->safe_psql('postgres', $searches), "$what: the indexes find what they find on the primary");
	is($found, $standby->safe_psql('postgres', $scans), "$what: and what scans find");
}

same('built');
like(plan_of($standby, 'postgres', q{SELECT count(*) FROM journeys WHERE journey @> '{purchase,view}'}, 'SET enable_seqscan = off;'),
	qr/Bitmap Index Scan on journeys_gin/, 'the standby searches with GIN');
like(plan_of($standby, 'postgres', $aggregate, $parallel), qr/Gather.*Parallel Custom Scan/s, 'the standby aggregates in parallel');
is($standby->safe_psql('postgres', "$parallel $aggregate"), $primary->safe_psql('postgres', $aggregate), 'with the same result');

# Pending list of GIN, updates in place, dead rows, then a clean-up.
$primary->safe_psql('postgres', q{
UPDATE journeys SET journey = journey || journey_of('2026-08-01 00:00+00', 'tick') WHERE customer_id % 3 = 0;
DELETE FROM journeys WHERE customer_id % 8 = 1;
INSERT INTO journeys SELECT customer_id + 10000, journey_filter(journey, '{view,purchase}') FROM journeys WHERE customer_id % 9 = 2;});
same('changed, pending');
$primary->safe_psql('postgres', q{SELECT gin_clean_pending_list('journeys_gin'); VACUUM ANALYZE journeys});
same('vacuumed');
$primary->safe_psql('postgres', q{ALTER INDEX journeys_gin SET (fastupdate = off); REINDEX TABLE journeys;
UPDATE journeys SET journey = journey_rename(journey, '{"view": "look"}') WHERE customer_id % 4 = 0;});
same('reindexed');

# A restart of the standby replays from its last restart point.
$standby->restart;
same('standby restarted');

my $before = contents_of($primary, 'postgres', 'journeys');
$primary->stop;
$standby->promote;
is(contents_of($standby, 'postgres', 'journeys'), $before, 'promoted: same bytes');
$standby->safe_psql('postgres', q{
UPDATE journeys SET journey = journey || journey_of('2026-09-01 00:00+00', 'after the failover') WHERE customer_id % 5 = 0});
is($standby->safe_psql('postgres', q{SET enable_seqscan = off; SELECT count(*) FROM journeys WHERE journey @> '{"after the failover"}'}),
	$standby->safe_psql('postgres', q{SELECT count(*) FROM journeys WHERE customer_id % 5 = 0}), 'promoted: writes are found by the index');
is($standby->safe_psql('postgres', $searches), $standby->safe_psql('postgres', $scans), 'promoted: indexes and scans agree');

done_testing();
