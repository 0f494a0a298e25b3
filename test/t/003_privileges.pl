# Installed and used by roles that are no superusers, in a schema of their
# choice, with an empty search path; and what a malicious role cannot do.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use Test::More;

my $node = start_node('privileges');
add_database($node, 'crm', 'merchant');
$node->safe_psql('postgres', 'CREATE ROLE analyst LOGIN; CREATE ROLE mallory LOGIN');

# Every statement runs with nothing but pg_catalog in the path.
sub as_role
{
	my ($role, $sql) = @_;
	return $node->safe_psql('crm', "SET search_path = ''; $sql", connstr => connection($node, 'crm', $role));
}

sub state_for
{
	my ($role, $sql) = @_;
	return sqlstate_of($node, 'crm', "SET search_path = '';\n$sql", connstr => connection($node, 'crm', $role));
}

# ---- creating the extension ----

is(state_for('mallory', 'CREATE EXTENSION customer_journey SCHEMA public'), '42501',
	'who does not own the database cannot create the extension');
as_role('merchant', q{CREATE SCHEMA "customer analytics"; CREATE EXTENSION customer_journey SCHEMA "customer analytics"});
is(as_role('merchant', q{SELECT extnamespace::regnamespace, extowner::regrole FROM pg_extension WHERE extname = 'customer_journey'}),
	'"customer analytics"|merchant', 'the owner of the database creates it in a schema with a name that needs quotes');
is(as_role('merchant', q{SELECT count(*) FROM pg_proc WHERE proname LIKE 'journey%' AND pronamespace <> '"customer analytics"'::regnamespace}),
	0, 'all functions are in that schema');
is(state_for('merchant', 'ALTER EXTENSION customer_journey SET SCHEMA public'), '0A000', 'where it stays');
as_role('merchant', 'DROP EXTENSION customer_journey; DROP SCHEMA "customer analytics"');

# A role that may write to the schema cannot smuggle its own objects in.
as_role('merchant', 'CREATE SCHEMA cj; GRANT CREATE, USAGE ON SCHEMA cj TO mallory');
foreach my $trap (
	q{CREATE FUNCTION cj.journey_eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'},
	q{CREATE FUNCTION cj.byteacmp(bytea, bytea) RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$caught$$; END'},
	q{CREATE FUNCTION cj.journey_support(anyelement) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$caught$$; END'},
	q{CREATE TYPE cj.timestamptz AS (caught int)},
	q{CREATE DOMAIN cj.text AS pg_catalog.text CHECK (VALUE = 'caught')},
	q{CREATE DOMAIN cj."interval" AS pg_catalog.interval CHECK (VALUE IS NULL)})
{
	state_for('mallory', $trap);
}
cmp_ok(as_role('merchant', q{SELECT count(*) FROM pg_proc WHERE pronamespace = 'cj'::regnamespace}), '>=', 3, 'traps are laid');
as_role('merchant', 'CREATE EXTENSION customer_journey SCHEMA cj');
is(as_role('merchant', q{
SELECT DISTINCT p.oid::regprocedure FROM pg_depend m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass,
       LATERAL (SELECT d.refclassid, d.refobjid FROM pg_depend d
                WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'n') AS r
WHERE m.refclassid = 'pg_extension'::regclass AND m.deptype = 'e'
  AND coalesce((SELECT proowner FROM pg_proc WHERE oid = r.refobjid AND r.refclassid = 'pg_proc'::regclass),
               (SELECT typowner FROM pg_type WHERE oid = r.refobjid AND r.refclassid = 'pg_type'::regclass)) = 'mallory'::regrole}),
	'', 'no function depends on an object of another role');
is(as_role('merchant', q{
SELECT amproc FROM pg_opfamily f JOIN pg_amproc ON amprocfamily = f.oid WHERE opfnamespace = 'cj'::regnamespace AND amprocnum = 1
AND opfmethod = (SELECT oid FROM pg_am WHERE amname = 'gin')}), 'byteacmp', 'GIN compares with pg_catalog\'s function');

# What is there already is not taken over: creating the extension fails whole.
as_role('merchant', 'DROP EXTENSION customer_journey');
as_role('mallory', q{CREATE FUNCTION cj.journey_path(integer, text DEFAULT '') RETURNS text LANGUAGE sql AS 'SELECT $$caught$$';
CREATE OPERATOR cj.|| (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);
CREATE TYPE cj.journey_event AS (caught int)});
is(state_for('merchant', 'CREATE EXTENSION customer_journey SCHEMA cj'), '42710',
	'an existing type of another role stops the installation');
is(as_role('merchant', q{SELECT count(*) FROM pg_type WHERE typname = 'journey'}), 0, 'and nothing is left of it');
as_role('mallory', 'DROP OWNED BY mallory');
as_role('merchant', 'CREATE EXTENSION customer_journey SCHEMA cj; REVOKE CREATE ON SCHEMA cj FROM mallory');

# ---- every kind of use with an empty search path ----

as_role('merchant', q{
CREATE SCHEMA shop;
CREATE TABLE shop.events (customer_id int, occurred_at timestamptz, event text, channel text, value float8);
INSERT INTO shop.events
    SELECT i % 500, timestamptz '2026-01-01 00:00+00' + i * interval '7 minutes',
           (ARRAY['view', 'cart', 'purchase', 'call'])[1 + abs(hashint4(i)::bigint) % 4], 'web', i % 9
    FROM generate_series(1, 20000) AS i WHERE i % 500 < 300 OR hashint4(i) % 9 = 0;
CREATE TABLE shop.journeys AS
    SELECT customer_id, cj.journey_agg(occurred_at, event, channel, value) AS journey FROM shop.events GROUP BY 1;
CREATE INDEX ON shop.journeys USING gin (journey);
CREATE INDEX ON shop.journeys (journey);
CREATE INDEX ON shop.journeys USING hash (journey);
ANALYZE shop.events; ANALYZE shop.journeys;});

my %answers = (
	q{SELECT '{view@web 2026-01-01 00:00:00+00}'::cj.journey} => '{view@web 2026-01-01 00:00:00+00}',
	q{SELECT cj.journey_of('2026-01-01 00:00+00', 'view') OPERATOR(cj.||) cj.journey_of('2026-01-02 00:00+00', 'cart')}
		=> '{view 2026-01-01 00:00:00+00, cart 2026-01-02 00:00:00+00}',
	q{SELECT cj.journey_length(journey OPERATOR(cj.-) journey) FROM shop.journeys WHERE customer_id = 3} => '0',
	q{SELECT (SELECT count(*) FROM shop.journeys WHERE journey OPERATOR(cj.@>) '{purchase,view}')
	       = (SELECT count(*) FROM shop.journeys WHERE cj.journey_count(journey, 'purchase') > 0 AND cj.journey_count(journey, 'view') > 0)} => 't',
	q{SELECT (SELECT count(*) FROM shop.journeys WHERE '{purchase}'::text[] OPERATOR(cj.<@) journey)
	       = (SELECT count(*) FROM shop.journeys WHERE journey OPERATOR(cj.&&) '{purchase}')} => 't',
	q{SELECT count(*) = (SELECT count(*) FROM shop.journeys) FROM shop.journeys a JOIN shop.journeys b ON a.journey OPERATOR(cj.=) b.journey} => 't',
	q{SELECT count(DISTINCT journey) = count(*) FROM shop.journeys} => 't',
	q{SELECT max(n) FROM (SELECT count(*) AS n FROM shop.journeys GROUP BY journey) g} => '1',
	q{SELECT sum(cj.journey_length(journey)) = (SELECT count(*) FROM shop.events) FROM shop.journeys} => 't',
	q{SELECT count(*) = (SELECT count(*) FROM shop.events) FROM shop.journeys, cj.journey_events(journey)} => 't',
	q{SELECT sum(events) = (SELECT count(*) FROM shop.events) FROM shop.journeys, cj.journey_channels(journey, idle => '1 hour')} => 't',
	q{SELECT count(*) > 0 FROM shop.journeys, cj.journey_sessions(journey)} => 't',
	q{SELECT bool_and(journey::jsonb::cj.journey OPERATOR(cj.=) journey) FROM shop.journeys} => 't',
	q{SELECT cj.journey_length(cj.journey_merge(journey)) = (SELECT count(*) FROM shop.events) FROM shop.journeys} => 't',
	q{SELECT count(*) > 0 FROM (SELECT cj.sessionize(occurred_at, '1 day') OVER (PARTITION BY customer_id ORDER BY occurred_at) FROM shop.events) s} => 't',
	q{SELECT (cj.journey_event(journey, 1)).occurred_at = cj.journey_start(journey) FROM shop.journeys WHERE customer_id = 5} => 't');
my %joins = (merge => 'hashjoin', hash => 'mergejoin');
foreach my $query (sort keys %answers)
{
	is(as_role('merchant', $query), $answers{$query}, $query);
}
foreach my $join (sort keys %joins)
{
	my $set = "SET enable_nestloop = off; SET enable_$joins{$join} = off;";
	my $query = 'SELECT count(*) = (SELECT count(*) FROM shop.journeys) FROM shop.journeys a JOIN shop.journeys b ON a.journey OPERATOR(cj.=) b.journey';
	like(as_role('merchant', "$set EXPLAIN (COSTS OFF) $query"), qr/\u$join Join/, "$join join is planned");
	is(as_role('merchant', "$set $query"), 't', "$join join answers");
}
my $search = q{SELECT count(*) FROM shop.journeys WHERE journey OPERATOR(cj.@>) '{purchase,view}'};
like(as_role('merchant', "SET enable_seqscan = off; EXPLAIN (COSTS OFF) $search"), qr/Bitmap Index Scan on journeys_journey_idx/,
	'GIN is found by its default operator class');
is(as_role('merchant', "SET enable_seqscan = off; $search"), as_role('merchant', "SET enable_bitmapscan = off; $search"),
	'and finds the same');
my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;';
my $merged = 'SELECT md5(cj.journey_send(cj.journey_agg(occurred_at, event, channel, value))) FROM shop.events';
like(as_role('merchant', "$parallel EXPLAIN (COSTS OFF) $merged"), qr/Partial Aggregate/, 'a parallel plan');
is(as_role('merchant', "$parallel $merged"), as_role('merchant', "SET max_parallel_workers_per_gather = 0; $merged"),
	'works with an empty path');

# ---- other roles ----

is(state_for('analyst', q{SELECT '{}'::cj.journey}), '42501', 'without USAGE on the schema its type is out of reach');
as_role('merchant', 'GRANT USAGE ON SCHEMA cj, shop TO analyst; GRANT SELECT ON shop.journeys TO analyst');
is(as_role('analyst', 'SELECT sum(cj.journey_length(journey)) > 0 FROM shop.journeys'), 't', 'with it, all functions are usable');
is(state_for('analyst', 'SELECT count(*) FROM shop.events'), '42501', 'which give no way around the tables\' own rights');

# The setting is everyone's, within bounds, and its prefix is reserved.
is(state_for('analyst', q{LOAD '$libdir/customer_journey'}), '42501', 'only superusers load files as they like');
is(as_role('analyst', q{SELECT cj.journey_length('{}'); SET customer_journey.max_events = 3; SHOW customer_journey.max_events}),
	"0\n3", 'any role sets the limit of events');
is(state_for('analyst', q{SET customer_journey.max_events = 3;
SELECT cj.journey_merge(journey) FROM shop.journeys}), '54000', 'the limit holds');
is(state_for('analyst', q{SELECT cj.journey_length('{}'); SET customer_journey.max_events = 0}), '22023', 'a limit out of range is an error');
is(state_for('analyst', q{SELECT cj.journey_length('{}'); SET customer_journey.max_event = 5}), '42602', 'so is a setting that is not there');
is(state_for('merchant', 'ALTER DATABASE crm SET customer_journey.max_events = 4'), '42501',
	'before the library is loaded, the server does not know whose the setting is');
as_role('merchant', q{SELECT cj.journey_length('{}'); ALTER DATABASE crm SET customer_journey.max_events = 4});
is(state_for('analyst', 'SELECT cj.journey_merge(journey) FROM shop.journeys'), '54000', 'the owner sets it for the database');
as_role('merchant', q{SELECT cj.journey_length('{}'); ALTER DATABASE crm RESET customer_journey.max_events});

# ---- row-level security ----

as_role('merchant', q{
ALTER TABLE shop.journeys ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON shop.journeys TO analyst USING (customer_id < 50)});
is(as_role('analyst', 'SELECT max(customer_id) < 50 FROM shop.journeys'), 't', 'policies apply');
is(as_role('analyst', q{SELECT cj.journey_length(cj.journey_merge(journey)) FROM shop.journeys}),
	as_role('merchant', 'SELECT sum(cj.journey_length(journey)) FROM shop.journeys WHERE customer_id < 50'),
	'aggregates see the rows a role may see');
is(as_role('analyst', q{SET enable_seqscan = off; SELECT count(*) FROM shop.journeys WHERE journey OPERATOR(cj.@>) '{view}'}),
	as_role('merchant', q{SELECT count(*) FROM shop.journeys WHERE customer_id < 50 AND journey OPERATOR(cj.@>) '{view}'}),
	'so do index searches');

# ---- hands off what is not for calling ----

is(as_role('analyst', q{
SELECT p.oid::regprocedure FROM pg_depend JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
  AND proname ~ '_(combinefn|serialfn|deserialfn|finalfn|transfn|support|sel|typanalyze)$'
  AND NOT 'internal'::regtype = ANY (proargtypes)
  AND NOT EXISTS (SELECT FROM pg_aggregate WHERE p.oid IN (aggtransfn, aggcombinefn, aggfinalfn) AND aggtranstype <> 'internal'::regtype)}),
	'', 'functions over internal states cannot be called from SQL');

# NULL for every argument: no crash, no error that a user cannot mean.
my $calls = as_role('analyst', q{
SELECT format('SELECT %s FROM %s(%s) AS f', CASE WHEN proretset THEN 'count(*)' ELSE 'f' END, p.oid::regproc,
              (SELECT string_agg(format('NULL::%s', format_type(t, NULL)), ', ' ORDER BY n) FROM unnest(proargtypes) WITH ORDINALITY u(t, n)))
FROM pg_depend JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid JOIN pg_language l ON l.oid = prolang
WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass AND prokind = 'f' AND pronargs > 0 AND lanname = 'c'
  AND NOT EXISTS (SELECT FROM unnest(proargtypes) t JOIN pg_type ON pg_type.oid = t WHERE typtype = 'p' AND typname <> 'cstring')
ORDER BY 1});
my @bad = grep { state_for('analyst', $_) =~ /^XX|^57|[^0-9A-Z]/ } split /\n/, $calls;
cmp_ok(scalar(split /\n/, $calls), '>', 25, 'functions called with NULL');
is_deeply(\@bad, [], 'none fails in a way that is not the caller\'s');

as_role('merchant', 'DROP SCHEMA shop CASCADE; DROP EXTENSION customer_journey');
is(as_role('merchant', q{SELECT count(*) FROM pg_proc WHERE proname LIKE 'journey%'}), 0, 'the owner drops it');

done_testing();
