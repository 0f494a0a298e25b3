# The demo's claim: for every mined, contrast and flow row of its data the
# journeys that match the row's pattern are as many as the row says.  The demo's
# own statements make the sessions and the rows; more options are added.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('demo_patterns', "timezone = 'UTC'\n");
my $file = PostgreSQL::Test::Utils::tempdir() . '/ecom.csv';
system("gzip -dc $FindBin::RealBin/../../demo/data/ecom.csv.gz > $file") == 0 or die 'demo/data/ecom.csv.gz';
my ($events) = source_text('demo/10_journey.sql') =~ /^(CREATE TABLE events \(.*?\);)/ms;
my $chapter = source_text('demo/40_paths.sql');
my ($sessions) = $chapter =~ /^(CREATE TABLE sessions AS.*?;)/ms;
$node->safe_psql('postgres', "CREATE EXTENSION customer_journey; $events
\\copy events FROM '$file' WITH (FORMAT csv, HEADER)
$sessions
CREATE TABLE collapsed AS SELECT journey_collapse(journey) AS journey FROM sessions;
ANALYZE sessions");
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM sessions'), '>', 1000, 'the demo has sessions');

# Rows of a call, and how many of them say another number than their patterns find.
sub agree
{
	my ($call, $from, $number, $found, $unsaid) = @_;
	my ($rows, $without, $wrong) = split /\|/, $node->safe_psql('postgres',
		"WITH r AS (SELECT r.* FROM unnest((SELECT $call FROM $from)) r)
		SELECT count(*), count(*) FILTER (WHERE pattern IS NULL), count(*) FILTER (WHERE $number <> ($found)) FROM r");
	cmp_ok($rows, '>', 0, "$rows rows: $call");
	is($without, $unsaid // 0, 'patterns for all');
	is($wrong, 0, 'that find the same number');
}

my $all = 'SELECT count(*) FROM sessions WHERE journey ~ pattern';
my $collapsed = 'SELECT count(*) FROM collapsed WHERE journey ~ pattern';

# what the chapter calls
my ($flow) = $chapter =~ /(journey_flow\(journey, flow_options\(.*?\)\)) FROM sessions/s;
like($flow, qr/collapse => true/, 'the flow of the demo is of collapsed sessions');
agree($flow, 'sessions', 'paths', $collapsed);
my @mined = $chapter =~ /(mine_paths\(journey, path_options\(.*?\)\)) FROM sessions/sg;
is(scalar(@mined), 2, 'the demo mines twice');
agree($_, 'sessions', 'journeys', $all) foreach @mined;
my ($contrast) = $chapter =~ /(contrast_paths\(s\.journey, c\.channel, path_options\(.*?\)\))/s;
my ($segments) = $chapter =~ /FROM (sessions s, LATERAL .*? c\s+WHERE .*?)\)\) x/s;
$node->safe_psql('postgres', "CREATE TABLE compared AS SELECT s.journey, c.channel FROM $segments");
agree($contrast =~ s/[sc]\.(journey|channel)/$1/gr, 'compared', 'journeys', 'SELECT count(*) FROM compared WHERE journey ~ pattern AND channel = segment');
agree($contrast =~ s/[sc]\.(journey|channel)/$1/gr, 'compared', 'other_journeys', 'SELECT count(*) FROM compared WHERE journey ~ pattern AND channel <> segment');

# other kinds and directions on the same sessions
agree("mine_paths(journey, path_options(min_support => 0.06, kind => '$_', max_gap => '10 minutes', max_gap_events => 4))", 'sessions', 'journeys', $all)
  foreach qw(all closed maximal);
agree("contrast_paths(journey, acquisition_channel, path_options(min_support => 0.1, max_span => '1 hour'))", 'sessions', 'journeys + other_journeys', $all);
agree("journey_flow(journey, flow_options($_, links => true))", 'sessions', 'paths', $all)
  foreach "steps => 4", "starts_with => 'catalog', occurrence => 'last'", "ends_with => 'purchase', steps => 3", "ends_with => 'purchase', occurrence => 'last'",
  "starts_with => 'home', ends_with => '[purchase|payment_details]', steps => 6";
agree("journey_flow(journey, flow_options(ends_with => 'purchase', collapse => true, links => true))", 'sessions', 'paths', $collapsed);
agree("journey_flow(journey, flow_options(starts_with => 'product_view', occurrence => 'every', links => true))", 'sessions', 'paths',
	'SELECT sum(journey_match_count(journey, pattern, overlapping => true)) FROM sessions');

$node->stop;
done_testing();
