#!/usr/bin/env bash
# The first sketch's algorithm, as a competent user of the AWS CLI and docker would write it.
#
# Any manager of the VPC that shows a token: join it. None: init. A manager then shows both tokens on
# itself. IMDSv2, filters on the server's side. Like the sketch, it forks the swarm when two managers
# boot together. `--dry-run` prints what it would do.
set -euo pipefail

imds=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
imds=${imds%/}
token=$(curl -sSf -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$imds/latest/api/token")
meta() { curl -sSf -m 2 -H "X-aws-ec2-metadata-token: $token" "$imds/latest/$1"; }

read -r me address region < <(
  meta dynamic/instance-identity/document | jq -r '"\(.instanceId) \(.privateIp) \(.region)"'
)
vpc=$(meta "meta-data/network/interfaces/macs/$(meta meta-data/mac)/vpc-id")
export AWS_DEFAULT_REGION=$region AWS_PAGER=

if [[ $(docker info --format '{{.Swarm.LocalNodeState}}') == active ]]; then
  echo unchanged
  exit
fi

role=$(aws ec2 describe-instances --instance-ids "$me" --output text \
  --query 'Reservations[0].Instances[0].Tags[?Key==`Role`].Value | [0]')
secret=WorkerToken
[[ $role == manager ]] && secret=ManagerToken
found=$(aws ec2 describe-instances --output text \
  --filters "Name=vpc-id,Values=$vpc" Name=tag:Role,Values=manager Name=tag-key,Values=ManagerToken \
  Name=instance-state-name,Values=running \
  --query "Reservations[].Instances[].[PrivateIpAddress, Tags[?Key=='$secret'].Value | [0]]")
read -r manager join_token <<<"$found" || true

if [[ -z $manager && $role != manager ]]; then
  echo 'no manager yet' >&2
  exit 1
fi
if [[ ${1:-} == --dry-run ]]; then
  if [[ -n $manager ]]; then echo "join $manager"; else echo init; fi
  exit
fi

if [[ -n $manager ]]; then
  docker swarm join --advertise-addr "$address" --token "$join_token" "$manager:2377" >/dev/null
else
  docker swarm init --advertise-addr "$address" >/dev/null
fi
if [[ $role == manager ]]; then
  aws ec2 create-tags --resources "$me" --tags \
    "Key=ManagerToken,Value=$(docker swarm join-token -q manager)" \
    "Key=WorkerToken,Value=$(docker swarm join-token -q worker)"
fi
if [[ -n $manager ]]; then echo joined; else echo initialized; fi
