# mine_paths against known counts of a public click log (skipped where it is
# not: ../shared/data/paths or CJ_PATH_DATA), and against a miner that tries
# every embedding, on random journeys under random combinations of constraints.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($data) = grep { -d $_ } grep { defined } $ENV{CJ_PATH_DATA}, '../shared/data/paths', '../../shared/data/paths';
my $node = PostgreSQL::Test::Cluster->new('mine_paths');
$node->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "timezone = 'UTC'\ndatestyle = 'ISO'\njit = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION customer_journey');

sub number_of
{
	my ($table, $options, $expected) = @_;
	is($node->safe_psql('postgres', "SELECT cardinality(mine_paths(journey, path_options($options))) FROM $table"), $expected, "$table: $options");
}

SKIP:
{
	skip 'the click log is not here', 32 unless defined $data && -e "$data/bms-webview-1.dat.gz";
	my $path = PostgreSQL::Test::Utils::tempdir() . '/clicks.tsv';
	open my $in, '-|', 'gzip', '-dc', "$data/bms-webview-1.dat.gz" or die;
	open my $out, '>', $path or die;
	while (<$in>)
	{
		my $t = 0;
		foreach my $token (split)
		{
			last if $token eq '-2';
			if ($token eq '-1') { $t++ }
			else { print $out "$.\t$t\t$token\n" }
		}
	}
	close $in;
	close $out;
	$node->safe_psql('postgres', "CREATE TABLE clicks (session int, t int, page text);
\\copy clicks FROM '$path'
CREATE TABLE sessions AS SELECT session, journey_agg('2026-01-01'::timestamptz + t * interval '1 second', page) AS journey FROM clicks GROUP BY 1;");
	number_of('sessions', 'min_support => 0.01', 77);
	number_of('sessions', "min_support => 0.01, kind => 'closed'", 77);
	number_of('sessions', "min_support => 0.01, kind => 'maximal'", 67);
	number_of('sessions', 'min_support => 0.005', 201);
	number_of('sessions', "min_support => 0.005, kind => 'maximal'", 162);
	number_of('sessions', 'min_support => 0.002', 798);
	number_of('sessions', 'min_support => 0.001', 3991);
	number_of('sessions', "min_support => 0.001, kind => 'closed'", 3974);
	number_of('sessions', "min_support => 0.001, kind => 'maximal'", 2067);
	number_of('sessions', 'min_support => 0.0008', 10286);
	number_of('sessions', "min_support => 0.0008, kind => 'closed'", 9391);
	number_of('sessions', "min_support => 0.0008, kind => 'maximal'", 4028);
	number_of('sessions', "min_support => 0.001, max_gap_events => $_->[0]", $_->[1]) foreach [ 1, 672 ], [ 2, 958 ], [ 3, 1220 ];
	number_of('sessions', "min_support => 0.001, max_span => '$_->[0] seconds'", $_->[1]) foreach [ 1, 586 ], [ 2, 817 ], [ 3, 1040 ], [ 5, 1410 ];
	is($node->safe_psql('postgres', "SELECT count(*), bool_and(p.journeys = (SELECT count(*) FROM sessions s WHERE s.journey ~ p.pattern))
		FROM unnest((SELECT mine_paths(journey, path_options(min_support => 0.01)) FROM sessions)) p"), '77|t', 'patterns find as many sessions as were counted');

	# hard back-off, which ranks by the counts of the longest context seen, has the
	# next page first 5,799 times with one page remembered, 6,154, 6,134 and 6,086
	# with more, and among three 9,576 times at most
	foreach ([ 1, 5799, 9550 ], [ 2, 6154, 9576 ], [ 3, 6154, 9576 ], [ 4, 6154, 9576 ])
	{
		my ($depth, $bar, $bar_3) = @$_;
		my ($predictions, $hits, $hits_3) = split /\|/, $node->safe_psql('postgres', "SELECT sum(predictions), sum(hits_1), sum(hits_3)
			FROM (SELECT journey_graph_agg(journey, graph_options(depth => $depth)) AS graph FROM sessions WHERE (session - 1) % 5 <> 0) m, sessions s, journey_next_score(m.graph, s.journey) WHERE (s.session - 1) % 5 = 0");
		note "depth $depth: $hits of $predictions first, $hits_3 among three";
		is($predictions, 18133, "predictions at depth $depth");
		cmp_ok($hits, '>=', $bar, "hits at depth $depth");
		cmp_ok($hits_3, '>=', $bar_3, "hits among three at depth $depth");
	}
	my ($result, $stdout, $stderr) = $node->psql('postgres', "SET statement_timeout = '100ms'; SELECT cardinality(mine_paths(journey, path_options(min_support => 0.0006))) FROM sessions");
	like($stderr, qr/statement timeout/, 'mining can be cancelled');
	($result, $stdout, $stderr) = $node->psql('postgres', "SET customer_journey.max_patterns = 100000; SELECT cardinality(mine_paths(journey, path_options(min_support => 0.0006))) FROM sessions");
	like($stderr, qr/mine_paths finds more than 100000 frequent patterns/, 'too many patterns are an error');
	($result, $stdout, $stderr) = $node->psql('postgres', "SET customer_journey.path_memory = '16MB'; SELECT cardinality(mine_paths(journey, path_options(min_support => 0.0006))) FROM sessions");
	like($stderr, qr/needs more memory than customer_journey.path_memory allows/, 'memory is bounded');
}

# ---- textbook tables ----

# Loads lines into a table of journeys; "read" makes rows of journey, seconds, name.
sub load_table
{
	my ($table, $file, $read) = @_;
	return 0 unless defined $data && -e "$data/$file";
	my $path = PostgreSQL::Test::Utils::tempdir() . "/$table.tsv";
	open my $out, '>', $path or die "$path: $!";
	my $line = 0;
	foreach (split /\n/, slurp_file("$data/$file"))
	{
		next unless /^[0-9]/;
		print $out join("\t", @$_), "\n" foreach $read->($line++, split);
	}
	close $out;
	$node->safe_psql('postgres', "CREATE TABLE rows_of_$table (c int, t int, name text);
\\copy rows_of_$table FROM '$path'
CREATE TABLE $table AS SELECT journey_agg('2026-01-01'::timestamptz + t * interval '1 second', name) AS journey FROM rows_of_$table GROUP BY c");
	return 1;
}

# item sets separated by -1
my $sets = sub {
	my ($line, @tokens) = @_;
	my ($t, @rows) = (0);
	foreach (@tokens)
	{
		last if $_ eq '-2';
		if ($_ eq '-1') { $t++ }
		else { push @rows, [ $line, $t, $_ ] }
	}
	return @rows;
};
SKIP:
{
	skip 'contextPrefixSpan is not here', 17 unless load_table('textbook', 'spmf_contextPrefixSpan.txt', $sets);
	number_of('textbook', "same_time => 'set', min_count => $_->[0]", $_->[1])
	  foreach [ '2', 53 ], [ "2, kind => 'closed'", 17 ], [ "2, kind => 'maximal'", 10 ], [ 3, 14 ], [ 4, 5 ],
	  [ '2, max_gap_events => 1', 23 ], [ '2, max_gap_events => 2', 45 ], [ '2, max_gap_events => 3', 51 ],
	  [ "2, max_span => '1 second'", 18 ], [ "2, max_span => '2 seconds'", 33 ],
	  [ '2, max_length => 1', 6 ], [ '2, max_length => 2', 28 ], [ '2, max_length => 3', 49 ],
	  [ '3, top => 10', 10 ], [ '4, top => 10', 5 ];
	is($node->safe_psql('postgres', "SELECT string_agg((SELECT count(*) FROM unnest(found) p WHERE cardinality(string_to_array(p.path, ' > ')) <= n)::text, ' ' ORDER BY n)
		FROM (SELECT mine_paths(journey, path_options(same_time => 'set', min_count => 2)) AS found FROM textbook) m, generate_series(1, 3) n"), '8 33 51', 'textbook: of 1, 2 and 3 instants at most');
	is($node->safe_psql('postgres', "SELECT bool_and(p.journeys >= 2) FROM unnest((SELECT mine_paths(journey, path_options(same_time => 'set', min_count => 2)) FROM textbook)) p"), 't', 'supports');
}
SKIP:
{
	# a sequence, a time, how many items, the items
	skip 'zaki is not here', 17 unless load_table('zaki', 'zaki.txt', sub { my ($line, $c, $t, $n, @names) = @_; return map { [ $c, $t, $_ ] } @names });
	number_of('zaki', "same_time => 'set', min_count => 2$_->[0]", $_->[1])
	  foreach [ '', 18 ], [ ", kind => 'closed'", 4 ], [ ", kind => 'maximal'", 2 ],
	  map({ [ ", max_gap => '$_->[0] seconds'", $_->[1] ] } [ 1, 8 ], [ 5, 11 ], [ 10, 17 ], [ 15, 18 ]),
	  map({ [ ", min_gap => '$_->[0] seconds'", $_->[1] ] } [ 5, 18 ], [ 6, 12 ], [ 10, 12 ], [ 15, 9 ]),
	  map({ [ ", max_span => '$_->[0] seconds'", $_->[1] ] } [ 0, 8 ], [ 5, 11 ], [ 10, 14 ], [ 15, 18 ]);
	is($node->safe_psql('postgres', "SELECT string_agg((SELECT count(*) FROM unnest(found) p WHERE cardinality(string_to_array(p.path, ' > ')) <= n)::text, ' ' ORDER BY n)
		FROM (SELECT mine_paths(journey, path_options(same_time => 'set', min_count => 2)) AS found FROM zaki) m, generate_series(1, 3) n"), '8 15 18', 'zaki: of 1, 2 and 3 instants at most');
	is($node->safe_psql('postgres', "SELECT string_agg(p.path || ' ' || p.journeys, ', ' ORDER BY p.path) FROM unnest((SELECT mine_paths(journey, path_options(same_time => 'set', min_count => 2, max_length => 1)) FROM zaki)) p WHERE length(p.path) = 1"),
		'A 4, B 4, D 2, F 4', 'single items');
}

# ---- a miner that tries every embedding ----

my $seed = $ENV{CJ_SEED} // int(rand(1_000_000));
note "seed $seed";
srand($seed);

# A random population: journeys of [time in seconds, name], sorted.
sub population
{
	my ($ties) = @_;
	my @journeys;
	foreach (1 .. 4 + int rand 5)
	{
		my $t = 0;
		my %taken;
		my @events;
		foreach (1 .. int rand 8)
		{
			$t += $ties ? int rand 3 : 1 + int rand 4;
			push @events, [ $t, (qw(a b c d))[ int(rand 2) + int(rand 3) ] ];
		}
		push @journeys, [ sort { $a->[0] <=> $b->[0] || $a->[1] cmp $b->[1] } @events ];
	}
	return @journeys;
}

# All patterns of a journey as lists of elements, each a sorted list of names.
sub patterns_of
{
	my ($journey, $o) = @_;
	my @events = @$journey;
	my @instants;
	if ($o->{sets})
	{
		foreach my $e (@events)
		{
			if (@instants && $instants[-1][0] == $e->[0]) { push @{ $instants[-1][1] }, $e->[1] unless $instants[-1][1][-1] eq $e->[1] }
			else { push @instants, [ $e->[0], [ $e->[1] ] ] }
		}
	}
	else { @instants = map { [ $_->[0], [ $_->[1] ] ] } @events }
	my %found;
	my $grow;
	$grow = sub {
		my ($last, $first, @elements) = @_;
		foreach my $i ($last + 1 .. $#instants)
		{
			if (@elements)
			{
				my $gap = $instants[$i][0] - $instants[$last][0];
				next if defined $o->{min_gap} && $gap < $o->{min_gap};
				next if defined $o->{max_gap} && $gap > $o->{max_gap};
				next if defined $o->{max_gap_events} && $i - $last > $o->{max_gap_events};
				next if defined $o->{max_span} && $instants[$i][0] - $instants[$first][0] > $o->{max_span};
			}
			my @names = @{ $instants[$i][1] };
			foreach my $subset (1 .. 2**@names - 1)
			{
				my @element = map { $names[$_] } grep { $subset & 1 << $_ } 0 .. $#names;
				my @longer = (@elements, \@element);
				my $length = 0;
				$length += @$_ foreach @longer;
				next if defined $o->{max_length} && $length > $o->{max_length};
				$found{ text_of(@longer) } = \@longer;
				$grow->($i, @elements ? $first : $i, @longer);
			}
		}
	};
	$grow->(-1, -1);
	return \%found;
}

sub text_of { return join ' > ', map { @$_ == 1 ? $_->[0] : '{' . join(' ', @$_) . '}' } @_ }

# Is pattern a part of pattern b?
sub part_of
{
	my ($a, $b) = @_;
	my $i = 0;
	foreach my $element (@$b)
	{
		last if $i == @$a;
		my %has = map { $_ => 1 } @$element;
		$i++ unless grep { !$has{$_} } @{ $a->[$i] };
	}
	return $i == @$a;
}

sub length_of { my $n = 0; $n += @$_ foreach @{ $_[0] }; return $n }

sub brute
{
	my ($o, @journeys) = @_;
	my (%support, %pattern);
	foreach my $journey (@journeys)
	{
		my $found = patterns_of($journey, $o);
		$support{$_}++, $pattern{$_} = $found->{$_} foreach keys %$found;
	}
	my @frequent = grep { $support{$_} >= $o->{min_count} } keys %support;
	my @kept = @frequent;
	if ($o->{kind} ne 'all')
	{
		@kept = grep {
			my $p = $_;
			!grep { $_ ne $p && length_of($pattern{$_}) > length_of($pattern{$p}) && ($o->{kind} eq 'maximal' || $support{$_} == $support{$p}) && part_of($pattern{$p}, $pattern{$_}) } @frequent
		} @frequent;
	}
	@kept = grep { length_of($pattern{$_}) >= $o->{min_length} } @kept if defined $o->{min_length};
	@kept = grep { my $p = $_; grep { $_ eq $o->{starts_with} } @{ $pattern{$p}[0] } } @kept if defined $o->{starts_with};
	@kept = grep { my $p = $_; grep { $_ eq $o->{ends_with} } @{ $pattern{$p}[-1] } } @kept if defined $o->{ends_with};
	@kept = grep { my $p = $_; grep { $_ eq $o->{contains} } map { @$_ } @{ $pattern{$p} } } @kept if defined $o->{contains};
	return join ', ', sort map { "$_ $support{$_}" } @kept;
}

my ($wrong, $unequal, $nonempty) = (0, 0, 0);
foreach my $round (1 .. 300)
{
	my %o = (min_count => 1 + int rand 4, kind => (qw(all closed maximal))[ int rand 3 ], sets => rand() < 0.4);
	my @journeys = population($o{sets});
	$o{max_length} = 1 + int rand 5 if rand() < 0.3;
	$o{min_length} = 1 + int rand 3 if rand() < 0.3;
	$o{min_gap} = 1 + int rand 4 if rand() < 0.25;
	$o{max_gap} = int rand 8 if rand() < 0.3;
	$o{max_gap_events} = 1 + int rand 3 if rand() < 0.3;
	$o{max_span} = int rand 12 if rand() < 0.3;
	$o{starts_with} = (qw(a b c d))[ int rand 4 ] if rand() < 0.15;
	$o{ends_with} = (qw(a b c d))[ int rand 4 ] if rand() < 0.15;
	$o{contains} = (qw(a b c d))[ int rand 4 ] if rand() < 0.15;
	my @options = ("min_count => $o{min_count}", "kind => '$o{kind}'");
	push @options, "same_time => 'set'" if $o{sets};
	push @options, "$_ => $o{$_}" foreach grep { defined $o{$_} } qw(max_length min_length max_gap_events);
	push @options, "$_ => '$o{$_} seconds'" foreach grep { defined $o{$_} } qw(min_gap max_gap max_span);
	push @options, "$_ => '$o{$_}'" foreach grep { defined $o{$_} } qw(starts_with ends_with);
	push @options, "contains => '{$o{contains}}'" if defined $o{contains};
	my $options = 'path_options(' . join(', ', @options) . ')';
	my $values = join ', ', map {
		"('{" . join(', ', map { sprintf "%s 2026-01-01 00:%02d:%02d+00", $_->[1], $_->[0] / 60, $_->[0] % 60 } @$_) . "}'::journey)"
	} @journeys;
	my $expected = brute(\%o, @journeys);
	my $got = $node->safe_psql('postgres', "WITH j(journey) AS (VALUES $values) SELECT p.path, p.journeys,
		p.pattern IS NULL OR p.journeys = (SELECT count(*) FROM j WHERE j.journey ~ p.pattern)
		FROM unnest((SELECT mine_paths(journey, $options) FROM j)) p");
	my @rows = map { [ split /\|/ ] } split /\n/, $got;
	my $found = join ', ', sort map { "$_->[0] $_->[1]" } @rows;
	$nonempty++ if $found ne '';
	if ($found ne $expected)
	{
		diag "$options\n$values\n got $found\n expected $expected" if $wrong++ < 3;
	}
	if (grep { $_->[2] ne 't' } @rows)
	{
		diag "$options\n$values\n patterns find others than were counted: " . join ', ', map { $_->[0] } grep { $_->[2] ne 't' } @rows if $unequal++ < 3;
	}
}
is($wrong, 0, '300 random populations mined as by trying every embedding');
is($unequal, 0, 'every pattern finds as many journeys as were counted');
cmp_ok($nonempty, '>', 150, 'most populations have patterns');

$node->stop;
done_testing();
