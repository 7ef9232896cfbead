"""Exercises, figures and widgets of the notebook "local generators"."""
