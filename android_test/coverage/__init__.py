"""Checks without a phone which nodes an NPU takes."""
