#!/usr/bin/env bash
# Installs what the tests and the demo need from the system, where that can be done; says what is missing otherwise.
# On Debian and Ubuntu as root it uses apt; elsewhere it names the packages.
set -euo pipefail
declare -A package_of=([nft]=nftables [ip]=iproute2 [ss]=iproute2 [tcpdump]=tcpdump [conntrack]=conntrack [ping]=iputils-ping)
missing=()
for tool in "${!package_of[@]}"; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || missing+=("${package_of[$tool]}")
done
python=$(PATH=/usr/bin:$PATH command -v python3 || true)
if [ -z "$python" ] || ! /usr/bin/python3 -c 'import grpc, grpc_tools' 2>/dev/null; then
  missing+=(python3-grpcio python3-grpc-tools)
fi
[ ${#missing[@]} -eq 0 ] && exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing from Debian packages: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "missing: ${missing[*]}; install them first, for example: sudo apt-get install ${missing[*]}" >&2
  echo 'tests that need them fail or say that they were skipped' >&2
fi
