#!/usr/bin/env bash
# Fetches Docker Engines that are newer than the distribution's for the end-to-end tests, on Debian, and
# prints where their daemons are, oldest first. They are unpacked under .toolchain/engines and not
# installed: apt works there with folders of its own, on the mirror that the machine's own sources name,
# and the distribution's containerd and runc serve them too. Run again, it does nothing.
#
# One of another make is added by a link: ln -s /path/to/dockerd .toolchain/engines/NAME
set -euo pipefail
cd "$(dirname "$0")/.."

home=$PWD/.toolchain/engines
# Suite by suite, and the oldest major version that will do: trixie is stable, what sid has moves on.
wanted=(trixie:26 sid:28)

say() { printf 'engines: %s\n' "$*" >&2; }

have() {
  local suite=$1 least=$2 version
  version=$("$home/$suite/usr/sbin/dockerd" --version 2>/dev/null) || return 1
  [[ $version =~ version\ ([0-9]+)\. ]] && ((BASH_REMATCH[1] >= least))
}

fetch() {
  local work=$home/apt suite mirror
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  # shellcheck disable=SC1091
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' \
    "Release: $(. /etc/os-release && echo "$VERSION_CODENAME")")
  for suite in "$@"; do
    printf 'deb %s %s main\n' "${mirror%%$'\n'*}" "$suite"
  done >"$work/sources.list"
  cat >"$work/apt.conf" <<CONF
Dir::State::Lists "$work/lists";
Dir::State::status "/dev/null";
Dir::Cache "$work";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
APT::Sandbox::User "root";
Acquire::Languages "none";
CONF
  export APT_CONFIG=$work/apt.conf
  apt-get update -qq
  for suite in "$@"; do
    rm -rf "${work:?}"/*.deb "${home:?}/$suite"
    (cd "$work" && apt-get download -qq "docker.io/$suite" && dpkg-deb -x docker.io_*.deb "$home/$suite")
  done
  rm -rf "$work"
}

missing=()
for entry in "${wanted[@]}"; do
  have "${entry%:*}" "${entry#*:}" || missing+=("${entry%:*}")
done
if ((${#missing[@]})); then
  say "fetching docker.io of ${missing[*]}"
  fetch "${missing[@]}"
fi
for entry in "${wanted[@]}"; do
  have "${entry%:*}" "${entry#*:}" || { say "docker.io of ${entry%:*} is not version ${entry#*:} or later"; exit 1; }
  "$home/${entry%:*}/usr/sbin/dockerd" --version
done
