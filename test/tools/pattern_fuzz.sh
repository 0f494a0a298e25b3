#!/usr/bin/env bash
# Hostile texts and bytes against the pattern parser and matcher, outside the
# server, under AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   test/tools/pattern_fuzz.sh [RUNS [SEED]]
#
# The last line says "fuzz: passed"; any fault ends with a sanitizer's report or
# a broken law, and a status that is not 0. Status 77: no such compiler.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/tools/sanitized.sh"
sources=()
for file in "$top"/src/journey/*.c "$top"/src/pattern/*.c; do
    case $file in *_sql.c) ;; *) sources+=("$file") ;; esac
done
run_sanitized pattern_fuzz "${1:-100000}" "${2:-1}" "${sources[@]}"
