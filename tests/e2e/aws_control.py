"""What the end-to-end tests may ask of their AWS, beside what AWS offers."""

import base64
import contextlib
import json
import random
import re
import threading
import time

import boto3
from aws_deployed import grow, let_go, members, place, trusted_by_ec2
from aws_iam import enforce_iam
from aws_scaling import forget_groups, move
from botocore.config import Config
from moto.autoscaling.models import autoscaling_backends
from moto.core.utils import utcnow
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends

ACCOUNT = "123456789012"
REGION = "eu-west-1"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


class Rule:
    """A fault: which calls, in which phase, what happens, how often.

    `times` null: until removed. `chance`: of each call that it could take.
    """

    def __init__(self, spec):
        self.id = spec["id"]
        self.node = spec.get("node")
        self.action = re.compile("^(?:" + spec.get("action", ".*") + ")$")
        self.path = re.compile(spec.get("path", ""))
        self.phase = spec.get("phase", "before")
        self.effect = spec["effect"]
        self.times = spec.get("times")
        self.skip = spec.get("skip", 0)
        self.chance = spec.get("chance", 1)
        self.hits = 0
        self.released = threading.Event()
        self.perform = False

    def takes(self, call, phase):
        if call.node == "admin" or (self.node and self.node != call.node):
            return False
        if self.phase != phase:
            return False
        if not self.action.match(call.action) or not self.path.search(call.path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if random.random() >= self.chance:
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.hits += 1
        return True


class Control:
    """What tests ask for. Each operation takes and gives JSON."""

    def __init__(self, cloud):
        self.cloud = cloud

    def answer(self, name, body, start_response):
        try:
            result, status = getattr(self, "do_" + name)(**json.loads(body or b"{}")), "200 OK"
        except Exception as failure:
            result, status = {"error": f"{name}: {failure!r}"}, "500 Failed"
        data = json.dumps(result).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
        return [data]

    def do_begin(self, endpoint):
        """Makes the VPC, the bucket and the administrator, then turns IAM enforcement on."""
        key = {"aws_access_key_id": "AKIAADMIN", "aws_secret_access_key": "admin"}
        common = {
            "endpoint_url": endpoint,
            "region_name": REGION,
            "config": Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        }
        iam = boto3.client("iam", **common, **key)
        iam.create_user(UserName="admin")
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
        iam.put_user_policy(UserName="admin", PolicyName="all", PolicyDocument=policy)
        made = iam.create_access_key(UserName="admin")["AccessKey"]
        key = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
        self.cloud.keys[made["AccessKeyId"]] = "admin"
        self.iam, self.sts, self.aws, self.s3, self.scaling = (
            boto3.client(s, **common, **key) for s in ("iam", "sts", "ec2", "s3", "autoscaling")
        )
        vpc = self.aws.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
        subnet = self.aws.create_subnet(VpcId=vpc, CidrBlock="10.77.0.0/24", AvailabilityZone=REGION + "a")["Subnet"]["SubnetId"]
        self.subnet = subnet
        self.s3.create_bucket(Bucket="swarms", CreateBucketConfiguration={"LocationConstraint": REGION})
        enforce_iam()
        self.admin = {"accessKeyId": made["AccessKeyId"], "secretAccessKey": made["SecretAccessKey"]}
        return {"vpc": vpc, "subnet": subnet, "account": ACCOUNT, "region": REGION}

    def do_admin(self):
        """Credentials that may do everything."""
        return self.admin

    def do_launch(self, name, address, tags, policies):
        """A new instance with credentials of a role of its own that has these policies."""
        with self.cloud.lock:
            image = next(iter(self.cloud.ec2.amis))
        instance = self.aws.run_instances(
            ImageId=image,
            InstanceType="t3.small",
            MinCount=1,
            MaxCount=1,
            SubnetId=self.subnet,
            PrivateIpAddress=address,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
            ],
        )["Instances"][0]["InstanceId"]
        return {"instance": instance, "credentials": self.do_role(name, instance, policies)}

    def do_role(self, name, instance, policies):
        role = f"swarm-join-{name}"
        with contextlib.suppress(self.iam.exceptions.EntityAlreadyExistsException):
            self.iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)
        for old in self.iam.list_role_policies(RoleName=role)["PolicyNames"]:
            self.iam.delete_role_policy(RoleName=role, PolicyName=old)
        for number, policy in enumerate(policies):
            text = json.dumps(policy)
            self.iam.put_role_policy(RoleName=role, PolicyName=f"p{number}", PolicyDocument=text)
        return self._credentials(name, instance, role)

    def _credentials(self, name, instance, role):
        made = self.sts.assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName=instance
        )["Credentials"]
        self.cloud.keys[made["AccessKeyId"]] = name
        return {
            "accessKeyId": made["AccessKeyId"],
            "secretAccessKey": made["SecretAccessKey"],
            "sessionToken": made["SessionToken"],
        }

    def do_state(self, instance, to):
        calls = {
            "terminated": self.aws.terminate_instances,
            "stopped": self.aws.stop_instances,
            "running": self.aws.start_instances,
        }
        if to != "shutting-down":
            calls[to](InstanceIds=[instance])
        cloud = self.cloud
        with cloud.lock:
            found = next(i for i in cloud._instances() if i.id == instance)
            # Which moto's instances pass over, and AWS's are in for minutes.
            if to == "shutting-down":
                found._state.name, found._state.code = to, 32
            # As on AWS, when an instance was last started.
            if to == "running":
                found.launch_time = utcnow()
            cloud.history.append((time.monotonic(), cloud._snapshot()))

    def do_group(self, name, hooks):
        """An Auto Scaling group with these hooks, by name: `launching` or `terminating`."""
        self.scaling.create_launch_configuration(LaunchConfigurationName=name, ImageId="ami-12c6146b", InstanceType="t3.small")
        self.scaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchConfigurationName=name,
            MinSize=0,
            MaxSize=20,
            VPCZoneIdentifier=self.subnet,
        )
        for hook, transition in hooks.items():
            self.scaling.put_lifecycle_hook(
                LifecycleHookName=hook,
                AutoScalingGroupName=name,
                LifecycleTransition=f"autoscaling:EC2_INSTANCE_{transition.upper()}",
                HeartbeatTimeout=300,
            )

    def do_attach(self, group, instance):
        self.scaling.attach_instances(AutoScalingGroupName=group, InstanceIds=[instance])

    def do_move(self, instance, to):
        """Auto Scaling takes the instance on in its life; the metadata say where to by themselves."""
        with self.cloud.lock:
            move(ACCOUNT, REGION, instance, to)

    def do_scaling(self, instance):
        """Where Auto Scaling has this instance."""
        found = self.scaling.describe_auto_scaling_instances(InstanceIds=[instance])["AutoScalingInstances"]
        return found[0]["LifecycleState"] if found else None

    def do_members(self, group):
        with self.cloud.lock:
            return members(autoscaling_backends[ACCOUNT][REGION], group)

    def do_grow(self, group):
        with self.cloud.lock:
            return grow(autoscaling_backends[ACCOUNT][REGION], group)

    def do_let_go(self, instance):
        with self.cloud.lock:
            let_go(autoscaling_backends[ACCOUNT][REGION], instance)

    def do_adopt(self, name, instance, address, profile):
        """An instance of a group gets this address, and credentials of the role that it was launched with."""
        with self.cloud.lock:
            place(next(i for i in self.cloud._instances() if i.id == instance), address)
            self.cloud.history.append((time.monotonic(), self.cloud._snapshot()))
        with trusted_by_ec2(iam_backends[ACCOUNT]["aws"], profile) as role:
            return {"instance": instance, "credentials": self._credentials(name, instance, role)}

    def do_forget(self, instance=None):
        """EC2 forgets a terminated instance after about an hour; with none named, all of them."""
        cloud = self.cloud
        with cloud.lock:
            for reservation in cloud.ec2.reservations.values():
                for gone in [i for i in reservation.instances if instance in (None, i.id)]:
                    with contextlib.suppress(Exception):
                        subnet = cloud.ec2.get_subnet(gone._subnet_id)
                        for address in gone._private_ips:
                            subnet.del_subnet_ip(address)
                    gone._private_ips = set()
                    reservation.instances.remove(gone)
                    cloud.ec2.tags.pop(gone.id, None)
            cloud.history.append((time.monotonic(), cloud._snapshot()))

    def do_tag(self, instance, tags):
        """Sets tags as they are given; a null value deletes."""
        with self.cloud.lock:
            for key, value in tags.items():
                if value is None:
                    self.cloud.ec2.tags[instance].pop(key, None)
                else:
                    self.cloud.ec2.tags[instance][key] = value
            self.cloud.history.append((time.monotonic(), self.cloud._snapshot()))

    def do_tags(self, instance):
        with self.cloud.lock:
            return dict(self.cloud.ec2.tags.get(instance, {}))

    def do_reset(self):
        """No instance, no launch template, an empty bucket, no rule, no record, the true time."""
        cloud = self.cloud
        for rule in cloud.rules:
            rule.released.set()
        cloud.rules, cloud.lag, cloud.behind, cloud.offset, cloud.skew_max = [], {}, {}, 0.0, None
        self.do_forget()
        with cloud.lock:
            forget_groups(ACCOUNT, REGION)
            cloud.ec2.launch_templates.clear()
            cloud.ec2.launch_template_name_to_ids.clear()
            for bucket in s3_backends[ACCOUNT]["aws"].buckets.values():
                bucket.keys.clear()
            cloud.calls = []
            cloud.history = [(time.monotonic(), cloud._snapshot())]

    def do_settle(self):
        """From now on no read is older than this moment."""
        with self.cloud.lock:
            self.cloud.history = [(time.monotonic(), self.cloud._snapshot())]

    def do_lag(self, node, seconds):
        self.cloud.lag[node] = seconds

    def do_behind(self, node, writes):
        """The node's reads of EC2 lack the newest writes, exactly so many."""
        self.cloud.behind[node] = writes

    def do_clock(self, offset, skew_max=None):
        self.cloud.offset, self.cloud.skew_max = offset, skew_max

    def do_rule(self, **spec):
        self.cloud.rules.append(Rule(spec))

    def do_hits(self, id):
        return {"hits": sum(r.hits for r in self.cloud.rules if r.id == id)}

    def do_release(self, id, perform=False):
        for rule in [r for r in self.cloud.rules if r.id == id]:
            rule.perform = perform
            rule.released.set()
            self.cloud.rules.remove(rule)

    def do_calls(self):
        return [c for c in self.cloud.calls if c["node"] not in ("admin", "?")]

    def do_put(self, key, text):
        self.s3.put_object(Bucket="swarms", Key=key, Body=text.encode())

    def do_remove(self, key):
        """Deletes the objects whose keys match, as a lifecycle rule does."""
        for name in [n for n in self.do_objects() if re.search(key, n)]:
            self.s3.delete_object(Bucket="swarms", Key=name)

    def do_objects(self):
        found = self.s3.list_objects_v2(Bucket="swarms").get("Contents", [])
        return {
            o["Key"]: self.s3.get_object(Bucket="swarms", Key=o["Key"])["Body"].read().decode()
            for o in found
        }

    def do_rewrite_template(self, name, data):
        """Puts other data into the last version of a launch template."""
        with self.cloud.lock:
            template = self.cloud.ec2.get_launch_template_by_name(name)
            version = template.versions[-1]
            version.data["UserData"] = type(version.data["UserData"]).from_raw_string(data)
            self.cloud.history.append((time.monotonic(), self.cloud._snapshot()))

    def do_templates(self):
        with self.cloud.lock:
            return {
                t.name: [
                    {
                        "number": v.number,
                        "data": base64.b64decode(str(v.data.get("UserData", ""))).decode(),
                        "description": v.description,
                    }
                    for v in t.versions
                ]
                for t in self.cloud.ec2.launch_templates.values()
            }

    def do_dump(self):
        """All that a node could change, to be compared before and after."""
        objects = self.do_objects()
        with self.cloud.lock:
            return {
                "tags": {k: dict(v) for k, v in sorted(self.cloud.ec2.tags.items()) if v},
                "states": {i.id: i._state.name for i in self.cloud._instances()},
                "templates": self.do_templates(),
                "objects": objects,
            }
