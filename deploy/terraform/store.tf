locals {
  makes_bucket = var.store == "s3" && var.create_bucket
  # Without one its place in the policies is not used.
  bucket_name = coalesce(var.bucket_name, "${var.name}-${local.account}-${local.region}")
}

resource "aws_s3_bucket" "store" {
  count = local.makes_bucket ? 1 : 0

  bucket        = local.bucket_name
  force_destroy = var.force_destroy
  tags          = var.tags
}

# A lost or damaged record is then brought back in a minute. Nothing in it expires.
resource "aws_s3_bucket_versioning" "store" {
  count = local.makes_bucket ? 1 : 0

  bucket = aws_s3_bucket.store[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "store" {
  count = local.makes_bucket ? 1 : 0

  bucket = aws_s3_bucket.store[0].id

  rule {
    bucket_key_enabled = var.kms_key_arn == null ? null : true

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "store" {
  count = local.makes_bucket ? 1 : 0

  bucket                  = aws_s3_bucket.store[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "store" {
  count = local.makes_bucket ? 1 : 0

  bucket = aws_s3_bucket_public_access_block.store[0].bucket
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyEncryptedConnections"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.store[0].arn, "${aws_s3_bucket.store[0].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
