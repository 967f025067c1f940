#!/usr/bin/env bash
# Lays out what the tests of the Windows agent run under Wine: Node for Windows, the packages as Windows installs them, and
# a Wine prefix to copy. Everything goes below node_modules/.cache/windows and is made anew when a lock file changes.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=node_modules/.cache/windows
stamp=$(cat package-lock.json test/windows/runtime/package-lock.json test/windows/setup.sh | sha256sum | cut -d' ' -f1)
[ "$(cat "$cache/stamp" 2>/dev/null || true)" = "$stamp" ] && exit 0
echo "Laying out Node for Windows and a Wine prefix (about 30 s)"
rm -rf "$cache"
mkdir -p "$cache/node" "$cache/app"
cp test/windows/runtime/package.json test/windows/runtime/package-lock.json "$cache/node/"
cp package.json package-lock.json "$cache/app/"
for folder in node app; do
  npm ci --prefix "$cache/$folder" --silent --ignore-scripts --no-audit --no-fund --os=win32 --cpu=x64
done
export WINEPREFIX=$PWD/$cache/prefix WINEDEBUG=-all WINEARCH=win64 WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe='
wine wineboot --init >/dev/null 2>&1 </dev/null
wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f >/dev/null 2>&1 </dev/null
wineserver --kill 2>/dev/null || true
wineserver --wait
echo "$stamp" >"$cache/stamp"
