#!/usr/bin/env bash
# Hostile bytes and texts against the journey kernel, outside the server, under
# AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   test/tools/fuzz.sh [RUNS [SEED]]
#
# RUNS (100000) mutated bodies, RUNS mutated texts and RUNS/4 random bodies come
# from the fuzzer's own generator; the same SEED (1) gives the same inputs. The
# last line says "fuzz: passed"; any fault ends with a sanitizer's report or a
# broken law, and a status that is not 0. Status 77: there is no compiler with
# the sanitizers' runtime.
#
#   CC          compiler for the generator's run (gcc, else clang)
#   LIBFUZZER   so many more runs guided by coverage, with clang's libFuzzer,
#               where it is installed (0)
#   CORPUS      directory where libFuzzer keeps what it found (temporary)
#   PG_CONFIG   whose headers to compile with
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
runs=${1:-100000}
seed=${2:-1}
config=${PG_CONFIG:-pg_config}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# the files that know nothing of the server's function manager
kernel=()
for file in "$top"/src/journey/*.c; do
    case $file in *_sql.c) ;; *) kernel+=("$file") ;; esac
done
sources=("${kernel[@]}" "$top/test/fuzz/server.c" "$top/test/fuzz/journey_fuzz.c")
flags=(-std=gnu11 -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=undefined
    -Wno-ignored-attributes -I"$top/src" -I"$top/test/fuzz" -I"$("$config" --includedir-server)")

export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1
export UBSAN_OPTIONS=print_stacktrace=1

# A compiler counts only if what it links with the sanitizers also runs.
has_sanitizers() {
    echo 'int main(void) { return 0; }' >"$work/probe.c"
    "$1" -fsanitize="$2" "$work/probe.c" -o "$work/probe" 2>/dev/null && "$work/probe"
}

compiler=
for candidate in ${CC:-gcc clang}; do
    if has_sanitizers "$candidate" address,undefined; then
        compiler=$candidate
        break
    fi
done
if [ -z "$compiler" ]; then
    echo 'fuzz: skipped, no compiler with the sanitizers'
    exit 77
fi

"$compiler" "${flags[@]}" -fsanitize=address,undefined "${sources[@]}" -o "$work/journey_fuzz" -lm
"$work/journey_fuzz" "$runs" "$seed"

if [ "${LIBFUZZER:-0}" -gt 0 ]; then
    if ! clang -fsanitize=fuzzer "$top/test/fuzz/journey_fuzz.c" -fsyntax-only -I"$top/src" \
        -I"$top/test/fuzz" -I"$("$config" --includedir-server)" -DWITH_LIBFUZZER 2>/dev/null; then
        echo 'fuzz: no libFuzzer here'
    else
        corpus=${CORPUS:-$work/corpus}
        mkdir -p "$corpus"
        clang "${flags[@]}" -DWITH_LIBFUZZER -fsanitize=fuzzer,address,undefined \
            "${sources[@]}" -o "$work/journey_libfuzzer" -lm
        "$work/journey_fuzz" 1000 "$seed" "$corpus" >/dev/null
        if ! (cd "$work" && ./journey_libfuzzer -runs="$LIBFUZZER" -seed="$seed" -max_len=512 \
            -verbosity=0 -print_final_stats=1 "$corpus") >"$work/log" 2>&1; then
            cat "$work/log"
            exit 1
        fi
        grep '^stat::' "$work/log"
    fi
fi
echo 'fuzz: passed'
