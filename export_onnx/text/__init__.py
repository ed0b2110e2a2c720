"""Written text -> the words that a reader says: markup, pronunciations, numbers, abbreviations, symbols."""
