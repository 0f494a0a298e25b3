# Journeys through logical replication: as text and in binary, with the
# extension in another schema of the subscriber's.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use Test::More;

my $publisher = start_node('publisher', undef, allows_streaming => 'logical');
my $subscriber = start_node('subscriber', undef, allows_streaming => 'logical');

my $tables = q{
CREATE TABLE journeys (customer_id int PRIMARY KEY, journey journey NOT NULL);
CREATE INDEX journeys_gin ON journeys USING gin (journey);
CREATE TABLE versions (customer_id int, journey journey, first_event journey_event, brief journey[],
    pattern journey_pattern);
ALTER TABLE versions REPLICA IDENTITY FULL;};

$publisher->safe_psql('postgres', "CREATE EXTENSION customer_journey; $tables" . sample_events(400));
$publisher->safe_psql('postgres', 'INSERT INTO journeys ' . journeys_of() . q{;
INSERT INTO versions SELECT customer_id, journey, journey_event(journey, 1), ARRAY[journey_slice(journey, tstzrange(NULL, '2026-02-01')), NULL],
    CASE WHEN customer_id % 4 > 0 THEN journey_pattern('größer -[<= 3 days]-> ' || pattern_quote('no. ' || customer_id)) END
FROM journeys WHERE customer_id < 60;
CREATE PUBLICATION changes FOR TABLE journeys, versions;});

my $everything = q{
SELECT customer_id, md5(journey_send(journey)) FROM journeys ORDER BY 1;
SELECT customer_id, md5(journey_send(journey)), first_event, brief, pattern FROM versions ORDER BY 1, 2;
SELECT count(*) FROM journeys WHERE journey @> '{purchase,view}';};
my $path = 'SET search_path = public, analytics; SET enable_seqscan = off;';

sub same
{
	my ($database, $name, $what) = @_;
	$publisher->wait_for_catchup($name);
	is($subscriber->safe_psql($database, $path . $everything), $publisher->safe_psql('postgres', $everything), $what);
}

foreach my $binary ('false', 'true')
{
	my $database = $binary eq 'true' ? 'in_binary' : 'in_text';
	$subscriber->safe_psql('postgres', "CREATE DATABASE $database");
	$subscriber->safe_psql($database,
		"CREATE SCHEMA analytics; CREATE EXTENSION customer_journey SCHEMA analytics; $path $tables");
	$subscriber->safe_psql($database, "CREATE SUBSCRIPTION $database CONNECTION '" . $publisher->connstr . ' dbname=postgres'
		. "' PUBLICATION changes WITH (binary = $binary)");
	$subscriber->poll_query_until($database,
		"SELECT count(*) = 2 AND bool_and(srsubstate IN ('r', 's')) FROM pg_subscription_rel")
	  or die 'the first copy did not end';
	same($database, $database, "$database: the first copy is the same");
}

# Every kind of change: new rows, longer journeys in and out of line, rows
# found by the old journey alone, the empty journey, deletions.
my $appended = q{
INSERT INTO journeys SELECT 1000 + customer_id, journey FROM journeys WHERE customer_id BETWEEN 1 AND 5;
INSERT INTO journeys VALUES (0, '{}');
UPDATE journeys SET journey = journey || journey_of('2026-06-01 12:00:00.000001+00', 'purchase', 'store', 59.9, 'sku "7"')
WHERE customer_id % 3 = 1;
UPDATE journeys SET journey = journey_filter(journey, '{view,購入}') WHERE customer_id % 7 = 0;
UPDATE journeys SET customer_id = 5001 WHERE customer_id = 1;
DELETE FROM journeys WHERE customer_id % 10 = 9;
UPDATE versions SET journey = journey - brief[1], first_event = journey_event(journey, -1) WHERE customer_id % 2 = 0;
DELETE FROM versions WHERE customer_id % 5 = 0;
UPDATE versions SET pattern = 'view+ -> purchase' WHERE customer_id % 3 = 0;
UPDATE versions SET brief = NULL WHERE customer_id = 1;};
$publisher->safe_psql('postgres', $appended);
foreach my $database ('in_text', 'in_binary')
{
	same($database, $database, "$database: changes arrive");
	is($subscriber->safe_psql($database, q{SELECT sum(apply_error_count + sync_error_count) FROM pg_stat_subscription_stats}), 0,
		"$database: nothing had to be tried again");
}

# A rolled-back change does not arrive, and many small ones do.
$publisher->safe_psql('postgres', 'BEGIN; DELETE FROM journeys; ROLLBACK');
$publisher->safe_psql('postgres', q{
DO $$ BEGIN
    FOR i IN 1 .. 200 LOOP
        UPDATE journeys SET journey = journey || journey_of(timestamptz '2026-07-01 00:00+00' + i * interval '1 second', 'tick')
        WHERE customer_id = i;
        COMMIT;
    END LOOP;
END $$});
same($_, $_, "$_: many small changes arrive") foreach ('in_text', 'in_binary');

$subscriber->safe_psql($_, "DROP SUBSCRIPTION $_") foreach ('in_text', 'in_binary');

done_testing();
