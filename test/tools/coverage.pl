#!/usr/bin/env perl
# Adds up what gcov --json-format says, one JSON document a line: for each file
# below a directory the lines that can run and those that did, whatever object
# they were compiled into. Fails if the total is below a share in per cent.
#
#   coverage.pl AT_LEAST DIRECTORY < documents
use strict;
use warnings FATAL => 'all';
use JSON::PP;

my ($at_least, $directory) = @ARGV;
my %count;
while (my $document = <STDIN>)
{
	foreach my $file (@{ decode_json($document)->{files} })
	{
		(my $name = $file->{file}) =~ s{^.*?(?=\b\Q$directory\E/[a-z_]+(?:/|\.c$))}{};
		next unless $name =~ m{^\Q$directory\E/};
		$count{$name}{ $_->{line_number} } += $_->{count} foreach @{ $file->{lines} };
	}
}

my ($all, $ran) = (0, 0);
foreach my $name (sort keys %count)
{
	my $lines = keys %{ $count{$name} };
	my $covered = grep { $_ > 0 } values %{ $count{$name} };

	printf "%6.1f %%  %5d of %5d lines  %s\n", 100 * $covered / $lines, $covered, $lines, $name;
	$all += $lines;
	$ran += $covered;
}
die "no lines of $directory were counted\n" if $all == 0;
printf "coverage: %.1f %% of %d lines in %d files\n", 100 * $ran / $all, $all, scalar(keys %count);
exit(100 * $ran / $all < $at_least ? 1 : 0);
