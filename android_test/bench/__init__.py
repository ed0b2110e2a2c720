"""Measured against other ways to run Kokoro, in one run on one machine."""
