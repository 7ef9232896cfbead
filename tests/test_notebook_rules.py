"""The rules of test_notebooks.py can be broken: each on a copy of the first notebook with one planted mistake."""

from __future__ import annotations

import copy

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

import test_notebooks as rules

NAME = "00_start_here.ipynb"


def replace(old, new, where=0):
    def plant(notebook):
        assert old in notebook.cells[where].source
        notebook.cells[where].source = notebook.cells[where].source.replace(old, new)
    return plant


def first_code(notebook):
    return next(cell for cell in notebook.cells if cell.cell_type == "code")


def printed(text, name="stdout"):
    return lambda notebook: first_code(notebook).outputs.append(new_output("stream", name=name, text=text))


def alt(text):
    def plant(notebook):
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                for kind in output.get("metadata", {}):
                    output.metadata[kind]["alt"] = text
    return plant


def tag(name):
    return lambda notebook: first_code(notebook).metadata.update(tags=[name])


def strip(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []


MISTAKES = [
    (rules.test_every_code_cell_was_run_in_order, lambda nb: first_code(nb).update(execution_count=7)),
    (rules.test_metadata_are_clean, lambda nb: nb.metadata.update(widgets={})),
    (rules.test_metadata_are_clean, lambda nb: nb.metadata.kernelspec.update(name="my-env")),
    (rules.test_outputs_hold_nothing_of_the_machine_they_were_made_on, printed("<object at 0x7f0011223344>")),
    (rules.test_outputs_hold_nothing_of_the_machine_they_were_made_on, printed("in /" + "home/somebody/x")),
    (rules.test_outputs_hold_nothing_of_the_machine_they_were_made_on, printed("at 12:30:01")),
    (rules.test_outputs_hold_nothing_of_the_machine_they_were_made_on, printed("careful", "stderr")),
    (rules.test_every_picture_has_an_alt_text_and_is_a_picture, alt("a map")),
    (rules.test_every_picture_has_an_alt_text_and_is_a_picture, replace("# 00", "![](map.png)\n# 00")),
    (rules.test_cells_are_short_and_explained, lambda nb: nb.cells.extend([new_code_cell("x = 1")] * 40)),
    (rules.test_cells_are_short_and_explained, lambda nb: [cell.update(source="x = 1\n" * 11) for cell in nb.cells
                                                           if cell.cell_type == "code"]),
    (rules.test_few_cells_are_excused_from_comparison, tag("nbval-ignore-output")),
    (rules.test_few_cells_are_excused_from_comparison, tag("nbval-skip")),
    (rules.test_few_cells_are_excused_from_comparison, lambda nb: nb.cells.append(new_code_cell("# NBVAL_SKIP\nx"))),
    (rules.test_few_cells_are_excused_from_comparison, lambda nb: nb.cells.extend(
        [new_code_cell("# NBVAL_IGNORE_OUTPUT differs between machines")] * 3)),
    (rules.test_something_is_compared, strip),
    (rules.test_something_is_compared, lambda nb: nb.cells.append(new_code_cell("print(3)"))),
    (rules.test_it_opens_with_what_one_must_know, replace("# 00 · ", "# ")),
    (rules.test_it_opens_with_what_one_must_know, replace("**You need:**", "")),
    (rules.test_it_opens_with_what_one_must_know, replace("minutes to read", "minutes")),
    (rules.test_it_opens_with_what_one_must_know, replace("on two CPU cores", "")),
    (rules.test_it_opens_with_what_one_must_know, replace("about 15 seconds", "about 150 seconds")),
    (rules.test_it_opens_with_what_one_must_know, replace("MB of memory", "MB")),
    (rules.test_it_opens_with_what_one_must_know, replace("pipeline", "no_map", where=3)),
    (rules.test_it_ends_with_exercises_and_a_summary, lambda nb: [cell.update(source=cell.source.replace(
        "## Exercises", "## To do")) for cell in nb.cells]),
    (rules.test_it_ends_with_exercises_and_a_summary, replace("## Summary", "## End", where=-1)),
    (rules.test_it_ends_with_exercises_and_a_summary, replace("\n- Truncation", "\n- One\n- Truncation", where=-1)),
    (rules.test_it_ends_with_exercises_and_a_summary, replace("https://arxiv.org", "arxiv.org", where=-1)),
    (rules.test_references_agree_with_their_addresses, lambda nb: nb.cells.append(new_markdown_cell(
        "[arXiv 2112.02236](https://arxiv.org/abs/2112.02237)"))),
    (rules.test_links_lead_somewhere, lambda nb: nb.cells.append(new_markdown_cell("[x](99_nothing.ipynb)"))),
]


@pytest.mark.parametrize(("rule", "plant"), MISTAKES)
def test_a_planted_mistake_is_found(rule, plant, monkeypatch):
    notebook = copy.deepcopy(rules.READ[NAME])
    monkeypatch.setattr(rules, "READ", {NAME: notebook})
    rule(NAME)
    plant(notebook)
    with pytest.raises((AssertionError, IndexError)):
        rule(NAME)


def test_a_notebook_that_is_on_no_map(monkeypatch):
    other = {NAME: rules.READ[NAME], "77_elsewhere.ipynb": rules.READ[NAME]}
    monkeypatch.setattr(rules, "READ", other)
    rules.test_it_is_on_the_maps_of_the_course(NAME)
    with pytest.raises(AssertionError):
        rules.test_it_is_on_the_maps_of_the_course("77_elsewhere.ipynb")
