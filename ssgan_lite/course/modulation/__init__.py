"""Exercises, figures and widgets of the notebook "modulation"."""
