#!/usr/bin/env bash
# The pg_regress suite and a reduced property run with the extension compiled
# under AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   PG_CONFIG=... test/tools/sanitize.sh
#
#   PG_CONFIG   a server built from source with --enable-cassert --enable-debug
#               --enable-tap-tests and without NLS; the extension is installed there
#   CJ_SETS     sets of events in the property run (2000)
#   CJ_SEED     their seed (1)
#   TAP         TAP tests to run (test/t/010_properties.pl); empty: none
#
# Ends with "sanitizers: N reports"; reports are shown, and make it fail, as does
# a test that fails. Overruns of palloc'd memory show as warnings of the server's
# own checks, which are counted too; test/tools/fuzz.sh sees them exactly.
set -euo pipefail
. "$(dirname "$0")/instrumented.sh"

failed=0
CJ_SETS=${CJ_SETS:-2000}
prepare_tree
build_extension '-fsanitize=address,undefined -fno-sanitize-recover=undefined' '-fsanitize=address,undefined'
watch_server env LD_PRELOAD="$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)" \
    ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:log_path=$work/logs/sanitizer" \
    UBSAN_OPTIONS="print_stacktrace=1:log_path=$work/logs/sanitizer"
run_regress
[ -z "${TAP-test/t/010_properties.pl}" ] || run_tap "${TAP-test/t/010_properties.pl}"

reports=$(find "$work/logs" -name 'sanitizer.*' | wc -l)
[ "$reports" = 0 ] || cat "$work"/logs/sanitizer.*
overruns=$(cat "$work/logs/server" "$work"/tree/tmp_check/log/*.log 2>/dev/null |
    grep -cE 'problem in alloc set|detected write past chunk end|runtime error:' || true)
echo "sanitizers: $reports reports, $overruns warnings of the server"
[ "$reports" = 0 ] && [ "$overruns" = 0 ] && [ "$failed" = 0 ]
