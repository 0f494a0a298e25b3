# What the TAP tests share: servers, sample events, places in the source tree.
package CustomerJourney;

use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(source_text start_node add_database connection sample_events
  journeys_of answering_functions plan_of sqlstate_of contents_of measure);

my $top = abs_path(dirname(__FILE__) . '/../..');

# Text of a file of the source tree.
sub source_text
{
	my ($path) = @_;
	open my $file, '<', "$top/$path" or die "cannot read $path: $!";
	local $/;
	return <$file>;
}

# A running server whose databases are in UTF-8; the settings are lines of
# postgresql.conf.  Autovacuum is off so that plans and catalogs hold still.
sub start_node
{
	my ($name, $settings, %init) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ], %init);
	$node->append_conf('postgresql.conf', "autovacuum = off\njit = off\n" . ($settings // ''));
	$node->start;
	return $node;
}

# A role that is no superuser and a database of its own.
sub add_database
{
	my ($node, $database, $owner, $options) = @_;

	$node->safe_psql('postgres', "CREATE ROLE $owner LOGIN")
	  if $node->safe_psql('postgres', "SELECT 1 FROM pg_roles WHERE rolname = '$owner'") eq '';
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER $owner " . ($options // ''));
	return connection($node, $database, $owner);
}

# Connection string of a role.
sub connection
{
	my ($node, $database, $role) = @_;
	return $node->connstr($database) . " user=$role";
}

# SQL that makes table "events": customers who use none, some or all of the
# attributes, with ties in time, names that need quotes, special values, and
# customer 1 with a journey that must be stored out of line.
sub sample_events
{
	my ($customers, $names) = @_;

	$names //= q(ARRAY['view', 'search', 'add-to-cart', 'purchase', 'call centre', 'says "hi"', 'größer', '購入']);
	return qq{
CREATE TABLE events AS
SELECT customer_id,
       timestamptz '2026-01-01 00:00+00'
           + (h1 % 7776) * interval '1000 seconds'
           + CASE WHEN customer_id % 3 = 0 THEN h2 % 1000000 ELSE 0 END * interval '1 microsecond' AS occurred_at,
       (names)[1 + h2 % array_length(names, 1)] AS event,
       CASE WHEN customer_id % 4 > 0 AND (customer_id % 5 > 0 OR h3 % 2 = 0)
            THEN (ARRAY['web', 'app', 'store', 'phone'])[1 + h3 % 4] END AS channel,
       CASE WHEN customer_id % 7 < 3 AND h3 % 3 > 0
            THEN CASE h1 % 50 WHEN 0 THEN 'NaN' WHEN 1 THEN 'Infinity' WHEN 2 THEN '-0'
                 ELSE (h1 % 1000)::float8 / 8 END END AS value,
       CASE WHEN customer_id % 11 < 4 AND h2 % 5 > 0 THEN 'sku-' || h1 % 100 END AS item
FROM generate_series(1, $customers) AS customer_id,
     (SELECT $names AS names) AS n,
     generate_series(1, CASE customer_id WHEN 1 THEN 20000 ELSE 1 + customer_id % 30 END) AS i,
     LATERAL (SELECT abs(hashint8(customer_id::bigint * 1000000 + i)::bigint) AS h1,
                     abs(hashint8(i::bigint * 7919 + customer_id)::bigint) AS h2,
                     abs(hashint8(customer_id::bigint * 65537 - i)::bigint) AS h3) AS h;
};
}

# The journeys of "events", as a query.
sub journeys_of
{
	return q{SELECT customer_id, journey_agg(occurred_at, event, channel, value, item) AS journey
FROM events GROUP BY customer_id};
}

# SQL that makes answer(query), one line for all its rows in any order, and
# plan(query), its plan as it ran.
sub answering_functions
{
	return q{
CREATE FUNCTION answer(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
    EXECUTE format('SELECT count(*) || '' '' || coalesce(md5(string_agg(a::text, '','' ORDER BY a::text COLLATE "C")), '''') FROM (%s) a', query) INTO result;
    RETURN result;
END $$;
CREATE FUNCTION plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; result text = '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF) ' || query LOOP result = result || line || E'\n'; END LOOP;
    RETURN result;
END $$;
};
}

sub plan_of
{
	my ($node, $database, $query, $settings) = @_;
	return $node->safe_psql($database, ($settings // '') . " EXPLAIN (COSTS OFF) $query");
}

# SQLSTATE of a statement that fails, '00000' if it does not.
sub sqlstate_of
{
	my ($node, $database, $statement, %options) = @_;
	my ($code, $out, $err) =
	  $node->psql($database, "\\set VERBOSITY verbose\n$statement", %options);

	return $code == 0 ? '00000' : $err =~ /(?:ERROR|FATAL|PANIC): +([0-9A-Z]{5}):/ ? $1 : $err;
}

# A table's key and journey columns as one digest line a row, from the bytes.
sub contents_of
{
	my ($node, $database, $table, %options) = @_;
	return $node->safe_psql($database,
		"SELECT customer_id, md5(journey_send(journey)) FROM $table ORDER BY 1, 2", %options);
}

# For measuring by hand: prints the least time of three runs of each query, in the
# schema or under the names that each variant gives it.
sub measure
{
	my ($node, $queries, %variants) = @_;

	foreach my $query (@$queries)
	{
		my @times;
		foreach my $variant (sort keys %variants)
		{
			my $best;
			foreach (1 .. 3)
			{
				my $start = time;
				$node->safe_psql('postgres', $variants{$variant}->($query));
				my $spent = time - $start;
				$best = $spent if !defined $best || $spent < $best;
			}
			push @times, sprintf('%s %.2f s', $variant, $best);
		}
		diag(join(', ', @times), ": $query");
	}
}

1;
