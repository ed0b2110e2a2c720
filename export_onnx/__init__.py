"""Checkpoint -> checked float ONNX, per stage and bucket."""
