variable "name" {
  description = "Name of the swarm, and of what is made for it: one in a region. Another name is another swarm."
  type        = string
  default     = "swarm"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 32 lower-case letters, digits and hyphens, a letter first and no hyphen last."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string

  validation {
    condition     = can(regex("^vpc-[0-9a-z]+$", var.vpc_id))
    error_message = "vpc_id must be the id of a VPC, vpc-…."
  }
}

variable "subnet_ids" {
  description = "Subnets of the VPC, best in three zones, from which AWS and the place of the program are reached."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must name a subnet; three in three zones let the swarm outlive a zone."
  }

  validation {
    condition     = alltrue([for id in var.subnet_ids : can(regex("^subnet-[0-9a-z]+$", id))])
    error_message = "subnet_ids must be ids of subnets, subnet-…."
  }
}

variable "manager_count" {
  description = "How many managers: three stand the loss of one, five of two."
  type        = number
  default     = 3

  validation {
    condition     = contains([1, 3, 5, 7], var.manager_count)
    error_message = "manager_count must be 1, 3, 5 or 7: an even number stands no more losses than one less."
  }
}

variable "manager_instance_type" {
  description = "Instance type of the managers. Null: t3.medium, or t4g.medium for arm64."
  type        = string
  default     = null
}

variable "worker_count" {
  description = "How many workers, at least."
  type        = number
  default     = 2

  validation {
    condition     = var.worker_count >= 0 && floor(var.worker_count) == var.worker_count
    error_message = "worker_count must be a whole number, 0 or more."
  }
}

variable "worker_max_count" {
  description = "Up to how many workers a scaling policy of yours, or you, may go; an apply leaves it alone. Null: worker_count."
  type        = number
  default     = null
}

variable "worker_instance_type" {
  description = "Instance type of the workers. Null: t3.medium, or t4g.medium for arm64."
  type        = string
  default     = null
}

variable "architecture" {
  description = "Of the instance types and the AMI: x86_64 or arm64."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

variable "ami_id" {
  description = "The AMI, with glibc 2.27 or later and systemd. Null: the newest Amazon Linux 2023, so that a plan shows when there is a new one."
  type        = string
  default     = null

  validation {
    condition     = var.ami_id == null || can(regex("^ami-[0-9a-z]+$", var.ami_id))
    error_message = "ami_id must be the id of an AMI, ami-…, or null."
  }
}

variable "store" {
  description = "Where the founding record and the tokens are: tags, or s3, which is for more than a test."
  type        = string
  default     = "tags"

  validation {
    condition     = contains(["tags", "s3"], var.store)
    error_message = "store must be tags or s3."
  }
}

variable "create_bucket" {
  description = "With store s3: whether the bucket is made. One of yours is of this region and account, versioned, and without expiry of current objects."
  type        = bool
  default     = true
}

variable "bucket_name" {
  description = "With store s3: the bucket's name. Null: NAME-ACCOUNT-REGION."
  type        = string
  default     = null
}

variable "bucket_prefix" {
  description = "With store s3: where in the bucket."
  type        = string
  default     = "swarms"

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", var.bucket_prefix))
    error_message = "bucket_prefix must be letters, digits and ._- in parts between single slashes, and not be empty."
  }
}

variable "kms_key_arn" {
  description = "With store s3: the KMS key that record and tokens are encrypted with. Null: as the bucket says."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[0-9A-Za-z-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (not of an alias), arn:aws:kms:…:key/…, or null."
  }
}

variable "program" {
  description = "Where the instances fetch swarm-join: a folder with the files of a release (https://… or s3://…), and their sums in its SHA256SUMS. Null: the AMI has the package."
  type = object({
    from = string
    sha256 = object({
      x86_64  = string
      aarch64 = string
    })
    unit_sha256 = string
  })
  default = null

  validation {
    condition     = var.program == null || can(regex("^(https?|s3)://[A-Za-z0-9._~:/@%+,=-]*[A-Za-z0-9._~@%+,=-]$", var.program.from))
    error_message = "program.from must be a folder's https://…, http://… or s3://… without a slash at its end."
  }

  validation {
    condition = var.program == null || try(alltrue([
      for sum in [var.program.sha256.x86_64, var.program.sha256.aarch64, var.program.unit_sha256] :
      can(regex("^[0-9a-f]{64}$", sum))
    ]), false)
    error_message = "program.sha256.x86_64, program.sha256.aarch64 and program.unit_sha256 must each be a SHA-256 in hexadecimal, as SHA256SUMS of the release has it."
  }
}

variable "settings" {
  description = "More lines of /etc/swarm-join.env, such as SWARM_JOIN_LOG_LEVEL = \"debug\" (swarm-join --help)."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", key))])
    error_message = "settings must have names of variables as keys, as SWARM_JOIN_LOG_LEVEL."
  }

  validation {
    condition     = alltrue([for value in values(var.settings) : can(regex("^[^'\\r\\n]*$", value))])
    error_message = "settings must have values of one line, without a single quote."
  }

  validation {
    condition     = can(regex("^[0-9]+$", lookup(var.settings, "SWARM_JOIN_DATA_PATH_PORT", "4789")))
    error_message = "settings must have a number as SWARM_JOIN_DATA_PATH_PORT: the security group opens that port."
  }

  validation {
    condition = length(setintersection(keys(var.settings), [
      "SWARM_JOIN_CLUSTER", "SWARM_JOIN_CLUSTER_TAG", "SWARM_JOIN_ROLE", "SWARM_JOIN_ROLE_TAG", "SWARM_JOIN_STORE",
      "SWARM_JOIN_S3_KMS_KEY", "SWARM_JOIN_MANAGER_TOKEN_TAG", "SWARM_JOIN_WORKER_TOKEN_TAG",
    ])) == 0
    error_message = "settings must leave cluster, role, store, key and the tags of these to the module: name, store, bucket_name and kms_key_arn say them."
  }

  validation {
    condition     = length(setintersection(keys(var.settings), ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])) == 0
    error_message = "settings must hold no credentials: they would be in Terraform's state and in the user data. The instances have roles."
  }
}

variable "install_docker" {
  description = "Whether the instances install Docker by dnf or apt when they boot, where the AMI has none."
  type        = bool
  default     = true
}

variable "user_data_before" {
  description = "Lines of sh that the instances run as root before all else."
  type        = string
  default     = ""
}

variable "additional_security_group_ids" {
  description = "Security groups that the instances are in as well: what your services are reached by."
  type        = list(string)
  default     = []
}

variable "manager_role_policy_arns" {
  description = "Policies for the managers' role beside what swarm-join needs, such as AmazonSSMManagedInstanceCore."
  type        = list(string)
  default     = []
}

variable "worker_role_policy_arns" {
  description = "The same for the workers' role."
  type        = list(string)
  default     = []
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of both roles."
  type        = string
  default     = null
}

variable "key_name" {
  description = "The key pair for SSH. Null: none."
  type        = string
  default     = null
}

variable "root_volume" {
  description = "The instances' root volume: GB, type, and its KMS key (null: that of the account for EBS). It is encrypted. Null: as the AMI has it."
  type = object({
    size       = optional(number, 20)
    type       = optional(string, "gp3")
    kms_key_id = optional(string)
  })
  default = {}
}

variable "launching_timeout" {
  description = "Seconds in which a new machine has to be a member; else it is terminated, and another one launched."
  type        = number
  default     = 900

  validation {
    condition     = var.launching_timeout >= 300 && var.launching_timeout <= 7200
    error_message = "launching_timeout must be 300 to 7200 seconds: a boot installs Docker, and waits for a manager that goes."
  }
}

variable "terminating_timeout" {
  description = "Seconds for which Auto Scaling waits to hear from a machine that leaves; while it leaves, it says so."
  type        = number
  default     = 900

  validation {
    condition     = var.terminating_timeout >= 120 && var.terminating_timeout <= 7200
    error_message = "terminating_timeout must be 120 to 7200 seconds: in less than two minutes a node can't leave well."
  }
}

variable "force_destroy" {
  description = "Whether a destroy terminates all machines at once and deletes the bucket that was made with all in it."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of all that is made, instances and their volumes too."
  type        = map(string)
  default     = {}

  validation {
    condition = length(setintersection(keys(var.tags), [
      "Role", "Cluster", "ManagerToken", "WorkerToken", "SwarmCluster", "SwarmLeaving", "swarm-join",
    ])) == 0
    error_message = "tags must not have Role, Cluster, ManagerToken, WorkerToken, SwarmCluster, SwarmLeaving or swarm-join: swarm-join reads or writes them."
  }
}
