# Random histories of merges, unmerges and inserts: when all merges are undone,
# newest first, everything is as if they had never been; and sessions that merge
# at random at once leave a catalogue in order.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{CJ_SEED} // int(rand(1e9));
note("seed $seed (set CJ_SEED to repeat)");
srand($seed);

my $node = start_node('identity');
$node->safe_psql('postgres', 'CREATE DATABASE crm');

sub sql { return $node->safe_psql('crm', $_[0]); }

sql(q{
CREATE EXTENSION customer_journey;
SELECT customer_catalogue_create();
CREATE TABLE orders (shop int, number int, customer_id bigint, PRIMARY KEY (shop, number));
CREATE TABLE journeys (customer_id bigint PRIMARY KEY, journey journey, other journey, note text);
CREATE TABLE notes (customer_id bigint);
SELECT customer_register('orders', 'customer_id'), customer_register('journeys', 'customer_id', 'combine'), customer_register('notes', 'customer_id', 'map');
CREATE VIEW everything AS
SELECT 'orders' AS what, string_agg(o::text, ';' ORDER BY shop, number) AS content FROM orders o
UNION ALL SELECT 'journeys', string_agg(j::text || encode(journey_send(j.journey), 'hex'), ';' ORDER BY customer_id) FROM journeys j
UNION ALL SELECT 'customers', string_agg(c.customer_id || c.status || c.canonical_id || coalesce(c.merged_into, ''), ';' ORDER BY c.customer_id) FROM customer_catalogue.customer c
UNION ALL SELECT 'records', string_agg(r::text, ';' ORDER BY record_id) FROM customer_catalogue.customer_record r
UNION ALL SELECT 'golden', string_agg(c.customer_id || g::text, ';' ORDER BY c.customer_id, g.attribute) FROM customer_catalogue.customer c, customer_golden(c.customer_id) g
});

my $customers = 12;
for my $k (1 .. $customers)
{
	sql(qq{SELECT customer_identify('crm', '$k', jsonb_build_object('name', 'n$k', 'city', 'c' || $k % 3), '2026-01-01'::timestamptz + $k * interval '1 day');
INSERT INTO orders SELECT s, $k, $k FROM generate_series(1, 2) s;});
	# some have no row, some an empty or missing journey
	my $kind = int(rand(4));
	my $journey = $kind == 1 ? q{'{}'} : $kind == 2 ? 'NULL'
	  : qq{(SELECT journey_agg('2026-01-01'::timestamptz + n * interval '1 hour', 'e' || n % 3, 'web', n, 'i' || $k % 2) FROM generate_series(1, 1 + $k % 4) n)};
	sql(qq{INSERT INTO journeys VALUES ($k, $journey, journey_of('2026-02-01'::timestamptz, 'x$k'), 'note $k')}) if $kind > 0;
}

foreach my $round (1 .. 6)
{
	my $before = sql('SELECT * FROM everything ORDER BY 1');
	my $done = 0;
	foreach (1 .. 15)
	{
		my ($a, $b, $c) = map { 1 + int(rand($customers)) } 1 .. 3;
		my $status = sql("SELECT status FROM customer_merge($a, ARRAY[$b, $c])");
		like($status, qr/^(merged|already_merged)$/, "merge of $a, $b and $c");
		$done++ if $status eq 'merged';
		# now and then the newest merge is undone, and another dry run changes nothing
		if (rand() < 0.2 && $done)
		{
			$done--;
			is(sql(q{SELECT status FROM customer_unmerge((SELECT max(merge_id) FROM customer_catalogue.customer_merge WHERE undone_at IS NULL))}),
				'unmerged', 'the newest is undone');
		}
		my $now = sql('SELECT * FROM everything ORDER BY 1');
		sql("SELECT status FROM customer_merge($b, ARRAY[$c], dry_run => true)");
		ok(sql('SELECT * FROM everything ORDER BY 1') eq $now, 'a dry run changes nothing');
	}
	is(sql(q{SELECT status FROM customer_unmerge((SELECT max(merge_id) FROM customer_catalogue.customer_merge WHERE undone_at IS NULL))}), 'unmerged', 'undone')
	  for 1 .. $done;
	ok(sql('SELECT * FROM everything ORDER BY 1') eq $before, "round $round: all is as before")
	  or note(sql('SELECT content FROM everything WHERE what = \'journeys\''), "\nbefore: $before");
}
is(sql('SELECT count(*) FROM customer_history_verify()'), 0, 'the history verifies');

# ---- many sessions at once ----

my $script = PostgreSQL::Test::Utils::tempdir() . '/merge.sql';
append_to_file($script, qq{\\set a random(1, $customers)
\\set b random(1, $customers)
\\set back random(1, 3)
SELECT status FROM customer_merge(:a, ARRAY[:b]);
SELECT customer_identify('web', :a || '/' || :b, jsonb_build_object('name', 'w' || :a));
SELECT status FROM customer_unmerge((SELECT max(merge_id) FROM customer_catalogue.customer_merge WHERE undone_at IS NULL)) WHERE :back = 1;
});
$node->command_ok([ 'pgbench', '-n', '-c', '4', '-j', '2', '-t', '40', '--random-seed', $seed, '-f', $script, 'crm' ],
	'four sessions merge, undo and identify at random');
is(sql(q{SELECT count(*) FROM customer_catalogue.customer c JOIN customer_catalogue.customer k ON k.customer_id = c.canonical_id
	WHERE k.status <> 'active' OR k.canonical_id <> k.customer_id OR (c.status = 'active') <> (c.canonical_id = c.customer_id)}), 0,
	'everyone is somebody who is nobody else');
is(sql(q{SELECT count(*) FROM customer_catalogue.customer_record r LEFT JOIN customer_catalogue.customer c USING (customer_id) WHERE c.customer_id IS NULL}), 0,
	'every record has its customer');
is(sql(q{SELECT count(*) FROM journeys j JOIN customer_catalogue.customer c ON c.customer_id = j.customer_id::text WHERE c.status <> 'active'}), 0,
	'journeys are the survivors\'');
is(sql('SELECT count(*) FROM customer_history_verify()'), 0, 'the history verifies');

# ---- the same records in any order, read by any number of workers ----

sql(q{
SET client_min_messages = warning;
CREATE TABLE people AS
SELECT n, 's' || n % 3 AS source, jsonb_strip_nulls(jsonb_build_object(
	'name', 'Persona' || chr(97 + p % 26) || chr(97 + p % 7) || CASE WHEN n % 5 = 0 THEN 'x' ELSE '' END || ' Apellido' || chr(97 + p % 23) || chr(97 + p % 11),
	'born', ('1950-01-01'::date + p * 37)::text, 'email', CASE WHEN n % 4 > 0 THEN 'p' || p || '@w.es' END, 'city', 'C' || p % 9)) AS attributes
FROM (SELECT n, n % 700 AS p FROM generate_series(1, 1500) n) k;
CREATE TABLE spec AS SELECT linkage_spec(ARRAY[linkage_comparison('name', 'name'), linkage_comparison('born', 'date'),
	linkage_comparison('email', 'email'), linkage_comparison('city')], ARRAY['email', 'born', 'name:phonetic']) AS s;
CREATE TABLE answers (workers int, ids text, pairs text, golden text)});
foreach my $workers (0, 1, 2, 4)
{
	sql(qq{
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = $workers; SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
DROP SCHEMA customer_catalogue CASCADE;
SELECT customer_catalogue_create();
SELECT customer_identifier_type_set('email', kind => 'email');
INSERT INTO customer_catalogue.customer_record (source, source_key, attributes, observed_at)
SELECT source, n::text, attributes, '2026-01-01' FROM people ORDER BY md5(n || '/' || $workers || '/$seed');
SELECT customer_resolve(s) FROM spec;
INSERT INTO answers SELECT $workers,
	(SELECT md5(string_agg(source_key || '=' || customer_id, ' ' ORDER BY source_key)) FROM customer_catalogue.customer_record),
	(SELECT md5(string_agg(least(a.source_key, b.source_key) || '-' || greatest(a.source_key, b.source_key) || ':' || e.weight, ' '
		ORDER BY least(a.source_key, b.source_key), greatest(a.source_key, b.source_key)))
	 FROM customer_catalogue.customer_evidence e JOIN customer_catalogue.customer_record a ON a.record_id = e.record_a
	 JOIN customer_catalogue.customer_record b ON b.record_id = e.record_b WHERE e.kind = 'model'),
	(SELECT md5(string_agg(c.customer_id || g.attribute || coalesce(g.value, '-') || g.source || g.confidence, ' ' ORDER BY c.customer_id, g.attribute))
	 FROM customer_catalogue.customer c, customer_golden(c.customer_id) g)});
}
is(sql('SELECT count(*), count(DISTINCT ids) AS ids, count(DISTINCT pairs) AS pairs, count(DISTINCT golden) AS golden FROM answers'),
	'4|1|1|1', 'identical ids, pairs and golden values from shuffled records and 0, 1, 2 and 4 workers');
is(sql('SELECT count(DISTINCT customer_id) FROM customer_catalogue.customer_record'), 700, 'every person is one customer');
is(sql('SELECT pairs, customers_created, records_linked, customers_merged FROM spec, customer_resolve(s)'),
	sql(q{SELECT count(*), 0, 0, 0 FROM customer_catalogue.customer_evidence WHERE kind = 'model'}), 'a second run changes nothing');
is(sql('SELECT count(DISTINCT xmin::text) FROM customer_catalogue.customer_evidence'), 1, 'nor writes evidence again');

# ---- a key that many share ----

sql(q{
UPDATE customer_catalogue.customer_setting SET candidate_limit = 5;
SELECT customer_identify('crowd', n::text, jsonb_build_object('name', 'Gente' || chr(97 + n % 26) || chr(97 + n / 26) || ' Otra', 'born', '1999-09-09', 'city', 'X' || n)) FROM generate_series(1, 60) n;
});
is(sql(q{SELECT action FROM customer_identify('late', '1', '{"name": "Personab Apellidob", "born": "1950-02-07", "email": "p1@w.es", "city": "C1"}')}),
	'linked', 'found by an identifier');
is(sql(q{SELECT i.action, i.customer_id = r.customer_id FROM customer_identify('late', '2', '{"name": "Personacc Apellidocc", "born": "1950-03-16", "city": "C2"}') i,
	customer_catalogue.customer_record r WHERE r.source_key = '2' AND r.source = 's2'}), 'linked|t', 'found by the model among the smallest blocks');

# ---- sessions that bring one person's identifiers at once ----

sql(q{SELECT customer_identify('many', 'seed', '{"email": "shared@x.es", "name": "Uno Solo"}')});
my $bring = PostgreSQL::Test::Utils::tempdir() . '/bring.sql';
append_to_file($bring, q{SELECT customer_identify('many', 'k' || (random() * 1e9)::int, jsonb_build_object('email', 'shared@x.es', 'name', 'Uno Solo'));
});
$node->command_ok([ 'pgbench', '-n', '-c', '4', '-j', '2', '-t', '15', '-f', $bring, 'crm' ], 'four sessions write one customer\'s history');
is(sql(q{SELECT count(DISTINCT customer_id) FROM customer_catalogue.customer_record WHERE source = 'many'}), 1, 'all are one customer');
is(sql('SELECT count(*) FROM customer_history_verify()'), 0, 'whose history verifies');
$node->stop;
done_testing();
