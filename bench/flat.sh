#!/usr/bin/env bash
# Does an event cost the same however many there are?  Builds journeys from raw
# rows, runs a funnel over raw rows, and makes a graph of stored journeys, with ever
# more events, and prints nanoseconds of processor time an event: the median of
# the rounds, which other work on the machine disturbs least; and how much of it was
# the program's own and how much the kernel's, on average.
#
#   bench/flat.sh [SIZE...]        default: 100000 1000000 10000000 50000000
#
# What is asked is whether the work an event takes grows.  So everything else is the
# same for all sizes, as far as it can be: the tables are in the server's own
# buffers (at 50 million events these take 4.5 GB), and work_mem is enough for all
# rows.  The kernel's part is above all the zeroing of fresh memory.  What that costs
# a byte on this machine is printed; on a virtual machine that gives free memory
# back to its host, it depends on how long ago the memory was last used.
#
# Environment: WORK_MEM (2GB), and run.sh's.
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
		--shared-buffers $((256 + events / 1000000 * 90))MB --warm \
		--cases '/(20_build|21_funnel_raw|45_graph)$' --queries '^ours$' >"$dir/$events"
done

for events; do
	awk -F'|' -v events="$events" '
		/\| ours / { print $2, events, $9 * 1e9 / events, $10 + 0 }' "$dir/$events"
done | sort -k1,1 -k2,2n | awk '
	{ name[NR] = $1; events[NR] = $2; ns[NR] = $3; own[NR] = $3 * (100 - $4) / 100
	  if (!($1 in least) || $3 < least[$1]) least[$1] = $3
	  if (!($1 in leastown) || own[NR] < leastown[$1]) leastown[$1] = own[NR] }
	END { print "| case | events | ns/event | x the least | its own | x the least | kernel |"; print "| --- | --- | --- | --- | --- | --- | --- |"
	      for (i = 1; i <= NR; i++) printf "| %s | %d | %.1f | %.2f | %.1f | %.2f | %.1f |\n", name[i], events[i],
	          ns[i], ns[i] / least[name[i]], own[i], own[i] / leastown[name[i]], ns[i] - own[i] }'

cc -std=gnu11 -O2 -Wall -o "$dir/fresh" fresh.c
"$dir/fresh"
