"""What nbval does not look at: are the stored notebooks clean, complete, readable without a kernel, and small?"""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from tools.notebooks import answers_to_predictions

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
READ = {path.name: nbformat.read(path, as_version=4) for path in NOTEBOOKS}

pytestmark = pytest.mark.parametrize("name", READ)


def code_cells(name):
    return [cell for cell in READ[name].cells if cell.cell_type == "code"]


def test_every_code_cell_was_run_in_order(name):
    assert [cell.execution_count for cell in code_cells(name)] == list(range(1, len(code_cells(name)) + 1))


def test_metadata_are_clean(name):
    metadata = READ[name].metadata
    assert metadata.kernelspec.name == "python3"
    assert "widgets" not in metadata, "stored widget states are large and go stale"
    assert set(metadata) <= {"kernelspec", "language_info"}


def test_outputs_hold_nothing_of_the_machine_they_were_made_on(name):
    for cell in code_cells(name):
        for output in cell.outputs:
            text = output.get("text", "") + str(output.get("data", {}).get("text/plain", ""))
            found = re.search(r"0x[0-9a-f]{6,}|/(home|root|Users|tmp|work)/|[A-Z]:\\\\|\d\d:\d\d:\d\d", text)
            assert not found, f"{found.group()!r} in the output of: {cell.source[:60]}"
            assert output.output_type != "error"
            assert output.get("name") != "stderr", f"standard error in: {cell.source[:60]}"


def test_every_picture_has_an_alt_text_and_is_a_picture(name):
    for cell in code_cells(name):
        for output in cell.outputs:
            for kind, data in output.get("data", {}).items():
                if kind.startswith("image/"):
                    alt = output.metadata.get(kind, {}).get("alt", "")
                    assert len(alt) >= 20, f"no alt text in: {cell.source[:60]}"
                    colors = Image.open(io.BytesIO(base64.b64decode(data))).convert("L").getextrema()
                    assert colors[0] < colors[1], f"an empty picture in: {cell.source[:60]}"
    for cell in READ[name].cells:
        if cell.cell_type == "markdown":
            assert "![](" not in cell.source


def test_size(name):
    assert (ROOT / "notebooks" / name).stat().st_size < 500_000


def test_cells_are_short_and_explained(name):
    lengths = sorted(len(cell.source.splitlines()) for cell in code_cells(name))
    assert lengths[len(lengths) // 2] <= 10, "the median code cell has at most ten lines"
    n_text = sum(cell.cell_type == "markdown" for cell in READ[name].cells)
    assert n_text >= 0.7 * len(lengths), "a text cell for nearly every code cell"


def test_few_cells_are_excused_from_comparison(name):
    excused = [cell for cell in code_cells(name)
               if "nbval-ignore-output" in cell.metadata.get("tags", []) or "NBVAL_IGNORE_OUTPUT" in cell.source]
    assert len(excused) <= 2
    for cell in excused:
        assert re.search(r"#.*(differs|time|machine)", cell.source), "an excused cell says why, in a comment"
    known = {"nbval-ignore-output"}
    tags = {tag for cell in READ[name].cells for tag in cell.metadata.get("tags", [])}
    assert tags <= known, "nbval's other tags switch the comparison off, or expect an error"
    assert not any(re.search(r"#.*NBVAL_(SKIP|RAISES)", cell.source, re.I) for cell in code_cells(name))


def test_no_output_gives_a_prediction_away(name):
    """What answers a "**Predict" is folded in the page, and nothing else is; nbval compares it all the same."""
    folded = {i for i, cell in enumerate(READ[name].cells) if cell.metadata.get("jupyter", {}).get("outputs_hidden")}
    assert folded == answers_to_predictions(READ[name].cells), "tools/notebooks.py folds them"


def test_something_is_compared(name):
    """Strict mode passes a notebook whose outputs were stripped."""
    assert sum(bool(cell.outputs) for cell in code_cells(name)) >= len(code_cells(name)) / 3
    for cell in code_cells(name):
        if re.match(r"(show|print|checks\.\w+)\(", cell.source.splitlines()[-1]):
            assert cell.outputs, f"no output is stored for: {cell.source[-60:]}"


def test_it_opens_with_what_one_must_know(name):
    """Title with its number, a map or a sentence, what is needed, minutes, measured seconds, and memory."""
    header = READ[name].cells[0]
    assert header.cell_type == "markdown" and header.source.startswith(f"# {name.partition('_')[0]} · ")
    assert "**You need:**" in header.source
    takes = header.source.split("**Takes:**")[1]
    minutes, seconds = re.search(r"(\d+) minutes to read", takes), re.search(r"(\d+) seconds on two CPU cores", takes)
    assert minutes and 5 <= int(minutes[1]) <= 120
    assert seconds and int(seconds[1]) <= 90, "the seconds that tools/notebooks.py measured, not above 90"
    memory = re.search(r"need (?:about )?([\d.]+) (MB|GB) of memory", takes)
    assert memory and float(memory[1]) * (1000 if memory[2] == "GB" else 1) < 2000
    assert any("pipeline(" in cell.source for cell in code_cells(name)[:2]), "the map of the model comes first"


def test_it_ends_with_exercises_and_a_summary(name):
    text = "\n".join(cell.source for cell in READ[name].cells if cell.cell_type == "markdown")
    assert re.search(r"^#+ .*\bExercises?\b", text, re.MULTILINE), "no heading says where the exercises are"
    last = READ[name].cells[-1]
    assert last.cell_type == "markdown" and "## Summary" in last.source
    summary, _, reading = last.source.split("## Summary")[1].partition("**Read next:**")
    lines = re.findall(r"^- ", summary, re.MULTILINE)
    assert len(lines) == 5, f"a summary of five lines; it has {len(lines)}"
    paper = r"\[arXiv \d{4}\.\d{4,5}\]\(https://arxiv\.org/abs/\d{4}\.\d{4,5}\)"
    assert re.search(paper, reading), "what to read next"


def test_references_agree_with_their_addresses(name):
    for cell in READ[name].cells:
        if cell.cell_type == "markdown":
            for number, address in re.findall(r"\[arXiv ([\d.]+)\]\(https://arxiv\.org/abs/([\d.]+)\)", cell.source):
                assert number == address


def test_it_is_on_the_maps_of_the_course(name):
    """As a link: in the README, and in the table of the first notebook."""
    assert f"](notebooks/{name})" in (ROOT / "README.md").read_text(encoding="utf-8")
    first = READ[min(READ)]
    if name != min(READ):
        assert any(f"]({name})" in cell.source for cell in first.cells if cell.cell_type == "markdown")


def test_links_lead_somewhere(name):
    for cell in READ[name].cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", cell.source):
                if not target.startswith(("http://", "https://")):
                    assert (ROOT / "notebooks" / target).exists(), target
