"""Run notebooks from top to bottom and store their outputs: `make notebooks`, or for some of them

    python tools/notebooks.py notebooks/00_start_here.ipynb

A notebook is written only if every cell ran, and what is stored depends on nothing but its cells: no times, no widget
states, no version of the kernel, nothing that you have solved. The output that answers a "**Predict" is folded, so
that nobody reads it before thinking. Prints the seconds and the peak memory of each; the
header of a notebook quotes them. With --check nothing is written; it says which would come out differently.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from ssgan_lite.storage import atomic_write

PREDICTION = re.compile(r"\*\*Predict\b")
PEAK = "import resource as _r; print(_r.getrusage(_r.RUSAGE_SELF).ru_maxrss)"
LONG, LONG_IN_ALL = 90, 600         # seconds: one notebook, the whole course


def run(path: Path, timeout: int, store: bool = True) -> tuple[float, float, bool]:
    """Execute one notebook in its folder and store it; (seconds, peak megabytes of the kernel, is it the same?)."""
    notebook = nbformat.read(path, as_version=4)
    probe = nbformat.v4.new_code_cell(PEAK) if sys.platform != "win32" else None
    if probe:
        notebook.cells.append(probe)
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        NotebookClient(notebook, timeout=timeout, kernel_name="python3", store_widget_state=False,
                       resources={"metadata": {"path": str(path.parent)}}).execute(env=environment(Path(scratch)))
        seconds = time.perf_counter() - began
    peak = int(notebook.cells.pop().outputs[0].text) / 1024 if probe else float("nan")
    text = nbformat.writes(clean(notebook)) + "\n"
    same = path.read_text(encoding="utf-8").rstrip("\n") == text.rstrip("\n")
    if store and not same:
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    return seconds, peak, same


def environment(scratch: Path) -> dict[str, str]:
    """What the kernel sees: whoever runs this has solved nothing, and wrong answers are printed."""
    kept = {name: value for name, value in os.environ.items() if name != "SSGAN_CHECKS"}
    return kept | {"SSGAN_PROGRESS": str(scratch / "progress.json")}


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop what differs from run to run without anyone having changed anything."""
    notebook.metadata = nbformat.from_dict({
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"}})
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03d}"
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            view = output.get("data", {}).get("application/vnd.jupyter.widget-view+json")
            if view:
                view["model_id"] = re.sub(r"\w", "0", view["model_id"])
        if "outputs" in cell:
            cell.outputs = merged(cell.outputs)
    folded = answers_to_predictions(notebook.cells)
    for number, cell in enumerate(notebook.cells):
        if number in folded:
            cell.metadata["jupyter"] = {"outputs_hidden": True}
        else:
            cell.metadata.pop("jupyter", None)
    return notebook


def answers_to_predictions(cells: list, question: re.Pattern = PREDICTION) -> set[int]:
    """Numbers of the code cells whose output answers a question "**Predict": the first cell with an output after it,
    and the code cells that follow that one without a text between. JupyterLab shows such outputs when asked to."""
    found: set[int] = set()
    waiting = answering = False
    for number, cell in enumerate(cells):
        if cell.cell_type == "markdown":
            waiting, answering = bool(question.search(cell.source)) or (waiting and not answering), False
        elif (waiting or answering) and cell.outputs:
            found.add(number)
            waiting, answering = False, True
    return found


def merged(outputs: list) -> list:
    """Printed lines that follow each other as one output: how they arrive in pieces is a matter of timing."""
    kept: list = []
    for output in outputs:
        if kept and output.output_type == "stream" == kept[-1].output_type and output.name == kept[-1].name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of notebooks/")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one cell (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a notebook comes out "
                                                             "differently")
    options = parser.parse_args()
    paths = options.notebooks or sorted(Path(__file__).parent.parent.glob("notebooks/*.ipynb"))
    failed, total = 0, 0.0
    for path in paths:
        try:
            seconds, peak, same = run(path, options.timeout, store=not options.check)
        except CellExecutionError as error:
            failed += 1
            print(f"{path.name}: stopped; the notebook was left as it was.\n{error}", file=sys.stderr)
            continue
        total += seconds
        failed += options.check and not same
        news = "" if same else ("; comes out differently" if options.check else "; stored anew")
        print(f"{path.name}: {seconds:.0f} s, {peak:.0f} MB, {path.stat().st_size / 1000:.0f} kB{news}", flush=True)
        if seconds > LONG:
            print(f"  warning: longer than {LONG} s")
    if len(paths) > 1:
        print(f"all together: {total:.0f} s")
        if total > LONG_IN_ALL:
            print(f"  warning: longer than {LONG_IN_ALL} s")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
