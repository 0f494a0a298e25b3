#!/usr/bin/env bash
# Rights, and a private throw-away server: functions for the scripts that source
# this file.
#
#   as_root COMMAND...              runs as root, by sudo if need be
#   as_installer CONFIG COMMAND...  runs as one who may install into that server
#   as_server COMMAND...            runs as the user that may run a server
#   server_start BINDIR DIRECTORY   makes a cluster in DIRECTORY/data, its socket
#                                   in DIRECTORY, no TCP, and starts it
#   server_stop BINDIR DIRECTORY

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

as_installer() {
    local config=$1
    shift
    if [ -w "$("$config" --pkglibdir)" ]; then "$@"; else sudo "$@"; fi
}

# A server will not run as root; Debian's packages bring a user for it.
as_server() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

server_start() {
    local bindir=$1 dir=$2
    mkdir -p "$dir"
    chmod 755 "$dir"
    [ "$(id -u)" != 0 ] || chown postgres "$dir"
    as_server "$bindir/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
        --no-sync >"/dev/null"
    as_server sh -c "cat >> '$dir/data/postgresql.conf'" <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
fsync = off
shared_buffers = ${SERVER_SHARED_BUFFERS:-128MB}
CONF
    as_server "$bindir/pg_ctl" -D "$dir/data" -l "$dir/log" -w start >/dev/null
}

server_stop() {
    as_server "$1/pg_ctl" -D "$2/data" -m fast stop >/dev/null 2>&1 || true
}
