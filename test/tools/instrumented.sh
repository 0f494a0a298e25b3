#!/usr/bin/env bash
# The suites on a server that something watches: functions for valgrind.sh and
# sanitize.sh, which source this file.
#
# The server must be built from source with --enable-cassert --enable-debug
# --enable-tap-tests, for valgrind also with CPPFLAGS=-DUSE_VALGRIND: a packaged
# one hides what happens within its memory contexts. Name it with PG_CONFIG.

tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$tools/server.sh"
config=${PG_CONFIG:-pg_config}
bindir=$("$config" --bindir)
pgxs=$(dirname "$("$config" --pgxs)")/../..

"$config" --configure | grep -q -- --enable-cassert || {
    echo "The server of $config has no assertions: build one with --enable-cassert." >&2
    exit 2
}

# prepare_tree: the sources in a directory of their own, which servers' user owns.
prepare_tree() {
    work=$(mktemp -d /tmp/cj_watch.XXXXXX)
    chmod 755 "$work"
    trap 'stop_watched; rm -rf "$work"' EXIT
    trap 'exit 1' INT TERM
    mkdir "$work/tree" "$work/logs" "$work/bin" "$work/server"
    tar -C "$tools/../.." --exclude=.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' -cf - . |
        tar -C "$work/tree" -xf -
}

# build_extension FLAGS LINK_FLAGS: builds the tree and installs it.
build_extension() {
    make -s -j2 -C "$work/tree" install PG_CONFIG="$config" with_llvm=no \
        PG_CFLAGS="-O1 -g -fno-omit-frame-pointer $1" SHLIB_LINK="$2" >"$work/build.log" 2>&1 ||
        { cat "$work/build.log"; exit 1; }
    [ "$(id -u)" != 0 ] || chown -R postgres "$work"
}

# watch_server COMMAND...: makes "postgres" in PATH run under a command. pg_ctl
# looks for postgres beside itself, so it is copied; making a cluster and telling
# the version are not watched.
watch_server() {
    cp "$bindir/pg_ctl" "$work/bin/pg_ctl"
    cat >"$work/bin/postgres" <<WRAPPER
#!/bin/sh
case "\$1" in
    --boot|--single|--check|-V|--version|-C) exec "$bindir/postgres" "\$@" ;;
esac
exec $* "$bindir/postgres" "\$@"
WRAPPER
    chmod 755 "$work/bin/postgres" "$work/bin/pg_ctl"
}

start_watched() {
    as_server "$bindir/initdb" -D "$work/server/data" -U postgres -A trust -E UTF8 --locale=C \
        --no-sync >/dev/null
    as_server sh -c "cat >> '$work/server/data/postgresql.conf'" <<CONF
listen_addresses = ''
unix_socket_directories = '$work/server'
fsync = off
autovacuum = off
CONF
    as_server env PGCTLTIMEOUT=600 "$work/bin/pg_ctl" -D "$work/server/data" \
        -l "$work/logs/server" -w start >/dev/null
}

stop_watched() {
    [ ! -d "$work/server/data" ] ||
        as_server "$bindir/pg_ctl" -D "$work/server/data" -m fast -t 300 stop >/dev/null 2>&1 || true
}

# run_regress: the pg_regress suite on the watched server; prints each test.
run_regress() {
    start_watched
    as_server env PGHOST="$work/server" PGUSER=postgres make -s -C "$work/tree" installcheck \
        PG_CONFIG="$config" with_llvm=no >"$work/logs/regress" 2>&1 || failed=1
    grep -E '^(test |ok |not ok )' "$work/logs/regress" || { cat "$work/logs/regress"; failed=1; }
    [ ! -s "$work/tree/regression.diffs" ] || cat "$work/tree/regression.diffs"
    stop_watched
}

# run_tap FILE...: TAP tests whose servers are watched too.
run_tap() {
    as_server sh -c "cd '$work/tree' && mkdir -p tmp_check && PATH='$work/bin:$bindir':\$PATH \
        TESTDIR='$work/tree' TESTDATADIR='$work/tree/tmp_check' TESTLOGDIR='$work/tree/tmp_check/log' PGPORT=65$((RANDOM % 400 + 100)) top_builddir='$work/tree' \
        PGCTLTIMEOUT=600 PG_TEST_TIMEOUT_DEFAULT=3600 CJ_SEED='${CJ_SEED:-1}' CJ_SETS='${CJ_SETS:-300}' \
        PG_REGRESS='$pgxs/src/test/regress/pg_regress' \
        prove -I '$pgxs/src/test/perl' -I test/perl $*" || failed=1
}
