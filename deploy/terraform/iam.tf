locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id
  account   = data.aws_caller_identity.current.account_id

  # The policies of ../iam, whose capitals stand for what they are put in place of.
  policies = {
    for kind, _ in local.kinds : kind => jsondecode(replace(replace(replace(replace(replace(replace(
      file("${path.module}/../iam/${kind}-${var.store}.json"),
      "REGION", local.region),
      "ACCOUNT", local.account),
      "BUCKET", local.bucket_name),
      "PREFIX", var.bucket_prefix),
      "arn:aws:", "arn:${local.partition}:"),
    "autoScalingGroupName/*", "autoScalingGroupName/${var.name}-${kind}s"))
  }

  program_in_s3 = var.program == null ? null : one(regexall("^s3://(.+)$", var.program.from)[*][0])

  # What the inputs ask for beside them.
  extra = concat(
    local.program_in_s3 == null ? [] : [{
      Sid      = "FetchTheProgram"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = "arn:${local.partition}:s3:::${local.program_in_s3}/*"
    }],
    var.kms_key_arn == null ? [] : [{
      Sid      = "UseTheKeyOfTheStore"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = var.kms_key_arn
    }],
  )

  attachments = concat(
    [for arn in var.manager_role_policy_arns : { kind = "manager", arn = arn }],
    [for arn in var.worker_role_policy_arns : { kind = "worker", arn = arn }],
  )
}

resource "aws_iam_role" "node" {
  for_each = local.kinds

  # Roles are the account's, names of swarms the region's.
  name                 = "${var.name}-${each.key}-${local.region}"
  description          = "A ${each.key} of the swarm ${var.name}"
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.${data.aws_partition.current.dns_suffix}" }
    }]
  })
}

resource "aws_iam_role_policy" "swarm_join" {
  for_each = local.kinds

  name = "swarm-join"
  role = aws_iam_role.node[each.key].id
  policy = jsonencode(merge(local.policies[each.key], {
    Statement = concat(local.policies[each.key].Statement, local.extra)
  }))
}

# By number, as an ARN may be known only when it is made.
resource "aws_iam_role_policy_attachment" "node" {
  count = length(local.attachments)

  role       = aws_iam_role.node[local.attachments[count.index].kind].name
  policy_arn = local.attachments[count.index].arn
}

resource "aws_iam_instance_profile" "node" {
  for_each = local.kinds

  name = aws_iam_role.node[each.key].name
  role = aws_iam_role.node[each.key].name
  tags = var.tags
}
