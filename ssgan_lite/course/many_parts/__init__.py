"""Exercises and figures of the notebook "how far"."""
