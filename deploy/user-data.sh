#!/bin/sh
# EC2 user data: fetches swarm-join, checks it, and has it keep this machine in its swarm.
#
# Put the two files where your instances can reach them, and their SHA-256 here: the sums are what is
# trusted, not the place. `make dist` writes dist/SHA256SUMS; for the unit: sha256sum deploy/swarm-join.service
set -eu

FROM=https://example.com/swarm-join/0.1.0
PROGRAM_SHA256=0000000000000000000000000000000000000000000000000000000000000000
UNIT_SHA256=0000000000000000000000000000000000000000000000000000000000000000

# Of the GNU C library; Amazon Linux 2 and RHEL 7 have older ones, Alpine has another.
GLIBC_MIN=2.27
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc //p')
if [ "$(printf '%s\n' "$GLIBC_MIN" "${glibc:-0}" | sort -V | head -n 1)" != "$GLIBC_MIN" ]; then
  echo "swarm-join needs glibc $GLIBC_MIN or later, and this image has ${glibc:-none}: use one with the GNU C library, 2.27 or newer" >&2
  exit 1
fi

fetch() { # NAME SHA256 MODE TARGET
  curl --fail --silent --show-error --location --retry 5 --retry-connrefused --max-time 300 \
    --output "$work/$1" "$FROM/$1"
  echo "$2  $work/$1" | sha256sum --check --quiet -
  install -m "$3" "$work/$1" "$4"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch swarm-join "$PROGRAM_SHA256" 0755 /usr/local/bin/swarm-join
fetch swarm-join.service "$UNIT_SHA256" 0644 /etc/systemd/system/swarm-join.service

# Your settings (swarm-join --help). For more than a test name a bucket: whoever may see tags can read the
# managers' token in them.
cat > /etc/swarm-join.env <<'EOF'
# SWARM_JOIN_STORE=s3://my-bucket/swarms
SWARM_JOIN_TIMEOUT=10m
EOF

systemctl daemon-reload
systemctl enable --now --no-block swarm-join.service
