#!/bin/sh
# EC2 user data: fetches swarm-join, checks it, and has it keep this machine in its swarm. The image has Docker.
#
# Put the files of a release where your instances can reach them: a web server, or a bucket that their role may read
# (then the image has the aws command). Name the place and the sums that SHA256SUMS of the release has, in the four
# lines below: the sums are what is trusted, not the place. UNIT is that of swarm-join.service.
#
#   aws s3 cp --recursive --exclude '*' --include swarm-join-x86_64 --include swarm-join-aarch64 \
#     --include swarm-join.service dist/release s3://my-bucket/swarm-join/0.1.0
#   aws ec2 run-instances --user-data file://user-data.sh …
#
# As cloud-config it is user-data.yaml. Run again, it installs what these lines name now; what runs, goes on running.
set -eu

FROM=https://example.com/swarm-join/0.1.0
PROGRAM_SHA256_X86_64=0000000000000000000000000000000000000000000000000000000000000000
PROGRAM_SHA256_AARCH64=0000000000000000000000000000000000000000000000000000000000000000
UNIT_SHA256=0000000000000000000000000000000000000000000000000000000000000000

fail() {
  echo "swarm-join is not installed: $1" >&2
  exit 1
}

machine=$(uname -m)
case $machine in
  x86_64) program_sha256=$PROGRAM_SHA256_X86_64 ;;
  aarch64) program_sha256=$PROGRAM_SHA256_AARCH64 ;;
  *) fail "there is no program for $machine; use an instance type of x86_64 or aarch64" ;;
esac

# Of the GNU C library; Amazon Linux 2 and RHEL 7 have older ones, Alpine has another.
GLIBC_MIN=2.27
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc //p')
if [ "$(printf '%s\n' "$GLIBC_MIN" "${glibc:-0}" | sort -V | head -n 1)" != "$GLIBC_MIN" ]; then
  fail "it needs glibc $GLIBC_MIN or later, and this image has ${glibc:-none}; use one with the GNU C library, $GLIBC_MIN or newer"
fi

case $FROM in
  s3://*) client=aws ;;
  http://* | https://*) client=curl ;;
  *) fail "FROM=$FROM is neither s3://…, http://… nor https://…" ;;
esac
command -v "$client" >/dev/null || fail "FROM=$FROM needs the command $client; use an image that has it"

copy() { # NAME
  case $client in
    aws) aws s3 cp --only-show-errors "$FROM/$1" "$work/$1" ;;
    curl) curl --fail --silent --show-error --location --max-time 300 --output "$work/$1" "$FROM/$1" ;;
  esac
}

fetch() { # NAME SHA256
  # At boot a name, a route, and the instance's role may come late.
  pause=1
  until copy "$1"; do
    [ "$pause" -le 32 ] || fail "$FROM/$1 can't be fetched; $client says why"
    sleep "$pause"
    pause=$((pause * 2))
  done
  echo "$2  $work/$1" | sha256sum --check --status - ||
    fail "$FROM/$1 is not the file whose SHA-256 is $2; put the sum of the one that you want into the user data"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch "swarm-join-$machine" "$program_sha256"
fetch swarm-join.service "$UNIT_SHA256"
install -m 0755 "$work/swarm-join-$machine" /usr/local/bin/swarm-join
install -m 0644 "$work/swarm-join.service" /etc/systemd/system/swarm-join.service

# Your settings (swarm-join --help), if nothing wrote any before. For more than a test name a bucket: whoever may
# see tags can read the managers' token in them.
if ! grep -qs '^[^#]' /etc/swarm-join.env; then
  cat > /etc/swarm-join.env <<'ENV'
# SWARM_JOIN_STORE=s3://my-bucket/swarms
SWARM_JOIN_TIMEOUT=10m
ENV
fi

systemctl daemon-reload
systemctl enable --now --no-block swarm-join.service
