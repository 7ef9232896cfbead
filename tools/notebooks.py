"""Run notebooks from top to bottom and store their outputs: `make notebooks`, or for some of them

    python tools/notebooks.py notebooks/00_start_here.ipynb

A notebook is written only if every cell ran, and what is stored depends on nothing but its cells: no times, no widget
states, no version of the kernel. Prints the seconds and the peak memory of each; the header of a notebook quotes them.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from ssgan_lite.storage import atomic_write

PEAK = "import resource as _r; print(_r.getrusage(_r.RUSAGE_SELF).ru_maxrss)"


def run(path: Path, timeout: int) -> tuple[float, float]:
    """Execute one notebook in its own folder and store it; returns (seconds, peak megabytes of the kernel)."""
    notebook = nbformat.read(path, as_version=4)
    probe = nbformat.v4.new_code_cell(PEAK) if sys.platform != "win32" else None
    if probe:
        notebook.cells.append(probe)
    began = time.perf_counter()
    NotebookClient(notebook, timeout=timeout, kernel_name="python3", store_widget_state=False,
                   resources={"metadata": {"path": str(path.parent)}}).execute()
    seconds = time.perf_counter() - began
    peak = int(notebook.cells.pop().outputs[0].text) / 1024 if probe else float("nan")
    with atomic_write(path) as temporary:
        nbformat.write(clean(notebook), temporary)
    return seconds, peak


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
    return notebook


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of notebooks/")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one cell (default: %(default)s)")
    options = parser.parse_args()
    paths = options.notebooks or sorted(Path(__file__).parent.parent.glob("notebooks/*.ipynb"))
    failed = 0
    for path in paths:
        try:
            seconds, peak = run(path, options.timeout)
        except CellExecutionError as error:
            failed += 1
            print(f"{path.name}: stopped; the notebook was left as it was.\n{error}", file=sys.stderr)
            continue
        print(f"{path.name}: {seconds:.0f} s, {peak:.0f} MB, {path.stat().st_size / 1000:.0f} kB", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
