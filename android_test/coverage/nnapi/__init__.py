"""The rules of ONNX Runtime's NNAPI provider."""
