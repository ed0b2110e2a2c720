"""Where weights come from: hub, folder, ONNX file, pip packages, seed; loaded strictly, with their voices."""
