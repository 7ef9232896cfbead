"""Exercises, figures and widgets of the notebook "render net"."""
