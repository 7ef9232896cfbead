"""Editing faces: `Session` holds one face and changes it part by part; strips, films and files of its states."""

from ssgan_lite.change import Change, compare
from ssgan_lite.edit.cards import card, film, share
from ssgan_lite.edit.export import contact_sheet, gif_bytes, save_gif, save_image, save_mp4, save_picture, strip
from ssgan_lite.edit.interpolate import appearing, between, catmull_rom, frames, through, wander
from ssgan_lite.edit.session import Session
from ssgan_lite.edit.state import FaceState
from ssgan_lite.edit.upscale import shown

__all__ = ["Change", "FaceState", "Session", "appearing", "between", "card", "catmull_rom", "compare",
           "contact_sheet", "film", "frames", "gif_bytes", "save_gif", "save_image", "save_mp4",
           "save_picture", "share", "shown", "strip", "through", "wander"]
