# Input that is wrong is reported softly where the server can: pg_input_is_valid
# and COPY ... ON_ERROR must never see an error thrown.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('soft');
$node->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
$node->start;
if ($node->safe_psql('postgres', "SELECT current_setting('server_version_num')::int < 160000") eq 't')
{
	$node->stop;
	plan skip_all => 'soft errors came with PostgreSQL 16';
}
$node->safe_psql('postgres', 'CREATE EXTENSION customer_journey');

my $time = '2026-01-01 00:00:00+00';
my %wrong = (
	'syntax' => "'{view}'",
	'no offset' => "'{view 2026-01-01 00:00:00}'",
	'no such day' => "'{view 2026-02-30 00:00:00+00}'",
	'value out of range' => "'{view(1e999) $time}'",
	'name too long' => "'{' || repeat('x', 65536) || ' $time}'",
	'channel too long' => "'{a\@' || repeat('x', 65536) || ' $time}'",
	'item too long' => "'{a#' || repeat('x', 65536) || ' $time}'",
	'quote not closed' => "'{\"view $time}'",
	'too many events' => "'{' || repeat('a $time, ', 10) || 'a $time}'");
foreach my $case (sort keys %wrong)
{
	is($node->safe_psql('postgres', qq{
SET customer_journey.max_events = 10;
SELECT pg_input_is_valid($wrong{$case}, 'journey')}), 'f', "$case is reported softly");
}
is($node->safe_psql('postgres', "SELECT pg_input_is_valid('{view $time}', 'journey')"), 't', 'what is right is valid');
is($node->safe_psql('postgres', "SELECT pg_input_is_valid('$_', 'propensity_sums')"), 'f', "sums of $_ are reported softly")
  foreach 'x', '\x0101', '\x0101' . '00' x 12, '\x0101' . '00' x 11 . '0301' . 'ff' x 2, '\x0301' . '00' x 12;
$node->stop;
done_testing();
