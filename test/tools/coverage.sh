#!/usr/bin/env bash
# Which lines of src the whole suite runs.
#
#   PG_CONFIG=... test/tools/coverage.sh [OUTPUT]
#
#   PG_CONFIG     the server to test with; the extension is installed there, and is
#                 slow until it is installed anew: name one of your own
#   PROVE_TESTS   TAP files to run instead of all
#   AT_LEAST      share of lines in per cent below which it fails (90)
#   OUTPUT        a directory that gets the annotated sources (*.gcov), if given
#
# Needs gcc and gcov. Prints a line a file, then the total. Backends that are
# killed, as some tests do, write nothing of what they ran.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
output=${1:+$(mkdir -p "$1" && cd "$1" && pwd)}
kept=$(mktemp -d /tmp/cj_coverage.XXXXXX)
trap 'rm -rf "$kept"' EXIT

status=0
TEST_CFLAGS='--coverage -O0' TEST_LINK=--coverage KEEP_TREE="$kept/tree" bash "$top/test/run.sh" || status=$?
cd "$kept/tree"
for file in src/*.gcda src/*/*.gcda; do
    gcov --json-format --stdout --object-directory "$(dirname "$file")" "$file" 2>/dev/null
done >"$kept/lines.json"
if [ -n "$output" ]; then
    for file in src/*.gcda src/*/*.gcda; do
        gcov --preserve-paths --relative-only --object-directory "$(dirname "$file")" "$file" >/dev/null 2>&1
    done
    mv ./*.gcov "$output"
fi
perl "$top/test/tools/coverage.pl" "${AT_LEAST:-90}" src <"$kept/lines.json" || status=1
exit "$status"
