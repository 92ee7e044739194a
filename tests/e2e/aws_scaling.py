"""What moto's Auto Scaling lacks: hooks that hold an instance, and what they are told."""

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import autoscaling_backends
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult


def teach_hooks():
    """Gives moto CompleteLifecycleAction and RecordLifecycleActionHeartbeat: it judges who may call them itself."""

    def complete(self):
        state, hook = held(self)
        state.open_hooks.discard(hook)
        if not state.open_hooks:
            state.lifecycle_state = state.lifecycle_state.replace(":Wait", ":Proceed")
        return ActionResult({})

    def heartbeat(self):
        held(self)
        return ActionResult({})

    AutoScalingResponse.complete_lifecycle_action = complete
    AutoScalingResponse.record_lifecycle_action_heartbeat = heartbeat


def held(response):
    """The instance that a call names, and the hook of its own that holds it at this moment."""
    group, instance, hook = (
        response._get_param(name) for name in ("AutoScalingGroupName", "InstanceId", "LifecycleHookName")
    )
    for state in response.autoscaling_backend.describe_auto_scaling_instances([instance]):
        if state.auto_scaling_group_name == group and hook in getattr(state, "open_hooks", ()):
            return state, hook
    raise ValidationError(f"No active Lifecycle Action found with instance ID {instance}")


def move(account, region, instance, to):
    """Takes an instance of a group into another state: in one that waits, the hooks of its transition hold it."""
    backend = autoscaling_backends[account][region]
    (state,) = backend.describe_auto_scaling_instances([instance])
    transition = "LAUNCHING" if "Pending" in to else "TERMINATING"
    hooks = backend.describe_lifecycle_hooks(state.auto_scaling_group_name)
    state.lifecycle_state = to
    state.open_hooks = {
        h.name for h in hooks if to.endswith(":Wait") and h.lifecycle_transition.endswith(transition)
    }


def forget_groups(account, region):
    backend = autoscaling_backends[account][region]
    for kept in (backend.autoscaling_groups, backend.lifecycle_hooks, backend.launch_configurations):
        kept.clear()


def resources(request):
    """The ARNs of what a call acts on; `*` where the API has no resources."""
    if request._action.startswith("autoscaling:Describe"):
        return ["*"]
    group = request._data.get("AutoScalingGroupName")
    name = group[0] if isinstance(group, list) else group
    where = f"{request._region}:{request.account_id}"
    return [f"arn:aws:autoscaling:{where}:autoScalingGroup:e2e:autoScalingGroupName/{name}"]
