#!/usr/bin/env bash
# Hostile texts for every type, and random values for every option, in a private
# server with assertions in the extension.
#
#   PG_CONFIG=... test/tools/value_fuzz.sh [RUNS [SEED]]
#
# RUNS (2000) texts a type and RUNS/20 calls an aggregate with options; the same
# SEED (1) gives the same inputs. What is accepted must keep the type's laws, what
# is refused must not be an internal error, the server must not stop, and the
# session's memory must not grow. Ends with "values: N tried, 0 faults", or fails.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/tools/server.sh"
config=${PG_CONFIG:-pg_config}
bindir=$("$config" --bindir)
work=$(mktemp -d /tmp/cj_values.XXXXXX)
trap 'server_stop "$bindir" "$work/server"; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
if [ -z "${INSTALLED:-}" ]; then
    mkdir "$work/tree"
    tar -C "$top" --exclude=.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' -cf - . | tar -C "$work/tree" -xf -
    make -s -j2 -C "$work/tree" PG_CONFIG="$config" with_llvm=no PG_CFLAGS=-DUSE_ASSERT_CHECKING >"$work/build.log" 2>&1 ||
        { cat "$work/build.log"; exit 1; }
    as_installer "$config" make -s -C "$work/tree" install PG_CONFIG="$config" with_llvm=no >>"$work/build.log" 2>&1
fi
chmod 755 "$work"
server_start "$bindir" "$work/server"
as_server "$bindir/psql" -X -q -h "$work/server" -U postgres -c 'CREATE DATABASE fuzz' postgres
as_server "$bindir/psql" -X -q -h "$work/server" -U postgres -c 'CREATE EXTENSION customer_journey' fuzz
as_server "$bindir/psql" -X -q -At -h "$work/server" -U postgres -v ON_ERROR_STOP=1 -v runs="${1:-2000}" -v seed="${2:-1}" \
    -f - fuzz <"$top/test/fuzz/values.sql" >"$work/out" 2>&1 || { cat "$work/out"; tail -20 "$work/server/log"; exit 1; }
cat "$work/out"
grown=$(sed -n 's/^memory of the session grew by \(.*\) kB$/\1/p' "$work/out")
[ "${grown%.*}" -lt 16384 ]
grep -q '^values: [0-9]* tried, 0 faults$' "$work/out"
