#!/usr/bin/env bash
# Fetches what the end-to-end tests run beside the distribution's Engine, on Debian: newer Engines, whose
# versions it prints, and a static busybox, which is in the image of every container. They are unpacked
# under .toolchain and not installed: apt works there with folders of its own, on the mirror that the
# machine's own sources name, and the distribution's containerd and runc serve them too. Run again, it
# does nothing.
#
# One of another make is added by a link: ln -s /path/to/dockerd .toolchain/engines/NAME
set -euo pipefail
cd "$(dirname "$0")/.."

home=$PWD/.toolchain/engines
busybox=$PWD/.toolchain/busybox

say() { printf 'engines: %s\n' "$*" >&2; }

daemon() { printf '%s/%s/usr/sbin/dockerd' "$home" "$1"; }

# Puts docker.io of a suite in place, unless it is there. What can't run here is taken away again.
ensure() {
  local suite=$1
  "$(daemon "$suite")" --version 2>/dev/null && return
  say "fetching docker.io of $suite"
  rm -rf "${home:?}/$suite"
  fetch "$suite" docker.io "$home/$suite" && "$(daemon "$suite")" --version && return
  rm -rf "${home:?}/$suite"
  return 1
}

# Unpacks a package of a suite into a folder.
fetch() {
  local suite=$1 package=$2 folder=$3 work mirror code=0
  work=$(mktemp -d) && mkdir -p "$folder" "$work/lists/partial" "$work/archives/partial" || return
  mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' \
    "Release: $(codename)")
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
    apt-get update -qq -o APT::Update::Error-Mode=any && apt-get download -qq "$package" &&
      dpkg-deb -x "$package"_*.deb "$folder"
  ) || code=$?
  rm -rf "$work"
  return "$code"
}

codename() {
  # shellcheck disable=SC1091
  (. /etc/os-release && printf '%s' "$VERSION_CODENAME")
}

if ! "$busybox/bin/busybox" true 2>/dev/null; then
  say "fetching busybox-static"
  rm -rf "${busybox:?}"
  fetch "$(codename)" busybox-static "$busybox" || { say "busybox-static can't be had"; exit 1; }
  # Where /bin is a link, the package has it below /usr.
  [[ -e $busybox/bin ]] || ln -s usr/bin "$busybox/bin"
fi
# The newest there is may some day need a newer system than this; then what is stable has to do.
ensure sid || say "docker.io of sid can't be had, or does not run here: left out"
ensure trixie || { say "docker.io of trixie can't be had, or does not run here"; exit 1; }
