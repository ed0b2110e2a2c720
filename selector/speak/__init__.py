"""A package at work: text into sound."""
