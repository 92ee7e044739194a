"""An AWS for the end-to-end tests: moto in one process, made to behave where it differs from AWS.

moto answers EC2, S3, Auto Scaling, IAM and STS and enforces the IAM policies of each node's role. Around it:

- one request at a time, since moto checks and then acts, and two writers could both win;
- terminated instances lose their VPC, subnet and address, and can be forgotten altogether;
- EC2 policies are checked against the resource that a call names, and the conditions of the
  shipped policies are evaluated, since moto knows neither;
- reads of EC2 can be answered from an older state, for one node or for all;
- versions of launch templates can be deleted, and what Terraform makes is shown as it was made;
- faults are injected by rules, calls are recorded by node (known by its access key), and a call can
  be held, so that a test can kill a process at an exact point.

Tests speak to it by POST /_e2e/OPERATION with JSON, see `aws_control.py`.
"""

import contextlib
import email.utils
import io
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

from aws_control import ACCOUNT, REGION, Control
from aws_deployed import remember_what_is_made
from aws_iam import check_ec2_resources, sign_queries_as_sent
from aws_scaling import teach_hooks
from aws_templates import delete_versions
from moto.ec2 import utils
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

READS = re.compile(r"^(Describe|Get|List|Head)")


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
        self.behind = {}
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
            reads = call.service == "ec2" and call.action.startswith("Describe")
            old = self._old_state(call.node) if reads else None
            with self._as_of(old) if old else contextlib.nullcontext():
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
            rule.released.wait(effect.get("forMs", 600_000) / 1000)
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

    def _old_state(self, node):
        """
        What a read of the node is answered from; None: the state as it is. Old by so many writes, or
        by up to so many seconds: how old exactly is then drawn for each read.
        """
        behind = self.behind.get(node, 0)
        lag = self.lag.get(node, self.lag.get("*", 0))
        if not self.history or (behind == 0 and lag == 0):
            return None
        if behind > 0:
            return self.history[max(0, len(self.history) - 1 - behind)][1]
        then = time.monotonic() - lag * random.choice((1, 1, 1, 0.5, 0))
        older = [s for at, s in self.history if at <= then]
        return older[-1] if older else self.history[0][1]

    @contextlib.contextmanager
    def _as_of(self, old):
        now = self._snapshot()
        self._restore(old)
        try:
            yield
        finally:
            self._restore(now)


def error(call, status, code, message):
    if call.service == "s3":
        text = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>e2e</RequestId></Error>"
    else:
        text = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            "<RequestID>e2e</RequestID></Response>"
        )
    # S3 names each of its answers.
    headers = [("Content-Type", "text/xml"), ("x-amz-request-id", "e2e")]
    return f"{status} Injected", headers, text.encode()


def drop(environ):
    """Ends the connection with a reset and no answer."""
    connection = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The server would go on reading; at an end it closes the connection.
    connection.shutdown(socket.SHUT_RD)
    raise ConnectionResetError("injected")


def tolerate_lost_network():
    """moto's instances always have an interface; a terminated one has none here."""
    # A filter that moto lacks. Its instances have one address, so this is the same as the other.
    utils.filter_dict_attribute_mapping["network-interface.addresses.private-ip-address"] = "private_ip"
    # And another; they have no IPv6 address.
    utils.filter_dict_attribute_mapping["network-interface.ipv6-addresses.ipv6-address"] = "ipv6_addresses"
    Instance.ipv6_addresses = []
    names = ("private_ip", "private_ip_address", "private_dns_name", "public_ip", "public_ip_address")
    for name in names:
        found = getattr(Instance, name)
        setattr(
            Instance,
            name,
            property(lambda self, found=found: found.fget(self) if self.nics else None),
        )


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
    sign_queries_as_sent()
    delete_versions()
    teach_hooks()
    remember_what_is_made()
    Handler.cloud = Cloud()
    server = make_server(host, port, Handler.cloud, threaded=True, request_handler=Handler)
    server.daemon_threads = True
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
