"""A stage as an ONNX graph: export, simplification, cut and merge, and the weights that all files share."""
