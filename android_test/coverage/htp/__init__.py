"""Qualcomm's HTP compiler and its simulation."""
