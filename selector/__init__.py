"""Which bucket for which text; the package an SDK ships, and the package at work."""
