"""The teacher's guide and the quiz: complete, up to date, and plans that fit into their time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ssgan_lite.course.notebooks import BY_NUMBER, NOTEBOOKS
from ssgan_lite.errors import UserError
from tools import teaching

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
WRITTEN = [notebook for notebook in NOTEBOOKS if not notebook.planned]
CHAPTER = GUIDE.partition("## Five plans")[2].partition("## Grading")[0] + "#"
PLANS = dict(re.findall(r"^### (.*?)\n(.*?)(?=^#)", CHAPTER, re.MULTILINE | re.DOTALL))
REMEDY = "run `python tools/teaching.py`"


def rows(plan: str) -> list[list[str]]:
    """Cells of the table of a plan, without its head."""
    lines = [[cell.strip() for cell in line.strip("| \n").split(" | ")] for line in PLANS[plan].splitlines()
             if line.startswith("| ")]
    return lines[1:]


@pytest.mark.parametrize("subject", [notebook.subject for notebook in WRITTEN])
def test_quiz_has_three_explained_questions_on_notebook(subject):
    questions = teaching.read_quiz().get(subject, [])
    assert len(questions) == 3, f"docs/quiz.json needs three questions on {subject}"
    assert len({question["question"] for question in questions}) == 3
    for question in questions:
        choices = question["choices"]
        assert question["question"].strip() and set(question) == {"question", "choices"}
        assert len(choices) == 3 and len({choice["text"] for choice in choices}) == 3
        assert [choice["right"] for choice in choices].count(True) == 1
        assert all(len(choice["why"]) > 20 and set(choice) == {"text", "right", "why"} for choice in choices)


def test_place_of_right_answers_tells_nothing():
    places = [[choice["right"] for choice in question["choices"]].index(True)
              for questions in teaching.read_quiz().values() for question in questions]
    assert all(places.count(place) > len(places) / 5 for place in range(3))


def test_right_answer_is_not_always_the_longest():
    lengths = [[(len(choice["text"]), choice["right"]) for choice in question["choices"]]
               for questions in teaching.read_quiz().values() for question in questions]
    assert sum(max(question)[1] for question in lengths) < 0.5 * len(lengths)


@pytest.mark.parametrize(("change", "told"), [
    (lambda quiz: quiz["start"][0]["choices"][0].update(right=True), "one right answer"),
    (lambda quiz: quiz.update(strat=[]), "start")])
def test_quiz_with_mistake_is_refused(tmp_path, change, told):
    quiz = json.loads(teaching.QUIZ.read_text(encoding="utf-8"))
    quiz["start"][0]["choices"] = [choice | {"right": i == 1} for i, choice in enumerate(quiz["start"][0]["choices"])]
    change(quiz)
    path = tmp_path / "quiz.json"
    path.write_text(json.dumps(quiz), encoding="utf-8")
    with pytest.raises(UserError, match=told):
        teaching.read_quiz(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="not JSON"):
        teaching.read_quiz(path)


def test_table_of_times_is_that_of_headers_and_exercises():
    assert teaching.guide(GUIDE) == GUIDE, REMEDY
    changed = GUIDE.replace(" min |", " hours |")
    assert changed != GUIDE and teaching.guide(changed) == GUIDE


def test_quiz_page_is_that_of_the_data():
    assert teaching.PAGE.read_text(encoding="utf-8") == teaching.quiz_page(teaching.read_quiz()), REMEDY


@pytest.mark.parametrize("notebook", WRITTEN, ids=lambda notebook: notebook.number)
def test_guide_has_everything_on_notebook(notebook):
    heading = f"\n### {notebook.number} {notebook.title}\n"
    assert heading in GUIDE, f"docs/teaching.md: no section{heading}"
    section = GUIDE.partition(heading)[2].partition("\n### ")[0]
    assert "**The point.**" in section and "**Skip.**" in section
    wrong = section.partition("**Misunderstandings.**")[2].partition("**Questions.**")[0]
    assert len(re.findall(r'^\d\. \*"', wrong, re.MULTILINE)) == 2, "two misunderstandings, as a learner says them"
    asked = section.partition("**Questions.**")[2].partition("**Skip.**")[0]
    questions = re.findall(r"^- \*(.*?)\*\s(.*?)(?=^- |\Z)", asked, re.MULTILINE | re.DOTALL)
    assert len(questions) >= 2 and all(len(answer) > 60 for _, answer in questions), "questions with answers"


def test_there_are_five_plans():
    assert len(PLANS) == 5


@pytest.mark.parametrize("plan", [plan for plan in PLANS if re.search(r"\d+ minutes", plan) and "group" not in plan])
def test_rows_of_plan_add_up(plan):
    promised = int(re.search(r"(\d+) minutes", plan)[1])
    assert sum(int(row[1]) for row in rows(plan)) == promised


@pytest.mark.parametrize("plan", PLANS)
def test_plan_gives_every_notebook_its_time(plan):
    """Where a number stands alone the whole notebook is read. In a reading group nobody reads it in the meeting."""
    for row in rows(plan):
        minutes = [int(cell) for cell in row if re.fullmatch(r"\d+", cell)]
        names = re.sub(r"\(.*?\)", "(some)", row[1] if row[0].isdigit() and len(minutes) > 1 else row[0]).split(", ")
        whole = [name for name in names if name in BY_NUMBER]
        unknown = [name for name in names if not re.match(r"\d\d\w?\b|quiz|projects", name)]
        assert "reading group" in plan or not unknown, f"{plan}: {unknown}"
        needed = sum(teaching.header_times(BY_NUMBER[name])[0] for name in whole)
        assert "reading group" in plan or needed <= sum(minutes), f"{plan}, {row[0]}: reading takes {needed} minutes"


def test_sections_named_in_plans_exist():
    """`05 (1, 5)`: notebook 05 has headings "## 1. ..." and "## 5. ..."."""
    for number, sections in re.findall(r"\b(\d\d\w?) \(([\d, to]+)\)", "".join(PLANS.values())):
        text = (ROOT / "notebooks" / BY_NUMBER[number].file).read_text(encoding="utf-8")
        for section in re.findall(r"\d+", sections):
            assert re.search(rf'## {section}\. ', text), f"notebook {number} has no section {section}"
