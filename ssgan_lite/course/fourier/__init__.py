"""Exercises, figures and widgets of the notebook "Fourier features"."""
