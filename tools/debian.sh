#!/usr/bin/env bash
# Makes a small Debian with systemd under .toolchain/debian, on Debian, as root: what packages are built for, so
# that they are installed in a copy of it, booted, and judged by its own tools (lintian, rpmlint, man, shells). It
# is of the mirror that the machine's own sources name. Run again, it does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck disable=SC1091
. tools/apt.sh

suite=bookworm
root=$PWD/.toolchain/debian
packages='systemd systemd-sysv dbus udev ca-certificates curl
  lintian rpmlint rpm zstd minisign
  man-db groff-base bash-completion zsh fish cloud-init'

say() { printf 'debian: %s\n' "$*" >&2; }

if cmp --silent <(echo "$packages") "$root/installed.txt"; then exit; fi
(($(id -u) == 0)) || { say 'needs root'; exit 1; }
command -v debootstrap >/dev/null || { say 'needs debootstrap (tools/setup_tests.sh installs it)'; exit 1; }
say "making a Debian $suite"
rm -rf "$root" "$root.new"
log=$(mktemp)
trap 'umount "$root.new/proc" 2>/dev/null; rm -f "$log"' EXIT
debootstrap --variant=minbase "$suite" "$root.new" "$(mirror)" >"$log" 2>&1 || { tail -n 20 "$log" >&2; exit 1; }
# Nothing is started in it while it is made.
printf '#!/bin/sh\nexit 101\n' >"$root.new/usr/sbin/policy-rc.d"
chmod 755 "$root.new/usr/sbin/policy-rc.d"
mount -t proc proc "$root.new/proc"
# shellcheck disable=SC2086
chroot "$root.new" /usr/bin/env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends $packages >"$log" 2>&1 || { tail -n 20 "$log" >&2; exit 1; }
umount "$root.new/proc"
rm -f "$root.new/usr/sbin/policy-rc.d"
rm -rf "$root.new"/var/cache/apt/archives/*.deb "$root.new"/var/lib/apt/lists/*
echo "$packages" >"$root.new/installed.txt"
mv "$root.new" "$root"
