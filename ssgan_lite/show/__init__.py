"""What a notebook shows: figures (Matplotlib) and widgets. Plain pictures are in `ssgan_lite.pictures`."""
