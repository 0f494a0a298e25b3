#!/usr/bin/env bash
# Hostile texts against the normalisers and similarities of identity, outside
# the server, under AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   test/tools/identity_fuzz.sh [RUNS [SEED]]
#
# The last line says "fuzz: passed"; any fault ends with a sanitizer's report or
# a broken law, and a status that is not 0. Status 77: no such compiler.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/tools/sanitized.sh"
sources=()
for file in codepoints matcher name name_words phonetic contact placeholder; do
    sources+=("$top/src/identity/$file.c")
done
run_sanitized identity_fuzz "${1:-100000}" "${2:-1}" "${sources[@]}"
