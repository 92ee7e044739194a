#!/usr/bin/env bash
# Fetches Docker Engines that are newer than the distribution's for the end-to-end tests, on Debian, and
# prints their versions. They are unpacked under .toolchain/engines and not installed: apt works there
# with folders of its own, on the mirror that the machine's own sources name, and the distribution's
# containerd and runc serve them too. Run again, it does nothing.
#
# One of another make is added by a link: ln -s /path/to/dockerd .toolchain/engines/NAME
set -euo pipefail
cd "$(dirname "$0")/.."

home=$PWD/.toolchain/engines

say() { printf 'engines: %s\n' "$*" >&2; }

daemon() { printf '%s/%s/usr/sbin/dockerd' "$home" "$1"; }

# Puts docker.io of a suite in place, unless it is there. What can't run here is taken away again.
ensure() {
  local suite=$1
  "$(daemon "$suite")" --version 2>/dev/null && return
  say "fetching docker.io of $suite"
  rm -rf "${home:?}/$suite"
  fetch "$suite" && "$(daemon "$suite")" --version && return
  rm -rf "${home:?}/$suite"
  return 1
}

fetch() {
  local suite=$1 work mirror code=0
  work=$(mktemp -d) && mkdir -p "$home" "$work/lists/partial" "$work/archives/partial" || return
  # shellcheck disable=SC1091
  mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' \
    "Release: $(. /etc/os-release && echo "$VERSION_CODENAME")")
  printf 'deb %s %s main\n' "${mirror%%$'\n'*}" "$suite" >"$work/sources.list"
  cat >"$work/apt.conf" <<CONF
Dir::State::Lists "$work/lists";
Dir::State::status "/dev/null";
Dir::Cache "$work";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
APT::Sandbox::User "root";
Acquire::Languages "none";
CONF
  (
    cd "$work" && export APT_CONFIG=$work/apt.conf
    apt-get update -qq -o APT::Update::Error-Mode=any && apt-get download -qq docker.io &&
      dpkg-deb -x docker.io_*.deb "$home/$suite"
  ) || code=$?
  rm -rf "$work"
  return "$code"
}

# The newest there is may some day need a newer system than this; then what is stable has to do.
ensure sid || say "docker.io of sid can't be had, or does not run here: left out"
ensure trixie || { say "docker.io of trixie can't be had, or does not run here"; exit 1; }
