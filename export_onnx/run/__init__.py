"""Runs stages on this computer: sessions, padding, the chain of stages, and the text that enters it."""
