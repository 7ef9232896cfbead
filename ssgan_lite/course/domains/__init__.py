"""Exercises, figures and widgets of the notebook "new domains"."""
