"""Turn the prototype's archive (one .npz with WebP images and PNG masks) into shards and a contact sheet.

    python data/heads/repack_preview.py PREVIEW.npz
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from ssgan_lite import assets
from ssgan_lite.data import heads
from ssgan_lite.pictures import contact_sheet

HERE = Path(__file__).resolve().parent
PER_SHARD = 500


def main(preview: str) -> None:
    """Write data/heads/heads-*.npz, the manifest and data/contact_sheet.jpg."""
    archive = np.load(preview, allow_pickle=False)
    seeds, records = archive["seed"], json.loads(str(archive["attributes"]))
    assert [record["seed"] for record in records] == seeds.tolist()
    image_files, mask_files = files(archive, "image"), files(archive, "mask")
    columns = attributes(records)
    for number, start in enumerate(range(0, len(seeds), PER_SHARD)):
        rows = slice(start, start + PER_SHARD)
        masks = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in mask_files[rows]])     # [N, 128, 128]
        heads.write_shard(HERE / f"heads-{number:05d}.npz", [as_webp(file) for file in image_files[rows]], masks,
                          seeds[rows], {name: values[rows] for name, values in columns.items()}, "prototype")
    assets.write_manifest(HERE.parent)
    contact_sheet(heads.load(128, "all"), 24, 8).save(HERE.parent / "contact_sheet.jpg", quality=85)


def files(archive: np.lib.npyio.NpzFile, kind: str) -> list[bytes]:
    """The files that lie one after the other in `<kind>_bytes`."""
    data, offsets = archive[f"{kind}_bytes"].tobytes(), archive[f"{kind}_offsets"]
    return [data[begin:end] for begin, end in zip(offsets, offsets[1:])]


def as_webp(file: bytes) -> bytes:
    """The picture at quality 82 (the pack then stays below 7 MB), the slowest and smallest encoding."""
    target = io.BytesIO()
    Image.open(io.BytesIO(file)).convert("RGB").save(target, "WEBP", quality=82, method=6)
    return target.getvalue()


def attributes(records: list[dict]) -> dict[str, np.ndarray]:
    """One plain array for every attribute: text of fixed width, or float32; names say what the picture shows."""
    columns = {}
    for name in records[0]:
        values = [record[name] for record in records]
        if name == "seed":
            continue
        if name == "shape_mix":             # three weights of face shapes that add up to 1
            columns |= {f"face_shape_{i + 1}": np.array([v[i] for v in values], np.float32) for i in range(3)}
        else:
            columns[name] = np.array(values) if isinstance(values[0], str) else np.array(values, np.float32)
    return columns


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
