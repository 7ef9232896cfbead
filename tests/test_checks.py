"""The machinery of the exercises: what is printed, remembered and left alone, and that nothing breaks it."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from torch import nn

from ssgan_lite.course import check, notebooks
from ssgan_lite.course.exercises import (
    answer_of,
    close,
    exercise,
    expect,
    expect_choice,
    expect_close,
    expect_number,
    expect_same_gradients,
    expect_shape,
    progress,
    registry,
)
from ssgan_lite.errors import UserError

ABOUT = "98.1 Twice: "
NOT_STARTED = ABOUT + "not started yet (about 3 minutes, easy).\n"


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    """A register and a progress file of each test's own."""
    monkeypatch.setattr(registry, "EXERCISES", check.exercises())
    monkeypatch.setattr(check, "_EXERCISES", registry.EXERCISES)
    monkeypatch.setattr(progress, "_here", set())
    monkeypatch.setattr(progress, "_told", set())
    monkeypatch.setenv("SSGAN_PROGRESS", str(tmp_path / "own" / "progress.json"))
    monkeypatch.delenv("SSGAN_CHECKS", raising=False)
    return tmp_path / "own" / "progress.json"


@pytest.fixture
def twice():
    @exercise(1, notebook="98", title="Twice", solution="ssgan_lite.model.layers:EqualLinear.forward",
              minutes=3, level=1)
    def twice_as_much(answer):
        """Return twice of x."""
        x = torch.randn(3, 4)
        out = answer(x)
        expect(not close(out, x ** 2), "you take the square")
        expect_close(out, 2 * x, "it should be twice x")
        expect_same_gradients(answer, lambda x: 2 * x, [x], "other gradients")
    return twice_as_much


def told(check, *answers, capsys) -> str:
    assert check(*answers) is None, "an object would be printed once more by the notebook"
    return capsys.readouterr().out


# ------------------------------------------------------------------------------------------------------ not started

def empty(x):
    """Only a docstring."""


def dots(x):
    y = x + 1      # noqa: F841
    ...  # your lines here


def dots_returned(x):
    y = x + 1      # noqa: F841
    return ...


def dots_used(x):
    factor = ...
    return x * factor


def dots_attribute(x):
    layer = ...
    return layer.forward(x)


def raises(x):
    raise NotImplementedError


def passes(x):
    pass


@pytest.mark.parametrize("answer", [..., None, "...", " ", [1, ...], {"a": None}, empty, dots, dots_returned,
                                    dots_used,
                                    dots_attribute, raises, passes])
def test_not_started_is_one_line_and_never_an_error(twice, answer, capsys, fresh):
    assert told(twice, answer, capsys=capsys) == NOT_STARTED
    assert not fresh.exists()


def test_a_class_that_is_not_written_yet(capsys):
    @exercise(2, notebook="98", title="A layer", solution_text="none", minutes=1, level=1)
    def layer(answer):
        """Write a layer."""
        made = answer(3)
        made.weight.data.zero_()
        expect_close(answer_of(made, torch.ones(1, 3)), torch.zeros(1, 3), "zero weights give zero")

    class Empty(nn.Module):
        def __init__(self, width):
            super().__init__()
            ...

        def forward(self, x):
            ...

    class NoForward(Empty):
        def __init__(self, width):
            super().__init__(width)
            self.weight = nn.Parameter(torch.zeros(width))

        def forward(self, x):
            ...

    class Done(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(width))

        def forward(self, x):
            return x * self.weight

    class NoReturn(Done):
        def forward(self, x):
            x * self.weight

    assert "not started" in told(layer, Empty, capsys=capsys)
    assert "not started" in told(layer, NoForward, capsys=capsys)
    assert "right" in told(layer, Done, capsys=capsys)
    assert "returns nothing" in told(layer, NoReturn, capsys=capsys)


# ---------------------------------------------------------------------------------------------------- right and wrong

def test_right_is_one_line_and_remembered(twice, capsys, fresh):
    assert told(twice, lambda x: x + x, capsys=capsys) == ABOUT + "right.\n"
    assert json.loads(fresh.read_text())["solved"] == ["twice_as_much"]
    assert "not yet" in told(twice, lambda x: x, capsys=capsys)
    assert json.loads(fresh.read_text())["solved"] == ["twice_as_much"], "solved is solved"


def no_return(x):
    y = 2 * x      # noqa: F841


@pytest.mark.parametrize(("answer", "hint"), [
    (lambda x: x ** 2, "You take the square."),
    (lambda x: 3 * x, "It should be twice x."),
    (lambda x: 2 * x.detach(), "No gradient flows through your result"),
    (lambda x: x.detach() * 2 + 0 * x, "Other gradients."),
    (lambda x: (2 * x)[0], "Your result has the shape [4]; it should have [3, 4]."),
    (lambda x: [1, 2], "Your result should be a tensor; it is a list of 2."),
    (lambda x: 2 * x / 0 * 0, "Your result holds values that are not numbers (nan or inf)."),
    (no_return, "Your function returns nothing (None). Is a `return` missing at its end?"),
    (lambda x: x.mul_(2), "Your function changes a tensor that it was given."),
    (torch.ones(3, 4), "A function is wanted here, not its result: check.twice_as_much(f), not"),
])
def test_the_first_thing_wrong_is_said_in_words(twice, answer, hint, capsys, fresh):
    assert told(twice, answer, capsys=capsys).startswith(f"{ABOUT}not yet. {hint}")
    assert not fresh.exists()


def test_number_of_answers(twice):
    with pytest.raises(UserError, match=r"check.twice_as_much needs 1 answer\(s\), it was given 2"):
        twice(1, 2)


def test_numbers_and_choices():
    for good in (3, 3.5, np.float32(2), torch.tensor(1.0), torch.tensor([2.0])):
        expect_number(good)
    for bad in ("3", [3], True, None, torch.zeros(2), float("nan"), {"a": 1}):
        with pytest.raises(check.WrongAnswer, match="number|NaN"):
            expect_number(bad)
    for good in ("ac", "CA", "a, c", "(a) and (c)", ["c", "a"]):
        expect_choice(good, "ac", {"b": "no"})
    for bad, hint in (("ab", "no"), ("a", "something is missing"), ("x", "not among"), (3, "as text"), ([1], "text")):
        with pytest.raises(check.WrongAnswer, match=hint):
            expect_choice(bad, "ac", {"b": "no"})


@pytest.mark.parametrize(("what", "plural"), [
    ("your result", False), ("the weights of a batch", True), ("the W+ codes", True), ("the loss", False),
    ("the mask", False), ("the codes of two new pictures", True), ("generator(z) for z of shape [600, 2]", False)])
def test_several_have_and_one_has(what, plural):
    with pytest.raises(check.WrongAnswer, match=f"{re.escape(what)} {'have' if plural else 'has'} the shape"):
        expect_shape(torch.zeros(2), [3], what)


@pytest.mark.parametrize(("hint", "line"), [
    ("a weight lies between 0 and 1", "A weight lies between 0 and 1."), ("a and d are right", "a and d are right."),
    ("b: look at it", "b: look at it."), ("right, but in a loop", "Right, but in a loop."),
    ("leaky_relu has a slope", "leaky_relu has a slope.")])
def test_hints_begin_with_a_capital_unless_with_a_letter_or_a_name(hint, line):
    assert registry._sentence(hint) == line


def test_close_is_never_an_error():
    assert close([1.0, 2.0], torch.tensor([1.0, 2.0])) and close(True, torch.tensor(True)) and close(3, 3.000001)
    for other in (None, "a", torch.zeros(3), [[1], [2, 3]], object()):
        assert not close(other, torch.zeros(2))


# ---------------------------------------------------------------------------------------------- the reader's mistakes

def helper(x):
    return x @ x                        # shapes do not fit


def deep(x):
    z = helper(x)
    return z


def test_an_error_shows_the_readers_own_lines_only(twice, capsys):
    out = told(twice, deep, capsys=capsys)
    first = deep.__code__.co_firstlineno
    assert re.sub("RuntimeError: mm: ", "RuntimeError: ", out) == (         # torch 2.15 names the function, too
                   f"{ABOUT}not yet. Your code stopped with an error:\n  line {first + 1} of test_checks.py:  z = "
                   f"helper(x)\n  line {helper.__code__.co_firstlineno + 1} of test_checks.py:  return x @ "
                   "x                        # shapes do not fit\n  RuntimeError: mat1 and mat2 shapes cannot be "
                   "multiplied (3x4 and 3x4)\n  (The left side has the shape [3, 4], the right side [3, 4]. In A @ B "
                   "the last axis of A must be as long as the last but one of B; `.mT` exchanges these two.)\n")


def without_keepdim(x):
    return x / x.square().mean(1).sqrt()


def two_lines(x):
    weight = torch.ones(2, 4)
    return torch.nn.functional.linear(
        x, weight.T)


def draws_and_fails(x):
    return x.add_(torch.rand(3, 1)) + torch.zeros(7)


@pytest.mark.parametrize(("answer", "told_too"), [
    (without_keepdim, "The left side has the shape [3, 4], the right side [3]. As [3, 1] the shorter one would fit"),
    (lambda x: x.view(1, 3, 2, 2) + torch.ones(1, 3), "As [1, 3, 1, 1] the shorter one would fit"),
    (lambda x: x + torch.zeros(5, 4), "or one of them 1; for all pairs of rows, write `a[:, None] - b`"),
    (lambda x: x + torch.zeros(3, 5), "Counted from the last axis, lengths must be equal, or one of them 1.)"),
    (two_lines, "The shapes given to it are [3, 4], [4, 2]"),
    (lambda x: torch.where(x[:, 0] > 0, x, 0 * x), "The shapes given to it are [3], [3, 4], [3, 4]"),
    (lambda x: x if x > 0 else -x, "`if` and `and` need one truth value"),
    (lambda x: x[3], "`x[:, p]` takes entry p of the second axis"),
    (lambda x: 1 - (x > 0), "turn true and false into numbers by `.float()`"),
    (lambda x: torch.cat([x, x[0]], 1), "The shapes given to it are [3, 4], [4]"),
    (lambda x: x[torch.ones(2, dtype=torch.bool)], "the mask in the brackets [2]; the mask must"),
])
def test_shape_errors_name_both_shapes(twice, answer, told_too, capsys):
    assert told_too in told(twice, answer, capsys=capsys)


def test_failed_expression_is_not_run_again_if_it_changes_something(twice, capsys):
    out = told(twice, draws_and_fails, capsys=capsys)
    assert "must match the size of tensor b" in out and "left side" not in out


@pytest.mark.parametrize(("found", "wanted", "hint"), [
    ([3, 4], [3, 4, 1, 1], "keepdim"), ([3, 4, 1], [3, 4], "squeeze"), ([2, 3, 5], [5, 2, 3], "permute"),
    ([3, 4], [3, 4], ""), ([3, 4], [7, 2, 1], "")])
def test_difference_of_shapes_is_put_into_words(found, wanted, hint):
    from ssgan_lite.course.exercises.shapes import difference
    assert hint in difference(found, wanted) and bool(hint) == bool(difference(found, wanted))


def test_whose_file_is_it():
    from ssgan_lite.course.exercises.answers import is_readers
    ours = [registry.__file__, torch.nn.functional.__file__, json.__file__, "<frozen importlib._bootstrap>",
            "/anywhere/lib/python3.11/site-packages/torch/x.py"]
    assert [is_readers(name) for name in ours] == [False] * 5
    theirs = [__file__, "/tmp/ipykernel_1/2.py", "<ipython-input-3-abc>", "C:/students/answers.py",
              os.path.dirname(registry.__file__).replace("ssgan_lite", "ssgan_lite_by_me") + "/x.py"]
    assert [is_readers(name) for name in theirs] == [True] * 5


def endless(x):
    return endless(x)


def test_a_deep_trace_is_short(twice, capsys):
    out = told(twice, endless, capsys=capsys)
    assert "RecursionError" in out and len(out.splitlines()) == 6


def test_an_error_without_words(twice, capsys):
    def silent(x):
        raise KeyError
    assert told(twice, silent, capsys=capsys).endswith("raise KeyError\n  KeyError\n")


def test_an_error_inside_the_check_is_not_passed_off_as_the_readers(capsys):
    @exercise(3, notebook="98", title="Odd", solution_text="none", minutes=1, level=1)
    def odd(answer):
        """Something."""
        return answer(1).no_such_thing
    out = told(odd, lambda x: x, capsys=capsys)
    assert registry.GENERIC in out and "line" not in out


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_whoever_wants_to_stop_is_let_go(twice, kind):
    def stop(x):
        raise kind
    before = torch.get_rng_state()
    with pytest.raises(kind):
        twice(stop)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.slow
def test_in_a_notebook_the_cell_and_its_lines_are_named():
    """As a kernel runs it: a cell has a name like a file's, and its lines are kept for tracebacks."""
    program = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.compile.get_code_name = lambda raw, code, number: f"/tmp/ipykernel_123/{number}.py"
shell.run_cell("from ssgan_lite.course.exercises import exercise, expect, registry")
shell.run_cell('''@exercise(1, notebook="98", title="Twice", minutes=3, level=1, solution_text="2 * x")
def twice(answer):
    "Twice."
    expect(answer(1) == 2, "no")
check = registry.EXERCISES["98.1"]''')
for cell in ("def stub(x):\\n    ...\\ncheck(stub)", "def f(x):\\n    return [][x]\\ncheck(f)", "check(lambda x: 3)"):
    shell.run_cell(cell)
"""
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout == NOT_STARTED + (
        f"{ABOUT}not yet. Your code stopped with an error:\n  line 2 of the cell:  return [][x]\n"
        f"  IndexError: list index out of range\n{ABOUT}not yet. No.\n"), out.stderr


# ------------------------------------------------------------------------------------------------------ left alone

def test_random_numbers_are_not_disturbed_and_the_result_does_not_depend_on_them(capsys):
    seen = []

    @exercise(4, notebook="98", title="Dice", solution_text="none", minutes=1, level=1)
    def dice(answer):
        """Throw."""
        seen.append((random.random(), np.random.rand(), torch.rand(2).tolist()))
        answer(1)

    def throws(x):
        random.seed(5), np.random.seed(5), torch.manual_seed(5)
        return torch.rand(1)

    def state():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    for seed in (1, 2):
        random.seed(seed), np.random.seed(seed), torch.manual_seed(seed)
        before = state()
        dice(throws)
        assert state() == before
    assert seen[0] == seen[1]


def test_gradients_can_be_asked_for_wherever_the_check_is_called(twice, capsys):
    with torch.no_grad():
        assert "right" in told(twice, lambda x: 2 * x, capsys=capsys)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        assert "right" in told(twice, lambda x: 2 * x, capsys=capsys)


def test_functions_that_return_nothing(capsys):
    @exercise(5, notebook="98", title="In place", solution_text="none", minutes=1, level=1, in_place=True)
    def in_place(answer):
        """Add one to x."""
        x = torch.zeros(2)
        answer(x)
        if not x.any():
            raise check.NotStarted
        expect_close(x, torch.ones(2), "add one")
    assert "right" in told(in_place, lambda x: x.add_(1), capsys=capsys)
    assert "not started" in told(in_place, empty, capsys=capsys)
    assert "not yet. Add one." in told(in_place, lambda x: x.add_(2), capsys=capsys)


# -------------------------------------------------------------------------------------------------------- progress

def test_progress_is_told_and_forgotten(twice, capsys, monkeypatch):
    only = {"98.1": twice}
    monkeypatch.setattr(check, "exercises", lambda: only)
    check.progress()
    assert capsys.readouterr().out == ("98                         0 of 1   still open: 98.1\n"
                                       "in all: 0 of 1 exercises solved\n")
    twice(lambda x: 2 * x)
    capsys.readouterr()
    check.progress(98)
    assert capsys.readouterr().out.startswith("98                         1 of 1   all solved\nin all: 1 of 1")
    with pytest.raises(UserError, match='No exercises belong to notebook "97". Known: 98'):
        check.progress(97)
    check.forget("98.1")
    assert capsys.readouterr().out == "1 solved exercise forgotten.\n"
    check.forget()
    assert capsys.readouterr().out == "0 solved exercises forgotten.\n"
    assert progress.solved() == set()


def test_progress_of_another_version_is_kept(twice, fresh, capsys):
    fresh.parent.mkdir()
    fresh.write_text('{"solved": ["of_another_version"]}')
    twice(lambda x: 2 * x)
    assert json.loads(fresh.read_text())["solved"] == ["of_another_version", "twice_as_much"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"solved": 3}', '{"solved": [3]}', '{"solved": ["a/b"]}',
                                     b"\xff\xfe\x00", "[" * 100_000])
def test_a_damaged_file_is_set_aside_and_said_once(twice, fresh, content, capsys):
    fresh.parent.mkdir()
    content = content if isinstance(content, bytes) else content.encode()
    fresh.write_bytes(content)
    out = told(twice, lambda x: 2 * x, capsys=capsys)
    assert out.startswith(ABOUT + "right.\n(Progress: ") and "was damaged" in out and len(out.splitlines()) == 2
    assert told(twice, lambda x: 2 * x, capsys=capsys) == ABOUT + "right.\n"
    assert json.loads(fresh.read_text())["solved"] == ["twice_as_much"]
    assert fresh.with_name("progress.json.damaged").read_bytes() == content


def test_a_file_that_cannot_be_written_is_said_once_and_remembered_here(twice, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("SSGAN_PROGRESS", str(tmp_path / "file" / "progress.json"))
    out = told(twice, lambda x: 2 * x, capsys=capsys)
    assert out.startswith(ABOUT + "right.\n(Progress: ") and "SSGAN_PROGRESS" in out
    assert told(twice, lambda x: 2 * x, capsys=capsys) == ABOUT + "right.\n"
    assert progress.solved() == {"twice_as_much"}
    assert (tmp_path / "file").read_text() == "not a folder"


def test_a_folder_that_cannot_be_written(twice, fresh, monkeypatch, capsys):
    """Root may write everywhere, so a read-only home is made by hand."""
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr("tempfile.mkstemp", refuse)
    out = told(twice, lambda x: 2 * x, capsys=capsys)
    assert out.startswith(ABOUT + "right.\n(Progress: ") and "cannot be written to" in out
    monkeypatch.undo()
    assert not fresh.exists()


def test_the_file_is_in_the_readers_home(twice, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("SSGAN_PROGRESS")
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    twice(lambda x: 2 * x)
    assert json.loads((tmp_path / ".ssgan-lite" / "progress.json").read_text()) == {"solved": ["twice_as_much"]}

    def homeless():
        raise RuntimeError("no home")
    monkeypatch.setattr("pathlib.Path.home", homeless)
    capsys.readouterr()
    twice(lambda x: 2 * x)
    assert "home folder cannot be found" in capsys.readouterr().out


def test_an_empty_folder_serves_as_home_without_a_trace_until_something_is_solved(twice, fresh, capsys):
    twice(...)
    check.progress()
    assert not fresh.parent.exists()


# ---------------------------------------------------------------------------------------------- for ordinary graders

def test_raise_mode(twice, monkeypatch, capsys, fresh):
    monkeypatch.setenv("SSGAN_CHECKS", "raise")
    with pytest.raises(check.NotStarted, match=r"98.1 Twice: not started yet .* Return twice of x\."):
        twice(...)
    with pytest.raises(check.WrongAnswer, match="98.1 Twice: not yet. You take the square.") as caught:
        twice(lambda x: x ** 2)
    assert isinstance(caught.value, AssertionError)
    with pytest.raises(check.WrongAnswer, match="shapes cannot be multiplied") as caught:
        twice(deep)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert capsys.readouterr().out == ""
    assert told(twice, lambda x: 2 * x, capsys=capsys) == ABOUT + "right.\n"
    monkeypatch.setenv("SSGAN_CHECKS", "loud")
    with pytest.raises(UserError, match='SSGAN_CHECKS is "loud"'):
        twice(...)


# ------------------------------------------------------------------------------------ names, solutions, registration

def test_reveal_shows_the_librarys_own_code(twice, capsys):
    check.reveal("98.1")
    out = capsys.readouterr().out
    assert out.startswith("# EqualLinear.forward, from ssgan_lite.model.layers\ndef forward(self, x: Tensor)")
    check.reveal("twice_as_much")
    assert capsys.readouterr().out == out
    with pytest.raises(UserError, match='There is no exercise "98.11". Did you mean "98.1"?'):
        check.reveal("98.11")
    with pytest.raises(UserError, match='no exercise "twice_as_mch". Did you mean "twice_as_much"?'):
        check.reveal("twice_as_mch")
    check.reveal(0.1)
    assert "solve_made_to_order" in capsys.readouterr().out


def test_names_are_found_and_mistyped_ones_corrected(twice):
    assert check.twice_as_much is twice and "twice_as_much" in dir(check) and "reveal" in dir(check)
    assert "made_to_order" in dir(check)
    with pytest.raises(AttributeError, match='There is no check named "twice_as_mch". Did you mean "twice_as_much"?'):
        check.twice_as_mch      # noqa: B018
    assert not hasattr(check, "__wrapped__") and not hasattr(check, "_ipython_display_")
    assert repr(twice) == "98.1 Twice (call it with your answer: check.twice_as_much(answer))"
    assert "Return twice of x." in twice.__doc__


@pytest.mark.slow
def test_checks_are_imported_only_when_asked_for():
    program = ("import sys; from ssgan_lite.course import check; print(any('.checks' in name for name in "
               "sys.modules)); check.made_to_order; print('ssgan_lite.course.start.checks' in sys.modules)")
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                         env={**os.environ, "OMP_NUM_THREADS": "1"}).stdout
    assert out == "False\nTrue\n"


def test_checks_that_cannot_be_imported_hide_no_others(twice, monkeypatch):
    real = check.importlib.import_module

    def fails(name):
        if name == "ssgan_lite.course.fourier.checks":
            raise ModuleNotFoundError("no_such_module")
        return real(name)
    monkeypatch.setattr(check.importlib, "import_module", fails)
    monkeypatch.setattr(check, "_broken", {})
    assert check.twice_as_much is twice
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        check.no_such_check      # noqa: B018


def test_ids_follow_the_table(monkeypatch):
    monkeypatch.setattr(registry, "EXERCISES", {})

    def dummy(answer):
        """Task."""
    dummy.__module__ = "ssgan_lite.course.fourier.checks"
    about = dict(title="T", minutes=1, level=1, solution_text="none")
    assert exercise(4, **about)(dummy).id == "03.4"
    monkeypatch.setitem(notebooks.BY_SUBJECT, "fourier", notebooks.Notebook("04b", "fourier", "Fourier features"))
    monkeypatch.setattr(registry, "EXERCISES", {})
    assert exercise(4, **about)(dummy).id == "04b.4"
    dummy.__module__ = "ssgan_lite.course.furrier.checks"
    with pytest.raises(UserError, match="fourier"):
        exercise(5, **about)(dummy)


def test_careless_registration_raises(twice):
    def make(position=2, name="another", doc="Task.", module=__name__, **changes):
        def dummy(answer):
            pass
        dummy.__name__, dummy.__doc__, dummy.__module__ = name, doc, module
        return exercise(position, **{"notebook": "98", "title": "T", "minutes": 1, "level": 1,
                                     "solution_text": "none"} | changes)(dummy)
    make()
    for bad in (dict(position=0), dict(level=4), dict(solution_text=None), dict(doc=None), dict(name="progress"),
                dict(position=1), dict(name="twice_as_much"), dict(module="elsewhere")):
        with pytest.raises(ValueError, match="exercise "):
            make(**bad)
    make(), make(title="again")                     # a module that is loaded anew replaces its own exercises
    assert registry.EXERCISES["98.2"].title == "again"


def test_a_module_of_the_readers_own_may_hold_an_answer(twice, tmp_path, capsys):
    """A plain file with functions, as a grader imports it."""
    module = types.ModuleType("answers")
    path = tmp_path / "answers.py"
    path.write_text("def right(x):\n    return 2 * x\n\ndef wrong(x):\n    return x[7]\n")
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    assert told(twice, module.right, capsys=capsys) == ABOUT + "right.\n"
    assert "  line 5 of answers.py:  return x[7]\n  IndexError" in told(twice, module.wrong, capsys=capsys)
