#!/bin/sh
# Installs the distribution's Docker Engine, unless there is one, and starts it now and at each boot. For Amazon Linux
# 2023, Fedora, Debian and Ubuntu; RHEL and its kin have none of their own: see https://docs.docker.com/engine/install.
set -eu

if ! command -v dockerd >/dev/null; then
  if command -v dnf >/dev/null; then
    dnf install --assumeyes --quiet docker
  elif command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    # At a first boot others install too: it waits for them.
    apt-get update -o DPkg::Lock::Timeout=300 --quiet=2
    apt-get install -o DPkg::Lock::Timeout=300 --quiet=2 --yes --no-install-recommends docker.io >/dev/null
  else
    echo "Docker is not installed: there is neither dnf nor apt-get; use an image that has it" >&2
    exit 1
  fi
fi
systemctl enable --now docker
