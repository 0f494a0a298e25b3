#!/usr/bin/env bash
# Installs what building, running and testing need, where it is missing, and
# prints the pg_config to build with.  Debian and Ubuntu; root or sudo.
#
#   PG_CONFIG   a pg_config to use instead of the newest found
set -euo pipefail

. "$(dirname "$0")/server.sh"
say() { echo "$*" >&2; }

# A pg_config whose development files are there too.
usable() { [ -n "${1:-}" ] && [ -f "$("$1" --pgxs 2>/dev/null || true)" ]; }
find_config() {
    local c
    for c in "${PG_CONFIG:-pg_config}" $(ls -rv /usr/lib/postgresql/*/bin/pg_config 2>/dev/null); do
        if usable "$c" && [ -x "$("$c" --bindir)/initdb" ]; then
            command -v "$c"
            return 0
        fi
    done
    return 1
}

missing=""
command -v cc >/dev/null && command -v make >/dev/null || missing="$missing gcc make libc6-dev"
perl -MIPC::Run -e 1 2>/dev/null || missing="$missing libipc-run-perl"
if ! config=$(find_config); then
    missing="$missing postgresql"
fi
if [ -n "$missing" ]; then
    if ! command -v apt-get >/dev/null; then
        say "Missing:$missing. Install them and a PostgreSQL server, 15 or newer, with its development files."
        exit 1
    fi
    say "Installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -qq >&2
    if [[ $missing == *postgresql* ]]; then
        version=$(apt-cache search --names-only '^postgresql-server-dev-[0-9]+$' |
            sed 's/^postgresql-server-dev-\([0-9]*\) .*/\1/' | sort -n | tail -1)
        if [ -z "$version" ] || [ "$version" -lt 15 ]; then
            say "This distribution packages no PostgreSQL 15 or newer; install one and set PG_CONFIG."
            exit 1
        fi
        missing="${missing/ postgresql/} postgresql-$version postgresql-server-dev-$version"
        # no server of its own beside the private one
        if ! [ -d /etc/postgresql-common ]; then
            as_root mkdir -p /etc/postgresql-common/createcluster.d
            echo 'create_main_cluster = false' |
                as_root tee /etc/postgresql-common/createcluster.d/customer_journey.conf >/dev/null
        fi
    fi
    # shellcheck disable=SC2086
    as_root apt-get install -y -qq --no-install-recommends $missing >/tmp/customer_journey_install.$$ 2>&1 ||
        { cat /tmp/customer_journey_install.$$ >&2; exit 1; }
    rm -f /tmp/customer_journey_install.$$
    config=$(find_config)
fi
echo "$config"
