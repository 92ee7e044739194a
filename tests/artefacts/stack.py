"""Makes stacks of CloudFormation in moto, and tells what came of each.

Standard input is a JSON list of {region, template, parameters}; standard output one of what each made, or of {error}.
What CloudFormation does and moto does not is added: hooks that are made with a group, the partition of a region,
rules of protocols that have no ports, and that AWS::NoValue in a list is no item of it.
What moto forgets of a property is read from the template as moto has resolved it.
"""
import ast
import json
import sys

import boto3
from moto import mock_aws
from moto.autoscaling.models import FakeAutoScalingGroup, autoscaling_backends
from moto.cloudformation import cloudformation_backends, parsing
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models.security_groups import SecurityGroupIngress
from moto.utilities.utils import get_partition

made_group = FakeAutoScalingGroup.create_from_cloudformation_json.__func__
made_rule = SecurityGroupIngress.create_from_cloudformation_json.__func__
made_map = parsing.ResourceMap.__init__
cleaned = parsing.clean_json


def make_group(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    group = made_group(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
    for hook in cloudformation_json["Properties"].get("LifecycleHookSpecificationList", []):
        autoscaling_backends[account_id][region_name].create_lifecycle_hook(
            name=hook["LifecycleHookName"],
            as_name=group.name,
            transition=hook["LifecycleTransition"],
            timeout=int(hook["HeartbeatTimeout"]),
            result=hook["DefaultResult"],
        )
    return group


def make_rule(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    properties = {"FromPort": -1, "ToPort": -1, **cloudformation_json["Properties"]}
    return made_rule(cls, resource_name, {"Properties": properties}, account_id, region_name, **kwargs)


def make_map(self, *args, **kwargs):
    made_map(self, *args, **kwargs)
    partition = get_partition(self._region_name)
    self._parsed_resources["AWS::Partition"] = partition
    self._parsed_resources["AWS::URLSuffix"] = "amazonaws.com" + (".cn" if partition == "aws-cn" else "")


def clean(value, resources):
    """Moto calls itself by this name, so each list on the way comes by."""
    found = cleaned(value, resources)
    return [item for item in found if item is not None] if isinstance(found, list) else found


FakeAutoScalingGroup.create_from_cloudformation_json = classmethod(make_group)
SecurityGroupIngress.create_from_cloudformation_json = classmethod(make_rule)
parsing.ResourceMap.__init__ = make_map
parsing.clean_json = clean


@mock_aws
def stack_of(region, template, parameters):
    aws = {name: boto3.client(name, region) for name in ("cloudformation", "ec2", "autoscaling", "iam", "s3")}
    ec2 = aws["ec2"]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]][:3]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for i, zone in enumerate(zones)
    ]
    given = {"VpcId": vpc, "SubnetIds": ",".join(subnets), **parameters}
    aws["cloudformation"].create_stack(
        StackName="swarm",
        TemplateBody=template,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    stack = aws["cloudformation"].describe_stacks(StackName="swarm")["Stacks"][0]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise RuntimeError(stack["StackStatus"])
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    resolved = resolved_of(region)
    rules = ec2.describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [outputs["SecurityGroupId"]]}]
    )["SecurityGroupRules"]
    return {
        "region": region,
        "vpc": vpc,
        "subnets": subnets,
        "outputs": outputs,
        "ingress": [rule for rule in rules if not rule["IsEgress"]],
        "manager": node_of(aws, outputs, "Manager", resolved),
        "worker": node_of(aws, outputs, "Worker", resolved),
        "bucket": bucket_of(aws["s3"], outputs.get("BucketName"), resolved.get("Bucket")),
    }


def resolved_of(region):
    """The template's resources with every function in them done."""
    [stack] = cloudformation_backends[DEFAULT_ACCOUNT_ID][region].stacks.values()
    resources = stack.resource_map
    return {
        name: clean(resource, resources)
        for name, resource in stack.template_dict["Resources"].items()
        if resources.lazy_condition_map.get(resource.get("Condition"), True)
    }


def node_of(aws, outputs, kind, resolved):
    group_name = outputs[f"{kind}GroupName"]
    [group] = aws["autoscaling"].describe_auto_scaling_groups(AutoScalingGroupNames=[group_name])["AutoScalingGroups"]
    hooks = aws["autoscaling"].describe_lifecycle_hooks(AutoScalingGroupName=group_name)["LifecycleHooks"]
    [version] = aws["ec2"].describe_launch_template_versions(
        LaunchTemplateId=group["LaunchTemplate"]["LaunchTemplateId"], Versions=[group["LaunchTemplate"]["Version"]]
    )["LaunchTemplateVersions"]
    [profile] = [
        profile
        for profile in aws["iam"].list_instance_profiles()["InstanceProfiles"]
        if profile["Arn"] == version["LaunchTemplateData"]["IamInstanceProfile"]["Arn"]
    ]
    instances = aws["ec2"].describe_instances(
        InstanceIds=[instance["InstanceId"] for instance in group["Instances"]]
    ) if group["Instances"] else {"Reservations": []}
    return {
        "group": {**resolved[f"{kind}Group"]["Properties"], **group},
        "waitsFor": resolved[f"{kind}Group"]["DependsOn"],
        "hooks": hooks,
        "template": version["LaunchTemplateData"],
        "role": role_of(aws["iam"], profile["Roles"][0]["RoleName"]),
        "instances": [
            instance for reservation in instances["Reservations"] for instance in reservation["Instances"]
        ],
    }


def role_of(iam, name):
    role = iam.get_role(RoleName=name)["Role"]
    policies = {}
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        # moto keeps what CloudFormation gave it in Python's own words.
        policies[policy] = ast.literal_eval(document) if isinstance(document, str) else document
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    return {
        "name": name,
        "trusts": role["AssumeRolePolicyDocument"],
        "policies": policies,
        "attached": [policy["PolicyArn"] for policy in attached],
        "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
    }


def bucket_of(s3, name, resource):
    if name is None or resource is None:
        return None
    encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    try:
        expiry = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    except s3.exceptions.ClientError:
        expiry = []
    return {
        "name": name,
        "versioning": s3.get_bucket_versioning(Bucket=name).get("Status"),
        "expiry": expiry + resource["Properties"].get("LifecycleConfiguration", {}).get("Rules", []),
        "encryption": encryption["ApplyServerSideEncryptionByDefault"],
        "public": resource["Properties"].get("PublicAccessBlockConfiguration"),
        "kept": [resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")],
    }


def attempt(spec):
    try:
        return stack_of(**spec)
    except Exception as fault:  # noqa: BLE001
        return {"error": f"{type(fault).__name__}: {fault}"}


json.dump([attempt(spec) for spec in json.load(sys.stdin)], sys.stdout, default=str)
