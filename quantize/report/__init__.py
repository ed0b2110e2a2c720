"""The tables and pictures in a quantized folder's report."""
