locals {
  data_path_port = tonumber(lookup(var.settings, "SWARM_JOIN_DATA_PATH_PORT", "4789"))

  # From each node to each.
  ports = {
    swarm      = { protocol = "tcp", port = 2377, for = "Joining, and raft between managers" }
    gossip-tcp = { protocol = "tcp", port = 7946, for = "Gossip of the Engines" }
    gossip-udp = { protocol = "udp", port = 7946, for = "Gossip of the Engines" }
    overlay    = { protocol = "udp", port = local.data_path_port, for = "Overlay networks" }
    esp        = { protocol = "50", port = null, for = "Encrypted overlay networks" }
  }
}

resource "aws_security_group" "node" {
  name        = "${var.name}-nodes"
  description = "Nodes of the swarm ${var.name}: what they need from each other."
  vpc_id      = var.vpc_id
  tags        = merge({ Name = "${var.name}-nodes" }, var.tags)
}

resource "aws_vpc_security_group_ingress_rule" "node" {
  for_each = local.ports

  security_group_id            = aws_security_group.node.id
  referenced_security_group_id = aws_security_group.node.id
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.value.for
  tags                         = var.tags
}

resource "aws_vpc_security_group_egress_rule" "node" {
  for_each = { ipv4 = "0.0.0.0/0", ipv6 = "::/0" }

  security_group_id = aws_security_group.node.id
  cidr_ipv4         = each.key == "ipv4" ? each.value : null
  cidr_ipv6         = each.key == "ipv6" ? each.value : null
  ip_protocol       = "-1"
  description       = "AWS, images, the other nodes"
  tags              = var.tags
}
