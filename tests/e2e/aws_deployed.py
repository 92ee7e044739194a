"""What moto lacks of what an operator's templates make: a group's maintenance policy, protocols without ports."""

from moto.autoscaling.responses import AutoScalingResponse
from moto.ec2.models.security_groups import SecurityGroupRule


def keep_maintenance_policies():
    """Shows the instance maintenance policy that a group was made with."""
    plain = AutoScalingResponse.create_auto_scaling_group

    def create(self):
        answer = plain(self)
        group = self.autoscaling_backend.autoscaling_groups[self._get_param("AutoScalingGroupName")]
        group.instance_maintenance_policy = self._get_param("InstanceMaintenancePolicy")
        return answer

    AutoScalingResponse.create_auto_scaling_group = create


def take_protocols_without_ports():
    """A rule of a protocol by its number has no ports; AWS shows them as -1."""
    plain = SecurityGroupRule.__init__

    def init(self, backend, ip_protocol, group_id, from_port, to_port, *args, **kwargs):
        given = [-1 if port is None else port for port in (from_port, to_port)]
        plain(self, backend, ip_protocol, group_id, *given, *args, **kwargs)

    SecurityGroupRule.__init__ = init
