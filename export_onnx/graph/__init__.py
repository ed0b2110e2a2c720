"""Stages as ONNX graphs: export, simplification, cut and merge, and the weights that all files share."""
