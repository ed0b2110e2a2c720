"""How stages are run on this computer: sessions, padding, the chain, and the text that enters it."""
