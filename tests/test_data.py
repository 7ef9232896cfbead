"""The heads: what is loaded, how it is made smaller, and what bad packs are told."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ssgan_lite import assets
from ssgan_lite.data import Dataset, data_sum, open_dataset, shards
from ssgan_lite.data.masks import reduce_masks
from ssgan_lite.errors import UserError
from ssgan_lite.parts import PARTS


@pytest.fixture(scope="module")
def all_heads() -> Dataset:
    return open_dataset("heads", size=64, split="all")


# ---------------------------------------------------------------------------------------------- the shipped pack

@pytest.mark.slow
def test_splits_are_disjoint_and_complete(all_heads: Dataset) -> None:
    train, val = open_dataset("heads"), open_dataset("heads", split="val")
    assert set(val.seeds % 10) == {9} and 9 not in set(train.seeds % 10)
    assert sorted([*train.seeds, *val.seeds]) == sorted(all_heads.seeds)
    assert len(set(all_heads.seeds.tolist())) == len(all_heads) >= 500
    assert train.size == 64 and train.images.dtype == torch.uint8
    assert all(len(values) == len(train) for values in train.attributes.values())


def test_every_part_occurs(all_heads: Dataset) -> None:
    present = torch.bincount(all_heads.masks.flatten().long(), minlength=len(PARTS))
    assert (present > 0).all()


def test_attributes_agree_with_masks(all_heads: Dataset) -> None:
    for values in all_heads.attributes.values():
        assert values.dtype == np.float32 or values.dtype.kind == "U"
    for attribute, part in (("glasses", "glasses"), ("hat", "hat")):
        worn = all_heads.attributes[attribute] != "none"
        seen = (all_heads.masks == PARTS[part].id).flatten(1).any(1).numpy()
        assert (worn == seen).mean() > 0.98, attribute


def test_smaller_sizes_are_box_filtered() -> None:
    large, small = (open_dataset("heads", size, "val") for size in (128, 32))
    means = torch.nn.functional.avg_pool2d(large.images[:20].float(), 4)
    assert (means - small.images[:20].float()).abs().max() <= 0.51
    assert large.masks.shape[1:] == (128, 128) and small.masks.shape[1:] == (32, 32)
    agree = (large.masks[:, 2::4, 2::4] == small.masks).float().mean()
    assert agree > 0.9


def test_thin_parts_survive_at_32() -> None:
    large, small = (open_dataset("heads", size, "val").masks.flatten(1) for size in (128, 32))
    for part, kept in (("eyes", 0.99), ("eyebrows", 0.95), ("mouth", 0.99), ("glasses", 0.99), ("earrings", 0.7)):
        had = (large == PARTS[part].id).any(1)
        has = (small == PARTS[part].id).any(1)
        assert has[had].float().mean() >= kept, part


@pytest.mark.parametrize("arguments, message", [
    (("haeds",), 'no data set called "haeds". Did you mean "heads"'),
    (("heads", 64, "valid"), 'no split called "valid". Did you mean "val"'),
    (("heads", 48), "128, 64, 32 pixels, not 48"),
])
def test_unknown_names_raise(arguments: tuple, message: str) -> None:
    with pytest.raises(UserError, match=message):
        open_dataset(*arguments)


def test_range_of_seeds_selects_its_heads(all_heads: Dataset) -> None:
    few = open_dataset("heads:400:700", 64, "all")
    assert few.seeds.tolist() == list(range(400, 700)) and few.source == "heads:400:700"
    assert torch.equal(few.images, all_heads.images[400:700]) and torch.equal(few.masks, all_heads.masks[400:700])
    assert np.array_equal(few.attributes["hat"], all_heads.attributes["hat"][400:700])
    train, val = open_dataset("heads:0:500", 32), open_dataset("heads:0:500", 32, "val")
    assert (len(train), len(val)) == (450, 50)
    # What the shipped measurements and weights were made with.
    assert data_sum("heads:0:2500") == "a4404d2e2ef6" and data_sum("heads:0:500") != data_sum("heads:500:1000")


@pytest.mark.parametrize("stop", [10, 1_000_000_000])
def test_missing_seeds_raise(stop: int, pack) -> None:
    pack()                                                                   # the seeds 100 to 111
    with pytest.raises(UserError, match=f"has the seeds 100 to 111 here, not all of 5 to {stop - 1}"):
        open_dataset(f"heads:5:{stop}")
    assert len(open_dataset("heads:100:112", split="all")) == 12
    assert data_sum("heads:100:112") == data_sum("heads") != data_sum("avatars")


# ------------------------------------------------------------------------------------------ batches and subsets

def test_batch_is_scaled_and_signed_one_hot(all_heads: Dataset) -> None:
    image, mask = all_heads.batch([3, 5])
    assert image.shape == (2, 3, 64, 64) and mask.shape == (2, len(PARTS), 64, 64)
    assert torch.equal(((image + 1) * 127.5).round().to(torch.uint8), all_heads.images[[3, 5]])
    assert -1 <= image.min() and image.max() <= 1
    assert set(mask.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(mask.argmax(1), all_heads.masks[[3, 5]].long())
    assert ((mask + 1).sum(1) == 2).all()                  # exactly one part a pixel


def test_flip_mirrors_image_and_mask(all_heads: Dataset) -> None:
    rows = torch.tensor([0, 1, 2])
    image, mask = all_heads.batch(rows)
    some_image, some_mask = all_heads.batch(rows, torch.tensor([True, False, True]))
    for row, flipped in enumerate((True, False, True)):
        assert torch.equal(some_image[row], image[row].flip(-1) if flipped else image[row])
        assert torch.equal(some_mask[row], mask[row].flip(-1) if flipped else mask[row])
    every_image, every_mask = all_heads.batch(rows, True)
    assert torch.equal(every_image, image.flip(-1)) and torch.equal(every_mask, mask.flip(-1))


def test_subset_keeps_fields_aligned(all_heads: Dataset) -> None:
    wanted = all_heads.attributes["hat"] == "cap"
    capped = all_heads.subset(wanted)
    assert len(capped) == wanted.sum() and set(capped.attributes["hat"]) == {"cap"}
    assert np.array_equal(capped.seeds, all_heads.seeds[wanted])
    assert torch.equal(all_heads.subset([7, 2]).masks, all_heads.masks[[7, 2]])
    assert torch.equal(all_heads.subset(torch.tensor([7, 2])).images, all_heads.images[[7, 2]])
    with pytest.raises(UserError, match="truth values"):
        all_heads.subset(wanted[:-1])


def test_mismatched_fields_raise() -> None:
    images, masks = torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2, 8, 8, dtype=torch.uint8)
    names = np.array(["a.png", "b.png"])
    faces = Dataset(images, masks, {}, names)
    assert len(faces) == 2 and faces.size == 8
    with pytest.raises(UserError, match="seeds"):
        faces.seeds  # noqa: B018
    with pytest.raises(UserError, match="masks are.*\\[2, 4, 8\\]"):
        Dataset(images, masks[:, :4], {}, names)
    with pytest.raises(UserError, match="images must be uint8"):
        Dataset(images.float(), masks, {}, names)
    with pytest.raises(UserError, match='"hat" has 1 entries for 2 faces'):
        Dataset(images, masks, {"hat": np.array(["cap"])}, names)
    masks[1, 0, 0] = 13
    with pytest.raises(UserError, match="b.png has a class 13"):
        Dataset(images, masks, {}, names)


# -------------------------------------------------------------------------------------------- reduction of masks

def block(*pixels: str) -> np.ndarray:
    """A square mask [1, f, f] of parts by name."""
    side = round(len(pixels) ** 0.5)
    return np.array([PARTS[name].id for name in pixels], np.uint8).reshape(1, side, side)


@pytest.mark.parametrize("pixels, winner", [
    (("face", "face", "hair", "face"), "face"),
    (("face", "eyes", "eyes", "face"), "eyes"),                      # an equal number: the thin part
    (("eyes", "face", "face", "face"), "face"),                      # one of four is not enough
    (("earrings", "hair", "hair", "hair"), "hair"),
    (("eyes", "eyes", "earrings", "earrings"), "earrings"),          # the thinner of two thin ones
    (("eyebrows",) * 7 + ("face",) * 9, "eyebrows"),
    (("eyebrows",) * 6 + ("face",) * 10, "face"),
    (("earrings",) * 5 + ("hair",) * 11, "earrings"),
    (("earrings",) * 4 + ("hair",) * 12, "hair"),
    (("nose",) * 7 + ("face",) * 9, "face"),
])
def test_thin_parts_win_ties(pixels: tuple[str, ...], winner: str) -> None:
    mask = block(*pixels)
    assert reduce_masks(mask, mask.shape[-1]).item() == PARTS[winner].id


# --------------------------------------------------------------------------------------------------- bad packs

def webp(rng: np.random.Generator, size: int = 128) -> bytes:
    target = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (size, size, 3), np.uint8)).save(target, "WEBP")
    return target.getvalue()


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that writes a pack of twelve synthetic heads, with something wrong in it if asked."""
    def write(**changes) -> Path:
        rng = np.random.default_rng(0)
        contents = dict(images=[webp(rng) for _ in range(12)], masks=rng.integers(0, 13, (12, 128, 128), np.uint8),
                        seeds=np.arange(100, 112), attributes={"hat": np.array(["cap", "none"] * 6)},
                        maker_version="test")
        (tmp_path / "heads").mkdir(exist_ok=True)
        path = tmp_path / "heads" / "heads-00000.npz"
        shards.write_shard(path, **(contents | changes))
        assets.write_manifest(tmp_path)
        monkeypatch.setenv("SSGAN_DATA", str(tmp_path))
        return path
    return write


def test_shard_reads_back_as_written(pack) -> None:
    path = pack()
    faces = open_dataset("heads", 128, "all")
    rng = np.random.default_rng(0)
    for _ in range(12):
        webp(rng)
    assert np.array_equal(faces.masks.numpy(), rng.integers(0, 13, (12, 128, 128), np.uint8))
    assert faces.seeds.tolist() == list(range(100, 112)) and faces.attributes["hat"][0] == "cap"
    assert len(open_dataset("heads", 32, "val")) == 1 and len(open_dataset("heads", 32)) == 11
    assert not list(path.parent.glob("*.tmp"))


def test_read_only_pack_opens(pack) -> None:
    folder = pack().parent
    before = sorted(p.name for p in folder.parent.rglob("*"))
    folder.chmod(0o555)
    try:
        open_dataset("heads", 32)
    finally:
        folder.chmod(0o755)
    assert sorted(p.name for p in folder.parent.rglob("*")) == before


def test_truncated_shard_raises(pack) -> None:
    path = pack()
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UserError, match="heads-00000.npz.*cut short"):
        open_dataset("heads")


def test_changed_byte_raises(pack) -> None:
    path = pack()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(UserError, match="heads-00000.npz.*was changed"):
        open_dataset("heads")


def test_missing_shard_raises(pack) -> None:
    pack().unlink()
    with pytest.raises(UserError, match="heads-00000.npz.*not found"):
        open_dataset("heads")


def test_class_out_of_range_raises(pack) -> None:
    masks = np.zeros((12, 128, 128), np.uint8)
    masks[4, 3, 3] = 19
    pack(masks=masks)
    with pytest.raises(UserError, match="heads-00000.npz.*mask of seed 104 has class 19"):
        open_dataset("heads", split="all")


def test_damaged_image_raises(pack) -> None:
    rng = np.random.default_rng(0)
    pack(images=[webp(rng) for _ in range(11)] + [b"not a picture"])
    with pytest.raises(UserError, match="heads-00000.npz.*image of seed 111 does not decode"):
        open_dataset("heads", split="all")


def test_image_of_other_size_raises(pack) -> None:
    rng = np.random.default_rng(0)
    pack(images=[webp(rng, 64) for _ in range(12)])
    with pytest.raises(UserError, match="heads-00000.npz.*64 x 64 pixels, but its mask is 128 x 128"):
        open_dataset("heads")


def test_file_that_is_no_shard_raises(pack) -> None:
    path = pack()
    np.savez(path, seed=np.arange(3))
    assets.write_manifest(path.parent.parent)
    with pytest.raises(UserError, match="heads-00000.npz.*not a shard of heads: it lacks image_offsets"):
        open_dataset("heads")
    path.write_bytes(b"PK nothing")
    assets.write_manifest(path.parent.parent)
    with pytest.raises(UserError, match="heads-00000.npz.*cannot be read"):
        open_dataset("heads")


def test_shards_with_other_attributes_raise(pack) -> None:
    path = pack()
    (path.parent / "heads-00001.npz").write_bytes(path.read_bytes())
    pack(attributes={"cap": np.zeros(12, np.float32)})
    with pytest.raises(UserError, match="heads-00001.npz.*other attributes"):
        open_dataset("heads")
