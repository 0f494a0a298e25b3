# Dump and restore by the owner of the database, who is no superuser; then into
# databases of other encodings.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('dump');
my $dir = $node->basedir;
my $shop = add_database($node, 'shop', 'merchant');

# Runs as the owner.
sub as_owner
{
	my ($database, $sql) = @_;
	return $node->safe_psql($database, $sql, connstr => connection($node, $database, 'merchant'));
}

sub dump_database
{
	my ($database, $file, @options) = @_;
	command_ok([ 'pg_dump', '--dbname', connection($node, $database, 'merchant'), '--file', $file, @options ],
		"the owner dumps $database @options");
}

# The lines of a dump, but for the random keys that newer releases print; rows
# of a table are in no order.
sub dump_lines
{
	my ($file) = @_;
	return [ sort grep { !/^\\(?:un)?restrict / } split /\n/, slurp_file($file) ];
}

as_owner('shop', 'CREATE EXTENSION customer_journey');
as_owner('shop', sample_events(300));
as_owner('shop', q{
CREATE TABLE journeys (
    customer_id int PRIMARY KEY,
    journey journey NOT NULL DEFAULT '{signup@web 2026-01-01 00:00:00+00}',
    events bigint GENERATED ALWAYS AS (journey_length(journey)) STORED,
    CHECK (journey_length(journey) < 1000000));
INSERT INTO journeys } . journeys_of() . q{;
INSERT INTO journeys VALUES (-1, DEFAULT), (-2, '{}');
CREATE INDEX journeys_gin ON journeys USING gin (journey);
CREATE INDEX journeys_start ON journeys (journey_start(journey));
CREATE INDEX journeys_buyers ON journeys (customer_id) WHERE journey @> '{purchase}';
CREATE INDEX journeys_hash ON journeys USING hash (journey);
CREATE INDEX journeys_converted ON journeys (customer_id) WHERE journey ~ 'view -> purchase';
CREATE TABLE segments (name text PRIMARY KEY, pattern journey_pattern NOT NULL DEFAULT 'view+ -> purchase', UNIQUE (pattern));
INSERT INTO segments VALUES ('default', DEFAULT), ('quoted', '"says ""hi""" -[<= 30 days, !購入]-> .@[web|app]'),
    ('letters', 'größer (view | search){2,3} -> 購入(value >= 10) WITHIN 60 days');
CREATE STATISTICS journeys_stat ON journey_length(journey), journey_end(journey) FROM journeys;
CREATE VIEW buyers AS
    SELECT customer_id, journey || journey_of('2027-01-01 00:00+00', 'view') AS journey
    FROM journeys WHERE journey && ARRAY['purchase', 'call centre'];
CREATE MATERIALIZED VIEW sessions AS
    SELECT customer_id, journey_merge(s) AS journey
    FROM journeys, journey_sessions(journey, gap => '1 hour') AS s GROUP BY customer_id;
CREATE UNIQUE INDEX ON sessions (customer_id);
CREATE TABLE parts (customer_id int, journey journey) PARTITION BY HASH (journey);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT customer_id, journey FROM journeys;
CREATE DOMAIN short_journey AS journey CHECK (journey_length(VALUE) <= 30);
CREATE TABLE containers (customer_id int, journey journey, kept journey[], brief short_journey, one journey_event);
INSERT INTO containers
    SELECT customer_id, journey, ARRAY[journey, NULL, '{}'], journey_filter(journey, '{view}'), journey_event(journey, 1)
    FROM journeys WHERE customer_id BETWEEN 2 AND 40;
DROP TABLE events;
CREATE FUNCTION first_day(j journey DEFAULT '{}') RETURNS journey LANGUAGE sql IMMUTABLE
    BEGIN ATOMIC SELECT journey_slice(j, tstzrange(NULL, journey_start(j) + interval '1 day')); END;
ANALYZE});

my @tables = qw(journeys buyers sessions parts parts_0 parts_1 containers);
my %original = map { $_ => contents_of($node, 'shop', $_) } @tables;
my $probes = q{
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM journeys WHERE journey @> '{purchase,view}';
SELECT count(*) FROM journeys WHERE journey @> '{purchase,view}';
EXPLAIN (COSTS OFF) SELECT count(*) FROM journeys WHERE journey_start(journey) < '2026-01-20';
SELECT count(*) FROM journeys WHERE journey_start(journey) < '2026-01-20 00:00+00';
SELECT sum(events), sum(events) = sum(journey_length(journey)) FROM journeys;
SELECT count(*) FROM journeys WHERE journey ~ 'view -> purchase';
SELECT name, pattern, journey_pattern_send(pattern) FROM segments ORDER BY name;
SELECT name, count(*) FROM segments JOIN journeys ON journey ~ pattern GROUP BY 1 ORDER BY 1;
SELECT count(*), md5(string_agg(c::text, '|' ORDER BY customer_id)) FROM containers c;
SELECT md5(string_agg(first_day(journey)::text, '|' ORDER BY customer_id)) FROM journeys;};
my $answers = as_owner('shop', $probes);
like($answers, qr/Index Scan on journeys_gin.*Index Scan.* journeys_start/s, 'the indexes answer');

# ---- into another database of the owner's ----

dump_database('shop', "$dir/shop.sql");
dump_database('shop', "$dir/shop.custom", '--format=custom');
dump_database('shop', "$dir/shop.inserts", '--rows-per-insert=50', '--column-inserts');

my %restore = (
	plain => [ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '--file', "$dir/shop.sql" ],
	inserts => [ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '--file', "$dir/shop.inserts" ],
	custom => [ 'pg_restore', '--exit-on-error', '--jobs=2', "$dir/shop.custom" ]);
foreach my $format (sort keys %restore)
{
	my $database = "shop_$format";
	my ($program, @arguments) = @{ $restore{$format} };

	my $target = add_database($node, $database, 'merchant');
	command_ok([ $program, '--dbname', $target, @arguments ], "the owner restores the $format dump");
	is(contents_of($node, $database, $_), $original{$_}, "$format: $_ has the same bytes") foreach @tables;
	as_owner($database, 'ANALYZE');
	is(as_owner($database, $probes), $answers, "$format: indexes, columns and functions answer as before");
	dump_database($database, "$dir/again.$format");
	is_deeply(dump_lines("$dir/again.$format"), dump_lines("$dir/shop.sql"), "$format: dumped again, it is the same");
}

# ---- a table at a time, in binary ----

as_owner('shop_plain', 'TRUNCATE journeys');
command_ok([ 'psql', '-qX', '--dbname', $shop, '-c',
		"\\copy (SELECT customer_id, journey FROM journeys) TO '$dir/journeys.bin' (FORMAT binary)" ], 'binary COPY out');
command_ok([ 'psql', '-qX', '--dbname', connection($node, 'shop_plain', 'merchant'), '-c',
		"\\copy journeys (customer_id, journey) FROM '$dir/journeys.bin' (FORMAT binary)" ], 'binary COPY in');
is(contents_of($node, 'shop_plain', 'journeys'), $original{journeys}, 'binary COPY keeps the bytes');

# ---- other encodings ----

# Names that LATIN1 has; events are compared in UTF-8.
add_database($node, 'western', 'merchant');
as_owner('western', 'CREATE EXTENSION customer_journey');
as_owner('western', sample_events(100, q(ARRAY['view', 'größer', 'café crème', 'niño'])));
as_owner('western', 'CREATE TABLE journeys AS ' . journeys_of() . q{;
CREATE TABLE segments AS SELECT 'größer -> "café crème"@web'::journey_pattern AS pattern});
dump_database('western', "$dir/western.sql");
dump_database('western', "$dir/western.latin1", '--encoding=LATIN1');
my $events = q{SET client_encoding = 'UTF8'; SELECT customer_id, e.* FROM journeys, journey_events(journey) e ORDER BY 1, 2};
my $western = as_owner('western', $events);
my $segments = 'SELECT count(*), sum(customer_id) FROM journeys JOIN segments ON journey ~ pattern';
my $customers = as_owner('western', $segments);
unlike($customers, qr/^0/, 'patterns match some of them');
like($western, qr/\|caf\xc3\xa9 cr\xc3\xa8me\|/, 'names beyond ASCII are there');

foreach my $file ('western.sql', 'western.latin1')
{
	my $database = $file =~ s/\./_/r;
	my $target = add_database($node, $database, 'merchant', q{ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
	command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '--dbname', $target, '--file', "$dir/$file" ],
		"$file goes into a LATIN1 database");
	is(as_owner($database, $events), $western, 'and means the same there');
	is(as_owner($database, $segments), $customers, 'and patterns match the same journeys');
	is(as_owner($database, q{SELECT count(*) FROM journeys WHERE journey <> (
		SELECT journey_agg(occurred_at, event, channel, value, item) FROM events e WHERE e.customer_id = journeys.customer_id)}),
		0, 'and is what the events make there');
}

# Binary values carry the client's encoding, as text values do.
sub copy_binary
{
	my ($database, $encoding, $copy) = @_;
	return [ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '--dbname',
		connection($node, $database, 'merchant') . " client_encoding=$encoding", '-c', "\\copy $copy (FORMAT binary)" ];
}

as_owner('western_latin1', 'TRUNCATE journeys');
command_ok(copy_binary('western', 'LATIN1', "journeys TO '$dir/western.bin'"), 'binary COPY out in LATIN1');
command_ok(copy_binary('western_latin1', 'LATIN1', "journeys FROM '$dir/western.bin'"), 'binary COPY into LATIN1');
is(as_owner('western_latin1', $events), $western, 'the journeys mean the same');
as_owner('western_latin1', 'TRUNCATE journeys');
command_ok(copy_binary('western', 'UTF8', "journeys TO '$dir/western.bin'"), 'binary COPY out in UTF-8');
command_ok(copy_binary('western_latin1', 'UTF8', "journeys FROM '$dir/western.bin'"), 'binary COPY of it into LATIN1');
is(as_owner('western_latin1', $events), $western, 'the journeys mean the same');

my $ascii = add_database($node, 'bytes', 'merchant', q{ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0});
command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '--dbname', $ascii, '--file', "$dir/western.sql" ],
	'into a SQL_ASCII database');
is(contents_of($node, 'bytes', 'journeys'), contents_of($node, 'western', 'journeys'),
	'which knows no encoding and keeps the bytes');

# The text that a LATIN1 database prints reads back in a UTF-8 one.
my $printed = as_owner('western_latin1', q{SET client_encoding = 'UTF8'; SELECT journey FROM journeys WHERE customer_id = 7});
is(as_owner('western', qq{SELECT journey = '$printed' FROM journeys WHERE customer_id = 7}), 't',
	'what LATIN1 prints, UTF-8 reads');

# Names that LATIN1 lacks are refused, whichever way they come.
is(sqlstate_of($node, 'western_latin1', q{SET client_encoding = 'UTF8'; SELECT '{購入 2026-01-01 00:00+00}'::journey}),
	'22P05', 'a name that the encoding lacks is an error');
command_fails_like(copy_binary('western_latin1', 'UTF8', "journeys FROM '$dir/journeys.bin'"),
	qr/has no equivalent in encoding "LATIN1"/, 'in binary, too');

done_testing();
