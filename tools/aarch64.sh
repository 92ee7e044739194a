#!/usr/bin/env bash
# Fetches what a program for aarch64 needs to start on another machine, on Debian: qemu's emulator, and the two
# libraries that the program takes from its system. They are unpacked under .toolchain/aarch64 and not installed
# (tools/apt.sh). Deno's runtime for it is recovered as well, to build it. Run again, it does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck disable=SC1091
. tools/apt.sh

root=$PWD/.toolchain/aarch64
tools/toolchain.sh denort aarch64 >/dev/null
[[ -e $root/qemu ]] && exit

printf 'aarch64: fetching qemu-user-static, libc6 and libgcc-s1\n' >&2
rm -rf "$root" "$root.new" "$root.qemu"
fetch "$(codename)" arm64 "$root.new" libc6 libgcc-s1
fetch "$(codename)" "$(dpkg --print-architecture)" "$root.qemu" qemu-user-static
# Of the emulators for dozens of machines only one is kept.
cp "$root.qemu/usr/bin/qemu-aarch64-static" "$root.new/qemu"
rm -rf "$root.qemu"
mv "$root.new" "$root"
