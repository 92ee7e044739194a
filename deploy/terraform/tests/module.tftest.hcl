# terraform test: without an AWS. What is made, by partition, and what is said about inputs that can't be.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-west-1", name = "eu-west-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_subnet" {
    defaults = { id = "subnet-1", vpc_id = "vpc-1", availability_zone = "eu-west-1a" }
  }
  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }
  mock_data "aws_ami" {
    defaults = { root_device_name = "/dev/xvda" }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::123456789012:instance-profile/swarm" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0" }
  }
}

mock_provider "aws" {
  alias = "us_gov"

  mock_data "aws_partition" {
    defaults = { partition = "aws-us-gov", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { id = "us-gov-west-1", name = "us-gov-west-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_subnet" {
    defaults = { id = "subnet-1", vpc_id = "vpc-1", availability_zone = "us-gov-west-1a" }
  }
  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }
  mock_data "aws_ami" {
    defaults = { root_device_name = "/dev/xvda" }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws-us-gov:iam::123456789012:instance-profile/swarm" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0" }
  }
}

mock_provider "aws" {
  alias = "cn"

  mock_data "aws_partition" {
    defaults = { partition = "aws-cn", dns_suffix = "amazonaws.com.cn" }
  }
  mock_data "aws_region" {
    defaults = { id = "cn-north-1", name = "cn-north-1" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_subnet" {
    defaults = { id = "subnet-1", vpc_id = "vpc-1", availability_zone = "cn-north-1a" }
  }
  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }
  mock_data "aws_ami" {
    defaults = { root_device_name = "/dev/xvda" }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws-cn:iam::123456789012:instance-profile/swarm" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0" }
  }
}

variables {
  vpc_id        = "vpc-1"
  subnet_ids    = ["subnet-1", "subnet-2", "subnet-3"]
  manager_count = 1
}

run "in_aws" {
  command = plan

  variables {
    store = "s3"
    program = {
      from        = "s3://releases/swarm-join/0.1.0"
      sha256      = { x86_64 = sha256("x"), aarch64 = sha256("a") }
      unit_sha256 = sha256("u")
    }
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.node : strcontains(role.assume_role_policy, "\"ec2.amazonaws.com\"")])
    error_message = "the roles trust EC2"
  }
  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.swarm_join : strcontains(policy.policy, "\"arn:aws:s3:::swarm-123456789012-eu-west-1/swarms/")])
    error_message = "the policies name the bucket and the prefix"
  }
  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.swarm_join : strcontains(policy.policy, "\"arn:aws:s3:::releases/swarm-join/0.1.0/*\"")])
    error_message = "the roles may fetch the program"
  }
  assert {
    condition     = length(regexall("\nFROM=s3://releases/swarm-join/0.1.0\n", local.user_data)) == 1
    error_message = "the user data fetch the program from there"
  }
  assert {
    condition     = aws_autoscaling_group.node["manager"].desired_capacity == 1
    error_message = "as many managers as there are to be, also after there were more"
  }
}

run "in_aws_us_gov" {
  command = plan

  providers = {
    aws = aws.us_gov
  }

  variables {
    store = "s3"
  }

  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.swarm_join : !strcontains(policy.policy, "arn:aws:") && strcontains(policy.policy, "arn:aws-us-gov:s3:::")])
    error_message = "the policies name nothing of another partition"
  }
}

run "in_aws_cn" {
  command = plan

  providers = {
    aws = aws.cn
  }

  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.swarm_join : !strcontains(policy.policy, "arn:aws:") && strcontains(policy.policy, "arn:aws-cn:ec2:cn-north-1:123456789012:")])
    error_message = "the policies name nothing of another partition"
  }
  assert {
    condition     = alltrue([for role in aws_iam_role.node : strcontains(role.assume_role_policy, "\"ec2.amazonaws.com.cn\"")])
    error_message = "the roles trust EC2 as it is called there"
  }
}

run "what_is_in_the_ami" {
  command = plan

  variables {
    ami_id         = "ami-1"
    install_docker = false
    root_volume    = null
  }

  assert {
    condition     = !strcontains(local.user_data, "curl") && !strcontains(local.user_data, "docker.io") && endswith(local.user_data, "\nsystemctl enable --now --no-block swarm-join.service\n")
    error_message = "nothing is fetched or installed that is in the AMI; its unit is enabled"
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.node : template.image_id == "ami-1" && length(template.block_device_mappings) == 0])
    error_message = "the AMI is that one, with its own volume"
  }
}

run "a_bucket_that_is_there" {
  command = plan

  variables {
    store         = "s3"
    create_bucket = false
    bucket_name   = "mine"
    bucket_prefix = "team/swarms"
  }

  assert {
    condition     = length(aws_s3_bucket.store) == 0 && output.bucket_name == "mine" && strcontains(local.user_data, "\nSWARM_JOIN_STORE='s3://mine/team/swarms'\n")
    error_message = "the store is in that bucket, and none is made"
  }
}

run "another_port_of_overlays" {
  command = plan

  variables {
    settings = { SWARM_JOIN_DATA_PATH_PORT = "4790" }
  }

  assert {
    condition = toset([for rule in aws_vpc_security_group_ingress_rule.node : "${rule.ip_protocol} ${coalesce(rule.from_port, -1)}-${coalesce(rule.to_port, -1)}"]) == toset([
      "tcp 2377-2377", "tcp 7946-7946", "udp 7946-7946", "udp 4790-4790", "50 -1--1",
    ])
    error_message = "the nodes let each other in as they talk"
  }
}

run "few_zones_are_told" {
  command = plan

  variables {
    manager_count = 3
  }

  expect_failures = [check.zones]
}

run "a_subnet_of_another_vpc" {
  command = plan

  variables {
    vpc_id = "vpc-2"
  }

  expect_failures = [data.aws_subnet.node]
}

run "more_workers_than_the_most" {
  command = plan

  variables {
    worker_count     = 3
    worker_max_count = 2
  }

  expect_failures = [aws_autoscaling_group.node]
}

run "a_root_volume_smaller_than_the_AMI" {
  command = plan

  override_data {
    target = data.aws_ami.node
    values = {
      root_device_name = "/dev/xvda"
      block_device_mappings = [
        { device_name = "/dev/sdb", ebs = { volume_size = "10" } },
        { device_name = "/dev/xvda", ebs = { volume_size = "30" } },
      ]
    }
  }

  expect_failures = [aws_launch_template.node]
}

run "a_key_without_a_bucket" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1"
  }

  expect_failures = [aws_launch_template.node]
}

run "a_bucket_without_a_name" {
  command = plan

  variables {
    store         = "s3"
    create_bucket = false
  }

  expect_failures = [aws_launch_template.node]
}

run "user_data_beyond_what_EC2_takes" {
  command = plan

  variables {
    user_data_before = join("", [for _ in range(1000) : "# and 20 bytes more\n"])
  }

  expect_failures = [aws_launch_template.node]
}

run "inputs_that_can_not_be" {
  command = plan

  variables {
    name                = "Swarm"
    vpc_id              = "10.0.0.0/16"
    subnet_ids          = []
    manager_count       = 2
    worker_count        = 1.5
    architecture        = "amd64"
    ami_id              = "al2023"
    store               = "S3"
    bucket_prefix       = "/swarms/"
    kms_key_arn         = "alias/swarm"
    program             = { from = "https://example.com/", sha256 = { x86_64 = "", aarch64 = "" }, unit_sha256 = "" }
    settings            = { AWS_SECRET_ACCESS_KEY = "secret" }
    launching_timeout   = 60
    terminating_timeout = 60
    tags                = { Role = "database" }
  }

  expect_failures = [
    var.name, var.vpc_id, var.subnet_ids, var.manager_count, var.worker_count, var.architecture, var.ami_id, var.store,
    var.bucket_prefix, var.kms_key_arn, var.program, var.settings, var.launching_timeout, var.terminating_timeout, var.tags,
  ]
}

run "settings_that_are_the_modules" {
  command = plan

  variables {
    settings = { SWARM_JOIN_STORE = "s3://mine/swarms" }
  }

  expect_failures = [var.settings]
}

run "settings_without_a_port" {
  command = plan

  variables {
    settings = { SWARM_JOIN_DATA_PATH_PORT = "high" }
  }

  expect_failures = [var.settings]
}

run "settings_of_two_lines" {
  command = plan

  variables {
    settings = { SWARM_JOIN_LOG_LEVEL = "debug\nSWARM_JOIN_ROLE=manager" }
  }

  expect_failures = [var.settings]
}
