"""The face editor: a page on which a face is changed part by part."""

from ssgan_lite.editor.widget import FaceEditor

__all__ = ["FaceEditor"]
