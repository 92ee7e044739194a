"""The first sketch's algorithm, as a competent user of boto3 would write it.

Any manager of the VPC that shows a token: join it. None: init. A manager then shows both tokens on
itself. IMDSv2, filters on the server's side, deadlines, no subprocess: the Engine's API is spoken over
its socket. Like the sketch, it forks the swarm when two managers boot together.

`--dry-run` prints what it would do.
"""

import http.client
import json
import os
import socket
import sys
import urllib.request

import boto3
from botocore.config import Config

IMDS = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254").rstrip("/")
SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")


def imds(method, path, headers):
    request = urllib.request.Request(f"{IMDS}/latest/{path}", method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=2) as answer:
        return answer.read().decode()


class Engine(http.client.HTTPConnection):
    def __init__(self):
        super().__init__("docker", timeout=60)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body)
        self.request(method, path, data, {"Content-Type": "application/json"})
        answer = self.getresponse()
        text = answer.read()
        if answer.status >= 300:
            sys.exit(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text) if text else None


def main():
    token = imds("PUT", "api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "300"})
    headers = {"X-aws-ec2-metadata-token": token}
    identity = json.loads(imds("GET", "dynamic/instance-identity/document", headers))
    mac = imds("GET", "meta-data/mac", headers)
    vpc = imds("GET", f"meta-data/network/interfaces/macs/{mac}/vpc-id", headers)
    me, address = identity["instanceId"], identity["privateIp"]

    engine = Engine()
    if engine.ask("GET", "/info")["Swarm"]["LocalNodeState"] == "active":
        print("unchanged")
        return

    config = Config(connect_timeout=5, read_timeout=20)
    ec2 = boto3.client("ec2", region_name=identity["region"], config=config)
    own = ec2.describe_instances(InstanceIds=[me])["Reservations"][0]["Instances"][0]
    role = {tag["Key"]: tag["Value"] for tag in own.get("Tags", [])}.get("Role", "worker")
    found = ec2.describe_instances(
        Filters=[
            {"Name": "vpc-id", "Values": [vpc]},
            {"Name": "tag:Role", "Values": ["manager"]},
            {"Name": "tag-key", "Values": ["ManagerToken"]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
    )
    managers = [i for r in found["Reservations"] for i in r["Instances"] if i["InstanceId"] != me]
    if not managers and role != "manager":
        sys.exit("no manager yet")
    if "--dry-run" in sys.argv:
        print(f"join {managers[0]['PrivateIpAddress']}" if managers else "init")
        return

    common = {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": address}
    if managers:
        shown = {tag["Key"]: tag["Value"] for tag in managers[0]["Tags"]}
        secret = shown["ManagerToken" if role == "manager" else "WorkerToken"]
        remote = f"{managers[0]['PrivateIpAddress']}:2377"
        engine.ask("POST", "/swarm/join", common | {"RemoteAddrs": [remote], "JoinToken": secret})
    else:
        engine.ask("POST", "/swarm/init", common)
    if role == "manager":
        tokens = engine.ask("GET", "/swarm")["JoinTokens"]
        ec2.create_tags(
            Resources=[me],
            Tags=[
                {"Key": "ManagerToken", "Value": tokens["Manager"]},
                {"Key": "WorkerToken", "Value": tokens["Worker"]},
            ],
        )
    print("joined" if managers else "initialized")


main()
