# Flows, contrasts, predictions and attribution on the demo's shop data: known
# figures, and every number found again by its pattern.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('shop_paths');
$node->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "timezone = 'UTC'\ndatestyle = 'ISO'\njit = off\n");
$node->start;
my $file = PostgreSQL::Test::Utils::tempdir() . '/ecom.csv';
system("gzip -dc demo/data/ecom.csv.gz > $file") == 0 or die 'demo/data/ecom.csv.gz';
$node->safe_psql('postgres', "CREATE EXTENSION customer_journey;
CREATE TABLE events (user_id text, session_id text, event text, occurred_at timestamptz, platform text, acquisition_channel text, user_cohort text, user_lifecycle text, n serial);
\\copy events (user_id, session_id, event, occurred_at, platform, acquisition_channel, user_cohort, user_lifecycle) FROM '$file' WITH (FORMAT csv, HEADER)
CREATE TABLE sessions AS SELECT session_id, platform, (rank() OVER (ORDER BY first) - 1) AS position, journey FROM (
	SELECT session_id, min(platform) AS platform, min(n) AS first, journey_agg(at, event, acquisition_channel) AS journey FROM (
		-- within an instant the order of the file
		SELECT *, occurred_at + (row_number() OVER (PARTITION BY session_id, occurred_at ORDER BY n) - 1) * interval '1 microsecond' AS at FROM events) e GROUP BY 1) s;
ANALYZE sessions;");

sub facts
{
	my ($what, $query, $expected) = @_;
	is($node->safe_psql('postgres', $query), $expected, $what);
}

# ---- the flow from the start of sessions ----

$node->safe_psql('postgres', "CREATE TABLE flow AS SELECT f.* FROM unnest((SELECT journey_flow(journey, flow_options(collapse => true, steps => 4, top => 3, links => true)) FROM sessions)) f");
facts('flow: alive, top three, other, dropped before',
	"SELECT string_agg(line, E'\\n' ORDER BY step) FROM (SELECT step, sum(paths) FILTER (WHERE kind IN ('event', 'other')) || ': ' ||
		string_agg(event || ' ' || paths, ' ' ORDER BY paths DESC) FILTER (WHERE kind = 'event') || ', ' || max(paths) FILTER (WHERE kind = 'other') || ', ' ||
		coalesce(max(paths) FILTER (WHERE kind = 'dropped'), 0) AS line FROM flow WHERE source IS NULL GROUP BY step) s",
	"3605: home 1148 catalog 910 search 689, 858, 0\n3347: catalog 737 product_view 678 search 557, 1375, 258\n3062: product_view 713 catalog 643 search 442, 1264, 285\n2820: product_view 659 catalog 572 search 351, 1238, 242");
facts('flow: links', "SELECT string_agg(source || '>' || event || ' ' || paths, ' ' ORDER BY paths DESC) FROM flow WHERE step = 2 AND (source, event) IN (('home', 'catalog'), ('catalog', 'product_view'), ('home', 'search'))",
	'home>catalog 344 catalog>product_view 277 home>search 253');
facts('flow: patterns find the sessions', "SELECT count(*) > 60, bool_and(paths = (SELECT count(*) FROM sessions WHERE journey_collapse(journey) ~ pattern)) FROM flow", 't|t');

# ---- frequent patterns and contrasts ----

facts("patterns at $_->[0]", "SELECT cardinality(mine_paths(journey, path_options(min_support => $_->[0]))) FROM sessions", $_->[1])
  foreach [ 0.5, 5 ], [ 0.2, 53 ], [ 0.1, 263 ], [ 0.05, 1000 ], [ 0.02, 5031 ];
facts("adjacent patterns at $_->[0]", "SELECT cardinality(mine_paths(journey, path_options(min_support => $_->[0], max_gap_events => 1))) FROM sessions", $_->[1])
  foreach [ 0.05, 58 ], [ 0.01, 292 ];
facts("maximal patterns at $_->[0]", "SELECT cardinality(mine_paths(journey, path_options(min_support => $_->[0], kind => 'maximal'))) FROM sessions", $_->[1])
  foreach [ 0.2, 31 ], [ 0.1, 156 ];
facts('mined patterns find the sessions', "SELECT count(*), bool_and(p.journeys = (SELECT count(*) FROM sessions WHERE journey ~ p.pattern)) FROM unnest((SELECT mine_paths(journey, path_options(min_support => 0.1)) FROM sessions)) p", '263|t');
$node->safe_psql('postgres', "CREATE TABLE contrast AS SELECT c.* FROM unnest((SELECT contrast_paths(journey, platform, path_options(min_support => 0.02, max_length => 2, kind => 'all')) FROM sessions WHERE platform IN ('desktop', 'mobile'))) c");
facts('contrast: candidates', 'SELECT count(*) / 2, count(DISTINCT path) FROM contrast', '217|217');
facts('contrast: the strongest', "SELECT string_agg(path || ' ' || journeys || '/' || other_journeys || ' ' || round(statistic::numeric, 6), ', ' ORDER BY statistic DESC)
	FROM (SELECT * FROM contrast WHERE segment = 'desktop' ORDER BY statistic DESC LIMIT 6) s",
	'product_view > purchase 248/104 20.259313, product_view > payment_details 327/151 19.173077, payment_details 370/177 18.861336, add_to_cart > payment_details 299/136 18.430807, purchase 277/126 16.874474, cart > purchase 209/88 16.515216');
facts('contrast: odds ratio', "SELECT round(odds_ratio::numeric, 6) FROM contrast WHERE segment = 'desktop' AND path = 'product_view > purchase'", '1.729645');
facts('contrast: patterns find the sessions', "SELECT bool_and(journeys = (SELECT count(*) FROM sessions WHERE platform = segment AND journey ~ pattern)) FROM contrast", 't');

# ---- prediction ----

facts('first events', "SELECT entries FROM graph_nodes((SELECT journey_graph_agg(journey) FROM sessions)) WHERE node = 'home'", '1148');
facts('after payment_details', "SELECT exits, (SELECT transitions FROM graph_edges(g) WHERE source = 'payment_details' AND target = 'purchase'), events
	FROM (SELECT journey_graph_agg(journey) AS g FROM sessions) s, graph_nodes(g) WHERE node = 'payment_details'", '161|116|709');
# hit@1 of hard back-off is 1393, 1439, 1361, 1262 with 1 to 4 events remembered
foreach ([ 1, 1393 ], [ 2, 1439 ], [ 3, 1439 ], [ 4, 1439 ])
{
	my ($depth, $bar) = @$_;
	my ($predictions, $hits, $hits_3, $loss) = split /\|/, $node->safe_psql('postgres', "SELECT sum(predictions), sum(hits_1), sum(hits_3), sum(log_loss)
		FROM (SELECT journey_graph_agg(journey, graph_options(depth => $depth)) AS graph FROM sessions WHERE position % 5 <> 0) m, sessions s, journey_next_score(m.graph, s.journey) WHERE s.position % 5 = 0");
	note "depth $depth: $hits of $predictions first, $hits_3 among three, log loss " . $loss / $predictions;
	is($predictions, 5448, "predictions at depth $depth");
	cmp_ok($hits, '>=', $bar, "hits at depth $depth");
	cmp_ok($hits_3, '>=', $depth == 1 ? 3200 : 3245, "hits among three at depth $depth");
}

# ---- attribution adds up ----

facts('attribution adds up', "SELECT string_agg(DISTINCT round(total::numeric, 6)::text, ' '), count(*) FROM (SELECT a.model, sum(a.conversions) AS total
	FROM unnest((SELECT attribution_agg(journey, attribution_options(conversion => 'purchase', by => 'event', depth => 2)) FROM sessions)) a GROUP BY 1) s",
	$node->safe_psql('postgres', "SELECT round(sum(journey_count(journey, 'purchase')), 6) || '|8' FROM sessions"));

$node->stop;
done_testing();
