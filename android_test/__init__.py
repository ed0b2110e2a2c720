"""Proof that the NPU takes every node: rules, Qualcomm's compiler, a phone."""
