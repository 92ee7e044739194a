# An AMI with Docker and swarm-join's package in it, empty of any swarm.
#
#   packer init deploy/packer
#   packer build -var region=eu-west-1 -var package=dist/release/swarm-join-0.1.0-1.x86_64.rpm \
#     -var package_sha256=… deploy/packer
#
# Of Debian or Ubuntu: -var system=debian-12 or ubuntu-24.04, with the .deb. Of ARM: -var architecture=arm64, with that
# package. Its instances join once their user data have written /etc/swarm-join.env and enabled the unit, as those of
# deploy/terraform and deploy/cloudformation do when no program is named.

packer {
  required_version = ">= 1.9"
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.3, < 2"
    }
  }
}

variable "region" {
  type = string
}

variable "package" {
  type        = string
  description = "The .rpm (Amazon Linux) or .deb of the release, on this machine."
}

variable "package_sha256" {
  type        = string
  description = "As SHA256SUMS of the release has it."

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.package_sha256))
    error_message = "A SHA-256 has 64 digits of 0-9 and a-f."
  }
}

variable "system" {
  type        = string
  default     = "amazon-linux-2023"
  description = "amazon-linux-2023, debian-12 or ubuntu-24.04."

  validation {
    condition     = contains(["amazon-linux-2023", "debian-12", "ubuntu-24.04"], var.system)
    error_message = "Known are amazon-linux-2023, debian-12 and ubuntu-24.04."
  }
}

variable "architecture" {
  type        = string
  default     = "x86_64"
  description = "x86_64 or arm64."

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "Known are x86_64 and arm64."
  }
}

variable "source_owner" {
  type        = string
  default     = null
  description = "Who publishes the system's images, where it is another one: Ubuntu in GovCloud 513442679011, in China 837727238323."
}

variable "subnet_id" {
  type        = string
  default     = null
  description = "Where the image is built; null: the default VPC."
}

variable "kms_key_id" {
  type        = string
  default     = null
  description = "Encrypts the image; null: the account's key for EBS."
}

variable "name" {
  type    = string
  default = "swarm-join"
}

variable "tags" {
  type    = map(string)
  default = {}
}

locals {
  debian_architecture = var.architecture == "arm64" ? "arm64" : "amd64"
  systems = {
    "amazon-linux-2023" = {
      owner = "amazon"
      image = "al2023-ami-2023.*-${var.architecture}"
      user  = "ec2-user"
    }
    "debian-12" = {
      owner = "136693071363"
      image = "debian-12-${local.debian_architecture}-*"
      user  = "admin"
    }
    "ubuntu-24.04" = {
      owner = "099720109477"
      image = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-${local.debian_architecture}-server-*"
      user  = "ubuntu"
    }
  }
  system   = local.systems[var.system]
  uploaded = "/tmp/${basename(var.package)}"
}

source "amazon-ebs" "swarm_join" {
  region        = var.region
  subnet_id     = var.subnet_id
  instance_type = var.architecture == "arm64" ? "t4g.small" : "t3.small"
  ssh_username  = local.system.user
  # The key that it is built with does not stay in the image.
  ssh_clear_authorized_keys = true

  source_ami_filter {
    owners      = [coalesce(var.source_owner, local.system.owner)]
    most_recent = true
    filters = {
      name                = local.system.image
      architecture        = var.architecture
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
  }

  # Of the machine that it is built on, and of what is launched from it.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  imds_support = "v2.0"

  ami_name     = "${var.name}-${var.system}-${var.architecture}-${formatdate("YYYYMMDD-hhmmss", timestamp())}"
  encrypt_boot = true
  kms_key_id   = var.kms_key_id
  tags         = merge({ Name = var.name, System = var.system }, var.tags)
}

build {
  sources = ["source.amazon-ebs.swarm_join"]

  # What the image does at its own first boot is over before: it may install, too.
  provisioner "shell" {
    inline = ["cloud-init status --wait >/dev/null || true"]
  }

  provisioner "file" {
    source      = var.package
    destination = local.uploaded
  }

  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} sh {{ .Path }}"
    environment_vars = [
      "PACKAGE=${local.uploaded}",
      "PACKAGE_SHA256=${var.package_sha256}",
    ]
    scripts = [
      "${path.root}/../install-docker.sh",
      "${path.root}/provision.sh",
    ]
  }

  provisioner "shell" {
    inline = ["rm ${local.uploaded}"]
  }
}
