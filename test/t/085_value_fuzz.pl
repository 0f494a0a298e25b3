# Hostile texts for every type and random values for every option, in a server:
# a short run of test/tools/value_fuzz.sh, which says how to run a long one.
use strict;
use warnings;

use Test::More;

my $runs = $ENV{CJ_FUZZ_RUNS} || 1000;
my $seed = $ENV{CJ_SEED} || 1 + int(rand(1_000_000));
note "CJ_FUZZ_RUNS=$runs CJ_SEED=$seed";

my $output = `INSTALLED=1 bash test/tools/value_fuzz.sh $runs $seed 2>&1`;
is($?, 0, "types and options, $runs runs of seed $seed") or diag $output;
like($output, qr/^values: \d+ tried, 0 faults$/m, 'no fault');
foreach my $what (qw(journey journey_pattern journey_graph propensity_model propensity_sample propensity_sums propensity_calibrator
	funnel_counts path_counts),
	map { "$_: SELECT" } qw(path_options attribution_options flow_options graph_options fit_options linkage_spec cluster_options))
{
	like($output, qr/^\Q$what\E: [1-9]\d* tried, [1-9]\d* accepted$/m, "$what: tried, and some accepted");
}
done_testing();
