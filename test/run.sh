#!/usr/bin/env bash
# All tests. Those under Wine mostly wait for Wine: they run in two halves beside those that measure no time and send no
# packets, and what they print comes when they are done. Real packets and faults have the machine for themselves.
set -uo pipefail
cd "$(dirname "$0")/.."
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
# The whole agent takes as long as all the others.
mocha 'dist/test/windows/**/agent*.test.js' >"$reports/agent" 2>&1 &
agent=$!
mocha 'dist/test/windows/**/*.test.js' --ignore 'dist/test/windows/**/agent*.test.js' >"$reports/parts" 2>&1 &
parts=$!
failed=0
mocha 'dist/test/**/*.test.js' --ignore 'dist/test/{windows,fault,net}/**' || failed=1
echo "Waiting for the tests under Wine (up to 5 minutes)"
wait "$agent" || failed=1
wait "$parts" || failed=1
cat "$reports/agent" "$reports/parts"
mocha 'dist/test/{fault,net}/**/*.test.js' || failed=1
exit "$failed"
