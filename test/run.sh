#!/usr/bin/env bash
# Every test suite, from a bare machine on: installs what is missing, builds
# with warnings as errors and assertions on, runs pg_regress, isolation and TAP
# tests on private servers, and ends with one line: N passed, N failed.
#
#   PG_CONFIG    the server to test with
#   PROVE_TESTS  TAP files to run instead of all
#   TEST_CFLAGS  more flags to compile the extension with; TEST_LINK, to link it
#   CLIENT_MODULES  node_modules with pg and pg-copy-streams; default: fetched
#   KEEP_TREE    where to leave the tree that was tested, with its logs
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/.." && pwd)
. "$source_dir/test/tools/server.sh"

config=$(PG_CONFIG="${PG_CONFIG:-pg_config}" bash "$source_dir/test/tools/prepare.sh")
bindir=$("$config" --bindir)
work=$(mktemp -d /tmp/cj_test.XXXXXX)
cleanup() {
    server_stop "$bindir" "$work/server"
    if [ -n "${KEEP_TREE:-}" ] && [ -d "$work/tree" ]; then
        cp "$work"/*.log "$work/tree" 2>/dev/null || true
        mv "$work/tree" "$KEEP_TREE"
    fi
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# Tests run in a copy, owned by the user that runs servers: the tree stays clean.
tar -C "$source_dir" --exclude=.git --exclude=node_modules --exclude='*.o' --exclude='*.so' \
    --exclude='*.bc' --exclude=results --exclude=tmp_check -cf - . |
    (mkdir "$work/tree" && tar -C "$work/tree" -xf -)
cd "$work/tree"

echo "Building against $("$config" --version)"
# unused parameters are left out: the server's own headers have them
flags="-Wall -Wextra -Wno-unused-parameter -Werror -DUSE_ASSERT_CHECKING ${TEST_CFLAGS:-}"
if ! make -s -j2 PG_CONFIG="$config" PG_CFLAGS="$flags" SHLIB_LINK="${TEST_LINK:-}" with_llvm=no >"$work/build.log" 2>&1 ||
    ! as_installer "$config" make -s install PG_CONFIG="$config" with_llvm=no >>"$work/build.log" 2>&1; then
    cat "$work/build.log"
    echo '0 passed, 1 failed'
    exit 1
fi

# public data that the project does not carry, if it lies beside the tree
if [ -d "$source_dir/../shared/data" ]; then
    mkdir "$work/shared"
    cp -r "$source_dir/../shared/data" "$work/shared/data"
    chmod -R a+rX "$work/shared"
fi

# packages for the client in JavaScript: fetched once, where node and npm are
# and a registry can be reached; without them that test is skipped
if [ -z "${CLIENT_MODULES:-}" ] && command -v node >/dev/null && command -v npm >/dev/null; then
    cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/customer_journey/clients
    [ -d "$cache/node_modules/pg-copy-streams" ] ||
        timeout 60 npm install --prefix "$cache" --no-audit --no-fund --no-package-lock pg@8 pg-copy-streams@6 \
            >/dev/null 2>&1 || true
    if [ -d "$cache/node_modules/pg-copy-streams" ]; then
        cp -r "$cache/node_modules" "$work/clients"
        chmod -R a+rX "$work/clients"
        export CLIENT_MODULES="$work/clients"
    fi
fi
[ "$(id -u)" != 0 ] || chown -R postgres "$work/tree"
chmod 755 "$work"
server_start "$bindir" "$work/server"

# make's exit status is not used: failures are counted from what is printed
echo 'Running regression and isolation tests'
as_server make -k installcheck PG_CONFIG="$config" with_llvm=no WITH_ISOLATION=1 \
    PGHOST="$work/server" PGUSER=postgres >"$work/regress.log" 2>&1 || true
grep -E '^(test |ok |not ok )' "$work/regress.log" || true
for diffs in "$work"/tree/regression.diffs "$work"/tree/output_iso/regression.diffs; do
    [ ! -s "$diffs" ] || head -c 20000 "$diffs"
done

echo 'Running TAP tests'
as_server env PATH="$bindir:$PATH" make -k prove_installcheck_only PG_CONFIG="$config" with_llvm=no \
    >"$work/tap.log" 2>&1 || true
grep -E '^(not ok|#|Dubious|Bailout|t/|test/t/)|\.\. *$' "$work/tap.log" | grep -v '^# Checking port' |
    head -200 || true

count() { grep -cE "$1" "$2" || true; }
passed=$(($(count '^test .* \.\.\. +ok|^ok +[0-9]' "$work/regress.log") +
    $(count '^ok [0-9]' "$work/tap.log")))
failed=$(($(count '^test .* \.\.\. +FAILED|^not ok ' "$work/regress.log") +
    $(count '^not ok [0-9]' "$work/tap.log") +
    $(count '^(Dubious| +Dubious|.*Bad plan|Bail out|.*No plan found)' "$work/tap.log")))
# a suite that did not run at all is a failure, not silence
for suite in regress tap; do
    if ! grep -qE '^(test .* \.\.\.|ok |not ok )' "$work/$suite.log"; then
        tail -50 "$work/$suite.log"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
