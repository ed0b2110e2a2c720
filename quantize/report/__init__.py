"""What the reports and pictures of a quantized folder say."""
