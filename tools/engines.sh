#!/usr/bin/env bash
# Fetches what the end-to-end tests run beside the distribution's Engine, on Debian: newer Engines, whose
# versions it prints, and a static busybox, which is in the image of every container. They are unpacked
# under .toolchain and not installed (tools/apt.sh), and the distribution's containerd and runc serve them
# too. Run again, it does nothing.
#
# One of another make is added by a link: ln -s /path/to/dockerd .toolchain/engines/NAME
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck disable=SC1091
. tools/apt.sh

architecture=$(dpkg --print-architecture)
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
  fetch "$suite" "$architecture" "$home/$suite" docker.io && "$(daemon "$suite")" --version && return
  rm -rf "${home:?}/$suite"
  return 1
}

if ! "$busybox/bin/busybox" true 2>/dev/null; then
  say "fetching busybox-static"
  rm -rf "${busybox:?}"
  fetch "$(codename)" "$architecture" "$busybox" busybox-static || { say "busybox-static can't be had"; exit 1; }
  # Where /bin is a link, the package has it below /usr.
  [[ -e $busybox/bin ]] || ln -s usr/bin "$busybox/bin"
fi
# The newest there is may some day need a newer system than this; then what is stable has to do.
ensure sid || say "docker.io of sid can't be had, or does not run here: left out"
ensure trixie || { say "docker.io of trixie can't be had, or does not run here"; exit 1; }
