"""Exercises of the notebook "invert"."""
