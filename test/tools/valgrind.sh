#!/usr/bin/env bash
# The pg_regress suite and a reduced property run on a server under valgrind.
#
#   PG_CONFIG=... SUPPRESSIONS=.../src/tools/valgrind.supp test/tools/valgrind.sh
#
#   PG_CONFIG      a server built from source with --enable-cassert --enable-debug
#                  --enable-tap-tests CPPFLAGS=-DUSE_VALGRIND; the extension is
#                  installed there
#   SUPPRESSIONS   valgrind.supp of that source tree
#   CJ_SETS        sets of events in the property run (300)
#   CJ_SEED        their seed (1)
#   TAP            TAP tests to run (test/t/010_properties.pl); empty: none
#
# Takes some minutes. Ends with "valgrind: N errors"; errors are shown, and make
# it fail, as does a test that fails.
set -euo pipefail
: "${SUPPRESSIONS:?names valgrind.supp of the source tree of the server}"
suppressions=$(realpath "$SUPPRESSIONS")
command -v valgrind >/dev/null || { echo 'valgrind is missing' >&2; exit 2; }
. "$(dirname "$0")/instrumented.sh"

failed=0
prepare_tree
cp "$suppressions" "$work/valgrind.supp"
build_extension '' ''
watch_server valgrind --quiet --leak-check=no --track-origins=yes --trace-children=yes \
    --suppressions="$work/valgrind.supp" --gen-suppressions=no \
    --error-markers=VALGRINDERROR-BEGIN,VALGRINDERROR-END --log-file="$work/logs/valgrind.%p"
run_regress
[ -z "${TAP-test/t/010_properties.pl}" ] || run_tap "${TAP-test/t/010_properties.pl}"

errors=$(cat "$work"/logs/valgrind.* | grep -c VALGRINDERROR-BEGIN || true)
[ "$errors" = 0 ] || sed -n '/VALGRINDERROR-BEGIN/,/VALGRINDERROR-END/p' "$work"/logs/valgrind.* | head -400
echo "valgrind: $errors errors in $(ls "$work"/logs/valgrind.* | wc -l) processes"
[ "$errors" = 0 ] && [ "$failed" = 0 ]
