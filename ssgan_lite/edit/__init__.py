"""Editing faces: `Session` holds one face and changes it part by part; strips, films and files of its states."""

from ssgan_lite.change import Change, compare
from ssgan_lite.edit.axes import PartAxes, part_axes
from ssgan_lite.edit.export import contact_sheet, gif_bytes, save_gif, save_image, save_mp4, save_picture, strip
from ssgan_lite.edit.interpolate import appearing, between, catmull_rom, frames, through, wander
from ssgan_lite.edit.session import Session
from ssgan_lite.edit.state import FaceState
from ssgan_lite.edit.store import fingerprint

__all__ = ["Change", "FaceState", "PartAxes", "Session", "appearing", "between", "catmull_rom", "compare",
           "contact_sheet", "fingerprint", "frames", "gif_bytes", "part_axes", "save_gif", "save_image", "save_mp4",
           "save_picture", "strip", "through", "wander"]
