"""What a notebook shows: figures (Matplotlib) and widgets (ipywidgets). Plain pictures are in `ssgan_lite.pictures`."""
