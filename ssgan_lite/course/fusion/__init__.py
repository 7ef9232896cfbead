"""Exercises, figures and widgets of the notebook "depth fusion"."""
