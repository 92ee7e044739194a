"""An AWS for the end-to-end tests: moto in one process, made to behave where it differs from AWS.

moto answers EC2, S3, IAM and STS and enforces the IAM policies of each node's role. Around it:

- one request at a time, since moto checks and then acts, and two writers could both win;
- terminated instances lose their VPC, subnet and address, and can be forgotten altogether;
- EC2 policies are checked against the resource that a call names, and the two conditions that the
  shipped policies use are evaluated, since moto knows neither;
- reads of EC2 can be answered from an older state, for one node or for all;
- faults are injected by rules, calls are recorded by node (known by its access key), and a call can
  be held, so that a test can kill a process at an exact point.

Tests speak to it by POST /_e2e/OPERATION with JSON, see `Control`.
"""

import base64
import contextlib
import email.utils
import io
import json
import os
import random
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse
from collections import OrderedDict, defaultdict
from datetime import datetime, timezone

import boto3
from botocore.config import Config
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.ec2 import utils
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance
from moto.iam.access_control import IAMPolicyStatement, IAMRequest, PermissionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server

ACCOUNT = "123456789012"
REGION = "eu-west-1"
READS = re.compile(r"^(Describe|Get|List|Head)")
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


class Call:
    """One request, as far as rules and the record need to know it."""

    def __init__(self, environ, body, keys):
        auth = environ.get("HTTP_AUTHORIZATION", "")
        found = re.search(r"Credential=([^/]+)/[^/]+/([^/]+)/([^/]+)/", auth)
        self.key, self.region, self.service = found.groups() if found else ("", "", "")
        self.node = keys.get(self.key, "?")
        self.params = {}
        self.path = environ.get("PATH_INFO", "")
        if self.service == "s3":
            self.action = self._s3_action(environ)
        else:
            text = body.decode("utf-8", "replace")
            self.params = {k: v[0] for k, v in urllib.parse.parse_qs(text, True).items()}
            self.action = self.params.get("Action", "?")
        self.dry_run = self.params.get("DryRun", "").lower() == "true"
        self.read = bool(READS.match(self.action)) or self.dry_run

    def _s3_action(self, environ):
        method = environ["REQUEST_METHOD"]
        has_key = self.path.strip("/").count("/") > 0
        name = {"GET": "Get", "PUT": "Put", "HEAD": "Head", "DELETE": "Delete", "POST": "Post"}[method]
        if has_key:
            return name + "Object"
        return "ListObjects" if method == "GET" else name + "Bucket"


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


class Cloud:
    """The WSGI application: control, record, faults, and moto under one lock."""

    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.lock = threading.RLock()
        self.keys = {}
        self.rules = []
        self.calls = []
        self.history = []
        self.lag = {}
        self.offset = 0.0
        self.skew_max = None
        self.control = Control(self)

    @property
    def ec2(self):
        return ec2_backends[ACCOUNT][REGION]

    def __call__(self, environ, start_response):
        size = int(environ.get("CONTENT_LENGTH") or 0)
        source = environ["wsgi.input"]
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "")
        body = source.read() if chunked else source.read(size)
        if environ["PATH_INFO"].startswith("/_e2e/"):
            return self.control.answer(environ["PATH_INFO"][6:], body, start_response)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        call = Call(environ, body, self.keys)
        entry = {
            "atMs": int(time.time() * 1000),
            "node": call.node,
            "service": call.service,
            "action": call.action,
            "path": call.path,
            "read": call.read,
            "status": None,
        }
        self.calls.append(entry)
        status, headers, answer = self._fault(call, "before", environ) or self._perform(call, environ)
        entry["status"] = int(status.split()[0])
        status, headers, answer = self._fault(call, "after", environ) or (status, headers, answer)
        headers = [(k, v) for k, v in headers if k.lower() not in ("date", "content-length")]
        if not (environ["REQUEST_METHOD"] == "HEAD"):
            headers.append(("Content-Length", str(len(answer))))
        start_response(status, headers)
        return [answer]

    def _perform(self, call, environ):
        late = self._too_skewed(call, environ)
        if late:
            return late
        captured = {}

        def start(status, headers, _info=None):
            captured["status"], captured["headers"] = status, list(headers)

        with self.lock:
            lag = self.lag.get(call.node, self.lag.get("*", 0))
            stale = lag > 0 and call.service == "ec2" and call.action.startswith("Describe")
            with self._as_of(lag) if stale else contextlib.nullcontext():
                answer = b"".join(self.moto(environ, start))
            if call.action == "TerminateInstances" and captured["status"].startswith("200"):
                self._lose_network(call)
            if call.service == "ec2" and not call.read:
                self.history.append((time.monotonic(), self._snapshot()))
        return captured["status"], captured["headers"], answer

    def _too_skewed(self, call, environ):
        stamp = environ.get("HTTP_X_AMZ_DATE")
        if self.skew_max is None or not stamp or call.node in ("?", "admin"):
            return None
        sent = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
        if abs(sent - (time.time() + self.offset)) <= self.skew_max:
            return None
        if call.service == "s3":
            return error(call, 403, "RequestTimeTooSkewed", "The difference between the request time and the server's time is too large.")
        return error(call, 400, "RequestExpired", "Request has expired.")

    def _fault(self, call, phase, environ):
        rule = next((r for r in list(self.rules) if r.takes(call, phase)), None)
        if rule is None:
            return None
        effect = rule.effect
        if effect["kind"] == "hold":
            rule.released.wait(effect.get("forMs", 120_000) / 1000)
            if rule.perform:
                return None
            drop(environ)
        if effect["kind"] == "delay":
            time.sleep(effect["ms"] / 1000)
            return None
        if effect["kind"] == "reset":
            drop(environ)
        if effect["kind"] == "error":
            return error(call, effect["status"], effect["code"], effect.get("message", effect["code"]))
        if effect["kind"] == "body":
            unit = effect["text"].encode()
            return (
                effect.get("status", "200 OK"),
                [("Content-Type", effect.get("type", "text/html"))],
                unit * effect.get("repeat", 1),
            )
        raise ValueError(effect["kind"])

    # What EC2 does and moto does not

    def _lose_network(self, call):
        ids = [v for k, v in call.params.items() if k.startswith("InstanceId.")]
        for instance in [i for i in self._instances() if i.id in ids]:
            with contextlib.suppress(Exception):
                subnet = self.ec2.get_subnet(instance._subnet_id)
                for address in instance._private_ips:
                    subnet.del_subnet_ip(address)
            instance._private_ips = set()
            instance._subnet_id = None
            instance.nics = {}

    def _instances(self):
        return [i for r in self.ec2.reservations.values() for i in r.instances]

    # Old reads

    def _snapshot(self):
        ec2 = self.ec2
        return {
            "tags": {k: dict(v) for k, v in ec2.tags.items()},
            "reservations": [(r, list(r.instances)) for r in ec2.reservations.values()],
            "instances": [
                (i, i._state.name, i._state.code, i._subnet_id, i.nics) for i in self._instances()
            ],
            "templates": [
                (t, list(t.versions), t.default_version_number) for t in ec2.launch_templates.values()
            ],
        }

    def _restore(self, old):
        ec2 = self.ec2
        ec2.tags = defaultdict(dict, {k: dict(v) for k, v in old["tags"].items()})
        ec2.reservations = OrderedDict()
        for reservation, instances in old["reservations"]:
            reservation.instances = list(instances)
            ec2.reservations[reservation.id] = reservation
        for instance, name, code, subnet, nics in old["instances"]:
            instance._state.name, instance._state.code = name, code
            instance._subnet_id, instance.nics = subnet, nics
        ec2.launch_templates = OrderedDict()
        ec2.launch_template_name_to_ids = {}
        for template, versions, default in old["templates"]:
            template.versions, template.default_version_number = list(versions), default
            ec2.launch_templates[template.id] = template
            ec2.launch_template_name_to_ids[template.name] = template.id

    @contextlib.contextmanager
    def _as_of(self, lag):
        """Answers from the state of up to `lag` seconds ago; how old exactly is drawn for each read."""
        then = time.monotonic() - lag * random.choice((1, 1, 1, 0.5, 0))
        older = [s for at, s in self.history if at <= then]
        old = older[-1] if older else self.history[0][1] if self.history else None
        if old is None:
            yield
            return
        now = self._snapshot()
        self._restore(old)
        try:
            yield
        finally:
            self._restore(now)


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
        self.iam, self.sts, self.aws, self.s3 = (
            boto3.client(s, **common, **key) for s in ("iam", "sts", "ec2", "s3")
        )
        vpc = self.aws.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
        subnet = self.aws.create_subnet(VpcId=vpc, CidrBlock="10.77.0.0/24")["Subnet"]["SubnetId"]
        self.subnet = subnet
        self.s3.create_bucket(Bucket="swarms", CreateBucketConfiguration={"LocationConstraint": REGION})
        enforce_iam()
        return {"vpc": vpc, "subnet": subnet, "account": ACCOUNT, "region": REGION}

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
        made = self.sts.assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName=instance
        )["Credentials"]
        self.cloud.keys[made["AccessKeyId"]] = name
        return {
            "Code": "Success",
            "LastUpdated": iso(time.time()),
            "Type": "AWS-HMAC",
            "AccessKeyId": made["AccessKeyId"],
            "SecretAccessKey": made["SecretAccessKey"],
            "Token": made["SessionToken"],
            "Expiration": iso(time.time() + 6 * 3600),
        }

    def do_state(self, instance, to):
        calls = {
            "terminated": self.aws.terminate_instances,
            "stopped": self.aws.stop_instances,
            "running": self.aws.start_instances,
        }
        calls[to](InstanceIds=[instance])

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
        cloud.rules, cloud.lag, cloud.offset, cloud.skew_max = [], {}, 0.0, None
        self.do_forget()
        with cloud.lock:
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


def error(call, status, code, message):
    if call.service == "s3":
        text = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>e2e</RequestId></Error>"
    else:
        text = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            "<RequestID>e2e</RequestID></Response>"
        )
    return f"{status} Injected", [("Content-Type", "text/xml")], text.encode()


def drop(environ):
    """Ends the connection with a reset and no answer."""
    connection = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The server would go on reading; at an end it closes the connection.
    connection.shutdown(socket.SHUT_RD)
    raise ConnectionResetError("injected")


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def enforce_iam():
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    ActionAuthenticatorMixin.request_count = 0


def tolerate_lost_network():
    """moto's instances always have an interface; a terminated one has none here."""
    # A filter that moto lacks. Its instances have one address, so this is the same as the other.
    utils.filter_dict_attribute_mapping["network-interface.addresses.private-ip-address"] = "private_ip"
    names = ("private_ip", "private_ip_address", "private_dns_name", "public_ip", "public_ip_address")
    for name in names:
        found = getattr(Instance, name)
        setattr(
            Instance,
            name,
            property(lambda self, found=found: found.fget(self) if self.nics else None),
        )


def check_ec2_resources():
    """Has moto compare EC2 policies with the resources that a call names, and with its conditions."""
    plain = IAMRequest.check_action_permitted
    context = threading.local()

    def check(self, resource):
        context.values = None
        if self._service != "ec2":
            return plain(self, resource)
        context.values = condition_values(self)
        for named in ec2_resources(self):
            plain(self, named)
        if self._action != "ec2:CreateLaunchTemplate" or not tags_of_new(self):
            return None
        # Tags that come with a new resource need a permission of their own.
        called, self._action = self._action, "ec2:CreateTags"
        context.values["ec2:createaction"] = [called.removeprefix("ec2:")]
        context.values["aws:tagkeys"] = tags_of_new(self)
        for named in ec2_resources(self, called):
            plain(self, named)
        self._action = called
        return None

    def matches(self, element, value):
        wanted = self._statement[element]
        patterns = wanted if isinstance(wanted, list) else [wanted]
        return any(wildcard(p, value) for p in patterns)

    def conditions_hold(self, _incoming):
        return True

    def permitted(self, *args, **kwargs):
        if not hold(self._statement.get("Condition", {}), getattr(context, "values", None)):
            return PermissionResult.NEUTRAL
        return judged(self, *args, **kwargs)

    judged = IAMPolicyStatement.is_action_permitted
    IAMRequest.check_action_permitted = check
    IAMPolicyStatement._check_element_matches = matches
    IAMPolicyStatement._check_conditions = conditions_hold
    IAMPolicyStatement.is_action_permitted = permitted


def wildcard(pattern, value):
    parts = [".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern]
    return re.fullmatch("".join(parts), value, re.S) is not None


def params_of(request):
    return {k: v[0] if isinstance(v, list) else v for k, v in request._data.items()}


def tags_of_new(request):
    pattern = re.compile(r"TagSpecification\.\d+\.Tag\.\d+\.Key$")
    return [v for k, v in params_of(request).items() if pattern.match(k)]


def ec2_resources(request, action=None):
    """The ARNs of what a call acts on; `*` where the API has no resources."""
    params = params_of(request)
    action = action or request._action
    home = f"arn:aws:ec2:{request._region}:{request.account_id}:"
    if action in ("ec2:CreateTags", "ec2:DeleteTags"):
        ids = [v for k, v in params.items() if k.startswith("ResourceId")]
        kinds = {"i": "instance", "lt": "launch-template"}
        return [f"{home}{kinds.get(i.split('-')[0], 'other')}/{i}" for i in ids] or [home + "instance/*"]
    if action == "ec2:CreateLaunchTemplate":
        return [home + "launch-template/lt-new"]
    if action == "ec2:CreateLaunchTemplateVersion":
        name = params.get("LaunchTemplateId") or "lt-by-name"
        return [home + "launch-template/" + name]
    return ["*"]


def condition_values(request):
    """What a call carries for conditions, by lower-case key."""
    params = params_of(request)
    key = request._access_key
    session = getattr(key, "_session_name", "")
    home = f"arn:aws:ec2:{request._region}:{request.account_id}:instance/"
    named = [v for k, v in params.items() if k.startswith("ResourceId")]
    values = {
        "ec2:sourceinstancearn": [home + session],
        "ec2:region": [request._region],
        "aws:requestedregion": [request._region],
        "aws:arn": [key.arn],
        "aws:tagkeys": [v for k, v in params.items() if re.match(r"Tag\.\d+\.Key$", k)],
        "ec2:createaction": [],
    }
    if named and named[0].startswith("i-"):
        values["ec2:instanceid"] = [named[0]]
        values["aws:resourceid"] = [named[0]]
        values["self"] = [home + named[0]]
    resources = ec2_backends[ACCOUNT][REGION].tags
    for tagged in named or [params.get("LaunchTemplateId", "")]:
        for tag, value in resources.get(tagged, {}).items():
            values["aws:resourcetag/" + tag.lower()] = [value]
            values["ec2:resourcetag/" + tag.lower()] = [value]
    for number in range(1, 9):
        tag, value = params.get(f"Tag.{number}.Key"), params.get(f"Tag.{number}.Value")
        if tag is not None and value is not None:
            values["aws:requesttag/" + tag.lower()] = [value]
    return values


def hold(conditions, values):
    """IAM's string, ARN and bool operators; a key that the call does not carry fails them."""
    for operator, wanted in conditions.items():
        quantifier, _, name = operator.rpartition(":")
        optional = name.endswith("IfExists")
        name = name.removesuffix("IfExists")
        for key, expected in wanted.items():
            if values is None:
                continue
            patterns = expected if isinstance(expected, list) else [expected]
            patterns = [fill(str(p), values) for p in patterns]
            actual = values.get(key.lower())
            if not actual:
                if optional or quantifier == "ForAllValues" or "Not" in name or name == "Null":
                    continue
                return False
            like = name in ("StringLike", "ArnLike", "ArnEquals", "StringNotLike", "ArnNotLike", "ArnNotEquals")
            hits = [any(wildcard(p, a) if like else p == a for p in patterns) for a in actual]
            met = any(hits) if quantifier == "ForAnyValue" else all(hits)
            if met == ("Not" in name):
                return False
    return True


def fill(pattern, values):
    """Policy variables, `${ec2:SourceInstanceARN}`."""
    found = re.findall(r"\$\{([^}]+)\}", pattern)
    for name in found:
        pattern = pattern.replace("${" + name + "}", (values.get(name.lower()) or ["?"])[0])
    return pattern


class Handler(WSGIRequestHandler):
    """Answers with the cloud's time, and logs nothing."""

    protocol_version = "HTTP/1.1"
    cloud = None

    def date_time_string(self, timestamp=None):
        return email.utils.formatdate((timestamp or time.time()) + self.cloud.offset, usegmt=True)

    def log(self, *_):
        pass


def main():
    host, port = sys.argv[1], int(sys.argv[2])
    os.environ["MOTO_PORT"] = str(port)
    tolerate_lost_network()
    check_ec2_resources()
    Handler.cloud = Cloud()
    server = make_server(host, port, Handler.cloud, threaded=True, request_handler=Handler)
    server.daemon_threads = True
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
