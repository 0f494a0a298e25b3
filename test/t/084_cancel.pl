# Whatever takes long is cancelled within a second: every long function, called on
# more than it can do in the time that it is given.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use Test::More;
use Time::HiRes qw(time);

my $node = start_node('cancel', "fsync = off\nwork_mem = '256MB'\nmax_parallel_workers_per_gather = 0\n");
$node->safe_psql('postgres', 'CREATE EXTENSION customer_journey;' . q{
CREATE UNLOGGED TABLE rows AS
    SELECT g, timestamptz '2026-01-01 00:00+00' + g * interval '1 second' AS at, 'e' || abs(hashint8(g)) % 40 AS event,
           'c' || abs(hashint8(g + 1)) % 18 AS channel, (abs(hashint8(g + 2)) % 1000)::float8 AS value,
           hashint8(g + 3) % 2 = 0 AS y, (abs(hashint8(g + 4)::bigint) / 2147483648.0)::float8 AS score
    FROM generate_series(1, 300000::bigint) g;
CREATE UNLOGGED TABLE long AS SELECT journey_agg(at, event, channel, value) AS j FROM rows;
CREATE UNLOGGED TABLE alike AS
    SELECT journey_agg('2026-01-01 00:00+00'::timestamptz + g * interval '1 second', 'a') AS j FROM generate_series(1, 200000) g;
CREATE UNLOGGED TABLE js AS SELECT g % 3000 AS id, CASE g % 2 WHEN 0 THEN 'x' ELSE 'y' END AS segment,
    journey_agg(at, event, channel, value) AS j FROM rows GROUP BY 1, 2;
CREATE UNLOGGED TABLE people AS
    SELECT g::text AS id, 'name ' || md5((g % 30011)::text) AS name, 'town ' || g % 100 AS town FROM generate_series(1, 60000) g;
ANALYZE;
});

# The time between a statement's timeout and its end; undef if it ended before.
sub late
{
	my ($statement, $timeout) = @_;
	my $start = time;
	my ($code, $out, $err) = $node->psql('postgres', "SET statement_timeout = $timeout; $statement");
	my $spent = time - $start;

	return undef if $code == 0;
	die "$statement: $err" if $err !~ /canceling statement due to statement timeout/;
	return $spent - $timeout / 1000;
}

foreach my $call (
	[ 'journey_agg', q{SELECT journey_agg(at, event, channel, value) IS NULL FROM rows, generate_series(1, 12)} ],
	[ 'journey_merge', q{SELECT journey_merge(j) IS NULL FROM long, generate_series(1, 33)} ],
	[ 'journey_sessions', q{SELECT count(*) FROM long, generate_series(1, 60), journey_sessions(j, '0')} ],
	[ 'journey as text', q{SELECT t::journey IS NULL FROM (SELECT j::text AS t FROM long) s, generate_series(1, 60)} ],
	[ 'journey as jsonb', q{SELECT j::jsonb IS NULL FROM long, generate_series(1, 60)} ],
	[ 'journey_features', q{SELECT journey_features(j, '2027-01-01 00:00+00', patterns => '{e1 -> e2, e2 -[!e3]-> e4}') IS NULL FROM long, generate_series(1, 200)} ],
	[ 'permute', q{SELECT journey_match_count(j, 'permute(e1, e2, e3, e4, e5, e6, e7) WITHIN 1 minute') FROM long, generate_series(1, 9)} ],
	[ 'overlapping matches', q{SELECT count(*) FROM alike, journey_matches(j, 'a -> a', overlapping => true), generate_series(1, 20)} ],
	[ 'absence', q{SELECT journey_match_count(j, '. !-[<= 30 seconds]-> e1') FROM long, generate_series(1, 400)} ],
	[ 'tied events', q{SELECT journey_match_count(j, 'a -> b -> c') FROM generate_series(1, 60) k, LATERAL (SELECT journey_agg('2026-01-01 00:00+00', CASE g % 3 WHEN 0 THEN 'a' WHEN 1 THEN 'b' ELSE 'c' END) AS j FROM generate_series(k, 200000) g) s} ],
	[ 'journey_funnel', q{SELECT journey_funnel(j, '{e1,e2,e3,nothing}', within => '1 hour', step_within => '{1 minute,1 minute,1 minute}') FROM long, generate_series(1, 600)} ],
	[ 'journey_funnel in any order', q{SELECT journey_funnel(j, '{e1,e2,e3,e4}', ordering => 'any', within => '1 hour') FROM long, generate_series(1, 600)} ],
	[ 'journey_funnel with grace', q{SELECT journey_funnel(j, '{e1,e2,e3,e4}', grace => '1 hour') FROM long, generate_series(1, 600)} ],
	[ 'window_funnel', q{SELECT window_funnel('1 day', at, event = 'e1', event = 'e2', event = 'e3') FROM rows, generate_series(1, 60)} ],
	[ 'sequence_count', q{SELECT sequence_count('(?1).*(?2).*(?3)', at, event = 'e1', event = 'e2', event = 'e3') FROM rows, generate_series(1, 60)} ],
	[ 'journey_graph_agg', q{SELECT journey_graph_agg(j, graph_options(depth => 3)) IS NULL FROM js, generate_series(1, 40)} ],
	[ 'top_paths', q{SELECT top_paths(j) IS NULL FROM js, generate_series(1, 600)} ],
	[ 'mine_paths', q{SELECT mine_paths(j, path_options(min_support => 0.01, max_length => 6)) IS NULL FROM js} ],
	[ 'mine_paths with gaps', q{SELECT mine_paths(j, path_options(min_support => 0.01, max_gap => '1 day')) IS NULL FROM js} ],
	[ 'contrast_paths', q{SELECT contrast_paths(j, segment, path_options(min_support => 0.01, max_length => 6)) IS NULL FROM js} ],
	[ 'journey_flow', q{SELECT journey_flow(j, flow_options(starts_with => 'e1', steps => 50, occurrence => 'every')) IS NULL FROM long, generate_series(1, 90)} ],
	[ 'attribution_agg', q{SELECT attribution_agg(j, attribution_options(conversion => 'e1', depth => 2)) IS NULL FROM js, generate_series(1, 100)} ],
	[ 'journey_similarity', q{SELECT journey_similarity(j, j || journey_of('2025-01-01 00:00+00', 'z')) FROM long} ],
	[ 'journey_similarity, matching', q{SELECT journey_similarity(j, j || journey_of('2025-01-01 00:00+00', 'z'), 'matching') FROM long} ],
	[ 'journey_medoid', q{SELECT journey_medoid(j) IS NULL FROM js} ],
	[ 'propensity_fit', q{SELECT propensity_fit(y, ARRAY[score, value, score * value, value * value, k]) IS NULL FROM rows, generate_series(1, 20) k} ],
	[ 'propensity_fit, lasso', q{SELECT propensity_fit(y, ARRAY[score, value, score * value], fit_options(l1 => 0.01)) IS NULL FROM rows, generate_series(1, 20)} ],
	[ 'propensity_fit, profile', q{SELECT propensity_fit(y, ARRAY[score, value, score * value], fit_options(profile => 0.95)) IS NULL FROM rows, generate_series(1, 9)} ],
	[ 'propensity_fit, firth', q{SELECT propensity_fit(y, ARRAY[score, value, score * value], fit_options(firth => true)) IS NULL FROM rows, generate_series(1, 9)} ],
	[ 'propensity_metrics', q{SELECT propensity_metrics(y, score * k) FROM rows, generate_series(1, 40) k} ],
	[ 'isotonic_calibration', q{SELECT isotonic_calibration(y, score / k) FROM rows, generate_series(1, 40) k} ],
	[ 'linkage_fit', q{SELECT linkage_fit(p, linkage_spec(comparisons => ARRAY[linkage_comparison('name', 'name')], block_on => ARRAY['town'])) IS NULL FROM people p} ],
	[ 'linkage_resolve', q{SELECT linkage_resolve(id, p, linkage_spec(comparisons => ARRAY[linkage_comparison('name', 'name')], block_on => ARRAY['town'])) IS NULL FROM people p} ],
	[ 'linkage_clusters', q{SELECT linkage_clusters((g % 100003)::text, (g * 7919 % 100019)::text, g) IS NULL FROM generate_series(1, 9000000::bigint) g} ],
	[ 'text_levenshtein', q{SELECT text_levenshtein(repeat('abcdefghij', 40000), repeat('jihgfedcba', 40000))} ],
	[ 'text_jaro_winkler', q{SELECT text_jaro_winkler(repeat('abcdefghij', 40000), repeat('jihgfedcba', 40000))} ])
{
	my ($name, $statement) = @$call;
	my $late = late($statement, 350);

	# a machine that does other things may be late by itself, but not each time
	for (my $try = 1; $try < 4 && defined $late && $late >= 1; $try++)
	{
		$late = late($statement, 350 * $try);
	}
	ok(defined $late && $late < 1,
		defined $late ? sprintf('%s is cancelled at once (%.0f ms)', $name, 1000 * $late) : "$name takes long");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM journey_progress()'), 0, 'nothing cancelled is shown as under way');

done_testing();
