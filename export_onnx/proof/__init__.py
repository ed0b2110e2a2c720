"""The original as the reference, and how far a result is from it."""
