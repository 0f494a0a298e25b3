#!/usr/bin/perl
# Runs the benchmark cases in every system at hand, compares the answers and
# prints the tables.  run.sh starts it; README.md says how a case is written.
#
#	measure.pl name=value ...
#
# Copyright (c) 2026, the customer_journey developers
use strict;
use warnings;
use FindBin;
use IPC::Open3;
use List::Util 'sum';
use Symbol 'gensym';
use Time::HiRes 'time';

my %opt = map { /^(\w+)=(.*)$/s or die "measure.pl: not name=value: $_\n"; ($1, $2) } @ARGV;
my %systems = map { $_ => 1 } 'postgres', split /[ ,]+/, $opt{peers};
my %system_of = (ours => 'postgres', plain => 'postgres', clickhouse => 'clickhouse', duckdb => 'duckdb');
my @threads = split /[ ,]+/, $opt{threads};
my (@times, @figures, @targets);

$| = 1;
$SIG{PIPE} = 'IGNORE';
if ($opt{load})
{
	load($_, "$FindBin::Bin/load/$_.sql") for grep { $systems{$_} } qw(postgres clickhouse duckdb);
	exit;
}
load('postgres', "$FindBin::Bin/load/journeys.sql");
warm() if $opt{warm};
run_case($_) for grep { /$opt{cases}/ } sort glob "$FindBin::Bin/cases/*";
print_tables();

# ---- statements ----

# The statements of a file: each ends with a semicolon at the end of a line,
# outside dollar quotes.
sub statements
{
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!\n";
	local $/;
	my $text = <$in>;
	$text =~ s/^\s*--.*\n//mg;
	$text =~ s/(?<!:):([a-z_]+)\b/exists $opt{$1} ? $opt{$1} : ":$1"/ge;
	my @statements = $text =~ /\G\s*+((?:\$(\w*)\$.*?\$\g2\$|.)+?);[ \t]*(?:\n|\z)/gs;
	return @statements[ grep { $_ % 2 == 0 } 0 .. $#statements ];
}

# What the comment lines of a file say under a heading.
sub directive
{
	my ($file, $name) = @_;
	open my $in, '<', $file or die "$file: $!\n";
	return map { /^(?:-- )?\Q$name\E: *(.*?)\s*$/ ? $1 : () } <$in>;
}

# ---- a system's process ----

# Starts a process of the system; the first statements set it up for threads.
sub start
{
	my ($system, $threads) = @_;
	my @command =
	  $system eq 'postgres'
	  ? ($opt{psql}, '-XqAt', '-F', "\t", '-P', 'null=\\N', '-v', 'ON_ERROR_STOP=1', '-d', $opt{database})
	  : ($opt{node}, "$FindBin::Bin/peers/peer.mjs", $system, $opt{modules}, "$opt{dir}/$system");
	my %worker = (system => $system, log => gensym);
	open $worker{log}, '+>', undef or die "temporary file: $!\n";
	$worker{pid} = open3($worker{to}, $worker{from}, '>&' . fileno($worker{log}), @command);
	$worker{to}->autoflush(1);
	if ($system eq 'postgres')
	{
		my $backend = ask(\%worker, 'SELECT pg_backend_pid()');
		chomp($worker{process} = $backend);
		ask(\%worker, 'SET max_parallel_workers_per_gather = ' . ($threads - 1));
	}
	else
	{
		$worker{process} = $worker{pid};
		ask(\%worker, ($system eq 'duckdb' ? 'SET threads = ' : 'SET max_threads = ') . $threads);
	}
	return \%worker;
}

sub stop
{
	my ($worker) = @_;
	close $worker->{to};
	waitpid $worker->{pid}, 0;
	return;
}

# Looks at the system's process and its parallel workers: notes the processor
# time of each so far, in ticks, and the peak of their private memory, in kB.
# The scheduler knows parts of ticks, but of one thread, and not how much of them
# was the kernel's.
sub look
{
	my ($worker, $usage) = @_;
	my @pids = ($worker->{process});
	my $memory = 0;
	if ($worker->{system} eq 'postgres')
	{
		my $children = contents("/proc/$opt{postmaster}/task/$opt{postmaster}/children");
		push @pids, grep { contents("/proc/$_/cmdline") =~ /parallel worker/ } split ' ', $children;
	}
	for my $pid (@pids)
	{
		$memory += $1 if contents("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;
		($usage->{ticks}{$pid}, $usage->{kernel}{$pid}) = ($1 + $2, $2)
		  if contents("/proc/$pid/stat") =~ /^.*\) \S(?: \S+){10} (\d+) (\d+) /s;
		$usage->{ticks}{$pid} = $1 * $opt{ticks} / 1e9
		  if $worker->{system} eq 'postgres' && contents("/proc/$pid/schedstat") =~ /^([1-9]\d*) /;
	}
	$usage->{peak} = $memory if $memory > ($usage->{peak} || 0);
	return;
}

# Processor seconds from one look to the later one; workers are new.
sub processor_time
{
	my ($worker, $before, $after, $kind) = @_;
	my $sum = -($before->{$kind}{ $worker->{process} } || 0);
	$sum += $_ for values %{ $after->{$kind} };
	return $sum / $opt{ticks};
}

sub contents
{
	my ($file) = @_;
	open my $in, '<', $file or return '';
	local $/;
	my $text = <$in>;
	return defined $text ? $text : '';
}

# More of the worker's answer; looks at it while it waits.
sub more
{
	my ($worker, $usage) = @_;
	my $ready = '';
	vec($ready, fileno($worker->{from}), 1) = 1;
	look($worker, $usage) while !select(my $r = $ready, undef, undef, 0.04);
	my $got = sysread $worker->{from}, my $part, 1 << 16;
	return $part if $got;
	seek $worker->{log}, 0, 0;
	die "$worker->{system} stopped: ", join('', readline $worker->{log}), "\n";
}

# Runs one statement; gives the rows as text and notes what they took.
sub ask
{
	my ($worker, $statement, $taken) = @_;
	my (%before, %usage);
	my $rows = '';
	look($worker, \%before) if $taken;
	my $start = time;
	if ($worker->{system} eq 'postgres')
	{
		print { $worker->{to} } "$statement;\n\\echo end-of-answer\n";
		$rows .= more($worker, \%usage) until $rows =~ s/^end-of-answer\n\z//m;
	}
	else
	{
		print { $worker->{to} } length($statement) . "\n$statement";
		$rows .= more($worker, \%usage) until $rows =~ /^(ok|error) (\d+)\n/ && length($rows) == $+[0] + $2;
		my $status = $1;
		$rows = substr $rows, $+[0];
		die "$worker->{system}: $rows\nin: $statement\n" if $status ne 'ok';
	}
	return $rows if !$taken;
	$taken->{seconds} = time - $start;
	look($worker, \%usage);
	$taken->{processor} = processor_time($worker, \%before, \%usage, 'ticks');
	$taken->{kernel} = processor_time($worker, \%before, \%usage, 'kernel');
	$taken->{peak} = $usage{peak};
	return $rows;
}

# Runs a file's statements but the last, which is returned.
sub set_up
{
	my ($worker, $file) = @_;
	my @statements = statements($file);
	my $last = pop @statements;
	ask($worker, $_) for @statements;
	return $last;
}

# ---- loading ----

# Reads the tables into the server's own buffers, as far as these suffice: a scan of
# a large table would leave it to the system's.
sub warm
{
	my $worker = start('postgres', 1);
	ask($worker, $_)
	  for 'SET client_min_messages = warning', 'CREATE EXTENSION IF NOT EXISTS pg_prewarm', q{SELECT pg_prewarm(relation) FROM (VALUES ('journeys'::regclass), ('events')) t(relation)};
	stop($worker);
	return;
}

# Runs the file's statements with all cores.
sub load
{
	my ($system, $file) = @_;
	my $start = time;
	my $worker = start($system, $opt{cores});
	ask($worker, $_) for statements($file);
	stop($worker);
	printf STDERR "%s: %.1f s\n", $file =~ m{([^/]+/[^/]+)$}, time - $start;
	return;
}

# ---- one case ----

sub run_case
{
	my ($dir) = @_;
	my ($name) = $dir =~ m{([^/]+)$};
	my ($own) = directive("$dir/about", 'threads');
	push @targets, map { [ $name, $_ ] } directive("$dir/about", 'target');
	for my $system (grep { $systems{$_} && -e "$dir/prepare.$_.sql" } qw(postgres clickhouse duckdb))
	{
		load($system, "$dir/prepare.$system.sql");
	}
	run_queries($name, $dir, $_) for defined $own ? split(/[ ,]+/, $own) : @threads;
	run_figures($name, "$dir/figures.sql") if -e "$dir/figures.sql";
	return;
}

# The case's queries: one unmeasured round, then the measured ones, interleaved.
sub run_queries
{
	my ($name, $dir, $threads) = @_;
	my (%shared, @rows);
	for my $file (sort glob "$dir/*.sql")
	{
		my ($label, $kind) = $file =~ m{/(([a-z]+)(?:_\w+)?)\.sql$} or next;
		my $system = $system_of{$kind};
		next if !$system || !$systems{$system} || $label !~ /$opt{queries}/;
		my ($least) = directive($file, 'threads');
		next if defined $least && $threads < $least;

		# A session of its own for each of our queries; the others hold their database alone.
		my $worker = $system eq 'postgres' ? start($system, $threads) : ($shared{$system} ||= start($system, $threads));
		my ($differs) = directive($file, 'not compared');
		push @rows,
		  { case => $name, threads => $threads, label => $label, worker => $worker, file => $file,
			query => set_up($worker, $file), differs => $differs, times => [], processor => [], kernel => 0, peak => 0 };
	}
	return if !@rows;
	@rows = sort { place($a) cmp place($b) } @rows;
	for my $round (0 .. $opt{rounds})
	{
		printf STDERR "%s, %d thread%s: round %d of %d\n", $name, $threads, $threads == 1 ? '' : 's', $round, $opt{rounds};
		for my $row (@rows)
		{
			my $answer = ask($row->{worker}, $row->{query}, \my %taken);
			$row->{answer} = $answer if $round == 0;
			die "$row->{file}: two runs, two answers:\n$row->{answer}$answer" if $row->{answer} ne $answer;
			$row->{peak} = $taken{peak} if $taken{peak} > $row->{peak};
			next if $round == 0;
			push @{ $row->{times} }, $taken{seconds};
			push @{ $row->{processor} }, $taken{processor};
			$row->{kernel} += $taken{kernel};
		}
		compare_answers(@rows) if $round == 0;
	}
	stop($_) for values %shared, map { $_->{worker}{system} eq 'postgres' ? $_->{worker} : () } @rows;
	push @times, @rows;
	return;
}

# Ours first, then plain SQL, then the others.
sub place
{
	my ($row) = @_;
	return ($row->{label} =~ /^ours/ ? 0 : $row->{label} =~ /^plain/ ? 1 : 2) . $row->{label};
}

sub compare_answers
{
	my @rows = grep { !$_->{differs} } @_;
	return if !grep { $_->{answer} ne $rows[0]{answer} } @rows;
	die "$rows[0]{case}: the answers differ:\n", map { "  $_->{label}: $_->{answer}" } @rows;
}

sub run_figures
{
	my ($name, $file) = @_;
	my $worker = start('postgres', 1);
	my $query = set_up($worker, $file);
	print STDERR "$name: figures\n";
	push @figures, map { [ $name, split /\t/, $_, -1 ] } split /\n/, ask($worker, $query);
	stop($worker);
	return;
}

# ---- results ----

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	return ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

sub print_tables
{
	my @lines = ([ 'case', 'threads', 'query', 'seconds', 'range', 'ns/event', 'x ours', 'cpu s', 'kernel', 'peak MB' ]);
	for my $row (@times)
	{
		my ($first) = grep { $_->{case} eq $row->{case} && $_->{threads} == $row->{threads} } @times;
		my @sorted = sort { $a <=> $b } @{ $row->{times} };
		my $median = median(@sorted);
		$row->{median} = $median;
		push @lines,
		  [ $row->{case}, $row->{threads}, $row->{label}, sprintf('%.3f', $median),
			sprintf($median < 0.1 ? '%.5f-%.5f' : '%.3f-%.3f', @sorted[ 0, -1 ]), sprintf('%.1f', $median * 1e9 / $opt{events}),
			sprintf('%.2f', $median / median(@{ $first->{times} })),
			sprintf($median < 0.1 ? '%.6f' : $median < 1 ? '%.4f' : '%.2f', median(@{ $row->{processor} })),
			sprintf('%.0f %%', 100 * $row->{kernel} / (sum(@{ $row->{processor} }) || 1)), sprintf('%.0f', $row->{peak} / 1024) ];
	}
	print "\nTimes: the median of $opt{rounds} rounds; \"x ours\" is the time divided by that of the case's first row.\n\n";
	print_table(@lines);
	print "\nFigures\n\n" if @figures;
	print_table([ 'case', 'figure', 'is', 'unit' ], @figures) if @figures;
	print "\nTargets\n\n" if @targets;
	print_table([ 'case', 'threads', 'target', 'measured', 'by cpu', 'met' ], map { judge(@$_) } @targets) if @targets;
	return;
}

# A target is "name <= number" or "name / name >= number", of figures or times;
# of times, the ratio of processor times is shown too.
sub judge
{
	my ($case, $target) = @_;
	my ($above, $below, $relation, $limit) = $target =~ m{^(\w+)(?: */ *(\w+))? *([<>]=) *([\d.]+)$}
	  or die "$case: not a target: $target\n";
	my %figure = map { $_->[1] => $_->[2] } grep { $_->[0] eq $case } @figures;
	my @lines;
	if (defined $figure{$above})
	{
		my $is = defined $below ? $figure{$above} / $figure{$below} : $figure{$above};
		return [ $case, '-', $target, sprintf('%.2f', $is), '-', met($is, $relation, $limit) ];
	}
	for my $row (grep { $_->{case} eq $case && $_->{label} eq $above } @times)
	{
		my ($other) = grep { $_->{case} eq $case && $_->{label} eq $below && $_->{threads} == $row->{threads} } @times;
		next if !$other;
		my $is = $row->{median} / $other->{median};
		my ($cpu, $others) = map { median(@{ $_->{processor} }) } $row, $other;

		# The kernel counts hundredths of a second.
		$cpu = $others < 0.2 ? '-' : sprintf('%.2f', $cpu / $others);
		push @lines, [ $case, $row->{threads}, $target, sprintf('%.2f', $is), $cpu, met($is, $relation, $limit) ];
	}
	return @lines;
}

sub met
{
	my ($is, $relation, $limit) = @_;
	return ($relation eq '<=' ? $is <= $limit : $is >= $limit) ? 'yes' : 'NO';
}

# Aligned, and Markdown.
sub print_table
{
	my @lines = @_;
	my @width;
	for my $line (@lines)
	{
		for my $i (0 .. $#$line)
		{
			$width[$i] = length $line->[$i] if length $line->[$i] > ($width[$i] || 0);
		}
	}
	splice @lines, 1, 0, [ map { '-' x $_ } @width ];
	for my $line (@lines)
	{
		print '| ', join(' | ', map { sprintf '%-*s', $width[$_], $line->[$_] } 0 .. $#width), " |\n";
	}
	return;
}
