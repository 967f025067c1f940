#!/usr/bin/env bash
# Installs what the tests (default) or only the demo (`setup.sh demo`) need from the system. On Debian and Ubuntu as
# root it uses apt, saying so first; elsewhere it names the command and, for the demo, fails.
set -euo pipefail
wanted=${1:-tests}
PATH=$PATH:/usr/sbin:/sbin
declare -A package_of=([nft]=nftables [ip]=iproute2 [ss]=iproute2 [ping]=iputils-ping [nsenter]=util-linux)
if [ "$wanted" = tests ]; then
  package_of+=([conntrack]=conntrack [dhcpd]=isc-dhcp-server [dhclient]=isc-dhcp-client [dnsmasq]=dnsmasq-base [dig]=bind9-dnsutils)
  # What the bench compares IOC scans with.
  package_of+=([md5deep]=hashdeep)
  package_of+=([wine]=wine [x86_64-w64-mingw32-gcc]=gcc-mingw-w64-x86-64)
  package_of+=([faketime]=faketime [wall]=bsdutils [script]=bsdutils [dbus-daemon]=dbus-daemon [notify-send]=libnotify-bin)
fi
missing=()
for tool in "${!package_of[@]}"; do
  command -v "$tool" >/dev/null || missing+=("${package_of[$tool]}")
done
if [ "$wanted" = tests ] && ! /usr/bin/python3 -I -c 'import sys; from importlib.util import find_spec as f; sys.exit(not (f("grpc") and f("grpc_tools")))' 2>/dev/null; then
  missing+=(python3-grpcio python3-grpc-tools)
fi
if [ "$wanted" = tests ] && ! /usr/bin/python3 -I -c 'import sys; from importlib.util import find_spec as f; sys.exit(not (f("dbus") and f("gi")))' 2>/dev/null; then
  missing+=(python3-dbus python3-gi)
fi
finish() {
  [ "$wanted" = tests ] && command -v wine >/dev/null || exit 0
  # A person without it may run the other tests; it has said what is wrong.
  bash "$(dirname "$0")/windows/setup.sh" || [ -z "${CI:-}" ]
  exit
}
[ ${#missing[@]} -eq 0 ] && finish
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing what is missing with apt-get: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  finish
fi
echo "Missing on this system: ${missing[*]}" >&2
echo "Install them first, for example: sudo apt-get install ${missing[*]}" >&2
[ "$wanted" = tests ] || exit 1
finish
