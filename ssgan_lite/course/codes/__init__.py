"""Exercises, figures and widgets of the notebook "latents"."""
