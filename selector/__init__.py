"""Chooses a bucket for a text, makes the package that an SDK ships, and speaks from a package."""
