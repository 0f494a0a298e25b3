#!/usr/bin/env bash
# Runs pgindent over the C sources, where it is installed.
#
#   PGINDENT       the script (default: pgindent in the path)
#   PG_BSD_INDENT  the program it calls (default: pg_bsd_indent in the path)
#   TYPEDEFS       the server's typedefs.list
#   CHECK=1        only say what differs; exit 2 if anything does
set -euo pipefail
cd "$(dirname "$0")/../.."
pgindent=${PGINDENT:-$(command -v pgindent || true)}
indent=${PG_BSD_INDENT:-$(command -v pg_bsd_indent || true)}
if [ -z "$pgindent" ] || [ -z "$indent" ] || [ -z "${TYPEDEFS:-}" ]; then
    echo "pgindent is not installed. It comes with PostgreSQL's sources (src/tools/pgindent, src/tools/pg_bsd_indent)." >&2
    echo "Set PGINDENT, PG_BSD_INDENT and TYPEDEFS (src/tools/pgindent/typedefs.list)." >&2
    exit 1
fi
# our own type names, from the typedefs in the sources
own=$(sed -n -e 's/^typedef .*[ *]\([A-Za-z_]*\);$/\1/p' -e 's/^} \([A-Za-z]*\);$/\1/p' src/*.h src/*/*.[ch] | sort -u | tr '\n' ' ')
"$pgindent" --indent="$indent" --typedefs="$TYPEDEFS" --list-of-typedefs="$own" ${CHECK:+--check --diff} src
