#!/usr/bin/env bash
# The whole suite on every supported PostgreSQL, each in a root of its own with
# the distribution that ships it.  Needs root, debootstrap and, the first time,
# the archives; a root is made once and used again.
#
#   test/tools/matrix.sh DIRECTORY [MAJOR...]      default: 15 16 17 18
#
#   DIRECTORY        holds a root a major, pg15 .. pg18, and a log of each run
#   DEBIAN_MIRROR    archive to make Debian roots from; default: debootstrap's
#   UBUNTU_MIRROR    the same for 16, which no Debian release has; without it,
#                    or when it cannot be reached, 16 is left out
#   UBUNTU_KEYRING   keys of that archive; default: where ubuntu-keyring puts them
#
# Ends with a line a major, and fails if any of them does.
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -ge 1 ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 2; }
[ "$(id -u)" = 0 ] || { echo 'matrix.sh must be run as root: it makes roots and enters them.'; exit 2; }
mkdir -p "$1"
roots=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- 15 16 17 18
exec 9>"$roots/lock"
flock -n 9 || { echo "Another run uses the roots in $roots."; exit 2; }

suite_of() {
    case $1 in
        15) echo bookworm ;;
        16) echo noble ;;
        17) echo trixie ;;
        18) echo sid ;;
        *) return 1 ;;
    esac
}

# Makes the root of a major, if it is not there: only a complete one gets its name.
make_root() {
    local major=$1 root=$roots/pg$1 suite partial=$roots/pg$1.partial
    local packages=ca-certificates,make components=main,universe options=(--variant=minbase) mirror=()
    suite=$(suite_of "$major") || { echo 'no distribution is known that ships it'; return 1; }
    [ ! -d "$root" ] || return 0
    command -v debootstrap >/dev/null || { echo 'debootstrap is missing'; return 1; }
    if [ "$suite" = noble ]; then
        local keyring=${UBUNTU_KEYRING:-/usr/share/keyrings/ubuntu-archive-keyring.gpg}
        [ -n "${UBUNTU_MIRROR:-}" ] || { echo 'UBUNTU_MIRROR is not set'; return 1; }
        [ -f "$keyring" ] || { echo "there is no keyring $keyring"; return 1; }
        options+=(--keyring="$keyring" --components="$components" --include="$packages")
        mirror=("$UBUNTU_MIRROR")
        # releases newer than debootstrap itself are made as older ones are
        [ -e /usr/share/debootstrap/scripts/noble ] || mirror+=(/usr/share/debootstrap/scripts/gutsy)
    else
        options+=(--include="$packages")
        [ -z "${DEBIAN_MIRROR:-}" ] || mirror=("$DEBIAN_MIRROR")
    fi
    rm -rf "$partial"
    debootstrap "${options[@]}" "$suite" "$partial" "${mirror[@]}" >"$roots/pg$major.debootstrap.log" 2>&1 ||
        { echo "its archive cannot be used, see $roots/pg$major.debootstrap.log"; return 1; }
    # packages start no services here, and stored copies of an archive may be old
    printf '#!/bin/sh\nexit 101\n' >"$partial/usr/sbin/policy-rc.d"
    chmod 755 "$partial/usr/sbin/policy-rc.d"
    echo 'Acquire::Check-Valid-Until "false";' >"$partial/etc/apt/apt.conf.d/90stored"
    mv "$partial" "$root"
}

# Runs the suite in a root; its mounts and processes end with it, and it ends
# with this script.
running=
trap '[ -z "$running" ] || kill -KILL "$running"' EXIT
trap 'exit 1' INT TERM
run_suite() {
    local major=$1 root=$roots/pg$1 tree=/usr/src/customer_journey
    rm -rf "${root:?}$tree"
    mkdir -p "$root$tree"
    tar -C "$source_dir" --exclude=./.git --exclude=node_modules --exclude='*.o' --exclude='*.so' \
        --exclude='*.bc' --exclude=tmp_check -cf - . | tar -C "$root$tree" --no-same-owner -xf -
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child sh -c '
        mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount -t tmpfs shm "$1/dev/shm" &&
        exec chroot "$1" env HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            PG_CONFIG="/usr/lib/postgresql/$2/bin/pg_config" make --no-print-directory -C "$3" test' \
        sh "$root" "$major" "$tree" >"$roots/pg$major.log" 2>&1 9>&- &
    running=$!
    local status=0
    wait "$running" || status=$?
    running=
    return "$status"
}

summary=
failed=0
for major in "$@"; do
    started=$SECONDS
    if ! reason=$(make_root "$major"); then
        if [ "$major" = 16 ]; then
            result="left out: $reason"
        else
            result="FAILED: $reason"
            failed=1
        fi
    else
        echo "PostgreSQL $major: running, see $roots/pg$major.log"
        if run_suite "$major"; then
            outcome=ok
        else
            outcome=FAILED
            failed=1
        fi
        server=$(sed -n 's/^Building against PostgreSQL \([0-9.]*\).*/\1/p' "$roots/pg$major.log")
        result="$outcome: $(grep '[0-9] passed, [0-9]* failed$' "$roots/pg$major.log" | tail -n 1) (${server:-no server}, $((SECONDS - started)) s)"
        if [ "${server%%.*}" != "$major" ]; then
            result="FAILED: not run on $major but on ${server:-nothing}; see $roots/pg$major.log"
            failed=1
        fi
    fi
    summary="$summary""PostgreSQL $major  $result"$'\n'
done
printf '%s' "$summary"
exit "$failed"
