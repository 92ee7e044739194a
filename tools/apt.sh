#!/usr/bin/env bash
# Packages of Debian that are unpacked and not installed, for the scripts that source this: apt works with folders
# of its own, on the mirror that the machine's own sources name.

codename() {
  # shellcheck disable=SC1091
  (. /etc/os-release && printf '%s' "$VERSION_CODENAME")
}

# fetch SUITE ARCHITECTURE FOLDER PACKAGE…: unpacks packages of a suite into a folder.
fetch() {
  local suite=$1 architecture=$2 folder=$3 work mirror package code=0
  shift 3
  work=$(mktemp -d) && mkdir -p "$folder" "$work/lists/partial" "$work/archives/partial" || return
  mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' \
    "Release: $(codename)")
  printf 'deb %s %s main\n' "${mirror%%$'\n'*}" "$suite" >"$work/sources.list"
  cat >"$work/apt.conf" <<CONF
APT::Architecture "$architecture";
APT::Architectures "$architecture";
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
    apt-get update -qq -o APT::Update::Error-Mode=any && apt-get download -qq "$@" || exit
    for package in *.deb; do dpkg-deb -x "$package" "$folder" || exit; done
  ) || code=$?
  rm -rf "$work"
  return "$code"
}
