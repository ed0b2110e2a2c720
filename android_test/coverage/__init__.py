"""Which nodes an NPU takes, without a phone."""
