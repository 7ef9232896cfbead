"""Contact sheets of the shipped heads: an overview, every part, every group of values of every attribute.

    python -m tools.heads.gallery              # needs no renderer

Heads are drawn at random, with a fixed seed, so nothing is chosen by its looks. Writes
`data/heads/sheets/*.webp` and `data/contact_sheet.jpg`.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ssgan_lite.data import open_dataset, shards
from ssgan_lite.parts import PARTS
from ssgan_lite.pictures import contact_sheet, mask_to_rgb

HEADS = Path(__file__).resolve().parents[2] / "data" / "heads"
QUALITY = 66
GAP, MARGIN, TILE, COLUMNS = 2, 118, 64, 10
SHEETS = {
    "skin": ("skin_tone", "skin_redness", "freckles", "age"),
    "face": ("face_outline", "face_angularity", "face_width", "features_a", "features_b", "features_c"),
    "hair": ("hair_colour", "hair_style", "hair_kind"),
    "details": ("eye_colour", "brow_thickness", "beard", "lip_colour"),
    "expression": ("expression", "smile", "mouth_open"),
    "worn": ("glasses", "hat", "earrings", "neckline", "cloth_pattern"),
    "surroundings": ("background", "light", "light_side", "yaw", "pitch", "roll"),
}


def rows_of_pictures(rows: list[tuple[str, list[np.ndarray]]]) -> Image.Image:
    """Pictures uint8 [S, S, 3] in rows, each with a line of text before it; a text may have line breaks."""
    size = rows[0][1][0].shape[0]
    width = MARGIN + max(len(pictures) for _, pictures in rows) * (size + GAP)
    sheet = Image.new("RGB", (width, len(rows) * (size + GAP) - GAP), (255, 255, 255))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=11)
    for row, (text, pictures) in enumerate(rows):
        top = row * (size + GAP)
        draw.multiline_text((2, top + size // 2), text, fill=(51, 51, 51), font=font, anchor="lm")
        for column, picture in enumerate(pictures):
            sheet.paste(Image.fromarray(picture), (MARGIN + column * (size + GAP), top))
    return sheet


def only_part(picture: np.ndarray, mask: np.ndarray, part: int) -> np.ndarray:
    """The picture with everything but one part pale and grey."""
    grey = picture.mean(-1, keepdims=True)
    pale = np.repeat(255 - (255 - grey) * .28, 3, -1).astype(np.uint8)
    return np.where((mask == part)[..., None], picture, pale)


def value_groups(name: str, values: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Groups of heads by an attribute: text and truth values [N]. Words and skin tones by value, others by quarters.

    A quarter is a fourth of the heads; those without any (0) are a group of their own where they are many.
    """
    if values.dtype.kind == "U" or name == "skin_tone":
        return [(f"{name}\n{int(value) if name == 'skin_tone' else value}", values == value)
                for value in np.unique(values)]
    groups, rest = [], np.ones(len(values), bool)
    if (values == 0).mean() > .3:                           # none at all is a group of its own
        groups, rest = [(f"{name}\n0", values == 0)], values != 0
    edges = np.quantile(values[rest], np.linspace(0, 1, 4 if groups else 5))
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        chosen = rest & (values >= low) & ((values < high) | (high == edges[-1]))
        digits = 0 if edges[-1] - edges[0] > 40 else 1 if edges[-1] - edges[0] > 4 else 2
        groups.append((f"{name}\n{low:.{digits}f} to {high:.{digits}f}", chosen))
    return groups


def main() -> None:
    small, large = open_dataset("heads", TILE, "all"), open_dataset("heads", shards.FULL_SIZE, "all")
    pictures, masks = (tensor.numpy() for tensor in (small.images.permute(0, 2, 3, 1), small.masks))
    folder = HEADS / "sheets"
    folder.mkdir(exist_ok=True)

    def some(chosen, count, rng):
        found = np.flatnonzero(chosen)
        return sorted(rng.choice(found, min(count, len(found)), replace=False))

    rng = np.random.default_rng(0)
    shown = some(np.ones(len(large), bool), 32, rng)
    tiles = [np.concatenate([large.images[i].permute(1, 2, 0).numpy(), mask_to_rgb(large.masks[i])]) for i in shown]
    sheet = Image.new("RGB", (8 * 130 - 2, 4 * 258 - 2), (255, 255, 255))
    for place, tile in enumerate(tiles):
        sheet.paste(Image.fromarray(tile), (place % 8 * 130, place // 8 * 258))
    sheet.save(folder / "overview.webp", quality=QUALITY + 16, method=6)

    rows = []
    for part in PARTS:
        drawn = some((masks == part.id).any((1, 2)), COLUMNS, rng)
        rows += [(part.name, [pictures[i] for i in drawn]),
                 ("", [only_part(pictures[i], masks[i], part.id) for i in drawn])]
    rows_of_pictures(rows).save(folder / "parts.webp", quality=QUALITY, method=6)

    for title, names in SHEETS.items():
        rows = [(text, [pictures[i] for i in some(chosen, COLUMNS, rng)])
                for name in names for text, chosen in value_groups(name, small.attributes[name]) if chosen.any()]
        rows_of_pictures(rows).save(folder / f"{title}.webp", quality=QUALITY, method=6)
    contact_sheet(large, 24, 8).save(HEADS.parent / "contact_sheet.jpg", quality=85)
    for path in sorted(folder.glob("*.webp")):
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
