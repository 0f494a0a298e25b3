# Live journeys and who may do what: writers need rights on the events alone,
# readers on the journeys alone, policies hold, nobody gains rights by a trigger
# of his own; and what a dump, a replica and dropping the extension do with them.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('live', undef, allows_streaming => 'logical');
add_database($node, 'shop', 'merchant');
$node->safe_psql('postgres', 'CREATE ROLE writer LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE mallory LOGIN; CREATE ROLE heir LOGIN');

sub as_role
{
	my ($role, $sql) = @_;
	return $node->safe_psql('shop', $sql, connstr => connection($node, 'shop', $role));
}

sub state_for
{
	my ($role, $sql) = @_;
	return sqlstate_of($node, 'shop', $sql, connstr => connection($node, 'shop', $role));
}

# Customers whose journeys are not those of the events.
sub differing
{
	my ($database) = @_;
	return $node->safe_psql($database, q{
SELECT count(*) FROM journey_follow_check('shop.now', compare => true) WHERE problem <> 'no index';
SELECT count(*) FROM journey_follow_check('shop.later', compare => true) WHERE problem <> 'no index'});
}

as_role('merchant', q{
CREATE EXTENSION customer_journey;
CREATE SCHEMA shop;
CREATE TABLE shop.events (customer_id bigint, occurred_at timestamptz, event text, channel text);
INSERT INTO shop.events SELECT i % 7, '2026-01-01 00:00+00'::timestamptz + i * interval '1 hour', 'view', 'web' FROM generate_series(1, 50) i;
SELECT journey_follow('shop.events', 'customer_id', 'occurred_at', 'event', 'channel', target => 'now', chunk_events => 9);
GRANT USAGE ON SCHEMA shop TO writer, reader, mallory;
GRANT CREATE ON SCHEMA public, shop TO mallory;
GRANT INSERT, UPDATE, DELETE, TRUNCATE, SELECT ON shop.events TO writer;
GRANT SELECT ON shop.now TO reader;});

# ---- whose they are ----

$node->safe_psql('shop', q{SELECT journey_follow('shop.events', 'customer_id', 'occurred_at', 'event', 'channel', target => 'later', mode => 'deferred')});
is($node->safe_psql('shop', q{SELECT string_agg(DISTINCT relowner::regrole::text, ',') FROM pg_class WHERE relname ~ '^(now|later)(_|$)'}),
	'merchant', 'live journeys belong to the owner of the events, whoever made them');
is($node->safe_psql('shop', q{SELECT count(*) FROM pg_depend WHERE deptype = 'e' AND classid = 'pg_class'::regclass AND objid IN
	(SELECT oid FROM pg_class WHERE relname ~ '^(now|later)(_|$)')}), 0, 'and are no part of the extension');
is(state_for('mallory', q{SELECT journey_follow('shop.events', 'customer_id', 'occurred_at', 'event', target => 'public.stolen')}),
	'42501', 'only the owner of the events makes them follow');

# ---- writers and readers ----

$node->safe_psql('shop', 'GRANT SELECT ON shop.later TO reader');
as_role('writer', q{
INSERT INTO shop.events VALUES (1, '2026-02-01 00:00+00', 'purchase', 'store'), (99, '2026-02-01 00:00+00', 'purchase', NULL), (1, 'infinity', 'never', NULL);
UPDATE shop.events SET channel = 'app' WHERE customer_id = 2;
DELETE FROM shop.events WHERE customer_id = 3;
COPY shop.events FROM stdin;
5	2026-03-01 00:00+00	copied	\N
\.
});
is(differing('shop'), "1\n1", 'who may write events keeps journeys up to date (one event is set aside)');
is(state_for('writer', $_), '42501', "a writer has no rights there: $_")
  foreach 'SELECT * FROM shop.now', 'SELECT * FROM shop.now_head', 'DELETE FROM shop.later_tail', 'SELECT * FROM shop.now_aside',
  'UPDATE shop.now_follow SET filter = NULL', 'CALL journey_catch_up($$shop.later$$)';
is(as_role('reader', 'SELECT count(*) FROM shop.now; SELECT count(*) FROM shop.later'), "7\n7", 'a reader reads the view');
is(state_for('reader', $_), '42501', "and no more: $_") foreach 'SELECT * FROM shop.now_head', 'SELECT * FROM shop.events', 'SELECT * FROM shop.later_tail';
as_role('merchant', 'DELETE FROM shop.events WHERE NOT isfinite(occurred_at)');
as_role('merchant', "CALL journey_catch_up('shop.later')");
as_role('merchant', 'CALL journey_catch_up()');
is(differing('shop'), "0\n0", 'what was set aside and deleted is gone');

# What a hostile search path holds is not used by the triggers.
as_role('mallory', q{
CREATE FUNCTION public.isfinite(timestamptz) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$caught$$; END';
CREATE FUNCTION public.octet_length(text) RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$caught$$; END';
CREATE TABLE public.journey_new (caught int);});
is(state_for('writer', q{SET search_path = public, pg_catalog;
INSERT INTO shop.events VALUES (1, '2026-02-02 00:00+00', 'again', NULL);
UPDATE shop.events SET channel = 'x' WHERE event = 'again';}), '00000', 'a search path with traps is not followed');

# ---- policies ----

as_role('merchant', q{
ALTER TABLE shop.now_head ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.now_head FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON shop.now_head USING (customer = current_setting('app.customer', true)::bigint);});
is(as_role('reader', q{SET app.customer = '1'; SELECT customer FROM shop.now}), '1', 'a policy with FORCE holds for readers of the view');
as_role('writer', q{INSERT INTO shop.events SELECT c, '2026-03-02 00:00+00', 'tick', NULL FROM generate_series(1, 12) c, generate_series(1, 6);
UPDATE shop.events SET channel = 'tv' WHERE event = 'tick'; DELETE FROM shop.events WHERE customer_id = 12 OR event = 'view' AND customer_id = 5;});
is(state_for('merchant', q{CALL journey_backfill('shop.now')}), '42501', 'what builds journeys says that a policy is in its way');
as_role('merchant', 'ALTER TABLE shop.now_head NO FORCE ROW LEVEL SECURITY');
is(differing('shop'), "0\n0", 'and does not hold up what the triggers do');
as_role('merchant', 'DROP POLICY own ON shop.now_head; ALTER TABLE shop.now_head DISABLE ROW LEVEL SECURITY');

# ---- triggers of one's own ----

my $before = $node->safe_psql('shop', q{SELECT md5(string_agg(v::text, '|' ORDER BY customer)) FROM shop.now v});
as_role('mallory', q{
CREATE TABLE shop.bait (customer_id bigint, occurred_at timestamptz, event text, channel text);
CREATE TRIGGER bait AFTER INSERT ON shop.bait REFERENCING NEW TABLE AS journey_new FOR EACH STATEMENT
    EXECUTE FUNCTION journey_follow_fold('shop.now_follow');});
is(state_for('mallory', q{INSERT INTO shop.bait VALUES (1, now(), 'forged', NULL)}), '42501', 'a trigger on another\'s table does not write to these journeys');
$node->safe_psql('shop', q{CREATE TABLE shop.other (LIKE shop.events); ALTER TABLE shop.other OWNER TO merchant; GRANT ALL ON shop.other TO mallory});
as_role('mallory', q{
CREATE TRIGGER other AFTER INSERT ON shop.other REFERENCING NEW TABLE AS journey_new FOR EACH STATEMENT
    EXECUTE FUNCTION journey_follow_fold('shop.now_follow');
INSERT INTO shop.other VALUES (1, now(), 'forged', NULL);});
as_role('mallory', q{
CREATE TABLE shop.mine (customer_id bigint, occurred_at timestamptz, event text, channel text);
SELECT journey_follow('shop.mine', 'customer_id', 'occurred_at', 'event', target => 'shop.mine_live');
UPDATE shop.mine_live_follow SET head = 'shop.now_head';});
is(state_for('mallory', q{INSERT INTO shop.mine VALUES (1, now(), 'forged', NULL)}), '42501', 'nor does a row that names them as the place to write');
as_role('mallory', q{UPDATE shop.mine_live_follow SET head = 'shop.mine_live_head', filter = 'public.spy()';
CREATE FUNCTION public.spy() RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT current_user = $$mallory$$'; GRANT INSERT ON shop.mine TO writer;});
as_role('writer', q{INSERT INTO shop.mine VALUES (1, now(), 'seen', NULL)});
is($node->safe_psql('shop', 'SELECT count(*) FROM shop.mine_live'), 1, 'a filter runs as the owner of its events, not as who writes');
is($node->safe_psql('shop', q{SELECT md5(string_agg(v::text, '|' ORDER BY customer)) FROM shop.now v}), $before, 'nothing was forged');
as_role('mallory', q{CREATE TRIGGER odd AFTER INSERT ON shop.bait FOR EACH STATEMENT EXECUTE FUNCTION journey_follow_fold('((not a name')});
is($node->safe_psql('shop', 'SELECT count(*) FROM journey_follow_status()'), 3, 'who lists them is not stopped by odd triggers');
is(as_role('mallory', 'SELECT journeys FROM journey_follow_status()'), 'shop.mine_live', 'everyone sees his own');
as_role('mallory', 'DROP TABLE shop.bait, shop.mine CASCADE; SELECT journey_unfollow($$shop.mine_live$$)');
as_role('mallory', 'DROP OWNED BY mallory');
$node->safe_psql('shop', 'DROP TABLE shop.other');

# ---- a change of owner ----

$node->safe_psql('shop', 'GRANT CREATE, USAGE ON SCHEMA shop TO heir; ALTER TABLE shop.events OWNER TO heir');
is(state_for('heir', q{INSERT INTO shop.events VALUES (1, '2026-04-01 00:00+00', 'inherited', NULL)}), '42501', 'events given to another role are written again ...');
like($node->safe_psql('shop', q{SELECT problem FROM journey_follow_check('shop.now')}), qr/another owner/, '... when what the check names ...');
$node->safe_psql('shop', 'REASSIGN OWNED BY merchant TO heir; REASSIGN OWNED BY heir TO merchant');
is(state_for('merchant', q{INSERT INTO shop.events VALUES (1, '2026-04-01 00:00+00', 'inherited', NULL)}), '00000', '... has one owner');
as_role('merchant', 'GRANT INSERT ON shop.events TO writer');

# ---- dump and restore ----

as_role('merchant', q{
CREATE INDEX now_gin ON shop.now_head USING gin (journey);
INSERT INTO shop.events VALUES (1, '2026-05-01 00:00+00', NULL, NULL);
INSERT INTO shop.events SELECT 1, '2026-05-01 00:00+00'::timestamptz + i * interval '1 h', 'unfolded', NULL FROM generate_series(1, 5) i;});
my $contents = q{SELECT customer, md5(journey_send(journey)) FROM shop.now ORDER BY 1; SELECT customer, md5(journey_send(journey)) FROM shop.later ORDER BY 1;
SELECT customer, reason FROM shop.now_aside};
my $original = $node->safe_psql('shop', $contents);
my $file = $node->basedir . '/shop.sql';
$node->safe_psql('shop', 'DROP OWNED BY heir');
command_ok([ 'pg_dump', '--dbname', connection($node, 'shop', 'merchant'), '--file', $file ], 'the owner dumps');
my $restored = add_database($node, 'restored', 'merchant');
$node->safe_psql('postgres', 'ALTER DATABASE restored OWNER TO merchant');
command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '--dbname', $node->connstr('restored'), '--file', $file ], 'and restores');
is($node->safe_psql('restored', $contents), $original, 'the same journeys, noted events and events set aside');
$node->safe_psql('restored', q{
INSERT INTO shop.events VALUES (1, '2026-05-02 00:00+00', 'after', 'web'), (100, '2026-05-02 00:00+00', 'after', 'web');
UPDATE shop.events SET event = 'named' WHERE event IS NULL; DELETE FROM shop.events WHERE customer_id = 4;
CALL journey_catch_up('shop.later')});
is(differing('restored'), "0\n0", 'and events go on being followed');
$node->safe_psql('restored', q{CALL journey_backfill('shop.now'); SELECT journey_follow_mode('shop.now', 'deferred')});
$node->safe_psql('restored', q{INSERT INTO shop.events VALUES (1, '2026-05-03 00:00+00', 'after', 'web')});
is(differing('restored'), "0\n0", 'in the other mode too');

# ---- logical replication ----

# The first copy and the changes apply as a replica: statement triggers do not
# fire, the check says so, and mends it; or the journeys' tables are replicated.
$node->safe_psql('postgres', 'CREATE DATABASE replica');
$node->safe_psql('replica', q{CREATE EXTENSION customer_journey; CREATE SCHEMA shop;
CREATE TABLE shop.events (customer_id bigint, occurred_at timestamptz, event text, channel text);
SELECT journey_follow('shop.events', 'customer_id', 'occurred_at', 'event', 'channel', target => 'now');
SELECT journey_follow('shop.events', 'customer_id', 'occurred_at', 'event', 'channel', target => 'later', mode => 'deferred');});
$node->safe_psql('shop', q{ALTER TABLE shop.events REPLICA IDENTITY FULL; CREATE PUBLICATION events FOR TABLE shop.events;
SELECT pg_create_logical_replication_slot('events', 'pgoutput')});
$node->safe_psql('replica', "CREATE SUBSCRIPTION events CONNECTION '" . $node->connstr . " dbname=shop' PUBLICATION events WITH (create_slot = false, slot_name = 'events')");
$node->poll_query_until('replica', q{SELECT bool_and(srsubstate IN ('r', 's')) FROM pg_subscription_rel}) or die 'no first copy';
$node->safe_psql('shop', q{INSERT INTO shop.events VALUES (1, '2026-06-01 00:00+00', 'replicated', 'web')});
$node->wait_for_catchup('events');
is($node->safe_psql('replica', q{SELECT count(*) FROM shop.events WHERE event = 'replicated'; SELECT count(*) FROM shop.now WHERE journey @> '{replicated}'}),
	"1\n0", 'changes that replication applies fire no statement triggers');
like($node->safe_psql('replica', q{SELECT problem FROM journey_follow_check('shop.now', compare => true)}), qr/journeys differ/, 'the check sees it');
$node->safe_psql('replica', q{SELECT count(*) FROM journey_follow_check('shop.now', compare => true, repair => true);
SELECT count(*) FROM journey_follow_check('shop.later', compare => true, repair => true)});
is($node->safe_psql('replica', q{SELECT count(*) FROM shop.now WHERE journey @> '{replicated}'; SELECT count(*) FROM shop.later WHERE journey @> '{replicated}'}),
	"1\n1", 'and mends it');
$node->safe_psql('replica', 'DROP SUBSCRIPTION events');

# ---- without the extension ----

is(sqlstate_of($node, 'restored', 'DROP EXTENSION customer_journey'), '2BP01', 'the extension stays while journeys need it');
$node->safe_psql('restored', q{SELECT journey_unfollow('shop.now'); SELECT journey_unfollow('shop.later'); DROP EXTENSION customer_journey;
INSERT INTO shop.events VALUES (1, '2026-06-01 00:00+00', 'unseen', NULL)});
is($node->safe_psql('restored', q{SELECT count(*) FROM pg_class WHERE relname ~ '^(now|later)(_|$)'}), 0, 'unfollowed, nothing is left of them');

done_testing();
