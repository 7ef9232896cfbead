"""Write data/weights/README.md from the records of the weights that are there: `python tools/weights_page.py`.

`tools/ship.py` does it too, so the page always says what the .json files say.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ssgan_lite.measure.report import measured_models
from ssgan_lite.storage import atomic_write

FOLDER = Path(__file__).parent.parent / "data" / "weights"
HEAD = """# The weights that ship, and how each was made

This page is written by `tools/weights_page.py` from the records in the `.json` files, which say more: the whole
recipe, the versions, the curve of the losses. A name is what `ssgan_lite.load_pretrained` takes. The data are told
apart by twelve digits of a sum over the pack (`ssgan_lite.data.data_sum`), where the record has one.
"""
MEASURED = """As `ssgan-lite measure` found them, against the heads in the pack, with so many faces. Distances
are kernel distances times 1000; behind them those between two halves of the heads. They compare only with the same
extractor and number. Agreement is that of the masks with the parser's, in mIoU over large and over small parts; leak
the change outside an edited part over the change inside it, in the median over the parts, for texture and for shape.
"""
CHILDREN = """## Differences

{names}: the file holds the difference to the parent, `load_pretrained` adds the two. It fits one
version of the parent only, and says so when it meets another. After the parent was trained again, repeat the run (the
command stands above; drop `--stop-agreement 0` and it ends by itself, too early for avatars), look at its
`samples/`, `snapshots/` and `watch.png`, choose by eye the images after which eyes and glasses are still there and
everything is drawn, and ship that snapshot:

    python tools/ship.py runs/lite64-avatars lite64-avatars --at IMAGES --difference-to lite64 --note "..."

The note is the credit that the license of the data asks for; it stands in the record. Then run notebook 15 again.
"""
TAIL = """## Making them again

    python tools/train_all.py --out runs/shipped --minutes 600 --parallel 2             # everything, on two cores
    python tools/ship.py runs/shipped/lite64 lite64 --lapse 12 --kid 512 --state        # one of them into this folder

Each command in the list above makes one of them alone. On the same machine with the same versions a run gives the
same weights bit for bit; elsewhere it gives others that are as good. How long it takes is told by "time": seconds of
the device named, other work beside it included.
"""


def page(folder: Path) -> str:
    """The text of README.md."""
    # Beside a description there may be a NAME.measure.json, so the tensors say which generators there are.
    generators = {path.stem: json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
                  for path in sorted(folder.glob("*.safetensors"))}
    parts = [HEAD, "## Generators\n", _table(generators)]
    if measured := _measured(folder):
        parts += [MEASURED, _measures(generators, measured)]
    parts.append(_details(folder, generators))
    networks = {path.stem: json.loads(path.read_text(encoding="utf-8"))
                for path in sorted((folder / "training").glob("*.json"))}
    if networks:
        parts += ["## To train on from\n", "`training/` holds generator and discriminators (float16; `-early`: "
                  "int8), for `ssgan_lite.train.load_networks`\nand `ssgan-lite train --start-from`. Average and "
                  "encoder, where they are not inside, are the ones that ship.\n", _networks(networks)]
    found = sorted(path.stem for path in (folder / "encoders").glob("*.safetensors"))
    encoders = [name for name in found if not name.endswith(".parts")]
    corrections = [name.removesuffix(".parts") for name in found if name.endswith(".parts")]
    if encoders:
        parts += ["## Encoders\n", "`encoders/` holds, for `ssgan_lite.weights.load_encoder`, those of "
                  f"{', '.join(f'`{name}`' for name in encoders)}: from a face to its code.\n"]
    if corrections:
        parts += ["`NAME.parts` corrects that code part by part, for `ssgan_lite.invert.load_part_encoder`; there is "
                  f"one for {', '.join(f'`{name}`' for name in corrections)}. It is made by\n",
                  "```\npython -m ssgan_lite.invert.refine --weights NAME --out "
                  "data/weights/encoders/NAME.parts.safetensors\n```\n"]
    series = sorted(path for path in (folder / "snapshots").glob("*") if path.is_dir())
    if series:
        parts += ["## Along the way\n", "`snapshots/` holds averaged generators of one run (and of `-last-step` "
                  "the one that was trained),\nfor `ssgan_lite.train.open_snapshots`.\n", _snapshots(series)]
    if children := [f"`{name}`, to `{about['parent']}`" for name, about in generators.items() if "parent" in about]:
        parts.append(CHILDREN.format(names="; ".join(children)))
    return "\n".join([*parts, TAIL])


def _table(generators: dict[str, dict]) -> str:
    lines = ["| name | size | model | recipe | images seen | time | device | trained on |",
             "|---|---|---|---|---|---|---|---|"]
    for name, description in generators.items():
        record = description["record"]
        lines.append(f"| `{name}` | {description['config']['size']} px | {_kind(description['config'])} | "
                     f"{_recipe(record)} | {record['images']:,} | {_time(record['seconds'])} | {record['device']} | "
                     f"{_data(record)} |")
    return "\n".join(lines) + "\n"


def _details(folder: Path, generators: dict[str, dict]) -> str:
    out = []
    for name, description in generators.items():
        record = description["record"]
        out += [f"### {name}\n", f"    {record['command']}\n"]
        if record.get("processes", 1) > 1:
            out.append(f"In {record['processes']} processes.\n")
        if record.get("note"):
            out.append(record["note"] + "\n")
        pictures = [f"[{what}]({name}{end})" for end, what in
                    ((".png", "sixteen faces, no truncation"), ("-lapse.png", "along the way"),
                     ("-kid.png", "distance against images"), (".measure.txt", "all measures"))
                    if (folder / f"{name}{end}").exists()]
        out.append(", ".join(pictures) + "\n")
    return "\n".join(out)


def _networks(networks: dict[str, dict]) -> str:
    lines = ["| name | images seen | device | trained on |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {about['images']:,} | {about['record'].get('device', '')} | {_data(about['record'])} |"
              for name, about in networks.items()]
    return "\n".join(lines) + "\n"


def _snapshots(series: list[Path]) -> str:
    lines = ["| name | after so many images |", "|---|---|"]
    for folder in series:
        images = [f"{int(path.stem):,}" for path in sorted(folder.glob("*.safetensors"))]
        lines.append(f"| `{folder.name}` | {'; '.join(images)} |")
    return "\n".join(lines) + "\n"


def _kind(config: dict) -> str:
    """What is not the paper's model."""
    found = [text for field, usual, text in (
        ("architecture", "semantic", "monolithic baseline"), ("mask_branch", True, "no mask branch"),
        ("fusion", "soft", "hard fusion"), ("base_layers", 2, "no base codes")) if config.get(field, usual) != usual]
    if config.get("fourier_bands") == 0:
        found.append("no Fourier features")
    return ", ".join(found) or "the paper's model"


def _recipe(record: dict) -> str:
    """What the run did, phase by phase, and what of it was switched off."""
    used = record.get("recipe", {})
    first = used.get("reconstruct_images", 0)
    found = [f"{first:,} images of reconstruct"] if first else []
    if record.get("start_from"):
        found.append(f"from `{Path(record['start_from']).stem}`")
    if used.get("keep_weight"):
        return ", ".join(["fine-tune", *found, *(["with reconstruction"] if used.get("reconstruct_every") else [])])
    if not (first or used.get("frozen_weight") or used.get("reconstruct_every")):
        return ", ".join([*found, "the paper's"])
    found += [text for field, text in (("reconstruct_every", "no reconstruction in the game"),
                                       ("frozen_weight", "no frozen-feature discriminator"),
                                       ("dual_weight", "no dual discriminator")) if not used.get(field, 1)]
    return ", ".join(["two-core", *found])


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.0f} min"


def _data(record: dict) -> str:
    pack = f" (pack {record['data_sum']})" if record.get("data_sum") else ""
    of = f"of `{record['data']}`" if ":" in record["data"] else record["data"]
    return f"{record['faces']:,} {of}{pack}"


def _measured(folder: Path) -> dict[str, tuple[dict, dict]]:
    """name -> (the report, the model in it), from all NAME.measure.json; a model's own report before another's."""
    found: dict[str, tuple[dict, dict]] = {}
    for path in sorted(folder.glob("*.measure.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        for name, model in measured_models(report).items():
            if name not in found or path.name == f"{name}.measure.json":
                found[name] = report, model
    return found


def _measures(generators: dict[str, dict], measured: dict[str, tuple[dict, dict]]) -> str:
    lines = ["| name | distance | features | n | precision, recall | agreement, large / small parts | "
             "leak, texture / shape |", "|---|---|---|---|---|---|---|"]
    for name in generators:
        if name in measured:
            report, model = measured[name]
            distances, agreement, leak = model["distances"], model["agreement"]["parser"], model["leak_summary"]
            cells = [f"{_number(distances['kernel'], 0)} ({_number(report['real']['kernel'])})",
                     report["extractor"].partition(" (")[0], str(distances["n"]),
                     f"{_number(distances['precision'])}, {_number(distances['recall'])}",
                     f"{_number(agreement['large'])} / {_number(agreement['small'])}",
                     f"{_number(leak['texture']['median'])} / {_number(leak['shape']['median'])}"]
            lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _number(value: float | None, digits: int = 2) -> str:
    """A dash for what could not be measured: a model without eyes in any mask has no agreement of eyes."""
    return "-" if value is None else f"{value:.{digits}f}"


def write(folder: Path = FOLDER) -> None:
    with atomic_write(folder / "README.md") as temporary:
        temporary.write_text(page(folder), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(write())
