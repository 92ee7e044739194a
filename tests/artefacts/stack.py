"""Makes stacks of CloudFormation in moto, and tells what came of each.

Its argument is a file with a JSON list of {region, template, parameters}, in which OTHER stands for another security
group; standard output has one of what each made,
or of {error}.
What CloudFormation does and moto does not is added: hooks that are made with a group, the partition of a region,
rules of protocols that have no ports, and that AWS::NoValue in a list is no item of it.
What moto forgets of a property is read from the template as moto has resolved it.
"""
import ast
import functools
import json
import os
import sys

# Thousands of images, which nothing here is launched of.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

import boto3
import yaml
from moto import mock_aws
from moto.autoscaling.models import FakeAutoScalingGroup, autoscaling_backends
from moto.cloudformation import cloudformation_backends, parsing
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models.security_groups import SecurityGroupIngress
from moto.cloudformation.utils import yaml_tag_constructor
from moto.utilities.utils import get_partition

# The same parser in C: a template is read in a tenth of the time.
yaml.Loader = yaml.CLoader
yaml.add_multi_constructor("", yaml_tag_constructor, Loader=yaml.CLoader)

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


@functools.cache
def aws_of(region):
    aws = {name: boto3.client(name, region) for name in ("cloudformation", "ec2", "autoscaling", "s3")}
    # By its own name of GovCloud's IAM moto would take it for another partition's.
    aws["iam"] = boto3.client("iam", region, endpoint_url=f"https://iam.{region}.amazonaws.com")
    return aws


def stack_of(stack_name, region, template, parameters):
    aws = aws_of(region)
    ec2 = aws["ec2"]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]][:3]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for i, zone in enumerate(zones)
    ]
    other = ec2.create_security_group(GroupName="other", Description="other", VpcId=vpc)["GroupId"]
    given = {"VpcId": vpc, "SubnetIds": ",".join(subnets), **parameters}
    aws["cloudformation"].create_stack(
        StackName=stack_name,
        TemplateBody=template,
        Parameters=[{"ParameterKey": key, "ParameterValue": value.replace("OTHER", other)} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    stack = aws["cloudformation"].describe_stacks(StackName=stack_name)["Stacks"][0]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise RuntimeError(stack["StackStatus"])
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    resolved = resolved_of(region, stack_name)
    rules = ec2.describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [outputs["SecurityGroupId"]]}]
    )["SecurityGroupRules"]
    return {
        "region": region,
        "other": other,
        "subnets": subnets,
        "outputs": outputs,
        "ingress": [rule for rule in rules if not rule["IsEgress"]],
        "manager": node_of(aws, outputs, "Manager", resolved),
        "worker": node_of(aws, outputs, "Worker", resolved),
        "bucket": bucket_of(aws["s3"], outputs.get("BucketName"), resolved.get("Bucket")),
    }


def resolved_of(region, stack_name):
    """The template's resources with every function in them done."""
    [stack] = [
        stack
        for stack in cloudformation_backends[DEFAULT_ACCOUNT_ID][region].stacks.values()
        if stack.name == stack_name
    ]
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
    profile_name = version["LaunchTemplateData"]["IamInstanceProfile"]["Arn"].split("/")[-1]
    profile = aws["iam"].get_instance_profile(InstanceProfileName=profile_name)["InstanceProfile"]
    instances = aws["ec2"].describe_instances(
        InstanceIds=[instance["InstanceId"] for instance in group["Instances"]]
    ) if group["Instances"] else {"Reservations": []}
    return {
        "group": {**resolved[f"{kind}Group"]["Properties"], **group},
        "waitsFor": resolved[f"{kind}Group"]["DependsOn"],
        "hooks": hooks,
        "template": version["LaunchTemplateData"],
        "role": role_of(aws["iam"], profile["Roles"][0]["RoleName"], resolved[f"{kind}Role"]["Properties"]),
        "instances": [
            instance for reservation in instances["Reservations"] for instance in reservation["Instances"]
        ],
    }


def role_of(iam, name, properties):
    role = iam.get_role(RoleName=name)["Role"]
    policies = {}
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        # moto keeps what CloudFormation gave it in Python's own words.
        policies[policy] = ast.literal_eval(document) if isinstance(document, str) else document
    return {
        "name": name,
        "trusts": role["AssumeRolePolicyDocument"],
        "policies": policies,
        "attached": properties.get("ManagedPolicyArns", []),
        "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
    }


def bucket_of(s3, name, resource):
    if name is None or resource is None:
        return None
    encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    return {
        "name": name,
        "versioning": resource["Properties"].get("VersioningConfiguration", {}).get("Status"),
        "expiry": resource["Properties"].get("LifecycleConfiguration", {}).get("Rules", []),
        "encryption": encryption["ApplyServerSideEncryptionByDefault"],
        "public": resource["Properties"].get("PublicAccessBlockConfiguration"),
        "kept": [resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")],
    }


def attempt(number, spec):
    try:
        return stack_of(f"swarm-{number}", **spec)
    except Exception as fault:  # noqa: BLE001
        return {"error": f"{type(fault).__name__}: {fault}"}


with mock_aws():
    specs = json.load(open(sys.argv[1]))
    json.dump([attempt(number, spec) for number, spec in enumerate(specs)], sys.stdout, default=str)
