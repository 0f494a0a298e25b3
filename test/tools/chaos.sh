#!/usr/bin/env bash
# Kills backends and servers under live load, again and again, and compares live
# journeys with their events after each recovery.
#
#	[CJ_SEED=n] test/tools/chaos.sh [rounds]
set -euo pipefail
cd "$(dirname "$0")/../.."
CJ_ROUNDS=${1:-60} PROVE_TESTS='test/t/072_live_chaos.pl' make -s test
