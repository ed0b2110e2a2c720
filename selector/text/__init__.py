"""Text of any length into chunks, and phonemes into ids."""
