"""What is in the pack, counted: parts, attributes, whether attributes are tied to each other, whether heads repeat.

    python -m tools.heads.statistics           # needs no renderer

reads the shipped shards and rewrites `data/heads/statistics.json`, the two figures in `data/heads/figures/` and the
tables of `data/heads/README.md` between the lines `<!-- statistics: ... -->`.
"""

import json
import lzma
import re
from pathlib import Path

import numpy as np
import torch

from ssgan_lite import assets
from ssgan_lite.data import open_dataset, shards
from ssgan_lite.data.masks import reduce_masks
from ssgan_lite.parts import PARTS
from ssgan_lite.storage import write_text

from .figures import correlation_figure, histogram_figure, save_figure

HEADS = Path(__file__).resolve().parents[2] / "data" / "heads"
# Attributes that belong together by definition: values of one draw, or measured in the finished picture.
FAMILIES = (("expression", "smile", "mouth_open"), ("light", "light_side"), ("features_a", "features_b",
                                                                             "features_c"))
MEASURED = tuple(f"{what}_{colour}" for what in ("background", "cloth") for colour in ("red", "green", "blue"))


def count_parts(masks: dict[int, np.ndarray]) -> dict:
    """By part: share of heads with it, mean area where it is, and how many heads keep it at 64 and 32 pixels.

    masks: uint8 [N, S, S] by size S (128, 64, 32). `plain` is what a vote without weights would keep at 32.
    """
    plain = masks[128].reshape(len(masks[128]), 32, 4, 32, 4)
    plain = np.stack([(plain == part.id).sum((2, 4), dtype=np.uint8) for part in PARTS]).argmax(0)   # [N, 32, 32]
    table = {}
    for part in PARTS:
        pixels = {size: (mask == part.id).sum((1, 2)) for size, mask in masks.items()}
        has = pixels[128] > 0
        row = {"share": has.mean(), "area": pixels[128][has].mean() / 128**2 if has.any() else 0.0}
        for size in masks:
            row[f"median_{size}"] = float(np.median(pixels[size][has])) if has.any() else 0.0
        row |= {f"kept_{size}": (pixels[size][has] > 0).mean() for size in (64, 32)}
        row["plain_32"] = (plain == part.id).any((1, 2))[has].mean()
        table[part.name] = {name: float(value) for name, value in row.items()}
    return table


def columns_of(attributes: dict[str, np.ndarray]) -> tuple[list[str], np.ndarray]:
    """Every attribute as columns of numbers: names of attributes [C] and values, standardized, float64 [N, C]."""
    names, columns = [], []
    for name, values in attributes.items():
        parts = [values == value for value in np.unique(values)] if values.dtype.kind == "U" else [values]
        for column in parts:
            column = column.astype(np.float64) - column.mean()
            if column.std() > 0:
                names.append(name)
                columns.append(column / column.std())
    return names, np.stack(columns, 1)


def correlations(attributes: dict[str, np.ndarray], draws: int = 200) -> tuple[dict, list[str], np.ndarray]:
    """The largest correlation of any two attributes that were drawn apart, and what chance gives.

    Words become one column of 0 and 1 for each value. Chance: the rows of every family are shuffled apart `draws`
    times, which leaves each column as it is and unties all pairs. Returns numbers, names [A] and |r| [A, A].
    """
    drawn = {name: values for name, values in attributes.items() if name not in MEASURED}
    names, columns = columns_of(drawn)
    families = {name: min((i for i, family in enumerate(FAMILIES) if name in family), default=name) for name in drawn}
    groups = {}
    for column, name in enumerate(names):
        groups.setdefault(families[name], []).append(column)
    apart = np.array([[families[a] != families[b] for b in names] for a in names])
    rows = len(columns)

    def matrix(values):
        return np.abs(values.T @ values) / rows

    found = matrix(columns)
    rng = np.random.default_rng(0)
    largest, shuffled = [], np.empty_like(columns)
    for _ in range(draws):
        for members in groups.values():
            shuffled[:, members] = columns[rng.permutation(rows)][:, members]
        largest.append(matrix(shuffled)[apart].max())
    i, j = np.unravel_index(np.where(apart, found, 0).argmax(), found.shape)
    order = list(drawn)
    by_attribute = np.array([[
        found[np.ix_([k for k, n in enumerate(names) if n == a], [k for k, n in enumerate(names) if n == b])].max()
        for b in order
    ] for a in order])
    numbers = {"pairs": int(apart.sum() // 2), "largest": float(found[apart].max()), "between": [names[i], names[j]],
               "typical": float(np.sqrt((found[apart] ** 2).mean())), "chance_median": float(np.median(largest)),
               "chance_95": float(np.quantile(largest, .95)), "chance_typical": float(1 / np.sqrt(rows))}
    return numbers, order, by_attribute


def nearest_neighbors(images: np.ndarray, seeds: np.ndarray) -> dict:
    """The root mean square difference of each head to its nearest other, of 255: smallest and median.

    images: uint8 [N, 3, S, S].
    """
    flat = torch.from_numpy(images.reshape(len(images), -1)).float()
    flat = flat - flat.mean(0)
    nearest, partner = [], []
    for rows in flat.split(250):
        distance = torch.cdist(rows, flat) / flat.shape[1] ** 0.5
        distance[torch.arange(len(rows)), torch.arange(len(rows)) + len(nearest)] = torch.inf
        values, indices = distance.min(1)
        nearest += values.tolist()
        partner += indices.tolist()
    order = np.argsort(nearest)
    closest = [sorted((int(seeds[i]), int(seeds[partner[i]]))) for i in order[:12]]
    return {"smallest": float(min(nearest)), "median": float(np.median(nearest)),
            "closest": [pair for i, pair in enumerate(closest) if pair not in closest[:i]][:6]}


def light_and_frame(images: np.ndarray, masks: np.ndarray, attributes: dict[str, np.ndarray]) -> dict:
    """Where the eyes lie and how bright faces are: images uint8 [N, 3, 128, 128], masks [N, 128, 128]."""
    rows, columns = np.mgrid[0:128, 0:128] / 127
    eyes = masks == PARTS["eyes"].id
    seen = (eyes.sum((1, 2)) >= 40) & (attributes["glasses"] != "sun")
    count = eyes[seen].sum((1, 2))
    x, y = ((eyes[seen] * grid).sum((1, 2)) / count for grid in (columns, rows))
    face = np.isin(masks, [PARTS["face"].id, PARTS["nose"].id])
    levels = [np.array([.3, .6, .1], np.float32) @ picture[:, chosen]                          # of its pixels [M]
              for picture, chosen in zip(images, face, strict=True)]
    medians = np.array([np.median(level) for level in levels])
    burnt = np.array([(level > 250).mean() for level in levels])
    small = reduce_masks(masks[attributes["glasses"] != "sun"], 2) == PARTS["eyes"].id                # [M, 64, 64]
    # The camera looks at the midpoint of the eyes: each eye has a half of the picture to itself.
    each = np.concatenate([half.sum((1, 2)) for half in (small[:, :, :32], small[:, :, 32:])])
    each = each[each > 0]                                       # none at all: hair hangs before it
    return {
        "eyes_x": [float(x.mean()), float(x.std())], "eyes_y": [float(y.mean()), float(y.std())], "eye_pixels_64": {
            "least": int(each.min()), "from_8": float((each >= 8).mean()), "from_6": float((each >= 6).mean()),
            "median": float(np.median(each))
        }, "face_level": [float(q) for q in np.quantile(medians, [0, .05, .5, .95, 1])], "faces_burnt": float(
            (burnt > .10).mean()), "faces_dark": float((medians < 20).mean())
    }


def flat_agreement(path: Path, masks: np.ndarray, seeds: np.ndarray) -> dict:
    """The masks of the heads in a flat pass (see flat.py) against it: masks uint8 [N, 128, 128], seeds [N].

    By part: `inside`, the share of the pixels which it fills to three quarters or more in the flat pass that the mask
    gives to it; `overlap`, intersection over union; `pixels`, how many pixels of the flat pass it has.
    """
    with np.load(path, allow_pickle=False) as stored:
        row_of = {int(seed): row for row, seed in enumerate(seeds)}
        rows = [row_of[int(seed)] for seed in stored["seed"]]
        shape = (len(rows), 128, 128)
        flat = np.frombuffer(lzma.decompress(stored["labels"].tobytes()), np.uint8).reshape(shape)
        sure = np.unpackbits(np.frombuffer(lzma.decompress(stored["sure"].tobytes()),
                                           np.uint8)).reshape(shape).astype(bool)
    mask, parts = masks[rows], {}
    for part in PARTS:
        theirs, ours = flat == part.id, mask == part.id
        if theirs.any() or ours.any():
            parts[part.name] = {
                "inside": float(ours[theirs & sure].mean()), "overlap": float(
                    (theirs & ours).sum() / (theirs | ours).sum()), "pixels": int(theirs.sum())
            }
    return {
        "heads": len(rows), "all": float((flat == mask).mean()), "inside": float((flat == mask)[sure].mean()),
        "sure": float(sure.mean()), "parts": parts
    }


def collect() -> tuple[dict, dict]:
    """All numbers, and what the figures need beside them."""
    data = {size: open_dataset("heads", size, "all") for size in shards.SIZES}
    full = data[128]
    masks = {size: faces.masks.numpy() for size, faces in data.items()}
    ties, order, by_attribute = correlations(full.attributes)
    versions = sorted({str(np.load(path)["maker_version"]) for path in assets.find_all("heads/*.npz")})
    numbers = {
        "heads": len(full),
        "train": int((full.seeds % 10 != 9).sum()),
        "val": int((full.seeds % 10 == 9).sum()),
        "seeds": [int(full.seeds.min()), int(full.seeds.max())],
        "maker_version": ", ".join(versions),
        "bytes": sum(path.stat().st_size for path in assets.find_all("heads/*.npz")),
        "parts": count_parts(masks),
        "correlation": ties,
        "nearest": nearest_neighbors(data[32].images.numpy(), full.seeds),
        "flat": flat_agreement(HEADS / "checks" / "flat_pass.npz", masks[128], full.seeds),
        **light_and_frame(full.images.numpy(), masks[128], full.attributes),
    }
    return numbers, {"attributes": full.attributes, "order": order, "by_attribute": by_attribute}


def tables(numbers: dict) -> dict[str, str]:
    """The generated pieces of the README by name."""
    def percent(value, digits=0):
        text = f"{100 * value:.{digits}f}"
        return ("100" if value == 1 else "0" if value == 0 else text) + "\N{NO-BREAK SPACE}%"

    first, last = numbers["seeds"]
    size = (f"{numbers['heads']:,} heads (seeds {first} to {last}; {numbers['train']:,} train, {numbers['val']:,} "
            f"validate), {numbers['bytes'] / 1e6:.1f} MB, maker version {numbers['maker_version']}.")

    parts = ["| part | heads with it | its area, where it is | median pixels at 128 / 64 / 32 "
             "| heads that keep it at 64 | at 32 | at 32 by plain majority |", "|---|---|---|---|---|---|---|"]
    for name, row in numbers["parts"].items():
        medians = " / ".join(f"{row[f'median_{size}']:.0f}" for size in shards.SIZES)
        kept = " | ".join(percent(row[column], 1) for column in ("kept_64", "kept_32", "plain_32"))
        parts.append(f"| {name} | {percent(row['share'], 1)} | {percent(row['area'], 2)} | {medians} | {kept} |")

    ties = numbers["correlation"]
    correlation = (
        f"Among {ties['pairs']:,} pairs of values of attributes that were drawn apart, the largest correlation is "
        f"{ties['largest']:.3f} (`{ties['between'][0]}` and `{ties['between'][1]}`). With everything shuffled, the "
        f"largest of as many pairs is {ties['chance_median']:.3f} in the median and above {ties['chance_95']:.3f} in "
        f"one case of twenty. The typical size of a correlation is {ties['typical']:.4f}; independence gives "
        f"{ties['chance_typical']:.4f} for this number of heads.")

    near = numbers["nearest"]
    one, other = near["closest"][0]
    nearest = (f"No head occurs twice: at 32 pixels, the two most similar heads ({one} and {other}) differ by "
               f"{near['smallest']:.1f} of 255 (root mean square); the median distance of a head to its nearest "
               f"other is {near['median']:.1f}.")

    (x, x_spread), (y, y_spread), pixels = numbers["eyes_x"], numbers["eyes_y"], numbers["eye_pixels_64"]
    frame = (f"The center of the eyes lies at {percent(x, 1)} of the width (standard deviation "
             f"{percent(x_spread, 1)}) and {percent(y, 1)} of the height ({percent(y_spread, 1)}). At 64 px, "
             f"{percent(pixels['from_8'], 1)} of the eyes that are seen have at least 8 pixels, "
             f"{percent(pixels['from_6'], 1)} at least 6, and the "
             f"median eye has {pixels['median']:.0f} (dark glasses left out). A tenth of the face or more is "
             f"overexposed in {percent(numbers['faces_burnt'], 1)} of the heads, and the face is nearly black in "
             f"{percent(numbers['faces_dark'], 1)}.")

    found = numbers["flat"]
    flat = [f"In {found['heads']} heads, {percent(found['all'], 1)} of all pixels have the same part in both; where "
            f"one part fills three quarters of a pixel or more ({percent(found['sure'])} of the pixels), "
            f"{percent(found['inside'], 2)}. Edges differ because the masks blur their votes and let thin parts win.",
            "", "| part | inside it, the mask agrees | overlap (intersection over union) |", "|---|---|---|"]
    flat += [f"| {name} | {percent(row['inside'], 1)} | {percent(row['overlap'], 1)} |"
             for name, row in found["parts"].items()]
    return {"size": size, "parts": "\n".join(parts), "correlation": correlation, "nearest": nearest, "frame": frame,
            "flat": "\n".join(flat)}


def fill_in(text: str, pieces: dict[str, str]) -> str:
    """The text with everything between `<!-- statistics: NAME -->` and `<!-- end -->` replaced."""
    for name, piece in pieces.items():
        pattern = rf"(?<=<!-- statistics: {name} -->\n).*?(?=<!-- end -->)"
        text, found = re.subn(pattern, (piece + "\n").replace("\\", r"\\"), text, flags=re.S)
        if not found:
            raise SystemExit(f"The README has no place for the statistics of {name}.")
    return text


def main() -> None:
    numbers, drawn = collect()
    shown = {name: values for name, values in drawn["attributes"].items() if name not in MEASURED}
    pieces, readme = tables(numbers), HEADS / "README.md"
    write_text(HEADS / "statistics.json", json.dumps(numbers, indent=1) + "\n")
    save_figure(histogram_figure(shown), HEADS / "figures" / "attributes.png")
    save_figure(correlation_figure(drawn["order"], drawn["by_attribute"], FAMILIES,
                                   numbers["correlation"]["chance_95"]),
                HEADS / "figures" / "correlation.png")
    write_text(readme, fill_in(readme.read_text(encoding="utf-8"), pieces))
    print("\n".join(pieces.values()))


if __name__ == "__main__":
    main()
