#!/usr/bin/env bash
# Does an event cost the same however many there are?  Builds journeys from raw
# rows, runs a funnel over raw rows, and makes a graph of stored journeys, with ever
# more events, and prints nanoseconds of processor time an event: the median of
# the rounds, which other work on the machine disturbs least.
#
#   bench/flat.sh [SIZE...]        default: 100000 1000000 10000000 50000000
#
# Environment: WORK_MEM (2GB), so that memory, which is another question, is not
# what is measured; and run.sh's.
#
# Copyright (c) 2026, the customer_journey developers
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")"
[ $# -gt 0 ] || set -- 100000 1000000 10000000 50000000
dir=$(mktemp -d "${TMPDIR:-/tmp}/customer_journey-flat.XXXXXX")
trap 'rm -rf "$dir"' EXIT

for events; do
	# small runs are short, so many are needed
	rounds=$((events < 1000000 ? 50 : events < 10000000 ? 15 : 3))
	bash run.sh --events "$events" --rounds "$rounds" --threads 1 --peers none --work-mem "${WORK_MEM:-2GB}" \
		--cases '/(20_build|21_funnel_raw|45_graph)$' --queries '^ours$' >"$dir/$events"
done

for events; do
	awk -F'|' -v events="$events" '
		/\| ours / { print $2, events, $9 * 1e9 / events }' "$dir/$events"
done | sort -k1,1 -k2,2n | awk '
	BEGIN { print "| case | events | ns/event | x the least |"; print "| --- | --- | --- | --- |" }
	{ name[NR] = $1; events[NR] = $2; ns[NR] = $3; if (!($1 in least) || $3 < least[$1]) least[$1] = $3 }
	END { for (i = 1; i <= NR; i++) printf "| %s | %d | %.1f | %.2f |\n", name[i], events[i], ns[i], ns[i] / least[name[i]] }'
