"""Programs for those who keep the project, run from its root: `python tools/ship.py`, `python -m tools.heads`."""
