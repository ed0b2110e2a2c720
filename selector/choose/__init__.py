"""Chooses the bucket for a text: the table, its fit, and its coverage of held-out texts."""
