# The benchmarks: the generator gives the bytes it always gave, the runner
# gets through every case without other systems, and wrong answers stop it.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use IPC::Run;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();

sub generate
{
	my ($seed) = @_;
	return `$dir/generate 1000 50 $seed 2>$dir/facts | cksum`;
}

system("cc -std=gnu11 -O2 -ffp-contract=off -o $dir/generate bench/generate.c -lm") == 0
  or die "the generator does not compile\n";
is(generate(1), "2004623811 41977\n", 'the same seed gives the same rows everywhere');
is(generate(1), generate(1), 'and every time');
isnt(generate(2), generate(1), 'another seed gives others');
generate(1);
like(slurp_file("$dir/facts"), qr/^events 1000\ncustomers 50\n/, 'facts about the rows');

# A tree of its own, so that a case can be spoilt.
system("mkdir -p $dir/tree/test && cp -r bench customer_journey.control $dir/tree && cp -r test/tools $dir/tree/test") == 0
  or die "cannot copy the benchmarks\n";
my @bench = ('bash', "$dir/tree/bench/run.sh", '--events', '20000', '--rounds', '1', '--peers', 'none', '--threads');

IPC::Run::run([ @bench, '1 2' ], '<', \undef, '>', \my $out, '2>', \my $err);
is($?, 0, 'all cases run') or diag $err;
like($out, qr/^\| 20_build +\| $_ +\| ours /m, "ours at $_ threads") for 1, 2;
like($out, qr/^\| 40_storage +\| bytes_per_event_of_20 +\| \d+\.\d+ /m, 'a figure');
like($out, qr/^\| 40_storage +\| - +\| bytes_per_event_of_20 <= 12 +\| \d/m, 'a target');

my $case = "$dir/tree/bench/cases/20_build/plain.sql";
my $query = slurp_file($case);
$query =~ s/count\(\*\), /count(*) + 1, / or die "nothing to spoil in $case\n";
unlink $case;
append_to_file($case, $query);
IPC::Run::run([ @bench, '1', '--cases', '20_build' ], '<', \undef, '>', \$out, '2>', \$err);
isnt($?, 0, 'different answers are an error');
like($err, qr/the answers differ/, 'which says so');

IPC::Run::run([ @bench, 'many', '--events', 'few' ], '<', \undef, '>', \$out, '2>', \$err);
isnt($?, 0, 'wrong options are an error');
like($err, qr/^usage:/, 'with the usage');

done_testing();
