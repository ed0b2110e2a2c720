"""Float ONNX + ranges -> QDQ INT8 that still sounds right."""
