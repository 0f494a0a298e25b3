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
config=${PG_CONFIG:-pg_config}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources=("$top/test/fuzz/server.c" "$top/test/fuzz/identity_fuzz.c")
for file in codepoints matcher name name_words phonetic contact placeholder; do
    sources+=("$top/src/identity/$file.c")
done
flags=(-std=gnu11 -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=undefined -fsanitize=address,undefined
    -Wno-ignored-attributes -I"$top/src" -I"$top/test/fuzz" -I"$("$config" --includedir-server)")
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1
export UBSAN_OPTIONS=print_stacktrace=1
compiler=
for candidate in ${CC:-gcc clang}; do
    echo 'int main(void) { return 0; }' >"$work/probe.c"
    if "$candidate" -fsanitize=address,undefined "$work/probe.c" -o "$work/probe" 2>/dev/null && "$work/probe"; then
        compiler=$candidate
        break
    fi
done
if [ -z "$compiler" ]; then
    echo 'fuzz: skipped, no compiler with the sanitizers'
    exit 77
fi
"$compiler" "${flags[@]}" "${sources[@]}" -o "$work/identity_fuzz" -lm
"$work/identity_fuzz" "${1:-100000}" "${2:-1}"
echo 'fuzz: passed'
