# Watches under load.  Several sessions write events in order of time, others fold,
# let absences fall due and consume: what was queued, in both modes, is what a
# brute-force walk through the moments of the final journeys finds.  Then sessions
# write in any order while backends and servers are killed: no event is used
# twice, and no match is left out.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $seed = $ENV{CJ_SEED} // int(time);
my $seconds = $ENV{CJ_SECONDS} // 2;
my $rounds = $ENV{CJ_ROUNDS} // 2;
diag("random seed $seed");
srand $seed;
my $node = start_node('watch', "max_connections = 60\nrestart_after_crash = on\nautovacuum = on\nautovacuum_naptime = 1s\n");
$node->safe_psql('postgres', q{
CREATE EXTENSION customer_journey;
CREATE TABLE patterns (watch text, pattern journey_pattern, until interval);
INSERT INTO patterns VALUES
    ('pair', 'a -> b', '0'), ('next', 'a b', '0'), ('calls', 'c{2,}', '0'), ('gap', 'a -[<= 8 hours, !c]-> b', '0'),
    ('choice', '([a|b] -> c | d -> d) WITHIN 12 hours', '0'), ('repeat', 'a -> (b | c)+ d', '0'),
    ('missed', 'a !-[<= 6 hours]-> b', '6 hours'), ('lost', 'a -> c !-[< 10 hours, !d]-> b', '10 hours');
-- Walks through the moments: journey_match as of each, among the events that are left.
CREATE FUNCTION brute(j journey, p journey_pattern, until interval, OUT true_at timestamptz, OUT matched journey) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    rest journey := j;
BEGIN
    FOR true_at IN SELECT e.occurred_at + u FROM journey_events(j) e, unnest(ARRAY['0', until, until - interval '1 us']) u WHERE u >= '0' GROUP BY 1 ORDER BY 1 LOOP
        LOOP
            matched := journey_match(rest, p, true_at);
            EXIT WHEN matched IS NULL;
            RETURN NEXT;
            rest := journey_slice(rest, tstzrange(journey_end(matched), NULL, '()'));
        END LOOP;
    END LOOP;
END $$;});

sub set_up
{
	$node->safe_psql('postgres', q{
CREATE TABLE events (customer_id bigint, occurred_at timestamptz, event text);
CREATE INDEX ON events (customer_id);
CREATE SEQUENCE ticks;
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', target => 'now', chunk_events => 30);
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', target => 'later', chunk_events => 30, mode => 'deferred');
SELECT journey_watch(watch, pattern, 'now'), journey_watch(watch, pattern, 'later') FROM patterns;
CREATE TABLE consumed (target text, watch text, customer bigint, matched_at timestamptz, true_at timestamptz, matched journey);
CREATE VIEW found AS SELECT 'now' AS target, watch, customer, true_at, matched FROM now_watch_queue
    UNION ALL SELECT 'later', watch, customer, true_at, matched FROM later_watch_queue
    UNION ALL SELECT target, watch, customer, true_at, matched FROM consumed;});
	return;
}

sub tear_down
{
	$node->safe_psql('postgres', q{DROP VIEW found; DROP TABLE consumed; DROP SEQUENCE ticks; DROP TABLE events;
SELECT journey_unfollow('now'); SELECT journey_unfollow('later')});
	return;
}

# Scripts of a load, by name: weight and statements.
sub scripts
{
	my (%scripts) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my @arguments;
	foreach my $name (sort keys %scripts)
	{
		my ($weight, $sql) = @{ $scripts{$name} };
		append_to_file("$dir/$name.sql", $sql);
		push @arguments, '-f', "$dir/$name.sql\@$weight";
	}
	return @arguments;
}

my $consume = join "\n", map { qq{WITH next AS (SELECT id FROM ${_}_watch_queue ORDER BY id LIMIT 20 FOR UPDATE SKIP LOCKED),
gone AS (DELETE FROM ${_}_watch_queue q USING next WHERE q.id = next.id RETURNING q.*)
INSERT INTO consumed SELECT '$_', watch, customer, matched_at, true_at, matched FROM gone;} } ('now', 'later');
my $name = q{(ARRAY['a', 'b', 'c', 'd', 'e'])[1 + floor(random() * 5)::int]};

# ---- in order of time ----

set_up();
my $at = q{'2026-01-01 00:00+00'::timestamptz + nextval('ticks') * interval '1 minute'};
$node->safe_psql('postgres', "INSERT INTO events VALUES (0, $at, 'a')");
my $due = q{SELECT journey_watch_due(max(occurred_at) - interval '3000 minutes', 'TARGET') FROM events;};
my $output = '';
# each client has customers of its own
my $ended = IPC::Run::run([ 'pgbench', '-n', '-c', 5, '-j', 2, '-T', $seconds, "--random-seed=$seed", '--max-tries', 50,
	scripts(
		one => [ 20, "\\set c 5 * random(0, 29) + :client_id\nINSERT INTO events VALUES (:c, $at, $name);" ],
		some => [ 6, "\\set c 5 * random(0, 29) + :client_id\nINSERT INTO events SELECT :c, $at, $name FROM generate_series(1, 5);" ],
		all => [ 3, "INSERT INTO events SELECT 5 * c + :client_id, $at, $name FROM generate_series(0, 29) c;" ],
		catch_up => [ 1, "CALL journey_catch_up('later', 300);" ],
		due_now => [ 1, $due =~ s/TARGET/now/r ],
		due_later => [ 1, $due =~ s/TARGET/later/r ],
		consume => [ 4, $consume ]),
	$node->connstr('postgres') ], '>', \$output, '2>', \$output);
ok($ended, 'the load ends well') or diag($output);
like($output, qr/number of failed transactions: 0 /, 'and nothing fails') or diag($output);
$node->safe_psql('postgres', q{CALL journey_catch_up(); SELECT journey_watch_due('infinity')});
note($node->safe_psql('postgres', q{SELECT count(*) FROM events}) . ' events');
is($node->safe_psql('postgres', 'SELECT count(*) FROM (SELECT FROM events GROUP BY customer_id, occurred_at HAVING count(*) > 1) t'), 0, 'no two events of an instant');
$node->safe_psql('postgres', q{CREATE TABLE expected AS
SELECT p.watch, n.customer, b.true_at, b.matched FROM now n, patterns p, brute(n.journey, p.pattern, p.until) b});
foreach my $target ('now', 'later')
{
	is($node->safe_psql('postgres', qq{(SELECT watch, customer, true_at, matched FROM found WHERE target = '$target' EXCEPT ALL TABLE expected LIMIT 3)}),
		'', "$target: nothing was queued that is not so, nothing twice");
	is($node->safe_psql('postgres', qq{(TABLE expected EXCEPT ALL SELECT watch, customer, true_at, matched FROM found WHERE target = '$target' LIMIT 3)}),
		'', "$target: nothing was left out");
}
foreach my $watch (split /\n/, $node->safe_psql('postgres', 'SELECT watch FROM patterns'))
{
	cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM expected WHERE watch = '$watch'"), '>', 20, "there was something to find: $watch");
}
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM consumed'), '>', 0, 'and some of it was consumed meanwhile');
is($node->safe_psql('postgres', q{SELECT count(*) FROM journey_watches() WHERE pending > 0}), 0, 'nothing is pending');
tear_down();

# ---- in any order, with sessions and servers killed ----

set_up();
my $any = q{'2026-01-01 00:00+00'::timestamptz + random() * interval '100 days'};
my @load = scripts(
	one => [ 20, "\\set c random(1, 40)\nINSERT INTO events VALUES (:c, $any, $name);" ],
	some => [ 8, "INSERT INTO events SELECT 1 + floor(random() * 40), $any, $name FROM generate_series(1, 9);" ],
	undone => [ 3, "BEGIN;\nINSERT INTO events SELECT 1 + floor(random() * 40), $any, $name FROM generate_series(1, 3);\nROLLBACK;" ],
	catch_up => [ 1, "CALL journey_catch_up('later', 300);" ],
	due => [ 2, "SELECT journey_watch_due('2026-02-15 00:00+00');" ],
	consume => [ 4, $consume ]);
foreach my $round (1 .. $rounds)
{
	my $what = $round % 2 ? 'the server' : 'a backend';
	my ($killed) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	$output = '';
	my $load = IPC::Run::start([ 'pgbench', '-n', '-c', 5, '-j', 2, '-T', 60, @load, $node->connstr('postgres') ], '>', \$output, '2>', \$output);
	usleep(1_000_000 + rand 1_000_000);
	if ($round % 2)
	{
		$node->kill9;
		eval { $load->finish };
		my $tries = 300;
		usleep(100_000) while kill(0, $killed) && $tries-- > 0;
		$node->start;
	}
	else
	{
		my @pids = split /\n/, $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()});
		kill 'KILL', $pids[ rand @pids ] or die 'nobody to kill';
		eval { $load->finish };
		$node->poll_query_until('postgres', 'SELECT 1', '1') or die 'the server did not come back';
	}
	$node->safe_psql('postgres', q{CALL journey_catch_up(); SELECT journey_watch_due('infinity')});
	is($node->safe_psql('postgres', q{
SELECT target, f.watch, customer, e.occurred_at, count(*) FROM found f, journey_events(f.matched) e GROUP BY 1, 2, 3, 4 HAVING count(*) > 1 LIMIT 3}),
		'', "round $round, $what killed: no event is used twice");
	is($node->safe_psql('postgres', q{
CREATE TEMP TABLE used AS SELECT DISTINCT target, f.watch, customer, e.occurred_at FROM found f, journey_events(f.matched) e;
CREATE TEMP TABLE wanted AS SELECT p.watch, n.customer, b.matched FROM now n, patterns p, brute(n.journey, p.pattern, p.until) b;
ANALYZE;
SELECT t, w.watch, w.customer, w.matched FROM wanted w, unnest(ARRAY['now', 'later']) t
WHERE NOT EXISTS (SELECT FROM journey_events(w.matched) e JOIN used u ON u.occurred_at = e.occurred_at
                  WHERE u.target = t AND u.watch = w.watch AND u.customer = w.customer) LIMIT 3}),
		'', "round $round: no match is left out");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM found f WHERE EXISTS (
SELECT FROM journey_events(f.matched) e WHERE NOT EXISTS (SELECT FROM events x WHERE x.customer_id = f.customer AND x.occurred_at = e.occurred_at AND x.event = e.event))}),
		0, "round $round: what was queued is of events that were committed");
}
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM consumed'), '>', 0, 'something was consumed');

# A dump has the watches and what they have seen; notices reach who listens.
tear_down();
$node->safe_psql('postgres', q{CREATE DATABASE kept; CREATE DATABASE restored});
$node->safe_psql('kept', q{
CREATE EXTENSION customer_journey;
CREATE TABLE events (customer_id bigint, occurred_at timestamptz, event text);
INSERT INTO events VALUES (1, '2026-01-01', 'cart'), (2, '2026-01-01', 'cart');
SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event');
SELECT journey_watch('bought', 'cart -> purchase', 'events_journeys', notify => true);
SELECT journey_watch('left', 'cart !-[<= 1 day]-> purchase', 'events_journeys');
INSERT INTO events VALUES (1, '2026-01-01 01:00', 'purchase'), (3, '2026-01-05', 'cart');
DELETE FROM events_journeys_watch_queue;});
my $dump = PostgreSQL::Test::Utils::tempdir() . '/watches.sql';
command_ok([ 'pg_dump', '-f', $dump, $node->connstr('kept') ], 'watches are dumped');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ], 'and restored');
my $heard = $node->safe_psql('restored', q{
LISTEN journey_watch;
INSERT INTO events VALUES (2, '2026-01-01 02:00', 'purchase'), (1, '2026-01-03', 'view');
SELECT journey_watch_due() AS due;});
like($heard, qr/notification "journey_watch"/, 'a listener hears of a match');
is($node->safe_psql('restored', q{SELECT watch, customer FROM events_journeys_watch_queue ORDER BY 1, 2}), "bought|2\nleft|3",
	'a restored watch goes on, and does not repeat itself');
done_testing();
