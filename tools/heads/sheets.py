"""Contact sheets: pictures, masks, or both side by side."""

import numpy as np
from PIL import Image

from .vocabulary import DISPLAY_COLOURS


def contact_sheet(portraits, columns: int = 8, masks: bool = True, zoom: int = 1, gap: int = 2) -> Image.Image:
    """One sheet of `portraits` (anything with `.image` and `.mask`), row by row."""
    size = portraits[0].image.shape[0] * zoom
    width = size * (2 if masks else 1) + gap
    rows = -(-len(portraits) // columns)
    sheet = Image.new("RGB", (columns * width - gap, rows * (size + gap) - gap), (255, 255, 255))
    for i, portrait in enumerate(portraits):
        left, top = i % columns * width, i // columns * (size + gap)
        sheet.paste(Image.fromarray(portrait.image).resize((size, size), Image.BICUBIC), (left, top))
        if masks:
            painted = DISPLAY_COLOURS[np.asarray(portrait.mask)]
            sheet.paste(Image.fromarray(painted).resize((size, size), Image.NEAREST), (left + size, top))
    return sheet
