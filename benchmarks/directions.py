"""Which system moves an attribute, and what else does it move? Ours by parts, ours whole, the monolithic baseline.

    python benchmarks/directions.py --out directions.json --figure directions.png       # as published
    python benchmarks/directions.py --faces 40 --systems InterFaceGAN                   # a look

For every system, kind of edit and attribute, on new faces, as the judge on Lite2 sees it, which no direction saw:

    per unit    change of the attribute per unit, in standard deviations of the heads
    moved       share of faces that change by a standard deviation of the model's own faces when moved by 3 units;
                moved heads: of the heads
    spill       change of all other attributes, each in its own standard deviations, over that of the wanted one (root
                mean square): 0 changes nothing else
    leak        change of the picture outside of the parts that were meant, over the change inside: median over faces
    identity    feature distance, to Lite2's eyes, of what was not meant, before and after: median over faces
    seconds     to find the direction, once the labelled faces are there

A direction of the whole face is held to the parts of the same attribute's edit by parts. The two models may draw
pictures of different sizes; then compare leaks and spills, not identities.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from ssgan_lite.directions import draw_sample, judge, load_sample, with_swaps
from ssgan_lite.directions.direction import WHOLE, place
from ssgan_lite.directions.naming import CANDIDATES, SWAPS, promising, rounded
from ssgan_lite.directions.systems import SYSTEMS
from ssgan_lite.errors import UserError
from ssgan_lite.measure.attributes import load_predictor
from ssgan_lite.weights import load_pretrained

ATTRIBUTES = ("smile", "hair_darkness", "hair_length", "skin_tone", "age", "yaw")
COLUMNS = ("per_unit", "moved", "moved_heads", "spill", "leak", "identity", "seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="lite64")
    parser.add_argument("--baseline", default="nano32-monolithic", help="a monolithic model; empty: none")
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--attributes", nargs="+", default=list(ATTRIBUTES))
    parser.add_argument("--whole", type=int, default=1000, help="labelled faces of one code")
    parser.add_argument("--mixed", type=int, default=2, help="labelled faces whose parts have codes of their own")
    parser.add_argument("--faces", type=int, default=200, help="faces that are edited and judged")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers")
    parser.add_argument("--figure", type=Path, help="a PNG file for the figure")
    options = parser.parse_args()
    rows = compare(options)
    print(table(rows))
    if options.out:
        about = dict(weights=options.weights, baseline=options.baseline, faces=options.faces, seed=options.seed)
        options.out.write_text(json.dumps(dict(about, rows=rows), indent=1) + "\n")
    if options.figure:
        draw(rows, options.figure)


def compare(options: argparse.Namespace) -> list[dict]:
    teacher, judging, rows = load_predictor("lite0"), load_predictor("lite2"), []
    ours = load_pretrained(options.weights).requires_grad_(False)
    models = [("ours", ours)]
    if options.baseline:
        models.append(("baseline", load_pretrained(options.baseline).requires_grad_(False)))
    by_parts: dict = {}
    for model, G in models:
        try:
            sample = load_sample(G)
        except UserError:                       # no labels of this model ship
            sample = draw_sample(G, teacher, options.whole, options.mixed, options.seed, quiet=False)
        if model == "ours":
            sample = with_swaps(sample, SWAPS, teacher, options.seed, quiet=False)
        faces = judge.draw_faces(G, judging, options.faces, options.seed)
        if model == "ours":                     # where each attribute is, as for the sliders
            for candidate in CANDIDATES:
                if candidate.attribute in options.attributes:
                    places = promising(sample, candidate.attribute, candidate.places)
                    by_parts[candidate.attribute] = places[0] if places else candidate.places[0]
        for attribute in options.attributes:
            meant = place(ours, by_parts[attribute]).parts
            for how, where in (("by parts", by_parts[attribute]), ("whole", WHOLE))[model != "ours":]:
                for system in options.systems:
                    row = dict(system=system, edit=f"{model} {how}" if model == "ours" else "baseline",
                               attribute=attribute)
                    try:
                        began = time.perf_counter()
                        direction = SYSTEMS[system](sample, attribute, where)
                        row["seconds"] = time.perf_counter() - began
                        row |= judge.examine(direction, faces, options.seed, meant)
                    except UserError as error:
                        row["reason"] = str(error)
                    rows.append(rounded_row(row))
                    print(line(rows[-1]), flush=True)
    return rows


def rounded_row(row: dict) -> dict:
    texts = {key: value for key, value in row.items() if isinstance(value, str)}
    return texts | rounded({key: value for key, value in row.items() if key not in texts})


def line(row: dict) -> str:
    numbers = "".join(f"{'-' if row.get(name) is None else format(row[name], '.2f'):>12}" for name in COLUMNS)
    return f"{row['attribute']:16}{row['edit']:16}{row['system']:28}{numbers}"


def table(rows: list[dict]) -> str:
    head = f"{'attribute':16}{'edit':16}{'system':28}" + "".join(f"{name.replace('_', ' '):>12}" for name in COLUMNS)
    return "\n".join([head, *(line(row) for row in sorted(rows, key=lambda r: (r["attribute"], r["edit"])))])


def draw(rows: list[dict], path: Path) -> None:
    """For every attribute a panel: how many faces move, against what leaks; a color per kind of edit."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    attributes = list(dict.fromkeys(row["attribute"] for row in rows))
    edits = list(dict.fromkeys(row["edit"] for row in rows))
    systems = list(dict.fromkeys(row["system"] for row in rows))
    figure, axes = pyplot.subplots(2, -(-len(attributes) // 2), figsize=(11, 6.2), sharex=True, sharey=True,
                                   squeeze=False, layout="constrained")
    for axis, attribute in zip(axes.flat, attributes, strict=False):
        for row in rows:
            if row["attribute"] == attribute and row.get("leak") is not None:
                axis.scatter(row["moved"], row["leak"], s=55, color=f"C{edits.index(row['edit'])}",
                             marker="os^vDP*X"[systems.index(row["system"])], edgecolor="black", linewidth=0.5)
        axis.set_title(attribute.replace("_", " "), fontsize=10)
        axis.axhline(0.1, color="gray", linewidth=0.7, linestyle=":")
        axis.axvline(0.7, color="gray", linewidth=0.7, linestyle=":")
        axis.set_yscale("log")
    figure.supxlabel("share of faces that move by a standard deviation", fontsize=10)
    figure.supylabel("change outside the part over change inside", fontsize=10)
    handles = [pyplot.Line2D([], [], color=f"C{i}", marker="o", linestyle="", label=edit)
               for i, edit in enumerate(edits)]
    handles += [pyplot.Line2D([], [], color="black", marker="os^vDP*X"[i], linestyle="", label=system)
                for i, system in enumerate(systems)]
    figure.legend(handles=handles, loc="outside upper center", ncols=8, fontsize=9, frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
