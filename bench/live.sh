#!/usr/bin/env bash
# What keeping journeys live costs: events a second, WAL and space, and what
# questions about one customer take meanwhile.  README.md says how to read it.
#
#	bench/live.sh [option ...]
#
# Copyright (c) 2026, the customer_journey developers
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
	cat <<'END'
usage: bench/live.sh [option ...]

  --events N       folded events at the start (10000000)
  --customers N    customers (a tenth of the events)
  --seconds N      of each measurement (60)
  --deferred N     seconds of the deferred mode instead (600 for ten minutes)
  --rate N         events a second offered in the deferred mode (204000)
  --pause N        seconds between two catch-ups (1)
  --batch N        events a statement (10000)
  --modes LIST     "immediate deferred"
  --indexes LIST   "none gin"
  --dir DIR        where the server's data go (a temporary directory)
  --smoke          short for --events 200000 --seconds 3 --pause 1 --rate 20000

Environment: PG_CONFIG names the server to measure; the extension is installed there.
END
}

fail() { echo "bench: $*" >&2; exit 1; }

events=10000000 customers='' seconds=60 deferred='' rate=204000 pause=1 batch=10000 modes='immediate deferred' indexes='none gin' dir=''
while [ $# -gt 0 ]; do
	case $1 in
		--smoke) events=200000 seconds=3 pause=1 rate=20000 ;;
		--help) usage; exit 0 ;;
		--events|--customers|--seconds|--deferred|--rate|--pause|--batch|--modes|--indexes|--dir)
			[ $# -ge 2 ] || { usage >&2; exit 2; }
			printf -v "${1#--}" %s "$2"; shift ;;
		*) usage >&2; exit 2 ;;
	esac
	shift
done
customers=${customers:-$((events / 10))}
deferred=${deferred:-$seconds}

. ../test/tools/server.sh
bin=$("${PG_CONFIG:-pg_config}" --bindir)
temporary=''
[ -n "$dir" ] || { temporary=yes; dir=$(mktemp -d "${TMPDIR:-/tmp}/customer_journey-live.XXXXXX"); }
background=()
finish() {
	[ ${#background[@]} = 0 ] || kill "${background[@]}" 2>/dev/null || true
	(cd / && server_stop "$bin" "$dir/server")
	[ -z "$temporary" ] || rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

settings=(
	shared_buffers=2GB fsync=on synchronous_commit=off max_wal_size=16GB checkpoint_timeout=5min wal_level=replica
	work_mem=64MB maintenance_work_mem=256MB autovacuum=on autovacuum_naptime=5s autovacuum_vacuum_cost_limit=2000 jit=off timezone=UTC
)
chmod 755 "$dir"
(cd / && server_start "$bin" "$dir/server")
as_server sh -c "printf '%s\n' ${settings[*]} >>'$dir/server/data/postgresql.conf'"
(cd / && as_server "$bin/pg_ctl" -s -w -D "$dir/server/data" -l "$dir/server/log" restart)
export PGHOST=$dir/server PGUSER=postgres PGDATABASE=postgres PGOPTIONS=''
sql() { "$bin/psql" -XqAt -v ON_ERROR_STOP=1 "$@"; }
row() { printf '| %-26s | %-34s | %12s | %-10s |\n' "$@"; }
ratio() { awk "BEGIN { printf \"%.$3f\", $1 / $2 }"; }

# ---- data ----

names="(ARRAY['view','search','cart','purchase','call','login','email','return'])"
sql <<END
CREATE EXTENSION customer_journey;
CREATE TABLE events (customer_id bigint, occurred_at timestamptz, event text, channel text) WITH (autovacuum_enabled = off);
INSERT INTO events SELECT 1 + (random() * ($customers - 1))::bigint, '2026-01-01 00:00+00'::timestamptz + i * interval '1 second',
    ${names}[1 + (random() * 7)::int], (ARRAY['web','app','store'])[1 + (random() * 2)::int]
FROM generate_series(1, $events) i;
-- what a client would send, ready made
CREATE TABLE offered AS SELECT i AS n, 1 + (random() * ($customers - 1))::bigint AS customer_id, '2026-06-01 00:00+00'::timestamptz + i * interval '1 second' AS occurred_at,
    ${names}[1 + (random() * 7)::int] AS event, (ARRAY['web','app','store'])[1 + (random() * 2)::int] AS channel
FROM generate_series(1, 100 * $batch) i;
CREATE INDEX ON offered (n);
VACUUM ANALYZE offered;
CREATE TABLE graph AS SELECT journey_graph_agg(j) AS graph FROM (SELECT journey_agg(occurred_at, event, channel) AS j FROM events WHERE customer_id < 2000 GROUP BY customer_id) s;
CREATE TABLE model AS SELECT propensity_fit(journey_count(j, 'purchase') > 1, f) AS model
FROM (SELECT journey_agg(occurred_at, event, channel) AS j FROM events WHERE customer_id < 2000 GROUP BY customer_id) s,
    LATERAL (SELECT journey_count(j, 'view') AS views, journey_count(j, 'cart') AS carts, journey_length(j) AS events) f;
VACUUM ANALYZE events;
END
cat >"$dir/batch.sql" <<END
\set k random(0, 99)
INSERT INTO events SELECT customer_id, occurred_at, event, channel FROM offered WHERE n > :k * $batch AND n <= (:k + 1) * $batch;
END
cat >"$dir/single.sql" <<END
\set c random(1, $customers)
INSERT INTO events VALUES (:c, now(), 'view', 'web');
END
question() { printf '\\set c random(1, %s)\n%s\n' "$customers" "$2" >"$dir/$1.sql"; }
question pattern "SELECT journey ~ 'search -> cart -[!return]-> purchase' FROM live WHERE customer = :c;"
question funnel "SELECT f.* FROM live, journey_funnel(journey, ARRAY['search', 'cart', 'purchase']::journey_pattern[]) f WHERE customer = :c;"
question next "SELECT n.* FROM live, graph, journey_next(graph, journey) n WHERE customer = :c;"
question score "SELECT propensity_score(model, f) FROM live, model, LATERAL (SELECT journey_count(journey, 'view') AS views, journey_count(journey, 'cart') AS carts, journey_length(journey) AS events) f WHERE customer = :c;"
question nothing 'SELECT :c;'
chmod a+r "$dir"/*.sql

# ---- measuring ----

bench() { (cd "$dir" && "$bin/pgbench" -n "$@" postgres 2>&1); }
space() { sql -c "SELECT sum(pg_total_relation_size(c.oid)) / 1048576 FROM pg_class c WHERE relname IN ('live_head', 'live_chunk', 'live_tail')"; }

# Processor seconds of the server's processes so far, in ticks: those that run,
# and those that have ended, which the first has counted.
ticks() {
	local main
	main=$(head -1 "$dir/server/data/postmaster.pid")
	# some end while one looks
	{ cat /proc/"$main"/stat $(sed 's#\([0-9]*\) *#/proc/\1/stat #g' "/proc/$main/task/$main/children") 2>/dev/null || true; } |
		awk -v main="$main" '{ sum += $14 + $15; if ($1 == main) sum += $16 + $17 } END { print sum }'
}

# Writers for some seconds; rows of the table.
measure() {
	local what=$1 seconds=$2; shift 2
	local wal before rows used
	before=$(sql -c 'SELECT count(*) FROM events')
	wal=$(sql -c 'SELECT pg_current_wal_insert_lsn()')
	used=$(ticks)
	bench -T "$seconds" "$@" >"$dir/out" || { cat "$dir/out" >&2; fail "$what"; }
	rows=$(($(sql -c 'SELECT count(*) FROM events') - before))
	used=$(($(ticks) - used))
	row "$what" 'events a second' "$(ratio "$rows" "$seconds" 0)" ''
	row "$what" 'processor time an event' "$(ratio "$used * 1000000 / $(getconf CLK_TCK)" "$rows" 2)" 'us'
	row "$what" 'WAL an event, of events too' "$(ratio "$(sql -c "SELECT pg_current_wal_insert_lsn() - '$wal'")" "$rows" 0)" bytes
}

# What a fresh copy of the same journeys takes.
fresh() {
	sql -c "SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', 'channel', target => 'fresh')" >/dev/null
	[ -z "$1" ] || sql -c 'CREATE INDEX ON fresh_head USING gin (journey)'
	sql -c "SELECT sum(pg_total_relation_size(c.oid)) / 1048576 FROM pg_class c WHERE relname IN ('fresh_head', 'fresh_chunk', 'fresh_tail')"
	sql -c "SELECT journey_unfollow('fresh')" >/dev/null
}

report_space() {
	local now again
	sleep $((pause > 15 ? 15 : pause))
	now=$(space)
	again=$(fresh "$2")
	row "$1" 'tables and indexes afterwards' "$(printf %.0f "$now")" MB
	row "$1" 'the same made afresh' "$(printf %.0f "$again")" MB
	row "$1" 'ratio' "$(ratio "$now" "$again" 2)" ''
}

# Questions beside it, and one that asks nothing for comparison: 60 a second; the 99th percentile of each, from pgbench's log.
# Who asks would be on another machine: where it may, it does not wait for a processor itself.
asker=()
if chrt -f 1 true 2>/dev/null; then asker=(chrt -f 1); fi
ask() {
	local seconds=$1
	rm -f "$dir"/asked.*
	(cd "$dir" && PGOPTIONS='-c plan_cache_mode=force_generic_plan' exec "${asker[@]}" "$bin/pgbench" -n -M prepared -R 60 -T "$seconds" -l --log-prefix="$dir/asked" \
		-f pattern.sql -f funnel.sql -f next.sql -f score.sql -f nothing.sql postgres >"$dir/asked.out" 2>&1) &
	background+=($!)
}
report_questions() {
	local i=0 name
	for name in pattern funnel next score nothing; do
		row "$1" "question: $name, p99 (median)" "$(cat "$dir"/asked.* | awk -v f=$i '$4 == f { print $3 - $7 }' | sort -n |
			awk '{ t[NR] = $1 } END { printf "%.2f (%.2f)", t[int(NR * 0.99)] / 1000, t[int((NR + 1) / 2)] / 1000 }')" ms
		i=$((i + 1))
	done
}

follow() {
	local start=$EPOCHREALTIME
	sql -c "SELECT journey_follow('events', 'customer_id', 'occurred_at', 'event', 'channel', target => 'live', mode => '$1')" >/dev/null
	[ -z "$2" ] || sql -c 'CREATE INDEX ON live_head USING gin (journey)'
	sql -c 'VACUUM ANALYZE live_head' -c CHECKPOINT
	row "$3" 'following, index included' "$(ratio "$(bc <<<"$EPOCHREALTIME - $start")" 1 1)" seconds
}
unfollow() {
	local problems
	[ "$1" = immediate ] || sql -c 'CALL journey_catch_up()'
	problems=$(sql -c "SELECT problem, detail FROM journey_follow_check('live', compare => true) WHERE problem <> 'no index'")
	[ -z "$problems" ] || fail "$problems"
	sql -c "SELECT journey_unfollow('live')" >/dev/null
	sql -c "DELETE FROM events WHERE occurred_at >= '2026-06-01 00:00+00' OR event IS NULL" -c 'VACUUM events'
}

immediate() {
	local gin=$1 what="immediate${1:+, GIN}"
	follow immediate "$gin" "$what"
	ask "$seconds"
	measure "$what" "$seconds" -c 1 -f batch.sql
	wait "${background[@]}"; background=()
	report_questions "$what"
	measure "$what, single rows" $((seconds / 3 + 1)) -c 1 -M prepared -f single.sql
	PGOPTIONS='-c synchronous_commit=on' measure "$what, single, durable" $((seconds / 3 + 1)) -c 1 -M prepared -f single.sql
	PGOPTIONS='-c synchronous_commit=on' measure "$what, durable, 8 clients" $((seconds / 3 + 1)) -c 8 -M prepared -f single.sql
	report_space "$what" "$gin"
	unfollow immediate
}

deferred() {
	local gin=$1 what="deferred${1:+, GIN}" catcher
	follow deferred "$gin" "$what"
	(while :; do sleep "$pause"; sql -c 'CALL journey_catch_up()'; done) &
	catcher=$!
	background+=("$catcher")
	ask "$deferred"
	measure "$what" "$deferred" -c 1 -R "$(ratio "$rate" "$batch" 3)" -f batch.sql
	row "$what" 'events not yet folded at the end' "$(sql -c "SELECT unfolded FROM journey_follow_status('live')")" ''
	kill "$catcher"
	wait 2>/dev/null || true
	background=()
	report_questions "$what"
	sql -c 'CALL journey_catch_up()' -c 'VACUUM live_tail'
	report_space "$what" "$gin"
	unfollow deferred
}

"$bin/postgres" --version
echo "$(nproc) cores of $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1), load average before the start: $(cut -d' ' -f1-3 /proc/loadavg)"
echo "settings: ${settings[*]}"
echo "$events events of $customers customers folded at the start; one writer unless said otherwise, $batch events a statement; the writer's INSERT into events included"
echo
row mode figure is unit
row -------------------------- ---------------------------------- ------------ ----------
for mode in $modes; do
	for index in $indexes; do
		"$mode" "${index#none}"
	done
done
echo
echo "load average at the end: $(cut -d' ' -f1-3 /proc/loadavg)"
