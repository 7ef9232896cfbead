"""What only the notebooks need: exercises, figures and widgets, a folder per subject; see `notebooks.py`."""
