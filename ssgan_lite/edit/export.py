"""Pictures out of a session: PNG with mask, strips, contact sheets, GIF, and MP4 where an encoder is installed."""

from __future__ import annotations

import importlib.util
import io
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ssgan_lite.edit.backdrop import SHOWN
from ssgan_lite.edit.interpolate import frames
from ssgan_lite.edit.session import Session
from ssgan_lite.edit.store import file_to_write, refuse_existing
from ssgan_lite.edit.upscale import upscale_ids
from ssgan_lite.errors import UserError
from ssgan_lite.pictures import face_tiles, image_grid, palette_image, png_bytes, save_png
from ssgan_lite.storage import atomic_write

SMALLEST = 256          # films of small faces are enlarged by whole factors to at least this height


def save_picture(face: Session, path: str | os.PathLike, mask: bool = True, overwrite: bool = False,
                 size: int | None = SHOWN) -> list[Path]:
    """Write the face as PNG and, beside it as `name.mask.png`, its mask; returns the files.

    A pixel of the mask is the id of a part; a palette gives it the part's color, so any viewer shows it.
    size: width in pixels, to which a smaller face is enlarged (`edit/upscale.py`); None: as the model makes it.
    """
    path = file_to_write(path, ".png")
    contents = {path: picture_png(face, size)}
    if mask:
        contents[path.with_suffix(".mask.png")] = mask_png(face, size)
    for target in contents:
        refuse_existing(target, overwrite)
    for target, content in contents.items():
        _write(target, content)
    return list(contents)


def picture_png(face: Session, size: int | None = SHOWN) -> bytes:
    """The (first) face as PNG; size: see `save_picture`."""
    return png_bytes(frames(face, [face.state], size)[0])


def mask_png(face: Session, size: int | None = SHOWN) -> bytes:
    """Its mask as PNG with a palette: the value of a pixel is the id of a part."""
    return png_bytes(palette_image(mask_ids(face, size), face.generator.config.parts))


def mask_ids(face: Session, size: int | None = SHOWN) -> np.ndarray:
    """The part at every pixel of the (first) face: uint8 [S, S]."""
    return upscale_ids(face.render().mask[0], size or face.generator.config.size).cpu().numpy()


def strip(frames: Sequence[np.ndarray], scale: int = 1) -> Image.Image:
    """Frames [R, R, 3] side by side."""
    return image_grid(frames, len(frames), scale=scale)


def contact_sheet(variants: Session, columns: int = 4, masks: bool = False, scale: int = 1) -> Image.Image:
    """All faces of a batch, row by row, with their colored masks below them if wanted."""
    out = variants.render()
    tiles = face_tiles(out.image, out.mask.argmax(1) if masks else None, variants.generator.config.parts)
    return image_grid(tiles, columns, scale=scale)


def save_image(image: Image.Image, path: str | os.PathLike, overwrite: bool = False) -> Path:
    """Write a strip or a contact sheet as PNG."""
    path = file_to_write(path, ".png")
    refuse_existing(path, overwrite)
    return save_png(image, path)


def gif_bytes(frames: Sequence[np.ndarray], fps: float = 15) -> bytes:
    """An animation that repeats for ever, as GIF."""
    pictures = [Image.fromarray(frame) for frame in _enlarged(frames)]
    # One palette for all frames: with one each, colors that rest would flicker.
    palette = image_grid([np.asarray(p) for p in pictures[::max(1, len(pictures) // 8)]], 4).quantize(255)
    pictures = [picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for picture in pictures]
    content = io.BytesIO()
    pictures[0].save(content, "GIF", save_all=True, append_images=pictures[1:], duration=round(1000 / fps), loop=0)
    return content.getvalue()


def save_gif(frames: Sequence[np.ndarray], path: str | os.PathLike, fps: float = 15, overwrite: bool = False) -> Path:
    """Write `gif_bytes` to a file."""
    path = file_to_write(path, ".gif")
    refuse_existing(path, overwrite)
    _write(path, gif_bytes(frames, fps))
    return path


def save_mp4(frames: Sequence[np.ndarray], path: str | os.PathLike, fps: float = 20, overwrite: bool = False) -> Path:
    """Write frames as MP4 (H.264); needs the extra `movie`, which brings an encoder."""
    path = file_to_write(path, ".mp4")
    refuse_existing(path, overwrite)
    if not has_encoder():
        raise UserError("No encoder for MP4 is installed: pip install \"ssgan-lite[movie]\" brings one. A GIF needs "
                        "none.")
    with atomic_write(path) as file:
        _encode(frames, file, fps)
    return path


def mp4_bytes(frames: Sequence[np.ndarray], fps: float = 20) -> bytes | None:
    """The content of an MP4 file; None where no encoder is installed."""
    if not has_encoder():
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "film"
        _encode(frames, file, fps)
        return file.read_bytes()


def has_encoder() -> bool:
    """Is there one for MP4? The extra `movie` brings it."""
    return importlib.util.find_spec("imageio_ffmpeg") is not None


def _encode(frames: Sequence[np.ndarray], file: Path, fps: float) -> None:
    import imageio_ffmpeg

    frames = _enlarged(frames)
    height, width = frames[0].shape[:2]
    writer = imageio_ffmpeg.write_frames(str(file), (width, height), fps=fps, macro_block_size=2,
                                         output_params=["-f", "mp4"], ffmpeg_log_level="error")
    writer.send(None)
    for frame in frames:
        writer.send(np.ascontiguousarray(frame))
    writer.close()


def _enlarged(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Frames that are all of one size, small ones enlarged smoothly."""
    if not len(frames):
        raise UserError("A film needs at least one frame.")
    if len({np.shape(frame) for frame in frames}) > 1:
        raise UserError("The frames of a film must be equally large.")
    factor = -(-SMALLEST // frames[0].shape[0])
    if factor <= 1:
        return list(frames)
    size = (frames[0].shape[1] * factor, frames[0].shape[0] * factor)
    return [np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC)) for frame in frames]


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path) as file:
        file.write_bytes(content)
