"""Editing faces: `Session` holds one face and changes it part by part."""

from ssgan_lite.edit.session import Change, FaceState, Session, compare

__all__ = ["Change", "FaceState", "Session", "compare"]
