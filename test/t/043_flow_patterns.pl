# The pattern of every row of a flow finds the row's journeys, whatever the
# anchors, the direction, the occurrence and the limits: on random journeys as
# many match as the row has paths; of every occurrence, as many matches there are.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use Test::More;

my $seed = $ENV{CJ_SEED} // 1 + int(rand(1_000_000));
note "CJ_SEED=$seed";
srand($seed);
my $node = start_node('flow_patterns');
# no two events of a journey at the same instant; some names that need quotes
$node->safe_psql('postgres', "CREATE EXTENSION customer_journey; SELECT setseed($seed / 1000000.0);
CREATE TABLE journeys AS SELECT c, journey_agg('2026-01-01'::timestamptz + i * i * (1 + c % 3) * interval '1 minute',
	(ARRAY['a', 'b', 'c', 'd e', 'SAME', 'f'])[1 + (random() * random() * 6)::int % 6], (ARRAY['web', 'app', NULL])[1 + (random() * 3)::int % 3]) AS journey
FROM generate_series(1, 400) c, generate_series(1, 12) i WHERE random() < (c % 5 + 1) / 6.0 GROUP BY c;
CREATE TABLE collapsed AS SELECT c, journey_collapse(journey) AS journey FROM journeys;
CREATE TABLE flows (n int, anchors text, occurrence text, within text, f flow_step)");

my @anchors = (
	'', "starts_with => 'a'", "starts_with => '[b|c]'", "starts_with => '[^a|f]'", "starts_with => '.'",
	"ends_with => 'c'", "ends_with => '[a|\"SAME\"]'", "ends_with => '[^b]'", "ends_with => '.'",
	"starts_with => 'a', ends_with => 'c'", "starts_with => '[a|b]', ends_with => '[b|\"d e\"]'",
	"starts_with => '[^c]', ends_with => 'f'", "starts_with => 'b', ends_with => '[^b]'", "starts_with => '.', ends_with => 'a'",
	"starts_with => 'a', ends_with => 'a'", "starts_with => 'b', ends_with => '.'");
my $n = 0;
my ($rows, $wanting) = (0, 0);
foreach my $anchors (@anchors)
{
	foreach my $occurrence (qw(first last every))
	{
		foreach my $within (undef, '1 hour')
		{
			foreach my $collapse (0, 1)
			{
				my $options = join ', ', grep { $_ } $anchors, "occurrence => '$occurrence'", defined $within ? "within => '$within'" : '',
				  $collapse ? 'collapse => true' : '', 'links => true', 'top => ' . (1 + int(rand(4))), 'steps => ' . (1 + int(rand(4)));
				my $table = $collapse ? 'collapsed' : 'journeys';
				my $count = $occurrence eq 'every' ? 'journey_match_count(journey, pattern, overlapping => true)' : '(journey ~ pattern)::int';
				# what "within" may have cut: only of the event after the anchor can be said that it is too late
				my $unsaid = !defined $within ? 'false' : 'abs(step) > ' . ($anchors eq '' ? 2 : $anchors =~ /^ends/ && $occurrence eq 'every' ? 0 : 1);
				my ($all, $none, $none_expected, $wrong, $example) = split /\|/, $node->safe_psql('postgres', "
WITH r AS (SELECT f.*, (SELECT sum($count) FROM $table) AS found FROM unnest((SELECT journey_flow(journey, flow_options($options)) FROM journeys)) f)
SELECT count(*), count(*) FILTER (WHERE pattern IS NULL),
	count(*) FILTER (WHERE kind = 'dropped' AND $unsaid),
	count(*) FILTER (WHERE found <> paths),
	min(step || ' ' || coalesce(source, '-') || ' > ' || event || ': ' || paths || ', not ' || found || ' by ' || pattern::text) FILTER (WHERE found <> paths) FROM r");
				$rows += $all;
				$wanting += $none;
				is("$wrong, without $none", "0, without $none_expected", "$options: $all rows") or diag $example;
			}
		}
	}
}
cmp_ok($rows, '>', 2000, "$rows rows in all");
cmp_ok($wanting, '<', $rows / 10, "$wanting without a pattern");

# an anchor with more conditions, every occurrence of it
foreach my $options ("starts_with => 'a\@web'", "ends_with => 'b\@[app|web]'", "starts_with => '.\@app', ends_with => 'a'", "starts_with => 'a(time >= ''2026-01-01 00:30'')'")
{
	is($node->safe_psql('postgres', "SELECT count(*) > 10, bool_and(paths = (SELECT sum(journey_match_count(journey, pattern, overlapping => true)) FROM journeys))
		FROM unnest((SELECT journey_flow(journey, flow_options($options, occurrence => 'every', links => true)) FROM journeys)) f"), 't|t', "every $options");
}
# what no pattern says
foreach my $options ("by => 'channel'", "starts_with => 'a -> b'", "starts_with => 'a\@web'", "starts_with => 'a', ends_with => 'b\@web'", "starts_with => '^ a'")
{
	is($node->safe_psql('postgres', "SELECT count(*) > 0, count(pattern) FROM unnest((SELECT journey_flow(journey, flow_options($options)) FROM journeys)) f"), 't|0', "none: $options");
}

$node->stop;
done_testing();
