# Sourced: builds a program of test/fuzz with AddressSanitizer and
# UndefinedBehaviorSanitizer, and runs it.
#
#   run_sanitized NAME RUNS SEED SOURCE...
#
# compiles test/fuzz/NAME.c, test/fuzz/server.c and the sources. The last line
# says "fuzz: passed"; any fault ends with a sanitizer's report or a broken law,
# and a status that is not 0. Status 77: no such compiler.
run_sanitized() {
    local top config work compiler='' candidate name=$1 runs=$2 seed=$3
    shift 3
    top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    config=${PG_CONFIG:-pg_config}
    work=$(mktemp -d)
    trap "rm -rf '$work'" EXIT
    local flags=(-std=gnu11 -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=undefined -fsanitize=address,undefined
        -Wno-ignored-attributes -I"$top/src" -I"$top/test/fuzz" -I"$("$config" --includedir-server)")
    export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1
    export UBSAN_OPTIONS=print_stacktrace=1
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
    "$compiler" "${flags[@]}" "$top/test/fuzz/server.c" "$top/test/fuzz/$name.c" "$@" -o "$work/$name" -lm
    "$work/$name" "$runs" "$seed"
    echo 'fuzz: passed'
}
