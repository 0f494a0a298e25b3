#!/usr/bin/env bash
# pg_upgrade of a database that stores every kind of value: the new server reads
# the old one's bytes, and they say the same.
#
#   test/tools/pg_upgrade.sh OLD_PG_CONFIG NEW_PG_CONFIG
#
# Installs the extension in both servers. Ends with "upgrade: ok", or fails.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 2; }
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/test/tools/server.sh"
old=$1
new=$2
work=$(mktemp -d /tmp/cj_upgrade.XXXXXX)
chmod 755 "$work"
trap 'server_stop "$("$old" --bindir)" "$work/old"; server_stop "$("$new" --bindir)" "$work/new"; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

for config in "$old" "$new"; do
    rm -rf "$work/tree"
    mkdir "$work/tree"
    tar -C "$top" --exclude=.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' -cf - . | tar -C "$work/tree" -xf -
    echo "Building for $("$config" --version)"
    make -s -j2 -C "$work/tree" PG_CONFIG="$config" with_llvm=no PG_CFLAGS=-DUSE_ASSERT_CHECKING >"$work/build.log" 2>&1 ||
        { cat "$work/build.log"; exit 1; }
    as_installer "$config" make -s -C "$work/tree" install PG_CONFIG="$config" with_llvm=no >>"$work/build.log" 2>&1
done

# ask BINDIR DIRECTORY: runs what stands on standard input, stops at an error.
ask() { as_server "$1/psql" -X -q -At -v ON_ERROR_STOP=1 -h "$2" -U postgres -d postgres -f -; }

# What every stored value says, and what indexes find.
describe() {
    ask "$1" "$2" <<'SQL'
SET timezone = 'UTC';
SET enable_seqscan = off;
SELECT 'journeys', count(*), md5(string_agg(customer_id || j::text || md5(journey_send(j)), ',' ORDER BY customer_id)) FROM store.journeys;
SELECT 'patterns', string_agg(p::text, ';' ORDER BY id) FROM store.patterns;
SELECT 'matches', string_agg((SELECT count(*) FROM store.journeys WHERE j ~ p)::text, ',' ORDER BY id) FROM store.patterns;
SELECT 'graphs', md5(string_agg(g::text || graph_to_dot(g), ',' ORDER BY id)) FROM store.graphs;
SELECT 'models', md5(string_agg(m::text || propensity_score(m, ARRAY[1.5, 0.5]), ',' ORDER BY id)) FROM store.models;
SELECT 'calibrators', string_agg(c::text || propensity_calibrate(c, 0.3), ',' ORDER BY id) FROM store.calibrators;
SELECT 'composites', md5(string_agg(f::text || p::text, ',' ORDER BY id)) FROM store.composites;
SELECT 'linkage', md5(string_agg(m::text, ',')) FROM store.linkage;
SELECT 'gin', count(*) FROM store.journeys WHERE j ~ 'cart -> purchase';
SELECT 'hash', count(*) FROM store.journeys a JOIN store.journeys b USING (j);
SELECT 'expression', count(*) FROM store.journeys WHERE journey_start(j) < '2026-01-05 00:00+00';
SELECT 'views', (SELECT sum(events) FROM store.journeys_nodes), (SELECT count(*) FROM store.journeys_customers);
SELECT 'registry', propensity('buys', ARRAY[1.5, 0.5], registry => 'store');
SELECT 'folded', journey_length(j || journey_of('2027-01-01 00:00+00', 'after')) FROM store.journeys WHERE customer_id = 7;
SELECT 'extension', extversion FROM pg_extension WHERE extname = 'customer_journey';
SQL
}

server_start "$("$old" --bindir)" "$work/old"
ask "$("$old" --bindir)" "$work/old" <<'SQL'
CREATE EXTENSION customer_journey;
CREATE SCHEMA store;
CREATE TABLE store.journeys AS
    SELECT g % 500 AS customer_id, journey_agg(timestamptz '2026-01-01 00:00+00' + g * interval '61.5 seconds',
        (ARRAY['view', 'search', 'cart', 'purchase', 'größer "x"'])[1 + abs(hashint8(g)) % 5], (ARRAY['web', 'app', NULL])[1 + g % 3],
        CASE WHEN g % 2 = 0 THEN g / 8.0 END::float8, CASE WHEN g % 7 = 0 THEN 'sku-' || g % 9 END) AS j
    FROM generate_series(1, 20000::bigint) g GROUP BY 1;
ALTER TABLE store.journeys ADD PRIMARY KEY (customer_id);
INSERT INTO store.journeys VALUES (-1, '{}'), (-2, NULL);
INSERT INTO store.journeys SELECT -3, journey_merge(j) FROM store.journeys;
CREATE INDEX ON store.journeys USING gin (j);
CREATE INDEX ON store.journeys USING hash (j);
CREATE INDEX ON store.journeys (journey_start(j));
CREATE TABLE store.patterns AS SELECT * FROM (VALUES (1, 'view -> purchase'::journey_pattern), (2, 'cart !-[<= 1 day]-> purchase'),
    (3, '^ view@web+ -[<= 2 days, !search]-> [cart|purchase](value >= 3) WITHIN 30 days'), (4, 'permute(view, cart, search) SAME channel')) v (id, p);
CREATE TABLE store.graphs AS SELECT 1 AS id, journey_graph_agg(j) AS g FROM store.journeys
    UNION ALL SELECT 2, journey_graph_agg(j, graph_options(depth => 3, by => 'channel')) FROM store.journeys;
CREATE TABLE store.models AS SELECT 1 AS id, propensity_fit(customer_id % 3 = 0, ARRAY[journey_length(j), journey_value(j)]) AS m FROM store.journeys;
CREATE TABLE store.calibrators AS SELECT 1 AS id, platt_calibration(i % 3 = 0, i / 60.0) AS c FROM generate_series(1, 50) i
    UNION ALL SELECT 2, isotonic_calibration(i % 3 = 0, i / 60.0) FROM generate_series(1, 50) i;
CREATE TABLE store.composites AS SELECT customer_id AS id, journey_funnel(j, '{view,cart,purchase}') AS f,
    (SELECT top_paths(s.j) FROM store.journeys s WHERE s.customer_id = o.customer_id) AS p FROM store.journeys o WHERE customer_id BETWEEN 1 AND 20;
CREATE TABLE store.linkage AS SELECT linkage_fit(p, linkage_spec(comparisons => ARRAY[linkage_comparison('name', 'name')], block_on => ARRAY['town'])) AS m
    FROM (SELECT 'name ' || i % 13 AS name, 'town ' || i % 4 AS town FROM generate_series(1, 60) i) p;
SELECT count(*) FROM journey_views('store.journeys');
SELECT propensity_registry_create('store');
SELECT propensity_register('buys', m, registry => 'store') FROM store.models;
SELECT propensity_publish('buys', 1, registry => 'store');
SELECT customer_catalogue_create('catalogue');
SQL
describe "$("$old" --bindir)" "$work/old" >"$work/before"
cat "$work/before"
as_server "$("$old" --bindir)/pg_ctl" -D "$work/old/data" -m fast -w stop >/dev/null

mkdir "$work/new"
[ "$(id -u)" != 0 ] || chown postgres "$work" "$work/new"
checksums=$(as_server "$("$old" --bindir)/pg_controldata" "$work/old/data" | sed -n 's/^Data page checksum version: *//p')
new_options=()
# from 18 on, initdb makes checksums unless told otherwise
if [ "$checksums" = 0 ] && "$("$new" --bindir)/initdb" --help | grep -q -- --no-data-checksums; then
    new_options+=(--no-data-checksums)
fi
as_server "$("$new" --bindir)/initdb" -D "$work/new/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync "${new_options[@]}" >/dev/null
as_server sh -c "cd '$work' && '$("$new" --bindir)/pg_upgrade' -U postgres -b '$("$old" --bindir)' -B '$("$new" --bindir)' \
    -d '$work/old/data' -D '$work/new/data' -o \"-c unix_socket_directories=$work\" -O \"-c unix_socket_directories=$work\" -s '$work'" \
    >"$work/upgrade.log" 2>&1 || { cat "$work/upgrade.log"; find "$work/new" -name '*.log' -exec tail -5 {} +; exit 1; }
as_server sh -c "printf \"listen_addresses = ''\\nunix_socket_directories = '%s'\\n\" '$work/new' >> '$work/new/data/postgresql.conf'"
as_server "$("$new" --bindir)/pg_ctl" -D "$work/new/data" -l "$work/new/log" -w start >/dev/null
describe "$("$new" --bindir)" "$work/new" >"$work/after"
diff "$work/before" "$work/after"

# an upgraded extension is a freshly made one
ask "$("$new" --bindir)" "$work/new" <<'SQL'
SET client_min_messages = warning;
CREATE TABLE more AS SELECT journey_agg(now(), 'view') AS j;
ANALYZE;
DROP SCHEMA store, catalogue CASCADE;
DROP TABLE more;
DROP EXTENSION customer_journey;
CREATE EXTENSION customer_journey;
SQL
echo "upgrade: ok, $("$old" --version) to $("$new" --version)"
