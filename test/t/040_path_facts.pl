# Graphs and whole paths against known figures of public event logs, which are
# read where they are (../shared/data/events, or the directory that
# CJ_EVENT_DATA names) and skipped where they are not; then against plain SQL on
# random journeys at every depth.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($data) = grep { -d $_ } grep { defined } $ENV{CJ_EVENT_DATA}, '../shared/data/events', '../../shared/data/events';
my $node = PostgreSQL::Test::Cluster->new('path_facts');
$node->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "timezone = 'UTC'\ndatestyle = 'ISO'\njit = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION customer_journey');

sub facts
{
	my ($what, $query, $expected) = @_;
	is($node->safe_psql('postgres', $query), $expected, $what);
}

# Loads rows case, time, event in the order of the file: within an instant of a
# case that order is kept by adding microseconds.
sub load_log
{
	my ($log, $file, $separator, $columns, $only, $value) = @_;
	return 0 unless defined $data && -e "$data/$file";
	my $text = $file =~ /\.gz$/ ? `gzip -dc "$data/$file"` : slurp_file("$data/$file");
	my @lines = split /\r?\n/, $text;
	my @names = split /\Q$separator\E/, shift @lines;
	s/^"|"$//g foreach @names;
	my %at = map { $names[$_] => $_ } 0 .. $#names;
	my @rows;
	foreach my $line (@lines)
	{
		next unless $line =~ /\S/;
		my @fields = ($line =~ /(?:^|\Q$separator\E)("(?:[^"]|"")*"|[^\Q$separator\E]*)/g);
		next if defined $only && $fields[ $at{$only} ] ne $value;
		my @row = map { my $f = $fields[ $at{$_} ]; $f =~ s/^"|"$//g; $f } @$columns;
		push @rows, join("\t", scalar(@rows), @row);
	}
	my $path = PostgreSQL::Test::Utils::tempdir() . "/$log.tsv";
	open my $fh, '>', $path or die "$path: $!";
	print $fh "$_\n" foreach @rows;
	close $fh;
	$node->safe_psql('postgres', "CREATE TABLE raw_$log (n int, kase text, at timestamptz, event text)");
	$node->safe_psql('postgres', "\\copy raw_$log FROM '$path' WITH (NULL '\\N')");
	$node->safe_psql('postgres', "CREATE TABLE $log AS SELECT kase, journey_agg(at + (r - 1) * interval '1 microsecond', event) AS journey
		FROM (SELECT *, row_number() OVER (PARTITION BY kase, at ORDER BY n) AS r FROM raw_$log) s GROUP BY kase");
	return 1;
}

my $graph = sub { "(SELECT journey_graph_agg(journey) FROM $_[0])" };
my $figures = sub {
	my $log = shift;
	"SELECT t.journeys, t.events, t.nodes, t.edges, t.transitions,
		(SELECT cardinality(top_paths(journey, path_options(top => 100000))) FROM $log) FROM graph_totals(" . $graph->($log) . ') t';
};
my $edge = sub { "SELECT transitions FROM graph_edges(" . $graph->($_[0]) . ") WHERE source = '$_[1]' AND target = '$_[2]'" };

SKIP:
{
	skip 'running-example is not here', 8
	  unless load_log('running', 'pm4py_running-example.csv', ',', [ 'case:concept:name', 'time:timestamp', 'concept:name' ]);
	facts('running-example: cases, events, activities, edges, transitions, variants', $figures->('running'), '6|42|8|16|36|6');
	facts('running-example: check ticket to decide', $edge->('running', 'check ticket', 'decide'), '6');
	facts('running-example: time from check ticket to decide',
		"SELECT extract(epoch FROM mean_time)::int FROM graph_edges(" . $graph->('running') . ") WHERE source = 'check ticket' AND target = 'decide'", '181960');
	facts('running-example: median within 5 %',
		"SELECT abs(extract(epoch FROM median_time) / 129300 - 1) <= 0.05 OR abs(extract(epoch FROM median_time) - 129300) < 100000 FROM graph_edges(" . $graph->('running') . ") WHERE source = 'check ticket' AND target = 'decide'", 't');
	facts('running-example: rework', "SELECT string_agg(node || ' ' || repeating_journeys, ', ' ORDER BY node) FROM graph_nodes(" . $graph->('running') . ") WHERE repeating_journeys > 0",
		'check ticket 2, decide 2, examine casually 1, reinitiate request 1');
	facts('running-example: decide to pay compensation', $edge->('running', 'decide', 'pay compensation'), '3');
	facts('running-example: how long cases take', "SELECT string_agg(extract(epoch FROM journey_duration(journey))::int::text, ' ' ORDER BY journey_duration(journey)) FROM running", '520920 703320 779580 852300 1368780 1576440');
	facts('running-example: examine casually to check ticket', $edge->('running', 'examine casually', 'check ticket'), '4');
}
SKIP:
{
	skip 'receipt is not here', 8
	  unless load_log('receipt', 'pm4py_receipt.csv.gz', ',', [ 'case:concept:name', 'time:timestamp', 'concept:name' ]);
	facts('receipt: cases, events, activities, edges, transitions, variants', $figures->('receipt'), '1434|8577|27|99|7143|116');
	facts('receipt: variants', "SELECT string_agg(journeys::text, ',') FROM unnest((SELECT top_paths(journey, path_options(top => 5)) FROM receipt)) p", '713,123,116,115,75');
	facts('receipt: variants for 80 %', "SELECT count(*) + 1 FROM unnest((SELECT top_paths(journey) FROM receipt)) p WHERE cumulative_share < 0.8", '6');
	facts('receipt: most frequent edges', "SELECT string_agg(transitions::text, ',') FROM (SELECT transitions FROM graph_edges(" . $graph->('receipt') . ") ORDER BY 1 DESC LIMIT 4) e", '1177,1165,1119,1079');
	facts('receipt: ends', "SELECT string_agg(exits::text, ',') FROM (SELECT exits FROM graph_nodes(" . $graph->('receipt') . ") ORDER BY 1 DESC LIMIT 3) e", '828,400,116');
	facts('receipt: rework', "SELECT string_agg(repeating_journeys::text, ',') FROM (SELECT repeating_journeys FROM graph_nodes(" . $graph->('receipt') . ") ORDER BY 1 DESC LIMIT 2) e", '59,35');
	facts('receipt: median duration', "SELECT round(extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY journey_duration(journey)))::numeric, 3) FROM receipt", '2868.584');
	facts('receipt: sum of parts', "SELECT (SELECT journey_graph_merge(g) FROM (SELECT journey_graph_agg(journey) AS g FROM receipt GROUP BY hashtext(kase) % 7) s)::text = " . $graph->('receipt') . '::text', 't');
}
SKIP:
{
	skip 'Sepsis is not here', 8
	  unless load_log('sepsis', 'eventdataR_sepsis.csv.gz', ';', [ 'Case ID', 'Complete Timestamp', 'Activity' ]);
	facts('Sepsis: cases, events, activities, edges, transitions, variants', $figures->('sepsis'), '1050|15214|16|115|14164|846');
	facts('Sepsis: variants', "SELECT string_agg(journeys::text, ',') FROM unnest((SELECT top_paths(journey, path_options(top => 5)) FROM sepsis)) p", '35,24,22,13,11');
	facts('Sepsis: variants without repeats', "SELECT cardinality(top_paths(journey, path_options(collapse => true, top => 100000))) FROM sepsis", '806');
	facts('Sepsis: Leucocytes to CRP and back', "SELECT (" . $edge->('sepsis', 'Leucocytes', 'CRP') . "), (" . $edge->('sepsis', 'CRP', 'Leucocytes') . ")", '1778|1445');
	facts('Sepsis: from registration to triage', $edge->('sepsis', 'ER Registration', 'ER Triage'), '971');
	facts('Sepsis: ends', "SELECT string_agg(node || ' ' || exits, ', ' ORDER BY exits DESC) FROM graph_nodes(" . $graph->('sepsis') . ") WHERE node IN ('Release A', 'Return ER')", 'Release A 393, Return ER 291');
	facts('Sepsis: variants for 80 %', "SELECT count(*) + 1 FROM unnest((SELECT top_paths(journey, path_options(top => 1000)) FROM sepsis)) p WHERE cumulative_share < 0.8", '636');
	facts('Sepsis: tied events, as the log has them', "SELECT sum(tied_events) FROM graph_nodes((SELECT journey_graph_agg(journey) FROM (SELECT journey_agg(at, event) AS journey FROM raw_sepsis GROUP BY kase) s))", '4447');
}
SKIP:
{
	skip 'patients is not here', 1
	  unless load_log('patients', 'eventdataR_patients.csv.gz', ',', [ 'patient', 'time', 'handling' ], 'registration_type', 'start');
	facts('patients: cases, events, activities, edges, transitions, variants', $figures->('patients'), '500|2721|7|7|2221|7');
}

# ---- random journeys against plain SQL ----

my $seed = $ENV{CJ_SEED} // int(rand(1_000_000));
note "seed $seed";
$node->safe_psql('postgres', "SELECT setseed($seed / 1000000.0);
	CREATE TABLE rows AS SELECT c, '2026-01-01'::timestamptz + (random() * 1000)::int * (10 ^ (random() * 8)::int) * interval '1 microsecond' AS at,
		chr(97 + (random() * random() * 12)::int) AS event FROM generate_series(1, 3000) i, LATERAL (SELECT (random() * 200)::int AS c, i) s;
	CREATE TABLE random_journeys AS SELECT c, journey_agg(at, event) AS journey FROM rows GROUP BY c;
	CREATE VIEW visits AS SELECT c, ordinality AS n, occurred_at AS at, event FROM random_journeys, journey_events(journey)");
for my $depth (1, 2, 3, 5)
{
	my $visits = "SELECT c, n, at, array_to_string(array_agg(event) OVER (PARTITION BY c ORDER BY n ROWS " . ($depth - 1) . " PRECEDING), ' > ') AS node FROM visits";
	my $steps = "SELECT c, n, node AS source, lead(node) OVER w AS target, lead(at) OVER w - at AS took FROM ($visits) v WINDOW w AS (PARTITION BY c ORDER BY n)";
	my $found = "(SELECT journey_graph_agg(journey, graph_options(depth => $depth)) FROM random_journeys)";
	my $plain = "SELECT source, target, count(*) AS transitions, count(DISTINCT c) AS journeys,
		round(avg(extract(epoch FROM took)) * 1000000) AS mean,
		percentile_disc(0.5) WITHIN GROUP (ORDER BY took) AS median, percentile_disc(0.9) WITHIN GROUP (ORDER BY took) AS p90
		FROM ($steps) s WHERE target IS NOT NULL GROUP BY 1, 2";
	my $near = sub { "abs(extract(epoch FROM e.$_[0]) - extract(epoch FROM p.$_[1])) <= 0.0500001 * extract(epoch FROM p.$_[1])" };
	facts("edges at depth $depth", "SELECT count(*) > 50, count(*) FILTER (WHERE p.transitions IS DISTINCT FROM e.transitions OR p.journeys IS DISTINCT FROM e.journeys
			OR abs(p.mean - round(extract(epoch FROM e.mean_time) * 1000000)) > 1 OR NOT " . $near->('median_time', 'median') . " OR NOT " . $near->('p90_time', 'p90') . ")
		FROM graph_edges($found) e FULL JOIN ($plain) p USING (source, target)", 't|0');
	facts("nodes at depth $depth", "SELECT count(*) > 5, count(*) FILTER (WHERE (n.events, n.journeys, n.entries, n.exits, n.repeating_journeys, n.tied_events)
			IS DISTINCT FROM (p.events, p.journeys, p.entries, p.exits, p.again, p.tied))
		FROM graph_nodes($found) n FULL JOIN
			(SELECT node, count(*) AS events, count(DISTINCT c) AS journeys, count(*) FILTER (WHERE before IS NULL) AS entries,
				count(*) FILTER (WHERE after IS NULL) AS exits, count(*) FILTER (WHERE nth = 2) AS again,
				count(*) FILTER (WHERE at = before) AS tied
			FROM (SELECT *, lag(at) OVER w AS before, lead(at) OVER w AS after, row_number() OVER (PARTITION BY c, node ORDER BY n) AS nth
				FROM ($visits) v WINDOW w AS (PARTITION BY c ORDER BY n)) x GROUP BY node) p USING (node)", 't|0');
}
facts('loops at depth 3', "SELECT count(*) > 5, count(*) FILTER (WHERE l.occurrences IS DISTINCT FROM p.n)
	FROM graph_loops((SELECT journey_graph_agg(journey, graph_options(depth => 3)) FROM random_journeys)) l FULL JOIN
		(SELECT CASE WHEN event = a THEN a || ' > ' || event WHEN event = b THEN b || ' > ' || a || ' > ' || event
				ELSE d || ' > ' || b || ' > ' || a || ' > ' || event END AS loop, count(*) AS n
		FROM (SELECT event, lag(event) OVER w AS a, lag(event, 2) OVER w AS b, lag(event, 3) OVER w AS d FROM visits WINDOW w AS (PARTITION BY c ORDER BY n)) s
		WHERE event IN (a, b, d) GROUP BY 1) p USING (loop)", 't|0');
facts('a graph of many names and edges', "SELECT t.nodes, t.edges, t.events, g::text::journey_graph = g, g - g2 + g2 = g
	FROM (SELECT journey_graph_agg(journey) AS g, journey_graph_agg(journey) FILTER (WHERE c % 2 = 0) AS g2
		FROM (SELECT i % 300 AS c, journey_agg('2026-01-01'::timestamptz + i * interval '1 second', 'page ' || i % 5000) AS journey FROM generate_series(1, 60000) i GROUP BY 1) s) x,
		graph_totals(g) t", '5000|5000|60000|t|t');

$node->stop;
done_testing();
