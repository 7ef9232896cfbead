"""The shipped heads: what the pack promises, and whether its masks are right, by other means than the maker's code.

None of this needs the renderer. The flat-shaded pass of the first heads, which does, is stored in
`data/heads/checks/flat_pass.npz`; `python -m tools.heads.flat` makes it.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from ssgan_lite import assets
from ssgan_lite.data import Dataset, open_dataset
from ssgan_lite.data.masks import reduce_masks
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS

ROOT = Path(__file__).resolve().parents[1]
HEADS = ROOT / "data" / "heads"
sys.path.insert(0, str(ROOT))
ID = {part.name: part.id for part in PARTS}

RANGES = {
    "skin_tone": (1, 10), "skin_redness": (0, 1), "freckles": (0, 1), "age": (18, 85), "face_angularity": (0, 1),
    "face_width": (-1, 1), "features_a": (0, 1), "features_b": (0, 1), "features_c": (0, 1), "brow_thickness": (0, 1),
    "lip_colour": (0, 1), "smile": (0, 1), "mouth_open": (0, 1), "light_side": (-80, 80), "yaw": (-22, 22),
    "pitch": (-12, 12), "roll": (-4, 4),
}
WORDS = {
    "face_outline": 7, "hair_colour": 8, "hair_style": 12, "hair_kind": 3, "eye_colour": 6, "beard": 6,
    "expression": 7, "glasses": 5, "hat": 4, "earrings": 4, "neckline": 6, "cloth_pattern": 5, "background": 6,
    "light": 5
}


@pytest.fixture(scope="module")
def full() -> Dataset:
    """All heads at 128 pixels."""
    return open_dataset("heads", 128, "all")


@pytest.fixture(scope="module")
def masks(full: Dataset) -> np.ndarray:
    return full.masks.numpy()


def pixels(masks: np.ndarray, part: str) -> np.ndarray:
    """How many pixels of a part each mask [N, S, S] has."""
    return (masks == ID[part]).sum((1, 2))


# ------------------------------------------------------------------------------------------------------- the pack

@pytest.mark.slow
def test_shards_are_whole_and_of_one_version(full: Dataset) -> None:
    versions = set()
    for path in assets.find_all("heads/*.npz"):
        first = int(path.stem.removeprefix("heads-"))
        with np.load(path, allow_pickle=False) as shard:
            assert shard["seed"].tolist() == list(range(first, first + 500))
            versions.add(str(shard["maker_version"]))
    assert len(versions) == 1 and full.seeds.tolist() == list(range(len(full)))


def test_attributes_are_in_range(full: Dataset) -> None:
    measured = {f"{what}_{color}" for what in ("background", "cloth") for color in ("red", "green", "blue")}
    assert set(full.attributes) == set(RANGES) | set(WORDS) | measured
    for name, (low, high) in RANGES.items():
        values = full.attributes[name]
        assert low <= values.min() and values.max() <= high, name
        assert values.std() > 0.1 * (high - low) or name == "freckles", name
    for name, count in WORDS.items():
        assert len(np.unique(full.attributes[name])) == count, name
    assert np.allclose(sum(full.attributes[f"features_{letter}"] for letter in "abc"), 1, atol=1e-5)
    for name in measured:
        assert 0 <= full.attributes[name].min() and full.attributes[name].max() <= 1


def test_measured_colors_agree_with_pictures(full: Dataset, masks: np.ndarray) -> None:
    pictures = full.images.numpy()
    for what in ("background", "cloth"):
        for channel, color in enumerate(("red", "green", "blue")):
            for head in range(0, len(full), 97):
                here = masks[head] == ID[what]
                if here.sum() >= 50:     # the pictures are compressed, the colors were measured before
                    assert abs(pictures[head, channel][here].mean() / 255 -
                               full.attributes[f"{what}_{color}"][head]) < .02


def test_parts_are_as_frequent_as_promised(full: Dataset, masks: np.ndarray) -> None:
    assert (pixels(masks, "cloth") >= 20).mean() >= .95
    slack = 4 * np.sqrt(.25 * .75 / len(full))
    for part in ("glasses", "hat"):
        assert abs((pixels(masks, part) > 0).mean() - .25) < slack, part
    assert abs((full.attributes["earrings"] != "none").mean() - .30) < slack
    tones = np.bincount(full.attributes["skin_tone"].astype(int), minlength=11)[1:]
    assert np.abs(tones / len(full) - .1).max() < 4 * np.sqrt(.1 * .9 / len(full))


@pytest.mark.slow
def test_heads_differ_and_attributes_are_independent(full: Dataset) -> None:
    pytest.importorskip("matplotlib")
    from tools.heads.statistics import correlations, nearest_neighbors
    small = open_dataset("heads", 32, "all")
    assert nearest_neighbors(small.images.numpy(), small.seeds)["smallest"] > 10
    ties, _, _ = correlations(full.attributes, draws=40)
    assert ties["largest"] < 1.3 * ties["chance_95"] and ties["typical"] < 1.1 * ties["chance_typical"]


def test_planted_correlation_is_found(full: Dataset) -> None:
    pytest.importorskip("matplotlib")
    from tools.heads.statistics import correlations
    tied = full.attributes["age"] + 30 * (full.attributes["hair_colour"] == "grey")
    ties, _, _ = correlations({**full.attributes, "age": tied.astype(np.float32)}, draws=40)
    assert ties["largest"] > 1.3 * ties["chance_95"] and set(ties["between"]) == {"age", "hair_colour"}


@pytest.mark.slow
def test_statistics_agree_with_pack(full: Dataset, masks: np.ndarray) -> None:
    numbers = json.loads((HEADS / "statistics.json").read_text(encoding="utf-8"))
    assert numbers["heads"] == len(full) and numbers["seeds"] == [full.seeds.min(), full.seeds.max()]
    assert [numbers[split] for split in ("train", "val")] == [len(open_dataset("heads", 32, split))
                                                              for split in ("train", "val")]
    assert numbers["bytes"] == sum(path.stat().st_size for path in assets.find_all("heads/*.npz"))
    for part in ("hat", "earrings", "cloth"):
        assert numbers["parts"][part]["share"] == pytest.approx((pixels(masks, part) > 0).mean())
    assert f"{len(full):,} heads" in (HEADS / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_shards_are_added_once_and_without_a_gap(tmp_path: Path) -> None:
    from tools.heads.add import add_shards
    heads, new = tmp_path / "heads", tmp_path / "new"
    shards = assets.find_all("heads/*.npz")[:4]
    for folder, paths in ((heads, shards[:2]), (new, shards[2:])):
        folder.mkdir()
        for path in paths:
            shutil.copy(path, folder)
    next_one, after_it = sorted(new.iterdir())

    def refused(path: Path, words: str) -> None:
        with pytest.raises(UserError, match=words):
            add_shards([path], heads)
        assert len(list(heads.iterdir())) == 2

    refused(after_it, "no gap: seed 1000 is next")
    refused(new.joinpath("nowhere.npz"), "nowhere.npz")
    wrong_name = new / "heads-001500.npz.npz"
    wrong_name.write_bytes(next_one.read_bytes())
    refused(wrong_name, "called after its first seed")
    with np.load(next_one) as shard:
        arrays = dict(shard)
    (new / "other").mkdir()
    np.savez(new / "other" / next_one.name, **{**arrays, "maker_version": np.array("1")})
    refused(new / "other" / next_one.name, "version 1 of the maker")
    (new / "other" / next_one.name).write_bytes(next_one.read_bytes()[:100_000])
    refused(new / "other" / next_one.name, "cannot be read")
    np.savez(new / "other" / shards[0].name, **arrays)
    refused(new / "other" / shards[0].name, "called after its first seed")
    assert add_shards([after_it, next_one], heads) == [heads / next_one.name, heads / after_it.name]
    assert add_shards([after_it], heads) == [] and len(list(heads.iterdir())) == 4


# ------------------------------------------------------------------------------------------------------- the masks

def test_masks_agree_with_heads_rendered_flat(full: Dataset, masks: np.ndarray) -> None:
    """Every piece in the color of its part, rendered by the renderer itself: see `tools/heads/flat.py`."""
    pytest.importorskip("matplotlib")
    from tools.heads.statistics import flat_agreement
    found = flat_agreement(HEADS / "checks" / "flat_pass.npz", masks, full.seeds)
    assert found["heads"] == 50 and found["all"] > .985 and found["inside"] > .998
    assert set(found["parts"]) == set(ID)
    overlap = {
        "background": .98, "face": .96, "mouth": .92, "nose": .94, "hair": .93, "neck": .96, "cloth": .97, "hat": .97,
        "ears": .88, "glasses": .85, "eyes": .70, "eyebrows": .80, "earrings": .70
    }
    for name, row in found["parts"].items():
        assert row["inside"] > .97, f"{name}: {row}"
        assert row["overlap"] > overlap[name], f"{name}: {row}"


def test_mask_moved_by_a_pixel_is_found(full: Dataset, masks: np.ndarray) -> None:
    pytest.importorskip("matplotlib")
    from tools.heads.statistics import flat_agreement
    found = flat_agreement(HEADS / "checks" / "flat_pass.npz", np.roll(masks[:50], 1, axis=2), full.seeds[:50])
    assert found["all"] < .985 and found["inside"] < .998


def test_masks_are_aligned_with_pictures(full: Dataset, masks: np.ndarray) -> None:
    """Colors vary least within the parts of the mask where the mask lies on the picture, not a pixel beside it."""
    rows = range(0, len(full), max(1, len(full) // 60))
    spread = {}
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            total = 0.0
            for row in rows:
                picture = full.images[row, :, 4:-4, 4:-4].numpy().reshape(3, -1).astype(np.float64)
                part = np.roll(masks[row], (down, right), (0, 1))[4:-4, 4:-4].ravel()
                count = np.maximum(np.bincount(part, minlength=len(PARTS)), 1)
                means = np.stack([np.bincount(part, channel, len(PARTS)) / count for channel in picture])
                total += ((picture - means[:, part]) ** 2).sum()
            spread[down, right] = total
    assert min(spread, key=spread.get) == (0, 0)
    for one, other in (((0, -1), (0, 1)), ((-1, 0), (1, 0))):  # the vertex of a parabola: less than 0.3 pixels off
        offset = .5 * (spread[one] - spread[other]) / (spread[one] + spread[other] - 2 * spread[0, 0])
        assert abs(offset) < .3


def test_frontal_heads_are_symmetric(full: Dataset, masks: np.ndarray) -> None:
    """Eyes, brows, mouth and nose of frontal heads: as much left as right of the middle, at the same places."""
    attributes = full.attributes
    frontal = (np.abs(attributes["yaw"]) < 4) & (np.abs(
        attributes["roll"]) < 1.5) & ~np.isin(attributes["hair_style"], ["messy", "side_part", "long_fringe"])
    assert frontal.sum() >= 40
    for part, most in (("eyes", .12), ("eyebrows", .12), ("mouth", .12), ("nose", .10)):
        here = (masks[frontal] == ID[part]) & (attributes["glasses"][frontal] != "sun")[:, None, None]
        left, right = here[:, :, :64].sum((1, 2)), here[:, :, 64:].sum((1, 2))
        seen = left + right > 0
        leaning = (left - right)[seen] / (left + right)[seen]
        assert np.median(np.abs(leaning)) < most, part
        assert abs(leaning.mean()) < .05, part
        columns = (here[seen] * np.arange(128)).sum((1, 2)) / here[seen].sum((1, 2))
        assert abs(columns.mean() - 63.5) < .7, part


def test_worn_things_are_in_the_mask(full: Dataset, masks: np.ndarray) -> None:
    worn = {name: full.attributes[name] != "none" for name in ("glasses", "hat", "earrings")}
    for name in ("glasses", "hat"):
        assert np.array_equal(pixels(masks, name) > 0, worn[name]), name
        assert (pixels(masks, name)[worn[name]] >= 60).all(), name
    seen = pixels(masks, "earrings") > 0
    assert not (seen & ~worn["earrings"]).any()
    assert seen[worn["earrings"]].mean() > .75            # hair hides the others
    short = np.isin(full.attributes["hair_style"], ["bald", "buzz", "short", "slick", "bun"])
    assert seen[worn["earrings"] & short].mean() > .97
    bald = (full.attributes["hair_style"] == "bald")
    assert (pixels(masks, "hair")[bald] == 0).all() and (pixels(masks, "hair")[~bald & ~worn["hat"]] > 0).all()


def test_dark_lenses_hide_eyes_and_clear_ones_do_not(full: Dataset, masks: np.ndarray) -> None:
    glasses, eyes = full.attributes["glasses"], pixels(masks, "eyes")
    clear = ~np.isin(glasses, ["none", "sun"])
    assert (eyes[glasses == "sun"] <= 8).mean() > .95 and np.median(pixels(masks, "glasses")[glasses == "sun"]) > 600
    assert (eyes[clear] > 0).all() and np.median(eyes[clear]) > .8 * np.median(eyes[glasses == "none"])
    assert (pixels(masks, "eyebrows")[clear] > 0).mean() > .98


def test_beards_take_the_class_of_what_they_cover(full: Dataset, masks: np.ndarray) -> None:
    """Below the mouth there is face and neck, no hair, however full the beard of a head with short hair."""
    attributes = full.attributes
    chosen = np.isin(attributes["beard"], ["goatee", "short", "full"]) & np.isin(
        attributes["hair_style"], ["bald", "buzz", "short", "slick", "bun"])
    assert chosen.sum() >= 15
    for mask in masks[chosen]:
        rows, columns = np.nonzero(mask == ID["mouth"])
        middle, half = (columns.min() + columns.max() + 1) // 2, (columns.max() - columns.min()) // 4
        below = mask[rows.max() + 1:rows.max() + 9, middle - half:middle + half]
        assert not (below == ID["hair"]).any()
        assert np.isin(below, [ID["face"], ID["neck"], ID["cloth"]]).mean() > .97


@pytest.mark.parametrize("size, kept", [
    (64, dict(eyes=.999, eyebrows=.995, mouth=.999, nose=.999, glasses=.999, hat=.999, earrings=.94)),
    (32, dict(eyes=.99, eyebrows=.94, mouth=.995, nose=.999, glasses=.999, hat=.999, earrings=.85)),
])
def test_small_parts_survive(full: Dataset, masks: np.ndarray, size: int, kept: dict) -> None:
    small = reduce_masks(masks, 128 // size)
    for part, share in kept.items():
        had = pixels(masks, part) > 0
        assert (pixels(small, part)[had] > 0).mean() >= share, part


def test_eyes_are_large_and_centered(full: Dataset, masks: np.ndarray) -> None:
    open_eyes = full.attributes["glasses"] != "sun"
    small = reduce_masks(masks[open_eyes], 2) == ID["eyes"]
    each = np.concatenate([small[:, :, :32].sum((1, 2)), small[:, :, 32:].sum((1, 2))])
    assert (each[each > 0] >= 8).mean() > .96 and (each[each > 0] >= 6).mean() > .99
    count = small.sum((1, 2))
    both = (small[:, :, :32].sum((1, 2)) > 5) & (small[:, :, 32:].sum((1, 2)) > 5)
    rows = (small[both].sum(2) * np.arange(64)).sum(1) / count[both] / 63
    columns = (small[both].sum(1) * np.arange(64)).sum(1) / count[both] / 63
    assert abs(rows.mean() - .445) < .01 and rows.std() < .012 and abs(columns.mean() -
                                                                       .5) < .01 and columns.std() < .015
