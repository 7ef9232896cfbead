"""The result of `measure` as a table in plain text and as a figure, and the folder that holds them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ssgan_lite.errors import UserError
from ssgan_lite.parts import vocabulary
from ssgan_lite.storage import atomic_write, write_text

FILES = ("measure.json", "measure.txt", "measure.png")
INK, OURS, THEIRS, REAL = "#333333", "#11779a", "#cc7744", "#999999"


def measured_models(report: dict) -> dict[str, dict]:
    """The models of a `measure.json` by the names of their weights, in order: "nano32", whatever folder it lay in."""
    return {Path(model["name"]).name.removesuffix(".safetensors"): model for model in report["models"]}


@dataclass(frozen=True)
class ReportOptions:
    """Where the report goes."""

    out: Path | None = None             # a folder for measure.txt, .json and .png; without it the table is printed
    force: bool = False                 # replace a report that is there


def table(result: dict) -> str:
    """Everything that was measured, in at most 110 columns."""
    models = result["models"]
    lines = [f"ssgan-lite {result['version']}, seed {result['seed']}, {result['n']:,} faces"]
    for model in models:
        seen = f", trained on {model['images']:,} images" if model["images"] else ""
        lines.append(f"  {model['name']}: {model['architecture']}, {model['size']} px{seen}")
    names = [short_name(model["name"]) for model in models]
    for section in (_distances, _parts, _attributes, _agreement, _leak, _diversity, _speed):
        rows = section(result, names)
        if rows:
            lines += ["", *rows]
    return "\n".join(lines) + "\n"


def _distances(result: dict, names: list[str]) -> list[str]:
    real = result["real"]
    if real is None:
        return []
    columns = [*(model["distances"] for model in result["models"]), real]
    seen = [*(model["seen"] for model in result["models"]), result["seen_real"]]
    data = result["data"]
    return [f"Distances of {real['n']:,} generated to as many real faces ({data['name']}, {data['split']}, "
            f"{data['size']} px), features of",
            f"  {real['extractor']}, which no training has seen",
            *_rows(["", *names, "real halves"], [
                ["kernel distance x 1000", *(f"{c['kernel']:.2f} +- {c['kernel_std']:.2f}" for c in columns)],
                ["Frechet distance", *(f"{c['frechet']:.1f}" for c in columns)],
                ["precision", *(f"{c['precision']:.2f}" for c in columns)],
                ["recall", *(f"{c['recall']:.2f}" for c in columns)],
                ["seen in training: kernel distance", *(f"{c['kernel']:.2f}" for c in seen)]]),
            f"  Seen in training, so no judge: {seen[0]['extractor']}."]


def _parts(result: dict, names: list[str]) -> list[str]:
    found = [model["parts"] for model in result["models"]]
    if found[0] is None:
        return []

    def cell(drawn: float, any_pixel: float) -> str:
        return f"{drawn:.2f} ({any_pixel:.2f})"

    rows = [[f"  {part}", *(cell(f[part]["drawn"], f[part]["any"]) for f in found),
             cell(found[0][part]["real_drawn"], found[0][part]["real_any"])] for part in found[0]]
    lines = ["Share of masks that have a part, with a quarter of its usual area at least (with any pixel of it)",
             *_rows(["", *names, "real faces"], rows)]
    return lines + [f"  Dead parts of {name}: {', '.join(model['dead_parts']) or 'none'}."
                    for name, model in zip(names, result["models"], strict=True)]


def _attributes(result: dict, names: list[str]) -> list[str]:
    found = [model.get("attributes") for model in result["models"]]
    if not found[0]:
        return []

    def cell(mean: float, std: float) -> str:
        return f"{mean:+.2f} +- {std:.2f}"

    rows = [[f"  {name}", *(f"{cell(f[name]['mean'], f[name]['std'])} ({f[name]['distance']:.2f})" for f in found),
             cell(found[0][name]["real_mean"], found[0][name]["real_std"])] for name in found[0]]
    return ["Attributes as the judge on Lite2 reads them: mean +- standard deviation (Wasserstein distance to real "
            "faces),", "  in standard deviations of the heads", *_rows(["", *names, "real faces"], rows)]


def _agreement(result: dict, names: list[str]) -> list[str]:
    found = [model["agreement"] for model in result["models"]]
    if found[0] is None:
        return []
    ceiling = result["parser"].get(str(result["models"][0]["size"]))
    coarse = [(name, f["coarse"]) for name, f in zip(names, found, strict=True) if f["coarse"]]
    header = ["", *(f"{name}: parser" for name in names), *(f"{name}: coarse" for name, _ in coarse), "real: parser"]
    columns = [*(f["parser"] for f in found), *(c for _, c in coarse), ceiling]

    def row(label: str, pick) -> list[str]:
        return [label, *("-" if c is None else _number(pick(c), 2) for c in columns)]

    def part_row(part: str) -> list[str]:
        cells = [None if c is None else c["parts"][part] for c in columns]
        return [f"  {part}", *("-" if c is None else f"{_number(c['iou'], 2)} ({c['images']})" for c in cells)]

    parts = vocabulary(tuple(found[0]["parser"]["parts"]))
    rows = [row("large parts", lambda c: c["large"]), row("  pooled over images", lambda c: c["large_pooled"]),
            *map(part_row, parts.of_size("large")),
            row("small parts", lambda c: c["small"]), row("  pooled over images", lambda c: c["small_pooled"]),
            *map(part_row, parts.of_size("small")), ["only reported"] + [""] * len(columns),
            *map(part_row, parts.of_size(""))]
    lines = ["Mask agreement, mIoU (in how many images): generated mask with the parser's, coarse with final mask",
             *_rows(header, rows)]
    for name, f in zip(names, found, strict=True):        # such parts lower no mean, so they must not go unnoticed
        never = [part for part, values in f["parser"]["parts"].items() if not values["images"]]
        if never:
            lines.append(f"  Never in a mask of {name}: {', '.join(never)}.")
    return lines


def _leak(result: dict, names: list[str]) -> list[str]:
    models = result["models"]
    if models[0]["leak"] is None:
        return []
    kinds = ("texture", "shape")
    header = ["median over faces", *(f"{name}: {kind}" for name in names for kind in kinds)]
    summaries = [model["leak_summary"][kind] for model in models for kind in kinds]
    rows = [["median over parts", *(_number(summary["median"], 3) for summary in summaries)],
            ["worst part", *(_number(summary["worst"], 3) for summary in summaries)]]
    for part in models[0]["leak"]:
        cells = [model["leak"].get(part, {}).get(kind) for model in models for kind in kinds]
        rows.append([f"  {part}", *map(_leak_cell, cells)])
    best = " {best direction}" if any(model["architecture"] == "monolithic" for model in models) else ""
    lines = [f"Leak of an edit: change outside / change inside the part [without the margin]{best} (faces)",
             *_rows(header, rows)]
    for name, model in zip(names, models, strict=True):
        if model["architecture"] == "monolithic":
            against = next(iter(next(iter(model["leak"].values())).values()))["inside"]
            lines.append(f"  {name}: moved along the axis of W that changes the part most, " + (
                "one standard deviation." if against is None else "as far as the first model's edit changes it."))
    return lines


def _leak_cell(values: dict | None) -> str:
    if values is None or values["leak"] is None:
        return "-"
    best = values.get("leak_of_best")
    return (f"{values['leak']:.3f} [{_number(values['leak_without_margin'], 3)}]"
            f"{f' {{{best:.3f}}}' if best is not None else ''} ({values['faces']})")


def _diversity(result: dict, names: list[str]) -> list[str]:
    found = [(name, model["diversity"]) for name, model in zip(names, result["models"], strict=True)
             if model["diversity"]]
    if not found:
        return []
    rows = [[f"  {part}"] for part in found[0][1]]
    for row, part in zip(rows, found[0][1], strict=True):
        row += [f"{_number(values[part]['distance'], 3)} ({values[part]['pairs']})" for _, values in found]
    return [f"Diversity of a part: mean feature distance within it ({result['extractor']}) (pairs)",
            *_rows(["", *(name for name, _ in found)], rows)]


def _speed(result: dict, names: list[str]) -> list[str]:
    found = [model["speed"] for model in result["models"]]
    if found[0] is None:
        return []
    threads = f", {found[0]['threads']} threads" if found[0]["threads"] else ""
    rows = [[f"ms per face, {batch} at a time", *(f"{f['ms_per_face'][batch]['median']:.1f}" for f in found)]
            for batch in found[0]["ms_per_face"]]
    rows.append(["peak memory, MB", *(_number(f["peak_mb"], 0) for f in found)])
    rows.append(["parameters", *(f"{f['parameters']:,}" for f in found)])
    return [f"Speed and memory ({found[0]['device']}{threads})", *_rows(["", *names], rows)]


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need to be, the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    return ["  " + "  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                             for i, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
            for row in (header, *rows)]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def short_name(name: str) -> str:
    """A shipped name; of a file its stem, or its folder where that says more (runs/first/weights.safetensors)."""
    path = Path(name)
    return (path.parent.name or path.stem) if path.stem == "weights" else path.stem if path.suffix else name


def figure(result: dict):
    """Distances, agreement, leak and diversity side by side; a `matplotlib` figure, or None where that is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    models, names = result["models"], [short_name(model["name"]) for model in result["models"]]
    panels = [panel for panel, there in (
        (_draw_distances, result["real"]), (_draw_agreement, models[0]["agreement"]), (_draw_leak, models[0]["leak"]),
        (_draw_diversity, any(model["diversity"] for model in models))) if there]
    if not panels:
        return None
    canvas = Figure(figsize=(3.6 * len(panels), 4.2), layout="constrained")
    for axis, panel in zip(canvas.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        panel(axis, result, names)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8, colors=INK)
        axis.title.set_fontsize(9)
    return canvas


def _draw_distances(axis, result: dict, names: list[str]) -> None:
    columns = [*(model["distances"] for model in result["models"]), result["real"]]
    axis.bar([*names, "real halves"], [c["kernel"] for c in columns], yerr=[c["kernel_std"] for c in columns],
             color=[OURS, THEIRS][:len(names)] + [REAL], width=0.6, ecolor=INK, capsize=3)
    axis.set_title(f"kernel distance x 1000, {columns[0]['n']:,} faces\n{columns[0]['extractor']}")


def _draw_agreement(axis, result: dict, names: list[str]) -> None:
    for offset, model, name, color in zip((-0.2, 0.2), result["models"], names, (OURS, THEIRS), strict=False):
        iou = {part: values["iou"] for part, values in model["agreement"]["parser"]["parts"].items()}
        _bars(axis, iou, name, color, offset if len(names) > 1 else 0, 0.38 if len(names) > 1 else 0.6)
    ceiling = result["parser"].get(str(result["models"][0]["size"]))
    if ceiling:
        parts = enumerate(ceiling["parts"].values())
        known = [(i, values["iou"]) for i, values in parts if values["iou"] is not None]
        axis.plot([iou for _, iou in known], [i for i, _ in known], "|", color=INK, markersize=9, label="real faces")
    axis.set_xlim(0, 1)
    axis.set_title("mask agreement with the parser (IoU)")
    axis.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.07), ncols=2)


def _draw_leak(axis, result: dict, names: list[str]) -> None:
    for model, name, color in zip(result["models"], names, (OURS, THEIRS), strict=False):
        for kind, marker in (("texture", "o"), ("shape", "s")):
            known = [(max(values[kind]["leak"], 1e-3), i) for i, values in enumerate(model["leak"].values())
                     if values[kind]["leak"] is not None]
            axis.plot([x for x, _ in known], [i for _, i in known], marker, color=color, label=f"{name}: {kind}",
                      fillstyle="full" if kind == "texture" else "none", markersize=5)
    _part_axis(axis, list(result["models"][0]["leak"]))
    axis.set_xscale("log")
    axis.minorticks_off()
    axis.set_xticks([0.01, 0.03, 0.1, 0.3, 1], ["0.01", "0.03", "0.1", "0.3", "1"])
    axis.set_xlim(min(0.02, axis.get_xlim()[0]), max(1.5, axis.get_xlim()[1]))
    axis.set_title("leak of an edit (change outside / inside)")
    axis.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.07), ncols=2)


def _draw_diversity(axis, result: dict, names: list[str]) -> None:
    model, name = next((model, name) for model, name in zip(result["models"], names, strict=True)
                       if model["diversity"])
    _bars(axis, {part: values["distance"] for part, values in model["diversity"].items()}, name, OURS, 0, 0.6)
    axis.set_title(f"diversity of a part, {name}\n(feature distance within it)")


def _bars(axis, values: dict, label: str, color: str, offset: float, height: float) -> None:
    known = [(i, value) for i, value in enumerate(values.values()) if value is not None]
    axis.barh([i + offset for i, _ in known], [value for _, value in known], height, color=color, label=label)
    _part_axis(axis, list(values))


def _part_axis(axis, parts: list[str]) -> None:
    axis.set_yticks(range(len(parts)), parts)
    axis.set_ylim(len(parts) - 0.5, -0.5)


def check_folder(place: ReportOptions) -> None:
    """A report never replaces another one unasked."""
    if place.out is None:
        if place.force:
            raise UserError("--force replaces the report in --out; name that folder too.")
        return
    if place.out.exists() and not place.out.is_dir():
        raise UserError(f'"{place.out}" is a file; the report is a folder. Choose another --out.')
    there = [name for name in FILES if (place.out / name).exists()]
    if there and not place.force:
        raise UserError(f'"{place.out}" already holds a report ({there[0]}). Choose another --out, or add --force to '
                        "replace it.")


def write(result: dict, out: Path) -> list[Path]:
    """Write table, JSON and, where matplotlib is there, the figure; returns what was written."""
    written = [out / "measure.json", out / "measure.txt"]
    write_text(written[0], json.dumps(result, indent=1, allow_nan=False) + "\n")
    write_text(written[1], table(result))
    if (canvas := figure(result)) is not None:
        written.append(out / "measure.png")
        with atomic_write(written[-1]) as temporary:
            canvas.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
    return written
