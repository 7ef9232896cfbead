"""Synthetic copies of published data sets, in the layout in which they are published, irregularities included."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 40


def picture(path: Path, color: tuple[int, ...] = (200, 120, 80), size: tuple[int, int] = (SIZE, SIZE)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGBA" if len(color) == 4 else "RGB", size, color).save(path)
    return path


def metfaces(root: Path) -> list[Path]:
    """Three faces of two works, the unprocessed pictures and the license beside them."""
    faces = (("11713", 0, "Portrait of a Gentleman"), ("20042", 0, "Zwei Köpfe"), ("20042", 1, "Zwei Köpfe"))
    for work, index, _ in faces:
        picture(root / "images" / f"{work}-{index:02d}.png")
    for work in ("11713", "20042"):
        picture(root / "unprocessed" / f"image-{work}.png", size=(90, 120))
    (root / "LICENSE.txt").write_text("CC BY-NC")
    entries = [dict(obj_id=work, meta_url="https://x", source_url="https://x", source_md5="0", image_md5="0",
                    source_path=f"unprocessed/image-{work}.png", image_path=f"images/{work}-{index:02d}.png",
                    title=title, artist_display_name="" if index else "N. N.",
                    face_spec=dict(rect=[1, 2, 3, 4], landmarks=[[1, 2]] * 68, shrink=2), face_idx=index)
               for work, index, title in faces]
    (root / "metfaces.json").write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
    return [root]


def ffhq(root: Path) -> list[Path]:
    """Thumbnails and large pictures in folders of a thousand, a license in each; three faces, one for validation."""
    entries = {}
    for number in (0, 1, 60_000):
        where = f"{number // 1000 * 1000:05d}/{number:05d}.png"
        picture(root / "thumbnails128x128" / where, (10, 20, 30))
        picture(root / "images1024x1024" / where, (200, 100, 50), (80, 80))
        entries[str(number)] = dict(
            category="training" if number < 60_000 else "validation", metadata=dict(photo_url="https://x"),
            image=dict(file_path=f"images1024x1024/{where}", face_landmarks=[[1.0, 2.0]] * 68),
            thumbnail=dict(file_path=f"thumbnails128x128/{where}"), in_the_wild=dict(face_rect=[0, 0, 1, 1]))
    for place in ("thumbnails128x128", "images1024x1024", "."):
        (root / place / "LICENSE.txt").write_text("CC BY-NC-SA")
    (root / "ffhq-dataset-v2.json").write_text(json.dumps(entries))
    return [root]


def bitmoji(root: Path) -> list[Path]:
    """A flat folder of PNG: clear ground, no alpha, a palette with a transparent entry."""
    clear = np.zeros((SIZE, SIZE, 4), np.uint8)
    clear[10:30, 10:30] = 90, 60, 50, 255
    root.mkdir(parents=True)
    Image.fromarray(clear).save(root / "emoji_0001.png")
    picture(root / "emoji_0002.png")
    palette = Image.fromarray((clear[..., 3] > 0).astype(np.uint8)).convert("P")
    palette.putpalette([0, 0, 0, 90, 60, 50])
    palette.save(root / "emoji_0003.png", transparency=0)
    return [root]


def cityscapes(root: Path) -> list[Path]:
    """Two frames for training in two cities, one for validation, and what else the packages hold."""
    for split, city, frame in (("train", "aachen", "000000_000019"), ("train", "ulm", "000093_000019"),
                               ("val", "lindau", "000000_000019"), ("test", "bonn", "000000_000019")):
        name = f"{split}/{city}/{city}_{frame}"
        picture(root / "leftImg8bit" / f"{name}_leftImg8bit.png", size=(2 * SIZE, SIZE))
        labels = np.full((SIZE, 2 * SIZE), 23, np.uint8)                         # sky
        labels[20:], labels[36:], labels[:, :3] = 7, 1, 3                        # road, own car, outside
        labels[10:30, 40:60], labels[12:28, 5:25], labels[0, 0] = 26, 9, 255     # car right, parking left, plate
        if split == "test":
            labels[:] = 0
        where = root / "gtFine" / f"{name}_gtFine_labelIds.png"
        where.parent.mkdir(parents=True)
        Image.fromarray(labels).save(where)
        picture(root / "gtFine" / f"{name}_gtFine_color.png", (0, 0, 0, 255), (2 * SIZE, SIZE))
        Image.fromarray(labels.astype(np.uint16)).save(root / "gtFine" / f"{name}_gtFine_instanceIds.png")
        (root / "gtFine" / f"{name}_gtFine_polygons.json").write_text("{}")
    picture(root / "leftImg8bit" / "train_extra" / "erlangen" / "erlangen_000000_000000_leftImg8bit.png")
    (root / "license.txt").write_text("non-commercial")
    return [root]


SAMPLES = {"metfaces": metfaces, "ffhq": ffhq, "bitmoji": bitmoji, "cityscapes": cityscapes}
