# Hostile texts against normalisers and similarities under sanitizers: a short
# run of test/tools/identity_fuzz.sh, which says how to run a long one.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

my $runs = $ENV{CJ_FUZZ_RUNS} || 100000;
my $seed = $ENV{CJ_SEED} || 1;
my $output = `bash test/tools/identity_fuzz.sh $runs $seed 2>&1`;
my $status = $? >> 8;

plan skip_all => 'no compiler with the sanitizers' if $status == 77;

note $output;
is($status, 0, "texts of identity under sanitizers, $runs runs of seed $seed") or diag $output;
like($output, qr/^identity texts: $runs tried, [1-9]\d+ accepted$/m, 'texts were tried and some accepted');
done_testing();
