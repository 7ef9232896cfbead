"""Exercises, figures and widgets of the notebook "dual discriminator"."""
