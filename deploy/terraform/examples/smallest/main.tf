# The smallest swarm: three managers and two workers in a VPC that is there, its record and tokens in tags.
#
#   export AWS_REGION=eu-west-1
#   terraform init
#   terraform apply

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of it, in three zones."
  type        = list(string)
}

variable "program" {
  description = "Where the files of a release are, and their sums."
  type = object({
    from        = string
    sha256      = object({ x86_64 = string, aarch64 = string })
    unit_sha256 = string
  })
}

module "swarm" {
  source = "../.." # git::https://HOST/swarm-join.git//deploy/terraform?ref=v0.1.0

  vpc_id     = var.vpc_id
  subnet_ids = var.subnet_ids
  program    = var.program
}

output "swarm" {
  description = "What was made."
  value       = module.swarm
}
