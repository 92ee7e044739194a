"""What moto lacks of what an operator's templates make, so that Terraform finds it as it made it."""

import base64
import contextlib
import json

from moto.autoscaling.models import LifecycleHook
from moto.autoscaling.responses import AutoScalingResponse
from moto.ec2.models.launch_templates import LaunchTemplateBackend
from moto.ec2.models.security_groups import SecurityGroupRule


def remember_what_is_made():
    """Groups' maintenance policies, rules without ports or with words, hooks and templates as they were given."""
    keep_maintenance_policies()
    take_rules_as_they_are()
    add_nothing_to_hooks()
    add_nothing_to_templates()


def keep_maintenance_policies():
    plain = AutoScalingResponse.create_auto_scaling_group

    def create(self):
        answer = plain(self)
        group = self.autoscaling_backend.autoscaling_groups[self._get_param("AutoScalingGroupName")]
        group.instance_maintenance_policy = self._get_param("InstanceMaintenancePolicy")
        return answer

    AutoScalingResponse.create_auto_scaling_group = create


def take_rules_as_they_are():
    """A rule of a protocol by its number has no ports, which AWS shows as -1; one of a group may have words."""
    plain = SecurityGroupRule.__init__

    def init(self, backend, ip_protocol, group_id, from_port, to_port, *args, **kwargs):
        given = [-1 if port is None else port for port in (from_port, to_port)]
        plain(self, backend, ip_protocol, group_id, *given, *args, **kwargs)

    def description(self):
        return self.ip_range.get("Description") or self.source_group.get("Description")

    SecurityGroupRule.__init__ = init
    SecurityGroupRule.description = property(description)


def add_nothing_to_hooks():
    plain = LifecycleHook.__init__

    def init(self, *args, **kwargs):
        plain(self, *args, **kwargs)
        self.role_arn = self.notification_target_arn = None

    LifecycleHook.__init__ = init


def add_nothing_to_templates():
    """The tags of a template are none of what it launches."""
    plain = LaunchTemplateBackend.create_launch_template

    def create(self, name, description, template_data, tag_spec):
        specs = template_data.pop("TagSpecifications", [])
        launched = [spec for spec in specs if spec["ResourceType"] != "launch-template"]
        if launched:
            template_data["TagSpecifications"] = launched
        return plain(self, name, description, template_data, tag_spec)

    LaunchTemplateBackend.create_launch_template = create


def members(backend, group_name):
    """Each instance of a group, with what it was given to boot with."""
    group = backend.autoscaling_groups[group_name]
    data = group.ec2_launch_template.get_version(group.launch_template_version).data
    profile = data["IamInstanceProfile"]["Arn"].rsplit("/", 1)[1]
    return [
        {
            "instance": state.instance.id,
            "tags": {tag["key"]: tag["value"] for tag in state.instance.get_tags()},
            "userData": base64.b64decode(str(data["UserData"])).decode(),
            "profile": profile,
        }
        for state in group.instance_states
    ]


def grow(backend, group_name):
    """Launches one more, as while another one is replaced."""
    group = backend.autoscaling_groups[group_name]
    group.replace_autoscaling_group_instances(1, group.get_propagated_tags())
    return group.instance_states[-1].instance.id


def let_go(backend, instance):
    """A group has no part any more in what it has terminated."""
    for group in backend.autoscaling_groups.values():
        group.instance_states = [state for state in group.instance_states if state.instance.id != instance]


def place(instance, address):
    """Gives an instance this address, and no other."""
    [nic] = instance.nics.values()
    nic.private_ip_address = address
    nic.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": address}]
    instance._private_ips = {address}


@contextlib.contextmanager
def trusted_by_ec2(backend, profile_name):
    """
    The role of an instance profile, which EC2 assumes for an instance if the role trusts it. moto judges
    principals of accounts only, so while this lasts the role trusts everybody.
    """
    profile = next(p for p in backend.instance_profiles.values() if p.name == profile_name)
    role = profile.roles[0]
    trust = role.assume_role_policy_document
    [statement] = json.loads(trust)["Statement"]
    if statement["Principal"] != {"Service": "ec2.amazonaws.com"}:
        raise ValueError(f"{role.name} does not trust EC2: {trust}")
    role.assume_role_policy_document = json.dumps(
        {"Version": "2012-10-17", "Statement": [{**statement, "Principal": {"AWS": "*"}}]}
    )
    try:
        yield role.name
    finally:
        role.assume_role_policy_document = trust
