# Laws of the journey type on random small sets of events: however the rows come,
# whatever plan joins them, and through every way out and in again, the same
# events give the same bytes; operations obey their laws; accessors agree with
# plain SQL over the same rows.
#
#   CJ_SEED   seed of the sets; printed, random if not given
#   CJ_SETS   how many sets (100000)

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{CJ_SEED} || 1 + int(rand(1_000_000));
my $sets = $ENV{CJ_SETS} || 100000;
note "CJ_SEED=$seed CJ_SETS=$sets";

my $node = PostgreSQL::Test::Cluster->new('properties');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', <<'CONF');
fsync = off
jit = off
autovacuum = off
timezone = 'UTC'
shared_buffers = 256MB
work_mem = 64MB
max_parallel_workers_per_gather = 0
CONF
$node->start;

sub run_sql { return $node->safe_psql('postgres', $_[0]); }

# Every law is a condition on the rows of $from and holds only if it is true for
# all of them: false and NULL break it. One scan checks them all.
sub laws
{
	my ($from, @laws) = @_;
	my (@names, @conditions);
	while (my ($name, $condition) = splice(@laws, 0, 2))
	{
		push @names, $name;
		push @conditions, $condition;
	}
	my ($prelude, $source) = ref $from ? @$from : ('', $from);
	my $select = join ', ', 'count(*)',
	  map { "count(*) FILTER (WHERE ($_) IS NOT TRUE)" } @conditions;
	my ($rows, @broken) = split /\|/, run_sql("$prelude SELECT $select FROM $source");
	foreach my $i (0 .. $#names)
	{
		ok($rows > 0 && $broken[$i] eq '0', "$names[$i] ($rows checked)")
		  or diag "CJ_SEED=$seed CJ_SETS=$sets: broken for $broken[$i] rows, one of them:\n"
		  . run_sql("$prelude SELECT * FROM $source WHERE ($conditions[$i]) IS NOT TRUE LIMIT 1");
	}
	return;
}

sub plan_has
{
	my ($settings, $query, $pattern, $name) = @_;
	like(run_sql("$settings EXPLAIN (COSTS OFF) $query"), $pattern, $name);
	return;
}

# The sets, and their journeys by one pass over the rows in a serial plan.
my $generator = slurp_file('test/oracle/journey_sets.sql');
$generator =~ s/:seed\b/$seed/g;
$generator =~ s/:sets\b/$sets/g;
run_sql($generator);
run_sql(<<'SQL');
CREATE EXTENSION customer_journey;
-- equality of bytes, inlined
CREATE FUNCTION same(journey, journey) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN journey_send($1) = journey_send($2);
CREATE FUNCTION bits(float8) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN $1 = 'NaN' THEN NULL ELSE float8send($1) END;
CREATE TABLE js AS
    SELECT set_id, journey_agg(occurred_at, event, channel, value, item) AS j,
        count(*) AS n, count(DISTINCT event) AS names
    FROM event_row GROUP BY set_id;
ALTER TABLE js ADD PRIMARY KEY (set_id);
-- in the order that the type promises, which plain SQL works out here by itself
CREATE TABLE ordered AS
    SELECT row_number() OVER (PARTITION BY set_id ORDER BY occurred_at, event COLLATE "C",
            channel COLLATE "C" NULLS FIRST, item COLLATE "C" NULLS FIRST, value NULLS FIRST,
            (float8send(value) = '\x8000000000000000') DESC) AS ord,
        set_id, part, occurred_at, event, channel, value, item
    FROM event_row;
ALTER TABLE ordered ADD PRIMARY KEY (set_id, ord);
-- both ways to have no events: the empty journey joins all laws of journeys
INSERT INTO js SELECT -1, '{}', 0, 0;
ANALYZE js;
ANALYZE ordered;
SQL
note run_sql("SELECT 'journeys ' || count(*) || ', events ' || sum(n) FROM js");

# ---- any order of the rows, any split of them, any plan ----

my $agg = 'journey_agg(occurred_at, event, channel, value, item)';
my $agree = 'same(a.j, js.j)';
my $whole = "JOIN js USING (set_id)";

foreach my $order ('ord', 'ord DESC', 'hashint8(set_id * 16 + ord)')
{
	laws("(SELECT set_id, $agg AS j FROM (SELECT * FROM ordered ORDER BY $order) o GROUP BY set_id) a $whole",
		"rows by $order give the same bytes", $agree);
}
laws("(SELECT set_id, journey_agg(occurred_at, event, channel, value, item ORDER BY item, value) AS j FROM event_row GROUP BY set_id) a $whole",
	'ORDER BY within the call changes nothing', $agree);

# dear enough for the planner to share the work, however small the table
run_sql('ALTER FUNCTION journey_agg_transfn(internal, timestamptz, text, text, double precision, text) COST 1000; '
	  . 'ALTER FUNCTION journey_merge_transfn(internal, journey) COST 1000');
my $parallel = 'SET max_parallel_workers_per_gather = 4; SET parallel_setup_cost = 0; '
  . 'SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; ';
my $core = 'SET customer_journey.enable_grouped_scan = off; ';
my $exchange = "$parallel SET enable_hashagg = off; SET enable_sort = off;";
my $by_set = "SELECT set_id, $agg AS j FROM event_row GROUP BY set_id";
my $by_rest = "SELECT bucket AS set_id, $agg AS j FROM event_row GROUP BY bucket";
run_sql("CREATE TABLE big AS $by_rest");

plan_has($exchange, $by_set, qr/Gather.*Parallel Custom Scan/s, 'the exchanging plan is one');
run_sql("$exchange CREATE TABLE by_exchange AS $by_set");
laws("by_exchange a $whole", 'rows exchanged by processes = serial', $agree);
$parallel .= $core;
plan_has($parallel, $by_set, qr/Finalize.*Gather.*Partial (?:Hash|Group)Aggregate/s, 'the parallel plan is one');
run_sql("$parallel CREATE TABLE by_workers AS $by_set");
laws("by_workers a $whole", 'parallel hash aggregation = serial', $agree);
plan_has("$parallel SET enable_hashagg = off;", $by_set,
	qr/Finalize GroupAggregate.*Gather.*Partial GroupAggregate/s, 'the sorted parallel plan is one');
run_sql("$parallel SET enable_hashagg = off; CREATE TABLE by_sort AS $by_set");
laws("by_sort a $whole", 'parallel sorted aggregation = serial', $agree);
plan_has($parallel, $by_rest, qr/Finalize.*Gather.*Partial/s, 'so is that for larger groups');
run_sql("$parallel CREATE TABLE big_by_workers AS $by_rest");
laws('big_by_workers a JOIN big USING (set_id)', 'parallel = serial, larger groups', 'same(a.j, big.j)');

my $partitionwise = "$core SET enable_partitionwise_aggregate = on; SET enable_sort = off;";
plan_has($partitionwise, $by_rest, qr/Finalize HashAggregate.*Append.*Partial (?:Hash|Group)Aggregate.*Partial HashAggregate/s,
	'the partition-wise plan is one');
run_sql("$partitionwise CREATE TABLE by_partition AS $by_rest");
laws('by_partition a JOIN big USING (set_id)',
	'partition-wise partial aggregation = serial', 'same(a.j, big.j)');
run_sql("$core SET work_mem = '64kB'; SET hash_mem_multiplier = 1; SET enable_sort = off; CREATE TABLE by_disk AS $by_set");
laws("by_disk a $whole", 'hash aggregation that spills = in memory', $agree);

run_sql(<<"SQL");
CREATE TABLE parts AS SELECT set_id, part, $agg AS j FROM event_row GROUP BY set_id, part;
CREATE TABLE three AS
    SELECT set_id, p0.j AS a, p1.j AS b, p2.j AS c
    FROM (SELECT * FROM parts WHERE part = 0) p0
        FULL JOIN (SELECT * FROM parts WHERE part = 1) p1 USING (set_id)
        FULL JOIN (SELECT * FROM parts WHERE part = 2) p2 USING (set_id);
UPDATE three SET a = coalesce(a, '{}'), b = coalesce(b, '{}'), c = coalesce(c, '{}');
SQL
laws("(SELECT set_id, journey_merge(j) AS j FROM parts GROUP BY set_id) a $whole",
	'journey_merge of parts = one pass', $agree);
plan_has($parallel, 'SELECT set_id, journey_merge(j) FROM parts GROUP BY set_id',
	qr/Partial (?:Hash|Group)Aggregate/, 'journey_merge runs in parallel');
run_sql("$parallel CREATE TABLE merged AS SELECT set_id, journey_merge(j) AS j FROM parts GROUP BY set_id");
laws("merged a $whole", 'journey_merge in parallel = one pass', $agree);
laws(
	"three t $whole",
	'a || b || c = one pass' => 'same(a || b || c, j)',
	'|| is commutative' => 'same(a || b, b || a)',
	'|| is associative' => 'same(a || (b || c), (c || a) || b)',
	'{} is neutral' => q[same(a || '{}', a) AND same('{}' || a, a)],
	'journey_length adds up' => 'journey_length(a || b) = journey_length(a) + journey_length(b)',
	'(a || b) - b = a' => 'same((a || b) - b, a) AND same((a || b) - a, b)',
	'whole - a - b = c' => 'same(j - a - b, c)',
	'a - a and {} - a are empty' => q[same(a - a, '{}') AND same('{}' - a, '{}')],
	'a - (a - b) = b - (b - a)' => 'same(a - (a - b), b - (b - a))',
	'a = (a - b) || (what both have)' => 'same((a - b) || (b - (b - a)), a)');
laws(
	'(SELECT set_id, journey_agg(occurred_at, event) AS two, journey_agg(occurred_at, event, NULL, NULL, NULL) AS two_of_five, '
	  . 'journey_agg(occurred_at, event, channel) AS three, journey_agg(occurred_at, event, channel, NULL, NULL) AS three_of_five, '
	  . 'journey_agg(occurred_at, event, channel, value) AS four, journey_agg(occurred_at, event, channel, value, NULL) AS four_of_five '
	  . 'FROM event_row GROUP BY set_id) x',
	'fewer arguments = NULL arguments' =>
	  'same(two, two_of_five) AND same(three, three_of_five) AND same(four, four_of_five)',
	'without and with attributes merge' => 'journey_length(two || four) = 2 * journey_length(two) '
	  . 'AND same((two || four) - two, CASE WHEN same(two, four) THEN two ELSE four END)');
laws("(SELECT set_id, journey_merge(journey_of(occurred_at, event, channel, value, item)) AS j FROM event_row GROUP BY set_id) a $whole",
	'journey_of and journey_merge = journey_agg', $agree);
laws(
	"(SELECT set_id, ord, last_value(ord) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last, "
	  . "$agg OVER w AS j, $agg FILTER (WHERE part < 2) OVER w AS rest "
	  . "FROM ordered WHERE set_id % 20 = 0 WINDOW w AS (PARTITION BY set_id ORDER BY ord)) a JOIN js USING (set_id) LEFT JOIN three t USING (set_id)",
	'in a window, the last row has the whole' => 'ord < last OR same(a.j, js.j)',
	'in a window, each row has so many events' => 'journey_length(a.j) = ord',
	'with FILTER, the last row has the rest' => q[ord < last OR same(coalesce(rest, '{}'), t.a || t.b)]);
laws(
	"(SELECT bucket, part, $agg AS j FROM event_row GROUP BY GROUPING SETS ((bucket), (part), ())) g "
	  . "FULL JOIN (SELECT bucket, NULL::int AS part, $agg AS j FROM event_row GROUP BY bucket "
	  . "UNION ALL SELECT NULL, part, journey_merge(j) FROM parts GROUP BY part UNION ALL SELECT NULL, NULL, journey_merge(j) FROM js) r "
	  . "ON coalesce(g.bucket, -1) = coalesce(r.bucket, -1) AND coalesce(g.part, -1) = coalesce(r.part, -1)",
	'grouping sets = each grouping by itself' => 'same(g.j, r.j)');

# ---- out and in again ----

laws(
	'js',
	'text round trip' => 'same(j::text::journey, j)',
	'text is one to one' => 'journey_length(j) = n AND (n > 0) = (j::text <> \'{}\')',
	'jsonb round trip' => 'same(j::jsonb::journey, j)',
	'jsonb as text round trip' => 'same(j::jsonb::text::jsonb::journey, j)');
laws([
	q[SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kolkata'; SET extra_float_digits = -15; SET IntervalStyle = 'sql_standard'; SET bytea_output = 'escape';],
	'js JOIN LATERAL (SELECT j::text AS as_text) t ON true' ],
	'text round trip under other settings' => 'same(as_text::journey, j) AND same(j::jsonb::journey, j)');
run_sql("CREATE TABLE texts AS SELECT set_id, j::text AS t, j::jsonb AS b FROM js");
laws([ q[SET DateStyle = 'German'; SET TimeZone = 'America/St_Johns'; SET extra_float_digits = 0;], 'texts JOIN js USING (set_id)' ],
	'text and jsonb do not depend on settings' => 'j::text = t AND j::jsonb = b');

my $file = PostgreSQL::Test::Utils::tempdir() . '/journeys';
foreach my $copy (
	[ 'COPY BINARY', 'UTF8', 'binary', 'true' ],
	[ 'COPY text', 'UTF8', 'text', 'true' ],
	[ 'COPY csv', 'UTF8', 'csv', 'true' ],
	[ 'COPY BINARY in LATIN1', 'LATIN1', 'binary', 'convertible' ])
{
	my ($name, $encoding, $format, $which) = @$copy;
	# what LATIN1 lacks cannot be sent in it
	run_sql(<<"SQL");
DROP TABLE IF EXISTS back;
CREATE TABLE back (set_id bigint, j journey);
SET client_encoding = '$encoding';
COPY (SELECT set_id, j FROM (SELECT *, j::text !~ '[^\\u0001-\\u00ff]' AS convertible FROM js) x WHERE $which)
    TO '$file.$format.$encoding' (FORMAT $format);
COPY back FROM '$file.$format.$encoding' (FORMAT $format);
SQL
	laws('back JOIN js USING (set_id)', "$name round trip", 'same(back.j, js.j)');
}

# ---- accessors against plain SQL over the rows ----

laws(
	'(SELECT set_id, e.* FROM js, journey_events(j) e) e FULL JOIN ordered o ON e.set_id = o.set_id AND e.ordinality = o.ord',
	'journey_events gives the rows in order' =>
	  'e.occurred_at = o.occurred_at AND e.event = o.event AND e.channel IS NOT DISTINCT FROM o.channel '
	  . 'AND e.item IS NOT DISTINCT FROM o.item AND (e.value IS NULL) = (o.value IS NULL) '
	  . 'AND bits(e.value) IS NOT DISTINCT FROM bits(o.value)');
run_sql(<<'SQL');
CREATE TABLE expected AS
    SELECT set_id, count(*) AS number, min(occurred_at) AS first_at, max(occurred_at) AS last_at,
        string_agg(event, ' > ' ORDER BY ord) AS path, sum(value ORDER BY ord) AS value,
        array_agg(event) AS events,
        count(*) FILTER (WHERE event = wanted) AS wanted_n,
        min(occurred_at) FILTER (WHERE event = wanted) AS wanted_first,
        max(occurred_at) FILTER (WHERE event = wanted) AS wanted_last,
        sum(value ORDER BY ord) FILTER (WHERE event = wanted) AS wanted_value,
        min(wanted) AS wanted, min(other) AS other
    FROM ordered, LATERAL (SELECT (name_pool())[1 + set_id % 35] AS wanted,
        (name_pool())[1 + set_id / 35 % 35] AS other) w
    GROUP BY set_id;
SQL
laws(
	'expected e JOIN js USING (set_id)',
	'journey_length' => 'journey_length(j) = number',
	'journey_start, journey_end' => 'journey_start(j) = first_at AND journey_end(j) = last_at',
	'journey_duration' => 'journey_start(j) + journey_duration(j) = journey_end(j)',
	'journey_path' => 'journey_path(j) = path',
	'journey_value' => 'journey_value(j) IS NOT DISTINCT FROM e.value',
	'journey_count' => 'journey_count(j, wanted) = wanted_n',
	'journey_first, journey_last' =>
	  'journey_first(j, wanted) IS NOT DISTINCT FROM wanted_first AND journey_last(j, wanted) IS NOT DISTINCT FROM wanted_last',
	'journey_value of an event' => 'journey_value(j, wanted) IS NOT DISTINCT FROM wanted_value',
	'@>, <@' => '(j @> ARRAY[wanted, other]) = (events @> ARRAY[wanted, other]) AND (ARRAY[wanted] <@ j) = (wanted = ANY (events))',
	'&&' => '(j && ARRAY[wanted, other]) = (events && ARRAY[wanted, other])',
	'@> and && of nothing' => q[j @> '{}' AND NOT j && '{}' AND j @> events],
	'journey_event beyond the ends' => 'journey_event(j, 0) IS NULL AND journey_event(j, n::int + 1) IS NULL AND journey_event(j, -n::int - 1) IS NULL');
laws(
	'ordered o JOIN js USING (set_id), LATERAL (SELECT journey_event(j, ord::int) AS e, journey_event(j, (ord - n - 1)::int) AS f) x',
	'journey_event from both ends' =>
	  '(e).occurred_at = o.occurred_at AND (e).event = o.event AND (e).channel IS NOT DISTINCT FROM o.channel '
	  . 'AND (e).item IS NOT DISTINCT FROM o.item AND bits((e).value) IS NOT DISTINCT FROM bits(o.value) AND e IS NOT DISTINCT FROM f');
# the ends of time are left out: a reference cannot look beyond them
laws(
	"(SELECT set_id, channel, count(*) AS events, min(occurred_at) AS first_at, max(occurred_at) AS last_at, "
	  . "sum(CASE WHEN next_at > occurred_at + interval '90 minutes' THEN interval '90 minutes' ELSE next_at - occurred_at END) AS spent "
	  . "FROM (SELECT *, lead(occurred_at) OVER (PARTITION BY set_id ORDER BY ord) AS next_at FROM ordered JOIN event_set USING (set_id) WHERE times <> 6) o GROUP BY 1, 2) o "
	  . "FULL JOIN (SELECT set_id, n, c.* FROM js JOIN event_set USING (set_id), journey_channels(j, '90 minutes') c WHERE times <> 6) c "
	  . "ON o.set_id = c.set_id AND o.channel IS NOT DISTINCT FROM c.channel",
	'journey_channels' => 'o.events = c.events AND share = o.events / n::float8 AND o.first_at = c.first_at '
	  . "AND o.last_at = c.last_at AND coalesce(spent, interval '0') = time_spent");

laws(
	'js a JOIN js b ON b.set_id = a.set_id + 1',
	'= is equality of bytes' => '(a.j = b.j) = same(a.j, b.j) AND (a.j <> b.j) = (NOT same(a.j, b.j)) AND a.j = a.j',
	'the order is one of bytes' =>
	  'sign(journey_cmp(a.j, b.j)) = sign(byteacmp(journey_send(a.j), journey_send(b.j))) AND journey_cmp(a.j, b.j) = -journey_cmp(b.j, a.j)',
	'comparison operators agree' =>
	  '(a.j < b.j) = (journey_cmp(a.j, b.j) < 0) AND (a.j <= b.j) = (NOT b.j < a.j) AND (a.j > b.j) = (b.j < a.j) AND (a.j >= b.j) = (b.j <= a.j)');
laws(
	'js JOIN by_workers a USING (set_id)',
	'equal journeys hash alike' =>
	  'journey_hash(js.j) = journey_hash(a.j) AND journey_hash_extended(js.j, 7) = journey_hash_extended(a.j, 7)');
is(run_sql('SELECT count(DISTINCT j) - count(DISTINCT journey_send(j)) FROM js'), '0', 'DISTINCT by bytes');
is(run_sql('SELECT (SELECT count(*) FROM (SELECT FROM js GROUP BY j) x) - count(DISTINCT journey_send(j)) FROM js'), '0', 'GROUP BY by bytes');

# ---- operations ----

laws(
	q[js LEFT JOIN expected e USING (set_id),
	  LATERAL (SELECT ((journey_event(j, 1 + (set_id % greatest(js.n, 1))::int)).occurred_at) AS x, journey_end(j) AS y) c],
	'slices at a cut concatenate' =>
	  q{same(journey_slice(j, tstzrange(NULL, x, '()')) || journey_slice(j, tstzrange(x, NULL, '[)')), j) OR set_id < 0},
	'slices at two cuts concatenate' =>
	  q{same(journey_slice(j, tstzrange(NULL, x, '(]')) || journey_slice(j, tstzrange(x, y, '(]')) }
	  . q{|| journey_slice(j, tstzrange(y, NULL, '()')), j) OR set_id < 0},
	'slice of everything and of nothing' =>
	  q[same(journey_slice(j, '(,)'), j) AND same(journey_slice(j, 'empty'), '{}') AND same(journey_slice(j, tstzrange('-infinity', 'infinity', '[]')), j)],
	'slice of the whole span' => q[n = 0 OR same(journey_slice(j, tstzrange(journey_start(j), journey_end(j), '[]')), j)],
	'filter || exclude = whole' =>
	  q[set_id < 0 OR same(journey_filter(j, ARRAY[wanted, other]) || journey_exclude(j, ARRAY[wanted, other]), j)],
	'filter by nothing and by everything' =>
	  q[same(journey_filter(j, '{}'), '{}') AND same(journey_exclude(j, '{}'), j) AND same(journey_filter(j, name_pool()), j)],
	'distinct is idempotent' => 'same(journey_distinct(journey_distinct(j)), journey_distinct(j))',
	'distinct of doubled = distinct' => 'same(journey_distinct(j || j), journey_distinct(j)) AND journey_length(j || j) = 2 * n',
	'collapse is idempotent' => 'same(journey_collapse(journey_collapse(j)), journey_collapse(j))',
	'rename by nothing changes nothing' => q[same(journey_rename(j, '{}'), j) AND same(journey_rename(j, '{"no such event": "x"}'), j)],
	'rename keeps the number of events' => q[journey_length(journey_rename(j, '{"view": "", "": "purchase", "a": "purchase"}')) = n],
	'swapped twice is as before' => q[same(journey_rename(journey_rename(j, '{"view": "", "": "view"}'), '{"view": "", "": "view"}'), j)]);

# The same rows chosen or changed in SQL give the same journeys.
foreach my $reference (
	[ 'journey_slice', q[journey_slice(js.j, during)],
		"SELECT set_id, $agg AS j FROM ordered JOIN cuts USING (set_id) WHERE occurred_at <@ during GROUP BY 1" ],
	[ 'journey_filter', q[journey_filter(js.j, ARRAY[wanted, other])],
		"SELECT set_id, $agg AS j FROM ordered JOIN cuts USING (set_id) WHERE event IN (wanted, other) GROUP BY 1" ],
	[ 'journey_exclude', q[journey_exclude(js.j, ARRAY[wanted, other])],
		"SELECT set_id, $agg AS j FROM ordered JOIN cuts USING (set_id) WHERE event NOT IN (wanted, other) GROUP BY 1" ],
	[ 'journey_distinct', q[journey_distinct(js.j)],
		"SELECT set_id, $agg AS j FROM (SELECT DISTINCT ON (set_id, occurred_at, event, channel, item, float8send(value)) * FROM ordered) o GROUP BY 1" ],
	[ 'journey_collapse', q[journey_collapse(js.j)],
		"SELECT set_id, $agg AS j FROM (SELECT *, lag(event) OVER (PARTITION BY set_id ORDER BY ord) AS before FROM ordered) o WHERE before IS DISTINCT FROM event GROUP BY 1" ],
	[ 'journey_rename', q[journey_rename(js.j, jsonb_build_object(wanted, other, other, 'new'))],
		"SELECT set_id, journey_agg(occurred_at, CASE event WHEN other THEN 'new' WHEN wanted THEN other ELSE event END, channel, value, item) AS j "
		. "FROM ordered JOIN cuts USING (set_id) WHERE wanted <> other GROUP BY 1" ])
{
	my ($name, $ours, $rows) = @$reference;
	run_sql(<<'SQL') if $name eq 'journey_slice';
CREATE TABLE cuts AS
    SELECT set_id, wanted, other, tstzrange(least(a.occurred_at, b.occurred_at), greatest(a.occurred_at, b.occurred_at),
        (ARRAY['[]', '[)', '(]', '()'])[1 + set_id % 4]) AS during
    FROM expected e JOIN ordered a USING (set_id) JOIN ordered b USING (set_id)
    WHERE a.ord = 1 + set_id % number AND b.ord = 1 + set_id / 7 % number;
ALTER TABLE cuts ADD PRIMARY KEY (set_id);
ANALYZE cuts;
SQL
	my $only = $name eq 'journey_rename' ? 'WHERE wanted <> other' : '';
	laws("(SELECT set_id, $ours AS j FROM js JOIN cuts USING (set_id) $only) o LEFT JOIN ($rows) r USING (set_id)",
		"$name = the rows chosen in SQL", q[same(o.j, coalesce(r.j, '{}'))]);
}

# Sessions, of journeys and of rows, with gaps that times fall on exactly.
# (Adding to late times or subtracting from early ones would leave what the type holds.)
foreach my $gap ('1 hour', '0', '2 microseconds', '3 days')
{
	laws(
		"(SELECT set_id, journey_merge(s) AS j, count(*) AS sessions, min(journey_length(s)) AS least "
		  . "FROM js, journey_sessions(j, '$gap') s GROUP BY 1) s JOIN js USING (set_id) "
		  . "JOIN (SELECT set_id, max(number) AS sessions FROM (SELECT set_id, "
		  . "sessionize(occurred_at, '$gap') OVER (PARTITION BY set_id ORDER BY ord) AS number FROM ordered) x GROUP BY 1) r USING (set_id)",
		"sessions with a gap of $gap concatenate to the whole" => 'same(s.j, js.j) AND least > 0',
		"as many as sessionize counts" => 's.sessions = r.sessions');
	laws(
		"(SELECT set_id, s, lead(journey_start(s)) OVER (PARTITION BY set_id ORDER BY ordinality) AS next_at "
		  . "FROM js, journey_sessions(j, '$gap') WITH ORDINALITY AS x (s, ordinality)) s",
		"gaps between them are strictly greater" => "next_at IS NULL OR CASE WHEN next_at < '2100-01-01' "
		  . "THEN next_at > journey_end(s) + interval '$gap' ELSE next_at - interval '$gap' > journey_end(s) END");
	laws(
		"(SELECT set_id, s.ordinality AS session, e.occurred_at, lag(e.occurred_at) OVER (PARTITION BY set_id, s.ordinality ORDER BY e.ordinality) AS before "
		  . "FROM js, journey_sessions(j, '$gap') WITH ORDINALITY AS s (s, ordinality), journey_events(s) e WHERE set_id % 3 = 0) s",
		"gaps within them are not" => "before IS NULL OR CASE WHEN occurred_at < '2100-01-01' "
		  . "THEN occurred_at <= before + interval '$gap' ELSE occurred_at - interval '$gap' <= before END");
}

# The index finds what a scan finds.
run_sql('CREATE INDEX ON js USING gin (j)');
foreach my $query (
	q[j @> ARRAY['view', '']], q[j && ARRAY['señor', E'\u0001']],
	q[j @> '{}'], q[j && '{}'], q[j @> ARRAY['z' || repeat('long', 80), 'a']])
{
	my $scan = run_sql("SET enable_bitmapscan = off; SELECT count(*), sum(set_id) FROM js WHERE $query");
	is(run_sql("SET enable_seqscan = off; SELECT count(*), sum(set_id) FROM js WHERE $query"), $scan,
		"the index finds $query as a scan does: $scan");
}

$node->stop;
done_testing();
