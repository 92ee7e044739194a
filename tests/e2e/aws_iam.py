"""What moto's enforcement of IAM lacks: EC2's resources, and the conditions of the shipped policies."""

import re
import threading
import urllib.parse

from aws_scaling import resources as scaling_resources
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.ec2.models import ec2_backends
from moto.iam.access_control import IAMPolicyStatement, IAMRequest, IAMRequestBase, PermissionResult


def enforce_iam():
    """From here on calls are judged; a query is signed in its encoded form, which moto has lost by then."""
    plain = IAMRequestBase._create_aws_request

    def encoded(self):
        path, _, query = self._path.partition("?")
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
        if pairs:
            query = urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote, safe="-_.~")
            self._path = f"{path}?{query}"
        return plain(self)

    IAMRequestBase._create_aws_request = encoded
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    ActionAuthenticatorMixin.request_count = 0


def sign_queries_as_sent():
    """What moto verifies has been decoded on its way, and a slash in a query is signed as it is escaped."""
    plain = IAMRequestBase._create_aws_request

    def escaped(part):
        return urllib.parse.quote(urllib.parse.unquote(part), safe="-_.~")

    def create(self):
        path, mark, query = self._path.partition("?")
        pairs = [pair.split("=", 1) for pair in query.split("&")]
        self._path = path + mark + "&".join("=".join(map(escaped, pair)) for pair in pairs)
        return plain(self)

    IAMRequestBase._create_aws_request = create


def check_ec2_resources():
    """Has moto compare EC2 policies with the resources that a call names, and with its conditions."""
    plain = IAMRequest.check_action_permitted
    context = threading.local()

    def check(self, resource):
        context.values = None
        if self._service == "autoscaling":
            for named in scaling_resources(self):
                plain(self, named)
            return None
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
    if action in ("ec2:CreateLaunchTemplateVersion", "ec2:DeleteLaunchTemplateVersions"):
        return [home + "launch-template/" + params["LaunchTemplateId"]]
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
    resources = ec2_backends[request.account_id][request._region].tags
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
