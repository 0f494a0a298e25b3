# The examples of the manual: every ```sql block that a plain ``` block follows
# is run, and must print what the manual shows.  The blocks of a page share a
# session, in a database of their own.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use IPC::Run;
use Test::More;

my @pages = ('README.md', glob('doc/*.md'));

my $node = PostgreSQL::Test::Cluster->new('documentation');
$node->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "timezone = 'UTC'\ndatestyle = 'ISO'\nmax_parallel_workers_per_gather = 0\njit = off\n");
$node->start;

# A page as a list of [line, query, expected or undef].
sub examples
{
	my ($text) = @_;
	my @found;
	my $line = 1;
	my ($language, @block, $start);
	my $adjacent = 0;    # nothing but blank lines since the last sql block

	foreach (split /\n/, $text)
	{
		if (/^```(\S*)\s*$/ && !defined $language)
		{
			($language, $start, @block) = ($1, $line);
		}
		elsif (/^```\s*$/)
		{
			my $content = join "\n", @block;
			if ($language eq 'sql')
			{
				push @found, [ $start, $content, undef ];
				$adjacent = 1;
			}
			else
			{
				$found[-1][2] = $content if $language eq '' && $adjacent;
				$adjacent = 0;
			}
			undef $language;
		}
		elsif (defined $language) { push @block, $_; }
		elsif (/\S/) { $adjacent = 0; }
		$line++;
	}
	return @found;
}

# What psql prints, without trailing blanks and empty lines.
sub tidy
{
	my ($text) = @_;
	$text =~ s/^psql:[^\n]*?: (?=ERROR|NOTICE|WARNING)//mg;
	$text =~ s/[ \t]+$//mg;
	$text =~ s/\n+/\n/g;
	$text =~ s/^\n|\n$//g;
	return $text;
}

my $checked = 0;
foreach my $page (@pages)
{
	my $name = lc($page =~ s/.*\///r =~ s/\W/_/gr);
	my @examples = examples(slurp_file($page));
	next unless @examples;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	# one session a page; a marker before each block tells the outputs apart
	my $script = "\\set VERBOSITY default\n\\pset pager off\n";
	my $n = 0;
	$script .= "\\echo >>>>" . $n++ . "\n\\warn >>>>\n$_->[1]\n" foreach @examples;
	my $file = script_file($script);
	my $out = '';
	IPC::Run::run([ 'psql', '-X', '-q', '-h', $node->host, '-p', $node->port, '-d', $name, '-f', $file ],
		'>', \$out, '2>&1');
	my %output;
	my $current;
	foreach (split /\n/, $out)
	{
		if (/^>>>>(\d+)$/) { $current = $1; $output{$current} = ''; }
		elsif (/^>>>>$/) { next; }
		elsif (defined $current) { $output{$current} .= "$_\n"; }
	}
	for my $i (0 .. $#examples)
	{
		my ($start, $query, $expected) = @{ $examples[$i] };
		my $got = tidy($output{$i} // '');

		ok(0, "$page, line $start was not reached") unless exists $output{$i};
		if (defined $expected)
		{
			is($got, tidy($expected), "$page, line $start");
			$checked++;
		}
		else
		{
			unlike($got, qr/ERROR:/, "$page, line $start runs") if exists $output{$i};
		}
	}
}
cmp_ok($checked, '>', 0, 'there are examples');
$node->stop;
done_testing();

sub script_file
{
	my ($content) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/script.sql';
	open my $fh, '>', $file or die "$file: $!";
	print $fh $content;
	close $fh;
	return $file;
}
