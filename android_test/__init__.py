"""Proves that the NPU takes every node: by rules, by Qualcomm's compiler, and on a phone."""
