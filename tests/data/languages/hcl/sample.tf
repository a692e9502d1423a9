# The harbour's cloud.
terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }

  backend "s3" {
    bucket = "tide-state"
  }
}

provider "aws" {
  alias  = "north"
  region = var.region
}

/* Where the harbour lies. */
variable "region" {
  type        = string
  description = "Größe und Ort"
  default     = "eu-north-1"

  validation {
    condition     = length(var.region) > 0
    error_message = "empty"
  }
}

locals {
  # Metres of water below which nothing moves.
  minimum_depth = 1.5
  tags = merge(var.tags, {
    Name = "harbour"
  })
}

data "aws_ami" "debian" {
  most_recent = true

  filter {
    name   = "name"
    values = ["debian-*"]
  }
}

# A station that measures the water.
resource "aws_instance" "station" {
  for_each      = toset(["north", "south"])
  ami           = data.aws_ami.debian.id
  instance_type = "t3.micro"
  tags          = { for k, v in local.tags : k => upper(v) }

  dynamic "ebs_block_device" {
    for_each = var.disks
    content {
      device_name = ebs_block_device.value
    }
  }

  lifecycle {
    ignore_changes = [ami]
  }
}

module "chart" {
  source = "./modules/chart"
  count  = local.minimum_depth > 1 ? 1 : 0
}

output "addresses" {
  value = [for s in aws_instance.station : s.private_ip]
}

moved {
  from = aws_instance.old
  to   = aws_instance.station
}

check "health" {
  assert {
    condition     = true
    error_message = <<-EOT
      resource "not" "a_block" {}
    EOT
  }
}

job "unquoted" {
  group tide {
    count = 2
  }
}

region = "eu-north-1"
disks  = []
