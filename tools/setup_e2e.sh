#!/usr/bin/env bash
# Installs what the end-to-end tests need beside the toolchain, on Debian or Ubuntu, as root: a Docker
# Engine that is not started, network tools, and under .toolchain newer Engines (tools/engines.sh) and moto.
# Run again, it does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

moto='moto[ec2,s3,iam,sts,server]==5.2.1'
venv=.toolchain/moto

say() { printf 'setup_e2e: %s\n' "$*"; }

declare -A package=(
  [dockerd]=docker.io [containerd]=containerd [ip]=iproute2 [iptables]=iptables
  [make]=make [nsenter]=util-linux [setpriv]=util-linux [python3]=python3
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

if ! "$venv/bin/python" -c 'import boto3, moto.server, sys; sys.exit(moto.__version__ != "5.2.1")' 2>/dev/null; then
  say "installing $moto"
  mkdir -p "$(dirname "$venv")"
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$moto"
fi
# Whether the tests can do without a newer one is theirs to say.
tools/engines.sh || true
say 'ready'
