#!/usr/bin/env bash
# The extension on Citus: a coordinator and two workers on this machine, tables
# distributed by customer, every aggregate compared with one node.
#
#   PG_CONFIG=... test/tools/citus.sh
#
#   PG_CONFIG   a server where Citus is installed (12.1 for PostgreSQL 15; by its
#               own instructions, or its packages); this extension is installed
#               there by the script
#
# Prints where each aggregate is computed. Status 77: there is no Citus.
set -euo pipefail
. "$(dirname "$0")/server.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
config=${PG_CONFIG:-pg_config}
bindir=$("$config" --bindir)
pgxs=$(dirname "$("$config" --pgxs)")/../..
if [ ! -f "$("$config" --sharedir)/extension/citus.control" ]; then
    echo "citus: skipped, $config has no Citus"
    exit 77
fi
work=$(mktemp -d /tmp/cj_citus.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
tar -C "$top" --exclude=.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' -cf - . | tar -C "$work/tree" -xf -
make -s -j2 -C "$work/tree" PG_CONFIG="$config" with_llvm=no >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
as_installer "$config" make -s -C "$work/tree" install PG_CONFIG="$config" with_llvm=no >>"$work/build.log" 2>&1
[ "$(id -u)" != 0 ] || chown -R postgres "$work"
chmod 755 "$work"
as_server sh -c "cd '$work/tree' && mkdir -p tmp_check && PATH='$bindir':\$PATH TESTDIR='$work/tree' PGPORT=65$((RANDOM % 400 + 100)) \
    TESTDATADIR='$work/tree/tmp_check' TESTLOGDIR='$work/tree/tmp_check/log' \
    top_builddir='$work/tree' PG_REGRESS='$pgxs/src/test/regress/pg_regress' \
    prove --verbose -I '$pgxs/src/test/perl' -I test/perl test/citus/citus.pl" ||
    { tail -20 "$work/tree/tmp_check/log/regress_log_citus"; exit 1; }
