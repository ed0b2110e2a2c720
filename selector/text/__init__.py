"""Splits text of any length into chunks, and converts phonemes to ids."""
