#!/usr/bin/env bash
# Builds the Debian package in a clean root, regression tests included, installs
# it in another one that has never seen the sources, and uses it there.  Needs
# root, debootstrap the first time, and Debian's archive.
#
#   test/tools/debian_package.sh DIRECTORY
#
#   DIRECTORY       holds bare-base, a minimal root that is made once and only
#                   copied, and the packages that were built
#   SUITE           Debian release of that root (bookworm)
#   DEBIAN_MIRROR   archive to make it from; default: debootstrap's
#
# Ends with "package: ok", or fails.
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
[ $# = 1 ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 2; }
[ "$(id -u)" = 0 ] || { echo 'debian_package.sh must be run as root: it makes roots and enters them.'; exit 2; }
mkdir -p "$1"
roots=$(cd "$1" && pwd)
base=$roots/bare-base

if [ ! -d "$base" ]; then
    debootstrap --variant=minbase --include=ca-certificates "${SUITE:-bookworm}" "$base.partial" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
    mv "$base.partial" "$base"
fi
cleanup() { rm -rf --one-file-system "$roots/package-build" "$roots/package-try"; }
trap cleanup EXIT
trap 'exit 1' INT TERM
cleanup

# fresh_root NAME: a copy of the base where no service starts by itself.
fresh_root() {
    cp -a "$base" "$roots/$1"
    cp /etc/resolv.conf "$roots/$1/etc/"
    printf '#!/bin/sh\nexit 101\n' >"$roots/$1/usr/sbin/policy-rc.d"
    chmod +x "$roots/$1/usr/sbin/policy-rc.d"
    mkdir -p "$roots/$1/etc/postgresql-common/createcluster.d"
    echo 'create_main_cluster = false' >"$roots/$1/etc/postgresql-common/createcluster.d/none.conf"
}

# in_root NAME COMMAND: runs a shell command there, in a process tree of its own.
in_root() {
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child sh -c '
        mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount -t tmpfs shm "$1/dev/shm" &&
        exec chroot "$1" env HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -euc "$2"' sh "$roots/$1" "$2"
}

echo 'Building the package'
fresh_root package-build
mkdir -p "$roots/package-build/build/customer-journey"
tar -C "$source_dir" --exclude=./.git --exclude=node_modules --exclude='*.o' --exclude='*.so' --exclude='*.bc' \
    --exclude='./customer_journey--*.sql' --exclude=tmp_check -cf - . |
    tar -C "$roots/package-build/build/customer-journey" --no-same-owner -xf -
in_root package-build '
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends build-essential debhelper fakeroot postgresql-server-dev-all \
        $(apt-cache pkgnames postgresql-server-dev- | sed -n "s/^postgresql-server-dev-\([0-9]*\)$/postgresql-\1/p")
    cd /build/customer-journey
    pg_buildext updatecontrol
    dpkg-buildpackage --unsigned-source --unsigned-changes --build=binary' >"$roots/package-build.log" 2>&1 ||
    { tail -60 "$roots/package-build.log"; exit 1; }
grep -E '^(test |ok |not ok )' "$roots/package-build.log" | tail -3
rm -f "$roots"/postgresql-*-customer-journey_*.deb
cp "$roots"/package-build/build/postgresql-*-customer-journey_*.deb "$roots"

echo 'Installing it where nothing of it has been'
fresh_root package-try
cp "$roots"/postgresql-*-customer-journey_*.deb "$roots/package-try/root"
# shellcheck disable=SC2016
in_root package-try '
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends /root/*.deb
    major=$(ls /usr/lib/postgresql)
    pg_virtualenv -v "$major" sh -euc "
        psql -X -v ON_ERROR_STOP=1 -c \"CREATE EXTENSION customer_journey\"
        test \"\$(psql -X -At -c \"SELECT journey_path(journey_agg(t, e)) ~ \\\$\\\$view > purchase\\\$\\\$
            FROM (VALUES (timestamptz \\\$\\\$2026-01-02 00:00+00\\\$\\\$, \\\$\\\$purchase\\\$\\\$), (\\\$\\\$2026-01-01 00:00+00\\\$\\\$, \\\$\\\$view\\\$\\\$)) v (t, e)\")\" = t
        psql -X -At -c \"SELECT \\\$\\\$answers on \\\$\\\$ || version()\"
        psql -X -v ON_ERROR_STOP=1 -c \"DROP EXTENSION customer_journey\""
    dpkg -L "postgresql-$major-customer-journey" | sed -n "/\/\(customer_journey\.\(control\|so\)\|copyright\)$/p"
    apt-get purge -y -qq "postgresql-$major-customer-journey"
    ! find /usr -name "*customer_journey*" | grep .' >"$roots/package-try.log" 2>&1 ||
    { tail -60 "$roots/package-try.log"; exit 1; }
grep -E '^answers on|\.so$|\.control$' "$roots/package-try.log"
ls -l "$roots"/postgresql-*-customer-journey_*.deb
echo 'package: ok'
