#!/usr/bin/env bash
# Benchmarks customer_journey beside plain SQL, ClickHouse and DuckDB: makes
# the data, starts a private PostgreSQL, loads every system, and has measure.pl
# run the cases.  README.md says what is measured and how.
#
# Copyright (c) 2026, the customer_journey developers
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
	cat <<'END'
usage: bench/run.sh [option ...]        or: make bench BENCH='[option ...]'

  --events N       rows to generate (10000000)
  --customers N    customers among them (a twentieth of the rows)
  --seed N         of the generator (1): the same seed gives the same rows
  --rounds N       measured repetitions of every query (3)
  --threads LIST   numbers of threads to measure with ("1 2")
  --cases REGEX    only the cases whose directory matches
  --queries REGEX  only the queries of a case whose name matches
  --work-mem SIZE  PostgreSQL's work_mem (512MB)
  --shared-buffers SIZE   PostgreSQL's shared_buffers (1GB)
  --warm           read PostgreSQL's tables into its shared buffers beforehand
  --peers LIST     other systems ("clickhouse duckdb"; "none" for neither)
  --dir DIR        work there, leave everything, and reuse what is loaded;
                   otherwise a temporary directory that is removed
  --smoke          short for --events 200000 --rounds 1 --threads 1

Environment: PG_CONFIG names the server to measure, BENCH_PEERS the directory
of the installed peers (by default below the user's cache directory).
END
}

say() { echo "bench: $*" >&2; }
fail() { say "$*"; exit 1; }

events=10000000 customers='' seed=1 rounds=3 threads='1 2' cases=. queries=. work_mem=512MB shared_buffers=1GB warm=0 dir='' peers='clickhouse duckdb'
while [ $# -gt 0 ]; do
	case $1 in
		--smoke) events=200000 rounds=1 threads=1 ;;
		--warm) warm=1 ;;
		--help) usage; exit 0 ;;
		--events|--customers|--seed|--rounds|--threads|--cases|--queries|--work-mem|--shared-buffers|--peers|--dir)
			[ $# -ge 2 ] || { usage >&2; exit 2; }
			name=${1#--}
			printf -v "${name//-/_}" %s "$2"; shift ;;
		*) usage >&2; exit 2 ;;
	esac
	shift
done
[[ $events$seed$rounds =~ ^[0-9]+$ && $rounds -ge 1 && $events -ge 1000 ]] || { usage >&2; exit 2; }
customers=${customers:-$((events / 20))}
[ "$peers" != none ] || peers=''

. ../test/tools/server.sh
PG_CONFIG=$(bash ../test/tools/prepare.sh)
bin=$("$PG_CONFIG" --bindir)

# ---- where to work ----

temporary=''
if [ -z "$dir" ]; then
	temporary=yes
	dir=$(mktemp -d "${TMPDIR:-/tmp}/customer_journey-bench.XXXXXX")
else
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
fi
chmod 755 "$dir"
finish() {
	[ ! -f "$dir/postgres/data/postmaster.pid" ] || (cd / && server_stop "$bin" "$dir/postgres")
	[ -z "$temporary" ] || rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

# ---- the extension, built apart from the source tree ----

install_extension() {
	local control
	control=$("$PG_CONFIG" --sharedir)/extension/customer_journey.control
	if ! [ -w "${control%/*}" ] || ! [ -w "$("$PG_CONFIG" --pkglibdir)" ]; then
		[ -e "$control" ] || fail "no right to install the extension; run: make && sudo make install"
		say "no right to install the extension: measuring the installed one"
		return
	fi
	say "building and installing the extension"
	mkdir -p "$dir/build"
	tar -C .. --exclude='*.o' --exclude='*.bc' --exclude='*.so' -cf - \
		Makefile customer_journey.control sql src | tar -C "$dir/build" -xf -
	make -s -C "$dir/build" -j2 install PG_CONFIG="$PG_CONFIG" with_llvm=no >"$dir/build.log" 2>&1 ||
		{ cat "$dir/build.log" >&2; fail "the extension does not build"; }
}

# ---- the other systems, from npm ----

install_peers() {
	modules=${BENCH_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/customer_journey/bench-peers}
	node=$(command -v node || true)
	[ -n "$peers" ] || return 0
	[ -n "$node" ] || fail "the peers need node and npm (Debian: apt-get install nodejs npm), or: --peers none"
	mkdir -p "$modules"
	if ! [ -d "$modules/node_modules/chdb" ] || ! [ -d "$modules/node_modules/@duckdb/node-api" ]; then
		say "installing the peers with npm, once: some 600 MB on disk"
		cp peers/package.json "$modules/package.json"
		npm install --prefix "$modules" --no-audit --no-fund --no-package-lock >&2 ||
			fail "npm cannot install the peers; without them: --peers none"
	fi
}

# ---- data ----

generate() {
	stamp="events $events customers $customers seed $seed peers $peers $(cat generate.c load/{postgres,clickhouse,duckdb}.sql | cksum)"
	load=1
	if [ "$(cat "$dir/loaded" 2>/dev/null)" = "$stamp" ]; then
		load=0
		return
	fi
	rm -rf "$dir/loaded" "$dir/postgres" "$dir/clickhouse" "$dir/duckdb"
	cc -std=gnu11 -O2 -Wall -ffp-contract=off -o "$dir/generate" generate.c -lm
	say "generating $events events"
	"$dir/generate" "$events" "$customers" "$seed" >"$dir/events.csv" 2>"$dir/facts" ||
		{ cat "$dir/facts" >&2; fail "no data"; }
	echo "cksum $(cksum <"$dir/events.csv" | cut -d' ' -f1)" >>"$dir/facts"
}

# ---- the server ----

start_server() {
	local data=$dir/postgres/data
	if [ "$load" = 1 ]; then
		mkdir "$dir/postgres"
		[ "$(id -u)" != 0 ] || chown postgres "$dir/postgres"
		(cd / && as_server "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C --no-sync) >/dev/null
	fi
	(cd / && as_server "$bin/pg_ctl" -s -w -D "$data" -l "$dir/postgres/log" -o "-k $dir/postgres $(options)" start) ||
		{ cat "$dir/postgres/log" >&2; fail "the server does not start"; }
	export PGHOST=$dir/postgres PGPORT=5432 PGUSER=postgres PGOPTIONS='' PGTZ=UTC
	"$bin/psql" -Xq -d postgres -v ON_ERROR_STOP=1 <<'END'
SET client_min_messages = warning;
DROP TABLE IF EXISTS journeys, journey_bytes;
DROP EXTENSION IF EXISTS customer_journey CASCADE;
CREATE EXTENSION customer_journey;
END
}

settings=(
	shared_buffers=$shared_buffers work_mem=$work_mem maintenance_work_mem=512MB
	max_parallel_workers=8 max_worker_processes=8 effective_cache_size=4GB
	jit=off autovacuum=off fsync=off full_page_writes=off wal_level=minimal max_wal_senders=0
	max_wal_size=16GB checkpoint_timeout=1h timezone=UTC "listen_addresses=''" port=5432
)
options() { printf -- '-c %s ' "${settings[@]}"; }

# ---- what was measured, on what ----

peer_version() {
	printf '16\nSELECT version()' | "$node" peers/peer.mjs "$1" "$modules" "$2" | tail -n 1
}

describe() {
	echo "customer_journey $(sed -n "s/^default_version *= *'\(.*\)'/\1/p" ../customer_journey.control)," \
		"$(git -C .. describe --always --dirty 2>/dev/null || echo 'no repository')"
	"$bin/postgres" --version
	for peer in $peers; do
		echo "$peer $(peer_version "$peer" "$dir/$peer")"
	done
	echo "$(nproc) cores of $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1)," \
		"$(awk '/MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo), Linux $(uname -r)"
	echo "load average before the start: $(cut -d' ' -f1-3 /proc/loadavg)"
	echo "settings: ${settings[*]:0:12}"
	echo "data: seed $seed, $(tr '\n' ',' <"$dir/facts" | sed 's/,$//; s/,/, /g')"
}

measure() {
	perl measure.pl dir="$dir" csv="$dir/events.csv" database=postgres psql="$bin/psql" \
		postmaster="$(head -1 "$dir/postgres/data/postmaster.pid")" node="$node" modules="$modules" peers="$peers" warm="$warm" \
		threads="$threads" cores="$(nproc)" ticks="$(getconf CLK_TCK)" rounds="$rounds" cases="$cases" queries="$queries" events="$events" customers="$customers" \
		hash_work_mem=$((events * 65536 / 10000000 > 64 ? events * 65536 / 10000000 : 64)) "$@"
}

install_extension
install_peers
generate
start_server
if [ "$load" = 1 ]; then
	measure load=1
	echo "$stamp" >"$dir/loaded"
fi
describe
measure
echo
echo "load average at the end: $(cut -d' ' -f1-3 /proc/loadavg)"
