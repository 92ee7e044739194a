# Nodes of both kinds are alike but for what is in local.kinds: each has a launch template and a group of its own,
# in the zones of the subnets.

data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

locals {
  kinds = {
    manager = {
      instance_type = var.manager_instance_type
      min           = var.manager_count
      # Never fewer: no scale-in takes a manager away. While one is replaced there is one more.
      max = var.manager_count + 1
      # Of a count that is lowered Auto Scaling would leave as many as the maximum is.
      desired = var.manager_count
    }
    worker = {
      instance_type = var.worker_instance_type
      min           = var.worker_count
      max           = coalesce(var.worker_max_count, var.worker_count)
      desired       = null
    }
  }

  default_instance_type = var.architecture == "arm64" ? "t4g.medium" : "t3.medium"

  # What each instance has, for the others too, from its first moment on.
  instance_tags = {
    for kind, _ in local.kinds : kind => merge({ Name = "${var.name}-${kind}" }, var.tags, { Role = kind, Cluster = var.name })
  }

  # swarm-join completes these when the node is in, and when it is out: a machine is in service when it is a member.
  # Who does not get in within its time is none, and must not count while others are replaced: it is given up.
  # Who can't leave in its time, as the last manager, goes all the same.
  hooks = {
    swarm-join-launching = {
      transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
      timeout    = var.launching_timeout
      result     = "ABANDON"
    }
    swarm-join-terminating = {
      transition = "autoscaling:EC2_INSTANCE_TERMINATING"
      timeout    = var.terminating_timeout
      result     = "CONTINUE"
    }
  }

  ami_id = var.ami_id == null ? data.aws_ssm_parameter.ami[0].insecure_value : var.ami_id
}

data "aws_ssm_parameter" "ami" {
  count = var.ami_id == null ? 1 : 0
  name  = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${var.architecture}"
}

# What the root volume is called is for the AMI to say: under another name it would be a second volume.
data "aws_ami" "node" {
  count = var.root_volume == null ? 0 : 1

  filter {
    name   = "image-id"
    values = [local.ami_id]
  }
}

locals {
  # No machine can be launched with less than the AMI's own snapshot.
  ami_gb = max(0, flatten([
    for ami in data.aws_ami.node : [
      for device in ami.block_device_mappings : tonumber(lookup(device.ebs, "volume_size", 0))
      if device.device_name == ami.root_device_name
    ]
  ])...)
}

data "aws_subnet" "node" {
  count = length(var.subnet_ids)
  id    = var.subnet_ids[count.index]

  lifecycle {
    postcondition {
      condition     = self.vpc_id == var.vpc_id
      error_message = "subnet_ids has ${self.id}, which is in ${self.vpc_id}, not in vpc_id ${var.vpc_id}."
    }
  }
}

check "zones" {
  assert {
    condition     = var.manager_count == 1 || length(distinct(data.aws_subnet.node[*].availability_zone)) >= 3
    error_message = "subnet_ids are in fewer than three zones: the loss of one may take the quorum of the managers."
  }
}

resource "aws_launch_template" "node" {
  for_each = local.kinds

  name                   = "${var.name}-${each.key}s"
  description            = "A ${each.key} of the swarm ${var.name}."
  image_id               = local.ami_id
  instance_type          = coalesce(each.value.instance_type, local.default_instance_type)
  key_name               = var.key_name
  user_data              = base64encode(local.user_data)
  update_default_version = true
  vpc_security_group_ids = concat([aws_security_group.node.id], var.additional_security_group_ids)
  tags                   = var.tags

  iam_instance_profile {
    arn = aws_iam_instance_profile.node[each.key].arn
  }

  # Containers on a node get neither its role's credentials nor, from its tags, the managers' token.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  dynamic "block_device_mappings" {
    for_each = var.root_volume == null ? [] : [var.root_volume]

    content {
      device_name = data.aws_ami.node[0].root_device_name

      ebs {
        volume_size           = block_device_mappings.value.size
        volume_type           = block_device_mappings.value.type
        encrypted             = true
        kms_key_id            = block_device_mappings.value.kms_key_id
        delete_on_termination = true
      }
    }
  }

  # The group tags the instances.
  tag_specifications {
    resource_type = "volume"
    tags          = merge({ Name = "${var.name}-${each.key}" }, var.tags)
  }

  lifecycle {
    precondition {
      condition     = try(var.root_volume.size, local.ami_gb) >= local.ami_gb
      error_message = "root_volume.size must be ${local.ami_gb} or more, which is what ${local.ami_id} has; or root_volume null."
    }

    precondition {
      condition     = var.kms_key_arn == null || var.store == "s3"
      error_message = "kms_key_arn encrypts what is in the bucket: it counts only with store s3."
    }

    precondition {
      condition     = var.store != "s3" || var.create_bucket || var.bucket_name != null
      error_message = "create_bucket is false: bucket_name must say which bucket to use."
    }

    precondition {
      condition     = length(local.user_data) <= 16384
      error_message = "user_data_before and settings make user data of ${length(local.user_data)} bytes, and EC2 takes 16384."
    }
  }
}

resource "aws_autoscaling_group" "node" {
  for_each = local.kinds

  name                = "${var.name}-${each.key}s"
  vpc_zone_identifier = var.subnet_ids
  min_size            = each.value.min
  max_size            = each.value.max
  desired_capacity    = each.value.desired
  health_check_type   = "EC2"
  # Also what an instance refresh waits for after each machine: the hooks say when it is a member.
  health_check_grace_period = 60
  force_delete              = var.force_destroy
  # Not waited for: a group whose first machines came late would be tainted, and replaced by the next apply.
  wait_for_capacity_timeout = "0"

  launch_template {
    id      = aws_launch_template.node[each.key].id
    version = aws_launch_template.node[each.key].latest_version
  }

  # Launches before it terminates, and one machine at a time.
  instance_maintenance_policy {
    min_healthy_percentage = 100
    max_healthy_percentage = 110
  }

  # They are there before the first machine is. The provider makes a new group of any later change in here, so
  # changes go by aws_autoscaling_lifecycle_hook.node, which has the same ones.
  dynamic "initial_lifecycle_hook" {
    for_each = local.hooks

    content {
      name                 = initial_lifecycle_hook.key
      lifecycle_transition = initial_lifecycle_hook.value.transition
      heartbeat_timeout    = initial_lifecycle_hook.value.timeout
      default_result       = initial_lifecycle_hook.value.result
    }
  }

  dynamic "tag" {
    for_each = local.instance_tags[each.key]

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  timeouts {
    delete = "30m"
  }

  lifecycle {
    ignore_changes = [initial_lifecycle_hook]

    precondition {
      condition     = each.value.max >= each.value.min
      error_message = "worker_max_count ${each.value.max} is less than worker_count ${each.value.min}."
    }
  }

  # What a node needs to join is there when it boots, and as long as it may have to leave.
  depends_on = [
    aws_iam_role_policy.swarm_join,
    aws_iam_role_policy_attachment.node,
    aws_s3_bucket_policy.store,
    aws_s3_bucket_server_side_encryption_configuration.store,
    aws_s3_bucket_versioning.store,
    aws_vpc_security_group_egress_rule.node,
    aws_vpc_security_group_ingress_rule.node,
  ]
}

resource "aws_autoscaling_lifecycle_hook" "node" {
  for_each = {
    for pair in setproduct(keys(local.kinds), keys(local.hooks)) : "${pair[0]}-${pair[1]}" => { kind = pair[0], name = pair[1] }
  }

  name                   = each.value.name
  autoscaling_group_name = aws_autoscaling_group.node[each.value.kind].name
  lifecycle_transition   = local.hooks[each.value.name].transition
  heartbeat_timeout      = local.hooks[each.value.name].timeout
  default_result         = local.hooks[each.value.name].result
}
