"""Exercises, figures and widgets of the notebook "train small"."""
