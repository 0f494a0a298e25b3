#!/usr/bin/perl
# Load for followed events: scripts for pgbench, which this writes to a directory.
# Used by test/t/071_live_random.pl and test/tools/chaos.sh.
#
#	live_load.pl DIRECTORY [truncate]
#
# The table is "events" (customer_id, occurred_at, event, channel), followed as
# "now" (immediate) and "later" (deferred); customers are 1 to :customers.
use strict;
use warnings;

my ($dir, $truncate) = @ARGV;
my $names = q{(ARRAY['view', 'search', 'cart', 'purchase', 'call', 'café crème'])};
my $row = qq{'2026-01-01 00:00+00'::timestamptz + :at * interval '1 minute', ${names}[1 + (:at + i) % 6], CASE WHEN i % 3 > 0 THEN 'web' END};
my $random = "\\set c random(1, :customers)\n\\set d random(1, :customers)\n\\set at random(1, 100000)\n";

# weight and statements
my %scripts = (
	one => [ 20, "INSERT INTO events SELECT :c, $row FROM generate_series(:d, :d) i;" ],
	batch => [ 20, "INSERT INTO events SELECT 1 + (:c + i * i) % :customers, $row FROM generate_series(1, 30) i;" ],
	many => [ 3, "INSERT INTO events SELECT :c, $row FROM generate_series(1, 40) i;" ],
	bad => [ 2, "INSERT INTO events SELECT :c, 'infinity', 'never' FROM generate_series(1, 2) i;" ],
	nobody => [ 2, "INSERT INTO events SELECT NULL, $row FROM generate_series(1, 2) i;" ],
	update => [ 8, "UPDATE events SET channel = 'store' WHERE customer_id IN (:c, :d) AND event = 'cart';" ],
	move => [ 5, "UPDATE events SET customer_id = :c WHERE customer_id = :d AND event <> 'call';" ],
	delete => [ 8, "DELETE FROM events WHERE customer_id IN (:c, :d) AND event IN ('view', 'search', 'never');" ],
	erase => [ 4, "DELETE FROM events WHERE customer_id BETWEEN :c AND :c + 2;" ],
	rollback => [ 4, "BEGIN;\nINSERT INTO events SELECT :c, $row FROM generate_series(1, 3) i;\nROLLBACK;" ],
	transaction => [ 6, "BEGIN;\nINSERT INTO events SELECT :c, $row FROM generate_series(1, 3) i;\nDELETE FROM events WHERE customer_id = :c AND event = 'view';\nCOMMIT;" ],
	catch_up => [ 2, "CALL journey_catch_up('later', 200);" ],
	split => [ 2, "SELECT journey_catch_up_split('later', NULL, 0);" ],
	($truncate ? (truncate => [ 1, 'TRUNCATE events;' ]) : ()),
	read => [ 6, "SELECT n.journey IS NOT DISTINCT FROM l.journey FROM now n FULL JOIN later l USING (customer) WHERE customer = :c;" ],
	# one snapshot, in which everything agrees; division by zero where it does not
	agree => [ 3, q{SELECT 1 / (count(*) = 0)::int FROM (
    SELECT customer_id AS customer, journey_agg(occurred_at, event, channel) AS journey
    FROM events WHERE isfinite(occurred_at) AND customer_id BETWEEN :c AND :c + 20 GROUP BY 1) e
FULL JOIN (SELECT * FROM now WHERE customer BETWEEN :c AND :c + 20) n USING (customer)
FULL JOIN (SELECT * FROM later WHERE customer BETWEEN :c AND :c + 20) l USING (customer)
WHERE :backfilled AND (n.journey IS DISTINCT FROM e.journey OR l.journey IS DISTINCT FROM e.journey);} ]);
foreach my $name (sort keys %scripts)
{
	my ($weight, $sql) = @{ $scripts{$name} };
	open my $file, '>', "$dir/$name.sql" or die "$dir/$name.sql: $!\n";
	print $file $random, $sql, "\n";
	close $file;
	print "$dir/$name.sql\@$weight\n";
}
