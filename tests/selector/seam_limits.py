"""The limits that a good join of two chunks keeps; see `selector.speak.join.Seam` for what is measured."""

CLICK_LIMIT_DB = 6.0
DEAD_AIR_LIMIT = 0.05  # seconds beyond the wanted pause
