"""Write what can be computed in the teacher's guide: `python tools/teaching.py`.

The table of times in `docs/teaching.md` comes from the headers of the notebooks and from the exercises, and
`docs/quiz.md` from `docs/quiz.json`. With --check nothing is written; it fails if a page is out of date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import nbformat

from ssgan_lite.course import check
from ssgan_lite.course.notebooks import NOTEBOOKS, Notebook, notebook_of
from ssgan_lite.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
GUIDE, QUIZ, PAGE = (ROOT / "docs" / name for name in ("teaching.md", "quiz.json", "quiz.md"))
BEGIN, END = "<!-- times -->", "<!-- /times -->"
LETTERS = "abc"
HEAD = """\
# Quiz

Three questions per notebook. One answer is right; open the line below a question to see which, and why. Teachers find
[plans and questions for discussion](teaching.md) in the guide.

<!-- Written by tools/teaching.py from quiz.json. -->
"""


def header_times(notebook: Notebook) -> tuple[int, int, str]:
    """(minutes to read, seconds to run, memory) as the first cell of a written notebook says."""
    header = nbformat.read(ROOT / "notebooks" / notebook.file, as_version=4).cells[0].source
    told = r"(\d+) minutes to read", r"(\d+) seconds on two CPU cores", r"need (?:about )?([\d.]+ [MG]B) of memory"
    found = [re.search(pattern, header) for pattern in told]
    if not all(found):
        raise UserError(f'The header of "{notebook.file}" does not say minutes to read, seconds and memory.')
    minutes, seconds, memory = (match[1] for match in found)
    return int(minutes), int(seconds), memory


def exercise_minutes() -> dict[str, int]:
    """Number of a notebook -> minutes that its exercises announce, together."""
    minutes: dict[str, int] = {}
    for exercise in check.exercises().values():
        minutes[exercise.notebook] = minutes.get(exercise.notebook, 0) + exercise.minutes
    return minutes


def times() -> str:
    """The table of times, one row per written notebook."""
    lines = ["| notebook | to read | its exercises | all cells run in | memory |", "|---|---|---|---|---|"]
    totals, exercises = [0, 0, 0], exercise_minutes()
    for notebook in (row for row in NOTEBOOKS if not row.planned):
        read, run, memory = header_times(notebook)
        solve = exercises.get(notebook.number, 0)
        totals = [a + b for a, b in zip(totals, (read, solve, run), strict=True)]
        link = f"[{notebook.number} {notebook.title}](../notebooks/{notebook.file})"
        lines.append(f"| {link} | {read} min | {solve} min | {run} s | {memory} |")
    lines.append(f"| together | {totals[0] / 60:.1f} h | {totals[1] / 60:.1f} h | {totals[2] / 60:.0f} min | |")
    return "\n".join(lines)


def guide(text: str) -> str:
    """The guide with its table brought up to date."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UserError(f'"{GUIDE.name}" has lost the lines {BEGIN} and {END} around its table of times.')
    return f"{before}{BEGIN}\n{times()}\n{END}{after}"


def read_quiz(path: Path = QUIZ) -> dict[str, list[dict]]:
    """Subject of a notebook -> its questions: `question`, and three `choices` with `text`, `right` and `why`."""
    try:
        quiz = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f'"{path}" is not JSON: {error}.') from None
    for subject, questions in quiz.items():
        notebook_of(subject)                                        # an unknown subject is an error that says so
        for question in questions:
            if sum(choice["right"] for choice in question["choices"]) != 1:
                raise UserError(f'{path.name}, {subject}: not exactly one right answer to "{question["question"]}".')
    return quiz


def quiz_page(quiz: dict[str, list[dict]]) -> str:
    """All questions on written notebooks, with the answers folded."""
    parts = [HEAD]
    for notebook in (row for row in NOTEBOOKS if not row.planned and row.subject in quiz):
        parts.append(f"## {notebook.number} {notebook.title}\n")
        for number, question in enumerate(quiz[notebook.subject], start=1):
            parts.append(f"**{number}. {question['question']}**\n")
            lettered = list(zip(LETTERS, question["choices"], strict=True))
            parts += [f"- **{letter}** {choice['text']}" for letter, choice in lettered]
            parts.append("\n<details><summary>Answer</summary>\n")
            parts += [f"- **{letter}{', right' if choice['right'] else ''}**: {choice['why']}"
                      for letter, choice in lettered]
            parts.append("\n</details>\n")
    return "\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is out of date")
    options = parser.parse_args()
    try:
        pages = {GUIDE: guide(GUIDE.read_text(encoding="utf-8")), PAGE: quiz_page(read_quiz())}
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{path.relative_to(ROOT)}: {'out of date' if options.check else 'written anew'}")
        if not options.check:
            path.write_text(pages[path], encoding="utf-8", newline="\n")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
