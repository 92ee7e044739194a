#!/bin/sh
# Installs the distribution's Docker Engine, unless there is one, and starts it now and at each boot. For Amazon Linux
# 2023, Fedora, Debian and Ubuntu; RHEL and its kin have none of their own: see https://docs.docker.com/engine/install.
set -eu

retried() { # COMMAND…
  # At a first boot the network may come late, and others install too: apt's lists are locked then.
  pause=1
  until "$@"; do
    [ "$pause" -le 64 ] || exit 1
    sleep "$pause"
    pause=$((pause * 2))
  done
}

if ! command -v dockerd >/dev/null; then
  if command -v dnf >/dev/null; then
    retried dnf install --assumeyes --quiet docker
  elif command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    retried apt-get update --quiet=2
    retried apt-get install -o DPkg::Lock::Timeout=300 --quiet=2 --yes --no-install-recommends docker.io
  else
    echo "Docker is not installed: there is neither dnf nor apt-get; use an image that has it" >&2
    exit 1
  fi
fi
systemctl enable --now docker
