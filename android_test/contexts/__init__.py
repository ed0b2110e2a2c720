"""Context binaries for Qualcomm's NPU, made ahead of time for each chip, and their proof."""
