"""Which bucket for which text: the table, how it is fitted, and what it is worth."""
