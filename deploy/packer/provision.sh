#!/bin/sh
# Makes a machine ready to become an image: with swarm-join's package in it, and empty of any swarm. As root, after
# install-docker.sh, on a machine that is made for nothing else. swarm-join.pkr.hcl runs both; by hand:
#
#   sudo PACKAGE=swarm-join_0.1.0_amd64.deb PACKAGE_SHA256=… sh provision.sh
#
# The unit is not enabled: what an image starts by itself would run before the settings of its instance are there.
# User data write them, then: systemctl enable --now --no-block swarm-join
set -eu

fail() {
  echo "not an image to be: $1" >&2
  exit 1
}

[ -n "${PACKAGE:-}" ] || fail "PACKAGE is not set; see the head of this script"
[ -n "${PACKAGE_SHA256:-}" ] || fail "PACKAGE_SHA256 is not set; SHA256SUMS of the release has it"

# Copies of a member would answer for it, or be refused as cloned-disk. Nor is it made to leave here: this may be such
# a copy already, and who leaves would be the member that it was copied of.
state=$(docker info --format '{{.Swarm.LocalNodeState}}')
[ "$state" = inactive ] ||
  fail "its Docker is in a swarm ($state); take a machine that is in none (docs/operations.md, \"Making an AMI\")"

echo "$PACKAGE_SHA256  $PACKAGE" | sha256sum --check --status - ||
  fail "$PACKAGE is not the file whose SHA-256 is $PACKAGE_SHA256"
case $PACKAGE in
  # Of a name without a slash apt would take its own package.
  *.deb) DEBIAN_FRONTEND=noninteractive apt-get install -o DPkg::Lock::Timeout=300 --quiet=2 --yes "$(realpath "$PACKAGE")" ;;
  *.rpm) dnf install --assumeyes --quiet "$PACKAGE" ;;
  *) fail "$PACKAGE is neither a .deb nor an .rpm" ;;
esac
swarm-join --version

# What would make all copies one: the Engine's data root, with its own name and its node's, and the machine's name.
root=$(docker info --format '{{.DockerRootDir}}')
case $root in
  /?*) ;;
  *) fail "docker info names no data root, but \"$root\"" ;;
esac
systemctl stop docker.socket docker.service
find "$root" -xdev -mindepth 1 -delete
rm -rf /etc/docker/key.json /var/lib/swarm-join
: >/etc/machine-id
if command -v cloud-init >/dev/null; then cloud-init clean --logs; fi
