"""Exercises, figures and widgets of the notebook "faces and masks"."""
