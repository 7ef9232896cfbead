"""Exercises, figures and widgets of the notebook "what a GAN is"."""
