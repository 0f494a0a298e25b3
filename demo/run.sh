#!/usr/bin/env bash
# The demo: from a bare machine to answers about real data, on a private server.
#
#   PG_CONFIG    the server to use
#   DEMO_DIR     where the private server goes
#   DEMO_ONLY    run only the chapters whose numbers start with this
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/.." && pwd)
. "$source_dir/test/tools/server.sh"
dir=${DEMO_DIR:-/var/tmp/customer_journey_demo}
cd /    # the server's user may not enter the source tree

config=$(PG_CONFIG="${PG_CONFIG:-pg_config}" bash "$source_dir/test/tools/prepare.sh")
bindir=$("$config" --bindir)

build=$(mktemp -d /tmp/cj_build.XXXXXX)
trap 'rm -rf "$build"' EXIT
echo "Building and installing against $("$config" --version)"
tar -C "$source_dir" --exclude=.git --exclude=node_modules --exclude='*.o' --exclude='*.so' \
    --exclude='*.bc' -cf - . | tar -C "$build" -xf -
make -s -j2 -C "$build" PG_CONFIG="$config" with_llvm=no >"$build/log" 2>&1 || { cat "$build/log"; exit 1; }
as_installer "$config" make -s -C "$build" install PG_CONFIG="$config" with_llvm=no >"$build/log" 2>&1 ||
    { cat "$build/log"; exit 1; }

# The chapter on paths draws a picture; without the program it only says so.
if ! command -v dot >/dev/null && command -v apt-get >/dev/null; then
    echo 'Installing graphviz, for a picture'
    DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -qq --no-install-recommends graphviz >/dev/null 2>&1 ||
        echo 'It could not be installed; the demo goes on without it'
fi

if [ -e "$dir" ]; then
    if [ ! -e "$dir/customer_journey_demo" ]; then
        echo "$dir exists and is not this demo's; name another directory with DEMO_DIR=..." >&2
        exit 1
    fi
    server_stop "$bindir" "$dir"
    rm -rf "$dir"
fi
echo "Starting a private server in $dir"
server_start "$bindir" "$dir"
touch "$dir/customer_journey_demo"
mkdir -p "$dir/chapters"
cp -r "$source_dir"/demo/*.sql "$source_dir"/demo/data "$dir/chapters/"
chmod -R a+rX "$dir/chapters"
[ "$(id -u)" != 0 ] || chown -R postgres "$dir/chapters"

psql() { as_server "$bindir/psql" -h "$dir" -U postgres -X -q -v ON_ERROR_STOP=1 "$@"; }
psql -d postgres -c 'CREATE DATABASE demo'
cd "$dir/chapters"
for chapter in [0-9]*.sql; do
    [[ $chapter == "${DEMO_ONLY:-}"* || $chapter == 10_* ]] || continue
    psql -d demo -P pager=off -P footer=off -f "$chapter"
done

cat <<END

The private server is in $dir and still running.
  ask it more:  $bindir/psql -h $dir -U postgres -d demo
  remove it:    $([ "$(id -u)" = 0 ] && echo 'runuser -u postgres -- ')$bindir/pg_ctl -D $dir/data stop && rm -rf $dir
END
