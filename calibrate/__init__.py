"""Float ONNX + sentences x voices -> value ranges."""
