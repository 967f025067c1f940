#!/usr/bin/env bash
# The contract: linted, formatted, compatible with the last released image, and the generated code is what it generates.
set -euo pipefail
cd "$(dirname "$0")/.."
buf=node_modules/.bin/buf
"$buf" lint
"$buf" format --diff --exit-code
"$buf" breaking --against proto/released/image.binpb
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$buf" generate --output "$fresh"
"$buf" build -o "$fresh/shared/gen/image.binpb"
if ! diff -rq "$fresh/shared/gen" shared/gen; then
  echo 'shared/gen is stale: run "npm run proto" and commit what it changes' >&2
  exit 1
fi
