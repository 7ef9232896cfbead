"""Exercises, figures and widgets of the notebook "start here"."""
