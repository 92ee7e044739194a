#!/usr/bin/env bash
# Installs what the tests need beside the toolchain, on Debian or Ubuntu, as root: a Docker Engine that is
# not started, network tools, and under .toolchain newer Engines (tools/engines.sh), an emulator of the other
# kind of machine (tools/aarch64.sh), a Debian to install packages in (tools/debian.sh), and what
# tools/requirements.txt names. Run again, it does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.toolchain/python

say() { printf 'setup_tests: %s\n' "$*"; }

declare -A package=(
  [dockerd]=docker.io [containerd]=containerd [ip]=iproute2 [iptables]=iptables
  [make]=make [nsenter]=util-linux [setpriv]=util-linux [python3]=python3
  [debootstrap]=debootstrap [systemd-nspawn]=systemd-container
)
wanted=()
for command in "${!package[@]}"; do
  command -v "$command" >/dev/null || wanted+=("${package[$command]}")
done
command -v python3 >/dev/null && python3 -c 'import ensurepip' 2>/dev/null || wanted+=(python3-venv)

if ((${#wanted[@]})); then
  if (($(id -u) != 0)); then
    say "needs root to install: ${wanted[*]}" >&2
    exit 1
  fi
  say "installing ${wanted[*]}"
  # Debian starts a service when it is installed, unless this file says no.
  guard=/usr/sbin/policy-rc.d
  if [[ ! -e $guard ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$guard"
    chmod 755 "$guard"
    trap 'rm -f "$guard"' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
fi

if ! cmp --silent tools/requirements.txt "$venv/installed.txt"; then
  say "installing $(grep -o '^[a-z][a-z0-9-]*' tools/requirements.txt | paste -sd ' ')"
  mkdir -p "$(dirname "$venv")"
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r tools/requirements.txt
  cp tools/requirements.txt "$venv/installed.txt"
fi
# Whether the tests can do without a newer Engine, an emulator, or a Debian, is theirs to say.
tools/engines.sh || true
tools/aarch64.sh || true
tools/debian.sh || true
say 'ready'
