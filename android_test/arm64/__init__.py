"""Do ONNX Runtime's ARM64 kernels compute what the x86 ones compute? Packages under an emulator, without a phone."""
