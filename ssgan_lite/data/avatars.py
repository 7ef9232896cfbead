"""Drawing avatars with masks: dicebear-core stacks artists' layers from the definitions in dicebear-styles.

    pip install -c constraints.txt -e ".[avatars]"
    ssgan-lite prepare avatars --out my-avatars

A mask is drawn from the same stack of layers as the picture: every shape gets one flat color that stands for its
part (`avatar_styles.py`), shading is removed, and the result is rendered without antialiasing. The pack is laid out
like the heads, one shard per style. Readers need none of this: `open_dataset("avatars")` opens the pack that ships.
"""

from __future__ import annotations

import fnmatch
import io
import json
import os
import xml.etree.ElementTree as ElementTree
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from ssgan_lite.data.avatar_styles import BELOW, BROWS_OR_EYES, STYLES, Style, Zones
from ssgan_lite.data.masks import reduce_masks
from ssgan_lite.data.shards import FULL_SIZE, write_shard
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS
from ssgan_lite.storage import claim_folder, user_path

OVERSAMPLING = 4                  # masks are drawn so many times larger, then every block votes
SVG = "http://www.w3.org/2000/svg"
SHAPES = {"path", "rect", "circle", "ellipse"}
OPACITIES = ("opacity", "fill-opacity", "stroke-opacity")
NOT_DRAWN = {"mask", "clipPath", "linearGradient", "radialGradient", "metadata"}
BACKGROUNDS = ("#dfe7ec", "#c9d6df", "#a9bccb", "#f1e3d3", "#e6d0b8", "#d8c3c0", "#cfe0d2", "#a8c2ae", "#e8e4d0",
               "#cbc6d9", "#8ea6b8", "#f4f1ec")
ATTRIBUTES = ("hair", "hat", "glasses", "beard", "eyes", "eyebrows", "mouth", "nose", "clothes")

ElementTree.register_namespace("", SVG)


def make(out: str | os.PathLike, each: int = 500, quiet: bool = False) -> list[Path]:
    """Write a shard of `each` avatars for every style into the folder `out`; shards that are there stay.

    The first style has the seeds 0 to each - 1, the next one goes on from there.
    """
    _require_packages()
    if each < 1:
        raise UserError(f"--each {each}: at least one avatar of each style is needed.")
    out = user_path(out)
    with claim_folder(out):
        return [_make_shard(style, out / f"avatars-{style.name}.npz", range(i * each, (i + 1) * each), quiet)
                for i, style in enumerate(STYLES)]


def _make_shard(style: Style, path: Path, seeds: range, quiet: bool) -> Path:
    """One shard of one style, unless it is there."""
    if path.exists():
        try:
            with np.load(path, allow_pickle=False) as shard:
                there = shard["seed"].tolist()
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(f'"{path}" cannot be read as a shard of avatars ({error}). Delete it.') from None
        if there != list(seeds):
            raise UserError(f'"{path}" holds other avatars. Choose another --out, or delete it.')
        return path
    painter = Painter(style)
    images, masks, records = [], [], []
    for seed in tqdm(seeds, desc=style.name, disable=quiet):
        image, mask, record = painter.draw(seed)
        images.append(encode(image))
        masks.append(mask)
        records.append(record)
    attributes = {name: np.array([record[name] for record in records]) for name in records[0]}
    write_shard(path, images, np.stack(masks), np.array(seeds), attributes, versions())
    return path


def encode(image: Image.Image) -> bytes:
    """WebP, lossless or at quality 80, whichever is smaller: flat colors often compress better without loss."""
    files = []
    for options in ({"lossless": True, "quality": 50, "method": 4}, {"quality": 80, "method": 6}):
        target = io.BytesIO()
        image.save(target, "WEBP", **options)
        files.append(target.getvalue())
    return min(files, key=len)


class Painter:
    """Draws avatars of one style with their masks: `painter.draw(seed)`."""

    def __init__(self, style: Style):
        from importlib.resources import files

        import dicebear

        text = files("dicebear_styles").joinpath(f"{style.name}.json").read_text(encoding="utf-8")
        definition = json.loads(text)
        self.style, self.dicebear = style, dicebear
        self.definition = dicebear.Style(definition)
        self.options = dict(style.options)
        for component, variants in style.leave_out.items():
            kept = [name for name in definition["components"][component]["variants"] if name not in variants]
            self.options[f"{component}Variant"] = kept
        # For masks every role has a color that occurs nowhere else.
        self.roles = {f"#{number:02x}fe01": role for number, role in enumerate(definition["colors"], start=1)}

    def draw(self, seed: int) -> tuple[Image.Image, np.ndarray, dict[str, str]]:
        """RGB picture of 128 x 128 pixels, mask uint8 [128, 128] and attributes of one avatar."""
        background = str(np.random.default_rng(seed).choice(BACKGROUNDS))
        shown = self._avatar(seed, {"backgroundColor": [background]})
        picture = ElementTree.fromstring(str(shown))
        self._set_view(picture)
        image = render(picture, FULL_SIZE, background)
        flat = self._avatar(seed, {f"{role}Color": [color] for color, role in self.roles.items()})
        mask = self.mask(ElementTree.fromstring(str(flat)))
        return image, mask, self._attributes(shown.to_json()["options"], background)

    def mask(self, drawing: ElementTree.Element) -> np.ndarray:
        """Part ids uint8 [128, 128] of a drawing whose colors name roles."""
        meanings: list[str | Zones] = ["background"]
        self._repaint(drawing, "canvas", meanings)
        self._set_view(drawing)
        drawing.set("shape-rendering", "crispEdges")
        side = FULL_SIZE * OVERSAMPLING
        pixels = np.asarray(render(drawing, side, "#000000"))                              # [512, 512, 3]
        if (pixels[..., :2] != 0).any() or pixels[..., 2].max() >= len(meanings):
            raise AssertionError("the mask has colors that were not painted")
        labels = pixels[..., 2]
        left, top, extent = self.style.view
        steps = (np.arange(side) + 0.5) / side * extent
        columns, rows = np.meshgrid(left + steps, top + steps)                             # in units of the drawing
        ids = np.zeros((side, side), np.uint8)
        two_kinds = np.isin(labels, [i for i, meaning in enumerate(meanings) if meaning == BROWS_OR_EYES])
        for label, meaning in enumerate(meanings):
            here = labels == label
            if isinstance(meaning, Zones):
                ids[here] = PARTS[meaning.elsewhere].id
                for part, (x0, y0, x1, y1) in reversed(meaning.boxes):
                    ids[here & (columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1)] = PARTS[part].id
            elif meaning != BROWS_OR_EYES:
                ids[here] = PARTS[meaning].id
        ids[two_kinds] = PARTS["eyes"].id
        ids[two_kinds & upper_group(two_kinds)] = PARTS["eyebrows"].id
        return reduce_masks(ids[None], OVERSAMPLING)[0]

    def _avatar(self, seed: int, options: dict):
        known = {f"{role}Color" for role in self.roles.values()} | {"backgroundColor"}
        return self.dicebear.Avatar(self.definition, {
            "seed": str(seed), **self.options, **{name: value for name, value in options.items() if name in known}})

    def _repaint(self, element: ElementTree.Element, layer: str, meanings: list[str | Zones], opacity: str = "",
                 paint: str = "", blended: bool = False) -> None:
        """Give every shape below `element` the color (0, 0, k) of what it is, `meanings[k]`; take shading away."""
        blended = element.attrib.pop("mask", None) is not None or blended
        for child in list(element):
            kind = child.tag.removeprefix(f"{{{SVG}}}")
            if kind in NOT_DRAWN or not isinstance(child.tag, str):
                continue
            name = child.get("id", "").rpartition("-")[0]
            color = child.get("stroke") or child.get("fill") or paint
            clear = next((child.get(a) for a in OPACITIES if child.get(a)), opacity)
            blend = blended or "blend" in child.get("style", "")
            if kind not in SHAPES:
                self._repaint(child, name or layer, meanings, clear, color, blend)
                continue
            token = "line " * bool(child.get("stroke")) + self.roles.get(color, color) + f"@{clear}" * bool(clear)
            token += "!" * blend
            meaning = self._meaning(layer, token)
            if meaning == BELOW:
                element.remove(child)
                continue
            if meaning not in meanings:
                meanings.append(meaning)
            flat = f"#0000{meanings.index(meaning):02x}"
            for attribute in (*OPACITIES, "style"):
                child.attrib.pop(attribute, None)
            for attribute in ("fill", "stroke"):
                if child.get(attribute, "none") != "none":
                    child.set(attribute, flat)
            if not child.get("stroke"):
                child.set("fill", flat)

    def _meaning(self, layer: str, token: str) -> str | Zones:
        for layers, paints, meaning in self.style.rules:
            if fnmatch.fnmatchcase(layer, layers) and fnmatch.fnmatchcase(token, paints):
                return meaning
        raise UserError(f'The style "{self.style.name}" has a shape of {token} in {layer} that no rule explains: '
                        f"ssgan_lite/data/avatar_styles.py was written for other versions ({versions()}).")

    def _set_view(self, drawing: ElementTree.Element) -> None:
        left, top, side = self.style.view
        drawing.set("viewBox", f"{left} {top} {side} {side}")

    def _attributes(self, drawn: dict, background: str) -> dict[str, str]:
        """What was drawn, in words; "none" where there is nothing or the style has no such thing."""
        record = {"style": self.style.name, **dict.fromkeys(ATTRIBUTES, "none")}
        for name, component in self.style.attributes.items():
            record[name] = drawn.get(f"{component}Variant") or "none"
        for name, component, layers in (("hat", self.style.attributes["hair"], self.style.hats),
                                        ("glasses", self.style.attributes.get("eyes"), self.style.glasses)):
            variant = drawn.get(f"{component}Variant")
            if f"{component}-{variant}" in layers:
                record[name] = variant
        if record["hair"] in self.style.hairless:
            record["hair"] = "none"
        colors = {name: drawn.get(f"{name}Color") or ["none"] for name in ("hair", "skin")}
        return {**record, "hair_color": colors["hair"][0], "skin_color": colors["skin"][0], "background": background}


def upper_group(shapes: np.ndarray) -> np.ndarray:
    """Rows above the lowest gap of a figure bool [H, W], as bool [H, 1]: the brows, where eyes have any."""
    filled = np.flatnonzero(shapes.any(1))
    breaks = np.flatnonzero(np.diff(filled) > 1)
    above = np.zeros((len(shapes), 1), bool)
    if len(breaks):
        above[:filled[breaks[-1]] + 1] = True
    return above


def render(drawing: ElementTree.Element, side: int, background: str) -> Image.Image:
    """A drawing as an RGB picture of side x side pixels."""
    import resvg_py

    file = resvg_py.svg_to_bytes(svg_string=ElementTree.tostring(drawing, encoding="unicode"), width=side,
                                 height=side, background=background, skip_system_fonts=True)
    return Image.open(io.BytesIO(file)).convert("RGB")


def versions() -> str:
    """The versions of the packages that draw, for the record in a shard."""
    return ", ".join(f"{name} {metadata.version(name)}" for name in ("dicebear-core", "dicebear-styles", "resvg-py"))


def _require_packages() -> None:
    try:
        import dicebear  # noqa: F401
        import resvg_py  # noqa: F401

        versions()
    except (ImportError, metadata.PackageNotFoundError):
        raise UserError('Drawing avatars needs dicebear-core, dicebear-styles and resvg-py: pip install -c '
                        'constraints.txt -e ".[avatars]". The pack that ships needs nothing: open_dataset("avatars").'
                        ) from None
