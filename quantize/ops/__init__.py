"""Fused operators for the CPU: C++ sources for ONNX Runtime's custom operators, their build, and the graph passes that
put them into a finished INT8 graph. See README.md in this folder."""
