#!/usr/bin/env bash
# All tests. Those under Wine mostly wait for Wine: they run beside those that measure no time and send no packets, and
# what they print comes when they are done. Real packets and faults have the machine for themselves.
set -uo pipefail
cd "$(dirname "$0")/.."
report=$(mktemp)
trap 'rm -f "$report"' EXIT
mocha 'dist/test/windows/**/*.test.js' >"$report" 2>&1 &
windows=$!
failed=0
mocha 'dist/test/**/*.test.js' --ignore 'dist/test/{windows,fault,net}/**' || failed=1
echo "Waiting for the tests under Wine (up to 5 minutes)"
wait "$windows" || failed=1
cat "$report"
mocha 'dist/test/{fault,net}/**/*.test.js' || failed=1
exit "$failed"
