locals {
  settings = merge(
    {
      SWARM_JOIN_CLUSTER     = var.name
      SWARM_JOIN_CLUSTER_TAG = "Cluster"
    },
    var.store == "s3" ? { SWARM_JOIN_STORE = "s3://${local.bucket_name}/${var.bucket_prefix}" } : {},
    var.kms_key_arn == null ? {} : { SWARM_JOIN_S3_KMS_KEY = var.kms_key_arn },
    var.settings,
  )

  # The script of ../user-data.sh with the four lines that it leaves to whoever uses it; or, with a package in the
  # AMI, what is left of it.
  install = var.program == null ? "systemctl enable --now --no-block swarm-join.service\n" : replace(replace(replace(replace(
    file("${path.module}/../user-data.sh"),
    "/(?m)^FROM=.*$/", "FROM=${var.program.from}"),
    "/(?m)^PROGRAM_SHA256_X86_64=.*$/", "PROGRAM_SHA256_X86_64=${var.program.sha256.x86_64}"),
    "/(?m)^PROGRAM_SHA256_AARCH64=.*$/", "PROGRAM_SHA256_AARCH64=${var.program.sha256.aarch64}"),
  "/(?m)^UNIT_SHA256=.*$/", "UNIT_SHA256=${var.program.unit_sha256}")

  user_data = join("\n", compact([
    "#!/bin/sh\nset -eu\n",
    var.user_data_before,
    var.install_docker ? file("${path.module}/../install-docker.sh") : "",
    "cat > /etc/swarm-join.env <<'SETTINGS'",
    join("\n", [for key, value in local.settings : "${key}='${value}'"]),
    "SETTINGS\n",
    local.install,
  ]))
}
