"""Speaks text with a package."""
