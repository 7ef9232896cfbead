"""What a notebook shows: figures (Matplotlib) and widgets. Plain pictures are in `ssgan_lite.pictures`."""

__all__ = ["FaceEditor"]


def __getattr__(name: str):
    # Not imported before it is wanted: figures alone should not need the widget's dependencies.
    if name == "FaceEditor":
        from ssgan_lite.show.editor import FaceEditor
        return FaceEditor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
