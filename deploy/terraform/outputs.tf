output "manager_group_name" {
  description = "The managers' Auto Scaling group."
  value       = aws_autoscaling_group.node["manager"].name
}

output "worker_group_name" {
  description = "The workers' Auto Scaling group."
  value       = aws_autoscaling_group.node["worker"].name
}

output "security_group_id" {
  description = "The security group that all nodes are in."
  value       = aws_security_group.node.id
}

output "manager_role_name" {
  description = "The managers' role."
  value       = aws_iam_role.node["manager"].name
}

output "worker_role_name" {
  description = "The workers' role."
  value       = aws_iam_role.node["worker"].name
}

output "bucket_name" {
  description = "The bucket of the record and the tokens; null with tags."
  value       = var.store == "s3" ? local.bucket_name : null
}

output "launch_template_ids" {
  description = "The launch templates' ids, by kind of node: manager, worker."
  value       = { for kind, template in aws_launch_template.node : kind => template.id }
}
