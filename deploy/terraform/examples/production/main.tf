# For production: record and tokens in a bucket of their own, encrypted with a key of their own, so that no worker
# can read the managers' token; a shell by Session Manager instead of SSH; workers that a policy scales.

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of it, in three zones, with a way to AWS (NAT, or VPC endpoints)."
  type        = list(string)
}

variable "program" {
  description = "Where the files of a release are, in a bucket of yours, and their sums."
  type = object({
    from        = string
    sha256      = object({ x86_64 = string, aarch64 = string })
    unit_sha256 = string
  })
}

variable "ami_id" {
  description = "The AMI that you have tried: a new one is a change that you make. Null: the newest Amazon Linux 2023."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Set it and apply before a destroy: it takes the bucket with all in it."
  type        = bool
  default     = false
}

data "aws_partition" "current" {}

locals {
  tags        = { Team = "platform", Environment = "production" }
  ssm_managed = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_kms_key" "swarm" {
  description         = "Record and tokens of the swarm production"
  enable_key_rotation = true
  tags                = local.tags
}

# What the services are reached by, from a load balancer of yours.
resource "aws_security_group" "services" {
  name        = "production-services"
  description = "Services of the swarm production"
  vpc_id      = var.vpc_id
  tags        = local.tags
}

module "swarm" {
  source = "../.." # git::https://HOST/swarm-join.git//deploy/terraform?ref=v0.1.0

  name       = "production"
  vpc_id     = var.vpc_id
  subnet_ids = var.subnet_ids
  program    = var.program
  ami_id     = var.ami_id

  store       = "s3"
  kms_key_arn = aws_kms_key.swarm.arn

  manager_count         = 3
  manager_instance_type = "m7i.large"
  worker_count          = 3
  worker_max_count      = 12
  worker_instance_type  = "m7i.xlarge"
  root_volume           = { size = 100 }

  additional_security_group_ids = [aws_security_group.services.id]
  manager_role_policy_arns      = [local.ssm_managed]
  worker_role_policy_arns       = [local.ssm_managed]

  settings = {
    SWARM_JOIN_LABEL_TAGS   = "Team,Environment"
    SWARM_JOIN_METRICS_FILE = "/var/lib/node_exporter/swarm-join.prom"
  }

  force_destroy = var.force_destroy
  tags          = local.tags
}

output "swarm" {
  description = "What was made."
  value       = module.swarm
}
